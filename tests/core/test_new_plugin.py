"""`steno new-plugin`: what it writes works at once, and what it cannot do it says."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from steno.cli.main import main
from tests.packaging.environments import ROOT, Environment, wheel_of

FILES = [
    "pyproject.toml",
    "README.md",
    ".gitignore",
    ".github/workflows/tests.yml",
    "src/steno_brand_new.py",
    "tests/test_steno_brand_new.py",
    "tests/stand_in/brand_new.py",
]


def call(*arguments: str) -> Result:
    """What `steno new-plugin ...` prints and returns."""
    return CliRunner().invoke(main, ["new-plugin", *arguments], catch_exceptions=False)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_package_passes_its_own_tests_where_it_is_installed(tmp_path: Path) -> None:
    """The printed commands, run in an environment of their own, install the package and pass its tests and the kit."""
    environment = Environment(tmp_path / "environment")
    environment.install(wheel_of(ROOT))
    written = environment.run("steno", "new-plugin", "brand_new", cwd=tmp_path)
    assert written.returncode == 0, written.stderr
    commands = [line.strip() for line in written.stdout.partition("next:\n")[2].splitlines() if line.startswith("  ")]
    assert commands == ["cd steno-brand-new", 'python -m pip install -e ".[test]"', "python -m pytest"]

    done = environment.run("sh", "-ec", "\n".join(commands), cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    seen = environment.run("steno", "integrations", "--json", cwd=tmp_path)
    (row,) = [row for row in json.loads(seen.stdout)["integrations"] if row["name"] == "brand_new"]
    assert (row["state"], row["distribution"]) == ("absent", "steno-brand-new 0.1.0")


def test_every_file_is_named_and_none_is_left_blank() -> None:
    """The command lists what it wrote, for programs too, and no blank of a template is left in it."""
    done = call("brand_new", "--path", "made", "--json")

    assert json.loads(done.stdout) == {"folder": "made", "files": FILES, "candidates": []}
    made = {path.relative_to("made").as_posix(): path for path in Path("made").rglob("*") if path.is_file()}
    assert sorted(made) == sorted(FILES)
    assert [name for name, path in made.items() if "%{" in path.read_text(encoding="utf-8")] == []
    project = tomllib.loads(made["pyproject.toml"].read_text(encoding="utf-8"))["project"]
    assert (project["name"], project["entry-points"]) == (
        "steno-brand-new",
        {"steno": {"brand_new": "steno_brand_new"}},
    )


def test_what_is_written_is_formatted_and_lints() -> None:
    """The package is as ruff formats it by default, with no unused name and no import out of order."""
    call("brand_new", "--path", "made")

    for arguments in (("format", "--check"), ("check", "--select", "E,F,I,B,UP,SIM,RUF", "--ignore", "E501")):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--isolated", "made"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_trainings_of_a_framework_that_is_here_are_named() -> None:
    """What looks like a training in the installed framework stands where the target is chosen, with its version."""
    package = Path("brandnew")
    package.mkdir()
    (package / "__init__.py").write_text("from brandnew.core import Forest, train\n__version__ = '2.5'\n")
    (package / "core.py").write_text(
        "class Tree:\n    def fit(self): ...\nclass Forest(Tree): ...\ndef train(): ...\ndef _cv(): ...\n"
    )
    sys.path.insert(0, str(Path.cwd()))
    try:
        done = call("mine", "--framework", "brandnew", "--json")
    finally:
        sys.path.remove(str(Path.cwd()))
        for name in ("brandnew", "brandnew.core"):
            sys.modules.pop(name, None)

    candidates = ["brandnew.core:train", "brandnew.core:Tree.fit"]
    assert json.loads(done.stdout)["candidates"] == candidates
    text = Path("steno-mine/src/steno_mine.py").read_text(encoding="utf-8")
    assert 'name, requires, owns = "brandnew", "brandnew>=2.5", ("brandnew",)' in text
    listed = "".join(f"    #   {candidate}\n" for candidate in candidates)
    assert f"    # In brandnew 2.5 these look like it:\n{listed}    @train(" in text


def test_a_framework_whose_import_fails_is_written_for_all_the_same() -> None:
    """If the framework cannot be imported, one line says so, and the package is written without a look inside."""
    Path("broken_one.py").write_text("raise ImportError('no libfoo.so')\n")
    sys.path.insert(0, str(Path.cwd()))
    try:
        done = call("broken_one")
    finally:
        sys.path.remove(str(Path.cwd()))

    assert done.exit_code == 0
    assert "importing broken_one failed (no libfoo.so), so its trainings are not looked for" in done.stderr
    assert Path("steno-broken-one/pyproject.toml").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["my-lib"],
            "NAME is 'my-lib' (str), accepted is a Python name such as 'my_framework': steno new-plugin my_lib",
        ),
        (["class"], "steno new-plugin my_framework"),
        (["x", "--framework", "lib.core"], "steno new-plugin x --framework lib"),
        (["json"], "'json' is a name of Python's own"),
        (["x", "--framework", "start_run"], "'start_run' is a name of steno's own"),
        (["sklearn"], "'sklearn' is served by steno "),
    ],
)
def test_a_name_that_cannot_be_served_is_refused(arguments: list[str], said: str) -> None:
    """A name that no plugin can have says what it is, what is accepted and what to type; nothing is written."""
    done = call(*arguments)

    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr
    assert [path.name for path in Path.cwd().iterdir()] == ["pyproject.toml"]


def test_a_folder_that_holds_something_is_left_alone() -> None:
    """A folder with something in it is never written into; the message says what to add."""
    call("brand_new")
    before = {path: path.stat().st_mtime_ns for path in Path("steno-brand-new").rglob("*")}

    done = call("brand_new")

    assert done.exit_code == 1
    assert done.stderr == (
        "steno: 'steno-brand-new' already holds something, accepted is a new or an empty folder: add --path DIR\n"
    )
    assert {path: path.stat().st_mtime_ns for path in Path("steno-brand-new").rglob("*")} == before


def test_a_folder_that_cannot_be_written_is_said() -> None:
    """Where nothing can be written, the message names the file and the option."""
    Path("file").write_text("")

    done = call("brand_new", "--path", "file/inside")

    assert done.exit_code == 1
    assert "cannot be written (Not a directory): add --path with a folder of yours" in done.stderr
