"""What a model takes and gives, and how data is made to fit."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris

from steno.errors import InvalidInputError, SchemaError
from steno.models import ModelSignature, infer_signature
from steno.models.signature import ParamSchema, ParamSpec, enforce, enforce_params

DTYPES = [
    "bool",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    *(f"float{bits}" for bits in (16, 32, 64)),
    "datetime64[ns]",
    "timedelta64[ns]",
    "complex64",
    "object",
    "str",
    "category",
    "Int8",
    "Int64",
    "UInt32",
    "Float32",
    "boolean",
    "string",
    "datetime64[us, UTC]",
]


def test_a_signature_has_mlflow_s_texts() -> None:
    """Input, output and params are JSON texts exactly as MLflow writes them."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    found = infer_signature(X[["petal width (cm)"]], y.to_numpy(), {"top_k": 3, "names": ["a"], "alpha": 0.5})
    assert found.to_dict() == {
        "inputs": '[{"type": "double", "name": "petal width (cm)", "required": true}]',
        "outputs": '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]',
        "params": '[{"name": "top_k", "default": 3, "shape": null, "type": "long"}, '
        '{"name": "names", "default": ["a"], "shape": [-1], "type": "string"}, '
        '{"name": "alpha", "default": 0.5, "shape": null, "type": "double"}]',
    }
    assert ModelSignature.from_dict(found.to_dict()) == found
    assert infer_signature().to_dict() == {"inputs": None, "outputs": None, "params": None}


def test_what_has_no_schema_is_refused() -> None:
    """Data without columns and shape raises an error that shows it."""
    with pytest.raises(SchemaError, match="model_input <object"):
        infer_signature(object())
    with pytest.raises(InvalidInputError, match="cannot be read"):
        ModelSignature.from_dict({"inputs": "nonsense"})


def _polars(frame: pd.DataFrame) -> Any:
    return pl.DataFrame({name: _cells(frame[name]) for name in frame})


def _rows(frame: pd.DataFrame) -> Any:
    return [list(row) for row in zip(*(_cells(frame[name]) for name in frame), strict=True)]


def _cells(column: pd.Series) -> list[Any]:
    """Values as a user writes them: numpy's own lists turn a date into a count of nanoseconds."""
    return [None if pd.isna(value) else value for value in column.astype(object)]


def _array(frame: pd.DataFrame) -> Any:
    """As an array; pandas casts through NaN where an integer category lacks a value."""
    with np.errstate(invalid="ignore"):
        return frame.to_numpy()


ROUTES: list[Callable[[pd.DataFrame], Any]] = [
    lambda frame: frame,
    lambda frame: frame[list(frame.columns)[::-1]],
    lambda frame: frame.assign(more="extra"),
    lambda frame: frame.to_dict(orient="records"),
    lambda frame: frame.to_dict(orient="list"),
    lambda frame: {name: frame[name].to_numpy() for name in frame},
    _array,
    _rows,
    lambda frame: frame.iloc[:1].to_dict(orient="records")[0],
    _polars,
]


@settings(max_examples=3000, deadline=None)
@given(
    dtypes=st.lists(st.sampled_from(DTYPES), min_size=1, max_size=4),
    values=st.lists(st.integers(0, 1), min_size=1, max_size=5),
    lacking=st.booleans(),
    route=st.sampled_from(ROUTES),
)
def test_training_data_fits_by_every_route(
    dtypes: list[str], values: list[int], *, lacking: bool, route: Callable[[pd.DataFrame], Any]
) -> None:
    """Data of any type, with and without missing values, fits the signature inferred from it, however it is passed."""
    frame = pd.DataFrame(
        {f"c{i}": pd.Series(values).astype(pd.api.types.pandas_dtype(dtype)) for i, dtype in enumerate(dtypes)}
    )
    if lacking:
        for name in frame:
            if frame[name].dtype.kind not in "biuc":
                frame.loc[0, name] = None
    signature = infer_signature(frame)
    if "object" not in dtypes:  # numbers among objects become numbers
        assert enforce(frame, signature.inputs) is frame
    fitted = enforce(route(frame), signature.inputs)
    assert list(fitted.columns) == list(frame.columns)
    assert len(fitted) in (len(frame), 1)


