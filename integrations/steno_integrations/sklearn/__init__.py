"""scikit-learn: every estimator, also those of other packages and of one's own; pipelines and searches as one run."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from steno.plugin import Call, Integration, SavedFlavor, classes, hookimpl, metric, predicts, quiet, train
from steno_integrations.sklearn import learned, saving, searches
from steno_integrations.sklearn.batches import Batches
from steno_integrations.sklearn.kinds import behind, kind_of, search_in
from steno_integrations.sklearn.parameters import params_of, readable
from steno_integrations.sklearn.scores import Scores
from steno_integrations.sklearn.training import Trained, count_rows, measure, predict_first, sample_for_signature

__all__ = ["ScikitLearn", "steno_integrations"]

ESTIMATOR = "sklearn.base:BaseEstimator"
VALIDATION = "sklearn.model_selection._validation"

Training = Generator[None, Any, str | None]


class ScikitLearn(Integration):
    """The integration of scikit-learn."""

    name, requires, owns = "sklearn", "scikit-learn>=1.5", ("sklearn",)
    model_argument: ClassVar[str] = "sk_model"

    def __init__(self) -> None:
        self._batches = Batches()

    # -- trainings

    @train(classes(ESTIMATOR, methods=("fit", "fit_predict", "fit_transform", "partial_fit")))
    def fit(self, call: Call) -> Training:
        """One training of any estimator; of a search or a pipeline as a whole."""
        estimator = call.self
        if kind_of(estimator) == "preprocessing":
            return "preprocessing"
        if call.function.__name__ == "partial_fit" and self._batches.seen(estimator):
            return "partial_fit goes on with a model that has its run"
        trained = _trained(call)
        run = call.run
        _begin(call, estimator, trained.X, trained.y)
        yield
        self._batches.begin(estimator, run if call.function.__name__ == "partial_fit" else None)
        with run.step("learned"):
            run.metrics(learned.figures(estimator))
        with run.step("curves"):
            for name, values in learned.curves(estimator).items():
                run.curve(name, values)
        search = search_in(estimator)
        if search is not None:
            _search(call, search)
        prediction = None
        if call.options["log_training_metrics"]:
            with run.step("training metrics"):
                prediction = _training_metrics(call, trained)
        _model(call, trained, prediction)
        return None

    @train(f"{VALIDATION}:cross_validate")
    def cross_validate(self, call: Call) -> Training:
        """All folds in one run: a row each, their means and deviations."""
        _begin(call, call.arg("estimator"), call.arg("X"), call.arg("y"))
        result = yield
        with call.run.step("folds"):
            _folds(call, result)
        return None

    @train(f"{VALIDATION}:cross_val_score")
    def cross_val_score(self, call: Call) -> Training:
        """All folds in one run: a row each, their mean and deviation."""
        _begin(call, call.arg("estimator"), call.arg("X"), call.arg("y"))
        result = yield
        with call.run.step("folds"):
            _folds(call, {"test_score": result})
        return None

    @train(f"{VALIDATION}:learning_curve")
    def learning_curve(self, call: Call) -> Training:
        """Scores by the number of training rows: two curves whose steps are the sizes, and a table of all folds."""
        _begin(call, call.arg("estimator"), call.arg("X"), call.arg("y"))
        result = yield
        run = call.run
        with run.step("learning curve"):
            sizes, train_scores, test_scores = result[:3]
            for kind, scores in (("train", train_scores), ("test", test_scores)):
                run.curve(f"mean_{kind}_score", scores.mean(axis=1).tolist(), steps=sizes.tolist())
            run.table("learning_curve.csv", searches.by_fold("train_size", sizes, train_scores, test_scores))
        return None

    @train(f"{VALIDATION}:validation_curve")
    def validation_curve(self, call: Call) -> Training:
        """Scores by the value of one param, as a table of all folds."""
        _begin(call, call.arg("estimator"), call.arg("X"), call.arg("y"))
        result = yield
        run, name = call.run, call.arg("param_name")
        with run.step("validation curve"):
            values = list(call.arg("param_range"))
            run.params({"param_name": name})
            run.table("validation_curve.csv", searches.by_fold(name, values, *result[:2]))
            best = int(np.argmax(result[1].mean(axis=1)))
            run.metrics({"best_mean_test_score": result[1][best].mean()})
            run.params({f"best_{name}": readable(values[best])})
        return None

    @train(f"{VALIDATION}:permutation_test_score")
    def permutation_test_score(self, call: Call) -> Training:
        """The score, those of the permutations, and the p-value."""
        _begin(call, call.arg("estimator"), call.arg("X"), call.arg("y"))
        result = yield
        with call.run.step("permutations"):
            score, permutations, pvalue = result
            call.run.metrics({"score": score, "pvalue": pvalue})
            call.run.table("permutations.csv", {"score": permutations.tolist()})
        return None

    # What trains many models at once would mix their curves; its folds and candidates are in the tables above.
    candidates = quiet(
        f"{VALIDATION}:_fit_and_score",
        f"{VALIDATION}:_fit_and_predict?",
        f"{VALIDATION}:_incremental_fit_estimator?",
        f"{VALIDATION}:_permutation_test_score?",
        f"{VALIDATION}:cross_val_predict",
    )
    members = quiet(
        "sklearn.ensemble._base:_fit_single_estimator?",
        "sklearn.ensemble._bagging:_parallel_build_estimators?",
        "sklearn.multiclass:_fit_binary?",
        "sklearn.multiclass:_fit_ovo_binary?",
        "sklearn.calibration:_fit_classifier_calibrator_pair?",
        "sklearn.model_selection._classification_threshold:_fit_and_score_over_thresholds?",
        "sklearn.multioutput:_fit_estimator?",
    )

    # -- after the training

    @predicts(classes(ESTIMATOR, methods=("predict", "predict_proba", "predict_log_proba", "decision_function")))
    def predict(self, call: Call, _result: Any) -> tuple[Any, Any]:
        """Remember whose prediction this is, so that a score finds its run."""
        return call.self, call.args[0] if call.args else call.kwargs.get("X")

    @metric("sklearn.metrics:*")
    def score_of_prediction(self, call: Call, result: Any) -> None:
        """A function of `sklearn.metrics` on a prediction: `<function>_<data>`."""
        call.run.scored(getattr(call.function, "__name__", "metric"), call.source, result)

    @metric(classes(ESTIMATOR, methods=("score",)))
    def score_of_model(self, call: Call, result: Any) -> None:
        """`model.score(X, y)`: `<class>_score_<data>`."""
        call.run.scored(f"{type(call.self).__name__}_score", call.source, result)

    # -- models

    def saver(
        self,
        model: Any,
        folder: Path,
        serialization_format: str = "cloudpickle",
        pyfunc_predict_fn: str = "predict",
    ) -> SavedFlavor:
        """Write any estimator; see `saving.save`."""
        return saving.save(model, folder, serialization_format, pyfunc_predict_fn)

    def loader(self, folder: Path, conf: Mapping[str, Any]) -> Any:
        """Read an estimator that we or MLflow wrote."""
        return saving.load(folder, conf)


def _trained(call: Call) -> Trained:
    """What fit was given; X and y by position or by name, weights also in the form `<last step>__sample_weight`."""
    args, kwargs = call.args, call.kwargs
    X = args[0] if args else kwargs.get("X")
    y = args[1] if len(args) > 1 else kwargs.get("y", kwargs.get("Y"))
    weight = kwargs.get("sample_weight")
    if weight is None and len(args) > 2:
        weight = call.arg("sample_weight")
    if weight is None:
        weight = next((value for name, value in kwargs.items() if name.endswith("__sample_weight")), None)
    return Trained(call.self, X, y, weight)


def _begin(call: Call, estimator: Any, X: Any, y: Any) -> None:
    """What is known before the training: params, tags, data."""
    run = call.run
    with run.step("params"):
        run.params(params_of(estimator))
    with run.step("tags"):
        cls = type(estimator)
        run.tags({"estimator_name": cls.__name__, "estimator_class": f"{cls.__module__}.{cls.__qualname__}"})
    if call.options["log_datasets"] and count_rows(X) is not None:
        with run.step("dataset"):
            run.dataset(X, targets=y, name=call.variable(X) or "dataset", context="train")


def _training_metrics(call: Call, trained: Trained) -> Any:
    """Record the scores; returns the prediction for the first rows if one was made."""
    found = measure(call.run, trained)
    if found is None:
        return None
    scores, prediction = found
    if scores.values:
        call.run.metrics(scores.values)
    if scores.info or scores.skipped:
        call.run.text(_metric_info(scores), "metric_info.json")
    return prediction


def _metric_info(scores: Scores) -> str:
    return json.dumps({**scores.info, **({"skipped": scores.skipped} if scores.skipped else {})}, indent=2)


def _search(call: Call, search: Any) -> None:
    run = call.run
    with run.step("best candidate"):
        params, metrics = searches.best(search)
        run.params(params)
        run.metrics(metrics)
    with run.step("trials"):
        columns = searches.cv_results(search)
        run.table("cv_results.csv", columns)
        run.table("trials.json", columns)


def _folds(call: Call, result: Mapping[str, Any]) -> None:
    columns: dict[str, Sequence[Any]] = dict(searches.folds(result))
    call.run.table("folds.csv", columns)
    call.run.metrics(searches.fold_metrics(searches.folds(result)))


def _model(call: Call, trained: Trained, prediction: Any) -> None:
    """Save what was learned: of a search its best estimator; nothing where a search chose none."""
    estimator, run = trained.estimator, call.run
    saved: Any = estimator
    answers_for: Sequence[Any] = ()
    search = search_in(estimator)
    if search is not None:
        best = getattr(search, "best_estimator_", None)
        if best is None:
            return
        saved = best if search is estimator else estimator
        answers_for = (estimator, search, best, behind(best))
    with run.step("model"):
        sample = None
        if call.options["log_models"] and count_rows(trained.X):
            sample = sample_for_signature(trained.X)
            if prediction is None and call.options["log_model_signatures"]:
                with run.step("signature"):
                    prediction = predict_first(estimator, trained.X)
        run.model(saved, sample=sample, prediction=prediction, answers_for=answers_for)


@hookimpl
def steno_integrations(register: Callable[[Integration], None]) -> None:
    """Register the integration."""
    register(ScikitLearn())
