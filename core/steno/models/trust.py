"""Which models may be loaded: nothing that was altered, nothing outside its folder, no code without consent.

`manifest.json` lists SHA-256 and size of every file of a model folder. It is checked before anything is loaded. It
proves that a folder is as it was written, not who wrote it: loading what runs code (a pickle) needs the folder to lie
in the artifacts of the local store, or the caller's `trust=True`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from steno.errors import ModelError, UntrustedModelError, shown

__all__ = ["MANIFEST", "check_names", "refuse", "verify", "write_manifest"]

MANIFEST = "manifest.json"
_ADDED_BY_OTHERS = frozenset({"registered_model_meta", ".DS_Store"})
_MOST_BYTES = 16 * 2**20


def write_manifest(folder: Path, facts: Mapping[str, Any], contents: Mapping[str, bytes]) -> None:
    """Write the manifest of all files of a folder.

    Args:
        folder: the model's folder, whole but for the manifest.
        facts: what else the manifest says.
        contents: of the files that were just written; the others are read.
    """
    files = {}
    for name, path in sorted(_files(folder)):
        content = contents.get(name)
        files[name] = _digest(path) if content is None else _entry(hashlib.sha256(content).hexdigest(), len(content))
    text = json.dumps({"version": 1, **facts, "files": files}, indent=1)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def verify(folder: Path, *, expected: bool) -> bool:
    """Check a folder against its manifest; False if it has none.

    Args:
        folder: the model's folder.
        expected: whether the folder must have one, because steno wrote it.

    Raises:
        ModelError: if a file was changed, added or removed, or is a link.
    """
    present = dict(_files(folder))
    manifest = folder / MANIFEST
    if not manifest.is_file():
        if expected:
            raise ModelError(
                f"{folder} was written by steno and has no {MANIFEST}, so that nobody knows whether it is whole: "
                "get the folder again from where it came"
            )
        return False
    listed = _read(manifest)
    for name, entry in listed.items():
        path = present.pop(name, None)
        if path is None:
            _altered(folder, name, "is missing")
        if path.stat().st_size != entry.get("size") or _digest(path)["sha256"] != entry.get("sha256"):
            _altered(folder, name, "is not what was written")
    for name in present:
        if Path(name).name not in _ADDED_BY_OTHERS:
            _altered(folder, name, "was added")
    return True


def check_names(folder: Path, conf: Any) -> None:
    """Refuse a description whose names of files lead out of the model's folder.

    Raises:
        ModelError: naming the one that does.
    """
    if isinstance(conf, Mapping):
        for value in conf.values():
            check_names(folder, value)
    elif isinstance(conf, list):
        for value in conf:
            check_names(folder, value)
    elif isinstance(conf, str) and (os.path.isabs(conf) or ".." in conf.replace("\\", "/").split("/")):  # noqa: PTH117
        raise ModelError(f"MLmodel of {folder} names {shown(conf)}, which lies outside of the folder: refused")


def refuse(uri: str, what: str) -> NoReturn:
    """Say that loading runs code and how to allow it.

    Raises:
        UntrustedModelError: always.
    """
    raise UntrustedModelError(
        f"loading {uri!r} runs code from its files ({what}), and the folder lies outside of the local store: "
        f"if you know who made it, write load_model({uri!r}, trust=True)"
    )


def _read(manifest: Path) -> dict[str, Any]:
    try:
        if manifest.stat().st_size > _MOST_BYTES:
            raise ModelError(f"{manifest} has more than {_MOST_BYTES} bytes: refused")
        files = json.loads(manifest.read_text(encoding="utf-8"))["files"]
        if isinstance(files, dict) and all(isinstance(entry, dict) for entry in files.values()):
            return files
        fault: Exception | None = None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as raised:
        fault = raised
    raise ModelError(f"{manifest} cannot be read: get the folder again from where it came") from fault


def _altered(folder: Path, name: str, how: str) -> NoReturn:
    raise ModelError(
        f"model folder {folder}: file {shown(name)} {how} since the model was saved, so that nothing of it is loaded; "
        "get the folder again from where it came"
    )


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below a folder by its relative name, but the manifest; a link is an error."""
    pending = [("", folder)]
    while pending:
        prefix, place = pending.pop()
        with os.scandir(place) as listing:
            entries = list(listing)
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if entry.is_symlink():
                raise ModelError(f"model folder {folder}: {shown(name)} is a link, which may lead out of it: refused")
            if entry.is_dir():
                pending.append((f"{name}/", Path(entry.path)))
            elif name != MANIFEST:
                yield name, Path(entry.path)


def _digest(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return _entry(digest, stream.tell())


def _entry(digest: str, size: int) -> dict[str, Any]:
    return {"sha256": digest, "size": size}
