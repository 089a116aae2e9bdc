"""Datasets for `steno.log_input`, under the names that MLflow gives them: `steno.data.from_pandas(df, source=...)`."""

from __future__ import annotations

from typing import Any

from steno.tracking.data import (
    Dataset,
    NumpyDataset,
    PandasDataset,
    PolarsDataset,
    TensorDatasetSchema,
    from_numpy,
    from_pandas,
    from_polars,
    get_source,
)
from steno.tracking.sources import ArtifactDatasetSource, CodeDatasetSource, DatasetSource, HTTPDatasetSource

__all__ = [
    "ArtifactDatasetSource",
    "CodeDatasetSource",
    "Dataset",
    "DatasetSource",
    "HTTPDatasetSource",
    "NumpyDataset",
    "PandasDataset",
    "PolarsDataset",
    "TensorDatasetSchema",
    "from_numpy",
    "from_pandas",
    "from_polars",
    "get_source",
]

_ELSEWHERE = {
    "from_huggingface": "steno.log_input(dataset.to_pandas(), context='train')",
    "from_spark": "steno.log_input(df.toPandas(), context='train')",
    "from_tensorflow": "steno.data.from_numpy(array)",
    "load_delta": "steno.data.from_pandas(df, source=path)",
}


def __getattr__(name: str) -> Any:
    if name in _ELSEWHERE:
        raise AttributeError(f"module 'steno.data' has no {name!r}, which MLflow has: write {_ELSEWHERE[name]}")
    raise AttributeError(f"module 'steno.data' has no attribute {name!r}, it has: {', '.join(__all__)}")
