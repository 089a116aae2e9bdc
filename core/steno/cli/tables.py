"""The table of runs: what identifies each, then the metrics and params that tell them apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from steno.cli.screen import status_text, styled, table
from steno.display import ago, better, duration, headline, number, seconds_of, subject
from steno.entities import Experiment, Run

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

__all__ = ["PARENT", "no_runs", "runs_table"]

PARENT = "mlflow.parentRunId"
_GAP = 2
_PIECE = re.compile(r"[^-_/. ]*[-_/. ]|[^-_/. ]+")
_ID_LENGTH = 8


@dataclass(frozen=True, slots=True)
class _Column:
    """One column: its heading, one cell for each run, and how it stands."""

    heading: str
    cells: Sequence[Text]
    right: bool = False

    @property
    def width(self) -> int:
        lines = self.heading.split("\n")
        return max(*(len(line) for line in lines), *(cell.cell_len for cell in self.cells)) + _GAP


def no_runs(uri: str, *, narrowed: bool) -> RenderableType:
    """What stands where there is nothing to list."""
    if narrowed:
        return styled("No run matches. ", ("`steno runs ls` lists all of them.", "dim"))
    return styled(
        f"No runs yet in {uri}.\n",
        ("Record some: ", "dim"), "steno demo", (", or put ", "dim"), "import steno; steno.autolog()",
        (" at the top of a program that trains.", "dim"),
    )  # fmt: skip


def runs_table(runs: Sequence[Run], screen: Console, *, experiments: Sequence[Experiment], now_ms: float) -> Table:
    """The runs as a table that fits the screen; metrics and params take the room that is left."""
    ordered = _under_parents(runs)
    columns = _identity(ordered, {item.experiment_id: item.name for item in experiments}, now_ms)
    room = screen.width - sum(column.width for column in columns)
    for column in [*_metric_columns(ordered), *_param_columns(ordered)]:
        if column.width <= room:
            columns.append(column)
            room -= column.width
    made = table(screen)
    for column in columns:
        side: Literal["left", "right"] = "right" if column.right else "left"
        made.add_column(styled(column.heading), justify=side, no_wrap="\n" not in column.heading, vertical="bottom")
    for row in zip(*(column.cells for column in columns), strict=True):
        made.add_row(*row)
    return made


def _under_parents(runs: Sequence[Run]) -> list[Run]:
    """Child runs stand under their parent, if it is listed too."""
    listed = {run.info.run_id for run in runs}
    children: dict[str, list[Run]] = {}
    for run in runs:
        children.setdefault(_parent(run, listed), []).append(run)
    ordered: list[Run] = []
    waiting = list(reversed(children.get("", [])))
    while waiting:
        run = waiting.pop()
        ordered.append(run)
        waiting.extend(reversed(children.get(run.info.run_id, [])))
    seen = {run.info.run_id for run in ordered}
    return ordered + [run for run in runs if run.info.run_id not in seen]


def _parent(run: Run, listed: set[str]) -> str:
    parent = run.data.tags.get(PARENT, "")
    return parent if parent in listed and parent != run.info.run_id else ""


def _identity(runs: Sequence[Run], experiments: dict[str, str], now_ms: float) -> list[_Column]:
    listed = {run.info.run_id for run in runs}
    columns = [
        _Column("run", [_name(run, child=bool(_parent(run, listed))) for run in runs]),
        _Column("id", [styled((run.info.run_id[:_ID_LENGTH], "dim")) for run in runs]),
    ]
    if len({run.info.experiment_id for run in runs}) > 1:
        columns.append(_Column("experiment", [styled(experiments.get(run.info.experiment_id, "")) for run in runs]))
    if any(subject(run) for run in runs):
        columns.append(_Column("trained", [styled((_short(subject(run), 24), "cyan")) for run in runs]))
    started = [styled((ago(run.info.start_time, now_ms), "dim")) for run in runs]
    took = [styled(duration(seconds_of(run, now_ms if run.info.status == "RUNNING" else None))) for run in runs]
    return [*columns, _Column("started", started), _Column("took", took, right=True)]


def _name(run: Run, *, child: bool) -> Text:
    mark = status_text(run.info.status, word=False)
    return styled(("└ " if child else "", "dim"), mark, " ", (_short(run.info.run_name, 22), "bold"))


def _metric_columns(runs: Sequence[Run]) -> list[_Column]:
    """Metrics that many runs have, the most telling first, without those that say what others say."""
    counts = Counter(key for run in runs for key in run.data.latest if not key.startswith("system/"))
    many = max(counts.values(), default=0) / 2
    ranked = sorted(headline(counts, len(counts)), key=lambda key: counts[key] < many)
    columns: list[_Column] = []
    told: set[tuple[int, float]] = set()
    for key in ranked:
        values = [run.data.metrics.get(key) for run in runs]
        new = {(place, value) for place, value in enumerate(values) if value is not None} - told
        if not new:  # training_accuracy_score says what training_score says
            continue
        told |= new
        best = better(key, [value for value in values if value is not None]) if len(runs) > 1 else None
        columns.append(_Column(_broken(key), [_value(value, best) for value in values], right=True))
    return columns


def _value(value: float | None, best: float | None) -> Text:
    if value is None:
        return styled(("–", "dim"))
    return styled((number(value), "bold green" if value == best else ""))


def _param_columns(runs: Sequence[Run]) -> list[_Column]:
    """The params that most runs have and that differ between them."""
    counts = Counter(key for run in runs for key in run.data.params)
    columns = []
    for key, count in counts.items():
        values = [run.data.params.get(key) for run in runs]
        if count * 2 > len(runs) > 1 and len(set(values)) > 1:
            cells = [styled(("–", "dim") if value is None else _short(value)) for value in values]
            columns.append(_Column(_broken(key), cells, right=all(v is None or v.number is not None for v in values)))
    return columns


def _short(text: str, limit: int = 20) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _broken(key: str, width: int = 12) -> str:
    """A long name in several lines, broken after `_`, `-`, `/` or `.`; nothing of it is lost."""
    lines = [""]
    for piece in _PIECE.findall(key):
        if lines[-1] and len(lines[-1]) + len(piece) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)
