"""A training that was not recorded leaves its reason: `calls == runs + skips`, and the last skip says why."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Callable
from typing import Any

import pytest

import steno
from steno.autologging import control
from steno.errors import StenoWarning
from steno.tracking.session import session

X = [[1.0], [2.0], [3.0]]
TUNER = """
from steno.plugin import Integration, hookimpl, train
class Other(Integration):
    name = "otherfw"
    @train("otherfw:tune")
    def tune(self, call):
        yield
@hookimpl
def steno_integrations(register):
    register(Other())
"""


def counts(name: str = "toyfw") -> tuple[int, int, int, int]:
    """Calls seen, runs made, skips, calls inside others."""
    row = control.status()[name]
    return row.calls, row.runs, row.skips, row.inner


def last_skip(name: str = "toyfw") -> str:
    """Why the last training was not recorded."""
    return control.status()[name].last_skip


def broken(toy: Any, old: str, new: str) -> Any:
    """The framework, watched by a plugin with one mistake in it."""
    source = (toy.site / "plug_toyfw.py").read_text()
    assert old in source
    toy.plugin(source.replace(old, new))
    control.autolog(log_models=False)
    return toy.framework()


@pytest.mark.parametrize(
    ("names", "reason"),
    [((), "switched off here by steno.off()"), (("sklearn", "toyfw"), "switched off here by steno.off('toyfw')")],
)
def test_off_for_a_block(toy: Any, core: Any, names: tuple[str, ...], reason: str) -> None:
    """A training in `with steno.off(...)` is counted as skipped, and the reason names the block's own words."""
    with control.off(*names):
        core.Model().fit(X)
        core.train({"depth": 1}, X)
    assert toy.runs() == []
    assert counts() == (2, 0, 2, 1), "the fit that `train` makes is a part of it"
    row = control.status()["toyfw"]
    assert (row.last_skip, row.last_inner) == (reason, f"part of a call that is not recorded: {reason}")
    core.Model().fit(X)
    assert (counts(), last_skip()) == ((3, 1, 2, 1), reason)


def test_another_integration_records_inside_what_is_off(toy: Any) -> None:
    """With the outer framework off by name, what the inner one trains is a training of its own."""
    toy.write("otherfw.py", "import toyfw.core\ndef tune(X):\n    return toyfw.core.Model().fit(X)\n")
    toy.plugin(TUNER, "otherfw")
    control.autolog(log_models=False)
    other: Any = importlib.import_module("otherfw")
    with control.off("otherfw"):
        other.tune(X)
    assert (counts("otherfw"), counts()) == ((1, 0, 1, 0), (1, 1, 0, 0))
    with control.off():
        other.tune(X)
    assert (counts("otherfw"), counts()) == ((2, 0, 2, 0), (1, 1, 0, 1))


def test_a_class_without_a_module(toy: Any, core: Any) -> None:
    """A class that a program made by hand, with no module to its name, trains and is recorded."""
    made = type("Made", (core.Model,), {"__module__": None})
    assert made().fit(X).mean_ == 2.0
    assert counts() == (1, 1, 0, 0)


def test_inside_a_quiet_function(toy: Any, core: Any) -> None:
    """Folds of a cross-validation are skips, and the reason names the function that they ran in."""
    core.cross_validate(core.Model(), X, folds=3)
    assert counts() == (3, 0, 3, 0)
    assert last_skip() == "inside toyfw.core.cross_validate, in which nothing is recorded"


def test_off_inside_a_quiet_function_and_the_other_way_round(toy: Any, core: Any) -> None:
    """Where both hold, the user's own switch is the reason; what they do not name leaves the function as the reason."""
    with control.off("sklearn"):
        core.cross_validate(core.Model(), X, folds=1)
    assert last_skip() == "inside toyfw.core.cross_validate, in which nothing is recorded"
    with control.off():
        core.cross_validate(core.Model(), X, folds=1)
    assert last_skip() == "switched off here by steno.off()"


def test_inside_another_training(toy: Any, core: Any) -> None:
    """What trains inside a training is part of its run, and status tells whose; it is neither a call nor a skip."""
    core.Ensemble(depth=5).fit(X)
    row = control.status()["toyfw"]
    assert counts() == (1, 1, 0, 4)
    assert (row.last_inner, row.last_skip) == ("part of a training of toyfw", "")


