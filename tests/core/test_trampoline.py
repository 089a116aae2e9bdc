"""The trampoline: a function redirected from inside, and nobody can tell."""

from __future__ import annotations

import asyncio
import inspect
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steno.autologging.trampoline import clone, obstacle, trampoline

Seen = list[tuple[tuple[Any, ...], dict[str, Any]]]


def redirect(function: Any, seen: Seen | None = None, name: str = "__steno_test__") -> Any:
    """Put a trampoline into the function that notes its arguments and calls a clone; the clone is returned."""
    behind = clone(function)

    def target(*args: Any, **kwargs: Any) -> Any:
        if seen is not None:
            seen.append((args, kwargs))
        return behind(*args, **kwargs)

    function.__globals__[name] = target
    function.__code__ = trampoline(function.__code__, name)
    return behind


def defined(source: str, name: str = "f") -> Any:
    """A function from source text, in a namespace of its own."""
    names: dict[str, Any] = {"__name__": "made_up"}
    exec(compile(source, "made_up.py", "exec"), names)
    return names[name]


def outcome(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, Any]:
    """What a call gives: its result, or the error's type and text."""
    try:
        return "result", function(*args, **kwargs)
    except TypeError as error:
        return "TypeError", str(error)


@st.composite
def parameter_lists(draw: st.DrawFn) -> str:
    """The text between the brackets of a `def`."""
    names = iter("abcdefgh")
    parts: list[str] = []
    defaults = False

    def positional(count: int) -> None:
        nonlocal defaults
        for _ in range(count):
            defaults = defaults or draw(st.booleans())
            parts.append(f"{next(names)}={draw(st.integers(0, 9))}" if defaults else next(names))

    only = draw(st.integers(0, 2))
    positional(only)
    if only:
        parts.append("/")
    positional(draw(st.integers(0, 2)))
    keyword_only = draw(st.integers(0, 2))
    if draw(st.booleans()):
        parts.append("*rest")
    elif keyword_only:
        parts.append("*")
    for _ in range(keyword_only):
        parts.append(f"{next(names)}={draw(st.integers(0, 9))}" if draw(st.booleans()) else next(names))
    if draw(st.booleans()):
        parts.append("**more")
    return ", ".join(parts)


