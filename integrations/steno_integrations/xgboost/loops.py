"""The boosting loops in progress: which run each belongs to, and what of its history is recorded already."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

from steno.plugin import RunHandle

__all__ = ["Loop", "Loops", "curve_name"]

History = Mapping[str, Mapping[str, Sequence[Any]]]
REMEMBERED_RUNS = 256
# Writing a round at once costs several times what reading it does; a reader cannot tell a tenth of a second.
HELD_S = 0.1


def curve_name(name: str) -> str:
    """The metric's name in a run: `ndcg@5` is `ndcg_at_5`, MLflow's spelling.

    >>> curve_name("test-ndcg@5")
    'test-ndcg_at_5'
    """
    return name.replace("@", "_at_")


class Loop:
    """One boosting loop.

    Attributes:
        run_id: the run it belongs to.
        first_step: rounds that the model had before; the curve goes on where that model's ended.
        suffix: "" for the first loop of a run, then "-2", "-3".
        held: whether rounds may wait a moment to be written together.
        step: the last round's step.
        names: the curves so far.
        data: the training data, kept only while there is no evaluation set.
    """

    __slots__ = (
        "_count",
        "_due",
        "_rounds",
        "_series",
        "data",
        "first_step",
        "held",
        "names",
        "run_id",
        "step",
        "suffix",
    )

    def __init__(self, run_id: str, first_step: int, suffix: str = "", *, held: bool = False) -> None:
        self.run_id = run_id
        self.first_step = first_step
        self.suffix = suffix
        self.held = held
        self.step = first_step - 1
        self.names: set[str] = set()
        self.data: Any = None
        self._series: list[list[Any]] = []
        self._count = 0
        self._due = 0.0
        self._rounds: list[tuple[int, dict[str, float]]] = []

    def advance(self, history: History, epoch: int) -> bool:
        """Take what a round added to xgboost's history; true if it is time to write it."""
        self.step = self.first_step + epoch
        values = self.fresh(history)
        if values:
            self._rounds.append((self.step, values))
        return not self.held or monotonic() >= self._due

    def fresh(self, history: History) -> dict[str, float]:
        """The latest values of the curves that have grown since the last call."""
        count = 0
        for metrics in history.values():
            count += len(metrics)
        if count != self._count:
            self._learn(history)
            self._count = count
        values = {}
        for entry in self._series:
            name, series, seen, deviation = entry
            length = len(series)
            # A metric of the user's need not be there in every round.
            if length != seen:
                entry[2] = length
                if deviation is None:
                    values[name] = series[-1]
                else:
                    values[name], values[deviation] = series[-1]
        return values

    def _learn(self, history: History) -> None:
        for data, metrics in history.items():
            for metric, series in metrics.items():
                name = curve_name(f"{data}-{metric}")
                if name not in self.names and series:
                    self.names.add(name)
                    if isinstance(series[-1], tuple):
                        self._series.append([f"{name}-mean{self.suffix}", series, 0, f"{name}-std{self.suffix}"])
                    else:
                        self._series.append([name + self.suffix, series, 0, None])

    def write(self, run: RunHandle) -> None:
        """Record the rounds that were held back, curve by curve."""
        rounds, self._rounds = self._rounds, []
        self._due = monotonic() + HELD_S
        if len(rounds) == 1:
            step, values = rounds[0]
            run.metrics(values, step=step)
            return
        curves: dict[str, tuple[list[float], list[int]]] = {}
        for step, values in rounds:
            for name, value in values.items():
                column = curves.setdefault(name, ([], []))
                column[0].append(value)
                column[1].append(step)
        for name, (points, steps) in curves.items():
            run.curve(name, points, steps)


class Loops:
    """All loops of the process. Thread-safe; a loop is forgotten when xgboost lets go of its container."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loops: WeakKeyDictionary[Any, Loop] = WeakKeyDictionary()
        self._loops_of_run: OrderedDict[str, int] = OrderedDict()
        self._owners: set[str] = set()
        self.get = self._loops.get

    def start(self, container: Any, run_id: str, first_step: int) -> Loop:
        """Remember a new loop. Rounds wait for each other only where the end of the training is seen in any case."""
        with self._lock:
            number = self._loops_of_run.pop(run_id, 0) + 1
            self._loops_of_run[run_id] = number
            if len(self._loops_of_run) > REMEMBERED_RUNS:
                self._loops_of_run.popitem(last=False)
            suffix = "" if number == 1 else f"-{number}"
            loop = self._loops[container] = Loop(run_id, first_step, suffix, held=run_id in self._owners)
        return loop

    def is_owner(self, run_id: str) -> bool:
        """Whether a training of xgboost itself, not one around it, opened the run."""
        return run_id in self._owners

    @contextmanager
    def owned_by(self, run: RunHandle) -> Iterator[None]:
        """While xgboost trains. Afterwards write what a callback that raised in the last round left unread."""
        run_id = run.run_id
        self._owners.add(run_id)
        try:
            yield
        finally:
            self._owners.discard(run_id)
            with run.step("last rounds"):
                self._write_rest(run, run_id)

    def _write_rest(self, run: RunHandle, run_id: str) -> None:
        with self._lock:
            self._loops_of_run.pop(run_id, None)
            mine = [(container, loop) for container, loop in self._loops.items() if loop.run_id == run_id]
        for container, loop in mine:
            loop.advance(container.history, loop.step - loop.first_step + 1)
            loop.write(run)
