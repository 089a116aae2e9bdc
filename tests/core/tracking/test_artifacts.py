"""The files of a run."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

import steno
from steno.entities import FileInfo
from steno.errors import InvalidInputError, NotFoundError, StoreError
from steno.tracking.artifacts import ArtifactFolder, local_path


@pytest.fixture
def folder(tmp_path: Path) -> ArtifactFolder:
    """An artifact folder that does not exist yet."""
    return ArtifactFolder(tmp_path / "run" / "artifacts")


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "/etc/passwd", "..", "a\\..\\..\\x", "C:/x", "a\0b", "x" * 300, 3, ".steno-writing-a"],
    ids=lambda name: str(name)[:20],
)
def test_no_name_leaves_the_folder(folder: ArtifactFolder, name: str) -> None:
    """A path that would leave the run's folder is refused, whatever slashes it is written with."""
    with pytest.raises(InvalidInputError, match="artifact path is"):
        folder.log_text("x", name)
    assert not folder.root.exists()


def test_a_link_inside_does_not_lead_out(folder: ArtifactFolder, tmp_path: Path) -> None:
    """A link that somebody put into the folder is not followed out of it."""
    folder.log_text("x", "a.txt")
    (tmp_path / "outside").mkdir()
    (folder.root / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(InvalidInputError, match="outside the run's folder"):
        folder.log_text("x", "link/a.txt")
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("name", ["a.txt", "deep/er/a.txt", "ünï 日本 'x'.txt", "a//b.txt", "./a.txt", "..a", "a..b/c"])
def test_any_other_name_is_a_file(folder: ArtifactFolder, name: str) -> None:
    """Names of any language and depth are written and read back."""
    path = folder.log_text("hällo\n", name)
    assert path.read_text(encoding="utf-8") == "hällo\n"
    assert path.is_relative_to(folder.root)


def test_a_file_appears_when_it_is_whole(folder: ArtifactFolder) -> None:
    """While an artifact is written, and when writing it fails, nobody sees half of it; the old one stays."""
    folder.log_text("old", "a.txt")

    def write_half() -> None:
        with folder.writing("a.txt") as path:
            path.write_text("half")
            assert (folder.root / "a.txt").read_text() == "old"
            assert [item.path for item in folder.list()] == ["a.txt"]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert [entry.name for entry in folder.root.iterdir()] == ["a.txt"]
    assert (folder.root / "a.txt").read_text() == "old"


def test_a_folder_is_copied_with_everything_in_it(folder: ArtifactFolder, tmp_path: Path) -> None:
    """`log_artifacts` copies files, empty folders and what links point to."""
    source = tmp_path / "source"
    (source / "sub" / "empty").mkdir(parents=True)
    (source / "a.bin").write_bytes(bytes(range(256)))
    (source / "sub" / "zero").write_bytes(b"")
    (source / "link").symlink_to(source / "a.bin")
    folder.add_tree(source, "copied")
    assert folder.list() == [FileInfo("copied", True)]
    assert folder.list("copied") == [
        FileInfo("copied/a.bin", False, 256),
        FileInfo("copied/link", False, 256),
        FileInfo("copied/sub", True),
    ]
    assert folder.list("copied/sub") == [FileInfo("copied/sub/empty", True), FileInfo("copied/sub/zero", False, 0)]
    assert (folder.root / "copied" / "link").read_bytes() == bytes(range(256))


def test_pipes_sockets_and_devices_are_refused(folder: ArtifactFolder, tmp_path: Path) -> None:
    """What is no regular file is refused at once; nothing waits for a pipe that nobody writes to."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind("s.sock")
        for special in (tmp_path / "pipe", Path("s.sock"), Path("/dev/zero")):
            with pytest.raises(InvalidInputError, match="pipe, socket or device"):
                folder.add_file(special)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_text("a")
    os.mkfifo(tmp_path / "tree" / "pipe")
    with pytest.raises(InvalidInputError, match="pipe"):
        folder.add_tree(tmp_path / "tree")
    assert folder.list() == []


def test_a_circle_of_links_is_refused(folder: ArtifactFolder, tmp_path: Path) -> None:
    """A folder that links to itself is named instead of being copied for ever."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "loop").symlink_to(tmp_path / "tree")
    with pytest.raises(InvalidInputError, match="link to a folder that holds it"):
        folder.add_tree(tmp_path / "tree")


def test_missing_files_are_named(folder: ArtifactFolder, tmp_path: Path) -> None:
    """A file or folder that does not exist raises with its path, and an artifact that does not with those that do."""
    with pytest.raises(NotFoundError, match=r"no\.txt"):
        folder.add_file(tmp_path / "no.txt")
    with pytest.raises(NotFoundError, match="nowhere"):
        folder.add_tree(tmp_path / "nowhere")
    with pytest.raises(InvalidInputError, match="log_artifacts"):
        folder.add_file(tmp_path)
    folder.log_text("x", "here.txt")
    with pytest.raises(NotFoundError, match=r"'gone\.txt'; at the top it has: here\.txt"):
        folder.existing("gone.txt")


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    """Where an artifact cannot be written, the error says where and why."""
    (tmp_path / "run").write_text("a file is in the way")
    with pytest.raises(StoreError, match="cannot be written"):
        ArtifactFolder(tmp_path / "run" / "artifacts").log_text("x", "a.txt")


@pytest.mark.parametrize("uri", ["s3://bucket/x", "file://host/x", "http://host/x"])
def test_locations_on_other_machines_are_refused(uri: str) -> None:
    """An artifact location that is not on this machine raises instead of making a folder of that name."""
    with pytest.raises(InvalidInputError, match="folders of this machine"):
        local_path(uri)


def test_the_fluent_functions_write_into_the_active_run(tmp_path: Path) -> None:
    """`log_artifact` takes files and folders, `log_artifacts` a folder, and `get_artifact_uri` says where they are."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("1,2")
    with steno.start_run() as run:
        steno.log_artifact(tmp_path / "data" / "a.csv")
        steno.log_artifact(tmp_path / "data", "inputs")
        steno.log_artifacts(tmp_path / "data", "flat")
        uri = steno.get_artifact_uri("flat/a.csv")
    client = steno.Client()
    run_id = run.info.run_id
    assert [item.path for item in client.list_artifacts(run_id)] == ["a.csv", "flat", "inputs"]
    assert [item.path for item in client.list_artifacts(run_id, "inputs/data")] == ["inputs/data/a.csv"]
    assert local_path(uri).read_text() == "1,2"
    assert uri.startswith(run.info.artifact_uri)
    (tmp_path / "out").mkdir()
    copy = client.download_artifacts(run_id, "flat", str(tmp_path / "out"))
    assert Path(copy, "a.csv").read_text() == "1,2"
