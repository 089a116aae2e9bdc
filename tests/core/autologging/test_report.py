"""What status shows: as text, in a notebook, in rich, as JSON and on the command line, all of it and one in full."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from steno.autologging import control
from steno.autologging.report import PatchRow, Status, StatusRow
from steno.cli.main import main
from steno.errors import StenoWarning

X = [[1.0], [2.0], [3.0]]

FULL = StatusRow(
    "toyfw",
    "on",
    "",
    "1.4.0",
    "plug-toyfw 2.0",
    (
        PatchRow("toyfw.core:_fast", "attribute", "on"),
        PatchRow("toyfw.core:Model.fit", "in place", "on"),
        PatchRow("toyfw.core:train", "in place", "on"),
        PatchRow("toyfw.core:<lambda>", "in place", "foreign"),
    ),
    12,
    10,
    2,
    "switched off here by steno.off()",
    40,
    "part of a training of otherfw",
    "fit after: ValueError: a < b [bold]",
    "Traceback (most recent call last):\n  ...\nValueError: a < b [bold]\n",
    {"keep": 10, "log_models": False},
    {"keep": "how many steps to keep", "log_models": "save the trained model"},
)

FULL_TEXT = """\
toyfw: on
  version       1.4.0
  plugin from   plug-toyfw 2.0
  trainings     12 seen, 10 recorded, 2 skipped
  last skip     switched off here by steno.off()
  inside others 40, the last part of a training of otherfw
  last fault    fit after: ValueError: a < b [bold]
  options
    keep = 10           how many steps to keep
    log_models = False  save the trained model
  2 patched in place, on
    toyfw.core:Model.fit
    toyfw.core:train
  1 patched attribute, on
    toyfw.core:_fast
  1 patched in place, foreign
    toyfw.core:<lambda>
  traceback of the last fault
    Traceback (most recent call last):
      ...
    ValueError: a < b [bold]"""

TABLE_TEXT = """\
a note
integration  state    version  patches  calls  runs  why
otherfw      waiting                 0      0     0  otherfw has not been imported
toyfw        on       1.4.0          4     12    10  skipped 2: switched off here by steno.off(); fault: fit
                                                     after: ValueError: a < b [bold]
sender: sent 3, last "a < b"
x: 1"""

STATUS = Status(
    (StatusRow("otherfw", "waiting", "otherfw has not been imported", options={}), FULL),
    "a note",
    {"sender": {"sent": 3, "last": "a < b"}, "x": 1},
)


def drawn(thing: Any) -> list[str]:
    """The thing as rich draws it, without blanks at the ends of lines."""
    console = Console(width=120, color_system=None)
    with console.capture() as caught:
        console.print(thing, soft_wrap=True)
    return [line.rstrip() for line in caught.get().rstrip().splitlines()]


def test_as_text() -> None:
    """The table has what a reader needs to see what is wrong, one integration has all that is known."""
    assert str(STATUS) == repr(STATUS) == TABLE_TEXT
    assert str(FULL) == repr(FULL) == FULL_TEXT


def test_in_rich() -> None:
    """Printed by rich it reads the same; nothing recorded is taken for rich's markup."""
    assert drawn(FULL) == FULL_TEXT.splitlines()
    lines = drawn(STATUS)
    assert lines[0].split() == ["integration", "state", "version", "patches", "calls", "runs", "why"]
    assert lines[2].split(maxsplit=6)[6].startswith("skipped 2: switched off here by steno.off(); fault: fit after")
    assert "[bold]" in " ".join(lines)
    assert [line.strip() for line in lines[-3:]] == ["a note", 'sender: sent 3, last "a < b"', "x: 1"]


def test_a_narrow_terminal_has_room_for_the_reason(toy: Any) -> None:
    """In rich and on the command line, state and reason are there in full where the numbers find no room."""
    console = Console(width=44, color_system=None)
    with console.capture() as caught:
        console.print(STATUS)
    lines = [line.rstrip() for line in caught.get().splitlines()]
    assert lines[0].split() == ["integration", "state", "why"]
    assert lines[1:3] == ["otherfw      waiting  otherfw has not been", "                      imported"]
    done = CliRunner().invoke(main, ["integrations"], env={"COLUMNS": "44"})
    assert "toyfw        ○ waiting  toyfw has not been\n                        imported\n" in done.output
    assert "…" not in done.output


def test_words_of_others_are_no_codes_for_a_terminal() -> None:
    """What an exception says may hold escapes, tabs, lines and half characters: it prints, and encodes, everywhere."""
    row = StatusRow(
        "toyfw", "broken", "bad \x1b[31m\tred\nsecond \udcff", last_fault="bad \x1b[31m\tred\nsecond \udcff"
    )
    status = Status((row,), plugins={"a": {"b": "\x1b[31m\udcff"}})
    for shown in (str(row), str(status), row._repr_html_(), status._repr_html_(), json.dumps(status.to_json())):
        assert "\x1b" not in shown
        assert shown.encode()
    assert str(row).splitlines()[1:3] == ["  why           bad \ufffd[31m       red", "                second \\udcff"]
    assert "fault:" not in str(status), "it is the reason already"


