"""The import hook: called back after each import, and no import is ever harmed."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import textwrap
import threading
import time
import types
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import RunPython
from steno.autologging.guard import Guard
from steno.autologging.imports import Waiting, recheck, when_imported
from steno.errors import StenoWarning

Write = Callable[..., None]
When = Callable[..., Waiting]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes modules that can be imported during the test."""
    folder = tmp_path / "library"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two versions within one second are two versions
    before = set(sys.modules)

    def write_modules(**sources: str) -> None:
        for name, source in sources.items():
            file = folder / f"{name.replace('__', '/').replace('/top', '/__init__')}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(textwrap.dedent(source))
        importlib.invalidate_caches()

    yield write_modules
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def when() -> Iterator[When]:
    """`when_imported`, cancelled after the test; then our finder has left the import system."""
    made: list[Waiting] = []
    before = list(sys.meta_path)

    def register(*args: Any, **kwargs: Any) -> Waiting:
        made.append(when_imported(*args, **kwargs))
        return made[-1]

    yield register
    for waiting in made:
        waiting.cancel()
    assert sys.meta_path == before


def test_called_after_the_import(write: Write, when: When) -> None:
    """The callback gets the complete module, once, and the module has its own loader and spec."""
    write(lib_a="x = 1\ny = x + 1\n")
    seen: list[tuple[types.ModuleType, int]] = []
    waiting = when("lib_a", lambda module: seen.append((module, module.y)))
    assert (waiting.state, seen) == ("pending", [])
    module = importlib.import_module("lib_a")
    importlib.import_module("lib_a")
    assert (waiting.state, seen) == ("done", [(module, 2)])
    assert "exec_module" not in vars(module.__loader__)
    spec: Any = module.__spec__
    assert (type(spec.loader), spec.loader) == (importlib.machinery.SourceFileLoader, module.__loader__)


def test_called_at_once_for_what_is_imported(when: When) -> None:
    """A module that is there already is not waited for."""
    seen: list[types.ModuleType] = []
    when("textwrap", seen.append)
    assert seen == [textwrap]


def test_several_callbacks_wait_for_one_module(write: Write, when: When) -> None:
    """All of a module's callbacks are called, in order; a cancelled one is not."""
    write(lib_b="")
    seen: list[str] = []
    waiting = [when("lib_b", lambda _, name=name: seen.append(name)) for name in "abc"]
    waiting[1].cancel()
    importlib.import_module("lib_b")
    assert (seen, [each.state for each in waiting]) == (["a", "c"], ["done", "cancelled", "done"])


def test_reload_and_reimport_call_again(write: Write, when: When) -> None:
    """After `importlib.reload`, and after the module was thrown out and imported anew, the callback is called again."""
    write(lib_c="x = 1\n")
    seen: list[int] = []
    when("lib_c", lambda module: seen.append(module.x))
    module = importlib.import_module("lib_c")
    write(lib_c="import colorsys\nx = 22\n")
    sys.modules.pop("colorsys", None)  # an import inside the reload is no reason to call early
    importlib.reload(module)
    del sys.modules["lib_c"]
    importlib.import_module("lib_c")
    assert seen == [1, 22, 22]


def test_submodules_are_waited_for_by_their_own_name(write: Write, when: When) -> None:
    """A callback for `package.part` comes after that part, not after the package."""
    write(lib_pkg__top="from lib_pkg import part\nafter = 1\n", lib_pkg__part="x = 1\n")
    seen: list[str] = []
    when("lib_pkg.part", lambda module: seen.append(f"{module.__name__} {hasattr(sys.modules['lib_pkg'], 'after')}"))
    when("lib_pkg", lambda module: seen.append(f"{module.__name__} {module.after}"))
    importlib.import_module("lib_pkg")
    assert seen == ["lib_pkg.part False", "lib_pkg 1"]


