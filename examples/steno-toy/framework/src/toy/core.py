"""Models that learn by gradient descent, and the functions around them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from toy.metrics import mean_squared_error

Callback = Callable[[int, float], None]


class ToyError(ValueError):
    """What toy cannot do."""


class Model:
    """What has params, learns and predicts; subclass it.

    Args:
        rounds: steps of gradient descent.
        rate: how far each step goes.
        seed: where the weights begin.
    """

    def __init__(self, rounds: int = 10, rate: float = 0.1, seed: int = 0) -> None:
        self.rounds = rounds
        self.rate = rate
        self.seed = seed

    def get_params(self) -> dict[str, Any]:
        """What the model was made with."""
        return {"rounds": self.rounds, "rate": self.rate, "seed": self.seed}

    def fit(self, X: Any, y: Any, callbacks: Sequence[Callback] = ()) -> Model:
        """Learn from rows and their targets."""
        raise NotImplementedError

    def predict(self, X: Any) -> np.ndarray:
        """A number for each row."""
        raise NotImplementedError

    def end_round(self, number: int, loss: float, callbacks: Sequence[Callback]) -> None:
        """A round is over: tell whoever asked to be told."""
        for callback in callbacks:
            callback(number, loss)

    def save(self, path: str | Path) -> None:
        """Write the model as JSON."""
        learned = {key: value.tolist() for key, value in vars(self).items() if isinstance(value, np.ndarray)}
        text = json.dumps({"class": type(self).__name__, "params": self.get_params(), "learned": learned})
        Path(path).write_text(text, encoding="utf-8")


class Line(Model):
    """A straight line."""

    weights: np.ndarray

    def fit(self, X: Any, y: Any, callbacks: Sequence[Callback] = (), first_round: int = 0) -> Line:
        """Learn from rows and their targets."""
        rows, targets = checked(X, y)
        self.weights = np.random.default_rng(self.seed).normal(size=rows.shape[1])
        for number in range(self.rounds):
            errors = rows @ self.weights - targets
            self.weights -= self.rate * rows.T @ errors / len(rows)
            self.end_round(first_round + number, float(np.mean(errors**2)), callbacks)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """A number for each row."""
        return with_ones(X) @ self.weights


class Team(Model):
    """Lines, each trained on what those before it left over."""

    size = 3
    weights: np.ndarray

    def fit(self, X: Any, y: Any, callbacks: Sequence[Callback] = ()) -> Team:
        """Learn from rows and their targets."""
        rows, left = checked(X, y)
        self.weights = np.zeros((self.size, rows.shape[1]))
        for place in range(self.size):
            member = Line(self.rounds, self.rate, self.seed + place)
            member.fit(X, left, callbacks, first_round=place * self.rounds)
            self.weights[place] = member.weights
            left = left - member.predict(X)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """A number for each row."""
        return with_ones(X) @ self.weights.sum(axis=0)


def checked(X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Rows and targets as arrays; refuses what cannot be learned from."""
    rows, targets = with_ones(X), np.asarray(y, dtype=float)
    if len(rows) != len(targets):
        raise ToyError(f"{len(rows)} rows have {len(targets)} targets")
    return rows, targets


def with_ones(X: Any) -> np.ndarray:
    """The rows with a column of ones, so that a line need not pass through zero."""
    rows = np.asarray(X, dtype=float)
    return np.column_stack([rows, np.ones(len(rows))])


def train(params: dict[str, Any], X: Any, y: Any, callbacks: Sequence[Callback] = ()) -> Line:
    """A trained line."""
    return Line(**params).fit(X, y, callbacks)


def cross_validate(params: dict[str, Any], X: Any, y: Any, folds: int = 3) -> list[float]:
    """The error of each fold, by a line trained on the others."""
    rows, targets = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    fold = np.arange(len(rows)) % folds
    errors = []
    for number in range(folds):
        line = train(params, rows[fold != number], targets[fold != number])
        errors.append(mean_squared_error(targets[fold == number], line.predict(rows[fold == number])))
    return errors


def load(path: str | Path) -> Model:
    """The model that `save` wrote."""
    saved = json.loads(Path(path).read_text(encoding="utf-8"))
    model: Model = {"Line": Line, "Team": Team}[saved["class"]](**saved["params"])
    for name, value in saved["learned"].items():
        setattr(model, name, np.array(value))
    return model
