"""Text, dictionaries, figures, images and tables as files of a run."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import PIL.Image
import polars as pl
import pytest
import yaml

import steno
from steno.errors import InvalidInputError
from steno.tracking.artifacts import local_path

mpl.use("agg")

Read = Callable[[str], Path]


@pytest.fixture
def read() -> Read:
    """The path of an artifact of the active run."""
    return lambda name: local_path(steno.get_artifact_uri(name))


def test_text_is_written_as_it_is(read: Read) -> None:
    """`log_text` writes UTF-8 and replaces what was there; something else than text is refused."""
    steno.log_text("héllo\n", "a/note.txt")
    steno.log_text("wörld\n", "a/note.txt")
    assert read("a/note.txt").read_bytes() == "wörld\n".encode()
    with pytest.raises(InvalidInputError, match="text is 3"):
        steno.log_text(3, "x.txt")  # type: ignore[arg-type]


def test_dictionaries_are_json_or_yaml(read: Read) -> None:
    """`log_dict` writes YAML for .yaml and .yml and JSON for anything else; numpy values are numbers and lists."""
    given = {"a": np.float32(0.5), "b": np.arange(3), "c": {"ü": None, 3: (True, "x")}, "d": math.inf}
    steno.log_dict(given, "d.json")
    steno.log_dict(given, "d.yaml")
    steno.log_dict([1, 2], "plain")
    expected = {"a": 0.5, "b": [0, 1, 2], "c": {"ü": None, "3": [True, "x"]}, "d": math.inf}
    assert json.loads(read("d.json").read_text()) == expected
    assert yaml.safe_load(read("d.yaml").read_text()) == expected
    assert json.loads(read("plain").read_text()) == [1, 2]
    circle: dict[str, Any] = {}
    circle["self"] = circle
    with pytest.raises(InvalidInputError, match="holds itself"):
        steno.log_dict(circle, "c.json")


def test_figures_are_drawn_in_the_format_of_their_name(read: Read) -> None:
    """`log_figure` writes the format that the extension names and leaves the figure open and unchanged."""
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2, 3])
    steno.log_figure(figure, "plots/loss.png", save_kwargs={"dpi": 50})
    steno.log_figure(figure, "plots/loss.svg")
    with PIL.Image.open(read("plots/loss.png")) as picture:
        assert picture.size == (320, 240)
    assert "<svg" in read("plots/loss.svg").read_text()
    assert figure.dpi == 100
    with pytest.raises(InvalidInputError, match=r"cannot be written as 'loss\.xyz'"):
        steno.log_figure(figure, "loss.xyz")
    with pytest.raises(InvalidInputError, match="figures of matplotlib and plotly"):
        steno.log_figure({"no": "figure"}, "x.png")
    assert not read("x.png").exists()


@pytest.mark.parametrize(
    ("image", "mode", "pixel"),
    [
        (np.full((2, 3), 7, np.uint8), "L", 7),
        (np.full((2, 3, 1), 7, np.int64), "L", 7),
        (np.full((2, 3, 3), 0.5), "RGB", (128, 128, 128)),
        (np.zeros((2, 3, 4), bool), "RGBA", (0, 0, 0, 0)),
        (PIL.Image.new("RGB", (3, 2), (1, 2, 3)), "RGB", (1, 2, 3)),
    ],
    ids=["gray", "gray with a channel", "floats", "bool", "PIL"],
)
def test_images_keep_their_pixels(read: Read, image: Any, mode: str, pixel: object) -> None:
    """Arrays and PIL images are written so that the same pixels come back."""
    steno.log_image(image, "image.png")
    with PIL.Image.open(read("image.png")) as back:
        back.load()
    assert (back.size, back.mode, back.getpixel((0, 0))) == ((3, 2), mode, pixel)


def test_an_image_of_a_series_has_mlflows_name(read: Read) -> None:
    """An image under a key and step is kept under the name that MLflow's pages look for, with a small copy."""
    steno.log_image(np.zeros((4, 4), np.uint8), key="my/key", step=3, timestamp=1_700_000_000_000)
    names = sorted(path.name for path in read("images").iterdir())
    assert [name.startswith("my~key+step+3+timestamp+1700000000000+") for name in names] == [True, True]
    assert [name.rpartition("+")[2].rpartition(".")[2] for name in names] == ["webp", "png"]
    run = steno.active_run()
    assert run is not None
    assert run.data.tags["mlflow.loggedImages"] == "True"


