"""What a model was trained on, as a record: schema, digest, profile. Never rows.

**The digest** is SHA-256 over a description of the data (types, shapes, column names) and then all its bytes, cut to
32 hexadecimal digits. Change one cell and it differs; equal content gives an equal digest, whatever its memory layout:

- arrays, and dataframes whose columns have one numpy type: the values in row order;
- other tables: column after column; text by length and UTF-8, categories by code, masked values by mask;
- sparse matrices: format, data, indices, index pointers, as they are stored;
- Python objects: type and `repr`, containers item by item.

The names of rows (a pandas index) are not part of it. At most 32 MB are needed beside the data. Above `SAMPLED_ABOVE`
bytes, 1024 evenly spread pieces are read instead of everything; such a digest begins with "s". So does that of data
that cannot be read without executing or copying it (lazy frames, `DMatrix`, device memory): there it covers what is
known of its shape. `profile` says in `digest_of` which of "all", "sample" and "shape" it was.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steno.entities import Dataset
from steno.tracking import schema as schemas
from steno.tracking.frames import BLOCK_ROWS, Column, Table, is_series, is_sparse, table

__all__ = ["SAMPLED_ABOVE", "describe"]

SAMPLED_ABOVE = 2 * 2**30
"""Bytes above which a digest is taken of a sample."""

_BLOCK_BYTES = 4 * 2**20
_PIECES = 1024
_PIECE_BYTES = 64 * 2**10
_NONE = "NoneType:None"
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

Json = dict[str, Any]


def describe(data: Any, targets: Any = None, name: str | None = None) -> Dataset:
    """Describe data in memory as a `Dataset`, without copying, converting or densifying it.

    Args:
        data: pandas, polars or pyarrow table or series, numpy array of any dimension, scipy sparse matrix, list, dict
            of arrays; anything else is described by its type and shape.
        targets: the labels, of any of these kinds.
        name: how the dataset is called; "dataset" unless given.
    """
    features = _Reading(data)
    labels = None if targets is None else _Reading(targets)
    whole = hashlib.sha256(features.hash.digest())
    if labels is not None:
        whole.update(b"targets")
        whole.update(labels.hash.digest())
    parts = [features] if labels is None else [features, labels]
    prefix = "" if all(part.coverage == "all" for part in parts) else "s"
    return Dataset(
        name=name or "dataset",
        digest=prefix + whole.hexdigest()[:32],
        source_type="code",
        source="{}",
        schema=_schema_json(features, labels),
        profile=json.dumps(_profile(features, labels), default=str),
    )


class _Reading:
    """One pass over data: the hash, what was counted on the way, and how much of it was read.

    Attributes:
        coverage: "all", "sample" or "shape".
        missing: missing values by column; the key None for arrays.
        nbytes: bytes that the data has, as far as it is known.
    """

    def __init__(self, data: Any) -> None:
        self.data = data
        self.hash = hashlib.sha256()
        self.coverage = "all"
        self.missing: dict[Hashable, int] = {}
        self.nbytes = 0
        self.rows: int | None = None
        self.shape: tuple[int, ...] | None = None
        self.table: Table | None = None
        array = data if isinstance(data, np.ndarray) else _shared_memory(data)
        if array is not None:
            self.data = array
            self._array(array)
        elif is_sparse(data):
            self._sparse(data)
        else:
            self.table = table(data)
            if self.table is not None:
                self._table(self.table)
            elif isinstance(data, (list, tuple)):
                self._list(data)
            elif isinstance(data, Mapping):
                self._mapping(data)
            else:
                self._object(data)

    def schema(self) -> schemas.Schema | None:
        """Its columns or tensors."""
        if self.table is not None and not isinstance(self.data, Mapping):
            return schemas.of_table(self.table, missing=self.missing)
        return schemas.columns(self.data, missing=self.missing)

    # -- kinds of data

    def _array(self, values: NDArray[Any]) -> None:
        self.shape = values.shape
        self.rows = values.shape[0] if values.ndim else 1
        self.nbytes = values.nbytes
        self._note("array", str(values.dtype), values.shape)
        self._values(values)

    def _values(self, values: NDArray[Any]) -> None:
        """The values of an array of any type, in row order."""
        if isinstance(values, np.ma.MaskedArray):
            self._values(np.ma.getmaskarray(values))
        values = np.asarray(values)
        if values.dtype.names is not None:
            for field in values.dtype.names:
                self._values(values[field])
            return
        rows = values.reshape(1) if values.ndim == 0 else values
        row_bytes = max(1, rows.nbytes // max(1, len(rows)))
        for start, stop in self._ranges(len(rows), row_bytes):
            self._rows(rows[start:stop])

    def _rows(self, rows: NDArray[Any]) -> None:
        """Some rows, hashed in pieces that fit into cache, each contiguous or made so."""
        if rows.dtype.kind in "OTV" or rows.dtype == np.longdouble or rows.dtype == np.clongdouble:
            step = max(1, BLOCK_ROWS * len(rows) // max(1, rows.size))
            for start in range(0, len(rows), step):
                self.hash.update(self._cells(rows[start : start + step].ravel().tolist()))
            return
        row_bytes = rows.nbytes // max(1, len(rows))
        if row_bytes > _BLOCK_BYTES and rows.ndim > 1:
            for row in rows:
                self._rows(row)
            return
        step = max(1, _BLOCK_BYTES // max(1, row_bytes))
        for start in range(0, len(rows), step):
            block = rows[start : start + step]
            self._buffer(block)
            if block.dtype.kind == "f":
                count = _not_numbers(block)
                if count:
                    self.missing[None] = self.missing.get(None, 0) + count

    def _buffer(self, block: NDArray[Any]) -> None:
        if block.size == 0:
            return
        contiguous = np.ascontiguousarray(block)
        # dates and numpy's text have no buffer interface of their own
        self.hash.update(contiguous if block.dtype.kind in "biufc" else contiguous.view(np.uint8))  # type: ignore[arg-type]

    def _sparse(self, matrix: Any) -> None:
        self.shape = matrix.shape
        self.rows = matrix.shape[0]
        self._note("sparse", matrix.format, str(matrix.dtype), matrix.shape)
        parts = [getattr(matrix, part, None) for part in ("data", "indices", "indptr", "row", "col", "offsets", "rows")]
        arrays = [part for part in parts if isinstance(part, np.ndarray)]
        if not arrays:  # a dictionary of keys
            self._list(sorted(matrix.items()))
            self.shape = matrix.shape
            self.rows = matrix.shape[0]
        for part in arrays:
            self.nbytes += part.nbytes
            self._note(str(part.dtype), part.shape)
            self._values(part)

    def _list(self, values: Sequence[Any]) -> None:
        self.rows = len(values)
        self._note("list", len(values))
        for start, stop in self._ranges(len(values), 64):
            for block in range(start, stop, BLOCK_ROWS):
                self.hash.update(self._cells(list(values[block : min(stop, block + BLOCK_ROWS)])))

    def _mapping(self, data: Mapping[Any, Any]) -> None:
        """A dict whose values are no columns of equal length: each value by itself."""
        self._note("mapping", len(data))
        for key, values in data.items():
            inner = _Reading(values)
            self._note(str(key))
            self.hash.update(inner.hash.digest())
            self.nbytes += inner.nbytes
            self.rows = inner.rows if self.rows is None else self.rows
            if inner.coverage != "all":
                self.coverage = inner.coverage
            if inner.missing:
                self.missing[key] = sum(inner.missing.values())

    def _object(self, data: Any) -> None:
        """Something that is not read: what it says about its own shape."""
        self.coverage = "shape"
        shape = getattr(data, "shape", None)
        if isinstance(shape, tuple) and all(isinstance(size, int) for size in shape):
            self.shape = tuple(int(size) for size in shape)
        elif callable(getattr(data, "num_row", None)) and callable(getattr(data, "num_col", None)):
            self.shape = (int(data.num_row()), int(data.num_col()))
        if self.shape:
            self.rows = self.shape[0]
        self._note("object", type(data).__module__, type(data).__qualname__, self.shape)

    # -- tables

    def _table(self, found: Table) -> None:
        self.rows = found.rows
        names = [column.name for column in found.columns]
        self._note("table", found.rows, names, [column.dtype for column in found.columns])
        self.shape = (found.rows,) if is_series(self.data) else (found.rows, len(names))
        ranges = list(self._ranges(found.rows, found.row_bytes))
        if found.block is not None:
            self._blocks(found, found.block, ranges)
            return
        for column in found.columns:
            if column.categories is not None:
                self.hash.update(self._cells(list(column.categories)))
            count = sum(self._column(column, start, stop) for start, stop in ranges)
            if count:
                self.missing[column.name] = self.missing.get(column.name, 0) + count

    def _blocks(
        self, found: Table, block: Callable[[int, int], NDArray[Any]], ranges: Sequence[tuple[int, int]]
    ) -> None:
        step = max(1, _BLOCK_BYTES // max(1, found.row_bytes))
        names = [column.name for column in found.columns]
        for first, last in ranges:
            for start in range(first, last, step):
                rows = block(start, min(last, start + step))
                self.nbytes += rows.nbytes
                self._buffer(rows)
                if _lacks(rows):
                    for name, count in zip(names, _nulls(rows).sum(axis=0).tolist(), strict=True):
                        if count:
                            self.missing[name] = self.missing.get(name, 0) + count

    def _column(self, column: Column, start: int, stop: int) -> int:
        """Hash some rows of one column and return how many values are missing."""
        count = 0
        step = max(BLOCK_ROWS, _BLOCK_BYTES // column.itemsize) if column.itemsize else BLOCK_ROWS
        for first in range(start, stop, step):
            cells = column.read(first, min(stop, first + step))
            if isinstance(cells.values, list):
                self.hash.update(self._cells(cells.values))
                if column.kind == "U":  # None there is all that is missing
                    count += cells.values.count(None)
                else:
                    count += sum(value is None or value != value for value in cells.values if _may_lack(value))
                continue
            self.nbytes += cells.values.nbytes
            self.hash.update(b"values" if cells.missing is None else b"masked")
            self._buffer(cells.values)
            if cells.missing is not None:
                self._buffer(cells.missing)
                count += int(cells.missing.sum())
            elif column.categories is not None:
                count += int((cells.values < 0).sum())
            elif _lacks(cells.values):
                count += int(_nulls(cells.values).sum())
        return count

    # -- pieces

    def _note(self, *words: Any) -> None:
        self.hash.update(repr(words).encode("utf-8", "surrogatepass"))

    def _ranges(self, rows: int, row_bytes: int) -> Iterator[tuple[int, int]]:
        """All rows, or evenly spread pieces of them with the first and the last, if there are too many bytes."""
        if rows * row_bytes <= SAMPLED_ABOVE:
            yield 0, rows
            return
        self.coverage = "sample"
        size = max(1, _PIECE_BYTES // row_bytes)
        for piece in range(_PIECES):
            start = piece * (rows - size) // (_PIECES - 1)
            yield start, start + size

    def _cells(self, values: list[Any]) -> bytes:
        """Python values as bytes that no other values give."""
        try:
            text = "".join(values)
            odd: list[int] = []
        except TypeError:
            odd = [position for position, value in enumerate(values) if type(value) is not str]
            values = list(values)
            for position in odd:
                value = values[position]
                values[position] = _NONE if value is None else self._token(value)
            text = "".join(values)
        self.nbytes += len(text)
        lengths = np.fromiter(map(len, values), np.int64, len(values))
        marks = np.asarray(odd, np.int64)
        return b"".join(
            (len(values).to_bytes(8), len(odd).to_bytes(8), lengths.tobytes(), marks.tobytes(), _encoded(text))
        )

    def _token(self, value: Any) -> str:
        if isinstance(value, (list, tuple, set, frozenset)):
            items = sorted(map(self._token, value)) if isinstance(value, (set, frozenset)) else map(self._token, value)
            return f"{type(value).__name__}[{','.join(f'{len(item)}:{item}' for item in items)}]"
        if isinstance(value, Mapping):
            pairs = ((self._token(key), self._token(item)) for key, item in value.items())
            return f"{type(value).__name__}{{{','.join(f'{len(k)}:{k}{len(v)}:{v}' for k, v in pairs)}}}"
        if isinstance(value, np.ndarray):
            inner = _Reading(value)
            return f"ndarray:{inner.hash.hexdigest()}"
        text = f"{type(value).__name__}:{value!r}"
        if "0x" in text and _ADDRESS.search(text):  # says where the object lies and not what it holds
            self.coverage = "sample"
            return type(value).__qualname__
        return text


def _shared_memory(data: Any) -> NDArray[Any] | None:
    """The memory of a tensor of another library as a numpy array, where it lies in this process; else None."""
    if not (hasattr(data, "__dlpack__") and hasattr(data, "__dlpack_device__")):
        return None
    try:
        if data.__dlpack_device__()[0] != 1:
            return None
        return np.from_dlpack(data.detach() if hasattr(data, "detach") else data)
    except (BufferError, RuntimeError, TypeError, ValueError):
        return None


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _may_lack(value: Any) -> bool:
    return value is None or isinstance(value, float)


def _lacks(values: NDArray[Any]) -> bool:
    if values.size == 0 or values.dtype.kind not in "fcMm":
        return False
    with np.errstate(invalid="ignore"):
        least = values.min()  # NaN and NaT win: one pass without a temporary array
    return bool(np.isnat(least) if values.dtype.kind in "Mm" else np.isnan(least))


def _nulls(values: NDArray[Any]) -> NDArray[np.bool_]:
    nulls: NDArray[np.bool_] = np.isnat(values) if values.dtype.kind in "Mm" else np.isnan(values)
    return nulls


def _not_numbers(values: NDArray[Any]) -> int:
    return int(_nulls(values).sum()) if _lacks(values) else 0


def _schema_json(features: _Reading, labels: _Reading | None) -> str | None:
    found = features.schema()
    if found is None:
        return None
    target = None if labels is None else labels.schema()
    if found.is_tensor_spec():
        texts = {"features": found.to_json(), "targets": None if target is None else target.to_json()}
        return json.dumps({"mlflow_tensorspec": texts})
    rows = found.to_dict()
    if target is not None and found.has_input_names():
        rows += _named_targets(target, {row.get("name") for row in rows})
    return json.dumps({"mlflow_colspec": rows}, default=str)


def _named_targets(target: schemas.Schema, taken: set[Any]) -> Iterator[Json]:
    """The targets as columns beside the features: a tensor becomes a column of its type."""
    for position, item in enumerate(target.inputs):
        spec = item if isinstance(item, schemas.ColSpec) else schemas.ColSpec(schemas.dtype_type(np.dtype(item.dtype)))
        name = spec.name if spec.name is not None else "target" if position == 0 else f"target_{position}"
        while name in taken:
            name = f"{name}_"
        taken.add(name)
        yield schemas.ColSpec(spec.type, name, spec.required, spec.inner).to_dict()


def _profile(features: _Reading, labels: _Reading | None) -> Json:
    profile: Json = {}
    if features.rows is not None:
        profile["num_rows"] = features.rows
    shape = features.shape
    if shape is not None:
        profile["num_elements"] = int(np.prod(shape, dtype=object))
        if len(shape) == 2:
            profile["num_columns"] = shape[1]
    _add(profile, features, "features")
    if labels is not None:
        _add(profile, labels, "targets")
    parts = [features] if labels is None else [features, labels]
    profile["digest_of"] = next((word for word in ("shape", "sample") if any(p.coverage == word for p in parts)), "all")
    if features.coverage == "shape":
        profile["type"] = f"{type(features.data).__module__}.{type(features.data).__qualname__}"
    return profile


def _add(profile: Json, part: _Reading, word: str) -> None:
    if part.shape is not None:
        profile[f"{word}_shape"] = list(part.shape)
    if part.nbytes:
        profile[f"{word}_nbytes"] = part.nbytes
    if part.missing:
        profile[f"{word}_missing"] = sum(part.missing.values())
        named = {str(key): count for key, count in part.missing.items() if key is not None}
        if named:
            profile[f"{word}_missing_by_column"] = named
