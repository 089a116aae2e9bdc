"""Hazards of other tools on the same functions: each goes on working, in whatever order they come and go."""

from __future__ import annotations

import functools
import itertools
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import wrapt
import xgboost
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

import steno
from conftest import RunPython
from tests.hazards.records import runs

X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
MLFLOW = os.environ.get("STENO_TEST_MLFLOW_PYTHON", "")


class _Foreign:
    """Another tool's patch of a method, put on and taken off as that tool does it, and the calls it saw."""

    def __init__(self, kind: str, owner: Any, name: str) -> None:
        self.kind = kind
        self.seen = 0
        self._owner, self._name = owner, name
        self._stack = ExitStack()
        self._original: Any = None

    def put_on(self) -> None:
        original = self._original = getattr(self._owner, self._name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.seen += 1
            return original(*args, **kwargs)

        if self.kind == "wrapt":

            def handler(wrapped: Callable[..., Any], _instance: Any, args: Any, kwargs: Any) -> Any:
                self.seen += 1
                return wrapped(*args, **kwargs)

            wrapt.wrap_function_wrapper(self._owner, self._name, handler)
        elif self.kind == "mock":
            patch = mock.patch.object(self._owner, self._name, autospec=True, side_effect=counted)
            self._stack.enter_context(patch)
        else:
            setattr(self._owner, self._name, functools.wraps(original)(counted) if self.kind == "wraps" else counted)

    def take_off(self) -> None:
        if self.kind == "wrapt":
            standing = vars(self._owner)[self._name]
            setattr(self._owner, self._name, standing.__wrapped__)
        elif self.kind == "mock":
            self._stack.close()
        else:
            setattr(self._owner, self._name, self._original)


ACTIONS = ("steno on", "other on", "steno off", "other off")
ORDERS = [
    order
    for order in itertools.permutations(ACTIONS)
    if order.index("steno on") < order.index("steno off") and order.index("other on") < order.index("other off")
]


CASES: dict[str, tuple[Any, str, Callable[[], Any]]] = {
    "method": (GaussianNB, "fit", lambda: GaussianNB().fit(X, y)),
    "function": (xgboost, "train", lambda: xgboost.train({"nthread": 1}, xgboost.DMatrix(X, y, nthread=1), 1)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["wrapt", "wraps", "mock", "setattr"])
@pytest.mark.parametrize("order", ORDERS, ids=[" then ".join(order).replace(" ", "_") for order in ORDERS])
def test_hazard_13_other_patches_come_and_go_in_any_order(
    installer: str, order: tuple[str, ...], kind: str, case: str
) -> None:
    """Another tool's patch and ours: at every moment those that are on see the call, and the end is clean.

    Where the other tool was first and, going, takes ours with it, the status says so and `autolog()` puts it back.
    """
    owner, name, train = CASES[case]
    original = vars(owner)[name]
    code = original.__code__
    other = _Foreign(kind, owner, name)
    acts = {
        "steno on": lambda: steno.autolog(log_models=False),
        "steno off": steno.disable,
        "other on": other.put_on,
        "other off": other.take_off,
    }
    on = {"steno": False, "other": False}

    def seen_by() -> dict[str, bool]:
        seen, recorded = other.seen, len(runs())
        train()
        return {"steno": len(runs()) - recorded == 1, "other": other.seen - seen == 1}

    # In place, ours is in the function under any wrapper that tells what it wraps, and in the module that defines it;
    # by attribute, it is on top.
    is_taken_along = order[:3] == ("other on", "steno on", "other off") and (
        installer == "attribute" or (case == "method" and kind in ("mock", "setattr"))
    )
    try:
        for action in order:
            acts[action]()
            who, what = action.split()
            on[who] = what == "on"
            if action == "other off" and is_taken_along:
                # who unwraps what stands there, as wrapt's users do, takes off ours in the place of his own
                assert seen_by() == {"steno": False, "other": kind == "wrapt"}
                assert "another tool patched 1 of" in steno.status()[_plugin(owner)].why
                steno.autolog(log_models=False)
                on["other"] = kind == "wrapt"
            assert seen_by() == on, action
        if on["other"]:
            other.take_off()
        steno.autolog(log_models=False)
        steno.disable()  # what was pinned under the other tool's patch goes now
        assert vars(owner)[name] is original
        assert original.__code__ is code
    finally:
        setattr(owner, name, original)


OWN_WRAPPERS = """
import steno
steno.autolog(log_models=False)
import sklearn.compose, sklearn.pipeline
from sklearn.base import BaseEstimator, TransformerMixin

class Doubled(TransformerMixin, BaseEstimator):
    def fit_transform(self, X, y=None):
        return [[2 * value for value in row] for row in X]

    def transform(self, X):
        return self.fit_transform(X)

    def get_feature_names_out(self, names=None):
        return ["doubled"]

print(Doubled().fit_transform([[1.0]]), repr(steno.status()["sklearn"].why))
"""


def test_hazard_13_the_frameworks_own_wrappers_are_nobody_elses(installer: str, run_python: RunPython) -> None:
    """What scikit-learn wraps after us, as `set_output` does to each new class, is no other tool's patch."""
    done = run_python(OWN_WRAPPERS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[[2.0]] ''\n", "")


def _plugin(owner: Any) -> str:
    home = owner.__module__ if isinstance(owner, type) else owner.__name__
    return str(home).partition(".")[0]


WITH_MLFLOW = """
import itertools, json, os, warnings
warnings.simplefilter("ignore")
import mlflow, mlflow.sklearn
import steno
from sklearn.naive_bayes import GaussianNB
import numpy as np
X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
mlflow.set_tracking_uri("sqlite:///theirs.db")

def count():
    theirs = mlflow.search_runs(search_all_experiments=True, output_format="list")
    return {"steno": len(steno.search_runs(output_format="list")), "mlflow": len(theirs)}

actions = {
    "steno on": lambda: steno.autolog(log_models=False),
    "steno off": lambda: steno.disable(),
    "mlflow on": lambda: mlflow.sklearn.autolog(log_models=False, silent=True),
    "mlflow off": lambda: mlflow.sklearn.autolog(disable=True, silent=True),
}
orders = [order for order in itertools.permutations(actions)
          if all(order.index(f"{who} on") < order.index(f"{who} off") for who in ("steno", "mlflow"))]
wrong = []
by_attribute = os.environ.get("STENO_PATCH") == "attribute"
for order in orders:
    on = {"steno": 0, "mlflow": 0}
    for action in order:
        actions[action]()
        who, what = action.split()
        on[who] = int(what == "on")
        before = count()
        model = GaussianNB().fit(X, y)
        assert model.predict(X).tolist() == [0, 0, 1, 1]
        after = count()
        made = {name: after[name] - before[name] for name in after}
        if order[:3] == ("mlflow on", "steno on", "mlflow off") and action == "mlflow off" and by_attribute:
            # going, MLflow puts back what it found before us; autolog() mends that
            assert made == {"steno": 0, "mlflow": 0}, made
            steno.autolog(log_models=False)
            GaussianNB().fit(X, y)
            made = {name: value - after[name] for name, value in count().items()}
        if made != on:
            wrong.append([order, action, made, on])
print(json.dumps([len(orders), wrong]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not MLFLOW, reason="STENO_TEST_MLFLOW_PYTHON names no interpreter that has mlflow")
def test_hazard_11_mlflow_and_steno_record_side_by_side(installer: str, tmp_path: Path) -> None:
    """With `mlflow.autolog()` on the same estimators, in every order of on and off, each records its own runs.

    By attribute, MLflow takes ours along when it was first and goes first, until `autolog()` is called again.
    """
    # MLflow has a venv of its own: steno comes from here, and the libraries that it lacks from behind its own.
    ours = [str(Path(steno.__file__).parents[1]), *(entry for entry in sys.path if entry.endswith("integrations"))]
    behind = [entry for entry in sys.path if entry.endswith("site-packages")]
    script = tmp_path / "both.py"
    script.write_text(textwrap.dedent(f"import sys\nsys.path[:0] = {ours}\nsys.path += {behind}\n") + WITH_MLFLOW)
    done = subprocess.run(
        [MLFLOW, str(script)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    assert done.returncode == 0, done.stderr
    count, wrong = json.loads(done.stdout.splitlines()[-1])
    assert count == 6
    assert wrong == []


def test_hazard_11_a_wrapper_of_the_users_keeps_our_estimators_attributes(installer: str) -> None:
    """A user's wrapt proxy around a patched class's method, left on for good, loses nothing when we go."""
    seen: list[str] = []

    def handler(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        seen.append(type(instance).__name__)
        return wrapped(*args, **kwargs)

    original = vars(LogisticRegression)["fit"]
    steno.autolog(log_models=False)
    try:
        wrapt.wrap_function_wrapper(LogisticRegression, "fit", handler)
        LogisticRegression().fit(X, y)
        steno.disable()
        LogisticRegression().fit(X, y)
        steno.autolog(log_models=False)
        LogisticRegression().fit(X, y)
        steno.disable()
        LogisticRegression().fit(X, y)
        assert seen == ["LogisticRegression"] * 4
        assert len(runs()) == 2
    finally:
        LogisticRegression.fit = original
