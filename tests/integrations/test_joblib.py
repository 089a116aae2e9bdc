"""Threads and processes of joblib that work for a training belong to it."""

from __future__ import annotations

from typing import Any

import joblib
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.tree import DecisionTreeClassifier

import steno

MODELS: dict[str, Any] = {
    "forest": lambda: RandomForestClassifier(4, n_jobs=2, random_state=0),
    "one against the rest": lambda: OneVsRestClassifier(LogisticRegression(max_iter=500), n_jobs=2),
    "vote": lambda: VotingClassifier([("a", DecisionTreeClassifier()), ("b", DecisionTreeClassifier())], n_jobs=2),
    "bag": lambda: BaggingClassifier(DecisionTreeClassifier(), 4, n_jobs=2),
}


@pytest.mark.parametrize("backend", ["threading", "loky"])
@pytest.mark.parametrize("model", sorted(MODELS))
def test_what_workers_train_is_no_run_of_its_own(model: str, backend: str) -> None:
    """An ensemble whose members are trained by two workers is one run, in threads and in processes."""
    steno.autolog()
    X, y = load_iris(return_X_y=True)
    with joblib.parallel_backend(backend, n_jobs=2):
        MODELS[model]().fit(X, y)
    assert len(steno.search_runs(output_format="list")) == 1


def test_the_users_own_threads_train_for_themselves() -> None:
    """Two trainings that a user hands to joblib's threads are two runs."""
    steno.autolog()
    X, y = load_iris(return_X_y=True)
    joblib.Parallel(n_jobs=2, backend="threading")(
        joblib.delayed(LogisticRegression(C=c, max_iter=500).fit)(X, y) for c in (0.1, 1.0)
    )
    runs = steno.search_runs(output_format="list")
    assert sorted(run.data.params["C"] for run in runs) == ["0.1", "1.0"]


def test_the_users_own_worker_processes_work_as_before() -> None:
    """A fit sent to another process is pickled and run there as if steno were not here."""
    steno.autolog()
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500)
    (fitted,) = joblib.Parallel(n_jobs=2, backend="loky")([joblib.delayed(model.fit)(X, y)])
    assert fitted.score(X, y) > 0.9
