"""Settings: argument, else environment `STENO_*`, else project file, else default.

The project file is the `[tool.steno]` table of the nearest `pyproject.toml` above the working directory.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from steno.errors import InvalidInputError, shown

__all__ = ["flag", "names", "pairs", "project_root", "setting"]

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})


def project_root(start: Path | None = None) -> Path | None:
    """The nearest folder at or above `start` (default: the working directory) with a `pyproject.toml` or `.git`."""
    try:
        here = (start or Path.cwd()).resolve()
    except OSError:  # the working directory was deleted under us
        return None
    return next((folder for folder in (here, *here.parents) if _marks_project(folder)), None)


def _marks_project(folder: Path) -> bool:
    try:
        return (folder / "pyproject.toml").exists() or (folder / ".git").exists()
    except OSError:
        return False


class _ProjectFile:
    """The project file's table, read again only when the file or the working directory changed."""

    def __init__(self) -> None:
        self._seen: object = None
        self._root: Path | None = None
        self._read: object = None
        self._table: dict[str, Any] = {}

    def table(self) -> dict[str, Any]:
        """The table `[tool.steno]`; empty where there is none, or none that can be read."""
        try:
            here = os.getcwd()  # noqa: PTH109  Path costs more than the rest of this
            seen = (here, os.stat(here).st_mtime_ns)  # noqa: PTH116
        except OSError:  # the working directory was deleted under us
            return {}
        if seen != self._seen:
            self._root, self._seen = project_root(), seen
        if self._root is None:
            return {}
        file = self._root / "pyproject.toml"
        try:
            state = os.stat(file)  # noqa: PTH116
        except OSError:
            return {}
        read = (file, state.st_mtime_ns, state.st_size)
        if read != self._read:
            self._table, self._read = _parsed(file), read
        return self._table


_project_file = _ProjectFile()


def _parsed(file: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415  5 ms, and most projects have no table of ours

    try:
        text = file.read_text(encoding="utf-8")
        if "tool.steno" not in text:
            return {}
        table = tomllib.loads(text).get("tool", {}).get("steno", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}
    return table if isinstance(table, dict) else {}


def setting(name: str, argument: Any = None, default: Any = None) -> Any:
    """The value of one setting.

    Args:
        name: such as `"tracking_uri"`; its environment variable is `STENO_TRACKING_URI`.
        argument: what the caller was given; wins unless None.
        default: what holds when nobody said anything.
    """
    if argument is not None:
        return argument
    from_environment = os.environ.get(f"STENO_{name.upper()}")
    if from_environment is not None:
        return from_environment
    return _project_file.table().get(name, default)


def flag(name: str, argument: bool | None = None, default: bool = False) -> bool:
    """The value of one yes/no setting.

    Raises:
        InvalidInputError: if the environment or the project file holds something that is neither.
    """
    value = setting(name, argument, default)
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise InvalidInputError(
        f"setting {name!r} has value {shown(value)}, accepted are true and false: "
        f"set STENO_{name.upper()}=true or =false"
    )


def names(name: str) -> frozenset[str]:
    """The value of a setting that lists names, separated by commas or given as a TOML list.

    Raises:
        InvalidInputError: if the project file holds something else.
    """
    value = setting(name, default="")
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise InvalidInputError(
            f'setting {name!r} has value {shown(value)}, accepted are names: write {name} = ["sklearn"] in [tool.steno]'
        )
    return frozenset(item.strip() for item in items if item.strip())


def pairs(name: str) -> dict[str, str]:
    """The value of a setting that is a table of texts, or `key=value` separated by commas.

    Raises:
        InvalidInputError: if it is neither.
    """
    value = setting(name, default="")
    if isinstance(value, dict):
        return {str(key): str(text) for key, text in value.items()}
    items = (
        [item.partition("=") for item in value.split(",") if item.strip()] if isinstance(value, str) else [("",) * 3]
    )
    if not all(key.strip() and sign for key, sign, _ in items):
        raise InvalidInputError(
            f"setting {name!r} has value {shown(value)}, accepted are pairs: set "
            f"STENO_{name.upper()}=team=blue,stage=dev, "
            f'or write {name} = {{team = "blue"}} in [tool.steno]'
        )
    return {key.strip(): text.strip() for key, _, text in items}
