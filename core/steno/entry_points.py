"""The entry points of plugins, by name: nothing of a plugin is imported to find it.

Read without importlib.metadata, which costs 30 ms to import and 25 ms a call.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["ALWAYS_ON", "FRAMEWORKS", "EntryPoint", "scan", "stamp"]

FRAMEWORKS = "steno"
ALWAYS_ON = "steno.plugins"
_FOLDERS = (".dist-info", ".egg-info")


class EntryPoint(NamedTuple):
    """One line of some distribution's entry points, in a group of ours.

    Attributes:
        name: for group `steno` the framework's import name.
        value: the module that it names.
        group: "steno" or "steno.plugins".
        distribution: name of the distribution, "" if its metadata does not say.
        version: its version.
    """

    name: str
    value: str
    group: str
    distribution: str
    version: str


def stamp() -> object:
    """Changes when `sys.path`, or a folder on it, changes."""
    stamps = []
    for entry in sys.path:
        try:
            stamps.append((entry, os.stat(entry or ".").st_mtime_ns))  # noqa: PTH116  Path costs ten times as much
        except (OSError, ValueError, TypeError):  # gone, or nothing that could be a folder
            stamps.append((entry, 0))
    return stamps


def scan() -> Iterator[EntryPoint]:
    """Every entry point of ours, in the order of `sys.path`, then of distributions."""
    for entry in dict.fromkeys(sys.path):
        try:
            with os.scandir(entry or ".") as found:
                folders = sorted(item.path for item in found if item.name.endswith(_FOLDERS))
        except NotADirectoryError:
            yield from _scan_archive(entry)
            continue
        except (OSError, ValueError, TypeError):
            continue
        for folder in folders:
            yield from _read_folder(Path(folder))


def _read_folder(folder: Path) -> Iterator[EntryPoint]:
    try:
        with open(f"{folder}/entry_points.txt", encoding="utf-8") as file:  # noqa: PTH123  hundreds of these
            text = file.read()
    except (OSError, UnicodeDecodeError):
        return
    if "[steno" in text:
        yield from _read(text, *_distribution(folder))


def _scan_archive(entry: str) -> Iterator[EntryPoint]:
    """A zip or anything else that only importlib.metadata can look into."""
    from importlib import metadata  # noqa: PLC0415  30 ms, and nearly nobody has a zip on sys.path

    for distribution in metadata.distributions(path=[entry]):
        text = distribution.read_text("entry_points.txt") or ""
        if "[steno" in text:
            yield from _read(text, distribution.metadata["Name"] or "", distribution.version)


def _read(text: str, distribution: str, version: str) -> Iterator[EntryPoint]:
    group = ""
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif group in (FRAMEWORKS, ALWAYS_ON) and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            value = value.partition("[")[0].strip()  # extras are of no use here
            yield EntryPoint(name.strip(), value, group, distribution, version)


def _distribution(folder: Path) -> tuple[str, str]:
    """Name and version, from the head of METADATA or PKG-INFO, else from the folder's name."""
    found = dict.fromkeys(("Name", "Version"), "")
    for file in ("METADATA", "PKG-INFO"):
        try:
            head = (folder / file).read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
        except OSError:
            continue
        for line in head.splitlines():
            key, _, value = line.partition(":")
            if key in found and not found[key]:
                found[key] = value.strip()
        break
    name, _, version = folder.stem.partition("-")
    return found["Name"] or name, found["Version"] or version
