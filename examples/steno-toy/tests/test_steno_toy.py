"""The kit's checks of the plugin, and what is particular to it: what a run of toy holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steno
from steno.testing import Conformance, IsolatedStore

X = np.linspace(0, 1, 24).reshape(12, 2)
y = X @ [2.0, -1.0] + 0.5


class TestToy(Conformance):
    """Every check of `steno.testing.Conformance`, with small trainings of toy."""

    integration = "toy"
    early_import = "from toy import train"

    def fit(self) -> Any:
        """A training."""
        from toy import Line

        return Line(rounds=5, rate=0.5, seed=1).fit(X, y)

    def failing_fit(self) -> Any:
        """A training that raises."""
        from toy import Line

        return Line().fit(X, y[:3])

    def predict(self, model: Any) -> Any:
        """Predictions."""
        return model.predict(X)

    def early_fit(self, train: Any) -> Any:
        """A training by a copy of the function that was imported before anything was patched."""
        return train({"rounds": 5}, X, y)

    def call_styles(self) -> list[Any]:
        """The same training, its arguments passed in every way."""
        from toy import Line

        return [lambda: Line(5).fit(X, y), lambda: Line(rounds=5).fit(X, y=y), lambda: Line(5).fit(y=y, X=X)]

    def nested_fit(self) -> Any:
        """A training that trains inside itself."""
        from toy import Team

        return Team(rounds=3).fit(X, y)

    def interrupted_fit(self, error: BaseException) -> Any:
        """A training inside which the user's callback raises."""
        from toy import Line

        def interrupt(number: int, loss: float) -> None:
            raise error

        return Line().fit(X, y, callbacks=[interrupt])


@pytest.fixture
def recorded(steno_store: IsolatedStore) -> IsolatedStore:
    """An empty store; everything is recorded."""
    steno.autolog()
    return steno_store


def test_a_fit_records_params_rounds_data_and_model(recorded: IsolatedStore) -> None:
    """A run of toy has what the model was made with, the loss of each round, the data and a model that loads."""
    from toy import Line

    losses: list[float] = []
    line = Line(rounds=4, rate=0.5).fit(X, y, callbacks=[lambda number, loss: losses.append(loss)])

    run = recorded.run()
    assert (run.info.status, run.data.tags["estimator_name"]) == ("FINISHED", "Line")
    assert dict(run.data.params) == {"rounds": "4", "rate": "0.5", "seed": "0"}
    history = steno.Client().get_metric_history(run.info.run_id, "loss")
    assert [(point.step, point.value) for point in history] == list(enumerate(losses))
    assert [used.dataset.name for used in run.inputs.dataset_inputs] == ["X"]
    loaded = steno.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    assert type(loaded.get_raw_model()) is Line
    np.testing.assert_array_equal(loaded.predict(X), line.predict(X))


def test_a_team_is_one_run_and_its_rounds_go_on(recorded: IsolatedStore) -> None:
    """Members train inside the team: one run, one curve over all their rounds."""
    from toy import Team

    Team(rounds=2).fit(X, y)

    run = recorded.run()
    assert run.data.tags["estimator_name"] == "Team"
    history = steno.Client().get_metric_history(run.info.run_id, "loss")
    assert [point.step for point in history] == [0, 1, 2, 3, 4, 5]


def test_cross_validation_is_one_run(recorded: IsolatedStore) -> None:
    """The trainings of the folds are no runs; their errors are a curve."""
    from toy import cross_validate

    errors = cross_validate({"rounds": 3}, X, y, folds=4)

    run = recorded.run()
    assert dict(run.data.params) == {"rounds": "3", "folds": "4"}
    history = steno.Client().get_metric_history(run.info.run_id, "fold_error")
    assert [point.value for point in history] == errors


def test_a_score_finds_the_run_of_its_model(recorded: IsolatedStore) -> None:
    """A score on predictions is recorded in the run of the model that made them, under the data's name."""
    from toy import Line
    from toy.metrics import largest_error

    first, second = Line(rounds=1).fit(X, y), Line(rounds=8).fit(X, y)
    X_test = X[::2]
    score = largest_error(y[::2], first.predict(X_test))

    by_first, by_second = recorded.runs()
    assert by_first.data.metrics["largest_error_X_test"] == score
    assert "largest_error_X_test" not in by_second.data.metrics
    assert second is not None


def test_weights_are_a_chart_if_asked_for(recorded: IsolatedStore) -> None:
    """`autolog(toy={"log_weights": True})` adds a chart of the weights; without it there is none."""
    from toy import train

    train({"rounds": 1}, X, y)
    steno.autolog(toy={"log_weights": True})
    train({"rounds": 1}, X, y)

    charts = [
        [file.path for file in steno.Client().list_artifacts(run.info.run_id, "charts")] for run in recorded.runs()
    ]
    assert charts == [[], ["charts/weights.json"]]
