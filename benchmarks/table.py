"""The figures as a table: on the terminal, in Markdown, as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Row", "as_json", "as_markdown", "as_text"]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        group: the heading it stands under.
        what: what was measured.
        unit: "ms", "us", "MB", "points/s".
        values: by tracker; a tracker that was not measured is absent.
        base: the same without any tracker, where that is something; None elsewhere.
    """

    group: str
    what: str
    unit: str
    values: Mapping[str, float]
    base: float | None = None
    notes: Sequence[str] = field(default=())

    def ratio(self, peer: str) -> float | None:
        """How many times better Steno is; below 1 it is worse, None if it added nothing that can be measured."""
        ours, theirs = self.values.get("steno"), self.values.get(peer)
        if ours is None or theirs is None or min(ours, theirs) <= 0:
            return None
        return ours / theirs if self.unit.endswith("/s") else theirs / ours


def shown(value: float | None) -> str:
    """A number with as many digits as it deserves.

    >>> shown(12345.6), shown(45.67), shown(1.234), shown(0.0123), shown(None)
    ('12,346', '46', '1.2', '0.01', '')
    """
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.1f}" if abs(value) >= 0.1 else f"{value:.2f}"


def _cells(row: Row, names: Sequence[str]) -> list[str]:
    ratios = [row.ratio(name) for name in names[1:]]
    unit = "/s" if row.unit.endswith("/s") else f" {row.unit}"
    values = ["" if name not in row.values else shown(row.values[name]) + unit for name in names]
    base = "" if row.base is None else shown(row.base) + unit
    what = row.what + "".join(f" ({note})" for note in row.notes)
    return [what, base, *values, *("" if ratio is None else f"{shown(ratio)}x" for ratio in ratios)]


def _header(names: Sequence[str], versions: Mapping[str, str]) -> list[str]:
    titles = [f"{name} {versions[name]}".strip() for name in names]
    return ["", "untracked", *titles, *("ratio" for _ in names[1:])]


def as_text(rows: Iterable[Row], versions: Mapping[str, str]) -> str:
    """For the terminal."""
    names = list(versions)
    lines: list[list[str]] = [_header(names, versions)]
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            lines += [[""], [group]]
        lines.append(_cells(row, names))
    widths = [max(len(line[column]) for line in lines if len(line) > column > 0) for column in range(1, len(lines[0]))]
    first = max(len(line[0]) for line in lines)
    return "\n".join(
        (
            line[0].ljust(first) + "".join(f"  {cell:>{width}}" for cell, width in zip(line[1:], widths, strict=False))
        ).rstrip()
        for line in lines
    )


def as_markdown(rows: Iterable[Row], versions: Mapping[str, str]) -> str:
    """For a page."""
    names = list(versions)
    header = _header(names, versions)
    lines = [_line(header), "|---|" + "---:|" * (len(header) - 1)]
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            lines.append(_line([f"**{group}**", *[""] * (len(header) - 1)]))
        lines.append(_line(_cells(row, names)))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def as_json(rows: Iterable[Row], versions: Mapping[str, str], machine: Mapping[str, Any]) -> dict[str, Any]:
    """For a program."""
    return {"versions": dict(versions), "machine": dict(machine), "rows": [asdict(row) for row in rows]}
