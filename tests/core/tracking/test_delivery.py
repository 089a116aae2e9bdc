"""From the journal to the store: everything once and in order, whatever the store does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from steno.errors import StenoWarning, StoreError
from steno.store.base import JournalPosition, Rejection
from steno.store.memory import MemoryStore
from steno.store.records import Point, Record, RunCreated
from steno.tracking import recorder as recorder_module
from steno.tracking.location import locate
from steno.tracking.recorder import Health, Recorder

CREATED = RunCreated("r", "0", "n", "u", 1000, "file:///x")


class Unreliable(MemoryStore):
    """A store that fails when it is told to: before or after it applied the records, or by a fault of our own."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[str] = []

    def apply(
        self, records: Sequence[Record], *, position: JournalPosition | None = None, timeout_s: float = 60.0
    ) -> list[Rejection]:
        """Apply, and fail if it is its turn."""
        failure = self.failures.pop(0) if self.failures else ""
        if failure == "before":
            raise StoreError("the store is locked")
        if failure == "fault":
            raise ZeroDivisionError("ours")
        found = super().apply(records, position=position, timeout_s=timeout_s)
        if failure == "after":
            raise StoreError("the answer was lost")
        return found


@pytest.fixture
def store() -> Unreliable:
    """The store of `recorder`."""
    return Unreliable()


@pytest.fixture
def recorder(store: Unreliable, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """A recorder whose thread leaves the work to the test."""
    monkeypatch.setattr(recorder_module, "INTERVAL_S", 1000.0)
    made = Recorder(locate()[0], lambda _uri: store, dict, lambda: None)
    yield made
    made.discard()


def point(step: int) -> Point:
    """One of a series."""
    return Point("r", "a", step / 2, step, 1000)


def steps(store: MemoryStore) -> list[int]:
    """What the store has of the series."""
    return [found.step for found in store.metric_history("r", "a").points()]


@pytest.mark.parametrize("how", ["before", "after"])
def test_a_store_that_fails_gets_everything_once(recorder: Recorder, store: Unreliable, how: str) -> None:
    """Records that a store refused, or took without saying so, are offered again and count once, in order."""
    recorder.record(CREATED)
    for turn in range(3):
        for step in range(10):
            recorder.record(point(10 * turn + step))
        store.failures = [how]
        with pytest.raises(StoreError):
            recorder.flush()
        assert recorder.health().fault != ""
        recorder.record(point(100 + turn))
    assert recorder.flush()
    assert steps(store) == [*range(30), 100, 101, 102]
    assert recorder.health() == Health("file", 0, 34, 0, 0, 0, "")


def test_nothing_is_left_behind(recorder: Recorder, store: Unreliable) -> None:
    """After `close` the store has everything and no journal is left; the recorder can be used again."""
    for turn in range(2):
        recorder.record(CREATED)
        recorder.record(point(turn))
        assert recorder.close()
        assert list(recorder.location.journals.iterdir()) == []
        assert recorder.health().journal == "none"
    assert steps(store) == [0, 1]


def test_a_store_that_stays_away_leaves_the_journal(recorder: Recorder, store: Unreliable) -> None:
    """What cannot be saved when the recorder closes stays in its journal, and a warning says why."""
    recorder.record(CREATED)
    store.failures = ["before"]
    with pytest.warns(StenoWarning, match=r"is locked.*kept in the journal"):
        assert not recorder.close()
    assert len(list(recorder.location.journals.iterdir())) == 1
    assert recorder.waits()
    assert recorder.close()
    assert store.get_run("r").info.run_name == "n"


def test_a_fault_of_our_own_loses_nothing(recorder: Recorder, store: Unreliable) -> None:
    """An unforeseen exception while records are applied is said with its traceback, and the records are kept."""
    recorder.record(CREATED)
    recorder.record(point(0))
    store.failures = ["fault"]
    with pytest.warns(StenoWarning, match="ZeroDivisionError"):
        assert not recorder.close()
    assert recorder.close()
    assert steps(store) == [0]
