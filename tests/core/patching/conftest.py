"""A small library to patch, journals, and a handler that notes its calls."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from steno.autologging.patches import PatchJournal

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


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An importable module of functions and classes, new for each test."""
    name = f"library_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module(name)
    before = dict(vars(module))
    code = module.train.__code__
    yield module
    del sys.modules[name]
    if module.train is before["train"] and module.train.__code__ is code:
        assert [each for each in vars(module) if each not in before] == []


@pytest.fixture
def journal() -> Iterator[PatchJournal]:
    """A journal whose patches are gone after the test."""
    journal = PatchJournal()
    yield journal
    journal.undo()
    assert journal.patches == ()


@pytest.fixture
def by_attribute(monkeypatch: pytest.MonkeyPatch) -> Iterator[PatchJournal]:
    """A journal that patches everything by attribute."""
    monkeypatch.setenv("STENO_PATCH", "attribute")
    journal = PatchJournal()
    yield journal
    journal.undo()
    assert journal.patches == ()


@pytest.fixture(params=["in place", "attribute"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[PatchJournal]:
    """A journal of each kind."""
    if request.param == "attribute":
        monkeypatch.setenv("STENO_PATCH", "attribute")
    journal = PatchJournal()
    yield journal
    journal.undo()
    assert journal.patches == ()
