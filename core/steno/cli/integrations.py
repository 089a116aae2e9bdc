"""`steno integrations`: what `steno.autolog()` would watch here, and why not the rest."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

import steno
from steno.autologging import control
from steno.autologging.report import Status, StatusRow
from steno.cli.options import json_option, print_json
from steno.cli.screen import console, indented, styled, table

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

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
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--load", is_flag=True, help="Import the frameworks and patch them, to see what happens then.")
@click.option("--patches", is_flag=True, help="List the functions that are patched, by how they are.")
@json_option
def integrations(names: tuple[str, ...], load: bool, patches: bool, as_json: bool) -> None:
    """Show what autolog() watches here, and why.

    Frameworks are not imported for this, so those that are installed are "waiting": they are watched from the moment
    a program imports them. With NAME one integration is imported and shown in full: its options, what is patched and
    how, what was not recorded last and why, the last fault with its traceback.
    """
    steno.autolog(silent=True)
    status = steno.status()
    _known(names, status)
    for row in status.values():
        waiting = row.state == "waiting" and row.options is not None  # a plugin without a framework has no options
        if waiting and (load or row.name in names):
            _load(row.name)
    rows = [control.describe(name) for name in names] or list(steno.status().values())
    chosen = Status(rows, status.note, status.plugins)
    if as_json:
        print_json(chosen.to_json())
        return
    screen = console()
    if names:
        for place, row in enumerate(rows):
            screen.print(*[""] * (place > 0), row, sep="\n", soft_wrap=True)
    else:
        screen.print(_table(chosen, screen))
        for row in rows if patches else ():
            _print_patches(row, screen)
    if status.note:
        screen.print(styled("\n", status.note))


def _known(names: tuple[str, ...], status: Status) -> None:
    for name in names:
        if name not in status:
            raise click.BadParameter(
                f"no integration is called {name!r}; installed are {', '.join(status)}", param_hint="NAME"
            )


def _print_patches(row: StatusRow, screen: Console) -> None:
    for kind, targets in row.patches_by_kind().items():
        screen.print(styled("\n", (row.name, "bold"), f": {len(targets)} patched {kind}"))
        screen.print(indented(styled("\n".join(targets))))


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
