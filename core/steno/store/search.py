"""The filter language: text to a small tree, and what the tree means. No SQL here.

::

    metrics.accuracy > 0.9 and params.model = 'forest' and tags.`mlflow.user` LIKE 'a%'

A *field* is an entity and a key (`metrics.accuracy`), or the bare name of an attribute (`status`). Keys with other
characters stand in backticks or double quotes. A *value* is a number, or text in quotes; a quote inside is doubled.
`parse_filter` and `parse_order` check names and comparators against a `Vocabulary`, of which there is one for each kind
of thing that is searched. `matches` and `sort_key` say what a filter and an order mean; they are the reference that
the SQL planner must equal.

What does not exist does not match: `params.lr != '1'` leaves out runs without `lr`. In an order it comes last, whatever
the direction; NaN comes just before it. Params order as numbers where they are numbers, before those that are text.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from steno.errors import FilterError, shown
from steno.store.text import storable

if TYPE_CHECKING:
    import lark

__all__ = [
    "EXPERIMENTS",
    "RUNS",
    "All",
    "Comparison",
    "Field",
    "Node",
    "Order",
    "Vocabulary",
    "holds",
    "like",
    "oldest_first",
    "parse_filter",
    "parse_order",
]

Operator: TypeAlias = Literal[
    "=", "!=", "<", "<=", ">", ">=", "like", "ilike", "in", "not in", "is null", "is not null"
]
Value: TypeAlias = str | int | float
Entity: TypeAlias = Literal["metric", "param", "tag", "attribute", "dataset"]


@dataclass(frozen=True, slots=True)
class Field:
    """What is compared or ordered by: an entity and its key, such as metric and `accuracy`."""

    entity: Entity
    key: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One clause. `value` is a tuple for "in", None for "is null"."""

    field: Field
    operator: Operator
    value: Value | tuple[Value, ...] | None = None

    @property
    def is_numeric(self) -> bool:
        """Whether a number is asked for; what is compared then is the number a param holds."""
        return isinstance(self.value, int | float)


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds. No part: everything matches."""

    parts: tuple[Node, ...] = ()


Node: TypeAlias = Comparison | All


@dataclass(frozen=True, slots=True)
class Order:
    """One term of an order."""

    field: Field
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What can be asked of one kind of thing.

    Attributes:
        noun: what is searched, with its article, as error messages say it.
        texts: attributes that are text.
        times: attributes that are milliseconds since 1970.
        aliases: other names of attributes.
        entities: entity by each of its names.
    """

    noun: str
    texts: tuple[str, ...]
    times: tuple[str, ...]
    aliases: Mapping[str, str]
    entities: Mapping[str, Entity]


_ATTRIBUTE: dict[str, Entity] = dict.fromkeys(("attributes", "attribute", "attr", "run"), "attribute")
_TAG: dict[str, Entity] = dict.fromkeys(("tags", "tag"), "tag")
RUNS = Vocabulary(
    noun="a run",
    texts=("run_id", "run_name", "user_id", "status", "artifact_uri"),
    times=("start_time", "end_time"),
    aliases={"created": "start_time", "run name": "run_name", "run_uuid": "run_id"},
    entities={
        **_ATTRIBUTE,
        **_TAG,
        **dict.fromkeys(("metrics", "metric"), "metric"),
        **dict.fromkeys(("params", "param", "parameters", "parameter"), "param"),
        **dict.fromkeys(("datasets", "dataset"), "dataset"),
    },
)
EXPERIMENTS = Vocabulary(
    noun="an experiment",
    texts=("name", "experiment_id"),
    times=("creation_time", "last_update_time"),
    aliases={},
    entities={**{name: entity for name, entity in _ATTRIBUTE.items() if name != "run"}, **_TAG},
)
_DATASET_KEYS = ("name", "digest", "context")
_COMPARATORS = ("=", "!=", "<", "<=", ">", ">=")


# ---------------------------------------------------------------- meaning