def test_inside_another_integrations_training(toy: Any) -> None:
    """An integration that only ever trained inside another's says so in the table."""
    toy.write(
        "otherfw.py",
        "import toyfw.core\ndef tune(X, error=None):\n    return toyfw.core.Model().fit(X)\n",
    )
    toy.plugin(TUNER, "otherfw")
    control.autolog(log_models=False)
    importlib.import_module("otherfw").tune(X)
    assert (counts("otherfw"), counts()) == ((1, 1, 0, 0), (0, 0, 0, 1))
    assert control.status()["toyfw"].cells()["why"] == "1 inside: part of a training of otherfw"


def test_inside_a_call_that_is_not_recorded(toy: Any, core: Any) -> None:
    """What trains inside a call that its plugin calls no training is told so, with the plugin's reason."""
    core.Scaler().fit(X)
    row = control.status()["toyfw"]
    assert (counts(), row.last_skip) == ((1, 0, 1, 2), "it prepares data")
    assert row.last_inner == "part of a call of toyfw that is not recorded: it prepares data"


@pytest.mark.parametrize(("word", "reason"), [("return", "its plugin says that this is no training")])
def test_a_plugin_that_returns_without_a_reason(toy: Any, word: str, reason: str) -> None:
    """A plugin that gives no reason leaves the one that can be given."""
    core = broken(toy, 'return "it prepares data"', word)
    core.Scaler().fit(X)
    assert (counts()[:3], last_skip()) == ((1, 0, 1), reason)


def test_a_plugin_that_wrote_before_it_returned(toy: Any) -> None:
    """A plugin that has written something made a run of it, whatever it returns."""
    core = broken(toy, 'return "it prepares data"', 'call.run.tags({"a": "b"}); return "too late"')
    core.Scaler().fit(X)
    assert [run.info.status for run in toy.runs()] == ["FINISHED"]
    assert counts()[:3] == (1, 1, 0)


