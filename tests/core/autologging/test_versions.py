"""Which versions of a framework a plugin serves."""

from __future__ import annotations

import sys

import pytest

from steno.autologging.versions import framework_version, version_problem


@pytest.mark.parametrize(
    ("requires", "version", "fits"),
    [
        ("", "1.0", True),
        ("toy", "0.1", True),
        ("toy>=1.5", "1.5", True),
        ("toy>=1.5", "1.5.0", True),
        ("toy >= 1.5", "1.10", True),
        ("toy>=1.5", "1.4.9", False),
        ("toy>=1.5,<2", "1.99.3", True),
        ("toy>=1.5,<2", "2.0", False),
        ("toy>=1.5, <2", "2", False),
        ("toy[extra]>=1.5", "1.4", False),
        ("toy<=1.5", "1.5", True),
        ("toy<=1.5", "1.5.1", False),
        ("toy!=1.5.1,>=1", "1.5.1", False),
        ("toy~=1.5", "1.9", True),
        ("toy~=1.5", "2.0", False),
        ("toy==1.*", "1.7", True),
        ("toy>=1.5", "1.5.0rc1", True),
        ("toy>=1.5", "1.6.dev0+g123", True),
        ("toy>=1.5", "1.4.post2", False),
        ("toy>=1.5", "unknown-build", True),
        ("toy>=1.5", "", True),
    ],
)
def test_a_version_fits_or_the_problem_names_both(requires: str, version: str, fits: bool) -> None:
    """Releases, pre-releases and local builds are compared as pip compares them; what cannot be read passes."""
    problem = version_problem(requires, version)
    assert problem == ("" if fits else f"version {version} is installed and {requires} is required")


def test_a_requirement_that_is_none_is_an_error() -> None:
    """A plugin author's slip is named, not taken for any version."""
    with pytest.raises(ValueError, match="toy"):
        version_problem("toy>=one", "1.0")


def test_the_version_is_the_modules_else_the_distributions() -> None:
    """`__version__` is believed; without it the installed distribution is asked, by its own name or the module's."""
    assert framework_version("pytest", "pytest>=1", pytest) == pytest.__version__
    assert framework_version("yaml", "PyYAML>=5", sys).startswith(("5.", "6.", "7."))
    assert framework_version("pluggy", "", None).startswith("1.")
    assert framework_version("no_such_framework", "no-such-distribution", None) == ""
