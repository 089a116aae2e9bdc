"""What a model needs to run elsewhere: exact versions of the distributions behind the modules it uses.

Nothing is started and nothing is imported: the modules are those that the model's own files name (classes and
functions inside a pickle), and a module is mapped to its distribution by the metadata that lies beside it. What comes
from no installed distribution (a notebook, a file of the project, an editable install) cannot be required; it is
reported as a local module.
"""

from __future__ import annotations

import functools
import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Environment", "conda_env", "differences", "modules_named_in", "python_env", "required"]

_SCANNED_BYTES = 4 * 2**20
_SHORT = rb"\x8c.([A-Za-z_][\w.]*)\x94"
# A class or function in a pickle of protocol 4 or later: module, name, STACK_GLOBAL; the name may be a reference back.
_GLOBAL = re.compile(_SHORT + rb"(?:\x8c.[A-Za-z_][\w.<>]*\x94|h.|j....)\x93", re.DOTALL)
_ANY = re.compile(_SHORT, re.DOTALL)
_NAME = re.compile(r"^(?P<name>.+?)-(?P<version>\d[^-]*)(?:-py[\d.]+)?\.(?P<kind>dist|egg)-info$")
_SEPARATORS = re.compile(r"[-_.]+")
_DISTRIBUTION = re.compile(r"^\s*([A-Za-z0-9][\w.-]*)\s*(\[[^\]]*\])?")


@dataclass(frozen=True, slots=True)
class Environment:
    """What a model needs.

    Attributes:
        requirements: lines of a requirements.txt, sorted.
        local_modules: modules that no installed distribution brings.
    """

    requirements: tuple[str, ...]
    local_modules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Distribution:
    name: str
    version: str
    folder: str
    site: str


def _canonical(name: str) -> str:
    return _SEPARATORS.sub("-", name).lower()


class _Installed:
    """The distributions on `sys.path`, read once and again when `sys.path` changes; who brings a module, once found."""

    def __init__(self) -> None:
        self._path: tuple[str, ...] = ()
        self._by_name: dict[str, _Distribution] = {}
        self._owners: dict[str, _Distribution | None] = {}

    def by_name(self, name: str) -> _Distribution | None:
        """The distribution of this name."""
        self._refresh()
        return self._by_name.get(_canonical(name))

    def owner(self, module: str) -> _Distribution | None:
        """The distribution that brings a module that is loaded in this process."""
        self._refresh()
        top = module.partition(".")[0]
        if top not in self._owners:
            self._owners[top] = self._find(module, top)
        return self._owners[top]

    def _refresh(self) -> None:
        path = tuple(sys.path)
        if path == self._path:
            return
        by_name: dict[str, _Distribution] = {}
        for entry in reversed(path):
            for found in _metadata_in(entry or os.curdir):
                by_name[_canonical(found.name)] = found
        # without a lock, which a forked child could find held: two threads merely do the same work twice
        self._by_name, self._owners, self._path = by_name, {}, path

    def _find(self, module: str, top: str) -> _Distribution | None:
        place = _file_of(module) or _file_of(top)
        if place is None:
            return self._by_name.get(_canonical(top))
        named = self._by_name.get(_canonical(top))
        if named is not None and place.startswith(named.site + os.sep):
            return named
        beside = [found for found in self._by_name.values() if place.startswith(found.site + os.sep)]
        for found in beside:
            if top in _lines(found, "top_level.txt"):
                return found
        for found in beside:
            inside = os.path.relpath(place, found.site).replace(os.sep, "/")
            if any(line.startswith(f"{inside},") for line in _lines(found, "RECORD")):
                return found
        return None


def _metadata_in(folder: str) -> list[_Distribution]:
    try:
        names = os.listdir(folder)  # noqa: PTH208  five times as fast as iterdir, and most entries are no metadata
    except OSError:
        return []
    found = []
    for name in names:
        match = _NAME.match(name) if name.endswith("-info") else None
        if match is not None:
            found.append(_Distribution(match["name"], match["version"], os.path.join(folder, name), folder))  # noqa: PTH118
    return found


