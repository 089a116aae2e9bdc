"""What the commands draw of runs."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from steno.cli.compare import comparison, comparison_json
from steno.cli.run_page import File, RunPage, run_parts
from steno.cli.screen import console
from steno.cli.tables import no_runs, runs_table
from steno.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    LoggedModel,
    Metric,
    ParamValue,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    StatusName,
)

NOW = 1_700_000_100_000.0
EXPERIMENTS = [Experiment("1", "wine")]


def run_of(
    name: str,
    *,
    letter: str = "a",
    status: StatusName = "FINISHED",
    params: dict[str, Any] | None = None,
    metrics: dict[str, float] | None = None,
    tags: dict[str, str] | None = None,
) -> Run:
    """A run as a store returns it, 40 seconds old, that took 1.5 s."""
    info = RunInfo(letter * 32, name, "1", "ada", status, int(NOW) - 40_000, int(NOW) - 38_500)
    latest = {key: Metric(key, value, int(NOW)) for key, value in (metrics or {}).items()}
    values = {key: ParamValue.of(value) for key, value in (params or {}).items()}
    return Run(info, RunData(latest, values, tags or {}))


def drawn(parts: Iterable[Any], width: int = 100, *, terminal: bool = False) -> str:
    """What stands on a screen of this width."""
    file = io.StringIO()
    screen = Console(file=file, width=width, force_terminal=terminal, highlight=False, emoji=False)
    for part in parts:
        screen.print(part)
    return "\n".join(line.rstrip() for line in file.getvalue().split("\n"))


def screen(width: int = 100) -> Console:
    """A screen to measure against."""
    return Console(file=io.StringIO(), width=width)


def test_the_table_shows_each_run_with_the_metrics_and_params_that_tell_them_apart() -> None:
    """A list of runs shows names, ids, what was trained, metrics once each, and only the params that vary."""
    forest = {"estimator_name": "Forest"}
    runs = [
        run_of("calm-otter", letter="a", params={"depth": 4, "s": 0}, metrics={"acc": 0.9, "score": 0.9}, tags=forest),
        run_of("brave-fox", letter="b", params={"depth": 8, "s": 0}, metrics={"acc": 0.95, "score": 0.95}, tags=forest),
        run_of("lost-owl", letter="c", params={"depth": 9, "s": 0}, status="FAILED", tags=forest),
    ]

    text = drawn([runs_table(runs, screen(), experiments=EXPERIMENTS, now_ms=NOW)])

    assert text.split("\n") == [
        "run           id        trained  started     took   acc  depth",
        "● calm-otter  aaaaaaaa  Forest   40 s ago  1.50 s   0.9      4",
        "● brave-fox   bbbbbbbb  Forest   40 s ago  1.50 s  0.95      8",
        "✗ lost-owl    cccccccc  Forest   40 s ago  1.50 s     –      9",
        "",
    ]


def test_child_runs_stand_under_their_parent() -> None:
    """A child run is listed right after its parent, marked as its child."""
    parent = run_of("parent", letter="a")
    child = run_of("child", letter="b", tags={"mlflow.parentRunId": "a" * 32})
    orphan = run_of("orphan", letter="c", tags={"mlflow.parentRunId": "d" * 32})

    text = drawn([runs_table([child, orphan, parent], screen(), experiments=EXPERIMENTS, now_ms=NOW)])

    assert [line.split("  ")[0] for line in text.split("\n")[1:4]] == ["● orphan", "● parent", "└ ● child"]


def test_runs_that_are_each_others_parents_are_still_listed() -> None:
    """A circle of parents, which only a broken program makes, hides no run."""
    first = run_of("first", letter="a", tags={"mlflow.parentRunId": "b" * 32})
    second = run_of("second", letter="b", tags={"mlflow.parentRunId": "a" * 32})

    text = drawn([runs_table([first, second], screen(), experiments=EXPERIMENTS, now_ms=NOW)])

    assert "first" in text
    assert "second" in text


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_the_table_is_never_wider_than_the_screen(width: int) -> None:
    """Metrics that do not fit are left out; no line is broken."""
    metrics = {f"a_metric_with_a_long_name_{place}_score": place / 7 for place in range(20)}
    runs = [run_of("calm-otter-12", letter=letter, metrics=metrics) for letter in "ab"]

    text = drawn([runs_table(runs, screen(width), experiments=EXPERIMENTS, now_ms=NOW)], width)

    lines = text.rstrip("\n").split("\n")
    assert max(len(line) for line in lines) <= width
    assert sum("calm-otter-12" in line for line in lines) == 2
    assert "…" not in text
    assert set(re.findall(r"[a-z]+_[a-z_]*", text)) <= {"a_metric_", "with_a_long_", "name_"}


def test_a_terminal_of_80_columns_shows_scores() -> None:
    """Where room is short the table keeps name, what was trained and the scores; id and times are left out."""
    forest, gain = {"estimator_name": "RandomForestClassifier"}, {"accuracy_score_X_test": 0.9, "training_score": 1.0}
    runs = [run_of(name, letter=name[0], metrics=gain, tags=forest) for name in ("affable-albatross-12", "brave-fox-7")]

    text = drawn([runs_table(runs, screen(80), experiments=EXPERIMENTS, now_ms=NOW)], 80)

    assert text.split("\n") == [
        "                                                       accuracy_  training_",
        "run                     trained           started   score_X_test      score",
        "● affable-albatross-12  RandomForestCla…  40 s ago           0.9          1",
        "● brave-fox-7           RandomForestCla…  40 s ago           0.9          1",
        "",
    ]


def test_a_name_that_several_runs_have_keeps_the_id_beside_it() -> None:
    """Runs of one name are told apart in the narrowest table."""
    runs = [run_of("train", letter=letter, metrics={"a_long_name_of_a_score": 0.5}) for letter in "ab"]

    text = drawn([runs_table(runs, screen(40), experiments=EXPERIMENTS, now_ms=NOW)], 40)

    assert re.findall(r"● train +(\w{8})", text) == ["aaaaaaaa", "bbbbbbbb"]


def test_each_run_shows_a_score_if_it_has_one() -> None:
    """Beside many classifiers a regressor and a booster show their own scores, not a row of dashes."""
    scored = {"accuracy_score_X_test": 0.9, "training_score": 0.99, "training_log_loss": 0.1, "training_roc_auc": 0.95}
    runs = [run_of(f"forest-{letter}", letter=letter, metrics=scored) for letter in "abcdef"]
    runs.append(run_of("ridge", letter="1", metrics={"r2_score_X_test": 0.4, "training_score": 0.5}))
    runs.append(run_of("booster", letter="2", metrics={"eval-mlogloss": 0.2, "train-mlogloss": 0.1, "epoch": 9}))
    runs.append(run_of("empty", letter="0"))

    lines = drawn([runs_table(runs, screen(64), experiments=EXPERIMENTS, now_ms=NOW)], 64).split("\n")

    assert [line.split() for line in lines[:2]] == [
        ["accuracy_", "r2_score_X_", "eval-"],
        ["run", "started", "score_X_test", "test", "mlogloss"],
    ]
    assert [line.split("ago")[-1].split() for line in lines[8:11]] == [
        ["–", "0.4", "–"],
        ["–", "–", "0.2"],
        ["–", "–", "–"],
    ]


def test_grandchildren_stand_deeper_than_children() -> None:
    """Each level of nested runs is set further to the right."""
    runs = [
        run_of("parent", letter="a"),
        run_of("child", letter="b", tags={"mlflow.parentRunId": "a" * 32}),
        run_of("grandchild", letter="c", tags={"mlflow.parentRunId": "b" * 32}),
    ]

    text = drawn([runs_table(runs[::-1], screen(), experiments=EXPERIMENTS, now_ms=NOW)])

    assert [line[:16].rstrip() for line in text.split("\n")[1:4]] == ["● parent", "└ ● child", "  └ ● grandchild"]


@pytest.mark.parametrize("name", ["長い名前" * 10, "x" * 5000, "line\nbreak " * 9])
def test_any_name_takes_one_line_of_the_table(name: str) -> None:
    """A name of wide characters, without end or of several lines is cut to its column."""
    runs = [run_of(name, letter=letter, metrics={"acc": 0.5}) for letter in "ab"]

    text = drawn([runs_table(runs, screen(80), experiments=EXPERIMENTS, now_ms=NOW)], 80)

    assert max(cell_len(line) for line in text.split("\n")) <= 80
    assert [line.split()[-1] for line in text.rstrip("\n").split("\n")] == ["acc", "0.5", "0.5"]


def test_a_page_shows_everything_of_a_run() -> None:
    """A run's page has status, metrics, params, curve, data, model and files, and folds the tags."""
    run = run_of(
        "calm-otter",
        params={"depth": 4, "weight": None},
        metrics={"loss": 0.1, "acc": 0.95},
        tags={"estimator_name": "Forest", "mlflow.user": "ada"},
    )
    dataset = Dataset("X_train", "d1ge5t", profile='{"num_rows": 426}')
    inputs = RunInputs([DatasetInput(dataset, {"mlflow.data.context": "train"})])
    page = RunPage(
        Run(run.info, run.data, inputs, run.outputs),
        "wine",
        {"loss": [Metric("loss", 1 / step, 0, step) for step in range(1, 11)]},
        [LoggedModel("m-1", "model", "1", model_type="sklearn")],
        [File("model", None), File("model/MLmodel", 1200), File("note.txt", 5)],
    )

    text = drawn(run_parts(page, screen(), now_ms=NOW))

    assert "● finished in 1.50 s  calm-otter" in text
    assert "Forest · experiment 'wine'" in text
    assert "id " + "a" * 32 in text
    assert re.search(r"acc +0.95 +depth +4\n", text)
    assert "1 more is None" in text
    assert "Learning curve  loss" in text
    assert "loss 0.1" in text
    assert "X_train   train   426 rows   digest d1ge5t" in text
    assert f'    model   sklearn\n      steno.pyfunc.load_model("runs:/{"a" * 32}/model")\n' in text
    assert "├─ model\n    │  └─ MLmodel   1.2 kB\n    └─ note.txt     5 B" in text
    assert "--tags shows 2 tags" in text
    assert "mlflow.user" not in text
    assert "mlflow.user" in drawn(run_parts(page, screen(), now_ms=NOW, with_tags=True))


