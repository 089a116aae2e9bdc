"""Which integrations are on, and why not the others. One object of this process owns that state."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from steno import config
from steno.autologging import options
from steno.autologging.scope import EVERYTHING, put
from steno.autologging.service import Process
from steno.autologging.wishes import Flags, Selection, Wish, split
from steno.registry import registry

__all__ = ["BLOCKED", "Request", "Switchboard", "blocked_by", "blocked_names", "is_blocked"]

BLOCKED = "STENO_DISABLE"
_CHILD = "this is a child process: nothing is recorded here unless you call steno.autolog(children=True)"


class Request:
    """One call of `autolog`, checked.

    Attributes:
        selection: `only` and `exclude`.
        wishes: what was said of single integrations.
        common: options for all integrations; None where nothing was said.
        flags: `exclusive`, `silent` and `extra_tags`.
        off: whether all of them are to be switched off.
        children: whether to record in this process even though another one started it.
    """

    def __init__(
        self,
        selection: Selection,
        wishes: Mapping[str, Wish],
        common: Mapping[str, Any],
        flags: Flags,
        *,
        off: bool,
        children: bool,
    ) -> None:
        self.selection = selection
        self.wishes = wishes
        self.common = common
        self.flags = flags
        self.off = off
        self.children = children

    def asked(self) -> set[str]:
        """The integrations that were asked for by name."""
        wished = {name for name, wish in self.wishes.items() if wish is not False}
        return wished | (self.selection.only or frozenset())


class Switchboard:
    """The state of autologging in this process.

    Attributes:
        process: what the integrations share.
        inert: why nothing is recorded in this process whatever is switched on; "" if that is not so.
    """

    def __init__(self) -> None:
        self.process = Process()
        self.inert = ""
        self._lock = threading.RLock()
        self._selection = Selection(None, None)
        self._disabled: set[str] = set()

    def autolog(self, request: Request) -> None:
        """Switch integrations on and off as asked; nothing has changed if this raises.

        Raises:
            IntegrationError: one that was asked for by name cannot be served.
            InvalidInputError: an option is unknown or has a wrong value.
        """
        given = request.flags
        tags = config.pairs("extra_tags") if given.extra_tags is None else given.extra_tags
        flags = Flags(config.flag("exclusive", given.exclusive), config.flag("silent", given.silent), tags)
        if not self.wake(children=request.children):
            return
        asked = request.asked()
        if not request.off:
            self._demand(asked)
        single = {name: self._checked(name, wish) for name, wish in request.wishes.items() if isinstance(wish, dict)}
        with self._lock:
            self._selection = request.selection
            self._disabled -= asked
            self._disabled |= {name for name, wish in request.wishes.items() if wish is False}
            self.process.common, self.process.flags = dict(request.common), flags
        for name, (own, values) in single.items():
            service = self.process.service(name)
            service.flags, service.explicit = own, values
        for service in list(self.process.services.values()):
            service.resolve_options()
        blocked = blocked_names()
        for name in registry().names():
            self._turn(name, "autolog(disable=True)" if request.off else self._reason_off(name, blocked))
        if not request.off:
            self._assist(blocked)

    def autolog_one(self, name: str, given: Mapping[str, Any]) -> None:
        """Switch one integration on with these options; the others stay as they are.

        Raises:
            IntegrationError: it cannot be served.
            InvalidInputError: an option is unknown or has a wrong value.
        """
        if not self.wake(children=False):
            return
        service = self.process.service(name)
        self._demand([name])
        service.flags, service.explicit = self._checked(name, given)
        service.resolve_options()
        self._switch_on_by_name([name])

    def _checked(self, name: str, given: Mapping[str, Any]) -> tuple[Flags, dict[str, Any]]:
        flags, own = split(given)
        return flags, options.checked(self.process.service(name).load(), own)

    @property
    def silent(self) -> bool:
        """Whether silence was asked for in general, and not of single integrations only."""
        return bool(self.process.flags.silent)

    def disable(self, names: Iterable[str] | None) -> None:
        """Switch these off, or all of them."""
        if names is None:
            for name in registry().names():
                self._turn(name, "steno.disable()")
            return
        for name in names:
            if registry().plugins()[name].always_on:
                registry().block(name)
                continue
            with self._lock:
                self._disabled.add(name)
            self._turn(name, f"steno.disable({name!r})")
        services = list(self.process.services.values())
        if not any(service.on and not service.assists for service in services):
            for service in services:  # nobody is left whom they could help: off is off
                if service.assists:
                    service.switch_off(service.why)

    def enable(self, names: Iterable[str] | None) -> None:
        """Switch these on, or all of them.

        Raises:
            IntegrationError: one that was named cannot be served; nothing has changed then.
        """
        if names is None:
            with self._lock:
                self._disabled.clear()
                self._selection = Selection(None, None)
            self._switch_on_by_name(registry().names())
            return
        plugins = registry().plugins()
        served = [name for name in names if not plugins[name].always_on]
        self._demand(served)
        for name in names:
            if plugins[name].always_on:
                registry().unblock(name)
        self._switch_on_by_name(served)

    def _switch_on_by_name(self, names: Iterable[str]) -> None:
        blocked = blocked_names()
        for name in names:
            with self._lock:
                self._disabled.discard(name)
            self._turn(name, BLOCKED if is_blocked(name, blocked) else "")
        self._assist(blocked)

    def _assist(self, blocked: Collection[str]) -> None:
        """Those that were not asked for help those that were; who was switched off by name does not."""
        for name in registry().names():
            if not (is_blocked(name, blocked) or name in self._disabled or name in self._selection.exclude):
                self.process.service(name).assist()
                self.process.service(name).hear(wanted=not self.inert)

    def _demand(self, names: Iterable[str]) -> None:
        blocked = blocked_names()
        for name in sorted(names):
            if not is_blocked(name, blocked):  # who set that variable has the last word
                self.process.service(name).demand()

    def _reason_off(self, name: str, blocked: Collection[str]) -> str:
        only, exclude = self._selection.only, self._selection.exclude
        if is_blocked(name, blocked):
            return BLOCKED
        if name in self._disabled:
            return f"steno.disable({name!r})"
        if only is not None and name not in only:
            return f"autolog(only={sorted(only)})"
        return f"autolog(exclude={sorted(exclude)})" if name in exclude else ""

    def _turn(self, name: str, reason_off: str) -> None:
        service = self.process.service(name)
        if reason_off:
            service.switch_off(f"switched off by {reason_off}")
            registry().block(name)
        else:
            registry().unblock(name)
            service.switch_on()
            service.hear(wanted=not self.inert)

    # -- processes

    def wake(self, *, children: bool) -> bool:
        """Whether this process may record; a child of another may if it is told to."""
        if not self.inert and _is_child():
            self.inert = _CHILD
        if children:
            self.inert = ""
        return not self.inert

    def after_fork(self) -> None:
        """In a child made by `os.fork`: silent, no locks of the parent's, no training in progress."""
        self._lock = threading.RLock()
        self.process.runs.renew()
        self.process.provenance.clear()
        put(None)
        services = list(self.process.services.values())
        if any(service.on for service in services):
            self.inert = _CHILD
        for service in services:
            service.after_fork()

    def reset(self) -> None:
        """Undo every patch and forget what came from where."""
        for service in list(self.process.services.values()):
            service.switch_off("reset")
        self.process.provenance.clear()
        put(None)


def _is_child() -> bool:
    """Whether multiprocessing made this process, or is about to: it imports the main module before it says so."""
    process = sys.modules.get("multiprocessing.process")
    if process is None:
        return False
    return process.parent_process() is not None or getattr(process.current_process(), "_inheriting", False)


def blocked_by() -> str:
    """What switches names off from outside, in words."""
    return BLOCKED if BLOCKED in os.environ else "disable in [tool.steno] of pyproject.toml"


def blocked_names() -> frozenset[str]:
    """Names that are switched off from outside the program."""
    return config.names("disable")


def is_blocked(name: str, blocked: Collection[str]) -> bool:
    """Whether one name is among them; "*" means every name."""
    return name in blocked or EVERYTHING in blocked
