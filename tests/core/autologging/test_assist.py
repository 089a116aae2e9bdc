"""Frameworks that train nothing themselves stand by those that do, whichever are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import joblib
import pytest
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

import steno
from steno.autologging import control

X = [[0.0], [1.0], [2.0], [3.0]]
Y = [0, 0, 1, 1]


class Committee(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Somebody's own ensemble, whose members are trained in threads."""

    def fit(self, X: Any, y: Any) -> Committee:
        """Train the members."""
        self.members_ = train_in_threads(X, y)
        return self

    def predict(self, X: Any) -> Any:
        """What the first one says."""
        return self.members_[0].predict(X)


def train_in_threads(X: Any, y: Any) -> Any:
    """Three models, in two threads of joblib."""
    return Parallel(n_jobs=2, backend="threading")(delayed(LogisticRegression(C=c).fit)(X, y) for c in (0.1, 1.0, 9.0))


@pytest.fixture(autouse=True)
def reset() -> Iterator[None]:
    """Nothing is patched before and after."""
    control.reset()
    yield
    control.reset()


def recorded() -> list[str]:
    """The classes that were trained, newest first."""
    return [run.data.tags["estimator_name"] for run in steno.search_runs(output_format="list")]


def one_by_one() -> None:
    """Everything was on and is off, and one is wanted."""
    control.autolog(log_models=False)
    control.disable()
    control.enable("sklearn")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: control.autolog(log_models=False, only="sklearn"),
        lambda: steno.sklearn.autolog(log_models=False),
        lambda: control.enable("sklearn"),
        one_by_one,
    ],
)
def test_a_training_in_threads_is_one_run_where_one_framework_is_asked_for(ask: Callable[[], None]) -> None:
    """However scikit-learn alone is switched on: an ensemble is one run, and `off` holds in joblib's threads."""
    ask()
    Committee().fit(X, Y)
    assert recorded() == ["Committee"]
    with control.off():
        train_in_threads(X, Y)
    assert recorded() == ["Committee"]
    train_in_threads(X, Y)
    assert recorded() == ["LogisticRegression"] * 3 + ["Committee"]
    row = control.status()["joblib"]
    assert (row.state, row.why) == (
        "on", "it trains nothing itself, and what others train in its threads belongs to them"
    )  # fmt: skip
    assert control.status()["xgboost"].state == "off"


def test_off_is_off_for_what_only_stood_by() -> None:
    """When the last one that was asked for is switched off, nothing at all stays patched."""
    original = Parallel.__call__.__code__
    control.autolog(log_models=False, only="sklearn")
    assert joblib.Parallel.__call__.__code__ is not original
    control.disable("sklearn")
    assert joblib.Parallel.__call__.__code__ is original
    assert {row.state for row in control.status().values()} - {"on"} == {"off"}
    assert control.status()["joblib"].why == "switched off by autolog(only=['sklearn'])"


def test_who_is_switched_off_by_name_does_not_stand_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """`exclude`, `disable` and the environment hold for it as for any other."""
    for switch in ("exclude", "disable", "environment"):
        control.reset()
        if switch == "environment":
            monkeypatch.setenv("STENO_DISABLE", "joblib")
        if switch == "disable":
            control.disable("joblib")
        control.autolog(log_models=False, only="sklearn", exclude="joblib" if switch == "exclude" else None)
        assert control.status()["joblib"].patches == ()
        assert control.status()["joblib"].state == ("blocked" if switch == "environment" else "off")
