"""The command `steno` on a real store."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import steno
from conftest import RunPython
from steno.cli.main import main
from steno.entities import Run


def call(*arguments: str) -> Result:
    """What `steno ...` prints and returns."""
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


@pytest.fixture
def recorded() -> dict[str, Run]:
    """Three runs in two experiments, by name."""
    steno.set_experiment("wine")
    for name, depth, score in (("calm-otter", 4, 0.9), ("brave-fox", 8, 0.95)):
        with steno.start_run(run_name=name):
            steno.log_params({"depth": depth, "seed": 0})
            for step in range(5):
                steno.log_metric("loss", 1 / (step + depth), step=step)
            steno.log_metric("accuracy", score)
            steno.log_text("hello", "notes/readme.txt")
    steno.set_experiment("iris")
    with pytest.raises(ValueError, match="lost"), steno.start_run(run_name="lost-owl"):
        raise ValueError("lost")
    found = steno.search_runs(search_all_experiments=True, output_format="list")
    return {run.info.run_name: run for run in found}


def test_ls_lists_the_runs_of_every_experiment_newest_first(recorded: dict[str, Run]) -> None:
    """`steno runs ls` lists all runs of the project, the newest first, with metrics and how each ended."""
    done = call("runs", "ls")

    lines = done.output.split("\n")
    assert done.exit_code == 0
    assert [line.split()[1] for line in lines[1:4]] == ["lost-owl", "brave-fox", "calm-otter"]
    assert lines[1].startswith("✗")
    assert "0.95" in lines[2]
    assert lines[2].split()[2] == recorded["brave-fox"].info.run_id[:8]


def test_ls_is_narrowed_by_experiment_filter_order_and_number(recorded: dict[str, Run]) -> None:
    """Experiment, filter, order and number of runs narrow the list, and a shortened list says so."""
    wine = recorded["calm-otter"].info.experiment_id

    def names(*arguments: str) -> list[str]:
        found = json.loads(call("runs", "ls", "--json", *arguments).output)
        return [run["info"]["run_name"] for run in found]

    assert names("--experiment", "wine") == ["brave-fox", "calm-otter"]
    assert names("-e", wine) == ["brave-fox", "calm-otter"]
    assert names("--filter", "metrics.accuracy > 0.92") == ["brave-fox"]
    assert names("-e", "wine", "--order-by", "metrics.accuracy ASC") == ["calm-otter", "brave-fox"]
    assert names("-n", "1") == ["lost-owl"]
    assert names("-n", "1", "--all") == ["lost-owl", "brave-fox", "calm-otter"]
    assert "-n NUMBER or --all" in call("runs", "ls", "-n", "1").output
    assert "--all" not in call("runs", "ls", "-n", "3").output


def test_json_is_the_runs_as_mlflow_writes_them(recorded: dict[str, Run]) -> None:
    """`--json` prints each run in MLflow's form, and nothing else."""
    found = json.loads(call("runs", "ls", "--json", "-e", "wine").output)

    assert found == [recorded["brave-fox"].to_json(), recorded["calm-otter"].to_json()]


@pytest.mark.parametrize("text", ["{id}", "{prefix}", "brave-fox", "@best:accuracy", "@best:loss"])
def test_a_run_is_found_by_id_prefix_name_or_selector(recorded: dict[str, Run], text: str) -> None:
    """A run can be called by its id, an unambiguous beginning of it, its name, or as the best by a metric."""
    run = recorded["brave-fox"]

    done = call("runs", "show", "--json", text.format(id=run.info.run_id, prefix=run.info.run_id[:12]))

    assert json.loads(done.output)["info"]["run_id"] == run.info.run_id


def test_last_is_the_run_that_started_last(recorded: dict[str, Run]) -> None:
    """`@last` is the newest run of all experiments."""
    assert json.loads(call("runs", "show", "--json", "@last").output)["info"]["run_name"] == "lost-owl"


def test_show_draws_the_run_with_its_curve_and_files(recorded: dict[str, Run]) -> None:
    """`steno runs show` has params, metrics, the learning curve and the tree of files."""
    done = call("runs", "show", "calm-otter")

    assert done.exit_code == 0
    assert "● finished" in done.output
    assert re.search(r"accuracy +0.9 +depth +4", done.output)
    assert "Learning curve  loss" in done.output
    assert "⠤" in done.output or "⠒" in done.output
    assert re.search(r"└─ notes\n +└─ readme.txt +5 B", done.output)


def test_show_says_why_a_run_failed(recorded: dict[str, Run]) -> None:
    """The page of a failed run has the exception that ended it."""
    output = call("runs", "show", "lost-owl").output

    assert "✗ failed" in output
    assert "ValueError: lost" in output


