"""A framework and a plugin as small as can be, to be broken in one place each."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FRAMEWORK = '''
import numpy as np

class Model:
    """A model that knows the mean."""

    def __init__(self, depth=2):
        self.depth = depth

    def get_params(self, deep=True):
        return {"depth": self.depth}

    def set_params(self, depth):
        self.depth = depth
        return self

    def fit(self, X, y=None, *, rounds=3, callback=None, error=None):
        """Train."""
        for number in range(rounds):
            self._step(number)
            if callback is not None:
                callback(number)
        if error is not None:
            raise error
        self.mean_ = float(np.mean(X))
        return self

    def _step(self, number):
        return 1.0 / (number + 1)

    def predict(self, X):
        return np.full(len(X), self.mean_)

def train(depth, X):
    return Model(depth).fit(X)
'''

PLUGIN = """
import json
from steno.errors import ModelError
from steno.plugin import Integration, SavedFlavor, hookimpl, observe, option, predicts, train

class Tiny(Integration):
    name, requires, owns = "tinyfw", "", ("tinyfw",)
    keep: int = option(10, "how many steps to keep")

    @train("tinyfw.core:Model.fit")
    def fit(self, call):
        call.run.params({"depth": call.self.depth, "rounds": call.arg("rounds") or 3})
        result = yield
        call.run.metrics({"mean": result.mean_})

    @observe("tinyfw.core:Model._step")
    def step(self, call, result):
        call.run.metric("loss", result, step=call.args[0])

    @predicts("tinyfw.core:Model.predict")
    def predict(self, call, result):
        return call.self, call.arg("X")

    def saver(self, model, folder):
        if type(model).__name__ != "Model":
            raise ModelError(f"{type(model).__name__} is no model of tinyfw")
        (folder / "tiny.json").write_text(json.dumps(vars(model)))
        return SavedFlavor({"data": "tiny.json"}, {"loader_module": "tinyfw_plugin"}, ["numpy"])

    def loader(self, folder, conf):
        from tinyfw import Model
        model = Model()
        vars(model).update(json.loads((folder / conf["data"]).read_text()))
        return model

    def runs_code(self, folder, conf):
        return False

@hookimpl
def steno_integrations(register):
    register(Tiny())
"""

SUBJECT = """
from steno.testing import Conformance

X = [[1.0], [2.0]]

class TestTiny(Conformance):
    integration = "tinyfw"
    early_import = "from tinyfw import train"

    def fit(self):
        from tinyfw import Model
        return Model().fit(X)

    def failing_fit(self):
        from tinyfw import Model
        return Model().fit(X, error=OSError("no disk"))

    def predict(self, model):
        return model.predict(X)

    def early_fit(self, train):
        return train(2, X)

    def call_styles(self):
        from tinyfw import Model
        return [lambda: Model().fit(X, rounds=2), lambda: Model().fit(X=X, y=None, rounds=2)]

    def interrupted_fit(self, error):
        from tinyfw import Model
        def interrupt(number):
            raise error
        return Model().fit(X, callback=interrupt)
"""


class Tiny:
    """The framework, its plugin and the test class, on disk.

    Attributes:
        tests: the file of the test class.
    """

    def __init__(self, site: Path, tests: Path) -> None:
        self.site = site
        self.tests = tests
        self.write("tinyfw/__init__.py", '__version__ = "1.0"\nfrom tinyfw.core import Model, train\n')
        self.write("tinyfw/core.py", FRAMEWORK)
        self.write("tinyfw_plugin-2.0.dist-info/METADATA", "Name: tinyfw-plugin\nVersion: 2.0\n\n")
        self.write("tinyfw_plugin-2.0.dist-info/entry_points.txt", "[steno]\ntinyfw = tinyfw_plugin\n")
        self.plugin()
        self.subject()

    def write(self, path: str, source: str) -> None:
        """Write a file below the folder that is on `sys.path`."""
        file = self.site / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
        importlib.invalidate_caches()

    def plugin(self, *changes: tuple[str, str]) -> None:
        """Install the plugin, with these texts in place of others."""
        self.write("tinyfw_plugin.py", _changed(PLUGIN, changes))

    def subject(self, *changes: tuple[str, str], before: str = "") -> None:
        """Write the test class, with these texts in place of others, and with code above."""
        self.tests.write_text(f"{before}\n{_changed(SUBJECT, changes)}")


def _changed(source: str, changes: tuple[tuple[str, str], ...]) -> str:
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    return source


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tiny]:
    """A whole plugin of a whole framework, both installed, neither imported."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))
    (tmp_path / "tests").mkdir()
    before = set(sys.modules)
    yield Tiny(site, tmp_path / "tests" / "test_tiny.py")
    for name in set(sys.modules) - before:
        module: Any = sys.modules[name]
        if str(getattr(module, "__file__", "") or "").startswith(str(tmp_path)):
            del sys.modules[name]
