"""What the code below a service may ask of it and tell it. `Service` is one; nothing here knows how it works."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from steno.autologging.guard import Guard
    from steno.autologging.provenance import Provenance
    from steno.autologging.record import RunRecord
    from steno.autologging.tally import Tally
    from steno.plugin import Integration

__all__ = ["RunsOfProcess", "Served"]


class RunsOfProcess(Protocol):
    """Which run a training is written into."""

    def refusal(self, service: Served) -> str:
        """Why nothing of this integration is recorded now; "" if a training may be."""

    def open(self, service: Served) -> RunRecord:
        """The run of a training that begins now."""


class Served(Protocol):
    """One integration at work, as its patches, handlers and trainings see it; the meaning of each is `Service`'s."""

    name: str
    provenance: Provenance
    guard: Guard
    options: Mapping[str, Any]
    integration: Integration | None
    packages: frozenset[str]
    tally: Tally

    @property
    def exclusive(self) -> bool:
        """Whether nothing is recorded while a run of the user's is active."""

    @property
    def silent(self) -> bool:
        """Whether nothing is said about this integration."""

    @property
    def extra_tags(self) -> Mapping[str, str]:
        """Tags for every run that a training opens."""

    @property
    def runs_of_process(self) -> RunsOfProcess:
        """Which run a training is written into."""

    def load(self) -> Integration:
        """The integration, whether or not its framework has been imported."""

    def break_down(self, why: str) -> None:
        """Patching went wrong: nothing of this framework stays patched."""

    def owns(self, cls: type) -> bool:
        """Whether this integration answers for a class."""

    def answers_for(self, instance: object) -> bool:
        """Whether a call on this object is one to record; notes one that is not."""

    def sweep(self) -> None:
        """After a training: take in what was defined or set anew meanwhile."""
