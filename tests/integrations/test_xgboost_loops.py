"""How xgboost's history of one loop becomes points."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from steno_integrations.xgboost.loops import Loop, Loops


class Written:
    """A run that remembers its points."""

    def __init__(self) -> None:
        self.points: dict[str, list[tuple[int, float]]] = defaultdict(list)

    def metrics(self, values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            self.points[name].append((step, value))

    def curve(self, name: str, values: list[float], steps: list[int]) -> None:
        self.points[name] += zip(steps, values, strict=True)


VALUES = st.floats(allow_nan=False)


@settings(max_examples=50)
@given(st.lists(st.tuples(VALUES, VALUES, st.booleans()), min_size=1, max_size=30), st.integers(0, 100), st.booleans())
def test_every_value_of_the_history_becomes_one_point(
    rounds: list[tuple[float, float, bool]], first: int, held: bool
) -> None:
    """Each value that xgboost kept is recorded once, at its round, also of a metric that is not there in each round."""
    history: dict[str, dict[str, list[float]]] = {"train": {"rmse": []}}
    loop = Loop("run", first, held=held)
    written = Written()
    expected: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for epoch, (value, other, there) in enumerate(rounds):
        history["train"]["rmse"].append(value)
        expected["train-rmse"].append((first + epoch, value))
        if there:
            history["train"].setdefault("now_and_then", []).append(other)
            expected["train-now_and_then"].append((first + epoch, other))
        if loop.advance(history, epoch):
            loop.write(written)  # type: ignore[arg-type]  # as much of a run as is used
    loop.write(written)  # type: ignore[arg-type]  # as much of a run as is used

    assert written.points == expected


def test_folds_give_their_mean_and_deviation() -> None:
    """The pairs of a cross-validation are two curves."""
    loop = Loop("run", 0)

    assert loop.fresh({"test": {"ndcg@5": [(0.5, 0.1)]}}) == {
        "test-ndcg_at_5-mean": 0.5,
        "test-ndcg_at_5-std": 0.1,
    }


class Container:
    """What xgboost keeps a loop's history in."""

    def __init__(self) -> None:
        self.history: dict[str, Any] = {}


def test_two_loops_of_one_run_have_names_of_their_own() -> None:
    """A second booster trained inside the same run does not write into the first one's curves."""
    loops, first, second, other = Loops(), Container(), Container(), Container()

    assert [
        loops.start(first, "a", 0).suffix,
        loops.start(second, "a", 0).suffix,
        loops.start(other, "b", 0).suffix,
    ] == [
        "",
        "-2",
        "",
    ]


def test_a_loop_is_forgotten_with_its_container() -> None:
    """Ten thousand trainings leave nothing behind."""
    loops = Loops()
    for number in range(10_000):
        loops.start(Container(), f"run {number}", 0)

    assert (len(loops._loops), len(loops._loops_of_run)) == (0, 256)
