"""What `steno.status()` gives: a row for each plugin, read off the switchboard and the registry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from steno.autologging.recording import plain
from steno.autologging.report import PatchRow, Status, StatusRow
from steno.autologging.service import Service
from steno.autologging.switchboard import BLOCKED, Switchboard, blocked_by, blocked_names, is_blocked
from steno.errors import InvalidInputError, shown
from steno.registry import Plugin, registry

__all__ = ["PatchRow", "Status", "StatusRow", "status_of"]

_WANTED = ("on", "partial", "waiting")


def status_of(switchboard: Switchboard) -> Status:
    """A row for every plugin, as things stand now."""
    said: dict[str, Any] = {}
    for part in registry().hooks("steno_status", _mapping):  # loads the plugins that have no framework
        said.update(part)
    blocked = blocked_names()
    plugins = registry().plugins()
    rows = [_row(switchboard, plugin, blocked) for _, plugin in sorted(plugins.items())]
    return Status(rows, _note(switchboard, blocked - set(plugins) - {"*"}), said)


def _mapping(said: object) -> Mapping[str, Any]:
    if not isinstance(said, Mapping):
        raise InvalidInputError(f"steno_status gave {shown(said)}, accepted is a mapping: return {{'what': 'how'}}")
    found: dict[str, Any] = plain(said)
    return found


def _note(switchboard: Switchboard, nobody: Collection[str]) -> str:
    notes = [switchboard.inert] if switchboard.inert else []
    if nobody:
        notes.append(
            f"{blocked_by()} names {', '.join(map(repr, sorted(nobody)))}, which no installed plugin is called"
        )
    return "; ".join(notes)


def _row(switchboard: Switchboard, plugin: Plugin, blocked: Collection[str]) -> StatusRow:
    distribution = f"{plugin.distribution} {plugin.version}".strip()
    if plugin.state == "broken":
        fault, trace = plugin.why, plugin.fault
        return StatusRow(
            plugin.name, "broken", plugin.why, distribution=distribution, last_fault=fault, last_traceback=trace
        )
    if plugin.always_on:
        return _always_on(plugin, distribution, blocked)
    service = switchboard.process.service(plugin.name)
    state, why = service.state()
    if state == "off" and (is_blocked(plugin.name, blocked) or service.why.endswith(BLOCKED)):
        state, why = "blocked", f"switched off from outside by {blocked_by()}"
    elif switchboard.inert and (state in _WANTED or not why):
        state, why = "off", switchboard.inert
    tally, integration = service.tally, service.integration
    declared = {} if integration is None else integration.options_declared
    patches = tuple(PatchRow(patch.target, patch.installer, patch.state) for patch in service.patches)
    fault, trace = _last_fault(service, plugin)
    return StatusRow(
        plugin.name,
        state,
        why or ("steno.autolog() has not been called" if state == "off" else plugin.why or _replaced(patches)),
        service.version,
        distribution,
        patches,
        tally.calls,
        tally.runs,
        tally.skips,
        tally.last_skip,
        tally.inner,
        tally.last_inner,
        fault,
        trace,
        dict(service.options),
        {name: option.help for name, option in declared.items()},
    )


def _always_on(plugin: Plugin, distribution: str, blocked: Collection[str]) -> StatusRow:
    if plugin.name in blocked:
        state, why = "blocked", f"switched off from outside by {blocked_by()}"
    elif registry().blocked(plugin.name):
        state, why = "off", f"switched off by steno.disable({plugin.name!r})"
    else:
        state, why = ("on" if plugin.state == "loaded" else "waiting"), plugin.why
    return StatusRow(
        plugin.name,
        state,
        why,
        distribution=distribution,
        last_fault=plugin.last_fault,
        last_traceback=plugin.fault,
    )


def _last_fault(service: Service, plugin: Plugin) -> tuple[str, str]:
    """What went wrong last, in a step of recording or in a hook of the plugin, and its traceback."""
    found = [(fault.time, f"{fault.step}: {fault}", fault.traceback) for fault in service.guard.faults]
    if plugin.last_fault:
        found.append((plugin.fault_time, plugin.last_fault, plugin.fault))
    return max(found, default=(0.0, "", ""))[1:]


def _replaced(patches: Sequence[PatchRow]) -> str:
    """What is to be said of functions that another tool has patched over ours."""
    lost = Counter(patch.state for patch in patches)["foreign"]
    return f"another tool patched {lost} of {len(patches)} functions after us" if lost else ""
