"""Columns and tensors of any data, in the JSON form that MLflow's datasets and signatures use.

Tables have columns (`ColSpec`); arrays, sparse matrices and dicts of arrays have tensors (`TensorSpec`), whose first
dimension is open. The names of the types are MLflow's: boolean, integer, long, float, double, string, binary,
datetime, any, array, object, map.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from steno.errors import InvalidInputError, shown
from steno.tracking.frames import Column, Table, is_sparse, table

__all__ = ["ColSpec", "Schema", "TensorSpec", "columns", "dtype_type", "of_table", "value_type"]

Json = dict[str, Any]

_LOOKED_AT = 1000  # objects of a column that are looked at for its type
_SCANNED = 100_000  # rows of a column that are looked at for missing values
_SCALARS: Mapping[type, str] = {
    bool: "boolean",
    np.bool_: "boolean",
    int: "long",
    float: "double",
    str: "string",
    np.str_: "string",
    bytes: "binary",
    bytearray: "binary",
    dt.date: "datetime",
    dt.datetime: "datetime",
}
_WIDER = ("boolean", "integer", "long", "float", "double")


@dataclass(frozen=True, slots=True)
class ColSpec:
    """One column.

    Attributes:
        type: MLflow's name of the type.
        name: None where columns have no names.
        required: false if the column may be absent or hold missing values.
        inner: what an array, object or map holds: its `items`, `properties` or `values`, in MLflow's form.
    """

    type: str
    name: Hashable = None
    required: bool = True
    inner: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> Json:
        """MLflow's JSON form."""
        data: Json = {"type": self.type, **self.inner}
        if self.name is not None:
            data["name"] = self.name
        data["required"] = self.required
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`. MLflow's rule for what lacks `required`: scalars are required, others are not."""
        inner = {key: data[key] for key in ("items", "properties", "values") if key in data}
        required = data.get("required", not data.get("optional", bool(inner)))
        return cls(data["type"], data.get("name"), bool(required), inner)


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One array: numpy's name of its type, and its shape with -1 for an open dimension."""

    dtype: str
    shape: tuple[int, ...]
    name: str | None = None

    def to_dict(self) -> Json:
        """MLflow's JSON form."""
        data: Json = {} if self.name is None else {"name": self.name}
        return {**data, "type": "tensor", "tensor-spec": {"dtype": self.dtype, "shape": list(self.shape)}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        spec = data["tensor-spec"]
        return cls(spec["dtype"], tuple(spec["shape"]), data.get("name"))


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns or the tensors of some data."""

    inputs: Sequence[ColSpec | TensorSpec] = ()

    def is_tensor_spec(self) -> bool:
        """Whether this describes arrays and not columns."""
        return bool(self.inputs) and isinstance(self.inputs[0], TensorSpec)

    def has_input_names(self) -> bool:
        """Whether the columns or tensors have names."""
        return bool(self.inputs) and self.inputs[0].name is not None

    def input_names(self) -> list[Any]:
        """Names, or positions where there are none."""
        return [position if item.name is None else item.name for position, item in enumerate(self.inputs)]

    def input_types(self) -> list[str]:
        """MLflow's type names, or numpy's of tensors."""
        return [item.type if isinstance(item, ColSpec) else item.dtype for item in self.inputs]

    def to_dict(self) -> list[Json]:
        """MLflow's JSON form."""
        return [item.to_dict() for item in self.inputs]

    def to_json(self) -> str:
        """MLflow's JSON text."""
        return json.dumps(self.to_dict(), default=str)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`.

        Raises:
            InvalidInputError: if the text is no such JSON.
        """
        try:
            rows = json.loads(text)
            return cls(
                tuple(TensorSpec.from_dict(row) if row["type"] == "tensor" else ColSpec.from_dict(row) for row in rows)
            )
        except (ValueError, TypeError, KeyError) as fault:
            raise InvalidInputError(
                f"schema {shown(text)} cannot be read ({fault!r}), accepted is MLflow's form such as "
                '[{"type": "double", "name": "age", "required": true}]'
            ) from fault


def columns(data: Any, *, missing: Mapping[Hashable, int] | None = None) -> Schema | None:
    """The schema of tabular data or arrays; None if it has none that can be told without running it.

    Nothing is copied, converted or densified.

    Args:
        data: pandas, polars or pyarrow table or series, numpy array, scipy sparse matrix, list, dict of arrays.
        missing: how many values each column lacks, where that is known; else the first 100,000 rows are looked at.
    """
    if isinstance(data, np.ndarray):
        return Schema((_tensor(data),))
    if is_sparse(data):
        return Schema((TensorSpec(_dtype_name(data.dtype), (-1, *data.shape[1:])),))
    if isinstance(data, Mapping) and data and all(isinstance(values, np.ndarray) for values in data.values()):
        return Schema(tuple(_tensor(values, str(name)) for name, values in data.items()))
    found = table(data)
    if found is not None:
        return of_table(found, missing=missing)
    if isinstance(data, (list, tuple)):
        return _of_list(data)
    return None


def of_table(found: Table, *, missing: Mapping[Hashable, int] | None = None) -> Schema:
    """The schema of a table that is at hand; see `columns`."""
    return Schema(tuple(_column(column, found.rows, missing) for column in found.columns))


def dtype_type(dtype: np.dtype[Any]) -> str:
    """MLflow's name of a numpy type; "any" for what it has no name for.

    >>> dtype_type(np.dtype("int16"))
    'integer'
    """
    if dtype.kind in "iu":
        return "integer" if dtype.itemsize < 4 or dtype == np.int32 else "long"
    if dtype.kind == "f":
        return "float" if dtype.itemsize <= 4 else "double"
    return {"b": "boolean", "U": "string", "T": "string", "S": "binary", "M": "datetime"}.get(dtype.kind, "any")


def _tensor(values: np.ndarray[Any, Any], name: str | None = None) -> TensorSpec:
    return TensorSpec(_dtype_name(values.dtype), (-1, *values.shape[1:]), name)


def _dtype_name(dtype: np.dtype[Any]) -> str:
    return {"U": "str", "S": "bytes"}.get(dtype.kind, str(dtype))


def _column(column: Column, rows: int, missing: Mapping[Hashable, int] | None) -> ColSpec:
    lacking = _lacks(column, rows) if missing is None else missing.get(column.name, 0) > 0
    name = column.name if column.name is None or isinstance(column.name, (str, int)) else str(column.name)
    # MLflow knows no optional column without a name
    required = not lacking or name is None
    kind, inner = _column_type(column, rows)
    return ColSpec(kind, name, required, inner)


def _column_type(column: Column, rows: int) -> tuple[str, Mapping[str, Any]]:
    if column.kind == "O" or (column.categories is not None and column.kind != "U"):
        cells = column.categories if column.categories is not None else column.read(0, min(rows, _LOOKED_AT)).values
        return value_type(cells if isinstance(cells, list) else list(cells))
    if column.kind in "bU":
        return ("boolean" if column.kind == "b" else "string"), {}
    return dtype_type(np.dtype(f"{column.kind}{column.itemsize}")), {}


def _lacks(column: Column, rows: int) -> bool:
    cells = column.read(0, min(rows, _SCANNED))
    if cells.missing is not None:
        return bool(cells.missing.any())
    if isinstance(cells.values, list):
        return any(value is None or value != value for value in cells.values if _is_scalar(value))
    if column.categories is not None:
        return bool((cells.values < 0).any())
    if column.kind in "fc":
        return bool(np.isnan(cells.values).any())
    return column.kind in "Mm" and cells.values.dtype.kind in "Mm" and bool(np.isnat(cells.values).any())


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, float)


def value_type(values: Sequence[Any]) -> tuple[str, Mapping[str, Any]]:
    """The one type that holds all these Python values, and what is inside if it is an array or an object.

    >>> value_type([1, 2.5, None])
    ('double', {})
    >>> value_type([["a"], ["b", "c"]])
    ('array', {'items': {'type': 'string'}})
    """
    found: dict[str, Mapping[str, Any]] = {}
    not_a_number = False
    for value in values[:_LOOKED_AT]:
        if value is None:
            continue
        if isinstance(value, float) and value != value:  # pandas' word for a missing object of any type
            not_a_number = True
            continue
        kind, inner = _one_type(value)
        found[kind] = inner if kind not in found or inner == found[kind] else _merged(kind, found[kind], inner)
    if not_a_number and all(kind in _WIDER for kind in found):
        found["double"] = {}
    if not found:
        return "any", {}
    if len(found) == 1:
        return next(iter(found.items()))
    if all(kind in _WIDER for kind in found) and "boolean" not in found:
        return max(found, key=_WIDER.index), {}
    return "any", {}


def _one_type(value: Any) -> tuple[str, Mapping[str, Any]]:
    known = _SCALARS.get(type(value))
    if known is not None:
        return known, {}
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        value = value.ravel()[:1].tolist()
    if isinstance(value, (list, tuple, np.ndarray)):
        kind, inner = value_type(list(value))
        return "array", {"items": {"type": kind, **inner}}
    if isinstance(value, Mapping):
        properties = {}
        for key, item in value.items():
            kind, inner = value_type([item])
            properties[str(key)] = {"type": kind, **inner, "required": item is not None}
        return "object", {"properties": dict(sorted(properties.items()))}
    if isinstance(value, np.generic):
        return dtype_type(value.dtype), {}
    return next((word for kind, word in _SCALARS.items() if isinstance(value, kind)), "any"), {}


def _merged(kind: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """What holds both: properties that only one of two objects has are optional; differing types become any."""
    if kind == "array":
        same = one["items"]["type"] == other["items"]["type"]
        known = next((part["items"] for part in (one, other) if part["items"]["type"] != "any"), one["items"])
        either_empty = "any" in (one["items"]["type"], other["items"]["type"])
        return {"items": known if either_empty or same else {"type": "any"}}
    mine, theirs = one["properties"], other["properties"]
    properties = {}
    for key in sorted({*mine, *theirs}):
        spec = dict(mine.get(key) or theirs[key])
        if key in mine and key in theirs and mine[key]["type"] != theirs[key]["type"]:
            spec = {"type": "any"}
        spec["required"] = bool(
            key in mine and key in theirs and mine[key].get("required") and theirs[key].get("required")
        )
        properties[key] = spec
    return {"properties": properties}


def _of_list(data: Sequence[Any]) -> Schema | None:
    if data and all(isinstance(row, Mapping) for row in data[:_LOOKED_AT]):
        cells: dict[Any, list[Any]] = {}
        for row in data[:_LOOKED_AT]:
            for key, value in row.items():
                cells.setdefault(key, []).append(value)
        rows = len(data[:_LOOKED_AT])
        specs = []
        for key, values in cells.items():
            kind, inner = value_type(values)
            specs.append(ColSpec(kind, key, len(values) == rows and None not in values, inner))
        return Schema(tuple(specs))
    if not data:
        return Schema((ColSpec("string"),))
    kind, inner = value_type(data)
    return Schema((ColSpec(kind, inner=inner),))
