"""The shape of the code: small files, small functions, one place for broad excepts, a tree that is true."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import steno

ROOT = Path(steno.__file__).parents[2]
SOURCES = [path for folder in ("core", "integrations") for path in (ROOT / folder).rglob("*.py")]
TREES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}


def test_no_file_is_longer_than_500_lines() -> None:
    """Every module can be read in one sitting."""
    lengths = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in TREES}

    assert {path: length for path, length in lengths.items() if length > 500} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    """Every function fits on a screen."""
    long = {
        f"{path}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 60
    }

    assert long == {}


def test_only_the_guard_swallows_everything() -> None:
    """Only the guard catches everything; elsewhere a broad except cleans up and passes the exception on."""
    broad = [
        f"{path}:{node.lineno}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and _swallows(node) and not path.endswith("autologging/guard.py")
    ]

    assert broad == []


def _swallows(handler: ast.ExceptHandler) -> bool:
    caught, last = handler.type, handler.body[-1]
    broad = caught is None or (isinstance(caught, ast.Name) and caught.id in ("Exception", "BaseException"))
    return broad and not (isinstance(last, ast.Raise) and last.exc is None)


def test_files_are_named_after_what_they_own() -> None:
    """No module is called utils, helpers, common or misc."""
    assert [path for path in TREES if Path(path).stem in FORBIDDEN_NAMES] == []


def test_no_global_statement() -> None:
    """State that changes lives in an object that owns it."""
    statements = [
        f"{path}:{node.lineno}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Global)
    ]

    assert statements == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Every module can be read after those it imports, the ones that only its types come from included."""
    modules = {_module(path): tree for path, tree in TREES.items()}
    facade = "steno"  # loads its public names when they are first used
    graph = {
        name: {target for target in _imported(tree, modules) if target != facade}
        for name, tree in modules.items()
        if name != facade
    }
    try:
        TopologicalSorter(graph).prepare()
        circle = ""
    except CycleError as error:
        circle = " <- ".join(error.args[1])

    assert circle == ""


def _module(path: str) -> str:
    return ".".join(Path(path).with_suffix("").parts[1:]).removesuffix(".__init__")


def _imported(node: ast.AST, modules: dict[str, ast.Module]) -> Iterator[str]:
    """Our modules that are imported at the top level, whatever `if` or `try` that stands in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names if alias.name in modules)
        elif isinstance(child, ast.ImportFrom):
            for alias in child.names:
                deeper = f"{child.module}.{alias.name}"
                name = deeper if deeper in modules else str(child.module)
                if name in modules:
                    yield name
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _imported(child, modules)


def test_the_tree_in_contributing_is_the_tree_on_disk() -> None:
    """Every folder that CONTRIBUTING.md names exists, and every package is named there."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^`([\w./-]+/)`", text, flags=re.MULTILINE))
    packages = {path.parent.relative_to(ROOT).as_posix() + "/" for path in SOURCES if path.name == "__init__.py"}

    assert {folder for folder in named if not (ROOT / folder).is_dir()} == set()
    assert packages - named == set()


def test_every_test_states_its_promise() -> None:
    """Each test has a docstring that says what a user can rely on."""
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not ast.get_docstring(node)
    ]

    assert silent == []
