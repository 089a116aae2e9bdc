"""Starting, nesting, resuming and ending runs."""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import steno
from steno.entities import Run
from steno.errors import InvalidInputError, NotFoundError, StateError
from steno.tracking.session import session


def test_a_run_is_recorded_whole() -> None:
    """What a `with` block logged is what `get_run` gives, with name, status and times."""
    with steno.start_run(run_name="mine", tags={"team": "blue"}, description="a note") as run:
        steno.log_param("lr", 0.1)
        steno.log_metric("loss", 0.5, step=3, timestamp=1_700_000_000_000)
    found = steno.get_run(run.info.run_id)
    assert (found.info.run_name, found.info.status, found.info.experiment_id) == ("mine", "FINISHED", "0")
    assert found.info.end_time is not None
    assert found.info.end_time >= found.info.start_time
    assert found.data.params == {"lr": "0.1"}
    assert found.data.params["lr"].value == 0.1
    assert [point.to_json() for point in found.data.latest.values()] == [
        {"key": "loss", "value": 0.5, "timestamp": 1_700_000_000_000, "step": 3}
    ]
    expected = {"team": "blue", "mlflow.note.content": "a note", "mlflow.runName": "mine"}
    assert {key: found.data.tags[key] for key in expected} == expected


def test_an_active_run_reads_fresh() -> None:
    """`run.data` of a run in progress shows what was logged up to now, and the run is a `Run` that pickles."""
    with steno.start_run() as run:
        assert run.data.metrics == {}
        steno.log_metric("loss", 0.5)
        assert run.data.metrics == {"loss": 0.5}
        assert (run.info.status, isinstance(run, Run)) == ("RUNNING", True)
        assert steno.active_run() == run
    assert run.info.status == "FINISHED"
    copy = pickle.loads(pickle.dumps(run))
    assert (type(copy), copy.data.metrics, copy.info) == (Run, {"loss": 0.5}, run.info)
    assert run.to_json()["data"]["metrics"][0]["key"] == "loss"


def test_a_second_run_needs_nested() -> None:
    """A run inside a run without `nested=True` raises and says what to write; the active run goes on."""
    with steno.start_run() as outer:
        with pytest.raises(StateError, match=r"end_run\(\), or write steno.start_run\(nested=True\)"):
            steno.start_run()
        assert steno.active_run() == outer
        with steno.start_run(nested=True) as inner:
            steno.log_metric("where", 2.0)
        steno.log_metric("where", 1.0)
    assert steno.get_run(inner.info.run_id).data.tags["mlflow.parentRunId"] == outer.info.run_id
    assert steno.get_run(inner.info.run_id).data.metrics == {"where": 2.0}
    assert steno.get_run(outer.info.run_id).data.metrics == {"where": 1.0}
    parent = steno.tracking.fluent.get_parent_run(inner.info.run_id)
    assert parent is not None
    assert parent.info.run_id == outer.info.run_id


def test_end_run_ends_the_innermost() -> None:
    """`end_run` ends the active run with the status given, and the one around it is active again."""
    outer = steno.start_run()
    inner = steno.start_run(nested=True)
    steno.end_run("KILLED")
    assert steno.active_run() == outer
    steno.end_run()
    steno.end_run()
    assert steno.active_run() is None
    assert [steno.get_run(run.info.run_id).info.status for run in (outer, inner)] == ["FINISHED", "KILLED"]


@pytest.mark.parametrize("status", ["DONE", "", 3])
def test_an_unknown_status_is_refused(status: str) -> None:
    """A status that does not exist raises and leaves the run running."""
    steno.start_run()
    with pytest.raises(InvalidInputError, match="accepted are FINISHED"):
        steno.end_run(status)
    assert steno.active_run() is not None


