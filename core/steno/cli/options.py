"""Options that several commands share, and their machine-readable output."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

import steno

__all__ = ["json_option", "print_json", "store_option"]

F = TypeVar("F", bound=Callable[..., Any])


def _use_store(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        steno.set_tracking_uri(value)
    return value


def json_option(command: F) -> F:
    """`--json`, given to the command as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)


def store_option(command: F) -> F:
    """`--store`, which may stand after the command's name as well as before it."""
    return click.option("--store", metavar="URI", callback=_use_store, expose_value=False, help="Which store to read.")(
        command
    )


def print_json(value: Any) -> None:
    """Print a value of plain containers; NaN and infinities have become text in `to_json` already."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))
