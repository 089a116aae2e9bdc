"""The journal: any records come back, and damage costs only what it hit."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steno.store.base import JournalPosition, Rejection
from steno.store.memory import MemoryStore
from steno.store.records import (
    Curve,
    DatasetUsed,
    ModelLogged,
    Params,
    Point,
    Points,
    Record,
    RunCreated,
    RunUpdated,
    TagDeleted,
    Tags,
    encoder,
)
from steno.tracking.journal import Header, Journal, JournalName, frame_of, read_frames, read_header, try_lock
from steno.tracking.recovery import recover

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FLOAT = st.floats(allow_nan=False)  # NaN is not equal to itself; its bits are tested with the values
INT = st.integers(-(2**63), 2**63 - 1)
TAGS = st.dictionaries(TEXT, TEXT, max_size=3)
RECORDS: st.SearchStrategy[Record] = st.one_of(
    st.builds(RunCreated, TEXT, TEXT, TEXT, TEXT, INT, TEXT, TAGS),
    st.builds(RunUpdated, TEXT, st.none() | TEXT, st.none() | INT, st.none() | TEXT, st.none() | TEXT),
    st.builds(Point, TEXT, TEXT, FLOAT, INT, INT),
    st.builds(Points, TEXT, st.dictionaries(TEXT, FLOAT, max_size=3), INT, INT),
    st.builds(Curve, TEXT, TEXT, st.lists(FLOAT, max_size=3), st.lists(INT, max_size=3), st.lists(INT, max_size=3)),
    st.builds(Params, TEXT, st.dictionaries(TEXT, st.tuples(TEXT, TEXT), max_size=3)),
    st.builds(Tags, TEXT, TAGS),
    st.builds(TagDeleted, TEXT, TEXT),
    st.builds(DatasetUsed, TEXT, TEXT, TEXT, TEXT, TEXT, st.none() | TEXT, st.none() | TEXT, TAGS),
    st.builds(ModelLogged, TEXT, TEXT, TEXT, TEXT, TEXT, INT, INT, TEXT, TEXT, TAGS, INT),
)
NAME = JournalName("steno.db", "0123abcd", 1)
LISTS = st.lists(RECORDS, max_size=20)


def written(folder: str, records: Sequence[Record], header: Header | None = None) -> Path:
    """A journal of a process that is dead."""
    journal = Journal.create(Path(folder), NAME, header or Header())
    for record in records:
        journal.append(record)
    journal.abandon()
    return Path(folder) / NAME.file


def read(path: Path) -> tuple[list[Record], int]:
    """The records that can be read, and how many stretches were damaged."""
    fd = os.open(path, os.O_RDONLY)
    try:
        _, start = read_header(fd)
        found = [record for record, _ in read_frames(fd, start)]
    finally:
        os.close(fd)
    return [record for record in found if record is not None], found.count(None)


def is_subsequence(part: Sequence[Any], whole: Sequence[Any]) -> bool:
    """Whether everything of `part` stands in `whole` in this order."""
    rest = iter(whole)
    return all(any(one == other for other in rest) for one in part)


@settings(max_examples=60, deadline=None)
@given(LISTS, st.lists(TEXT, max_size=3))
def test_any_records_come_back(records: list[Record], open_runs: list[str]) -> None:
    """Whatever was written is read back equal and in order, and the header with it."""
    with TemporaryDirectory() as folder:
        header = Header(open=tuple(open_runs), borrowed=("b",), pid=7, host="h")
        path = written(folder, records, header)
        assert read(path) == (records, 0)
        with path.open("rb") as file:
            assert read_header(file.fileno())[0] == header


@settings(max_examples=60, deadline=None)
@given(LISTS, st.floats(0, 1))
def test_a_cut_costs_what_was_cut(records: list[Record], where: float) -> None:
    """A journal cut at any byte gives every record before the cut, reports no damage and raises nothing."""
    with TemporaryDirectory() as folder:
        path = written(folder, records)
        size = path.stat().st_size
        frames = [len(frame_of(encoder.encode(record))) for record in records]
        start = size - sum(frames)
        cut = round(where * size)
        os.truncate(path, cut)
        whole = sum(start + sum(frames[: place + 1]) <= cut for place in range(len(frames)))
        assert read(path)[0] == records[:whole]
        if cut >= start:
            assert read(path)[1] == 0


@settings(max_examples=150, deadline=None)
@given(LISTS.filter(bool), st.data())
def test_a_flipped_bit_costs_one_record(records: list[Record], data: st.DataObject) -> None:
    """One bit flipped anywhere behind the header costs the record that it hit and no other."""
    with TemporaryDirectory() as folder:
        path = written(folder, records)
        frames = [len(frame_of(encoder.encode(record))) for record in records]
        content = bytearray(path.read_bytes())
        start = len(content) - sum(frames)
        place = data.draw(st.integers(start, len(content) - 1))
        content[place] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)
        hit = next(number for number in range(len(frames)) if place < start + sum(frames[: number + 1]))
        left, damaged = read(path)
        assert left == records[:hit] + records[hit + 1 :]
        assert damaged == (1 if hit + 1 < len(records) else 0)  # at the end it looks like a torn record


@settings(max_examples=60, deadline=None)
@given(st.lists(RECORDS, max_size=8), st.binary(max_size=60), st.floats(0, 1))
def test_foreign_bytes_raise_nothing(records: list[Record], noise: bytes, where: float) -> None:
    """Any bytes anywhere in the file never raise and never invent a record."""
    with TemporaryDirectory() as folder:
        path = written(folder, records)
        content = path.read_bytes()
        at = round(where * len(content))
        path.write_bytes(content[:at] + noise + content[at + len(noise) :])
        assert is_subsequence(read(path)[0], [*records])
        path.write_bytes(noise)
        assert read(path)[0] == []


def test_a_header_that_is_lost_costs_no_record(tmp_path: Path) -> None:
    """Where the header is damaged the records behind it are read all the same."""
    records: list[Record] = [Point("r", "a", float(step), step, 1000) for step in range(5)]
    path = written(str(tmp_path), records)
    content = bytearray(path.read_bytes())
    content[8] ^= 1
    path.write_bytes(content)
    assert read(path) == (records, 1)


def test_a_record_larger_than_the_window_is_read(tmp_path: Path) -> None:
    """A record of 5 MB and its neighbours come back whole, and damage in it costs it alone."""
    records: list[Record] = [
        Point("r", "a", 1.0, 0, 1000),
        Params("r", {"p": ("x" * 5_000_000, "str")}),
        Point("r", "a", 2.0, 1, 1000),
    ]
    path = written(str(tmp_path), records)
    assert read(path) == (records, 0)
    with path.open("r+b") as file:
        file.seek(100_000)
        file.write(b"y")
    left, damaged = read(path)
    assert (left, damaged >= 1) == ([records[0], records[2]], True)


@pytest.mark.parametrize(
    ("file", "expected"),
    [("steno.db.0123-000001.journal", JournalName("steno.db", "0123", 1)),
     ("my-db.v2.db.ab12-000123.journal", JournalName("my-db.v2.db", "ab12", 123)),
     (".steno.db.0123-000001.new", None), ("steno.db.0123-000001.damaged", None), ("notes.txt", None),
     (".journal", None), ("a.journal", None), ("a-1.journal", None), ("a.b-x.journal", None)],
)  # fmt: skip
def test_names_of_files(file: str, expected: JournalName | None) -> None:
    """Only files that are journals are taken for one."""
    assert JournalName.parse(file) == expected
    if expected is not None:
        assert expected.file == file


def test_a_journal_is_locked_and_private_while_its_process_lives(tmp_path: Path) -> None:
    """Nobody else gets the lock of a live journal, everybody that of a dead one; only the user can read it."""
    journal = Journal.create(tmp_path, NAME, Header())
    path = tmp_path / NAME.file
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == [NAME.file]
    assert path.stat().st_mode & 0o777 == 0o600
    fd = os.open(path, os.O_RDWR)
    try:
        assert not try_lock(fd)
        journal.abandon()
        assert try_lock(fd)
    finally:
        os.close(fd)


def test_damage_before_a_large_record_spares_it(tmp_path: Path) -> None:
    """A damaged record costs no other one, also where the next reaches beyond what is read at once."""
    records: list[Record] = [
        Point("r", "a", 1.0, 0, 1000),
        Params("r", {"p": ("x" * 5_000_000, "str")}),
        Point("r", "a", 2.0, 1, 1000),
    ]
    path = written(str(tmp_path), records)
    with path.open("r+b") as file:
        file.seek(20)
        file.write(b"????")
    assert read(path) == (records[1:], 1)


class LosesAnswers(MemoryStore):
    """A store that applies every batch and reports that it did not, as a connection cut after the commit does."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = 0

    def apply(
        self, records: Sequence[Record], *, position: JournalPosition | None = None, timeout_s: float = 60.0
    ) -> list[Rejection]:
        """Apply, and lose the first answer."""
        found = super().apply(records, position=position, timeout_s=timeout_s)
        self.answers += position is not None
        if position is not None and self.answers == 1:
            raise OSError("the answer was lost")
        return found


