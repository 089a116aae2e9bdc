"""The command `steno`: its subcommands by name, each loaded when it is called.

Exit codes: 0 done, 1 the command failed (one message on stderr), 2 the command line is wrong.
"""

from __future__ import annotations

import difflib
import errno
import importlib
import warnings
from typing import Any, TextIO

import click

import steno
from steno.errors import StenoError, StenoWarning

__all__ = ["CommandFailed", "main"]

_COMMANDS = {
    "demo": ("steno.cli.demo", "Train real models and look at what was recorded."),
    "runs": ("steno.cli.runs", "List, show and compare runs."),
    "experiments": ("steno.cli.experiments", "List experiments."),
    "integrations": ("steno.cli.integrations", "Show what autolog() watches here, and why."),
    "new-plugin": ("steno.cli.new_plugin", "Write the package of a plugin for another framework."),
}


class CommandFailed(click.ClickException):
    """What went wrong, as one message on stderr."""

    def show(self, file: Any = None) -> None:
        """Print the message."""
        click.echo(f"steno: {self.format_message()}", err=file is None, file=file)


class _LazyGroup(click.Group):
    """Lists its subcommands without loading them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's signature
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(importlib.import_module(_COMMANDS[cmd_name][0]), cmd_name.replace("-", "_"))
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], _COMMANDS, 1)
            advice = f"did you mean `steno {near[0]}`?" if near else f"there are {', '.join(_COMMANDS)}: `steno --help`"
            ctx.fail(f"no command {args[0]!r}, {advice}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except StenoError as error:
            raise CommandFailed(str(error)) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # a reader such as `head` has enough: click ends quietly
                raise
            raise CommandFailed(f"{error.strerror or error}: is there room where the output goes?") from error


def _say(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001  as Python calls it
    line: str | None = None,  # noqa: ARG001  as Python calls it
) -> None:
    """A warning of ours is one line for people; the line of code that it came from is not theirs."""
    if issubclass(category, StenoWarning):
        click.echo(f"steno: {message}", err=True)
    else:
        click.echo(warnings.formatwarning(message, category, filename, lineno), err=True, nl=False)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--store", metavar="URI", help="Which store to read; the current project's unless given.")
@click.version_option(steno.__version__, prog_name="steno", message="%(prog)s %(version)s")
def main(store: str | None) -> None:
    """Autologging-first experiment tracking.

    Start with `steno demo`, or put `import steno; steno.autolog()` at the top of a program that trains.
    """
    warnings.showwarning = _say
    if store is not None:
        steno.set_tracking_uri(store)
