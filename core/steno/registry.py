"""Which plugins are installed, and what each one brings. Discovery only: nothing here patches anything.

Plugins are found by the *names* of their entry points: group `steno` (the name is the framework's import name) and
group `steno.plugins` (always on, no framework). Reading names costs a few milliseconds and imports nothing; a plugin's
module is loaded, alone, when its framework has been imported. What goes wrong in a plugin is kept as data
(`Plugin.why`, `Plugin.fault`) and stops no other plugin.
"""

from __future__ import annotations

import importlib
import inspect
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, ModuleType, TracebackType
from typing import Any, Literal

import pluggy

from steno import config, hookspecs
from steno.entry_points import ALWAYS_ON, FRAMEWORKS, scan, stamp
from steno.errors import IntegrationError, InvalidInputError, shown
from steno.plugin import Integration

__all__ = ["ALWAYS_ON", "API", "FRAMEWORKS", "Plugin", "Registry", "registry", "reset"]

API = 1
_KINDS = (bool, int, float, str, tuple, type(None))
# A plugin may open runs in these, and is not told of what it does itself. In the others one URI may lead to another.
_TOLD = {
    "steno_run_started": "runs",
    "steno_run_ended": "runs",
    "steno_run_tags": "tags",
    "steno_status": "status",
}


@dataclass(slots=True)
class Plugin:
    """One entry point and what became of it.

    Attributes:
        name: the entry point's name; for group `steno` the framework's import name.
        value: the module that it names, such as "steno_integrations.sklearn".
        group: "steno" or "steno.plugins".
        distribution: name of the distribution that brings it, "" if its metadata does not say.
        version: that distribution's version.
        state: "found" (not loaded yet), "loaded" or "broken".
        why: what is wrong with it, in a sentence; "" if nothing is.
        fault: the traceback behind `why`, or of the last hook of it that failed.
        last_fault: which hook that was, and what happened, in a line.
        fault_time: when, in seconds since the epoch.
        module: the loaded module.
        integration: what it registered.
    """

    name: str
    value: str
    group: str = FRAMEWORKS
    distribution: str = ""
    version: str = ""
    state: Literal["found", "loaded", "broken"] = "found"
    why: str = ""
    fault: str = ""
    last_fault: str = ""
    fault_time: float = 0.0
    module: ModuleType | None = None
    integration: Integration | None = None
    offers: list[object] = field(default_factory=list, repr=False)

    @property
    def always_on(self) -> bool:
        """Whether it works without a framework."""
        return self.group == ALWAYS_ON

    def break_down(self, why: str, fault: str = "") -> None:
        """Take the plugin out of service and say why."""
        self.state, self.why, self.fault, self.integration = "broken", why, fault, None


class _Isolated:
    """Whatever goes wrong inside is kept on the plugin and goes no further."""

    def __init__(self, plugin: Plugin, doing: str, *, fatal: bool) -> None:
        self.plugin = plugin
        self.doing = doing
        self.fatal = fatal

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> bool:
        # a module that ends the program when it is imported is as broken as any other that cannot be imported
        if kind is None or fault is None or not issubclass(kind, (Exception, SystemExit) if self.fatal else Exception):
            return False
        why = f"{self.doing} raised {kind.__name__}: {str(fault)[:300]}"
        text = "".join(traceback.format_exception(kind, fault, trace))
        if self.fatal:
            self.plugin.break_down(why, text)
        else:
            self.plugin.last_fault, self.plugin.fault, self.plugin.fault_time = why, text, time.time()
        return True


