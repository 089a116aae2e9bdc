"""What a patched call does: the framework's work, once, untouched, and a true record of it."""

from __future__ import annotations

import asyncio
import gc
import importlib
import inspect
import json
import sys
import traceback
import warnings
import weakref
from types import ModuleType
from typing import Any

import pytest

from steno.autologging import control
from steno.errors import StenoWarning

X = [[1.0], [2.0], [3.0]]


def metrics(run: Any) -> dict[str, float]:
    """The latest values of a run."""
    found: dict[str, float] = run.data.metrics
    return found


def faults(run: Any) -> list[tuple[str, str, str]]:
    """What the run lists as not recorded."""
    return [(fault["step"], fault["type"], fault["message"]) for fault in json.loads(run.data.tags["steno.faults"])]


def test_a_training_is_recorded_as_its_plugin_says(toy: Any, core: Any) -> None:
    """One fit is one finished run with its params, tags, the points of each iteration and its final metrics."""
    core.Model(depth=4).fit(X, rounds=2)
    (run,) = toy.runs()
    assert run.info.status == "FINISHED"
    assert {name: param.value for name, param in run.data.params.items()} == {
        "depth": 4,
        "rounds": 2,
        "class": "Model",
    }
    assert metrics(run) == {"loss": 0.5, "mean": 2.0}
    assert run.data.tags["data"] == "X"
    assert (run.data.tags["mlflow.autologging"], run.data.tags["steno.integration"]) == ("toyfw", "toyfw")


@pytest.mark.parametrize("first", ["framework", "autolog"])
def test_order_of_import_and_autolog_does_not_matter(toy: Any, first: str) -> None:
    """Trainings are recorded whether the framework or autolog came first, also through names imported early."""
    if first == "framework":
        early = toy.framework().train
        control.autolog(log_models=False)
    else:
        control.autolog(log_models=False)
        early = toy.framework().train
    early({"depth": 1}, X)
    (run,) = toy.runs()
    assert run.data.params["target"] == "train"


def test_arguments_and_result_are_the_very_objects(toy: Any, core: Any) -> None:
    """The framework gets the user's objects and the user gets the framework's."""
    seen: list[Any] = []
    model = core.Model()
    data = [[1.0]]
    assert model.fit(data, callback=seen.append) is model
    assert all(each is model for each in seen)
    assert len(seen) == 3
    assert len(toy.runs()) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda core: core.train({"depth": 1}, X, 2),
        lambda core: core.train({"depth": 1}, X, rounds=2),
        lambda core: core.train(params={"depth": 1}, data=X, rounds=2),
    ],
)
def test_arguments_are_found_however_they_were_passed(toy: Any, core: Any, call: Any) -> None:
    """By position or by name, the same call gives the same params."""
    call(core)
    (run,) = toy.runs()
    assert run.data.params["rounds"].value == 2


@pytest.mark.parametrize("installer", ["in place", "attribute"])
def test_an_argument_that_was_not_given_has_the_functions_own_default(
    toy: Any, installer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever way a function is patched: its own default, and the plugin's only for what it has none of."""
    monkeypatch.setenv("STENO_PATCH", installer)
    core = broken(
        toy,
        'call.run.params({"rounds": call.arg("rounds"), "target": "train"})',
        "call.run.params({name: call.arg(name, 'mine') for name in ('rounds', 'error', 'data', 'nothing')})",
    )
    core.train({}, data=X)
    (run,) = toy.runs()
    assert {name: param.value for name, param in run.data.params.items()} == {
        "rounds": 3,
        "error": None,
        "data": X,
        "nothing": "mine",
    }


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("no data"), "FAILED"),
        (KeyboardInterrupt(), "KILLED"),
        (SystemExit(3), "FAILED"),
        (SystemExit(0), "FINISHED"),
        (GeneratorExit(), "KILLED"),
    ],
)
def test_what_the_framework_raises_passes_and_ends_the_run(
    toy: Any, core: Any, error: BaseException, status: str
) -> None:
    """The same exception object arrives, with nothing chained to it, and the run's status is true."""
    with pytest.raises(type(error)) as caught:
        core.Model().fit(X, error=error)
    assert caught.value is error
    assert error.__context__ is None
    assert error.__cause__ is None
    assert traceback.extract_tb(error.__traceback__)[-1].filename == core.__file__
    (run,) = toy.runs()
    assert run.info.status == status
    assert metrics(run) == {"loss": pytest.approx(1 / 3)}, "what was recorded up to the error is kept"
    assert ("no data" in run.data.tags.get("steno.error", "")) == (status == "FAILED" and type(error) is ValueError)


