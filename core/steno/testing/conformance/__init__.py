"""The rows of the list of hazards, for every plugin: `Conformance`."""

from __future__ import annotations

from typing import Any

from steno.errors import InvalidInputError
from steno.testing.conformance.arrival import Arrival
from steno.testing.conformance.contract import Contract
from steno.testing.conformance.copies import Copies
from steno.testing.conformance.faults import Faults
from steno.testing.conformance.objects import Objects
from steno.testing.conformance.row import INSTALLERS, rows_of
from steno.testing.conformance.runs import Runs
from steno.testing.conformance.strangers import Strangers
from steno.testing.conformance.surroundings import Surroundings
from steno.testing.conformance.undoing import Undoing

__all__ = ["Conformance"]


class Conformance(Arrival, Undoing, Strangers, Objects, Copies, Surroundings, Faults, Runs, Contract):
    """Whether a plugin leaves its users' programs as they are, and records what they train.

    Subclass it in a test file, name the integration and write one tiny training::

        class TestCatBoost(Conformance):
            integration = "catboost"

            def fit(self):
                from catboost import CatBoostClassifier

                return CatBoostClassifier(iterations=3, verbose=False, random_seed=1).fit(X, y)

            def failing_fit(self):
                from catboost import CatBoostClassifier

                return CatBoostClassifier(iterations=-1).fit(X, y)

            def predict(self, model):
                return model.predict(X)

    Each `test_hazard_NN_...` is a promise to the users of the plugin, and runs with both ways of patching. What can be
    written besides, and what each hook is for, stands at the hooks.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        known = {key for row in rows_of(cls) for installer in INSTALLERS for key in row.keys(installer)}
        known |= {key.replace(" ", "_") for key in known}
        unknown = sorted(set(cls.expected_failures) - known)
        if unknown:
            raise InvalidInputError(
                f"expected_failures of {cls.__name__} lists {', '.join(unknown)}, which is no row: write 'hazard_03', "
                "or 'hazard_03[attribute]' for one way of patching"
            )
