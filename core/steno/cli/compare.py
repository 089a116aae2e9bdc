"""Runs side by side: a column for each, what differs marked, the best of each metric marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from steno.cli.screen import status_text, styled, table
from steno.display import better, duration, headline, lower_is_better, number, seconds_of, subject
from steno.entities import ParamValue, Run, json_number

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

__all__ = ["comparison", "comparison_json"]

_FEW = 8
_READABLE = 18
_GAP = 2


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
    """Part by part: who, metrics, params that differ, then how many are the same.

    More runs than the screen has room for stand in several tables, one below the other.
    """
    metrics = headline(keys := _keys([run.data.metrics for run in runs]), len(keys))
    params = _keys([run.data.params for run in runs])
    differing = [key for key in params if _differs(runs, key)]
    lone = [key for key in differing if not all(key in run.data.params for run in runs)]
    if len(lone) <= _FEW:
        lone = []
    rows = [*_who(runs), *_metrics(runs, metrics)]
    if shown := params if everything else [key for key in differing if key not in lone]:
        rows.append(_Row(styled(("Params" if everything else "Params that differ", "bold")), section=True))
    for key in shown:
        marked = key in differing
        rows.append(_Row(styled(key), [_param(run.data.params.get(key), marked=marked) for run in runs]))
    for number_of_table, places in enumerate(_blocks(runs, rows, screen.width)):
        if number_of_table:
            yield ""
        yield _table([runs[place] for place in places], [row.of(places) for row in rows], screen)
    if any(_best_places(runs, key) for key in metrics):
        yield styled(("\n★ best of the metric", "green"))
    hidden = ((len(params) - len(differing), "the same in all"), (len(lone), "not in all of them"))
    told = ", ".join(f"{count} {text}" for count, text in hidden if count)
    if told and not everything:
        yield styled((f"Params not shown: {told}; --all shows them", "dim"))


@dataclass(frozen=True, slots=True)
class _Row:
    """What is compared, a cell for each run, and for two runs the change from the first to the second."""

    label: Text
    cells: Sequence[Text] = ()
    change: Text | None = None
    section: bool = False

    def of(self, places: Sequence[int]) -> _Row:
        """The same of some of the runs."""
        return replace(self, cells=[self.cells[place] for place in places] if self.cells else ())


def _who(runs: Sequence[Run]) -> Iterator[_Row]:
    yield _Row(styled(("status", "dim")), [status_text(run.info.status) for run in runs])
    yield _Row(styled(("trained", "dim")), [styled((subject(run) or "–", "cyan")) for run in runs])
    yield _Row(styled(("id", "dim")), [styled((run.info.run_id[:8], "dim")) for run in runs])
    yield _Row(styled(("took", "dim")), [styled(duration(seconds_of(run))) for run in runs])


def _metrics(runs: Sequence[Run], keys: Sequence[str]) -> Iterator[_Row]:
    yield _Row(styled(("Metrics", "bold")), section=True)
    for key in keys:
        best = _best_places(runs, key)
        cells = [_value(run.data.metrics.get(key), best=place in best) for place, run in enumerate(runs)]
        yield _Row(styled(key), cells, _change(runs, key) if len(runs) == 2 else None)


def _blocks(runs: Sequence[Run], rows: Sequence[_Row], width: int) -> Iterator[Sequence[int]]:
    """The places of the runs that stand side by side: as many as are readable, two always are."""
    room = width - _label_width(rows, width) - _GAP
    block: list[int] = []
    left = room
    for place, run in enumerate(runs):
        cells = [styled(run.info.run_name), *(row.cells[place] for row in rows if row.cells)]
        needed = min(max(cell.cell_len for cell in cells), _READABLE) + _GAP
        if needed > left and block and len(runs) > 2:
            yield block
            block, left = [], room
        block.append(place)
        left -= needed
    yield block


def _label_width(rows: Sequence[_Row], width: int) -> int:
    return min(max(row.label.cell_len for row in rows), width // 2)


def _table(runs: Sequence[Run], rows: Sequence[_Row], screen: Console) -> Table:
    made = table(screen)
    made.add_column("", overflow="fold", width=_label_width(rows, screen.width))
    for run in runs:
        made.add_column(styled((run.info.run_name, "bold not dim")), overflow="fold")
    changes = any(row.change for row in rows)
    if changes:
        made.add_column("change", justify="right")
    for row in rows:
        if row.section:
            made.add_section()
        made.add_row(row.label, *row.cells, *([row.change or ""] if changes else []))
    return made


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
