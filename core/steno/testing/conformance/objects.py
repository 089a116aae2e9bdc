"""Rows on the framework's and the user's objects: functions, arguments, results and models are what they were."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

import steno
from steno.autologging.owners import find
from steno.testing.conformance.attempt import kept
from steno.testing.conformance.bench import Bench
from steno.testing.conformance.failure import Skipped
from steno.testing.conformance.foreign import Cover, Swap, swap_or_cover
from steno.testing.conformance.likeness import differences
from steno.testing.conformance.row import row
from steno.testing.conformance.seams import Hit
from steno.testing.conformance.subject import Subject

__all__ = ["Objects"]

_ASKED = (
    inspect.isfunction,
    inspect.ismethod,
    inspect.isbuiltin,
    inspect.isroutine,
    inspect.isclass,
    inspect.iscoroutinefunction,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
    callable,
)
_NAMES = ("__name__", "__qualname__", "__module__", "__doc__", "__annotations__", "__defaults__", "__kwdefaults__")
_MOST_SOURCES = 25
_TOOLS = "Documentation, editors and libraries that look at functions would see something else"


class Objects(Subject):
    """What the user can hold in their hands."""

    @row()
    def test_hazard_19_signatures_and_sources_are_the_same(self, bench: Bench) -> None:
        """Signature, argspec, docstring, source and annotations of every patched function are what they were."""
        _compare_functions(bench, _facts, "tells something else of itself")

    @row()
    def test_hazard_20_functions_are_the_kind_they_were(self, bench: Bench) -> None:
        """`inspect` gives the same answers for every patched function, bound and unbound."""
        _compare_functions(bench, _kinds, "is of another kind")

    @row()
    def test_hazard_27_the_model_has_nothing_of_ours(self, bench: Bench) -> None:
        """Attributes, get_params(), set_params() and clone of a model fitted under autolog are those without it."""
        plain = bench.plain[0].model
        bench.autolog()
        model = bench.train().model
        own, expected = set(getattr(model, "__dict__", {})), set(getattr(plain, "__dict__", {}))
        bench.require(
            own == expected,
            f"the fitted {type(model).__name__} has other attributes than without recording: {sorted(own ^ expected)}",
            "Their models would carry something of yours into pickles, clones and comparisons",
        )
        if not hasattr(model, "get_params"):
            return
        found = differences(model.get_params(), plain.get_params())
        bench.require(not found, f"get_params() differs: {found}", "Their clones and grid searches would change")
        found = differences(_cloned(model), _cloned(plain))
        bench.require(not found, f"a clone differs: {found}", "Their grid searches would change")
        found = differences(_set_anew(model), _set_anew(plain))
        bench.require(not found, f"get_params() after set_params() differs: {found}", "Their searches would change")

    @row()
    def test_hazard_35_positional_and_keyword_arguments(self, bench: Bench) -> None:
        """However the user passes the arguments, the same params are recorded."""
        styles = list(bench.subject.call_styles()) or _styles(bench.hit())
        if len(styles) < 2:
            raise Skipped("the arguments can be passed in one way only: write call_styles(self) if there are others")
        bench.autolog(log_models=False)
        for style in styles:
            bench.seed()
            style()
        runs = bench.expect_runs(len(styles), f"after {len(styles)} styles of the same call", "Runs would be missing")
        for number, run in enumerate(runs):
            found = differences(dict(sorted(run.data.params.items())), dict(sorted(runs[0].data.params.items())))
            bench.require(
                not found,
                f"style {number + 1} of the same call has other params than style 1: {found}",
                "Your users' runs could not be compared",
                f"call.arg(name) reads an argument however it was passed; {bench.look()}",
            )
        bench.expect_nothing_failed()

    @row()
    def test_hazard_36_arguments_reach_the_framework(self, bench: Bench) -> None:
        """The framework gets the very objects that the user passed, in the same places."""
        user, framework = _between(bench)
        given, got = _bound(bench.hit(), user.arguments[0]), _bound(bench.hit(), framework.arguments[0])
        strangers = sorted(name for name in given.keys() | got.keys() if given.get(name) is not got.get(name))
        bench.require(
            not strangers,
            f"the framework got other objects than the user passed as {', '.join(strangers)}",
            "Their data, callbacks or params would not be theirs any more",
        )

    @row()
    def test_hazard_37_the_result_is_the_frameworks(self, bench: Bench) -> None:
        """The user gets the very object that the framework returned."""
        user, framework = _between(bench)
        returned, received = framework.results[-1], user.results[0]
        bench.require(
            returned is received,
            f"the framework returned {returned!r:.200} and the user got {received!r:.200}",
            "Their code would work with something that the framework did not make",
        )


def _compare_functions(bench: Bench, facts: Callable[[Any, Any, str, bool], dict[str, Any]], what: str) -> None:
    bench.autolog()
    owners = [_owner(place) for place in bench.places()]
    hits = {(id(hit.owner), hit.name) for hit in bench.hits}
    owners.sort(key=lambda each: (id(each[0]), each[1]) not in hits)
    steno.disable(bench.name)
    before = [facts(bench, *each, number < _MOST_SOURCES) for number, each in enumerate(owners)]
    steno.enable(bench.name)
    now = [facts(bench, *each, number < _MOST_SOURCES) for number, each in enumerate(owners)]
    for (owner, name), one, other in zip(owners, before, now, strict=True):
        for fact, value in one.items():
            bench.require(
                not differences(value, other[fact]),
                f"{owner.__name__}.{name} {what}: {fact} is {other[fact]!r:.300}, was {value!r:.300}",
                _TOOLS,
                bench.look(""),
            )


def _owner(place: str) -> tuple[Any, str]:
    module, _, path = place.partition(":")
    owner: Any = importlib.import_module(module)
    *parts, name = path.split(".")
    for part in parts:
        owner = getattr(owner, part)
    return owner, name


def _facts(_bench: Bench, owner: Any, name: str, with_source: bool) -> dict[str, Any]:
    function = getattr(owner, name)
    facts: dict[str, Any] = {each: getattr(function, each, None) for each in _NAMES}
    facts["signature"] = _answer(lambda: str(inspect.signature(function)))
    facts["argspec"] = _answer(lambda: str(inspect.getfullargspec(function)))
    if with_source:
        facts["source"] = _answer(lambda: inspect.getsource(function))
    return facts


def _kinds(bench: Bench, owner: Any, name: str, _with_source: bool) -> dict[str, Any]:
    model = bench.plain[0].model
    things = {"": getattr(owner, name)}
    if isinstance(owner, type) and isinstance(model, owner):
        things[" of an instance"] = getattr(model, name, None)
    stored = find(owner, name)
    facts: dict[str, Any] = {
        f"{ask.__name__}{which}": bool(ask(thing)) for which, thing in things.items() for ask in _ASKED
    }
    facts["static or class method"] = isinstance(stored, staticmethod), isinstance(stored, classmethod)
    return facts


def _answer(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except (TypeError, ValueError, OSError) as refusal:
        return f"{type(refusal).__name__}"


def _cloned(model: Any) -> Any:
    """scikit-learn's clone where it applies, else the same class with the same params; else what is raised."""
    base = sys.modules.get("sklearn.base")
    with kept() as raised:
        return base.clone(model) if base is not None else type(model)(**model.get_params())
    return [repr(error) for error in raised]