def test_what_to_type_is_never_cut_off() -> None:
    """How to load a model stands whole in one line of a terminal of 80 columns, so that it can be copied."""
    page = RunPage(run_of("calm-otter"), "wine", models=[LoggedModel("m-1", "model", "1", model_type="sklearn")])

    lines = drawn(run_parts(page, screen(80), now_ms=NOW), 80).split("\n")

    assert f'      steno.pyfunc.load_model("runs:/{"a" * 32}/model")' in lines


def test_an_error_of_several_lines_stands_under_its_heading() -> None:
    """The lines of an exception's message are set in like the rest of the page."""
    run = run_of("lost-owl", status="FAILED", tags={"steno.error": "ValueError: first\nsecond\n" + "z" * 150})

    text = drawn(run_parts(RunPage(run, "wine"), screen(80), now_ms=NOW), 80)

    assert f"\n  Error ValueError: first\n  second\n  {'z' * 78}\n  {'z' * 72}\n" in text


def test_what_a_page_leaves_out_is_said() -> None:
    """Curves and files beyond what a page shows are counted, and where all of them are is said."""
    page = RunPage(run_of("calm-otter"), "wine", files=[File("a.txt", 1)], more_curves=28, more_files=True)

    text = drawn(run_parts(page, screen(), now_ms=NOW))

    assert "28 more curves are not drawn: --json has them" in text
    assert "the first 1 are shown: --json has all of them" in text


