"""Posts each run as JSON when it has ended: to the endpoint in STENO_WEBHOOK_URL, off the thread that trains."""

from __future__ import annotations

import atexit
import json
import os
import queue
import threading
import time
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from steno.entities import Run
from steno.errors import StenoError
from steno.plugin import hookimpl

TIMEOUT_S = 5.0  # of one request, and of everything that is left at the program's end
MOST_WAITING = 1000


class Sender:
    """A queue and the thread that empties it. Nothing here makes a training wait."""

    def __init__(self) -> None:
        self.sent = self.failed = self.dropped = 0
        self.last_error = ""
        self._waiting: queue.Queue[Run] = queue.Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._ending = False

    def start(self) -> None:
        """Start the thread, while threads can still be started; a second call does nothing."""
        if self._thread is None and not self._ending:
            self._thread = threading.Thread(target=self._work, name="steno-webhook", daemon=True)
            self._thread.start()

    def put(self, run: Run) -> None:
        """Take a run to be sent; if a thousand wait already, the newest is counted and dropped."""
        try:
            self._waiting.put_nowait(run)
        except queue.Full:
            self.dropped += 1
        if self._ending:
            self.flush()

    def flush(self) -> None:
        """Wait until everything is sent, for five seconds at most."""
        self._ending = True
        until = time.monotonic() + TIMEOUT_S
        while self._thread is not None and self._waiting.unfinished_tasks and time.monotonic() < until:
            time.sleep(0.01)

    def status(self) -> dict[str, Any]:
        """The counts, for `steno.status()`."""
        waiting = self._waiting.unfinished_tasks
        counts = {"sent": self.sent, "failed": self.failed, "dropped": self.dropped, "waiting": waiting}
        return {**counts, "last_error": self.last_error}

    def _work(self) -> None:
        while True:
            run = self._waiting.get()
            try:
                _post(os.environ["STENO_WEBHOOK_URL"], run.to_json())  # reads what the run recorded, here and not there
                self.sent += 1
            except (HTTPException, KeyError, OSError, StenoError, ValueError) as error:
                self.failed += 1
                self.last_error = f"{type(error).__name__}: {error}"
            finally:
                self._waiting.task_done()


def _post(url: str, run: dict[str, Any]) -> None:
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("STENO_WEBHOOK_URL is no http:// or https:// address")
    body = json.dumps(run).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310  just checked
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310  just checked
        answer.read()


class _Process:
    """Owner of this process's sender; a forked child has no thread of its parent's, and begins anew."""

    def __init__(self) -> None:
        self.sender = Sender()

    def renew(self) -> None:
        self.sender = Sender()

    def flush(self) -> None:
        self.sender.flush()


_process = _Process()
os.register_at_fork(after_in_child=_process.renew)
atexit.register(_process.flush)  # steno, which ends open runs at exit, registers later and so comes earlier


@hookimpl
def steno_run_started() -> None:
    """Have the thread ready."""
    if os.environ.get("STENO_WEBHOOK_URL"):
        _process.sender.start()


@hookimpl
def steno_run_ended(run: Run) -> None:
    """Hand the run over; what it recorded is read by the thread."""
    if os.environ.get("STENO_WEBHOOK_URL"):
        _process.sender.start()
        _process.sender.put(run)


@hookimpl
def steno_status() -> dict[str, Any]:
    """What became of the runs that were handed over."""
    return {"webhook": _process.sender.status()}
