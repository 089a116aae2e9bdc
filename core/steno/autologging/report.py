"""What is known of the integrations, as it reads: a table of all, one in full; text, HTML, JSON and for rich."""

from __future__ import annotations

import html
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from steno.autologging.recording import plain
from steno.display import printable

__all__ = ["PatchRow", "Status", "StatusRow"]

_COLUMNS = ("integration", "state", "version", "patches", "calls", "runs", "why")
_NUMBERS = ("patches", "calls", "runs")
_WIDEST_WHY = 60
_WIDEST_OPTION = 40
_LEFT = "text-align:left;vertical-align:top"
_STYLES = {"on": "green", "waiting": "green", "partial": "yellow", "pinned": "yellow", "blocked": "yellow"}
_WRONG = ("broken", "unsupported")
_ONE_LINE = 16  # where the values stand in a row in full
_NARROW = 72  # columns of a terminal in which the reason needs the room of the numbers


@dataclass(frozen=True, slots=True)
class PatchRow:
    """One patched function: where, how, and whether it is in force.

    Attributes:
        target: `module:Qual.name`.
        installer: "in place" or "attribute".
        state: on, off, foreign (somebody patched over us) or pinned (and that hinders us in taking it away).
    """

    target: str
    installer: str
    state: str


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One integration. Prints as all that is known of it.

    Attributes:
        name: the framework's import name.
        state: on, off, blocked, waiting, absent, unsupported, partial, broken or pinned.
        why: the reason, in a sentence.
        version: the framework's version; "" before it is imported.
        distribution: name and version of the distribution that brings the plugin.
        patches: the patched functions.
        calls: training calls seen that are no part of another; each ends as a run or as a skip.
        runs: how many of them were recorded.
        skips: how many were not.
        last_skip: why the last one was not.
        inner: training calls seen inside of another, which belong to that one.
        last_inner: to what the last of these belongs.
        last_fault: what went wrong last in recording, in a line; "" if nothing did.
        last_traceback: the traceback of that.
        options: every option as it holds now; None for a plugin without a framework.
        options_help: what each option means.
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
    inner: int = 0
    last_inner: str = ""
    last_fault: str = ""
    last_traceback: str = ""
    options: Mapping[str, Any] | None = None
    options_help: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        for name in _TEXTS:  # words of plugins and of exceptions: no codes for the terminal, nothing that is no text
            object.__setattr__(self, name, _clean(getattr(self, name)))

    def cells(self) -> dict[str, str]:
        """The row as the table shows it."""
        return _cells(self)

    def patches_by_kind(self) -> dict[str, list[str]]:
        """The targets of the patches by installer and state, such as "in place, on"; the largest group first."""
        found: dict[str, list[str]] = {}
        for patch in self.patches:
            found.setdefault(f"{patch.installer}, {patch.state}", []).append(patch.target)
        return dict(sorted(found.items(), key=lambda group: -len(group[1])))

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _html_of_row(self)

    def __rich__(self) -> Any:
        return _rich_of_row(self)


_TEXTS = ("why", "version", "distribution", "last_skip", "last_inner", "last_fault", "last_traceback")