def test_a_run_that_cannot_be_opened(toy: Any, core: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a store that nobody can open, trainings go on, are skips, and status has the store's own words."""
    monkeypatch.setenv("STENO_TRACKING_URI", "nonsense://nowhere")
    with pytest.warns(StenoWarning, match="opening a run failed"):
        assert core.Model().fit(X).mean_ == 2.0
    assert core.Model().fit(X).mean_ == 2.0
    assert counts()[:3] == (2, 0, 2)
    assert last_skip().startswith(
        "its run could not be opened: InvalidInputError: tracking URI is 'nonsense://nowhere'"
    )
    row = control.status()["toyfw"]
    assert row.last_fault.startswith("opening a run: InvalidInputError: tracking URI")
    assert "Traceback (most recent call last)" in row.last_traceback


def test_a_plugin_stops_where_no_run_could_be_opened(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a run the plugin's code behind its `yield` costs nothing: it is not run, and it is cleaned up."""
    core = broken(
        toy,
        "        result = yield\n",
        "        try:\n            result = yield\n        finally:\n            type(self).ended = True\n",
    )
    monkeypatch.setenv("STENO_TRACKING_URI", "nonsense://nowhere")
    with pytest.warns(StenoWarning) as said:
        core.Model().fit(X)
    assert [str(each.message).split(" failed")[0] for each in said] == ["toyfw: opening a run"]
    integration = control._Home.switchboard.process.service("toyfw").integration
    assert integration.ended is True  # type: ignore[union-attr]  # set by the plugin above


def test_a_users_run_under_exclusive_and_another_rank(toy: Any, core: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exclusive and other ranks skip with their reason, and each later run is counted."""
    control.autolog(exclusive=True, log_models=False)
    with steno.start_run():
        core.Model().fit(X)
    assert last_skip() == "a run of yours is active, and steno.autolog(exclusive=True) says not to record then"
    monkeypatch.setenv("RANK", "3")
    core.Model().fit(X)
    assert last_skip() == "this is process 3 of a distributed training; process 0 records it"
    monkeypatch.delenv("RANK")
    core.Model().fit(X)
    assert counts()[:3] == (3, 1, 2)


def test_what_another_plugin_answers_for(toy: Any) -> None:
    """A method that comes down to a class of another plugin's is that one's to record, and the reason names it."""
    toy.write(
        "otherfw.py",
        """
        import toyfw.core
        class Net(toyfw.core.FitsToo, toyfw.core.Model):
            def fit(self, X):
                return self
        """,
    )
    toy.plugin(
        """
        from steno.plugin import Integration, hookimpl
        class Other(Integration):
            name, requires, owns = "otherfw", "", ("otherfw",)
        @hookimpl
        def steno_integrations(register):
            register(Other())
        """,
        "otherfw",
    )
    control.autolog(log_models=False)
    core = toy.framework()
    core.Mixed().fit_transform(X)
    importlib.import_module("otherfw").Net().fit_transform(X)
    assert counts()[:3] == (2, 1, 1)
    assert last_skip() == "otherfw.Net is for the integration 'otherfw' to record"


def test_a_step_that_is_given_up_still_makes_runs(toy: Any) -> None:
    """Before-code that fails each time is not tried any more; each run lists that, and is a run all the same."""
    core = broken(toy, "call.run.params({", "1 / 0; call.run.params({")
    with pytest.warns(StenoWarning, match="fit before failed"):
        core.Model().fit(X)
    core.Model().fit(X)
    with pytest.warns(StenoWarning, match="failed 3 times in a row and is given up"):
        core.Model().fit(X)
    core.Model().fit(X)
    assert counts()[:3] == (4, 4, 0)
    assert ["given up" in run.data.tags["steno.faults"] for run in toy.runs()] == [False, False, False, True]
    control.disable("toyfw")
    control.enable("toyfw")
    core.Model().fit(X)
    assert "division by zero" in toy.runs()[-1].data.tags["steno.faults"], "switching on again tries again"


@pytest.mark.parametrize("place", ["before", "after"])
def test_an_interrupt_in_the_plugins_own_code(toy: Any, place: str) -> None:
    """Ctrl-C before there is a run is a skip with that reason; after it, the run is there and is killed."""
    old, new = {
        "before": ("        call.run.params({", "        raise KeyboardInterrupt\n        call.run.params({"),
        "after": ("result = yield", "result = yield; raise KeyboardInterrupt"),
    }[place]
    core = broken(toy, old, new)
    with pytest.raises(KeyboardInterrupt):
        core.Model().fit(X)
    if place == "before":
        assert (counts()[:3], toy.runs()) == ((1, 0, 1), [])
        assert last_skip() == "it was interrupted before its run was opened: KeyboardInterrupt"
    else:
        assert (counts()[:3], [run.info.status for run in toy.runs()]) == ((1, 1, 0), ["KILLED"])


def test_a_process_that_may_not_record_says_so_in_every_row(toy: Any, run_python: Any) -> None:
    """In a forked child each integration that would be on is off, for the reason that the note gives."""
    done = run_python(
        "import os, sys\nsys.path.insert(0, sys.argv[1])\nimport steno\nsteno.autolog(log_models=False)\n"
        "from toyfw.core import Model\nModel().fit([[1.0]])\n"
        "if os.fork() == 0:\n"
        "    Model().fit([[1.0]])\n"
        "    status = steno.status()\n"
        "    row = status['toyfw']\n"
        "    assert row.why == status.note, row\n"
        "    print(row.state, row.why, {patch.state for patch in row.patches}, flush=True)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "print(steno.status()['toyfw'].state, len(steno.search_runs(output_format='list')))\n",
        str(toy.site),
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "off this is a child process: nothing is recorded here unless you call steno.autolog(children=True) {'off'}",
        "on 1",
    ]


def _plain(core: Any) -> None:
    core.Model().fit(X)


def _off(core: Any) -> None:
    with control.off("toyfw"):
        core.Model().fit(X)


def _quiet(core: Any) -> None:
    core.cross_validate(core.Model(), X)


def _nested(core: Any) -> None:
    core.Ensemble().fit(X)


def _no_training(core: Any) -> None:
    core.Scaler().fit(X)


def _failing(core: Any) -> None:
    with contextlib.suppress(ValueError):
        core.Model().fit(X, error=ValueError("no"))


def test_every_call_is_a_run_or_a_skip_under_threads(toy: Any, core: Any) -> None:
    """Six kinds of calls in eight threads at once: calls are runs and skips, and runs are in the store."""
    kinds: list[Callable[[Any], None]] = [_plain, _off, _quiet, _nested, _no_training, _failing]
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        barrier.wait()
        for turn in range(6):
            kinds[(number + turn) % 6](core)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    calls, runs, skips, _inner = counts()
    assert (calls, runs, skips) == (64, 24, 40), "eight each of 1 + 1 + 3 + 1 + 1 + 1 calls"
    assert len(toy.runs()) == runs
    assert session().active() is None


def test_a_function_patched_by_another_tool_is_counted(toy: Any, core: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody put other code into a patched function, status says how many there are."""
    before = len(control.status()["toyfw"].patches)
    monkeypatch.setattr(core.train, "__code__", (lambda params, data, rounds=3, *, error=None: None).__code__)
    row = control.status()["toyfw"]
    assert (row.state, row.why) == ("on", f"another tool patched 1 of {before} functions after us")
