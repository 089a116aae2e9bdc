"""Hazards of targets: static and class methods, descriptors, and what is written in C."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.cluster.hierarchy
import scipy.spatial
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import steno
from tests.hazards.conftest import Site
from tests.hazards.records import runs, the_run

X, y = load_iris(return_X_y=True)

PANDAS = '''
from steno.plugin import Integration, hookimpl, observe, train

class Pandas(Integration):
    """Trainings that are static methods, class methods and properties, on a real library."""

    name, requires, owns = "pandas", "pandas>=2.0", ("pandas",)

    @train("pandas:DataFrame.from_records")                                   # class method
    def from_records(self, call):
        call.run.params({"self": call.self.__name__, "rows": len(call.arg("data"))})
        yield

    @train("pandas.core.indexes.multi:MultiIndex.from_arrays")                # class method, with a subclass's copy
    def from_arrays(self, call):
        call.run.params({"self": call.self.__name__, "arrays": len(call.arg("arrays"))})
        yield

    @observe("pandas.core.frame:DataFrame.shape?")                            # a property: refused, not broken
    def shape(self, call, result):
        raise AssertionError("a property was patched")

@hookimpl
def steno_integrations(register):
    register(Pandas())
'''


def test_hazard_15_class_methods_are_class_methods_still(installer: str, site: Site) -> None:
    """A patched class method gets its class, keeps its descriptor's type; a property that was named is left alone."""
    before = {name: vars(pd.DataFrame)[name] for name in ("from_records", "shape")}
    site.install("pandas", PANDAS)
    steno.autolog()
    standing = vars(pd.DataFrame)["from_records"]
    assert isinstance(standing, classmethod)
    if installer == "in place":
        assert standing is before["from_records"]
    assert inspect.ismethod(pd.DataFrame.from_records)
    frame = pd.DataFrame.from_records([(1, 2), (3, 4)])
    assert frame.shape == (2, 2)
    run = the_run()
    assert (run.data.params["self"], run.data.params["rows"]) == ("DataFrame", "2")
    assert vars(pd.DataFrame)["shape"] is before["shape"]

    class Own(pd.DataFrame):  # type: ignore[misc]  # pandas ships no types
        pass

    Own.from_records([(1, 2)])
    assert runs()[1].data.params["self"] == "Own"
    assert steno.status()["pandas"].state == "on"
    steno.disable("pandas")
    assert {name: vars(pd.DataFrame)[name] for name in before} == before


JOINTS = '''
from steno.plugin import Integration, hookimpl, observe, train

class Joints(Integration):
    """Targets in a class of the test's, of every kind of descriptor."""

    name, requires, owns = "hazard_joints", "", ("hazard_joints",)

    @train("hazard_joints:Model.static", "hazard_joints:Model.of_class", "hazard_joints:Model.plain",
           "hazard_joints:Model.available")
    def fit(self, call):
        call.run.params({"function": call.function.__name__, "self": type(call.self).__name__, "x": call.arg("x")})
        yield

@hookimpl
def steno_integrations(register):
    register(Joints())
'''
MODEL = """
from sklearn.utils.metaestimators import available_if

class Model:
    ready = True

    @staticmethod
    def static(x, *, scale=1):
        return x * scale

    @classmethod
    def of_class(cls, x):
        return cls.__name__, x

    def plain(self, x):
        return x

    @available_if(lambda self: self.ready)
    def available(self, x):
        return x
"""