def test_a_failing_callback_harms_no_import(write: Write, when: When) -> None:
    """What a callback raises goes to its guard; the import, and the callbacks after it, go on."""
    write(lib_d="x = 1\n")
    guard, seen = Guard("plugin"), []  # type: tuple[Guard, list[int]]

    def broken(module: types.ModuleType) -> None:
        raise OSError("no plugin")

    when("lib_d", broken, guard=guard)
    when("lib_d", lambda module: seen.append(module.x))
    with pytest.warns(StenoWarning, match=r"plugin: after import of lib_d failed \(OSError: no plugin\)"):
        assert importlib.import_module("lib_d").x == 1
    assert ([fault.kind for fault in guard.faults], seen) == (["OSError"], [1])


def test_a_failing_import_fails_as_ever_and_is_waited_for_again(write: Write, when: When) -> None:
    """The module's own error reaches the user, no callback is called, and a later good import is seen."""
    write(lib_e="import lib_missing_xyz\n")
    seen: list[str] = []
    waiting = when("lib_e", lambda module: seen.append(module.__name__))
    with pytest.raises(ModuleNotFoundError, match="lib_missing_xyz"):
        importlib.import_module("lib_e")
    with pytest.raises(ModuleNotFoundError, match="lib_e_not_there"):
        importlib.import_module("lib_e_not_there")
    assert (seen, waiting.state) == ([], "pending")
    write(lib_e="x = 1\n")
    importlib.import_module("lib_e")
    assert seen == ["lib_e"]


def test_looking_for_a_module_is_no_import(write: Write, when: When) -> None:
    """`find_spec` on a target gives its plain spec and calls nobody; a later import does."""
    write(lib_f="x = 1\n")
    seen: list[str] = []
    when("lib_f", lambda module: seen.append(module.__name__))
    spec = importlib.util.find_spec("lib_f")
    assert spec is not None
    assert (type(spec.loader), seen) == (importlib.machinery.SourceFileLoader, [])
    importlib.import_module("lib_f")
    assert seen == ["lib_f"]
    module = importlib.util.module_from_spec(spec)
    assert spec.loader is not None
    spec.loader.exec_module(module)
    assert module.x == 1


