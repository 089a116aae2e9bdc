"""`steno integrations`: what `steno.autolog()` would watch here, and why not the rest."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import click

import steno
from steno.autologging import control
from steno.autologging.guard import Guard
from steno.autologging.report import Status, StatusRow
from steno.cli.options import json_option, print_json
from steno.cli.screen import console, indented, styled, table
from steno.display import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["integrations"]

_COLUMNS = ("integration", "state", "version", "patches", "plugin from")
_NARROW = 72  # columns of a terminal in which the reason needs the room of the rest
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
    said = status.plugins or {}
    chosen = Status(rows, status.note, {name: said[name] for name in names if name in said} if names else said)
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
    said_lines = list(chosen.plugin_lines())
    if said_lines:
        screen.print(styled("\n", "\n".join(said_lines)), soft_wrap=True)
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
    """Import one framework; whatever its import raises is shown in place of a traceback."""
    guard = Guard(name)
    guard.silent = True
    with guard.step("import") as step:
        try:
            importlib.import_module(name)
        except SystemExit as error:
            raise ImportError(f"it ends the program with SystemExit({error})") from error
    if step.fault is not None:
        click.echo(printable(f"steno: importing {name} failed: {step.fault}"), err=True)


def _table(status: Status, screen: Console) -> RenderableType:
    made = table(screen)
    narrow = screen.width < _NARROW
    for heading in ("integration", "state") if narrow else _COLUMNS:
        made.add_column(heading, justify="right" if heading == "patches" else "left", no_wrap=True)
    made.add_column("why")
    for row in status.values():
        mark, style = _MARKS.get(row.state, ("?", ""))
        cells = [
            styled((row.name, "bold")), styled((f"{mark} {row.state}", style)), styled(row.version or "–"),
            styled(str(len(row.patches)) if row.patches else "–"), styled((row.distribution, "dim")),
        ]  # fmt: skip
        made.add_row(*(cells[:2] if narrow else cells), styled(_why(row)))
    return made


def _why(row: StatusRow) -> str:
    return row.cells()["why"]
