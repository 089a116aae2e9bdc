"""What came from where: which run made a model, which model made a prediction, what the user calls their data.

Everything is held weakly and looked up by identity, so nothing of the user's is kept alive, compared or changed, and an
object that happens to get the address of one that is gone is never taken for it.
"""

from __future__ import annotations

import inspect
import sys
import weakref
from collections.abc import Callable, Collection, Iterable
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steno.autologging.record import RunRecord

__all__ = ["OURS", "UNKNOWN", "Prediction", "Provenance", "callers_name"]

UNKNOWN = "unknown_dataset"
OURS = frozenset({"steno", "steno_integrations", "wrapt", "contextlib"})
_DEEPEST_VIEW = 4
_SNAPSHOTS = sys.version_info < (3, 13)


class Prediction:
    """Where a prediction came from.

    Attributes:
        record: the run that made the model.
        model: the model, weakly; None when it is gone.
        source: the name of the data that was predicted.
    """

    __slots__ = ("model", "record", "source")

    def __init__(self, record: RunRecord, model: Callable[[], Any], source: str) -> None:
        self.record = record
        self.model = model
        self.source = source


class _ByIdentity:
    """Values by the identity of an object that is held weakly."""

    def __init__(self) -> None:
        self._items: dict[int, tuple[weakref.ref[Any], Any]] = {}

    def __bool__(self) -> bool:
        return bool(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def get(self, thing: object) -> Any:
        item = self._items.get(id(thing))
        return item[1] if item is not None and item[0]() is thing else None

    def set(self, thing: Any, value: object) -> bool:
        """Remember; returns whether the object can be held weakly at all."""
        key = id(thing)
        items = self._items

        def forget(reference: weakref.ref[Any]) -> None:
            item = items.get(key)
            if item is not None and item[0] is reference:
                del items[key]

        try:
            items[key] = (weakref.ref(thing, forget), value)
        except TypeError:  # a list, a tuple, a class with __slots__
            return False
        return True

    def clear(self) -> None:
        self._items.clear()


class Provenance:
    """Models and predictions of this process."""

    def __init__(self) -> None:
        self.models = _ByIdentity()
        self.predictions = _ByIdentity()

    def __bool__(self) -> bool:
        """Whether anything is remembered."""
        return bool(self.models._items or self.predictions._items)

    def bind(self, models: Iterable[object], record: RunRecord) -> None:
        """Remember that these models came from this run; a model that is trained again belongs to its last run."""
        for model in models:
            if model is not None:
                self.models.set(model, record)

    def record_of(self, model: object) -> RunRecord | None:
        """The run that made a model; None if none did."""
        found: RunRecord | None = self.models.get(model)
        return found

    def remember(self, result: Any, model: Any, record: RunRecord, source: str) -> None:
        """Remember what made a prediction. What cannot be held weakly, such as a list, is not remembered."""
        try:
            where: Callable[[], Any] = weakref.ref(model)
        except TypeError:
            return
        prediction = Prediction(record, where, source)
        self.predictions.set(result, prediction)
        base = _array(result)
        base = None if base is None else getattr(base, "base", None)
        # a prediction that is itself a reshaped view: its slices name the array behind it as theirs
        if base is not None and _array(base) is base and base.size == _array(result).size:
            self.predictions.set(base, prediction)

    def prediction(self, thing: Any) -> Prediction | None:
        """Where this object came from if it is a remembered prediction, or a view of one."""
        found: Prediction | None = self.predictions.get(thing)
        if found is not None:
            return found
        view = _array(thing)
        for _ in range(_DEEPEST_VIEW):
            if view is None:
                return None
            found = self.predictions.get(view)
            if found is not None:
                return found
            view = _array(getattr(view, "base", None))
        return None

    def search(self, values: Iterable[Any]) -> Prediction | None:
        """The first of these that is a remembered prediction."""
        if not self.predictions:
            return None
        return next((found for value in values if (found := self.prediction(value)) is not None), None)

    def clear(self) -> None:
        """Forget everything."""
        self.models.clear()
        self.predictions.clear()


def _array(thing: Any) -> Any:
    """The numpy array that this is, or that a pandas Series shows without copying; else None."""
    numpy = sys.modules.get("numpy")
    if numpy is None or thing is None:
        return None
    if isinstance(thing, numpy.ndarray):
        return thing
    series: Any = thing if isinstance(thing, getattr(sys.modules.get("pandas"), "Series", ())) else None
    if series is not None and isinstance(series.dtype, numpy.dtype) and series.dtype.kind in "biufc":
        return series.values
    return None


def callers_name(value: object, packages: Collection[str]) -> str | None:
    """The user's name for an object: the variable that holds it where the framework was called.

    Args:
        value: searched for by identity.
        packages: top packages whose frames lie between here and the user, beside ours.
    """
    frame = _users_frame(packages)
    if frame is None:
        return None
    names = frame.f_locals
    try:
        return _holder(value, names) or _holder(value, frame.f_globals)
    finally:
        _forget_snapshot(frame, names)


def _holder(value: object, names: dict[str, Any]) -> str | None:
    """The first name for this very object; not a notebook's `_` and `_12`."""
    for name, held in list(names.items()):
        if held is value and name.strip("_0123456789"):
            return name
    return None


def _users_frame(packages: Collection[str]) -> FrameType | None:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in OURS and package not in packages and not _is_trampoline(frame):
            return frame
        frame = frame.f_back
    return None


def _is_trampoline(frame: FrameType) -> bool:
    """Whether this frame only passes a call on to us, under the name and in the file of what it stands in for."""
    return any(name.startswith("__steno_a") for name in frame.f_code.co_names)


def _forget_snapshot(frame: FrameType, names: dict[str, Any]) -> None:
    """Let go of the copies of a function's variables that Python keeps with the frame once somebody asked for them.

    Up to Python 3.12 they would keep alive whatever the user deletes before the function returns.
    """
    held_by_frame_and_us = 4  # the frame, the caller's variable, ours, and the argument of getrefcount
    if _SNAPSHOTS and frame.f_code.co_flags & inspect.CO_OPTIMIZED and sys.getrefcount(names) <= held_by_frame_and_us:
        names.clear()
