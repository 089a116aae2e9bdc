"""The boosting loops in progress: which run each belongs to, and what of its history is recorded already."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import Any

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
        history: xgboost's own: data set -> metric -> values; empty where there is nothing to watch.
        data: the training data, kept only while there is nothing to watch.
    """

    __slots__ = (
        "_container",
        "_due",
        "_irregular",
        "_rounds",
        "_seen",
        "_written",
        "data",
        "first_step",
        "held",
        "history",
        "run_id",
        "step",
        "suffix",
    )

    def __init__(self, container: Any, run_id: str, first_step: int, suffix: str = "", *, held: bool = False) -> None:
        self._container: Any = None
        self.run_id = run_id
        self.first_step = first_step
        self.suffix = suffix
        self.held = held
        self.step = first_step - 1
        self.history: History = container.history
        self.data: Any = None
        self._due = 0.0
        self._written = 0
        # xgboost's own metrics are there in every round, so that a value's place is its round. The user's need not be.
        self._irregular = container.metric is not None
        self._seen: dict[str, int] = {}
        self._rounds: list[tuple[int, dict[str, float]]] = []

    def advance(self, epoch: int) -> bool:
        """A round has been evaluated; true if it is time to write."""
        self.step = self.first_step + epoch
        if self._irregular:
            self._read_round()
        return not self.held or monotonic() >= self._due

    def write(self, run: RunHandle) -> None:
        """Record all rounds that are not written yet."""
        self._due = monotonic() + HELD_S
        rounds = self.step - self.first_step + 1
        if self._written == 0 and not self._irregular and any(len(values) != rounds for _, values in self._curves()):
            self._irregular = True  # two data sets of the same name
            self._read_round()
        if self._irregular:
            for step, values in self._rounds:
                run.metrics(values, step=step)
            self._rounds.clear()
        else:
            self._write_columns(run, rounds)

    def write_rest(self, run: RunHandle) -> None:
        """Record what is left when the training has ended, with the round that was evaluated and then failed."""
        if any(len(values) > self.step - self.first_step + 1 for _, values in self._curves()):
            self.advance(self.step - self.first_step + 1)
        self.write(run)

    def keep_while(self, container: Any, forget: Callable[[Any], Any]) -> None:
        """Have `forget` called when xgboost lets go of the container."""
        self._container = weakref.ref(container, forget)

    def _write_columns(self, run: RunHandle, rounds: int) -> None:
        first, self._written = self._written, rounds
        steps = range(self.first_step + first, self.first_step + rounds)
        if len(steps) == 1 and self.history:
            run.metrics(self._named((name, values[first]) for name, values in self._curves()), step=steps[0])
            return
        for name, values in self._curves():
            parts = [self._named([(name, value)]) for value in values[first:rounds]]
            for part in parts[0] if parts else ():
                run.curve(part, [each[part] for each in parts], steps)

    def _read_round(self) -> None:
        """Keep the last value of every curve that has grown; of several values of one round, the last."""
        fresh = []
        for name, values in self._curves():
            if len(values) != self._seen.get(name, 0):
                self._seen[name] = len(values)
                fresh.append((name, values[-1]))
        if fresh:
            self._rounds.append((self.step, self._named(fresh)))

    def _curves(self) -> Iterator[tuple[str, Sequence[Any]]]:
        for data, metrics in self.history.items():
            for metric, values in metrics.items():
                yield curve_name(f"{data}-{metric}"), values

    def _named(self, values: Iterable[tuple[str, Any]]) -> dict[str, float]:
        """Values by their metric's name in the run; the pair of a cross-validation is mean and deviation."""
        named = {}
        for name, value in values:
            if isinstance(value, tuple):
                named[f"{name}-mean{self.suffix}"], named[f"{name}-std{self.suffix}"] = value
            else:
                named[name + self.suffix] = value
        return named


def _renew_lock(kept: weakref.ref[Loops]) -> None:
    """In a forked child the lock may be held by a thread that is not there."""
    loops = kept()
    if loops is not None:
        loops._lock = threading.Lock()


class Loops:
    """All loops of the process. Thread-safe; a loop is forgotten when xgboost lets go of its container."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loops: dict[int, Loop] = {}
        self._loops_of_run: OrderedDict[str, int] = OrderedDict()
        self._owners: set[str] = set()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=partial(_renew_lock, weakref.ref(self)))

    def get(self, container: Any) -> Loop | None:
        """The loop of a container, if it began under our eyes."""
        return self._loops.get(id(container))

    def start(self, container: Any, run_id: str, first_step: int) -> Loop:
        """Remember a new loop. Rounds wait for each other only where the end of the training is seen in any case."""
        key = id(container)
        with self._lock:
            number = self._loops_of_run.pop(run_id, 0) + 1
            self._loops_of_run[run_id] = number
            if len(self._loops_of_run) > REMEMBERED_RUNS:
                self._loops_of_run.popitem(last=False)
            suffix = "" if number == 1 else f"-{number}"
            loop = Loop(container, run_id, first_step, suffix, held=run_id in self._owners)
            loop.keep_while(container, lambda _: self._loops.pop(key, None))
            self._loops[key] = loop
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
            mine = [loop for loop in self._loops.values() if loop.run_id == run_id]
        for loop in mine:
            loop.write_rest(run)
