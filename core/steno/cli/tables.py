"""The table of runs: what identifies each, then the metrics and params that tell them apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from steno.cli.screen import status_text, styled, table
from steno.display import ago, better, duration, headline, lower_is_better, number, seconds_of, subject
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
_NAME_CELLS = 22
_WIDE = 100
_SCORES = 8


@dataclass(frozen=True, slots=True)
class _Column:
    """One column: its heading, one cell for each run, and how it stands.

    Attributes:
        first: it says something of runs that no other column says a score of.
    """

    heading: str
    cells: Sequence[Text]
    right: bool = False
    first: bool = False

    @property
    def width(self) -> int:
        lines = [styled(line) for line in self.heading.split("\n")]
        return max(*(line.cell_len for line in lines), *(cell.cell_len for cell in self.cells)) + _GAP


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
    """The runs as a table that fits the screen: what does not fit is left out, the least telling first."""
    ordered = _under_parents(runs)
    names = {item.experiment_id: item.name for item in experiments}
    identity = _identity(ordered, names, now_ms, subject_limit=24 if screen.width >= _WIDE else 16)
    metrics = _metric_columns(ordered)
    made = table(screen)
    for column in (columns := _fitting(identity, metrics, _param_columns(ordered), screen.width)):
        side: Literal["left", "right"] = "right" if column.right else "left"
        made.add_column(styled(column.heading), justify=side, no_wrap="\n" not in column.heading, vertical="bottom")
    for row in zip(*(column.cells for column in columns), strict=True):
        made.add_row(*row)
    return made


def _fitting(
    identity: Mapping[str, _Column], metrics: Sequence[_Column], params: Sequence[_Column], room: int
) -> list[_Column]:
    """The columns that the screen has room for, in the order in which they stand."""
    run, *others = identity.values()
    told = max(2, sum(metric.first for metric in metrics))
    names = [cell.plain for cell in run.cells]
    asked = [identity.get("id")] if len(set(names)) < len(names) else []  # a name that is no name needs the id
    asked += [*metrics[:1], identity.get("experiment"), identity.get("trained"), *metrics[1:told]]
    asked += [identity.get("started"), identity.get("took"), identity.get("id"), *metrics[told:], *params]
    chosen = {run.heading}
    room -= run.width
    for column in asked:
        if column is not None and column.heading not in chosen and (width := column.width) <= room:
            chosen.add(column.heading)
            room -= width
    return [column for column in (run, *others, *metrics, *params) if column.heading in chosen]


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


def _identity(
    runs: Sequence[Run], experiments: Mapping[str, str], now_ms: float, *, subject_limit: int
) -> dict[str, _Column]:
    """What says which run it is, by heading."""
    depths = _depths(runs)
    columns = [
        _Column("run", [_name(run, depths[run.info.run_id]) for run in runs]),
        _Column("id", [styled((run.info.run_id[:_ID_LENGTH], "dim")) for run in runs]),
    ]
    if len({run.info.experiment_id for run in runs}) > 1:
        columns.append(_Column("experiment", [styled(experiments.get(run.info.experiment_id, "")) for run in runs]))
    if any(subject(run) for run in runs):
        columns.append(_Column("trained", [styled((_short(subject(run), subject_limit), "cyan")) for run in runs]))
    started = [styled((ago(run.info.start_time, now_ms), "dim")) for run in runs]
    took = [styled(duration(seconds_of(run, now_ms if run.info.status == "RUNNING" else None))) for run in runs]
    columns += [_Column("started", started), _Column("took", took, right=True)]
    return {column.heading: column for column in columns}


def _depths(runs: Sequence[Run]) -> dict[str, int]:
    """How many of the run's parents are listed; parents stand above their children."""
    depths: dict[str, int] = {}
    for run in runs:
        depths[run.info.run_id] = depths.get(run.data.tags.get(PARENT, ""), -1) + 1
    return depths


def _name(run: Run, depth: int) -> Text:
    name = styled((" ".join(run.info.run_name.split()), "bold"))
    name.truncate(_NAME_CELLS, overflow="ellipsis")
    child = "  " * (depth - 1) + "└ " if depth else ""
    return styled((child, "dim"), status_text(run.info.status, word=False), " ", name)


def _metric_columns(runs: Sequence[Run]) -> list[_Column]:
    """The metrics in the order in which they tell most, without those that say what others say."""
    columns: list[_Column] = []
    told: set[tuple[int, float]] = set()
    scores = _scores(runs)
    for key in [*scores, *(key for key in _common(runs) if key not in scores)]:
        values = [run.data.metrics.get(key) for run in runs]
        new = {(place, value) for place, value in enumerate(values) if value is not None} - told
        if not new:  # training_accuracy_score says what training_score says
            continue
        told |= new
        best = better(key, [value for value in values if value is not None]) if len(runs) > 1 else None
        cells = [_value(value, best) for value in values]
        columns.append(_Column(_broken(key), cells, right=True, first=key in scores))
    return columns


def _common(runs: Sequence[Run]) -> list[str]:
    """Metrics that many runs have, then the others; of each the most telling first."""
    counts = Counter(key for run in runs for key in run.data.latest if not key.startswith("system/"))
    many = max(counts.values(), default=0) / 2
    return sorted(headline(counts, len(counts)), key=lambda key: counts[key] < many)


def _scores(runs: Sequence[Run]) -> list[str]:
    """The fewest metrics by which each run shows a score if it has one: a regressor beside many classifiers too."""
    ranked = _common(runs)
    scores = ranked[:1]
    known = [key for key in headline(ranked, len(ranked)) if lower_is_better(key) is not None]
    while len(scores) < _SCORES:
        bare = [run.data.latest for run in runs if not any(key in run.data.latest for key in scores)]
        gains = Counter(key for latest in bare for key in latest)
        best = max(known, key=gains.__getitem__, default=None)
        if best is None or not gains[best]:
            break
        scores.append(best)
    return scores


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
