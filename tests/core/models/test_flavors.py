"""Saving, logging and loading models."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import yaml
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import steno
from steno.entities import LoggedModel
from steno.errors import AlreadyExistsError, InvalidInputError, ModelError, NotFoundError, StenoWarning, StoreError
from steno.models import Model, infer_signature, pyfunc
from steno.models.flavors import load_model, log_into, log_model, save_model, write_model
from steno.plugin import Integration
from steno.tracking.session import session

X, y = load_iris(return_X_y=True, as_frame=True)


def test_a_saved_folder_is_whole_and_described(toy: Integration) -> None:
    """Everything MLflow writes is there, with our manifest; nothing of the writing is left beside it."""
    signature = infer_signature(pd.DataFrame({"a": [1.0]}), [1])
    save_model(toy, {"number": 1}, "models/one", signature=signature, metadata={"team": "blue"}, indent=2)
    assert [place.name for place in Path("models").iterdir()] == ["one"]
    assert sorted(file.name for file in Path("models/one").iterdir()) == [
        "MLmodel", "conda.yaml", "data", "manifest.json", "python_env.yaml", "requirements.txt",
    ]  # fmt: skip
    model = Model.load("models/one")
    assert model.flavors["toy"] == {"data": "data/toy.json"}
    assert (
        model.flavors["python_function"].items()
        >= {
            "loader_module": "mlflow.toy",
            "data": "data/toy.json",
            "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        }.items()
    )
    assert (model.signature, model.metadata, model.run_id, model.model_id) == (signature, {"team": "blue"}, None, None)
    assert model.model_size_bytes == sum(
        file.stat().st_size
        for file in Path("models/one").rglob("*")
        if file.is_file() and file.name not in ("MLmodel", "manifest.json")
    )
    assert model.extra["steno_version"] == steno.__version__
    assert Path("models/one/requirements.txt").read_text() == f"numpy=={np.__version__}\npandas=={pd.__version__}\n"


def test_a_taken_folder_is_left_alone(toy: Integration) -> None:
    """Saving over something raises and changes nothing; an empty folder is fine."""
    Path("full").mkdir()
    Path("full/mine").write_text("x")
    Path("empty").mkdir()
    with pytest.raises(AlreadyExistsError, match="'full' already holds something"):
        save_model(toy, {"number": 1}, "full")
    assert [place.name for place in Path("full").iterdir()] == ["mine"]
    save_model(toy, {"number": 1}, path="empty")
    assert load_model(toy, "empty") == {"number": 1}


def test_a_failed_save_leaves_nothing(toy: Integration) -> None:
    """When the saver raises, its error comes through and no half of a folder stays."""
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_model(toy, {"number": object()}, "here/model")
    assert list(Path("here").iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_an_unwritable_place_is_named(toy: Integration) -> None:
    """The error says where the model could not be written."""
    Path("closed").mkdir(mode=0o500)
    with pytest.raises(StoreError, match="closed"):
        save_model(toy, {"number": 1}, "closed/model")


def test_a_file_in_the_way_is_named(toy: Integration) -> None:
    """A parent that is a file raises our error."""
    Path("file").write_text("")
    with pytest.raises(StoreError, match="model cannot be written to 'file/model'"):
        save_model(toy, {"number": 1}, "file/model")


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, r"toy\.save_model takes one model, by position or as toy_model=, and got 0"),
        (({},), {"model": {}}, "takes one model"),
        ((), {"model": {}, "toy_model": {}}, "takes one model"),
        (({},), {}, "got no path"),
        (({}, "p", None, 1), {}, "4 positional arguments"),
        (({}, "p"), {"path": "q"}, "'path' twice"),
        (({}, "p"), {"indnt": 1}, "got indnt, accepted are .*indent.*signature"),
        (({}, "p"), {"pip_requirements": "nowhere.txt"}, "requirements are 'nowhere.txt'"),
    ],
)
def test_wrong_arguments_are_named(toy: Integration, args: Any, kwargs: Any, message: str) -> None:
    """A call with a wrong argument says which and what is accepted, and writes nothing."""
    with pytest.raises(InvalidInputError, match=message):
        save_model(toy, *args, **kwargs)
    assert not Path("p").exists()


FORMS: list[Any] = [
    X[:2],
    X[:2].to_dict(orient="records"),
    X[:2].to_dict(orient="list"),
    X.iloc[0].to_dict(),
    pl.from_pandas(X[:2]),
]


@pytest.mark.parametrize("example", FORMS, ids=["frame", "records", "columns", "one record", "polars"])
def test_a_signature_is_found_from_any_form_of_the_example(example: Any) -> None:
    """Rows of a table give the model's signature in whatever form one writes them, and predictions fit it."""
    model = LogisticRegression(max_iter=500).fit(X, y)
    info = steno.sklearn.log_model(model, name="model", input_example=example)
    steno.end_run()
    assert info.signature == infer_signature(X, model.predict(X))
    assert (pyfunc.load_model(info.model_uri).predict(X) == model.predict(X)).all()


