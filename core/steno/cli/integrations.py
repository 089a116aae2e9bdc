"""`steno integrations`: what `steno.autolog()` would watch here, and why not the rest."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

import steno
from steno.cli.options import json_option, print_json
from steno.cli.screen import console, styled, table

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from steno.autologging.status import Status, StatusRow

__all__ = ["integrations"]

_MARKS = {
    "on": ("●", "green"),
    "waiting": ("○", "green"),
    "partial": ("◐", "yellow"),
    "pinned": ("◐", "yellow"),
    "off": ("–", "dim"),
    "blocked": ("–", "yellow"),
    "absent": ("–", "dim"),
    "unsupported": ("✗", "red"),
    "broken": ("✗", "red"),
}


@click.command()
@click.option("--load", is_flag=True, help="Import the frameworks and patch them, to see what happens then.")
@json_option
def integrations(load: bool, as_json: bool) -> None:
    """Show what autolog() watches here, and why.

    Frameworks are not imported for this, so those that are installed are "waiting": they are watched from the moment
    a program imports them.
    """
    steno.autolog(silent=True)
    if load:
        for row in steno.status().values():
            if row.state == "waiting" and row.options is not None:  # a plugin without a framework has no options
                _load(row.name)
    status = steno.status()
    if as_json:
        print_json(status.to_json())
        return
    screen = console()
    screen.print(_table(status, screen))
    if status.note:
        screen.print(styled("\n", status.note))


def _load(name: str) -> None:
    """Import one framework; what its import raises is shown in place of a traceback."""
    if find_spec(name) is None:
        return
    try:
        importlib.import_module(name)
    except (ImportError, OSError) as error:
        click.echo(f"steno: importing {name} failed: {error}", err=True)


def _table(status: Status, screen: Console) -> RenderableType:
    made = table(screen)
    for heading, right in (("integration", False), ("state", False), ("version", False), ("patches", True)):
        made.add_column(heading, justify="right" if right else "left", no_wrap=True)
    made.add_column("plugin from", no_wrap=True)
    made.add_column("why")
    for row in status.values():
        mark, style = _MARKS.get(row.state, ("?", ""))
        made.add_row(
            styled((row.name, "bold")), styled((f"{mark} {row.state}", style)), styled(row.version or "–"),
            styled(str(len(row.patches)) if row.patches else "–"), styled((row.distribution, "dim")), styled(_why(row)),
        )  # fmt: skip
    return made


def _why(row: StatusRow) -> str:
    return row.cells()["why"]