@pytest.mark.parametrize(
    "image",
    [
        np.full((2, 2), 2.0),
        np.full((2, 2), math.nan),
        np.full((2, 2), 300),
        np.zeros(3),
        np.zeros((0, 2)),
        "text",
        None,
    ],
    ids=["too bright", "nan", "integers beyond 255", "one dimension", "empty", "text", "none"],
)
def test_what_is_no_image_is_refused(image: Any) -> None:
    """Values out of range and other shapes raise instead of being clipped or wrapped around."""
    with pytest.raises(InvalidInputError, match="image"):
        steno.log_image(image, "image.png")


def test_an_image_has_one_name() -> None:
    """Both or neither of `artifact_file` and `key` is refused."""
    for artifact_file, key in ((None, None), ("a.png", "a")):
        with pytest.raises(InvalidInputError, match="accepted is one of them"):
            steno.log_image(np.zeros((2, 2)), artifact_file, key)


def test_tables_grow(read: Read) -> None:
    """A table of the same name is appended to; a column that one part lacks is null there."""
    steno.log_table({"q": ["a", "b"], "score": [1, math.nan]}, "t.json")
    steno.log_table(pd.DataFrame({"q": ["c"], "extra": [np.float32(0.5)]}), "t.json")
    steno.log_table(pl.DataFrame({"q": ["d"]}), "t.json")
    steno.log_table({"q": "e", "score": 2}, "t.json")
    table = json.loads(read("t.json").read_text())
    assert table["columns"] == ["q", "score", "extra"]
    assert [row[0] for row in table["data"]] == ["a", "b", "c", "d", "e"]
    assert table["data"][2] == ["c", None, 0.5]
    assert table["data"][4] == ["e", 2, None]
    run = steno.active_run()
    assert run is not None
    assert json.loads(run.data.tags["mlflow.loggedArtifacts"]) == [{"path": "t.json", "type": "table"}]


def test_tables_are_json_that_browsers_read(read: Read) -> None:
    """NaN is null and infinity a number in a table's file, which stays JSON by the letter; text is left as it is."""
    texts = ['NaN "Infinity" \\', "-Infinity", "NaN"]
    steno.log_table({"x": [math.nan, math.inf, -math.inf], "NaN": texts}, "t.json")
    strict = json.loads(read("t.json").read_text(), parse_constant=pytest.fail)
    numbers = [None, math.inf, -math.inf]
    assert strict == {"columns": ["x", "NaN"], "data": [list(row) for row in zip(numbers, texts, strict=True)]}
    steno.log_table({"x": [1.0], "NaN": ["more"]}, "t.json")
    frame = pd.read_json(read("t.json"), orient="split")
    assert frame["x"].to_list()[1:] == [math.inf, -math.inf, 1.0]
    assert math.isnan(frame["x"][0])


def test_tables_may_be_parquet(read: Read) -> None:
    """A name that ends in .parquet is a Parquet file, appended to in the same way."""
    steno.log_table({"a": [1, 2]}, "t.parquet")
    steno.log_table({"a": [3], "b": ["x"]}, "t.parquet")
    assert pl.read_parquet(read("t.parquet")).to_dict(as_series=False) == {"a": [1, 2, 3], "b": [None, None, "x"]}


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        ({"a": [1, 2], "b": [1]}, "t.json", "different length"),
        ({"a": [1, 2], "b": 1}, "t.json", "different length"),
        ([1, 2], "t.json", "a dict of columns and a data frame"),
        ({"a": [1]}, "t.csv", ".json or .parquet"),
    ],
)
def test_what_is_no_table_is_refused(data: Any, name: str, said: str) -> None:
    """Columns of different length, other objects and other extensions raise; no file appears."""
    with pytest.raises(InvalidInputError, match=said):
        steno.log_table(data, name)
    run = steno.active_run()
    assert run is None or steno.Client().list_artifacts(run.info.run_id) == []


def test_a_file_that_is_no_table_is_not_overwritten(read: Read) -> None:
    """Appending to a file that holds something else raises and leaves it as it is."""
    steno.log_text("{}", "t.json")
    with pytest.raises(InvalidInputError, match="holds no table"):
        steno.log_table({"a": [1]}, "t.json")
    assert read("t.json").read_text() == "{}"


def test_datasets_are_described_never_stored(read: Read) -> None:
    """`log_input` records name, digest, schema and context of data; the same data twice is one input."""
    frame = pd.DataFrame({"x": [1.0, 2.0], "secret": ["alice", "bob"]})
    steno.log_input(frame, context="train", tags={"origin": "test"})
    steno.log_input(frame, context="train")
    with pytest.raises(InvalidInputError, match="log_input got no dataset"):
        steno.log_input()
    run = steno.active_run()
    assert run is not None
    (used,) = run.inputs.dataset_inputs
    assert (used.context, used.tags["origin"]) == ("train", "test")
    assert "secret" in (used.dataset.schema or "")
    assert "alice" not in json.dumps(used.to_json())
