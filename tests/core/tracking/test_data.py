"""Datasets as `steno.data` makes them: what they say, where they came from, what a run keeps of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import steno
from steno.entities import Dataset, DatasetInput
from steno.errors import InvalidInputError, NotFoundError, StoreError
from steno.tracking.datasets import describe

COLUMNS = [
    {"type": "long", "name": "x", "required": True},
    {"type": "double", "name": "f", "required": False},
    {"type": "string", "name": "s", "required": True},
    {"type": "long", "name": "y", "required": True},
]
ROWS = {"x": [1, 2, 3], "f": [0.5, 1.0, None], "s": ["a", "b", "c"], "y": [0, 1, 0]}


class Files(BaseHTTPRequestHandler):
    """Serves one file, and one that names itself."""

    def do_GET(self) -> None:
        """Answer with what the path asks for."""
        self.send_response(404 if self.path == "/missing.csv" else 200)
        if self.path == "/named":
            self.send_header("Content-Disposition", 'attachment; filename="../../evil.csv"')
        self.end_headers()
        self.wfile.write(b"a,b\n1,2\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base's name
        """Say nothing."""


@pytest.fixture
def web() -> Iterator[str]:
    """The address of a web server on this machine."""
    server = HTTPServer(("127.0.0.1", 0), Files)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_pandas_dataset_says_what_mlflows_says() -> None:
    """`from_pandas` has the frame itself, its columns in MLflow's form, a profile, and a digest over all of it."""
    frame = pd.DataFrame(ROWS)
    dataset = steno.data.from_pandas(frame, source="data/train.csv", targets="y", name="train", predictions="x")

    assert dataset.df is frame
    assert (dataset.name, dataset.targets, dataset.predictions) == ("train", "y", "x")
    assert dataset.digest == describe(frame).digest
    assert dataset.schema is not None
    assert dataset.schema.to_dict() == COLUMNS
    assert (dataset.profile["num_rows"], dataset.profile["num_elements"]) == (3, 12)
    assert dataset.source == steno.data.ArtifactDatasetSource("data/train.csv")
    assert dataset.to_dict() == {
        "name": "train",
        "digest": dataset.digest,
        "source": '{"uri": "data/train.csv"}',
        "source_type": "local",
        "schema": json.dumps({"mlflow_colspec": COLUMNS}),
        "profile": json.dumps(dataset.profile),
    }
    assert json.loads(dataset.to_json()) == dataset.to_dict()


def test_a_polars_dataset_is_like_one_of_pandas() -> None:
    """`from_polars` has the frame itself and the same columns; the digest that was given is kept."""
    frame = pl.DataFrame(ROWS)
    dataset = steno.data.from_polars(frame, digest="mine", targets="y")

    assert (dataset.df is frame, dataset.name, dataset.digest) == (True, "dataset", "mine")
    assert dataset.schema is not None
    assert dataset.schema.to_dict() == COLUMNS
    assert dataset.profile["num_rows"] == 3


def test_a_numpy_dataset_has_tensors() -> None:
    """`from_numpy` has features and targets, their shapes and sizes, and MLflow's form of their schema."""
    features, targets = np.arange(6.0).reshape(3, 2), np.array([0, 1, 0])
    dataset = steno.data.from_numpy(features, targets=targets, name="n")
    form = {
        "features": '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}]',
        "targets": '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]',
    }

    assert (dataset.features is features, dataset.targets is targets, dataset.name) == (True, True, "n")
    assert dataset.digest == describe(features, targets).digest
    assert dataset.schema is not None
    assert dataset.schema.to_dict() == {"mlflow_tensorspec": form}
    assert steno.data.TensorDatasetSchema.from_dict(dataset.schema.to_dict()) == dataset.schema
    sizes = {"features_shape": (3, 2), "features_size": 6, "features_nbytes": 48}
    sizes |= {"targets_shape": (3,), "targets_size": 3, "targets_nbytes": 24}
    assert {key: dataset.profile[key] for key in sizes} == sizes
    assert json.loads(dataset.to_dict()["profile"])["features_shape"] == [3, 2]


def test_named_arrays_are_counted_by_name() -> None:
    """A dict of arrays is a dataset whose profile and schema speak of each by its name."""
    dataset = steno.data.from_numpy({"a": np.zeros(3), "b": np.zeros((3, 2), "float32")})

    assert dataset.targets is None
    assert dataset.profile["features_shape"] == {"a": (3,), "b": (3, 2)}
    assert dataset.profile["features_nbytes"] == {"a": 24, "b": 24}
    even = steno.data.from_numpy({"a": np.zeros(3), "b": np.ones(3)}, targets=np.ones(3))
    assert json.loads(even.to_dict()["profile"])["features_shape"] == {"a": [3], "b": [3]}
    assert dataset.schema is not None
    assert (dataset.schema.features.input_names(), dataset.schema.targets) == (["a", "b"], None)


