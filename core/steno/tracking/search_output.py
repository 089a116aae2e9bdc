"""Runs as a data frame with MLflow's columns."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from typing import Any

from steno.entities import Run
from steno.errors import InvalidInputError, shown

__all__ = ["as_frame", "columns_of"]

FORMATS = ("pandas", "polars", "list")


def columns_of(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """The runs column by column: fixed ones, then `metrics.*`, `params.*`, `tags.*` in order of first appearance.

    A run without a metric has NaN there, without a param or tag None. Times are milliseconds since 1970.
    """
    columns: dict[str, list[Any]] = {
        "run_id": [run.info.run_id for run in runs],
        "experiment_id": [run.info.experiment_id for run in runs],
        "status": [run.info.status for run in runs],
        "artifact_uri": [run.info.artifact_uri for run in runs],
        "start_time": [run.info.start_time for run in runs],
        "end_time": [run.info.end_time for run in runs],
    }
    count = len(runs)
    metrics: dict[str, list[Any]] = {}
    params: dict[str, list[Any]] = {}
    tags: dict[str, list[Any]] = {}
    for place, run in enumerate(runs):
        for key, point in run.data.latest.items():
            metrics.setdefault(key, [float("nan")] * count)[place] = point.value
        for key, value in run.data.params.items():
            params.setdefault(key, [None] * count)[place] = str(value)
        for key, tag in run.data.tags.items():
            tags.setdefault(key, [None] * count)[place] = tag
    for kind, found in (("metrics", metrics), ("params", params), ("tags", tags)):
        columns.update({f"{kind}.{key}": values for key, values in found.items()})
    return columns


def as_frame(runs: Sequence[Run], output_format: str) -> Any:
    """The runs in the form asked for.

    Args:
        runs: in the order of the rows.
        output_format: "pandas"; polars stands in where only that is installed, a list of runs where neither is.
            "polars" and "list" are taken at their word.

    Raises:
        InvalidInputError: another word, or polars is not installed.
    """
    if output_format not in FORMATS:
        accepted = ", ".join(map(repr, FORMATS))
        raise InvalidInputError(f"output_format is {shown(output_format)}, accepted are {accepted}")
    if output_format == "list":
        return list(runs)
    if output_format == "pandas" and _installed("pandas"):
        return _pandas(columns_of(runs))
    if _installed("polars"):
        return _polars(columns_of(runs))
    if output_format == "polars":
        raise InvalidInputError("output_format is 'polars', which is not installed: pip install polars")
    return list(runs)


def _installed(name: str) -> bool:
    return name in sys.modules or importlib.util.find_spec(name) is not None


def _pandas(columns: dict[str, list[Any]]) -> Any:
    pandas: Any = importlib.import_module("pandas")
    for name in ("start_time", "end_time"):
        columns[name] = pandas.to_datetime(pandas.Series(columns[name], dtype="Int64"), unit="ms", utc=True)
    return pandas.DataFrame(columns)


def _polars(columns: dict[str, list[Any]]) -> Any:
    polars: Any = importlib.import_module("polars")
    frame = polars.DataFrame(columns, strict=False)
    time = polars.Datetime("ms", "UTC")
    return frame.with_columns(polars.col("start_time", "end_time").cast(polars.Int64).cast(time))