@settings(max_examples=120, deadline=None)
@given(
    parameter_lists(),
    st.lists(st.integers(), max_size=5).map(tuple),
    st.dictionaries(st.sampled_from("abcdefgx"), st.integers(), max_size=4),
)
def test_every_call_of_every_signature_gives_the_same(
    header: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Whatever a function's parameters are, a redirected call gives the plain call's result or its very TypeError."""
    source = f"def f({header}): return dict(sorted(locals().items()))"
    plain, patched = defined(source), defined(source)
    redirect(patched)
    assert outcome(patched, args, kwargs) == outcome(plain, args, kwargs)
    assert inspect.signature(patched) == inspect.signature(plain)
    assert inspect.getfullargspec(patched) == inspect.getfullargspec(plain)


def test_arguments_arrive_as_they_were_declared() -> None:
    """Positional parameters arrive by position with defaults filled in, keyword-only ones by keyword."""
    function = defined("def f(a, b=2, /, c=3, *rest, d, e=5, **more): return a, b, c, rest, d, e, more")
    seen: Seen = []
    redirect(function, seen)
    assert function(1, d=4, z=9) == (1, 2, 3, (), 4, 5, {"z": 9})
    assert seen == [((1, 2, 3), {"d": 4, "e": 5, "z": 9})]


def test_what_inspect_sees_stays() -> None:
    """Name, file, line, parameters, annotations, doc string and source of a redirected function are its own."""

    def fit(self: Any, x: int, *, weight: float = 1.0) -> str:
        """Fit."""
        return f"{self}{x}{weight}"

    def facts() -> dict[str, Any]:
        code = fit.__code__
        return {
            "code": (code.co_name, code.co_qualname, code.co_filename, code.co_firstlineno, code.co_argcount),
            "signature": inspect.signature(fit, follow_wrapped=False),
            "annotations": inspect.get_annotations(fit),
            "doc": inspect.getdoc(fit),
            "source": inspect.getsource(fit),
            "kinds": (inspect.isfunction(fit), inspect.isgeneratorfunction(fit), inspect.iscoroutinefunction(fit)),
            "attributes": vars(fit),
        }

    before = facts()
    redirect(fit)
    assert facts() == before
    assert fit(0, 1) == "011.0"


def test_closures_and_zero_argument_super_work() -> None:
    """A redirected method sees its closure's present values, and `super()` in it finds the base class."""
    offset = 10

    class Base:
        def scale(self, x: int) -> int:
            return x * 2

    class Child(Base):
        def scale(self, x: int) -> int:
            return super().scale(x) + offset

    redirect(vars(Child)["scale"])
    assert Child().scale(1) == 12
    offset = 20
    assert Child().scale(1) == 22


def test_generators_pass_everything_through() -> None:
    """Values, sent values, thrown errors, the return value and closing pass through a redirected generator."""
    function = defined(
        "def f(x, log):\n"
        "    try:\n"
        "        while x:\n"
        "            try: x = yield x\n"
        "            except KeyError: x = 'caught'\n"
        "        return 'end'\n"
        "    finally: log.append('closed')\n"
    )
    redirect(function)
    log: list[str] = []
    running = function(1, log)
    assert inspect.isgeneratorfunction(function)
    assert [next(running), running.send(5), running.throw(KeyError)] == [1, 5, "caught"]
    with pytest.raises(StopIteration, match="end"):
        running.send(0)
    closing = function(1, log)
    next(closing)
    closing.close()
    assert log == ["closed", "closed"]


def test_coroutines_are_awaited() -> None:
    """A redirected coroutine function is still one, and awaiting it gives the original's result."""
    function = defined("import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x")
    redirect(function)
    assert inspect.iscoroutinefunction(function)
    assert asyncio.run(function(3)) == 3


def test_generator_coroutines_can_still_be_awaited() -> None:
    """A function marked by `types.coroutine` keeps the mark that `await` looks for."""
    function = types.coroutine(defined("def f(x):\n    yield\n    return x"))
    redirect(function)

    async def main() -> Any:
        return await function(4)

    assert asyncio.run(main()) == 4


def test_async_generators_pass_everything_through() -> None:
    """Values, sent values, thrown errors and closing pass through a redirected async generator."""
    function = defined(
        "async def f(x, log):\n"
        "    try:\n"
        "        while x:\n"
        "            try: x = yield x\n"
        "            except KeyError: x = 'caught'\n"
        "    finally: log.append('closed')\n"
    )
    redirect(function)
    log: list[str] = []

    async def main() -> list[Any]:
        running = function(1, log)
        values = [await anext(running), await running.asend(5), await running.athrow(KeyError("k"))]
        with pytest.raises(ZeroDivisionError):
            await running.athrow(ZeroDivisionError())
        closing = function(1, log)
        await anext(closing)
        await closing.aclose()
        assert log == ["closed", "closed"]
        values += [x async for x in function("", log)]
        return values

    assert inspect.isasyncgenfunction(function)
    assert asyncio.run(main()) == [1, 5, "caught"]
    assert log == ["closed", "closed", "closed"]


def test_tracebacks_show_the_user_where_the_function_is(tmp_path: Path) -> None:
    """The added frame shows the function's own `def` line, underlines nothing, and is folded by pytest and IPython."""
    file = tmp_path / "library.py"
    file.write_text("# a library\n\ndef boom(x):\n    return 1 / x\n")
    names: dict[str, Any] = {}
    exec(compile(file.read_text(), str(file), "exec"), names)
    boom = names["boom"]
    redirect(boom)
    with pytest.raises(ZeroDivisionError) as caught:
        boom(0)
    added, original = (each for each in traceback.extract_tb(caught.value.__traceback__) if each.filename == str(file))
    assert (added.name, added.lineno, added.line, added.colno) == ("boom", 3, "def boom(x):", None)
    assert (original.name, original.lineno, original.line) == ("boom", 4, "return 1 / x")
    assert "__tracebackhide__" in boom.__code__.co_varnames


def test_hot_call_sites_follow() -> None:
    """A loop that Python has already specialised for the original code calls the new code at once, and back."""
    names: dict[str, Any] = {}
    exec("def f(x): return x\ndef loop(n): return sum(f(i) for i in range(n))", names)
    names["loop"](5_000)
    original, seen = names["f"].__code__, []  # type: tuple[Any, Seen]
    redirect(names["f"], seen)
    names["loop"](1_000)
    assert len(seen) == 1_000
    names["f"].__code__ = original
    names["loop"](1_000)
    assert len(seen) == 1_000


def test_a_recursive_function_is_seen_at_every_depth() -> None:
    """Calls that a redirected function makes to itself are redirected too."""
    function = defined("def f(n): return 1 if n < 2 else n * f(n - 1)")
    seen: Seen = []
    redirect(function, seen)
    assert function(5) == 120
    assert seen == [((n,), {}) for n in (5, 4, 3, 2, 1)]


def test_a_clone_is_the_function_again() -> None:
    """A clone has the original's code, defaults, closure, attributes, doc string, annotations and names."""
    cell = 1

    def original(a: int, b: int = 2, *, c: int = 3) -> int:
        """Add."""
        return a + b + c + cell

    original.mark = "m"  # type: ignore[attr-defined]
    copied = clone(original)  # type: ignore[arg-type]
    assert copied is not original
    assert copied(1) == original(1) == 7
    for name in (
        "code",
        "defaults",
        "kwdefaults",
        "closure",
        "dict",
        "doc",
        "annotations",
        "name",
        "qualname",
        "module",
    ):
        assert getattr(copied, f"__{name}__") == getattr(original, f"__{name}__"), name


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def f(__steno_target__): pass", "a parameter has a name of ours"),
        ("def f(): __pyarmor__", "its code is obfuscated"),
        ("def f(x): return x", None),
    ],
)
def test_what_cannot_be_redirected_is_known_beforehand(source: str, reason: str | None) -> None:
    """Functions whose code must not be touched are named as such before anything is changed."""
    assert obstacle(defined(source)) == reason
