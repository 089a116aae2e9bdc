"""What a user passes to a `log_*` call, as what is recorded: exactly, or an error that says what to do."""

from __future__ import annotations

import math
import numbers
import operator
import sys
from collections.abc import Mapping
from typing import Any

from steno.clock import now
from steno.entities import ParamValue
from steno.errors import InvalidInputError, shown
from steno.tracking.notices import notices

__all__ = [
    "clean_text",
    "is_clean",
    "key_of",
    "metric_value",
    "milliseconds",
    "named_values",
    "param_value",
    "run_id_of",
    "step_of",
    "tag_value",
    "tags_of",
]

_INT64 = 2**63
_EXACT = 2**53
_INFINITIES = ("inf", "+inf", "-inf", "infinity", "+infinity", "-infinity")
_CONVERSION = (  # what a `__float__`, `__index__` or `__str__` of the user's may raise
    TypeError,
    ValueError,
    ArithmeticError,
    RuntimeError,
    LookupError,
    AttributeError,
    AssertionError,
    OSError,
    EOFError,
)
_SECONDS = (1_000_000_000, 4_000_000_000)  # what time.time() gives from 2001 to 2096
_LATEST_MS = 10**14  # the year 5138; a larger timestamp is in another unit
_MISSING = ("NoneType", "NaTType", "NAType", "MaskedConstant", "datetime64", "timedelta64")


def metric_value(value: Any) -> float:
    """A metric's value as a float: NaN and infinities as they are, everything else exactly or rounded with a warning.

    Accepted: float, int, bool, numpy scalars, Decimal, Fraction, arrays and tensors of one element, text that reads
    as a number.

    Raises:
        InvalidInputError: missing values, complex numbers, larger arrays, other text, numbers beyond a float's range.
    """
    kind = type(value)
    if kind is float:
        return value  # type: ignore[no-any-return]  # mypy does not follow `kind`
    if kind is bool or kind is int:
        return _from_int(value)
    if kind.__name__ in _MISSING:
        raise InvalidInputError(
            f"metric value is {shown(value)}, which is missing: log a number, or float('nan') if there is none"
        )
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, (bytes, bytearray)):
        raise InvalidInputError(f"metric value is {shown(value)}, accepted is a number: log float(value.decode())")
    _refuse_lossy(value)
    try:
        element = _element(value)
        number = _from_int(element) if isinstance(element, int) else float(element)
    except OverflowError as fault:
        raise InvalidInputError(_too_large(value)) from fault
    except _CONVERSION as fault:
        raise InvalidInputError(
            f"metric value is {shown(value)}, accepted is one number ({type(fault).__name__}: {fault}): "
            "log float(...) of it, or a summary such as its mean; a whole array goes into steno.log_table or log_dict"
        ) from fault
    if math.isinf(number) and not _equal(value, number):
        raise InvalidInputError(_too_large(value))
    return number


def _from_int(value: int) -> float:
    try:
        number = float(value)
    except OverflowError as fault:
        raise InvalidInputError(_too_large(value)) from fault
    if not -_EXACT <= value <= _EXACT and int(number) != value:
        notices.once(
            "rounded-int",
            f"metric value {shown(value)} is beyond the integers that a float holds exactly "
            f"and was rounded to {number!r}: log it as a param to keep every digit",
        )
    return number


def _from_text(value: str) -> float:
    try:
        number = float(value)
    except ValueError as fault:
        raise InvalidInputError(
            f"metric value is {shown(value)}, accepted is a number: text goes into steno.set_tag or log_param"
        ) from fault
    if math.isinf(number) and value.strip().lower() not in _INFINITIES:
        raise InvalidInputError(_too_large(value))
    return number


def _too_large(value: object) -> str:
    return (
        f"metric value {_shown_number(value)} is beyond the range of a float (1.8e308): log its logarithm, "
        "or the number as a param"
    )


