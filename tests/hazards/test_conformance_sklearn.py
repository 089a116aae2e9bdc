"""scikit-learn, held to every row of the kit."""

from __future__ import annotations

from typing import Any

from steno.testing import Conformance


def _data() -> tuple[Any, Any]:
    from sklearn.datasets import load_iris

    X, y = load_iris(return_X_y=True)
    return X, y


class TestScikitLearn(Conformance):
    integration = "sklearn"
    early_import = "from sklearn.linear_model import LogisticRegression"

    def fit(self) -> Any:
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=200).fit(*_data())

    def failing_fit(self) -> Any:
        from sklearn.linear_model import LogisticRegression

        X, y = _data()
        return LogisticRegression().fit(X, y[:-1])

    def predict(self, model: Any) -> Any:
        return model.predict_proba(_data()[0][::10])

    def early_fit(self, LogisticRegression: Any) -> Any:
        return LogisticRegression(max_iter=200).fit(*_data())

    def call_styles(self) -> Any:
        from sklearn.linear_model import LogisticRegression

        X, y = _data()
        return [
            lambda: LogisticRegression(max_iter=200).fit(X, y),
            lambda: LogisticRegression(max_iter=200).fit(X=X, y=y),
            lambda: LogisticRegression(max_iter=200).fit(y=y, X=X, sample_weight=None),
        ]

    def nested_fit(self) -> Any:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        model = make_pipeline(StandardScaler(), LogisticRegression())
        return GridSearchCV(model, {"logisticregression__C": [0.1, 1.0]}, cv=2).fit(*_data())

    def interrupted_fit(self, error: BaseException) -> Any:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV

        def interrupting(_model: Any, _X: Any, _y: Any) -> float:
            raise error

        return GridSearchCV(LogisticRegression(), {"C": [0.1]}, cv=2, scoring=interrupting).fit(*_data())
