"""The card under a cell that trained something, in a real kernel."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbclient import NotebookClient

from conftest import RunPython
from steno.entities import Metric, ParamValue, Run, RunData, RunInfo, StatusName
from steno.notebook.card import Best, Card, card_html, card_text, many_html, many_text

OPENS = """
    steno.start_run(run_name="opened")
    print(steno.active_run().info.status)
"""
CELLS = {
    "setup": """
        import asyncio, contextvars, threading
        import steno
        steno.autolog()
        from sklearn.datasets import load_iris
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import accuracy_score
        from sklearn.model_selection import train_test_split
        from sklearn.preprocessing import StandardScaler
        from sklearn.tree import DecisionTreeClassifier
        X, y = load_iris(return_X_y=True)
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    """,
    "training": """
        model = DecisionTreeClassifier(max_depth=1).fit(X_train, y_train)
        print(accuracy_score(y_test, model.predict(X_test)))
    """,
    "no training": "1 + 1",
    "preprocessing": "StandardScaler().fit_transform(X).shape",
    "better": """
        model = DecisionTreeClassifier(max_depth=3).fit(X_train, y_train)
        print(accuracy_score(y_test, model.predict(X_test)))
    """,
    "two trainings": """
        first = DecisionTreeClassifier(max_depth=2).fit(X_train, y_train)
        second = LogisticRegression(max_iter=500).fit(X_train, y_train)
    """,
    "failing": "DecisionTreeClassifier().fit(X_train, y_train[:-1])",
    "after a failure": "_ = DecisionTreeClassifier(max_depth=2).fit(X_train, y_train)",
    "thread": """
        thread = threading.Thread(target=DecisionTreeClassifier().fit, args=(X, y))
        thread.start(); thread.join()
    """,
    "lost context": "_ = contextvars.Context().run(DecisionTreeClassifier().fit, X, y)",
    "async": """
        await asyncio.sleep(0)
        _ = DecisionTreeClassifier().fit(X, y)
        await asyncio.sleep(0)
    """,
    "many trainings": """
        for depth in range(1, 9):
            DecisionTreeClassifier(max_depth=depth, random_state=0).fit(X_train, y_train)
    """,
    "very many trainings": """
        for seed in range(30):
            DecisionTreeClassifier(max_depth=1 + seed % 6, random_state=seed).fit(X_train, y_train)
        try:
            DecisionTreeClassifier().fit(X_train, y_train[:-1])
        except ValueError:
            pass
    """,
    "hostile": """
        with steno.start_run(run_name="<script>alert('name')</script>"):
            steno.log_param("<img src=x onerror=alert(1)>", "</div><script>alert('param')</script>")
            steno.log_metric("score", 1.0)
    """,
    "curve": """
        import xgboost
        data = xgboost.DMatrix(X_train, y_train)
        _ = xgboost.train({"objective": "multi:softprob", "num_class": 3}, data, 12, evals=[(data, "train")],
                          verbose_eval=False)
    """,
    "empty run": """
        with steno.start_run():
            pass
    """,
    "a run": "steno.last_active_run()",
    "silent": """
        steno.autolog(silent=True)
        _ = DecisionTreeClassifier().fit(X, y)
    """,
    "one is silent": """
        steno.autolog(silent=False, sklearn={"silent": True})
        _ = DecisionTreeClassifier().fit(X, y)
    """,
    "another is heard": """
        _ = xgboost.train({"objective": "multi:softprob", "num_class": 3}, data, 2)
    """,
    "loud again": """
        steno.autolog(silent=False, sklearn={})
        _ = DecisionTreeClassifier().fit(X, y)
    """,
    "callbacks": """
        found = [hook for hook in get_ipython().events.callbacks["post_run_cell"] if "steno" in hook.__module__]
        print(len(found), "callback")
    """,
    "opens and fails": """
        steno.start_run(run_name="outer"); steno.start_run(run_name="broken", nested=True)
        steno.log_metric("loss", 1.0)
        raise RuntimeError("a bug")
    """,
    "opens": OPENS,
    "a failure in between": "1 / 0",
    "goes on": "steno.log_metric('loss', 2.0); print(steno.active_run().info.run_name)",
    "opens again": OPENS,
    "behind the cell": """
        gone, seen = threading.Event(), threading.Event()
        def in_thread():
            with steno.start_run(run_name="thread"):
                seen.set(); gone.wait(60)
        async def in_task():
            with steno.start_run(run_name="task"):
                while not gone.is_set():
                    await asyncio.sleep(0.01)
        steno.end_run()
        thread = threading.Thread(target=in_thread); thread.start(); seen.wait(60)
        task = asyncio.create_task(in_task()); await asyncio.sleep(0.05)
        1 / 0
    """,
    "behind the cell, ended": "gone.set(); thread.join(); await task",
    "how runs ended": """
        print("\\n".join(
            f"{name} {run.info.status} {dict(run.data.metrics)} {'a bug' in run.data.tags.get('steno.error', '')}"
            for name in ("outer", "broken", "opened", "thread", "task")
            for run in steno.search_runs(filter_string=f"run_name = '{name}'", output_format="list")[::-1]
        ))
    """,
    "off": """
        steno.autolog(disable=True)
        _ = DecisionTreeClassifier().fit(X, y)
    """,
    "lost store": """
        import shutil
        steno.autolog()
        _ = DecisionTreeClassifier().fit(X, y)
        shutil.rmtree(".steno", ignore_errors=True)
    """,
}


def executed(cells: dict[str, str], folder: Path) -> dict[str, list[Any]]:
    """The outputs of each cell, after all of them ran in order in one real kernel."""
    notebook = nbformat.v4.new_notebook()
    for source in cells.values():
        lines = source.strip("\n").split("\n")
        margin = len(lines[0]) - len(lines[0].lstrip())
        notebook.cells.append(nbformat.v4.new_code_cell("\n".join(line[margin:] for line in lines)))
    client = NotebookClient(
        notebook, timeout=240, kernel_name="python3", allow_errors=True, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    return {name: cell.outputs for name, cell in zip(cells, notebook.cells, strict=True)}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Any]]]:
    """The notebook above, run once."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "pyproject.toml").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("STENO_", "MLFLOW_"))]:
            patch.delenv(name)
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        yield executed(CELLS, folder)


