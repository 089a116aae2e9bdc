"""Tables of many runs, read back as one data frame."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import steno
from conftest import RunPython
from steno.errors import InvalidInputError, NotFoundError, StenoWarning


def test_tables_of_all_runs_are_one_frame() -> None:
    """`load_table` joins the tables of the experiment's runs, the last run first, with columns about the runs."""
    with steno.start_run() as first:
        steno.log_params({"lr": 0.1})
        steno.log_metric("m", 1.5)
        steno.log_table({"a": [1, 2], "b": ["x", None], "c": [0.5, math.nan], "run_id": ["p", "q"]}, "t.json")
        steno.log_table({"a": [3]}, "t.json")
    client = steno.Client()
    second = client.create_run("0", start_time=first.info.start_time + 1)
    client.log_table(second.info.run_id, {"a": [9]}, "t.json")
    with steno.start_run():
        steno.log_table({"a": [10]}, "other.json")
    one, two = first.info.run_id, second.info.run_id
    frame = steno.load_table("t.json", extra_columns=["run_id", "params.lr", "metrics.m", "start_time"])

    expected = pd.DataFrame(
        {
            "a": [9, 1, 2, 3],
            "run_id": [two, "p", "q", None],
            "params.lr": [None, "0.1", "0.1", "0.1"],
            "metrics.m": [math.nan, 1.5, 1.5, 1.5],
            "start_time": pd.to_datetime([second.info.start_time] + [first.info.start_time] * 3, unit="ms", utc=True),
            "b": [None, "x", None, None],
            "c": [math.nan, 0.5, math.nan, math.nan],
            "run_id_": [None, one, one, one],
        }
    )
    pd.testing.assert_frame_equal(frame, expected, check_dtype=False)
    assert (str(frame["a"].dtype), str(frame["c"].dtype)) == ("int64", "float64")
    assert str(frame["start_time"].dtype).endswith("UTC]")
    assert steno.load_table("t.json", run_ids=[one])["a"].tolist() == [1, 2, 3]
    assert steno.load_table("t.json", [one, two])["a"].tolist() == [9, 1, 2, 3]


def test_the_client_reads_tables_of_any_experiment() -> None:
    """`Client.load_table` reads those of the experiment it is given; run ids are found wherever they are."""
    client = steno.Client()
    there = client.create_experiment("there")
    run_id = client.create_run(there).info.run_id
    client.log_table(run_id, pd.DataFrame({"q": ["a"], "score": [2.5]}), "dir/t.parquet")
    with steno.start_run():
        steno.log_table({"q": ["here"]}, "dir/t.parquet")

    assert client.load_table(there, "dir/t.parquet").to_dict("list") == {"q": ["a"], "score": [2.5]}
    assert client.load_table("0", "dir/t.parquet")["q"].tolist() == ["here"]
    assert steno.load_table("dir/t.parquet", [run_id])["q"].tolist() == ["a"]


cells = (
    st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")) | st.booleans()
)


@given(st.lists(cells, min_size=1, max_size=4), st.sampled_from(["t.json", "t.parquet"]))
def test_a_table_comes_back_as_it_went_in(values: list[Any], name: str) -> None:
    """Cells of one type come back as they were logged, infinities included."""
    values = [value for value in values if type(value) is type(values[0])]
    with steno.start_run() as run:
        steno.log_table({"v": values}, name)

    assert steno.load_table(name, [run.info.run_id])["v"].tolist() == values


def test_runs_without_the_table_are_left_out_aloud() -> None:
    """Runs that are named and have no such table are left out, and a warning names them."""
    with steno.start_run() as run:
        steno.log_table({"a": [1]}, "t.json")
    with steno.start_run() as bare:
        pass
    lacking = sorted([bare.info.run_id, "nope"])

    with pytest.warns(StenoWarning, match=f"in the runs {', '.join(lacking)}"):
        frame = steno.load_table("t.json", [run.info.run_id, bare.info.run_id, "nope"])
    assert frame["a"].tolist() == [1]


def test_what_is_no_table_is_refused_with_advice() -> None:
    """A table that no run has, a name of none, and a column that no run has are errors that say what there is."""
    with steno.start_run() as run:
        steno.log_table({"a": [1]}, "t.json")
        steno.log_table({"a": [1]}, "broken.json")
        steno.log_text("{}", "broken.json")
        steno.log_text("{}", "text.json")
        steno.set_tag("mlflow.loggedArtifacts.more", "[")
    with pytest.raises(NotFoundError, match=r"no run of experiment '0' has a table 'text.json'"):
        steno.load_table("text.json")
    with pytest.raises(NotFoundError, match=r"no run of these runs has a table 'no.json'"):
        steno.load_table("no.json", [run.info.run_id])
    with pytest.raises(InvalidInputError, match=r"end in .json or .parquet"):
        steno.load_table("t.csv")
    with pytest.raises(InvalidInputError, match=r"extra column is 'params.no' .*run_id, experiment_id"):
        steno.load_table("t.json", extra_columns=["params.no"])
    with pytest.raises(InvalidInputError, match="are lists"):
        steno.load_table("t.json", run.info.run_id)
    with pytest.raises(InvalidInputError, match=r"'broken.json' holds no table"):
        steno.load_table("broken.json")
    Path(steno.artifacts.download_artifacts(f"runs:/{run.info.run_id}/t.json")).unlink()
    with pytest.raises(NotFoundError, match=r"no artifact 't.json'"):
        steno.load_table("t.json")


def test_a_tag_that_somebody_else_wrote_hides_no_tables() -> None:
    """A run whose list of tables is no list has none; those of other runs are read."""
    with steno.start_run():
        steno.log_table({"a": [1]}, "t.json")
    for text in ("[", "3", '{"path": "t.json"}'):
        with steno.start_run():
            steno.set_tag("mlflow.loggedArtifacts", text)

    assert steno.load_table("t.json")["a"].tolist() == [1]


def test_a_table_deep_in_folders_is_found() -> None:
    """A name of many long folders is found as any other, beside many tables of the run."""
    name = "/".join(letter * 200 for letter in "abcdefgh") + "/t.json"
    with steno.start_run():
        steno.log_table({"a": [1]}, name)
        for number in range(50):
            steno.log_table({"a": [number]}, f"{number}.json")

    assert steno.load_table(name)["a"].tolist() == [1]
    assert steno.load_table("49.json")["a"].tolist() == [49]


def test_polars_stands_in_for_pandas(run_python: RunPython) -> None:
    """Without pandas the frame is one of polars; without either an error says what to install."""
    done = run_python(
        "import sys\n"
        "sys.modules['pandas'] = None\n"
        "import importlib.util, steno\n"
        "found = importlib.util.find_spec\n"
        "hidden = {'pandas'}\n"
        "importlib.util.find_spec = lambda name, *rest: None if name in hidden else found(name, *rest)\n"
        "del sys.modules['pandas']\n"
        "with steno.start_run():\n"
        "    steno.log_table({'a': [1, None], 'b': ['x', 'y']}, 't.json')\n"
        "frame = steno.load_table('t.json', extra_columns=['end_time'])\n"
        "print(type(frame).__module__, frame['a'].to_list(), frame['end_time'].dtype)\n"
        "hidden.add('polars'); del sys.modules['polars']\n"
        "try:\n"
        "    steno.load_table('t.json')\n"
        "except steno.errors.InvalidInputError as fault:\n"
        "    print(fault)\n"
    )

    first, second = done.stdout.splitlines()
    assert first == "polars.dataframe.frame [1, None] Datetime(time_unit='ms', time_zone='UTC')", done.stderr
    assert "pip install pandas" in second
