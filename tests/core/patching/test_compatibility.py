"""Patched functions of real frameworks: everything people do with them still works."""

from __future__ import annotations

import copy
import inspect
import pickle
import pydoc
import textwrap
import types
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import cloudpickle
import joblib
import numpy as np
import pytest
import sklearn
import sklearn.metrics
import xgboost
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import accuracy_score as early_accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter
from xgboost import train as early_train

from conftest import RunPython
from steno.autologging.patches import PatchJournal

X, y = load_iris(return_X_y=True)
TARGETS = (
    (LogisticRegression, "fit"),
    (sklearn.metrics, "accuracy_score"),
    (Pipeline, "predict"),
    (xgboost, "train"),
    (xgboost.XGBClassifier, "fit"),
)


def facts(function: Any) -> dict[str, Any]:
    """All that introspection says about a function."""
    return {
        "identity": id(function),
        "type": type(function),
        "signature": inspect.signature(function),
        "follow": inspect.signature(function, follow_wrapped=False),
        "argspec": inspect.getfullargspec(function),
        "doc": function.__doc__,
        "help": pydoc.render_doc(function),
        "repr": repr(function),
        "source": inspect.getsource(function),
        "names": (function.__name__, function.__qualname__, function.__module__),
        "annotations": inspect.get_annotations(function),
        "kinds": (
            inspect.isfunction(function),
            inspect.isgeneratorfunction(function),
            inspect.iscoroutinefunction(function),
        ),
        "attributes": dict(vars(function)),
    }


def stored(owner: Any, name: str) -> Any:
    """The function as it is stored: `@available_if` makes a new one at each access."""
    return getattr(vars(owner)[name], "fn", vars(owner)[name])


BEFORE = [facts(stored(*target)) for target in TARGETS]