def oldest_first(order: Sequence[Order]) -> bool:
    """Whether items that are equal in an order stand as they were created; else the later one comes first.

    Times have milliseconds, and many runs begin within one: the first time that is ordered by says which way.
    """
    times = (*RUNS.times, *EXPERIMENTS.times)
    ways = [term.descending for term in order if term.field.entity == "attribute" and term.field.key in times]
    return bool(ways) and not ways[0]


def like(pattern: str, *, ignore_case: bool = False) -> Callable[[str], bool]:
    """A test for SQL's LIKE: `%` is any text, `_` is any character, all else is itself."""
    parts = {"%": ".*", "_": "."}
    expression = "".join(parts.get(char) or re.escape(char) for char in pattern)
    compiled = re.compile(expression, re.DOTALL | (re.IGNORECASE if ignore_case else re.NOFLAG))
    return lambda text: compiled.fullmatch(text) is not None


def holds(comparison: Comparison, actual: Any) -> bool:
    """Whether a value that exists fits a comparison.

    Args:
        comparison: neither "is null" nor "is not null".
        actual: text or number, of the kind that the comparison asks for.
    """
    operator, wanted = comparison.operator, comparison.value
    if operator in ("like", "ilike"):
        return _like(str(wanted), operator == "ilike")(actual)
    if operator in ("in", "not in"):
        return (actual in wanted) is (operator == "in")  # type: ignore[operator]
    if isinstance(wanted, float) and math.isnan(wanted):  # "= nan" asks for NaN, which in arithmetic equals nothing
        return math.isnan(actual) is (operator == "=")
    return _COMPARE[operator](actual, wanted)


_like = functools.lru_cache(256)(lambda pattern, ignore_case: like(pattern, ignore_case=ignore_case))
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda actual, wanted: actual == wanted,
    "!=": lambda actual, wanted: actual != wanted,
    "<": lambda actual, wanted: actual < wanted,
    "<=": lambda actual, wanted: actual <= wanted,
    ">": lambda actual, wanted: actual > wanted,
    ">=": lambda actual, wanted: actual >= wanted,
}


# ---------------------------------------------------------------- parsing


def parse_filter(text: str, vocabulary: Vocabulary = RUNS) -> All:
    """The tree of a filter.

    Raises:
        FilterError: it does not parse, or compares what cannot be compared; the message points at the column.
    """
    if not isinstance(text, str):
        raise FilterError(f"the filter is {shown(text)}, accepted is text: write one such as 'metrics.loss < 0.1'")
    if not text.strip():
        return All()
    tree = _parsed(text, "filter", vocabulary)
    found = [_comparison(node, text, vocabulary) for node in _comparisons(tree)]
    return All(tuple(found))


def parse_order(terms: Sequence[str], vocabulary: Vocabulary = RUNS) -> tuple[Order, ...]:
    """The terms of an order such as `["metrics.loss ASC", "start_time DESC"]`; ascending unless said.

    Raises:
        FilterError: a term does not parse or names what cannot be ordered by.
    """
    if isinstance(terms, str):
        terms = [terms]
    return tuple(_order(term, vocabulary) for term in terms)


_TERM = re.compile(
    r"""\s*(?P<field>(?:[^\s=<>!'"`,().]+\.)?(?:`(?:[^`]|``)+`|"(?:[^"]|"")+"|[^\s=<>!'"`,()]+))"""
    r"""(?:\s+(?P<way>asc|desc))?\s*""",
    re.IGNORECASE,
)


def _order(term: str, vocabulary: Vocabulary) -> Order:
    match = _TERM.fullmatch(term) if isinstance(term, str) else None
    if match is None:
        raise FilterError(
            f"order_by has the term {shown(term)}, accepted is a field and ASC or DESC: "
            'write "metrics.loss ASC" or "start_time DESC"'
        )
    field = _field(match["field"], term, match.start("field"), vocabulary)
    if field.entity == "dataset":
        raise _wrong(
            term, match.start("field"), "a run has many datasets and cannot be ordered by them", _fields(vocabulary)
        )
    return Order(field, (match["way"] or "").lower() == "desc")


