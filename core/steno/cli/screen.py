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
from steno.entities import StatusName

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
_ASCII = dict(zip("●✗■▶○★–…·│┤└├─┬▌━╸╺", "*x#>o*-.-|++|-+|-- ", strict=True))
_BRAILLE, _UPPER_DOTS = 0x2800, 0x1B
_BLANKS = re.compile(r"[ \t]+\n")


def console() -> Console:
    """The console of standard output as it is now."""
    from rich.console import Console  # noqa: PLC0415  30 ms, and --json and --help draw nothing

    output = _Output(sys.stdout or io.StringIO())  # a program started with a closed standard output has none
    found = Console(file=cast("IO[str]", output), highlight=False, emoji=False)
    if found.is_terminal:
        return found
    output.trimmed = True
    width = found.width if "COLUMNS" in os.environ else _PLAIN_WIDTH
    return Console(file=cast("IO[str]", output), width=width, highlight=False, emoji=False)


class _Output(io.TextIOBase):
    """Standard output, whatever its encoding: what that lacks is written in ASCII.

    Attributes:
        trimmed: leave out the blanks at the ends of lines, which tables are filled up with.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.trimmed = False

    @property
    def encoding(self) -> str:  # type: ignore[override]  # rich draws with what the encoding has
        return self._file.encoding or "utf-8"

    def isatty(self) -> bool:
        return self._file.isatty()

    def fileno(self) -> int:
        return self._file.fileno()

    def write(self, text: str) -> int:
        written = _BLANKS.sub("\n", text) if self.trimmed else text
        if not _encodes(written, self.encoding):
            written = "".join(_ascii(sign, self.encoding) for sign in written)
        self._file.write(written)
        return len(text)

    def flush(self) -> None:
        self._file.flush()


def _encodes(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _ascii(sign: str, encoding: str) -> str:
    """One character for another: tables and curves keep their shape."""
    if _encodes(sign, encoding):
        return sign
    dots = ord(sign) - _BRAILLE
    if 0 <= dots <= 0xFF:
        return (" ", "'", ".", ":")[bool(dots & _UPPER_DOTS) + 2 * bool(dots & ~_UPPER_DOTS)]
    return _ASCII.get(sign, "?")


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


def status_text(status: StatusName, *, word: bool = True) -> Text:
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