def cards(outputs: dict[str, list[Any]], cell: str) -> list[str]:
    """The HTML of every card under a cell."""
    shown = [output.data for output in outputs[cell] if output.output_type == "display_data"]
    return [data["text/html"] for data in shown if "steno-card" in data.get("text/html", "")]


def words(page: str) -> str:
    """What a reader sees of a page, in one line."""

    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[str] = []
            self.styles = 0

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            self.styles += tag == "style"

        def handle_endtag(self, tag: str) -> None:
            self.styles -= tag == "style"

        def handle_data(self, data: str) -> None:
            if not self.styles:
                self.seen.append(data)

    reader = Reader()
    reader.feed(page)
    return " ".join(" ".join(reader.seen).replace("\u200b", "").split())


def test_a_cell_that_trained_shows_exactly_one_card_beside_its_own_output(outputs: dict[str, list[Any]]) -> None:
    """After a cell with a training there is one display, HTML with a line of text beside it, under what it printed."""
    assert [output.output_type for output in outputs["training"]] == ["stream", "display_data"]
    data = outputs["training"][1].data
    assert set(data) == {"text/plain", "text/html"}
    assert "\n" not in data["text/plain"]
    assert re.match(r"steno: \S+ finished · DecisionTreeClassifier · [\d.]+ m?s · ", data["text/plain"])


def test_the_card_has_the_scores_that_came_after_the_training(outputs: dict[str, list[Any]]) -> None:
    """A score on held-out data, computed in the same cell, stands first on the card."""
    (card,) = cards(outputs, "training")
    text = words(card)

    score = outputs["training"][0].text.strip()
    assert text.index("accuracy_score_X_test") < text.index("training_")
    assert f"{float(score):.4g}" in text
    assert "params" in text


@pytest.mark.parametrize(
    "cell", ["setup", "no training", "preprocessing", "empty run", "silent", "one is silent", "callbacks", "off"]
)
def test_other_cells_show_nothing(outputs: dict[str, list[Any]], cell: str) -> None:
    """A cell that trained nothing, or trained while steno is silent or off, has no output of ours."""
    assert [output.output_type for output in outputs[cell] if output.output_type == "display_data"] == []
    assert not any(output.output_type == "error" for output in outputs[cell])
    assert not any("steno:" in output.get("text", "") for output in outputs[cell])


def test_silence_of_one_framework_leaves_the_cards_of_the_others(outputs: dict[str, list[Any]]) -> None:
    """While scikit-learn is silent, a training of XGBoost shows its card, and nothing of what was not shown before."""
    (card,) = cards(outputs, "another is heard")

    assert "num_boost_round" in words(card)
    assert "DecisionTreeClassifier" not in words(card)


def test_a_better_model_shows_its_gain(outputs: dict[str, list[Any]]) -> None:
    """A run shows how it differs from the best earlier run of the experiment, and whether that is good."""
    gain = float(outputs["better"][0].text) - float(outputs["training"][0].text)
    (card,) = cards(outputs, "better")

    assert gain > 0
    assert f"▲ {gain:.3g}" in words(card)
    assert "best earlier run: " in card
    assert f"({gain:+.3g} vs best)" in outputs["better"][1].data["text/plain"]


