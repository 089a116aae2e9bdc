"""The fixtures that every plugin's tests get from steno."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import steno
from steno.testing import Interpreter, IsolatedStore, SteadyIds, StillClock


def test_a_store_is_empty_and_its_own(steno_store: IsolatedStore, tmp_path: Path) -> None:
    """The store of a test is a fresh folder, which is the working directory, and lists its runs oldest first."""
    assert steno_store.runs() == []
    for name in ("first", "second"):
        with steno.start_run(run_name=name):
            steno.log_param("depth", 2)
    assert [run.info.run_name for run in steno_store.runs()] == ["first", "second"]
    assert (Path.cwd(), steno_store.path.parent) == (steno_store.path, tmp_path)
    assert (steno_store.path / ".steno" / "steno.db").exists()


def test_the_only_run_is_one_call_away(steno_store: IsolatedStore) -> None:
    """`run()` gives the only run; where there are others, the failure lists what was recorded."""
    with steno.start_run(run_name="alone"):
        steno.log_metric("loss", 0.5)
    run = steno_store.run()
    assert (run.info.run_name, run.data.metrics) == ("alone", {"loss": 0.5})
    steno.start_run(run_name="too-many")
    with pytest.raises(pytest.fail.Exception) as failure:
        steno_store.run()
    lines = str(failure.value).splitlines()
    assert lines == [
        "the store has 2 runs, not 1",
        "  alone (FINISHED, by the user): params {}, {'loss': 0.5}",
        "  too-many (RUNNING, by the user): params {}, {}",
    ]


def test_records_are_the_same_every_time(
    steno_store: IsolatedStore, steno_clock: StillClock, steno_ids: SteadyIds
) -> None:
    """With the clock held still and ids in order, ids, names and times of a run can be written into a test."""
    with steno.start_run() as run:
        steno.log_metric("loss", 0.5)
        steno_clock.advance(1.5)
        steno.log_metric("loss", 0.25, step=1)
        steno_clock.advance(60)
    other = steno.start_run()
    info = steno_store.runs()[0].info
    assert (run.info.run_id, other.info.run_id) == (f"{1:032x}", f"{2:032x}")
    assert (info.run_name, other.info.run_name) == ("spry-pike-419", "prime-iguana-839")
    assert (info.start_time, info.end_time) == (1767225600000, 1767225661500)
    history = steno.Client().get_metric_history(run.info.run_id, "loss")
    assert [(point.step, point.timestamp) for point in history] == [(0, 1767225600000), (1, 1767225601500)]
    assert steno_clock.ms == 1767225661500
    steno.create_experiment("dated")
    experiment = steno.get_experiment_by_name("dated")
    assert experiment is not None
    assert experiment.creation_time == steno_clock.ms


def test_a_script_runs_in_the_store_of_the_test(
    steno_python: Interpreter, steno_store: IsolatedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fresh interpreter writes into the test's store, and finds the packages that the test has put on its path."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "of_this_test.py").write_text("DEPTH = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    source = (
        "import os, sys, of_this_test, steno\n"
        "with steno.start_run(run_name=sys.argv[1]):\n"
        "    steno.log_param('depth', of_this_test.DEPTH)\n"
        "print(os.environ['SPOKEN'])\n"
        "sys.exit(3)\n"
    )
    done = steno_python(source, "from-outside", env={"SPOKEN": "häuser"})
    assert (done.returncode, done.stdout, done.stderr) == (3, "häuser\n", "")
    run = steno_store.run()
    assert (run.info.run_name, str(run.info.status)) == ("from-outside", "FINISHED")
    assert run.data.params == {"depth": "3"}


def test_both_ways_of_patching(installer: str) -> None:
    """A test that asks for `installer` runs with each way of patching."""
    assert os.environ["STENO_PATCH"] == installer
    assert installer in ("in place", "attribute")


def test_pytest_pays_nothing_for_the_plugin(steno_python: Interpreter) -> None:
    """Every pytest of an environment with steno loads the fixtures: not one library of ours comes with them."""
    source = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "import steno.testing.fixtures\n"
        "new = {name for name in set(sys.modules) - before if not name.startswith('importlib')}\n"
        "print(sorted(name for name in new if name.partition('.')[0] not in sys.stdlib_module_names))\n"
    )
    done = steno_python(source)
    ours = ["steno", "steno.autologging", "steno.autologging.namespace", "steno.testing", "steno.testing.fixtures"]
    assert (done.stdout.strip(), done.stderr) == (str(ours), "")


def test_steno_itself_never_loads_pytest(steno_python: Interpreter) -> None:
    """A user's program that imports steno and trains has no test library in it."""
    done = steno_python(
        "import sys, steno\nsteno.autolog()\nwith steno.start_run(): pass\nprint('pytest' in sys.modules)"
    )
    assert (done.stdout, done.stderr) == ("False\n", "")
    assert "pytest" in sys.modules
