"""A model on disk: xgboost's own binary JSON, in the layout of MLflow's flavor of the same name."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from steno.errors import InvalidInputError, ModelError, shown
from steno.plugin import SavedFlavor
from steno_integrations.xgboost.params import of_estimator, qualified

__all__ = ["load", "predictor", "save"]

FORMATS = ("ubj", "json")


def save(model: Any, folder: Path, model_format: str) -> SavedFlavor:
    """Write a booster or an estimator into `folder`.

    Raises:
        ModelError: if the object is neither, or was never fitted.
        InvalidInputError: if the format is none of xgboost's.
    """
    import xgboost  # noqa: PLC0415  the framework
    from sklearn.exceptions import NotFittedError  # noqa: PLC0415  what its estimators raise

    cls = next((base for base in type(model).__mro__ if base.__module__.partition(".")[0] == "xgboost"), None)
    if cls is None or not hasattr(model, "save_model"):
        raise ModelError(
            f"integration 'xgboost' cannot save {shown(model)}: accepted are xgboost.Booster and the classes of "
            "xgboost.sklearn; save it yourself with steno.log_artifact(path)"
        )
    if model_format not in FORMATS:
        raise InvalidInputError(
            f"model_format is {shown(model_format)}, accepted are {' and '.join(FORMATS)}: write model_format='ubj'"
        )
    data = f"model.{model_format}"
    try:
        # Not the estimator's own `save_model`: it writes an attribute into the user's booster and takes it out again.
        booster = model.get_booster() if hasattr(model, "get_booster") else model
        booster.save_model(folder / data)
    except NotFittedError as fault:
        raise ModelError(f"{shown(model)} was never fitted: call its fit(X, y) before saving it") from fault
    conf: dict[str, Any] = {
        "xgb_version": xgboost.__version__,
        "data": data,
        # A class of the user's own comes back as the class of xgboost's that it extends.
        "model_class": qualified(cls),
        "model_format": model_format,
        "code": None,
    }
    if hasattr(model, "get_booster"):
        conf["model_params"] = _constructor_arguments(model)
    return SavedFlavor(
        conf=conf,
        python_function={"loader_module": "mlflow.xgboost", "data": data},
        requirements=("xgboost", "scikit-learn") if "model_params" in conf else ("xgboost",),
        runs_code=False,
        model_class=qualified(type(model)),
    )


def _constructor_arguments(model: Any) -> dict[str, Any]:
    """Those that are data and can be given again: xgboost's file has the trees, not these (`missing`, ...)."""
    given = {**vars(model), **(getattr(model, "kwargs", None) or {})}
    written = of_estimator(model)
    return {key: written[key] for key, value in given.items() if key in written and _is_data(value)}


def _is_data(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isnan(value)
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_data(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return all(_is_data(item) for item in value)
    return isinstance(value, (bool, int, str))


def load(folder: Path, conf: Mapping[str, Any]) -> Any:
    """Read the model of a folder that `save` or MLflow wrote.

    Raises:
        ModelError: if the data lies outside the folder or cannot be read, or the class is neither xgboost's nor
            imported already.
    """
    from xgboost.core import XGBoostError  # noqa: PLC0415  the framework

    path = (folder / str(conf.get("data", "model.ubj"))).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ModelError(f"model {folder} names the data file {shown(conf.get('data'))}, which is outside of it")
    cls = _model_class(str(conf.get("model_class", "xgboost.core.Booster")))
    model = cls(**_accepted(cls, conf.get("model_params") or {}))
    try:
        model.load_model(path)
    except (XGBoostError, OSError) as fault:
        raise ModelError(
            f"xgboost cannot read {str(path)!r} ({str(fault).strip().splitlines()[-1]}), accepted is what its own "
            "save_model wrote: look into the folder, or train the model again"
        ) from fault
    return model


def _model_class(name: str) -> Any:
    import xgboost  # noqa: PLC0415  the framework
    import xgboost.sklearn  # noqa: PLC0415  the framework

    module, _, short = name.rpartition(".")
    # Importing whatever a file names would be running code that the file chose.
    found = getattr(sys.modules.get(module), short, None)
    if isinstance(found, type) and issubclass(found, (xgboost.Booster, xgboost.sklearn.XGBModel)):
        return found
    raise ModelError(
        f"the model's class {shown(name)} is not imported, accepted are xgboost's own classes and subclasses of them: "
        f"write `import {module}` before loading it"
    )


def _accepted(cls: type, params: Mapping[str, Any]) -> dict[str, Any]:
    return dict(params) if hasattr(cls, "get_params") else {}


def predictor(model: Any) -> Callable[[Any], Any]:
    """The function from data to predictions: `predict` of an estimator; for a booster one that makes its `DMatrix`."""
    import xgboost  # noqa: PLC0415  the framework

    if not isinstance(model, xgboost.Booster):
        predict: Callable[[Any], Any] = model.predict
        return predict

    def predict_rows(data: Any) -> Any:
        if isinstance(data, xgboost.DMatrix):
            return model.predict(data)
        names = None if hasattr(data, "columns") else model.feature_names
        return model.predict(xgboost.DMatrix(data, feature_names=names, enable_categorical=True))

    return predict_rows