@functools.lru_cache(1)
def _parser() -> lark.Lark:
    import lark  # noqa: PLC0415  60 ms, and most programs never search

    grammar = resources.files("steno.store").joinpath("grammar.lark").read_text(encoding="utf-8")
    return lark.Lark(grammar, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=False)


def _parsed(text: str, noun: str, vocabulary: Vocabulary) -> lark.Tree[Any]:
    import lark  # noqa: PLC0415  60 ms, and most programs never search

    try:
        return _parser().parse(text)
    except lark.UnexpectedInput as fault:
        at: int | None = fault.pos_in_stream
        position = len(text.rstrip()) if at is None or _at_end(fault) else at
        accepted = (getattr(fault, name, None) or () for name in ("accepts", "allowed", "expected"))
        expected = {str(name) for names in accepted for name in names}
        raise _wrong(text, position, *_explained(text, position, expected, noun, vocabulary)) from None


def _at_end(fault: Any) -> bool:
    return getattr(getattr(fault, "token", None), "type", "") == "$END"


def _explained(text: str, at: int, expected: set[str], noun: str, vocabulary: Vocabulary) -> tuple[str, str]:
    rest = text[at:]
    seen = f"{rest.split()[0]!r} was not expected here" if rest.strip() else f"the {noun} ends too early"
    word = re.match(r"\w+|\(", rest)
    if word and word[0].lower() in ("or", "not", "between", "rlike", "("):
        seen = f"{word[0]!r} is not part of the language yet"
        return seen, "comparisons joined by AND"
    if text[at - 1 : at + 1] in ("==", "<>"):
        return f"{text[at - 1 : at + 1]!r} is no comparator", "= != < <= > >="
    if "QUOTED" in expected and "NUMBER" in expected:
        return seen, "a number, or text in single quotes such as 'FINISHED'"
    if "QUOTED" in expected:
        return seen, "text in single quotes such as '%forest%'"
    if "COMPARATOR" in expected:
        return seen, "one of = != < <= > >= LIKE ILIKE IN (…) NOT IN (…) IS NULL IS NOT NULL"
    if "FIELD" in expected:
        return seen, _fields(vocabulary)
    if "_AND" in expected:
        return seen, "AND and another comparison, or the end"
    words = {"NULL": "NULL", "NOT": "NOT", "IN": "IN", "LPAR": "(", "RPAR": ")", "COMMA": ","}
    return seen, " or ".join(sorted(words[name] for name in expected if name in words)) or "a comparison"


def _fields(vocabulary: Vocabulary) -> str:
    kinds = {
        "metric": "metrics.<key>",
        "param": "params.<key>",
        "tag": "tags.<key>",
        "dataset": "dataset.name/digest/context",
    }
    named = [kinds[entity] for entity in dict.fromkeys(vocabulary.entities.values()) if entity in kinds]
    return ", ".join((*vocabulary.texts, *vocabulary.times, *named))


def _wrong(text: str, at: int, what: str, accepted: str) -> FilterError:
    """The error: the text, a caret under the column, what is wrong, what is accepted."""
    line = re.sub(r"\s", " ", text)
    start = max(0, at - 60)
    shown = ("…" if start else "") + line[start : at + 60] + ("…" if at + 60 < len(line) else "")
    caret = " " * (at - start + (1 if start else 0)) + "^"
    return FilterError(f"{what} (column {at + 1})\n    {shown}\n    {caret}\naccepted: {accepted}")


def _comparisons(tree: lark.Tree[Any]) -> list[Any]:
    if tree.data in ("start", "all_of"):
        return [found for child in tree.children for found in _comparisons(child)]
    return [tree]


_OPERATORS: Mapping[str, Operator] = {
    "like": "like",
    "ilike": "ilike",
    "in_list": "in",
    "not_in_list": "not in",
    "is_null": "is null",
    "is_not_null": "is not null",
}