def test_an_example_that_cannot_be_predicted_costs_no_model() -> None:
    """The model is kept without a signature, and a warning says why and what to pass; a transformer has just inputs."""
    model = LogisticRegression(max_iter=500).fit(X, y)
    with pytest.warns(StenoWarning, match=r"could not predict its input_example \(ValueError: The feature names.*pass"):
        info = steno.sklearn.log_model(model, name="model", input_example=pd.DataFrame({"age": [1.0]}))
    assert info.signature is None
    assert (steno.sklearn.load_model(info.model_uri).predict(X) == model.predict(X)).all()
    scaler = steno.sklearn.log_model(StandardScaler().fit(X), name="scaler", input_example=X[:2])
    assert scaler.signature == infer_signature(X)
    steno.end_run()


def test_a_model_can_be_copied_as_it_is_loaded(toy: Integration) -> None:
    """`dst_path` gets the whole folder, as in MLflow; what stands there already is left alone."""
    save_model(toy, {"number": 1}, "model")
    Path("copies").mkdir()
    assert load_model(toy, "model", "copies") == {"number": 1}
    assert (Path("copies/model/MLmodel").read_text()) == Path("model/MLmodel").read_text()
    with pytest.raises(ModelError, match=r"'copies/model'.*pass another dst_path"):
        load_model(toy, "model", dst_path="copies")


def test_what_has_no_place_yet_is_said(toy: Integration) -> None:
    """Arguments of MLflow that are not served are accepted with a warning; a registered name too."""
    with pytest.warns(StenoWarning, match="not code_paths"):
        save_model(toy, {"number": 1}, "model", code_paths=["a.py"], await_registration_for=3)
    with pytest.warns(StenoWarning, match="not registered as 'best'"):
        log_model(toy, {"number": 1}, registered_model_name="best")
    steno.end_run()


def test_requirements_are_the_callers_if_given(toy: Integration) -> None:
    """pip_requirements replace, extra_pip_requirements add, conda_env is kept; from lists and files."""
    Path("wanted.txt").write_text("# mine\nnumpy==1.0\n\n")
    save_model(toy, {}, "a", pip_requirements="wanted.txt", extra_pip_requirements=["x"])
    assert Path("a/requirements.txt").read_text() == "numpy==1.0\nx\n"
    save_model(toy, {}, "b", extra_pip_requirements=["pyyaml"])
    assert Path("b/requirements.txt").read_text().splitlines() == [
        f"numpy=={np.__version__}", f"pyyaml=={yaml.__version__}",
    ]  # fmt: skip
    conda = {"name": "mine", "dependencies": ["python=3.12", {"pip": ["numpy==2.0"]}]}
    Path("conda.yaml").write_text(yaml.safe_dump(conda))
    for given in (conda, "conda.yaml"):
        save_model(toy, {}, f"c{type(given).__name__}", conda_env=given)
        assert yaml.safe_load(Path(f"c{type(given).__name__}/conda.yaml").read_text()) == conda
        assert Path(f"c{type(given).__name__}/requirements.txt").read_text() == "numpy==2.0\n"


