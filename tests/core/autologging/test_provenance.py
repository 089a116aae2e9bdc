"""A score computed after training finds the run of the model that made the prediction, or no run at all."""

from __future__ import annotations

import gc
import importlib
import sys
import weakref
from typing import Any

import numpy as np
import pytest

from steno.autologging import control
from steno.autologging.provenance import Provenance
from steno.autologging.record import RunRecord

Y = [2.0, 2.0, 3.0]


def scores(run: Any) -> dict[str, float]:
    """The metrics of a run that were computed after its training."""
    return {name: value for name, value in run.data.metrics.items() if name not in ("loss", "mean")}


def test_scores_are_named_after_function_and_data(toy: Any, core: Any) -> None:
    """A score of `model.predict(X_test)` is `accuracy_X_test` in the model's run, the next one `accuracy-2_X_test`."""
    X_train, X_test = np.array([[1.0], [3.0]]), np.ones((3, 1))
    first = core.Model().fit(X_train)
    second = core.Model().fit(X_test)
    prediction = first.predict(X_test)
    core.accuracy(Y, prediction)
    core.accuracy(y=Y, prediction=first.predict(X_test))
    core.accuracy(Y, second.predict(X_train[:1].repeat(3)))
    assert [scores(run) for run in toy.runs()] == [
        {"accuracy_X_test": pytest.approx(2 / 3), "accuracy-2_X_test": pytest.approx(2 / 3)},
        {"accuracy_unknown_dataset": 0.0},
    ]


def test_only_the_outermost_metric_counts(toy: Any, core: Any) -> None:
    """A metric that calls another is one score, `score` of a model too, and what is no single number is none."""
    X_test = np.ones((3, 1))
    model = core.Model().fit(X_test)
    prediction = model.predict(X_test)
    core.error_rate(Y, prediction)
    core.per_class(Y, prediction)
    model.score(X_test, Y)
    (run,) = toy.runs()
    assert scores(run) == {"error_rate_X_test": 1.0, "Model_score_X_test": 0.0}


def test_views_are_known_and_copies_are_not(toy: Any, core: Any) -> None:
    """A slice of a prediction belongs to its run; a copy, a list, a rounded one belong to none."""
    data = np.ones((3, 1))
    prediction = core.Model().fit(data).predict(data)
    core.accuracy(Y, prediction[:])
    core.accuracy(Y, prediction.reshape(3, 1)[:, 0])
    for other in (prediction.copy(), prediction.tolist(), np.round(prediction)):
        core.accuracy(Y, other)
    (run,) = toy.runs()
    assert sorted(scores(run)) == ["accuracy-2_data", "accuracy_data"]


def test_a_prediction_that_is_a_view_itself_is_known_by_its_slices(toy: Any, core: Any) -> None:
    """Numpy names the array behind a view as the base of its slices; they are still found."""
    provenance, record = Provenance(), RunRecord.__new__(RunRecord)
    model = core.Model()
    result = np.zeros(6).reshape(3, 2)
    provenance.remember(result, model, record, "X")
    found = provenance.prediction(result[:, 1])
    assert found is not None
    assert (found.record, found.model(), found.source) == (record, model, "X")
    window = np.zeros(6)[2:4]
    provenance.remember(window, model, record, "X")
    assert provenance.prediction(window.base) is None, "the array behind it is more than the prediction"


def test_a_pandas_series_that_shows_the_prediction_is_known(core: Any) -> None:
    """A Series over the very array belongs to the run; one of text is not even looked at."""
    pd = pytest.importorskip("pandas")
    provenance, record = Provenance(), RunRecord.__new__(RunRecord)
    result, model = np.arange(3.0), core.Model()
    provenance.remember(result, model, record, "X")
    shared = pd.Series(result, copy=False)
    found = provenance.prediction(shared)
    assert found is not None
    assert found.source == "X"
    assert provenance.prediction(pd.Series(["a", "b"])) is None
    assert provenance.prediction(pd.Series(result.copy(), copy=False)) is None


def test_an_address_that_is_used_again_is_another_object(core: Any) -> None:
    """A new array at the address of one that is gone is never taken for it, and nothing is kept of the old one."""
    provenance, record, model = Provenance(), RunRecord.__new__(RunRecord), core.Model()
    for _ in range(200):
        array = np.zeros(100)
        assert provenance.prediction(array) is None
        provenance.remember(array, model, record, "X")
        assert provenance.prediction(array) is not None
        del array
    assert len(provenance.predictions) == 0
    provenance.bind([model], record)
    del model
    gc.collect()
    assert not provenance


def test_what_cannot_be_held_weakly_is_not_remembered() -> None:
    """Predictions that are lists and models with slots are passed over without an error."""

    class Slotted:
        __slots__ = ()

    provenance, record = Provenance(), RunRecord.__new__(RunRecord)
    provenance.bind([Slotted(), None], record)
    provenance.remember([1, 2], provenance, record, "X")
    provenance.remember(np.zeros(3), Slotted(), record, "X")
    assert not provenance


def test_a_score_is_recorded_though_the_model_is_gone(toy: Any, core: Any) -> None:
    """The prediction is enough: the model may have been deleted in between."""
    held_out = np.ones((3, 1))
    prediction = core.Model().fit(held_out).predict(held_out)
    gc.collect()
    core.accuracy(Y, prediction)
    (run,) = toy.runs()
    assert list(scores(run)) == ["accuracy_held_out"]


def test_scores_of_models_that_were_not_recorded_are_nobodys(toy: Any, core: Any) -> None:
    """A model fitted while recording was off, or scored while it is off, leaves nothing in any run."""
    data = np.ones((3, 1))
    with control.off():
        unknown = core.Model().fit(data)
    known = core.Model().fit(data)
    core.accuracy(Y, unknown.predict(data))
    with control.off():
        core.accuracy(Y, known.predict(data))
    control.disable("toyfw")
    core.accuracy(Y, known.predict(data))
    (run,) = toy.runs()
    assert scores(run) == {}


def test_scores_inside_a_training_are_part_of_it(toy: Any, core: Any) -> None:
    """A callback that scores a model while another trains adds no score to either."""
    data = np.ones((3, 1))
    first = core.Model().fit(data)
    core.Model().fit(data, callback=lambda _: core.accuracy(Y, first.predict(data)))
    assert [scores(run) for run in toy.runs()] == [{}, {}]


def test_a_metric_that_raises_raises(toy: Any, core: Any) -> None:
    """An error of the metric is the user's, and no score."""
    data = np.ones((3, 1))
    prediction = core.Model().fit(data).predict(data)
    with pytest.raises(TypeError, match="flop"):
        core.accuracy(Y, prediction, flop=True)
    assert [scores(run) for run in toy.runs()] == [{}]


def test_a_variable_is_found_in_the_callers_frame_and_not_kept(toy: Any, core: Any) -> None:
    """The name is that in the function that called the framework, and data deleted later in it is freed at once."""

    class Data(np.ndarray):  # can be held weakly
        pass

    def study() -> bool:
        own_name = np.ones((3, 1)).view(Data)
        held = weakref.ref(own_name)
        core.Model().fit(own_name)
        del own_name
        return held() is None

    assert study()
    (run,) = toy.runs()
    assert run.data.tags["data"] == "own_name"


def test_the_parameter_of_a_users_own_method_is_no_variable_of_theirs(toy: Any, core: Any) -> None:
    """For a class in a module of the user's, the name is the one at the call, not that of the method's parameter."""
    toy.write(
        "plug_study.py",
        """
        from toyfw import Model
        class Mine(Model):
            def fit(self, X):
                self.mean_ = 0.0
                return self
        """,
    )
    held = np.ones((3, 1))
    importlib.import_module("plug_study").Mine().fit(held)
    (run,) = toy.runs()
    assert run.data.tags["data"] == "held"


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="locals() is a copy from 3.13 on")
def test_a_users_own_view_of_their_locals_is_left_alone(core: Any) -> None:
    """A dict that the user got from `locals()` keeps its items."""

    def study() -> dict[str, Any]:
        mine = np.ones((3, 1))
        view = locals()
        core.Model().fit(mine)
        return view

    assert "mine" in study()


def test_ten_thousand_trainings_leave_nothing_in_memory(toy: Any, core: Any) -> None:
    """Models and predictions that are gone are forgotten."""
    data = np.ones((3, 1))
    for _ in range(200):
        core.accuracy(Y, core.Model().fit(data, rounds=1).predict(data))
    gc.collect()
    process = control._Home.switchboard.process
    assert not process.provenance
    assert process.runs._claimed == {}
