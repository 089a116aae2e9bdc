"""Code written for MLflow finds its names here: the same script, run by both, says the same."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import steno
from conftest import RunPython
from steno.entities import LoggedModel, Run
from steno.errors import AlreadyExistsError, InvalidInputError, NotFoundError, StenoError
from steno.tracking.artifacts import local_path
from steno.tracking.session import session

PYTHON = os.environ.get("STENO_TEST_MLFLOW_PYTHON")  # read before the tests unset it

SCRIPT = r"""
import io, json, sys
import numpy as np
import pandas as pd

if sys.argv[1] == "mlflow":
    import mlflow
else:
    import steno as mlflow
    import steno.data, steno.artifacts, steno.exceptions

from_entities = mlflow.entities
mlflow.set_tracking_uri(sys.argv[2])
said = {"set": mlflow.is_tracking_uri_set()}


FRAME = ("num_rows", "num_elements")
ARRAYS = [f"{what}_{count}" for what in ("features", "targets") for count in ("shape", "size", "nbytes")]


def dataset(of):
    known = of.to_dict()
    profile = [{key: of.profile[key] for key in (FRAME if hasattr(of, "df") else ARRAYS) if key in of.profile}]
    profile += [{key: value for key, value in json.loads(known["profile"]).items() if key in profile[0]}]
    return [of.name, of.source.to_dict(), known["source_type"], known["source"], profile, of.schema.to_dict(),
            json.loads(known["schema"]), sorted(known), json.loads(of.to_json()) == known]


frame = pd.DataFrame({"x": [1, 2, 3], "f": [0.5, 1.0, None], "s": ["a", "b", "c"], "y": [0, 1, 0]})
train = mlflow.data.from_pandas(frame, source="train.csv", targets="y", name="train", predictions="x")
web = mlflow.data.from_numpy(np.arange(6.0).reshape(3, 2), source="https://h/x.npy", targets=np.array([0, 1, 0]))
named = mlflow.data.from_numpy({"a": np.zeros(3), "b": np.zeros((3, 2), "float32")}, source="s3://b/c", digest="d1")
said["datasets"] = [dataset(train), dataset(web), dataset(named), train.targets, train.predictions, named.digest]

with mlflow.start_run() as run:
    said["active"] = isinstance(run, mlflow.ActiveRun)
    mlflow.log_input(train, context="training", tags={"k": "v"})
    mlflow.log_inputs([web, named], ["test", None], [None, {"z": "1"}])
    mlflow.log_text("hello", "dir/a.txt")
    mlflow.log_dict({"x": 1}, "c.json")
    mlflow.log_stream(io.BytesIO(b"\x00\xff"), "bin/x.bin")
    mlflow.log_param("lr", "0.1")
    mlflow.log_metric("m", 1.5)
    mlflow.log_table({"a": [1, 2], "b": ["x", None], "c": [0.5, None], "run_id": ["p", "q"]}, "t.json")
    mlflow.log_table({"a": [3]}, "t.json")
    image = mlflow.Image(np.arange(72, dtype=np.uint8).reshape(4, 6, 3))
    mlflow.log_image(image, "i.png")
    uri = mlflow.get_artifact_uri()
mlflow.flush_async_logging()
run_id = run.info.run_id
client = mlflow.MlflowClient()

found = client.get_run(run_id)
tags = [i.tags if isinstance(i.tags, dict) else {t.key: t.value for t in i.tags} for i in found.inputs.dataset_inputs]
used = [[i.dataset.name, i.dataset.source_type, json.loads(i.dataset.source)] for i in found.inputs.dataset_inputs]
said["inputs"] = sorted(zip(used, tags), key=str)
said["sources"] = sorted(json.dumps(mlflow.data.get_source(i).to_dict()) for i in found.inputs.dataset_inputs)

files = mlflow.artifacts
SIZED = ("dir/a.txt", "bin/x.bin")
list_of = lambda items: [[of.path, of.is_dir, of.file_size if of.path in SIZED else None] for of in items]
said["listed"] = [
    list_of(files.list_artifacts(run_id=run_id)), list_of(files.list_artifacts(uri)),
    list_of(files.list_artifacts(f"runs:/{run_id}/")),
    list_of(files.list_artifacts(run_id=run_id, artifact_path="dir")),
    list_of(files.list_artifacts(f"{uri}/dir")), list_of(files.list_artifacts(run_id=run_id, artifact_path="no")),
    list_of(files.list_artifacts(run_id=run_id, artifact_path="c.json")),
]
said["loaded"] = [
    files.load_text(f"{uri}/dir/a.txt"), files.load_text(f"runs:/{run_id}/dir/a.txt"),
    files.load_dict(f"runs:/{run_id}/c.json"), files.load_image(f"{uri}/i.png").size,
    open(files.download_artifacts(f"runs:/{run_id}/bin/x.bin"), "rb").read().hex(),
]
said["copied"] = [
    files.download_artifacts(run_id=run_id, artifact_path="dir/a.txt", dst_path="one/deep"),
    files.download_artifacts(f"{uri}/dir/a.txt", dst_path="two"),
    files.download_artifacts(run_id=run_id, artifact_path="dir", dst_path="three"),
    files.download_artifacts(run_id=run_id, dst_path="four"),
    client.download_artifacts(run_id, "dir/a.txt", "five"),
]
said["image"] = [image.size, image.to_list(), image.to_array().tolist(), image.resize((3, 2)).size, image.to_pil().mode]

