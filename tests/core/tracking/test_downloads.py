"""Artifacts read back: `steno.artifacts` and the client's downloads."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

import steno
from steno.entities import FileInfo, LoggedModel, Run
from steno.errors import InvalidInputError, NotFoundError, StoreError
from steno.tracking.artifacts import local_path
from steno.tracking.session import session


@pytest.fixture
def run() -> Run:
    """A run with `dir/a.txt`, `b.txt`, `c.json`, `c.yaml` and `i.png`."""
    with steno.start_run() as opened:
        steno.log_text("hello", "dir/a.txt")
        steno.log_text("top", "b.txt")
        steno.log_dict({"x": 1}, "c.json")
        steno.log_dict({"x": [1, "ü"]}, "c.yaml")
        steno.log_image(np.zeros((4, 6, 3), np.uint8), "i.png")
    return opened


@pytest.fixture
def folder(run: Run) -> Path:
    """The folder of that run's artifacts."""
    return local_path(run.info.artifact_uri)


TOP = [
    FileInfo("b.txt", is_dir=False, file_size=3),
    FileInfo("c.json", is_dir=False, file_size=12),
    FileInfo("c.yaml", is_dir=False, file_size=12),
    FileInfo("dir", is_dir=True),
]
INSIDE = [FileInfo("dir/a.txt", is_dir=False, file_size=5)]


def test_an_artifact_is_where_its_uri_says(run: Run, folder: Path) -> None:
    """A `runs:` URI, a `file:` URI, a path, and a run id with a path give the path of the stored file or folder."""
    run_id, uri = run.info.run_id, run.info.artifact_uri
    download = steno.artifacts.download_artifacts
    files = [
        download(f"runs:/{run_id}/dir/a.txt"),
        download(f"{uri}/dir/a.txt"),
        download(str(folder / "dir" / "a.txt")),
        download(run_id=run_id, artifact_path="dir/a.txt"),
        download(os.path.relpath(folder / "dir" / "a.txt")),
    ]
    wholes = [download(uri), download(run_id=run_id), download(f"runs:/{run_id}/"), download(f"runs:/{run_id}")]

    assert files == [str(folder / "dir" / "a.txt")] * 5
    assert wholes == [str(folder)] * 4
    assert download(f"runs:/{run_id}/dir/") == str(folder / "dir")


def test_a_copy_lies_in_the_folder_that_was_named(run: Run, folder: Path, tmp_path: Path) -> None:
    """With `dst_path` a copy is made, in a folder that is made, under the artifact's own name, as MLflow does."""
    run_id, uri = run.info.run_id, run.info.artifact_uri
    (folder / ".steno-writing-0123").write_text("half of something")
    download = steno.artifacts.download_artifacts
    given_ = [
        download(run_id=run_id, artifact_path="dir/a.txt", dst_path=str(tmp_path / "one" / "deep")),
        download(f"{uri}/dir/a.txt", dst_path=str(tmp_path / "two")),
        download(f"runs:/{run_id}/dir", dst_path=str(tmp_path / "three")),
        download(run_id=run_id, dst_path=str(tmp_path / "four")),
        steno.Client().download_artifacts(run_id, "dir", str(tmp_path / "five")),
        steno.Client().download_artifacts(run_id, "", str(tmp_path / "six")),
    ]

    expected = ["one/deep/a.txt", "two/a.txt", "three/dir", "four", "five/dir", "six"]
    assert given_ == [str(tmp_path / name) for name in expected]
    assert (tmp_path / "one" / "deep" / "a.txt").read_text() == "hello"
    assert (tmp_path / "three" / "dir" / "a.txt").read_text() == "hello"
    names = sorted(path.relative_to(tmp_path / "four").as_posix() for path in (tmp_path / "four").rglob("*"))
    assert names == ["b.txt", "c.json", "c.yaml", "dir", "dir/a.txt", "i.png"]
    assert download(f"runs:/{run_id}/dir", dst_path=str(tmp_path / "three")) == str(tmp_path / "three" / "dir")


def test_folders_are_listed_as_mlflow_lists_them(run: Run, folder: Path) -> None:
    """Paths are relative to the run; by a `file:` URI to what is above the folder; a file has none in it."""
    run_id, uri = run.info.run_id, run.info.artifact_uri
    listed = steno.artifacts.list_artifacts
    top = [*TOP, FileInfo("i.png", is_dir=False, file_size=(folder / "i.png").stat().st_size)]

    assert listed(run_id=run_id) == listed(f"runs:/{run_id}/") == listed(f"runs:/{run_id}") == top
    assert listed(run_id=run_id, artifact_path="dir") == listed(f"runs:/{run_id}/dir") == listed(f"{uri}/dir") == INSIDE
    assert [item.path for item in listed(uri)] == [f"artifacts/{item.path}" for item in top]
    assert listed(run_id=run_id, artifact_path="b.txt") == listed(f"{uri}/b.txt") == []
    assert listed(run_id=run_id, artifact_path="nope") == []


