"""What an estimator is: a search, a classifier, mere preprocessing; and which estimator does the work inside it."""

from __future__ import annotations

from typing import Any, Literal

__all__ = ["Kind", "behind", "inner", "kind_of", "search_in"]

Kind = Literal["search", "preprocessing", "classifier", "regressor", "clusterer", "outlier_detector", "other"]

# Feature maps and selectors: they prepare data for a model and are none.
_PREPROCESSING_MODULES = frozenset(
    {
        "compose",
        "feature_extraction",
        "feature_selection",
        "impute",
        "kernel_approximation",
        "preprocessing",
        "random_projection",
    }
)
_PREPROCESSING_CLASSES = frozenset({"FeatureUnion"})
_ESTIMATORS_IN_PREPROCESSING_MODULES = frozenset({"TransformedTargetRegressor"})
_ANSWERS = ("predict", "fit_predict", "score_samples")
_PREPARES = ("transform", "fit_transform", "fit_resample")
_TYPES: dict[str, Kind] = {
    "classifier": "classifier",
    "regressor": "regressor",
    "clusterer": "clusterer",
    "outlier_detector": "outlier_detector",
}


def kind_of(estimator: Any) -> Kind:
    """What `estimator` is, seen before it is fitted. A pipeline is what its last step is."""
    if _is_search(estimator):
        return "search"
    if _is_pipeline(estimator):
        last = _last_step(estimator)
        return "preprocessing" if last is None else kind_of(last)
    if _is_preprocessing(type(estimator)):
        return "preprocessing"
    return _TYPES.get(_estimator_type(estimator), "other")


def behind(estimator: Any) -> Any:
    """The fitted estimator that does the work: a search's best one, a pipeline's last step, at any depth."""
    found = inner(estimator)
    return estimator if found is None else behind(found)


def search_in(estimator: Any) -> Any:
    """The search that this is or that a pipeline ends in; None if there is none."""
    if _is_search(estimator):
        return estimator
    last = _last_step(estimator) if _is_pipeline(estimator) else None
    return None if last is None else search_in(last)


def inner(estimator: Any) -> Any:
    """The next estimator inward: the best of a search, the last step of a pipeline; None if there is none."""
    if _is_search(estimator):
        return getattr(estimator, "best_estimator_", None)
    return _last_step(estimator) if _is_pipeline(estimator) else None


def _is_search(estimator: Any) -> bool:
    from sklearn.model_selection._search import BaseSearchCV  # noqa: PLC0415  the framework

    return isinstance(estimator, BaseSearchCV)


def _is_pipeline(estimator: Any) -> bool:
    from sklearn.pipeline import Pipeline  # noqa: PLC0415  the framework

    return isinstance(estimator, Pipeline)


def _last_step(pipeline: Any) -> Any:
    steps = pipeline.steps
    last = steps[-1][1] if steps else None
    return None if last is None or isinstance(last, str) else last


def _is_preprocessing(cls: type) -> bool:
    module, _, rest = cls.__module__.partition(".")
    if module == "sklearn":
        area = rest.partition(".")[0]
        return cls.__name__ in _PREPROCESSING_CLASSES or (
            area in _PREPROCESSING_MODULES and cls.__name__ not in _ESTIMATORS_IN_PREPROCESSING_MODULES
        )
    # A class of one's own that derives from a scaler is a scaler; `predict` or `fit_predict` makes it a model.
    prepares = any(hasattr(cls, name) for name in _PREPARES)
    return prepares and not any(hasattr(cls, name) for name in _ANSWERS) and not _derives_from_model(cls)


def _derives_from_model(cls: type) -> bool:
    """Whether a transformer inherits from one of scikit-learn's that is a model, such as PCA."""
    return any(
        base.__module__.startswith("sklearn.")
        and base.__module__ not in ("sklearn.base", "sklearn.utils._set_output", "sklearn.utils._metadata_requests")
        and hasattr(base, "fit")
        and not _is_preprocessing(base)
        for base in cls.__mro__
    )


def _estimator_type(estimator: Any) -> str:
    # A pipeline takes any object with `fit` as its last step; and before 1.6 there was the class attribute alone.
    if hasattr(type(estimator), "__sklearn_tags__"):
        from sklearn.utils import get_tags  # noqa: PLC0415  the framework

        found = get_tags(estimator).estimator_type
    else:
        found = getattr(estimator, "_estimator_type", None)
    return str(found)
