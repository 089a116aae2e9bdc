"""Runs side by side: a column for each, what differs marked, the best of each metric marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from steno.cli.screen import status_text, styled, table
from steno.display import better, duration, headline, lower_is_better, number, seconds_of, subject
from steno.entities import ParamValue, Run, json_number

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

__all__ = ["comparison", "comparison_json"]

_FEW = 8


def comparison_json(runs: Sequence[Run]) -> dict[str, Any]:
    """The runs, and by key the values in their order (null where a run has none) and the place of the best."""
    metrics = _keys([run.data.metrics for run in runs])
    return {
        "runs": [run.to_json() for run in runs],
        "metrics": {
            key: {
                "values": [json_number(run.data.metrics[key]) if key in run.data.metrics else None for run in runs],
                "best": _best_places(runs, key),
                "lower_is_better": lower_is_better(key),
            }
            for key in metrics
        },
        "params": {
            key: {
                "values": [None if (value := run.data.params.get(key)) is None else str(value) for run in runs],
                "differs": _differs(runs, key),
            }
            for key in _keys([run.data.params for run in runs])
        },
    }


def comparison(runs: Sequence[Run], screen: Console, *, everything: bool = False) -> Iterator[RenderableType]:
    """The table, part by part: who, metrics, params that differ, then how many are the same."""
    made = table(screen)
    made.add_column("", no_wrap=True)
    for run in runs:
        made.add_column(styled((run.info.run_name, "bold not dim")), overflow="fold")
    two = len(runs) == 2
    if two:
        made.add_column("change", justify="right")
    made.add_row(styled(("status", "dim")), *(status_text(run.info.status) for run in runs))
    made.add_row(styled(("trained", "dim")), *(styled((subject(run) or "–", "cyan")) for run in runs))
    made.add_row(styled(("id", "dim")), *(styled((run.info.run_id[:8], "dim")) for run in runs))
    made.add_row(styled(("took", "dim")), *(styled(duration(seconds_of(run))) for run in runs))
    metrics = headline(keys := _keys([run.data.metrics for run in runs]), len(keys))
    made.add_section()
    made.add_row(styled(("Metrics", "bold")))
    for key in metrics:
        best = _best_places(runs, key)
        cells = [_value(run.data.metrics.get(key), best=place in best) for place, run in enumerate(runs)]
        made.add_row(styled(key), *cells, *([_change(runs, key)] if two else []))
    params = _keys([run.data.params for run in runs])
    differing = [key for key in params if _differs(runs, key)]
    lone = [key for key in differing if not all(key in run.data.params for run in runs)]
    if len(lone) <= _FEW:
        lone = []
    shown = params if everything else [key for key in differing if key not in lone]
    if shown:
        made.add_section()
        made.add_row(styled(("Params" if everything else "Params that differ", "bold")))
    for key in shown:
        marked = key in differing
        made.add_row(styled(key), *(_param(run.data.params.get(key), marked=marked) for run in runs))
    yield made
    if any(_best_places(runs, key) for key in metrics):
        yield styled(("\n★ best of the metric", "green"))
    hidden = ((len(params) - len(differing), "the same in all"), (len(lone), "not in all of them"))
    told = ", ".join(f"{count} {text}" for count, text in hidden if count)
    if told and not everything:
        yield styled((f"Params not shown: {told}; --all shows them", "dim"))


def _keys(columns: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for column in columns for key in column))


def _differs(runs: Sequence[Run], key: str) -> bool:
    return len({run.data.params.get(key) for run in runs}) > 1


def _best_places(runs: Sequence[Run], key: str) -> list[int]:
    """Which runs are best by this metric; none if only one has it, all are equal, or no direction is known."""
    values = {place: run.data.metrics[key] for place, run in enumerate(runs) if key in run.data.metrics}
    if len(set(values.values())) < 2:
        return []
    best = better(key, values.values())
    return [place for place, value in values.items() if value == best]


def _value(value: float | None, *, best: bool) -> Text:
    if value is None:
        return styled(("–", "dim"))
    return styled((f"{number(value)} ★" if best else number(value), "bold green" if best else ""))


def _change(runs: Sequence[Run], key: str) -> Text:
    first, second = (run.data.metrics.get(key) for run in runs)
    if first is None or second is None or first == second:
        return styled("")
    delta = second - first
    lower = lower_is_better(key)
    style = "dim" if lower is None else "green" if (delta < 0) == lower else "red"
    return styled((f"{'+' if delta > 0 else ''}{number(delta)}", style))


def _param(value: ParamValue | None, *, marked: bool) -> Text:
    if value is None:
        return styled(("–", "dim"))
    line = " ".join(value.split())
    return styled((line if len(line) <= 60 else line[:59] + "…", "yellow" if marked else "dim"))