@settings(max_examples=3000, deadline=None)
@given(
    dtype=st.sampled_from([word for word in DTYPES if word[0] in "bfiu" and word != "boolean"]),
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3),
)
def test_training_arrays_fit_by_every_route(dtype: str, shape: list[int]) -> None:
    """An array of any type and dimension fits its signature: as it is, as lists, as another width, as a frame."""
    values = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    signature = infer_signature(values)
    assert enforce(values, signature.inputs) is values
    np.testing.assert_array_equal(enforce(values.tolist(), signature.inputs), values)
    np.testing.assert_array_equal(enforce(values.astype(np.float64), signature.inputs), values)
    if len(shape) == 2:
        for other in (pd.DataFrame(values), pl.DataFrame(values), pa.table(pd.DataFrame(values).rename(columns=str))):
            fitted = enforce(other, signature.inputs)
            assert isinstance(fitted, np.ndarray)
            np.testing.assert_array_equal(fitted, values)


def test_numbers_are_widened_and_parsed_and_never_rounded() -> None:
    """Integers become floats, whole floats and text become numbers; a fraction for an integer column stays as it is."""
    schema = infer_signature(pd.DataFrame({"f": [1.5], "i": [1], "b": [True], "d": [dt.datetime(2024, 1, 1)]})).inputs
    given = pd.DataFrame({"f": [1, 2], "i": [1.0, 2.0], "b": [1, 0], "d": ["2024-01-01", "2024-01-02T03:04:05"]})
    fitted = enforce(given, schema)
    assert [str(dtype) for dtype in fitted.dtypes] == ["float64", "int64", "bool", "datetime64[us]"]
    assert given.dtypes["f"] == np.int64
    text = enforce([{"f": "1.5", "i": "2", "b": "true", "d": None}], schema)
    assert text.iloc[0, :3].tolist() == [1.5, 2, True]
    kept = enforce(given.assign(i=[1.5, float("nan")]), schema)
    assert kept["i"].tolist()[0] == 1.5
    missing = enforce([{"f": None, "i": None, "b": True, "d": None}], schema)
    assert missing["f"].isna().all()


def test_polars_stays_polars() -> None:
    """A polars frame is selected and cast as one."""
    schema = infer_signature(pd.DataFrame({"a": [1.0], "b": ["x"]})).inputs
    fitted = enforce(pl.DataFrame({"extra": [0], "b": ["x"], "a": [3]}), schema)
    assert fitted.to_dict(as_series=False) == {"a": [3.0], "b": ["x"]}
    assert isinstance(fitted, pl.DataFrame)


def test_sparse_and_single_columns_pass() -> None:
    """Sparse matrices are never densified, and a series serves a model of one column."""
    matrix = scipy.sparse.random(5, 3, 0.5, format="csr", random_state=0)
    assert enforce(matrix, infer_signature(matrix).inputs) is matrix
    named = infer_signature(pd.DataFrame(np.zeros((1, 3)), columns=list("abc"))).inputs
    assert enforce(matrix, named) is matrix
    one = infer_signature(pd.DataFrame({"a": [1.0]})).inputs
    assert enforce(pd.Series([2.0]), one)["a"].tolist() == [2.0]
    assert enforce([1.0, 2.0], one)["a"].tolist() == [1.0, 2.0]
    row = infer_signature(pd.DataFrame({"a": [1.0], "b": [2.0]})).inputs
    assert enforce(pd.Series({"b": 4.0, "a": 3.0}), row).to_dict("records") == [{"a": 3.0, "b": 4.0}]


@settings(max_examples=1000, deadline=None)
@given(
    dtype=st.sampled_from(DTYPES),
    values=st.lists(st.integers(0, 1), min_size=1, max_size=5),
    lacking=st.booleans(),
    route=st.sampled_from([*ROUTES, lambda frame: frame["c"], lambda frame: pl.Series("c", _cells(frame["c"]))]),
)
def test_a_column_by_itself_fits_by_every_route(
    dtype: str, values: list[int], *, lacking: bool, route: Callable[[pd.DataFrame], Any]
) -> None:
    """What was trained on one column by itself gets one column by itself, however it is passed."""
    column = pd.Series(values, name="c").astype(pd.api.types.pandas_dtype(dtype))
    if lacking and column.dtype.kind not in "biuc":
        column[0] = None
    signature = ModelSignature.from_dict(infer_signature(column).to_dict())
    assert (signature, signature.container) == (infer_signature(column), "series")
    assert enforce(column, signature.inputs, "series") is column
    fitted = enforce(route(pd.DataFrame({"c": column})), signature.inputs, "series")
    assert (type(fitted).__name__, len(fitted) in (len(column), 1)) == ("Series", True)