def test_two_trainings_in_a_cell_share_one_card(outputs: dict[str, list[Any]]) -> None:
    """Two trainings in a cell give one table with a row for each."""
    (card,) = cards(outputs, "two trainings")

    assert words(card).startswith("2 runs")
    assert card.count("<tr>") == 3
    assert "DecisionTreeClassifier" in card
    assert "LogisticRegression" in card


def test_a_failed_training_shows_its_error(outputs: dict[str, list[Any]]) -> None:
    """A training that raised has its card and its error on it, and the exception reaches the notebook."""
    (card,) = cards(outputs, "failing")
    (error,) = [output for output in outputs["failing"] if output.output_type == "error"]

    assert "failed" in words(card)
    assert error.ename in words(card)
    assert error.evalue in words(card)


@pytest.mark.parametrize("cell", ["after a failure", "thread", "lost context", "async", "loud again"])
def test_every_way_to_train_in_a_cell_gives_one_card(outputs: dict[str, list[Any]], cell: str) -> None:
    """A training in a thread, in another context, in an async cell or after a failed cell has its card."""
    assert len(cards(outputs, cell)) == 1
    assert "DecisionTreeClassifier" in cards(outputs, cell)[0]


def test_many_trainings_show_the_best_five(outputs: dict[str, list[Any]]) -> None:
    """Of eight trainings in a cell the five best are listed, best first, and the others counted."""
    (card,) = cards(outputs, "many trainings")
    text = words(card)

    assert text.startswith("8 runs")
    assert "+3 more" in text
    assert card.count("<tr>") == 6
    assert text.count("DecisionTreeClassifier") == 5
    assert "max_depth" in text


def test_very_many_trainings_show_the_best_five(outputs: dict[str, list[Any]]) -> None:
    """Of thirty trainings in a cell the best five are found, and the failed ones counted."""
    (card,) = cards(outputs, "very many trainings")
    text = words(card)
    depths = [int(row.split("</td>")[2].rpartition(">")[2]) for row in card.split("<tr>")[2:]]

    assert text.startswith("31 runs 1 did not finish")
    assert "+26 more" in text
    assert len(depths) == 5
    assert min(depths) > 1


def test_a_store_that_vanished_breaks_no_cell(outputs: dict[str, list[Any]]) -> None:
    """When the store is deleted within a cell, the cell ends as it would without steno."""
    assert not any(output.output_type == "error" for output in outputs["lost store"])


def test_a_learning_curve_is_drawn(outputs: dict[str, list[Any]]) -> None:
    """A booster's curve is on the card as a drawing that names its last value."""
    (card,) = cards(outputs, "curve")

    assert card.count("<polyline") == 1
    assert "train-mlogloss" in words(card)


def test_a_run_as_a_cells_value_shows_as_its_card(outputs: dict[str, list[Any]]) -> None:
    """A run that a cell returns is drawn like the card, as the cell's own result."""
    (result,) = outputs["a run"]

    assert result.output_type == "execute_result"
    assert "steno-card" in result.data["text/html"]


def test_recorded_text_cannot_run_in_the_page(outputs: dict[str, list[Any]]) -> None:
    """Markup in the name of a run or a param is shown, never followed."""
    (card,) = cards(outputs, "hostile")

    assert "<script" not in card
    assert "<img" not in card
    assert "<script>alert('name')</script>" in words(card)
    assert "</div><script>alert('param')</script>" in words(card)


def test_a_cell_that_failed_can_be_run_again(outputs: dict[str, list[Any]]) -> None:
    """Runs that a failing cell opened with `start_run` are failed like their cell, with its error, and none is open."""
    ended = outputs["how runs ended"][0].text.split("\n")

    assert ended[:2] == ["outer FAILED {} True", "broken FAILED {'loss': 1.0} True"]
    assert "2 runs 2 did not finish" in words(cards(outputs, "opens and fails")[0])
    assert outputs["opens"][0].text == "RUNNING\n"


def test_a_run_stays_open_from_cell_to_cell(outputs: dict[str, list[Any]]) -> None:
    """A run that a cell opened is open for the next ones, also after one of them failed."""
    assert outputs["goes on"][0].text == "opened\n"


def test_a_cell_that_starts_a_run_can_be_run_twice(outputs: dict[str, list[Any]]) -> None:
    """Running a cell that starts a run a second time ends the first run and starts another."""
    ended = outputs["how runs ended"][0].text.split("\n")

    assert outputs["opens again"][0].text == "RUNNING\n"
    assert ended[2:4] == ["opened FINISHED {'loss': 2.0} False", "opened FINISHED {} False"]