def test_signature_and_doc_stay(core: Any) -> None:
    """A patched method looks like the original: signature, doc, name, kind."""
    assert str(inspect.signature(core.Model.fit)) == "(self, X, y=None, *, rounds=3, error=None, callback=None)"
    assert (core.Model.fit.__doc__, core.Model.fit.__qualname__) == ("Train.", "Model.fit")
    assert inspect.isfunction(core.Model.fit)


def broken(toy: Any, old: str, new: str) -> Any:
    """The framework, watched by a plugin with one mistake in it."""
    source = (toy.site / "plug_toyfw.py").read_text()
    assert old in source
    toy.plugin(source.replace(old, new))
    control.autolog(log_models=False)
    return toy.framework()


def test_a_fault_before_the_training_costs_only_what_it_would_have_recorded(toy: Any) -> None:
    """The training runs once, warns once, and its run lists what is missing."""
    core = broken(toy, "call.run.params({", "1 / 0; call.run.params({")
    with pytest.warns(StenoWarning, match="toyfw: fit before failed .ZeroDivisionError") as said:
        model = core.Model().fit(X)
    assert model.mean_ == 2.0
    assert len(said) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        core.Model().fit(X)
    for run in toy.runs():
        assert run.info.status == "FINISHED"
        assert metrics(run) == {"loss": pytest.approx(1 / 3)}
        assert faults(run) == [("fit before", "ZeroDivisionError", "division by zero")]
    assert control.status()["toyfw"].last_fault == "fit before: ZeroDivisionError: division by zero"


def test_a_fault_after_the_training_keeps_what_was_recorded(toy: Any) -> None:
    """The result arrives and the run is finished, with its params and a note of the fault."""
    core = broken(toy, "call.run.metrics({", "1 / 0; call.run.metrics({")
    with pytest.warns(StenoWarning, match="fit after failed"):
        assert core.Model().fit(X).mean_ == 2.0
    (run,) = toy.runs()
    assert run.info.status == "FINISHED"
    assert run.data.params["depth"] == "2"
    assert faults(run) == [("fit after", "ZeroDivisionError", "division by zero")]


def test_a_fault_in_every_iteration_is_given_up(toy: Any) -> None:
    """An observer that fails again and again is called three times, and said twice: once failing, once given up."""
    core = broken(toy, "call.run.metrics(result, step=call.args[0])", "raise KeyError(call.args[0])")
    with pytest.warns(StenoWarning) as said:
        core.Model().fit(X, rounds=50)
    assert ["given up" in str(each.message) for each in said] == [False, True]
    (run,) = toy.runs()
    assert [fault[2] for fault in faults(run)] == ["0", "1", "2"]
    assert metrics(run) == {"mean": 2.0}


def test_a_fault_says_nothing_where_warnings_are_errors(toy: Any) -> None:
    """A user who turns warnings into errors gets no error of ours."""
    core = broken(toy, "call.run.params({", "1 / 0; call.run.params({")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert core.Model().fit(X).mean_ == 2.0


def test_bad_values_are_noted_and_the_rest_is_kept(toy: Any) -> None:
    """A metric that is no number costs that metric; the plugin's next line runs."""
    core = broken(toy, 'call.run.metrics({"mean"', 'call.run.metric("bad", object()); call.run.metrics({"mean"')
    with pytest.warns(StenoWarning, match="metrics failed"):
        core.Model().fit(X)
    (run,) = toy.runs()
    assert metrics(run) == {"loss": pytest.approx(1 / 3), "mean": 2.0}
    assert faults(run)[0][:2] == ("metrics", "InvalidInputError")