def _clean(text: str) -> str:
    return printable(text.expandtabs()).encode("utf-8", "backslashreplace").decode()


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
        return _table(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _html_of_table(self)

    def __rich_console__(self, _console: Any, options: Any) -> Iterator[Any]:
        yield _rich_of_table(self, options.max_width)
        yield from self.plugin_lines()

    def plugin_lines(self) -> Iterator[str]:
        """What plugins had to say about themselves, a line each."""
        for name, said in (self.plugins or {}).items():
            pairs = [f"{key} {_short(value)}" for key, value in said.items()] if isinstance(said, Mapping) else [said]
            yield _clean(f"{name}: {', '.join(map(str, pairs))}")

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain JSON values."""
        data: dict[str, Any] = {
            "note": self.note,
            "integrations": [asdict(row) for row in self.rows],
            "plugins": dict(self.plugins or {}),
        }
        found: dict[str, Any] = plain(data)
        return found


# -- the table


def _cells(row: StatusRow) -> dict[str, str]:
    notes = [row.why]
    if row.last_skip:
        notes.append(f"skipped {row.skips}: {row.last_skip}")
    if row.inner and not row.calls:
        notes.append(f"{row.inner} inside: {row.last_inner}")
    if row.last_fault and row.last_fault != row.why:
        notes.append(f"fault: {row.last_fault}")
    return {
        "integration": row.name,
        "state": row.state,
        "version": row.version,
        "patches": str(len(row.patches)),
        "calls": str(row.calls),
        "runs": str(row.runs),
        "why": "; ".join(note for note in dict.fromkeys(notes) if note),
    }


def _table(status: Status) -> str:
    rows = [dict(zip(_COLUMNS, _COLUMNS, strict=True)), *(row.cells() for row in status.rows)]
    widths = {column: max(len(cells[column]) for cells in rows) for column in _COLUMNS[:-1]}
    lines = [status.note] if status.note else []
    for cells in rows:
        shown = [
            cells[column].rjust(widths[column]) if column in _NUMBERS else cells[column].ljust(widths[column])
            for column in _COLUMNS[:-1]
        ]
        first, *rest = textwrap.wrap(cells["why"], _WIDEST_WHY) or [""]
        lines.append("  ".join([*shown, first]).rstrip())
        lines += [" " * len("  ".join([*shown, ""])) + part for part in rest]
    return "\n".join([*lines, *status.plugin_lines()])


def _short(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _html_of_table(status: Status) -> str:
    head = "".join(f"<th style='{_LEFT}'>{column}</th>" for column in _COLUMNS)
    body = ""
    for row in status.rows:
        cells = row.cells()
        body += "<tr>" + "".join(f"<td style='{_LEFT}'>{html.escape(cells[key])}</td>" for key in _COLUMNS) + "</tr>"
    note = f"<p>{html.escape(status.note)}</p>" if status.note else ""
    said = "".join(f"<p>{html.escape(line)}</p>" for line in status.plugin_lines())
    return f"{note}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{said}"


def _rich_of_table(status: Status, width: int) -> Any:
    from rich.table import Table  # noqa: PLC0415  30 ms, and whoever asks has loaded it
    from rich.text import Text  # noqa: PLC0415  the same

    made = Table(box=None, pad_edge=False, header_style="dim", caption=Text(status.note) if status.note else None)
    columns = ("integration", "state", "why") if width < _NARROW else _COLUMNS
    for column in columns:
        made.add_column(column, justify="right" if column in _NUMBERS else "left", no_wrap=column != "why")
    for row in status.rows:
        cells = row.cells()
        made.add_row(*(Text(cells[column], _style(row) if column == "state" else "") for column in columns))
    return made


def _style(row: StatusRow) -> str:
    return "red" if row.state in _WRONG else _STYLES.get(row.state, "dim")


# -- one integration in full


def _facts(row: StatusRow) -> dict[str, str]:
    """What is known, by title; what is not known is left out."""
    counts = f"{row.calls} seen, {row.runs} recorded, {row.skips} skipped" if row.options is not None else ""
    found = {
        "why": row.why,
        "version": row.version,
        "plugin from": row.distribution,
        "trainings": counts,
        "last skip": row.last_skip,
        "inside others": f"{row.inner}, the last {row.last_inner}" if row.inner else "",
        "last fault": row.last_fault,
    }
    return {title: value for title, value in found.items() if value}


def _options(row: StatusRow) -> Iterator[tuple[str, str]]:
    """Each option as it holds, and what it means."""
    meaning = row.options_help or {}
    for name, value in (row.options or {}).items():
        yield f"{name} = {value!r}", meaning.get(name, "")


def _lines(row: StatusRow) -> Iterator[str]:
    yield f"{row.name}: {row.state}"
    for title, value in _facts(row).items():
        yield f"  {title:<14}" + value.replace("\n", "\n" + " " * _ONE_LINE)
    options = list(_options(row))
    if options:
        widest = max((len(option) for option, _ in options if len(option) <= _WIDEST_OPTION), default=0)
        yield "  options"
        yield from (f"    {option:<{widest}}  {meaning}".rstrip() for option, meaning in options)
    for kind, targets in row.patches_by_kind().items():
        yield f"  {len(targets)} patched {kind}"
        yield from (f"    {target}" for target in targets)
    if row.last_traceback:
        yield "  traceback of the last fault"
        yield textwrap.indent(row.last_traceback.rstrip(), "    ")


def _html_of_row(row: StatusRow) -> str:
    pairs = [*_facts(row).items(), *((option, meaning) for option, meaning in _options(row))]
    body = "".join(
        f"<tr><th style='{_LEFT}'>{html.escape(title)}</th><td style='{_LEFT}'>{html.escape(value)}</td></tr>"
        for title, value in pairs
    )
    folded = {f"{len(targets)} patched {kind}": "\n".join(targets) for kind, targets in row.patches_by_kind().items()}
    if row.last_traceback:
        folded["traceback of the last fault"] = row.last_traceback
    more = "".join(
        f"<details><summary>{html.escape(title)}</summary><pre>{html.escape(lines)}</pre></details>"
        for title, lines in folded.items()
    )
    return f"<p><b>{html.escape(row.name)}</b>: {html.escape(row.state)}</p><table><tbody>{body}</tbody></table>{more}"


def _rich_of_row(row: StatusRow) -> Any:
    from rich.text import Text  # noqa: PLC0415  30 ms, and whoever asks has loaded it

    first, *rest = _lines(row)
    name, _, state = first.rpartition(": ")
    return Text("\n").join([Text.assemble((name, "bold"), ": ", (state, _style(row))), *map(Text, rest)])
