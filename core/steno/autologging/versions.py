"""Is the framework that was imported one that the plugin can serve?"""

from __future__ import annotations

from types import ModuleType

__all__ = ["framework_version", "version_problem"]

_NOT_IN_NAMES = "<>=!~;[( "


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

    for distribution in filter(None, (_split(requires)[0], name)):
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
    clauses = [clause.strip() for clause in _split(requires)[1].split(",") if clause.strip()]
    if _is_release(version) and all(_is_simple(clause) for clause in clauses):
        fits = all(_holds(version, clause) for clause in clauses)
    else:
        fits = _contains(requires, version)
    return "" if fits else f"version {version} is installed and {requires} is required"


def _split(requires: str) -> tuple[str, str]:
    """The distribution's name and what is said of it."""
    text = requires.strip()
    end = next((place for place, letter in enumerate(text) if letter in _NOT_IN_NAMES), len(text))
    return text[:end], text[end:]


def _is_release(version: str) -> bool:
    return all(part.isdecimal() for part in version.split("."))


def _is_simple(clause: str) -> bool:
    return clause.startswith((">=", "<")) and _is_release(clause.lstrip("><=").strip()) and not clause.startswith("<=")


def _holds(version: str, clause: str) -> bool:
    """Compare plain releases, the common case; packaging costs 25 ms to import."""
    have, want = ([int(part) for part in text.split(".")] for text in (version, clause.lstrip("><=").strip()))
    width = max(len(have), len(want))
    have += [0] * (width - len(have))
    want += [0] * (width - len(want))
    return have >= want if clause.startswith(">=") else have < want


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
