"""`Client`: runs and experiments by id, for any store."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import steno
from steno.entities import Dataset, DatasetInput, FileInfo, Metric, Param, ParamValue, RunTag
from steno.errors import AlreadyExistsError, InvalidInputError, NotFoundError, StateError

# Names, order and defaults of the methods of MLflow 3.17's client, as `inspect.signature` prints them there.
MLFLOW = {
    "create_experiment": "name, artifact_location=None, tags=None",
    "get_experiment": "experiment_id",
    "get_experiment_by_name": "name",
    "search_experiments": "view_type=1, max_results=1000, filter_string=None, order_by=None, page_token=None",
    "rename_experiment": "experiment_id, new_name",
    "delete_experiment": "experiment_id",
    "restore_experiment": "experiment_id",
    "set_experiment_tag": "experiment_id, key, value",
    "delete_experiment_tag": "experiment_id, key",
    "create_run": "experiment_id, start_time=None, tags=None, run_name=None",
    "get_run": "run_id",
    "get_parent_run": "run_id",
    "search_runs": "experiment_ids, filter_string='', run_view_type=1, max_results=1000, order_by=None, "
    "page_token=None",
    "update_run": "run_id, status=None, name=None",
    "set_terminated": "run_id, status=None, end_time=None",
    "delete_run": "run_id",
    "restore_run": "run_id",
    "log_metric": "run_id, key, value, timestamp=None, step=None, synchronous=None, dataset_name=None, "
    "dataset_digest=None, model_id=None",
    "log_param": "run_id, key, value, synchronous=None",
    "set_tag": "run_id, key, value, synchronous=None",
    "delete_tag": "run_id, key",
    "log_batch": "run_id, metrics=(), params=(), tags=(), synchronous=None",
    "get_metric_history": "run_id, key",
    "log_inputs": "run_id, datasets=None, models=None",
    "list_artifacts": "run_id, path=None",
    "download_artifacts": "run_id, path, dst_path=None",
    "log_artifact": "run_id, local_path, artifact_path=None",
    "log_artifacts": "run_id, local_dir, artifact_path=None",
    "log_text": "run_id, text, artifact_file",
    "log_dict": "run_id, dictionary, artifact_file",
    "log_figure": "run_id, figure, artifact_file, save_kwargs=None",
    "log_image": "run_id, image, artifact_file=None, key=None, step=None, timestamp=None, synchronous=None",
    "log_table": "run_id, data, artifact_file",
    "load_table": "experiment_id, artifact_file, run_ids=None, extra_columns=None",
    "log_stream": "run_id, stream, artifact_file",
    "get_logged_model": "model_id",
    "set_logged_model_tags": "model_id, tags",
    "list_logged_model_artifacts": "model_id, path=None",
}


@pytest.mark.parametrize("name", MLFLOW)
def test_signatures_are_mlflows(name: str) -> None:
    """A call of the client written for MLflow means the same: names, order and defaults agree."""
    found = list(inspect.signature(getattr(steno.Client, name)).parameters.values())[1:]
    assert ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in found) == MLFLOW[name]


def test_a_run_from_beginning_to_end() -> None:
    """A run created, filled and ended by its id is read back whole, and no run is active meanwhile."""
    client = steno.Client()
    run = client.create_run("0", start_time=1_000, tags={"a": 1}, run_name="mine")
    run_id = run.info.run_id
    assert (run.info.status, run.info.start_time, run.info.run_name) == ("RUNNING", 1_000, "mine")
    assert steno.active_run() is None
    client.log_metric(run_id, "loss", 0.5, timestamp=5, step=1)
    client.log_batch(
        run_id,
        metrics=[Metric("loss", 0.25, 6, 2), Metric("acc", 1.0, 6, 2)],
        params=[Param("q", ParamValue("x"))],
        tags={"b": 2},
    )
    assert client.log_param(run_id, "p", 3) == 3
    client.set_tag(run_id, "c", 3)
    client.set_tag(run_id, "gone", 3)
    client.delete_tag(run_id, "gone")
    client.set_terminated(run_id, "FAILED", end_time=2_000)
    found = client.get_run(run_id)
    assert (found.info.status, found.info.end_time) == ("FAILED", 2_000)
    assert found.data.latest == {"loss": Metric("loss", 0.25, 6, 2), "acc": Metric("acc", 1.0, 6, 2)}
    assert found.data.params == {"p": "3", "q": "x"}
    assert {key: found.data.tags.get(key) for key in ("a", "b", "c", "gone")} == {
        "a": "1", "b": "2", "c": "3", "gone": None,
    }  # fmt: skip
    assert client.get_metric_history(run_id, "loss") == [Metric("loss", 0.5, 5, 1), Metric("loss", 0.25, 6, 2)]
    assert client.get_metric_history(run_id, "nope") == []


def test_a_batch_keeps_the_good() -> None:
    """Bad points, params and tags of a batch are named in one error, and the others are recorded."""
    client = steno.Client()
    run_id = client.create_run("0").info.run_id
    bad: Any = [Metric("m", 1.0, 5, 0), Metric("n", "x", 5, 0), Metric("o", 1.0, 5, 2**63)]  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError) as caught:
        client.log_batch(run_id, metrics=bad, params=[Param("p", ParamValue("1"))], tags={"t": "1", 5: "2"})  # type: ignore[dict-item]
    assert all(name in str(caught.value) for name in ("'n'", "'o'", "tag name is 5"))
    data = client.get_run(run_id).data
    assert (data.metrics, data.params, data.tags["t"]) == ({"m": 1.0}, {"p": "1"}, "1")


def test_a_batch_says_what_it_takes() -> None:
    """What is no `Metric`, `Param` or `RunTag` is named with what is accepted, the rest is recorded."""
    client = steno.Client()
    run_id = client.create_run("0").info.run_id
    metrics: Any = [Metric("m", 1.0, 5, 0), ("n", 2.0)]
    params: Any = {"p": 1}
    tags: Any = [RunTag("t", "1"), "u"]
    with pytest.raises(InvalidInputError) as caught:
        client.log_batch(run_id, metrics, params, tags)
    for wanted in (
        "Metric(key, value, timestamp, step)",
        "'p' (str), accepted is a list of steno.entities.Param",
        "RunTag",
    ):
        assert wanted in str(caught.value)
    data = client.get_run(run_id).data
    assert (data.metrics, data.params, data.tags["t"]) == ({"m": 1.0}, {}, "1")


def test_one_experiment_and_one_order_need_no_list() -> None:
    """A search takes a single experiment id, as text or number, and a single term of order, by every way to search."""
    client = steno.Client()
    for name, loss in (("a", 0.3), ("b", 0.1), ("c", 0.2)):
        client.log_metric(client.create_run("0", run_name=name).info.run_id, "loss", loss)
    order = "metrics.loss DESC"
    ids: Any
    for ids in ("0", 0, ["0"], [0]):
        assert [run.info.run_name for run in client.search_runs(ids, order_by=order)] == ["a", "c", "b"]
        found = steno.search_runs(ids, order_by=order, output_format="list")
        assert [run.info.run_name for run in found] == ["a", "c", "b"]
    assert [one.name for one in client.search_experiments(order_by="name DESC")] == ["Default"]


def test_the_client_is_where_mlflow_has_it() -> None:
    """`steno.tracking.MlflowClient` and the functions for the tracking URI are found as in `mlflow.tracking`."""
    import steno.tracking as tracking

    assert tracking.MlflowClient is steno.MlflowClient
    assert (tracking.set_tracking_uri, tracking.get_tracking_uri) == (steno.set_tracking_uri, steno.get_tracking_uri)


def test_status_and_name_change() -> None:
    """`update_run` and `set_terminated` change a run at any time: ended, running again, ended otherwise."""
    client = steno.Client()
    run_id = client.create_run("0").info.run_id
    client.set_terminated(run_id)
    first = client.get_run(run_id).info
    assert (first.status, first.end_time is not None) == ("FINISHED", True)
    client.update_run(run_id, status="RUNNING", name="again")
    second = client.get_run(run_id).info
    assert (second.status, second.end_time, second.run_name) == ("RUNNING", None, "again")
    client.update_run(run_id, status="KILLED")
    assert client.get_run(run_id).info.status == "KILLED"
    with pytest.raises(InvalidInputError, match="status is 'DONE'"):
        client.set_terminated(run_id, "DONE")


def test_experiments() -> None:
    """Experiments are created, renamed, tagged, deleted, restored and found."""
    client = steno.Client()
    identity = client.create_experiment("one", tags={"a": 1})
    client.rename_experiment(identity, "two")
    client.set_experiment_tag(identity, "b", 2)
    client.delete_experiment_tag(identity, "a")
    found = client.get_experiment(identity)
    assert (found.name, found.tags, found.lifecycle_stage) == ("two", {"b": "2"}, "active")
    assert client.get_experiment_by_name("two") == found
    assert client.get_experiment_by_name("one") is None
    with pytest.raises(AlreadyExistsError):
        client.create_experiment("two")
    client.delete_experiment(identity)
    assert client.get_experiment(identity).lifecycle_stage == "deleted"
    with pytest.raises(StateError):
        client.create_run(identity)
    assert [one.name for one in client.search_experiments()] == ["Default"]
    client.restore_experiment(identity)
    page = client.search_experiments(max_results=1)
    assert [one.name for one in page] == ["two"]
    assert [one.name for one in client.search_experiments(page_token=page.token)] == ["Default"]


def test_pages_of_runs() -> None:
    """Every run is on one page exactly, latest first."""
    client = steno.Client()
    made = [client.create_run("0", start_time=1_000 + number).info.run_id for number in range(7)]
    found: list[str] = []
    token = None
    sizes = []
    while True:
        page = client.search_runs(["0"], max_results=3, page_token=token)
        found += [run.info.run_id for run in page]
        sizes.append(len(page))
        token = page.token
        if token is None:
            break
    assert (found, sizes) == (made[::-1], [3, 3, 1])


def test_runs_are_deleted_and_restored() -> None:
    """A deleted run cannot be written by its id and comes back whole."""
    client = steno.Client()
    run_id = client.create_run("0").info.run_id
    client.set_terminated(run_id)
    client.delete_run(run_id)
    assert client.search_runs(["0"]) == []
    with pytest.raises(StateError, match="is deleted"):
        client.log_metric(run_id, "a", 1.0)
    client.restore_run(run_id)
    client.log_metric(run_id, "a", 1.0)
    assert client.get_run(run_id).data.metrics == {"a": 1.0}


def test_another_store_beside_the_current_one(tmp_path: Path) -> None:
    """A client of another store reads and writes there and nowhere else."""
    here, there = steno.Client(), steno.Client(tmp_path / "there")
    run_id = there.create_run("0", run_name="there").info.run_id
    there.log_metric(run_id, "a", 1.0)
    there.set_terminated(run_id)
    assert there.get_run(run_id).data.metrics == {"a": 1.0}
    assert (here.search_runs(["0"]), steno.search_runs(output_format="list")) == ([], [])
    with pytest.raises(NotFoundError):
        here.log_metric(run_id, "a", 1.0)
    assert there.tracking_uri == f"sqlite:///{tmp_path}/there/steno.db"


def test_parents_and_inputs() -> None:
    """A run's parent and its datasets are found through the client."""
    client = steno.Client()
    with steno.start_run() as outer, steno.start_run(nested=True) as inner:
        data = Dataset("d", "0123")
        client.log_inputs(inner.info.run_id, [DatasetInput(data, {"mlflow.data.context": "train"}), data])
        with pytest.raises(InvalidInputError, match="accepted are DatasetInput"):
            client.log_inputs(inner.info.run_id, ["x"])
    parent = client.get_parent_run(inner.info.run_id)
    assert parent is not None
    assert parent.info.run_id == outer.info.run_id
    assert client.get_parent_run(outer.info.run_id) is None
    used = client.get_run(inner.info.run_id).inputs.dataset_inputs
    assert [(item.dataset, item.context) for item in used] == [(data, "train"), (data, None)]


