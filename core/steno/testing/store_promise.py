"""One promise of a store: the store under test, and words for what was found."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import pytest

from steno.entities import ParamValue
from steno.store.base import Store
from steno.testing.conformance.likeness import differences

__all__ = ["StorePromises", "expect", "promised", "refused"]

Promise: TypeAlias = Callable[[Any, Store], None]

_SHORT = 200


class StorePromises:
    """Where the store under test comes from. See `StoreContract`."""

    def open_store(self, folder: Path) -> Store:
        """Open an empty store, as your hook `steno_store` does.

        Args:
            folder: empty, and of this test alone; a store elsewhere has to be as empty by other means.
        """
        raise NotImplementedError("write open_store(self, folder): it returns an empty store")

    def reopen_store(self, store: Store) -> Store:
        """Open the same store again, as another process would; unless overridden it is closed and used again."""
        store.close()
        return store

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        """The empty store of one test."""
        folder = tmp_path / "a home"
        folder.mkdir()
        made = self.open_store(folder)
        if not isinstance(made, Store):
            pytest.fail(f"open_store() gave {made!r}, accepted is a steno.store.base.Store: return one", pytrace=False)
        yield made
        made.close()


class _Broken(AssertionError):  # noqa: N818  it is what a promise comes to, no fault of its own
    """What was found in place of what is promised."""


def promised(user: str, *methods: str) -> Callable[[Promise], Promise]:
    """Make a method `test_...(self, store)` a promise, whose failure says more than what was found.

    Args:
        user: what the users of the store suffer where it is not kept.
        *methods: where to look in the store.
    """

    def mark(body: Promise) -> Promise:
        @functools.wraps(body)
        def test(self: Any, store: Store) -> None:
            __tracebackhide__ = True
            cls = type(store)
            advice = f"{user}. Look at: {', '.join(methods)} of {cls.__name__} in {inspect.getsourcefile(cls)}"
            try:
                with _noted(f"STORE {cls.__name__}: the store itself raised this. {advice}"):
                    body(self, store)
            except _Broken as broken:
                found = str(broken)
            else:
                return
            pytest.fail(f"STORE {cls.__name__}: {found}. {advice}", pytrace=False)

        return test

    return mark


class _noted:  # noqa: N801  reads as a `with` statement
    """An error that is raised inside goes on, and says more.

    Args:
        note: what it says besides.
    """

    def __init__(self, note: str) -> None:
        self._note = note

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, _Broken):
            error.add_note(self._note)


def expect(what: str, found: object, wanted: object) -> None:
    """Fail unless what was found is what was to be found, to the bit; no order of keys matters.

    Args:
        what: the thing compared, as the beginning of a sentence.
        found: what the store says.
        wanted: what it should say.
    """
    told, counterpart = _told(found), _told(wanted)
    places = differences(told, counterpart)
    if places and max(len(repr(told)), len(repr(counterpart))) <= _SHORT:
        raise _Broken(f"{what} is {_short(told)}, where {_short(counterpart)} is promised")
    if places:
        listed = "; ".join(f"{path.removeprefix('it')}: {text}" for path, text in places.items())
        raise _Broken(f"{what} is not what is promised (found and promised: {listed[:1500]})")


def refused(what: str, kind: type[Exception], says: str, act: Callable[[], object]) -> None:
    """Fail unless the act raises such an error, and its text contains these words.

    Args:
        what: the act, as the beginning of a sentence.
        kind: of the error.
        says: words of its text.
        act: what is to be refused.
    """
    try:
        result = act()
    except kind as error:
        if says not in str(error):
            raise _Broken(f"{what} raises {kind.__name__} without {says!r} in its text: {error}") from error
        return
    raise _Broken(f"{what} gives {_short(result)}, where {kind.__name__} is promised")


def _told(value: Any) -> Any:
    """An entity as plain data: maps have one order, NaN equals NaN, and a param has its kind."""
    if isinstance(value, ParamValue):
        return [str(value), value.kind]
    if isinstance(value, float):
        return "NaN" if value != value else float(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _told(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _told(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [_told(each) for each in value]
    return value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 3]}..."
