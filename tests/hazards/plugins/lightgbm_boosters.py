"""A plugin for lightgbm, for the hazard tests: every training one run, each round of each evaluation a point."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator, Iterator
from typing import Any

from steno.plugin import Call, Integration, classes, hookimpl, observe, train


class LightGBM(Integration):
    """Curves are read where lightgbm evaluates; nothing is added to its callbacks."""

    name, requires, owns = "lightgbm", "lightgbm>=4.5", ("lightgbm",)

    def __init__(self) -> None:
        self._boosters: dict[str, weakref.WeakSet[Any]] = {}
        self._folds: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    @train("lightgbm.engine:train", "lightgbm:train")
    def training(self, call: Call) -> Generator[None, Any, None]:
        """`lightgbm.train`."""
        call.run.params({**(call.arg("params") or {}), "num_boost_round": call.arg("num_boost_round", 100)})
        booster = yield
        call.run.metrics({"best_iteration": booster.best_iteration, "num_trees": booster.num_trees()})
        call.run.model(booster)

    @train("lightgbm.engine:cv", "lightgbm:cv")
    def cross_validation(self, call: Call) -> Iterator[None]:
        """`lightgbm.cv`: a curve for each fold."""
        call.run.params({**(call.arg("params") or {}), "nfold": call.arg("nfold", 5)})
        self._boosters[call.run.run_id] = weakref.WeakSet()
        yield

    @train(classes("lightgbm.sklearn:LGBMModel", methods=("fit",)))
    def fitting(self, call: Call) -> Iterator[None]:
        """`fit` of the scikit-learn classes."""
        call.run.params(call.self.get_params())
        call.run.tags({"estimator_name": type(call.self).__name__})
        yield

    @observe("lightgbm.basic:Booster.eval_valid", "lightgbm.basic:Booster.eval_train")
    def evaluated(self, call: Call, rows: Any) -> None:
        """One round has been evaluated on the data sets."""
        step = call.self.current_iteration() - 1
        boosters = self._boosters.get(call.run.run_id)
        fold = ""
        if boosters is not None:
            if call.self not in boosters:
                self._folds[call.self] = len(boosters)
                boosters.add(call.self)
            fold = f"-fold_{self._folds[call.self]}"
        call.run.metrics({f"{row[0]}-{row[1]}{fold}": row[2] for row in rows}, step=step)


@hookimpl
def steno_integrations(register: Callable[[Integration], None]) -> None:
    """Register the integration."""
    register(LightGBM())
