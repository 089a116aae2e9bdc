"""The functions of `steno.*`: runs begun, continued, nested, ended, deleted."""

from __future__ import annotations

import inspect
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

import steno
from steno.entities import Metric, Run, RunData, RunInfo
from steno.errors import AlreadyExistsError, InvalidInputError, NotFoundError, StateError
from steno.tracking import fluent
from steno.tracking.session import reset, session

# Names, order and defaults of MLflow 3.17's functions, as `inspect.signature` prints them there.
MLFLOW = {
    "set_tracking_uri": "uri",
    "get_tracking_uri": "",
    "set_experiment": "experiment_name=None, experiment_id=None, trace_location=None",
    "create_experiment": "name, artifact_location=None, tags=None, trace_location=None",
    "get_experiment": "experiment_id",
    "get_experiment_by_name": "name",
    "search_experiments": "view_type=1, max_results=None, filter_string=None, order_by=None",
    "start_run": "run_id=None, experiment_id=None, run_name=None, nested=False, parent_run_id=None, tags=None, "
    "description=None, log_system_metrics=None",
    "end_run": "status='FINISHED'",
    "active_run": "",
    "last_active_run": "",
    "get_run": "run_id",
    "get_parent_run": "run_id",
    "search_runs": "experiment_ids=None, filter_string='', run_view_type=1, max_results=100000, order_by=None, "
    "output_format='pandas', search_all_experiments=False, experiment_names=None",
    "delete_run": "run_id",
    "delete_experiment": "experiment_id",
    "log_param": "key, value, synchronous=None",
    "log_params": "params, synchronous=None, run_id=None",
    "log_metric": "key, value, step=None, synchronous=None, timestamp=None, run_id=None, model_id=None, dataset=None",
    "log_metrics": "metrics, step=None, synchronous=None, run_id=None, timestamp=None, model_id=None, dataset=None",
    "set_tag": "key, value, synchronous=None",
    "set_tags": "tags, synchronous=None",
    "set_experiment_tag": "key, value",
    "set_experiment_tags": "tags",
    "delete_tag": "key",
    "log_artifact": "local_path, artifact_path=None, run_id=None",
    "log_artifacts": "local_dir, artifact_path=None, run_id=None",
    "log_text": "text, artifact_file, run_id=None",
    "log_dict": "dictionary, artifact_file, run_id=None",
    "log_figure": "figure, artifact_file, save_kwargs=None",
    "log_image": "image, artifact_file=None, key=None, step=None, timestamp=None, synchronous=False",
    "log_table": "data, artifact_file, run_id=None",
    "log_input": "dataset=None, context=None, tags=None, model=None",
    "get_artifact_uri": "artifact_path=None",
    "is_tracking_uri_set": "",
    "restore_experiment": "experiment_id",
    "delete_experiment_tag": "key",
    "load_table": "artifact_file, run_ids=None, extra_columns=None",
    "log_stream": "stream, artifact_file, run_id=None",
    "log_inputs": "datasets=None, contexts=None, tags_list=None, models=None",
    "get_logged_model": "model_id",
    "set_logged_model_tags": "model_id, tags",
    "flush_async_logging": "",
    "flush_artifact_async_logging": "",
}
ABSENT = {"trace_location"}  # traces are no part of steno


def signature_of(function: Any) -> list[str]:
    """Names and defaults, in order."""
    found = inspect.signature(function).parameters.values()
    return [p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in found]


@pytest.mark.parametrize("name", MLFLOW)
def test_signatures_are_mlflows(name: str) -> None:
    """A call written for MLflow means the same: argument names, their order and defaults agree."""
    expected = [part for part in MLFLOW[name].split(", ") if part and part.partition("=")[0] not in ABSENT]
    assert signature_of(getattr(fluent, name)) == expected


