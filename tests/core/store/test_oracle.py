"""The SQL store against the reference, on whatever hypothesis thinks of."""

from __future__ import annotations

import itertools
import math
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
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

RUNS = [f"r{i}" for i in range(10)]
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
        lambda rows: st.builds(Curve, IDS, NAMES, *(st.just([row[column] for row in rows]) for column in range(3)))
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


@st.composite
def populations(draw: st.DrawFn) -> list[list[Record]]:
    """Many runs with much in common, so that there are ties, gaps and clauses that many of them fit."""
    seed = draw(st.randoms(use_true_random=False))
    metric_values, param_values, tag_values = draw(POOL_NUMBERS), draw(POOL_TEXTS), draw(POOL_TEXTS)
    batches: list[list[Record]] = []
    for run_id in RUNS:
        keys = [key for key in KEYS if seed.random() < 0.8]
        start, experiment = seed.randrange(3), seed.choice("0001")
        batch: list[Record] = [
            RunCreated(run_id, experiment, seed.choice(tag_values), seed.choice(tag_values), start, ""),
            Points(run_id, {key: seed.choice(metric_values) for key in keys}, 0, 0),
            Params(run_id, {key: (seed.choice(param_values), "str") for key in keys}),
            Tags(run_id, {key: seed.choice(tag_values) for key in reversed(keys)}),
            DatasetUsed(run_id, seed.choice(tag_values), "d", "code", "{}", None, None, {"mlflow.data.context": "a"}),
        ]
        batch += [RunUpdated(run_id, "FINISHED", 3)] if seed.random() < 0.5 else []
        batches.append(batch)
    return [list(itertools.chain.from_iterable(batches)), *draw(BATCHES)]


FIND = [Phase.explicit, Phase.reuse, Phase.generate]  # a failure names its search; shrinking the runs takes minutes
BATCHES = st.lists(st.lists(RECORDS, min_size=1, max_size=12), max_size=3)
POOL_NUMBERS, POOL_TEXTS = st.lists(NUMBERS, min_size=1, max_size=4), st.lists(TEXTS, min_size=1, max_size=4)


WORDS = ["''", "'a'", "'A'", "'ab'", "'é'", "'10'", "'x'", "'nope'", f"'{'x' * 256}'", f"'{'x' * 256}y'", "'nan'"]
PATTERNS = ["'%'", "'a%'", "'%b'", "'_'", "''", "'%y'", "'x%'", "'É'", "'A%'", "'zz'"]
NUMERALS = ["0", "1", "-1.5", "0.5", "1e300", "inf", "-inf", "9", "10", "3"]
ORDERING, EQUALITY = ["=", "!=", "<", "<=", ">", ">="], ["=", "!="]
KEYED = {entity: [f"{entity}.`{key}`" for key in KEYS] for entity in ("metrics", "params", "tags")}
NAMED = ["run_name", "user_id", "dataset.name", "dataset.digest", "dataset.context"]
SORTABLE = [
    *itertools.chain.from_iterable(KEYED.values()),
    "start_time",
    "end_time",
    "status",
    "run_name",
    "run_id",
    "user_id",
    "artifact_uri",
]
FORMS: list[tuple[Any, ...]] = [
    (KEYED["metrics"], ORDERING, NUMERALS),
    (KEYED["metrics"], ORDERING, NUMERALS),
    (KEYED["metrics"], EQUALITY, ["nan"]),
    (KEYED["params"], ORDERING, NUMERALS),
    (["start_time", "end_time"], ORDERING, ["0", "1", "2", "1.5"]),
    (KEYED["params"] + KEYED["tags"], ["IS NULL", "IS NOT NULL"]),
    (KEYED["params"] + KEYED["tags"] + NAMED, EQUALITY, WORDS),
    (KEYED["params"] + KEYED["tags"] + NAMED, ["LIKE", "ILIKE"], PATTERNS),
    (KEYED["params"] + KEYED["tags"] + NAMED, ["IN (", "NOT IN ("], WORDS, [","], WORDS, [")"]),
    (["status"], ["=", "!=", "LIKE", "ILIKE"], ["'FINISHED'", "'RUNNING'", "'f%'", "'x'"]),
    (["run_id"], ["= 'r2'", "!= 'r2'", "IN ('r1', 'r3', 'nope')", "NOT IN ('r1', 'nope')"]),
    (["artifact_uri"], ["LIKE", "ILIKE"], ["'file:%'", "'%/R1/%'", "'./%'"]),
]


def searches(seed: int, count: int) -> list[tuple[Any, ...]]:
    """Filter, order, view, size of a page and experiments of as many searches."""
    drawn = random.Random(seed)
    found: list[tuple[Any, ...]] = []
    for _ in range(count):
        clauses = [" ".join(map(drawn.choice, drawn.choice(FORMS))) for _ in range(drawn.choice([0, 1, 1, 1, 2]))]
        order = [
            f"{drawn.choice(SORTABLE)} {drawn.choice(['ASC', 'DESC'])}" for _ in range(drawn.choice([0, 1, 1, 1, 2]))
        ]
        experiments = drawn.choice([["0"], ["0"], ["0", "1"], ["1", "9"], []])
        found.append(
            (" AND ".join(clauses), order, drawn.choice([1, 1, 1, 2, 3]), drawn.choice([1, 3, 4, 9]), experiments)
        )
    return found


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
    maps = [
        sorted((key, repr(value)) for key, value in mapping.items())
        for mapping in (data.latest, data.params, data.tags)
    ]
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
        assert len(found) <= len(RUNS) + 1, f"{search} never ends"
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
@given(batches=populations(), seed=st.integers(0, 2**32))
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=FIND)
def test_sql_answers_as_the_reference_does(batches: list[list[Record]], seed: int) -> None:
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
        for search in searches(seed, 60):
            assert pages(sql, search) == pages(memory, search), search

    in_both(check)
