"""Hazards of many plugins: broken ones, slow ones, ones that vanish, and two for one thing."""

from __future__ import annotations

import importlib
import shutil
import sys

import pytest

import steno
from steno.errors import StenoWarning
from tests.hazards.conftest import Site
from tests.hazards.records import runs, the_run

PLUGIN = """
from steno.plugin import Integration, hookimpl, train

class Part(Integration):
    name, requires, owns = "{name}", "", ("{name}",)

    @train("{target}:fit")
    def fit(self, call):
        call.run.params({{"plugin": "{name}", "x": call.arg("x")}})
        yield

@hookimpl
def steno_integrations(register):
    register(Part())
"""
FRAMEWORK = "def fit(x):\n    return x\n"


def _framework(site: Site, name: str, plugin: str = "") -> None:
    site.write(f"{name}.py", FRAMEWORK)
    site.install(name, plugin or PLUGIN.format(name=name, target=name), f"plugin-of-{name}")


def test_hazard_63_three_hundred_distributions_and_two_bad_plugins(installer: str, site: Site) -> None:
    """Of 300 distributions 20 bring plugins, one broken, one slow: nobody's module runs before its framework does."""
    for number in range(280):
        site.write(f"dist_{number}-1.0.dist-info/METADATA", f"Name: dist-{number}\nVersion: 1.0\n\n")
        site.write(f"dist_{number}-1.0.dist-info/entry_points.txt", f"[console_scripts]\nd{number} = d:main\n")
    for number in range(18):
        _framework(site, f"fw_{number}")
    _framework(site, "fw_broken", "raise RuntimeError('this plugin is broken')\n")
    slow = "import sys\nsys.hazard_slow = True  # stands for three seconds\n"
    _framework(site, "fw_slow", slow + PLUGIN.format(name="fw_slow", target="fw_slow"))

    def loaded() -> list[str]:
        return sorted(name for name in sys.modules if name.startswith("plugin_of_"))

    steno.autolog()
    assert len([row for row in steno.status().values() if row.name.startswith("fw_")]) == 20
    assert loaded() == []
    assert importlib.import_module("fw_3").fit(3) == 3
    assert loaded() == ["plugin_of_fw_3"]
    with pytest.warns(StenoWarning, match="this plugin is broken"):
        assert importlib.import_module("fw_broken").fit(4) == 4
    assert importlib.import_module("fw_7").fit(7) == 7
    assert not hasattr(sys, "hazard_slow")
    assert importlib.import_module("fw_slow").fit(8) == 8
    assert vars(sys).pop("hazard_slow")
    assert loaded() == ["plugin_of_fw_3", "plugin_of_fw_7", "plugin_of_fw_slow"]
    assert [run.data.params["plugin"] for run in runs()] == ["fw_3", "fw_7", "fw_slow"]
    states = {name: steno.status()[f"fw_{name}"].state for name in ("3", "broken", "slow", "9")}
    assert states == {"3": "on", "broken": "broken", "slow": "on", "9": "waiting"}


def test_hazard_64_a_plugin_that_is_uninstalled_is_dropped(installer: str, site: Site) -> None:
    """A plugin removed after it was found is gone in silence; its framework imports, and the others are recorded."""
    _framework(site, "fw_gone")
    _framework(site, "fw_stays")
    steno.autolog()
    assert {"fw_gone", "fw_stays"} <= set(steno.status())
    shutil.rmtree(site.folder / "plugin_of_fw_gone-1.0.dist-info")
    (site.folder / "plugin_of_fw_gone.py").unlink()
    importlib.invalidate_caches()
    assert "fw_gone" not in steno.status()
    steno.autolog()
    assert importlib.import_module("fw_stays").fit(1) == 1
    assert the_run().data.params["plugin"] == "fw_stays"
    site.install("fw_gone", PLUGIN.format(name="fw_gone", target="fw_gone"), "plugin-of-fw_gone")
    steno.autolog()
    assert importlib.import_module("fw_gone").fit(2) == 2
    assert [run.data.params["plugin"] for run in runs()] == ["fw_stays", "fw_gone"]


@pytest.mark.parametrize("first", ["fw_a", "fw_b"])
def test_hazard_65_two_plugins_with_one_target_make_one_run(installer: str, site: Site, first: str) -> None:
    """Two plugins that claim the same function leave one run of it, whichever comes first; off is off for both."""
    site.write("fw_shared.py", FRAMEWORK)
    for name in ("fw_a", "fw_b"):
        site.write(f"{name}.py", "import fw_shared\n")
        site.install(name, PLUGIN.format(name=name, target="fw_shared"), f"plugin-of-{name}")
    steno.autolog()
    importlib.import_module(first)
    importlib.import_module("fw_a" if first == "fw_b" else "fw_b")
    shared = importlib.import_module("fw_shared")
    assert shared.fit(1) == 1
    assert shared.fit(2) == 2
    found = [run.data.params["plugin"] for run in runs()]
    assert len(found) == 2
    assert len(set(found)) == 1
    steno.disable(["fw_a", "fw_b"])
    assert shared.fit(3) == 3
    assert len(runs()) == 2
    assert "steno" not in "".join(vars(shared))
    assert shared.fit.__code__.co_code == (lambda x: x).__code__.co_code
