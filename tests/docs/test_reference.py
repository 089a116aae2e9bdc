"""The reference is complete and true: every public name, every method of the client, every command."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import steno
from steno.cli.main import main

ROOT = Path(steno.__file__).parents[2]
TRACKING = (ROOT / "docs/reference/tracking.md").read_text(encoding="utf-8")
REFERENCE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs/reference").glob("*.md"))
COMMANDS = (ROOT / "docs/reference/command-line.md").read_text(encoding="utf-8")
ELSEWHERE = {"Client", "MlflowClient", "autolog", "disable", "enable", "off", "status"}
ELSEWHERE |= {"ActiveRun", "Image", "MlflowException"}
ELSEWHERE |= {"artifacts", "data", "entities", "errors", "exceptions", "models", "pyfunc"}


def signature_of(name: str, function: object) -> str:
    """The call as the reference shows it: names and defaults, without types."""
    assert callable(function)
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name != "self"
    ]
    return f"{name}{inspect.Signature(parameters)}"


@pytest.mark.parametrize("name", sorted(set(steno.__all__) - ELSEWHERE))
def test_every_function_stands_in_the_reference(name: str) -> None:
    """The reference of tracking has a heading for each public function, with its real arguments and defaults."""
    assert f"### `{signature_of(name, getattr(steno, name))}`" in TRACKING


def test_every_method_of_the_client_stands_in_the_reference() -> None:
    """The reference names each method of the client with its real arguments and defaults."""
    methods = [name for name, _ in inspect.getmembers(steno.Client, inspect.isfunction) if not name.startswith("_")]

    assert [name for name in methods if f"`{signature_of(name, getattr(steno.Client, name))}`" not in TRACKING] == []


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_the_other_names_are_mentioned(name: str) -> None:
    """Each public name that is no tracking function is explained on some page of the reference."""
    assert f"steno.{name}" in REFERENCE


def _commands() -> Iterator[tuple[str, str]]:
    def walk(command: click.Command, path: tuple[str, ...], parent: click.Context | None) -> Iterator[tuple[str, str]]:
        settings = {**command.context_settings, "max_content_width": 88, "terminal_width": 88}
        context = click.Context(command, info_name=path[-1], parent=parent, **settings)
        yield " ".join(path), command.get_help(context)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                assert child is not None
                yield from walk(child, (*path, name), context)

    yield from walk(main, ("steno",), None)


@pytest.mark.parametrize(("name", "text"), [pytest.param(*row, id=row[0]) for row in _commands()])
def test_every_command_stands_in_the_reference(name: str, text: str) -> None:
    """The reference of the command line shows each command's own help."""
    assert f"## `{name}`" in COMMANDS
    assert text in COMMANDS