def test_a_run_is_kept_whole() -> None:
    """Everything logged in a `with` block is in the run that is read back, and nothing else."""
    before = int(time.time() * 1000)
    with steno.start_run(run_name="first", tags={"team": "a"}, description="a *note*") as run:
        steno.log_param("depth", 4)
        steno.log_params({"lr": 0.1, "name": "rf"})
        steno.log_metric("loss", 0.5)
        steno.log_metric("loss", 0.25, step=1, timestamp=1_700_000_000_000)
        steno.log_metrics({"acc": 0.9, "auc": 0.8}, step=2, timestamp=1_700_000_000_001)
        steno.set_tag("stage", "dev")
        steno.set_tags({"gone": 1, "kept": 2})
        steno.delete_tag("gone")
        steno.delete_tag("never there")
    after = int(time.time() * 1000)
    found = steno.get_run(run.info.run_id)
    times = (found.info.start_time, found.info.end_time or 0)
    folder = (Path.cwd() / ".steno" / "artifacts" / "0" / run.info.run_id / "artifacts").as_uri()
    assert before <= times[0] <= times[1] <= after
    assert found.info == RunInfo(run.info.run_id, "first", "0", found.info.user_id, "FINISHED", *times, folder)
    assert found.info == run.info
    own = {key: value for key, value in found.data.tags.items() if not key.startswith(("mlflow.source", "steno."))}
    assert own == {
        "mlflow.note.content": "a *note*",
        "mlflow.runName": "first",
        "mlflow.user": found.info.user_id,
        "team": "a",
        "stage": "dev",
        "kept": "2",
    }
    assert found.data.params == {"depth": "4", "lr": "0.1", "name": "rf"}
    assert {key: value.value for key, value in found.data.params.items()} == {"depth": 4, "lr": 0.1, "name": "rf"}
    assert found.data.latest == {
        "loss": Metric("loss", 0.25, 1_700_000_000_000, 1),
        "acc": Metric("acc", 0.9, 1_700_000_000_001, 2),
        "auc": Metric("auc", 0.8, 1_700_000_000_001, 2),
    }
    assert (list(found.inputs.dataset_inputs), list(found.outputs.model_outputs)) == ([], [])


def test_the_active_run_reads_fresh() -> None:
    """What `start_run` returns shows what was logged up to now, while the run goes on."""
    with steno.start_run() as run:
        assert (run.info.status, run.data.metrics) == ("RUNNING", {})
        steno.log_metric("a", 1.0)
        assert run.data.metrics == {"a": 1.0}
        assert steno.active_run() == run
        assert steno.last_active_run() == steno.get_run(run.info.run_id)
    assert steno.active_run() is None
    last = steno.last_active_run()
    assert isinstance(last, Run)
    assert isinstance(last.data, RunData)
    assert (last.info.run_id, last.info.status, run.info.status) == (run.info.run_id, "FINISHED", "FINISHED")


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("bad"), "FAILED"), (KeyboardInterrupt(), "KILLED"), (SystemExit(1), "FAILED"),
     (SystemExit("why"), "FAILED"), (SystemExit(0), "FINISHED"), (SystemExit(None), "FINISHED"),
     (GeneratorExit(), "KILLED")],
    ids=repr,
)  # fmt: skip
def test_the_status_tells_how_the_block_was_left(error: BaseException, status: str) -> None:
    """A `with` block left by an exception says so in status and error, and the exception goes on unchanged."""
    with pytest.raises(type(error)) as caught, steno.start_run() as run:
        raise error
    assert caught.value is error
    found = steno.get_run(run.info.run_id)
    assert found.info.status == status
    assert ("steno.error" in found.data.tags) == (status != "FINISHED")
    if isinstance(error, ValueError):
        assert '"type": "ValueError", "message": "bad"' in found.data.tags["steno.error"]
        assert "test_fluent.py" in found.data.tags["steno.error"]


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_end_run_takes_a_status(status: str) -> None:
    """`end_run` ends the active run with the status that it is given, once."""
    run = steno.start_run()
    steno.end_run(status)
    steno.end_run("FAILED")
    assert steno.get_run(run.info.run_id).info.status == status