EXAMPLES: list[tuple[Any, dict[str, Any], Any]] = [
    (
        pd.DataFrame(
            {"a": [1.5, float("nan")], "when": [pd.Timestamp("2024-01-01"), pd.NaT], "c": pd.Categorical(["x", "y"])}
        ),
        {"type": "dataframe", "pandas_orient": "split"},
        {"columns": ["a", "when", "c"], "data": [[1.5, "2024-01-01T00:00:00.000000", "x"], [None, None, "y"]]},
    ),
    (
        pl.DataFrame({"a": [1, None]}),
        {"type": "dataframe", "pandas_orient": "split"},
        {"columns": ["a"], "data": [[1], [None]]},
    ),
    (np.arange(4).reshape(2, 2), {"type": "ndarray"}, {"inputs": [[0, 1], [2, 3]]}),
    ([{"a": 1}], {"type": "json_object"}, [{"a": 1}]),
    (scipy.sparse.eye(2, format="csr"), {"type": "json_object"}, [[1.0, 0.0], [0.0, 1.0]]),
]


@pytest.mark.parametrize(("example", "info", "content"), EXAMPLES)
def test_input_examples_are_stored(toy: Integration, example: Any, info: dict[str, Any], content: Any) -> None:
    """An example lies beside the model as MLflow stores it, and gives the model its signature."""

    class Counting(type(toy)):  # type: ignore[misc]  # the toy's class
        def predictor(self, model: Any) -> Any:
            return lambda data: [1] * data.shape[0] if hasattr(data, "shape") else [1]

    save_model(Counting(), {"number": 1}, "model", input_example=example)
    model = Model.load("model")
    assert model.saved_input_example_info == {
        "artifact_path": "input_example.json",
        "serving_input_path": "serving_input_example.json",
        **info,
    }
    assert json.loads(Path("model/input_example.json").read_text()) == content
    assert model.signature == infer_signature(example, [1])


def test_an_example_that_is_no_json_is_refused(toy: Integration) -> None:
    """The error shows the value that cannot be stored."""
    with pytest.raises(InvalidInputError, match="input example holds <object"):
        save_model(toy, {"number": 1}, "model", input_example=[object()])


def test_a_logged_model_belongs_to_its_run(toy: Integration) -> None:
    """`log_model` puts the folder into the run, records it, and both of its URIs open it."""
    with steno.start_run() as run:
        info = log_model(toy, toy_model={"number": 7}, name="net/best", tags={"a": 1}, step=3)
    run_id = run.info.run_id
    read = steno.get_run(run_id)
    assert [output.model_id for output in read.outputs.model_outputs] == [info.model_id]
    logged = session().store.get_logged_model(info.model_id)
    artifacts = Path(read.info.artifact_uri.removeprefix("file://"))
    assert logged == LoggedModel(
        info.model_id,
        "net/best",
        read.info.experiment_id,
        run_id,
        (artifacts / "net" / "best").as_uri(),
        logged.creation_timestamp,
        logged.last_updated_timestamp,
        "READY",
        "toy",
        {"a": "1"},
    )
    assert (info.model_uri, info.run_id, info.artifact_path) == (f"models:/{info.model_id}", run_id, "net/best")
    assert info.flavors == Model.load(artifacts / "net" / "best").flavors
    assert info.signature_dict is None
    for uri in (info.model_uri, f"runs:/{run_id}/net/best", artifacts / "net/best", (artifacts / "net/best").as_uri()):
        assert load_model(toy, uri) == {"number": 7}


def test_the_second_model_of_a_name_takes_its_place_and_the_first_stays(toy: Integration) -> None:
    """`runs:/` opens the newest model of a name, and each id opens its own."""
    with steno.start_run() as run:
        first = log_model(toy, {"number": 1}, "model")
        second = log_model(toy, {"number": 2}, "model")
    assert load_model(toy, f"runs:/{run.info.run_id}/model") == {"number": 2}
    assert load_model(toy, first.model_uri) == {"number": 1}
    assert load_model(toy, second.model_uri) == {"number": 2}
    assert len(steno.get_run(run.info.run_id).outputs.model_outputs) == 2


