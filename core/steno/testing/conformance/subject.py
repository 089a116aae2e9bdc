"""What the author of a plugin writes for the kit: a training of under one second, and a few variations of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

__all__ = ["Subject"]


class Subject:
    """The training that the rows are run with. Import the framework inside the methods, never above the class.

    Attributes:
        integration: the entry point's name, which is the framework's import name.
        early_import: a statement such as `"from catboost import train"`, run before `autolog()`; what it imports is
            handed to `early_fit` by name.
        expected_failures: rows that the framework itself cannot hold, with the reason: `{"hazard_03": "..."}` for
            both ways of patching, `{"hazard_03[attribute]": "..."}` for one. A listed row that passes is an error.
    """

    integration: ClassVar[str] = ""
    early_import: ClassVar[str] = ""
    expected_failures: ClassVar[Mapping[str, str]] = {}

    def fit(self) -> Any:
        """Train, in under a second, and return the fitted model. Seeded: twice the same model."""
        raise NotImplementedError("write fit(self): a training of under a second that returns the fitted model")

    def failing_fit(self) -> Any:
        """Raise inside the framework's training, such as by data that it refuses."""
        raise NotImplementedError("write failing_fit(self): a training that the framework itself ends with an error")

    def predict(self, model: Any) -> Any:
        """The model's predictions on a few rows, as an array."""
        raise NotImplementedError("write predict(self, model): the predictions of the model that fit() returns")

    def early_fit(self, *args: Any, **imported: Any) -> Any:
        """Train through what `early_import` has imported, which arrives by name, such as `train`."""
        del args, imported
        raise NotImplementedError("write early_fit(self, ...): a training through what early_import imports")

    def call_styles(self) -> Sequence[Callable[[], Any]]:
        """Functions that train the same, with positional and with keyword arguments."""
        return ()

    def nested_fit(self) -> Any:
        """One training of the user's that trains inside itself, such as a search or an ensemble."""
        raise NotImplementedError("write nested_fit(self): one training that trains inside itself")

    def interrupted_fit(self, error: BaseException) -> Any:
        """Train with code of the user's inside (a callback, an objective, data) that raises `error`."""
        raise error

    @classmethod
    def writes(cls, hook: str) -> bool:
        """Whether the author wrote this hook."""
        return getattr(cls, hook) is not getattr(Subject, hook)