@pytest.mark.parametrize("status", ["RUNNING", "SCHEDULED", "DONE", "", 3])
def test_end_run_refuses_what_is_no_end(status: Any) -> None:
    """A word that is no end of a run is refused, and the run goes on."""
    with steno.start_run() as run:
        with pytest.raises(InvalidInputError, match="FINISHED, FAILED"):
            steno.end_run(status)
        assert steno.active_run() == run
        assert steno.get_run(run.info.run_id).info.status == "RUNNING"


def test_a_second_run_needs_to_be_nested() -> None:
    """`start_run` inside a run refuses, names the run, and says what to type; nested it makes a child."""
    with steno.start_run(run_name="outer") as outer:
        with pytest.raises(StateError, match=r"'outer'.*nested=True"):
            steno.start_run()
        with steno.start_run(nested=True, run_name="inner") as inner:
            steno.log_metric("a", 1.0)
            with steno.start_run(nested=True) as innermost:
                assert steno.active_run() == innermost
            assert steno.active_run() == inner
        steno.log_metric("b", 2.0)
    assert steno.get_run(outer.info.run_id).data.metrics == {"b": 2.0}
    assert steno.get_run(inner.info.run_id).data.metrics == {"a": 1.0}
    parents = [fluent.get_parent_run(run.info.run_id) for run in (outer, inner, innermost)]
    assert [parent and parent.info.run_id for parent in parents] == [None, outer.info.run_id, inner.info.run_id]


def test_a_parent_may_be_named() -> None:
    """`parent_run_id` makes a run the child of any run, also of one that has ended; an unknown one is refused."""
    with steno.start_run() as parent:
        pass
    with steno.start_run(parent_run_id=parent.info.run_id) as child:
        pass
    assert steno.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id
    with pytest.raises(NotFoundError, match="'nope'"):
        steno.start_run(parent_run_id="nope")
    assert steno.active_run() is None


def test_a_run_goes_on() -> None:
    """`start_run(run_id=...)` continues a run, in another process too: RUNNING, then its new end, all data kept."""
    with steno.start_run(run_name="first") as run:
        steno.log_param("a", 1)
        steno.log_metric("m", 1.0, step=1)
    started = run.info.start_time
    session().close()
    reset()
    with steno.start_run(run_id=run.info.run_id, tags={"again": "yes"}) as again:
        assert again.info.run_id == run.info.run_id
        during = steno.get_run(run.info.run_id)
        assert (during.info.status, during.info.end_time, during.info.start_time) == ("RUNNING", None, started)
        steno.log_metric("m", 2.0, step=2)
        steno.log_params({"a": 1, "b": 2})
        with pytest.raises(InvalidInputError, match="'1' already"):
            steno.log_param("a", 3)
    found = steno.get_run(run.info.run_id)
    assert (found.info.status, found.info.run_name, found.data.tags["again"]) == ("FINISHED", "first", "yes")
    assert (found.data.params, found.data.metrics) == ({"a": "1", "b": "2"}, {"m": 2.0})
    assert [point.value for point in steno.Client().get_metric_history(run.info.run_id, "m")] == [1.0, 2.0]
    assert len(steno.search_runs(output_format="list")) == 1


def test_the_environment_names_a_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """`STENO_RUN_ID` makes the first run of a process go on with that run, and the next one a new run."""
    with steno.start_run() as run:
        pass
    monkeypatch.setenv("STENO_RUN_ID", run.info.run_id)
    with steno.start_run() as first:
        pass
    with steno.start_run() as second:
        pass
    assert first.info.run_id == run.info.run_id != second.info.run_id


