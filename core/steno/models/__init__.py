"""What was learned: model folders in MLflow's form, their signatures, and how they are loaded again."""

from __future__ import annotations

from steno.models.mlmodel import Model
from steno.models.signature import ModelSignature, infer_signature

__all__ = ["Model", "ModelSignature", "infer_signature"]