def test_show_as_json_has_the_whole_run(recorded: dict[str, Run]) -> None:
    """`steno runs show --json` has the run, its curves and its files in one document."""
    found = json.loads(call("runs", "show", "--json", "calm-otter").output)

    assert {key: found[key] for key in ("info", "data", "inputs", "outputs")} == recorded["calm-otter"].to_json()
    assert found["experiment_name"] == "wine"
    assert [point["value"] for point in found["metric_history"]["loss"]] == [1 / (step + 4) for step in range(5)]
    assert {"path": "notes/readme.txt", "is_dir": False, "file_size": 5} in found["artifacts"]


def test_json_of_a_run_has_every_curve_and_file() -> None:
    """What a page leaves out of a run with many curves and files is in its JSON."""
    with steno.start_run(run_name="many"):
        for step in range(2):
            steno.log_metrics({f"family{place}": step / 2 for place in range(12)}, step=step)
            steno.log_metrics({f"train_{place}-loss": step / 2 for place in range(12)}, step=step)
        for place in range(410):
            steno.log_text("x", f"notes/{place}.txt")

    found = json.loads(call("runs", "show", "many", "--json").output)
    shown = call("runs", "show", "many").output

    assert set(found["metric_history"]) == {
        *(f"family{place}" for place in range(12)),
        *(f"train_{place}-loss" for place in range(12)),
    }
    assert len(found["artifacts"]) == 411
    assert "16 more curves are not drawn" in shown
    assert "the first 400 are shown" in shown


def test_compare_marks_the_best(recorded: dict[str, Run]) -> None:
    """`steno runs compare` puts runs side by side and marks the best of each metric."""
    output = call("runs", "compare", "calm-otter", "brave-fox").output

    assert re.search(r"accuracy +0.9 +0.95 ★ +\+0.05", output)
    assert re.search(r"depth +4 +8\n", output)
    assert "seed" not in output
    assert "seed" in call("runs", "compare", "calm-otter", "brave-fox", "--all").output
    assert json.loads(call("runs", "compare", "calm-otter", "brave-fox", "--json").output)["metrics"]["accuracy"] == {
        "values": [0.9, 0.95],
        "best": [1],
        "lower_is_better": False,
    }


def test_experiments_are_listed_with_their_runs(recorded: dict[str, Run]) -> None:
    """`steno experiments ls` says how many runs each experiment has."""
    output = call("experiments", "ls").output
    found = json.loads(call("experiments", "ls", "--json").output)

    assert re.search(r"wine +\d+ +2 ", output)
    assert re.search(r"iris +\d+ +1 ", output)
    assert {"wine", "iris"} <= {row["name"] for row in found}


def test_integrations_lists_each_plugin_with_its_state() -> None:
    """`steno integrations` names every installed plugin, the state it would be in, and why."""
    found = {row["name"]: row for row in json.loads(call("integrations", "--json").output)["integrations"]}

    assert {"sklearn", "xgboost", "joblib"} <= set(found)
    assert all(row["state"] in ("on", "waiting") for row in found.values())
    assert "sklearn" in call("integrations").output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["runs", "show", "nope"], "no run has the id or name 'nope'"),
        (["runs", "show", "f" * 32], "type `steno runs ls`"),
        (["runs", "show", "@best:"], "accepted are @last and @best:METRIC"),
        (["runs", "show", "@first"], "accepted are @last and @best:METRIC"),
        (["runs", "show", "@best:epoch"], "its name does not say"),
        (["runs", "show", "@best:f1_score"], "no run has the metric 'f1_score'"),
        (["runs", "show", '@best:a"b_score'], "b_score"),
        (["runs", "ls", "-e", "nope"], "there are: "),
        (["runs", "ls", "-e", ""], "there are: "),
        (["runs", "ls", "--filter", "metrics.accuracy >"], "metrics.accuracy >"),
        (["runs", "ls", "--order-by", "nonsense"], "nonsense"),
        (["--store", "ftp://x", "runs", "ls"], "ftp://x"),
    ],
)
def test_a_wrong_value_is_one_message_on_stderr(recorded: dict[str, Run], arguments: list[str], expected: str) -> None:
    """What cannot be done is said on stderr with the value shown, with exit code 1 and nothing on stdout."""
    done = call(*arguments)

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("steno: ")
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["rnus"], "did you mean `steno runs`?"),
        (["bake"], "there are demo, runs, experiments, integrations"),
        (["runs", "compare", "@last"], "give two or more"),
        (["runs", "ls", "-n", "0"], "-n"),
    ],
)
def test_a_wrong_command_line_has_exit_code_2(arguments: list[str], expected: str) -> None:
    """A command line that cannot be understood ends with exit code 2 and says what there is."""
    done = call(*arguments)

    assert (done.exit_code, done.stdout) == (2, "")
    assert expected in done.stderr


