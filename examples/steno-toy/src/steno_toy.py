"""Toy: every `fit`, `train` and `cross_validate` is one run. The plugin uses each kind of seam once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from steno.plugin import Call, Integration, SavedFlavor, classes, hookimpl, metric, observe, option, predicts, train

MODEL = "toy.core:Model"
FILE = "model.json"


class Toy(Integration):
    """The integration of toy."""

    name, requires, owns = "toy", "toy>=1.0", ("toy",)

    log_weights: bool = option(False, "record the weights of a trained model as a chart")

    # -- trainings: before the `yield`, the framework, after it

    @train(classes(MODEL, methods=("fit",)))  # toy's models and everybody's subclasses; `toy.train` ends here too
    def fit(self, call: Call) -> Iterator[None]:
        """Training a model; a team's members train inside it, and do not count."""
        run, model, X = call.run, call.self, call.arg("X")
        run.params(model.get_params())
        run.tags({"estimator_name": type(model).__name__})
        run.dataset(X, targets=call.arg("y"), name=call.variable(X))
        yield
        if call.options["log_weights"]:
            run.chart("weights", {"kind": "bar", "title": "Weights", "series": {"weights": model.weights.tolist()}})
        run.model(model, sample=X[:5], prediction=model.predict(X[:5]))

    @train("toy.core:cross_validate", "toy:cross_validate")  # a second name of it, where patches stand at names
    def cross_validation(self, call: Call) -> Iterator[None]:
        """Cross-validation: the folds' trainings happen inside it, and do not count."""
        call.run.params({**call.arg("params"), "folds": call.arg("folds", 3)})
        call.run.dataset(call.arg("X"), targets=call.arg("y"), name=call.variable(call.arg("X")))
        errors = yield
        call.run.curve("fold_error", errors)

    # -- inside a training: what the framework computes anyway, where it computes it

    @observe(f"{MODEL}.end_round")
    def end_round(self, call: Call, _result: None) -> None:
        """One round."""
        call.run.metric("loss", call.arg("loss"), step=call.arg("number"))

    # -- after it: scores find the run whose model made the prediction

    @predicts(classes(MODEL, methods=("predict",)))
    def predict(self, call: Call, _result: Any) -> tuple[Any, Any]:
        """Which model predicted for which data."""
        return call.self, call.arg("X")

    @metric("toy.metrics:*")
    def score(self, call: Call, result: float) -> None:
        """A score, named after the function and the data, such as `largest_error_X_test`."""
        call.run.scored(call.function.__name__, call.source, result)

    # -- the model on disk

    def saver(self, model: Any, folder: Path) -> SavedFlavor:
        """Write toy's own JSON."""
        import toy

        model.save(folder / FILE)
        return SavedFlavor(
            conf={"toy_version": toy.__version__, "data": FILE},
            python_function={"loader_module": "steno_toy", "data": FILE},
            requirements=("toy", "steno-toy"),
        )

    def loader(self, folder: Path, conf: Mapping[str, Any]) -> Any:
        """Read it back."""
        return _load_pyfunc(folder / conf["data"])

    def runs_code(self, folder: Path, conf: Mapping[str, Any]) -> bool:  # noqa: ARG002
        """Never: toy reads JSON, and knows its classes."""
        return False


def _load_pyfunc(path: str | Path) -> Any:
    """What MLflow asks the `loader_module` of a model for: something that has `predict`."""
    import toy

    return toy.load(path)


@hookimpl
def steno_integrations(register: Any) -> None:
    """Register the integration."""
    register(Toy())
