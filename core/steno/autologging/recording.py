"""What a plugin's seam is given: the call it looks at, and the run it writes into. Neither ever raises."""

from __future__ import annotations

import csv
import inspect
import io
import json
import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from steno.autologging.provenance import UNKNOWN, callers_name
from steno.errors import IntegrationError

if TYPE_CHECKING:
    from steno.autologging.record import RunRecord
    from steno.autologging.served import Served

__all__ = ["Call", "Handle", "RecordingStep", "parameter_names", "plain"]


FAULTS_TAG = "steno.faults"


class RecordingStep:
    """One step of recording: what fails inside is noted on the run, and goes no further.

    Attributes:
        failed: whether it failed.
    """

    __slots__ = ("_handle", "_name", "failed")

    def __init__(self, handle: Handle, name: str) -> None:
        self._handle = handle
        self._name = name
        self.failed = False

    def __enter__(self) -> RecordingStep:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self.failed = True
        self._handle.fault(self._name, error)
        return not self._handle.service.guard.strict


class Handle:
    """The run of a call, as `steno.plugin.RunHandle` describes it.

    Args:
        service: the integration that writes.
        record: the run; None if it is opened when something is written.
        opener: opens it, or returns None where nothing is to be recorded.
    """

    __slots__ = ("__weakref__", "_faults", "_opener", "_record", "service")

    def __init__(
        self, service: Served, record: RunRecord | None = None, opener: Callable[[], RunRecord | None] | None = None
    ) -> None:
        self.service = service
        self._record = record
        self._opener = opener
        self._faults: list[tuple[str, BaseException]] = []

    def record(self) -> RunRecord | None:
        """The run, opened if need be; None if there is none to write into."""
        if self._record is None and self._opener is not None:
            self._record = self._opener()
            if self._record is not None and self._faults:
                self._list_faults(self._record)
        return self._record

    def release(self) -> None:
        """The training is over: hold on to the run and to nothing else."""
        self._opener = None
        self._faults.clear()

    @property
    def run_id(self) -> str:
        """The run's id; "" if there is no run."""
        record = self.record()
        return "" if record is None else record.open_run.run_id

    def step(self, name: str) -> RecordingStep:
        """A context manager for one step of recording."""
        return RecordingStep(self, name)

    def fault(self, step: str, fault: BaseException) -> None:
        """Note that one step failed: in `steno.status()`, in one warning, and on the run."""
        if isinstance(fault, Exception):
            self.service.guard.record(step, fault)
        self._faults.append((step, fault))
        if self._record is not None:
            self._list_faults(self._record)

    def omitted(self, step: str) -> None:
        """Note on the run that a step was not tried, as it has failed too often."""
        self._faults.append((step, IntegrationError("given up, as it failed again and again; see steno.status()")))
        if self._record is not None:
            self._list_faults(self._record)

    def _list_faults(self, record: RunRecord) -> None:
        faults, self._faults = self._faults, []
        with self.service.guard.step("listing a fault"):
            listed = [record.fault(step, fault) for step, fault in faults]
            record.open_run.set_tags({FAULTS_TAG: json.dumps(listed[-1])})

    def name(self, text: str) -> None:
        """Name the run, unless it is the user's."""
        record = self.record()
        if record is not None and record.own:
            with self.step("name"):
                record.open_run.rename(text)

    def params(self, values: Mapping[str, Any]) -> None:
        """Record params."""
        record = self.record()
        if record is not None:
            with self.step("params"):
                record.open_run.log_params(values)

    def metric(self, name: str, value: Any, step: int = 0) -> None:
        """Record one point of a metric."""
        record = self.record()
        if record is not None:
            with self.step("metrics"):
                record.open_run.log_metric(name, value, step=step)

    def metrics(self, values: Mapping[str, Any], step: int = 0) -> None:
        """Record one point of several metrics at the same step."""
        record = self.record()
        if record is not None:
            with self.step("metrics"):
                record.open_run.log_metrics(values, step=step)

    def curve(self, name: str, values: Sequence[Any], steps: Sequence[int] | None = None) -> None:
        """Record a whole curve; steps count from 0 unless given."""
        record = self.record()
        if record is not None:
            with self.step("curve"):
                record.open_run.log_curve(name, values, steps)

    def scored(self, name: str, source: str, value: Any) -> None:
        """Record a score that was computed after training; anything but a single number is left alone."""
        record = self.record()
        if record is not None and _is_number(value):
            with self.step("score"):
                record.open_run.log_metric(record.score_name(name, source), value)

    def tags(self, values: Mapping[str, Any]) -> None:
        """Set tags."""
        record = self.record()
        if record is not None:
            with self.step("tags"):
                record.open_run.set_tags(values)

    def table(self, name: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """Record a table as artifact `name`: .csv, else the JSON form that MLflow's `load_table` reads."""
        record = self.record()
        if record is not None:
            with self.step("table"):
                record.open_run.artifacts.log_text(_table_text(name, columns), name)

    def chart(self, name: str, spec: Mapping[str, Any]) -> None:
        """Record a chart as data under `charts/`."""
        record = self.record()
        if record is not None:
            with self.step("chart"):
                text = json.dumps(plain(spec), allow_nan=False)
                record.open_run.artifacts.log_text(text, f"charts/{name.removesuffix('.json')}.json")

    def text(self, text: str, name: str) -> None:
        """Record text as artifact `name`."""
        record = self.record()
        if record is not None:
            with self.step("text"):
                record.open_run.artifacts.log_text(text, name)

    def dataset(self, data: Any, *, targets: Any = None, name: str | None = None, context: str = "train") -> None:
        """Record what the run was trained on, unless the option `log_datasets` is off."""
        if not self.service.options["log_datasets"]:
            return
        record = self.record()
        if record is not None:
            with self.step("dataset"):
                from steno.tracking import datasets  # noqa: PLC0415  numpy, and not every process trains something

                dataset = datasets.describe(data, targets=targets, name=name)
                record.open_run.log_dataset(dataset, {"mlflow.data.context": context})

    def model(
        self,
        model: Any,
        *,
        name: str = "model",
        sample: Any = None,
        prediction: Any = None,
        answers_for: Sequence[Any] = (),
    ) -> None:
        """Remember that the model came from this run, and save it unless the option `log_models` is off."""
        record = self.record()
        if record is None:
            return
        with self.step("model provenance"):
            self.service.provenance.bind((model, *answers_for), record)
        if self.service.options["log_models"]:
            with self.step("model"):
                self._save(record, model, record.model_name(name), sample, prediction)

    def _save(self, record: RunRecord, model: Any, name: str, sample: Any, prediction: Any) -> None:
        from steno.models import flavors  # noqa: PLC0415  yaml and cloudpickle, and not every run saves a model

        options = self.service.options
        flavors.log_into(
            record.open_run,
            self.service.load(),
            model,
            name,
            sample=sample,
            prediction=prediction,
            log_signature=options["log_model_signatures"],
            log_input_example=options["log_input_examples"],
        )


class Call:
    """One call of a patched function, as `steno.plugin.Call` describes it."""

    __slots__ = ("_handle", "_service", "args", "function", "kwargs", "model", "self", "source")

    def __init__(
        self,
        service: Served,
        handle: Handle,
        function: Callable[..., Any],
        instance: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> None:
        self._service = service
        self._handle = handle
        self.self = instance
        self.args = args
        self.kwargs = kwargs
        self.function = function
        self.source = UNKNOWN
        self.model: Any = None

    @property
    def run(self) -> Handle:
        """The run of the training in progress; opened by the first thing that is written."""
        return self._handle

    @property
    def options(self) -> Mapping[str, Any]:
        """The integration's options as they hold now."""
        return self._service.options

    def arg(self, name: str, default: Any = None) -> Any:
        """The value of one argument, however it was passed, else the function's own default, else `default`."""
        if name in self.kwargs:
            return self.kwargs[name]
        names = parameter_names(self.function)
        for known, value in zip(names, self.args, strict=False):
            if known == name:
                return value
        return _own_default(self.function, name, default)

    def variable(self, value: Any) -> str | None:
        """The name of the caller's variable that holds `value`."""
        return callers_name(value, self._service.packages)


_NAMES: weakref.WeakKeyDictionary[Any, tuple[str, ...]] = weakref.WeakKeyDictionary()


def parameter_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names that a function's positional arguments have, in order.

    Keyword-only ones come last: frameworks that made a parameter keyword-only often take it by position for some more
    releases.
    """
    plain = getattr(function, "__func__", function)
    bound = plain is not function
    try:
        names = _NAMES.get(plain)
    except TypeError:  # cannot be held weakly
        return _read_names(function, bound=False)
    if names is None:
        names = _read_names(plain, bound=bound)
        _NAMES[plain] = names
    return names


def _own_default(function: Callable[..., Any], name: str, otherwise: Any) -> Any:
    """A parameter's default. A function patched in place hands it over in any case, so every other does it too."""
    plain = getattr(function, "__func__", function)
    keywords = getattr(plain, "__kwdefaults__", None) or {}
    if name in keywords:
        return keywords[name]
    code, values = getattr(plain, "__code__", None), getattr(plain, "__defaults__", None) or ()
    if code is None or not values:
        return otherwise
    names = code.co_varnames[: code.co_argcount][-len(values) :]
    return dict(zip(names, values, strict=True)).get(name, otherwise)


def _read_names(function: Callable[..., Any], *, bound: bool) -> tuple[str, ...]:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # written in C, without a signature
        return ()
    names = [each.name for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    if not any(each.kind is each.VAR_POSITIONAL for each in parameters):
        names += [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
    return tuple(names[1:] if bound else names)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, (int, float)):
        return True
    kind = type(value)
    return (
        kind.__module__ == "numpy"
        and getattr(value, "ndim", 1) == 0
        and getattr(value, "dtype", None) is not None
        and value.dtype.kind in "iuf"
    )


def _table_text(name: str, columns: Mapping[str, Sequence[Any]]) -> str:
    found = {str(column): plain(values) for column, values in columns.items()}
    rows = [list(row) for row in zip(*found.values(), strict=True)]
    if not name.endswith(".csv"):
        return json.dumps({"columns": list(found), "data": rows}, allow_nan=False)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(found)
    writer.writerows(rows)
    return text.getvalue()


def plain(value: Any) -> Any:
    """The value as JSON has it: arrays as lists, a missing number as null, an infinite one as text."""
    if type(value) in (bool, int, str, type(None)):
        return value
    if isinstance(value, (int, str)):  # a subclass: an enum, a numpy string
        return str.__str__(value) if isinstance(value, str) else int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None if math.isnan(value) else f"{'-' * (value < 0)}Infinity"
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, range)):
        return [plain(item) for item in value]
    as_list = getattr(value, "tolist", None) or getattr(value, "to_list", None)
    if as_list is not None:
        return plain(as_list())
    return str(value)
