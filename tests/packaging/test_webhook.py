"""The example of an always-on plugin is a package of a third party: built, installed beside our wheel, tested there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging.environments import ROOT, Environment, wheel_of


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_always_on_plugin_passes_its_tests_beside_our_wheel(tmp_path: Path) -> None:
    """`steno-webhook`, a wheel in an environment of its own, posts the runs of real programs to a real server."""
    project = ROOT / "examples" / "steno-webhook"
    environment = Environment(tmp_path / "environment")
    environment.install(wheel_of(ROOT), wheel_of(project))
    command = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(project / "pyproject.toml"))
    done = environment.run(*command, str(project / "tests"), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout
