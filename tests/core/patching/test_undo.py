"""Undo: in any order, under anybody's wrappers, while calls run, and nothing is left behind."""

from __future__ import annotations

import gc
import importlib
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
from steno.errors import IntegrationError
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


def redirecting_to_theirs() -> types.CodeType:
    """Another tool's trampoline."""
    function: types.FunctionType = eval("lambda data, *, rounds=10: theirs(data, rounds=rounds)")
    return function.__code__


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


def test_under_a_foreign_attribute_wrapper_a_patch_is_pinned(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody wraps a method patched by attribute: an undo makes us a pass-through, and a later undo cleans up."""
    seen: Seen = []
    original = vars(library.Model)["fit"]
    monkeypatch.setenv("STENO_PATCH", "attribute")
    by_attribute = PatchJournal()
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
    """Three integrations patch one function; whoever leaves first, the others go on and the last leaves no trace.

    None of them takes another for a foreign tool.
    """
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
    assert [journal.patches[0].state for journal in journals] == ["on"] * 3
    left = {0, 1, 2}
    for number in order:
        journals[number].undo()
        left.discard(number)
        seen.clear()
        assert library.Model().fit(1, 2) == (1, 2, None)
        assert (seen, journals[number].patches) == (sorted(left, reverse=True), ())
        assert {patch.state for other in left for patch in journals[other].patches} <= {"on"}, "none of us is foreign"
    assert (dict(vars(library.Model)), library.Model.fit.__code__, reserved(library)) == (before, code, [])


def test_a_patch_keeps_no_module_alive(tmp_path: Path, journal: PatchJournal) -> None:
    """A patched module that its user throws away is freed with its functions, and an undo has nothing to do."""
    with made_library(tmp_path) as module:
        gone = weakref.ref(module.batches)
        patch = journal.install(module, "batches", noting([]), label="test")
        vars(module).clear()
    del module
    gc.collect()
    journal.undo()
    assert (gone(), patch.state, journal.patches) == (None, "off", ())


def test_two_journals_leave_no_shadow_of_an_inherited_method(library: Any) -> None:
    """Two integrations patch one inherited method; the first one leaves first, and the class ends up without it."""
    first, second, seen = PatchJournal(), PatchJournal(), []  # type: tuple[PatchJournal, PatchJournal, Seen]
    for journal in (first, second):
        journal.install(library.Child, "fit", noting(seen), label="test")
    first.undo()
    assert (library.Child().fit(1), len(seen)) == ((1, None, None), 1)
    second.undo()
    assert ("fit" in vars(library.Child), first.patches, second.patches) == (False, (), ())


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


def test_a_generator_started_before_the_undo_goes_on(library: Any, journal: PatchJournal) -> None:
    """A generator that was made while patched runs to its end after the undo, and then our last name is gone."""
    journal.install(library, "batches", noting([]), label="test")
    made = library.batches(2)
    journal.undo()
    assert len(reserved(library)) == 1
    assert list(made) == [0, 1]
    del made
    assert reserved(library) == []


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