def test_runs_of_one_name_are_told_apart_by_id() -> None:
    """A name that several runs have is not guessed: the message lists their ids."""
    ids = []
    for _ in range(2):
        with steno.start_run(run_name="twin") as run:
            ids.append(run.info.run_id)

    done = call("runs", "show", "twin")

    assert done.exit_code == 1
    assert all(run_id[:10] in done.stderr for run_id in ids)
    assert json.loads(call("runs", "show", "--json", ids[0][:10]).output)["info"]["run_id"] == ids[0]


def test_odd_names_are_found(recorded: dict[str, Run]) -> None:
    """A run whose name has quotes or per cent signs is found by it."""
    names = ["it's", '100 % "sure"', "a\\b", "%"]
    for name in names:
        with steno.start_run(run_name=name):
            pass

    found = [json.loads(call("runs", "show", "--json", name).output)["info"]["run_name"] for name in names]

    assert found == names


def test_looking_into_an_empty_project_makes_nothing() -> None:
    """Commands that only read say what to do first, and leave no store behind."""
    done = call("runs", "ls")

    assert done.exit_code == 0
    assert "No runs yet in" in done.output
    assert "steno demo" in done.output
    assert json.loads(call("runs", "ls", "--json").output) == []
    assert [path.name for path in Path.cwd().iterdir()] == ["pyproject.toml"]


def test_another_store_is_read_by_its_uri(tmp_path: Path, recorded: dict[str, Run]) -> None:
    """`--store` reads another store, before or after the command's name."""
    before = json.loads(call("--store", f"sqlite:///{tmp_path}/other.db", "runs", "ls", "--json").output)
    after = json.loads(call("runs", "ls", "--json", "--store", f"sqlite:///{tmp_path}/other.db").output)

    assert before == after == []


def test_help_loads_nothing_heavy(run_python: RunPython) -> None:
    """`steno --help` lists every command without loading rich, the store or numpy."""
    done = run_python(
        "import sys\n"
        "from steno.cli.main import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "heavy = {'rich', 'sqlalchemy', 'numpy', 'wrapt', 'steno.tracking.session', 'steno.cli.demo', 'yaml'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )

    assert done.returncode == 0, done.stderr
    for name in ("demo", "runs", "experiments", "integrations"):
        assert re.search(rf"^  {name} +\S", done.stdout, re.MULTILINE)


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("env", [ASCII, {"PYTHONIOENCODING": "latin-1"}], ids=["ascii", "latin-1"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["piped", "terminal"])
def test_output_that_knows_few_characters_is_drawn_with_those(
    recorded: dict[str, Run], env: dict[str, str], wrapped: bool
) -> None:
    """Where the locale has no braille and no box lines, tables and curves are drawn in ASCII."""
    command = [sys.executable, "-c", "from steno.cli.main import main; main()", "runs", "show", "calm-otter"]
    if wrapped:
        command = [sys.executable, "-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)", *command]

    done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, **env, "TERM": "dumb"})
    text = done.stdout.decode("latin-1").replace("\r\n", "\n")

    assert (done.returncode, done.stderr) == (0, b"")
    assert text.startswith("* finished in ")
    assert "    +- notes" in text
    assert re.search(r"^ +0.20 \+[:'. ]+ loss 0.125$|^ +\|[:'. ]+ loss 0.125$", text, re.MULTILINE)
    assert not {"?", "\ufffd"} & set(text)


def test_a_closed_output_is_no_crash(recorded: dict[str, Run]) -> None:
    """`steno runs ls >&-` prints nothing and ends well."""
    steno_command = f'{sys.executable} -c "from steno.cli.main import main; main()" runs ls >&-'

    done = subprocess.run(steno_command, shell=True, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_reader_that_goes_away_is_no_crash(recorded: dict[str, Run]) -> None:
    """`steno runs show RUN | head -1` ends without a traceback."""
    steno_command = f'{sys.executable} -c "from steno.cli.main import main; main()" runs show calm-otter'

    done = subprocess.run(f"{steno_command} | head -1", shell=True, capture_output=True, text=True, check=False)

    assert done.stdout.startswith("● finished")
    assert done.stderr == ""


def test_a_full_disk_is_one_message(recorded: dict[str, Run]) -> None:
    """Output that cannot be written is said in one line, with exit code 1."""
    steno_command = f'{sys.executable} -c "from steno.cli.main import main; main()" runs ls >/dev/full'

    done = subprocess.run(steno_command, shell=True, capture_output=True, text=True, check=False)

    message = "steno: No space left on device: is there room where the output goes?\n"
    assert (done.returncode, done.stderr) == (1, message)


def test_our_warnings_are_lines_for_people(tmp_path: Path) -> None:
    """A warning of ours on the command line is its text alone, without a line of code."""
    script = "import steno.cli.main as m, steno.autologging.guard as g; m.main(['runs', 'ls'], standalone_mode=False)"

    listed = subprocess.run(
        [sys.executable, "-W", "always", "-c", f"{script}; g.say('a reason')"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert listed.stderr.endswith("steno: a reason\n")
    assert "StenoWarning" not in listed.stderr
