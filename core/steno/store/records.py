"""Records: everything that can happen to a run, as a journal keeps it and a store applies it.

Each is a msgspec struct, written as a msgpack array with a tag, so that a record costs well under a microsecond and
an old journal can be read by a newer steno: fields are only ever added at the end, with a default.
Times are milliseconds since 1970.
"""

from __future__ import annotations

import msgspec

__all__ = [
    "Curve",
    "DatasetUsed",
    "ModelLogged",
    "Params",
    "Point",
    "Points",
    "Record",
    "RunCreated",
    "RunUpdated",
    "TagDeleted",
    "Tags",
    "decoder",
    "encoder",
]


class _Record(msgspec.Struct, frozen=True, array_like=True, tag_field="t", gc=False):
    run_id: str


class RunCreated(_Record, frozen=True, tag=1):
    """A run was opened. Applying it twice changes nothing."""

    experiment_id: str
    name: str
    user_id: str
    start_time: int
    artifact_uri: str
    tags: dict[str, str] = {}


class RunUpdated(_Record, frozen=True, tag=2):
    """The fields that are not None changed. `end_time` of -1 clears it (a resumed run)."""

    status: str | None = None
    end_time: int | None = None
    name: str | None = None
    lifecycle_stage: str | None = None


class Point(_Record, frozen=True, tag=3):
    """One point of one metric: the hot path of `log_metric`."""

    key: str
    value: float
    step: int
    timestamp: int


class Points(_Record, frozen=True, tag=4):
    """One point of several metrics at the same step and time."""

    values: dict[str, float]
    step: int
    timestamp: int


class Curve(_Record, frozen=True, tag=5):
    """Many points of one metric: three columns of equal length."""

    key: str
    values: list[float]
    steps: list[int]
    timestamps: list[int]


class Params(_Record, frozen=True, tag=6):
    """Params: text and kind (`steno.entities.ParamKind`) by key. The first value of a key stays."""

    values: dict[str, tuple[str, str]]


class Tags(_Record, frozen=True, tag=7):
    """Tags: the last value of a key wins."""

    values: dict[str, str]


class TagDeleted(_Record, frozen=True, tag=8):
    """A tag was removed."""

    key: str


class DatasetUsed(_Record, frozen=True, tag=9):
    """A dataset went into the run. The same (name, digest) twice in a run is one input; tags are merged."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None
    profile: str | None
    tags: dict[str, str] = {}


class ModelLogged(_Record, frozen=True, tag=10):
    """A model came out of the run, or its status changed (the same model_id again)."""

    model_id: str
    name: str
    experiment_id: str
    artifact_location: str
    created_at: int
    updated_at: int
    status: str
    model_type: str
    tags: dict[str, str] = {}
    step: int = 0


Record = RunCreated | RunUpdated | Point | Points | Curve | Params | Tags | TagDeleted | DatasetUsed | ModelLogged

encoder = msgspec.msgpack.Encoder()
decoder = msgspec.msgpack.Decoder(Record)
