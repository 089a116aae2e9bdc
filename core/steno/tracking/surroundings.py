"""What has to be asked: git, the installed packages, the machine. Slow; called in the recorder's thread."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from steno.tracking.redaction import redacted_url

__all__ = ["code_folder", "git_tags", "machine", "packages"]

_GIT_TIMEOUT_S = 2.0


# -- git


def code_folder() -> Path | None:
    """The folder of the main script, else the working directory."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    try:
        if isinstance(main, str) and "ipykernel" not in sys.modules and Path(main).is_file():
            return Path(main).resolve().parent
        return Path.cwd()
    except OSError:
        return None


def git_tags(folder: Path | None) -> dict[str, str]:
    """Commit, branch, remote and whether files differ from the commit; nothing outside a repository."""
    try:
        inside = folder is not None and any((parent / ".git").exists() for parent in (folder, *folder.parents))
    except OSError:
        inside = False
    if folder is None or not inside:
        return {}
    until = time.monotonic() + _GIT_TIMEOUT_S
    tags: dict[str, str] = {}
    commit = _git(folder, until, "rev-parse", "--verify", "-q", "HEAD")
    if commit:
        tags["mlflow.source.git.commit"] = commit
    branch = _git(folder, until, "symbolic-ref", "--short", "-q", "HEAD")
    if branch:
        tags["mlflow.source.git.branch"] = branch
    remote = _git(folder, until, "config", "--get", "remote.origin.url")
    if remote:
        tags["mlflow.source.git.repoURL"] = redacted_url(remote)
    changes = _git(folder, until, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all")
    if changes is not None:
        tags["steno.git.dirty"] = "true" if changes else "false"
    return tags


def _git(folder: Path, until: float, *arguments: str) -> str | None:
    """The answer of one git command; None if it failed, took too long or there is no git.

    Locks are not taken and file-system monitors not started: nothing of the user's repository changes.
    """
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=max(0.05, until - time.monotonic()),
            env=environment,
            check=False,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode in (0, 1) else None


# -- packages and machine


def packages() -> dict[str, str]:
    """Version by distribution of every loaded package that came from one.

    Most are found by the distribution's own name or its `top_level.txt`; the long lists of files are read only for
    the packages that are left.
    """
    left = {name.partition(".")[0] for name in list(sys.modules)} - set(sys.stdlib_module_names)
    found: dict[str, str] = {}
    unclear: list[tuple[str, str, str]] = []
    for place, distribution, version in _distributions():
        tops = _tops(place, distribution)
        if tops & left:
            found.setdefault(distribution, version)
            left -= tops
        elif not (Path(place) / "top_level.txt").exists():
            unclear.append((place, distribution, version))
    for place, distribution, version in unclear:
        if _lists_any(place, left):
            found.setdefault(distribution, version)
    return found


def _distributions() -> Iterable[tuple[str, str, str]]:
    """The metadata folder, name and version of everything installed, the first on `sys.path` first."""
    for entry in dict.fromkeys(sys.path):
        try:
            names = os.listdir(entry or ".")  # noqa: PTH208  names only
        except OSError:
            continue
        for name in names:
            stem, dot, kind = name.rpartition(".")
            if dot and kind in ("dist-info", "egg-info"):
                distribution, _, version = stem.partition("-")
                yield f"{entry or '.'}/{name}", distribution, version.partition("-")[0]


def _tops(place: str, distribution: str) -> set[str]:
    names = {distribution, distribution.lower(), distribution.replace("_", "")}
    try:
        with open(f"{place}/top_level.txt", encoding="utf-8") as file:  # noqa: PTH123  hundreds of these
            return names | {line.strip() for line in file if line.strip()}
    except (OSError, UnicodeDecodeError):
        return names


def _lists_any(place: str, packages: set[str]) -> bool:
    try:
        with open(f"{place}/RECORD", encoding="utf-8") as file:  # noqa: PTH123  see above
            return any(line.partition("/")[0] in packages for line in file if "/__init__.py," in line)
    except (OSError, UnicodeDecodeError):
        return False


def machine() -> dict[str, object]:
    """Platform, host name, processors, memory."""
    found: dict[str, object] = {
        "platform": platform.platform(),
        "architecture": platform.machine(),
        "hostname": platform.node(),
        "cpus": os.cpu_count(),
        "python": sys.implementation.name,
    }
    with contextlib.suppress(OSError, ValueError, AttributeError):
        found["memory_bytes"] = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return found
