"""How xgboost's history of one loop becomes points."""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steno_integrations.xgboost import loops as module
from steno_integrations.xgboost.loops import Loop, Loops

Points = dict[str, list[tuple[int, Any]]]


class Written:
    """A run that remembers its points."""

    def __init__(self) -> None:
        self.points: Points = defaultdict(list)

    def metrics(self, values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            self.points[name].append((step, value))

    def curve(self, name: str, values: list[float], steps: Sequence[int]) -> None:
        self.points[name] += zip(steps, values, strict=True)


class Container:
    """What xgboost keeps a loop's history in."""

    def __init__(self, metric: Any = None) -> None:
        self.history: dict[str, dict[str, list[Any]]] = {}
        self.metric = metric

    def add(self, data: str, metric: str, value: Any) -> None:
        self.history.setdefault(data, {}).setdefault(metric, []).append(value)


def trained(container: Container, rounds: list[list[tuple[str, str, Any]]], first: int, writes: list[bool]) -> Points:
    """What is written of a loop with these evaluations, if it is written after some of the rounds only."""
    loop, run = Loop(container, "run", first, held=True), Written()
    for epoch, (evaluations, write) in enumerate(zip(rounds, writes, strict=True)):
        for evaluation in evaluations:
            container.add(*evaluation)
        loop.advance(epoch)
        if write or epoch == 0:
            loop.write(run)  # type: ignore[arg-type]  # as much of a run as is used
    loop.write_rest(run)  # type: ignore[arg-type]  # as much of a run as is used
    return run.points


VALUES = st.floats(allow_nan=False)


@settings(max_examples=50)
@given(st.data(), st.integers(1, 20), st.integers(0, 100), st.booleans())
def test_every_value_becomes_one_point(data: st.DataObject, count: int, first: int, own: bool) -> None:
    """Each value that xgboost kept is recorded once, at its round; a metric of the user's may be missing in some."""
    rounds, expected = [], defaultdict(list)
    for epoch in range(count):
        evaluations = [("train", "rmse", data.draw(VALUES)), ("test", "rmse", data.draw(VALUES))]
        if own and data.draw(st.booleans()):
            evaluations.append(("test", "own@3", data.draw(VALUES)))
        rounds.append(evaluations)
        for name, metric, value in evaluations:
            expected[f"{name}-{metric.replace('@', '_at_')}"].append((first + epoch, value))
    writes = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))

    assert trained(Container(max if own else None), rounds, first, writes) == expected


def test_folds_give_their_mean_and_deviation() -> None:
    """The pairs of a cross-validation are two curves."""
    rounds = [[("test", "ndcg@5", (0.5, 0.1))], [("test", "ndcg@5", (0.6, 0.2))], [("test", "ndcg@5", (0.7, 0.3))]]

    assert trained(Container(), rounds, 0, [False] * 3) == {
        "test-ndcg_at_5-mean": [(0, 0.5), (1, 0.6), (2, 0.7)],
        "test-ndcg_at_5-std": [(0, 0.1), (1, 0.2), (2, 0.3)],
    }


def test_two_data_sets_of_one_name_give_the_last_ones_values() -> None:
    """Where the user gave one name twice, xgboost mixes the values; each round has the later one's."""
    rounds = [[("a", "rmse", 1.0), ("a", "rmse", 2.0)], [("a", "rmse", 3.0), ("a", "rmse", 4.0)]]

    assert trained(Container(), rounds, 0, [False] * 2) == {"a-rmse": [(0, 2.0), (1, 4.0)]}


@pytest.mark.parametrize("metric", [None, max], ids=["built-in metric", "own metric"])
def test_a_round_that_fails_after_its_evaluation_is_kept(metric: Any) -> None:
    """A callback that raises, as pruning does, does not take the last values with it."""
    container, run = Container(metric), Written()
    loop = Loop(container, "run", 0, held=True)
    container.add("a", "rmse", 1.0)
    loop.advance(0)
    container.add("a", "rmse", 2.0)
    loop.write_rest(run)  # type: ignore[arg-type]  # as much of a run as is used

    assert run.points == {"a-rmse": [(0, 1.0), (1, 2.0)]}


def test_rounds_wait_only_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is time to write after the first round, and after each that ends a tenth of a second after the last write."""
    now = 100.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    loop = Loop(Container(), "run", 0, held=True)
    told = []
    for epoch, when in enumerate([100.0, 100.05, 100.09, 100.11, 100.2]):
        now = when
        told.append(loop.advance(epoch))
        if told[-1]:
            loop.write(Written())  # type: ignore[arg-type]  # as much of a run as is used

    assert told == [True, False, False, True, False]


def test_two_loops_of_one_run_have_names_of_their_own() -> None:
    """A second booster trained inside the same run does not write into the first one's curves."""
    loops, containers = Loops(), [Container() for _ in range(3)]
    suffixes = [loops.start(each, run, 0).suffix for each, run in zip(containers, ["a", "a", "b"], strict=True)]

    assert suffixes == ["", "-2", ""]


def test_a_loop_is_forgotten_with_its_container() -> None:
    """A thousand trainings leave nothing behind."""
    loops = Loops()
    for number in range(1000):
        loops.start(Container(), f"run {number}", 0)
    gc.collect()

    assert (len(loops._loops), len(loops._loops_of_run)) == (0, 256)
