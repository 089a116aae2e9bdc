"""Hazards of nesting: whatever trains inside, the call that the user made is the run."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from typing import Any

import joblib
import lightgbm
import numpy as np
import pytest
import sklearn.model_selection as selection
import xgboost
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import steno
from tests.hazards.conftest import PLUGINS, Site
from tests.hazards.records import points, runs, the_run

X, y = load_breast_cancer(return_X_y=True)
X, y = X[:120, :5], y[:120]
TREES: list[Any] = [("stump", DecisionTreeClassifier(max_depth=1)), ("tree", DecisionTreeClassifier(max_depth=3))]

NESTED: dict[str, Callable[[int], Any]] = {
    "pipeline": lambda jobs: make_pipeline(StandardScaler(), VotingClassifier(TREES, n_jobs=jobs)),
    "grid": lambda jobs: GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=2, n_jobs=jobs),
    "grid over a pipeline": lambda jobs: GridSearchCV(
        make_pipeline(StandardScaler(), DecisionTreeClassifier()),
        {"decisiontreeclassifier__max_depth": [1, 2]},
        cv=2,
        n_jobs=jobs,
    ),
    "voting": lambda jobs: VotingClassifier(TREES, n_jobs=jobs),
    "stacking": lambda jobs: StackingClassifier(TREES, cv=2, n_jobs=jobs),
    "one against the rest": lambda jobs: OneVsRestClassifier(DecisionTreeClassifier(), n_jobs=jobs),
}


@pytest.mark.parametrize(("jobs", "backend"), [(1, "loky"), (2, "loky"), (2, "threading")])
@pytest.mark.parametrize("nested", sorted(NESTED))
def test_hazard_30_nested_fits_are_one_run(installer: str, nested: str, jobs: int, backend: str) -> None:
    """An estimator of estimators is one run of its own class, with one worker or two, in processes or in threads."""
    steno.autolog(log_models=False)
    model = NESTED[nested](jobs)
    with joblib.parallel_backend(backend):
        model.fit(X, y)
    assert the_run().data.tags["estimator_name"] == type(model).__name__


FAMILY: dict[str, Callable[[], Any]] = {
    "cross_validate": lambda: selection.cross_validate(GaussianNB(), X, y, cv=3),
    "cross_val_score": lambda: selection.cross_val_score(GaussianNB(), X, y, cv=3, n_jobs=2),
    "cross_val_predict": lambda: selection.cross_val_predict(GaussianNB(), X, y, cv=3),
    "learning_curve": lambda: selection.learning_curve(GaussianNB(), X, y, cv=2, train_sizes=[0.5, 1.0]),
    "validation_curve": lambda: selection.validation_curve(
        DecisionTreeClassifier(), X, y, param_name="max_depth", param_range=[1, 2], cv=2
    ),
    "permutation_test_score": lambda: selection.permutation_test_score(GaussianNB(), X, y, cv=2, n_permutations=3),
}


@pytest.mark.parametrize("function", sorted(FAMILY))
def test_hazard_32_folds_are_no_runs(installer: str, function: str) -> None:
    """Functions that fit once a fold, a size or a permutation leave one run of them all, never one for each fit."""
    steno.autolog(log_models=False)
    FAMILY[function]()
    found = [run.data.tags["estimator_name"] for run in runs()]
    assert found in ([], ["GaussianNB"], ["DecisionTreeClassifier"])
    if installer == "in place":  # patched by attribute, a name that was copied before is not watched
        assert len(found) == (function != "cross_val_predict")


@pytest.mark.parametrize("plugin", ["with its own plugin", "as an estimator"])
def test_hazard_33_boosters_with_two_integrations_are_one_run(installer: str, site: Site, plugin: str) -> None:
    """`fit` of a booster's scikit-learn class is one run, though scikit-learn's integration could record it too."""
    if plugin == "with its own plugin":
        site.install_file("lightgbm", "lightgbm_boosters.py")
    steno.autolog(log_models=False)
    xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(X, y, eval_set=[(X, y)], verbose=False)
    lightgbm.LGBMClassifier(n_estimators=3, n_jobs=1, verbosity=-1).fit(X, y)
    assert [run.data.tags["estimator_name"] for run in runs()] == ["XGBClassifier", "LGBMClassifier"]
    assert runs()[0].data.tags["steno.integration"] == "xgboost"
    assert len(points(runs()[0], "validation_0-logloss")) == 3


def test_hazard_33_boosters_inside_estimators_are_one_run(installer: str, site: Site) -> None:
    """A pipeline or a vote over boosters of two frameworks is one run of scikit-learn's."""
    site.install_file("lightgbm", "lightgbm_boosters.py")
    steno.autolog(log_models=False)
    boosters = [
        ("x", xgboost.XGBClassifier(n_estimators=2, n_jobs=1)),
        ("l", lightgbm.LGBMClassifier(n_estimators=2, n_jobs=1, verbosity=-1)),
    ]
    make_pipeline(StandardScaler(), VotingClassifier(boosters)).fit(X, y)
    assert the_run().data.tags["estimator_name"] == "Pipeline"


