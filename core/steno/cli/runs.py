"""`steno runs`: list, show, compare."""

from __future__ import annotations

import time

import click

import steno
from steno.cli.compare import comparison, comparison_json
from steno.cli.options import json_option, print_json, store_option
from steno.cli.run_page import read_page, run_parts
from steno.cli.screen import console
from steno.cli.selectors import all_experiments, find_experiment, find_run, recent_runs
from steno.cli.tables import no_runs, runs_table
from steno.entities import Run

__all__ = ["runs"]

_RUN_HELP = "RUN is an id or its beginning, a name, @last or @best:METRIC."


@click.group()
def runs() -> None:
    """List, show and compare runs."""


@runs.command()
@click.option("-e", "--experiment", metavar="NAME|ID", help="Only runs of this experiment.")
@click.option("-f", "--filter", "filter_string", metavar="FILTER", default="", help='Such as "metrics.score > 0.9".')
@click.option("-o", "--order-by", metavar="ORDER", multiple=True, help='Such as "metrics.score DESC".')
@click.option(
    "-n", "limit", type=click.IntRange(min=1), metavar="NUMBER", default=20, help="How many runs; 20 unless given."
)
@click.option("--all", "everything", is_flag=True, help="All runs, however many.")
@json_option
@store_option
def ls(
    experiment: str | None, filter_string: str, order_by: tuple[str, ...], limit: int, everything: bool, as_json: bool
) -> None:
    """List runs, newest first."""
    client = steno.Client()
    experiments = all_experiments(client) if experiment is None else [find_experiment(client, experiment)]
    wanted = None if everything else limit + 1
    found = recent_runs(client, experiments, limit=wanted, filter_string=filter_string, order_by=list(order_by))
    more = not everything and len(found) > limit
    found = found if everything else found[:limit]
    if as_json:
        print_json([run.to_json() for run in found])
        return
    screen = console()
    if not found:
        screen.print(no_runs(steno.get_tracking_uri(), narrowed=bool(experiment or filter_string)))
        return
    screen.print(runs_table(found, screen, experiments=experiments, now_ms=time.time() * 1000))
    if more:
        screen.print("\nThere are more runs: -n NUMBER or --all shows them.", style="dim")


@runs.command(epilog=_RUN_HELP)
@click.argument("run")
@click.option("--tags", is_flag=True, help="Also the tags and context: user, source, git, versions.")
@json_option
@store_option
def show(run: str, tags: bool, as_json: bool) -> None:
    """Show one run: params, metrics, curves, data, models, files."""
    client = steno.Client()
    page = read_page(client, find_run(client, run, time.time() * 1000), everything=as_json)
    if as_json:
        print_json(page.to_json())
        return
    screen = console()
    for part in run_parts(page, screen, now_ms=time.time() * 1000, with_tags=tags):
        screen.print(part)


@runs.command(epilog=_RUN_HELP)
@click.argument("run", nargs=-1, required=True)
@click.option("--all", "everything", is_flag=True, help="Also the params that are the same.")
@json_option
@store_option
def compare(run: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Compare runs side by side: what differs, and which is best."""
    if len(run) < 2:
        raise click.UsageError("one run is nothing to compare, give two or more: steno runs compare @last RUN")
    client = steno.Client()
    now_ms = time.time() * 1000
    found: list[Run] = [find_run(client, text, now_ms) for text in run]
    if as_json:
        print_json(comparison_json(found))
        return
    screen = console()
    for part in comparison(found, screen, everything=everything):
        screen.print(part)