def _comparison(tree: Any, text: str, vocabulary: Vocabulary) -> Comparison:
    token = tree.children[0]
    field = _field(str(token), text, token.start_pos, vocabulary)
    values = [_value(child) for child in tree.children if hasattr(child, "data")]
    operator: Any = _OPERATORS.get(tree.data)
    if operator is None:
        operator = str(tree.children[1])
    if field.entity in ("metric", "param"):  # what they are compared with are floats, in every database
        values = [value if isinstance(value, str) else float(value) for value in values]
    place = next((child.meta.start_pos for child in tree.children if hasattr(child, "data")), token.start_pos)
    _check(field, operator, values, functools.partial(_wrong, text, place), vocabulary)
    if operator in ("is null", "is not null"):
        return Comparison(field, operator)
    return Comparison(field, operator, tuple(values) if operator in ("in", "not in") else values[0])


def _value(tree: Any) -> Value:
    text = str(tree.children[0])
    if tree.data == "text":
        return storable(text[1:-1].replace(text[0] * 2, text[0]))
    try:
        number = int(text[:100])
    except ValueError:
        return float(text)
    return number if abs(number) < 2**63 and len(text) <= 100 else float(text)


def _field(name: str, text: str, at: int, vocabulary: Vocabulary) -> Field:
    prefix, dot, rest = _halves(name)
    if not dot:
        entity: Entity | None = "attribute"
        rest = name
    else:
        entity = vocabulary.entities.get(prefix.lower())
    if entity is None:
        raise _wrong(text, at, f"{vocabulary.noun} has no {prefix!r}", _fields(vocabulary))
    quote = rest[0]
    key = rest[1:-1].replace(quote * 2, quote) if quote in '`"' else rest
    if entity == "attribute":
        return Field("attribute", _attribute(key, text, at, vocabulary))
    if entity == "dataset" and key not in _DATASET_KEYS:
        raise _wrong(text, at, f"a dataset has no {key!r}", "dataset.name, dataset.digest, dataset.context")
    return Field(entity, storable(key))


def _halves(name: str) -> tuple[str, str, str]:
    if name[0] in '`"':
        return "", "", name
    return name.partition(".")


def _attribute(key: str, text: str, at: int, vocabulary: Vocabulary) -> str:
    name = key.lower()
    name = vocabulary.aliases.get(name, name)
    if name not in vocabulary.texts and name not in vocabulary.times:
        raise _wrong(text, at, f"{vocabulary.noun} has no attribute {key!r}", _fields(vocabulary))
    return name


def _check(
    field: Field, operator: str, values: list[Value], wrong: Callable[[str, str], FilterError], vocabulary: Vocabulary
) -> None:
    """Whether the operator and the kind of value suit the field."""
    numeric = field.entity == "metric" or (field.entity == "attribute" and field.key in vocabulary.times)
    nullable = field.entity in ("param", "tag")
    text_only = "text in single quotes with = != LIKE ILIKE IN NOT IN" + (" IS NULL IS NOT NULL" if nullable else "")
    if operator in ("is null", "is not null"):
        if not nullable:
            raise wrong("IS NULL is for params and tags", "= != < <= > >=" if numeric else text_only)
        return
    has_text = any(isinstance(value, str) for value in values)
    has_number = any(not isinstance(value, str) for value in values)
    if numeric and (has_text or operator not in _COMPARATORS):
        times = "a number: milliseconds since 1970" if field.entity == "attribute" else "a number without quotes"
        raise wrong(f"{_said(field)} is a number", f"= != < <= > >= and {times}")
    if not numeric and has_number and (field.entity != "param" or operator not in _COMPARATORS):
        raise wrong(f"{_said(field)} is text", text_only)
    if not numeric and not has_number and operator in ("<", "<=", ">", ">="):
        numbers = "; or a number without quotes" if field.entity == "param" else ""
        raise wrong(f"{operator} does not compare text", text_only + numbers)
    if any(isinstance(value, float) and math.isnan(value) for value in values) and (
        operator not in ("=", "!=") or field.entity != "metric"
    ):
        raise wrong("NaN is neither less nor greater than anything", "metrics.<key> = nan, metrics.<key> != nan")


def _said(field: Field) -> str:
    return field.key if field.entity == "attribute" else f"{field.entity} {field.key!r}"