def test_a_failing_cell_leaves_the_background_alone(outputs: dict[str, list[Any]]) -> None:
    """Runs of threads and tasks that go on behind a failed cell are theirs to end."""
    assert outputs["how runs ended"][0].text.split("\n")[4:6] == ["thread FINISHED {} False", "task FINISHED {} False"]


def test_one_callback_is_registered(outputs: dict[str, list[Any]]) -> None:
    """However many cells trained, the notebook calls steno once after a cell."""
    assert outputs["callbacks"][0].text == "1 callback\n"


def test_a_script_neither_loads_ipython_nor_prints(run_python: RunPython) -> None:
    """Outside notebooks nothing is printed after a training, and IPython is not imported."""
    done = run_python(
        "import sys, steno\n"
        "steno.autolog()\n"
        "from sklearn.tree import DecisionTreeClassifier\n"
        "DecisionTreeClassifier().fit([[0], [1]], [0, 1])\n"
        "assert 'IPython' not in sys.modules\n"
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_ipython_terminal_shows_one_line(run_python: RunPython) -> None:
    """In an IPython terminal a training is followed by one line of text."""
    lines = (
        "import steno; steno.autolog()\n"
        "from sklearn.tree import DecisionTreeClassifier\n"
        "_ = DecisionTreeClassifier().fit([[0], [1]], [0, 1])"
    )
    options = ["--no-banner", "--quick", "--colors=nocolor", "--HistoryManager.enabled=False", "-c", lines]
    source = f"from IPython import start_ipython\nstart_ipython({options!r})\n"

    done = run_python(source, env={"IPYTHONDIR": str(Path("ipython").absolute())})

    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.split("\n") if line.strip()]
    assert line.startswith("steno: ")
    assert " finished · DecisionTreeClassifier · " in line


# -- the card itself


def run_of(name: str, *, status: StatusName = "FINISHED", error: str = "", **metrics: float) -> Run:
    """A run that took 0.12 s."""
    latest = {key: Metric(key, value, 0) for key, value in metrics.items()}
    tags = {"estimator_name": "Forest", **({"steno.error": error} if error else {})}
    return Run(RunInfo("a" * 32, name, "1", "", status, 0, 120), RunData(latest, {"depth": ParamValue.of(4)}, tags))


def test_the_card_reads_well_without_its_style() -> None:
    """Where a host strips styles, as GitHub does, the card still reads in order: name, model, metrics, params."""
    card = Card(run_of("calm-otter", acc=0.951, loss=0.3), {"acc": Best(0.94, "old-fox"), "loss": Best(0.2, "old-fox")})

    assert words(card_html(card)) == (
        "calm-otter Forest finished in 0.12 s acc 0.951 ▲ 0.011 loss 0.3 ▲ 0.1 1 param depth 4"
    )
    assert card_text(card) == (
        "steno: calm-otter finished · Forest · 0.12 s · acc 0.951 (+0.011 vs best) · loss 0.3 (+0.1 vs best)"
    )


def test_a_rise_of_a_loss_is_bad_and_of_a_score_is_good() -> None:
    """The colour of a change says better or worse, not up or down."""
    card = Card(run_of("x", acc=0.951, loss=0.3), {"acc": Best(0.94, "old"), "loss": Best(0.2, "old")})

    good, bad = re.findall(r'<small class="steno-(\w+)"', card_html(card))

    assert (good, bad) == ("good", "bad")


ALLOWED = {
    *("style", "div", "span", "small", "b", "details", "summary", "table", "thead", "tbody", "tr", "th", "td"),
    *("svg", "title", "polyline", "circle"),
}


class Strict(HTMLParser):
    """Fails on any tag or attribute that the card has no use for."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED
        for name, value in attrs:
            assert not name.startswith("on")
            assert name not in ("href", "src", "xlink:href")
            assert "url(" not in (value or "") or name in ("title", "aria-label")


hostile = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'onmouseover='x", "</style><script>", "&lt;b>"]
    ),
)


@settings(max_examples=80, deadline=None)
@given(hostile, hostile, hostile, st.floats(), st.lists(st.floats(), max_size=5))
def test_no_recorded_text_becomes_markup(name: str, key: str, value: str, number: float, curve: list[float]) -> None:
    """Whatever was recorded, the card holds only the tags and attributes that steno writes, and no script."""
    info = RunInfo("a" * 32, name, "1", "", "FAILED", 0, 120)
    tags = {"estimator_name": value, "steno.error": value}
    run = Run(info, RunData({key: Metric(key, number, 0)}, {key: ParamValue.of(value)}, tags))
    card = Card(run, {key: Best(number, name)}, {key: curve})

    for page in (card_html(card), many_html([card, card], 3, 1)):
        parser = Strict()
        parser.feed(page)
        parser.close()
        assert "<script" not in page.lower()
    for line in (card_text(card), many_text([card, card], 3)):
        assert len(line.splitlines()) == 1