def test_in_a_notebook() -> None:
    """As HTML everything is there, escaped."""
    table, full = STATUS._repr_html_(), FULL._repr_html_()
    for text in ("a note", "otherfw has not been imported", "ValueError: a &lt; b [bold]"):
        assert text in table
    assert table.count("<tr>") == 3
    for text in (
        "<b>toyfw</b>: on",
        "12 seen, 10 recorded, 2 skipped",
        "keep = 10",
        "how many steps to keep",
        "2 patched in place, on",
        "toyfw.core:Model.fit\ntoyfw.core:train",
        "toyfw.core:&lt;lambda&gt;",
        "Traceback (most recent call last)",
    ):
        assert text in full
    assert "<lambda>" not in full
    assert "a < b" not in table + full


def test_as_json() -> None:
    """As JSON every field is there under its name, patches as objects."""
    data = json.loads(json.dumps(STATUS.to_json()))
    assert (data["note"], data["plugins"]) == ("a note", {"sender": {"sent": 3, "last": "a < b"}, "x": 1})
    (_, full) = data["integrations"]
    assert set(full) == set(StatusRow.__dataclass_fields__)
    assert full["patches"][0] == {"target": "toyfw.core:_fast", "installer": "attribute", "state": "on"}
    assert (full["last_traceback"], full["options"]["keep"]) == (FULL.last_traceback, 10)


def test_the_last_fault_has_its_traceback(toy: Any) -> None:
    """After a step of recording failed, status has it in a line, and its traceback down to the plugin's own line."""
    source = (toy.site / "plug_toyfw.py").read_text()
    toy.plugin(source.replace("call.run.metrics({", "1 / 0; call.run.metrics({"))
    control.autolog(log_models=False)
    with pytest.warns(StenoWarning, match="fit after failed"):
        toy.framework().Model().fit(X)
    row = control.status()["toyfw"]
    assert row.last_fault == "fit after: ZeroDivisionError: division by zero"
    assert row.last_traceback.startswith("Traceback (most recent call last)")
    assert "1 / 0; call.run.metrics" in row.last_traceback
    assert row.last_traceback.rstrip() in str(row).replace("\n    ", "\n")


def test_one_integration_on_the_command_line(toy: Any) -> None:
    """`steno integrations NAME` imports it and shows options with values and meaning, and patches by kind."""
    done = CliRunner().invoke(main, ["integrations", "toyfw"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[:4] == [
        "toyfw: on",
        "  version       1.4.0",
        "  plugin from   plug-toyfw 2.0",
        "  trainings     0 seen, 0 recorded, 0 skipped",
    ]
    assert "    keep = 10                    how many steps to keep" in lines
    patched = next(place for place, line in enumerate(lines) if line.endswith("patched in place, on"))
    assert "    toyfw.core:Model.fit" in lines[patched:]
    assert "sklearn" not in done.output


def test_several_integrations_on_the_command_line(toy: Any) -> None:
    """Names may be given together, in any order, also in JSON; an unknown one is told the known ones."""
    done = CliRunner().invoke(main, ["integrations", "toyfw", "notebook", "--json"])
    assert [row["name"] for row in json.loads(done.output)["integrations"]] == ["toyfw", "notebook"]
    done = CliRunner().invoke(main, ["integrations", "toyfw", "notebook"])
    assert [line for line in done.output.splitlines() if not line.startswith(" ")] == ["toyfw: on", "", "notebook: on"]
    done = CliRunner().invoke(main, ["integrations", "toyfv"])
    assert (done.exit_code, "no integration is called 'toyfv'; installed are joblib, notebook" in done.output) == (
        2,
        True,
    )


def test_a_broken_plugin_on_the_command_line(toy: Any) -> None:
    """A plugin that cannot be loaded shows its own traceback in full."""
    toy.plugin("raise RuntimeError('half done')", "otherfw")
    done = CliRunner().invoke(main, ["integrations", "otherfw"])
    assert done.output.splitlines()[:2] == [
        "otherfw: broken",
        "  why           importing plug_otherfw raised RuntimeError: half done",
    ]
    assert "raise RuntimeError('half done')" in done.output


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("raise ValueError('numpy ABI')", "ValueError: numpy ABI"),
        ("import no_such_part", "ModuleNotFoundError: No module named 'no_such_part'"),
        ("raise SystemExit(3)", "ImportError: it ends the program with SystemExit(3)"),
    ],
)
def test_a_framework_that_cannot_be_imported_on_the_command_line(toy: Any, source: str, error: str) -> None:
    """Whatever its import raises is one line on stderr, and everything else is shown."""
    toy.write("toyfw/__init__.py", source + "\n")
    for arguments in (["integrations", "toyfw", "notebook"], ["integrations", "--load", "toyfw", "notebook"]):
        done = CliRunner().invoke(main, arguments)
        assert (done.exit_code, done.stderr) == (0, f"steno: importing toyfw failed: {error}\n")
        assert "notebook: on" in done.stdout


def test_patches_of_all_on_the_command_line(toy: Any, core: Any) -> None:
    """`steno integrations --patches` lists under the table what is patched, by integration and kind."""
    done = CliRunner().invoke(main, ["integrations", "--patches"])
    assert done.exit_code == 0, done.output
    _, _, listed = done.output.partition("toyfw: ")
    count, _, rest = listed.partition(" patched in place, on\n")
    targets = rest.split("\n\n")[0].splitlines()
    assert len(targets) == int(count)
    assert "  toyfw.core:Model.fit" in targets
