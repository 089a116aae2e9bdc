"""Our stores, held to the contract that third parties' are held to, and what they promise alike beyond it."""

from __future__ import annotations

from pathlib import Path

from steno.store.base import Store
from steno.store.memory import MemoryStore
from steno.store.records import ModelLogged, RunCreated
from steno.store.sql.store import SQLStore
from steno.testing import StoreContract


class TestMemoryStore(StoreContract):
    def open_store(self, folder: Path) -> Store:
        return MemoryStore(folder)


class TestSQLiteStore(StoreContract):
    def open_store(self, folder: Path) -> Store:
        return SQLStore(f"sqlite:///{folder}/steno.db")

    def reopen_store(self, store: Store) -> Store:
        store.close()
        return SQLStore(store.uri)


def test_artifacts_are_in_the_folder_of_the_store(store: Store, root: Path) -> None:
    """Unless a place is named, what an experiment and its runs keep is inside the store's own folder."""
    number = store.create_experiment("one")
    store.apply([RunCreated("r", number, "", "ada", 1000, "")])
    places = [store.get_experiment(each).artifact_location for each in ("0", number)]
    assert places == [f"{root.as_uri()}/artifacts/{each}" for each in ("0", number)]
    assert store.get_run("r").info.artifact_uri == f"{places[1]}/r/artifacts"


def test_a_path_is_told_as_a_uri(store: Store, root: Path) -> None:
    """A place that was given as a path comes back as the URI of it, of a run, a model and an experiment."""
    place = root / "artifacts" / "a b" / "model"
    number = store.create_experiment("one", artifact_location=str(place))
    store.apply([RunCreated("r", number, "", "ada", 1000, str(place))])
    store.apply([ModelLogged("r", "m-1", "best", number, str(place), 5, 5, "READY", "sklearn")])
    told = [
        store.get_experiment(number).artifact_location,
        store.get_run("r").info.artifact_uri,
        store.get_logged_model("m-1").artifact_location,
    ]
    assert told == [place.as_uri()] * 3
