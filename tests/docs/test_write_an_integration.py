"""The tutorial "Write an integration" is true: followed from an empty folder, it leads to a tested plugin."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from tests.packaging.environments import ROOT, Environment, wheel_of

PAGE = ROOT / "docs/tutorials/write-an-integration.md"
BLOCK = re.compile(r"^```(\w+)(?: ([^\n]+))?\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
WORDS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks() -> list[tuple[str, str, str]]:
    """Language, file name and content of each block, in order."""
    return BLOCK.findall(PAGE.read_text(encoding="utf-8"))


def follow(environment: Environment, folder: Path) -> None:
    """Write each file, run each command, compare what is shown of its output."""
    said = ""
    for language, name, content in blocks():
        if name:
            (folder / name).write_text(content, encoding="utf-8")
        elif language == "sh":
            done = environment.run("sh", "-ec", content, cwd=folder)
            assert done.returncode == 0, content + done.stdout + done.stderr
            said = done.stdout
        else:
            assert doctest.OutputChecker().check_output(content, said, WORDS), said


@pytest.mark.timeout(600)
def test_the_tutorial_leads_to_a_tested_plugin(tmp_path: Path) -> None:
    """Every file and command of the tutorial, in order, in an empty folder: the plugin records, and passes the kit."""
    environment, folder = Environment(tmp_path / "environment"), tmp_path / "slope"
    environment.install(wheel_of(ROOT))
    folder.mkdir()

    follow(environment, folder)


def test_plugin_and_tests_are_under_a_hundred_lines() -> None:
    """What the reader has written in the end, plugin, package and tests, is less than a hundred lines."""
    final = {name: content for _, name, content in blocks() if name and name != "slope.py"}

    assert sum(len(content.splitlines()) for content in final.values()) < 100
