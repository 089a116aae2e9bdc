"""What a model takes and gives: `ModelSignature`, inferred from data, written in MLflow's form, enforced leniently.

Enforcement makes data fit where that loses nothing (numbers of any width, records, dicts, arrays for named columns),
ignores what the model does not need, and leaves alone what the model itself may judge. It fails on what is missing and
on what can never fit, and says which column, what was wanted and what it got.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from steno.errors import InvalidInputError, SchemaError, shown
from steno.models.enforcement import Container, enforce
from steno.tracking.frames import is_series
from steno.tracking.schema import ColSpec, Schema, TensorSpec, columns, value_type

__all__ = [
    "ColSpec",
    "ModelSignature",
    "ParamSchema",
    "ParamSpec",
    "Schema",
    "TensorSpec",
    "enforce",
    "enforce_params",
    "infer_signature",
]

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ParamSpec:
    """One inference param: MLflow's type name, its default, and whether it is a list."""

    name: str
    type: str
    default: Any
    shape: tuple[int, ...] | None = None

    def to_dict(self) -> Json:
        """MLflow's JSON form."""
        shape = None if self.shape is None else list(self.shape)
        default = self.default
        if isinstance(default, dt.date):
            default = default.isoformat()
        return {"name": self.name, "default": default, "shape": shape, "type": self.type}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`; `dtype` is an old name of `type`."""
        shape = data.get("shape")
        kind = data.get("type") or data["dtype"]
        return cls(str(data["name"]), kind, data["default"], None if shape is None else tuple(shape))


@dataclass(frozen=True, slots=True)
class ParamSchema:
    """The inference params that a model takes."""

    params: Sequence[ParamSpec] = ()

    def to_json(self) -> str:
        """MLflow's JSON text."""
        return json.dumps([spec.to_dict() for spec in self.params])

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`.

        Raises:
            InvalidInputError: if the text is no such JSON.
        """
        try:
            return cls(tuple(ParamSpec.from_dict(row) for row in json.loads(text)))
        except (ValueError, TypeError, KeyError) as fault:
            raise InvalidInputError(
                f"params {shown(text)} cannot be read ({fault!r}), accepted is MLflow's form such as "
                '[{"name": "top_k", "type": "long", "default": 3, "shape": null}]'
            ) from fault


@dataclass(frozen=True, slots=True)
class ModelSignature:
    """The schema of a model's input, output and inference params; each may be unknown.

    Attributes:
        container: what the columns came in where that is no table, which MLflow does not record and its readers
            leave alone: a text model that was trained on a Series cannot read the same column out of a table.
    """

    inputs: Schema | None = None
    outputs: Schema | None = None
    params: ParamSchema | None = None
    container: Container | None = None

    def to_dict(self) -> dict[str, str | None]:
        """MLflow's form: JSON texts in a dict."""
        texts: dict[str, str | None] = {
            "inputs": None if self.inputs is None else self.inputs.to_json(),
            "outputs": None if self.outputs is None else self.outputs.to_json(),
            "params": None if self.params is None else self.params.to_json(),
        }
        return texts if self.container is None else {**texts, "container": self.container}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`.

        Raises:
            InvalidInputError: if one of the texts cannot be read.
        """
        inputs, outputs, params = (data.get(key) for key in ("inputs", "outputs", "params"))
        return cls(
            Schema.from_json(inputs) if inputs else None,
            Schema.from_json(outputs) if outputs else None,
            ParamSchema.from_json(params) if params else None,
            container if (container := data.get("container")) in ("series", "records") else None,
        )


def infer_signature(
    model_input: Any = None, model_output: Any = None, params: Mapping[str, Any] | None = None
) -> ModelSignature:
    """The signature of a model from some of its input, what it predicted for it, and its inference params.

    Args:
        model_input: table, array, sparse matrix, list, records or dict of arrays; a few rows are enough.
        model_output: the prediction, of any of these kinds.
        params: inference params with their defaults.

    Raises:
        SchemaError: if one of them has no columns and no shape.
    """
    return ModelSignature(
        _schema(model_input, "model_input"),
        _schema(model_output, "model_output"),
        None if not params else ParamSchema(tuple(_param(name, value) for name, value in params.items())),
        "series" if is_series(model_input) else None,
    )


def _schema(data: Any, argument: str) -> Schema | None:
    if data is None:
        return None
    if isinstance(data, (str, bytes, int, float, bool, np.generic)):
        data = [data]
    found = columns(data)
    if found is None and isinstance(data, Mapping):
        found = columns([data])
    if found is None:
        raise SchemaError(
            f"{argument} {shown(data)} has no columns and no shape, accepted are dataframes, arrays, sparse matrices, "
            f"lists, records and dicts of arrays: pass some rows of such data as {argument}"
        )
    return found


def _param(name: str, value: Any) -> ParamSpec:
    if isinstance(value, (list, tuple, np.ndarray)):
        items = value.tolist() if isinstance(value, np.ndarray) else list(value)
        return ParamSpec(name, value_type(items)[0], items, (-1,))
    kind, _inner = value_type([value])
    return ParamSpec(name, kind, value.item() if isinstance(value, np.generic) else value)


_PARAM_TYPES: Mapping[str, tuple[type, ...]] = {
    "boolean": (bool, np.bool_),
    "integer": (int, np.integer),
    "long": (int, np.integer),
    "float": (float, int, np.integer, np.floating),
    "double": (float, int, np.integer, np.floating),
    "string": (str,),
    "datetime": (dt.date, np.datetime64, str),
}


def enforce_params(params: Mapping[str, Any] | None, schema: ParamSchema | None) -> Json:
    """The params to call a model with: defaults, then those given that the model knows.

    Raises:
        SchemaError: if one has another type than its default.
    """
    if schema is None:
        return dict(params or {})
    given = params or {}
    values: Json = {}
    for spec in schema.params:
        value = given.get(spec.name, spec.default)
        accepted = _PARAM_TYPES.get(spec.type)
        items = value if spec.shape is not None and isinstance(value, (list, tuple, np.ndarray)) else [value]
        if spec.name in given and accepted is not None:
            for item in items:
                if not isinstance(item, accepted) or (isinstance(item, bool) and spec.type != "boolean"):
                    raise SchemaError(
                        f"param {spec.name!r} got {shown(item)}, accepted is {spec.type} "
                        f"such as its default {spec.default!r}: pass params={{{spec.name!r}: ...}} of that type"
                    )
        values[spec.name] = value
    return values