def test_a_page_is_one_json_document() -> None:
    """A run's page as JSON is MLflow's run with history, models and files beside it."""
    run = run_of("calm-otter", metrics={"loss": float("nan")})
    page = RunPage(run, "wine", {"loss": [Metric("loss", float("inf"), 5, 1)]}, [], [File("model", None)])

    found = page.to_json()

    assert found == {
        **run.to_json(),
        "experiment_name": "wine",
        "metric_history": {"loss": [{"key": "loss", "value": "Infinity", "timestamp": 5, "step": 1}]},
        "logged_models": [],
        "artifacts": [{"path": "model", "is_dir": True, "file_size": 0}],
    }


def test_a_comparison_marks_the_best_and_shows_only_what_differs() -> None:
    """Compared runs stand in columns, the best of each metric marked, equal params counted and not shown."""
    runs = [
        run_of("one", letter="a", params={"depth": 4, "seed": 0}, metrics={"log_loss": 0.2, "acc": 0.9, "epoch": 3}),
        run_of("two", letter="b", params={"depth": 8, "seed": 0}, metrics={"log_loss": 0.3, "acc": 0.9, "epoch": 4}),
    ]

    lines = drawn(comparison(runs, screen())).split("\n")

    assert [line.split() for line in lines if line.startswith(("acc", "log_loss", "epoch", "depth"))] == [
        ["acc", "0.9", "0.9"],
        ["log_loss", "0.2", "★", "0.3", "+0.1"],
        ["epoch", "3", "4", "+1"],
        ["depth", "4", "8"],
    ]
    assert not any(line.startswith("seed") for line in lines)
    assert "Params not shown: 1 the same in all; --all shows them" in lines
    assert any(line.startswith("seed") for line in drawn(comparison(runs, screen(), everything=True)).split("\n"))


