"""Nothing altered is loaded, nothing outside the folder is read, no code runs without consent."""

from __future__ import annotations

import functools
import json
import os
import pickle
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression

import steno
from steno.errors import ModelError, UntrustedModelError
from steno.models import pyfunc
from steno.models.flavors import load_model, save_model
from steno.plugin import Integration
from steno.registry import registry

Run = Callable[..., subprocess.CompletedProcess[str]]


def _append(folder: Path) -> None:
    with (folder / "data" / "toy.json").open("a") as file:
        file.write(" ")


def _flip(folder: Path) -> None:
    file = folder / "requirements.txt"
    data = bytearray(file.read_bytes())
    data[0] ^= 1
    file.write_bytes(data)


def _swap(folder: Path) -> None:
    a, b = folder / "conda.yaml", folder / "python_env.yaml"
    one, other = a.read_bytes(), b.read_bytes()
    a.write_bytes(other)
    b.write_bytes(one)


def _link(folder: Path) -> None:
    file = folder / "data" / "toy.json"
    copy = folder.parent / "elsewhere.json"
    file.rename(copy)
    file.symlink_to(copy)


ALTERED: list[Callable[[Path], Any]] = [
    _append,
    _flip,
    _swap,
    _link,
    lambda folder: (folder / "data" / "toy.json").unlink(),
    lambda folder: (folder / "data" / "more.py").write_text("1"),
    lambda folder: (folder / "conda.yaml").rename(folder / "Conda.yaml"),
    lambda folder: (folder / "manifest.json").unlink(),
    lambda folder: (folder / "manifest.json").write_text("{"),
    lambda folder: (folder / "manifest.json").write_text('{"files": []}'),
    lambda folder: (folder / "MLmodel").write_text((folder / "MLmodel").read_text() + "\n"),
]


@pytest.mark.parametrize("alter", ALTERED)
def test_an_altered_folder_is_never_loaded(toy: Integration, alter: Callable[[Path], Any]) -> None:
    """One bit changed, a file added, removed, renamed, swapped or linked: nothing is loaded, trusted or not."""
    save_model(toy, {"number": 1}, "model")
    assert load_model(toy, "model") == {"number": 1}
    alter(Path("model"))
    for trust in (None, True):
        with pytest.raises(ModelError, match=r"since the model was saved|manifest\.json|link"):
            load_model(toy, "model", trust=trust)


@pytest.mark.parametrize("name", ["../outside.json", "/etc/passwd", "data/../../outside.json", "..\\outside.json"])
def test_no_name_leads_out_of_the_folder(toy: Integration, name: str) -> None:
    """A description that names files outside of its folder is refused, with or without a manifest."""
    save_model(toy, {"number": 1}, "model")
    Path("outside.json").write_text("{}")
    file = Path("model/MLmodel")
    lines = [line for line in file.read_text().splitlines() if "steno_version" not in line]
    file.write_text("\n".join(lines).replace("data/toy.json", name) + "\n")
    Path("model/manifest.json").unlink()
    with pytest.raises(ModelError, match="outside of the folder: refused"):
        load_model(toy, "model", trust=True)


def test_a_moved_store_and_a_copied_folder_still_open(toy: Integration) -> None:
    """No path of this machine is inside: the folder opens wherever it is."""
    save_model(toy, {"number": 1}, "one/model")
    shutil.move("one/model", "two")
    assert load_model(toy, "two") == {"number": 1}
    text = "".join(file.read_text() for file in Path("two").rglob("*") if file.is_file())
    assert str(Path.cwd()) not in text


def test_the_manifest_says_what_was_written(toy: Integration) -> None:
    """It lists every file with SHA-256 and size, and what the model is."""
    save_model(toy, {"number": 1}, "model")
    manifest = json.loads(Path("model/manifest.json").read_text())
    assert sorted(manifest["files"]) == [
        "MLmodel",
        "conda.yaml",
        "data/toy.json",
        "python_env.yaml",
        "requirements.txt",
    ]
    assert manifest["files"]["data/toy.json"]["size"] == len('{\n"number": 1\n}')
    assert {key: manifest[key] for key in ("version", "runs_code", "local_modules", "model_class")} == {
        "version": 1,
        "runs_code": False,
        "local_modules": [],
        "model_class": "dict",
    }


class Hostile:
    """Its pickle runs a command."""

    def __reduce__(self) -> Any:
        return os.system, ("touch hacked",)


def _hostile(form: str) -> Path:
    """A folder as MLflow would write it, whose pickle runs a command."""
    folder = Path("evil")
    folder.mkdir()
    name = "model.skops" if form == "skops named" else "model.pkl"
    (folder / name).write_bytes(pickle.dumps(Hostile()))
    flavors: dict[str, Any] = {
        "python_function": {"loader_module": "mlflow.sklearn", "model_path": name},
        "sklearn": {"pickled_model": name, "serialization_format": "cloudpickle"},
    }
    if form == "no flavor":
        del flavors["sklearn"]
    elif form == "no format":
        del flavors["sklearn"]["serialization_format"]
    elif form == "skops named":
        flavors["sklearn"]["serialization_format"] = "pickle"
    elif form == "xgboost":
        flavors = {
            "python_function": {"loader_module": "mlflow.xgboost", "data": name},
            "xgboost": {"data": name, "model_class": "xgboost.core.Booster"},
        }
    (folder / "MLmodel").write_text(json.dumps({"flavors": flavors}))
    return folder


@pytest.mark.parametrize("form", ["cloudpickle", "no format", "no flavor", "skops named", "xgboost"])
@pytest.mark.parametrize("loader", ["pyfunc", "native"])
def test_a_hostile_model_executes_nothing(form: str, loader: str) -> None:
    """A pickle that runs a command is refused by every loader, and the error names the argument."""
    folder = _hostile(form)
    flavor = "xgboost" if form == "xgboost" else "sklearn"
    native = functools.partial(load_model, registry().integration(flavor))
    with pytest.raises(ModelError) as caught:
        (pyfunc.load_model if loader == "pyfunc" else native)(folder)
    assert not Path("hacked").exists()
    if flavor == "sklearn":
        assert isinstance(caught.value, UntrustedModelError)
        assert "load_model('evil', trust=True)" in str(caught.value)


def test_pickles_load_from_outside_with_trust_only() -> None:
    """A scikit-learn model that was saved into a folder needs `trust=True`, and then predicts."""
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    steno.sklearn.save_model(model, "saved")
    with pytest.raises(UntrustedModelError, match=r"trust=True"):
        pyfunc.load_model("saved")
    assert pyfunc.load_model("saved", trust=True).predict([[1.0]]).tolist() == [1]


def test_a_link_into_the_store_is_no_trust() -> None:
    """A path that merely looks as if it lay in the local store does not count as lying there."""
    with steno.start_run() as run:
        pass
    folder = _hostile("cloudpickle").absolute()
    artifacts = Path(run.info.artifact_uri.removeprefix("file://"))
    artifacts.mkdir(parents=True, exist_ok=True)
    (artifacts / "model").symlink_to(folder)
    for uri in (artifacts / "model", f"runs:/{run.info.run_id}/model"):
        with pytest.raises(steno.errors.StenoError):
            pyfunc.load_model(uri)
    assert not Path("hacked").exists()
