"""Hazards of forking: whatever our threads are doing at that moment, the child finds no lock of ours held."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conftest import RunPython
from tests.hazards.conftest import Site
from tests.hazards.records import points, the_run

FORKED = (
    '"""Fork, and see how the child ends."""'
    + """
import os, signal, time

def forked(work):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    for _ in range(2_000):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)  # not by an alarm of its own: it may hang in the fork itself
    os.waitpid(pid, 0)
    return "hangs"
"""
)

LOCKS = """
import gc, json, threading, time
from forked import forked
import steno
steno.autolog(log_models=False)
import xgboost
from sklearn.naive_bayes import GaussianNB

X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]

def train():
    GaussianNB().fit(X, y)
    xgboost.train({"nthread": 1}, xgboost.DMatrix(X, y, nthread=1), 1)

def everything():
    steno.status()
    steno.disable("xgboost")
    steno.enable("xgboost")
    steno.autolog(log_models=False)
    train()  # silent
    steno.autolog(log_models=False, children=True)
    with steno.start_run():
        train()
        steno.log_metric("loss", 1.0)
        steno.set_tag("a", "b")
    assert len(steno.search_runs(output_format="list")) > 1
    assert threading.active_count() <= 2, threading.enumerate()  # the writer of a run of its own, nothing else

LOCKS = (type(threading.Lock()), type(threading.RLock()))

def of_ours():
    for owner in gc.get_objects():
        if str(type(owner).__module__).partition(".")[0] in ("steno", "steno_integrations"):
            names = {name for cls in type(owner).__mro__ for name in vars(cls).get("__slots__", ())}
            for name in sorted(names | set(getattr(owner, "__dict__", ()))):
                if isinstance(getattr(owner, name, None), LOCKS):
                    yield f"{type(owner).__module__}.{type(owner).__qualname__}.{name}", getattr(owner, name)

def hold(lock, held):
    with lock:
        held.set()
        time.sleep(0.2)  # where a fork waits for us, it must not wait for ever

train()
steno.log_metric("before", 1.0)
found = {}
for name, lock in of_ours():
    held = threading.Event()
    holder = threading.Thread(target=hold, args=(lock, held))
    holder.start()
    held.wait()
    found.setdefault(name, []).append(forked(everything))
    holder.join()
print(json.dumps(found))
"""


def _ran(run_python: RunPython, source: str, *args: str, timeout: float) -> Any:
    """What a script printed, as JSON; it ended well and said nothing else."""
    done = run_python(source, *args, timeout=timeout)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_hazard_54_no_lock_of_ours_is_held_in_a_child(installer: str, site: Site, run_python: RunPython) -> None:
    """Whichever lock of ours a thread holds at the fork, the child can train, log, switch and search."""
    site.write("forked.py", FORKED)
    found = _ran(run_python, LOCKS, timeout=280)
    assert {"steno.registry.Registry._lock", "steno.autologging.patches._Process.lock"} <= set(found)
    assert {name: ends for name, ends in found.items() if set(ends) != {0}} == {}


ENDED = """
import os, sys
import steno

with steno.start_run() as run:
    steno.log_metric("of", 0.0)
steno.Client().log_metric(run.info.run_id, "of", 0.5, step=1)

pid = os.fork()
if pid == 0:
    steno.Client().log_metric(run.info.run_id, "of", 1.0, step=2)
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0  # all that the child logged is in the store, and nothing of ours need be
print(len(steno.Client().get_metric_history(run.info.run_id, "of")))
"""


def test_hazard_54_what_a_child_logs_into_a_run_that_ended_is_kept(run_python: RunPython) -> None:
    """A run that ended just before the fork takes what the child logs, and stays ended."""
    assert _ran(run_python, ENDED, timeout=60) == 3
    run = the_run()
    assert points(run, "of") == [(0, 0.0), (1, 0.5), (2, 1.0)]


FORKS = """
import json, sys, threading
from forked import forked
import steno
steno.autolog(log_models=False, log_datasets=False, log_training_metrics=False)
from sklearn.naive_bayes import GaussianNB

X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
done = threading.Event()
failures, steps = [], []

def train():  # runs, patches and classes
    while not done.wait(0.002):
        try:
            GaussianNB().fit(X, y)
            type("Own", (GaussianNB,), {"fit": GaussianNB.fit})
            steno.disable("xgboost")
            steno.enable("xgboost")
        except BaseException as error:
            failures.append(repr(error))
            raise

def log(client):
    step = 0
    while not done.wait(0.0002):
        client.log_metric(run_id, "load", float(step), step=step)
        step += 1
    steps.append(step)

def child():
    assert threading.active_count() == 1, threading.enumerate()
    GaussianNB().fit(X, y)
    assert steno.status().note.startswith("this is a child process")
    assert threading.active_count() == 1, threading.enumerate()

run = steno.start_run(run_name="load")
run_id = run.info.run_id
threads = [threading.Thread(target=train), threading.Thread(target=log, args=(steno.Client(),))]
for thread in threads:
    thread.start()
ends = {}
for _ in range(int(sys.argv[1])):
    end = forked(child)
    ends[end] = ends.get(end, 0) + 1
    if end == "hangs":
        break
done.set()
for thread in threads:
    thread.join()
steno.end_run()
recorded = steno.Client().get_metric_history(run_id, "load")
print(json.dumps([ends, failures, steps[0], len(recorded), steno.get_run(run_id).info.status]))
"""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [40, pytest.param(1_000, marks=pytest.mark.slow)])
def test_hazard_54_forks_under_load_hold_no_lock(installer: str, site: Site, run_python: RunPython, count: int) -> None:
    """Children forked while threads train, switch and log can train too, start no thread, and end at once."""
    site.write("forked.py", FORKED)
    ends, failures, logged, recorded, status = _ran(run_python, FORKS, str(count), timeout=800)
    assert (ends, failures, status) == ({"0": count}, [], "FINISHED")
    assert logged == recorded > 0
