"""Where the store is."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

import steno
from conftest import RunPython
from steno.errors import InvalidInputError
from steno.tracking.location import locate
from steno.tracking.session import reset


def test_the_default_is_beside_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script anywhere below a project's top uses one store, beside `pyproject.toml`."""
    top = tmp_path / "project"
    (top / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(top / "deep" / "er")
    location, said = locate()
    assert (location.folder, location.uri, said) == (top / ".steno", f"sqlite:///{top}/.steno/steno.db", "")


def test_without_a_project_it_is_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside every project the store is in the working directory."""
    (tmp_path / "bare").mkdir()
    monkeypatch.chdir(tmp_path / "bare")
    assert locate()[0].folder == tmp_path / "bare" / ".steno"


def test_looking_creates_nothing() -> None:
    """Searching where nothing was ever recorded finds nothing and leaves no file."""
    assert steno.search_runs(output_format="list") == []
    assert [found.name for found in steno.search_experiments()] == ["Default"]
    assert steno.last_active_run() is None
    with pytest.raises(steno.errors.NotFoundError):
        steno.get_run("0" * 32)
    assert not Path(".steno").exists()


def test_the_folder_is_private_and_ignored_by_git() -> None:
    """What steno writes is closed to other users and never committed by accident."""
    with steno.start_run():
        steno.log_text("x", "a/b.txt")
    steno.search_runs(output_format="list")
    top = Path(".steno")
    for path in (top, *top.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert (top / ".gitignore").read_text() == "*\n"


def test_a_named_folder_gets_no_gitignore(tmp_path: Path) -> None:
    """A folder that the user chose is used as it is."""
    steno.set_tracking_uri(tmp_path / "runs")
    steno.log_metric("a", 1.0)
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["journal"]
    assert steno.get_tracking_uri() == f"sqlite:///{tmp_path}/runs/steno.db"


@pytest.mark.parametrize(
    ("uri", "database"),
    [
        ("runs", "runs/steno.db"),
        ("./runs", "runs/steno.db"),
        ("file:{here}/runs", "runs/steno.db"),
        ("file://{here}/with%20space", "with space/steno.db"),
        ("sqlite:///x/y.db", "x/y.db"),
        ("sqlite:///{here}/y.db", "y.db"),
        ("mine.db", "mine.db"),
    ],
)
def test_folders_files_and_uris_name_a_store(uri: str, database: str) -> None:
    """A folder, a database file or a URI names the store; artifacts and journals are beside the database."""
    location, _ = locate(uri.format(here=Path.cwd()))
    expected = Path.cwd() / database
    assert (location.database, location.folder) == (expected, expected.parent)
    assert location.artifacts == expected.parent / "artifacts"
    assert location.uri == f"sqlite:///{expected}"


@pytest.mark.parametrize("name", ["50% off", "what?", "a%20b", "a#b", "it's", 'say "x"', "a;b&c=d", "ünï 日本"])
def test_a_store_is_where_it_was_put_whatever_its_name(name: str, run_python: RunPython) -> None:
    """A project's folder may have any name: its store is in it, and the URI leads another process to it."""
    folder = Path.cwd() / name
    steno.set_tracking_uri(folder)
    with steno.start_run() as run:
        steno.log_metric("loss", 0.5)
        steno.log_text("well", "notes.txt")
    assert run.data.metrics == {"loss": 0.5}
    assert {path.name for path in Path.cwd().iterdir()} - {"pyproject.toml"} == {name}
    assert (folder / "steno.db").is_file()
    program = f"import steno\nprint(steno.get_run({run.info.run_id!r}).info.status, steno.get_tracking_uri())"
    done = run_python(program)
    assert done.stdout.split(maxsplit=1) == ["FINISHED", f"{steno.get_tracking_uri()}\n"], done.stderr
    steno.set_tracking_uri(f"sqlite:///{folder / 'steno.db'}".replace("%", "%25").replace("?", "%3F"))
    assert steno.get_run(run.info.run_id).data.metrics == {"loss": 0.5}


@pytest.mark.parametrize(
    "uri", [3, "http://host:5000", "mysql://host/db", "s3://bucket", "sqlite://", "sqlite:///:memory:", "a\0b"]
)
def test_what_steno_has_no_store_for_is_refused(uri: object) -> None:
    """A URI of another kind raises and names the accepted ones."""
    with pytest.raises(InvalidInputError, match=r"accepted are a folder.*sqlite"):
        locate(uri)


def test_a_folder_of_mlflow_is_left_alone(tmp_path: Path) -> None:
    """A folder with runs that MLflow wrote is refused, not written into."""
    (tmp_path / "mlruns" / "0").mkdir(parents=True)
    (tmp_path / "mlruns" / "0" / "meta.yaml").write_text("name: Default\n")
    with pytest.raises(InvalidInputError, match="MLflow"):
        steno.set_tracking_uri(tmp_path / "mlruns")
    assert [path.name for path in (tmp_path / "mlruns").iterdir()] == ["0"]


def test_the_environment_names_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`STENO_TRACKING_URI` is obeyed, and `set_tracking_uri` wins over it and tells child processes."""
    monkeypatch.setenv("STENO_TRACKING_URI", str(tmp_path / "outside"))
    assert steno.get_tracking_uri() == f"sqlite:///{tmp_path}/outside/steno.db"
    steno.set_tracking_uri(tmp_path / "inside")
    assert steno.get_tracking_uri() == f"sqlite:///{tmp_path}/inside/steno.db"
    assert os.environ["STENO_TRACKING_URI"] == steno.get_tracking_uri()


def test_a_moved_store_finds_its_files(tmp_path: Path) -> None:
    """The folder of a store can be moved: artifacts are found in the new place."""
    steno.set_tracking_uri(tmp_path / "old")
    with steno.start_run() as run:
        steno.log_text("hello", "note.txt")
    steno.search_runs(output_format="list")
    reset()
    (tmp_path / "old").rename(tmp_path / "new")
    client = steno.Client(tracking_uri=tmp_path / "new")
    assert Path(client.download_artifacts(run.info.run_id, "note.txt")).read_text() == "hello"


def test_two_stores_in_one_folder_keep_their_journals_apart(tmp_path: Path) -> None:
    """Databases in the same folder do not replay each other's journals."""
    one, two = steno.Client(tmp_path / "one.db"), steno.Client(tmp_path / "two.db")
    run = one.create_run("0")
    other = two.create_run("0")
    assert [found.info.run_id for found in one.search_runs(["0"])] == [run.info.run_id]
    assert [found.info.run_id for found in two.search_runs(["0"])] == [other.info.run_id]