def test_a_run_goes_on_where_it_was() -> None:
    """`start_run(run_id=...)` makes a run RUNNING again without an end time; what it had stays and is known."""
    with steno.start_run(run_name="first") as run:
        steno.log_params({"lr": 0.1})
        steno.log_metric("loss", 1.0, step=1)
    run_id = run.info.run_id
    with steno.start_run(run_id=run_id) as again:
        seen = steno.get_run(run_id).info
        assert (seen.status, seen.end_time, seen.run_name) == ("RUNNING", None, "first")
        steno.log_metric("loss", 0.5, step=2)
        steno.log_params({"lr": 0.1})
        with pytest.raises(InvalidInputError, match=r"has the value '0\.1' already"):
            steno.log_params({"lr": 0.2, "depth": 4})
    assert again == run
    found = steno.get_run(run_id)
    assert (found.info.status, found.data.params) == ("FINISHED", {"lr": "0.1", "depth": "4"})
    assert [point.step for point in steno.Client().get_metric_history(run_id, "loss")] == [1, 2]


def test_a_run_of_another_process_goes_on_with_its_params(run_python: object) -> None:
    """A run that another process made is resumed knowing its params: a contradiction is refused at once."""
    assert callable(run_python)
    done = run_python(
        "import steno\nwith steno.start_run() as run:\n    steno.log_param('lr', 0.1)\nprint(run.info.run_id)"
    )
    with steno.start_run(run_id=done.stdout.strip()), pytest.raises(InvalidInputError, match=r"'0\.1' already"):
        steno.log_param("lr", 0.3)


def test_what_cannot_be_resumed_says_why() -> None:
    """An unknown run, a deleted run and a run of another experiment raise their own errors; nothing is started."""
    with pytest.raises(NotFoundError, match="nope"):
        steno.start_run(run_id="nope")
    with steno.start_run() as run:
        pass
    with pytest.raises(InvalidInputError, match="is in experiment '0'"):
        steno.start_run(run_id=run.info.run_id, experiment_id="7")
    steno.delete_run(run.info.run_id)
    with pytest.raises(StateError, match="deleted: restore it"):
        steno.start_run(run_id=run.info.run_id)
    with pytest.raises(NotFoundError):
        steno.start_run(experiment_id="77")
    with pytest.raises(InvalidInputError, match="run name"):
        steno.start_run(run_name=3)  # type: ignore[arg-type]
    assert steno.active_run() is None
    steno.restore_run(run.info.run_id)
    with steno.start_run(run_id=run.info.run_id):
        pass


def test_a_run_named_from_outside_is_resumed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """`STENO_RUN_ID` names the run of the first `start_run`; the next one is a new run."""
    with steno.start_run() as run:
        pass
    monkeypatch.setenv("STENO_RUN_ID", run.info.run_id)
    with steno.start_run() as first:
        pass
    with steno.start_run() as second:
        pass
    assert first.info.run_id == run.info.run_id
    assert second.info.run_id != run.info.run_id


def test_an_experiment_takes_what_it_should() -> None:
    """The folder of an experiment's artifacts may be a path; tags are a dict, and anything else is refused."""
    number = steno.create_experiment("a", artifact_location=Path("files"), tags={"n": 1})
    found = steno.get_experiment(number)
    assert (found.artifact_location, found.tags) == (Path("files").absolute().as_uri(), {"n": "1"})
    wrong: Any = ["t"]
    with pytest.raises(InvalidInputError, match="artifact_location is 5"):
        steno.create_experiment("b", artifact_location=5)  # type: ignore[arg-type]
    for call in (lambda: steno.create_experiment("b", tags=wrong), lambda: steno.set_experiment_tags(wrong)):
        with pytest.raises(InvalidInputError, match="accepted is a dict"):
            call()
    assert steno.get_experiment_by_name("b") is None