def test_a_comparison_of_many_runs_stands_in_several_tables() -> None:
    """Runs that do not fit side by side stand in tables one below the other; no number is broken."""
    runs = [
        run_of(f"calm-otter-{letter}", letter=letter, metrics={"training_mean_squared_error": 1 / (3 + ord(letter))})
        for letter in "abcdef"
    ]

    lines = drawn(comparison(runs, screen(80)), 80).split("\n")

    assert [line.split() for line in lines if "otter" in line] == [
        ["calm-otter-a", "calm-otter-b", "calm-otter-c"],
        ["calm-otter-d", "calm-otter-e", "calm-otter-f"],
    ]
    assert [line.split() for line in lines if line.startswith("training")] == [
        ["training_mean_squared_error", "0.01", "0.009901", "0.009804"],
        ["training_mean_squared_error", "0.009709", "0.009615", "0.009524", "★"],
    ]
    assert max(len(line) for line in lines) <= 80


def test_a_comparison_as_json_has_a_value_for_each_run() -> None:
    """A comparison for programs lists values in the order of the runs, null where a run has none."""
    runs = [
        run_of("one", letter="a", params={"depth": 4}, metrics={"loss": 0.2}),
        run_of("two", letter="b", metrics={"loss": float("nan")}),
    ]

    found = comparison_json(runs)

    assert found["metrics"] == {"loss": {"values": [0.2, "NaN"], "best": [0], "lower_is_better": True}}
    assert found["params"] == {"depth": {"values": ["4", None], "differs": True}}
    assert [run["info"]["run_name"] for run in found["runs"]] == ["one", "two"]


HOSTILE = "[bold red]x[/bold red] \x1b[31m :smile: \u202e"


def test_recorded_text_is_neither_markup_nor_control_codes() -> None:
    """Names, params and tags show as they were recorded; no markup is followed and no escape sequence gets through."""
    tags = {HOSTILE: HOSTILE, "steno.error": HOSTILE}
    run = run_of(HOSTILE, params={HOSTILE: HOSTILE}, metrics={HOSTILE: 1.0}, tags=tags)
    page = RunPage(run, HOSTILE)
    parts = [
        runs_table([run], screen(), experiments=[Experiment("1", HOSTILE)], now_ms=NOW),
        *run_parts(page, screen(), now_ms=NOW, with_tags=True),
        *comparison([run, run_of("b", letter="b")], screen()),
        no_runs(HOSTILE, narrowed=False),
    ]

    text = drawn(parts)

    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[bold red]x[/bold red]" in text
    assert ":smile:" in text


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR set, a terminal gets no colours."""
    run = run_of("calm-otter", metrics={"acc": 0.9})
    monkeypatch.setenv("NO_COLOR", "1")

    text = drawn(run_parts(RunPage(run, "wine"), screen(), now_ms=NOW), terminal=True)

    assert "\x1b[3" not in text


def test_output_that_is_no_terminal_is_not_cut_off() -> None:
    """Piped output is plain and as wide as it needs to be."""
    assert console().width == 160
    assert not console().is_terminal
