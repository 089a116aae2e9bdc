"""Figures, images, tables and dictionaries as files of a run."""

from __future__ import annotations

import importlib
import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from steno.errors import InvalidInputError, StoreError, shown
from steno.tracking.open_run import OpenRun
from steno.tracking.values import milliseconds, step_of

__all__ = ["log_dict", "log_figure", "log_image", "log_table", "log_text"]

IMAGES_TAG = "mlflow.loggedImages"
TABLES_TAG = "mlflow.loggedArtifacts"
_YAML = (".yaml", ".yml")
_UNSAFE = re.compile(r"[^\w.\- ~]")
_BARE = re.compile(r'"(?:[^"\\]|\\.)*"|NaN|Infinity')  # text is matched whole, so that words inside it stay
_WRITTEN = {"NaN": "null", "Infinity": "1e999"}
_CONVERSION = (TypeError, ValueError, OverflowError, RecursionError)


def log_text(run: OpenRun, text: str, artifact_file: str) -> None:
    """Write text as an artifact."""
    if not isinstance(text, str):
        raise InvalidInputError(f"text is {shown(text)}, accepted is text: steno.log_text(str(...), {artifact_file!r})")
    run.artifacts.log_text(text, artifact_file)


def log_dict(run: OpenRun, dictionary: Any, artifact_file: str) -> None:
    """Write a dictionary or list as YAML (.yaml, .yml) or JSON (any other name)."""
    if PurePosixPath(str(artifact_file)).suffix.lower() in _YAML:
        try:
            text = yaml.safe_dump(plain(dictionary), default_flow_style=False, allow_unicode=True, sort_keys=False)
        except yaml.YAMLError as fault:
            raise InvalidInputError(f"dictionary {shown(dictionary)} cannot be written as YAML: {fault}") from fault
    else:
        text = json.dumps(plain(dictionary), indent=2, ensure_ascii=False)
    run.artifacts.log_text(text, artifact_file)


