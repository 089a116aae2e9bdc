"""Columns and tensors in MLflow's JSON form."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from steno.errors import InvalidInputError
from steno.tracking.schema import ColSpec, Schema, TensorSpec, columns


def _form(data: Any) -> Any:
    found = columns(data)
    return None if found is None else found.to_dict()


@pytest.mark.parametrize(
    ("dtype", "word"),
    [
        ("bool", "boolean"),
        ("int8", "integer"),
        ("uint16", "integer"),
        ("int32", "integer"),
        ("uint32", "long"),
        ("int64", "long"),
        ("uint64", "long"),
        ("float16", "float"),
        ("float32", "float"),
        ("float64", "double"),
        ("datetime64[ns]", "datetime"),
        ("timedelta64[ns]", "any"),
        ("complex128", "any"),
        ("str", "string"),
        ("Int64", "long"),
        ("Float32", "float"),
        ("boolean", "boolean"),
        ("string", "string"),
        ("datetime64[ns, UTC]", "datetime"),
    ],
)
def test_pandas_types_have_mlflow_names(dtype: str, word: str) -> None:
    """Every pandas type has MLflow's name for it."""
    assert _form(pd.DataFrame({"a": pd.Series([1, 0]).astype(pd.api.types.pandas_dtype(dtype)), "b": ["x", "y"]})) == [
        {"type": word, "name": "a", "required": True},
        {"type": "string", "name": "b", "required": True},
    ]


def test_objects_are_typed_by_what_they_hold() -> None:
    """Object columns are arrays, objects, dates, binaries or numbers by their values; nulls make them optional."""
    frame = pd.DataFrame(
        {
            "tags": [["a"], ["b", "c"], None],
            "pair": [{"x": 1, "y": "a"}, {"x": 2}, {"x": 3}],
            "day": [dt.date(2024, 1, 1)] * 3,
            "raw": [b"a", b"b", b"c"],
            "odd": pd.Series([1, "a", None], dtype=object),
            "num": pd.Series([1, 2.5, float("nan")], dtype=object),
            "level": pd.Categorical([1, 2, 1]),
            "none": [None, None, None],
        }
    )
    assert _form(frame) == [
        {"type": "array", "items": {"type": "string"}, "name": "tags", "required": False},
        {
            "type": "object",
            "properties": {"x": {"type": "long", "required": True}, "y": {"type": "string", "required": False}},
            "name": "pair",
            "required": True,
        },
        {"type": "datetime", "name": "day", "required": True},
        {"type": "binary", "name": "raw", "required": True},
        {"type": "any", "name": "odd", "required": False},
        {"type": "double", "name": "num", "required": False},
        {"type": "long", "name": "level", "required": True},
        {"type": "any", "name": "none", "required": False},
    ]


def test_other_containers() -> None:
    """Arrays, sparse matrices, dicts of arrays, lists, records and polars frames have MLflow's forms."""
    assert _form(np.zeros((4, 3), np.float32)) == [
        {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}
    ]
    assert _form(np.array(["abc"])) == [{"type": "tensor", "tensor-spec": {"dtype": "str", "shape": [-1]}}]
    assert _form(scipy.sparse.eye(3, format="csr")) == [
        {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}
    ]
    assert _form({"a": np.zeros(2), "b": np.zeros((2, 5), int)}) == [
        {"name": "a", "type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}},
        {"name": "b", "type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1, 5]}},
    ]
    assert _form(["a", "b"]) == [{"type": "string", "required": True}]
    assert _form([{"a": 1, "b": "x"}, {"a": 2.5}]) == [
        {"type": "double", "name": "a", "required": True},
        {"type": "string", "name": "b", "required": False},
    ]
    assert _form({"a": [1, 2], "b": ["x", None]}) == [
        {"type": "long", "name": "a", "required": True},
        {"type": "string", "name": "b", "required": False},
    ]
    assert _form(pl.DataFrame({"a": [1, None], "b": [dt.datetime(2024, 1, 1), None]})) == [
        {"type": "long", "name": "a", "required": False},
        {"type": "datetime", "name": "b", "required": False},
    ]
    assert _form(pd.Series([1.0], name="y")) == [{"type": "double", "name": "y", "required": True}]
    assert _form(pd.DataFrame(np.zeros((2, 2), np.int32))) == [
        {"type": "integer", "name": 0, "required": True},
        {"type": "integer", "name": 1, "required": True},
    ]
    assert _form(object()) is None


SPECS = st.one_of(
    st.lists(
        st.builds(ColSpec, st.sampled_from(["long", "double", "string", "any"]), st.text(min_size=1), st.booleans()),
        max_size=3,
    ),
    st.lists(
        st.builds(TensorSpec, st.sampled_from(["float64", "str"]), st.lists(st.integers(-1, 9), max_size=3).map(tuple)),
        max_size=1,
    ),
)


@settings(max_examples=50, deadline=None)
@given(SPECS)
def test_schemas_come_back_from_json(specs: list[ColSpec | TensorSpec]) -> None:
    """A schema that was written as JSON reads back as it was."""
    schema = Schema(tuple(specs))
    assert Schema.from_json(schema.to_json()) == schema


def test_old_signatures_without_required_read_as_mlflow_reads_them() -> None:
    """Scalars that do not say are required, arrays and objects are not."""
    schema = Schema.from_json(
        '[{"type": "long", "name": "a"}, {"type": "array", "items": {"type": "long"}, "name": "b"}]'
    )
    assert [spec.required for spec in schema.inputs if isinstance(spec, ColSpec)] == [True, False]


@pytest.mark.parametrize("text", ["", "{}x", "[1]", '[{"name": "a"}]', "null"])
def test_what_is_no_schema_is_refused(text: str) -> None:
    """Text that is no schema raises an error that shows it."""
    with pytest.raises(InvalidInputError, match="cannot be read"):
        Schema.from_json(text)


def test_names_are_plain_json() -> None:
    """Names that are no text become text."""
    frame = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]))
    assert json.loads(columns(frame).to_json()) == [  # type: ignore[union-attr]
        {"type": "long", "name": "('a', 'x')", "required": True},
        {"type": "long", "name": "('a', 'y')", "required": True},
    ]
