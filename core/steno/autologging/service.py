"""One integration at work in this process: its state, options, patches, counts and faults."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, Literal

from steno.autologging import options as options_of
from steno.autologging.guard import Guard
from steno.autologging.imports import Waiting, recheck, when_imported
from steno.autologging.provenance import Provenance
from steno.autologging.runs import Runs
from steno.autologging.tally import Tally
from steno.autologging.versions import framework_version, version_problem
from steno.autologging.wishes import Flags
from steno.errors import IntegrationError
from steno.registry import registry

if TYPE_CHECKING:
    from steno.autologging.installation import Installation
    from steno.autologging.patches import PatchJournal
    from steno.plugin import Integration

__all__ = ["Process", "Service", "State"]

_ASSISTS = "it trains nothing itself, and what others train in its threads belongs to them"

State = Literal["on", "off", "blocked", "waiting", "absent", "unsupported", "partial", "broken", "pinned"]


class Process:
    """What the integrations of this process share.

    Attributes:
        services: by name.
        provenance: which run made what.
        runs: which run a training is written into.
        common: options that hold for every integration, as given to `autolog`.
        flags: the same for flags.
    """

    def __init__(self) -> None:
        self.services: dict[str, Service] = {}
        self.provenance = Provenance()
        self.runs = Runs()
        self.common: dict[str, Any] = {}
        self.flags = Flags()

    def service(self, name: str) -> Service:
        """The service of one plugin, made when it is first asked for."""
        service = self.services.get(name)
        if service is None:
            service = self.services.setdefault(name, Service(name, self))
        return service


class Service:
    """One integration: switched on and off, waiting for its framework, patched.

    Attributes:
        on: whether it is switched on.
        why: why it is not served, or what was asked; "" if there is nothing to say.
        explicit: options given for it by name.
        flags: flags given for it by name; they win over those for all.
        options: every option as it holds now.
        version: the framework's version, once it has been imported.
        tally: how many trainings it saw, and what became of them.
        assists: whether it is on for the sake of others alone; see `assist`.
    """

    def __init__(self, name: str, process: Process) -> None:
        self.name = name
        self._process = process
        self.provenance = process.provenance
        self.runs_of_process = process.runs
        self.guard = Guard(name)
        self._lock = threading.RLock()
        self.on = False
        self.why = ""
        self.explicit: dict[str, Any] = {}
        self.flags = Flags()
        self.options: Mapping[str, Any] = MappingProxyType({})
        self.integration: Integration | None = None
        self.packages: frozenset[str] = frozenset({name})
        self.version = ""
        self.tally = Tally()
        self.installation: Installation | None = None
        self._journal: PatchJournal | None = None
        self._waiting: Waiting | None = None
        self.assists = False
        self._problem: Literal["", "unsupported", "broken"] = ""
        self.resolve_options()

    # -- switching

    def switch_on(self) -> None:
        """Patch the framework if it has been imported, else as soon as it is. A second call repairs what is lost."""
        if self.on and (self.installation is not None or not self.assists):
            if self.assists:
                self.assists, self.why = False, ""
            if self.installation is not None:
                self.installation.repair()
            return
        self.assists, self.why = False, ""
        self._switch_on()

    def assist(self) -> None:
        """Patch a framework that trains nothing itself, such as one of worker threads, for those that are switched on.

        Whoever wants one framework alone to be recorded wants each of its trainings to be one run all the same. Whether
        this one trains is known when it has been imported; until then, and if it does, it is as off as it was.
        """
        if not self.on:
            self.assists = True
            self._switch_on()

    def _switch_on(self) -> None:
        self.on, self._problem = True, ""
        self.guard.try_again()
        waiting = when_imported(self.name, self._arrived, guard=self.guard)  # no lock held: it may wait for an import
        with self._lock:
            self._waiting, outdated = (waiting, self._waiting) if self.on else (None, waiting)
        if outdated is not None:
            outdated.cancel()

    def switch_off(self, why: str) -> None:
        """Take the patches away; trainings in progress are recorded to their end."""
        with self._lock:
            self.on, self.why, self._problem = False, why, ""
            self.assists = False
            waiting, self._waiting = self._waiting, None
            self._uninstall()
        if waiting is not None:
            waiting.cancel()

    def _uninstall(self) -> None:
        installation, self.installation = self.installation, None
        if installation is not None:
            installation.close()
        else:
            self._try_pinned_again()

    def _try_pinned_again(self) -> None:
        """Another tool that lay on top of our patches may have gone."""
        if self._journal is not None and self._journal.patches:
            self._journal.undo()

    def after_fork(self) -> None:
        """In a forked child: every patch becomes a pass-through, and no lock of the parent's is waited for."""
        self._lock = threading.RLock()
        self.tally.renew_lock()
        if self.installation is not None:
            self.installation.renew_lock()
        if self._journal is not None:
            self._journal.renew_lock()  # here and not in a hook of its own, which would run after this
        self.hear(wanted=False)

    def hear(self, *, wanted: bool) -> None:
        """Let the patches that are in place work, or pass everything through."""
        if self._journal is not None:
            self._journal.enabled = wanted and self.installation is not None

    def adopt(self, integration: Integration) -> None:
        """Take the integration that the plugin registered, with its options as they hold now."""
        self.integration = integration
        plugin = sys.modules.get(type(integration).__module__)
        home = "" if plugin is None else plugin.__name__.partition(".")[0]
        self.packages = frozenset({self.name, home, *integration.owns} - {"", "__main__"})
        self.resolve_options()

    def resolve_options(self) -> None:
        """Read options and flags again; what is wrong with one from the environment is said, and its default holds."""
        self.guard.silent = self.silent
        if self.integration is None:
            return
        self.options, problems = options_of.resolved(self.integration, self.explicit, self._process.common)
        for problem in problems:
            self.guard.record("reading options", problem)

    def load(self) -> Integration:
        """The integration, whether or not its framework has been imported.

        Raises:
            IntegrationError: unknown or broken.
        """
        integration = self.integration
        if integration is None:
            integration = registry().integration(self.name)
            self.adopt(integration)
        return integration

    # -- the framework arrives

    def _arrived(self, module: ModuleType) -> None:
        known = self.installation
        if known is not None:
            known.arrived(module)  # reloaded
        if not self._wants_installation():
            return
        try:
            integration = self.load()
        except IntegrationError:
            self._refuse("broken", registry().plugins()[self.name].why)
            return
        if self.assists and any(seam.kind == "train" for seam in integration.seams):
            self.switch_off(self.why)
            return
        problem = self._version_problem(integration, module)
        if problem:
            self._refuse("unsupported", problem)
            return
        # patches need wrapt, which costs as much as everything else here: a process without a framework never pays
        from steno.autologging.installation import Installation  # noqa: PLC0415  see above
        from steno.autologging.patches import PatchJournal  # noqa: PLC0415  see above

        with self._lock:
            if not self._wants_installation():
                return
            if self._journal is None:
                self._journal = PatchJournal()
            self._journal.enabled = True
            installation = self.installation = Installation(self, self._journal)
        installation.start(module)

    def _wants_installation(self) -> bool:
        return self.on and self.installation is None

    def _version_problem(self, integration: Integration, module: ModuleType | None) -> str:
        self.version = framework_version(self.name, integration.requires, module)
        try:
            return version_problem(integration.requires, self.version)
        except ValueError as fault:
            return f"its `requires` is no requirement: {fault}"

    def _refuse(self, problem: Literal["unsupported", "broken"], why: str) -> None:
        if self.assists:
            self.switch_off(self.why)
            return
        self._problem, self.why = problem, why
        self.guard.say(f"{self.name} is imported and not recorded: {why}; see steno.status()")
        for other in list(self._process.services.values()):  # its classes may now be somebody else's to record
            if other is not self and other.installation is not None:
                other.installation.walk_again(everything=True)

    def break_down(self, why: str) -> None:
        """Patching went wrong: nothing of this framework stays patched."""
        with self._lock:
            self._problem, self.why = "broken", why
            self._uninstall()

    def demand(self) -> None:
        """See to it that this integration can be served, as somebody asked for it by name.

        Raises:
            IntegrationError: broken, its framework is not installed, or its version cannot be served.
        """
        integration = self.load()
        module = sys.modules.get(self.name)
        if module is None and not _installed(self.name):
            raise IntegrationError(
                f"integration {self.name!r} was asked for by name and {self.name} is not installed: install it, "
                f"or leave {self.name!r} out"
            )
        problem = self._version_problem(integration, module)
        if problem:
            raise IntegrationError(
                f"integration {self.name!r} was asked for by name and cannot be served: {problem}; install such a "
                f"version, or leave {self.name!r} out"
            )
        if self.on and self._is_broken():  # it could not be patched, and somebody has reason to think that it can be
            self.switch_off(self.why)
            self.switch_on()
            if self._is_broken():
                raise IntegrationError(
                    f"integration {self.name!r} was asked for by name and cannot be patched: {self.why}; its traceback "
                    f"is in steno.status()[{self.name!r}]; repair its plugin, or leave {self.name!r} out"
                )

    def _is_broken(self) -> bool:
        return self._problem == "broken"

    # -- what its handlers ask and tell

    def owns(self, cls: type) -> bool:
        """Whether this integration answers for a class: no other that can be served does."""
        owner = registry().owner_of(cls)
        if owner is None or owner == self.name:
            return True
        other = self._process.services.get(owner)
        return other is not None and other._problem != ""

    @property
    def exclusive(self) -> bool:
        """Whether nothing is recorded while a run of the user's is active."""
        own = self.flags.exclusive
        return bool(self._process.flags.exclusive if own is None else own)

    @property
    def silent(self) -> bool:
        """Whether nothing is said about this integration."""
        own = self.flags.silent
        return bool(self._process.flags.silent if own is None else own)

    @property
    def extra_tags(self) -> Mapping[str, str]:
        """Tags for every run that a training opens."""
        own = self.flags.extra_tags
        return (self._process.flags.extra_tags if own is None else own) or {}

    def answers_for(self, instance: object) -> bool:
        """Whether a call on this object is this integration's to record; notes one that is another's."""
        cls = type(instance)
        if self.owns(cls):
            return True
        owner = registry().owner_of(cls)
        self.tally.began()
        self.tally.skipped(f"{cls.__module__}.{cls.__qualname__} is for the integration {owner!r} to record")
        return False

    def sweep(self) -> None:
        """After a training: take in classes defined without notice or set anew by a pickle, let go of what can be."""
        recheck()
        for service in list(self._process.services.values()):
            if service.installation is not None and service._journal is not None:
                service.installation.walk_again()
                service._journal.reapply()
            elif not service.on:
                service._try_pinned_again()

    # -- what it looks like from outside

    @property
    def patches(self) -> tuple[Any, ...]:
        """The patches that are in place."""
        return () if self._journal is None else self._journal.patches

    def state(self) -> tuple[State, str]:
        """The state, and why."""
        if not self.on:
            if any(patch.state == "pinned" for patch in self.patches):
                return "pinned", f"{self.why}; another tool patched on top, so some patches stay as pass-through"
            return "off", self.why
        if self._problem:
            return self._problem, self.why
        if self.assists:
            return ("off", self.why) if self.installation is None else ("on", _ASSISTS)
        if self.installation is None:
            if _installed(self.name):
                return "waiting", f"{self.name} has not been imported"
            return "absent", f"{self.name} is not installed"
        self.installation.check_modules()
        if self.installation.missing:
            return "partial", "; ".join(f"{text}: {reason}" for text, reason in self.installation.missing.items())
        return "on", self.why


def _installed(name: str) -> bool:
    """Whether a top-level package could be imported."""
    if name in sys.modules:
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, AttributeError, ValueError):
        return False