@pytest.mark.parametrize("setting", ["STENO_RUN_ID", "STENO_EXPERIMENT_ID"])
def test_a_wrong_name_from_outside_is_named(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment variable that names no run or experiment is named in the error, which says what to do with it."""
    monkeypatch.setenv(setting, "999")
    with pytest.raises(NotFoundError, match=rf"{setting} .*'999' \(str\).* (unset|remove) it"):
        steno.log_metric("a", 1.0)


def test_a_log_call_without_a_run_starts_one() -> None:
    """A `log_*` call with no active run opens one, and the next call goes into the same."""
    steno.log_metric("a", 1.0)
    steno.log_param("b", 2)
    (run,) = steno.search_runs(output_format="list")
    assert (run.data.metrics, run.data.params, run.info.status) == ({"a": 1.0}, {"b": "2"}, "RUNNING")


def test_a_log_call_after_a_training_belongs_to_it() -> None:
    """A `log_*` call with no active run joins the run of the last training of the same thread, also when that ended."""
    run = session().open_run(name="training")
    session().note_training(run)
    run.end()
    steno.log_metric("latency", 1.5)
    seen = {}

    def elsewhere() -> None:
        steno.log_metric("other", 1.0)
        active = steno.active_run()
        assert active is not None
        seen["run"] = active.info.run_id

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    found = steno.get_run(run.run_id)
    assert (found.data.metrics, found.info.status) == ({"latency": 1.5}, "FINISHED")
    assert seen["run"] != run.run_id
    last = steno.last_active_run()
    assert last is not None


def test_a_worker_thread_logs_into_the_current_run() -> None:
    """A thread that has no run of its own logs into the run that the program has active."""
    with steno.start_run() as run, ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda step: steno.log_metric("loss", float(step), step=step), range(100)))
    assert len(steno.Client().get_metric_history(run.info.run_id, "loss")) == 100
    assert len(steno.search_runs(output_format="list")) == 1


def test_threads_with_runs_of_their_own_do_not_mix() -> None:
    """Eight threads that start runs at once log each into its own, although the main thread has one active."""
    barrier = threading.Barrier(8)

    def work(number: int) -> str:
        barrier.wait()
        with steno.start_run(run_name=f"worker {number}") as run:
            for step in range(50):
                steno.log_metric("number", float(number), step=step)
        return run.info.run_id

    with steno.start_run() as main, ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(work, range(8)))
        steno.log_metric("number", -1.0)
    client = steno.Client()
    for number, run_id in enumerate(ids):
        assert [point.value for point in client.get_metric_history(run_id, "number")] == [float(number)] * 50
    assert steno.get_run(main.info.run_id).data.metrics == {"number": -1.0}


def test_tasks_with_runs_of_their_own_do_not_mix() -> None:
    """Tasks of asyncio that run at the same time start a run each, also inside a run of the task that made them."""

    async def work(number: int) -> tuple[str, int]:
        with steno.start_run(run_name=f"task {number}") as run:
            for step in range(20):
                steno.log_metric("number", float(number), step=step)
                await asyncio.sleep(0)
        return run.info.run_id, number

    async def main() -> list[tuple[str, int]]:
        with steno.start_run(run_name="outer"):
            return await asyncio.gather(*(work(number) for number in range(4)))

    client = steno.Client()
    for run_id, number in asyncio.run(main()):
        assert [point.value for point in client.get_metric_history(run_id, "number")] == [float(number)] * 20


def test_a_notebook_cell_finds_the_run_of_the_last_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a notebook, where each cell has a new context, a run started in one cell is active in the next."""
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    import contextvars

    def cell(code: object) -> object:
        assert callable(code)
        return contextvars.Context().run(code)

    run = cell(steno.start_run)
    assert isinstance(run, Run)
    cell(lambda: steno.log_metric("a", 1.0))
    with pytest.raises(StateError, match="active already"):
        cell(steno.start_run)
    cell(steno.end_run)
    cell(lambda: cell(steno.start_run))
    assert steno.get_run(run.info.run_id).data.metrics == {"a": 1.0}
    assert steno.get_run(run.info.run_id).info.status == "FINISHED"


def test_the_error_of_a_block_is_kept_and_raised() -> None:
    """An exception leaves the block as it is; the run is FAILED and has its type, message and traceback."""
    error = ValueError("bad data")
    with pytest.raises(ValueError, match="bad data") as caught, steno.start_run() as run:
        raise error
    assert caught.value is error
    found = steno.get_run(run.info.run_id)
    told = json.loads(found.data.tags["steno.error"])
    assert (found.info.status, told["type"], told["message"]) == ("FAILED", "ValueError", "bad data")
    assert "raise error" in told["traceback"]


def test_an_unprintable_error_is_kept_too() -> None:
    """An exception whose text cannot be made fails the run like any other."""

    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    with pytest.raises(MuteError), steno.start_run() as run:
        raise MuteError
    assert "MuteError" in steno.get_run(run.info.run_id).data.tags["steno.error"]


def test_names_are_random_unless_given() -> None:
    """Runs that nobody named have different names, and a run can be renamed by its tag or by the client."""
    with steno.start_run() as one, steno.start_run(nested=True) as two:
        assert one.info.run_name != two.info.run_name
        steno.set_tag("mlflow.runName", "by tag")
    steno.Client().update_run(one.info.run_id, name="by client")
    names = {run.info.run_id: run for run in steno.search_runs(output_format="list")}
    assert names[two.info.run_id].info.run_name == "by tag"
    assert names[one.info.run_id].info.run_name == "by client"
    assert names[one.info.run_id].data.tags["mlflow.runName"] == "by client"


def test_experiments_are_created_chosen_and_described(monkeypatch: pytest.MonkeyPatch) -> None:
    """`set_experiment` creates or finds by name or id; runs go there, and the environment can name one too."""
    first = steno.set_experiment("one")
    assert steno.set_experiment("one") == first
    with steno.start_run() as run:
        pass
    assert run.info.experiment_id == first.experiment_id
    other = steno.create_experiment("two", tags={"a": 1})
    assert steno.set_experiment(experiment_id=other).tags == {"a": "1"}
    steno.tracking.fluent.set_experiment_tag("b", 2)
    assert steno.get_experiment(other).tags == {"a": "1", "b": "2"}
    for arguments in ({}, {"experiment_name": "a", "experiment_id": "1"}):
        with pytest.raises(InvalidInputError, match="accepted is one of them"):
            steno.set_experiment(**arguments)
    with pytest.raises(NotFoundError):
        steno.set_experiment(experiment_id="77")
    with pytest.raises(steno.errors.AlreadyExistsError):
        steno.create_experiment("two")
    steno.delete_experiment(other)
    with pytest.raises(StateError, match="deleted"):
        steno.set_experiment(experiment_id=other)
    assert steno.set_experiment("two").experiment_id != other
    names = [found.name for found in steno.search_experiments(order_by=["name ASC"])]
    assert names == ["Default", "one", "two"]


def test_the_environment_names_the_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`STENO_EXPERIMENT_NAME` chooses the experiment of runs that nothing else was said about."""
    monkeypatch.setenv("STENO_EXPERIMENT_NAME", "from outside")
    with steno.start_run() as run:
        pass
    assert steno.get_experiment(run.info.experiment_id).name == "from outside"


def test_another_store_takes_over_and_open_runs_stay(tmp_path: object) -> None:
    """After `set_tracking_uri` new runs go to the other store, and a run that was open ends in its own."""
    one = steno.start_run(run_name="one")
    steno.set_tracking_uri("elsewhere")
    two = steno.start_run(run_name="two", nested=True)
    steno.end_run()
    steno.log_metric("a", 1.0)
    steno.end_run()
    assert [run.info.run_name for run in steno.search_runs(output_format="list")] == ["two"]
    steno.set_tracking_uri("")
    (run,) = steno.search_runs(output_format="list")
    assert (run.info.run_name, run.info.status, run.data.metrics) == ("one", "FINISHED", {"a": 1.0})
    assert (one.data.metrics, two.data.metrics) == ({"a": 1.0}, {})