def test_a_plugin_that_yields_twice_is_told(toy: Any) -> None:
    """The second yield is a fault of the plugin; the training and its run are whole."""
    core = broken(toy, "result = yield", "yield; result = yield")
    with pytest.warns(StenoWarning, match="yields twice"):
        assert core.Model().fit(X).mean_ == 2.0
    (run,) = toy.runs()
    assert run.info.status == "FINISHED"


def test_what_is_no_training_opens_no_run(toy: Any, core: Any) -> None:
    """A plugin may say that a call is no training; nothing inside is recorded and status knows the reason."""
    core.Scaler().fit(X)
    assert toy.runs() == []
    row = control.status()["toyfw"]
    assert (row.calls, row.runs, row.skips, row.last_skip) == (1, 0, 1, "it prepares data")


def test_chains_and_wrappers_are_one_run(toy: Any, core: Any) -> None:
    """A fit that calls another fit, its own super's or another model's, is one run: the outermost."""
    core.Boosted(depth=7).fit(X)
    core.train({"depth": 8}, X)
    assert [run.data.params["depth"].value for run in toy.runs()] == [7, 8]
    assert toy.runs()[0].data.params["class"] == "Boosted"


def test_nothing_is_recorded_inside_a_quiet_function(toy: Any, core: Any) -> None:
    """Folds of a cross-validation open no runs, and the next training does."""
    core.cross_validate(core.Model(), X)
    assert toy.runs() == []
    core.Model().fit(X)
    assert len(toy.runs()) == 1


# -- which functions


def test_classes_defined_later_are_watched(toy: Any, core: Any) -> None:
    """A subclass made after autolog, in a module or in a function, is recorded like the framework's own."""
    toy.write(
        "toyfw/late.py",
        "from toyfw.core import Model\nclass Late(Model):\n    def fit(self, X):\n        return super().fit(X)\n",
    )
    late = importlib.import_module("toyfw.late").Late

    class Mine(core.Model):  # type: ignore[misc]  # the framework has no types
        def fit(self, data: Any) -> Any:
            return super().fit(data)

    late().fit(X)
    Mine().fit(X)
    assert [run.data.params["class"] for run in toy.runs()] == ["Late", "Mine"]
    assert {patch.target: patch.installer for patch in control.status()["toyfw"].patches}[
        "toyfw.late:Late.fit"
    ] == "in place"


def test_classes_that_hide_their_subclasses_are_found_at_the_next_training(toy: Any, core: Any) -> None:
    """A class whose `__init_subclass__` calls no super costs at most one training of a class derived from it."""

    class Hiding(core.Model):  # type: ignore[misc]  # the framework has no types
        def __init_subclass__(cls) -> None:
            pass

    class Hidden(Hiding):
        def fit(self, X: Any) -> Any:
            self.mean_ = 0.0
            return self

    core.Model().fit(X)
    Hidden().fit(X)
    assert [run.data.params["class"] for run in toy.runs()] == ["Model", "Hidden"]


def test_a_mixin_of_others_is_left_alone_with_them(toy: Any, core: Any) -> None:
    """A method that a mixin brings is recorded for models, and not for classes that share only the mixin."""
    core.Mixed().fit_transform(X)
    assert [run.data.params["class"] for run in toy.runs()] == ["Mixed"]
    core.Foreign().fit_transform(X)
    assert [run.data.params["class"] for run in toy.runs()] == ["Mixed", "Model"], "only the model inside it"


def test_switching_off_leaves_every_attribute_the_original(toy: Any) -> None:
    """After disable every patched class and function is what it was, code and attributes."""
    core = toy.framework()
    before = {name: dict(vars(thing)) if isinstance(thing, type) else thing.__code__ for name, thing in _things(core)}
    codes = {function: function.__code__ for function in _functions(core)}
    control.autolog(log_models=False)
    assert any(function.__code__ is not code for function, code in codes.items())
    control.disable("toyfw")
    assert {function: function.__code__ for function in _functions(core)} == codes
    after = {name: dict(vars(thing)) if isinstance(thing, type) else thing.__code__ for name, thing in _things(core)}
    assert after == before
    core.Model().fit(X)
    assert toy.runs() == []


