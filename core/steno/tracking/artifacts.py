"""The files of a run: a folder that no name can leave, where a file appears only when it is whole."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from steno.entities import FileInfo
from steno.errors import InvalidInputError, NotFoundError, StoreError, shown
from steno.store.opening import asked_plugins
from steno.tracking import hooks
from steno.tracking.location import make_private

__all__ = ["HIDDEN", "ArtifactFolder", "local_path"]

HIDDEN = ".steno-writing-"
_LONGEST_NAME = 255


def local_path(uri: str) -> Path:
    """The folder that an artifact URI means.

    Raises:
        InvalidInputError: it is on another machine.
    """
    parts = urlsplit(uri)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if "://" in uri:
        folder = hooks.artifact_folder(uri)
        if folder is not None:
            return folder
        raise InvalidInputError(
            f"artifact location is {shown(uri)}, accepted are folders of this machine: "
            "create the experiment with artifact_location='/a/folder'" + asked_plugins("steno_artifacts")
        )
    return Path(uri)


class ArtifactFolder:
    """The artifacts of one run.

    Args:
        root: the folder; it is made when the first file is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def uri(self) -> str:
        """The folder as a `file:` URI."""
        return self.root.as_uri()

    def path(self, name: str | os.PathLike[str] | None) -> Path:
        """Where an artifact is, or would be.

        Args:
            name: path relative to the folder, with "/"; None or "" for the folder itself.

        Raises:
            InvalidInputError: the name would leave the folder.
        """
        if name is None or name == "":
            return self.root
        if not isinstance(name, (str, os.PathLike)):
            raise InvalidInputError(f"artifact path is {shown(name)}, accepted is text such as 'plots/loss.png'")
        text = os.fspath(name).replace("\\", "/")
        parts = PurePosixPath(text).parts
        wrong = text.startswith("/") or ".." in parts or "\0" in text or (bool(parts) and parts[0].endswith(":"))
        if wrong or any(len(os.fsencode(part)) > _LONGEST_NAME or part.startswith(HIDDEN) for part in parts):
            raise InvalidInputError(
                f"artifact path is {shown(name)}, accepted is a relative path inside the run's folder, "
                "such as 'plots/loss.png': leave out '..', drive letters and the leading '/'"
            )
        path = self.root.joinpath(*parts)
        if any(map(os.path.islink, itertools.accumulate(parts, os.path.join, initial=str(self.root)))):
            self._stay_inside(path)
        return path

    def _stay_inside(self, path: Path) -> None:
        """A link inside the folder may point out of it."""
        with contextlib.suppress(OSError, RuntimeError):
            real = path.resolve()
            if real != self.root.resolve() and self.root.resolve() not in real.parents:
                raise InvalidInputError(
                    f"artifact path {str(path)!r} leads to {str(real)!r}, outside the run's folder: remove the link"
                )

    # -- writing

    @contextmanager
    def writing(self, name: str | os.PathLike[str]) -> Iterator[Path]:
        """A path to write one artifact to; it takes its name when the block ends without an error.

        Raises:
            StoreError: the disk is full, or the folder cannot be written.
        """
        with self._taking(self.path(name), name) as hidden:
            yield hidden

    @contextmanager
    def _taking(self, path: Path, name: str | os.PathLike[str]) -> Iterator[Path]:
        if path == self.root or str(name).endswith("/"):
            raise InvalidInputError(f"artifact path is {shown(name)}, accepted is the name of a file: 'notes.txt'")
        hidden = path.with_name(f"{HIDDEN}{os.urandom(6).hex()}{path.suffix[-16:]}")
        try:
            make_private(path.parent)
            os.close(os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            yield hidden
            hidden.chmod(0o600)
            hidden.replace(path)
        except OSError as fault:
            raise StoreError(
                f"artifact {str(name)!r} cannot be written to {path.parent}: {fault.strerror or fault}. "
                "Check free space and permissions, then log it again"
            ) from fault
        finally:
            with contextlib.suppress(OSError):
                hidden.unlink(missing_ok=True)

    def write_bytes(self, name: str | os.PathLike[str], data: bytes) -> Path:
        """Write one artifact; returns its path."""
        path = self.path(name)
        with self._taking(path, name) as hidden:
            hidden.write_bytes(data)
        return path

    def log_text(self, text: str, name: str | os.PathLike[str]) -> Path:
        """Write one artifact as UTF-8; returns its path."""
        return self.write_bytes(name, text.encode("utf-8", "backslashreplace"))

    def add_file(self, source: str | os.PathLike[str], folder: str | None = None) -> Path:
        """Copy a file into the folder, or into a folder inside it.

        Raises:
            NotFoundError: no such file.
            InvalidInputError: no regular file: a folder, pipe, socket or device.
        """
        path = _regular(Path(source))
        name = path.name if not folder else f"{folder.rstrip('/')}/{path.name}"
        self._copy(path, name)
        return self.path(name)

    def add_tree(self, source: str | os.PathLike[str], folder: str | None = None) -> None:
        """Copy everything below a folder; links are followed.

        Raises:
            NotFoundError: no such folder.
            InvalidInputError: it holds a pipe, socket, device or a circle of links. Nothing has been copied then.
        """
        top = Path(source)
        if not top.is_dir():
            raise NotFoundError(f"local_dir is {str(source)!r}, which is no folder: a file goes into log_artifact")
        files: list[Path] = []
        folders: list[Path] = []
        for here, is_dir in _walk(top, ()):
            (folders if is_dir else files).append(here)
        prefix = "" if not folder else f"{folder.rstrip('/')}/"
        for here in folders:
            make_private(self.path(f"{prefix}{here.relative_to(top).as_posix()}"))
        for here in files:
            self._copy(here, f"{prefix}{here.relative_to(top).as_posix()}")

    def _copy(self, source: Path, name: str) -> None:
        with self.writing(name) as path:
            # O_NONBLOCK: should a pipe have taken the file's place since, opening it must not wait for a writer
            fd = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(fd, "rb") as read, path.open("wb") as write:  # noqa: PTH123  a descriptor
                while piece := read.read(1 << 20):
                    write.write(piece)

    # -- reading

    def list(self, name: str | None = None) -> list[FileInfo]:
        """Files and folders directly in the folder or in one inside it, by name."""
        path = self.path(name)
        if not path.is_dir():
            return []
        found = []
        with os.scandir(path) as entries:
            for entry in sorted(entries, key=lambda item: item.name):
                if not entry.name.startswith(HIDDEN):
                    relative = Path(entry.path).relative_to(self.root).as_posix()
                    is_dir = entry.is_dir()
                    found.append(FileInfo(relative, is_dir, None if is_dir else entry.stat().st_size))
        return found

    def existing(self, name: str | None) -> Path:
        """The path of an artifact that is there.

        Raises:
            NotFoundError: it is not; the message lists what is.
        """
        path = self.path(name)
        if not path.exists():
            present = ", ".join(item.path for item in self.list()) or "none"
            raise NotFoundError(f"the run has no artifact {name!r}; at the top it has: {present}")
        return path


def _regular(path: Path) -> Path:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as fault:
        raise NotFoundError(f"local_path is {str(path)!r}, which does not exist: pass the path of a file") from fault
    except (OSError, ValueError) as fault:
        raise InvalidInputError(f"local_path is {shown(str(path))}, which cannot be read: {fault}") from fault
    if stat.S_ISDIR(mode):
        raise InvalidInputError(f"local_path is {str(path)!r}, a folder: use steno.log_artifacts(local_dir)")
    if not stat.S_ISREG(mode):
        raise InvalidInputError(
            f"{str(path)!r} is a pipe, socket or device, accepted are files and folders: copy what it holds into one"
        )
    return path


def _walk(folder: Path, above: tuple[tuple[int, int], ...]) -> Iterator[tuple[Path, bool]]:
    """Everything below a folder, and whether it is a folder itself."""
    status = folder.stat()
    identity = (status.st_dev, status.st_ino)
    if identity in above:
        raise InvalidInputError(f"{str(folder)!r} is a link to a folder that holds it: remove the link")
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield path, True
            yield from _walk(path, (*above, identity))
        else:
            yield _regular(path), False
