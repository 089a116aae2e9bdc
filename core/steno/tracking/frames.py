"""One way of reading any table, column by column and a block of rows at a time.

pandas is read through its own public API where its columns are numpy arrays (tens of microseconds a column); every
other dataframe, and pandas' own kinds of column, through narwhals. Nothing is imported until such an object is seen,
nothing is copied but the block in hand, and lazy or remote frames are not tables here: they are never executed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK_ROWS", "Cells", "Column", "Table", "array_column", "is_series", "is_sparse", "table"]

BLOCK_ROWS = 16_384

_PLAIN_KINDS = "biufcMm"
_OTHER_FRAMES = frozenset({"polars", "pyarrow"})


@dataclass(frozen=True, slots=True)
class Cells:
    """Some rows of one column.

    Attributes:
        values: a numpy array, or a list of Python objects in which None is missing.
        missing: true where a value is missing and `values` holds a filler; None if nothing is.
    """

    values: NDArray[Any] | list[Any]
    missing: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        name: as the table has it; None for a series without one.
        dtype: the library's own word for the type.
        kind: numpy's letter of the type ("b i u f c M m"), "U" for text, "O" for anything else.
        itemsize: bytes of one value; 0 where values differ.
        read: the cells of the rows from start to stop.
        categories: the values that codes stand for, where `read` gives codes.
    """

    name: Hashable
    dtype: str
    kind: str
    itemsize: int
    read: Callable[[int, int], Cells]
    categories: Sequence[Any] | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table: rows, columns and, if all columns have one numpy type, a way to read rows as one array.

    Attributes:
        block: rows from start to stop as a 2-d array; None unless `dtype` is set.
        dtype: the one numpy type of all columns; None if they differ.
    """

    rows: int
    columns: Sequence[Column]
    block: Callable[[int, int], NDArray[Any]] | None = None
    dtype: np.dtype[Any] | None = None

    @property
    def row_bytes(self) -> int:
        """About how many bytes a row has; text and objects are taken as 64."""
        return sum(column.itemsize or 64 for column in self.columns)


def table(data: Any) -> Table | None:
    """The table behind a dataframe, a series or a dict of 1-d arrays of equal length; None if it is none of them."""
    if isinstance(data, np.ndarray):
        return None
    if isinstance(data, Mapping):
        return _of_mapping(data)
    pandas = sys.modules.get("pandas")
    if pandas is not None:
        if isinstance(data, pandas.DataFrame):
            return _of_pandas(data)
        if isinstance(data, pandas.Series):
            return Table(len(data), [_pandas_column(data.name, data)])
    if type(data).__module__.partition(".")[0] in _OTHER_FRAMES or hasattr(data, "__narwhals_dataframe__"):
        return _of_narwhals(data)
    return None


def is_series(data: Any) -> bool:
    """Whether this is one column of a pandas, polars or pyarrow table."""
    return type(data).__name__ in ("Series", "ChunkedArray") and type(data).__module__.partition(".")[0] in (
        "pandas",
        *_OTHER_FRAMES,
    )


def is_sparse(data: Any) -> bool:
    """Whether this is a scipy sparse matrix or array."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(data))


def array_column(name: Hashable, values: NDArray[Any]) -> Column:
    """A 1-d numpy array as a column."""
    kind = values.dtype.kind
    if kind in _PLAIN_KINDS and values.dtype != np.longdouble:
        return Column(name, str(values.dtype), kind, values.dtype.itemsize, lambda a, b: Cells(values[a:b]))
    kind = "U" if kind in "UT" else "O"
    return Column(name, str(values.dtype), kind, 0, lambda a, b: Cells(values[a:b].tolist()))


def _of_mapping(data: Mapping[Any, Any]) -> Table | None:
    columns = []
    lengths = set()
    for name, values in data.items():
        if not isinstance(values, np.ndarray):
            inner = table(values) if is_series(values) else None
            if inner is None and not isinstance(values, (list, tuple)):
                return None
            column = inner.columns[0] if inner is not None else _list_column(name, values)
            columns.append(Column(name, column.dtype, column.kind, column.itemsize, column.read, column.categories))
        elif values.ndim == 1:
            columns.append(array_column(name, values))
        else:
            return None
        lengths.add(len(values))
    return Table(lengths.pop(), columns) if len(lengths) == 1 else None


def _list_column(name: Hashable, values: Sequence[Any]) -> Column:
    return Column(name, "list", "O", 0, lambda a, b: Cells(list(values[a:b])))


