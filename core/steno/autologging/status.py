"""What `steno.status()` returns: one row for each integration."""

from __future__ import annotations

import html
import json
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from steno.autologging.switchboard import BLOCKED, Switchboard, blocked_names, is_blocked
from steno.registry import Plugin, registry

__all__ = ["PatchRow", "Status", "StatusRow", "status_of"]

_COLUMNS = ("integration", "state", "version", "patches", "calls", "runs", "why")
_NUMBERS = ("patches", "calls", "runs")
_WIDEST_WHY = 60


@dataclass(frozen=True, slots=True)
class PatchRow:
    """One patched function: where, how, and whether it is in force."""

    target: str
    installer: str
    state: str


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One integration.

    Attributes:
        name: the framework's import name.
        state: on, off, blocked, waiting, absent, unsupported, partial, broken or pinned.
        why: the reason, in a sentence.
        version: the framework's version; "" before it is imported.
        distribution: name and version of the distribution that brings the plugin.
        patches: the patched functions.
        calls: outermost training calls seen.
        runs: how many of them were recorded.
        skips: how many were not.
        last_skip: why the last one was not.
        last_fault: what went wrong last in recording; "" if nothing did.
        options: every option as it holds now.
    """

    name: str
    state: str
    why: str = ""
    version: str = ""
    distribution: str = ""
    patches: Sequence[PatchRow] = ()
    calls: int = 0
    runs: int = 0
    skips: int = 0
    last_skip: str = ""
    last_fault: str = ""
    options: Mapping[str, Any] | None = None

    def cells(self) -> dict[str, str]:
        """The row as the table shows it."""
        notes = [self.why]
        if self.last_skip:
            notes.append(f"skipped {self.skips}: {self.last_skip}")
        if self.last_fault:
            notes.append(f"fault: {self.last_fault}")
        return {
            "integration": self.name,
            "state": self.state,
            "version": self.version,
            "patches": str(len(self.patches)),
            "calls": str(self.calls),
            "runs": str(self.runs),
            "why": "; ".join(note for note in notes if note),
        }


@dataclass(frozen=True, slots=True)
class Status(Mapping[str, StatusRow]):
    """What steno watches, and why not the rest. A mapping from name to row; prints as a table.

    Attributes:
        rows: one for each integration, by name.
        note: what holds for all of them, such as that this is a child process; "" if nothing does.
        plugins: what plugins had to say about themselves.
    """

    rows: Sequence[StatusRow]
    note: str = ""
    plugins: Mapping[str, Any] | None = None

    def __getitem__(self, name: str) -> StatusRow:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter([row.name for row in self.rows])

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        table = [dict(zip(_COLUMNS, _COLUMNS, strict=True)), *(row.cells() for row in self.rows)]
        widths = {column: max(len(cells[column]) for cells in table) for column in _COLUMNS[:-1]}
        lines = [self.note] if self.note else []
        for cells in table:
            shown = [
                cells[column].rjust(widths[column]) if column in _NUMBERS else cells[column].ljust(widths[column])
                for column in _COLUMNS[:-1]
            ]
            first, *rest = textwrap.wrap(cells["why"], _WIDEST_WHY) or [""]
            lines.append("  ".join([*shown, first]).rstrip())
            lines += [" " * len("  ".join([*shown, ""])) + part for part in rest]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th style='text-align:left'>{column}</th>" for column in _COLUMNS)
        body = ""
        for row in self.rows:
            cells = row.cells()
            shown = (f"<td style='text-align:left'>{html.escape(cells[column])}</td>" for column in _COLUMNS)
            body += f"<tr>{''.join(shown)}</tr>"
        note = f"<p>{html.escape(self.note)}</p>" if self.note else ""
        return f"{note}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain JSON values."""
        data: dict[str, Any] = {
            "note": self.note,
            "integrations": [asdict(row) for row in self.rows],
            "plugins": dict(self.plugins or {}),
        }
        plain: dict[str, Any] = json.loads(json.dumps(data, default=str))
        return plain


def status_of(switchboard: Switchboard) -> Status:
    """A row for every plugin, as things stand now."""
    said: dict[str, Any] = {}
    for part in registry().hooks("steno_status"):  # loads the plugins that have no framework
        said.update(part)
    blocked = blocked_names()
    rows = [_row(switchboard, plugin, blocked) for _, plugin in sorted(registry().plugins().items())]
    return Status(rows, switchboard.inert, said)


def _row(switchboard: Switchboard, plugin: Plugin, blocked: Collection[str]) -> StatusRow:
    distribution = f"{plugin.distribution} {plugin.version}".strip()
    if plugin.state == "broken":
        return StatusRow(plugin.name, "broken", plugin.why, distribution=distribution, last_fault=plugin.fault)
    if plugin.always_on:
        state = "off" if registry().blocked(plugin.name) else "on" if plugin.state == "loaded" else "waiting"
        return StatusRow(plugin.name, state, plugin.why, distribution=distribution, last_fault=plugin.fault)
    service = switchboard.process.service(plugin.name)
    state, why = service.state()
    if state == "off" and (is_blocked(plugin.name, blocked) or service.why.endswith(BLOCKED)):
        state, why = "blocked", f"switched off from outside by {BLOCKED}"
    faults = sorted(service.guard.faults, key=lambda fault: fault.time)
    return StatusRow(
        plugin.name,
        state,
        why or ("steno.autolog() has not been called" if state == "off" else plugin.why),
        service.version,
        distribution,
        tuple(PatchRow(patch.target, patch.installer, patch.state) for patch in service.patches),
        service.calls,
        service.runs,
        service.skips,
        service.last_skip,
        f"{faults[-1].step}: {faults[-1].kind}: {faults[-1].message}" if faults else "",
        dict(service.options),
    )