@pytest.mark.parametrize("name", ["../out", "/abs", "", "a\0b", 7])
def test_a_name_never_leaves_the_run(toy: Integration, name: Any) -> None:
    """A name that is no name inside the run is refused."""
    with steno.start_run(), pytest.raises(InvalidInputError):
        log_into(session().current_run(), toy, {"number": 1}, name)


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("runs:/nope/model", NotFoundError),
        ("models:/m-" + "0" * 32, NotFoundError),
        ("models:/name/1", InvalidInputError),
        ("runs:/", InvalidInputError),
        ("nowhere", ModelError),
        ("s3://bucket/model", ModelError),
        ("file://otherhost/model", ModelError),
        ("a\0b", InvalidInputError),
        ("", ModelError),
    ],
)
def test_a_uri_that_leads_nowhere_is_shown(toy: Integration, uri: str, kind: type[Exception]) -> None:
    """The error shows the URI and what is accepted."""
    with pytest.raises(kind):
        load_model(toy, uri)


def test_a_run_says_which_models_it_has(toy: Integration) -> None:
    """Asking for a model that a run lacks names those that it has; a path out of the run is refused."""
    with steno.start_run() as run:
        log_model(toy, {"number": 1}, name="mine")
    with pytest.raises(NotFoundError, match="has no model 'other', its models are: mine"):
        load_model(toy, f"runs:/{run.info.run_id}/other")
    with pytest.raises(InvalidInputError, match="leads out"):
        load_model(toy, f"runs:/{run.info.run_id}/../../../x")


def test_autologging_writes_the_same_folder(toy: Integration) -> None:
    """`log_into` infers the signature from a sample, stores an example on request, and says why it could not."""
    frame = pd.DataFrame({"a": np.arange(9.0)})
    with steno.start_run():
        run = session().current_run()
        info = log_into(run, toy, {"number": 1}, sample=frame, prediction=[1.0], log_input_example=True)
        assert info.signature == infer_signature(frame, [1.0])
        example = json.loads((run.artifacts.root / "model" / "input_example.json").read_text())
        assert example == {"columns": ["a"], "data": [[float(i)] for i in range(5)]}
        bare = log_into(run, toy, {"number": 1}, "bare", sample=frame, log_signature=False)
        assert (bare.signature, bare.saved_input_example_info, bare.metadata) == (None, None, None)
        odd = log_into(run, toy, {"number": 1}, "odd", sample=object())
        assert odd.signature is None
        assert str((odd.metadata or {})["signature"]).startswith("not inferred: model_input <object")


def test_log_model_without_a_run_opens_one(toy: Integration) -> None:
    """Like every `log_*` call; a wrong argument opens none."""
    with pytest.raises(InvalidInputError):
        log_model(toy, {"number": 1}, nonsense=1)
    assert steno.active_run() is None
    info = log_model(toy, {"number": 1})
    active = steno.active_run()
    assert active is not None
    assert info.run_id == active.info.run_id
    steno.end_run()


def test_sklearn_by_its_own_name() -> None:
    """`steno.sklearn.log_model(sk_model=..., name=...)` is MLflow's call, and the model comes back as it was."""
    sklearn: Any = steno.sklearn
    model = LogisticRegression(max_iter=500).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with steno.start_run() as run:
            info = sklearn.log_model(sk_model=model, name="iris_model", input_example=X[:3])
        uri = f"runs:/{run.info.run_id}/iris_model"
        loaded = sklearn.load_model(uri)
        served = pyfunc.load_model(info.model_uri)
    assert type(loaded) is LogisticRegression
    assert (loaded.predict(X) == model.predict(X)).all()
    assert (served.predict(X) == model.predict(X)).all()
    assert info.signature == infer_signature(X[:3], model.predict(X[:3]))


def test_a_file_that_looks_like_a_model_of_another_flavor(toy: Integration) -> None:
    """Loading by the wrong integration names the flavors that are there."""
    save_model(toy, {"number": 1}, "model")

    class Other(type(toy)):  # type: ignore[misc]  # the toy's class
        name = "other"

    with pytest.raises(ModelError, match="has no flavor 'other', its flavors are python_function, toy"):
        load_model(Other(), "model")


def test_write_model_returns_what_it_wrote(toy: Integration, tmp_path: Path) -> None:
    """The description that comes back is the one in the file."""
    written = write_model(toy, {"number": 1}, tmp_path / "m", run_id="r", name="m")
    assert Model.load(tmp_path / "m") == written
