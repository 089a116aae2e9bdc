"""Making data fit a schema, without loss, or saying which column does not and why."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from steno.errors import SchemaError, shown
from steno.tracking.frames import Column, Table, is_series, is_sparse, table
from steno.tracking.schema import ColSpec, Schema, TensorSpec, columns, dtype_type

__all__ = ["Container", "container_of", "enforce"]

Container = Literal["series", "records"]

_NUMPY = {
    "boolean": np.dtype(bool),
    "integer": np.dtype(np.int32),
    "long": np.dtype(np.int64),
    "float": np.dtype(np.float32),
    "double": np.dtype(np.float64),
}


def enforce(data: Any, schema: Schema | None, container: Container | None = None) -> Any:
    """The data as the schema wants it: the same object where nothing is to be done.

    Args:
        data: table, array, sparse matrix, list, records or dict of columns.
        schema: what the model was trained on; None accepts anything.
        container: what the columns came in then; None for a table.

    Raises:
        SchemaError: naming the column, what was wanted and what was got.
    """
    if schema is None or not schema.inputs:
        return data
    if schema.is_tensor_spec():
        return _tensors(data, [item for item in schema.inputs if isinstance(item, TensorSpec)])
    specs = [item for item in schema.inputs if isinstance(item, ColSpec)]
    if container == "series" and len(specs) == 1:
        return _series(data, specs[0])
    if specs[0].name is None:
        return data
    return _named(data, specs) if container is None else _records(data, specs)


def container_of(data: Any) -> Container | None:
    """What columns come in where that is no table: one column by itself, or a list of dicts."""
    if is_series(data):
        return "series"
    rows = isinstance(data, (list, tuple)) and len(data) > 0
    return "records" if rows and all(isinstance(row, Mapping) for row in data) else None


# -- columns that are no table


def _series(data: Any, spec: ColSpec) -> Any:
    """One column by itself."""
    if is_series(data):
        return data
    if spec.name is None:
        found = None if isinstance(data, np.ndarray) else table(data)
        spec = replace(spec, name=found.columns[0].name if found is not None and found.columns else "0")
    return _named(data, [spec])[spec.name]


def _records(data: Any, specs: Sequence[ColSpec]) -> Any:
    """A list of dicts; what a row lacks, its dict lacks too."""
    if container_of(data) == "records":
        return data
    frame = _named(data, specs)
    optional = {str(spec.name) for spec in specs if not spec.required}
    rows = frame.to_dict(orient="records") if hasattr(frame, "iloc") else frame.to_dicts()
    return [
        {
            name: value
            for name, value in row.items()
            if str(name) not in optional or not (value is None or value != value)
        }
        for row in rows
    ]


# -- named columns


def _named(data: Any, specs: Sequence[ColSpec]) -> Any:
    if is_sparse(data):
        return _of_width(data, data.shape, specs)
    if isinstance(data, np.ndarray):
        return _named(_frame(_by_position(data, specs)), specs)
    if isinstance(data, (list, tuple)):
        return _named(_of_list(data, specs), specs)
    if isinstance(data, Mapping):
        return _named(_frame(_of_mapping(data)), specs)
    if is_series(data):
        if len(specs) == 1:
            return _named(_frame({specs[0].name: np.asarray(data)}), specs)
        return _named(_frame({name: [value] for name, value in _labelled(data).items()}), specs)
    found = table(data)
    if found is None:
        _refuse_kind(data, specs)
    if type(data).__module__.partition(".")[0] == "pyarrow":
        data = _frame({column.name: _values(column, found.rows) for column in found.columns})
        return _named(data, specs)
    return _fitted(data, found, specs)


def _fitted(data: Any, found: Table, specs: Sequence[ColSpec]) -> Any:
    """The table with the wanted columns in the wanted order and types."""
    have = {column.name: column for column in found.columns}
    by_text = {str(column.name): column for column in found.columns}
    wanted: list[Any] = []
    changed: dict[Any, Any] = {}
    for spec in specs:
        column = have.get(spec.name) or by_text.get(str(spec.name))
        if column is None:
            if spec.required:
                _missing(spec, list(have), specs)
            continue
        wanted.append(column.name)
        values = _converted(column, found.rows, spec)
        if values is not None:
            changed[column.name] = values
    if not changed and wanted == list(have):
        return data
    return _replaced(data if wanted == list(have) else data[wanted], changed)


def _replaced(data: Any, changed: Mapping[Any, Any]) -> Any:
    if not changed:
        return data
    if hasattr(data, "assign"):
        fresh = data.copy(deep=False)
        for name, values in changed.items():
            fresh[name] = values
        return fresh
    series = type(data.to_series(0)) if hasattr(data, "to_series") else None
    return data.with_columns([series(name, values) for name, values in changed.items()]) if series else data


def _converted(column: Column, rows: int, spec: ColSpec) -> Any:
    """New values for a column, or None if it fits as it is."""
    dtype = _NUMPY.get(spec.type)
    if dtype is None or column.categories is not None:
        return None if dtype is not None or spec.type != "datetime" else _dates(column, rows, spec)
    if column.kind in "biuf" and column.itemsize:
        if dtype_type(np.dtype(f"{column.kind}{column.itemsize}" if column.kind != "b" else "?")) == spec.type:
            return None
        cells = column.read(0, rows)
        if cells.missing is not None or not isinstance(cells.values, np.ndarray):
            return None
        changed = _cast(cells.values, dtype)
        return None if changed is cells.values else changed
    if column.kind in "OU":
        return _parsed(_values(column, rows), dtype, spec)
    if column.kind in "Mm":
        _mismatch(spec, f"{column.dtype} values")
    return None


def _dates(column: Column, rows: int, spec: ColSpec) -> Any:
    if column.kind == "M":
        return None
    if column.kind in "biufc":
        _mismatch(spec, f"{column.dtype} values")
    values = _values(column, rows)
    if not all(isinstance(value, str) or value is None for value in values):
        return None
    try:
        return np.array(["NaT" if value is None else value for value in values], "datetime64[us]")
    except ValueError as fault:
        raise SchemaError(_mismatch_text(spec, f"text that is no date ({fault})")) from fault


def _parsed(values: Sequence[Any], dtype: np.dtype[Any], spec: ColSpec) -> Any:
    """Numbers out of text or objects, where every one of them is a number; None where the model may take them."""
    odd = next(
        (value for value in values if not (value is None or isinstance(value, (bool, int, float, str, np.generic)))),
        None,
    )
    if odd is not None:
        return None if dtype.kind == "b" else _as_numbers(values, dtype, spec)
    if dtype.kind == "b":
        known = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
        if any(value is None for value in values):
            return None
        read = [known.get(str(value).lower()) for value in values]
        if None in read:
            _mismatch(spec, f"the value {shown(values[read.index(None)])}")
        return np.array(read, bool)
    return _as_numbers(values, dtype, spec)


def _as_numbers(values: Sequence[Any], dtype: np.dtype[Any], spec: ColSpec) -> NDArray[Any]:
    try:
        if dtype.kind == "i" and all(isinstance(value, int) for value in values):
            return _cast(np.array(values, np.int64), dtype)
        numbers = np.array([float("nan") if value is None else float(value) for value in values], np.float64)
    except (TypeError, ValueError, OverflowError):
        odd = next(value for value in values if not _is_number(value))
        raise SchemaError(_mismatch_text(spec, f"the value {shown(odd)}")) from None
    return _cast(numbers, dtype)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return value is None
    return True


def _cast(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The values in the wanted type where that loses nothing but width of a float; else as they are."""
    if values.dtype == dtype:
        return values
    if dtype.kind == "f":
        return values.astype(dtype) if values.dtype.kind in "biuf" else values
    if values.dtype.kind not in "biuf":
        return values
    with np.errstate(invalid="ignore", over="ignore"):
        changed = values.astype(dtype)
        same = bool((changed == values).all())
    return changed if same else values