class Registry:
    """The plugins of this process.

    Every method may be called from any thread. Plugin modules are imported without a lock held, so that an import
    in one thread that needs another's cannot wait for us.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._plugins: dict[str, Plugin] = {}
        self._scanned: object = None
        self._manager: pluggy.PluginManager | None = None
        self._registering: Plugin | None = None
        self._owners: dict[str, str] = {}
        self._loaded_of: object = None
        self._blocked: set[str] = set()
        self._thread = threading.local()

    def renew_lock(self) -> None:
        """In a forked child: the thread that held the lock does not exist there."""
        self._lock = threading.RLock()
        self._registering = None

    # -- what is installed

    def plugins(self) -> Mapping[str, Plugin]:
        """Every installed plugin by name; names are read again when `sys.path` or one of its folders changed."""
        seen = stamp()
        with self._lock:
            if seen != self._scanned:
                self._adopt([Plugin(*found) for found in scan()])
                self._scanned = seen
            return MappingProxyType(dict(self._plugins))

    def _adopt(self, found: list[Plugin]) -> None:
        kept: dict[str, Plugin] = {}
        for plugin in found:
            before = self._plugins.get(plugin.name)
            if plugin.name in kept:
                first = kept[plugin.name]
                if first.distribution != plugin.distribution:
                    first.why = first.why or (
                        f"also offered by {plugin.distribution} {plugin.version} ({plugin.value}), which is ignored"
                    )
            elif before is not None and before.value == plugin.value and before.group == plugin.group:
                kept[plugin.name] = before
            else:
                kept[plugin.name] = plugin
        for name, plugin in self._plugins.items():  # uninstalled under us, and at work: it stays until the end
            if name not in kept and plugin.state == "loaded":
                kept[name] = plugin
        self._plugins = kept
        self._note_owners()

    def _note_owners(self) -> None:
        owners: dict[str, str] = {}
        serving = [plugin for plugin in self._plugins.values() if not plugin.always_on and plugin.state != "broken"]
        for plugin in serving:
            owners[plugin.name] = plugin.name
        for plugin in serving:
            for package in plugin.integration.owns if plugin.integration is not None else ():
                owners.setdefault(package, plugin.name)
        self._owners = owners

    def names(self) -> list[str]:
        """The names of all plugins that serve a framework, sorted."""
        return sorted(name for name, plugin in self.plugins().items() if not plugin.always_on)

    def owner_of(self, cls: type) -> str | None:
        """The plugin that answers for a class, by the top package of the class or of its nearest base; None if none.

        A broken plugin answers for nothing.
        """
        owners = self._owners
        for base in cls.__mro__:
            home = base.__module__  # text, unless a program made the class by hand
            owner = owners.get(home.partition(".")[0]) if isinstance(home, str) else None
            if owner is not None:
                return owner
        return None

    # -- loading

    def load(self, name: str) -> Plugin:
        """Import one plugin's module and register it; a second call does nothing. What fails is kept on the plugin.

        Raises:
            IntegrationError: no installed plugin has this name.
        """
        plugin = self._plugins.get(name) or self.plugins().get(name)
        if plugin is None:
            raise IntegrationError(self._unknown(name))
        if plugin.state != "found":
            return plugin
        loaded: Any = None
        with _Isolated(plugin, f"importing {plugin.value}", fatal=True):
            loaded = _resolve(plugin.value)
        with self._lock:
            if plugin.state == "found":
                self._register(plugin, loaded)
                self._note_owners()
        return plugin

    def _register(self, plugin: Plugin, loaded: Any) -> None:
        manager = self._ready()
        if manager.is_blocked(plugin.name):  # it is asked for all the same, such as to load a model
            manager.unblock(plugin.name)
        plugin.module = loaded
        self._registering, outer = plugin, self._registering
        try:
            with _Isolated(plugin, f"registering {plugin.value}", fatal=True):
                manager.register(loaded, plugin.name)
                manager.check_pending()
                _refuse_wrappers(manager, plugin)
                plugin.state = "loaded"
        finally:
            self._registering = outer
        if plugin.state == "loaded" and not plugin.always_on:
            with _Isolated(plugin, f"reading the integration of {plugin.value}", fatal=True):
                wrong = _wrong_with(plugin)
                if wrong:
                    plugin.break_down(wrong)
                else:
                    plugin.integration = plugin.offers[0]  # type: ignore[assignment]  # just checked
        if plugin.state == "broken":
            self._forget(manager, plugin)
        elif plugin.name in self._blocked:
            manager.set_blocked(plugin.name)

    @staticmethod
    def _forget(manager: pluggy.PluginManager, plugin: Plugin) -> None:
        if manager.get_plugin(plugin.name) is not None:
            manager.unregister(name=plugin.name)

    def _offer(self, integration: object) -> None:
        """What a plugin calls `register` with; only the first round of calls counts."""
        if self._registering is not None:
            self._registering.offers.append(integration)

    def _ready(self) -> pluggy.PluginManager:
        if self._manager is None:
            manager = pluggy.PluginManager("steno")
            manager.add_hookspecs(hookspecs)
            manager.hook.steno_integrations.call_historic(kwargs={"register": self._offer})
            self._manager = manager
        return self._manager

    def load_always_on(self) -> None:
        """Load the plugins of group `steno.plugins` that are not loaded yet. Every question about hooks does it."""
        plugins = self.plugins()
        blocked = self._blocked | _blocked_outside()
        wanted = (self._scanned, blocked)
        if wanted == self._loaded_of or getattr(self._thread, "loading", False):
            return
        self._thread.loading = True  # a plugin may ask about hooks itself while it is imported
        try:
            for name, plugin in plugins.items():
                if plugin.always_on and name not in blocked:
                    self.load(name)  # where another thread is at it, this waits for that one's import
        finally:
            self._thread.loading = False
        self._loaded_of = wanted

    def integration(self, name: str) -> Integration:
        """The integration of one plugin, loaded if need be.

        Raises:
            IntegrationError: unknown, broken, or a plugin without an integration.
        """
        plugin = self.load(name)
        if plugin.integration is not None:
            return plugin.integration
        if plugin.state == "broken":
            raise IntegrationError(
                f"integration {name!r} of {plugin.distribution or plugin.value} is broken: {plugin.why}; "
                f"repair or uninstall it, or switch it off with steno.disable({name!r})\n{plugin.fault}"
            )
        raise IntegrationError(f"plugin {name!r} serves no framework; {self._known()}")

    def _unknown(self, name: object) -> str:
        return f"no integration is called {shown(name)}; {self._known()}"

    def _known(self) -> str:
        return f"installed are {', '.join(self.names()) or 'none'}: take one of these, or install a plugin for it"

    # -- hooks

    def wanted(self, hook: str) -> bool:
        """Whether any plugin implements this hook, so that its arguments are worth making."""
        self.load_always_on()
        return bool(self._implementations(hook))

    def hooks(self, hook: str, read: Callable[[Any], Any] | None = None, /, **arguments: Any) -> list[Any]:
        """Call every implementation of a hook, each alone, and return what they gave, in the order of the calls.

        That is the order in which plugins were registered; `tryfirst=True` and `trylast=True` come before and after.
        None is left out. An implementation that raises is noted on its plugin (`last_fault`, `fault`) and left out too.

        Args:
            hook: its name.
            read: makes of each result what is returned; if it raises, that is the plugin's fault.
            **arguments: those of the spec.
        """
        return list(self._results(hook, read, arguments))

    def first(self, hook: str, read: Callable[[Any], Any], /, **arguments: Any) -> Any:
        """What the first implementation gave that gave something, as `read` makes it; None if none did."""
        return next(self._results(hook, read, arguments), None)

    def implementers(self, hook: str) -> list[str]:
        """The names of the plugins that implement a hook, in the order in which they are called."""
        self.load_always_on()
        return [implementation.plugin_name for implementation in self._implementations(hook)]

    def _results(self, hook: str, read: Callable[[Any], Any] | None, arguments: Mapping[str, Any]) -> Iterator[Any]:
        self.load_always_on()
        for implementation in self._implementations(hook):
            plugin = self._plugins.get(implementation.plugin_name) or Plugin(implementation.plugin_name, "")
            doing = (plugin.name, _TOLD.get(hook))
            busy: frozenset[tuple[str, str | None]] = getattr(self._thread, "busy", frozenset())
            if doing in busy:
                continue
            result = None
            self._thread.busy = busy | {doing} if hook in _TOLD else busy
            try:
                with _Isolated(plugin, f"hook {hook}", fatal=False):
                    given = implementation.function(*[arguments[name] for name in implementation.argnames])
                    result = given if given is None or read is None else read(given)
            finally:
                self._thread.busy = busy
            if result is not None:
                yield result

    def _implementations(self, hook: str) -> list[Any]:
        if self._manager is None:
            return []
        found = getattr(self._manager.hook, hook).get_hookimpls()  # pluggy calls them from the last to the first
        blocked = _blocked_outside()
        heard = [each for each in found if not (each.plugin_name in blocked and self._is_always_on(each.plugin_name))]
        return sorted(heard, key=lambda each: each.trylast - each.tryfirst)

    def _is_always_on(self, name: str) -> bool:
        plugin = self._plugins.get(name)
        return plugin is not None and plugin.always_on

    def block(self, name: str) -> None:
        """Take a plugin out: its hooks are not called until `unblock`. An unknown name waits for its plugin."""
        with self._lock:
            self._blocked.add(name)
            if self._manager is not None:
                self._manager.set_blocked(name)

    def unblock(self, name: str) -> None:
        """The inverse of `block`."""
        with self._lock:
            self._blocked.discard(name)
            plugin = self._plugins.get(name)
            if self._manager is not None and self._manager.is_blocked(name):
                self._manager.unblock(name)
                if plugin is not None and plugin.state == "loaded":
                    with _Isolated(plugin, f"registering {plugin.value}", fatal=True):
                        self._manager.register(plugin.module, name)

    def blocked(self, name: str) -> bool:
        """Whether `block` took this plugin out."""
        return name in self._blocked


def _blocked_outside() -> frozenset[str]:
    try:
        return config.names("disable")
    except InvalidInputError:  # autolog() says so; a run that ends is no place for it
        return frozenset()


def _refuse_wrappers(manager: pluggy.PluginManager, plugin: Plugin) -> None:
    """Each implementation is called alone, so there is nothing that one could wrap, and nobody awaits it."""
    for caller in manager.get_hookcallers(plugin.module) or ():
        for each in caller.get_hookimpls():
            if each.plugin is not plugin.module:
                continue
            if each.wrapper or each.hookwrapper:
                raise IntegrationError(
                    f"its {caller.name} is a wrapper, accepted are plain functions: write @hookimpl without `wrapper`"
                )
            kind = next((kind for kind, is_one in _SUSPENDED.items() if is_one(each.function)), "")
            if kind:
                raise IntegrationError(
                    f"its {caller.name} is {kind}, which would never run; accepted are plain functions: write "
                    f"`def {caller.name}(...)` with `return`"
                )


_SUSPENDED: dict[str, Callable[[Any], bool]] = {
    "a coroutine function": inspect.iscoroutinefunction,
    "an async generator function": inspect.isasyncgenfunction,
    "a generator function": inspect.isgeneratorfunction,
}


def _resolve(value: str) -> Any:
    module, _, attributes = value.partition(":")
    loaded: Any = importlib.import_module(module.strip())
    for attribute in filter(None, attributes.strip().split(".")):
        loaded = getattr(loaded, attribute)
    return loaded


# -- is what a plugin registered an integration that can be served?


def _wrong_with(plugin: Plugin) -> str:
    if len(plugin.offers) != 1:
        return (
            f"module {plugin.value} registered {len(plugin.offers)} integrations, one is expected: give it a function "
            "`steno_integrations(register)` marked @hookimpl that calls `register(MyIntegration())`"
        )
    integration = plugin.offers[0]
    if not isinstance(integration, Integration):
        hint = " (an instance, so `register(X())` with the parentheses)" if isinstance(integration, type) else ""
        return (
            f"module {plugin.value} registered {shown(integration)}, accepted is an instance of "
            f"steno.plugin.Integration{hint}"
        )
    if integration.api != API:
        return (
            f"it is written for version {shown(integration.api)} of the plugin contract and this steno speaks version "
            f"{API}: install a {'newer steno' if _newer(integration.api) else 'newer version of the plugin'}"
        )
    if integration.name != plugin.name:
        return (
            f"its integration is named {shown(integration.name)} and its entry point {plugin.name!r}; both must be the "
            f"framework's import name: write name = {plugin.name!r}"
        )
    return _wrong_declarations(integration)


def _newer(api: object) -> bool:
    return isinstance(api, int) and api > API


def _wrong_declarations(integration: Integration) -> str:
    owns: object = integration.owns
    requires: object = integration.requires
    if not isinstance(owns, tuple) or not all(isinstance(package, str) for package in owns):
        return f"its `owns` is {shown(owns)}, accepted is a tuple of packages: write owns = ({integration.name!r},)"
    if not isinstance(requires, str):
        return f"its `requires` is {shown(requires)}, accepted is text such as '{integration.name}>=1.2'"
    for option in integration.options_declared.values():
        if not isinstance(option.default, _KINDS):
            return (
                f"its option {option.name!r} has the default {shown(option.default)}, accepted are bool, int, float, "
                f"str, tuple and None: write {option.name} = option(True, 'what it does')"
            )
    return ""


class _Home:
    """Owner of the one registry of this process."""

    registry = Registry()


def _after_fork() -> None:
    _Home.registry.renew_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def registry() -> Registry:
    """The registry of this process."""
    return _Home.registry


def reset() -> None:
    """Forget every plugin; the next question reads the entry points again. For tests."""
    _Home.registry = Registry()
