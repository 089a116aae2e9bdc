"""What is written down about the data a model was trained on."""

from __future__ import annotations

import json
import subprocess
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from steno.entities import Dataset
from steno.tracking import datasets
from steno.tracking.datasets import describe

WHEN = pd.Timestamp("2024-02-29 12:00:00.000001")


def _mixed() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "x": [1.5, 2.5, float("nan")],
            "n": pd.array([1, None, 3], dtype="Int64"),
            "who": pd.Series(["a", None, "ccc"]),
            "colour": pd.Categorical(["red", "blue", "red"]),
            "when": [WHEN, WHEN, pd.NaT],
            "zone": [WHEN.tz_localize("Europe/Berlin")] * 3,
            "flag": [True, False, True],
            "thing": pd.Series([[1, 2], {"a": 1}, (3,)], dtype=object),
        }
    )


def test_pandas_features_and_targets_become_one_record() -> None:
    """A frame and its labels are recorded with MLflow's column schema, their shape and what is missing."""
    X = pd.DataFrame({"age": [1.0, float("nan"), 3.0], "city": ["a", "b", None]})
    y = pd.Series([0, 1, 0], name="label")

    found = describe(X, y, name="people")

    assert found == Dataset(
        name="people",
        digest=found.digest,
        source_type="code",
        source="{}",
        schema=json.dumps(
            {
                "mlflow_colspec": [
                    {"type": "double", "name": "age", "required": False},
                    {"type": "string", "name": "city", "required": False},
                    {"type": "long", "name": "label", "required": True},
                ]
            }
        ),
        profile=found.profile,
    )
    assert len(found.digest) == 32
    assert json.loads(found.profile or "") == {
        "num_rows": 3,
        "num_elements": 6,
        "num_columns": 2,
        "features_shape": [3, 2],
        "features_nbytes": 3 * 8 + len("ab" + "NoneType:None"),
        "features_missing": 2,
        "features_missing_by_column": {"age": 1, "city": 1},
        "targets_shape": [3],
        "targets_nbytes": 24,
        "digest_of": "all",
    }


