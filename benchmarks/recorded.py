"""Whether a tracker has what it was told: asked through the API that Steno and MLflow share."""

from __future__ import annotations

import time
from typing import Any

__all__ = ["history_length", "wait_until_recorded"]

PATIENCE_S = 60.0


def wait_until_recorded(tracker: Any) -> None:
    """Return when the last run can be read back as ended.

    Raises:
        RuntimeError: if there is none, or it has not ended within a minute.
    """
    last = tracker.last_active_run()
    if last is None:
        raise RuntimeError(f"{tracker.__name__} has recorded no run")
    end = time.monotonic() + PATIENCE_S
    while tracker.get_run(last.info.run_id).info.status == "RUNNING":
        if time.monotonic() > end:
            raise RuntimeError(f"{tracker.__name__} has not finished run {last.info.run_id} after {PATIENCE_S:g} s")
        time.sleep(0.001)


def history_length(tracker: Any, run_id: str, key: str) -> int:
    """How many points of one metric are there."""
    client = tracker.MlflowClient() if hasattr(tracker, "MlflowClient") else tracker.Client()
    return len(client.get_metric_history(run_id, key))
