"""Plugins around a run: told in order, each alone, and none of them can hurt; stores and folders of other schemes."""

from __future__ import annotations

import importlib
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

import steno
from steno import registry as registry_module
from steno.autologging import control
from steno.errors import InvalidInputError
from steno.tracking.session import session

Install = Callable[..., Path]
HEAD = """
import sys
from steno.plugin import hookimpl
told = sys.modules.get("told_by_plugins")
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install an always-on plugin: its module's source, under a name that is also its distribution's."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    registry_module.reset()
    before = set(sys.modules)
    sys.modules["told_by_plugins"] = cast(ModuleType, SimpleNamespace(list=[], shelf=str(tmp_path / "mounted")))

    def write(name: str, source: str) -> Path:
        (site / f"{name}_plugin.py").write_text(HEAD + textwrap.dedent(source).replace("{name}", name))
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n\n")
        (info / "entry_points.txt").write_text(f"[steno.plugins]\n{name} = {name}_plugin\n")
        importlib.invalidate_caches()
        return site

    yield write
    control.reset()
    for name in set(sys.modules) - before:
        if name.endswith("_plugin") or name == "told_by_plugins":
            del sys.modules[name]


def told() -> list[Any]:
    """What the plugins wrote down."""
    found: list[Any] = sys.modules["told_by_plugins"].list
    return found


TELLS = """
    @hookimpl
    def steno_run_started(run):
        told.list.append(("{name} started", run.info.run_name, run.info.status))

    @hookimpl
    def steno_run_ended(run):
        told.list.append(("{name} ended", run.info.status, dict(run.data.metrics)))
"""


def test_a_run_is_told_when_it_starts_and_when_it_ends(install: Install) -> None:
    """A plugin hears of each run, by hand or not, with its final status and values when it ends."""
    install("bell", TELLS)
    with steno.start_run(run_name="first"):
        steno.log_metric("loss", 0.5)
    with pytest.raises(ZeroDivisionError), steno.start_run(run_name="second"):
        _ = 1 / 0
    assert told() == [
        ("bell started", "first", "RUNNING"),
        ("bell ended", "FINISHED", {"loss": 0.5}),
        ("bell started", "second", "RUNNING"),
        ("bell ended", "FAILED", {}),
    ]


def test_plugins_are_told_in_the_order_of_registration(install: Install) -> None:
    """By their distributions' names; `tryfirst` comes before all others and `trylast` behind them."""
    for name, mark in (
        ("a", "(trylast=True)"),
        ("b", ""),
        ("c", "(tryfirst=True)"),
        ("d", ""),
        ("e", "(tryfirst=True)"),
    ):
        install(
            name,
            f"""
            @hookimpl{mark}
            def steno_run_started():
                told.list.append("{{name}}")
            """,
        )
    with steno.start_run():
        pass
    assert told() == ["c", "e", "b", "d", "a"]


@pytest.mark.parametrize("error", ["ValueError('theirs')", "RecursionError()", "MemoryError()", "StopIteration()"])
def test_a_plugin_that_raises_stops_nobody_and_reaches_nobody(install: Install, error: str) -> None:
    """The other plugins are told, the user's run is whole, nothing is warned, and status has the traceback."""
    install("a", TELLS)
    install(
        "bad",
        f"""
        @hookimpl
        def steno_run_started(run):
            raise {error}

        @hookimpl
        def steno_run_ended(run):
            raise {error}

        @hookimpl
        def steno_run_tags():
            raise {error}
        """,
    )
    install("c", TELLS)
    with steno.start_run() as run:
        steno.log_param("depth", 3)
    assert [each[0] for each in told()] == ["a started", "c started", "a ended", "c ended"]
    found = steno.get_run(run.info.run_id)
    assert (found.info.status, found.data.params["depth"]) == ("FINISHED", "3")
    row = control.status()["bad"]
    assert (row.state, row.why) == ("on", "")
    assert row.last_fault.startswith(f"hook steno_run_ended raised {error.partition('(')[0]}")
    assert f"raise {error}" in row.last_traceback
    assert (control.status()["a"].last_fault, control.status()["c"].last_traceback) == ("", "")


