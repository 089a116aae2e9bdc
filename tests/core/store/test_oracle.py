"""The SQL store against the reference, on whatever hypothesis thinks of."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steno.entities import Run, ViewType
from steno.store.base import Store
from steno.store.memory import MemoryStore
from steno.store.records import (
    Curve,
    DatasetUsed,
    Params,
    Point,
    Points,
    Record,
    RunCreated,
    RunUpdated,
    TagDeleted,
    Tags,
)
from steno.store.sql import clauses, metrics, planner
from steno.store.sql.store import SQLStore

RUNS = [f"r{i}" for i in range(6)]
KEYS = ["a", "b", "x y"]
NUMBERS = st.sampled_from([0.0, -0.0, 1.0, 0.5, -1.5, 1e300, math.inf, -math.inf, math.nan, 5e-324])
TEXTS = st.sampled_from(["", "a", "A", "ab", "é", "É", "10", "9", "1e1", "-3", "nan", "x" * 256, "x" * 256 + "y", "%"])
KINDS = st.sampled_from(["str", "int", "float", "none"])
TIMES = st.integers(0, 3)
IDS, NAMES = st.sampled_from(RUNS), st.sampled_from(KEYS)


def texts_by(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(NAMES, values, max_size=3)


RECORDS: st.SearchStrategy[Record] = st.one_of(
    st.builds(RunCreated, IDS, st.sampled_from(["0", "1", "7"]), TEXTS, TEXTS, TIMES, st.just(""), texts_by(TEXTS)),
    st.builds(
        RunUpdated,
        IDS,
        st.sampled_from([None, "FINISHED", "FAILED", "RUNNING"]),
        st.sampled_from([None, -1, 2, 3]),
        st.one_of(st.none(), TEXTS),
        st.sampled_from([None, None, "deleted", "active"]),
    ),
    st.builds(Point, IDS, NAMES, NUMBERS, TIMES, TIMES),
    st.builds(Points, IDS, texts_by(NUMBERS), TIMES, TIMES),
    st.lists(st.tuples(NUMBERS, TIMES, TIMES), max_size=5).flatmap(
        lambda rows: st.builds(
            Curve, IDS, NAMES, *(st.just([row[column] for row in rows]) for column in range(3))
        )
    ),
    st.builds(Params, IDS, texts_by(st.tuples(TEXTS, KINDS))),
    st.builds(Tags, IDS, texts_by(TEXTS)),
    st.builds(TagDeleted, IDS, NAMES),
    st.builds(
        DatasetUsed,
        IDS,
        TEXTS,
        st.sampled_from(["d", "e"]),
        st.just("code"),
        TEXTS,
        st.none(),
        st.none(),
        st.one_of(st.just({}), st.fixed_dictionaries({"mlflow.data.context": TEXTS})),
    ),
)
BATCHES = st.lists(st.lists(RECORDS, min_size=1, max_size=12), max_size=4)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


WORDS = TEXTS.map(quoted)
PATTERNS = st.sampled_from(["%", "a%", "%b", "_", "", "%y", "x%", "É", "A%", "zz"]).map(quoted)
LITERALS = st.sampled_from(["0", "1", "-1.5", "0.5", "1e300", "inf", "-inf", "9", "10", "3"])
ORDERING = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
EQUALITY = st.sampled_from(["=", "!="])
LIKES = st.sampled_from(["LIKE", "ILIKE"])
LISTS = st.lists(WORDS, min_size=1, max_size=3).map(lambda words: f"({', '.join(words)})")


def said(*parts: Any) -> st.SearchStrategy[str]:
    drawn = [st.just(part) if isinstance(part, str) else part for part in parts]
    return st.tuples(*drawn).map(" ".join)


def clause_on_text(field: st.SearchStrategy[str] | str) -> list[st.SearchStrategy[str]]:
    return [said(field, EQUALITY, WORDS), said(field, LIKES, PATTERNS), said(field, st.sampled_from(["IN", "NOT IN"]), LISTS)]


def keyed(entity: str) -> st.SearchStrategy[str]:
    return NAMES.map(lambda name: f"{entity}.`{name}`")


CLAUSES = st.one_of(
    said(keyed("metrics"), ORDERING, LITERALS),
    said(keyed("metrics"), EQUALITY, "nan"),
    said(keyed("params"), ORDERING, LITERALS),
    said(st.sampled_from(["start_time", "end_time"]), ORDERING, st.sampled_from(["0", "1", "2", "1.5"])),
    said(st.one_of(keyed("params"), keyed("tags")), st.sampled_from(["IS NULL", "IS NOT NULL"])),
    said("status", EQUALITY, st.sampled_from(["'FINISHED'", "'RUNNING'", "'x'"])),
    said("status", LIKES, st.sampled_from(["'F%'", "'f%'"])),
    said("run_id", st.sampled_from(["=", "!="]), IDS.map(quoted)),
    said("run_id", st.sampled_from(["IN", "NOT IN"]), "('r1', 'r3', 'nope')"),
    said("artifact_uri", LIKES, st.sampled_from(["'file:%'", "'%/R1/%'", "'./%'"])),
    *clause_on_text(st.one_of(keyed("params"), keyed("tags"))),
    *clause_on_text(st.sampled_from(["run_name", "user_id", "dataset.name", "dataset.digest", "dataset.context"])),
)
FILTERS = st.lists(CLAUSES, max_size=3).map(" AND ".join)
FIELDS = st.one_of(
    keyed("metrics"),
    keyed("params"),
    keyed("tags"),
    st.sampled_from(["start_time", "end_time", "status", "run_name", "run_id", "user_id", "artifact_uri", "metrics.none"]),
)
ORDERS = st.lists(said(FIELDS, st.sampled_from(["ASC", "DESC"])), max_size=2)
VIEWS = st.sampled_from([ViewType.ACTIVE_ONLY, ViewType.ALL, ViewType.DELETED_ONLY])
SEARCHES = st.lists(
    st.tuples(FILTERS, ORDERS, VIEWS, st.integers(1, 5), st.sampled_from([["0"], ["1"], ["0", "1"], ["1", "9"], []])),
    min_size=8,
    max_size=8,
)


@pytest.fixture(params=["as it is", "tiny"])
def planned(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once with limits so small that few runs are many: then indexes are walked, in several windows."""
    if request.param == "tiny":
        monkeypatch.setattr(clauses, "FEW", 0)
        monkeypatch.setattr(planner, "_WINDOW", 2)
        monkeypatch.setattr(planner, "_FIRST_WINDOW", 1)
        monkeypatch.setattr(metrics, "CAP", 3)
        monkeypatch.setattr(metrics, "FANOUT", 2)


