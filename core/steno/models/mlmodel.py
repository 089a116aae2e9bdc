"""`Model`: the MLmodel file at the head of every model folder, as MLflow 3 writes and reads it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml

from steno.clock import CLOCK
from steno.errors import InvalidInputError, ModelError, shown
from steno.models.signature import ModelSignature, Schema

__all__ = ["MLMODEL", "Model", "new_model_id", "read_yaml", "write_yaml"]

MLMODEL = "MLmodel"
PYTHON_FUNCTION = "python_function"
FORMAT_VERSION = "3.0.0"
"""The version of MLflow whose MLmodel format the files have."""

_MOST_BYTES = 2**20
_MOST_NODES = 100_000
_DEEPEST = 100
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

Json = dict[str, Any]


def _utc_now() -> dt.datetime:
    seconds, ns = divmod(CLOCK.ns(), 1_000_000_000)
    return dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds, microseconds=ns // 1000)


def new_model_id() -> str:
    """A fresh id: "m-" and 32 hexadecimal digits."""
    return f"m-{CLOCK.noise(16).hex()}"


class Model:
    """One model's description: flavors, signature, where it came from. Keys it does not know are kept.

    Attributes:
        flavors: the block of each flavor by name; `python_function` is the one that every reader understands.
        signature: what the model takes and gives.
        artifact_path: the model's name within its run; never a path of this machine.
        run_id: the run that made the model.
        model_uuid: any unique text; the id of the logged model where there is one, because MLflow, reading a folder
            away from the store that made it, looks up what stands under `model_id` and fails.
        utc_time_created: naive UTC time, as MLflow writes it.
        model_size_bytes: size of all files of the folder but MLmodel and manifest.
        saved_input_example_info: where the input example lies and what kind it is.
        metadata: anything JSON.
        extra: the other keys of the file.
    """

    def __init__(
        self,
        artifact_path: str | None = None,
        run_id: str | None = None,
        utc_time_created: str | None = None,
        flavors: Mapping[str, Any] | None = None,
        signature: ModelSignature | None = None,
        saved_input_example_info: Mapping[str, Any] | None = None,
        model_uuid: str | None = None,
        mlflow_version: str | None = FORMAT_VERSION,
        metadata: Mapping[str, Any] | None = None,
        model_size_bytes: int | None = None,
        model_id: str | None = None,
        **extra: Any,
    ) -> None:
        self.artifact_path = artifact_path
        self.run_id = run_id
        self.utc_time_created = utc_time_created or str(_utc_now())
        self.flavors: dict[str, Any] = dict(flavors or {})
        self.signature = signature
        self.saved_input_example_info = saved_input_example_info
        self.model_uuid = model_uuid or model_id or CLOCK.noise(16).hex()
        self._model_id = model_id
        self.mlflow_version = mlflow_version
        self.metadata = metadata
        self.model_size_bytes = model_size_bytes
        self.extra = extra

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]  # it changes as flavors are added

    def __repr__(self) -> str:
        return f"Model(model_id={self.model_id!r}, flavors={sorted(self.flavors)}, signature={self.signature!r})"

    @property
    def model_id(self) -> str | None:
        """Id of the logged model; None for one that was only saved."""
        return self._model_id or (self.model_uuid if self.model_uuid.startswith("m-") else None)

    def add_flavor(self, name: str, **params: Any) -> Self:
        """Add or replace the block of one flavor."""
        self.flavors[name] = params
        return self

    def get_input_schema(self) -> Schema | None:
        """The schema of the input, if it is known."""
        return None if self.signature is None else self.signature.inputs

    def get_output_schema(self) -> Schema | None:
        """The schema of the output, if it is known."""
        return None if self.signature is None else self.signature.outputs

    def to_dict(self) -> Json:
        """The content of the MLmodel file."""
        data: Json = {
            **self.extra,
            "flavors": self.flavors,
            "model_uuid": self.model_uuid,
            "utc_time_created": self.utc_time_created,
        }
        optional = {
            "artifact_path": self.artifact_path,
            "metadata": None if self.metadata is None else dict(self.metadata),
            "mlflow_version": self.mlflow_version,
            "model_id": self._model_id,
            "model_size_bytes": self.model_size_bytes,
            "run_id": self.run_id,
            "saved_input_example_info": self.saved_input_example_info and dict(self.saved_input_example_info),
        }
        data.update({key: value for key, value in optional.items() if value is not None})
        if self.signature is not None:
            data["signature"] = self.signature.to_dict()
            data.setdefault("is_signature_from_type_hint", False)
            data.setdefault("type_hint_from_example", False)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`, for files of any MLflow since 1.0.

        Raises:
            ModelError: if a key holds something else than it should.
        """
        known = dict(data)
        signature, flavors = known.pop("signature", None), known.pop("flavors", None)
        if not isinstance(flavors, Mapping) or not all(isinstance(conf, Mapping) for conf in flavors.values()):
            raise ModelError(
                f"MLmodel key 'flavors' is {shown(flavors)}, accepted is a block for each flavor: "
                "is this a model folder?"
            )
        try:
            read = None if not signature else ModelSignature.from_dict(signature)
        except (InvalidInputError, AttributeError, TypeError) as fault:
            raise ModelError(f"MLmodel key 'signature' is {shown(signature)}, which cannot be read: {fault}") from fault
        known.setdefault("mlflow_version", None)
        fields = {str(key): value for key, value in known.items()}
        time = fields.pop("utc_time_created", None)
        return cls(utc_time_created=None if time is None else str(time), flavors=flavors, signature=read, **fields)

    def to_yaml(self) -> str:
        """The text of the MLmodel file."""
        return write_yaml(self.to_dict())

    def to_json(self) -> str:
        """The content of the MLmodel file as JSON."""
        return json.dumps(self.to_dict())

    def save(self, path: str | Path) -> None:
        """Write the MLmodel file, or the one in a folder."""
        target = Path(path)
        (target / MLMODEL if target.is_dir() else target).write_text(self.to_yaml(), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read an MLmodel file, or the one in a folder.

        Raises:
            ModelError: if there is none, or it cannot be read.
        """
        target = Path(path)
        target = target / MLMODEL if target.is_dir() else target
        try:
            size = target.stat().st_size
            text = target.read_text(encoding="utf-8") if size <= _MOST_BYTES else None
        except (OSError, UnicodeDecodeError) as fault:
            raise ModelError(
                f"no model at {shown(str(path))}: {fault}; accepted is a folder with an MLmodel file"
            ) from fault
        if text is None:
            raise ModelError(f"{target} has {size} bytes, an MLmodel file has at most {_MOST_BYTES}")
        data = read_yaml(text, str(target))
        if not isinstance(data, dict):
            raise ModelError(
                f"{target} holds {shown(data)}, accepted are the keys of an MLmodel file such as 'flavors'"
            )
        return cls.from_dict(data)


def write_yaml(data: Any) -> str:
    """Plain data as YAML, block style, keys sorted."""
    text: str = yaml.dump(data, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, width=2**20)
    return text


def read_yaml(text: str, source: str) -> Any:
    """YAML as plain data: no Python objects, no references that unfold into more than the text holds.

    Raises:
        ModelError: if it is no such YAML.
    """
    try:
        _refuse_depth(text, source)
        data = yaml.load(text, Loader=_Loader)  # noqa: S506  a safe loader, in C
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        raise ModelError(f"{source} is no plain YAML: {fault}") from fault
    pending, seen = [data], 0
    while pending:
        item = pending.pop()
        seen += 1
        if seen > _MOST_NODES:
            raise ModelError(f"{source} unfolds into more than {_MOST_NODES} values: refused")
        if isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
    return data


def _refuse_depth(text: str, source: str) -> None:
    """The C loader recurses without a limit of its own, and ends the process; its parser does not."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise ModelError(f"{source} is nested more than {_DEEPEST} deep: refused")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
