"""Real programs that record runs, and a real HTTP server that is told of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from steno.testing import Interpreter


class Endpoint(ThreadingHTTPServer):
    """Keeps what is posted; answers with `status`, once `open` is set."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posted: list[dict[str, Any]] = []
        self.status = 200
        self.open = threading.Event()
        self.open.set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}/runs"


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.open.wait(30)
        self.server.posted.append(body)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing on standard error."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A server on a free port of this machine."""
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.open.set()
        server.shutdown()
        thread.join()


PROGRAM = """
import steno
with steno.start_run(run_name="by hand"):
    steno.log_param("depth", 3)
    steno.log_metric("loss", 0.5, step=0)
    steno.log_metric("loss", 0.25, step=1)
try:
    with steno.start_run(run_name="failing"):
        raise ValueError("no data")
except ValueError:
    pass
steno.start_run(run_name="left open")
print("done")
"""


def posted(endpoint: Endpoint) -> list[tuple[str, str, dict[str, float]]]:
    """Name, status and latest metrics of each run that was posted."""
    return [
        (
            run["info"]["run_name"],
            run["info"]["status"],
            {point["key"]: point["value"] for point in run["data"]["metrics"]},
        )
        for run in endpoint.posted
    ]


def test_every_run_is_posted_when_it_has_ended(endpoint: Endpoint, steno_python: Interpreter) -> None:
    """Runs by hand, failed ones and one that the program's end closes arrive in order, with what they recorded."""
    done = steno_python(PROGRAM, env={"STENO_WEBHOOK_URL": endpoint.url})
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
    assert posted(endpoint) == [
        ("by hand", "FINISHED", {"loss": 0.25}),
        ("failing", "FAILED", {}),
        ("left open", "FINISHED", {}),
    ]
    assert [(param["key"], param["value"]) for param in endpoint.posted[0]["data"]["params"]] == [("depth", "3")]


SLOW = """
import sys, urllib.request
import steno
for number in range(5):
    with steno.start_run(run_name=str(number)):
        steno.log_metric("loss", number)
print(steno.status().plugins["webhook"]["sent"], len(steno.search_runs(output_format="list")), flush=True)
urllib.request.urlopen(sys.argv[1] + "/open", b"").read()
"""


def test_a_training_never_waits_for_the_endpoint(endpoint: Endpoint, steno_python: Interpreter) -> None:
    """While the endpoint answers nothing all five runs are recorded; once it answers, all are posted before the end."""
    endpoint.open.clear()
    gate = Endpoint()
    gate.RequestHandlerClass = _opening(endpoint)
    with gate:
        thread = threading.Thread(target=gate.serve_forever, args=(0.05,))
        thread.start()
        done = steno_python(SLOW, f"http://127.0.0.1:{gate.server_port}", env={"STENO_WEBHOOK_URL": endpoint.url})
        gate.shutdown()
        thread.join()
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 5\n", "")
    assert [run[:2] for run in posted(endpoint)] == [(str(number), "FINISHED") for number in range(5)]


def _opening(endpoint: Endpoint) -> type[BaseHTTPRequestHandler]:
    """Whoever posts there opens the endpoint."""

    class Opening(_Handler):
        def do_POST(self) -> None:
            endpoint.open.set()
            self.send_response(200)
            self.end_headers()

    return Opening


def test_an_endpoint_that_never_answers_does_not_keep_the_program(
    endpoint: Endpoint, steno_python: Interpreter
) -> None:
    """The program ends by itself, with its own exit code and nothing on standard error."""
    endpoint.open.clear()
    done = steno_python(PROGRAM + "raise SystemExit(3)\n", env={"STENO_WEBHOOK_URL": endpoint.url}, timeout=25)
    assert (done.returncode, done.stdout, done.stderr) == (3, "done\n", "")
    assert endpoint.posted == []


STATUS = """
import steno, time
with steno.start_run():
    pass
while steno.status().plugins["webhook"]["waiting"]:
    time.sleep(0.01)
status = steno.status()
print(status.plugins["webhook"]["failed"], status.plugins["webhook"]["last_error"], status["webhook"].state)
"""


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("refuses", "HTTPError: HTTP Error 503: Service Unavailable"),
        ("is gone", "URLError: <urlopen error [Errno 111] Connection refused>"),
        ("is no address", "ValueError: STENO_WEBHOOK_URL is no http:// or https:// address"),
    ],
)
def test_what_fails_is_told_by_status(endpoint: Endpoint, steno_python: Interpreter, what: str, error: str) -> None:
    """An endpoint that refuses, is gone, or never was one, costs the run nothing, and status has the reason."""
    endpoint.status = 503
    url = {"refuses": endpoint.url, "is gone": "http://127.0.0.1:9/", "is no address": "file:///tmp"}[what]
    done = steno_python(STATUS, env={"STENO_WEBHOOK_URL": url})
    assert (done.returncode, done.stdout, done.stderr) == (0, f"1 {error} on\n", "")


@pytest.mark.parametrize("how", [{"STENO_DISABLE": "webhook"}, {"STENO_WEBHOOK_URL": ""}])
def test_it_can_be_switched_off(endpoint: Endpoint, steno_python: Interpreter, how: dict[str, str]) -> None:
    """By name, or by naming no endpoint: nothing is posted."""
    done = steno_python(PROGRAM, env={"STENO_WEBHOOK_URL": endpoint.url, **how})
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
    assert endpoint.posted == []


TRAINING = """
import sys
sys.path.insert(0, sys.argv[1])
import steno
steno.autolog()
import os
from sklearn.linear_model import LinearRegression
LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
if os.fork() == 0:
    steno.autolog(children=True)
    LinearRegression().fit([[0.0], [1.0]], [0.0, 3.0])
    sys.exit(0)
os.wait()
"""


def test_trainings_are_posted_also_from_a_forked_child(endpoint: Endpoint, steno_python: Interpreter) -> None:
    """A run that autologging made is posted like any other; a child that may record has a thread of its own."""
    pytest.importorskip("sklearn")
    done = steno_python(TRAINING, ".", env={"STENO_WEBHOOK_URL": endpoint.url})
    assert (done.returncode, done.stderr) == (0, "")
    assert [run[1] for run in posted(endpoint)] == ["FINISHED", "FINISHED"]
    assert "training_score" in posted(endpoint)[0][2]