def _of_pandas(data: Any) -> Table:
    dtypes = data.dtypes
    names = data.columns.tolist()
    kinds = set(dtypes)
    dtype = next(iter(kinds)) if len(kinds) == 1 else None
    if isinstance(dtype, np.dtype) and dtype.kind in _PLAIN_KINDS and dtype != np.longdouble:
        word, kind, size = str(dtype), dtype.kind, dtype.itemsize

        def reader(position: int) -> Callable[[int, int], Cells]:
            return lambda a, b: Cells(data.iloc[a:b, position].to_numpy())

        columns = [Column(name, word, kind, size, reader(position)) for position, name in enumerate(names)]
        return Table(len(data), columns, lambda a, b: _cut(data, a, b).to_numpy(), dtype)
    return Table(len(data), [_pandas_column(name, series) for name, series in data.items()])


def _pandas_column(name: Hashable, series: Any) -> Column:
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in _PLAIN_KINDS and dtype != np.longdouble:
        values = series.to_numpy()
        return Column(name, str(dtype), dtype.kind, dtype.itemsize, lambda a, b: Cells(values[a:b]))
    word = str(dtype)
    if isinstance(dtype, np.dtype) or word in ("str", "string", "object"):
        kind = "O" if word == "object" else "U"
        return Column(name, word, kind, 0, lambda a, b: Cells(_none_for_missing(_cut(series, a, b))))
    if word == "category":
        categories = series.cat.categories
        kind = array_column(None, categories.to_numpy()).kind
        return Column(
            name, word, kind, 2, lambda a, b: Cells(_cut(series, a, b).cat.codes.to_numpy()), categories.tolist()
        )
    plain = getattr(dtype, "numpy_dtype", None)
    if isinstance(plain, np.dtype) and plain.kind in "biuf":
        return Column(name, word, plain.kind, plain.itemsize, lambda a, b: _unmasked(_cut(series, a, b), plain))
    if word.startswith("datetime64[") and hasattr(dtype, "tz"):
        clock = f"datetime64[{dtype.unit}]"
        return Column(name, word, "M", 8, lambda a, b: Cells(_cut(series, a, b).to_numpy(dtype=clock)))
    return _narwhals_column(name, _narwhals().from_native(series, series_only=True), word)


def _cut(series: Any, start: int, stop: int) -> Any:
    return series if start == 0 and stop >= len(series) else series.iloc[start:stop]


def _unmasked(series: Any, plain: np.dtype[Any]) -> Cells:
    if not series.hasnans:
        return Cells(series.to_numpy(dtype=plain))
    return Cells(series.to_numpy(dtype=plain, na_value=plain.type(0)), series.isna().to_numpy())


def _none_for_missing(series: Any) -> list[Any]:
    values: list[Any] = series.to_numpy(dtype=object, na_value=None).tolist()
    return values


def _narwhals() -> Any:
    import narwhals.stable.v2 as narwhals  # noqa: PLC0415  50 ms, and only some tables need it

    return narwhals


def _of_narwhals(data: Any) -> Table | None:
    narwhals = _narwhals()
    frame = narwhals.from_native(data, eager_only=True, allow_series=True, pass_through=True)
    if isinstance(frame, narwhals.Series):
        return Table(len(frame), [_narwhals_column(frame.name or None, frame, str(frame.dtype))])
    if not isinstance(frame, narwhals.DataFrame):
        return None
    columns = [_narwhals_column(name, frame.get_column(name), str(dtype)) for name, dtype in frame.schema.items()]
    return Table(len(frame), columns)


_NUMPY_KIND = {"Boolean": ("b", 1), "Float32": ("f", 4), "Float64": ("f", 8)} | {
    f"{word}{bits}": (kind, bits // 8) for word, kind in (("Int", "i"), ("UInt", "u")) for bits in (8, 16, 32, 64)
}


def _narwhals_column(name: Hashable, series: Any, word: str) -> Column:
    dtype = series.dtype
    family = str(dtype.base_type()).rpartition(".")[2].rstrip("'>")
    if family in ("Datetime", "Date"):
        unit = getattr(dtype, "time_unit", "ms")
        clock = "ms" if unit == "s" else unit
        return Column(name, word, "M", 8, lambda a, b: _filled(series[a:b].dt.timestamp(clock), 0))
    if family in _NUMPY_KIND:
        kind, size = _NUMPY_KIND[family]
        return Column(name, word, kind, size, lambda a, b: _filled(series[a:b], kind != "b" and 0))
    if family in ("String", "Categorical", "Enum"):
        text = _narwhals().String
        return Column(name, word, "U", 0, lambda a, b: Cells(series[a:b].cast(text).to_list()))
    return Column(name, word, "O", 0, lambda a, b: Cells(series[a:b].to_list()))


def _filled(series: Any, filler: Any) -> Cells:
    if not series.null_count():
        return Cells(series.to_numpy())
    return Cells(series.fill_null(filler).to_numpy(), series.is_null().to_numpy())
