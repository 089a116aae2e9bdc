"""XGBoost, held to every row of the kit."""

from __future__ import annotations

from typing import Any

from steno.testing import Conformance

PARAMS = {"max_depth": 2, "seed": 1, "nthread": 1}


def _rows() -> tuple[Any, Any]:
    import numpy as np

    X = np.random.default_rng(0).normal(size=(60, 3))
    return X, X @ [1.0, -2.0, 0.5]


def _data() -> Any:
    import xgboost

    return xgboost.DMatrix(*_rows())


class TestXGBoost(Conformance):
    integration = "xgboost"
    early_import = "from xgboost import train"

    def fit(self) -> Any:
        import xgboost

        data = _data()
        return xgboost.train(PARAMS, data, num_boost_round=4, evals=[(data, "seen")], verbose_eval=False)

    def failing_fit(self) -> Any:
        import xgboost

        return xgboost.train({**PARAMS, "objective": "no:such"}, _data(), num_boost_round=2)

    def predict(self, model: Any) -> Any:
        return model.predict(_data())

    def early_fit(self, train: Any) -> Any:
        return train(PARAMS, _data(), num_boost_round=4)

    def call_styles(self) -> Any:
        import xgboost

        data = _data()
        return [
            lambda: xgboost.train(PARAMS, data, 4),
            lambda: xgboost.train(PARAMS, data, num_boost_round=4),
            lambda: xgboost.train(params=PARAMS, dtrain=data, num_boost_round=4),
        ]

    def nested_fit(self) -> Any:
        from xgboost import XGBRegressor

        return XGBRegressor(n_estimators=3, max_depth=2, n_jobs=1).fit(*_rows())

    def interrupted_fit(self, error: BaseException) -> Any:
        import xgboost

        def objective(_prediction: Any, _data: Any) -> Any:
            raise error

        return xgboost.train(PARAMS, _data(), num_boost_round=3, obj=objective)
