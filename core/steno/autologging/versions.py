"""Is the framework that was imported one that the plugin can serve?"""

from __future__ import annotations

import re
from types import ModuleType

__all__ = ["framework_version", "version_problem"]

_SIMPLE = re.compile(r"(?P<name>[A-Za-z0-9._-]+?)\s*(?P<clauses>(?:(?:>=|<)\s*\d+(?:\.\d+)*\s*,?\s*)*)")
_CLAUSE = re.compile(r"(>=|<)\s*(\d+(?:\.\d+)*)")
_RELEASE = re.compile(r"\d+(?:\.\d+)*")


def framework_version(name: str, requires: str, module: ModuleType | None = None) -> str:
    """The installed version of a framework; "" if it cannot be told.

    Args:
        name: the framework's import name.
        requires: the requirement string, which knows the distribution's name.
        module: the framework, if it has been imported.
    """
    version = getattr(module, "__version__", None)
    if isinstance(version, str) and version:
        return version
    from importlib import metadata  # noqa: PLC0415  30 ms, and most frameworks say their version

    for distribution in (re.split(r"[\s<>=!~\[;(]", requires.strip())[0], name):
        try:
            return metadata.version(distribution)
        except (metadata.PackageNotFoundError, ValueError):
            continue
    return ""


def version_problem(requires: str, version: str) -> str:
    """Why this version cannot be served; "" if it can. A version that nobody knows passes.

    Pre-releases of an accepted version are accepted.

    Raises:
        ValueError: if `requires` is no requirement string.
    """
    if not requires or not version:
        return ""
    simple = _SIMPLE.fullmatch(requires.strip())
    if simple is not None and _RELEASE.fullmatch(version):
        fits = all(_holds(version, *clause) for clause in _CLAUSE.findall(simple["clauses"]))
    else:
        fits = _contains(requires, version)
    return "" if fits else f"version {version} is installed and {requires} is required"


def _holds(version: str, comparator: str, bound: str) -> bool:
    """Compare plain releases, the common case; packaging costs 25 ms to import."""
    have, want = ([int(part) for part in text.split(".")] for text in (version, bound))
    width = max(len(have), len(want))
    have += [0] * (width - len(have))
    want += [0] * (width - len(want))
    return have >= want if comparator == ">=" else have < want


def _contains(requires: str, version: str) -> bool:
    from packaging.requirements import Requirement  # noqa: PLC0415  25 ms, for what the fast way cannot decide
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415  the same

    specifier = Requirement(requires).specifier
    try:
        parsed = Version(version)
    except InvalidVersion:
        return True
    # a pre-release of the first accepted version comes before it in order, and is what people test with
    return specifier.contains(parsed, prereleases=True) or specifier.contains(parsed.base_version, prereleases=True)