@pytest.fixture
def calls() -> Iterator[list[str]]:
    """The names of patched functions as they are called, all of `TARGETS` being patched in place."""
    journal, seen = PatchJournal(), []  # type: tuple[PatchJournal, list[str]]

    def handler(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        seen.append(wrapped.__name__)
        return wrapped(*args, **kwargs)

    for owner, name in TARGETS:
        patch = journal.install(owner, name, handler, label="test")
        assert (patch.installer, patch.state) == ("in place", "on")
    yield seen
    journal.undo()
    assert journal.patches == ()
    assert [facts(stored(*target)) for target in TARGETS] == BEFORE


def model(**params: Any) -> LogisticRegression:
    """A small model."""
    return LogisticRegression(max_iter=300, **params)


def test_introspection_is_unchanged(calls: list[str]) -> None:
    """Identity, type, signature, documentation, source and kind of a patched function are what they were."""
    assert [facts(stored(*target)) for target in TARGETS] == BEFORE


def test_bound_methods_are_plain(calls: list[str]) -> None:
    """`model.fit` is a real bound method: it compares, hashes and is weakly referenced as such."""
    fitted = model().fit(X, y)
    assert calls == ["fit"]
    assert type(fitted.fit) is types.MethodType
    assert inspect.ismethod(fitted.fit)
    assert (fitted.fit == fitted.fit, hash(fitted.fit)) == (True, hash(fitted.fit))
    assert weakref.WeakMethod(fitted.fit)() == fitted.fit


def test_fitted_models_pickle_and_copy_without_us(calls: list[str]) -> None:
    """Pickles of fitted models, bound methods, functions and scorers work and hold no trace of us."""
    fitted = model().fit(X, y)
    scorer = sklearn.metrics.make_scorer(sklearn.metrics.accuracy_score)
    for thing in (fitted, fitted.fit, LogisticRegression.fit, sklearn.metrics.accuracy_score, scorer):
        for dumps in (pickle.dumps, cloudpickle.dumps):
            data = dumps(thing)
            assert b"steno" not in data
            assert type(pickle.loads(data)) is type(thing)
    assert pickle.loads(pickle.dumps(sklearn.metrics.accuracy_score)) is sklearn.metrics.accuracy_score
    assert copy.copy(LogisticRegression.fit) is LogisticRegression.fit
    assert copy.deepcopy(fitted.fit).__self__ is not fitted
    assert (copy.deepcopy(fitted).coef_ == fitted.coef_).all()
    assert clone(fitted).get_params() == fitted.get_params()
    assert fitted._repr_html_()


def test_copies_imported_early_are_patched(calls: list[str]) -> None:
    """`from sklearn.metrics import accuracy_score` and `from xgboost import train`, done earlier, are patched."""
    early_accuracy_score(y, y)
    early_train({"max_depth": 1}, xgboost.DMatrix(X, y), num_boost_round=1)
    assert calls == ["accuracy_score", "train"]
    calls.clear()
    fitted = model().fit(X, y)
    sklearn.metrics.get_scorer("accuracy")(fitted, X, y)
    assert calls == ["fit", "accuracy_score"]


def test_positional_and_keyword_calls_of_decorated_functions(calls: list[str]) -> None:
    """Both styles of calling reach xgboost's `train` and a pipeline's `predict` behind its `available_if`."""
    data = xgboost.DMatrix(X, y)
    one = xgboost.train({"max_depth": 1}, data, 2)
    two = xgboost.train(params={"max_depth": 1}, dtrain=data, num_boost_round=2)
    assert one.save_raw() == two.save_raw()
    pipeline = Pipeline([("model", model())]).fit(X, y)
    pipeline.predict(X)
    assert calls == ["train", "train", "fit", "predict"]
    assert hasattr(pipeline, "predict")
    assert not hasattr(Pipeline([("scale", sklearn.preprocessing.StandardScaler())]), "predict")


def test_scikit_learns_own_facilities_work(calls: list[str]) -> None:
    """Fit parameters, metadata routing, subclasses, `super().fit` and searches work on patched estimators."""

    class Sub(LogisticRegression):  # type: ignore[misc]
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            return super().fit(X, y, sample_weight)

    assert has_fit_parameter(model(), "sample_weight")
    with sklearn.config_context(enable_metadata_routing=True):
        for kind in (LogisticRegression, Sub):
            routed = kind().set_fit_request(sample_weight=True)
            assert routed.get_metadata_routing().fit.requests == {"sample_weight": True}
    Sub(max_iter=300).fit(X, y)
    assert calls == ["fit"]
    calls.clear()
    search = GridSearchCV(model(), {"C": [0.1, 1.0]}, cv=2, n_jobs=2).fit(X, y)
    assert (calls, search.best_params_["C"] in (0.1, 1.0)) == (["fit"], True)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_bound_methods_run_in_joblib_workers(calls: list[str], backend: str) -> None:
    """`Parallel(delayed(model.fit))` works; worker processes know nothing of patches."""
    fitted = joblib.Parallel(n_jobs=2, backend=backend)(joblib.delayed(model().fit)(X, y) for _ in range(2))
    assert [each.n_features_in_ for each in fitted] == [4, 4]
    assert len(calls) == {"loky": 0, "threading": 2}[backend]


def test_mocks_and_wrappers_of_the_user_come_and_go(calls: list[str]) -> None:
    """`mock.patch(autospec=True)` over a patched method works, and what it restores is still patched."""
    with mock.patch.object(LogisticRegression, "fit", autospec=True) as fake:
        model().fit(X, y)
        assert (fake.call_count, calls) == (1, [])
    model().fit(X, y)
    assert calls == ["fit"]


def test_errors_are_the_frameworks_own(calls: list[str]) -> None:
    """A failing fit raises the framework's error, with nothing chained and its own frame last."""
    with pytest.raises(ValueError, match="'C' parameter") as caught:
        model(C=-1).fit(X, y)
    files = [Path(frame.path).name for frame in caught.traceback]
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert (files[-1], files.count("patches.py")) == ("_param_validation.py", 1)


def test_training_is_bit_for_bit_the_same() -> None:
    """With one seed, models trained under patches are byte-identical to models trained without."""

    def train_all() -> list[bytes]:
        data = xgboost.DMatrix(X, y)
        params = {"max_depth": 2, "subsample": 0.5, "seed": 3}
        return [
            pickle.dumps(SGDClassifier(random_state=0).fit(X, y)),
            pickle.dumps(model(random_state=0).fit(X, y)),
            bytes(xgboost.train(params, data, 5).save_raw()),
        ]

    before = train_all()
    journal = PatchJournal()
    for owner, name in (*TARGETS, (SGDClassifier, "fit")):
        journal.install(owner, name, lambda wrapped, _, args, kwargs: wrapped(*args, **kwargs), label="test")
    try:
        assert train_all() == before
    finally:
        journal.undo()


def test_an_estimator_of_the_users_own_by_value(calls: list[str]) -> None:
    """An estimator class made in a function is patched by attribute, and its pickles hold no trace of us."""

    class Mine(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        def fit(self, X: Any, y: Any) -> Any:
            self.classes_ = np.unique(y)
            return self

    journal = PatchJournal()
    seen: list[Any] = []

    def handler(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        seen.append(type(instance).__name__)
        return wrapped(*args, **kwargs)

    assert journal.install(Mine, "fit", handler, label="test").installer == "attribute"
    data = cloudpickle.dumps(Mine())
    assert (b"steno" in data, b"wrapt" in data, b"handler" in data) == (False, False, False)
    Mine().fit(X, y)
    assert seen == ["Mine"]
    journal.undo()
    assert type(vars(Mine)["fit"]) is types.FunctionType


def test_an_estimator_of_a_script_comes_back_from_workers_and_is_patched_again(run_python: RunPython) -> None:
    """A class of `__main__`, fitted in loky workers and returned, has its methods replaced; `reapply` finds them."""
    script = """
        import pickle, joblib, numpy as np
        from sklearn.base import BaseEstimator, ClassifierMixin
        from steno.autologging.patches import PatchJournal

        class Mine(ClassifierMixin, BaseEstimator):
            def fit(self, X, y, sample_weight=None):
                self.classes_ = np.unique(y)
                return self
            @classmethod
            def make(cls):
                return cls()
            @staticmethod
            def check(x):
                return x

        if __name__ == "__main__":
            calls = []
            def handler(wrapped, instance, args, kwargs):
                calls.append(wrapped.__name__)
                return wrapped(*args, **kwargs)
            journal = PatchJournal()
            names = ("fit", "make", "check")
            print([journal.install(Mine, name, handler, label="test").installer for name in names])
            X, y = np.zeros((4, 1)), np.array([0, 1, 0, 1])
            jobs = (joblib.delayed(lambda e: e.fit(X, y))(Mine()) for _ in range(2))
            print([type(e) is Mine for e in joblib.Parallel(n_jobs=2)(jobs)], calls)
            Mine().fit(X, y); Mine.make(); Mine.check(1)
            print("unpatched", calls)
            print([p.target for p in journal.reapply()], journal.reapply())
            Mine().fit(X, y); Mine.make(); Mine.check(1)
            print("patched", calls)
            pickle.loads(pickle.dumps(Mine().fit))(X, y)
            print(len(calls), [p.state for p in journal.patches])
            journal.undo()
            print({n: type(vars(Mine)[n]).__name__ for n in names})
    """
    done = run_python(textwrap.dedent(script))
    assert done.stdout.splitlines() == [
        "['attribute', 'attribute', 'attribute']",
        "[True, True] []",
        "unpatched []",
        "['__main__:Mine.fit', '__main__:Mine.make', '__main__:Mine.check'] ()",
        "patched ['fit', 'make', 'check']",
        "4 ['on', 'on', 'on']",
        "{'fit': 'function', 'make': 'classmethod', 'check': 'staticmethod'}",
    ], done.stderr


def test_every_estimator_of_scikit_learn_can_be_patched_and_comes_back() -> None:
    """All `fit`, `predict` and `score` methods of scikit-learn patch in place, and an undo restores their code."""
    from sklearn.utils import all_estimators

    journal = PatchJournal()
    found = {
        (owner, name): vars(owner)[name]
        for _, kind in all_estimators()
        for owner in kind.__mro__
        for name in ("fit", "predict", "score", "partial_fit")
        if name in vars(owner) and owner.__module__.startswith("sklearn")
    }
    codes = {each: getattr(raw, "fn", raw).__code__ for each, raw in found.items()}
    for owner, name in found:
        patch = journal.install(owner, name, lambda wrapped, _, args, kwargs: wrapped(*args, **kwargs), label="test")
        assert patch.installer == "in place"
    assert len(found) > 250
    journal.undo()
    assert {each: getattr(raw, "fn", raw).__code__ for each, raw in found.items()} == codes
    assert {each: vars(each[0])[each[1]] for each in found} == found