@given(st.lists(st.lists(st.floats(allow_nan=True), min_size=2, max_size=2), min_size=1, max_size=5))
def test_what_is_recorded_is_what_the_dataset_says(rows: list[list[float]]) -> None:
    """The record of a dataset, whatever is in it, has its name, digest, source, schema and profile."""
    dataset = steno.data.from_numpy(np.array(rows), source="s3://bucket/rows.npy")
    record = dataset._to_mlflow_entity()

    assert record.to_json() == dataset.to_dict()
    assert Dataset.from_json(record.to_json()) == record
    assert steno.data.get_source(record) == dataset.source == steno.data.get_source(dataset)


def test_a_dataset_is_as_the_data_was() -> None:
    """Data that changes after its dataset was made does not change the dataset."""
    values = np.zeros((2, 2))
    dataset = steno.data.from_numpy(values)
    before = dataset.to_dict()
    values[0, 0] = 1.0

    assert dataset.to_dict() == before
    assert steno.data.from_numpy(values).digest != dataset.digest


def test_runs_keep_datasets_with_their_source_and_context() -> None:
    """`log_input` and `log_inputs` record datasets under MLflow's context tag, and `get_source` finds where from."""
    frame = pd.DataFrame(ROWS)
    train = steno.data.from_pandas(frame, source="train.csv", name="train")
    test = steno.data.from_numpy(np.ones((2, 2)), source="https://host/test.npy", name="test")
    made = steno.data.from_pandas(frame, name="made")
    with steno.start_run() as run:
        steno.log_input(train, context="training", tags={"k": "v"})
        steno.log_inputs([test, made, None], ["test", None, "x"], [None, {"z": "1"}, None])
    used = steno.get_run(run.info.run_id).inputs.dataset_inputs

    assert [(item.dataset.to_json(), item.tags) for item in used] == [
        (train.to_dict(), {"mlflow.data.context": "training", "k": "v"}),
        (test.to_dict(), {"mlflow.data.context": "test"}),
        (made.to_dict(), {"z": "1"}),
    ]
    assert [steno.data.get_source(item) for item in used] == [train.source, test.source, made.source]
    tags = run.data.tags
    names = ("mlflow.user", "mlflow.source.name", "mlflow.source.type")
    assert made.source.to_dict() == {"tags": {name: tags[name] for name in names}}


class ForeignEntity:
    """The record of a dataset in another library's class."""

    name, digest, source_type, source, schema, profile = "theirs", "498c7496", "s3", '{"uri": "s3://b/x"}', None, "{}"


class Foreign:
    """A dataset of another library that speaks MLflow's protocol."""

    def _to_mlflow_entity(self) -> ForeignEntity:
        return ForeignEntity()


def test_datasets_of_mlflow_are_taken(tmp_path: Path) -> None:
    """A dataset object of MLflow's own, or of a class built on it, is recorded as it says; so does the client."""
    client = steno.Client()
    with steno.start_run() as run:
        steno.log_input(Foreign(), context="train")
    client.log_inputs(run.info.run_id, [steno.data.from_numpy(np.ones(2), name="n"), DatasetInput(Dataset("d", "1"))])
    theirs, mine, given_ = client.get_run(run.info.run_id).inputs.dataset_inputs

    expected = Dataset("theirs", "498c7496", "s3", '{"uri": "s3://b/x"}', None, "{}")
    assert (theirs.dataset, theirs.context) == (expected, "train")
    assert (mine.dataset.name, given_.dataset) == ("n", Dataset("d", "1"))


@pytest.mark.parametrize(
    ("raw", "kind", "known"),
    [
        ("data.csv", "local", {"uri": "data.csv"}),
        (Path("a/b.csv"), "local", {"uri": "a/b.csv"}),
        ("file:///tmp/x", "local", {"uri": "file:///tmp/x"}),
        (r"C:\data\x.csv", "local", {"uri": r"C:\data\x.csv"}),
        ("https://host/x.csv", "http", {"url": "https://host/x.csv"}),
        ("s3://bucket/x", "s3", {"uri": "s3://bucket/x"}),
        ("gs://bucket/x", "gs", {"uri": "gs://bucket/x"}),
        ("hdfs://x/y", "hdfs", {"uri": "hdfs://x/y"}),
    ],
)
def test_sources_are_told_apart(raw: Any, kind: str, known: dict[str, str]) -> None:
    """A path, a URL and the URI of a storage service become the source that MLflow makes of them, and back."""
    dataset = steno.data.from_numpy(np.ones(1), source=raw)
    record = dataset._to_mlflow_entity()

    assert (record.source_type, json.loads(record.source)) == (kind, known)
    assert steno.data.get_source(record) == dataset.source
    assert type(dataset.source).from_json(record.source) == dataset.source


def test_a_source_of_ones_own_is_kept() -> None:
    """A subclass of `DatasetSource` goes into the record by its own type and form."""

    class Table(steno.data.DatasetSource):
        def _get_source_type(self) -> str:
            return "table"

        def to_dict(self) -> dict[str, Any]:
            return {"table": "t", "version": 3}

    dataset = steno.data.from_numpy(np.ones(1), source=Table())

    assert isinstance(dataset.source, Table)
    assert (dataset.to_dict()["source_type"], dataset.to_dict()["source"]) == ("table", '{"table": "t", "version": 3}')
    with pytest.raises(InvalidInputError, match=r"of type 'table'.*read dataset.source yourself"):
        steno.data.get_source(dataset._to_mlflow_entity())


