"""A run as `steno.start_run()` gives it: reads like a `Run`, always fresh, and ends with its `with` block."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from steno.entities import Run, RunData, RunInfo, RunInputs, RunOutputs

if TYPE_CHECKING:
    from steno.tracking.open_run import OpenRun

__all__ = ["ActiveRun"]


class _Reader(Protocol):
    """What reads a run that is being written: the session."""

    def read_run(self, run: OpenRun) -> Run:
        """A run as the store has it, with everything recorded so far."""


class ActiveRun(Run):
    """A run that this process writes. `info` is known here; `data`, `inputs` and `outputs` are read when asked for."""

    __slots__ = ("_open", "_session")
    _open: OpenRun
    _session: _Reader

    def __init__(self, session: _Reader, open_run: OpenRun) -> None:
        object.__setattr__(self, "_session", session)
        object.__setattr__(self, "_open", open_run)

    @property
    def info(self) -> RunInfo:
        """What identifies the run and how it stands now."""
        return self._open.info

    @property
    def data(self) -> RunData:
        """What it recorded up to now."""
        return self._session.read_run(self._open).data

    @property
    def inputs(self) -> RunInputs:
        """What went into it up to now."""
        return self._session.read_run(self._open).inputs

    @property
    def outputs(self) -> RunOutputs:
        """What came out of it up to now."""
        return self._session.read_run(self._open).outputs

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and other.info.run_id == self.info.run_id

    def __hash__(self) -> int:
        return hash(self.info.run_id)

    def __repr__(self) -> str:
        info = self.info
        return f"<ActiveRun {info.run_name!r} {info.run_id} {info.status}>"

    def __reduce__(self) -> tuple[type[Run], tuple[RunInfo, RunData, RunInputs, RunOutputs]]:
        return Run, (self.info, self.data, self.inputs, self.outputs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.end(error=error)