def test_zip_builtin_and_frozen_modules_call_back(tmp_path: Path, when: When, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules whose loader is shared by many call back for the one that is waited for, and keep that loader."""
    archive = tmp_path / "lib.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("lib_zip.py", "x = 1\n")
        file.writestr("lib_zip_other.py", "x = 2\n")
    monkeypatch.syspath_prepend(str(archive))
    names = ("lib_zip", "xxsubtype", "__phello__")
    for name in names:
        sys.modules.pop(name, None)
    seen: list[str] = []
    for name in names:
        when(name, lambda module: seen.append(module.__name__))
    importlib.util.find_spec("lib_zip")
    importlib.import_module("lib_zip_other")
    monkeypatch.setattr(sys, "stdout", None)
    for name in names:
        module = importlib.import_module(name)
        assert module.__spec__ is not None
        assert "Watched" not in f"{module.__spec__.loader!r} {getattr(module, '__loader__', None)!r}"
        del sys.modules[name]
    del sys.modules["lib_zip_other"]
    assert seen == list(names)


def test_a_lazy_module_calls_back_once_it_is_loaded(write: Write, when: When) -> None:
    """A module behind `importlib.util.LazyLoader` runs its code once, when it is used, and then calls back."""
    write(lib_lazy="import sys\nsys.lazy_runs = getattr(sys, 'lazy_runs', 0) + 1\nx = 1\n")
    seen: list[int] = []
    when("lib_lazy", lambda module: seen.append(module.x))
    spec = importlib.util.find_spec("lib_lazy")
    assert spec is not None
    assert spec.loader is not None
    loader = importlib.util.LazyLoader(spec.loader)
    spec.loader = loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["lib_lazy"] = module
    loader.exec_module(module)
    recheck()
    assert (seen, hasattr(sys, "lazy_runs")) == ([], False)
    assert module.x == 1
    recheck()
    assert (seen, vars(sys).pop("lazy_runs")) == ([1], 1)


def test_a_module_half_imported_above_us_is_waited_for(write: Write, when: When) -> None:
    """Registered from inside the module's own import, the callback comes when the module is complete, not before."""
    write(
        lib_half="import lib_registers\nx = 1\n",
        lib_registers="import sys\nsys.lib_register()\n",
        lib_next="",
    )
    seen: list[Any] = []
    sys_any: Any = sys
    sys_any.lib_register = lambda: when("lib_half", lambda module: seen.append(getattr(module, "x", "half")))
    try:
        began = time.monotonic()
        importlib.import_module("lib_half")
        assert (seen, time.monotonic() - began < 5) == ([], True)
        importlib.import_module("lib_next")
        assert seen == [1]
        recheck()
        assert seen == [1]
    finally:
        del sys_any.lib_register


def test_recheck_finds_what_was_half_imported(write: Write, when: When) -> None:
    """Where no other import follows, `recheck` calls back for a module that has become complete."""
    write(lib_half2="import sys\nsys.lib_register()\nx = 1\n")
    seen: list[Any] = []
    sys_any: Any = sys
    sys_any.lib_register = lambda: when("lib_half2", lambda module: seen.append(module.x))
    try:
        importlib.import_module("lib_half2")
    finally:
        del sys_any.lib_register
    recheck()
    assert seen == [1]


def test_another_threads_import_is_waited_for(write: Write, when: When) -> None:
    """Registered while another thread is importing the module, the callback gets it complete."""
    write(lib_slow="import sys, time\nsys.lib_started.set()\ntime.sleep(0.2)\nx = 1\n")
    sys_any: Any = sys
    sys_any.lib_started = threading.Event()
    thread = threading.Thread(target=importlib.import_module, args=("lib_slow",))
    thread.start()
    sys_any.lib_started.wait()
    seen: list[Any] = []
    waiting = when("lib_slow", lambda module: seen.append(getattr(module, "x", "half")))
    assert (seen, waiting.state) == ([1], "done")
    thread.join()
    del sys_any.lib_started


def test_two_threads_whose_callbacks_import_each_others_modules(write: Write, when: When) -> None:
    """Two callbacks that import each other's module from two threads do not block each other; both are called."""
    write(lib_one="import time\ntime.sleep(0.05)\n", lib_two="import time\ntime.sleep(0.05)\n")
    seen: list[str] = []

    def importing(name: str) -> Callable[[types.ModuleType], None]:
        def callback(module: types.ModuleType) -> None:
            time.sleep(0.05)
            importlib.import_module(name)
            seen.append(module.__name__)

        return callback

    when("lib_one", importing("lib_two"))
    when("lib_two", importing("lib_one"))
    names = ("lib_one", "lib_two")
    threads = [threading.Thread(target=importlib.import_module, args=(name,), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    recheck()
    assert (sorted(seen), [thread.is_alive() for thread in threads]) == (["lib_one", "lib_two"], [False, False])


def test_the_finder_stands_first_and_leaves(write: Write) -> None:
    """While anybody waits, one finder of ours stands first; when the last one is cancelled, none does."""
    before = list(sys.meta_path)
    one, two = when_imported("lib_never", print), when_imported("lib_never_either", print)
    assert sys.meta_path[1:] == before
    one.cancel()
    assert sys.meta_path[1:] == before
    two.cancel()
    two.cancel()
    assert sys.meta_path == before


def test_the_hook_loads_nothing_heavy(run_python: RunPython) -> None:
    """Waiting for frameworks costs no import of wrapt, pluggy, numpy or a database."""
    script = """
        import sys
        from steno.autologging.imports import when_imported
        when_imported("sklearn", print)
        heavy = {"wrapt", "pluggy", "numpy", "sqlalchemy", "importlib.metadata", "asyncio", "sklearn", "yaml"}
        print(sorted(heavy & set(sys.modules)))
    """
    assert run_python(textwrap.dedent(script)).stdout == "[]\n"


def test_a_framework_that_is_really_imported(run_python: RunPython) -> None:
    """scikit-learn and xgboost call back when imported in whatever way, their submodules complete."""
    script = """
        from steno.autologging.imports import when_imported
        when_imported("sklearn.base", lambda m: print("base", hasattr(m, "BaseEstimator")))
        when_imported("xgboost.training", lambda m: print("training", hasattr(m, "train")))
        from xgboost import train
        import sklearn.linear_model
    """
    done = run_python(textwrap.dedent(script))
    assert sorted(done.stdout.splitlines()) == ["base True", "training True"], done.stderr
