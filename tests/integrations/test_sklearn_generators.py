"""Random generators that a user shares with an estimator stay where the user left them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steno


def _drawn(generator: Any) -> int:
    return int(generator.randint(10**9) if isinstance(generator, np.random.RandomState) else generator.integers(10**9))


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_reading_params_draws_nothing(make: Any) -> None:
    """A pipeline around a booster that shares the user's random generator trains the same model and draws the same."""
    pytest.importorskip("xgboost")
    from sklearn.datasets import load_iris
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from xgboost import XGBClassifier

    X, y = load_iris(return_X_y=True)

    def trained() -> tuple[bytes, int]:
        generator = make(0)
        booster = XGBClassifier(n_estimators=3, subsample=0.5, random_state=generator)
        make_pipeline(StandardScaler(), booster).fit(X, y)
        return bytes(booster.get_booster().save_raw()), _drawn(generator)

    plain = trained()
    steno.autolog()
    recorded = trained()

    assert recorded == plain
    assert len(steno.search_runs(output_format="list")) == 1
