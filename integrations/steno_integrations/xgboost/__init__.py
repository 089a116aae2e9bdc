"""xgboost: `train`, `cv` and the scikit-learn classes; one run each, with the curve while it grows.

Nothing is injected: curves are read where xgboost keeps them itself (`CallbackContainer.history`), so they are there
too when the booster trains inside a scikit-learn pipeline, and then belong to the pipeline's run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from steno.plugin import Call, Integration, RunHandle, SavedFlavor, classes, hookimpl, observe, option, predicts, train
from steno_integrations.xgboost import data, files, params
from steno_integrations.xgboost.loops import Loop, Loops, curve_name

__all__ = ["XGBoost", "steno_integrations"]

MODEL = "xgboost.sklearn:XGBModel"
LOOP = "xgboost.callback:CallbackContainer"
SCORED_ROWS = 100_000
# MLflow's params of a training: there in every run, so that runs can be compared and searched by them.
RESOLVED = ("num_boost_round", "maximize", "early_stopping_rounds", "verbose_eval", "custom_metric")


class XGBoost(Integration):
    """The integration of xgboost."""

    name, requires, owns = "xgboost", "xgboost>=2.1", ("xgboost",)
    model_argument = "xgb_model"

    importance_types: tuple[str, ...] = option(
        ("weight", "gain", "cover", "total_gain", "total_cover"), "which feature importances to record"
    )

    def __init__(self) -> None:
        self._loops = Loops()

    # -- trainings; `xgboost:train` is a second name of the same function, needed where patches stand at names

    @train("xgboost.training:train", "xgboost:train")
    def training(self, call: Call) -> Iterator[None]:
        """`xgboost.train`."""
        run, dtrain = call.run, call.arg("dtrain")
        with run.step("params"):
            run.params(params.of_call(call, RESOLVED))
        _datasets(call, dtrain, None, call.arg("evals"))
        with self._loops.owned_by(run):
            booster = yield
        _outcome(call, booster)
        with run.step("model"):
            sample = data.sample_row(dtrain)
            signed = sample is not None and call.options["log_models"] and call.options["log_model_signatures"]
            run.model(booster, sample=sample, prediction=data.prediction_like(booster, dtrain) if signed else None)

    @train("xgboost.training:cv", "xgboost:cv")
    def cross_validation(self, call: Call) -> Iterator[None]:
        """`xgboost.cv`: no model comes out, the curves are `<data>-<metric>-mean` and `-std`."""
        run = call.run
        with run.step("params"):
            run.params(params.of_call(call, ("num_boost_round", "nfold", "stratified", "shuffle", "seed")))
        _datasets(call, call.arg("dtrain"), None, None)
        with self._loops.owned_by(run):
            yield

    @train(classes(MODEL, methods=("fit",)))
    def fitting(self, call: Call) -> Iterator[None]:
        """`fit` of the scikit-learn classes."""
        run, model, X = call.run, call.self, call.arg("X")
        with run.step("params"):
            given = params.of_estimator(model) | params.of_fit(call)
            # A classifier chooses its objective when it has seen the classes; what it chose is recorded afterwards.
            chosen_later = isinstance(given.get("objective"), str) and hasattr(type(model), "predict_proba")
            run.params({key: value for key, value in given.items() if key != "objective" or not chosen_later})
            run.tags({"estimator_name": type(model).__name__, "estimator_class": params.qualified(type(model))})
        _datasets(call, X, call.arg("y"), call.arg("eval_set"))
        try:
            with self._loops.owned_by(run):
                yield
        finally:
            with run.step("objective"):
                if chosen_later:
                    run.params({"objective": model.objective})
        _outcome(call, model.get_booster())
        _training_score(call, model)
        with run.step("model"):
            head = data.head(X) if call.options["log_models"] else None
            prediction = None if head is None else model.predict(head)
            run.model(model, sample=head, prediction=prediction, answers_for=(model.get_booster(),))

    # -- the loop inside them

    @observe(f"{LOOP}.before_training")
    def before_training(self, call: Call, result: Any) -> None:
        """A loop begins; a model that it continues has rounds already, and its steps go on from there."""
        from xgboost.core import XGBoostError  # noqa: PLC0415  the framework

        model = call.arg("model") if result is None else result
        try:
            rounds = model.num_boosted_rounds()
        except XGBoostError:
            return  # params that it refuses; the training is about to say so itself
        self._loops.start(call.self, call.run.run_id, rounds)

    @observe(f"{LOOP}.after_iteration")
    def after_iteration(self, call: Call, _result: Any) -> None:
        """One boosting round has been evaluated."""
        loop = self._loops.get(call.self)
        if loop is not None and loop.advance(call.args[1]):
            loop.write(call.run)
            if not loop.history:
                loop.data = call.arg("dtrain")

    @observe(f"{LOOP}.after_training")
    def after_training(self, call: Call, result: Any) -> None:
        """The loop has ended, early or not; its prediction caches are still warm."""
        loop = self._loops.get(call.self)
        if loop is None:
            return
        run = call.run
        loop.write(run)
        with run.step("early stopping"):
            _early_stopping(run, call.self, loop, result)
        if loop.data is not None and call.options["log_training_metrics"] and self._loops.is_owner(run.run_id):
            with run.step("training metrics"):
                # Of another model than the one that was trained, the score would not be this round's.
                if result is call.arg("model"):
                    _evaluate(run, loop, result)
        loop.data = None

    # -- predictions

    @predicts("xgboost.core:Booster.predict", "xgboost.core:Booster.inplace_predict")
    def predict_booster(self, call: Call, _result: Any) -> tuple[Any, Any]:
        """A booster's predictions."""
        return call.self, call.args[0] if call.args else call.arg("data")

    @predicts(classes(MODEL, methods=("predict", "predict_proba")))
    def predict_model(self, call: Call, _result: Any) -> tuple[Any, Any]:
        """An estimator's predictions."""
        return call.self, call.args[0] if call.args else call.arg("X")

    # -- models

    def saver(self, model: Any, folder: Path, model_format: str = "ubj") -> SavedFlavor:
        """Write a `Booster` or one of the scikit-learn classes in xgboost's own binary JSON, or in plain JSON.

        Raises:
            ModelError: if the object is neither, or was never fitted.
            InvalidInputError: if `model_format` is neither "ubj" nor "json".
        """
        return files.save(model, folder, model_format)

    def loader(self, folder: Path, conf: Mapping[str, Any]) -> Any:
        """Read a model back as the class that it was.

        Raises:
            ModelError: if the class is not xgboost's nor one that the program has imported.
        """
        return files.load(folder, conf)

    def runs_code(self, folder: Path, conf: Mapping[str, Any]) -> bool:
        """Never: xgboost reads numbers and text, and a class is only looked up among those that are imported."""
        del folder, conf
        return False

    def predictor(self, model: Any) -> Any:
        """`predict` of the estimators; for a booster, one that makes the `DMatrix`."""
        return files.predictor(model)


