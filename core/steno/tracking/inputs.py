"""What `log_input` and `log_inputs` take for a dataset, as what is recorded of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steno.entities import Dataset, DatasetInput
from steno.tracking.values import named_values

__all__ = ["CONTEXT_TAG", "as_dataset", "as_input"]

CONTEXT_TAG = "mlflow.data.context"


def as_dataset(given: Any) -> Dataset:
    """The record of a dataset.

    Args:
        given: one of `steno.entities`, of `steno.data` or of MLflow's `mlflow.data`; or the data itself.
    """
    convert = getattr(given, "_to_mlflow_entity", None)
    found = convert() if callable(convert) else given
    if isinstance(found, Dataset):
        return found
    if convert is not None and found is not given:  # MLflow's own entity
        return Dataset(found.name, found.digest, found.source_type, found.source, found.schema, found.profile)
    from steno.tracking.datasets import describe  # noqa: PLC0415  numpy, narwhals

    return describe(given)


def as_input(given: Any, context: str | None = None, tags: Mapping[str, str] | None = None) -> DatasetInput:
    """The record of one use of a dataset.

    Raises:
        InvalidInputError: tags are no dict.
    """
    named = named_values({} if tags is None else tags, "tags")
    return DatasetInput(as_dataset(given), {**named, **({} if context is None else {CONTEXT_TAG: context})})
