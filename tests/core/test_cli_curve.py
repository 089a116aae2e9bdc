"""Line charts in the terminal."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from steno.cli.curve import Line, chart, nice_ticks, plain


def test_a_falling_curve_is_drawn_falling_with_its_label_at_its_end() -> None:
    """A curve reads from upper left to lower right, with round ticks, and its name stands beside its end."""
    lines = [Line("loss 0", range(11), [float(10 - step) for step in range(11)])]

    drawing = plain(chart(lines, width=38, height=5))

    assert drawing.split("\n") == [
        "10 ┤⠉⠒⠤⢄⡀",
        "   │    ⠈⠉⠒⠤⢄⡀",
        " 5 ┤         ⠈⠉⠑⠒⠒⠤⣀⡀",
        "   │                ⠈⠑⠒⠤⣀⡀",
        " 0 ┤                     ⠈⠑⠒⠤⣀ loss 0",
        "   └┬────────────┬───────────┬",
        "    0            5          10  step",
    ]


def test_two_curves_are_told_apart_by_labels_in_rows_of_their_own() -> None:
    """Curves that end at the same height still have a label each."""
    lines = [Line("train", range(5), [5, 4, 3, 2, 1]), Line("eval", range(5), [6, 4, 3, 2, 1])]

    drawing = plain(chart(lines, width=50, height=6))

    assert sum("train" in row for row in drawing.split("\n")) == 1
    assert sum("eval" in row for row in drawing.split("\n")) == 1


def test_values_that_are_not_finite_are_gaps() -> None:
    """NaN and infinities neither stretch the axis nor stop the drawing."""
    lines = [Line("loss", range(5), [1.0, math.nan, 0.5, math.inf, 0.2])]

    drawing = plain(chart(lines, width=50, height=6))

    assert "inf" not in drawing
    assert "1.0 ┤" in drawing


def test_nothing_to_draw_draws_nothing() -> None:
    """A curve without a finite point is no chart."""
    assert chart([]) == []
    assert chart([Line("loss", [0, 1], [math.nan, math.inf])]) == []


def test_a_flat_curve_runs_through_the_middle() -> None:
    """A constant metric is a straight line with its value at the axis."""
    drawing = plain(chart([Line("flat", range(3), [2, 2, 2])], width=40, height=5))

    assert [row.split("┤")[0].strip() for row in drawing.split("\n") if "flat" in row] == ["2.0"]


def test_values_far_below_one_have_true_ticks() -> None:
    """The axis of a curve of tiny values, such as a learning rate, says the values that it stands at."""
    drawing = plain(chart([Line("lr", range(10), [1e-12 * step for step in range(10)])], width=50, height=9))

    labels = [row.split("┤")[0].strip() for row in drawing.split("\n") if "┤" in row]
    assert labels == ["7.5e-12", "5e-12", "2.5e-12", "0"]


def test_values_too_close_for_ticks_are_drawn() -> None:
    """The smallest numbers there are make a chart."""
    assert "5e-324" in plain(chart([Line("tiny 5e-324", range(3), [0.0, 5e-324, 5e-324])], width=50, height=6))


finite = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(finite, min_size=1, max_size=60), min_size=1, max_size=4), st.integers(30, 120))
def test_a_drawing_never_leaves_its_width(values: list[list[float]], width: int) -> None:
    """No row of a chart is wider than asked, so that a terminal never breaks it."""
    lines = [Line(f"m{place}", range(len(row)), row) for place, row in enumerate(values)]

    rows = plain(chart(lines, width=width, height=8)).split("\n")

    assert max(len(row) for row in rows[:9]) <= max(width, 36)
    assert len(rows) == 10


@given(finite, finite)
def test_ticks_are_inside_the_range_and_rising(low: float, high: float) -> None:
    """Ticks rise and lie within the values."""
    ticks = nice_ticks(low, high, 4)

    assert ticks == sorted(ticks)
    assert 1 <= len(ticks) <= 11