# -- ways into named columns


def _by_position(data: NDArray[Any], specs: Sequence[ColSpec]) -> dict[Any, Any]:
    if data.ndim == 1 and len(specs) == 1:
        return {specs[0].name: data}
    _of_width(data, data.shape, specs)
    return {spec.name: data[:, position] for position, spec in enumerate(specs)}


def _of_width(data: Any, shape: tuple[int, ...], specs: Sequence[ColSpec]) -> Any:
    if len(shape) != 2 or shape[1] != len(specs):
        raise SchemaError(
            f"data has shape {tuple(shape)}, the model wants {len(specs)} columns without names in this order: "
            f"{_names(specs)}; pass an array of shape (rows, {len(specs)}) or a table with these names"
        )
    return data


def _of_list(data: Sequence[Any], specs: Sequence[ColSpec]) -> Any:
    if data and isinstance(data[0], Mapping):
        names = list(dict.fromkeys(name for row in data for name in row))
        return _frame({name: [row.get(name) for row in data] for name in names})
    if data and isinstance(data[0], (list, tuple, np.ndarray)):
        for row in data:
            _of_width(data, (len(data), len(row)), specs)
        return _frame({spec.name: [row[position] for row in data] for position, spec in enumerate(specs)})
    if len(specs) != 1:
        _refuse_kind(data, specs)
    return _frame({specs[0].name: list(data)})


def _of_mapping(data: Mapping[Any, Any]) -> dict[Any, Any]:
    if data and all(np.ndim(value) == 0 or isinstance(value, (str, bytes)) for value in data.values()):
        return {name: [value] for name, value in data.items()}
    return dict(data)


def _labelled(series: Any) -> dict[Any, Any]:
    index = getattr(series, "index", None)
    return dict(zip(index, series, strict=True)) if index is not None and not callable(index) else {}