table = mlflow.load_table("t.json", extra_columns=["run_id", "params.lr", "metrics.m"]).replace(run_id, "RUN")
said["table"] = [table.astype(object).where(table.notna(), None).to_dict("list"), table.dtypes.astype(str).to_dict()]
said["by run"] = mlflow.load_table("t.json", [run_id])["a"].tolist()

status, stage, view = from_entities.RunStatus, from_entities.LifecycleStage, from_entities.ViewType
said["status"] = [
    status.all_status(), [status.to_string(n) for n in status.all_status()], status.from_string("KILLED"),
    [status.is_terminated(n) for n in status.all_status()], found.info.status == status.to_string(status.FINISHED),
    stage.ACTIVE, stage.DELETED, found.info.lifecycle_stage == stage.ACTIVE, stage.view_type_to_stages(),
    stage.view_type_to_stages(view.ACTIVE_ONLY), stage.matches_view_type(view.ALL, "deleted"), stage.is_valid("x"),
    view.from_string("active_only"), view.to_string(3), [str(s) for s in from_entities.LoggedModelStatus],
]

mlflow.set_experiment("names")
mlflow.set_experiment_tag("k", 1)
mlflow.set_experiment_tags({"k2": "v", "k3": "v"})
mlflow.delete_experiment_tag("k2")
experiment = mlflow.get_experiment_by_name("names")
mlflow.delete_experiment(experiment.experiment_id)
deleted = mlflow.get_experiment(experiment.experiment_id).lifecycle_stage
mlflow.restore_experiment(experiment.experiment_id)
said["experiment"] = [experiment.tags, deleted, mlflow.get_experiment(experiment.experiment_id).lifecycle_stage]

raised = []
for call in (
    lambda: files.download_artifacts(), lambda: files.download_artifacts("x", artifact_path="y"),
    lambda: files.load_dict(f"runs:/{run_id}/no.json"), lambda: mlflow.load_table("no.json"),
    lambda: mlflow.data.from_pandas(frame, targets="no"), lambda: mlflow.log_inputs([train], ["a"]),
    lambda: mlflow.get_logged_model("m-no"), lambda: mlflow.restore_experiment("999"),
    lambda: mlflow.data.get_source(5),
    lambda: mlflow.set_logged_model_tags("m-no", {"a": 1}),
):
    try:
        call()
        raised.append("nothing")
    except mlflow.exceptions.MlflowException as fault:
        raised.append(isinstance(fault, mlflow.MlflowException))
said["raised"] = raised
mlflow.set_tracking_uri("")
said["unset"] = mlflow.is_tracking_uri_set()
print("SAID" + json.dumps(said))
"""


def said_by(python: str, module: str, uri: str, folder: Path) -> dict[str, Any]:
    """What the script says, run in a folder of its own."""
    folder.mkdir()
    (folder / "script.py").write_text(SCRIPT)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STENO_", "MLFLOW_"))}
    done = subprocess.run(
        [python, "script.py", module, uri],
        cwd=folder,
        env={**kept, "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=240,
    )
    found = re.search(r"^SAID(.*)$", done.stdout, re.MULTILINE)
    assert found is not None, done.stderr[-3000:]
    said: dict[str, Any] = json.loads(found[1].replace(str(folder), "HERE"))
    return said


@pytest.mark.skipif(PYTHON is None, reason="STENO_TEST_MLFLOW_PYTHON names no Python with MLflow")
def test_a_script_says_the_same_with_both(tmp_path: Path) -> None:
    """Datasets, artifacts, tables, experiments, statuses and errors: what MLflow says to a script, steno says."""
    assert PYTHON is not None
    mine = said_by(sys.executable, "steno", "./runs", tmp_path / "mine")
    theirs = said_by(PYTHON, "mlflow", "sqlite:///runs.db", tmp_path / "theirs")

    for topic, expected in theirs.items():
        assert mine[topic] == expected, topic
    assert mine.keys() == theirs.keys()


# -- each by itself


def test_a_run_is_told_from_other_objects() -> None:
    """`start_run` and `active_run` give a `steno.ActiveRun`; a run that was read is a `Run` and none."""
    with steno.start_run() as run:
        assert isinstance(run, steno.ActiveRun)
        assert isinstance(steno.active_run(), steno.ActiveRun)
    read = steno.get_run(run.info.run_id)
    assert isinstance(read, Run)
    assert not isinstance(read, steno.ActiveRun)


def test_whether_a_store_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`is_tracking_uri_set` is true once a store is named: by a call, the environment or the project's file."""
    assert not steno.is_tracking_uri_set()
    steno.set_tracking_uri(tmp_path / "a")
    assert steno.is_tracking_uri_set()
    steno.set_tracking_uri("")
    assert not steno.is_tracking_uri_set()
    monkeypatch.setenv("STENO_TRACKING_URI", str(tmp_path / "b"))
    assert steno.is_tracking_uri_set()
    monkeypatch.delenv("STENO_TRACKING_URI")
    Path("pyproject.toml").write_text('[tool.steno]\ntracking_uri = "./c"\n')
    assert steno.is_tracking_uri_set()


