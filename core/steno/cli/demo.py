"""`steno demo`: real trainings of two frameworks, and a look at what was recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import steno
from steno.cli.compare import comparison
from steno.cli.main import CommandFailed
from steno.cli.options import json_option, print_json, store_option
from steno.cli.run_page import read_page, run_parts
from steno.cli.screen import console, indented, styled
from steno.cli.tables import runs_table
from steno.entities import Experiment, Run

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["demo"]

_EXPERIMENT = "steno demo"
_SNIPPET = """\
import steno
steno.autolog()                      # once; then train as you always do

run = steno.last_active_run()
model = steno.pyfunc.load_model(f"runs:/{run.info.run_id}/model")"""


@click.command()
@json_option
@store_option
def demo(as_json: bool) -> None:
    """Train real models of two frameworks and look at what was recorded.

    Trains scikit-learn and xgboost models on data sets that come with scikit-learn, into the experiment "steno demo"
    of the current project's store. Takes some seconds and needs no network.
    """
    missing = _missing_frameworks()
    if missing:
        raise CommandFailed(
            f"the demo trains scikit-learn and xgboost models, and {' and '.join(missing)} cannot be imported here: "
            'pip install "steno[demo]"'
        )
    screen = None if as_json else console()
    if screen is not None:
        _greet(screen)
    began = time.perf_counter()
    program = _program()
    recorded = _train_all(screen, program.TRAININGS)
    took_s = time.perf_counter() - began
    client = steno.Client()
    runs = {name: client.get_run(run_id) for name, run_id in recorded.items()}
    if screen is None:
        print_json([run.to_json() for run in runs.values()])
    else:
        compared = [runs[name] for name in program.COMPARED]
        _show(screen, client, list(runs.values()), took_s, shown=runs[program.SHOWN], compared=compared)


def _missing_frameworks() -> list[str]:
    """The distributions that the demo needs and that are not installed."""
    needed = {"sklearn": "scikit-learn", "xgboost": "xgboost"}
    return [distribution for module, distribution in needed.items() if find_spec(module) is None]


def _program() -> Any:
    """The demo's trainings, as a program that is not part of steno: the names of its variables name its scores."""
    spec = spec_from_file_location("steno_demo", Path(__file__).with_name("trainings.py"))
    if spec is None or spec.loader is None:
        raise CommandFailed("this installation lacks the demo's trainings: pip install --force-reinstall steno")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _greet(screen: Console) -> None:
    screen.print(
        styled(
            "\n", ("steno demo", "bold"), (": real trainings, recorded by ", ""), ("steno.autolog()", "cyan"),
            (" and nothing else.\n", ""), ("Store ", "dim"), steno.get_tracking_uri(),
            ("\nExperiment ", "dim"), f'"{_EXPERIMENT}"\n',
        )
    )  # fmt: skip


def _train_all(screen: Console | None, trainings: Mapping[str, Callable[[], None]]) -> dict[str, str]:
    """The id of each training's run, by the training's name."""
    steno.autolog(silent=True)
    experiment = steno.set_experiment(_EXPERIMENT)
    recorded: dict[str, str] = {}
    for name in _with_progress(screen, list(trainings)):
        trainings[name]()
        run = steno.last_active_run()
        if run is None or run.info.experiment_id != experiment.experiment_id or run.info.run_id in recorded.values():
            raise CommandFailed(f"{name} was trained and not recorded: `steno integrations` says what is watched")
        recorded[name] = run.info.run_id
    return recorded


def _with_progress(screen: Console | None, names: list[str]) -> Iterator[str]:
    """The trainings one by one, with a bar on a terminal and a line for each elsewhere."""
    if screen is None:
        yield from names
    elif not screen.is_terminal:
        for name in names:
            screen.print(styled(f"training {name}"))
            yield name
    else:
        yield from _with_bar(screen, names)


def _with_bar(screen: Console, names: list[str]) -> Iterator[str]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn  # noqa: PLC0415  heavy

    columns = (
        SpinnerColumn(style="cyan"), BarColumn(34, complete_style="cyan", finished_style="green"),
        MofNCompleteColumn(), TextColumn("{task.description}", style="dim", markup=False),
    )  # fmt: skip
    with Progress(*columns, console=screen, transient=True) as progress:
        task = progress.add_task("", total=len(names))
        for name in names:
            progress.update(task, description=name)
            yield name
            progress.advance(task)


def _show(
    screen: Console, client: steno.Client, runs: list[Run], took_s: float, *, shown: Run, compared: list[Run]
) -> None:
    now_ms = time.time() * 1000
    experiments: list[Experiment] = [client.get_experiment(shown.info.experiment_id)]
    _heading(screen, f"{len(runs)} runs in {took_s:.1f} s", f'steno runs ls --experiment "{_EXPERIMENT}"')
    screen.print(runs_table(runs[::-1], screen, experiments=experiments, now_ms=now_ms))
    _heading(screen, "One of them in full", f"steno runs show {shown.info.run_name}")
    for part in run_parts(read_page(client, shown), screen, now_ms=now_ms):
        screen.print(part)
    _heading(screen, "Two of them compared", f"steno runs compare {' '.join(run.info.run_name for run in compared)}")
    for part in comparison(compared, screen):
        screen.print(part)
    _heading(screen, "In your own program", "")
    screen.print(indented(styled((_SNIPPET, "cyan"))))
    screen.print()


def _heading(screen: Console, text: str, command: str) -> None:
    fits = len(text) + len(command) + 7 <= screen.width
    what = f"{'   ' if fits else chr(10) + '  '}$ {command}" if command else ""  # a broken line cannot be copied
    screen.print(styled("\n", ("▌ ", "cyan"), (text, "bold"), (what, "dim"), "\n"))
