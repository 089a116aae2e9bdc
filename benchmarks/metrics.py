"""`log_metric` at the caller, and how many points a second arrive: counted by reading them back."""

from __future__ import annotations

import importlib
import time
from typing import Any

from benchmarks.clock import Stopwatch, percentile
from benchmarks.fresh import asked, report
from benchmarks.recorded import history_length, wait_until_recorded

__all__ = ["CASES"]

CASES = {"one": "one metric a call", "dict": "20 metrics a call"}
KEYS = [f"metric_{number}" for number in range(20)]


def main() -> None:
    """Measure one case."""
    case = asked()
    tracker = importlib.import_module(case["tracker"])
    with tracker.start_run():  # imports, schema, threads: the first run pays them
        tracker.log_metric("warm", 0.0)
    wait_until_recorded(tracker)
    with tracker.start_run() as run:
        watch = Stopwatch()
        if case["case"] == "one":
            per_call, waits = 1, _one_a_call(tracker.log_metric, case["calls"], case["limit_s"])
        else:
            per_call, waits = len(KEYS), _dict_a_call(tracker.log_metrics, case["calls"], case["limit_s"])
    wait_until_recorded(tracker)
    span = watch.stop()
    sent = len(waits) * per_call
    keys = ["loss"] if per_call == 1 else KEYS
    arrived = sum(history_length(tracker, run.info.run_id, key) for key in keys)
    report(
        {
            "p50_us": percentile(waits, 0.5) / 1000,
            "p99_us": percentile(waits, 0.99) / 1000,
            "max_us": max(waits) / 1000,
            "per_s": sent / span.wall_ms * 1000,
            "cpu_us": span.cpu_ms * 1000 / sent,
            "sent": sent,
            "arrived": arrived,
        }
    )


def _one_a_call(log_metric: Any, calls: int, limit_s: float) -> list[int]:
    waits = []
    clock = time.perf_counter_ns
    stop = clock() + int(limit_s * 1e9)
    for step in range(calls):
        start = clock()
        log_metric("loss", step * 0.5, step=step)
        end = clock()
        waits.append(end - start)
        if end > stop:
            break
    return waits


def _dict_a_call(log_metrics: Any, calls: int, limit_s: float) -> list[int]:
    waits = []
    clock = time.perf_counter_ns
    stop = clock() + int(limit_s * 1e9)
    for step in range(calls):
        values = dict.fromkeys(KEYS, step * 0.5)
        start = clock()
        log_metrics(values, step=step)
        end = clock()
        waits.append(end - start)
        if end > stop:
            break
    return waits


if __name__ == "__main__":
    main()
