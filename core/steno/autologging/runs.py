"""Which run a training is written into."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from steno.autologging.record import RunRecord
from steno.autologging.scope import rank

if TYPE_CHECKING:
    from steno.autologging.served import Served
    from steno.tracking.open_run import OpenRun

__all__ = ["Runs"]


class Runs:
    """Which run a training is written into."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may train something
        self._claimed: dict[str, RunRecord] = {}

    def renew(self) -> None:
        """In a forked child: the parent's runs are the parent's, and nobody is left who could release its lock."""
        self._lock = threading.RLock()
        self._claimed = {}

    def refusal(self, service: Served) -> str:
        """Why nothing of this integration is recorded now; "" if a training may be."""
        place = rank()
        if place > 0 and not os.environ.get("STENO_RUN_ID"):
            return f"this is process {place} of a distributed training; process 0 records it"
        if service.exclusive and _session().active() is not None:
            return "a run of yours is active, and steno.autolog(exclusive=True) says not to record then"
        return ""

    def open(self, service: Served) -> RunRecord:
        """The user's active run if no training has been written into it, else a run of the training's own."""
        session = _session()
        active = session.active() or session.joined()
        record = None if active is None else self._claim(active)
        if record is None:
            tags = {**service.extra_tags, "mlflow.autologging": service.name, "steno.integration": service.name}
            record = RunRecord(session.open_run(tags=tags, parent=active), own=True)
        else:
            with service.guard.step("tags"):
                record.open_run.set_tags({"steno.integration": service.name})
        session.note_training(record.open_run)
        return record

    def _claim(self, active: OpenRun) -> RunRecord | None:
        with self._lock:
            for run_id in [run_id for run_id, record in self._claimed.items() if record.open_run.ended]:
                del self._claimed[run_id]
            if active.run_id in self._claimed:
                return None
            record = self._claimed[active.run_id] = RunRecord(active, own=False)
            return record


def _session() -> Any:
    from steno.tracking.session import session  # noqa: PLC0415  the store's libraries, paid with the first training

    return session()
