"""How recorded values read on a screen."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steno.display import (
    better,
    curves,
    duration,
    family,
    headline,
    lower_is_better,
    number,
    printable,
    resampled,
    size,
    sparkline,
)
from steno.entities import Metric

LOWER = (
    "training_mean_squared_error training_log_loss validation_0-logloss test-merror train-rmse poisson-nloglik mape "
    "mae error@0.5 brier_score_loss gamma-deviance val_loss RMSE davies_bouldin_score mean_absolute_error_X_test"
)
HIGHER = (
    "training_score accuracy_score_X_test training_roc_auc eval-ndcg@10 map@3 r2_score_X_test best_cv_score val_acc "
    "aucpr neg_mean_squared_error f1 precision_score_X_test silhouette_score"
)


@pytest.mark.parametrize("key", LOWER.split())
def test_a_loss_or_error_is_better_when_lower(key: str) -> None:
    """A metric that is named after a loss, an error or a deviance is better when it is lower."""
    assert lower_is_better(key) is True


@pytest.mark.parametrize("key", HIGHER.split())
def test_a_score_is_better_when_higher(key: str) -> None:
    """A metric that is named after a score, an accuracy or an area, or is negated, is better when it is higher."""
    assert lower_is_better(key) is False


@pytest.mark.parametrize(
    "key", ["epoch", "lr", "best_iteration", "system/cpu", "", "🦊", "colossal", "std_test_score", "mean_score_time"]
)
def test_a_metric_whose_name_says_nothing_has_no_direction(key: str) -> None:
    """What is neither a score nor a loss by its name is never called better or worse."""
    assert lower_is_better(key) is None
    assert better(key, [1.0, 2.0]) is None


def test_the_best_of_some_values_ignores_nan() -> None:
    """A NaN is never the best value, and a metric that is only NaN has none."""
    assert better("loss", [math.nan, 2.0, 1.0]) == 1.0
    assert better("score", [math.nan]) is None


def test_scores_on_held_out_data_come_first() -> None:
    """The headline shows scores on test data, then on training data, then what is no score."""
    metrics = ["epoch", "training_score", "training_log_loss", "accuracy_score_X_test", "val_auc"]
    assert headline(metrics, 9) == ["accuracy_score_X_test", "val_auc", "training_score", "training_log_loss", "epoch"]


def test_curves_of_one_quantity_share_a_chart() -> None:
    """Training and validation curves of the same quantity are one family, and a metric with one point is no curve."""
    steps = {"train-logloss": 9, "eval-logloss": 9, "loss": 4, "val_loss": 4, "accuracy": 0}
    latest = {key: Metric(key, 0.5, 0, step) for key, step in steps.items()}
    assert curves(latest) == [["train-logloss", "eval-logloss"], ["loss", "val_loss"]]


@given(st.text(max_size=40))
def test_every_name_has_a_family_and_a_rank(key: str) -> None:
    """No metric's name, however odd, stops a table or a chart from being drawn."""
    assert isinstance(family(key), str)
    assert headline([key]) == [key]


@given(st.floats())
def test_every_number_is_short(value: float) -> None:
    """A number takes at most eleven characters and reads back within a tenth of a per cent."""
    text = number(value)

    assert len(text) <= 11
    if 0 < abs(value) < 1e308:
        assert float(text) == pytest.approx(value, rel=1e-3)


@given(st.floats(0, 1e9))
def test_every_duration_has_a_unit(seconds: float) -> None:
    """A duration always says its unit."""
    assert duration(seconds).rpartition(" ")[2] in ("ms", "s", "min")


@given(st.integers(0, 10**15))
def test_every_size_has_a_unit(count: int) -> None:
    """A size always says its unit, and never needs more than three digits before the point."""
    amount, _, unit = size(count).partition(" ")
    assert unit in ("B", "kB", "MB", "GB", "TB")
    assert float(amount) <= 1000


@given(st.lists(st.floats(), max_size=80), st.integers(1, 30))
def test_a_sparkline_fits_and_keeps_its_range(values: list[float], width: int) -> None:
    """A sparkline has at most the asked width, whatever the values are."""
    assert len(sparkline(values, width)) <= width
    shape = resampled(values, width)
    finite = [value for value in values if math.isfinite(value)]
    assert all(min(finite) <= value <= max(finite) or math.isclose(value, max(finite)) for value in shape)


def test_recorded_text_cannot_steer_a_terminal() -> None:
    """Escape sequences and changes of writing direction in names reach no terminal."""
    assert printable("a\x1b[31mb\u202ec\nd") == "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}c\nd"
