"""What a store promises of runs: each comes back whole, once, and whatever else is in the batch."""

from __future__ import annotations

import math
from dataclasses import replace

from steno.entities import (
    Dataset,
    DatasetInput,
    LoggedModel,
    Metric,
    ModelOutput,
    ParamValue,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
)
from steno.errors import NotFoundError
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
from steno.testing.store_promise import StorePromises, expect, promised, refused

__all__ = ["RunPromises", "created"]

_CONTEXT = "mlflow.data.context"
_EVERYTHING: list[Record] = [
    RunCreated("r", "0", "calm-fox", "ada", 1000, "", {"mlflow.user": "ada", "gone": "x"}),
    Point("r", "loss", 0.5, 0, 10),
    Points("r", {"loss": 0.25, "accuracy": -0.0, "weird": math.nan}, 1, 11),
    Curve("r", "curve", [3.0, math.inf, 1.0], [0, 1, 2], [20, 21, 22]),
    Params("r", {"depth": ("4", "int"), "rate": ("0.1", "float"), "long": ("x" * 7000, "str"), "no": ("None", "none")}),
    Tags("r", {"note": "über " * 100}),
    TagDeleted("r", "gone"),
    DatasetUsed("r", "X", "d1", "code", '{"a": 1}', '{"columns": []}', '{"rows": 3}', {_CONTEXT: "train"}),
    ModelLogged("r", "m-1", "model", "0", "", 5, 6, "READY", "sklearn", {"k": "v"}, 7),
    RunUpdated("r", "FINISHED", 2000),
]


def created(run_id: str = "r", experiment_id: str = "0", *, name: str = "", start: int = 1000) -> RunCreated:
    """The opening of a run."""
    return RunCreated(run_id, experiment_id, name or f"name of {run_id}", "ada", start, "")


def _everything(store: Store) -> Run:
    """The run that `_EVERYTHING` makes."""
    latest = [
        Metric("loss", 0.25, 11, 1),
        Metric("accuracy", -0.0, 11, 1),
        Metric("weird", math.nan, 11, 1),
        Metric("curve", 1.0, 22, 2),
    ]
    params = {
        "depth": ParamValue("4", "int"),
        "rate": ParamValue("0.1", "float"),
        "long": ParamValue("x" * 7000, "str"),
        "no": ParamValue("None", "none"),
    }
    dataset = Dataset("X", "d1", "code", '{"a": 1}', '{"columns": []}', '{"rows": 3}')
    place = f"{store.get_experiment('0').artifact_location}/r/artifacts"
    return Run(
        RunInfo("r", "calm-fox", "0", "ada", "FINISHED", 1000, 2000, place),
        RunData({point.key: point for point in latest}, params, {"mlflow.user": "ada", "note": "über " * 100}),
        RunInputs((DatasetInput(dataset, {_CONTEXT: "train"}),)),
        RunOutputs((ModelOutput("m-1", 7),)),
    )


def _used(name: str, digest: str, tags: dict[str, str], run_id: str = "r", source_type: str = "code") -> DatasetUsed:
    return DatasetUsed(run_id, name, digest, source_type, "{}", '{"columns": []}', None, tags)


def _model(model_id: str, status: str = "READY", tags: dict[str, str] | None = None) -> ModelLogged:
    return ModelLogged("r", model_id, "model", "0", "", 5, 5, status, "sklearn", tags or {})