def _datasets(call: Call, trained_on: Any, targets: Any, evals: Any) -> None:
    """Record the training data and, once each, the evaluation data: `(DMatrix, name)` or `(X, y)`."""
    if not call.options["log_datasets"]:
        return
    run = call.run
    with run.step("dataset"):
        data.record(call, trained_on, targets, "train")
    seen = [trained_on]
    for number, (held_out, second) in enumerate(evals or ()):
        if any(held_out is other for other in seen):
            continue
        seen.append(held_out)
        with run.step("evaluation dataset"):
            if isinstance(second, str):
                data.record(call, held_out, None, "eval", called=second)
            else:
                data.record(call, held_out, second, "eval", called=f"validation_{number}")


def _outcome(call: Call, booster: Any) -> None:
    """What xgboost made of the params, in its own form, and how much each feature counts."""
    run = call.run
    with run.step("booster config"):
        config = booster.save_config()
        run.text(config, "booster_config.json")
    with run.step("feature importances"):
        # Its weights are all that a linear booster has, and its only importances.
        linear = '"name":"gblinear"' in config
        found = {
            kind: booster.get_score(importance_type=kind)
            for kind in call.options["importance_types"]
            if kind == "weight" or not linear
        }
        # The chart has them all; this one is also the file that MLflow writes.
        if "weight" in found:
            run.text(json.dumps(found["weight"], indent=2), "feature_importance_weight.json")
        if found:
            run.chart("feature_importance", {"kind": "bar", "title": "Feature importance", "series": found})


def _early_stopping(run: RunHandle, container: Any, loop: Loop, model: Any) -> None:
    from xgboost.callback import EarlyStopping  # noqa: PLC0415  the framework

    if not any(isinstance(callback, EarlyStopping) for callback in container.callbacks):
        return
    values: dict[str, float] = {"stopped_iteration": loop.step}
    # `cv` hands over all folds as one object; each has the same attributes.
    for name in ("best_iteration", "best_score"):
        text = model.attr(name)
        if text is not None:
            values[name] = float(text)
    run.metrics({name + loop.suffix: value for name, value in values.items()})


def _evaluate(run: RunHandle, loop: Loop, booster: Any) -> None:
    """The booster's own metrics on the training data, from predictions that xgboost has cached."""
    import xgboost  # noqa: PLC0415  the framework

    if xgboost.collective.get_world_size() > 1:
        return  # evaluating is a collective call there, and the other workers do not make it
    with xgboost.config_context(verbosity=0):
        line = booster.eval(loop.data, "train", loop.step)
    pairs = (field.rsplit(":", 1) for field in line.split()[1:])
    run.metrics({curve_name(name): float(value) for name, value in pairs}, step=loop.step)


def _training_score(call: Call, model: Any) -> None:
    from xgboost import XGBRanker  # noqa: PLC0415  the framework

    # A ranker is scored group by group, which its training metrics are already.
    if not call.options["log_training_metrics"] or not hasattr(model, "score") or isinstance(model, XGBRanker):
        return
    with call.run.step("training score"):
        X, y = call.arg("X"), call.arg("y")
        rows = data.row_count(X)
        # Beyond that `train-<metric>` is still there, over all rows, and costs no pass of `predict`.
        if rows is not None and rows <= SCORED_ROWS:
            try:
                score = float(model.score(X, y, sample_weight=call.arg("sample_weight")))
            except ValueError:  # several quantiles a row: scikit-learn has no score for them, and the user gets none
                return
            call.run.metric("training_score", score)


@hookimpl
def steno_integrations(register: Any) -> None:
    """Register the integration."""
    register(XGBoost())
