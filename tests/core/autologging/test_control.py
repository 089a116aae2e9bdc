"""`autolog`, `disable`, `enable`, `status`: what is asked is what happens, or nothing happens and it is said."""

from __future__ import annotations

import importlib
import json
import sys
import threading
from typing import Any

import pytest

import steno
from steno.autologging import control
from steno.autologging.seams import handler_of
from steno.errors import IntegrationError, InvalidInputError, StenoWarning

X = [[1.0], [2.0], [3.0]]


def options(name: str = "toyfw") -> dict[str, Any]:
    """The options of one integration as they hold now."""
    return dict(control.status()[name].options or {})


def fits(core: Any, toy: Any) -> int:
    """How many runs one more training makes."""
    before = len(toy.runs())
    core.Model().fit(X)
    return len(toy.runs()) - before


# -- on and off


def test_a_second_autolog_patches_nothing_twice(toy: Any, core: Any) -> None:
    """However often autolog is called, a training is one run and the patches are the same."""
    before = control.status()["toyfw"].patches
    for _ in range(20):
        control.autolog(log_models=False)
    assert control.status()["toyfw"].patches == before
    assert fits(core, toy) == 1


def test_disable_and_enable_at_any_time(toy: Any, core: Any) -> None:
    """Off means no run, on means one again; what was disabled by name stays off until it is asked for by name."""
    assert fits(core, toy) == 1
    control.disable("toyfw")
    assert fits(core, toy) == 0
    assert (control.status()["toyfw"].state, control.status()["toyfw"].patches) == ("off", ())
    control.autolog(log_models=False)
    assert control.status()["toyfw"].why == "switched off by steno.disable('toyfw')"
    assert fits(core, toy) == 0
    control.enable("toyfw")
    assert fits(core, toy) == 1
    control.disable()
    assert fits(core, toy) == 0
    control.autolog(log_models=False)
    assert fits(core, toy) == 1


@pytest.mark.parametrize(
    ("off", "on"),
    [
        (lambda: control.autolog(disable=True), control.autolog),
        (lambda: control.autolog(toyfw=False), lambda: control.autolog(toyfw=True)),
        (lambda: control.autolog(only=["sklearn"]), lambda: control.autolog(only="toyfw")),
        (lambda: control.autolog(exclude="toyfw"), control.autolog),
        (lambda: control.disable(["toyfw", "sklearn"]), lambda: control.enable(["toyfw"])),
        (lambda: control.disable("*"), control.enable),
        (lambda: steno.toyfw.autolog(disable=True), lambda: steno.toyfw.autolog(log_models=False)),
        (lambda: control.framework("toyfw").disable(), lambda: control.framework("toyfw").enable()),
    ],
)
def test_every_way_to_switch_off_and_on(toy: Any, core: Any, off: Any, on: Any) -> None:
    """Each spelling switches off, says in status that it did, and its counterpart switches on again."""
    steno.autolog(log_models=False)
    off()
    assert control.status()["toyfw"].state == "off"
    assert control.status()["toyfw"].why.startswith("switched off by ")
    assert fits(core, toy) == 0
    on()
    control._Home.switchboard.process.service("toyfw").explicit = {"log_models": False}
    control._Home.switchboard.process.service("toyfw").resolve_options()
    assert control.status()["toyfw"].state == "on"
    assert fits(core, toy) == 1


def test_disabling_during_a_training_finishes_its_run(toy: Any, core: Any) -> None:
    """A training that is switched off in its middle, from within or from another thread, is recorded to its end."""

    def callback(_model: Any) -> None:
        thread = threading.Thread(target=control.disable, args=("toyfw",))
        thread.start()
        thread.join()

    core.Model().fit(X, rounds=1, callback=callback)
    (run,) = toy.runs()
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"loss": 1.0, "mean": 2.0})
    assert fits(core, toy) == 0