def test_experiments_come_back_and_lose_tags() -> None:
    """`restore_experiment` undoes a deletion unless the name is taken; `delete_experiment_tag` removes one tag."""
    first = steno.set_experiment("a").experiment_id
    steno.set_experiment_tags({"kept": 1, "gone": 2})
    steno.delete_experiment_tag("gone")
    steno.delete_experiment_tag("never there")
    steno.delete_experiment(first)
    steno.restore_experiment(first)
    steno.restore_experiment(first)
    found = steno.get_experiment(first)
    assert (found.lifecycle_stage, found.tags) == ("active", {"kept": "1"})
    steno.delete_experiment(first)
    steno.create_experiment("a")
    with pytest.raises(AlreadyExistsError):
        steno.restore_experiment(first)
    with pytest.raises(NotFoundError):
        steno.restore_experiment("999")
    with pytest.raises(InvalidInputError, match="tag name is 5"):
        steno.delete_experiment_tag(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("face", [steno, steno.Client()], ids=["steno", "client"])
def test_logged_models_are_read_and_tagged(face: Any) -> None:
    """A logged model is found by its id; tags are added to those that it has, of a run that was deleted, too."""
    model_id = f"m-{'0b' * 16}"
    with steno.start_run() as run:
        handle = session().handle(run.info.run_id)
        place = handle.artifacts.uri
        model = LoggedModel(model_id, "model", "0", run.info.run_id, place, 5, 5, "READY", "toy", {"a": "1", "b": "1"})
        handle.log_model(model, step=3)
    face.set_logged_model_tags(model_id, {"b": 2, "c": None})
    steno.delete_run(run.info.run_id)
    face.set_logged_model_tags(model_id, {"d": "4"})
    found = face.get_logged_model(model_id)

    changed = found.last_updated_timestamp
    tags = {"a": "1", "b": "2", "c": "None", "d": "4"}
    assert changed > 5
    assert found == LoggedModel(model_id, "model", "0", run.info.run_id, place, 5, changed, "READY", "toy", tags)
    assert [output.step for output in steno.get_run(run.info.run_id).outputs.model_outputs] == [3]
    with pytest.raises(NotFoundError, match="m-nope"):
        face.set_logged_model_tags("m-nope", {"a": 1})
    with pytest.raises(InvalidInputError, match="model_id is 5"):
        face.get_logged_model(5)
    with pytest.raises(InvalidInputError, match="tag name is 5"):
        face.set_logged_model_tags(model_id, {"fine": 1, 5: 1})
    assert "fine" not in face.get_logged_model(model_id).tags


def test_streams_become_files(tmp_path: Path) -> None:
    """`log_stream` writes what a binary stream holds from where it stands; a stream of text is refused whole."""
    (tmp_path / "big").write_bytes(b"ab" * 700_000)
    with steno.start_run() as run:
        half = io.BytesIO(b"0123456789")
        half.seek(5)
        steno.log_stream(half, "half.bin")
        with (tmp_path / "big").open("rb") as file:
            steno.Client().log_stream(run.info.run_id, file, "deep/big.bin")
        steno.log_stream(io.BytesIO(b""), "none.bin", run_id=run.info.run_id)
        with pytest.raises(InvalidInputError, match=r"stream gives str.*steno.log_text"):
            steno.log_stream(io.StringIO("text"), "text.txt")
        with pytest.raises(InvalidInputError, match=r"stream is b'x' \(bytes\), accepted is.*io.BytesIO"):
            steno.log_stream(b"x", "x.bin")
    folder = local_path(run.info.artifact_uri)

    assert (folder / "half.bin").read_bytes() == b"56789"
    assert (folder / "deep" / "big.bin").read_bytes() == b"ab" * 700_000
    assert sorted(path.name for path in folder.iterdir()) == ["deep", "half.bin", "none.bin"]


def test_flushed_records_are_seen_by_others(run_python: RunPython) -> None:
    """After `flush_async_logging` another process reads what was recorded, without this one's help."""
    steno.flush_async_logging()
    with steno.start_run() as run:
        steno.log_metric("m", 2.5)
        steno.flush_async_logging()
        steno.flush_artifact_async_logging()
        done = run_python(
            "import sqlite3\n"
            "store = sqlite3.connect('file:.steno/steno.db?mode=ro', uri=True)\n"
            "print(store.execute('select value from metric').fetchall())\n"
        )
    assert (done.stdout, run.info.status) == ("[(2.5,)]\n", "FINISHED"), done.stderr


def test_an_image_is_what_log_image_takes(tmp_path: Path) -> None:
    """`steno.Image` of an array, a list, a PIL image or a file is logged as such, and gives all of them back."""
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    image = steno.Image(pixels)
    image.save(tmp_path / "i.png")
    same = [steno.Image(pixels.tolist()), steno.Image(PIL.Image.fromarray(pixels)), steno.Image(tmp_path / "i.png")]
    with steno.start_run() as run:
        steno.log_image(image, "a.png")
        steno.log_image(steno.Image(np.zeros((2, 2, 3))), key="k", step=1)

    assert [(one.to_array() == pixels).all() for one in same] == [True] * 3
    assert (image.size, image.resize((3, 2)).size, image.to_list()) == ((6, 4), (3, 2), list(range(24)))
    assert steno.Image(np.zeros((1, 2, 3))).to_list() == [(0, 0, 0), (0, 0, 0)]
    logged = np.asarray(steno.artifacts.load_image(f"runs:/{run.info.run_id}/a.png"))
    assert (logged == pixels).all()
    with pytest.raises(InvalidInputError, match="image is of type int"):
        steno.Image(5)
    with pytest.raises(InvalidInputError, match="holds no image"):
        steno.Image(tmp_path / "missing.png")


def test_errors_are_caught_by_mlflows_name() -> None:
    """`except MlflowException` catches every error of steno's, with MLflow's code of it."""
    with pytest.raises(steno.MlflowException) as caught:
        steno.get_run("nope")
    assert steno.exceptions.MlflowException is steno.MlflowException is StenoError
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("register_model", "log_model(...).model_uri"),
        ("search_registered_models", "no model registry"),
        ("set_model_version_tag", "no model registry"),
        ("search_logged_models", "steno.search_runs"),
        ("last_logged_model", "steno.last_active_run().outputs"),
        ("initialize_logged_model", "steno.sklearn.log_model"),
        ("evaluate", "steno.log_metrics"),
        ("trace", "no traces"),
        ("start_span", "no traces"),
        ("log_feedback", "no traces"),
        ("load_prompt", "steno.log_text"),
        ("enable_system_metrics_logging", "steno.log_metric"),
        ("list_workspaces", "steno.set_tracking_uri"),
        ("projects", "python train.py"),
        ("doctor", "steno.status()"),
        ("gateway", "no gateway"),
    ],
)
def test_what_mlflow_has_alone_says_what_to_write_instead(name: str, instead: str) -> None:
    """A name that MLflow has and steno has not is an AttributeError that names what does the job here."""
    with pytest.raises(AttributeError, match=f"has no attribute '{name}', which MLflow has: .*{re.escape(instead)}"):
        getattr(steno, name)
    assert not hasattr(steno, name)


def test_the_client_says_what_to_call_instead() -> None:
    """So does the client; a name that nobody has is said to be none of its methods."""
    client: Any = steno.Client()
    with pytest.raises(AttributeError, match=r"no method 'create_registered_model', which MLflow has: .*registry"):
        _ = client.create_registered_model
    with pytest.raises(AttributeError, match="evaluation datasets"):
        _ = client.search_datasets
    with pytest.raises(AttributeError, match=r"no attribute 'nope': dir\(steno.Client\)"):
        _ = client.nope


def test_importing_steno_loads_none_of_them(run_python: RunPython) -> None:
    """The new names cost nothing until they are used."""
    done = run_python(
        "import sys, steno\n"
        "names = ('data', 'artifacts', 'exceptions', 'tracking.fluent', 'tracking.absent')\n"
        "print([name for name in names if f'steno.{name}' in sys.modules])\n"
        "print(steno.data.from_pandas.__name__, steno.artifacts.load_text.__name__)\n"
    )
    assert done.stdout.splitlines() == ["[]", "from_pandas load_text"], done.stderr
