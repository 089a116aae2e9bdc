"""Training scores equal the user's own `sklearn.metrics` calls."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.sparse
from hypothesis import example, given, settings
from sklearn import metrics
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor

from steno_integrations.sklearn.forests import predict_forest
from steno_integrations.sklearn.scores import classification, regression

LABELS: dict[str, Any] = {
    "ints": lambda size: np.arange(size) * 3 - 1,
    "floats": lambda size: np.arange(size) * 2.0 - 1,
    "text": lambda size: np.array([f"class {i}" for i in range(size)]),
    "objects": lambda size: np.array([f"class {i}" for i in range(size)], dtype=object),
    "bools": lambda _size: np.array([False, True]),
}


def _close(ours: dict[str, float], theirs: dict[str, float]) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, rel=1e-12, abs=1e-12, nan_ok=True), name


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(2, 6),
    rows=st.integers(0, 120),
    labels=st.sampled_from(sorted(LABELS)),
    digits=st.integers(1, 6),
    weighted=st.booleans(),
    single=st.booleans(),
)
def test_classifier_scores_equal_sklearns(
    seed: int, size: int, rows: int, labels: str, digits: int, weighted: bool, single: bool
) -> None:
    """Every score of a classifier is what the user's own call gives, with ties, weights and labels of any kind."""
    random = np.random.default_rng(seed)
    classes = LABELS[labels](size)
    size = len(classes)
    codes = np.concatenate([np.arange(size), random.integers(0, size, rows)])
    proba = np.round(random.dirichlet(np.ones(size), len(codes)), digits) + 1e-9
    proba = (proba / proba.sum(axis=1, keepdims=True)).astype(np.float32 if single else np.float64)
    y, p = classes[codes], classes[proba.argmax(axis=1)]
    weight = random.random(len(codes)) + 0.01 if weighted else None

    found = classification(y, p, proba, classes, weight)

    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        y, p, average="weighted", zero_division=0, sample_weight=weight
    )
    area = (
        metrics.roc_auc_score(y, proba[:, 1], sample_weight=weight)
        if size == 2
        else metrics.roc_auc_score(y, proba, multi_class="ovo", average="weighted")
    )
    _close(
        found.values,
        {
            "training_precision_score": precision,
            "training_recall_score": recall,
            "training_f1_score": f1,
            "training_accuracy_score": metrics.accuracy_score(y, p, sample_weight=weight),
            "training_log_loss": metrics.log_loss(y, proba, sample_weight=weight),
            "training_roc_auc": area,
        },
    )
    assert found.skipped == {}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(2, 150),
    outputs=st.integers(1, 3),
    weighted=st.booleans(),
    kinds=st.sampled_from(["float64", "float32", "mixed", "ints", "constant"]),
)
@example(seed=0, rows=2, outputs=2, weighted=False, kinds="float32")
def test_regressor_scores_equal_sklearns(seed: int, rows: int, outputs: int, weighted: bool, kinds: str) -> None:
    """Every score of a regressor is the number that the user's own call gives, in the type that it computes in."""
    random = np.random.default_rng(seed)
    y = random.normal(size=(rows, outputs))
    p = y + random.normal(size=y.shape) / 3
    y = {"ints": np.round(y).astype(int), "float32": y.astype("f4"), "constant": np.ones_like(y)}.get(kinds, y)
    p = p.astype("f4") if kinds in ("float32", "mixed") else p
    if outputs == 1:
        y, p = y.ravel(), p.ravel()
    weight = random.random(rows) if weighted else None

    found = regression(y, p, weight)

    names = ("mean_squared_error", "mean_absolute_error", "r2_score", "root_mean_squared_error")
    _close(found.values, {f"training_{name}": getattr(metrics, name)(y, p, sample_weight=weight) for name in names})


