"""A small framework of its own, installed with a plugin for the length of one test."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from steno.autologging import control
from steno.entities import Run
from steno.tracking.session import session

FRAMEWORK = '''
import threading
import numpy as np

class Model:
    """A model that knows the mean."""

    def __init__(self, depth=2):
        self.depth = depth

    def fit(self, X, y=None, *, rounds=3, error=None, callback=None):
        """Train."""
        for number in range(rounds):
            self._step(number)
            if callback is not None:
                callback(self)
        if error is not None:
            raise error
        self.mean_ = float(np.mean(X))
        return self

    def _step(self, number):
        return {"loss": 1.0 / (number + 1)}

    def predict(self, X):
        return np.full(len(X), self.mean_)

    def score(self, X, y):
        return accuracy(y, self.predict(X))

class Boosted(Model):
    def fit(self, X, y=None, **options):
        return super().fit(X, y, **options)

class Scaler(Model):
    """Prepares data; trains a model of its own to find out how."""

    def fit(self, X, y=None, **options):
        Model().fit(X)
        return super().fit(X, y, **options)

class FitsToo:
    """A mixin that others use as well."""

    def fit_transform(self, X):
        return self.fit(X)

class Mixed(FitsToo, Model):
    pass

class Foreign(FitsToo):
    def fit(self, X):
        return Model().fit(X)

def train(params, data, rounds=3, *, error=None):
    return Model(**params).fit(data, rounds=rounds, error=error)

def cross_validate(model, X, folds=3):
    return [Model(model.depth).fit(X) for _ in range(folds)]

def accuracy(y, prediction, *, flip=False):
    return float(np.mean(np.asarray(y) == np.asarray(prediction)))

def error_rate(y, prediction):
    return 1.0 - accuracy(y, prediction)

def per_class(y, prediction):
    return np.array([0.5, 0.5])

def run_in_threads(items):
    results = []
    def work(function, args, kwargs):
        results.append(function(*args, **kwargs))
    for item in items:
        thread = threading.Thread(target=work, args=item)
        thread.start()
        thread.join()
    return results

class Ensemble(Model):
    def fit(self, X, y=None):
        self.members_ = run_in_threads((Model(n).fit, (X,), {}) for n in range(3))
        return super().fit(X, y)
'''

PLUGIN = """
from steno.plugin import Integration, classes, hookimpl, metric, observe, option, predicts, quiet, train, workers

class Toy(Integration):
    name, requires, owns = "toyfw", "toyfw>=1.0", ("toyfw",)
    keep: int = option(10, "how many steps to keep")

    @train(classes("toyfw.core:Model", methods=("fit", "fit_transform")))
    def fit(self, call):
        if type(call.self).__name__ == "Scaler":
            return "it prepares data"
        call.run.params({"depth": call.self.depth, "rounds": call.arg("rounds", 3), "class": type(call.self).__name__})
        call.run.tags({"data": call.variable(call.arg("X"))})
        result = yield
        call.run.metrics({"mean": result.mean_})
        call.run.model(result)

    @train("toyfw.core:train")
    def train(self, call):
        call.run.params(call.arg("params"))
        call.run.params({"rounds": call.arg("rounds"), "target": "train"})
        yield

    @observe("toyfw.core:Model._step")
    def step(self, call, result):
        call.run.metrics(result, step=call.args[0])

    folds = quiet("toyfw.core:cross_validate")
    threads = workers("toyfw.core:run_in_threads")

    @predicts(classes("toyfw.core:Model", methods=("predict",)))
    def predict(self, call, result):
        return call.self, call.arg("X")

    @metric("toyfw.metrics:*")
    def scored(self, call, result):
        call.run.scored(call.function.__name__, call.source, result)

    @metric(classes("toyfw.core:Model", methods=("score",)))
    def score(self, call, result):
        call.run.scored(f"{type(call.model).__name__}_score", call.source, result)

@hookimpl
def steno_integrations(register):
    register(Toy())
"""

INIT = """
__version__ = "1.4.0"
from toyfw.core import Boosted, Model, train
"""
METRICS = """
from toyfw.core import accuracy, error_rate, per_class
__all__ = ["accuracy", "error_rate", "per_class"]
"""


class Toy:
    """The framework and its plugin on disk, and what became of them in the store."""

    def __init__(self, site: Path) -> None:
        self.site = site
        self.write("toyfw/__init__.py", INIT)
        self.write("toyfw/core.py", FRAMEWORK)
        self.write("toyfw/metrics.py", METRICS)

    def write(self, path: str, source: str) -> None:
        """Write a file below the folder that is on `sys.path`."""
        file = self.site / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(source))
        importlib.invalidate_caches()

    def plugin(self, source: str = PLUGIN, name: str = "toyfw") -> None:
        """Install a plugin."""
        self.write(f"plug_{name}.py", source)
        self.write(f"plug_{name}-2.0.dist-info/METADATA", f"Name: plug-{name}\nVersion: 2.0\n\n")
        self.write(f"plug_{name}-2.0.dist-info/entry_points.txt", f"[steno]\n{name} = plug_{name}\n")

    def framework(self) -> Any:
        """Import the framework, and the module with its functions."""
        importlib.import_module("toyfw.metrics")
        return importlib.import_module("toyfw.core")

    def runs(self) -> list[Run]:
        """Every run in the store, in the order in which they were opened."""
        return list(reversed(session().store.search_runs(["0"])))


@pytest.fixture
def bare_toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Toy]:
    """The framework without a plugin."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)
    yield Toy(site)
    control.reset()
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("toyfw", "otherfw") or name.startswith("plug_"):
            del sys.modules[name]


@pytest.fixture
def toy(bare_toy: Toy) -> Toy:
    """The framework with its plugin, both installed, neither imported."""
    bare_toy.plugin()
    return bare_toy


@pytest.fixture
def core(toy: Toy) -> ModuleType:
    """The framework, imported and watched."""
    control.autolog(log_models=False)
    module: ModuleType = toy.framework()
    return module