def test_arrays_become_tensors() -> None:
    """Arrays and their labels are recorded with MLflow's tensor schema."""
    found = describe(np.zeros((5, 2, 3), np.float32), np.arange(5))

    tensors = json.loads(found.schema or "")["mlflow_tensorspec"]
    assert json.loads(tensors["features"]) == [
        {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2, 3]}}
    ]
    assert json.loads(tensors["targets"]) == [{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]
    assert json.loads(found.profile or "")["features_shape"] == [5, 2, 3]


@settings(max_examples=60, deadline=None)
@given(
    values=hnp.arrays(
        st.sampled_from([np.dtype(word) for word in ("f8", "f4", "i8", "i2", "u1", "?", "c16", "M8[us]", "U3", "S2")]),
        hnp.array_shapes(max_dims=3, max_side=5),
    ),
    data=st.data(),
)
def test_any_changed_cell_of_an_array_changes_the_digest(values: np.ndarray[Any, Any], data: st.DataObject) -> None:
    """Two arrays that differ in one cell never have the same digest, and a copy in any memory layout always has."""
    before = describe(values).digest
    assert describe(np.asfortranarray(values)).digest == before
    assert describe(np.repeat(values, 2, axis=0)[::2]).digest == before
    changed = values.copy()
    cell = data.draw(st.integers(0, values.size - 1))
    changed.reshape(-1).view(np.uint8)[cell * values.itemsize] ^= 1
    assert describe(changed).digest != before


CHANGES: list[tuple[str, Any]] = [
    ("x", 9.0),
    ("n", 7),
    ("who", "b"),
    ("colour", "blue"),
    ("when", WHEN + pd.Timedelta("1us")),
    ("zone", WHEN.tz_localize("Europe/Berlin") + pd.Timedelta("1us")),
    ("flag", False),
    ("thing", [1, 3]),
]


@pytest.mark.parametrize(("column", "value"), CHANGES)
def test_any_changed_cell_of_a_frame_changes_the_digest(column: str, value: Any) -> None:
    """Every kind of pandas column counts: numbers, text, categories, dates, masked integers, objects."""
    frame = _mixed()
    before = describe(frame)
    assert describe(_mixed()) == before
    frame.at[0, column] = value
    assert describe(frame).digest != before.digest


@pytest.mark.parametrize("column", ["x", "n", "who", "colour", "when"])
def test_a_value_that_goes_missing_changes_the_digest(column: str) -> None:
    """A cell that becomes missing gives another digest and is counted."""
    frame = _mixed()
    before = describe(frame)
    frame.loc[0, column] = pd.NA if column == "n" else None
    after = describe(frame)
    assert after.digest != before.digest
    counts = [json.loads(d.profile or "")["features_missing_by_column"].get(column, 0) for d in (before, after)]
    assert counts[1] == counts[0] + 1


@pytest.mark.parametrize("cast", [pl.from_pandas, pa.Table.from_pandas], ids=["polars", "pyarrow"])
def test_polars_and_pyarrow_tables_are_described_like_pandas(cast: Callable[[Any], Any]) -> None:
    """The same columns in another library give the same schema and missing counts, and digests that notice a cell."""
    frame = _mixed().drop(columns=["thing", "zone"])
    table, other = cast(frame), cast(frame.assign(who=pd.Series(["a", None, "cc"])))

    found, expected = describe(table), describe(frame)

    profile, expected_profile = json.loads(found.profile or ""), json.loads(expected.profile or "")
    assert profile["features_shape"] == expected_profile["features_shape"]
    assert profile["features_missing_by_column"].items() >= {"n": 1, "who": 1, "when": 1}.items()
    types = [(row["name"], row["type"]) for row in json.loads(found.schema or "")["mlflow_colspec"]]
    assert types == [(row["name"], row["type"]) for row in json.loads(expected.schema or "")["mlflow_colspec"]]
    assert describe(table).digest == found.digest
    assert describe(other).digest != found.digest


def test_swapped_columns_and_rows_are_other_data() -> None:
    """Order counts: of rows, of columns, and of their names."""
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    variants = [frame, frame[::-1], frame[["b", "a"]], frame.rename(columns={"a": "c"}), frame.astype(float)]
    assert len({describe(variant).digest for variant in variants}) == len(variants)
    assert describe(frame.set_index(pd.Index(["x", "y"]))) == describe(frame)


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"])
def test_sparse_matrices_stay_sparse(form: str) -> None:
    """A sparse matrix of a million columns is described without a dense copy, and one changed value is noticed."""
    random = np.random.default_rng(0)
    cells = (random.random(400), (random.integers(40, size=400), random.integers(1_000_000, size=400)))
    matrix = scipy.sparse.coo_matrix(cells, shape=(40, 1_000_000)).tocsr()
    if form == "dia":
        matrix = scipy.sparse.eye(3, 1_000_000, format="dia")
    changed = matrix.copy()
    changed.data[0] += 1
    one, other = matrix.asformat(form), changed.asformat(form)
    tracemalloc.start()
    found = describe(one)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 32e6
    assert found.digest == describe(matrix.copy().asformat(form)).digest
    assert found.digest != describe(other).digest
    assert json.loads(json.loads(found.schema or "")["mlflow_tensorspec"]["features"])[0]["tensor-spec"] == {
        "dtype": "float64",
        "shape": [-1, 1_000_000],
    }


@pytest.mark.parametrize("layout", ["F", "strided", "frame", "text"])
def test_little_memory_is_needed_beside_the_data(layout: str) -> None:
    """At most 32 MB beside data of any size and layout."""
    data: Any = np.zeros((2_000_000, 8), order="F")
    if layout == "strided":
        data = data[:, ::2]
    elif layout == "frame":
        data = pd.DataFrame({f"c{i}": data[:, i].copy() for i in range(8)})
    elif layout == "text":
        data = pd.DataFrame({"text": pd.Series(["x" * 500 for _ in range(100_000)], dtype=object)})
    describe(np.zeros(3))
    tracemalloc.start()
    describe(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32e6


def test_a_sampled_digest_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the stated size pieces are read, first and last among them, and the digest begins with s."""
    monkeypatch.setattr(datasets, "SAMPLED_ABOVE", 1000)
    values = np.zeros(100_000_000, np.uint8)
    found = describe(values)
    assert found.digest.startswith("s")
    assert len(found.digest) <= 36
    assert json.loads(found.profile or "")["digest_of"] == "sample"
    values[-1] = 1
    assert describe(values).digest != found.digest


def test_a_dmatrix_is_recorded_without_being_read() -> None:
    """An xgboost DMatrix is recorded by its shape, and the record says that the digest covers no more."""
    found = describe(xgboost.DMatrix(np.ones((7, 3)), label=np.ones(7)))
    assert found.schema is None
    assert found.digest.startswith("s")
    assert json.loads(found.profile or "") == {
        "num_rows": 7,
        "num_elements": 21,
        "num_columns": 3,
        "features_shape": [7, 3],
        "digest_of": "shape",
        "type": "xgboost.core.DMatrix",
    }


def test_lazy_frames_and_generators_are_never_run() -> None:
    """What would have to be executed to be read is left alone."""

    def rows() -> Any:
        yield pytest.fail("was run")

    lazy = pl.LazyFrame({"a": [1]}).map_batches(lambda _: next(rows()))
    generator = rows()
    assert describe(lazy).digest.startswith("s")
    assert describe(generator).digest.startswith("s")
    assert describe(None).digest.startswith("s")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1, 2], [1, 2.0]),
        (["1"], [1]),
        (["ab", "c"], ["a", "bc"]),
        ([None, "a"], ["a", None]),
        ([["a"]], [["a"], []]),
        ([{"a": 1}], [{"a": 2}]),
        ({"a": np.arange(3), "b": np.arange(2)}, {"a": np.arange(3), "b": np.arange(1, 3)}),
        ({"a": np.arange(3)}, {"b": np.arange(3)}),
        ([np.arange(5000)], [np.r_[np.arange(2500), 0, np.arange(2501, 5000)]]),
        (np.array(["a", None], dtype=object), np.array(["a", "None"], dtype=object)),
        (np.ma.array([1, 2], mask=[True, False]), np.ma.array([1, 2], mask=[False, True])),
        (np.array([(1, 2.0)], dtype="i4,f8"), np.array([(1, 3.0)], dtype="i4,f8")),
    ],
)
def test_python_values_that_differ_have_digests_that_differ(one: Any, other: Any) -> None:
    """Lists, dicts, objects and masks are told apart by type and value."""
    assert describe(one).digest != describe(other).digest
    assert describe(one) == describe(one)


def test_objects_without_a_repr_of_their_own_make_a_partial_digest() -> None:
    """A cell of which only the address is known does not change the digest from run to run, and the record says so."""
    found = describe([object()])
    assert found.digest == describe([object()]).digest
    assert found.digest.startswith("s")


def test_nothing_is_imported_for_arrays(run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Describing an array loads neither pandas nor narwhals."""
    done = run_python(
        "import sys, numpy\n"
        "from steno.tracking.datasets import describe\n"
        "describe(numpy.zeros((3, 2)), numpy.zeros(3))\n"
        "print([name for name in ('pandas', 'narwhals', 'polars', 'pyarrow', 'scipy') if name in sys.modules])\n"
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_renamed_categories_are_other_data() -> None:
    """Categories count by what they are, and not only by their codes."""
    frame = _mixed()
    renamed = frame.assign(colour=frame["colour"].cat.rename_categories({"red": "green"}))
    assert describe(renamed).digest != describe(frame).digest
