"""Hazards of scores computed after a training: the right run, or none; never a guess."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import xgboost
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, make_scorer, roc_auc_score
from sklearn.model_selection import GridSearchCV

import steno
from conftest import RunPython
from tests.hazards.records import runs, the_run

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = X[:400, :6], X[400:, :6], y[:400], y[400:]


@pytest.fixture
def in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patched in place: by attribute, a name that was imported before is another object, and not watched."""
    monkeypatch.setenv("STENO_PATCH", "in place")


def _scores(number: int = 0) -> dict[str, float]:
    """The scores of a run that were computed after its training."""
    found = runs()[number].data.metrics
    return {name: value for name, value in found.items() if name.endswith(("_X_test", "_unknown_dataset", "_X_train"))}


def test_hazard_69_scores_by_names_imported_early(in_place: None) -> None:
    """Metric functions that this file imported at its top score into the right run, by position and by keyword."""
    steno.autolog(log_models=False)
    tree = RandomForestClassifier(3, random_state=0).fit(X_train, y_train)
    booster = xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(X_train, y_train)
    of_tree, of_booster = tree.predict(X_test), booster.predict(X_test)
    expected = [
        {"accuracy_score_X_test": accuracy_score(y_test, of_tree), "f1_score_X_test": f1_score(y_test, y_pred=of_tree)},
        {"f1_score_X_test": f1_score(y_pred=of_booster, y_true=y_test, average="macro")},
    ]
    assert [_scores(0), _scores(1)] == expected


def test_hazard_70_views_count_and_copies_do_not(installer: str) -> None:
    """A slice of a prediction scores into its run; a rounded one, a list and a copy score nowhere."""
    import sklearn.metrics

    steno.autolog(log_models=False)
    model = RandomForestClassifier(3, random_state=0).fit(X_train, y_train)
    chances = model.predict_proba(X_test)
    area = sklearn.metrics.roc_auc_score(y_test, chances[:, 1])
    sklearn.metrics.accuracy_score(y_test, np.round(chances[:, 1]))
    sklearn.metrics.accuracy_score(y_test, model.predict(X_test).tolist())
    sklearn.metrics.accuracy_score(y_test, model.predict(X_test).copy())
    assert _scores() == {"roc_auc_score_X_test": area}
    assert area == roc_auc_score(y_test, chances[:, 1].copy())


def test_hazard_70_an_address_used_again_is_never_the_old_run(installer: str) -> None:
    """Thousands of arrays, some at the address of a prediction that is gone, score into no run."""
    import sklearn.metrics

    steno.autolog(log_models=False)
    model = LogisticRegression(max_iter=2000).fit(X_train, y_train)
    small, truth = X_test[:2], y_test[:2]
    met_again = 0
    for _ in range(1_000):
        prediction = model.predict(small)
        address = id(prediction)
        del prediction
        foreign = [np.array([0, 1]) for _ in range(4)]
        met_again += sum(id(each) == address for each in foreign)
        for each in foreign:
            sklearn.metrics.accuracy_score(truth, each)
        del each, foreign
    assert met_again > 0
    assert _scores() == {}


def test_hazard_71_scores_inside_a_search_or_a_score_are_not_counted(in_place: None) -> None:
    """A search that scores with the patched functions, and `model.score`, leave the outer score alone."""
    steno.autolog(log_models=False)
    scoring = {"own": make_scorer(accuracy_score), "area": "roc_auc"}
    search = GridSearchCV(
        LogisticRegression(max_iter=2000), {"C": [0.1, 1.0]}, cv=2, scoring=scoring, refit="own", n_jobs=1
    )
    search.fit(X_train, y_train)
    assert _scores() == {}
    value = search.best_estimator_.score(X_test, y_test)
    assert value == accuracy_score(y_test, search.best_estimator_.predict(X_test).copy())
    found = _scores()
    assert found == {"LogisticRegression_score_X_test": value}
    the_run()


def test_hazard_72_scorers_pickled_while_patched_load_anywhere(in_place: None, run_python: RunPython) -> None:
    """A scorer pickled under autolog holds no trace of us, scores, and loads where steno cannot be imported."""
    steno.autolog(log_models=False)
    scorer = make_scorer(accuracy_score)
    data = pickle.dumps(scorer)
    assert b"steno" not in data
    assert b"wrapt" not in data
    model = LogisticRegression(max_iter=2000).fit(X_train, y_train)
    here: Any = pickle.loads(data)(model, X_test, y_test)
    done = run_python(
        "import pickle, sys\n"
        "sys.modules['steno'] = sys.modules['wrapt'] = None\n"
        "scorer, model, X, y = pickle.loads(bytes.fromhex(sys.argv[1]))\n"
        "print(repr(scorer(model, X, y)))\n",
        pickle.dumps((scorer, model, X_test[:20], y_test[:20])).hex(),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert float(done.stdout) == model.score(X_test[:20], y_test[:20])
    assert here == model.score(X_test, y_test)
