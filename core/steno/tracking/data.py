"""Datasets in memory as MLflow's `mlflow.data` has them: the data, where it came from, and what is recorded of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from steno import entities
from steno.errors import InvalidInputError, shown
from steno.tracking.datasets import describe
from steno.tracking.schema import Schema
from steno.tracking.sources import DatasetSource, source_of, stored

__all__ = [
    "Dataset",
    "NumpyDataset",
    "PandasDataset",
    "PolarsDataset",
    "TensorDatasetSchema",
    "from_numpy",
    "from_pandas",
    "from_polars",
    "get_source",
]

Arrays = NDArray[Any] | Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class TensorDatasetSchema:
    """The tensors of features and of targets."""

    features: Schema
    targets: Schema | None = None

    def to_dict(self) -> dict[str, Any]:
        """MLflow's JSON form."""
        targets = None if self.targets is None else self.targets.to_json()
        return {"mlflow_tensorspec": {"features": self.features.to_json(), "targets": targets}}

    @classmethod
    def from_dict(cls, schema_dict: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`.

        Raises:
            InvalidInputError: it is not of that form.
        """
        found = schema_dict.get("mlflow_tensorspec")
        if not isinstance(found, Mapping) or "features" not in found:
            raise InvalidInputError(
                f"schema is {shown(schema_dict)}, accepted is MLflow's form "
                '{"mlflow_tensorspec": {"features": "[...]", "targets": null}}'
            )
        targets = found.get("targets")
        return cls(Schema.from_json(found["features"]), None if targets is None else Schema.from_json(targets))


class Dataset:
    """Base of the datasets. What is recorded is taken when it is made: the data may change afterwards.

    Pass it to `steno.log_input(dataset, context="train")`.
    """

    def __init__(self, record: entities.Dataset, source: Any, name: str | None, digest: str | None) -> None:
        for word, text in (("name", name), ("digest", digest)):
            if text is not None and not isinstance(text, str):
                raise InvalidInputError(f"{word} is {shown(text)}, accepted is text: leave it out, or write str(...)")
        self._source = source
        self._record = replace(
            record,
            name=record.name if name is None else name,
            digest=digest or record.digest,
            source_type=source._get_source_type(),
            source=source.to_json(),
            profile=json.dumps({**json.loads(record.profile or "{}"), **self._counts()}),
        )

    def _counts(self) -> dict[str, Any]:
        """What MLflow's profile of such data has."""
        return {}

    @property
    def name(self) -> str:
        """How it is called; "dataset" unless it was named."""
        return self._record.name

    @property
    def digest(self) -> str:
        """Hash over all the data, unless it was given."""
        return self._record.digest

    @property
    def source(self) -> Any:
        """Where it came from: a `DatasetSource`."""
        return self._source

    @property
    def profile(self) -> dict[str, Any]:
        """What was counted: rows, elements, shapes, missing values."""
        return {**json.loads(self._record.profile or "{}"), **self._counts()}

    @property
    def schema(self) -> Any:
        """Its columns or tensors; None if they cannot be told."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """What is recorded, under MLflow's names."""
        found = self._record
        return {
            "name": found.name,
            "digest": found.digest,
            "source": found.source,
            "source_type": found.source_type,
            "schema": found.schema,
            "profile": found.profile,
        }

    def to_json(self) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(self.to_dict())

    def _to_mlflow_entity(self) -> entities.Dataset:
        """What is recorded; MLflow's name, which code written for it calls."""
        return self._record

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} {self.digest}>"


class _FrameDataset(Dataset):
    """A data frame, of which one column may be the target and one what a model predicted."""

    def __init__(
        self,
        df: Any,
        source: Any = None,
        targets: str | None = None,
        name: str | None = None,
        digest: str | None = None,
        predictions: str | None = None,
    ) -> None:
        for word, column in (("targets", targets), ("predictions", predictions)):
            if column is not None and column not in list(df.columns):
                raise InvalidInputError(
                    f"{word} is {shown(column)}, accepted is the name of a column: {', '.join(map(str, df.columns))}"
                )
        self._df = df
        self._targets = targets
        self._predictions = predictions
        super().__init__(describe(df, name=name), source_of(source), name, digest)

    @property
    def df(self) -> Any:
        """The data frame."""
        return self._df

    @property
    def targets(self) -> str | None:
        """Name of the column with the labels."""
        return self._targets

    @property
    def predictions(self) -> str | None:
        """Name of the column with a model's predictions."""
        return self._predictions

    @property
    def schema(self) -> Schema | None:
        """Its columns; None if they cannot be told."""
        found = self._record.schema
        return None if found is None else Schema.from_json(json.dumps(json.loads(found)["mlflow_colspec"]))


class PandasDataset(_FrameDataset):
    """A pandas data frame; see `from_pandas`."""


class PolarsDataset(_FrameDataset):
    """A polars data frame; see `from_polars`."""


class NumpyDataset(Dataset):
    """Arrays of features and, maybe, of targets; see `from_numpy`."""

    def __init__(
        self,
        features: Arrays,
        source: Any = None,
        targets: Arrays | None = None,
        name: str | None = None,
        digest: str | None = None,
    ) -> None:
        self._features = features
        self._targets = targets
        super().__init__(describe(features, targets, name), source_of(source), name, digest)

    def _counts(self) -> dict[str, Any]:
        parts = {"features": self._features, "targets": self._targets}
        return {
            f"{word}_{attribute}": _of_each(data, attribute)
            for word, data in parts.items()
            if data is not None
            for attribute in ("shape", "size", "nbytes")
        }

    @property
    def features(self) -> Arrays:
        """The features."""
        return self._features

    @property
    def targets(self) -> Arrays | None:
        """The labels."""
        return self._targets

    @property
    def schema(self) -> TensorDatasetSchema | None:
        """Its tensors; None if they cannot be told."""
        found = self._record.schema
        return None if found is None else TensorDatasetSchema.from_dict(json.loads(found))


def _of_each(data: Arrays, attribute: str) -> Any:
    if isinstance(data, Mapping):
        return {str(name): getattr(values, attribute) for name, values in data.items()}
    return getattr(data, attribute)


def from_pandas(
    df: Any,
    source: Any = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    predictions: str | None = None,
) -> PandasDataset:
    """A dataset of a pandas data frame, for `steno.log_input`.

    Args:
        df: the data frame.
        source: where it came from: a path, a URL, a URI or a `DatasetSource`; this program if None.
        targets: name of the column with the labels.
        name: how it is called; "dataset" if None.
        digest: computed over all the data if None.
        predictions: name of the column with a model's predictions.

    Raises:
        InvalidInputError: no data frame, no such column, or no source.
    """
    return PandasDataset(_frame_of(df, "pandas"), source, targets, name, digest, predictions)


def from_polars(
    df: Any,
    source: Any = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    predictions: str | None = None,
) -> PolarsDataset:
    """A dataset of a polars data frame, for `steno.log_input`; see `from_pandas`."""
    return PolarsDataset(_frame_of(df, "polars"), source, targets, name, digest, predictions)


def from_numpy(
    features: Any,
    source: Any = None,
    targets: Any = None,
    name: str | None = None,
    digest: str | None = None,
) -> NumpyDataset:
    """A dataset of numpy arrays, for `steno.log_input`.

    Args:
        features: an array, or a dict of arrays.
        source: where they came from: a path, a URL, a URI or a `DatasetSource`; this program if None.
        targets: the labels: an array, or a dict of arrays.
        name: how it is called; "dataset" if None.
        digest: computed over all the data if None.

    Raises:
        InvalidInputError: no arrays, or no source.
    """
    _expect_arrays(features, "features")
    if targets is not None:
        _expect_arrays(targets, "targets")
    return NumpyDataset(features, source, targets, name, digest)


def get_source(dataset: Dataset | entities.Dataset | entities.DatasetInput) -> Any:
    """Where a dataset came from, also one that a run recorded: `get_source(run.inputs.dataset_inputs[0]).load()`.

    Raises:
        InvalidInputError: no dataset, or a source that is not known here.
    """
    if isinstance(dataset, (entities.Dataset, entities.DatasetInput)):
        return stored(dataset)
    source = getattr(dataset, "source", None)
    if isinstance(source, DatasetSource) or callable(getattr(source, "to_json", None)):
        return source
    raise InvalidInputError(
        f"dataset is {shown(dataset)}, accepted are what from_pandas returns and what run.inputs.dataset_inputs holds"
    )


def _frame_of(df: Any, library: str) -> Any:
    kind = getattr(sys.modules.get(library), "DataFrame", None)
    if kind is None or not isinstance(df, kind):
        raise InvalidInputError(
            f"df is {shown(type(df))}, accepted is a {library} DataFrame: steno.data has from_pandas, from_polars and "
            "from_numpy, and steno.log_input(data) takes other data as it is"
        )
    return df


def _expect_arrays(data: Any, what: str) -> None:
    arrays = list(data.values()) if isinstance(data, Mapping) else [data]
    if not arrays or not all(isinstance(values, np.ndarray) for values in arrays):
        raise InvalidInputError(
            f"{what} is {shown(data)}, accepted are a numpy array and a dict of them: write numpy.asarray(...)"
        )
