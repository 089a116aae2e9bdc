"""A line chart for the terminal: braille dots (2 x 4 in a character), axes, each line labelled at its end.

Knows nothing of colours: a drawing is rows of spans, and each span says which line it belongs to.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from steno.display import number, position

__all__ = ["Line", "Span", "chart", "nice_ticks", "plain"]

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_EMPTY = 0x2800


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: `steps` and `values` of equal length, in order of steps; values that are not finite are gaps."""

    label: str
    steps: Sequence[float]
    values: Sequence[float]

    @property
    def points(self) -> list[tuple[float, float]]:
        """The points that can be drawn."""
        pairs = zip(self.steps, self.values, strict=True)
        return [(float(step), float(value)) for step, value in pairs if math.isfinite(value)]


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a row: its text and the place of the line it belongs to, None for axes."""

    text: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class _Scale:
    """A stretch of values laid over a stretch of dots."""

    low: float
    high: float
    dots: int

    def dot(self, value: float) -> int:
        return round(position(value, self.low, self.high) * (self.dots - 1))


class _Canvas:
    """Dots in braille characters; a character has the colour of the last line that touched it."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.bits = [[0] * width for _ in range(height)]
        self.owner: list[list[int | None]] = [[None] * width for _ in range(height)]

    def dot(self, x: int, y: int, line: int) -> None:
        row = self.height * 4 - 1 - y
        self.bits[row // 4][x // 2] |= _DOTS[row % 4][x % 2]
        self.owner[row // 4][x // 2] = line

    def stroke(self, start: tuple[int, int], end: tuple[int, int], line: int) -> None:
        count = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
        for place in range(count + 1):
            part = place / count
            self.dot(round(start[0] + (end[0] - start[0]) * part), round(start[1] + (end[1] - start[1]) * part), line)

    def spans(self, row: int) -> list[Span]:
        spans: list[Span] = []
        for bits, owner in zip(self.bits[row], self.owner[row], strict=True):
            text = chr(_EMPTY + bits) if bits else " "
            if spans and (spans[-1].line == owner or not bits):
                spans[-1] = Span(spans[-1].text + text, spans[-1].line)
            else:
                spans.append(Span(text, owner))
        return spans


def nice_ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round values from `low` to `high`.

    >>> nice_ticks(0.13, 0.92, 4), nice_ticks(0, 9e-12, 3)
    ([0.2, 0.4, 0.6, 0.8], [0.0, 2.5e-12, 5e-12, 7.5e-12])
    """
    if not high > low:
        return [low]
    rough = high / max(count, 1) - low / max(count, 1)
    if rough < sys.float_info.min:  # values that have no digits to divide among ticks
        return [low]
    exponent = math.floor(math.log10(rough))
    step = min((unit * 10.0**exponent for unit in (1, 2, 2.5, 5, 10)), key=lambda size: abs(size - rough))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(place * step, 3 - exponent) for place in range(first, last + 1)] or [low]


def chart(lines: Sequence[Line], *, width: int = 76, height: int = 10, x_label: str = "step") -> list[list[Span]]:
    """The drawing of some curves, as rows of spans; empty if no line has a finite point.

    Args:
        lines: drawn in order, later ones on top.
        width: characters from the y axis labels to the end of the line labels.
        height: rows of the plot itself, without the x axis.
        x_label: what the x axis counts.
    """
    drawn = [(place, line.points) for place, line in enumerate(lines) if line.points]
    if not drawn:
        return []
    xs = [step for _, points in drawn for step, _ in points]
    ys = [value for _, points in drawn for _, value in points]
    low, high = _padded(min(ys), max(ys))
    y_ticks = nice_ticks(low, high, max(2, height // 3))
    y_labels = _aligned(y_ticks)
    left = max(len(label) for label in y_labels)
    right = max(len(lines[place].label) for place, _ in drawn) + 2
    canvas = _Canvas(max(width - left - 2 - right, 16), height)
    x_scale, y_scale = _Scale(min(xs), max(xs), canvas.width * 2), _Scale(low, high, height * 4)
    for place, points in drawn:
        dots = [(x_scale.dot(step), y_scale.dot(value)) for step, value in points]
        for start, end in itertools.pairwise(dots if len(dots) > 1 else dots * 2):
            canvas.stroke(start, end, place)
    ends = _end_rows([(points[-1][1], place) for place, points in drawn], y_scale, height)
    ticks = {height - 1 - y_scale.dot(tick) // 4: label for tick, label in zip(y_ticks, y_labels, strict=True)}
    rows = []
    for row in range(height):
        axis = Span(f"{ticks[row]:>{left}} ┤" if row in ticks else " " * left + " │")
        label = [Span(f" {lines[ends[row]].label}", ends[row])] if row in ends else []
        rows.append([axis, *canvas.spans(row), *label])
    return [*rows, *_x_axis(x_scale, canvas.width, left, x_label)]


def plain(rows: Sequence[Sequence[Span]]) -> str:
    """A drawing as text."""
    return "\n".join("".join(span.text for span in row).rstrip() for row in rows)


def _aligned(ticks: Sequence[float]) -> list[str]:
    """The ticks with as many decimals each as the one that needs most."""
    labels = [number(tick) for tick in ticks]
    if any("e" in label for label in labels):
        return labels
    decimals = max(len(label.partition(".")[2]) for label in labels)
    return [f"{tick:.{decimals}f}" for tick in ticks]


def _padded(low: float, high: float) -> tuple[float, float]:
    """A flat curve gets room above and below, so that it is drawn in the middle."""
    if high > low:
        return low, high
    room = abs(low) * 0.1 or 1.0
    return max(low - room, -sys.float_info.max), min(high + room, sys.float_info.max)


def _end_rows(ends: Sequence[tuple[float, int]], scale: _Scale, height: int) -> dict[int, int]:
    """Which line's label stands in which row: near the line's last dot, higher lines above, no two in one row."""
    ordered = sorted(ends, key=lambda end: -end[0])
    rows = [height - 1 - scale.dot(value) // 4 for value, _ in ordered]
    for here in range(1, len(rows)):
        rows[here] = max(rows[here], rows[here - 1] + 1)
    limit = height
    for here in reversed(range(len(rows))):
        limit = rows[here] = min(rows[here], limit - 1)
    return {row: place for row, (_, place) in zip(rows, ordered, strict=True) if row >= 0}


def _x_axis(scale: _Scale, width: int, left: int, label: str) -> Iterator[list[Span]]:
    rule, names = ["─"] * width, [" "] * (width + 12)
    ticks = nice_ticks(scale.low, scale.high, max(2, width // 14))
    free = 0
    for tick in ticks:
        column, text = scale.dot(tick) // 2, number(tick)
        start = max(0, column - len(text) // 2)
        if start < free:
            continue
        rule[column] = "┬"
        names[start : start + len(text)] = text
        free = start + len(text) + 1
    yield [Span(" " * left + " └" + "".join(rule))]
    yield [Span(" " * (left + 2) + "".join(names).rstrip() + f"  {label}")]