def canonical(run: Run) -> Any:
    """A run as plain data in which NaN equals NaN, minus zero differs from zero, and maps have one order."""
    data, inputs, outputs = run.data, run.inputs, run.outputs
    maps = [sorted((key, repr(value)) for key, value in mapping.items()) for mapping in (data.latest, data.params, data.tags)]
    kinds = sorted((key, value.kind) for key, value in data.params.items())
    return repr(run.info), maps, kinds, repr(inputs), repr(outputs)


def pages(store: Store, search: Any) -> list[list[str]]:
    """Every page of one search, as run ids."""
    filter_string, order_by, view, size, experiments = search
    found, token = [], None
    while True:
        page = store.search_runs(
            experiments,
            filter_string=filter_string,
            order_by=order_by,
            max_results=size,
            view_type=view,
            page_token=token,
        )
        found.append([run.info.run_id for run in page])
        token = page.token
        if token is None:
            return found


def in_both(check: Callable[[Store, Store], None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        sql = SQLStore(f"sqlite:///{root}/steno.db", root)
        try:
            check(sql, MemoryStore(root))
        finally:
            sql.close()


@pytest.mark.usefixtures("planned")
@given(batches=BATCHES, searches=SEARCHES)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_sql_answers_as_the_reference_does(batches: list[list[Record]], searches: list[Any]) -> None:
    """Whatever is recorded in whatever batches, and whatever is asked, both stores give the same."""

    def check(sql: Store, memory: Store) -> None:
        for store in (sql, memory):
            store.create_experiment("one")
        for batch in batches:
            reports = [store.apply(batch) for store in (sql, memory)]
            assert sorted(map(repr, reports[0])) == sorted(map(repr, reports[1]))
        wanted = {run.info.run_id: run for run in memory.search_runs(["0", "1"], view_type=ViewType.ALL)}
        for run_id, run in wanted.items():
            assert canonical(sql.get_run(run_id)) == canonical(run)
            for key in KEYS:
                points = [store.metric_history(run_id, key).points() for store in (sql, memory)]
                assert repr(points[0]) == repr(points[1])
        for search in searches:
            assert pages(sql, search) == pages(memory, search), search

    in_both(check)
