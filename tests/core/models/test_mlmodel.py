"""The MLmodel file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steno.errors import ModelError
from steno.models import Model, infer_signature
from steno.models.mlmodel import new_model_id

GOLDEN = Path(__file__).parents[2] / "golden" / "mlmodel"

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner, max_size=2)
)


def test_a_model_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    """Every key is read back, a logged model's id among them."""
    model_id = new_model_id()
    model = Model(
        artifact_path="model",
        run_id="r1",
        signature=infer_signature(pd.DataFrame({"a": [1.0]}), [1]),
        saved_input_example_info={"artifact_path": "input_example.json", "type": "dataframe"},
        model_uuid=model_id,
        metadata={"team": "blue"},
        model_size_bytes=7,
    ).add_flavor("python_function", loader_module="mlflow.sklearn", model_path="model.pkl")
    model.save(tmp_path)

    read = Model.load(tmp_path)

    assert read == model
    assert read == Model.load(tmp_path / "MLmodel")
    assert (read.model_id, read.signature) == (model_id, model.signature)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", read.utc_time_created)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(st.text(), st.dictionaries(st.text(), PLAIN, max_size=3), max_size=3),
    st.dictionaries(st.from_regex(r"[a-z]{9,12}", fullmatch=True), PLAIN, max_size=3),
)
def test_unknown_keys_and_flavors_are_kept(flavors: dict[str, Any], extra: dict[str, Any]) -> None:
    """Whatever else a file holds is there after reading and writing it."""
    data = {"flavors": flavors, "utc_time_created": "2024-01-01 00:00:00", "model_uuid": "u", **extra}
    assert Model.from_dict(data).to_dict() == data


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.yaml")), ids=lambda file: file.stem)
def test_files_of_mlflow_are_read(file: Path) -> None:
    """Files that real MLflow wrote are read, and written again with the same content."""
    text = file.read_text(encoding="utf-8")
    model = Model.load(file)
    assert "python_function" in model.flavors
    assert model.utc_time_created
    again = Model.load(file).to_dict()
    assert Model.from_dict(again) == model
    if "signature" in text:
        assert model.signature is not None
        assert model.get_input_schema() is not None


BOMB = "".join(
    f"{name}: &{name} [{','.join([f'*{below}'] * 9)}]\n" for below, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds None"),
        ("- a\n", r"holds \['a'\]"),
        ("flavors: 7\n", "'flavors' is 7"),
        ("flavors: {a: b}\n", "'flavors' is"),
        ("flavors: {}\nsignature: {inputs: '['}\n", "'signature' is"),
        ("flavors: {}\nsignature: 3\n", "'signature' is 3"),
        ("flavors: !!python/object/apply:os.system ['touch hacked']\n", "no plain YAML"),
        ("a: !!python/name:os.system\n", "no plain YAML"),
        ("a: [\n", "no plain YAML"),
        ("a: \x00\n", "no plain YAML"),
        ("[" * 100_000, "nested more than 100 deep|maximum nesting depth"),  # libyaml's own limit may come first
        ("- " * 100_000, "nested more than 100 deep"),
        ("a: &a [1,1,1,1,1,1,1,1,1]\n" + BOMB, "unfolds"),
        ("a: " + "x" * 2**20, "at most 1048576"),
    ],
)
def test_hostile_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    """A file that runs code, unfolds without end or is no MLmodel raises ModelError and does nothing else."""
    (tmp_path / "MLmodel").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=message):
        Model.load(tmp_path)
    assert not Path("hacked").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error says where a model was looked for."""
    with pytest.raises(ModelError, match=r"no model at .*nowhere"):
        Model.load(tmp_path / "nowhere")