WRONG: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("unknown run", {"run_id": "nope"}, NotFoundError, "no run has the id 'nope'"),
    ("run id 5", {"run_id": 5}, InvalidInputError, "run_id is 5"),
    ("run id list", {"run_id": []}, InvalidInputError, "run_id is"),
    ("unknown experiment", {"experiment_id": "77"}, NotFoundError, "'77'"),
    ("name 5", {"run_name": 5}, InvalidInputError, "run name is 5"),
    ("tags", {"tags": ["a"]}, InvalidInputError, "accepted is a dict"),
    ("tag name", {"tags": {1: "a"}}, InvalidInputError, "tag name is 1"),
    ("parent 5", {"parent_run_id": 5}, InvalidInputError, "run_id is 5"),
    ("NUL", {"run_id": "a\0b"}, NotFoundError, "no run has the id"),
    ("huge", {"run_id": "x" * 100_000}, NotFoundError, "no run has the id"),
]


@pytest.mark.parametrize(("arguments", "error", "said"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_wrong_arguments_start_no_run(arguments: dict[str, Any], error: type[Exception], said: str) -> None:
    """A wrong argument of `start_run` is refused in words, briefly, and no run begins."""
    with pytest.raises(error, match=said) as caught:
        steno.start_run(**arguments)
    assert len(str(caught.value)) < 500
    assert steno.active_run() is None
    assert steno.search_runs(output_format="list") == []


def test_a_run_stays_in_its_experiment() -> None:
    """Going on with a run while naming another experiment is refused."""
    with steno.start_run() as run:
        pass
    other = steno.create_experiment("other")
    with pytest.raises(InvalidInputError, match="in experiment '0'"):
        steno.start_run(run_id=run.info.run_id, experiment_id=other)
    with steno.start_run(run_id=run.info.run_id, experiment_id="0") as again:
        assert again.info.experiment_id == "0"


def test_deleted_runs_can_be_restored() -> None:
    """A deleted run is in no search, can be read, cannot go on, and comes back whole."""
    with steno.start_run(run_name="gone") as run:
        steno.log_metric("a", 1.0)
    run_id = run.info.run_id
    whole = steno.get_run(run_id)
    steno.delete_run(run_id)
    assert steno.search_runs(output_format="list") == []
    (deleted,) = steno.search_runs(run_view_type=2, output_format="list")
    assert (deleted.info.lifecycle_stage, deleted.data) == ("deleted", whole.data)
    with pytest.raises(StateError, match=r"'gone'.*is deleted.*restore_run"):
        steno.start_run(run_id=run_id)
    steno.restore_run(run_id)
    assert steno.search_runs(output_format="list") == [whole]
    for call in (steno.delete_run, steno.restore_run, steno.get_run):
        with pytest.raises(NotFoundError):
            call("nope")
        with pytest.raises(InvalidInputError):
            call(None)  # type: ignore[arg-type]


def test_experiments_by_name_and_id() -> None:
    """`set_experiment` creates a name once and finds it again; runs go there, also in a child process's eyes."""
    first = steno.set_experiment("exp")
    assert (first.name, first.lifecycle_stage) == ("exp", "active")
    with steno.start_run() as run:
        pass
    assert steno.set_experiment("exp") == first
    assert steno.set_experiment(experiment_id=first.experiment_id) == first
    assert os.environ["STENO_EXPERIMENT_ID"] == first.experiment_id
    assert (run.info.experiment_id, steno.get_experiment_by_name("exp")) == (first.experiment_id, first)
    assert [one.name for one in steno.search_experiments()] == ["exp", "Default"]
    assert steno.get_experiment_by_name("nope") is None


@pytest.mark.parametrize(("setting", "name"), [("STENO_EXPERIMENT_NAME", "named"), ("STENO_EXPERIMENT_ID", "numbered")])
def test_the_environment_names_the_experiment(setting: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`STENO_EXPERIMENT_NAME` and `STENO_EXPERIMENT_ID` say where runs go."""
    identity = steno.create_experiment("numbered")
    monkeypatch.setenv(setting, name if setting.endswith("NAME") else identity)
    with steno.start_run() as run:
        pass
    assert steno.get_experiment(run.info.experiment_id).name == name


@pytest.mark.parametrize(
    ("arguments", "error"),
    [({}, InvalidInputError), ({"experiment_name": "a", "experiment_id": "0"}, InvalidInputError),
     ({"experiment_id": "99"}, NotFoundError), ({"experiment_name": ""}, InvalidInputError),
     ({"experiment_name": 5}, InvalidInputError), ({"experiment_name": []}, InvalidInputError),
     ({"experiment_name": "x" * 501}, InvalidInputError)],
    ids=str,
)  # fmt: skip
def test_a_wrong_experiment_changes_nothing(arguments: dict[str, Any], error: type[Exception]) -> None:
    """A wrong argument of `set_experiment` is refused, and runs go where they went before."""
    with pytest.raises(error):
        steno.set_experiment(**arguments)
    with steno.start_run() as run:
        pass
    assert run.info.experiment_id == "0"


def test_deleted_experiments_take_no_runs() -> None:
    """An experiment that was deleted refuses runs, its name is free again, and it comes back with its runs."""
    first = steno.set_experiment("exp")
    with steno.start_run() as run:
        pass
    steno.delete_experiment(first.experiment_id)
    with pytest.raises(StateError, match=r"'exp'.*is deleted"):
        steno.start_run()
    with pytest.raises(StateError):
        steno.set_experiment(experiment_id=first.experiment_id)
    steno.Client().restore_experiment(first.experiment_id)
    (listed,) = steno.search_runs([first.experiment_id], output_format="list")
    assert listed.info.run_id == run.info.run_id
    steno.delete_experiment(first.experiment_id)
    assert steno.set_experiment("exp").experiment_id != first.experiment_id


def test_experiments_have_tags() -> None:
    """Tags of the current experiment are set, one or several, and an existing name is not created again."""
    identity = steno.create_experiment("exp", tags={"a": 1})
    steno.set_experiment("exp")
    fluent.set_experiment_tag("b", 2)
    fluent.set_experiment_tags({"c": 3, "a": "x"})
    assert steno.get_experiment(identity).tags == {"a": "x", "b": "2", "c": "3"}
    with pytest.raises(AlreadyExistsError, match="'exp'"):
        steno.create_experiment("exp")


def test_an_experiment_has_its_own_place_for_files(tmp_path: Path) -> None:
    """Artifacts of an experiment with a location of its own go there."""
    steno.create_experiment("exp", artifact_location=str(tmp_path / "files"))
    steno.set_experiment("exp")
    with steno.start_run() as run:
        steno.log_text("hello", "a.txt")
    assert (tmp_path / "files" / run.info.run_id / "artifacts" / "a.txt").read_text() == "hello"


def test_another_store(tmp_path: Path) -> None:
    """`set_tracking_uri` changes where new runs go; a run that is open stays in its store, and "" leads back."""
    default = steno.get_tracking_uri()
    assert default == f"sqlite:///{Path.cwd()}/.steno/steno.db"
    with steno.start_run(run_name="here"):
        steno.set_tracking_uri(tmp_path / "elsewhere")
        steno.log_metric("a", 1.0)
    assert os.environ["STENO_TRACKING_URI"] == steno.get_tracking_uri() == f"sqlite:///{tmp_path}/elsewhere/steno.db"
    with steno.start_run(run_name="there"):
        steno.log_metric("a", 2.0)
    (there,) = steno.search_runs(output_format="list")
    steno.set_tracking_uri("")
    (here,) = steno.search_runs(output_format="list")
    assert [(run.info.run_name, run.data.metrics) for run in (here, there)] == [
        ("here", {"a": 1.0}),
        ("there", {"a": 2.0}),
    ]


@pytest.mark.parametrize("uri", ["ftp://host/x", "sqlite://", "sqlite:///:memory:", 5, b"x", "a\0b"])
def test_a_wrong_store_is_refused(uri: Any) -> None:
    """A URI that steno has no store for is refused and the store stays the same."""
    before = steno.get_tracking_uri()
    with pytest.raises(InvalidInputError, match="tracking URI is"):
        steno.set_tracking_uri(uri)
    assert steno.get_tracking_uri() == before


def test_logging_without_a_run_starts_one() -> None:
    """`log_*` with no active run and no training starts one run that all such calls share."""
    steno.log_metric("a", 1.0)
    steno.log_param("p", 1)
    (run,) = steno.search_runs(output_format="list")
    assert (run.info.status, run.data.metrics, run.data.params) == ("RUNNING", {"a": 1.0}, {"p": "1"})
    steno.end_run()
    steno.log_metric("b", 2.0)
    assert len(steno.search_runs(output_format="list")) == 2


def test_logging_after_a_training_joins_its_run() -> None:
    """`log_*` after a training, with no active run, goes into the training's run; an active run goes first."""
    from sklearn.linear_model import LogisticRegression

    steno.autolog(log_models=False)
    LogisticRegression().fit([[0.0], [1.0], [2.0]], [0, 1, 1])
    trained = steno.last_active_run()
    assert trained is not None
    steno.log_metric("mine", 0.5)
    with steno.start_run() as own:
        steno.log_metric("mine", 0.75)
    last = steno.last_active_run()
    assert last is not None
    assert last.info.run_id == own.info.run_id  # the last one, whoever started it
    assert steno.get_run(trained.info.run_id).data.metrics["mine"] == 0.5
    assert steno.get_run(trained.info.run_id).info.status == "FINISHED"
    assert steno.get_run(own.info.run_id).data.metrics == {"mine": 0.75}


def test_any_run_can_be_written_by_its_id() -> None:
    """`run_id=` writes into another run than the active one, and into one that has ended, without reopening it."""
    with steno.start_run() as other:
        pass
    with steno.start_run() as active:
        steno.log_metric("a", 1.0, run_id=other.info.run_id)
        steno.log_metrics({"b": 2.0}, run_id=other.info.run_id)
        steno.log_params({"p": 1}, run_id=other.info.run_id)
        steno.log_text("x", "x.txt", run_id=other.info.run_id)
        with pytest.raises(NotFoundError):
            steno.log_metric("a", 1.0, run_id="nope")
        with pytest.raises(InvalidInputError):
            steno.log_metric("a", 1.0, run_id=5)  # type: ignore[arg-type]
    found = steno.get_run(other.info.run_id)
    assert (found.info.status, found.data.metrics, found.data.params) == ("FINISHED", {"a": 1.0, "b": 2.0}, {"p": "1"})
    assert steno.get_run(active.info.run_id).data.metrics == {}


def test_a_run_is_renamed_by_its_tag() -> None:
    """Setting `mlflow.runName` renames the run, as it does in MLflow."""
    with steno.start_run(run_name="old") as run:
        steno.set_tag("mlflow.runName", "new")
        assert run.info.run_name == "new"
    found = steno.get_run(run.info.run_id)
    assert (found.info.run_name, found.data.tags["mlflow.runName"]) == ("new", "new")


def test_a_run_that_goes_on_keeps_its_list_of_tables() -> None:
    """The tag in which MLflow's pages look for tables lists those of before and after a run was continued."""
    with steno.start_run() as run:
        steno.log_table({"a": [1]}, "one.json")
    session().close()
    reset()
    with steno.start_run(run_id=run.info.run_id):
        steno.log_table({"a": [2]}, "two.json")
        steno.log_table({"a": [3]}, "one.json")
    listed = json.loads(steno.get_run(run.info.run_id).data.tags["mlflow.loggedArtifacts"])
    assert [entry["path"] for entry in listed] == ["one.json", "two.json"]


def test_another_store_begins_in_its_default_experiment(tmp_path: Path) -> None:
    """The experiment that was chosen belongs to its store: in another one runs go to that one's default."""
    chosen = steno.set_experiment("mine")
    steno.set_tracking_uri(tmp_path / "other")
    with steno.start_run() as run:
        pass
    assert (run.info.experiment_id, chosen.experiment_id) == ("0", "1")
    assert "STENO_EXPERIMENT_ID" not in os.environ
