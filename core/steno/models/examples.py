"""Input examples: some rows of data beside a model, as MLflow stores them, and as a server would be sent them."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from steno.errors import InvalidInputError, shown
from steno.tracking.frames import is_sparse, table

__all__ = ["EXAMPLE", "SERVING_EXAMPLE", "head", "read_example", "write_example"]

EXAMPLE = "input_example.json"
SERVING_EXAMPLE = "serving_input_example.json"
_ROWS = 5


def head(data: Any, rows: int = _ROWS) -> Any:
    """The first rows of any data that has rows; the data itself if it has none."""
    iloc = getattr(data, "iloc", None)
    if iloc is not None:
        return iloc[:rows]
    if isinstance(data, (np.ndarray, list, tuple)):
        return data[:rows]
    if is_sparse(data):
        return data.tocsr()[:rows]
    if isinstance(data, Mapping):
        return {name: head(values, rows) for name, values in data.items()}
    first = getattr(data, "head", None)
    return first(rows) if callable(first) else data


def write_example(folder: Path, example: Any) -> dict[str, Any]:
    """Write an input example and its serving form into a model's folder.

    Returns:
        What the MLmodel file says of it, under `saved_input_example_info`.

    Raises:
        InvalidInputError: if it cannot be written as JSON.
    """
    info: dict[str, Any] = {"artifact_path": EXAMPLE, "serving_input_path": SERVING_EXAMPLE}
    found = None if isinstance(example, (Mapping, np.ndarray)) else table(example)
    if found is not None:
        columns = [column.read(0, found.rows) for column in found.columns]
        named = [_cells(cells.values, cells.missing, found.columns[i].categories) for i, cells in enumerate(columns)]
        data: Any = {
            "columns": [_plain(column.name) for column in found.columns],
            "data": [list(row) for row in zip(*named, strict=True)],
        }
        info.update({"type": "dataframe", "pandas_orient": "split"})
        serving: Any = {"dataframe_split": data}
    elif isinstance(example, np.ndarray):
        data = {"inputs": _plain(example)}
        info["type"] = "ndarray"
        serving = data
    else:
        data = _plain(example.toarray() if is_sparse(example) else example)
        info["type"] = "json_object"
        serving = {"inputs": data}
    for name, content in ((EXAMPLE, data), (SERVING_EXAMPLE, serving)):
        (folder / name).write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
    return info


def read_example(folder: Path, info: Mapping[str, Any]) -> Any:
    """The example that `info` describes, as plain data: columns and rows, or nested lists."""
    return json.loads((folder / info["artifact_path"]).read_text(encoding="utf-8"))


def _cells(values: Any, missing: Any, categories: Any) -> list[Any]:
    plain = values if isinstance(values, list) else values.tolist()
    if categories is not None:
        return [None if code < 0 else _plain(categories[code]) for code in plain]
    if missing is not None:
        plain = [None if absent else value for value, absent in zip(plain, missing.tolist(), strict=True)]
    elif isinstance(values, np.ndarray) and values.dtype.kind == "M":
        plain = [None if np.isnat(value) else str(value) for value in values]
    return [_plain(value) for value in plain]


def _plain(value: Any) -> Any:
    """A value as JSON has it; NaN and infinities are null."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in (value if value.ndim > 1 else value.tolist())]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    raise InvalidInputError(
        f"input example holds {shown(value)}, accepted are numbers, text, dates, lists and dicts: "
        "pass input_example=None, or rows without it"
    )