def test_a_replay_counts_once(tmp_path: Path) -> None:
    """Records that were applied and not acknowledged are not applied again by the next replay."""
    records: list[Record] = [RunCreated("r", "0", "n", "u", 1000, "file:///x")]
    records += [Point("r", "a", float(step), step, 1000) for step in range(10)]
    path = written(str(tmp_path), records)
    store = LosesAnswers()
    with pytest.raises(OSError, match="lost"):
        recover(store, tmp_path, "steno.db")
    assert path.exists()
    outcome = recover(store, tmp_path, "steno.db")
    assert (outcome.closed, outcome.unreadable, path.exists()) == (["r"], 0, False)
    assert [point.step for point in store.metric_history("r", "a").points()] == list(range(10))
    assert store.get_run("r").info.status == "KILLED"
    assert recover(store, tmp_path, "steno.db").records == 0


def test_a_replay_goes_on_where_the_writer_stopped(tmp_path: Path) -> None:
    """Of a journal that the store has in part, the rest is applied and nothing twice."""
    records: list[Record] = [RunCreated("r", "0", "n", "u", 1000, "file:///x")]
    records += [Point("r", "a", float(step), step, 1000) for step in range(10)]
    path = written(str(tmp_path), records)
    rest = sum(len(frame_of(encoder.encode(record))) for record in records[4:])
    store = MemoryStore()
    store.apply(records[:4], position=JournalPosition(NAME.text, path.stat().st_size - rest))
    assert recover(store, tmp_path, "steno.db").records == 7
    assert [point.step for point in store.metric_history("r", "a").points()] == list(range(10))


def test_journals_of_another_store_are_left_alone(tmp_path: Path) -> None:
    """Two databases in one folder share the journal folder and never each other's records."""
    path = written(str(tmp_path), [RunCreated("r", "0", "n", "u", 1000, "file:///x")])
    assert recover(MemoryStore(), tmp_path, "other.db").records == 0
    assert path.exists()


def test_a_run_that_a_live_process_writes_too_is_not_closed(tmp_path: Path) -> None:
    """Of two processes that write one run, the death of one leaves it RUNNING."""
    written(str(tmp_path), [RunCreated("r", "0", "n", "u", 1000, "file:///x")])
    live = Journal.create(tmp_path, JournalName("steno.db", "ffff", 1), Header(open=("r",)))
    store = MemoryStore()
    try:
        assert recover(store, tmp_path, "steno.db").closed == []
        assert store.get_run("r").info.status == "RUNNING"
    finally:
        live.abandon()
    assert recover(store, tmp_path, "steno.db").closed == ["r"]
