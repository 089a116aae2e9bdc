"""What a store promises of experiments: names, ids, life cycle."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from steno.entities import Experiment, ViewType
from steno.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from steno.store.base import Store
from steno.store.records import RunUpdated
from steno.testing.run_promises import created
from steno.testing.store_promise import StorePromises, expect, promised, refused

__all__ = ["ExperimentPromises"]

_NO_NAMES: tuple[Any, ...] = ("", "  ", "x" * 501, 3, None)
_NO_IDS = ("7", "x", "", "-1", "00", "9" * 30, "０")


class ExperimentPromises(StorePromises):
    """Experiments."""

    @promised("A training without an experiment would have nowhere to go", "get_experiment", "search_experiments")
    def test_the_default_experiment_is_there(self, store: Store) -> None:
        """A new store has experiment "0", named Default."""
        found = store.get_experiment("0")
        timeless = replace(found, creation_time=None, last_update_time=None)
        expect("Experiment '0'", timeless, Experiment("0", "Default", found.artifact_location))
        expect("Whether it says where its artifacts are", bool(found.artifact_location), True)  # noqa: FBT003
        expect("The experiments of a new store", list(store.search_experiments()), [found])
        expect("The experiment by its name", store.get_experiment_by_name("Default"), found)

    @promised("Your users would not find their experiments again", "create_experiment", "update_experiment")
    def test_experiments_are_created_changed_and_found(self, store: Store) -> None:
        """An experiment keeps its name, place and tags; changes replace, and None deletes a tag."""
        place = "s3://bucket/x"
        number = store.create_experiment("one", artifact_location=place, tags={"a": "1", "b": "2"})
        store.update_experiment(number, name="uno", tags={"a": None, "c": "3"})
        found = store.get_experiment(number)
        told = found.name, found.artifact_location, found.tags, found.lifecycle_stage
        expect("The experiment after its changes", told, ("uno", place, {"b": "2", "c": "3"}, "active"))
        expect("The experiment by the name it had", store.get_experiment_by_name("one"), None)
        other = store.get_experiment(store.create_experiment("one"))
        places = {store.get_experiment("0").artifact_location, place, other.artifact_location}
        expect(f"The number of places of three experiments, {sorted(places)},", len(places), 3)

        def names(**search: Any) -> list[str]:
            return [each.name for each in store.search_experiments(**search)]

        expect("The experiments, newest first,", names(), ["one", "uno", "Default"])
        clause = "name ILIKE 'U%' and tags.c = '3'"
        expect(f"What a search by {clause!r} finds", names(filter_string=clause), ["uno"])
        expect("The experiments by name", names(order_by=["name ASC"]), ["Default", "one", "uno"])
        token = store.search_experiments(max_results=2).token
        expect("The page behind the first two", names(max_results=2, page_token=token), ["Default"])

    @promised("Two experiments of a name would share your users' runs", "create_experiment", "update_experiment")
    def test_an_experiment_name_is_taken_once(self, store: Store) -> None:
        """A name has one active experiment; a deleted one frees it, and is not restored over another."""
        first = store.create_experiment("x")
        refused("A second experiment named x", AlreadyExistsError, "'x'", lambda: store.create_experiment("x"))
        store.update_experiment(first, lifecycle_stage="deleted")
        second = store.create_experiment("x")
        expect("Whether the name of a deleted experiment makes a new one", first != second, True)  # noqa: FBT003
        expect("The experiment by its name", store.get_experiment_by_name("x"), store.get_experiment(second))

        def restore() -> None:
            store.update_experiment(first, lifecycle_stage="active")

        refused("Restoring an experiment whose name is taken", AlreadyExistsError, "'x'", restore)
        store.update_experiment(second, lifecycle_stage="deleted")
        found = store.get_experiment_by_name("x")
        expect("Of deleted experiments of a name, the one it finds", found, store.get_experiment(second))

    @promised("Processes that start together would each have an experiment of the same name", "create_experiment")
    def test_of_many_that_create_an_experiment_one_does(self, store: Store) -> None:
        """Of threads that create an experiment of one name at once exactly one does; the others are told."""

        def create(number: int) -> bool:
            del number
            try:
                store.create_experiment("x")
            except AlreadyExistsError:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            made = sum(threads.map(create, range(8)))
        expect("The number of threads that created it", made, 1)
        expect("The experiments", [each.name for each in store.search_experiments()], ["x", "Default"])

    @promised("Your users' experiments would have names that nobody can ask for", "create_experiment")
    def test_an_experiment_needs_a_name(self, store: Store) -> None:
        """A name that is empty, endless or no text is refused with what is accepted."""
        for name in _NO_NAMES:

            def create(name: Any = name) -> str:
                return store.create_experiment(name)

            refused(f"An experiment named {name!r:.20}", InvalidInputError, "accepted", create)

    @promised("A wrong id would give your users other runs, or an error from the depth of the store", "get_experiment")
    def test_unknown_experiments_are_not_found(self, store: Store) -> None:
        """Asking for an experiment that does not exist says so, whatever the id looks like."""
        for number in _NO_IDS:

            def rename(number: str = number) -> None:
                store.update_experiment(number, name="x")

            def get(number: str = number) -> Experiment:
                return store.get_experiment(number)

            refused(f"get_experiment({number!r})", NotFoundError, "", get)
            refused(f"update_experiment({number!r})", NotFoundError, "", rename)
            runs = list(store.search_runs([number])), store.count_runs(number)
            expect(f"The runs of experiment {number!r}, which does not exist,", runs, ([], 0))

    @promised("What your users delete would be in their way, or lost", "search_runs", "count_runs", "apply")
    def test_deleting_hides_and_restoring_shows(self, store: Store) -> None:
        """A deleted run, and each run of a deleted experiment, is left out until it is restored; nothing is lost."""
        number = store.create_experiment("x")
        store.apply([created("a", number), created("b", number), RunUpdated("a", lifecycle_stage="deleted")])

        def seen(view: int) -> tuple[list[str], int]:
            runs = store.search_runs([number], view_type=view)
            return [run.info.run_id for run in runs], store.count_runs(number, view)

        expect("The active runs, one being deleted,", seen(ViewType.ACTIVE_ONLY), (["b"], 1))
        expect("The deleted runs", seen(ViewType.DELETED_ONLY), (["a"], 1))
        store.update_experiment(number, lifecycle_stage="deleted")
        expect("The active runs of a deleted experiment", seen(ViewType.ACTIVE_ONLY), ([], 0))
        expect("The deleted runs of it", seen(ViewType.DELETED_ONLY), (["b", "a"], 2))
        expect("The stage of a run of it", store.get_run("b").info.lifecycle_stage, "deleted")
        deleted = list(store.search_experiments(view_type=ViewType.DELETED_ONLY))
        expect("The deleted experiments", deleted, [store.get_experiment(number)])
        store.update_experiment(number, lifecycle_stage="active")
        store.apply([RunUpdated("a", lifecycle_stage="active")])
        for view in (ViewType.ALL, ViewType.ACTIVE_ONLY):
            expect("The runs after all is restored", seen(view), (["b", "a"], 2))
        refused("search_runs() with view type 4", InvalidInputError, "ViewType", lambda: seen(4))
        refused(
            "search_experiments() with view type 0",
            InvalidInputError,
            "ViewType",
            lambda: store.search_experiments(view_type=0),
        )
