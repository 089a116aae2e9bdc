"""The writing handle of one run. The fluent API, the client and autologging all write through it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from steno.clock import CLOCK, now
from steno.entities import Dataset, LoggedModel, Metric, Param, ParamValue, RunInfo, RunTag, StatusName
from steno.errors import InvalidInputError, shown
from steno.store.records import (
    Curve,
    DatasetUsed,
    ModelLogged,
    Params,
    Point,
    Points,
    RunUpdated,
    TagDeleted,
    Tags,
)
from steno.tracking.artifacts import ArtifactFolder, local_path
from steno.tracking.endings import ERROR_TAG, error_tag, status_of, terminal_status
from steno.tracking.notices import notices
from steno.tracking.recorder import Recorder
from steno.tracking.values import (
    key_of,
    metric_value,
    milliseconds,
    named_values,
    param_value,
    step_of,
    tag_value,
)

__all__ = ["RUN_NAME_TAG", "OpenRun"]

RUN_NAME_TAG = "mlflow.runName"
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
_PIECE = 1000
_CURVE_PIECE = 20_000
_MANY_KEYS = 10_000


class OpenRun:
    """One run, open for writing. Every method may be called from any thread, also after the run has ended.

    A call that holds bad values records the good ones and then raises `InvalidInputError` that names the bad ones.

    Args:
        recorder: where records go.
        info: the run as it was opened or found.
        params: the params that it has.
        tags: the tags that it has.
        on_end: called once, when it ends.
        named: whether the user chose its name.

    Attributes:
        ended: whether it was ended in this process.
        table_lock: held while a table is read and written again.
    """

    def __init__(
        self,
        recorder: Recorder,
        info: RunInfo,
        *,
        params: Mapping[str, ParamValue] | None = None,
        tags: Mapping[str, str] | None = None,
        on_end: Callable[[OpenRun], None] | None = None,
        named: bool = False,
    ) -> None:
        self.recorder = recorder
        self.run_id = info.run_id
        self.experiment_id = info.experiment_id
        self.name = info.run_name
        self.ended = False
        self._info = info
        self._params: dict[str, str] = {key: str(value) for key, value in (params or {}).items()}
        self._keys: dict[str, str] = {}
        self.table_lock = threading.Lock()
        self._tags = dict(tags or {})
        self._listed: dict[str, list[dict[str, str]]] = {}
        self._on_end = on_end
        self._named = named
        self._end_time = info.end_time
        self._status: StatusName = info.status

    def __repr__(self) -> str:
        return f"<OpenRun {self.name!r} {self.run_id} {self._status}>"

    @property
    def info(self) -> RunInfo:
        """The run as this process knows it."""
        known = self._info
        return RunInfo(
            self.run_id,
            self.name,
            self.experiment_id,
            known.user_id,
            self._status,
            known.start_time,
            self._end_time,
            known.artifact_uri,
            known.lifecycle_stage,
        )

    @property
    def artifacts(self) -> ArtifactFolder:
        """The run's files.

        Raises:
            InvalidInputError: they are on another machine.
        """
        return ArtifactFolder(local_path(self._info.artifact_uri))

    # -- metrics

    def log_metric(self, key: str, value: Any, step: Any = 0, timestamp: int | None = None) -> None:
        """Record one point of a metric.

        Args:
            key: any text.
            value: a number, or what `steno.tracking.values.metric_value` takes for one.
            step: a whole number of 64 bits.
            timestamp: milliseconds since 1970; now if None.

        Raises:
            InvalidInputError: one of them is not what it should be.
        """
        if value.__class__ is not float:
            value = metric_value(value)
        known = self._keys.get(key) if key.__class__ is str else None
        if known is None:
            known = self._new_key(key)
        if step.__class__ is not int or not _LOWEST <= step <= _HIGHEST:
            step = step_of(step)
        at = CLOCK.ns() // 1_000_000 if timestamp is None else milliseconds(timestamp)
        self.recorder.record(Point(self.run_id, known, value, step, at))

    def log_metrics(self, values: Mapping[str, Any], step: Any = 0, timestamp: int | None = None) -> None:
        """Record one point of several metrics at the same step and time.

        Raises:
            InvalidInputError: step, time or some values are bad; the other values are recorded.
        """
        step, at = step_of(step), milliseconds(timestamp)
        known = self._keys
        good: dict[str, float] = {}
        bad: list[str] = []
        for key, value in named_values(values, "metrics").items():
            try:
                number = value if value.__class__ is float else metric_value(value)
                name = known.get(key) if key.__class__ is str else None
                good[self._new_key(key) if name is None else name] = number
            except InvalidInputError as fault:
                bad.append(f"{shown(key)}: {fault}")
        if good:
            self.recorder.record(Points(self.run_id, good, step, at))
        _complain(bad, "metric")

    def log_curve(
        self,
        key: str,
        values: Iterable[Any],
        steps: Iterable[Any] | None = None,
        timestamps: Iterable[int] | None = None,
    ) -> None:
        """Record many points of one metric.

        Args:
            key: any text.
            values: numbers, oldest first.
            steps: as many whole numbers; 0, 1, 2 ... if None.
            timestamps: as many, in milliseconds since 1970; now if None.

        Raises:
            InvalidInputError: lengths differ, or some values are bad; the other points are recorded.
        """
        name = self._keys.get(key) if key.__class__ is str else None
        name = self._new_key(key) if name is None else name
        numbers = _listed(values)
        places = list(range(len(numbers))) if steps is None else _listed(steps)
        at = now()
        times = [at] * len(numbers) if timestamps is None else _listed(timestamps)
        if not len(numbers) == len(places) == len(times):
            raise InvalidInputError(
                f"curve {name!r} has {len(numbers)} values, {len(places)} steps and {len(times)} timestamps: "
                "pass as many of each"
            )
        bad: list[str] = []
        good = Curve(self.run_id, name, [], [], [])
        for number, place, time_ in zip(numbers, places, times, strict=True):
            try:
                value = number if number.__class__ is float else metric_value(number)
                step = place if steps is None else step_of(place)
                when = at if timestamps is None else milliseconds(time_)
            except InvalidInputError as fault:
                bad.append(f"step {shown(place)}: {fault}")
                continue
            good.values.append(value)
            good.steps.append(step)
            good.timestamps.append(when)
        for start in range(0, len(good.values), _CURVE_PIECE):
            piece = slice(start, start + _CURVE_PIECE)
            self.recorder.record(
                Curve(self.run_id, name, good.values[piece], good.steps[piece], good.timestamps[piece])
            )
        _complain(bad, f"point of {name!r}")

    def _new_key(self, key: Any) -> str:
        name = key_of(key, "metric")
        self._keys[str.__str__(key)] = name
        if len(self._keys) == _MANY_KEYS:
            notices.once(
                f"many-keys {self.run_id}",
                f"run {self.name!r} has {_MANY_KEYS} different metrics; all are kept. If the names count something, "
                "use one name and the step instead",
            )
        return name

    # -- params and tags

    def log_params(self, values: Mapping[str, Any]) -> None:
        """Record params. Each keeps its type, its whole length, and the first value it was given.

        Raises:
            InvalidInputError: some values have no text, or a param has another value already; the others are recorded.
        """
        bad: list[str] = []
        fresh: dict[str, tuple[str, str]] = {}
        for key, value in named_values(values, "params").items():
            try:
                name = key_of(key, "param")
                found = param_value(name, value)
            except InvalidInputError as fault:
                bad.append(f"{shown(key)}: {fault}")
                continue
            text = str(found)
            first = self._params.setdefault(name, text)
            if first is text:
                fresh[name] = (text, found.kind)
            elif first != text:
                bad.append(
                    f"{name!r}: it has the value {first[:200]!r} already, and a param keeps its first value; "
                    f"{text[:200]!r} was not recorded: log it under another name, or start a nested run for it"
                )
        names = list(fresh)
        for start in range(0, len(names), _PIECE):
            self.recorder.record(Params(self.run_id, {name: fresh[name] for name in names[start : start + _PIECE]}))
        _complain(bad, "param")

    def set_tags(self, values: Mapping[str, Any]) -> None:
        """Set tags. Setting `mlflow.runName` renames the run.

        Raises:
            InvalidInputError: some values have no text; the others are set.
        """
        bad: list[str] = []
        good: dict[str, str] = {}
        for key, value in named_values(values, "tags").items():
            try:
                name = key_of(key, "tag")
                good[name] = tag_value(name, value)
            except InvalidInputError as fault:
                bad.append(f"{shown(key)}: {fault}")
        if good:
            self.recorder.record(Tags(self.run_id, good))
            if RUN_NAME_TAG in good:
                self._set_name(good[RUN_NAME_TAG])
        _complain(bad, "tag")

    def delete_tag(self, key: str) -> None:
        """Remove a tag; nothing happens if the run does not have it."""
        self.recorder.record(TagDeleted(self.run_id, key_of(key, "tag")))

    def rename(self, name: str, *, by_user: bool = False) -> None:
        """Give the run another name; one that the user chose stays, unless the user asks.

        Raises:
            InvalidInputError: not text.
        """
        if not isinstance(name, str):
            raise InvalidInputError(f"run name is {shown(name)}, accepted is text")
        if by_user or not self._named:
            self._named = by_user
            self.recorder.record(Tags(self.run_id, {RUN_NAME_TAG: tag_value(RUN_NAME_TAG, name)}))
            self._set_name(tag_value(RUN_NAME_TAG, name))

    def _set_name(self, name: str) -> None:
        self.name = name
        self.recorder.record(RunUpdated(self.run_id, name=name))

    def log_batch(
        self,
        metrics: Iterable[Metric] = (),
        params: Iterable[Param] = (),
        tags: Mapping[str, Any] | Iterable[RunTag] | None = None,
    ) -> None:
        """Record points, params and tags together.

        Raises:
            InvalidInputError: some are bad; the others are recorded.
        """
        bad: list[str] = []
        for key, value, timestamp, step in _parts(metrics, Metric, ("key", "value", "timestamp", "step"), bad):
            try:
                self.log_metric(key, value, step, timestamp)
            except InvalidInputError as fault:
                bad.append(f"metric {shown(key)}: {fault}")
        named: list[dict[str, Any]] = [{}]
        for key, value in _parts(params, Param, ("key", "value"), bad):
            if key in named[-1]:
                named.append({})  # a call of its own says so if the value is another one
            named[-1][key] = value
        texts = tags if isinstance(tags, Mapping) else dict(_parts(tags or (), RunTag, ("key", "value"), bad))
        for log, values in (*((self.log_params, some) for some in named), (self.set_tags, texts)):
            try:
                if values:
                    log(values)
            except InvalidInputError as fault:
                bad.append(str(fault))
        _complain(bad, "value")

    # -- datasets and models

    def log_dataset(self, dataset: Dataset, tags: Mapping[str, str] | None = None) -> None:
        """Record that the run used a dataset."""
        cleaned = {key_of(key, "tag"): tag_value(key, value) for key, value in (tags or {}).items()}
        self.recorder.record(
            DatasetUsed(
                self.run_id,
                tag_value("dataset name", dataset.name),
                dataset.digest,
                dataset.source_type,
                tag_value("dataset source", dataset.source),
                dataset.schema,
                dataset.profile,
                cleaned,
            )
        )

    def log_model(self, model: LoggedModel, step: int = 0) -> None:
        """Record that the run made a model, or that the model's status changed."""
        self.recorder.record(
            ModelLogged(
                self.run_id,
                model.model_id,
                tag_value("model name", model.name),
                model.experiment_id,
                model.artifact_location,
                model.creation_timestamp,
                model.last_updated_timestamp,
                model.status,
                model.model_type,
                {key_of(key, "tag"): tag_value(key, value) for key, value in model.tags.items()},
                step_of(step),
            )
        )

    def note_artifact(self, tag: str, entry: Mapping[str, str]) -> None:
        """Add an entry to a tag that lists artifacts of one kind, as MLflow's pages expect it."""
        if tag not in self._listed:
            self._listed[tag] = _entries(self._tags.get(tag))
        listed = self._listed[tag]
        if dict(entry) not in listed:
            listed.append(dict(entry))
            self.recorder.record(Tags(self.run_id, {tag: json.dumps(listed)}))

    # -- the end

    def reopen(self, on_end: Callable[[OpenRun], None]) -> None:
        """The run is going on, in this process."""
        self.ended = False
        self._on_end = on_end
        self._status, self._end_time = "RUNNING", None

    def set_status(self, status: str, end_time: int | None = None) -> None:
        """Set the status of a run that may be another process's, or ended already.

        Raises:
            InvalidInputError: no such status.
        """
        wanted = terminal_status(status)
        if wanted in ("RUNNING", "SCHEDULED"):
            self._status, self._end_time = wanted, None
            self.recorder.record(RunUpdated(self.run_id, status=wanted, end_time=-1))
            return
        self.ended = False
        self.end(wanted, end_time=end_time)

    def end(self, status: str | None = None, error: BaseException | None = None, end_time: int | None = None) -> None:
        """End the run; a second call changes nothing.

        Args:
            status: FINISHED, FAILED or KILLED; what `error` means if None.
            error: what ended it; type, message and traceback go into the tag `steno.error`.
            end_time: milliseconds since 1970; now if None.

        Raises:
            InvalidInputError: no such status.
        """
        final = status_of(error) if status is None else terminal_status(status)
        if final in ("RUNNING", "SCHEDULED"):
            raise InvalidInputError(f"status is {final!r}, accepted to end a run are FINISHED, FAILED and KILLED")
        ended_at = max(now(), self._info.start_time) if end_time is None else milliseconds(end_time)
        if self.ended:
            return
        self.ended = True
        if error is not None and final != "FINISHED":
            self.recorder.record(Tags(self.run_id, {ERROR_TAG: tag_value(ERROR_TAG, error_tag(error))}))
        self._status, self._end_time = final, ended_at
        self.recorder.record(RunUpdated(self.run_id, status=final, end_time=ended_at))
        self.recorder.ended(self.run_id)
        if self._on_end is not None:
            self._on_end(self)


def _entries(text: str | None) -> list[dict[str, str]]:
    try:
        found = json.loads(text or "[]")
    except ValueError:  # somebody else wrote the tag
        return []
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _parts(items: Iterable[Any], kind: type, names: tuple[str, ...], bad: list[str]) -> Iterator[Any]:
    """The fields of each item, which is of `kind` or of MLflow's type of that name; what is neither goes to `bad`."""
    for item in items:
        try:
            yield tuple(getattr(item, name) for name in names)
        except AttributeError:
            bad.append(f"{shown(item)}, accepted is a list of steno.entities.{kind.__name__}({', '.join(names)})")


def _listed(values: Any) -> list[Any]:
    tolist = getattr(values, "tolist", None)
    return list(tolist() if tolist is not None else values)


def _complain(bad: list[str], what: str) -> None:
    if len(bad) == 1:
        raise InvalidInputError(f"{what} {bad[0]}" if not bad[0].startswith(what) else bad[0])
    if bad:
        lines = "\n  ".join(bad[:20]) + (f"\n  and {len(bad) - 20} more" if len(bad) > 20 else "")
        raise InvalidInputError(f"{len(bad)} {what}s were not recorded, the others were:\n  {lines}")
