"""What the tests of models share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from steno.plugin import Integration, SavedFlavor


class Toy(Integration):
    """An integration as small as one can be: a model is a dict with a number, and predicts it."""

    name = "toy"
    model_argument = "toy_model"

    def saver(self, model: Any, folder: Path, indent: int = 0) -> SavedFlavor:
        """Write JSON."""
        (folder / "data").mkdir()
        (folder / "data" / "toy.json").write_text(json.dumps(model, indent=indent))
        return SavedFlavor(
            {"data": "data/toy.json"},
            {"loader_module": "mlflow.toy", "data": "data/toy.json"},
            ["numpy"],
            False,
            "dict",
        )

    def loader(self, folder: Path, conf: Mapping[str, Any]) -> Any:
        """Read JSON."""
        return json.loads((folder / conf["data"]).read_text())

    def runs_code(self, folder: Path, conf: Mapping[str, Any]) -> bool:
        """JSON runs nothing."""
        return False

    def predictor(self, model: Any) -> Callable[[Any], Any]:
        """The number, for each row."""
        return lambda data: [model["number"]] * len(data)


@pytest.fixture
def toy() -> Toy:
    """The toy integration."""
    return Toy()
