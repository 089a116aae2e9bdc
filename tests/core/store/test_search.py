"""The filter language: what is understood, and how it says what is not."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steno.errors import FilterError
from steno.store.search import EXPERIMENTS, All, Comparison, Field, Order, like, parse_filter, parse_order

UNDERSTOOD = {
    "": [],
    "  \n ": [],
    "metrics.loss < 0.1": [Comparison(Field("metric", "loss"), "<", 0.1)],
    "metric.a>=-1e-3": [Comparison(Field("metric", "a"), ">=", -0.001)],
    "metrics.train/loss@3 != 5": [Comparison(Field("metric", "train/loss@3"), "!=", 5.0)],
    "metrics.a = inf": [Comparison(Field("metric", "a"), "=", math.inf)],
    "params.`a b` = 'it''s'": [Comparison(Field("param", "a b"), "=", "it's")],
    'param."x.y" != "say ""hi"""': [Comparison(Field("param", "x.y"), "!=", 'say "hi"')],
    "parameters.n > 3 and parameter.n<=4": [
        Comparison(Field("param", "n"), ">", 3.0),
        Comparison(Field("param", "n"), "<=", 4.0),
    ],
    "tags.mlflow.user LIKE 'a%' AND tag.x ilike '%B'": [
        Comparison(Field("tag", "mlflow.user"), "like", "a%"),
        Comparison(Field("tag", "x"), "ilike", "%B"),
    ],
    "params.a IS NULL and tags.b is not null": [
        Comparison(Field("param", "a"), "is null"),
        Comparison(Field("tag", "b"), "is not null"),
    ],
    "status = 'FINISHED' and attributes.run_id in ('a', \"b\")": [
        Comparison(Field("attribute", "status"), "=", "FINISHED"),
        Comparison(Field("attribute", "run_id"), "in", ("a", "b")),
    ],
    f"attributes.run_id IN {('a',)}": [Comparison(Field("attribute", "run_id"), "in", ("a",))],
    "attr.`Run Name` NOT IN('x')": [Comparison(Field("attribute", "run_name"), "not in", ("x",))],
    "`run name` = 'x'": [Comparison(Field("attribute", "run_name"), "=", "x")],
    "run.user_id = 'x'": [Comparison(Field("attribute", "user_id"), "=", "x")],
    "created > 17 and end_time <= 18": [
        Comparison(Field("attribute", "start_time"), ">", 17),
        Comparison(Field("attribute", "end_time"), "<=", 18),
    ],
    "start_time < 99999999999999999999": [Comparison(Field("attribute", "start_time"), "<", 1e20)],
    "datasets.name = 'd' and dataset.context IN ('train')": [
        Comparison(Field("dataset", "name"), "=", "d"),
        Comparison(Field("dataset", "context"), "in", ("train",)),
    ],
    "artifact_uri LIKE 's3:%'": [Comparison(Field("attribute", "artifact_uri"), "like", "s3:%")],
    "params.and = 'or' and params.like like 'in'": [
        Comparison(Field("param", "and"), "=", "or"),
        Comparison(Field("param", "like"), "like", "in"),
    ],
    "tags.`a\0` = 'x'": [Comparison(Field("tag", "a\\u0000"), "=", "x")],
}

REFUSED = {
    "metrics.a > 'x'": (13, "metric 'a' is a number", "number without quotes"),
    "metrics.a like 'x'": (16, "metric 'a' is a number", "= != < <= > >="),
    "metrics.a is null": (1, "IS NULL is for params and tags", "= !="),
    "metrics.a < nan": (13, "NaN", "metrics.<key> = nan"),
    "params.a < nan": (12, "NaN", "metrics.<key> = nan"),
    "tags.x = 3": (10, "tag 'x' is text", "single quotes"),
    "params.x > 'a'": (12, "does not compare text", "without quotes"),
    "params.x like 3": (15, "'3' was not expected", "single quotes"),
    "status is null": (1, "IS NULL is for params and tags", "LIKE"),
    "start_time > '2026-01-01'": (14, "start_time is a number", "milliseconds"),
    "metrics.a": (10, "ends too early", "LIKE"),
    "metrics.a >": (12, "ends too early", "a number"),
    "metrics.a > 1 and ": (18, "ends too early", "metrics.<key>"),
    "metrics.a == 1": (12, "'==' is no comparator", "= != < <= > >="),
    "metrics.a <> 1": (12, "'<>' is no comparator", "= != < <= > >="),
    "metrics.a > 1 metrics.b > 2": (15, "'metrics.b' was not expected", "AND"),
    "status = FINISHED": (10, "'FINISHED' was not expected", "'FINISHED'"),
    "params.x = 'abc": (12, "was not expected", "single quotes"),
    "params.x in 'a'": (13, "was not expected", "("),
    "params.x is 3": (13, "was not expected", "NULL"),
    "foo.x = 1": (1, "a run has no 'foo'", "metrics.<key>"),
    "color = 'x'": (1, "a run has no attribute 'color'", "run_name"),
    "dataset.rows = 'x'": (1, "a dataset has no 'rows'", "dataset.digest"),
    "params.y = 'b' or params.x = 'a'": (16, "'or' is not part of the language yet", "joined by AND"),
    "(params.x = 'a')": (1, "'(' is not part of the language yet", "joined by AND"),
    "params.x between 1 and 2": (10, "'between' is not part of the language yet", "joined by AND"),
    ", x": (1, "',' was not expected", "metrics.<key>"),
}