def _things(core: ModuleType) -> list[tuple[str, Any]]:
    return [(name, thing) for name, thing in vars(core).items() if isinstance(thing, type) or inspect.isfunction(thing)]


def _functions(core: ModuleType) -> list[Any]:
    found = [thing for _, thing in _things(core) if inspect.isfunction(thing)]
    for _, thing in _things(core):
        if isinstance(thing, type):
            found += [each for each in vars(thing).values() if inspect.isfunction(each)]
    return found


@pytest.mark.parametrize(
    ("target", "state", "why"),
    [
        ("toyfw.core:gone", "partial", "toyfw.core:gone: toyfw.core has no gone"),
        ("toyfw.nowhere:gone", "partial", "toyfw.nowhere:gone: there is no module toyfw.nowhere"),
        ("toyfw.core:gone?", "on", ""),
        ("toyfw.core:gone, toyfw.core:train", "on", ""),
        ("toyfw.newer:train, toyfw.core:train", "on", ""),
        ("toyfw.core:FitsToo", "partial", "not a function that can be patched"),
    ],
)
def test_targets_that_are_missing_are_named(toy: Any, target: str, state: str, why: str) -> None:
    """A renamed target makes the integration partial and is named; what else it watches is still recorded."""
    core = broken(toy, '@train("toyfw.core:train")', f'@train("{target}")')
    core.Model().fit(X)
    row = control.status()["toyfw"]
    assert row.state == state
    assert why in row.why
    assert [run.info.status for run in toy.runs()] == ["FINISHED"]


def test_a_target_in_a_module_that_is_imported_later_is_patched_then(toy: Any) -> None:
    """A function in a module of the framework that nobody has imported yet is recorded once somebody has."""
    toy.write("toyfw/extra.py", "def slow_train(params):\n    return params\n")
    core = broken(toy, '@train("toyfw.core:train")', '@train("toyfw.extra:slow_train")')
    core.Model().fit(X)
    assert "toyfw.extra" not in sys.modules
    importlib.import_module("toyfw.extra").slow_train({"depth": 1})
    assert [run.data.params["depth"].value for run in toy.runs()] == [2, 1]
    assert control.status()["toyfw"].state == "on"


def test_a_reloaded_framework_is_patched_again(toy: Any, core: Any) -> None:
    """After `importlib.reload` a training is one run, as before."""
    core.Model().fit(X)
    core = importlib.reload(core)
    core.Model().fit(X)
    core.train({}, X)
    assert len(toy.runs()) == 3


