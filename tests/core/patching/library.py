"""A small library to patch, journals, and a handler that notes its calls."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from steno.autologging.patches import PatchJournal

Seen = list[tuple[Any, tuple[Any, ...], dict[str, Any]]]

LIBRARY = """
import asyncio, functools

class Model:
    def fit(self, x, y=None, *, weight=None):
        return x, y, weight

    @classmethod
    def load(cls, path):
        return cls, path

    @staticmethod
    def check(x):
        return x

    @property
    def score(self):
        return 1

    half = functools.partialmethod(fit, 1)

class Child(Model):
    pass

def train(data, *, rounds=10):
    return data, rounds

async def train_later(data):
    await asyncio.sleep(0)
    return data

def batches(count):
    yield from range(count)

async def stream(count):
    for index in range(count):
        yield index

def undecorated(function):
    def inner(*args):
        return function(*args)
    return inner

nameless = undecorated(lambda x: x)
early_copy = train
"""


@contextmanager
def made_library(folder: Path) -> Iterator[Any]:
    """An importable module of functions and classes, written into the folder; no name of ours may be left in it."""
    name = f"library_{folder.name}"
    (folder / f"{name}.py").write_text(LIBRARY)
    sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(name)
        yield module
    finally:
        sys.path.remove(str(folder))
        del sys.modules[name]
    assert reserved(module) == []


@contextmanager
def made_journal() -> Iterator[PatchJournal]:
    """A journal whose patches are gone after the test."""
    journal = PatchJournal()
    yield journal
    journal.undo()
    assert journal.patches == ()


def noting(seen: Seen) -> Callable[..., Any]:
    """A handler that notes what it got."""

    def handler(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        seen.append((instance, args, kwargs))
        return wrapped(*args, **kwargs)

    return handler


def reserved(module: types.ModuleType) -> list[str]:
    """Names of ours in a module."""
    return [name for name in vars(module) if name.startswith("__steno")]
