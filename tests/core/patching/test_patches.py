"""Patches: what a handler gets, what stays as it was, what is refused."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import math
import pickle
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from steno.autologging.patches import PatchJournal
from steno.errors import IntegrationError, InvalidInputError
from tests.core.patching.library import Seen, made_journal, made_library, noting, reserved


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Any]:
    """A library of its own for each test."""
    with made_library(tmp_path) as module:
        yield module


@pytest.fixture
def journal() -> Iterator[PatchJournal]:
    """A journal that patches in place where it can."""
    with made_journal() as made:
        yield made


@pytest.fixture(params=["in place", "attribute"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[PatchJournal]:
    """A journal of each kind."""
    monkeypatch.setenv("STENO_PATCH", request.param)
    with made_journal() as made:
        yield made


def test_a_handler_gets_the_instance_apart(library: Any, either: PatchJournal) -> None:
    """A method's handler gets `self`, a class method's the class, all others None, and never among the arguments."""
    seen: Seen = []
    for owner, name in ((library.Model, "fit"), (library.Model, "load"), (library.Model, "check"), (library, "train")):
        either.install(owner, name, noting(seen), label="test")
    model, x = library.Model(), object()
    assert model.fit(x, weight=2) == (x, None, 2)
    assert library.Model.fit(model, x, 1) == (x, 1, None)
    assert library.Child.load("p") == (library.Child, "p")
    assert model.check(x) is x
    assert library.train(x, rounds=3) == (x, 3)
    # a trampoline binds the arguments as the function would: by position, with the defaults filled in
    bound = either.patches[0].installer == "in place"
    assert seen == [
        (model, (x, None) if bound else (x,), {"weight": 2}),
        (model, (x, 1), {"weight": None} if bound else {}),
        (library.Child, ("p",), {}),
        (None, (x,), {}),
        (None, (x,), {"rounds": 3}),
    ]


def test_arguments_and_results_pass_by_identity(library: Any, either: PatchJournal) -> None:
    """The original gets the user's very objects and the user gets its very result, or its very error."""
    either.install(library.Model, "fit", noting([]), label="test")
    x, y, weight = [], {}, object()  # type: tuple[list[int], dict[str, int], object]
    result = library.Model().fit(x, y, weight=weight)
    assert (result[0] is x, result[1] is y, result[2] is weight) == (True, True, True)
    with pytest.raises(TypeError, match=r"^Model\.fit\(\) missing 1 required positional argument: 'x'$"):
        library.Model().fit()


def test_a_call_without_an_instance_fails_as_it_always_did(library: Any, journal: PatchJournal) -> None:
    """None as `self`, and no `self` at all, reach the original function unchanged."""
    journal.install(library.Model, "fit", noting([]), label="test")
    assert library.Model.fit(None, 1) == (1, None, None)
    with pytest.raises(TypeError, match="missing 2 required positional arguments: 'self' and 'x'"):
        library.Model.fit()


def test_copies_made_earlier_are_patched(library: Any, journal: PatchJournal) -> None:
    """A function imported by name before the patch is patched, and is the same object as before."""
    seen: Seen = []
    before = library.train
    patch = journal.install(library, "train", noting(seen), label="test")
    assert library.early_copy(1) == (1, 10)
    assert seen == [(None, (1,), {"rounds": 10})]
    assert library.train is before
    assert repr(patch).endswith(":train in place, on>")


def test_an_inherited_method_is_patched_for_that_class_alone(library: Any, journal: PatchJournal) -> None:
    """Patching `Child.fit`, inherited from `Model`, touches neither `Model` nor leaves a shadow on `Child`."""
    seen: Seen = []
    patch = journal.install(library.Child, "fit", noting(seen), label="test")
    assert patch.installer == "attribute"
    child = library.Child()
    library.Model().fit(1)
    child.fit(2)
    assert seen == [(child, (2,), {})]
    journal.undo()
    assert "fit" not in vars(library.Child)


def test_the_switch_holds_at_the_next_call(library: Any, either: PatchJournal) -> None:
    """With `enabled` off a call goes straight to the original; on again, the handler is back, with no repatching."""
    seen: Seen = []
    either.install(library.Model, "fit", noting(seen), label="test")
    model = library.Model()
    either.enabled = False
    assert model.fit(1) == (1, None, None)
    either.install(library.Model, "check", noting(seen), label="test")
    assert model.check(1) == 1
    assert (seen, either.enabled) == ([], False)
    either.enabled = True
    model.fit(2)
    model.check(3)
    assert len(seen) == 2


def test_one_function_has_one_patch(library: Any, either: PatchJournal) -> None:
    """Patching again, also through another name of the same function, gives the patch that is there."""
    seen: Seen = []
    first = either.install(library, "train", noting(seen), label="first")
    assert either.install(library, "train", noting(seen), label="second") is first
    if first.installer == "in place":
        assert either.install(library, "early_copy", noting(seen), label="third") is first
    library.train(1)
    assert len(seen) == 1


def test_what_is_no_function_is_refused(library: Any, journal: PatchJournal) -> None:
    """Properties, classes, built-in types and missing names are refused with a message, and nothing is changed."""
    for owner, name, text in (
        (library.Model, "score", "is <property"),
        (library.Model, "half", "not a function that can be patched"),
        (library, "Model", "not a function that can be patched"),
        (dict, "get", "accepts no new attributes"),
        (object(), "__str__", "accepts no new attributes"),
        (library.Model, "nothing", r"Model\.nothing does not exist"),
    ):
        with pytest.raises(IntegrationError, match=text):
            journal.install(owner, name, noting([]), label="test")
    assert (journal.patches, reserved(library)) == ((), [])


