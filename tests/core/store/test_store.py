"""What every store promises, held against each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from steno.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    LoggedModel,
    Metric,
    ModelOutput,
    ParamValue,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    ViewType,
)
from steno.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from steno.store.base import JournalPosition, Rejection, Store
from steno.store.records import (
    Curve,
    DatasetUsed,
    ModelLogged,
    Params,
    Point,
    Points,
    Record,
    RunCreated,
    RunUpdated,
    TagDeleted,
    Tags,
)

T = TypeVar("T")
CONTEXT = "mlflow.data.context"


def created(run_id: str = "r", experiment_id: str = "0", *, name: str = "", start: int = 1000) -> RunCreated:
    return RunCreated(run_id, experiment_id, name or f"name of {run_id}", "ada", start, "")


def used(name: str, digest: str, tags: dict[str, str]) -> DatasetUsed:
    return DatasetUsed("r", name, digest, "code", "{}", '{"columns": []}', None, tags)


def model(model_id: str, status: str = "READY", *, updated: int = 5, tags: dict[str, str] | None = None) -> ModelLogged:
    return ModelLogged("r", model_id, "model", "0", "", 5, updated, status, "sklearn", tags or {})


EVERYTHING: list[Record] = [
    RunCreated("r", "0", "calm-fox", "ada", 1000, "", {"mlflow.user": "ada", "gone": "x"}),
    Point("r", "loss", 0.5, 0, 10),
    Points("r", {"loss": 0.25, "accuracy": -0.0, "weird": math.nan}, 1, 11),
    Curve("r", "curve", [3.0, math.inf, 1.0], [0, 1, 2], [20, 21, 22]),
    Params("r", {"depth": ("4", "int"), "rate": ("0.1", "float"), "long": ("x" * 7000, "str"), "no": ("None", "none")}),
    Tags("r", {"note": "über " * 100}),
    TagDeleted("r", "gone"),
    DatasetUsed("r", "X", "d1", "code", '{"a": 1}', '{"columns": []}', '{"rows": 3}', {CONTEXT: "train"}),
    ModelLogged("r", "m-1", "model", "0", "", 5, 6, "READY", "sklearn", {"k": "v"}, 7),
    RunUpdated("r", "FINISHED", 2000),
]


def everything(root: Path) -> Run:
    """The run that `EVERYTHING` makes."""
    latest = [
        Metric("loss", 0.25, 11, 1),
        Metric("accuracy", -0.0, 11, 1),
        Metric("weird", math.nan, 11, 1),
        Metric("curve", 1.0, 22, 2),
    ]
    return Run(
        RunInfo("r", "calm-fox", "0", "ada", "FINISHED", 1000, 2000, f"{root.as_uri()}/artifacts/0/r/artifacts"),
        RunData(
            {point.key: point for point in latest},
            {
                "depth": ParamValue("4", "int"),
                "rate": ParamValue("0.1", "float"),
                "long": ParamValue("x" * 7000, "str"),
                "no": ParamValue("None", "none"),
            },
            {"mlflow.user": "ada", "note": "über " * 100},
        ),
        RunInputs(
            (
                DatasetInput(
                    Dataset("X", "d1", "code", '{"a": 1}', '{"columns": []}', '{"rows": 3}'), {CONTEXT: "train"}
                ),
            )
        ),
        RunOutputs((ModelOutput("m-1", 7),)),
    )


def same(left: Run, right: Run) -> bool:
    """Equal, NaN and the sign of zero included."""
    return repr(_sorted(left)) == repr(_sorted(right))


def _sorted(run: Run) -> Run:
    data = run.data
    return replace(run, data=RunData(by_key(data.latest), by_key(data.params), by_key(data.tags)))


def by_key(mapping: Mapping[str, T]) -> dict[str, T]:
    return dict(sorted(mapping.items()))


def test_a_run_comes_back_whole(store: Store, root: Path) -> None:
    """Everything recorded of a run is read back as it went in, types, NaN and the sign of zero included."""
    assert store.apply(EVERYTHING) == []
    assert same(store.get_run("r"), everything(root))
    kinds = {key: value.kind for key, value in store.get_run("r").data.params.items()}
    assert kinds == {"depth": "int", "rate": "float", "long": "str", "no": "none"}


def test_a_run_is_the_same_record_by_record(store: Store, root: Path) -> None:
    """How records are cut into batches makes no difference, and neither does writing after the end."""
    for record in EVERYTHING:
        assert store.apply([record]) == []
    assert same(store.get_run("r"), everything(root))
    store.apply([Point("r", "late", 1.0, 0, 30), Tags("r", {"note": "new"})])
    run = store.get_run("r")
    assert (run.data.metrics["late"], run.data.tags["note"]) == (1.0, "new")
    assert same(store.search_runs(["0"])[0], run)


def test_a_running_run_can_be_seen(store: Store) -> None:
    """A run is searched and read while it goes on."""
    store.apply([*EVERYTHING[:-1]])
    assert store.get_run("r").info.status == "RUNNING"
    assert store.search_runs(["0"], filter_string="metrics.loss < 0.3")[0].info.end_time is None


def test_a_resumed_run_runs_again(store: Store) -> None:
    """A resumed run is RUNNING and has no end, and what it had is still there."""
    store.apply(EVERYTHING)
    store.apply([RunUpdated("r", "RUNNING", -1, "renamed"), Params("r", {"more": ("1", "int")})])
    run = store.get_run("r")
    assert (run.info.status, run.info.end_time, run.info.run_name) == ("RUNNING", None, "renamed")
    assert set(run.data.params) == {"depth", "rate", "long", "no", "more"}


def test_a_batch_counts_once(store: Store) -> None:
    """The same stretch of a journal applied again changes nothing; the next stretch counts."""
    first, second = JournalPosition("j", 100), JournalPosition("j", 200)
    store.apply([created(), Point("r", "a", 1.0, 0, 0)], position=first)
    store.apply([created(), Point("r", "a", 1.0, 0, 0)], position=first)
    assert (len(store.metric_history("r", "a")), store.journal_position("j")) == (1, 100)
    store.apply([Point("r", "a", 2.0, 1, 0)], position=second)
    assert (len(store.metric_history("r", "a")), store.journal_position("j")) == (2, 200)
    store.forget_journal("j")
    assert store.journal_position("j") == 0


def test_creating_twice_changes_nothing(store: Store) -> None:
    """A run created again stays what it became."""
    store.apply(EVERYTHING)
    before = store.get_run("r")
    assert store.apply([created("r", name="other")]) == []
    assert same(store.get_run("r"), before)


def test_records_of_unknown_runs_are_reported(store: Store) -> None:
    """What belongs to no run comes back value by value, and the rest of the batch is kept."""
    records: list[Record] = [
        Point("x", "a", 1.0, 0, 0),
        Points("x", {"b": 1.0, "c": 2.0}, 0, 0),
        Curve("x", "d", [1.0, 2.0], [0, 1], [0, 0]),
        Params("x", {"e": ("1", "int")}),
        Tags("x", {"f": "1"}),
        TagDeleted("x", "g"),
        DatasetUsed("x", "h", "d", "code", "{}", None, None),
        ModelLogged("x", "m-2", "i", "0", "", 0, 0, "READY", ""),
        RunUpdated("x", "FINISHED"),
        created("y", "999"),
    ]
    rejections = store.apply([*records, created(), Point("r", "a", 1.0, 0, 0)])
    assert [(rejection.run_id, rejection.key, rejection.count) for rejection in rejections] == [
        *[("x", key, 1) for key in "abc"],
        ("x", "d", 2),
        *[("x", key, 1) for key in ("e", "f", "g", "h", "i", "run")],
        ("y", "run", 1),
    ]
    assert "never created" in rejections[0].reason
    assert "'999'" in rejections[-1].reason
    assert store.get_run("r").data.metrics == {"a": 1.0}


def test_a_param_keeps_its_first_value(store: Store) -> None:
    """Another value for a param is reported, the same value is fine, in one batch and across batches."""
    first, other = {"n": ("4", "int")}, {"n": ("5", "int"), "m": ("1", "int")}
    reason = "the param has the value '4' (str) and keeps it; '5' (str) was not recorded"
    assert store.apply([created(), Params("r", first), Params("r", other)]) == [Rejection("r", "n", reason)]
    assert store.apply([Params("r", first)]) == []
    assert store.apply([Params("r", other)]) == [Rejection("r", "n", reason)]
    assert store.get_run("r").data.params == {"n": "4", "m": "1"}


def test_what_no_column_holds_is_rejected_alone(store: Store) -> None:
    """A step beyond 64 bits, a curve of uneven columns and a status nobody knows cost nothing but themselves."""
    records: list[Record] = [
        created(),
        *(Point("r", "a", 1.0, step, 0) for step in (2**63 - 1, 2**63, -(2**63), -(2**63) - 1)),
        Points("r", {"b": 1.0}, 0, 2**64),
        Curve("r", "c", [1.0, 2.0], [0, 1], [0]),
        RunUpdated("r", "EXPLODED", 2**70),
    ]
    rejections = store.apply(records)
    assert sorted((r.key, r.count) for r in rejections) == [
        ("a", 1),
        ("a", 1),
        ("b", 1),
        ("c", 2),
        ("end_time", 1),
        ("status", 1),
    ]
    assert store.metric_history("r", "a").steps.tolist() == [-(2**63), 2**63 - 1]
    assert set(store.get_run("r").data.latest) == {"a"}


def test_strange_text_is_kept(store: Store) -> None:
    """Names of any length and script come back; NUL and lone surrogates become visible escapes."""
    long, tail = "k" * 5000, "k" * 4999 + "j"
    names = ["日本 語", "a\0b", "\ud800", "", "; drop table run", long, tail, "K", "k", "e\u0301", "é"]
    values = dict(zip(names, map(float, range(len(names))), strict=True))
    assert store.apply([created(), Points("r", values, 0, 0), Tags("r", dict.fromkeys(names, "\0\udfff"))]) == []
    shown = {name.replace("\0", "\\u0000").replace("\ud800", "\\ud800"): value for name, value in values.items()}
    run = store.get_run("r")
    assert run.data.metrics == shown
    assert run.data.tags == dict.fromkeys(shown, "\\u0000\\udfff")
    for name, value in values.items():
        assert store.metric_history("r", name).values.tolist() == [value]
        quoted = name.replace("`", "``")
        if name:
            assert len(store.search_runs(["0"], filter_string=f"metrics.`{quoted}` = {value}")) == 1


def test_history_is_ordered_as_promised(store: Store) -> None:
    """Points come by (step, timestamp), equals as they were recorded, whatever the batches."""
    store.apply([created(), Curve("r", "a", [1.0, 2.0, 3.0], [5, 1, 1], [0, 9, 9])])
    store.apply([Point("r", "a", 4.0, 1, 3), Points("r", {"a": 5.0}, 1, 9)])
    series = store.metric_history("r", "a")
    assert series.points() == [
        Metric("a", 4.0, 3, 1),
        Metric("a", 2.0, 9, 1),
        Metric("a", 3.0, 9, 1),
        Metric("a", 5.0, 9, 1),
        Metric("a", 1.0, 0, 5),
    ]
    assert (len(store.metric_history("r", "none")), len(store.metric_history("none", "a"))) == (0, 0)


def test_the_latest_value_is_the_greatest(store: Store) -> None:
    """The latest point is the greatest by step, then time, then value, and NaN is below minus infinity."""
    store.apply([created(), Point("r", "a", 1.0, 5, 0), Point("r", "b", math.nan, 3, 3)])
    store.apply([Point("r", "a", 9.0, 4, 9), Point("r", "b", -math.inf, 3, 3), Point("r", "b", math.nan, 3, 3)])
    assert store.get_run("r").data.latest["b"] == Metric("b", -math.inf, 3, 3)
    store.apply([Point("r", "b", math.nan, 3, 3)])
    assert store.get_run("r").data.latest["b"] == Metric("b", -math.inf, 3, 3)
    store.apply([Points("r", {"a": 2.0, "b": 0.0}, 3, 3), Point("r", "b", -0.0, 3, 3)])
    latest = store.get_run("r").data.latest
    assert latest["a"] == Metric("a", 1.0, 0, 5)
    assert repr(latest["b"]) == repr(Metric("b", -0.0, 3, 3))


def test_a_dataset_used_twice_is_one_input(store: Store) -> None:
    """The same data in the same context is one input with the tags of both; another digest or context is another."""
    store.apply([created(), used("X", "1", {CONTEXT: "train"}), used("X", "2", {})])
    again = used("X", "1", {CONTEXT: "train", "more": "x"})
    other = DatasetUsed("other", "X", "1", "s3", "{}", None, None)
    store.apply([again, created("other"), other, used("X", "1", {CONTEXT: "eval"})])
    inputs = store.get_run("r").inputs.dataset_inputs
    assert [(item.dataset.digest, dict(item.tags)) for item in inputs] == [
        ("1", {CONTEXT: "train", "more": "x"}),
        ("2", {}),
        ("1", {CONTEXT: "eval"}),
    ]
    assert store.get_run("other").inputs.dataset_inputs[0].dataset.source_type == "s3"


def test_a_logged_model_changes_its_status(store: Store, root: Path) -> None:
    """A model logged again under its id is changed, keeps its run and its birth, and stays one output."""
    place = str(root / "artifacts" / "a b" / "model")
    store.apply([created(), model("m-1", "PENDING", tags={"a": "1"}), model("m-2")])
    again = ModelLogged("r", "m-1", "best", "0", place, 99, 9, "READY", "xgboost", {"b": "2"})
    assert store.apply([again]) == []
    first, second = store.logged_models("r")
    uri = Path(place).as_uri()
    tags = {"a": "1", "b": "2"}
    assert first == LoggedModel("m-1", "best", "0", "r", uri, 5, 9, "READY", "xgboost", tags)
    assert (store.get_logged_model("m-1"), second.model_id) == (first, "m-2")
    assert [output.model_id for output in store.get_run("r").outputs.model_outputs] == ["m-1", "m-2"]
    assert [rejection.key for rejection in store.apply([model("m-3", "WRONG")])] == ["model"]
    with pytest.raises(NotFoundError, match="'m-3'"):
        store.get_logged_model("m-3")


def test_unknown_runs_are_not_found(store: Store) -> None:
    """Asking for a run that does not exist says so and shows the id."""
    with pytest.raises(NotFoundError, match="'nope'"):
        store.get_run("nope")


def test_charts_keep_spikes_and_are_short(store: Store) -> None:
    """A chart has at most the points asked for, and the least and the greatest value are in it."""
    values = [math.sin(i / 50) for i in range(5000)]
    values[1234], values[77], values[78] = 50.0, math.nan, -math.inf
    store.apply([created(), Curve("r", "a", values, list(range(5000)), [0] * 5000)])
    chart = store.chart("r", "a", points=200)
    assert (len(chart), chart.highs.max(), chart.lows.min()) == (100, 50.0, -math.inf)
    assert chart.steps.tolist() == list(range(0, 5000, 50))
    whole = store.chart("r", "a", points=20_000)
    assert whole.lows.tobytes() == whole.highs.tobytes() == store.metric_history("r", "a").values.tobytes()
    assert (len(store.chart("r", "none")), len(store.chart("r", "a", points=1))) == (0, 1)


def test_the_default_experiment_is_there(store: Store, root: Path) -> None:
    """A new store has experiment "0", named Default."""
    found = store.get_experiment("0")
    assert replace(found, creation_time=None, last_update_time=None) == Experiment(
        "0", "Default", f"{root.as_uri()}/artifacts/0"
    )
    assert store.search_experiments() == [found]
    assert store.get_experiment_by_name("Default") == found


def test_experiments_are_created_changed_and_found(store: Store, root: Path) -> None:
    """An experiment keeps its name, place and tags; changes replace, and None deletes a tag."""
    number = store.create_experiment("one", artifact_location="s3://bucket/x", tags={"a": "1", "b": "2"})
    store.update_experiment(number, name="uno", tags={"a": None, "c": "3"})
    found = store.get_experiment(number)
    assert (found.name, found.artifact_location, found.tags) == ("uno", "s3://bucket/x", {"b": "2", "c": "3"})
    assert store.get_experiment_by_name("one") is None
    other = store.create_experiment("one")
    assert store.get_experiment(other).artifact_location == f"{root.as_uri()}/artifacts/{other}"
    assert [e.name for e in store.search_experiments()] == ["one", "uno", "Default"]
    assert [e.name for e in store.search_experiments(filter_string="name ILIKE 'U%' and tags.c = '3'")] == ["uno"]
    assert [e.name for e in store.search_experiments(order_by=["name ASC"])] == ["Default", "one", "uno"]
    pages = store.search_experiments(max_results=2)
    assert [e.name for e in store.search_experiments(max_results=2, page_token=pages.token)] == ["Default"]


def test_an_experiment_name_is_taken_once(store: Store) -> None:
    """A name has one active experiment; it is free again when that is deleted, and cannot be restored over another."""
    first = store.create_experiment("x")
    with pytest.raises(AlreadyExistsError, match="'x'"):
        store.create_experiment("x")
    store.update_experiment(first, lifecycle_stage="deleted")
    second = store.create_experiment("x")
    assert (first != second, store.get_experiment_by_name("x")) == (True, store.get_experiment(second))
    with pytest.raises(AlreadyExistsError, match="'x'"):
        store.update_experiment(first, lifecycle_stage="active")
    store.update_experiment(second, lifecycle_stage="deleted")
    assert store.get_experiment_by_name("x") == store.get_experiment(second)


@pytest.mark.parametrize("name", ["", "  ", "x" * 501, 3, None])
def test_an_experiment_needs_a_name(store: Store, name: object) -> None:
    """A name that is empty, endless or no text is refused with what is accepted."""
    with pytest.raises(InvalidInputError, match="accepted"):
        store.create_experiment(name)  # type: ignore[arg-type]


@pytest.mark.parametrize("experiment_id", ["7", "x", "", "-1", "00", "9" * 30, "０"])
def test_unknown_experiments_are_not_found(store: Store, experiment_id: str) -> None:
    """Asking for an experiment that does not exist says so, whatever the id looks like."""
    with pytest.raises(NotFoundError):
        store.get_experiment(experiment_id)
    with pytest.raises(NotFoundError):
        store.update_experiment(experiment_id, name="x")
    assert (store.search_runs([experiment_id]), store.count_runs(experiment_id)) == ([], 0)


def test_deleting_hides_and_restoring_shows(store: Store) -> None:
    """A deleted run, and each run of a deleted experiment, is left out until it is restored; nothing is lost."""
    number = store.create_experiment("x")
    store.apply([created("a", number), created("b", number), RunUpdated("a", lifecycle_stage="deleted")])

    def seen(view: int) -> tuple[list[str], int]:
        return [run.info.run_id for run in store.search_runs([number], view_type=view)], store.count_runs(number, view)

    assert seen(ViewType.ACTIVE_ONLY) == (["b"], 1)
    assert seen(ViewType.DELETED_ONLY) == (["a"], 1)
    store.update_experiment(number, lifecycle_stage="deleted")
    assert (seen(ViewType.ACTIVE_ONLY), seen(ViewType.DELETED_ONLY)) == (([], 0), (["b", "a"], 2))
    assert store.get_run("b").info.lifecycle_stage == "deleted"
    assert store.search_experiments(view_type=ViewType.DELETED_ONLY) == [store.get_experiment(number)]
    store.update_experiment(number, lifecycle_stage="active")
    store.apply([RunUpdated("a", lifecycle_stage="active")])
    assert seen(ViewType.ALL) == seen(ViewType.ACTIVE_ONLY) == (["b", "a"], 2)
    for search in (lambda: store.search_runs([number], view_type=4), lambda: store.search_experiments(view_type=0)):
        with pytest.raises(InvalidInputError, match=r"view type is [40] \(int\), accepted are ViewType"):
            search()


def test_pages_are_complete(store: Store) -> None:
    """Following tokens gives each run once, in order, and the last page has no token."""
    store.apply([created(f"r{i}", start=1000 + i // 3) for i in range(10)])
    seen, token, sizes = [], None, []
    while True:
        page = store.search_runs(["0"], max_results=4, page_token=token)
        seen += [run.info.run_id for run in page]
        sizes.append(len(page))
        token = page.token
        if token is None:
            break
    assert seen == [f"r{i}" for i in reversed(range(10))]
    assert sizes == [4, 4, 2]


@pytest.mark.parametrize(
    ("order", "first_to_last"),
    [
        (["start_time ASC"], True),
        (["start_time DESC"], False),
        (["end_time"], True),
        (["metrics.same DESC", "attributes.start_time ASC"], True),
        (["run_name ASC"], False),
        ([], False),
    ],
    ids=str,
)
@pytest.mark.parametrize("view", [ViewType.ACTIVE_ONLY, ViewType.ALL])
def test_runs_of_one_millisecond_stand_as_they_were_made(
    store: Store, order: list[str], first_to_last: bool, view: int
) -> None:
    """Runs that began in the same millisecond are in the order of their making, or the reverse where times descend."""
    number = store.create_experiment("other")
    ids = [f"r{i}" for i in range(7)]
    store.apply([created(run_id, number if i % 2 else "0", name="same", start=5) for i, run_id in enumerate(ids)])
    wanted = ids if first_to_last else ids[::-1]
    seen, token = [], None
    while True:
        page = store.search_runs(["0", number], order_by=order, max_results=2, page_token=token, view_type=view)
        seen += [run.info.run_id for run in page]
        token = page.token
        if token is None:
            break
    assert seen == wanted


@pytest.mark.parametrize("size", [0, -1, 50_001, 1.5, "3", True, None])
def test_impossible_pages_are_refused(store: Store, size: object) -> None:
    """A page of no possible size is refused and not cut silently."""
    with pytest.raises(InvalidInputError, match="50000"):
        store.search_runs(["0"], max_results=size)  # type: ignore[arg-type]


def test_foreign_tokens_are_refused(store: Store) -> None:
    """A token that is made up or belongs to another search is refused, never misread."""
    store.apply([created(f"r{i}") for i in range(3)])
    token = store.search_runs(["0"], max_results=1).token
    for forged in ("x", "é", "AAAA", "'; drop table run", token[:-3] if token else ""):
        with pytest.raises(InvalidInputError, match="page_token"):
            store.search_runs(["0"], max_results=1, page_token=forged)
    with pytest.raises(InvalidInputError, match="page_token"):
        store.search_runs(["0"], max_results=1, page_token=token, order_by=["run_name"])