def plain(value: Any, depth: int = 0) -> Any:
    """A value as JSON and YAML take it: numpy scalars and arrays as numbers and lists, other objects as their text.

    Raises:
        InvalidInputError: more than 100 levels, such as a dictionary that holds itself.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)):
        return int(value) if isinstance(value, int) else float(value)
    if depth > 100:
        raise InvalidInputError("dictionary is nested more than 100 deep, or holds itself: log its parts")
    if isinstance(value, Mapping):
        return {_json_key(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, depth + 1) for item in value]
    for method in ("tolist", "isoformat"):
        convert = getattr(value, method, None)
        if callable(convert) and not isinstance(value, type):
            return plain(convert(), depth + 1)
    return str(value)


def _json_key(key: Any) -> str:
    return key if isinstance(key, str) else json.dumps(key) if isinstance(key, (bool, int, float)) else str(key)


def log_figure(run: OpenRun, figure: Any, artifact_file: str, save_kwargs: Mapping[str, Any] | None = None) -> None:
    """Write a matplotlib or plotly figure; the name's extension says in which format.

    Raises:
        InvalidInputError: neither, or a format that the library does not have.
    """
    suffix = PurePosixPath(str(artifact_file)).suffix.lower()
    options = dict(save_kwargs or {})
    try:
        with run.artifacts.writing(artifact_file) as path:
            if hasattr(figure, "savefig"):
                figure.savefig(path, **{"format": suffix.lstrip(".") or "png", **options})
            elif hasattr(figure, "write_html"):
                write = figure.write_html if suffix in ("", ".html", ".htm") else figure.write_image
                write(str(path), **options)
            else:
                raise TypeError("it has neither savefig nor write_html")
    except _CONVERSION as fault:
        raise InvalidInputError(
            f"figure is {shown(figure)}, which cannot be written as {artifact_file!r}: {fault}. Accepted are figures "
            "of matplotlib and plotly, and the formats that they know, such as 'plot.png'"
        ) from fault


def log_image(
    run: OpenRun,
    image: Any,
    artifact_file: str | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
) -> None:
    """Write an image as a file, or as one of a series under a key and step.

    Args:
        run: whose.
        image: a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): uint8 or bool, or floats in [0, 1].
        artifact_file: the file's name.
        key: the series' name, instead of `artifact_file`.
        step: of the series.
        timestamp: milliseconds since 1970.

    Raises:
        InvalidInputError: both or neither of `artifact_file` and `key`, or no image.
    """
    if (artifact_file is None) == (key is None):
        raise InvalidInputError(
            f"log_image got artifact_file {shown(artifact_file)} and key {shown(key)}, accepted is one of them: "
            "log_image(image, 'sample.png') or log_image(image, key='samples', step=3)"
        )
    picture = _picture(image)
    if artifact_file is not None:
        _save(run, picture, artifact_file)
        return
    series = _UNSAFE.sub("_", str(key).replace("/", "~"))
    number, at, unique = step_of(step), milliseconds(timestamp), os.urandom(8).hex()
    name = f"images/{series}+step+{number}+timestamp+{at}+{unique}"
    _save(run, picture, f"{name}.png")
    small = picture.copy()
    small.thumbnail((256, 256))
    _save(run, small, f"{name}+compressed.webp")
    run.set_tags({IMAGES_TAG: "True"})


def _save(run: OpenRun, picture: Any, name: str) -> None:
    suffix = PurePosixPath(name).suffix.lower()
    try:
        with run.artifacts.writing(name) as path:
            picture.save(path, format=None if suffix else "png")
    except (StoreError, *_CONVERSION) as fault:
        cause = fault.__cause__ if isinstance(fault, StoreError) else fault
        if isinstance(cause, OSError) and cause.errno is not None:
            raise
        raise InvalidInputError(
            f"the image cannot be written as {name!r} ({cause}): convert it, or take another extension such as .png"
        ) from fault


def _picture(image: Any) -> Any:
    try:
        pil: Any = importlib.import_module("PIL.Image")
    except ImportError as fault:
        raise InvalidInputError(
            "log_image needs pillow, which is not installed: pip install pillow, or write the file yourself and log "
            "it with steno.log_artifact(path)"
        ) from fault
    if isinstance(image, pil.Image):
        return image
    numpy: Any = importlib.import_module("numpy")
    array = numpy.asarray(image)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if not fits or array.size == 0 or array.dtype.kind not in "buif":
        raise InvalidInputError(
            f"image is of type {type(image).__name__} with shape {array.shape} and dtype {array.dtype}, accepted are "
            "PIL images and numeric arrays of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)"
        )
    return pil.fromarray(_bytes_of(numpy, array))


def _bytes_of(numpy: Any, array: Any) -> Any:
    kind = array.dtype.kind
    lowest, highest = float(array.min()), float(array.max())
    if kind == "f":
        if not (math.isfinite(lowest) and math.isfinite(highest)) or lowest < 0 or highest > 1:
            raise InvalidInputError(
                f"image has floats from {lowest:g} to {highest:g}, accepted are 0 to 1: scale it, "
                "(x - x.min()) / (x.max() - x.min())"
            )
        return (array * 255).round().astype(numpy.uint8)
    if kind == "b":
        return array.astype(numpy.uint8) * 255
    if lowest < 0 or highest > 255:
        raise InvalidInputError(f"image has integers from {lowest:g} to {highest:g}, accepted are 0 to 255: scale it")
    return array.astype(numpy.uint8)


# -- tables


def log_table(run: OpenRun, data: Any, artifact_file: str) -> None:
    """Write a table, or append it to the one of the same name; columns that one of them lacks are null there.

    Args:
        run: whose.
        data: a dict of columns (lists of one length, or single values), or a data frame.
        artifact_file: `.json` or `.parquet`.

    Raises:
        InvalidInputError: no table, columns of different length, or another extension.
    """
    suffix = PurePosixPath(str(artifact_file)).suffix.lower()
    if suffix not in (".json", ".parquet"):
        raise InvalidInputError(
            f"artifact_file is {shown(artifact_file)}, accepted are names that end in .json or .parquet"
        )
    columns = _columns(data)
    with run.table_lock:
        path = run.artifacts.path(artifact_file)
        if path.exists():
            columns = _joined(_read_table(path), columns)
        if suffix == ".json":
            rows = [list(row) for row in zip(*columns.values(), strict=True)]
            run.artifacts.log_text(_table_json(list(columns), rows), artifact_file)
        else:
            with run.artifacts.writing(artifact_file) as hidden:
                _parquet().write_table(importlib.import_module("pyarrow").table(columns), hidden)
    run.note_artifact(TABLES_TAG, {"path": str(artifact_file), "type": "table"})


def _table_json(names: list[str], rows: list[list[Any]]) -> str:
    """The table as JSON that browsers read, too: NaN is null, and infinity a number that every reader takes for it."""
    text = json.dumps({"columns": names, "data": rows}, ensure_ascii=False)
    return _BARE.sub(lambda found: _WRITTEN.get(found[0], found[0]), text)


def _columns(data: Any) -> dict[str, list[Any]]:
    if not isinstance(data, Mapping):
        names = getattr(data, "columns", None)
        if names is None:
            raise InvalidInputError(f"table is {shown(data)}, accepted are a dict of columns and a data frame")
        data = {str(name): data[name] for name in list(names)}
    columns = {str(name): _cells(values) for name, values in data.items()}
    if all(values is None for values in columns.values()) and columns:
        columns = {name: [plain(data[name])] for name in data}  # one row, given as single values
    found = {name: values for name, values in columns.items() if values is not None}
    lengths = {name: len(values) for name, values in found.items()}
    if len(found) != len(columns) or len(set(lengths.values())) > 1:
        raise InvalidInputError(
            f"table has columns of different length ({lengths or shown(data)}): pass lists of one length"
        )
    return found


def _cells(values: Any) -> list[Any] | None:
    """The cells of a column; None for a single value."""
    tolist = getattr(values, "tolist", None) or getattr(values, "to_list", None)
    if isinstance(values, (str, bytes, Mapping)) or (tolist is None and not isinstance(values, (list, tuple))):
        return None
    cells = tolist() if tolist is not None else values
    return [plain(cell) for cell in cells] if isinstance(cells, (list, tuple)) else None


def _joined(old: dict[str, list[Any]], new: dict[str, list[Any]]) -> dict[str, list[Any]]:
    before = len(next(iter(old.values()), []))
    after = len(next(iter(new.values()), []))
    return {
        name: [*old.get(name, [None] * before), *new.get(name, [None] * after)] for name in dict.fromkeys([*old, *new])
    }


def _read_table(path: Path) -> dict[str, list[Any]]:
    if path.suffix.lower() == ".parquet":
        table: Any = _parquet().read_table(path)
        columns: dict[str, list[Any]] = table.to_pydict()
        return columns
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        return {name: [row[place] for row in read["data"]] for place, name in enumerate(read["columns"])}
    except (ValueError, KeyError, TypeError, IndexError) as fault:
        raise InvalidInputError(
            f"{path.name!r} holds no table to append to ({fault}): log under another name"
        ) from fault


def _parquet() -> Any:
    try:
        return importlib.import_module("pyarrow.parquet")
    except ImportError as fault:
        raise InvalidInputError("a .parquet table needs pyarrow: pip install pyarrow, or name it .json") from fault
