"""Switches: what each one switches, that, and for whom it was switched; none of MLflow's surprises."""

from __future__ import annotations

import asyncio
import gc
import importlib
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import steno
from steno.autologging import control
from steno.errors import IntegrationError, InvalidInputError, StenoWarning
from steno.tracking.session import session

X = [[1.0], [2.0], [3.0]]
OTHER = """
from steno.plugin import Integration, hookimpl, option, train
class Other(Integration):
    name = "otherfw"
    keep: int = option(1, "how many to keep")
    @train("otherfw:train")
    def fit(self, call):
        call.run.params({"by": "otherfw"})
        yield
@hookimpl
def steno_integrations(register):
    register(Other())
"""


@pytest.fixture
def other(toy: Any) -> Any:
    """A second framework of one function, installed with its plugin."""
    toy.write("otherfw.py", "def train(error=None):\n    if error is not None:\n        raise error\n    return 7\n")
    toy.plugin(OTHER, "otherfw")
    control.autolog(log_models=False)
    return importlib.import_module("otherfw")


def makers(toy: Any) -> list[str]:
    """Which integration made each run, oldest first."""
    return [run.data.tags["steno.integration"] for run in toy.runs()]


# -- per framework


def test_one_framework_is_switched_and_the_others_are_not(toy: Any, core: Any, other: Any) -> None:
    """Off and on again for one by name leaves the other as it was, whichever way it is said."""
    for off, on in (
        (lambda: control.disable("toyfw"), lambda: control.enable("toyfw")),
        (lambda: steno.toyfw.autolog(disable=True), lambda: steno.toyfw.autolog(log_models=False)),
        (
            lambda: control.autolog(log_models=False, toyfw=False),
            lambda: control.autolog(log_models=False, toyfw=True),
        ),
    ):
        before = len(toy.runs())
        off()
        core.Model().fit(X)
        other.train()
        on()
        core.Model().fit(X)
        assert makers(toy)[before:] == ["otherfw", "toyfw"]


@pytest.mark.parametrize("first", ["one", "all"])
def test_everything_off_is_everything(toy: Any, core: Any, other: Any, first: str) -> None:
    """`autolog(disable=True)` also switches off what was switched on by its own name, in either order of the calls."""
    if first == "one":
        steno.toyfw.autolog(log_models=False)
        control.autolog(disable=True)
        assert makers(toy) == []
    else:
        control.autolog(disable=True)
        steno.toyfw.autolog(log_models=False)
        core.Model().fit(X)
        assert makers(toy) == ["toyfw"], "and what is asked for by name afterwards is on, alone"
        control.autolog(disable=True)
    before = len(toy.runs())
    core.Model().fit(X)
    other.train()
    assert len(toy.runs()) == before


@pytest.mark.parametrize("order", ["one first", "all first"])
def test_an_option_for_one_wins_over_that_for_all(toy: Any, core: Any, other: Any, order: str) -> None:
    """What is said of one integration holds for it, whether all were told something else before or after."""
    calls: list[Callable[[], object]] = [
        lambda: steno.toyfw.autolog(log_models=False, exclusive=True, extra_tags={"team": "blue"}),
        lambda: control.autolog(log_models=True, exclusive=False, extra_tags={"team": "red"}),
    ]
    for call in calls if order == "one first" else reversed(calls):
        call()
    assert control.status()["toyfw"].options["log_models"] is False  # type: ignore[index]  # it has options
    assert control.status()["otherfw"].options["log_models"] is True  # type: ignore[index]  # it has options
    with steno.start_run():
        core.Model().fit(X)
        other.train()
        other.train()
    core.Model().fit(X)
    mine, child, own = toy.runs()
    assert (mine.data.tags["steno.integration"], dict(mine.data.params)["by"].value) == ("otherfw", "otherfw")
    assert "team" not in mine.data.tags, "the run is the user's, not one that a training opened"
    assert (child.data.tags["steno.integration"], child.data.tags["team"]) == ("otherfw", "red")
    assert (own.data.tags["steno.integration"], own.data.tags["team"]) == ("toyfw", "blue")
    assert control.status()["toyfw"].last_skip.startswith("a run of yours is active")