def test_tags_of_plugins_describe_where_a_run_is(install: Install) -> None:
    """Later plugins win over earlier ones and the user over all; what is no tag is the plugin's fault alone."""
    install(
        "a",
        """
        @hookimpl
        def steno_run_tags():
            return {"job": "17", "node": "n1", "count": 4}
        """,
    )
    install("b", "@hookimpl\ndef steno_run_tags():\n    return ['no', 'tags']\n")
    install("c", "@hookimpl\ndef steno_run_tags():\n    return {3: 'no text'}\n")
    install("d", "@hookimpl\ndef steno_run_tags():\n    return {'node': 'n2'}\n")
    install("e", "@hookimpl\ndef steno_run_tags():\n    return None\n")
    with steno.start_run(tags={"job": "mine"}) as run:
        pass
    tags = steno.get_run(run.info.run_id).data.tags
    assert (tags["job"], tags["node"], tags["count"]) == ("mine", "n2", "4")
    assert not set(tags) & {"no", "tags", "3"}
    status = control.status()
    assert "steno_run_tags gave ['no', 'tags'] (list), accepted is a mapping" in status["b"].last_fault
    assert status["c"].last_fault.startswith("hook steno_run_tags raised InvalidInputError")
    assert (status["a"].last_fault, status["e"].last_fault) == ("", "")


def test_plugins_tell_status_about_themselves(install: Install) -> None:
    """What `steno_status` gives is in `status().plugins`; what is no mapping is the plugin's fault alone."""
    install("a", "@hookimpl\ndef steno_status():\n    return {'a': {'sent': 3}}\n")
    install("b", "@hookimpl\ndef steno_status():\n    return 7\n")
    install("c", "@hookimpl\ndef steno_status():\n    return {'c': 'fine'}\n")
    control.status()
    status = control.status()
    assert status.plugins == {"a": {"sent": 3}, "c": "fine"}
    assert "steno_status gave 7 (int)" in status["b"].last_fault
    assert str(status).splitlines()[-2:] == ["a: sent 3", "c: fine"]


def test_what_a_plugin_tells_about_itself_is_plain(install: Install) -> None:
    """Whatever it holds, status can be printed and made JSON; what has no text is the plugin's fault alone."""
    install(
        "a",
        """
        from fractions import Fraction

        @hookimpl
        def steno_status():
            return {"a": {(1, 2): Fraction(1, 3), "rate": float("nan"), "kinds": {b"x"}, None: [float("inf")]}}
        """,
    )
    install("b", "@hookimpl\ndef steno_status():\n    loop = {}\n    loop['b'] = loop\n    return loop\n")
    status = control.status()
    assert status.to_json()["plugins"] == {
        "a": {"(1, 2)": "1/3", "rate": None, "kinds": ["b'x'"], "None": ["Infinity"]}
    }
    assert str(status).splitlines()[-1] == 'a: (1, 2) "1/3", rate null, kinds ["b\'x\'"], None ["Infinity"]'
    assert status["b"].last_fault.startswith("hook steno_status raised RecursionError")


