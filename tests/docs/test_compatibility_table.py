"""The table of compatibility is what a measurement says today."""

from __future__ import annotations

from tests.docs.compatibility import PAGE, split, table


def test_the_table_of_compatibility_is_measured() -> None:
    """Each yes and no of the table in the docs is what happens with the libraries of this environment."""
    _, shown, _ = split(PAGE.read_text(encoding="utf-8"))

    assert shown == table(), "run: python tests/docs/compatibility.py"
