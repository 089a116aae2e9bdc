"""Settings: argument, else environment, else project file, else default."""

from __future__ import annotations

from pathlib import Path

import pytest

from steno import config
from steno.errors import InvalidInputError


def test_the_nearest_speaker_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument beats the environment, which beats the project file, which beats the default."""
    heard = [config.setting("tracking_uri", default="d")]
    Path("pyproject.toml").write_text('[tool.steno]\ntracking_uri = "p"\n')
    heard.append(config.setting("tracking_uri", default="d"))
    monkeypatch.setenv("STENO_TRACKING_URI", "e")
    heard.append(config.setting("tracking_uri", default="d"))
    heard.append(config.setting("tracking_uri", "a", default="d"))

    assert heard == ["d", "p", "e", "a"]


def test_a_broken_project_file_is_as_good_as_none() -> None:
    """A pyproject.toml that does not parse never stops a training: the default holds."""
    Path("pyproject.toml").write_text("[tool.steno\ntracking_uri = 3")

    assert config.setting("tracking_uri", default="d") == "d"


@pytest.mark.parametrize(("text", "value"), [("1", True), ("Yes", True), ("off", False), ("", False)])
def test_a_flag_reads_the_usual_words(monkeypatch: pytest.MonkeyPatch, text: str, value: bool) -> None:
    """A yes/no setting takes the words that people use."""
    monkeypatch.setenv("STENO_SILENT", text)

    assert config.flag("silent") is value


def test_a_flag_that_is_neither_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """A yes/no setting that holds something else raises an error with the value and what to type."""
    monkeypatch.setenv("STENO_SILENT", "maybe")

    with pytest.raises(InvalidInputError, match=r"'maybe' .* set STENO_SILENT=true or =false"):
        config.flag("silent")


def test_names_are_split_and_stripped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that lists names takes commas with or without spaces, or a TOML list."""
    monkeypatch.setenv("STENO_DISABLE", "torch, xgboost,")
    from_environment = config.names("disable")
    monkeypatch.delenv("STENO_DISABLE")
    Path("pyproject.toml").write_text('[tool.steno]\ndisable = ["sklearn"]\n')

    assert (sorted(from_environment), sorted(config.names("disable"))) == (["torch", "xgboost"], ["sklearn"])


def test_the_project_root_is_found_from_any_folder_below_it() -> None:
    """From any folder of a project, the project's root is the nearest one with a pyproject.toml or .git."""
    below = Path("a/b")
    below.mkdir(parents=True)

    assert config.project_root(below) == Path.cwd()
