"""A page of results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Page"]

T = TypeVar("T")


class Page(list[T]):
    """A page of results: a list that knows whether there is more.

    Attributes:
        token: pass it as `page_token` to get the next page; None on the last one.
    """

    def __init__(self, items: Sequence[T] = (), token: str | None = None) -> None:
        super().__init__(items)
        self.token = token

    def to_list(self) -> list[T]:
        """The page's items without the token."""
        return list(self)