def test_what_was_logged_is_loaded(run: Run) -> None:
    """Text, dictionaries of JSON and YAML, and images come back as they were logged."""
    at = f"runs:/{run.info.run_id}"

    assert steno.artifacts.load_text(f"{run.info.artifact_uri}/dir/a.txt") == "hello"
    assert steno.artifacts.load_dict(f"{at}/c.json") == {"x": 1}
    assert steno.artifacts.load_dict(f"{at}/c.yaml") == {"x": [1, "ü"]}
    image = steno.artifacts.load_image(f"{at}/i.png")
    assert isinstance(image, PIL.Image.Image)
    assert (image.size, image.mode, image.getpixel((5, 3))) == ((6, 4), "RGB", (0, 0, 0))


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(plain, st.sampled_from(["d.json", "d.yaml"]))
def test_a_dictionary_comes_back_as_it_went_in(value: Any, name: str) -> None:
    """Whatever `log_dict` wrote, `load_dict` reads back the same, infinities included."""
    steno.log_dict({"value": value}, name)

    assert steno.artifacts.load_dict(steno.get_artifact_uri(name)) == {"value": value}


@given(st.text())
def test_text_comes_back_as_it_went_in(text: str) -> None:
    """Whatever `log_text` wrote, `load_text` reads back the same, line ends of every kind included."""
    steno.log_text(text, "t.txt")

    assert steno.artifacts.load_text(steno.get_artifact_uri("t.txt")) == text


def test_files_of_a_logged_model_are_found_by_its_id(run: Run) -> None:
    """`models:/m-<id>` is the folder of a logged model, which the client lists too."""
    model_id = f"m-{'0a' * 16}"
    handle = session().handle(run.info.run_id)
    place = handle.artifacts.path("dir").as_uri()
    handle.log_model(LoggedModel(model_id, "dir", "0", run.info.run_id, place))

    assert steno.artifacts.load_text(f"models:/{model_id}/a.txt") == "hello"
    expected = [FileInfo("a.txt", is_dir=False, file_size=5)]
    assert steno.artifacts.list_artifacts(f"models:/{model_id}") == expected
    assert steno.Client().list_logged_model_artifacts(model_id) == expected


def test_another_store_may_be_named(tmp_path: Path) -> None:
    """`tracking_uri` reads the artifacts of another store than the current one."""
    there = steno.Client(str(tmp_path / "there"))
    run_id = there.create_run("0").info.run_id
    there.log_text(run_id, "far", "t.txt")
    uri = there.tracking_uri

    path = steno.artifacts.download_artifacts(run_id=run_id, artifact_path="t.txt", tracking_uri=uri)
    assert Path(path).read_text() == "far"
    assert [item.path for item in steno.artifacts.list_artifacts(f"runs:/{run_id}/", tracking_uri=uri)] == ["t.txt"]
    with pytest.raises(NotFoundError, match="no run has the id"):
        steno.artifacts.list_artifacts(run_id=run_id)


REFUSED: dict[str, tuple[Callable[[Any, str], object], type[Exception], str]] = {
    "neither": (lambda a, r: a.download_artifacts(), InvalidInputError, "accepted is one of them"),
    "both": (lambda a, r: a.list_artifacts("x", run_id=r), InvalidInputError, "accepted is one of them"),
    "path beside uri": (lambda a, r: a.download_artifacts("x", artifact_path="y"), InvalidInputError, "only beside"),
    "missing": (lambda a, r: a.download_artifacts(run_id=r, artifact_path="no"), NotFoundError, "no artifact 'no'"),
    "missing file": (lambda a, r: a.load_text("no/such.txt"), NotFoundError, "nothing is at"),
    "unknown run": (lambda a, r: a.list_artifacts("runs:/nope/x"), NotFoundError, "no run has the id 'nope'"),
    "out of the run": (lambda a, r: a.load_text(f"runs:/{r}/../../x"), InvalidInputError, "leave out '..'"),
    "registry": (lambda a, r: a.load_text("models:/name/1"), InvalidInputError, "no model registry"),
    "far": (lambda a, r: a.load_text("s3://bucket/x"), InvalidInputError, "on another machine"),
    "a number": (lambda a, r: a.load_text(5), InvalidInputError, r"artifact_uri is 5 \(int\)"),
    "empty": (lambda a, r: a.load_text(""), InvalidInputError, "artifact_uri is ''"),
    "a folder": (lambda a, r: a.load_text(f"runs:/{r}/dir"), InvalidInputError, "is a folder.*it holds: dir/a.txt"),
    "no text": (lambda a, r: a.load_text(f"runs:/{r}/i.png"), InvalidInputError, "no UTF-8 text"),
    "no JSON": (lambda a, r: a.load_dict(f"runs:/{r}/b.txt"), InvalidInputError, "is no JSON"),
    "no YAML": (lambda a, r: a.load_dict(f"runs:/{r}/bad.yaml"), InvalidInputError, "is no YAML"),
    "no image": (lambda a, r: a.load_image(f"runs:/{r}/b.txt"), InvalidInputError, "holds no image"),
    "dst is a file": (
        lambda a, r: a.download_artifacts(run_id=r, artifact_path="b.txt", dst_path="taken"),
        InvalidInputError,
        "accepted is a folder",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_says_why(run: Run, name: str) -> None:
    """An artifact that is not there, or is something else, is an error that says what is accepted."""
    call, kind, said = REFUSED[name]
    Path("taken").write_text("")
    with steno.start_run(run.info.run_id):
        steno.log_text("a: [", "bad.yaml")
    with pytest.raises(kind, match=said):
        call(steno.artifacts, run.info.run_id)


def test_a_copy_that_cannot_be_written_says_why(run: Run) -> None:
    """A folder that cannot be made is named in the error."""
    with pytest.raises(StoreError, match="cannot be copied to '/proc/new'"):
        steno.artifacts.download_artifacts(run_id=run.info.run_id, dst_path="/proc/new")