def test_optional_columns_may_be_left_out() -> None:
    """A column that lacked values in training need not be there."""
    schema = infer_signature(pd.DataFrame({"a": [1.0, 2.0], "b": ["x", None]})).inputs
    assert list(enforce(pd.DataFrame({"a": [1.0]}), schema).columns) == ["a"]


NAMED = pd.DataFrame({"age": [1.5], "n": [1], "when": [dt.datetime(2024, 1, 1)], "ok": [True]})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (NAMED.drop(columns="age"), r"column 'age' is missing: the model wants it as double .*'n', 'when', 'ok'"),
        (NAMED.assign(age="old"), r"column 'age' is wanted as double and got the value 'old' \(str\)"),
        (NAMED.assign(n="x"), r"column 'n' is wanted as long and got the value 'x'"),
        (NAMED.assign(ok="maybe"), r"column 'ok' is wanted as boolean and got the value 'maybe'"),
        (NAMED.assign(when=3), r"column 'when' is wanted as datetime and got int64 values"),
        (NAMED.assign(when="soon"), r"column 'when' is wanted as datetime and got text that is no date"),
        (NAMED.assign(age=dt.datetime(2024, 1, 1)), r"column 'age' is wanted as double and got datetime64.* values"),
        (np.zeros((2, 3)), r"data has shape \(2, 3\), the model wants 4 columns .*: age, n, when, ok"),
        (np.zeros(4), r"data has shape \(4,\)"),
        ([[1.0, 2]], r"data has shape \(1, 2\)"),
        ([1.0, 2.0], r"data is \[1.0, 2.0\] \(list\), accepted are tables"),
        (object(), r"data is <object"),
        (7, r"data is 7 \(int\)"),
    ],
)
def test_what_cannot_fit_is_named(data: Any, message: str) -> None:
    """The error says which column, what was wanted and what came."""
    with pytest.raises(SchemaError, match=message):
        enforce(data, infer_signature(NAMED).inputs)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((2, 3)), r"the input has shape \(2, 3\), the model wants float32 of shape \(-1, 4\)"),
        (np.zeros(4), r"the input has shape \(4,\)"),
        ([[1.0], [1.0, 2.0]], r"the input is ragged"),
        ([["a", "b", "c", "d"]], r"the input holds what is no number"),
        (object(), r"the input is <object"),
    ],
)
def test_arrays_that_cannot_fit_are_refused(data: Any, message: str) -> None:
    """The error says which shape and type was wanted and what came."""
    with pytest.raises(SchemaError, match=message):
        enforce(data, infer_signature(np.zeros((1, 4), np.float32)).inputs)


def test_named_tensors() -> None:
    """A model that takes several arrays gets them by name, extras left out."""
    schema = infer_signature({"a": np.zeros((1, 2)), "b": np.zeros(1, np.int64)}).inputs
    fitted = enforce({"b": [1, 2], "a": np.ones((2, 2), np.float32), "c": 1}, schema)
    assert {name: (values.dtype.name, values.shape) for name, values in fitted.items()} == {
        "a": ("float64", (2, 2)),
        "b": ("int64", (2,)),
    }
    with pytest.raises(SchemaError, match="tensor 'b' is missing"):
        enforce({"a": np.ones((2, 2))}, schema)


def test_params_have_defaults_and_types() -> None:
    """Params that are not given have their defaults, unknown ones are left out, wrong types are refused by name."""
    schema = ParamSchema(
        (ParamSpec("k", "long", 3), ParamSpec("a", "double", 0.5), ParamSpec("l", "string", ["x"], (-1,)))
    )
    assert enforce_params({"a": 1, "other": 2}, schema) == {"k": 3, "a": 1, "l": ["x"]}
    assert enforce_params({"x": 1}, None) == {"x": 1}
    with pytest.raises(SchemaError, match=r"param 'k' got 'many' \(str\), accepted is long"):
        enforce_params({"k": "many"}, schema)
    assert ParamSchema.from_json(schema.to_json()) == schema
    old = json.dumps([{"name": "k", "dtype": "long", "default": 3}])
    assert ParamSchema.from_json(old).params == (ParamSpec("k", "long", 3),)
