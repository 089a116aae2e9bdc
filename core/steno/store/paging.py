"""Orders and pages: where one page ends and the next begins, without counting rows.

A page token holds the sort values and the number of the last item, and a fingerprint of the search it belongs to.
Items that arrive between two pages move nothing.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import msgspec

from steno.entities import Page
from steno.errors import InvalidInputError, shown
from steno.store.search import Order, oldest_first

__all__ = ["MAX_RESULTS", "Position", "SortKey", "checked_size", "fingerprint", "page_of", "read_token", "token"]

T = TypeVar("T")
MAX_RESULTS = 50_000

SortKey: TypeAlias = tuple[tuple[int, Any], ...]
"""(rank, value) for each term of an order. Ranks ascend whatever the direction; values of one rank are comparable."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in an order: the sort values and the number of an item."""

    key: SortKey
    number: int


def checked_size(max_results: int) -> int:
    """The size of a page.

    Raises:
        InvalidInputError: not a whole number from 1 to 50,000.
    """
    if isinstance(max_results, bool) or not isinstance(max_results, int) or not 1 <= max_results <= MAX_RESULTS:
        raise InvalidInputError(
            f"max_results is {shown(max_results)}, accepted are 1 to {MAX_RESULTS}: "
            "take pages, and pass each page's `token` as `page_token` to get the next"
        )
    return max_results


def fingerprint(*search: object) -> bytes:
    """What tells one search from another."""
    return hashlib.blake2b(repr(search).encode("utf-8", "backslashreplace"), digest_size=8).digest()


def token(search: bytes, last: Position) -> str:
    """The token of the page behind `last`."""
    data = msgspec.msgpack.encode((search, last.key, last.number))
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def read_token(search: bytes, text: str | None, terms: int) -> Position | None:
    """The place where a page begins; None for the first page.

    Raises:
        InvalidInputError: not a token, or one of another search.
    """
    if not text:
        return None
    wrong = InvalidInputError(
        f"page_token is {shown(text)}, which is no token of this search: pass the `token` of the page before, "
        "with the same filter, order and experiments"
    )
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        of, key, number = msgspec.msgpack.decode(data, type=tuple[bytes, tuple[tuple[int, Any], ...], int])
    except (binascii.Error, msgspec.MsgspecError, ValueError, TypeError) as fault:
        raise wrong from fault
    if of != search or len(key) != terms:
        raise wrong
    return Position(key, number)


def comparison(order: Sequence[Order]) -> Callable[[Position, Position], int]:
    """Which of two places comes first: negative for the left one. `oldest_first` says what their numbers decide."""
    ahead = -1 if oldest_first(order) else 1

    def compare(left: Position, right: Position) -> int:
        for (rank, value), (other_rank, other_value), term in zip(left.key, right.key, order, strict=True):
            if rank != other_rank:
                return -1 if rank < other_rank else 1
            if value != other_value:
                return -1 if (value < other_value) is not term.descending else 1
        return ahead * ((left.number < right.number) - (left.number > right.number))

    return compare


def page_of(
    items: Iterable[tuple[Position, T]], order: Sequence[Order], size: int, search: bytes, page_token: str | None
) -> Page[T]:
    """One page of items that are all at hand.

    Args:
        items: in any order, each with its place.
        order: the terms.
        size: how many at most.
        search: `fingerprint` of the search.
        page_token: where to begin; None for the beginning.
    """
    compare = comparison(order)
    start = read_token(search, page_token, len(order))
    rest = [item for item in items if start is None or compare(item[0], start) > 0]
    by_place = functools.cmp_to_key(compare)
    rest.sort(key=lambda item: by_place(item[0]))
    page = rest[:size]
    return Page([item for _, item in page], token(search, page[-1][0]) if len(rest) > size else None)
