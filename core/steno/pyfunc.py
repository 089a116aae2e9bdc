"""One interface to every model, under the name that MLflow gives it: `steno.pyfunc.load_model(uri).predict(data)`."""

from __future__ import annotations

from steno.models.pyfunc import PyFuncModel, load_model

__all__ = ["PyFuncModel", "load_model"]