def _values(column: Column, rows: int) -> list[Any]:
    cells = column.read(0, rows)
    values = cells.values if isinstance(cells.values, list) else cells.values.tolist()
    if cells.missing is not None:
        return [None if absent else value for value, absent in zip(values, cells.missing.tolist(), strict=True)]
    return values


def _frame(data: Mapping[Any, Any]) -> Any:
    """A dataframe of these columns: pandas', unless only polars is there."""
    if "pandas" in sys.modules or importlib.util.find_spec("pandas") is not None:
        return importlib.import_module("pandas").DataFrame(dict(data))
    if importlib.util.find_spec("polars") is None:
        raise SchemaError(
            f"the model wants named columns, and got {', '.join(map(str, data))} without a dataframe library to hold "
            "them: pip install pandas"
        )
    return importlib.import_module("polars").DataFrame(dict(data))


# -- tensors


def _tensors(data: Any, specs: Sequence[TensorSpec]) -> Any:
    if specs[0].name is None:
        return _tensor(data, specs[0], "the input")
    if not isinstance(data, Mapping):
        found = table(data)
        if found is None:
            raise SchemaError(
                f"data is {shown(data)}, the model wants a dict of arrays named {', '.join(str(s.name) for s in specs)}"
            )
        data = {column.name: np.asarray(_values(column, found.rows)) for column in found.columns}
    values = {}
    for spec in specs:
        if spec.name not in data:
            raise SchemaError(
                f"tensor {spec.name!r} is missing, the model wants it as {_tensor_text(spec)} and got "
                f"{sorted(map(str, data))}: add it to the dict"
            )
        values[spec.name] = _tensor(data[spec.name], spec, f"tensor {spec.name!r}")
    return values


def _tensor(data: Any, spec: TensorSpec, what: str) -> Any:
    if is_sparse(data):
        _check_shape(data.shape, spec, what)
        return data
    values = data
    if not isinstance(data, np.ndarray):
        found = table(data)
        if found is None and isinstance(data, (list, tuple)):
            values = _array(data, spec, what)
        elif found is not None:
            values = _stacked(data, found)
        elif columns(data) is None and not hasattr(data, "__array__"):
            raise SchemaError(
                f"{what} is {shown(data)}, the model wants {_tensor_text(spec)}: pass an array or a table"
            )
        else:
            values = np.asarray(data)
    _check_shape(values.shape, spec, what)
    wanted = np.dtype(spec.dtype)
    if values.dtype.kind in "OUS" and wanted.kind in "biuf":
        try:
            return values.astype(wanted)
        except (TypeError, ValueError) as fault:
            raise SchemaError(
                f"{what} holds what is no number ({fault}), the model wants {_tensor_text(spec)}"
            ) from fault
    return _cast(values, wanted) if wanted.kind in "biuf" else values


def _array(data: Any, spec: TensorSpec, what: str) -> NDArray[Any]:
    try:
        return np.asarray(data)
    except ValueError as fault:
        raise SchemaError(f"{what} is ragged ({fault}), the model wants {_tensor_text(spec)}") from fault


def _stacked(data: Any, found: Table) -> NDArray[Any]:
    if found.block is not None:
        return found.block(0, found.rows)
    arrays = [np.asarray(_numbers(column, found.rows)) for column in found.columns]
    return arrays[0] if is_series(data) else np.column_stack(arrays)


def _numbers(column: Column, rows: int) -> Any:
    cells = column.read(0, rows)
    return cells.values if cells.missing is None else _values(column, rows)


def _check_shape(shape: tuple[int, ...], spec: TensorSpec, what: str) -> None:
    fits = len(shape) == len(spec.shape) and all(
        want in (-1, size) for want, size in zip(spec.shape, shape, strict=True)
    )
    if not fits:
        raise SchemaError(
            f"{what} has shape {tuple(shape)}, the model wants {_tensor_text(spec)}, where -1 stands for any number"
        )


# -- what errors say


def _tensor_text(spec: TensorSpec) -> str:
    return f"{spec.dtype} of shape {tuple(spec.shape)}"


def _names(specs: Sequence[ColSpec]) -> str:
    return ", ".join(str(spec.name) for spec in specs[:20]) + (", ..." if len(specs) > 20 else "")


def _missing(spec: ColSpec, have: Sequence[Any], specs: Sequence[ColSpec]) -> NoReturn:
    raise SchemaError(
        f"column {spec.name!r} is missing: the model wants it as {spec.type} and got the columns "
        f"{shown([str(name) for name in have])}; it was trained on {_names(specs)}"
    )


def _mismatch_text(spec: ColSpec, got: str) -> str:
    return f"column {spec.name!r} is wanted as {spec.type} and got {got}: convert the column before predicting"


def _mismatch(spec: ColSpec, got: str) -> NoReturn:
    raise SchemaError(_mismatch_text(spec, got))


def _refuse_kind(data: Any, specs: Sequence[ColSpec]) -> NoReturn:
    raise SchemaError(
        f"data is {shown(data)}, accepted are tables, arrays, records and dicts of columns: "
        f"the model wants the columns {_names(specs)}"
    )
