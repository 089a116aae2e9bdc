"""Patches: put on, switched, taken off in any order, and nothing is left behind."""

from __future__ import annotations

import asyncio
import copy
import functools
import gc
import importlib
import inspect
import math
import pickle
import sys
import threading
import time
import types
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wrapt

from steno.autologging.patches import PatchJournal
from steno.errors import IntegrationError, InvalidInputError

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


def noting(seen: Seen) -> Callable[..., Any]:
    """A handler that notes what it got."""

    def handler(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        seen.append((instance, args, kwargs))
        return wrapped(*args, **kwargs)

    return handler


def reserved(module: types.ModuleType) -> list[str]:
    """Names of ours in a module."""
    return [name for name in vars(module) if name.startswith("__steno")]


def redirecting_to_theirs() -> types.CodeType:
    """Another tool's trampoline."""
    function: types.FunctionType = eval("lambda data, *, rounds=10: theirs(data, rounds=rounds)")
    return function.__code__


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


def test_undo_leaves_nothing(library: Any, either: PatchJournal) -> None:
    """After an undo every function, class and module is exactly what it was, and a second undo does nothing."""
    owners = (library, library.Model, library.Child)
    before = [dict(vars(owner)) for owner in owners]
    codes = (library.train.__code__, library.Model.fit.__code__)
    for owner, name in (
        (library.Model, "fit"),
        (library.Model, "load"),
        (library.Model, "check"),
        (library.Child, "fit"),
        (library, "train"),
    ):
        either.install(owner, name, noting([]), label="test")
    patches = either.patches
    assert [patch.state for patch in patches] == ["on"] * 5
    either.undo()
    either.undo()
    assert [patch.state for patch in patches] == ["off"] * 5
    assert [dict(vars(owner)) for owner in owners] == before
    assert (library.train.__code__, library.Model.fit.__code__) == codes
    assert reserved(library) == []


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


def test_a_foreign_wrapper_on_top_survives_the_undo(library: Any, journal: PatchJournal) -> None:
    """Somebody wraps a patched method; after our undo their wrapper works and ours is gone."""
    seen: Seen = []
    journal.install(library.Model, "fit", noting(seen), label="test")
    ours, foreign = vars(library.Model)["fit"], []  # type: tuple[Any, list[Any]]

    def theirs(self: Any, *args: Any, **kwargs: Any) -> Any:
        foreign.append(args)
        return ours(self, *args, **kwargs)

    library.Model.fit = theirs
    try:
        library.Model().fit(1)
        journal.undo()
        library.Model().fit(2)
        assert (len(seen), foreign) == (1, [(1,), (2,)])
        assert (journal.patches, reserved(library)) == ((), [])
    finally:
        library.Model.fit = ours


def test_under_a_foreign_code_swap_a_patch_is_pinned(library: Any, journal: PatchJournal) -> None:
    """Somebody swaps a patched function's code: an undo makes us a pass-through, and a later undo cleans up."""
    seen: Seen = []
    patch = journal.install(library, "train", noting(seen), label="test")
    ours = library.train.__code__
    library.theirs = types.FunctionType(ours, vars(library))
    library.train.__code__ = redirecting_to_theirs()
    assert patch.state == "foreign"
    assert library.train(1) == (1, 10)
    journal.undo()
    assert (patch.state, journal.patches) == ("pinned", (patch,))
    assert library.train(2) == (2, 10)
    assert len(seen) == 1
    journal.install(library, "train", noting(seen), label="test")
    library.train(3)
    assert (patch.state, len(seen)) == ("foreign", 2)
    journal.undo()
    library.train.__code__ = ours
    journal.undo()
    assert (patch.state, journal.patches) == ("off", ())
    del library.theirs, ours
    assert reserved(library) == []


def test_under_a_foreign_attribute_wrapper_a_patch_is_pinned(library: Any, by_attribute: PatchJournal) -> None:
    """Somebody wraps a method patched by attribute: an undo makes us a pass-through, and a later undo cleans up."""
    seen: Seen = []
    original = vars(library.Model)["fit"]
    patch = by_attribute.install(library.Model, "fit", noting(seen), label="test")
    handle = wrapt.wrap_object(library.Model, "fit", wrapt.FunctionWrapper, (lambda w, i, a, k: w(*a, **k),))
    library.Model().fit(1)
    by_attribute.undo()
    library.Model().fit(2)
    assert (patch.state, len(seen)) == ("pinned", 1)
    wrapt.unwrap_object(library.Model, "fit", handle)
    by_attribute.undo()
    assert (patch.state, vars(library.Model)["fit"]) == ("off", original)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
@pytest.mark.parametrize("way", ["in place", "attribute"])
def test_journals_undo_in_any_order(
    library: Any, way: str, order: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three integrations patch one function; whoever leaves first, the others go on and the last leaves no trace."""
    if way == "attribute":
        monkeypatch.setenv("STENO_PATCH", way)
    before, code = dict(vars(library.Model)), library.Model.fit.__code__
    journals = [PatchJournal() for _ in range(3)]
    seen: list[int] = []

    def handler(number: int) -> Callable[..., Any]:
        def note(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
            seen.append(number)
            return wrapped(*args, **kwargs)

        return note

    for number, journal in enumerate(journals):
        journal.install(library.Model, "fit", handler(number), label="test")
    left = {0, 1, 2}
    for number in order:
        journals[number].undo()
        left.discard(number)
        seen.clear()
        assert library.Model().fit(1, 2) == (1, 2, None)
        assert (seen, journals[number].patches) == (sorted(left, reverse=True), ())
    assert (dict(vars(library.Model)), library.Model.fit.__code__, reserved(library)) == (before, code, [])


def test_a_transaction_is_all_or_nothing(library: Any, either: PatchJournal) -> None:
    """One missing target takes back what the same transaction had patched, and only that."""
    kept = either.install(library.Model, "fit", noting([]), label="kept")
    code, names = library.train.__code__, set(vars(library))
    with either.transaction():
        second = either.install(library.Model, "check", noting([]), label="kept")

    def patch_all() -> None:
        with either.transaction():
            either.install(library, "train", noting([]), label="test")
            with either.transaction():
                either.install(library, "batches", noting([]), label="test")
            either.install(library, "missing", noting([]), label="test")

    with pytest.raises(IntegrationError, match=":missing does not exist"):
        patch_all()
    assert either.patches == (kept, second)
    assert (library.train.__code__, library.train) == (code, library.early_copy)
    assert len(set(vars(library)) - names) == (1 if second.installer == "in place" else 0)


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


def test_one_instance_can_be_patched(library: Any, journal: PatchJournal) -> None:
    """A method patched on an instance is patched there alone, and the instance's own attributes come back empty."""
    seen: Seen = []
    one, other = library.Model(), library.Model()
    journal.install(one, "fit", noting(seen), label="test")
    one.fit(1)
    other.fit(2)
    assert seen == [(one, (1,), {})]
    assert "fit" not in vars(pickle.loads(pickle.dumps(other)))
    assert pickle.loads(pickle.dumps(one)).fit(3) == (3, None, None)
    journal.undo()
    assert vars(one) == {}


def test_a_class_pickled_by_value_is_patched_by_attribute_and_not_kept_alive(journal: PatchJournal) -> None:
    """A class made inside a function keeps its function objects, and goes away when the user lets go of it."""

    class Local:
        def fit(self) -> str:
            return "fitted"

    seen: Seen = []
    function = Local.fit
    patch = journal.install(Local, "fit", noting(seen), label="test")
    assert (patch.installer, Local().fit(), len(seen)) == ("attribute", "fitted", 1)
    gone = weakref.ref(Local)
    del Local, function
    seen.clear()
    gc.collect()
    assert (gone(), patch.state) == (None, "foreign")


def test_reapply_patches_a_class_that_came_back_from_a_worker(journal: PatchJournal) -> None:
    """Methods that were replaced by copies of themselves are patched again; the user's own changes are not."""

    class Local:
        def fit(self) -> str:
            return "fitted"

        def other(self) -> str:
            return "other"

    local: Any = Local

    seen: Seen = []
    for name in ("fit", "other"):
        journal.install(Local, name, noting(seen), label="test")
    fit = vars(Local)["fit"].__wrapped__
    local.fit = types.FunctionType(fit.__code__, fit.__globals__, "fit")
    local.other = lambda self: "the user's"
    assert [patch.target.rpartition(".")[2] for patch in journal.reapply()] == ["fit"]
    assert (Local().fit(), Local().other(), len(seen)) == ("fitted", "the user's", 1)
    assert journal.reapply() == ()


def test_reapply_patches_a_function_that_was_reloaded(library: Any, journal: PatchJournal) -> None:
    """A notebook's autoreload gives a function new code; the new code runs, patched."""
    seen: Seen = []
    journal.install(library, "train", noting(seen), label="test")
    library.train.__code__ = (lambda data, *, rounds=10: ("new", data, rounds)).__code__
    assert [patch.target for patch in journal.reapply()] == [journal.patches[0].target]
    assert (library.train(1), len(seen)) == (("new", 1, 10), 1)
    journal.undo()
    assert (library.train(1), len(seen), reserved(library)) == (("new", 1, 10), 1, [])


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


def test_a_generator_started_before_the_undo_goes_on(library: Any, journal: PatchJournal) -> None:
    """A generator that was made while patched runs to its end after the undo, and then our last name is gone."""
    journal.install(library, "batches", noting([]), label="test")
    made = library.batches(2)
    journal.undo()
    assert len(reserved(library)) == 1
    assert list(made) == [0, 1]
    del made
    assert reserved(library) == []


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


def test_a_thousand_toggles_under_four_calling_threads(library: Any, journal: PatchJournal) -> None:
    """Patching and undoing a thousand times while four threads call disturbs no call and leaves nothing."""
    wrong: list[object] = []
    stop = threading.Event()
    calls = [0] * 4
    code = library.train.__code__

    def caller(number: int) -> None:
        model = library.Model()
        while not stop.is_set():
            try:
                calls[number] += 1
                if library.train(number, rounds=5) != (number, 5) or model.fit(1, weight=2) != (1, None, 2):
                    wrong.append("result")
            except BaseException as error:  # noqa: BLE001  whatever it is, it must not happen
                wrong.append(error)

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for _ in range(1_000):
            journal.install(library, "train", noting([]), label="test")
            journal.install(library.Model, "fit", noting([]), label="test")
            journal.undo()
        time.sleep(0)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    assert (wrong, min(calls) > 0) == ([], True)
    assert (library.train.__code__ is code, reserved(library), journal.patches) == (True, [], ())


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """STENO_PATCH with an unknown word is refused, with the words it may have."""
    monkeypatch.setenv("STENO_PATCH", "wrapt")
    with pytest.raises(InvalidInputError, match=r"'wrapt' \(str\), accepted are 'in place' and 'attribute'"):
        PatchJournal()


def test_a_module_that_is_reloaded_can_be_patched_again(
    journal: PatchJournal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a reload the module's new functions get new patches beside the old ones."""
    (tmp_path / "reloaded_library.py").write_text("def train(x): return x\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("reloaded_library")
    seen: Seen = []
    first = journal.install(module, "train", noting(seen), label="test")
    old = module.train
    importlib.reload(module)
    second = journal.install(module, "train", noting(seen), label="test")
    assert first is not second
    assert (module.train(1), old(2), len(seen)) == (1, 2, 2)
    journal.undo()
    assert reserved(module) == []
    del sys.modules["reloaded_library"]