def test_files_of_a_run(tmp_path: Path) -> None:
    """Files are written, listed and fetched by run id, also of a run that has ended."""
    client = steno.Client()
    run_id = client.create_run("0").info.run_id
    client.set_terminated(run_id)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("a")
    client.log_artifact(run_id, tmp_path / "in" / "a.txt", "one")
    client.log_artifacts(run_id, tmp_path / "in", "two")
    client.log_text(run_id, "text", "t.txt")
    client.log_dict(run_id, {"a": 1}, "d.json")
    assert client.list_artifacts(run_id) == [
        FileInfo("d.json", is_dir=False, file_size=12),
        FileInfo("one", is_dir=True),
        FileInfo("t.txt", is_dir=False, file_size=4),
        FileInfo("two", is_dir=True),
    ]
    assert client.list_artifacts(run_id, "two") == [FileInfo("two/a.txt", is_dir=False, file_size=1)]
    assert Path(client.download_artifacts(run_id, "t.txt")).read_text() == "text"
    out = tmp_path / "out"
    out.mkdir()
    assert client.download_artifacts(run_id, "two", str(out)) == str(out / "two")
    assert (out / "two" / "a.txt").read_text() == "a"
    with pytest.raises(NotFoundError, match="no artifact 'nope'"):
        client.download_artifacts(run_id, "nope")
    for path in ("../x", "/etc/passwd", "a/../../x"):
        with pytest.raises(InvalidInputError, match="artifact path is"):
            client.download_artifacts(run_id, path)
    assert client.download_artifacts(run_id, "t.txt", str(tmp_path / "new")) == str(tmp_path / "new" / "t.txt")
    with pytest.raises(InvalidInputError, match="accepted is a folder"):
        client.download_artifacts(run_id, "t.txt", str(out / "two" / "a.txt"))


@pytest.mark.parametrize("run_id", ["nope", 5, None, [], b"x", ""])
def test_an_unknown_run_is_refused_by_every_method(run_id: Any) -> None:
    """Every method that takes a run id says that there is no such run."""
    client = steno.Client()
    calls: list[Callable[[], object]] = [
        lambda: client.get_run(run_id),
        lambda: client.get_parent_run(run_id),
        lambda: client.update_run(run_id, name="x"),
        lambda: client.set_terminated(run_id),
        lambda: client.delete_run(run_id),
        lambda: client.restore_run(run_id),
        lambda: client.log_metric(run_id, "a", 1.0),
        lambda: client.log_param(run_id, "a", 1.0),
        lambda: client.set_tag(run_id, "a", 1.0),
        lambda: client.delete_tag(run_id, "a"),
        lambda: client.log_batch(run_id),
        lambda: client.log_inputs(run_id),
        lambda: client.list_artifacts(run_id),
        lambda: client.log_text(run_id, "a", "a.txt"),
    ]
    if not isinstance(run_id, str):
        calls.append(lambda: client.get_metric_history(run_id, "a"))
    for call in calls:
        with pytest.raises((NotFoundError, InvalidInputError), match="run"):
            call()
