"""What callers of `save_model` and `log_model` pass: MLflow's arguments, by position and by name."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from steno.errors import InvalidInputError, StenoError, StenoWarning, shown
from steno.models.enforcement import container_of, enforce
from steno.models.mlmodel import read_yaml
from steno.models.signature import ModelSignature, infer_signature
from steno.plugin import Integration

__all__ = ["Arguments", "Wanted"]

_REFUSED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, StenoError)
"""What models raise about data that they cannot read."""

_NOT_KEPT = ("mlflow_model", "params", "model_type", "code_paths", "model_config", "prompts")
_IGNORED = ("await_registration_for",)

Requirements = Iterable[str] | str | os.PathLike[str] | None
Conda = Mapping[str, Any] | str | os.PathLike[str] | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller says of a model's environment.

    Attributes:
        requirements: instead of those found; None for those found.
        extra: beside them.
        conda: content of a conda environment, instead of ours.
    """

    requirements: list[str] | None
    extra: list[str]
    conda: Mapping[str, Any] | None

    @classmethod
    def of(cls, conda_env: Conda, pip_requirements: Requirements, extra_pip_requirements: Requirements) -> Self:
        """Read from lists, dicts and files.

        Raises:
            InvalidInputError: a file cannot be read.
        """
        return cls(_lines(pip_requirements), _lines(extra_pip_requirements) or [], _conda(conda_env))

    def pip_part(self) -> list[str]:
        """The requirements inside the conda environment."""
        parts = (self.conda or {}).get("dependencies", ())
        pips = [part["pip"] for part in parts if isinstance(part, Mapping) and "pip" in part]
        return [str(line) for part in pips for line in part]


def _lines(given: Requirements) -> list[str] | None:
    """Requirements from a list, or from a requirements file; without its comments."""
    if given is None:
        return None
    if isinstance(given, (str, os.PathLike)):
        try:
            text = Path(given).read_text(encoding="utf-8")
        except OSError as fault:
            raise InvalidInputError(
                f"requirements are {shown(given)}, accepted are a list of requirements and the path of a file: {fault}"
            ) from fault
        return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [str(line) for line in given]


def _conda(given: Conda) -> Mapping[str, Any] | None:
    if given is None or isinstance(given, Mapping):
        return given
    read = read_yaml(Path(given).read_text(encoding="utf-8"), str(given))
    if not isinstance(read, dict):
        raise InvalidInputError(f"conda_env {shown(given)} holds {shown(read)}, accepted is a conda environment file")
    return read


class Arguments:
    """The arguments of a public call: the model by position or any of its names, the rest by keyword."""

    def __init__(
        self,
        integration: Integration,
        function: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        positions: tuple[str, ...],
    ) -> None:
        self.integration = integration
        self.call = f"{integration.name}.{function}"
        self.values = dict(kwargs)
        names = {"model", integration.model_argument}
        named = [name for name in names if name in self.values]
        if len(args) + len(named) == 0 or len(named) > 1 or (args and named):
            raise InvalidInputError(
                f"{self.call} takes one model, by position or as {integration.model_argument}=, and got "
                f"{len(named) + min(1, len(args))}: write {self.call}({integration.model_argument}=...)"
            )
        self.model = args[0] if args else self.values.pop(named[0])
        if len(args) > 1 + len(positions):
            raise InvalidInputError(
                f"{self.call} got {len(args)} positional arguments, accepted are the model, {positions}"
            )
        for name, value in zip(positions, args[1:], strict=False):
            if name in self.values:
                raise InvalidInputError(f"{self.call} got {name!r} twice, by position and by name")
            self.values[name] = value

    def take(self, name: str) -> Any:
        """One argument, or None."""
        return self.values.pop(name, None)

    def rest(self) -> dict[str, Any]:
        """The arguments of `write_model`; what is neither its nor the saver's is refused by name."""
        known = {key: self.take(key) for key in ("conda_env", "signature", "input_example", "metadata")}
        known["pip_requirements"] = self.take("pip_requirements")
        known["extra_pip_requirements"] = self.take("extra_pip_requirements")
        self._leave_out()
        parameters = list(inspect.signature(self.integration.saver).parameters)[2:]
        unknown = sorted(set(self.values) - set(parameters))
        if unknown:
            accepted = sorted([*known, *parameters])
            raise InvalidInputError(f"{self.call} got {', '.join(unknown)}, accepted are {', '.join(accepted)}")
        known["saver_options"] = self.values
        example = known["input_example"]
        if known["signature"] is None and example is not None:
            known["signature"] = self._inferred(example)
        if known["signature"] is False:  # MLflow's word for "infer none"
            known["signature"] = None
        return known

    def _inferred(self, example: Any) -> ModelSignature | None:
        """The signature of a model that takes such data, as a table or as it is; None, said aloud, if it takes neither.

        Raises:
            SchemaError: if the example has no columns and no shape.
        """
        inputs = infer_signature(example).inputs
        container = container_of(example)
        forms = [(example, container)]
        if container == "records" or isinstance(example, Mapping):  # as one writes rows of a table, too
            forms.insert(0, (enforce(example, inputs), None))
        try:
            name = self.values.get("pyfunc_predict_fn")
            predict = self.integration.predictor(self.model) if name is None else getattr(self.model, name)
        except AttributeError:  # a transformer
            return ModelSignature(inputs, container=container)
        reason: BaseException | None = None
        for data, kept in forms:
            try:
                outputs = infer_signature(None, predict(data)).outputs
            except _REFUSED as fault:
                reason = reason or fault
            else:
                return ModelSignature(inputs, outputs, container=kept)
        warnings.warn(
            f"{self.call} keeps the model without a signature, as it could not predict its input_example "
            f"({type(reason).__name__}: {reason}): pass rows that it can predict, or signature=infer_signature(X, y)",
            StenoWarning,
            stacklevel=5,
        )
        return None

    def _leave_out(self) -> None:
        for name in _IGNORED:
            self.take(name)
        lost = [name for name in _NOT_KEPT if self.take(name) is not None]
        if lost:
            warnings.warn(
                f"{self.call} keeps the model and not {', '.join(lost)}: this version of steno has no place for it",
                StenoWarning,
                stacklevel=5,
            )