@pytest.mark.parametrize("text", UNDERSTOOD)
def test_a_filter_is_understood(text: str) -> None:
    """Each form of MLflow's filters, and ours beyond them, becomes the comparison it says."""
    assert parse_filter(text) == All(tuple(UNDERSTOOD[text]))


@pytest.mark.parametrize("text", REFUSED)
def test_a_wrong_filter_is_explained(text: str) -> None:
    """A filter that cannot be shows its text, a caret under the column, and what is accepted."""
    column, what, accepted = REFUSED[text]
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    first, shown, caret, last = str(caught.value).split("\n")
    assert (what in first, accepted in last) == (True, True), str(caught.value)
    assert first.endswith(f"(column {column})")
    assert shown.strip() == text.strip()
    assert caret == " " * (4 + column - 1) + "^"


def test_a_long_filter_is_shown_around_the_fault() -> None:
    """In a long filter the caret still stands under the fault."""
    text = " and ".join(f"metrics.m{i} > {i}" for i in range(50)) + " oops"
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    _, shown, caret, _ = str(caught.value).split("\n")
    assert shown[caret.index("^") :] == "oops"


@pytest.mark.parametrize("text", [None, 3, ["status = 'x'"]])
def test_a_filter_is_text(text: object) -> None:
    """A filter that is not text is refused with an example."""
    with pytest.raises(FilterError, match=r"metrics\.loss < 0\.1"):
        parse_filter(text)  # type: ignore[arg-type]


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_the_parser(text: str) -> None:
    """Whatever is typed is understood or refused as a filter error, nothing else."""
    for parse in (lambda: parse_filter(text), lambda: parse_order([text]), lambda: parse_filter(f"tags.a = {text}")):
        try:
            parse()
        except FilterError as fault:
            assert str(fault)  # noqa: PT017  the message is the promise


@given(st.text(alphabet="ab%_.*'\"\\ÄäßK\n", max_size=12))
@settings(max_examples=100, deadline=None)
def test_quoting_round_trips(value: str) -> None:
    """Any text can be asked for by doubling the quotes in it."""
    doubled = value.replace("'", "''")
    assert parse_filter(f"tags.a = '{doubled}'").parts == (Comparison(Field("tag", "a"), "=", value),)


def test_orders_are_understood() -> None:
    """An order names a field and a direction, ascending unless said."""
    terms = ["metrics.loss", "params.`a b` DESC", "tags.x.y asc", "start_time desc", 'metrics."q" ASC ']
    assert parse_order(terms) == (
        Order(Field("metric", "loss")),
        Order(Field("param", "a b"), descending=True),
        Order(Field("tag", "x.y")),
        Order(Field("attribute", "start_time"), descending=True),
        Order(Field("metric", "q")),
    )
    assert parse_order("name DESC", EXPERIMENTS) == (Order(Field("attribute", "name"), descending=True),)


@pytest.mark.parametrize("term", ["metrics.loss down", "nope", "dataset.name", "metrics.a, metrics.b", "", 3, None])
def test_wrong_orders_are_explained(term: object) -> None:
    """An order that cannot be is refused with what is accepted."""
    with pytest.raises(FilterError, match="accepted"):
        parse_order([term])  # type: ignore[list-item]


def test_experiments_have_their_own_words() -> None:
    """A filter of experiments knows their attributes and tags, and says so when asked for a metric."""
    wanted = Comparison(Field("attribute", "creation_time"), ">", 5)
    assert parse_filter("creation_time > 5", EXPERIMENTS).parts == (wanted,)
    with pytest.raises(FilterError, match=r"an experiment has no 'metrics'(.|\n)*last_update_time, tags"):
        parse_filter("metrics.a > 1", EXPERIMENTS)


def test_like_is_sql_like() -> None:
    """Percent is any text, underscore one character, and nothing else is special."""
    assert like("a%c_")("abbbcd")
    assert like("%")("\n")
    assert not like("a.c")("abc")
    assert not like("ABC")("abc")
    assert like("A%", ignore_case=True)("abc")
