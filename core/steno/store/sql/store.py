"""The store on a SQL database: each method opens a transaction and hands over to the module that knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from steno.entities import Experiment, LoggedModel, Page, Run, ViewType
from steno.store.base import Chart, JournalPosition, Rejection, Series, Store
from steno.store.places import Places
from steno.store.records import Record
from steno.store.rules import no_run
from steno.store.sql import experiments, hydrate, metrics, models, planner
from steno.store.sql.batch import Batch
from steno.store.sql.engine import Engine
from steno.store.sql.keys import Keys
from steno.store.sql.metrics import OpenChunks, SeriesId
from steno.store.sql.statements import Insert, Statement, replacing
from steno.store.sql.tables import journal, run
from steno.store.text import storable

__all__ = ["SQLStore"]


class SQLStore(Store):
    """Runs in a SQLite file, or in any database that SQLAlchemy Core and `on_conflict` know.

    Nothing is opened before the first use, which creates the tables where there are none.

    Args:
        uri: `sqlite:///steno.db`, relative to the working directory, or `sqlite:////absolute/steno.db`.
        root: the folder that is moved as one with the store; artifacts inside it are kept relative to it. The
            folder of the database file unless named.

    Raises:
        InvalidInputError: the URI is not one.
    """

    def __init__(self, uri: str, root: Path | None = None) -> None:
        self.uri = uri
        self._engine = Engine(uri)
        home = self._engine.path.parent if self._engine.path is not None else None
        self._places = Places(root or home)
        self._keys, self._open_chunks = Keys(), OpenChunks()

    # -- writing

    def apply(
        self, records: Sequence[Record], *, position: JournalPosition | None = None, timeout_s: float = 60.0
    ) -> list[Rejection]:
        """See `Store.apply`."""
        with self._engine.writing(timeout_s) as connection:
            if position is not None and not _advance(connection, position):
                return []
            batch = Batch(connection, self._keys, self._open_chunks, self._places)
            rejections = batch.apply(records)
        self._keys.remember(batch.ids)
        self._open_chunks.update(batch.open_chunks, batch.folded)
        return rejections

    def journal_position(self, journal_id: str) -> int:
        """See `Store.journal_position`."""
        with self._engine.reading() as connection:
            return _position(connection, journal_id)

    def forget_journal(self, journal_id: str) -> None:
        """See `Store.forget_journal`."""
        with self._engine.writing() as connection:
            connection.execute(sa.delete(journal).where(journal.c.journal_id == journal_id))

    # -- experiments

    def create_experiment(
        self, name: str, *, artifact_location: str | None = None, tags: Mapping[str, str] | None = None
    ) -> str:
        """See `Store.create_experiment`."""
        with self._engine.writing() as connection:
            return experiments.create(connection, self._keys, self._places, name, artifact_location, tags or {})

    def get_experiment(self, experiment_id: str) -> Experiment:
        """See `Store.get_experiment`."""
        with self._engine.reading() as connection:
            return experiments.get(connection, self._places, experiment_id)

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """See `Store.get_experiment_by_name`."""
        with self._engine.reading() as connection:
            return experiments.by_name(connection, self._places, name)

    def search_experiments(
        self,
        *,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        max_results: int = 1000,
        page_token: str | None = None,
        view_type: int = ViewType.ACTIVE_ONLY,
    ) -> Page[Experiment]:
        """See `Store.search_experiments`."""
        with self._engine.reading() as connection:
            return experiments.search(
                connection, self._places, filter_string, order_by, max_results, page_token, view_type
            )

    def update_experiment(
        self,
        experiment_id: str,
        *,
        name: str | None = None,
        lifecycle_stage: str | None = None,
        tags: Mapping[str, str | None] | None = None,
    ) -> None:
        """See `Store.update_experiment`."""
        with self._engine.writing() as connection:
            experiments.update(connection, self._keys, self._places, experiment_id, name, lifecycle_stage, tags or {})

    # -- runs

    def get_run(self, run_id: str) -> Run:
        """See `Store.get_run`."""
        with self._engine.reading() as connection:
            number = _run_number(connection, run_id)
            found = [] if number is None else hydrate.runs(connection, [number], self._places)
        if not found:
            raise no_run(run_id)
        return found[0]

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        *,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        max_results: int = 1000,
        page_token: str | None = None,
        view_type: int = ViewType.ACTIVE_ONLY,
    ) -> Page[Run]:
        """See `Store.search_runs`."""
        search = planner.Search.of(experiment_ids, filter_string, order_by, max_results, page_token, view_type)
        with self._engine.reading() as connection:
            numbers, token = planner.page(connection, self._keys, self._places, search)
            return Page(hydrate.runs(connection, numbers, self._places), token)

    def count_runs(self, experiment_id: str, view_type: int = ViewType.ACTIVE_ONLY) -> int:
        """See `Store.count_runs`."""
        with self._engine.reading() as connection:
            return planner.count(connection, experiment_id, view_type)

    def metric_history(self, run_id: str, key: str) -> Series:
        """See `Store.metric_history`."""
        with self._engine.reading() as connection:
            identity = self._series(connection, run_id, key)
            if identity is None:
                return Series(key, np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))
            return metrics.history(connection, identity, key)

    def chart(self, run_id: str, key: str, points: int = 2000) -> Chart:
        """See `Store.chart`."""
        with self._engine.reading() as connection:
            identity = self._series(connection, run_id, key)
            if identity is None:
                return Chart(key, np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.float64))
            return metrics.chart(connection, identity, key, points)

    def _series(self, connection: sa.Connection, run_id: str, key: str) -> SeriesId | None:
        number, key_id = _run_number(connection, run_id), self._keys.find(connection, storable(key))
        return None if number is None or key_id is None else (number, key_id)

    # -- models

    def get_logged_model(self, model_id: str) -> LoggedModel:
        """See `Store.get_logged_model`."""
        with self._engine.reading() as connection:
            return models.get(connection, model_id, self._places)

    def logged_models(self, run_id: str) -> list[LoggedModel]:
        """See `Store.logged_models`."""
        with self._engine.reading() as connection:
            return models.of_run(connection, run_id, self._places)

    # -- life

    def close(self) -> None:
        """See `Store.close`."""
        self._engine.close()

    def discard(self) -> None:
        """See `Store.discard`."""
        self._engine.discard()


def _advance(connection: sa.Connection, position: JournalPosition) -> bool:
    """Note how far a journal is applied; False if that was passed before."""
    if _position(connection, position.journal_id) >= position.offset:
        return False
    _SET_POSITION.run(connection, journal_id=position.journal_id, offset=position.offset)
    return True


def _position(connection: sa.Connection, journal_id: str) -> int:
    return _POSITION.run(connection, name=journal_id).scalar() or 0


def _run_number(connection: sa.Connection, run_id: str) -> int | None:
    return _NUMBER.run(connection, uuid=storable(run_id)).scalar()


_SET_POSITION = Insert(journal, replacing("offset"))
_POSITION = Statement(lambda _dialect: sa.select(journal.c.offset).where(journal.c.journal_id == sa.bindparam("name")))
_NUMBER = Statement(lambda _dialect: sa.select(run.c.id).where(run.c.uuid == sa.bindparam("uuid")))