def _set_anew(model: Any) -> Any:
    """The params after set_params() with the same; else what is raised."""
    with kept() as raised:
        model.set_params(**model.get_params())
        return model.get_params()
    return [repr(error) for error in raised]


def _styles(hit: Hit) -> list[Callable[[], Any]]:
    """The call that was seen, with all that can be passed by position, and with all that can be passed by name."""
    signature = hit.signature()
    if signature is None:
        return []
    bound = signature.bind(*hit.args, **hit.kwargs)
    kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
    if any(kinds[name] is inspect.Parameter.VAR_POSITIONAL for name in bound.arguments):
        return []
    positional: list[Any] = []
    named: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for name in signature.parameters:
        if name not in bound.arguments:
            break
        if kinds[name] not in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD):
            break
        positional.append(bound.arguments[name])
    for place, (name, value) in enumerate(bound.arguments.items()):
        if kinds[name] is inspect.Parameter.VAR_KEYWORD:
            rest |= value
        elif place >= len(positional):
            rest[name] = value
        else:
            named[name] = value
    if any(kinds[name] is inspect.Parameter.POSITIONAL_ONLY for name in named):
        return []
    return [lambda: hit.function()(*positional, **rest), lambda: hit.function()(**named, **rest)]


Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class _Noted:
    """A wrapper that keeps the arguments and the result of the first call."""

    def __init__(self) -> None:
        self.arguments: list[Arguments] = []
        self.results: list[Any] = []

    def __call__(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.arguments.append((args, dict(kwargs)))
        result = original(*args, **kwargs)
        self.results.append(result)
        return result


def _between(bench: Bench) -> tuple[_Noted, _Noted]:
    """What the user's call and the framework's own function see, with us between them."""
    hit, user, framework = bench.hit(), _Noted(), _Noted()
    below = swap_or_cover(hit.owner, hit.name, framework)
    bench.autolog(log_models=False)
    above: Swap | Cover = Cover(hit.owner, hit.name, user)
    try:
        hit.again()
        bench.expect_runs(1, "with a tool above and one below, after one fit", "They could not use both")
    finally:
        above.undo()
        steno.disable(bench.name)
        below.undo()
    bench.require(
        len(framework.results) >= 1,
        f"the framework's own {hit.target} was never called",
        "Their training would not take place",
    )
    return user, framework


def _bound(hit: Hit, arguments: Arguments) -> dict[str, Any]:
    """Arguments by name, defaults included: a function may get by position what was passed by name."""
    args, kwargs = arguments
    stored = find(hit.owner, hit.name)
    try:
        bound = inspect.signature(getattr(stored, "__func__", stored)).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return {**{str(number): value for number, value in enumerate(args)}, **kwargs}
    bound.apply_defaults()
    named: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            named |= {f"{name}[{number}]": each for number, each in enumerate(value)}
        elif kind is inspect.Parameter.VAR_KEYWORD:
            named |= value
        else:
            named[name] = value
    return named
