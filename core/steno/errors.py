"""Every exception and warning that steno raises.

::

    StenoError
    ├── InvalidInputError (ValueError)       a value that cannot be recorded or understood
    │   └── FilterError                      a search filter that does not parse; points at the column
    ├── NotFoundError (LookupError)          no such run, experiment, model, artifact
    ├── AlreadyExistsError                   the name is taken
    ├── StateError                           right call, wrong moment: a run is already active, a run is deleted
    ├── StoreError (OSError)                 the store cannot be read or written: locked, full, corrupt, unreachable
    ├── IntegrationError                     an integration asked for by name cannot be served
    ├── ModelError                           a model folder that cannot be read, or an object nobody can save
    │   └── UntrustedModelError              loading would run code and nobody said `trust=True`
    └── SchemaError (ValueError)             data that does not fit a model's signature
    StenoWarning (UserWarning)               something was not recorded; said once per cause

Every message has three parts: what was wrong with the value shown, what is accepted, what to type next.
"""

from __future__ import annotations

import reprlib

__all__ = [
    "AlreadyExistsError",
    "FilterError",
    "IntegrationError",
    "InvalidInputError",
    "ModelError",
    "NotFoundError",
    "SchemaError",
    "StateError",
    "StenoError",
    "StenoWarning",
    "StoreError",
    "UntrustedModelError",
    "shown",
]

_LIMIT = 120


class StenoError(Exception):
    """Base of every error that steno raises.

    Attributes:
        error_code: the name MLflow's REST API uses for this kind of error.
    """

    error_code = "INTERNAL_ERROR"

    @property
    def message(self) -> str:
        """The text, under the name that `MlflowException` has for it."""
        return str(self)


class InvalidInputError(StenoError, ValueError):
    """A value cannot be recorded or understood."""

    error_code = "INVALID_PARAMETER_VALUE"


class FilterError(InvalidInputError):
    """A search filter does not parse, or compares what cannot be compared."""


class NotFoundError(StenoError, LookupError):
    """No such run, experiment, model or artifact."""

    error_code = "RESOURCE_DOES_NOT_EXIST"


class AlreadyExistsError(StenoError):
    """The name is taken."""

    error_code = "RESOURCE_ALREADY_EXISTS"


class StateError(StenoError):
    """The call is right and the moment is wrong, such as a second active run that is not nested."""

    error_code = "INVALID_STATE"


class StoreError(StenoError, OSError):
    """The store cannot be read or written: locked, full, corrupt, unreachable."""

    error_code = "TEMPORARILY_UNAVAILABLE"


class IntegrationError(StenoError):
    """An integration that was asked for by name cannot be served."""

    error_code = "FEATURE_DISABLED"


class ModelError(StenoError):
    """A model folder cannot be read, or nobody knows how to save the object."""

    error_code = "INVALID_PARAMETER_VALUE"


class UntrustedModelError(ModelError):
    """Loading the model would run code from the artifact and the caller did not say `trust=True`."""

    error_code = "PERMISSION_DENIED"


class SchemaError(StenoError, ValueError):
    """Data does not fit the signature of a model."""

    error_code = "INVALID_PARAMETER_VALUE"


class StenoWarning(UserWarning):
    """Something was not recorded. Said once per cause and process; `steno.status()` has the details."""


_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 100
_repr.maxlong = 60


def shown(value: object) -> str:
    """The value as an error message shows it: its shortened repr and its type.

    Never raises and never grows, whatever the object's own `__repr__` does.

    >>> shown("x" * 3)
    "'xxx' (str)"
    """
    try:
        text = _repr.repr(value)
    except ValueError:  # an int of more digits than Python turns into text
        text = "<too long to show>"
    if len(text) > _LIMIT:
        text = text[: _LIMIT - 1] + "…"
    return f"{text} ({type(value).__name__})"
