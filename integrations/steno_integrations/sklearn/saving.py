"""Models on disk, as MLflow's sklearn flavor lays them out, so that either side loads the other's."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cloudpickle

from steno.plugin import SavedFlavor

__all__ = ["load", "save"]

# skops writes a file 13 times the size 30 times as slowly (a forest of 100 trees: 160 against 5 ms), so that it is
# what a caller asks for, not what every fit pays.
_FILES = {"cloudpickle": "model.pkl", "pickle": "model.pkl", "skops": "model.skops"}


def save(
    model: Any, folder: Path, serialization_format: str = "cloudpickle", pyfunc_predict_fn: str = "predict"
) -> SavedFlavor:
    """Write `model` into `folder`; classes defined in a notebook or a script go with it by value.

    Args:
        model: the estimator.
        folder: gets the file.
        serialization_format: cloudpickle, pickle or skops.
        pyfunc_predict_fn: the method that `steno.pyfunc` predicts by, such as predict_proba.

    Raises:
        ValueError: if `serialization_format` is none of these, or the model has no such method.
        TypeError, pickle.PicklingError: if the object holds something that cannot be written, such as an open file.
    """
    import sklearn  # noqa: PLC0415  the framework

    if serialization_format not in _FILES:
        raise ValueError(
            f"serialization_format is {serialization_format!r}, accepted are {', '.join(sorted(_FILES))}: "
            "write serialization_format='cloudpickle'"
        )
    if pyfunc_predict_fn != "predict" and not hasattr(model, pyfunc_predict_fn):
        raise ValueError(
            f"pyfunc_predict_fn is {pyfunc_predict_fn!r}, accepted is a method of {type(model).__name__}: "
            "write pyfunc_predict_fn='predict'"
        )
    file = folder / _FILES[serialization_format]
    conf: dict[str, Any] = {
        "pickled_model": file.name,
        "serialization_format": serialization_format,
        "sklearn_version": sklearn.__version__,
        "code": None,
    }
    requirements = ["scikit-learn"]
    if serialization_format == "skops":
        import skops.io  # noqa: PLC0415  an extra, three quarters of a second

        skops.io.dump(model, file)
        conf["skops_trusted_types"] = sorted(skops.io.get_untrusted_types(file=file))
        requirements.append("skops")
    elif serialization_format == "pickle":
        with file.open("wb") as stream:
            pickle.dump(model, stream, protocol=pickle.HIGHEST_PROTOCOL)
    else:
        with file.open("wb") as stream:
            cloudpickle.dump(model, stream)
        requirements.append("cloudpickle")
    function: dict[str, Any] = {"loader_module": "mlflow.sklearn", "model_path": file.name}
    if hasattr(model, pyfunc_predict_fn):
        function["predict_fn"] = pyfunc_predict_fn
    cls = type(model)
    return SavedFlavor(
        conf=conf,
        python_function=function,
        requirements=requirements,
        runs_code=serialization_format != "skops" or bool(conf["skops_trusted_types"]),
        model_class=f"{cls.__module__}.{cls.__qualname__}",
    )


def load(folder: Path, conf: Mapping[str, Any]) -> Any:
    """Read a model back: ours or MLflow's, from cloudpickle, pickle or skops.

    Args:
        folder: the model's folder.
        conf: the flavor's block of the MLmodel file; a block without a format means pickle, as in old MLflow.
    """
    file = folder / conf.get("pickled_model", "model.pkl")
    serialization_format = conf.get("serialization_format", "pickle")
    if serialization_format == "skops":
        import skops.io  # noqa: PLC0415  an extra

        return skops.io.load(file, trusted=list(conf.get("skops_trusted_types") or ()))
    with file.open("rb") as stream:
        # cloudpickle's own reader is pickle's; what it needs is imported by the pickle itself
        return _Reader(stream).load()  # the core asks for trust before it calls a loader that runs code


class _Reader(pickle.Unpickler):
    """Leaves a class of a notebook or a script that the program still has as it is.

    cloudpickle finds such a class again, and then sets all its attributes as they were when it was written: what was
    put around its methods since, the seams that record its trainings among it, would be gone.
    """

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        return _set_once(found) if (module, name) == ("cloudpickle.cloudpickle", "_class_setstate") else found


def _set_once(set_state: Callable[[type, Any], Any]) -> Callable[[type, Any], Any]:
    def fill(cls: type, state: Any) -> Any:
        attributes = state[0]
        return cls if attributes.keys() <= vars(cls).keys() else set_state(cls, state)

    return fill
