"""Errors under MLflow's name, for code that catches `mlflow.exceptions.MlflowException`; see `steno.errors`."""

from __future__ import annotations

from steno.errors import StenoError

__all__ = ["MlflowException"]

MlflowException = StenoError
