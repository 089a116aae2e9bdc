"""Docs are tests: every code block of every page runs."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import steno
from conftest import RunPython

ROOT = Path(steno.__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)


def _scripts() -> Iterator[tuple[str, str]]:
    """The Python blocks of a page, joined: a page is read from top to bottom, and so it runs."""
    for page in PAGES:
        blocks = [
            (info, code)
            for language, info, code in BLOCK.findall(page.read_text(encoding="utf-8"))
            if language == "python"
        ]
        shared = [textwrap.dedent(code) for info, code in blocks if "alone" not in info]
        if shared:
            yield page.relative_to(ROOT).as_posix(), "\n".join(shared)
        for number, (info, code) in enumerate(blocks):
            if "alone" in info:
                yield f"{page.relative_to(ROOT).as_posix()}[{number}]", textwrap.dedent(code)


@pytest.mark.parametrize(("page", "script"), [pytest.param(*case, id=case[0]) for case in _scripts()])
def test_every_python_block_runs(page: str, script: str, run_python: RunPython) -> None:
    """What a page shows can be typed in, in the order of the page, in an empty folder."""
    done = run_python(script)

    assert done.returncode == 0, f"{page}\n{done.stdout}\n{done.stderr}"


def test_links_between_pages_lead_somewhere() -> None:
    """Every relative link in README and docs points at a file that exists."""
    broken = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
        for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]

    assert broken == []
