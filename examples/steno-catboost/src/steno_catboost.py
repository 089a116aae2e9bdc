"""CatBoost: each `fit`, `train` and `cv` is one run, with its params, data, curves and model."""

import json
from itertools import zip_longest

from steno.plugin import Integration, SavedFlavor, hookimpl, predicts, train


class CatBoost(Integration):
    name, requires, owns, model_argument = "catboost", "catboost>=1.2", ("catboost",), "cb_model"

    @train("catboost.core:CatBoost._fit")  # every fit() and catboost.train() ends here
    def fit(self, call):
        run, model, X, evals = call.run, call.self, call.arg("X"), call.arg("eval_set")
        run.params({key: type(v).__name__ if hasattr(v, "__dict__") else v for key, v in model.get_params().items()})
        self.record_data(call, X, call.arg("y"))
        for held_out in evals if isinstance(evals, list) else [] if evals is None else [evals]:
            self.record_data(call, *(held_out if isinstance(held_out, tuple) else (held_out,)), context="eval")
        yield  # CatBoost trains here, in C++, and shows its curves when it is done
        run.params({key: value for key, value in model.get_all_params().items() if key not in model.get_params()})
        history = json.loads(model.get_metadata()["training"])["metrics"]
        rounds = zip_longest(history["learn_metrics_history"], history["test_metrics_history"], fillvalue=[])
        for step, (learn, held_out) in enumerate(rounds, getattr(call.arg("init_model"), "tree_count_", None) or 0):
            scores = zip(model.get_evals_result(), [learn, *held_out], strict=False)  # not each round scores each set
            run.metrics({f"{data}-{name}": value for data, each in scores for name, value in each.items()}, step)
        rows = getattr(X, "iloc", X)[:5] if hasattr(X, "__len__") and not isinstance(X, str) else None
        run.model(model, sample=rows, prediction=None if rows is None else model.predict(rows))

    @train("catboost.core:cv", "catboost:cv")
    def cross_validation(self, call):
        call.run.params((call.arg("params") or {}) | {"fold_count": call.arg("fold_count") or call.arg("nfold") or 3})
        self.record_data(call, call.arg("pool") or call.arg("dtrain"))
        result = yield
        table = result[0] if isinstance(result, tuple) else result  # with return_models=True the models come along
        for name in set(table) - {"iterations"}:
            call.run.curve(name, list(table[name]), [int(step) for step in table["iterations"]])

    @predicts("catboost.core:CatBoost._predict")
    def predict(self, call, _result):
        return call.self, call.arg("data")

    def record_data(self, call, X, y=None, context="train"):
        call.run.dataset(X, targets=getattr(X, "get_label", lambda: y)(), name=call.variable(X), context=context)

    def saver(self, model, folder):
        model.save_model(folder / "model.cb")
        kind = next(base.__name__ for base in type(model).__mro__ if base.__module__.startswith("catboost"))
        conf = {"model_type": kind, "save_format": "cbm", "data": "model.cb"}
        return SavedFlavor(conf, {"loader_module": "mlflow.catboost", "data": "model.cb"}, ["catboost"])

    def loader(self, folder, conf):
        import catboost

        return getattr(catboost, conf["model_type"])().load_model(folder / "model.cb", conf["save_format"])


@hookimpl
def steno_integrations(register):
    register(CatBoost())