def test_the_environment_switches_off(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """STENO_DISABLE wins over everything that the program asks for, by name or by `*`."""
    for value in ("other, toyfw", "*"):
        monkeypatch.setenv("STENO_DISABLE", value)
        control.autolog(log_models=False, toyfw=True)
        core = toy.framework()
        assert fits(core, toy) == 0
        row = control.status()["toyfw"]
        assert (row.state, row.why) == ("blocked", "switched off from outside by STENO_DISABLE")
    monkeypatch.delenv("STENO_DISABLE")
    control.autolog(log_models=False)
    assert fits(core, toy) == 1


# -- checked before anything is changed


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sklaern": True}, IntegrationError, "no such argument, and no integration is called 'sklaern'.*toyfw"),
        ({"toyfw": 3}, InvalidInputError, r"toyfw is 3 \(int\), accepted are True, False and a mapping"),
        ({"toyfw": {"kepe": 1}}, InvalidInputError, "has no option 'kepe'.*it has keep, log_datasets"),
        ({"toyfw": {"keep": "many"}}, InvalidInputError, "option 'keep' of integration 'toyfw' got 'many'"),
        ({"toyfw": {"keep": 3}, "log_models": "yes"}, InvalidInputError, "log_models is 'yes'"),
        ({"toyfw": False, "only": "sklaern"}, IntegrationError, "no integration is called 'sklaern'"),
        ({"toyfw": False, "exclude": 7}, InvalidInputError, r"exclude is 7 \(int\)"),
        ({"toyfw": False, "extra_tags": "blue"}, InvalidInputError, "extra_tags is 'blue'"),
        ({"toyfw": {"keep": 3}, "absentfw": True}, IntegrationError, "absentfw is not installed"),
        (
            {"toyfw": {"keep": 3}, "only": ["toyfw", "brokenfw"]},
            IntegrationError,
            "'brokenfw'.*is broken.*no_such_module",
        ),
    ],
)
def test_a_wrong_argument_changes_nothing(
    toy: Any, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    """A wrong name, option or type raises an error that names it, and everything stays as it was."""
    source = (toy.site / "plug_toyfw.py").read_text()
    toy.plugin(source.replace('"toyfw"', '"absentfw"').replace("toyfw>=1.0", "absentfw"), "absentfw")
    toy.plugin("import no_such_module", "brokenfw")
    toy.framework()
    control.autolog(log_models=False)
    before = [control.status()[name] for name in ("toyfw", "sklearn")]
    with pytest.raises(error, match=message):
        control.autolog(**arguments)
    assert [control.status()[name] for name in ("toyfw", "sklearn")] == before


@pytest.mark.parametrize("installed", ["imported", "not imported"])
def test_a_version_that_cannot_be_served(toy: Any, installed: str) -> None:
    """Asked for by name it raises; met on the way it is a row in status and one warning, and nothing is patched."""
    toy.plugin((toy.site / "plug_toyfw.py").read_text().replace("toyfw>=1.0", "toyfw>=2,<3"))
    toy.write("toyfw-1.4.0.dist-info/METADATA", "Name: toyfw\nVersion: 1.4.0\n\n")
    problem = "version 1.4.0 is installed and toyfw>=2,<3 is required"
    if installed == "imported":
        toy.framework()
    with pytest.raises(IntegrationError, match=problem):
        control.autolog(toyfw=True)
    with pytest.warns(StenoWarning, match=f"toyfw is imported and not recorded: {problem}") as said:
        core = (control.autolog(log_models=False), toy.framework())[1]  # type: ignore[func-returns-value]
    assert len(said) == 1
    row = control.status()["toyfw"]
    assert (row.state, row.why, row.version, row.patches) == ("unsupported", problem, "1.4.0", ())
    assert fits(core, toy) == 0


def test_a_broken_plugin_stops_nobody(toy: Any) -> None:
    """The framework of a broken plugin imports and trains; others are recorded; status shows what is wrong."""
    toy.plugin("raise RuntimeError('half done')", "otherfw")
    toy.write("otherfw.py", "def train():\n    return 7\n")
    control.autolog(log_models=False)
    with pytest.warns(StenoWarning, match="otherfw is imported and not recorded: importing plug_otherfw raised"):
        other: Any = importlib.import_module("otherfw")
    assert other.train() == 7
    assert fits(toy.framework(), toy) == 1
    row = control.status()["otherfw"]
    reason = "importing plug_otherfw raised RuntimeError: half done"
    assert (row.state, row.why, row.last_fault) == ("broken", reason, reason)
    assert "raise RuntimeError('half done')" in row.last_traceback


def test_patching_that_fails_is_undone_whole(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """If one patch of a framework cannot be made for a reason of ours, none stays; asked by name, it is tried again."""
    core = toy.framework()
    original = core.Model.fit.__code__

    def fail(service: Any, seam: Any, base: Any = None) -> Any:
        if seam.kind == "metric":
            raise RuntimeError("ours")
        return handler_of(service, seam, base)

    monkeypatch.setattr("steno.autologging.installation.handler_of", fail)
    with pytest.warns(StenoWarning, match="patching toyfw"):
        control.autolog(log_models=False, exclude=("joblib", "sklearn", "xgboost"))  # other tests imported these
    assert control.status()["toyfw"].state == "broken"
    assert core.Model.fit.__code__ is original
    assert fits(core, toy) == 0
    for ask in (control.enable, lambda name: control.autolog(only=name), lambda _: steno.toyfw.autolog()):
        with pytest.raises(IntegrationError, match="'toyfw' was asked for by name and cannot be patched: patching"):
            ask("toyfw")
    assert control.status()["toyfw"].state == "broken"
    monkeypatch.undo()
    control.enable("toyfw")
    assert control.status()["toyfw"].state == "on"
    assert fits(core, toy) == 1


def test_another_plugins_classes_are_left_to_it(toy: Any) -> None:
    """A class that derives from a watched one and belongs to another plugin is recorded by that plugin alone."""
    toy.write(
        "otherfw.py",
        """
        import toyfw.core
        __version__ = "1.0"
        class Net(toyfw.core.Model):
            def fit(self, X):
                self.mean_ = 0.0
                return self
        """,
    )
    toy.plugin(
        """
        from steno.plugin import Integration, hookimpl, train
        class Other(Integration):
            name, requires, owns = "otherfw", "", ("otherfw",)
            @train("otherfw:Net.fit")
            def fit(self, call):
                call.run.params({"by": "otherfw"})
                yield
        @hookimpl
        def steno_integrations(register):
            register(Other())
        """,
        "otherfw",
    )
    control.autolog(log_models=False)
    other: Any = importlib.import_module("otherfw")
    other.Net().fit(X)
    assert [dict(run.data.params) for run in toy.runs()] == [{"by": "otherfw"}]
    assert not [patch for patch in control.status()["toyfw"].patches if patch.target.startswith("otherfw")]
    control.disable("otherfw")
    other.Net().fit(X)
    assert len(toy.runs()) == 1, "and by nobody while that plugin is switched off"


OWN_NET = """
from toyfw import Model
class Net(Model):
    def fit(self, X):
        self.mean_ = 0.0
        return self
"""


def test_classes_of_a_plugin_that_cannot_serve_fall_to_the_base(toy: Any) -> None:
    """If the plugin that owns a class is broken, the plugin of its base class records it."""
    toy.plugin("raise RuntimeError('half done')", "otherfw")
    toy.write("otherfw.py", OWN_NET)
    control.autolog(log_models=False)
    with pytest.warns(StenoWarning, match="otherfw is imported and not recorded"):
        other: Any = importlib.import_module("otherfw")
    other.Net().fit(X)
    assert [run.data.params["class"] for run in toy.runs()] == ["Net"]


# -- options


def test_options_argument_environment_project_default(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument wins over the environment, that over the project file, that over the default."""
    from pathlib import Path

    control.autolog(only="toyfw")
    assert options()["keep"] == 10
    Path("pyproject.toml").write_text("[tool.steno]\nlog_models = false\n[tool.steno.toyfw]\nkeep = 20\n")
    control.autolog()
    assert (options()["keep"], options()["log_models"]) == (20, False)
    monkeypatch.setenv("STENO_TOYFW_KEEP", "30")
    monkeypatch.setenv("STENO_TOYFW_LOG_MODELS", "true")
    monkeypatch.setenv("STENO_LOG_DATASETS", "false")
    control.autolog()
    assert (options()["keep"], options()["log_models"], options()["log_datasets"]) == (30, True, False)
    control.autolog(log_models=False, log_datasets=True, toyfw={"keep": 40})
    assert (options()["keep"], options()["log_models"], options()["log_datasets"]) == (40, False, True)
    steno.toyfw.autolog(log_models=True)
    assert (options()["keep"], options()["log_models"], options()["log_datasets"]) == (30, True, True)


def test_a_wrong_option_in_the_environment_is_said_and_has_its_default(
    toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value from outside that cannot be read costs that value only."""
    monkeypatch.setenv("STENO_TOYFW_KEEP", "many")
    control.autolog(log_models=False)
    with pytest.warns(StenoWarning, match="option 'keep' of integration 'toyfw' got 'many'"):
        core = toy.framework()
    assert options()["keep"] == 10
    assert fits(core, toy) == 1


def test_extra_tags_are_on_every_run(toy: Any, core: Any) -> None:
    """Tags given to autolog are set on runs that trainings open."""
    control.autolog(extra_tags={"team": "blue"}, log_models=False)
    core.Model().fit(X)
    (run,) = toy.runs()
    assert run.data.tags["team"] == "blue"


# -- names


def test_every_plugin_has_a_namespace(toy: Any) -> None:
    """`steno.<plugin>` and `import steno.<plugin>` are one module, for any plugin; other names are no attributes."""
    namespace = steno.toyfw
    assert importlib.import_module("steno.toyfw") is namespace
    assert dir(namespace) == sorted(set(dir(namespace)))
    assert {"autolog", "save_model", "log_model", "load_model"} <= set(namespace.__all__)
    with pytest.raises(AttributeError, match="no installed plugin"):
        _ = steno.nothing_of_the_kind
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("steno.nothing_of_the_kind")
    with pytest.raises(IntegrationError, match="no integration is called 'nothing'"):
        control.framework("nothing")


def test_options_of_one_integration_leave_the_others(toy: Any, core: Any) -> None:
    """`steno.toyfw.autolog(...)` checks like autolog and touches nothing else."""
    control.disable("sklearn")
    steno.toyfw.autolog(keep=5, log_models=False, silent=True)
    assert (options()["keep"], control.silent()) == (5, False)
    heard = []
    toy.framework().Model().fit([[1.0]], callback=lambda _: heard.append(control.silent()))
    assert set(heard) == {True}
    assert control.status()["sklearn"].state == "off"
    with pytest.raises(InvalidInputError, match="has no option 'depth'"):
        steno.toyfw.autolog(depth=5)
    assert fits(core, toy) == 1


# -- status


def test_status_tells_where_each_integration_stands(toy: Any) -> None:
    """Before autolog, before the import, after it, after a training: the row says so; a missing framework is absent."""
    source = (toy.site / "plug_toyfw.py").read_text()
    toy.plugin(source.replace('"toyfw"', '"absentfw"'), "absentfw")
    assert (control.status()["toyfw"].state, control.status()["toyfw"].why) == (
        "off",
        "steno.autolog() has not been called",
    )
    control.autolog(log_models=False)
    assert (control.status()["toyfw"].state, control.status()["toyfw"].why) == (
        "waiting",
        "toyfw has not been imported",
    )
    assert (control.status()["absentfw"].state, control.status()["absentfw"].why) == (
        "absent",
        "absentfw is not installed",
    )
    core = toy.framework()
    core.Model().fit(X)
    row = control.status()["toyfw"]
    assert (row.state, row.version, row.distribution, row.calls, row.runs) == ("on", "1.4.0", "plug-toyfw 2.0", 1, 1)
    fit = next(patch for patch in row.patches if patch.target == "toyfw.core:Model.fit")
    assert (fit.installer, fit.state) == ("in place", "on")


def test_status_prints_as_text_html_and_json(toy: Any, core: Any) -> None:
    """The table has a line for each integration, HTML is escaped, JSON is JSON."""
    status = control.status()
    lines = {line.split()[0]: line.split()[1] for line in str(status).splitlines()[1:] if not line.startswith(" ")}
    assert lines["toyfw"] == "on"
    assert set(lines) == set(status) >= {"joblib", "sklearn", "xgboost", "notebook", "toyfw"}
    assert str(status) == repr(status)
    assert len(status) == len(lines)
    control.disable("toyfw")
    assert "disable(&#x27;toyfw&#x27;)" in control.status()._repr_html_()
    assert json.loads(json.dumps(status.to_json()))["integrations"][-2]["name"] == "toyfw"
    with pytest.raises(KeyError):
        _ = status["nothing"]


def test_autolog_loads_no_framework_and_no_heavy_library(run_python: Any) -> None:
    """Calling autolog with nothing imported imports no framework, no numpy, no wrapt, no database."""
    done = run_python(
        "import sys, steno\nsteno.autolog()\n"
        "heavy = {'wrapt', 'numpy', 'sqlalchemy', 'pandas', 'sklearn', 'xgboost', 'yaml', 'importlib.metadata', "
        "'packaging', 'asyncio', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_reset_forgets_everything(toy: Any, core: Any) -> None:
    """After a reset nothing is patched, counted or remembered."""
    core.Model().fit(X)
    control.reset()
    assert "steno.toyfw" not in sys.modules
    row = control.status()["toyfw"]
    assert (row.state, row.calls, row.patches, row.version) == ("off", 0, (), "")
    assert fits(core, toy) == 0


def test_a_patch_under_somebody_elses_is_pinned_and_passes_through(toy: Any, core: Any) -> None:
    """Where another tool changed the code on top of ours, disable says so, and nothing is recorded all the same."""
    ours = core.train.__code__
    core.train.__code__ = ours.replace(co_name="patched_by_another_tool")
    control.disable("toyfw")
    row = control.status()["toyfw"]
    assert (row.state, [patch.target for patch in row.patches]) == ("pinned", ["toyfw.core:train"])
    assert core.train({"depth": 1}, X).mean_ == 2.0
    assert toy.runs() == []
    control.enable("toyfw")
    core.train({"depth": 1}, X)
    assert len(toy.runs()) == 1


@pytest.mark.parametrize("when", ["disabled again", "at the next training of another"])
def test_a_pinned_patch_goes_when_the_other_tool_has_gone(toy: Any, when: str) -> None:
    """Once nothing lies on top any more, the original function is put back: at the next call, or by itself."""
    toy.write("otherfw.py", "def train():\n    return 7\n")
    toy.plugin(
        """
        from steno.plugin import Integration, hookimpl, train
        class Other(Integration):
            name = "otherfw"
            @train("otherfw:train")
            def fit(self, call):
                yield
        @hookimpl
        def steno_integrations(register):
            register(Other())
        """,
        "otherfw",
    )
    core = toy.framework()
    original = core.train.__code__
    control.autolog(log_models=False)
    ours = core.train.__code__
    core.train.__code__ = ours.replace(co_name="patched_by_another_tool")
    control.disable("toyfw")
    assert control.status()["toyfw"].state == "pinned"
    core.train.__code__ = ours
    if when == "disabled again":
        control.disable("toyfw")
    else:
        other: Any = importlib.import_module("otherfw")
        other.train()
    assert core.train.__code__ is original
    assert (control.status()["toyfw"].state, control.status()["toyfw"].patches) == ("off", ())