def test_files_are_loaded_from_where_they_are(tmp_path: Path) -> None:
    """`source.load()` gives the path of a file, through links too, or of a copy of it in a folder that is made."""
    real = tmp_path / "real" / "d.csv"
    real.parent.mkdir()
    real.write_text("a,b\n")
    link = tmp_path / "links" / "link.csv"
    link.parent.mkdir()
    link.symlink_to(real)
    with steno.start_run() as run:
        steno.log_artifact(real)

    assert steno.data.from_numpy(np.ones(1), source=real).source.load() == str(real)
    assert steno.data.from_numpy(np.ones(1), source=link).source.load() == str(link)
    copy = steno.data.from_numpy(np.ones(1), source=link).source.load(str(tmp_path / "new" / "deep"))
    assert (copy, Path(copy).read_text()) == (str(tmp_path / "new" / "deep" / "link.csv"), "a,b\n")
    logged = steno.data.from_numpy(np.ones(1), source=f"runs:/{run.info.run_id}/d.csv").source
    assert Path(logged.load()).read_text() == "a,b\n"


def test_web_addresses_are_fetched(web: str, tmp_path: Path) -> None:
    """`source.load()` of a URL fetches the file, into the folder named or a new one, and never outside of it."""
    path = Path(steno.data.HTTPDatasetSource(f"{web}/some/data%20set.csv?x=1").load())
    named = Path(steno.data.HTTPDatasetSource(f"{web}/named").load(str(tmp_path / "in" / "here")))
    bare = Path(steno.data.HTTPDatasetSource(web).load(str(tmp_path)))

    assert (path.name, path.read_text()) == ("data set.csv", "a,b\n1,2\n")
    assert named == tmp_path / "in" / "here" / "evil.csv"
    assert bare == tmp_path / "dataset_source"
    with pytest.raises(StoreError, match=r"missing.csv' cannot be fetched: .*404"):
        steno.data.HTTPDatasetSource(f"{web}/missing.csv").load()
    with pytest.raises(InvalidInputError, match="accepted are addresses"):
        steno.data.HTTPDatasetSource("file:///etc/passwd").load()


FRAME = pd.DataFrame(ROWS)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: steno.data.from_pandas([1, 2]), "accepted is a pandas DataFrame"),
        (lambda: steno.data.from_pandas(pl.DataFrame(ROWS)), "from_polars"),
        (lambda: steno.data.from_polars(FRAME), "accepted is a polars DataFrame"),
        (lambda: steno.data.from_pandas(FRAME, targets="nope"), r"targets is 'nope' .*: x, f, s, y"),
        (lambda: steno.data.from_pandas(FRAME, predictions="nope"), "predictions is 'nope'"),
        (lambda: steno.data.from_pandas(FRAME, source=5), "source is 5 .*leave it out"),
        (lambda: steno.data.from_pandas(FRAME, digest=5), "digest is 5"),  # type: ignore[arg-type]
        (lambda: steno.data.from_pandas(FRAME, name=5), "name is 5"),  # type: ignore[arg-type]
        (lambda: steno.log_input(FRAME, tags=["a"]), "tags"),  # type: ignore[arg-type]
        (lambda: steno.log_inputs([FRAME], [None], ["a"]), "tags"),  # type: ignore[list-item]
        (lambda: steno.data.from_numpy([[1]]), r"features is .*numpy.asarray"),
        (lambda: steno.data.from_numpy({}), "features is {}"),
        (lambda: steno.data.from_numpy(np.ones(1), targets=[1]), "targets is"),
        (lambda: steno.data.get_source(5), "dataset is 5"),  # type: ignore[arg-type]
        (lambda: steno.data.get_source(Dataset("d", "1", "delta", "not json")), "of type 'delta'"),
        (lambda: steno.data.TensorDatasetSchema.from_dict({}), "mlflow_tensorspec"),
        (lambda: steno.log_inputs([FRAME], ["a"]), "1 datasets, 1 contexts and 0 tags_list"),
        (lambda: steno.log_inputs(models=["m"]), "accepted is None"),
    ],
)
def test_what_is_no_dataset_is_refused_with_advice(call: Any, said: str) -> None:
    """What cannot be a dataset or a source is an error that says what can; no run is opened for it."""
    with pytest.raises(InvalidInputError, match=said):
        call()
    assert steno.search_runs(output_format="list") == []


def test_data_made_by_code_cannot_be_loaded() -> None:
    """The source of data that a program made says so when it is to be loaded."""
    with pytest.raises(NotFoundError, match=r"made by code.*source='data.csv'"):
        steno.data.from_numpy(np.ones(1)).source.load()


def test_other_makers_of_datasets_are_named() -> None:
    """What `mlflow.data` has and `steno.data` has not is an AttributeError that says what to write instead."""
    with pytest.raises(AttributeError, match=r"'from_spark'.*toPandas"):
        _ = steno.data.from_spark
    with pytest.raises(AttributeError, match="no attribute 'nope', it has: "):
        _ = steno.data.nope
