"""Where commands draw: the one place that loads rich, when something is drawn.

On a terminal: colours (unless NO_COLOR) and rules, as wide as the terminal. Elsewhere: plain text, nothing cut off.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, TextIO, cast

from steno.display import printable
from steno.entities import RunStatus

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    from steno.cli.curve import Span

__all__ = ["LINE_STYLES", "console", "curve_text", "grid", "indented", "status_text", "styled", "table"]

LINE_STYLES = ("cyan", "yellow", "magenta", "green", "blue", "red")
_STATUS = {
    "FINISHED": ("●", "green"),
    "FAILED": ("✗", "red"),
    "KILLED": ("■", "yellow"),
    "RUNNING": ("▶", "blue"),
    "SCHEDULED": ("○", "blue"),
}
_PLAIN_WIDTH = 160
_BLANKS = re.compile(r"[ \t]+\n")


def console() -> Console:
    """The console of standard output as it is now."""
    from rich.console import Console  # noqa: PLC0415  30 ms, and --json and --help draw nothing

    found = Console(file=sys.stdout, highlight=False, emoji=False)
    if found.is_terminal:
        return found
    width = found.width if "COLUMNS" in os.environ else _PLAIN_WIDTH
    return Console(file=cast("IO[str]", _Trimmed(sys.stdout)), width=width, highlight=False, emoji=False)


class _Trimmed(io.TextIOBase):
    """Writes on without the blanks at the ends of lines, which tables are filled up with."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        trimmed = _BLANKS.sub("\n", text)
        encoding = self._file.encoding or "utf-8"
        self._file.write(trimmed.encode(encoding, "replace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        self._file.flush()


def styled(*parts: Text | tuple[str, str] | str) -> Text:
    """Text of parts, each plain or with a style; nothing in it is read as markup or sent as a control code."""
    from rich.text import Text  # noqa: PLC0415  30 ms, and --json and --help draw nothing

    text = Text()
    for part in parts:
        if isinstance(part, Text):
            text.append_text(part)
        else:
            words, style = (part, "") if isinstance(part, str) else part
            text.append(printable(words), style or None)
    return text


def table(screen: Console, title: str = "") -> Table:
    """An empty table in the house's look."""
    from rich import box  # noqa: PLC0415  30 ms, and --json and --help draw nothing
    from rich.table import Table  # noqa: PLC0415  30 ms, and --json and --help draw nothing

    return Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD if screen.is_terminal else None,
        header_style="dim",
        border_style="dim",
        padding=(0, 1, 0, 0) if screen.is_terminal else (0, 2, 0, 0),
        pad_edge=False,
        show_edge=False,
    )


def grid(*, gap: int = 3) -> Table:
    """A table without a frame or headings, to set things side by side."""
    from rich.table import Table  # noqa: PLC0415  30 ms, and --json and --help draw nothing

    return Table.grid(padding=(0, gap, 0, 0))


def indented(content: RenderableType, by: int = 2) -> RenderableType:
    """The same, further to the right."""
    from rich.padding import Padding  # noqa: PLC0415  30 ms, and --json and --help draw nothing

    return Padding(content, (0, 0, 0, by), expand=False)


def status_text(status: RunStatus, *, word: bool = True) -> Text:
    """A run's status as a mark, which differs in shape too, and its name."""
    mark, style = _STATUS[status]
    return styled((mark, style), f" {status.lower()}" if word else "")


def curve_text(rows: Sequence[Sequence[Span]], indent: int = 2) -> Text:
    """A drawing of `steno.cli.curve`, each line in a colour of its own."""
    parts: list[tuple[str, str] | str] = []
    for row in rows:
        parts.append(("\n" if parts else "") + " " * indent)
        parts += [(span.text, "dim" if span.line is None else _style(span.line)) for span in row]
    return styled(*parts)


def _style(line: int) -> str:
    return LINE_STYLES[line % len(LINE_STYLES)]
