"""What a store promises, whoever wrote it: `StoreContract`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from steno.entities import Metric
from steno.store.base import JournalPosition, Store
from steno.store.records import Params, Point, Record
from steno.testing.experiment_promises import ExperimentPromises
from steno.testing.metric_promises import MetricPromises
from steno.testing.run_promises import RunPromises, created
from steno.testing.search_promises import SearchPromises
from steno.testing.store_promise import expect, promised

__all__ = ["StoreContract"]

_THREADS, _ROUNDS = 4, 10


class StoreContract(RunPromises, MetricPromises, ExperimentPromises, SearchPromises):
    """Whether a store keeps what it is told, and answers as every other store does.

    Subclass it in a test file, and open an empty store::

        class TestOurStore(StoreContract):
            def open_store(self, folder):
                return OurStore(f"ours://{folder}")

            def reopen_store(self, store):
                store.close()
                return OurStore(store.uri)

    Each `test_...` is a promise of `steno.store.base`.
    """

    @promised("Your users would lose what they recorded when the process ends", "apply", "close")
    def test_what_was_written_is_there_when_it_is_opened_again(self, store: Store) -> None:
        """A store that is closed and opened again has every run, experiment, model and position."""
        number = store.create_experiment("x", tags={"k": "v"})
        point = Point("r", "a", 1.0, 0, 0)
        store.apply([created("r", number), point, Params("r", {"n": ("4", "int")})], position=JournalPosition("j", 7))
        run, experiment = store.get_run("r"), store.get_experiment(number)
        again = self.reopen_store(store)
        expect("The run", again.get_run("r"), run)
        expect("The experiment", again.get_experiment(number), experiment)
        expect("The experiments", [each.name for each in again.search_experiments()], ["x", "Default"])
        expect("The history", again.metric_history("r", "a").points(), [Metric("a", 1.0, 0, 0)])
        expect("The position of the journal", again.journal_position("j"), 7)
        expect("What apply() rejects", again.apply([Point("r", "a", 2.0, 1, 0)]), [])
        if again is not store:
            again.close()

    @promised("Your users' threads would lose each other's values, or stop each other", "apply")
    def test_threads_may_write_at_once(self, store: Store) -> None:
        """Threads that write at once each have every value, and a batch that all of them apply counts once."""

        def write(number: int) -> None:
            run_id = f"r{number}"
            store.apply([created(run_id)])
            for step in range(_ROUNDS):
                store.apply([Point(run_id, "a", float(step), step, 0)], position=JournalPosition(run_id, step + 1))
                both: list[Record] = [created("both"), Point("both", "a", float(step), step, 0)]
                store.apply(both, position=JournalPosition("both", step + 1))

        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(write, range(_THREADS)))
        points = [Metric("a", float(step), 0, step) for step in range(_ROUNDS)]
        for run_id in ("both", *(f"r{number}" for number in range(_THREADS))):
            expect(f"The points of the run {run_id!r}", store.metric_history(run_id, "a").points(), points)
