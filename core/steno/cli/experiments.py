"""`steno experiments`: what there is, and how many runs each holds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

import steno
from steno.cli.options import json_option, print_json, store_option
from steno.cli.screen import console, styled, table
from steno.cli.selectors import all_experiments, recent_runs
from steno.display import ago
from steno.entities import Experiment, Run

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["experiments"]

_COUNTED = 10_000


@click.group()
def experiments() -> None:
    """List experiments."""


@experiments.command()
@json_option
@store_option
def ls(as_json: bool) -> None:
    """List experiments, newest first."""
    client = steno.Client()
    found = all_experiments(client)
    if as_json:
        print_json([experiment.to_json() for experiment in found])
        return
    screen = console()
    if not found:
        screen.print(styled(f"No experiments yet in {steno.get_tracking_uri()}.\n", ("`steno demo` makes one.", "dim")))
        return
    made = table(screen)
    for heading in ("experiment", "id", "runs", "last run"):
        made.add_column(heading, justify="right" if heading == "runs" else "left")
    now_ms = time.time() * 1000
    for experiment in found:
        made.add_row(*_row(experiment, recent_runs(client, [experiment], limit=_COUNTED), now_ms))
    screen.print(made)


def _row(experiment: Experiment, runs: Sequence[Run], now_ms: float) -> list[Text]:
    last = max((run.info.start_time for run in runs), default=None)
    return [
        styled((experiment.name, "bold")),
        styled((experiment.experiment_id, "dim")),
        styled(f"{len(runs)}{'+' if len(runs) >= _COUNTED else ''}"),
        styled(("–" if last is None else ago(last, now_ms), "dim")),
    ]