@pytest.mark.parametrize("how", ["disable", "environment"])
def test_a_plugin_that_is_switched_off_is_not_told(install: Install, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`steno.disable(name)` and STENO_DISABLE silence one plugin, `steno.enable(name)` brings it back."""
    install("a", TELLS)
    install("b", TELLS)
    if how == "environment":
        monkeypatch.setenv("STENO_DISABLE", "a")
    else:
        control.disable("a")
    with steno.start_run():
        pass
    assert {each[0] for each in told()} == {"b started", "b ended"}
    assert control.status()["a"].state == {"environment": "blocked", "disable": "off"}[how]
    if how == "environment":  # who set that variable has the last word
        control.enable("a")
        with steno.start_run():
            pass
        assert {each[0] for each in told()} == {"b started", "b ended"}
        monkeypatch.setenv("STENO_DISABLE", "b")
        with steno.start_run():
            pass
        assert [each[0] for each in told()][4:] == ["a started", "a ended"]
    if how == "disable":
        control.enable("a")
        with steno.start_run():
            pass
        assert [each[0] for each in told()][2:] == ["b started", "a started", "b ended", "a ended"]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("raise SystemExit(3)", "importing bad_plugin raised SystemExit: 3"),
        ("import no_such_driver", "importing bad_plugin raised ModuleNotFoundError: No module named 'no_such_driver'"),
        ("@hookimpl(wrapper=True)\ndef steno_run_tags():\n    return (yield)\n", "steno_run_tags is a wrapper"),
        ("@hookimpl\ndef steno_run_begun(run):\n    pass\n", "unknown hook 'steno_run_begun'"),
        ("@hookimpl\nasync def steno_run_ended():\n    pass\n", "steno_run_ended is a coroutine function, which would"),
        ("@hookimpl\ndef steno_run_ended():\n    yield\n", "steno_run_ended is a generator function, which would"),
    ],
)
def test_a_plugin_that_cannot_be_loaded(install: Install, source: str, why: str) -> None:
    """Whatever is wrong with it, the next plugin is told, the program goes on, and status says what is wrong."""
    install("bad", source)
    install("good", TELLS)
    with steno.start_run():
        pass
    assert [each[0] for each in told()] == ["good started", "good ended"]
    row = control.status()["bad"]
    assert row.state == "broken"
    assert why in row.why
    assert "Traceback" in row.last_traceback


def test_a_script_that_only_logs_by_hand_tells_plugins_too(install: Install, run_python: Any) -> None:
    """No autolog is needed: an installed plugin hears of `start_run`, and without one nothing is loaded for it."""
    script = (
        "import sys\nsys.path[:0] = sys.argv[1:]\nimport steno\n"
        "with steno.start_run():\n    steno.log_metric('loss', 0.5)\n"
        "print('pluggy' in sys.modules)\n"
    )
    done = run_python(script)
    assert (done.stdout, done.stderr) == ("False\n", "")
    site = install(
        "bell", "@hookimpl\ndef steno_run_ended(run):\n    print('told', run.info.status, dict(run.data.metrics))\n"
    )
    done = run_python(script, str(site))
    assert (done.stdout, done.stderr) == ("told FINISHED {'loss': 0.5}\nTrue\n", "")


# -- plugins that use steno themselves


def test_what_a_plugin_logs_belongs_to_the_run_that_it_is_told_of(install: Install) -> None:
    """`log_*` in a hook writes into that run, whatever else is active; no run is opened by it, none left open."""
    install(
        "notes",
        """
        import steno

        @hookimpl
        def steno_run_started(run):
            told.list.append(steno.active_run() == run)
            steno.log_param("host", "n1")

        @hookimpl
        def steno_run_ended(run):
            told.list.append(steno.active_run())
            steno.set_tag("closed", "yes")
        """,
    )
    with steno.start_run(run_name="outer") as outer:
        with steno.start_run(run_name="inner", nested=True):
            pass
        assert steno.active_run() == outer
        steno.log_metric("loss", 0.5)
    assert steno.active_run() is None
    assert told() == [True, True, None, None]
    found = {run.info.run_name: run for run in steno.search_runs(output_format="list")}
    assert set(found) == {"outer", "inner"}
    for run in found.values():
        assert (run.info.status, run.data.params, run.data.tags["closed"]) == ("FINISHED", {"host": "n1"}, "yes")
    assert found["outer"].data.metrics == {"loss": 0.5}


def test_runs_that_a_plugin_opens_are_its_own(install: Install) -> None:
    """A plugin is not told of them, another is; one left open is not taken for the user's."""
    install(
        "summary",
        """
        import steno

        @hookimpl
        def steno_run_ended(run):
            with steno.start_run(run_name="summary of " + run.info.run_name):
                pass
            steno.start_run(run_name="left open")
        """,
    )
    install("bell", "@hookimpl\ndef steno_run_started(run):\n    told.list.append(run.info.run_name)\n")
    with steno.start_run(run_name="mine"):
        pass
    assert told() == ["mine", "summary of mine", "left open"]
    assert steno.active_run() is None
    assert [steno.status()[name].last_fault for name in ("summary", "bell")] == ["", ""]
    with steno.start_run(run_name="next") as run:
        assert steno.active_run() == run
    found = {run.info.run_name: run for run in steno.search_runs(output_format="list")}
    assert "mlflow.parentRunId" not in found["next"].data.tags


def test_a_plugin_may_ask_for_status_in_its_hooks(install: Install) -> None:
    """Several plugins that call `steno.status()` in `steno_status` are each asked once more at most, not for ever."""
    for name in ("a", "b", "c"):
        install(
            name,
            """
            import steno

            @hookimpl
            def steno_status():
                told.list.append("{name}")
                return {"{name}": steno.status()["{name}"].state}
            """,
        )
    assert steno.status().plugins == {"a": "on", "b": "on", "c": "on"}
    assert len(told()) < 20
    assert [steno.status()[name].last_fault for name in ("a", "b", "c")] == ["", "", ""]


def test_plugins_that_another_thread_is_loading_are_told_too(install: Install) -> None:
    """Of several threads whose runs come first, none goes on before the plugins are there to hear of its run."""
    install("bell", "import time\ntime.sleep(0.3)\n" + textwrap.dedent(TELLS))

    def work(name: str) -> None:
        with steno.start_run(run_name=name):
            pass

    threads = [threading.Thread(target=work, args=(f"run {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each[1] for each in told() if each[0] == "bell started") == ["run 0", "run 1", "run 2", "run 3"]
    assert len([each for each in told() if each[0] == "bell ended"]) == 4


# -- stores


BOX = """
    from steno.store.memory import MemoryStore

    @hookimpl
    def steno_store(uri):
        told.list.append("{name}")
        return MemoryStore() if uri.startswith("box://") else None
"""


def test_a_store_of_a_plugin(install: Install) -> None:
    """A tracking URI of a plugin's scheme records, reads and searches as any other."""
    install("box", BOX)
    steno.set_tracking_uri("box://shelf/3")
    assert steno.get_tracking_uri() == "box://shelf/3"
    with steno.start_run() as run:
        steno.log_metric("loss", 0.5)
        steno.log_text("hello", "note.txt")
    found = steno.get_run(run.info.run_id)
    assert (found.info.status, found.data.metrics["loss"]) == ("FINISHED", 0.5)
    assert [each.info.run_id for each in steno.search_runs(output_format="list")] == [run.info.run_id]
    assert type(session().recorder.store()).__name__ == "MemoryStore"


def test_the_first_plugin_that_serves_a_store_serves_it(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that passes, one that raises and one that gives nonsense are passed over; those behind are not asked."""
    install("a", BOX.replace("box://", "chest://"))
    install("b", "@hookimpl\ndef steno_store(uri):\n    told.list.append('b')\n    raise OSError('no key')\n")
    install("c", "@hookimpl\ndef steno_store(uri):\n    told.list.append('c')\n    return uri\n")
    install("d", BOX)
    install("e", BOX)
    monkeypatch.setenv("STENO_TRACKING_URI", "box://shelf")
    with steno.start_run() as run:
        pass
    assert steno.get_run(run.info.run_id).info.status == "FINISHED"
    assert told()[:4] == ["a", "b", "c", "d"]
    assert set(told()) == {"a", "b", "c", "d"}
    assert control.status()["b"].last_fault == "hook steno_store raised OSError: no key"
    assert "steno_store gave 'box://shelf' (str)" in control.status()["c"].last_fault


def test_a_scheme_that_nobody_serves(install: Install) -> None:
    """The error names what can be served, what to install for it, and what each plugin that was asked had to say."""
    with pytest.raises(
        InvalidInputError, match=r"no store for 'ship'.*hook steno_store; of those here none has it"
    ) as bare:
        steno.set_tracking_uri("ship://harbour")
    assert "sqlite:///path/to/steno.db" in str(bare.value)
    assert "pip install 'steno[postgres]'" in str(bare.value)
    install("box", BOX)
    install("bad", "@hookimpl\ndef steno_store(uri):\n    raise OSError('no key')\n")
    install("gone", "import no_such_driver\n")
    with pytest.raises(InvalidInputError) as caught:
        steno.set_tracking_uri("ship://harbour")
    assert str(caught.value).endswith(
        "of those here box does not serve it; bad failed: hook steno_store raised OSError: no key; "
        "gone is broken: importing gone_plugin raised ModuleNotFoundError: No module named 'no_such_driver'"
    )


# -- artifacts


SHELF = """
    from pathlib import Path

    @hookimpl
    def steno_artifacts(uri):
        scheme, _, path = uri.partition("://")
        return Path(sys.modules["told_by_plugins"].shelf) / path if scheme == "shelf" else None
"""


def test_artifacts_of_a_plugin(install: Install, tmp_path: Path) -> None:
    """Files of an experiment whose place is a plugin's are written, listed and read there, models included."""
    from sklearn.linear_model import LinearRegression

    install("shelf", SHELF)
    steno.create_experiment("kept elsewhere", artifact_location="shelf://team/a")
    steno.set_experiment("kept elsewhere")
    with steno.start_run() as run:
        steno.log_text("hello", "notes/first.txt")
        steno.sklearn.log_model(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]), "model")
    folder = tmp_path / "mounted" / "team" / "a" / run.info.run_id / "artifacts"
    assert steno.get_run(run.info.run_id).info.artifact_uri == f"shelf://team/a/{run.info.run_id}/artifacts"
    assert (folder / "notes" / "first.txt").read_text() == "hello"
    client = steno.Client()
    assert [item.path for item in client.list_artifacts(run.info.run_id)] == ["model", "notes"]
    assert Path(client.download_artifacts(run.info.run_id, "notes/first.txt")).read_text() == "hello"
    model = steno.sklearn.load_model(f"runs:/{run.info.run_id}/model", trust=True)
    assert model.predict([[2.0]]).tolist() == pytest.approx([4.0])


def test_an_artifact_place_that_nobody_serves(install: Install) -> None:
    """The error shows the place, what is accepted, what to install, and a plugin's relative path for what it is."""
    install("loose", "@hookimpl\ndef steno_artifacts(uri):\n    return 'somewhere'\n")
    steno.create_experiment("kept elsewhere", artifact_location="bucket://team/a")
    steno.set_experiment("kept elsewhere")
    with steno.start_run(), pytest.raises(InvalidInputError, match="artifact location is 'bucket://team/a") as caught:
        steno.log_text("hello", "note.txt")
    assert "artifact_location='/a/folder'" in str(caught.value)
    assert "install a plugin with the hook steno_artifacts; of those here loose failed" in str(caught.value)
    assert "steno_artifacts gave 'somewhere' (str), accepted is the absolute path" in str(caught.value)
