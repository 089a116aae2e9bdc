"""One interface to every model: `steno.pyfunc.load_model(uri).predict(data)`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from steno.errors import IntegrationError, ModelError, SchemaError, shown
from steno.models import places
from steno.models.flavors import load_from
from steno.models.mlmodel import PYTHON_FUNCTION, Model
from steno.models.signature import enforce, enforce_params
from steno.plugin import Integration
from steno.registry import registry

__all__ = ["PyFuncModel", "load_model"]


class PyFuncModel:
    """A loaded model of any flavor.

    Attributes:
        metadata: what the MLmodel file says.
    """

    def __init__(self, model: Any, predict: Callable[..., Any], metadata: Model) -> None:
        self.metadata = metadata
        self._model = model
        self._predict = predict

    def __repr__(self) -> str:
        flavors = sorted(name for name in self.metadata.flavors if name != PYTHON_FUNCTION)
        return f"PyFuncModel({', '.join(flavors)}, model_id={self.model_id!r}, run_id={self.metadata.run_id!r})"

    @property
    def model_id(self) -> str | None:
        """Id of the logged model; None for one that was only saved."""
        return self.metadata.model_id

    def get_raw_model(self) -> Any:
        """The framework's own object."""
        return self._model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """What the model predicts for `data`.

        The data is made to fit the model's signature where that loses nothing: columns by name in any order, more
        columns than needed, numbers of any width, arrays for named columns, records, polars frames. A model that was
        trained on one column by itself (texts) or on records gets those, in whatever form they come.

        Args:
            data: table, array, sparse matrix, records, lists or a dict of columns.
            params: inference params that the signature names.

        Raises:
            SchemaError: naming the column that is missing or cannot fit.
        """
        signature = self.metadata.signature
        if signature is None:
            return self._predict(data, **dict(params or {}))
        values = enforce_params(params, signature.params)
        return self._predict(enforce(data, signature.inputs, signature.container), **values)


def load_model(
    model_uri: str | os.PathLike[str],
    suppress_warnings: bool = False,
    dst_path: str | os.PathLike[str] | None = None,
    *,
    trust: bool | None = None,
) -> PyFuncModel:
    """Load a model of any flavor that an installed integration serves.

    Args:
        model_uri: `runs:/<run_id>/<name>`, `models:/m-<id>`, a `file:` URI or a path; written by steno or by MLflow.
        suppress_warnings: MLflow's; a load gives none here.
        dst_path: a folder that gets a copy of the model's.
        trust: True allows code from the model's files to run, which a pickle needs; models in the artifacts of the
            local store are trusted.

    Raises:
        UntrustedModelError: loading would run code, and nobody said `trust=True`.
        ModelError: no model folder, one that was altered since it was saved, or of a flavor that nobody serves.
    """
    del suppress_warnings
    place = places.find(model_uri, dst_path)
    described = Model.load(place.folder)
    integration = _integration(described, place.uri)
    model = load_from(integration, place, described, trusted=bool(trust))
    return PyFuncModel(model, _predictor(integration, model, described), described)


def _integration(described: Model, uri: str) -> Integration:
    """Who loads it: the integration behind the python_function block, else behind any other flavor."""
    function = described.flavors.get(PYTHON_FUNCTION, {})
    module = str(function.get("loader_module", ""))
    names = [module.removeprefix("mlflow.")] if module.startswith("mlflow.") else []
    names += [name for name in described.flavors if name != PYTHON_FUNCTION and name not in names]
    for name in names:
        try:
            return registry().integration(name)
        except IntegrationError:
            continue
    raise ModelError(
        f"model {uri!r} has the flavors {', '.join(names) or shown(module)}, which no installed integration loads; "
        f"installed are {', '.join(registry().names())}: install the plugin for it"
    )


def _no_predict(model: Any) -> Callable[..., Any]:
    def refuse(_data: Any) -> Any:
        raise ModelError(
            f"{type(model).__name__} does not predict: use what it has, by load_model(...).get_raw_model()"
        )

    return refuse


def _predictor(integration: Integration, model: Any, described: Model) -> Callable[..., Any]:
    name = described.flavors.get(PYTHON_FUNCTION, {}).get("predict_fn", "predict")
    if name == "predict":
        try:
            return integration.predictor(model)
        except AttributeError:  # a transformer is a model too, and is loaded for what it is
            return _no_predict(model)
    method = getattr(model, name, None) if isinstance(name, str) and not name.startswith("_") else None
    if not callable(method):
        raise SchemaError(
            f"the MLmodel file names {shown(name)} as the function that predicts, which {type(model).__name__} lacks"
        )
    return method  # type: ignore[no-any-return]
