"""The rows can fail: each protection below is broken in a copy of the core, and its row turns red."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KIT = "tests/hazards/test_conformance_sklearn.py"


@dataclass(frozen=True)
class Protection:
    """One protection of the core: where it stands, what it becomes when broken, and the row that is for it."""

    name: str
    file: str
    text: str
    broken: str
    row: int
    installer: str = "in place"


PROTECTIONS = [
    Protection(
        "only the outermost training opens a run",
        "seams.py",
        "if before is not None and (before.closed or name in before.off):\n            training = ",
        "if before is not None and name in before.off:\n            training = ",
        31,
    ),
    Protection(
        "undo puts the original code back",
        "patches.py",
        "            below.__code__ = behind.__code__\n",
        "            pass\n",
        7,
    ),
    Protection(
        "a wrapper of somebody else's on top is kept",
        "patches.py",
        "        if standing is wrapper:\n            if wrapper._self_own:",
        "        if standing is not None:\n            if wrapper._self_own:",
        11,
        "attribute",
    ),
    Protection(
        "the guard keeps our faults from the user",
        "recording.py",
        "        return not self._handle.service.guard.strict\n",
        "        return False\n",
        39,
    ),
    Protection(
        "what fails every time is given up",
        "guard.py",
        "        return bool(self._in_a_row) and self._in_a_row.get(name, 0) >= self._limit\n",
        "        return False\n",
        41,
    ),
    Protection(
        "our warnings never become the user's errors",
        "guard.py",
        "    except Exception:  # noqa: BLE001  a user's filter, showwarning or log handler may raise anything\n"
        "        return False",
        "    except ZeroDivisionError:\n        return False",
        47,
    ),
    Protection(
        "a run that Ctrl-C ends is KILLED",
        "training.py",
        'return "FAILED" if isinstance(error, Exception) else "KILLED"',
        'return "FAILED"',
        44,
    ),
    Protection(
        "a forked child is silent",
        "control.py",
        "    os.register_at_fork(after_in_child=_after_fork)\n",
        "    pass\n",
        54,
    ),
    Protection(
        "a framework of another version is left alone",
        "service.py",
        "            return version_problem(integration.requires, self.version)\n",
        '            return ""\n',
        18,
    ),
    Protection(
        "a target that is gone is named",
        "service.py",
        "        if self.installation.missing:\n",
        "        if self.installation.missing is None:\n",
        17,
    ),
    Protection(
        "an unknown option is refused before anything is changed",
        "options.py",
        "        if option is None:\n            raise InvalidInputError(",
        "        if option is None:\n            continue\n            raise InvalidInputError(",
        66,
    ),
    Protection(
        "a wrapped method pickles as what it wraps",
        "wrapper.py",
        "    def __reduce_ex__(self, protocol: Any) -> Any:\n        owner = ",
        "    def __reduce_nothing__(self, protocol: Any) -> Any:\n        owner = ",
        22,
        "attribute",
    ),
]


SCRIPT = """
import importlib.util, json, sys
from pathlib import Path
from steno.testing.conformance.laboratory import Laboratory
from steno.testing.conformance.row import rows_of

file, folder, installer, *numbers = sys.argv[1:]
spec = importlib.util.spec_from_file_location("subject", file)
sys.modules["subject"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
methods = {row.number: row.method for row in rows_of(module.TestScikitLearn)}
found = Laboratory(Path(folder)).run(module.TestScikitLearn, [methods[int(each)] for each in numbers], installer)
print("FOUND" + json.dumps(list(found.values())))
"""


def _outcomes(core: Path, installer: str, *rows: int) -> list[tuple[str, str]]:
    """What becomes of these rows of the kit with that core: "passed" or "failed", and the text."""
    done = _run(core, installer, *rows)
    assert "FOUND" in done.stdout, done.stdout + done.stderr
    return [(outcome, text) for outcome, text in json.loads(done.stdout.partition("FOUND")[2])]


def _run(core: Path, installer: str, *rows: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, str(ROOT / KIT), tempfile.mkdtemp(dir=core.parent), installer, *map(str, rows)],
        env={**os.environ, "PYTHONPATH": str(core)},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


@pytest.fixture
def core(tmp_path: Path) -> Path:
    """A copy of the core to break."""
    copy = tmp_path / "core"
    shutil.copytree(ROOT / "core", copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.mark.slow
def test_a_whole_copy_is_green_and_it_is_what_is_tested(core: Path) -> None:
    """Without a broken protection the rows pass on the copy, and they do import the copy."""
    for installer in ("in place", "attribute"):
        rows = sorted({protection.row for protection in PROTECTIONS if protection.installer == installer})
        assert _outcomes(core, installer, *rows) == [("passed", "")] * len(rows)

    (core / "steno" / "autologging" / "patches.py").write_text("raise RuntimeError('the copy')\n", encoding="utf-8")
    done = _run(core, "in place", 7)  # the kit itself patches with it
    assert done.returncode == 1
    assert done.stderr.endswith("RuntimeError: the copy\n")


@pytest.mark.slow
@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda protection: protection.name)
def test_a_broken_protection_turns_its_row_red(core: Path, protection: Protection) -> None:
    """Whoever breaks a protection of the core is told by the row that is for it."""
    file = core / "steno" / "autologging" / protection.file
    text = file.read_text(encoding="utf-8")
    assert text.count(protection.text) == 1, f"{protection.file} has changed: name the protection's text anew"
    file.write_text(text.replace(protection.text, protection.broken), encoding="utf-8")

    [(outcome, said)] = _outcomes(core, protection.installer, protection.row)

    assert outcome == "failed"
    assert "Look at: " in said, said