def test_the_flags_of_one_may_stand_among_its_options(toy: Any, core: Any, other: Any) -> None:
    """`autolog(toyfw={"exclusive": True, ...})` is `steno.toyfw.autolog(exclusive=True, ...)`, checked as strictly."""
    control.autolog(log_models=False, toyfw={"exclusive": True, "extra_tags": {"team": "blue"}, "keep": 3})
    with steno.start_run():
        core.Model().fit(X)
        other.train()
    core.Model().fit(X)
    assert makers(toy) == ["otherfw", "toyfw"]
    assert toy.runs()[1].data.tags["team"] == "blue"
    steno.toyfw.autolog(log_models=False)
    with steno.start_run():
        core.Model().fit(X)
    assert makers(toy) == ["otherfw", "toyfw", "toyfw"], "the next call for it says nothing of exclusive"
    for wrong in ({"silent": "yes"}, {"exclusive": 1}, {"extra_tags": ["blue"]}):
        with pytest.raises(InvalidInputError, match=next(iter(wrong))):
            control.autolog(toyfw=wrong)
        with pytest.raises(InvalidInputError, match=next(iter(wrong))):
            steno.toyfw.autolog(**wrong)


# -- exclusive and extra_tags


def test_exclusive_leaves_the_users_run_as_it_was(toy: Any, core: Any) -> None:
    """Nothing of a training is in the user's run, no other run is made, and scores later on go nowhere either."""
    control.autolog(exclusive=True, log_models=False)
    with steno.start_run(run_name="mine") as run:
        steno.log_param("mine", 1)
        model = core.Model().fit(X)
        core.accuracy([2.0], model.predict([[1.0]]))
    (found,) = toy.runs()
    assert (found.info.run_id, found.info.status) == (run.info.run_id, "FINISHED")
    assert (set(found.data.params), dict(found.data.metrics)) == ({"mine"}, {})
    assert "steno.integration" not in found.data.tags


