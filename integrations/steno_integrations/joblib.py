"""joblib: what its worker threads train belongs to the training that started them."""

from __future__ import annotations

from collections.abc import Callable

from steno.plugin import Integration, hookimpl, workers

__all__ = ["Joblib"]


class Joblib(Integration):
    """The seam that carries a training into joblib's threads; worker processes stay untouched."""

    name, requires, owns = "joblib", "joblib>=1.2", ()

    parallel = workers("joblib.parallel:Parallel.__call__")


@hookimpl
def steno_integrations(register: Callable[[Integration], None]) -> None:
    """Register the integration."""
    register(Joblib())