class RunPromises(StorePromises):
    """Runs."""

    @promised("Your users would read something else than they recorded", "apply", "get_run")
    def test_a_run_comes_back_whole(self, store: Store) -> None:
        """Everything recorded of a run is read back as it went in, types, NaN and the sign of zero included."""
        expect("What apply() rejects of a run without fault", store.apply(_EVERYTHING), [])
        expect("The run", store.get_run("r"), _everything(store))
        expect("A param's kind", store.get_run("r").data.params["depth"], ParamValue("4", "int"))

    @promised("Whether values are lost would depend on how fast your users record", "apply", "get_run", "search_runs")
    def test_a_run_is_the_same_record_by_record(self, store: Store) -> None:
        """How records are cut into batches makes no difference, and neither does writing after the end."""
        for record in _EVERYTHING:
            expect(f"What apply() rejects of a {type(record).__name__} alone", store.apply([record]), [])
        run = _everything(store)
        expect("The run, written record by record,", store.get_run("r"), run)
        store.apply([Point("r", "late", 1.0, 0, 30), Tags("r", {"note": "new"})])
        latest = {**run.data.latest, "late": Metric("late", 1.0, 30, 0)}
        late = replace(run, data=RunData(latest, run.data.params, {**run.data.tags, "note": "new"}))
        expect("The run, written to after its end,", store.get_run("r"), late)
        expect("The run as a search gives it", list(store.search_runs(["0"])), [late])

    @promised("Your users could not watch a training that goes on", "apply", "get_run", "search_runs")
    def test_a_running_run_can_be_seen(self, store: Store) -> None:
        """A run is searched and read while it goes on."""
        store.apply(_EVERYTHING[:-1])
        run = store.get_run("r")
        expect("A run without an end", (run.info.status, run.info.end_time), ("RUNNING", None))
        found = store.search_runs(["0"], filter_string="metrics.loss < 0.3")
        expect("What a search finds of it", list(found), [run])

    @promised("A training that your users resume would look finished, or lose what it had", "apply")
    def test_a_resumed_run_runs_again(self, store: Store) -> None:
        """A resumed run is RUNNING and has no end, and what it had is still there."""
        store.apply(_EVERYTHING)
        store.apply([RunUpdated("r", "RUNNING", -1, "renamed"), Params("r", {"more": ("1", "int")})])
        before, run = _everything(store), store.get_run("r")
        info = replace(before.info, status="RUNNING", end_time=None, run_name="renamed")
        params = {**before.data.params, "more": ParamValue("1", "int")}
        data = RunData(before.data.latest, params, before.data.tags)
        expect("The run", run, replace(before, info=info, data=data))

    @promised(
        "After a lost answer or a crash your users' points would be there twice, or not at all",
        "apply",
        "journal_position",
        "forget_journal",
    )
    def test_a_batch_counts_once(self, store: Store) -> None:
        """The same stretch of a journal applied again changes nothing; the next stretch counts."""
        first, second = JournalPosition("j", 100), JournalPosition("j", 200)
        expect("The position of a journal that is new", store.journal_position("j"), 0)
        for _ in range(2):
            store.apply([created(), Point("r", "a", 1.0, 0, 0)], position=first)
        points = [Metric("a", 1.0, 0, 0)]
        expect("What a stretch comes to that was applied twice", store.metric_history("r", "a").points(), points)
        expect("The position behind it", store.journal_position("j"), 100)
        store.apply([Point("r", "a", 2.0, 1, 0)], position=second)
        points = [*points, Metric("a", 2.0, 0, 1)]
        expect("What two stretches come to", store.metric_history("r", "a").points(), points)
        expect("The position behind the second", store.journal_position("j"), 200)
        store.apply([Point("r", "a", 2.0, 1, 0)], position=JournalPosition("another", 100))
        expect("The points with those of another journal", len(store.metric_history("r", "a")), 3)
        store.forget_journal("j")
        positions = store.journal_position("j"), store.journal_position("another")
        expect("The positions of a forgotten journal and another", positions, (0, 100))

    @promised("A run would begin anew each time that its journal is read again", "apply")
    def test_creating_twice_changes_nothing(self, store: Store) -> None:
        """A run created again stays what it became."""
        store.apply(_EVERYTHING)
        expect("What apply() rejects", store.apply([created("r", name="other")]), [])
        expect("The run", store.get_run("r"), _everything(store))

    @promised("Your users would lose values and never hear of it, or lose those beside them", "apply")
    def test_records_of_unknown_runs_are_reported(self, store: Store) -> None:
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
        found = [(rejection.run_id, rejection.key, rejection.count) for rejection in rejections]
        keys = [*[("x", key, 2 if key == "d" else 1) for key in "abcdefghi"], ("x", "run", 1), ("y", "run", 1)]
        expect("What apply() rejects", found, keys)
        reasons = "never created" in rejections[0].reason, "'999'" in rejections[-1].reason
        expect(f"Whether {rejections[0].reason!r} and {rejections[-1].reason!r} say why", reasons, (True, True))
        expect("What is kept of the batch", store.get_run("r").data.metrics, {"a": 1.0})

    @promised("A param would change after the training that it describes", "apply")
    def test_a_param_keeps_its_first_value(self, store: Store) -> None:
        """Another value for a param is reported, the same value is fine, in one batch and across batches."""
        first, other = {"n": ("4", "int")}, {"n": ("5", "int"), "m": ("1", "int")}
        reason = "the param has the value '4' (str) and keeps it; '5' (str) was not recorded"
        rejected = [Rejection("r", "n", reason)]
        found = store.apply([created(), Params("r", first), Params("r", other)])
        expect("What apply() rejects of two values in one batch", found, rejected)
        expect("What it rejects of the first value again", store.apply([Params("r", first)]), [])
        expect("What it rejects of another value later", store.apply([Params("r", other)]), rejected)
        params = {"n": ParamValue("4", "int"), "m": ParamValue("1", "int")}
        expect("The params", store.get_run("r").data.params, params)

    @promised("One value that cannot be kept would cost your users the others, or come back as another", "apply")
    def test_what_no_column_holds_is_rejected_alone(self, store: Store) -> None:
        """A step beyond 64 bits, a curve of uneven columns and a status nobody knows cost nothing but themselves."""
        records: list[Record] = [
            created(),
            *(Point("r", "a", 1.0, step, 0) for step in (2**63 - 1, 2**63, -(2**63), -(2**63) - 1)),
            Points("r", {"b": 1.0}, 0, 2**64),
            Curve("r", "c", [1.0, 2.0], [0, 1], [0]),
            RunUpdated("r", "EXPLODED", 2**70),
        ]
        found = sorted((each.key, each.count) for each in store.apply(records))
        wanted = [("a", 1), ("a", 1), ("b", 1), ("c", 2), ("end_time", 1), ("status", 1)]
        expect("What apply() rejects", found, wanted)
        expect("The steps kept", store.metric_history("r", "a").steps.tolist(), [-(2**63), 2**63 - 1])
        run = store.get_run("r")
        expect("The metrics", sorted(run.data.latest), ["a"])
        expect("The status and the end", (run.info.status, run.info.end_time), ("RUNNING", None))

    @promised("What your users name in their own words would be lost, or found under another name", "apply")
    def test_strange_text_is_kept(self, store: Store) -> None:
        """Names of any length and script come back; NUL and lone surrogates become visible escapes."""
        long, tail = "k" * 5000, "k" * 4999 + "j"
        names = ["日本 語", "a\0b", "\ud800", "", "; drop table run", long, tail, "K", "k", "e\u0301", "é"]
        values = dict(zip(names, map(float, range(len(names))), strict=True))
        records: list[Record] = [created(), Points("r", values, 0, 0), Tags("r", dict.fromkeys(names, "\0\udfff"))]
        expect("What apply() rejects", store.apply(records), [])
        shown = {name.replace("\0", "\\u0000").replace("\ud800", "\\ud800"): value for name, value in values.items()}
        run = store.get_run("r")
        expect("The metrics", run.data.metrics, shown)
        expect("The tags", run.data.tags, dict.fromkeys(shown, "\\u0000\\udfff"))
        for name, value in values.items():
            history = store.metric_history("r", name).values.tolist()
            expect(f"The history of the metric {name[:20]!r}", history, [value])
            clause = f"metrics.`{name.replace('`', '``')}` = {value}"
            if name:
                found = [each.info.run_id for each in store.search_runs(["0"], filter_string=clause)]
                expect(f"What a search by the metric {name[:20]!r} finds", found, ["r"])

    @promised("Your users' runs would list the same data many times, or hide what they trained on", "apply", "get_run")
    def test_a_dataset_used_twice_is_one_input(self, store: Store) -> None:
        """The same data in the same context is one input with both tags; another digest or context is another."""
        store.apply([created(), _used("X", "1", {_CONTEXT: "train"}), _used("X", "2", {})])
        again, other = _used("X", "1", {_CONTEXT: "train", "more": "x"}), _used("X", "1", {}, "other", "s3")
        store.apply([again, created("other"), other, _used("X", "1", {_CONTEXT: "eval"})])
        inputs = store.get_run("r").inputs.dataset_inputs
        wanted = [("1", {_CONTEXT: "train", "more": "x"}), ("2", {}), ("1", {_CONTEXT: "eval"})]
        expect("The inputs", [(each.dataset.digest, each.tags) for each in inputs], wanted)
        sources = [each.dataset.source_type for each in store.get_run("other").inputs.dataset_inputs]
        expect("The source of the same name and digest in another run", sources, ["s3"])

    @promised("A model that your users save again would be two, or nobody's", "apply", "get_logged_model")
    def test_a_logged_model_changes_its_status(self, store: Store) -> None:
        """A model logged again under its id is changed, keeps its run and its birth, and stays one output."""
        store.apply([created(), _model("m-1", "PENDING", {"a": "1"}), _model("m-2")])
        uri = "s3://bucket/a%20b/model"
        again = ModelLogged("r", "m-1", "best", "0", uri, 99, 9, "READY", "xgboost", {"b": "2"})
        expect("What apply() rejects of a model logged again", store.apply([again]), [])
        changed = LoggedModel("m-1", "best", "0", "r", uri, 5, 9, "READY", "xgboost", {"a": "1", "b": "2"})
        expect("The model by its id", store.get_logged_model("m-1"), changed)
        models = store.logged_models("r")
        expect("The first of the run's models", models[0], changed)
        expect("The run's models", [each.model_id for each in models], ["m-1", "m-2"])
        outputs = [output.model_id for output in store.get_run("r").outputs.model_outputs]
        expect("The run's outputs", outputs, ["m-1", "m-2"])
        rejected = [rejection.key for rejection in store.apply([_model("m-3", "WRONG")])]
        expect("What apply() rejects of a model of no status", rejected, ["model"])
        refused("get_logged_model('m-3')", NotFoundError, "'m-3'", lambda: store.get_logged_model("m-3"))

    @promised("A wrong id would give your users an error from the depth of the store, or another run", "get_run")
    def test_unknown_runs_are_not_found(self, store: Store) -> None:
        """Asking for a run that does not exist says so and shows the id."""
        refused("get_run('nope')", NotFoundError, "'nope'", lambda: store.get_run("nope"))
        expect("The models of a run that does not exist", list(store.logged_models("nope")), [])