def test_exclusive_from_the_environment(toy: Any, core: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """STENO_EXCLUSIVE=true is `exclusive=True`, and an argument wins over it."""
    monkeypatch.setenv("STENO_EXCLUSIVE", "true")
    control.autolog(log_models=False)
    with steno.start_run():
        core.Model().fit(X)
    control.autolog(log_models=False, exclusive=False)
    with steno.start_run():
        core.Model().fit(X)
    assert ["steno.integration" in run.data.tags for run in toy.runs()] == [False, True]


def test_extra_tags_are_replaced_and_never_merged(toy: Any, core: Any) -> None:
    """Each call of autolog says which tags there are; values become text; they hide no tag of ours."""
    control.autolog(log_models=False, extra_tags={"team": "blue", "ticket": 7})  # type: ignore[dict-item]  # as users do
    core.Model().fit(X)
    control.autolog(log_models=False, extra_tags={"team": "red", "steno.integration": "mine"})
    core.Model().fit(X)
    control.autolog(log_models=False)
    core.Model().fit(X)
    kept = [{key: run.data.tags.get(key) for key in ("team", "ticket", "steno.integration")} for run in toy.runs()]
    assert kept == [
        {"team": "blue", "ticket": "7", "steno.integration": "toyfw"},
        {"team": "red", "ticket": None, "steno.integration": "toyfw"},
        {"team": None, "ticket": None, "steno.integration": "toyfw"},
    ]


@pytest.mark.parametrize("where", ["environment", "project"])
def test_extra_tags_from_outside(toy: Any, core: Any, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """STENO_EXTRA_TAGS, or a table in the project file, tags every run; an argument wins, also an empty one."""
    if where == "environment":
        monkeypatch.setenv("STENO_EXTRA_TAGS", "team=blue, stage = a=b,")
    else:
        Path("pyproject.toml").write_text('[tool.steno]\nextra_tags = {team = "blue", stage = "a=b"}\n')
    control.autolog(log_models=False)
    core.Model().fit(X)
    control.autolog(log_models=False, extra_tags={})
    core.Model().fit(X)
    kept = [{key: run.data.tags.get(key) for key in ("team", "stage")} for run in toy.runs()]
    assert kept == [{"team": "blue", "stage": "a=b"}, {"team": None, "stage": None}]
    monkeypatch.setenv("STENO_EXTRA_TAGS", "blue")
    with pytest.raises(InvalidInputError, match=r"setting 'extra_tags' has value 'blue'.*STENO_EXTRA_TAGS=team=blue"):
        control.autolog()


@pytest.mark.parametrize("value", ["3", "true", "{sklearn = true}", "[['sklearn']]"])
def test_a_project_file_that_names_nobody(toy: Any, value: str) -> None:
    """What is no name or list of names under `disable` is an error that says what to write."""
    Path("pyproject.toml").write_text(f"[tool.steno]\ndisable = {value}\n")
    with pytest.raises(
        InvalidInputError, match=r"setting 'disable' has value .*disable = \[\"sklearn\"\] in \[tool.steno"
    ):
        control.autolog()
    with steno.start_run() as run:
        pass
    assert steno.get_run(run.info.run_id).info.status == "FINISHED"


def test_the_project_file_switches_off_and_status_says_that_it_does(toy: Any) -> None:
    """The reason names the place in which the reader finds it."""
    Path("pyproject.toml").write_text('[tool.steno]\ndisable = ["toyfw", "gone"]\n')
    control.autolog()
    status = control.status()
    row, place = status["toyfw"], "disable in [tool.steno] of pyproject.toml"
    assert (row.state, row.why) == ("blocked", f"switched off from outside by {place}")
    assert status.note == f"{place} names 'gone', which no installed plugin is called"


# -- silent


def faulty(toy: Any, **said: Any) -> Any:
    """The framework, watched by a plugin that fails before each training."""
    source = (toy.site / "plug_toyfw.py").read_text()
    toy.plugin(source.replace("call.run.params({", "1 / 0; call.run.params({"))
    control.autolog(log_models=False, **said)
    return toy.framework()


@pytest.mark.parametrize("said", [{"silent": True}, {"toyfw": {"silent": True}}, {}])
def test_silent_says_nothing_and_hides_nothing(toy: Any, said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With silent no warning of ours is shown, by argument, for one, or by STENO_SILENT; status has the fault."""
    if not said:
        monkeypatch.setenv("STENO_SILENT", "1")
    core = faulty(toy, **said)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(4):
            core.Model().fit(X, callback=lambda _model: warnings.warn("the user's own", UserWarning, stacklevel=1))
    assert {str(each.message) for each in caught} == {"the user's own"}
    assert control.status()["toyfw"].last_fault == "fit before: ZeroDivisionError: division by zero"
    assert control.silent() is ("toyfw" not in said)
    monkeypatch.delenv("STENO_SILENT", raising=False)
    control.autolog(log_models=False, toyfw={"silent": False})
    assert not control.silent()


def test_silence_of_one_leaves_the_others_heard(toy: Any, other: Any) -> None:
    """Silent for one framework is silent for that one."""
    core = faulty(toy, otherfw={"silent": True})
    with pytest.warns(StenoWarning, match="toyfw: fit before failed"):
        core.Model().fit(X)


@pytest.mark.parametrize("silent", [False, True])
def test_the_machinery_of_warnings_is_the_programs_own(toy: Any, core: Any, silent: bool) -> None:
    """Nothing about warnings is replaced while a training is recorded: not the filters, not `showwarning`."""
    control.autolog(log_models=False, silent=silent)
    before = (warnings.showwarning, warnings.warn, list(warnings.filters))
    seen = []
    core.Model().fit(
        X, callback=lambda _model: seen.append((warnings.showwarning, warnings.warn, list(warnings.filters)))
    )
    assert seen == [before] * 3
    assert len(toy.runs()) == 1


# -- per block, thread and task


def test_off_is_of_one_task(toy: Any, core: Any) -> None:
    """Of two tasks that take turns on one thread, the one inside `off` is not recorded and the other is."""

    async def quiet(turn: asyncio.Event, done: asyncio.Event) -> None:
        with control.off("toyfw"):
            turn.set()
            await done.wait()
            core.Model(1).fit(X)
            await asyncio.to_thread(core.Model(2).fit, X)
        core.Model(3).fit(X)

    async def heard(turn: asyncio.Event, done: asyncio.Event) -> None:
        await turn.wait()
        core.Model(4).fit(X)
        done.set()

    async def main() -> None:
        turn, done = asyncio.Event(), asyncio.Event()
        await asyncio.gather(quiet(turn, done), heard(turn, done))

    asyncio.run(main())
    assert [run.data.params["depth"].value for run in toy.runs()] == [4, 3]
    assert control.status()["toyfw"].skips == 2


def test_off_inside_off_of_everything_ends_with_its_own_block(toy: Any, core: Any, other: Any) -> None:
    """An inner block, left normally or by an error, never switches on what the outer one has off."""
    with control.off():
        with pytest.raises(ZeroDivisionError), control.off("toyfw"):
            _ = 1 / 0
        core.Model().fit(X)
        other.train()
    assert makers(toy) == []
    with control.off("toyfw"):
        with control.off():
            other.train()
        other.train()
        core.Model().fit(X)
    assert makers(toy) == ["otherfw"]


def test_enable_does_not_break_into_a_block(toy: Any, core: Any) -> None:
    """Inside `with steno.off()` an `enable` or `autolog` holds for the time behind the block."""
    control.disable("toyfw")
    with control.off():
        control.enable("toyfw")
        core.Model().fit(X)
    assert toy.runs() == []
    core.Model().fit(X)
    assert len(toy.runs()) == 1


# -- at any time


def test_a_thousand_switches_under_four_fitting_threads(toy: Any, core: Any) -> None:
    """Four threads train while a fifth switches a thousand times: every fit is right, every run is ended.

    In the end the functions are the original ones, and nothing of ours is left in their module.
    """
    control.disable("toyfw")
    functions = [core.Model.fit, core.Boosted.fit, core.Model._step, core.train, core.accuracy]
    codes = [function.__code__ for function in functions]
    stop, errors, fits = threading.Event(), [], [0] * 4

    def train(number: int) -> None:
        try:
            while not stop.is_set():
                assert core.Boosted(number).fit([[float(number)]], rounds=2).mean_ == number
                fits[number] += 1
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=train, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(500):
        control.enable("toyfw")
        control.disable("toyfw")
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert min(fits) > 0
    row = control.status()["toyfw"]
    assert (row.state, row.patches, row.calls) == ("off", (), row.runs + row.skips)
    runs = list(steno.search_runs(max_results=50_000, output_format="list"))
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len(runs) == row.runs
    assert session().active() is None
    assert [function.__code__ for function in functions] == codes
    gc.collect()
    assert [name for name in vars(core) if name.startswith("__steno")] == []


@pytest.mark.parametrize(
    "off",
    [
        lambda: control.disable("toyfw"),
        control.disable,
        lambda: control.autolog(disable=True),
        lambda: control.autolog(exclude="toyfw"),
        lambda: control.framework("toyfw").disable(),
    ],
)
def test_off_during_a_fit_finishes_its_run(toy: Any, core: Any, off: Any) -> None:
    """However it is switched off in the middle, the run has what follows, and the next fit is none."""
    done: list[int] = []

    def callback(_model: Any) -> None:
        if not done:
            off()
        done.append(1)

    core.Boosted(3).fit(X, rounds=2, callback=callback)
    core.Boosted(4).fit(X, rounds=2)
    (run,) = toy.runs()
    assert (run.info.status, run.data.params["depth"].value, run.data.metrics["mean"]) == ("FINISHED", 3, 2.0)
    row = control.status()["toyfw"]
    assert (row.state, row.calls, row.runs) == ("off", 1, 1)


def test_on_during_a_fit_records_the_next_one(toy: Any, core: Any) -> None:
    """Switching on in the middle of a fit records nothing of that one, and all of the next."""
    control.disable("toyfw")
    core.Model(1).fit(X, rounds=1, callback=lambda _model: control.enable("toyfw"))
    core.Model(2).fit(X)
    assert [run.data.params["depth"].value for run in toy.runs()] == [2]


# -- from outside


def test_the_environment_names_plugins_that_do_not_exist(toy: Any, core: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name in STENO_DISABLE that nobody has is told by status, with the variable's name."""
    monkeypatch.setenv("STENO_DISABLE", "sklaern,toyfw")
    control.autolog(log_models=False)
    status = control.status()
    assert status.note == "STENO_DISABLE names 'sklaern', which no installed plugin is called"
    assert str(status).startswith(status.note)
    assert status["toyfw"].state == "blocked"


def test_the_environment_switches_off_plugins_without_a_framework(
    toy: Any, core: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An always-on plugin named in STENO_DISABLE is not even loaded, and is `blocked`."""
    toy.write("plug_bell.py", "raise RuntimeError('must not be loaded')")
    toy.write("plug_bell-1.0.dist-info/METADATA", "Name: plug-bell\nVersion: 1.0\n\n")
    toy.write("plug_bell-1.0.dist-info/entry_points.txt", "[steno.plugins]\nbell = plug_bell\n")
    monkeypatch.setenv("STENO_DISABLE", "bell")
    core.Model().fit(X)
    row = control.status()["bell"]
    assert (row.state, row.why) == ("blocked", "switched off from outside by STENO_DISABLE")
    assert len(toy.runs()) == 1


def test_a_name_that_is_blocked_may_be_asked_for(toy: Any, core: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever set STENO_DISABLE has the last word: asking by name is no error and changes nothing."""
    monkeypatch.setenv("STENO_DISABLE", "toyfw")
    control.autolog(log_models=False)
    control.enable("toyfw")
    steno.toyfw.autolog(log_models=False)
    core.Model().fit(X)
    assert toy.runs() == []
    assert control.status()["toyfw"].state == "blocked"
    with pytest.raises(IntegrationError, match="no integration is called 'toyfv'"):
        control.enable("toyfv")