def test_hazard_33_an_estimator_inside_a_torch_training_is_part_of_it(installer: str, site: Site) -> None:
    """A scikit-learn model fitted inside a torch training is no run beside it."""
    torch = pytest.importorskip("torch")
    site.install_file("torch", "torch_loops.py")
    site.write("hazard_trainer.py", (PLUGINS / "hazard_trainer.py").read_text())
    steno.autolog(log_models=False)
    fit = importlib.import_module("hazard_trainer").fit

    def loop() -> None:
        weight = torch.nn.Parameter(torch.ones(1))
        optimizer = torch.optim.SGD([weight], lr=0.5)
        for _ in range(3):
            LogisticRegression(max_iter=200).fit(StandardScaler().fit_transform(X), y)
            optimizer.zero_grad()
            loss = weight.square().sum()
            loss.backward()
            optimizer.step()

    fit(loop)
    run = the_run()
    assert run.data.tags["steno.integration"] == "torch"
    assert points(run, "loss") == [(0, 1.0), (1, 0.0), (2, 0.0)]


def test_hazard_34_a_thousand_batches_are_one_run(installer: str) -> None:
    """`partial_fit` called a thousand times is one run that counts its batches; another model's are another run's."""
    steno.autolog(log_models=False)
    model, plain, other = (SGDClassifier(random_state=0) for _ in range(3))

    def train(model: Any, batches: int) -> None:
        for number in range(batches):
            part = slice(number % 100, number % 100 + 20)
            model.partial_fit(X[part], y[part], classes=[0, 1])

    train(model, 500)
    train(other, 2)
    train(model, 500)
    with steno.off():
        train(plain, 1_000)
    assert np.array_equal(model.coef_, plain.coef_)
    assert [run.info.status for run in runs()] == ["FINISHED", "FINISHED"]
    assert [run.data.tags["steno.partial_fit_calls"] for run in runs()] == ["1000", "2"]


class _InParts(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """An estimator of the user's whose training is a generator, or is awaited."""

    def __init__(self, depth: int = 1) -> None:
        self.depth = depth

    def fit(self, X: Any, y: Any) -> Any:
        for part in range(3):
            if self.depth == 13 and part == 1:
                raise OSError("no more data")
            yield DecisionTreeClassifier(max_depth=self.depth).fit(X, y)
        self.classes_ = np.unique(y)

    async def fit_predict(self, X: Any, y: Any) -> Any:
        tree = DecisionTreeClassifier(max_depth=self.depth).fit(X, y)
        return tree.predict(X)


@pytest.mark.parametrize(
    ("use", "status"),
    [("exhausted", "FINISHED"), ("closed", "FINISHED"), ("failed", "FAILED"), ("awaited", "FINISHED")],
)
def test_hazard_51_a_training_in_parts_lasts_as_long_as_it_is_used(installer: str, use: str, status: str) -> None:
    """A `fit` that is a generator or a coroutine is consumed by the user alone, and its end is the run's."""
    steno.autolog(log_models=False, log_training_metrics=False)
    model = _InParts(13 if use == "failed" else 2)
    if use == "awaited":
        assert asyncio.run(model.fit_predict(X, y)).shape == y.shape
    else:
        parts = model.fit(X, y)
        next(parts)
        assert [run.info.status for run in runs()] == ["RUNNING"]
        GaussianNB().fit(X, y)  # meanwhile, another training
        if use == "closed":
            parts.close()
        elif use == "failed":
            with pytest.raises(OSError, match="no more data"):
                next(parts)
        else:
            assert len(list(parts)) == 2
    first, *others = runs()
    assert (first.info.status, first.data.params["depth"]) == (status, str(model.depth))
    assert [run.data.tags["estimator_name"] for run in others] == ["GaussianNB"] * (use != "awaited")