def _shown_number(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 10_000:  # printing more digits than that is refused by Python
        return f"of {value.bit_length()} bits (int)"
    return shown(value)


def _refuse_lossy(value: Any) -> None:
    """Values for which `float()` answers and is wrong: masked, complex."""
    complex_number = isinstance(value, numbers.Complex) and not isinstance(value, numbers.Real)
    dtype = getattr(value, "dtype", None)
    if complex_number or getattr(dtype, "kind", "") == "c" or getattr(dtype, "is_complex", False) is True:
        raise InvalidInputError(
            f"metric value is {shown(value)}, accepted are real numbers: log its .real and .imag, or abs() of it"
        )
    if getattr(dtype, "kind", "") in "mM" and dtype is not None:
        raise InvalidInputError(f"metric value is {shown(value)}, accepted are numbers: log seconds, as a float")
    mask = getattr(value, "mask", None)
    if mask is not None and type(value).__module__.startswith("numpy") and getattr(mask, "any", bool)():
        raise InvalidInputError(f"metric value is {shown(value)}, which is masked: log a number, or float('nan')")


def _element(value: Any) -> Any:
    """The one element of an array or tensor; other values as they are."""
    shape = getattr(value, "shape", None)
    if not isinstance(shape, tuple):
        return value
    size = math.prod(int(length) for length in shape)
    if size != 1:
        raise TypeError(f"it has {size} elements")
    item = getattr(value, "item", None)
    return value if item is None else item()


def _equal(value: Any, number: float) -> bool:
    try:
        return bool(_element(value) == number)
    except _CONVERSION:
        return False


def step_of(step: Any) -> int:
    """A step as an integer of 64 bits.

    Raises:
        InvalidInputError: a fraction, text, NaN, or beyond 64 bits.
    """
    if step is None:
        return 0
    try:
        number = int(step) if isinstance(step, float) and step.is_integer() else operator.index(_plain(step))
    except _CONVERSION as fault:
        raise InvalidInputError(
            f"step is {shown(step)}, accepted is a whole number: pass step=int(...), "
            "and a fraction of an epoch as a metric of its own"
        ) from fault
    if not -_INT64 <= number < _INT64:
        raise InvalidInputError(f"step is {_shown_number(step)}, accepted are -2**63 to 2**63 - 1: pass a smaller step")
    return number


def _plain(step: Any) -> Any:
    item = getattr(step, "item", None)
    if item is None:
        return step
    value = item()
    return int(value) if isinstance(value, float) and value.is_integer() else value


def milliseconds(timestamp: Any) -> int:
    """A timestamp in milliseconds since 1970; the present moment for None.

    Raises:
        InvalidInputError: negative, no whole number, or so large that it is in another unit.
    """
    if timestamp is None:
        return now()
    try:
        number = int(timestamp) if isinstance(timestamp, float) else operator.index(_plain(timestamp))
    except _CONVERSION as fault:
        raise InvalidInputError(
            f"timestamp is {shown(timestamp)}, accepted are whole milliseconds since 1970: pass int(time.time() * 1000)"
        ) from fault
    if not 0 <= number < _LATEST_MS:
        raise InvalidInputError(
            f"timestamp is {_shown_number(timestamp)}, accepted are milliseconds since 1970 (now: {now()}): "
            "divide nanoseconds by 1_000_000, microseconds by 1_000"
        )
    if _SECONDS[0] <= number < _SECONDS[1]:
        notices.once(
            "seconds",
            f"timestamp {number} is recorded as milliseconds, which is early in 1970: if it is in seconds, pass "
            "int(time.time() * 1000)",
        )
    return number


def is_clean(text: str) -> bool:
    """Whether every store can keep the text as it is: no NUL, no lone surrogates."""
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def clean_text(text: str, what: str) -> str:
    r"""The text with NUL and lone surrogates as visible escapes (`\u0000`), said once.

    Args:
        text: any text.
        what: what it is, for the warning: "param value".
    """
    if is_clean(text):
        return text
    cleaned = text.replace("\0", "\\u0000").encode("utf-8", "backslashreplace").decode("utf-8")
    notices.once(
        f"escaped-{what}",
        f"{what} {shown(text)} has characters that no database keeps (NUL or half of a surrogate pair): "
        f"recorded as {shown(cleaned)}",
    )
    return cleaned


def key_of(key: Any, what: str) -> str:
    """A name of a metric, param or tag: any text.

    Raises:
        InvalidInputError: not text.
    """
    if not isinstance(key, str):
        raise InvalidInputError(f"{what} name is {_shown_number(key)}, accepted is text: pass str(...) of it")
    return sys.intern(clean_text(str.__str__(key), f"{what} name"))  # an enum's member that is text is its value


def named_values(values: Any, what: str) -> dict[Any, Any]:
    """A dict of the user's, as it is now: another thread may change the original while it is read.

    Raises:
        InvalidInputError: no dict.
    """
    if not isinstance(values, Mapping):
        raise InvalidInputError(
            f"{what} are {shown(values)}, accepted is a dict of names and values: pass {{'name': value}}"
        )
    return dict(values)


def run_id_of(run_id: Any) -> str:
    """A run's id.

    Raises:
        InvalidInputError: not text.
    """
    if not isinstance(run_id, str):
        raise InvalidInputError(f"run_id is {_shown_number(run_id)}, accepted is text such as run.info.run_id")
    return run_id


def param_value(key: str, value: Any) -> ParamValue:
    """A param's value with its type.

    Raises:
        InvalidInputError: the object cannot be turned into text.
    """
    try:
        found = ParamValue.of(value)
    except (*_CONVERSION, RecursionError, MemoryError) as fault:
        raise InvalidInputError(
            f"param {key!r} has a value of type {type(value).__name__} whose str() raised "
            f"{type(fault).__name__}: {fault}; log the text or number that describes it"
        ) from fault
    if is_clean(found):
        return found
    return ParamValue(clean_text(str(found), "param value"), "str")


def tag_value(key: str, value: Any) -> str:
    """A tag's value: the text of any object.

    Raises:
        InvalidInputError: the object cannot be turned into text.
    """
    if type(value) is str and is_clean(value):
        return value
    try:
        text = str(value)
    except (*_CONVERSION, RecursionError, MemoryError) as fault:
        raise InvalidInputError(
            f"tag {key!r} has a value of type {type(value).__name__} whose str() raised "
            f"{type(fault).__name__}: {fault}; set the text that describes it"
        ) from fault
    return clean_text(text, "tag value")


def tags_of(values: Any) -> dict[str, str]:
    """Tags as text, from a dict of the user's; none from None.

    Raises:
        InvalidInputError: no dict, a name that is no text, a value that cannot be turned into text.
    """
    given = {} if values is None else named_values(values, "tags")
    return {key_of(key, "tag"): tag_value(key, value) for key, value in given.items()}
