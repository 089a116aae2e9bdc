"""Rows on the plugin itself: versions, targets and options that do not fit, and what it costs where it has no work."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from types import CodeType, FrameType
from typing import Any

import steno
from steno.autologging.trampoline import is_trampoline
from steno.autologging.versions import framework_version
from steno.errors import IntegrationError, InvalidInputError
from steno.plugin import ClassTarget, Seam
from steno.registry import registry
from steno.testing.conformance.bench import Bench
from steno.testing.conformance.failure import Skipped
from steno.testing.conformance.foreign import swap_or_cover
from steno.testing.conformance.row import row
from steno.testing.conformance.subject import Subject
from steno.testing.isolation import reset

__all__ = ["Contract"]

_NAMED, _NO_VERSION = re.compile(r"[\w.-]*"), ">=99999"
_SUFFIX = "_renamed_in_a_new_version"
# Of a call inside a training, which frameworks make by the thousand, and of one that is declined and counted.
_MOST_CALLS = {"inside another training": 5, "inside steno.off()": 10}
_OURS = ("steno", "steno_integrations", "wrapt")


class Contract(Subject):
    """The plugin keeps to the contract."""

    @row()
    def test_hazard_17_a_target_that_a_new_version_has_renamed(self, bench: Bench) -> None:
        """If the framework renames a target, status() says `partial` and names it, and fits go on as ever."""
        required = {
            seam.kind: (seam, number)
            for seam in type(bench.integration()).seams
            for number, target in enumerate(seam.targets)
            if not (target.base if isinstance(target, ClassTarget) else target).rstrip().endswith("?")
        }
        for chosen, number in required.values():
            reset()

            def renamed(seam: Seam, chosen: Seam = chosen, number: int = number) -> Seam:
                if seam.name != chosen.name:
                    return seam
                targets = list(seam.targets)
                targets[number] = _renamed(targets[number])
                return replace(seam, targets=tuple(targets), name=seam.name)

            with bench.changed(renamed):
                bench.autolog(log_models=False)
                trained, state = bench.train(), bench.status()
            bench.expect_the_same(trained, f"with a target of {chosen.name} renamed,")
            bench.require(
                state.state == "partial" and _SUFFIX in state.why,
                f"with a target of {chosen.name} renamed, status() says {state.state} ({state.why})",
                "They would not learn why something is not recorded any more",
                f"the targets of {chosen.name}; {bench.look(chosen.kind)}",
            )

    @row()
    def test_hazard_18_a_version_that_the_plugin_does_not_know(self, bench: Bench) -> None:
        """For a version outside `requires` nothing is patched, one message says so, and asking by name is an error."""
        cls = type(bench.integration())
        requires = cls.requires
        if not framework_version(bench.name, requires, bench.framework()):
            raise Skipped(f"{bench.name} states no version, by __version__ or as a distribution: any version is served")
        beyond = f"{_NAMED.match(requires)[0] or bench.name}{_NO_VERSION}"  # type: ignore[index]  # matches anything

        def fit() -> Any:
            bench.autolog()
            return bench.subject.fit()

        cls.requires = beyond
        try:
            trained = bench.train(fit)
            state = bench.status()
            try:
                steno.enable(bench.name)
                refused = False
            except IntegrationError:
                refused = True
        finally:
            cls.requires = requires
        user, look = (
            "They would get half a record, or an error from the depth of the framework",
            f"requires = {requires!r}",
        )
        bench.expect_the_same(trained, "with a version outside `requires`,")
        bench.require(
            state.state == "unsupported" and beyond in state.why,
            f"with a version outside `requires` status() says {state.state} ({state.why})",
            user,
            look,
        )
        bench.require(
            len(trained.ours) == 1, f"a version outside `requires` was said {len(trained.ours)} times", user, look
        )
        bench.require(refused, f"steno.enable({bench.name!r}) accepts a version outside `requires`", user, look)
        bench.expect_runs(0, "with a version outside `requires`, after one fit", user, look)
        bench.require(not state.patches, f"with a version outside `requires` it patches {state.patches}", user, look)

    @row("bare")
    def test_hazard_66_an_option_that_does_not_exist(self, bench: Bench) -> None:
        """An unknown option, and a wrong type, are refused by autolog() by name; nothing is enabled by half."""
        wrong: dict[str, Any] = {"no_such_option": 1}
        wrong |= {
            name: object() for name, each in bench.integration().options_declared.items() if each.default is not None
        }
        for option, value in wrong.items():
            text = ""
            try:
                bench.autolog(**{bench.name: {option: value}})
            except InvalidInputError as refusal:
                text = str(refusal)
            bench.require(
                option in text and bench.name in text,
                f"autolog({bench.name}={{{option!r}: {value!r}}}) says {text or 'nothing'}",
                "A typing mistake of theirs would pass unnoticed",
                f"the option {option!r} of {type(bench.integration()).__name__}",
            )
            state = bench.status().state
            bench.require(state == "off", f"after a refused autolog() the integration is {state}", "It is half on")

    @row("bare")
    def test_hazard_67_the_plugin_does_not_import_its_framework(self, bench: Bench) -> None:
        """Loading the plugin, as reading options or a model's folder does, does not import the framework."""
        plugin = registry().load(bench.name)
        value = plugin.value.partition(":")[0]
        bench.require(
            plugin.state == "loaded",
            f"the plugin {value} cannot be loaded: {plugin.why}\n{plugin.fault}",
            "They would have no recording at all",
            value,
        )
        bench.require(
            not bench.is_imported(),
            f"loading the plugin {value} imports {bench.name}",
            f"Whoever has both installed would wait for {bench.name} without using it",
            f"import {bench.name} inside the functions of {getattr(sys.modules[value], '__file__', value)}",
        )

    @row()
    def test_hazard_68_little_to_do_where_nothing_is_recorded(self, bench: Bench) -> None:
        """A call of a patched function where nothing is recorded costs a handful of Python calls."""
        hit = bench.hit()
        result, depth = bench.plain[0].model, [0]
        calls: dict[str, list[str]] = {}

        def once_more() -> Any:
            return function(*hit.args, **hit.kwargs)

        def standing(original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            del original, args, kwargs
            depth[0] += 1
            if depth[0] == 1:
                once_more()
                calls["inside another training"] = _calls(once_more)
            return result

        below = swap_or_cover(hit.owner, hit.name, standing)
        try:
            bench.autolog(log_models=False)
            function = hit.of(result)
            once_more()
            with steno.off():
                once_more()
                calls["inside steno.off()"] = _calls(once_more)
        finally:
            steno.disable(bench.name)
            below.undo()
        for where, made in calls.items():
            bench.require(
                len(made) <= _MOST_CALLS[where],
                f"a call of {hit.target} {where} makes {len(made)} calls of ours: {', '.join(made)}",
                "Their inner loops would get slower",
            )
        bench.require(len(calls) == 2, f"{hit.target} was not reached", "Their trainings would not be recorded")
        bench.expect_runs(1, "after one fit, with one inside and two in steno.off(),", "Off would not be off")


def _renamed(target: str | ClassTarget) -> str | ClassTarget:
    if isinstance(target, ClassTarget):
        return replace(target, base=target.base + _SUFFIX)
    if target.endswith(":*"):
        return f"{target.removesuffix(':*')}{_SUFFIX}:*"
    return ", ".join(part.strip() + _SUFFIX for part in target.split(","))


def _calls(act: Callable[[], Any]) -> list[str]:
    """The Python functions of ours that are called: our modules' and trampolines."""
    seen: list[str] = []

    def profile(frame: FrameType, event: str, arg: Any) -> None:
        del arg
        if event == "call" and _is_ours(frame.f_code, str(frame.f_globals.get("__name__", ""))):
            seen.append(f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}")

    sys.setprofile(profile)
    try:
        act()
    finally:
        sys.setprofile(None)
    return seen


def _is_ours(code: CodeType, module: str) -> bool:
    return is_trampoline(code) or (module.partition(".")[0] in _OURS and not module.startswith("steno.testing"))
