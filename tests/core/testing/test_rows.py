"""Each row of the kit sees what it is there for: a plugin, or a core, that is broken in one place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from steno.testing.conformance.laboratory import Laboratory
from steno.testing.conformance.process import load
from steno.testing.conformance.row import rows_of
from tests.core.testing.conftest import Tiny

# Broken plugins: what is changed in the plugin, the row that sees it, and what the row says to its author.
PLUGINS: dict[str, tuple[tuple[str, str], int, str]] = {
    "a target that does not exist": (
        ("core:Model.fit", "core:Model.fitt"),
        2,
        r"after one fit the store has 0 runs, not 1: none \(the integration is partial \(.*has no Model\.fitt\)\)\. "
        r"Your users' trainings would be missing or doubled\. Look at: @train target tinyfw\.core:Model\.fitt "
        r"\(tinyfw_plugin\.py:\d+\)",
    ),
    "an attribute left on the model": (
        ("result = yield", "result = yield\n        result.seen_ = True"),
        27,
        r"the fitted Model has other attributes than without recording: \['seen_'\]",
    ),
    "a model that holds the run": (
        ("result = yield", "result = yield\n        result.run_ = call.run"),
        21,
        r"pickle\.dumps of the fitted model raises .* Look at: @train target tinyfw\.core:Model\.fit",
    ),
    "a result that is changed": (
        ("result = yield", "result = yield\n        result.mean_ += 1.0"),
        49,
        r"under autolog the model predicts something else: .*1\.5.* and .*2\.5|2\.5.* and .*1\.5",
    ),
    "a model that is changed a little": (
        ("result = yield", "result = yield\n        result.depth = float(result.depth)"),
        49,
        r"the fitted model differs from one fitted without recording: \{'it\.depth': '2\.0 and 2'\}",
    ),
    "code before the training that raises": (
        ('call.run.params({"depth"', 'call.run.params({"depth": call.self.no_such, "deeper"'),
        39,
        r"the plugin's own code failed, without anything done to it: fit before raised AttributeError.*no_such",
    ),
    "code after the training that raises": (
        ("result.mean_}", "result.median_}"),
        40,
        r"fit after raised AttributeError.*median_",
    ),
    "an observer that raises": (
        ("step=call.args[0]", "step=call.args[1]"),
        41,
        r"step raised IndexError: tuple index out of range.*\. Look at: @observe target tinyfw\.core:Model\._step",
    ),
    "arguments that are read in one style only": (
        ('call.arg("rounds") or 3', "len(call.kwargs)"),
        35,
        r"style 2 of the same call has other params than style 1: .*rounds",
    ),
    "a warning of the plugin's": (
        ("result = yield", "result = yield\n        import warnings\n        warnings.warn('look here')"),
        47,
        r"a fit under autolog warns of \[\('UserWarning', 'look here'\)\]",
    ),
    "a random number drawn": (
        ("result = yield", "result = yield\n        import random\n        random.random()"),
        48,
        r"after autolog\(\) and a fit the random generator is not what a fit alone leaves",
    ),
    "a variable of the environment set": (
        ("result = yield", "result = yield\n        import os\n        os.environ['TINY'] = '1'"),
        48,
        r"the environment is not what a fit alone leaves: .*TINY",
    ),
    "state that all threads share": (
        (
            'call.run.metric("loss", result, step=call.args[0])',
            "import time\n        self.run = call.run\n        time.sleep(0.005)\n"
            '        self.run.metric("loss", result, step=call.args[0])',
        ),
        53,
        r"a fit beside others recorded .* Look at: what the plugin keeps between seams",
    ),
    "everything kept for ever": (
        ("result = yield", "result = yield\n        KEPT.append(call)"),
        81,
        r"130 fits left \{.*Call.* of our objects behind",
    ),
    "its framework imported at the top": (
        ("from steno.plugin", "import tinyfw\nfrom steno.plugin"),
        67,
        r"loading the plugin tinyfw_plugin imports tinyfw\. .* Look at: import tinyfw inside .*tinyfw_plugin\.py",
    ),
    "a module that cannot be imported": (("from steno.plugin", "import no_such\nfrom steno.plugin"), 67, "no_such"),
}

# A broken core: what is done to it, and the rows that see it.
CORES: dict[str, tuple[str, set[int]]] = {
    "the guard lets faults out": (
        "from steno.autologging import guard, recording\n"
        "guard.Step.__exit__ = recording.RecordingStep.__exit__ = lambda self, kind, error, frames: False\n",
        {39, 40, 41, 46},
    ),
    "steps that fail are never given up": (
        "from steno.autologging import guard\nguard.Guard.given_up = lambda self, name: False\n",
        {41},
    ),
    "every call is outermost": ("from steno.autologging import seams\nseams.current = lambda: None\n", {10, 52}),
    "nothing is undone": (
        "from steno.autologging import patches\npatches.PatchJournal.undo = lambda self: None\n",
        {4, 7, 8, 9, 11, 13, 14},
    ),
    "undoing takes what is somebody else's": (
        "from steno.autologging import patches\n"
        "def remove(self):\n"
        "    function, behind = self._function(), self._clone()\n"
        "    function.__code__ = behind.__code__\n"
        "    return True\n"
        "patches._InPlace._remove = remove\n",
        {12},
    ),
    "every run is finished": (
        "from steno.autologging import training\ntraining._status_of = lambda error: 'FINISHED'\n",
        {43, 44},
    ),
    "the framework's error is replaced": (
        "from steno.autologging import training\n"
        "fail = training.Training._fail\n"
        "def replaced(self, error):\n"
        "    fail(self, error)\n"
        "    raise RuntimeError('training failed') from error\n"
        "training.Training._fail = replaced\n",
        {43, 44},
    ),
    "results are copied": (
        "import copy\n"
        "from steno.autologging import patches\n"
        "split = patches._split_instance\n"
        "def copying(handler):\n"
        "    return split(lambda *call: copy.copy(handler(*call)))\n"
        "patches._split_instance = copying\n",
        {37},
    ),
    "arguments are copied": (
        "import copy\n"
        "from steno.autologging import patches\n"
        "split = patches._split_instance\n"
        "def copying(handler):\n"
        "    def copied(wrapped, instance, args, kwargs):\n"
        "        return handler(wrapped, instance, tuple(map(copy.copy, args)), kwargs)\n"
        "    return split(copied)\n"
        "patches._split_instance = copying\n",
        {36},
    ),
    "versions are not looked at": (
        "from steno.autologging import service\nservice.version_problem = lambda requires, version: ''\n",
        {18},
    ),
    "warnings are raised as they come": (
        "import warnings\n"
        "from steno.autologging import guard\n"
        "from steno.errors import StenoWarning\n"
        "guard.say = lambda message, error=None: warnings.warn(message, StenoWarning)\n",
        {47},
    ),
    "the store's faults are the user's": (
        "from steno.tracking import recorder\nrecorder._Contained.__exit__ = lambda self, *fault: False\n",
        {42},
    ),
}


def outcomes(
    tiny: Tiny, folder: Path, numbers: set[int], installer: str = "in place", sabotage: str = ""
) -> dict[int, tuple[str, str]]:
    """What becomes of some rows of one process, by number; with some code above the test class, there only."""
    subject: Any = load(str(tiny.tests), "test_tiny", "TestTiny")
    # not before it was loaded here: this process is to keep its core whole
    tiny.tests.write_text(f"{sabotage}\n{tiny.tests.read_text()}")
    rows = {row.method: row.number for row in rows_of(subject) if row.number in numbers}
    laboratory = Laboratory(folder)
    found: dict[str, tuple[str, str]] = {}
    while rows.keys() - found.keys():
        left = [method for method in rows if method not in found]
        found |= laboratory.run(subject, left, installer)
    return {rows[method]: outcome for method, outcome in found.items()}


@pytest.mark.parametrize("broken", PLUGINS)
def test_a_broken_plugin_is_seen_and_told_what_to_do(tiny: Tiny, tmp_path: Path, broken: str) -> None:
    """A plugin that is broken in one place fails the row for it, which says what was found and where to look."""
    change, number, text = PLUGINS[broken]
    head = (("class Tiny", "KEPT = []\n\nclass Tiny"),) if number == 81 else ()
    tiny.plugin(change, *head)
    # in place, what was passed by name arrives by position
    outcome, said = outcomes(tiny, tmp_path, {number}, "attribute" if number == 35 else "in place")[number]
    assert outcome == "failed"
    assert re.search(text, said, re.DOTALL), said
    assert "Look at: " in said


@pytest.mark.parametrize("broken", CORES)
def test_a_broken_core_is_seen(tiny: Tiny, tmp_path: Path, broken: str) -> None:
    """With any one protection of the core taken away, the rows for it fail."""
    sabotage, numbers = CORES[broken]
    found = outcomes(tiny, tmp_path, numbers, sabotage=sabotage)
    assert {number for number, (outcome, _) in found.items() if outcome == "failed"} == numbers
