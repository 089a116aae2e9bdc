"""What the hazard tests read back from the store."""

from __future__ import annotations

import steno
from steno.entities import Run

Points = list[tuple[int, float]]


def runs() -> list[Run]:
    """Every run, in the order in which they were opened."""
    found: list[Run] = steno.search_runs(output_format="list")
    return found[::-1]


def the_run() -> Run:
    """The only run; finished, and with nothing that could not be recorded."""
    (run,) = runs()
    assert (run.info.status, run.data.tags.get("steno.faults")) == ("FINISHED", None)
    return run


def points(run: Run, metric: str) -> Points:
    """The whole curve of one metric."""
    return [(point.step, point.value) for point in steno.Client().get_metric_history(run.info.run_id, metric)]


def curve(values: list[float], first: int = 0) -> Points:
    """The points that these values are, a step each."""
    return list(enumerate(values, first))