def test_each_score_says_how_it_was_computed() -> None:
    """Beside each score stand the function of scikit-learn, its averaging, and which label counts as positive."""
    y = np.array(["ham", "spam", "spam", "ham"])
    proba = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.45, 0.55]])
    found = classification(y, y, proba, np.array(["ham", "spam"]), None)
    averaged = {"average": "weighted", "zero_division": 0}
    assert found.info == {
        "training_precision_score": {"function": "sklearn.metrics.precision_score", **averaged},
        "training_recall_score": {"function": "sklearn.metrics.recall_score", **averaged},
        "training_f1_score": {"function": "sklearn.metrics.f1_score", **averaged},
        "training_accuracy_score": {"function": "sklearn.metrics.accuracy_score"},
        "training_log_loss": {"function": "sklearn.metrics.log_loss", "labels": "classes_ of the model"},
        "training_roc_auc": {"function": "sklearn.metrics.roc_auc_score", "pos_label": "spam"},
    }


def test_weights_keep_the_area_of_several_classes() -> None:
    """scikit-learn defines no weighted one-vs-one area: the unweighted one is recorded and says so."""
    random = np.random.default_rng(0)
    codes = np.arange(90) % 3
    proba = random.dirichlet(np.ones(3), 90)
    found = classification(codes, proba.argmax(axis=1), proba, np.arange(3), random.random(90))
    assert found.values["training_roc_auc"] == pytest.approx(
        metrics.roc_auc_score(codes, proba, multi_class="ovo", average="weighted"), abs=1e-12
    )
    assert found.info["training_roc_auc"]["sample_weight"].startswith("not used")


def test_multilabel_targets_are_scored_by_sklearn_and_stay_sparse() -> None:
    """A multilabel indicator, dense or sparse, gets the scores that exist for it, and the others say why not."""
    random = np.random.default_rng(0)
    y, p = random.integers(0, 2, (40, 3)), random.integers(0, 2, (40, 3))
    expected = {
        "training_precision_score": metrics.precision_score(y, p, average="weighted", zero_division=0),
        "training_recall_score": metrics.recall_score(y, p, average="weighted", zero_division=0),
        "training_f1_score": metrics.f1_score(y, p, average="weighted", zero_division=0),
        "training_accuracy_score": metrics.accuracy_score(y, p),
    }
    for truth in (y, scipy.sparse.csr_matrix(y)):
        found = classification(truth, p, None, None, None)
        _close(found.values, expected)
        assert found.skipped.keys() == {"training_log_loss", "training_roc_auc"}


@pytest.mark.parametrize(
    ("classes", "proba", "reason"),
    [
        (np.arange(3), np.full((4, 3), 1 / 3), "not every class"),
        (np.arange(2), np.array([[0.5, np.nan]] * 4), "not finite"),
    ],
)
def test_an_undefined_area_is_left_out_with_its_reason(classes: Any, proba: Any, reason: str) -> None:
    """Where scikit-learn would raise or warn, nothing is recorded and the reason is."""
    y = np.array([0, 1, 0, 1])
    found = classification(y, y, proba, classes, None)
    assert "training_roc_auc" not in found.values
    assert reason in found.skipped["training_roc_auc"]


def test_labels_unknown_to_the_model_are_scored_too() -> None:
    """Scores do not fail when the truth holds a label that the model never saw."""
    y, p = np.array(["a", "b", "c"]), np.array(["a", "b", "b"])
    found = classification(y, p, np.array([[1.0, 0.0]] * 3), np.array(["a", "b"]), None)
    assert found.values["training_accuracy_score"] == pytest.approx(2 / 3)
    assert found.values["training_recall_score"] == pytest.approx(metrics.recall_score(y, p, average="weighted"))


@pytest.mark.parametrize(
    "forest", [RandomForestClassifier, ExtraTreesClassifier, RandomForestRegressor, ExtraTreesRegressor]
)
def test_the_short_way_through_a_forest_is_exact(forest: Any) -> None:
    """A forest scored tree after tree gives the bits that its own predict gives, dense and sparse."""
    random = np.random.default_rng(0)
    X, y = random.normal(size=(120, 5)), random.integers(0, 3, 120)
    for data in (X, scipy.sparse.csr_matrix(X)):
        model = forest(7, random_state=0).fit(data, y)
        own = model.predict_proba(data) if hasattr(model, "predict_proba") else model.predict(data)
        ours = predict_forest(model, data)
        assert ours is not None
        assert np.array_equal(ours, own)
    assert predict_forest(forest(3).fit(X, np.c_[y, y]), X) is None
