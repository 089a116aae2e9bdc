"""Errors show the value, whatever it is."""

from __future__ import annotations

import pytest

from steno.errors import NotFoundError, shown


class Sulky:
    """An object that does not want to be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("adam", "'adam' (str)"),
        (0.5, "0.5 (float)"),
        (10**5000, "<too long to show> (int)"),
        ([10**5000], "<too long to show> (list)"),
        ({"a": [1, 2]}, "{'a': [1, 2]} (dict)"),
    ],
    ids=["text", "float", "long int", "list of a long int", "dict"],
)
def test_a_value_is_shown_with_its_type(value: object, text: str) -> None:
    """An error message shows the value and its type, numbers of any length included."""
    assert shown(value) == text


def test_a_value_that_cannot_be_shown_is_named() -> None:
    """An object whose own repr raises is named by its class instead of raising once more."""
    assert shown(Sulky()).startswith("<Sulky instance at 0x")


def test_a_long_value_is_cut() -> None:
    """A message never grows with the value that it shows."""
    assert len(shown("x" * 10**6)) < 150


def test_an_error_has_its_message_under_mlflows_name() -> None:
    """Code that reads `error.message`, as of an `MlflowException`, reads the text."""
    error = NotFoundError("there is no run 'x'")
    assert (error.message, error.error_code) == ("there is no run 'x'", "RESOURCE_DOES_NOT_EXIST")