def test_functions_without_python_code_are_patched_by_attribute(journal: PatchJournal) -> None:
    """A C function of a module and a cached function get the wrapper on their owner, and come back."""
    seen: Seen = []
    owner = types.SimpleNamespace(cached=functools.lru_cache(lambda x: x), ufunc=math.hypot)
    c_function = math.hypot
    for where, name in ((math, "hypot"), (owner, "cached"), (owner, "ufunc")):
        assert journal.install(where, name, noting(seen), label="test").installer == "attribute"
    assert (math.hypot(3, 4), owner.cached(1), owner.ufunc(3, 4)) == (5, 1, 5)
    assert [each[0] for each in seen] == [None, None, None]
    assert pickle.loads(pickle.dumps(math.hypot))(3, 4) == 5
    journal.undo()
    assert math.hypot is c_function


def test_classes_defined_later_can_be_seen(library: Any, journal: PatchJournal) -> None:
    """A patched `__init_subclass__` gets the new class as its instance, also where it is inherited from `object`."""
    seen: Seen = []
    patch = journal.install(library.Model, "__init_subclass__", noting(seen), label="test")
    later = type("Later", (library.Child,), {})
    assert (patch.installer, seen) == ("attribute", [(later, (), {})])
    journal.undo()
    assert "__init_subclass__" not in vars(library.Model)


def test_one_instance_can_be_patched(library: Any, journal: PatchJournal) -> None:
    """A method patched on an instance is patched there alone, and the instance's own attributes come back empty."""
    seen: Seen = []
    one, other = library.Model(), library.Model()
    before = repr(one.fit)
    journal.install(one, "fit", noting(seen), label="test")
    assert repr(one.fit) == before
    one.fit(1)
    other.fit(2)
    assert seen == [(one, (1,), {})]
    assert "fit" not in vars(pickle.loads(pickle.dumps(other)))
    assert pickle.loads(pickle.dumps(one)).fit(3) == (3, None, None)
    journal.undo()
    assert vars(one) == {}


def test_coroutines_and_generators_run_under_their_handler(library: Any, either: PatchJournal) -> None:
    """Coroutines, generators and async generators stay what they are, and their handler is called."""
    seen: Seen = []
    for name in ("train_later", "batches", "stream"):
        either.install(library, name, noting(seen), label="test")

    async def main() -> list[int]:
        return [await library.train_later(7), *[x async for x in library.stream(2)]]

    assert asyncio.run(main()) == [7, 0, 1]
    assert list(library.batches(3)) == [0, 1, 2]
    assert len(seen) == 3
    assert inspect.iscoroutinefunction(library.train_later)
    assert inspect.isgeneratorfunction(library.batches)
    assert inspect.isasyncgenfunction(library.stream)


def test_a_function_without_a_name_of_its_own_is_patched(library: Any, journal: PatchJournal) -> None:
    """A function that some decorator made and never named is patched where it stands."""
    seen: Seen = []
    journal.install(library, "nameless", noting(seen), label="test")
    assert (library.nameless(4), seen) == (4, [(None, (4,), {})])


@pytest.mark.parametrize("name", ["fit", "load", "check"])
def test_bound_methods_pickle_and_copy(library: Any, either: PatchJournal, name: str) -> None:
    """While patched, `model.fit`, `Model.load` and `Model.check` pickle, copy and deep-copy as ever."""
    either.install(library.Model, name, noting([]), label="test")
    method = getattr(library.Model(), name)
    for made in (pickle.loads(pickle.dumps(method)), copy.copy(method), copy.deepcopy(method)):
        assert made("x") == method("x")
    if name == "fit":
        assert copy.deepcopy(method).__self__ is not method.__self__
    assert pickle.loads(pickle.dumps(getattr(library.Model, name))) == getattr(library.Model, name)
    assert b"steno.autologging" not in pickle.dumps(method)


def test_functions_pickle_by_reference(library: Any, either: PatchJournal) -> None:
    """While patched, a module's function pickles by its name, and holds no trace of us."""
    either.install(library, "train", noting([]), label="test")
    data = pickle.dumps(library.train)
    assert pickle.loads(data) is library.train
    assert b"steno.autologging" not in data
    assert copy.copy(library.train) is copy.deepcopy(library.train) is library.train


def test_a_function_patched_under_another_name_pickles(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Patched by attribute where it is re-exported, a function pickles as the one that its module defines."""
    monkeypatch.setenv("STENO_PATCH", "attribute")
    with made_journal() as journal:
        journal.install(library, "early_copy", noting([]), label="test")
        assert pickle.loads(pickle.dumps(library.early_copy)) is library.train


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """STENO_PATCH with an unknown word is refused, with the words it may have."""
    monkeypatch.setenv("STENO_PATCH", "wrapt")
    with pytest.raises(InvalidInputError, match=r"'wrapt' \(str\), accepted are 'in place' and 'attribute'"):
        PatchJournal()


def test_annotations_are_the_functions_own(library: Any, either: PatchJournal) -> None:
    """Tools that read annotations find the function's own, also none, however it is patched."""
    library.train.__annotations__ = {"rounds": int}
    for owner, name in ((library.Model, "fit"), (library, "train")):
        either.install(owner, name, noting([]), label="test")
    assert inspect.get_annotations(library.train) == {"rounds": int}
    for thing in (library.Model.fit, library.Model().fit):
        assert inspect.get_annotations(thing) == {}