def _lines(found: _Distribution, name: str) -> list[str]:
    try:
        return Path(found.folder, name).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _file_of(module: str) -> str | None:
    loaded = sys.modules.get(module)
    place = getattr(loaded, "__file__", None)
    if isinstance(place, str):
        return place
    paths = list(getattr(loaded, "__path__", ()))
    return str(paths[0]) if paths else None


_installed = _Installed()


def modules_named_in(file: Path) -> set[str]:
    """The modules whose classes and functions a pickle names; empty for a file that is no pickle.

    Of a large file the beginning and the end are read; the pickle is not run.
    """
    with file.open("rb") as stream:
        if stream.read(1) != b"\x80":
            return set()
        stream.seek(0)
        text = stream.read(_SCANNED_BYTES)
        size = stream.seek(0, os.SEEK_END)
        if size > 2 * _SCANNED_BYTES:
            stream.seek(size - _SCANNED_BYTES)
            text += stream.read()
        elif size > _SCANNED_BYTES:
            stream.seek(_SCANNED_BYTES)
            text += stream.read()
    # A function pickled by value imports what it uses by `subimport`, whose argument may be any earlier text.
    found = _ANY.findall(text) if b"subimport" in text else _GLOBAL.findall(text)
    names = {name.decode("ascii", "replace") for name in found}
    return {name for name in names if name in sys.modules}


def required(declared: Iterable[str], modules: Iterable[str]) -> Environment:
    """The distributions, with exact versions, that are declared or bring one of these modules.

    Args:
        declared: requirements, or names of distributions or modules; what has a version keeps it.
        modules: names of modules that are loaded in this process.
    """
    found: dict[str, str] = {}
    local: set[str] = set()
    for line in declared:
        name = _DISTRIBUTION.match(line)
        if name is None or line.strip() != name.group().strip():
            found[_canonical(name[1]) if name is not None else line] = line.strip()
            continue
        owner = _installed.by_name(name[1]) or _installed.owner(name[1])
        extras = name[2] or ""
        if owner is None:
            found[_canonical(name[1])] = line.strip()
        else:
            found[_canonical(owner.name)] = f"{_canonical(owner.name)}{extras}=={owner.version}"
    for module in modules:
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names or top == "builtins":
            continue
        owner = _installed.owner(module)
        if owner is None:
            local.add(module)
        else:
            found.setdefault(_canonical(owner.name), f"{_canonical(owner.name)}=={owner.version}")
    return Environment(tuple(sorted(found.values(), key=str.lower)), tuple(sorted(local)))


def differences(requirements: Path) -> list[str]:
    """The exact requirements of a file that this process does not meet, each with what is here instead."""
    try:
        lines = requirements.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    found = []
    for line in lines:
        name, pinned, version = line.partition("==")
        here = _installed.by_name(name.partition("[")[0].strip())
        if pinned and (here is None or here.version != version.strip()):
            found.append(f"{line.strip()} (here {'none' if here is None else here.version})")
    return found


@functools.cache
def _pip_version() -> str:
    pip = _installed.by_name("pip")
    return pip.version if pip is not None else ""


def python_env() -> Mapping[str, Any]:
    """The content of `python_env.yaml`."""
    version = _pip_version()
    tools = [f"pip=={version}" if version else "pip", "setuptools", "wheel"]
    return {
        "python": platform.python_version(),
        "build_dependencies": tools,
        "dependencies": ["-r requirements.txt"],
    }


def conda_env(requirements: Sequence[str]) -> Mapping[str, Any]:
    """The content of `conda.yaml`."""
    version = _pip_version()
    return {
        "channels": ["conda-forge"],
        "dependencies": [
            f"python={platform.python_version()}",
            f"pip<={version}" if version else "pip",
            {"pip": list(requirements)},
        ],
        "name": "model-env",
    }