def test_ctrl_c_while_recording_ends_the_run(toy: Any) -> None:
    """An interrupt that lands in the plugin's own code is raised, and the run is closed as killed."""
    core = broken(toy, "result = yield", "result = yield; raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        core.Model().fit(X)
    (run,) = toy.runs()
    assert run.info.status == "KILLED"


def test_the_class_of_a_cell_that_is_run_again_is_freed(toy: Any, core: Any) -> None:
    """Nothing of ours keeps a class alive that the user has replaced."""

    def cell() -> Any:
        class Mine(core.Model):  # type: ignore[misc]  # the framework has no types
            def fit(self, data: Any) -> Any:
                return super().fit(data)

        Mine().fit(X)
        return weakref.ref(Mine)

    held = cell()
    gc.collect()
    assert held() is None
    assert len(toy.runs()) == 1


SUSPENDED = """
import asyncio
from toyfw.core import Model

def epochs(data, number):
    model = Model()
    for epoch in range(number):
        model._step(epoch)
        received = yield epoch
        assert received is None or received == "go on"
    return model.fit(data)

async def fit_later(data, error=None):
    model = Model()
    for epoch in range(2):
        model._step(epoch)
        await asyncio.sleep(0)
    if error is not None:
        raise error
    return model.fit(data)
"""


@pytest.fixture
def later(toy: Any) -> Any:
    """A module of the framework whose trainings are a generator and a coroutine."""
    toy.write("toyfw/later.py", SUSPENDED)
    targets = '@train("toyfw.core:train", "toyfw.later:epochs", "toyfw.later:fit_later")'
    source = (toy.site / "plug_toyfw.py").read_text().replace('@train("toyfw.core:train")', targets)
    toy.plugin(source.replace('call.run.params(call.arg("params"))', "pass"))
    control.autolog(log_models=False)
    return importlib.import_module("toyfw.later")


def test_a_generator_trains_until_it_is_exhausted(toy: Any, later: Any, core: Any) -> None:
    """Its run is open while it is consumed, other trainings in between are their own, and its end is the run's end."""
    training = later.epochs(X, 3)
    assert inspect.isgenerator(training)
    assert toy.runs() == []
    assert next(training) == 0
    core.Model(9).fit(X)
    send: Any = training.send
    assert send("go on") == 1
    assert [run.info.status for run in toy.runs()] == ["RUNNING", "FINISHED"]
    assert list(training) == [2]
    first, second = toy.runs()
    assert first.info.status == "FINISHED"
    assert first.data.params["target"] == "train"
    assert second.data.params["depth"] == "9"


def test_a_generator_that_is_closed_is_finished_and_one_that_raises_failed(toy: Any, later: Any) -> None:
    """Giving up early keeps what there is; an error thrown into it comes out and fails the run."""
    training = later.epochs(X, 3)
    next(training)
    training.close()
    error = ValueError("enough")
    training = later.epochs(X, 3)
    next(training)
    with pytest.raises(ValueError, match="enough") as caught:
        training.throw(error)
    assert caught.value is error
    assert [(run.info.status, run.data.metrics["loss"]) for run in toy.runs()] == [("FINISHED", 1.0), ("FAILED", 1.0)]


@pytest.mark.parametrize("installer", ["in place", "attribute"])
def test_a_generator_that_nobody_consumes_any_more_is_finished(
    toy: Any, installer: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Dropped in its middle, a generator's run ends with what there is, as if it had been closed."""
    monkeypatch.setenv("STENO_PATCH", installer)
    training = request.getfixturevalue("later").epochs(X, 3)
    next(training)
    del training
    gc.collect()
    (run,) = toy.runs()
    assert (run.info.status, run.data.metrics["loss"]) == ("FINISHED", 1.0)


def test_an_async_training_ends_when_it_has_been_awaited(toy: Any, later: Any) -> None:
    """Trainings awaited at the same time are runs of their own, each with its own values and end."""

    async def main() -> Any:
        failing = later.fit_later(X, ValueError("no"))
        return await asyncio.gather(later.fit_later(X), later.fit_later([[5.0]]), failing, return_exceptions=True)

    assert inspect.iscoroutinefunction(later.fit_later)
    first, second, error = asyncio.run(main())
    assert (first.mean_, second.mean_, str(error)) == (2.0, 5.0, "no")
    assert sorted(run.info.status for run in toy.runs()) == ["FAILED", "FINISHED", "FINISHED"]
    assert [run.data.metrics["loss"] for run in toy.runs() if run.info.status == "FAILED"] == [0.5]


def test_a_framework_of_one_module_is_patched_at_import_and_at_reload(toy: Any) -> None:
    """A target in the top package itself is found at once, and again when the module is reloaded."""
    toy.write("otherfw.py", "def train(params):\n    return params\n")
    toy.plugin(
        """
        from steno.plugin import Integration, hookimpl, train
        class Other(Integration):
            name = "otherfw"
            @train("otherfw:train")
            def fit(self, call):
                call.run.params(call.arg("params"))
                yield
        @hookimpl
        def steno_integrations(register):
            register(Other())
        """,
        "otherfw",
    )
    control.autolog(log_models=False)
    other: Any = importlib.import_module("otherfw")
    other.train({"depth": 1})
    importlib.reload(other).train({"depth": 2})
    assert [run.data.params["depth"].value for run in toy.runs()] == [1, 2]
