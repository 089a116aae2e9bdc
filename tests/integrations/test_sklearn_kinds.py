"""What counts as a model, and what only prepares data for one."""

from __future__ import annotations

from typing import Any

import pytest
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest, RandomForestRegressor
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from steno_integrations.sklearn.kinds import behind, kind_of


class _OwnScaler(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    def fit(self, X: Any, y: Any = None) -> _OwnScaler:
        return self

    def transform(self, X: Any) -> Any:
        return X


class _OwnModel(_OwnScaler):
    def predict(self, X: Any) -> Any:
        return X


class _OwnClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    def fit(self, X: Any, y: Any = None) -> _OwnClassifier:
        return self


class _WithoutABase:
    def fit(self, X: Any, y: Any = None) -> _WithoutABase:
        return self


class _DerivedScaler(StandardScaler):  # type: ignore[misc]  # scikit-learn ships no types
    pass


class _DerivedPCA(PCA):  # type: ignore[misc]  # scikit-learn ships no types
    pass


@pytest.mark.parametrize(
    ("estimator", "kind"),
    [
        (StandardScaler(), "preprocessing"),
        (SimpleImputer(), "preprocessing"),
        (SelectKBest(), "preprocessing"),
        (ColumnTransformer([]), "preprocessing"),
        (FeatureUnion([("scale", StandardScaler())]), "preprocessing"),
        (FunctionTransformer(), "preprocessing"),
        (make_pipeline(SimpleImputer(), StandardScaler()), "preprocessing"),
        (make_pipeline(StandardScaler(), "passthrough"), "preprocessing"),
        (SMOTE(), "preprocessing"),
        (_OwnScaler(), "preprocessing"),
        (_DerivedScaler(), "preprocessing"),
        (_OwnModel(), "other"),
        (_OwnClassifier(), "classifier"),
        (_DerivedPCA(), "other"),
        (PCA(), "other"),
        (KMeans(), "clusterer"),
        (IsolationForest(), "outlier_detector"),
        (TransformedTargetRegressor(), "regressor"),
        (make_pipeline(StandardScaler(), LogisticRegression()), "classifier"),
        (make_imblearn_pipeline(SMOTE(), LogisticRegression()), "classifier"),
        (make_pipeline(StandardScaler(), PCA()), "other"),
        (make_pipeline(StandardScaler(), _WithoutABase()), "other"),
        (GridSearchCV(RandomForestRegressor(), {}), "search"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_only_models_are_trainings(estimator: Any, kind: str) -> None:
    """Scalers, encoders, selectors and samplers are preprocessing, one's own too; a pipeline is what it ends in."""
    assert kind_of(estimator) == kind


def test_the_estimator_behind_a_search_over_a_pipeline_is_found() -> None:
    """Curves and figures are read from the model itself, however deep it sits."""
    search = GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [1.0]}, cv=2)
    search.fit([[0.0], [1.0], [0.1], [0.9]], [0, 1, 0, 1])
    assert behind(search) is search.best_estimator_[-1]
