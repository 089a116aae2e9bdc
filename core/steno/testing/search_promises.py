"""What a store promises of searches: complete pages, one order, the reference's answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from steno.entities import Run, ViewType
from steno.errors import FilterError, InvalidInputError
from steno.store.base import Store
from steno.store.memory import MemoryStore
from steno.store.records import DatasetUsed, Params, Points, Record, RunCreated, RunUpdated, Tags
from steno.testing.run_promises import created
from steno.testing.store_promise import StorePromises, expect, promised, refused

__all__ = ["SearchPromises"]

_NO_SIZES: tuple[Any, ...] = (0, -1, 50_001, 1.5, "3", True, None)
# How runs that are equal in it stand under each order: as they were made, or the reverse.
_ORDERS: tuple[tuple[tuple[str, ...], bool], ...] = (
    (("start_time ASC",), True),
    (("start_time DESC",), False),
    (("end_time",), True),
    (("metrics.same DESC", "attributes.start_time ASC"), True),
    (("run_name ASC",), False),
    ((), False),
)
_FILTERS = (
    "",
    "metrics.loss < 0.5",
    "metrics.loss != 0.5",
    "metrics.loss = nan",
    "metrics.`a b` >= -inf",
    "params.depth > 3 and params.depth <= 10",
    "params.depth = '10'",
    "params.kind LIKE 'a%'",
    "params.kind ILIKE 'A_'",
    "params.kind IS NULL",
    "tags.team IS NOT NULL and tags.team != 'x'",
    "tags.team IN ('x', 'é')",
    "tags.team NOT IN ('x')",
    "status = 'FINISHED'",
    "start_time > 1 and end_time < 4",
    "run_name LIKE '%1'",
    "run_id IN ('r1', 'r3', 'nope')",
    "user_id = 'ada' and metrics.loss > 0",
    "dataset.name = 'X' and dataset.context = 'train'",
    "dataset.digest != '1'",
    "dataset.context != 'a'",
)
_SORTED: tuple[tuple[str, ...], ...] = (
    ("metrics.loss ASC",),
    ("metrics.loss DESC", "run_name ASC"),
    ("params.depth ASC",),
    ("params.kind DESC",),
    ("tags.team ASC", "start_time DESC"),
    ("status ASC", "end_time DESC"),
    ("run_id DESC",),
)


def _population() -> Iterator[Record]:
    """Runs with gaps and ties, so that each filter finds some and each order has something to decide."""
    losses = (0.25, 0.5, math.nan, -0.0, math.inf, 0.5)
    depths = (("4", "int"), ("10", "int"), ("1e1", "float"), ("deep", "str"), ("None", "none"), ("4", "int"))
    teams = ("x", "é", "", "X", "x y", "x")
    for i, (loss, depth, team) in enumerate(zip(losses, depths, teams, strict=True)):
        run_id = f"r{i}"
        yield RunCreated(run_id, "0", f"run {i % 2}", "ada" if i % 3 else "eve", 1 + i // 2, "")
        yield Points(run_id, {"loss": loss, **({"a b": loss} if i % 2 else {})}, 0, 0)
        yield Params(run_id, {"depth": depth, **({"kind": (f"a{i}" if i % 4 else "B", "str")} if i % 3 else {})})
        yield Tags(run_id, {"team": team} if i else {})
        yield DatasetUsed(run_id, "X" if i % 2 else "Y", str(i % 3), "code", "{}", None, None, _context(i))
        if i % 2:
            yield RunUpdated(run_id, "FAILED" if i == 1 else "FINISHED", 5 - i)


def _context(number: int) -> dict[str, str]:
    return {"mlflow.data.context": "train"} if number < 4 else {}


def _pages(store: Store, experiments: Sequence[str] = ("0",), **search: Any) -> list[list[Run]]:
    """Every page of a search, which must have an end."""
    pages: list[list[Run]] = []
    token = None
    while len(pages) < 100:
        page = store.search_runs(list(experiments), page_token=token, **search)
        pages.append(list(page))
        token = page.token
        if token is None:
            break
    expect(f"The token behind {len(pages)} pages of a few runs", token, None)
    return pages


def _ids(pages: list[list[Run]]) -> list[list[str]]:
    return [[run.info.run_id for run in page] for page in pages]


class SearchPromises(StorePromises):
    """Searches."""

    @promised("A loop over pages would miss runs, repeat them or never end", "search_runs")
    def test_pages_are_complete(self, store: Store) -> None:
        """Following tokens gives each run once, in order, and the last page has no token."""
        store.apply([created(f"r{i}", start=1000 + i // 3) for i in range(10)])
        found = _ids(_pages(store, max_results=4))
        ids = [f"r{i}" for i in reversed(range(10))]
        expect("The pages of four", found, [ids[:4], ids[4:8], ids[8:]])
        expect("The pages of five, which fill them,", _ids(_pages(store, max_results=5)), [ids[:5], ids[5:]])

    @promised("Lists of runs would be shuffled each time they are looked at", "search_runs")
    def test_runs_of_one_millisecond_stand_as_they_were_made(self, store: Store) -> None:
        """Runs of the same millisecond are in the order of their making, or the reverse where times descend."""
        number = store.create_experiment("other")
        ids = [f"r{i}" for i in range(7)]
        store.apply([created(run_id, number if i % 2 else "0", name="same", start=5) for i, run_id in enumerate(ids)])
        for order, first_to_last in _ORDERS:
            for view in (ViewType.ACTIVE_ONLY, ViewType.ALL):
                pages = _pages(store, ("0", number), order_by=list(order), max_results=2, view_type=view)
                seen = [run_id for page in _ids(pages) for run_id in page]
                expect(f"The runs ordered by {list(order)}", seen, ids if first_to_last else ids[::-1])

    @promised("Your users would take a page that was cut for all there is", "search_runs")
    def test_impossible_pages_are_refused(self, store: Store) -> None:
        """A page of no possible size is refused and not cut silently."""
        for size in _NO_SIZES:

            def search(size: Any = size) -> object:
                return store.search_runs(["0"], max_results=size)

            refused(f"search_runs() with max_results={size!r}", InvalidInputError, "50000", search)

    @promised("A token of another search would give your users the wrong runs", "search_runs")
    def test_foreign_tokens_are_refused(self, store: Store) -> None:
        """A token that is made up or belongs to another search is refused, never misread."""
        store.apply([created(f"r{i}") for i in range(3)])
        token = store.search_runs(["0"], max_results=1).token
        expect("Whether a page that is not the last has a token", bool(token), True)  # noqa: FBT003
        for forged in ("x", "é", "AAAA", "'; drop table run", str(token)[:-3]):

            def search(forged: str = forged) -> object:
                return store.search_runs(["0"], max_results=1, page_token=forged)

            refused(f"The token {forged!r}", InvalidInputError, "page_token", search)
        refused(
            "The token of a search in another order",
            InvalidInputError,
            "page_token",
            lambda: store.search_runs(["0"], max_results=1, page_token=token, order_by=["run_name"]),
        )

    @promised("The same search would find other runs than in every other store", "search_runs", "count_runs")
    def test_searches_answer_as_the_reference_does(self, store: Store) -> None:
        """Each form of a filter, and each order, gives the runs that the store in memory gives."""
        reference = MemoryStore()
        for each in (store, reference):
            each.apply(list(_population()))
            each.apply([RunUpdated("r5", lifecycle_stage="deleted")])
        searches = [(text, ()) for text in _FILTERS] + [("", order) for order in _SORTED]
        for text, order in searches:
            for view in (ViewType.ACTIVE_ONLY, ViewType.ALL):
                search: dict[str, Any] = {"filter_string": text, "order_by": list(order), "view_type": view}
                found, wanted = (_ids(_pages(each, max_results=2, **search)) for each in (store, reference))
                expect(f"What a search by {text!r}, ordered by {list(order)}, finds", found, wanted)
        expect("The number of active runs", store.count_runs("0"), reference.count_runs("0"))

    @promised("A typing mistake in a filter would find nothing, and say nothing", "search_runs", "search_experiments")
    def test_what_is_no_filter_is_refused(self, store: Store) -> None:
        """A filter or an order that does not parse is refused, of runs and of experiments."""
        for text in ("metrics.loss <", "color = 'x'", "params.a or params.b"):

            def filtered(text: str = text) -> object:
                return store.search_runs(["0"], filter_string=text)

            refused(f"The filter {text!r}", FilterError, text, filtered)
        refused("The order 'nope'", FilterError, "nope", lambda: store.search_runs(["0"], order_by=["nope"]))
        refused(
            "The filter of experiments 'metrics.loss < 1'",
            FilterError,
            "metrics.loss",
            lambda: store.search_experiments(filter_string="metrics.loss < 1"),
        )