def test_hazard_15_every_kind_of_descriptor_works(installer: str, site: Site) -> None:
    """Static methods, class methods and scikit-learn's `available_if` are patched, and each keeps its kind."""
    site.install("hazard_joints", JOINTS)
    site.write("hazard_joints.py", MODEL)
    steno.autolog()
    from hazard_joints import Model  # type: ignore[import-not-found]

    kinds = {name: type(vars(Model)[name]) for name in ("static", "of_class", "plain", "available")}
    if installer == "in place":
        assert [kind.__name__ for kind in kinds.values()] == [
            "staticmethod",
            "classmethod",
            "function",
            "_AvailableIfDescriptor",
        ]
    assert isinstance(vars(Model)["static"], staticmethod)
    assert isinstance(vars(Model)["of_class"], classmethod)
    model = Model()
    assert [Model.static(1, scale=3), model.static(2)] == [3, 2]
    assert [Model.of_class(3), model.of_class(4)] == [("Model", 3), ("Model", 4)]
    assert [model.plain(5), model.available(6)] == [5, 6]
    model.ready = False
    assert not hasattr(model, "available")
    assert [(run.data.params["function"], run.data.params["x"]) for run in runs()] == [
        ("static", "1"),
        ("static", "2"),
        ("of_class", "3"),
        ("of_class", "4"),
        ("plain", "5"),
        ("available", "6"),
    ]
    assert [run.data.params["self"] for run in runs()] == ["NoneType"] * 2 + ["type"] * 2 + ["Model"] * 2


def test_hazard_15_methods_that_exist_for_some_estimators_only(installer: str) -> None:
    """What scikit-learn makes available by condition is there, and not there, for the same estimators as before."""

    def present() -> list[tuple[str, bool]]:
        models = [SVC(), SGDClassifier(), SGDClassifier(loss="log_loss"), make_pipeline(StandardScaler()), Pipeline([])]
        names = ("predict_proba", "predict", "transform", "score", "partial_fit", "fit_predict")
        return [(f"{model!r}.{name}", hasattr(model, name)) for model in models[:-1] for name in names]

    plain = present()
    steno.autolog(log_models=False)
    assert present() == plain
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(X, y)
    assert pipeline.predict_proba(X).shape == (150, 3)
    the_run()
    assert present() == plain


SCIPY = '''
from steno.plugin import Integration, hookimpl, observe, train

class SciPy(Integration):
    """Targets in Python, in Cython modules, and on a Cython class that takes no attributes."""

    name, requires, owns = "scipy", "scipy>=1.10", ("scipy",)

    @train("scipy.cluster.hierarchy:linkage")
    def linkage(self, call):
        call.run.params({"method": call.arg("method", "single")})
        yield

    @observe("scipy.cluster._hierarchy:nn_chain, scipy.cluster._hierarchy:linkage")
    def chained(self, call, result):
        call.run.metrics({"merges": len(result)})

    @observe("scipy.spatial._ckdtree:cKDTree.query")
    def queried(self, call, result):
        call.run.metrics({"queries": 1})

@hookimpl
def steno_integrations(register):
    register(SciPy())
'''


@pytest.mark.filterwarnings("error")
def test_hazard_16_functions_written_in_c(installer: str, site: Site) -> None:
    """A Cython function is watched where it can be; a class that takes no attributes is named, and nothing breaks."""
    points = np.random.default_rng(0).normal(size=(12, 2))
    plain = scipy.cluster.hierarchy.linkage(points, method="average")
    distances = scipy.spatial.cKDTree(points).query(points, k=2)[0]
    original = scipy.cluster._hierarchy.nn_chain
    site.install("scipy", SCIPY)
    steno.autolog()
    recorded = scipy.cluster.hierarchy.linkage(points, method="average")
    assert np.array_equal(recorded, plain)
    assert np.array_equal(scipy.spatial.cKDTree(points).query(points, k=2)[0], distances)
    run = the_run()
    assert (run.data.params["method"], run.data.metrics["merges"]) == ("average", 11.0)
    row = steno.status()["scipy"]
    assert row.state == "partial"
    assert "cKDTree.query" in row.why
    installers = {patch.target: patch.installer for patch in row.patches}
    assert installers["scipy.cluster._hierarchy:nn_chain"] == "attribute"
    assert installers["scipy.cluster.hierarchy:linkage"] == installer
    steno.disable("scipy")
    assert scipy.cluster._hierarchy.nn_chain is original
    found: Any = scipy.cluster.hierarchy.linkage(points, method="average")
    assert np.array_equal(found, plain)
    assert len(runs()) == 1
