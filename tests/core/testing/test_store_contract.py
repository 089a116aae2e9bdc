"""The contract of stores can fail: each promise is seen broken, and says what was found and where to look."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from steno.entities import Experiment, Page, Run, ViewType
from steno.errors import FilterError, InvalidInputError, NotFoundError
from steno.store.base import Chart, JournalPosition, Rejection, Series, Store
from steno.store.memory import MemoryStore
from steno.store.records import DatasetUsed, ModelLogged, Params, Point, Record, RunCreated, RunUpdated
from steno.testing import StoreContract

pytest_plugins = ["pytester"]


class WholeContract(StoreContract):
    def open_store(self, folder: Path) -> Store:
        return MemoryStore(folder)


PROMISES = sorted(name.removeprefix("test_") for name in dir(WholeContract) if name.startswith("test_"))


class Applies(MemoryStore):
    """A store that is told something else than what happened."""

    def apply(
        self, records: Sequence[Record], *, position: JournalPosition | None = None, timeout_s: float = 60.0
    ) -> list[Rejection]:
        return self.changed(super().apply(self.changing(records), position=position, timeout_s=timeout_s))

    def changing(self, records: Sequence[Record]) -> list[Record]:
        return list(records)

    def changed(self, rejections: list[Rejection]) -> list[Rejection]:
        return rejections


class ForgetsKinds(Applies):
    def changing(self, records: Sequence[Record]) -> list[Record]:
        return [_typeless(record) if isinstance(record, Params) else record for record in records]


def _typeless(record: Params) -> Params:
    return Params(record.run_id, {key: (text, "str") for key, (text, _) in record.values.items()})


class ForgetsLateValues(Applies):
    def changing(self, records: Sequence[Record]) -> list[Record]:
        ended = {run_id for run_id, run in self._runs.items() if run.info.end_time is not None}
        return [record for record in records if not (isinstance(record, Point) and record.run_id in ended)]


class WaitsForTheEnd(MemoryStore):
    def search_runs(self, *args: Any, **kwargs: Any) -> Page[Run]:
        return Page([run for run in super().search_runs(*args, **kwargs) if run.info.end_time is not None])


class KeepsTheEnd(Applies):
    def changing(self, records: Sequence[Record]) -> list[Record]:
        return [
            RunUpdated(record.run_id, record.status, None, record.name)
            if isinstance(record, RunUpdated) and record.end_time == -1
            else record
            for record in records
        ]


class ForgetsPositions(MemoryStore):
    def apply(
        self, records: Sequence[Record], *, position: JournalPosition | None = None, timeout_s: float = 60.0
    ) -> list[Rejection]:
        return super().apply(records, timeout_s=timeout_s)


class BeginsAnew(Applies):
    def changing(self, records: Sequence[Record]) -> list[Record]:
        for record in records:
            if isinstance(record, RunCreated):
                self._runs.pop(record.run_id, None)
        return list(records)


class SaysNothing(Applies):
    def changed(self, rejections: list[Rejection]) -> list[Rejection]:
        return []


class TakesTheLastValue(Applies):
    def changing(self, records: Sequence[Record]) -> list[Record]:
        for record in records:
            if isinstance(record, Params) and record.run_id in self._runs:
                for key in record.values:
                    self._runs[record.run_id].params.pop(key, None)
        return list(records)


class RaisesForBigNumbers(Applies):
    def changing(self, records: Sequence[Record]) -> list[Record]:
        for record in records:
            if isinstance(record, Point):
                record.step.to_bytes(8, signed=True)
        return list(records)


class CutsNames(Applies):
    def changing(self, records: Sequence[Record]) -> list[Record]:
        return [
            Point(record.run_id, record.key[:250], record.value, record.step, record.timestamp)
            if isinstance(record, Point)
            else record
            for record in records
        ]

    def metric_history(self, run_id: str, key: str) -> Series:
        return super().metric_history(run_id, key[:250])


class ListsDataTwice(Applies):
    def changing(self, records: Sequence[Record]) -> list[Record]:
        return [
            DatasetUsed(record.run_id, f"{record.name}{id(record)}", *_rest(record))
            if isinstance(record, DatasetUsed)
            else record
            for record in records
        ]


def _rest(record: DatasetUsed) -> tuple[Any, ...]:
    return record.digest, record.source_type, record.source, record.schema, record.profile, record.tags


class ForgetsTheBirth(Applies):
    def changing(self, records: Sequence[Record]) -> list[Record]:
        for record in records:
            if isinstance(record, ModelLogged):
                self._models.pop(record.model_id, None)
        return list(records)


class FindsNothing(MemoryStore):
    def get_run(self, run_id: str) -> Run:
        return self._entity(self._runs[run_id])


class OrdersByArrival(MemoryStore):
    def metric_history(self, run_id: str, key: str) -> Series:
        series = super().metric_history(run_id, key)
        return Series(key, series.steps[::-1], series.timestamps[::-1], series.values[::-1])


class TakesTheLastPoint(MemoryStore):
    def get_run(self, run_id: str) -> Run:
        run = super().get_run(run_id)
        latest = {key: points[-1] for key, points in self._runs[run_id].series.items()}
        return dataclasses.replace(run, data=dataclasses.replace(run.data, latest=latest))


class Thins(MemoryStore):
    def chart(self, run_id: str, key: str, points: int = 2000) -> Chart:
        series = self.metric_history(run_id, key)
        every = max(1, 2 * len(series) // points)
        return Chart(key, series.steps[::every], series.values[::every], series.values[::every])


class HasNoDefault(MemoryStore):
    def __init__(self, root: Path | None = None) -> None:
        super().__init__(root)
        self._experiments["0"] = dataclasses.replace(self._experiments["0"], name="0")


class KeepsDeletedTags(MemoryStore):
    def update_experiment(self, experiment_id: str, **changes: Any) -> None:
        tags = changes.pop("tags", None) or {}
        super().update_experiment(experiment_id, **changes, tags={key: value or "None" for key, value in tags.items()})


class TakesANameTwice(MemoryStore):
    def _claim(self, name: str, but: str | None = None) -> None:
        pass


class RestoresOverAnother(MemoryStore):
    def _claim(self, name: str, but: str | None = None) -> None:
        if but is None:
            super()._claim(name)


class TakesAnyName(MemoryStore):
    def create_experiment(self, name: str, **more: Any) -> str:
        return super().create_experiment(f"{name or 'unnamed'}"[:500], **more)


class CutsIds(MemoryStore):
    def get_experiment(self, experiment_id: str) -> Experiment:
        return super().get_experiment(experiment_id.strip("0") or "0")


class ShowsTheDeleted(MemoryStore):
    def search_runs(self, *args: Any, view_type: int = ViewType.ACTIVE_ONLY, **kwargs: Any) -> Page[Run]:
        return super().search_runs(*args, view_type=ViewType.ALL, **kwargs)


class RepeatsTheLastPage(MemoryStore):
    def search_runs(self, *args: Any, **kwargs: Any) -> Page[Run]:
        page = super().search_runs(*args, **kwargs)
        return Page(page, page.token or kwargs.get("page_token"))


class OrdersTiesByName(MemoryStore):
    def search_runs(self, *args: Any, **kwargs: Any) -> Page[Run]:
        wanted = kwargs.pop("order_by", ())
        return super().search_runs(*args, order_by=[*wanted, "run_id DESC"], **kwargs)


class CutsPages(MemoryStore):
    def search_runs(self, *args: Any, max_results: Any = 1000, **kwargs: Any) -> Page[Run]:
        size = max_results if isinstance(max_results, int) and 0 < max_results < 50_001 else 1000
        return super().search_runs(*args, max_results=size, **kwargs)


class BeginsAgainForAnyToken(MemoryStore):
    def search_runs(self, *args: Any, **kwargs: Any) -> Page[Run]:
        try:
            return super().search_runs(*args, **kwargs)
        except InvalidInputError:
            return super().search_runs(*args, **{**kwargs, "page_token": None})


class IgnoresCase(MemoryStore):
    def search_runs(self, *args: Any, filter_string: str = "", **kwargs: Any) -> Page[Run]:
        return super().search_runs(*args, filter_string=filter_string.replace("ILIKE", "LIKE"), **kwargs)


class ForgivesFilters(MemoryStore):
    def search_runs(self, *args: Any, **kwargs: Any) -> Page[Run]:
        try:
            return super().search_runs(*args, **kwargs)
        except FilterError:
            return Page()


class ForgetsWhenClosed(MemoryStore):
    def close(self) -> None:
        vars(self).update(vars(MemoryStore()))


class ReadsBeforeItWrites(MemoryStore):
    """It looks how far a journal has been applied, and has let others in before it applies."""

    def apply(
        self, records: Sequence[Record], *, position: JournalPosition | None = None, timeout_s: float = 60.0
    ) -> list[Rejection]:
        if position is None:
            return super().apply(records)
        before = self.journal_position(position.journal_id)
        time.sleep(0.01)
        if before >= position.offset:
            return []
        self.forget_journal(position.journal_id)
        return super().apply(records, position=position)


# A store that is broken in one place, the promise that is for it, and what is said.
BROKEN: list[tuple[Callable[[], MemoryStore], str, str]] = [
    (ForgetsKinds, "a_run_comes_back_whole", "['data']['params']['depth'][1]: 'str' and 'int'"),
    (ForgetsLateValues, "a_run_is_the_same_record_by_record", "The run, written to after its end, is not what is"),
    (WaitsForTheEnd, "a_running_run_can_be_seen", "What a search finds of it is not what is promised"),
    (KeepsTheEnd, "a_resumed_run_runs_again", "['info']['end_time']: 2000 and None"),
    (ForgetsPositions, "a_batch_counts_once", "What a stretch comes to that was applied twice"),
    (BeginsAnew, "creating_twice_changes_nothing", "['info']['run_name']: 'other' and 'calm-fox'"),
    (SaysNothing, "records_of_unknown_runs_are_reported", "What apply() rejects is [], where [['x', 'a', 1]"),
    (TakesTheLastValue, "a_param_keeps_its_first_value", "of another value later is [], where"),
    (RaisesForBigNumbers, "what_no_column_holds_is_rejected_alone", "OverflowError: int too big"),
    (CutsNames, "strange_text_is_kept", "The history of the metric 'kkkk"),
    (ListsDataTwice, "a_dataset_used_twice_is_one_input", "The inputs is "),
    (ForgetsTheBirth, "a_logged_model_changes_its_status", "['creation_timestamp']: 99 and 5"),
    (FindsNothing, "unknown_runs_are_not_found", "KeyError: 'nope'"),
    (OrdersByArrival, "history_is_ordered_as_promised", "The history is not what is promised"),
    (TakesTheLastPoint, "the_latest_value_is_the_greatest", "The latest point, of NaN and minus infinity, is"),
    (Thins, "charts_keep_spikes_and_are_short", "The greatest and the least value of it is ["),
    (HasNoDefault, "the_default_experiment_is_there", "'name': '0'"),
    (KeepsDeletedTags, "experiments_are_created_changed_and_found", "{'a': 'None', 'b': '2', 'c': '3'}"),
    (RestoresOverAnother, "an_experiment_name_is_taken_once", "Restoring an experiment whose name is taken gives None"),
    (TakesANameTwice, "of_many_that_create_an_experiment_one_does", "threads that created it is 8, where 1"),
    (TakesAnyName, "an_experiment_needs_a_name", "An experiment named '' gives '1', where InvalidInputError is"),
    (CutsIds, "unknown_experiments_are_not_found", "get_experiment('') gives Experiment("),
    (ShowsTheDeleted, "deleting_hides_and_restoring_shows", "The active runs, one being deleted, is [['b', 'a'], 1]"),
    (RepeatsTheLastPage, "pages_are_complete", "The token behind 100 pages of a few runs is"),
    (OrdersTiesByName, "runs_of_one_millisecond_stand_as_they_were_made", "The runs ordered by ['start_time ASC']"),
    (CutsPages, "impossible_pages_are_refused", "search_runs() with max_results=0 gives []"),
    (BeginsAgainForAnyToken, "foreign_tokens_are_refused", "The token 'x' gives ["),
    (IgnoresCase, "searches_answer_as_the_reference_does", "What a search by \"params.kind ILIKE 'A_'\""),
    (ForgivesFilters, "what_is_no_filter_is_refused", "The filter 'metrics.loss <' gives [], where FilterError"),
    (ForgetsWhenClosed, "what_was_written_is_there_when_it_is_opened_again", "NotFoundError: no run has the id 'r'"),
    (ReadsBeforeItWrites, "threads_may_write_at_once", "The points of the run 'both' is not what is promised"),
]


def test_each_promise_is_seen_broken() -> None:
    """For every promise of the contract there is a store below that breaks it."""
    assert sorted(promise for _, promise, _ in BROKEN) == PROMISES


@pytest.mark.parametrize(("broken", "promise", "text"), BROKEN, ids=[promise for _, promise, _ in BROKEN])
def test_a_broken_store_is_seen(broken: Callable[[], MemoryStore], promise: str, text: str) -> None:
    """A store that is broken in one place fails the promise for it: what was found, who suffers, where to look."""
    check = getattr(WholeContract(), f"test_{promise}")
    check(MemoryStore())
    with pytest.raises((pytest.fail.Exception, OverflowError, KeyError, NotFoundError)) as failure:
        check(broken())
    error = failure.value
    notes = getattr(error, "__notes__", [])
    said = "\n".join([f"{type(error).__name__}: {error}", *notes])
    name = broken.__name__
    assert text in said
    assert f"STORE {name}: " in said
    assert "Your users" in said or "would" in said
    assert f" of {name} in {__file__}" in said


AUTHORS = """
from steno.store.memory import MemoryStore
from steno.testing import StoreContract

class TestUnwritten(StoreContract):
    pass

class TestNoStore(StoreContract):
    def open_store(self, folder):
        return str(folder)

class TestSlowToForget(StoreContract):
    def open_store(self, folder):
        return MemoryStore(folder)

    def reopen_store(self, store):
        return MemoryStore()
"""


def test_an_author_is_told_what_to_write(pytester: pytest.Pytester) -> None:
    """A test class that opens no store says so before any promise is judged; one that reopens another fails that."""
    pytester.makepyfile(test_ours=AUTHORS)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-k", "default or opened_again")
    result.assert_outcomes(passed=1, failed=1, errors=4)
    result.stdout.fnmatch_lines(
        [
            "*NotImplementedError: write open_store(self, folder): it returns an empty store",
            "open_store() gave '*', accepted is a steno.store.base.Store: return one",
            "*STORE MemoryStore: the store itself raised this. Your users would lose what they recorded when the *",
        ]
    )
