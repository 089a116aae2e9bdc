"""Plugins: found by name, loaded alone, and no one of them stops another."""

from __future__ import annotations

import importlib
import sys
import textwrap
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from steno import registry as registry_module
from steno.errors import IntegrationError
from steno.registry import Registry

GOOD = """
    from steno.plugin import Integration, hookimpl, option

    class Toy(Integration):
        name, requires, owns = "{name}", "", ("{name}", "{name}_contrib")
        depth: int = option(3, "how deep")

    @hookimpl
    def steno_integrations(register):
        register(Toy())
"""

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a plugin: module `<name>_plugin` with `source`, behind an entry point `name`."""
    site = tmp_path / "site"
    site.mkdir()
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(site))

    def write(name: str, source: str = GOOD, *, group: str = "steno", dist: str = "", folder: Path = site) -> Path:
        module = f"{name}_plugin"
        folder.mkdir(exist_ok=True)
        (folder / f"{module}.py").write_text(textwrap.dedent(source).replace("{name}", name))
        info = folder / f"{dist or module}-1.5.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist or name + '-plugin'}\nVersion: 1.5\n\n")
        with (info / "entry_points.txt").open("a") as file:
            file.write(f"[{group}]\n{name} = {module}\n")
        importlib.invalidate_caches()
        return site

    yield write
    for name in set(sys.modules) - before:
        if name.endswith("_plugin"):
            del sys.modules[name]


def test_found_plugins_name_their_module_and_distribution_and_are_not_imported(install: Install) -> None:
    """A plugin is known by name, module and distribution without any of its code being run."""
    install("toyfw", "raise RuntimeError('must not run')")
    plugin = Registry().plugins()["toyfw"]
    assert (plugin.name, plugin.value, plugin.group) == ("toyfw", "toyfw_plugin", "steno")
    assert (plugin.distribution, plugin.version, plugin.state) == ("toyfw-plugin", "1.5", "found")
    assert "toyfw_plugin" not in sys.modules


def test_own_plugins_come_by_entry_point() -> None:
    """The integrations that ship with steno are found by the same road as everybody's."""
    assert {"joblib", "sklearn", "xgboost"} <= set(Registry().names())
    assert "notebook" not in Registry().names(), "a plugin without a framework is not an integration"
    assert Registry().plugins()["notebook"].always_on


def test_loading_gives_the_integration_once(install: Install) -> None:
    """The second `load` returns the same integration, and the module ran once."""
    install("toyfw", "import sys\nsys.toy_loads = getattr(sys, 'toy_loads', 0) + 1\n" + textwrap.dedent(GOOD))
    registry = Registry()
    integration = registry.integration("toyfw")
    assert integration is registry.integration("toyfw")
    assert integration.options_declared["depth"].default == 3
    assert registry.plugins()["toyfw"].state == "loaded"
    assert sys.toy_loads == 1  # type: ignore[attr-defined]
    del sys.toy_loads  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("raise ZeroDivisionError('boom')", "importing toyfw_plugin raised ZeroDivisionError: boom"),
        ("import no_such_module_anywhere", "raised ModuleNotFoundError"),
        ("x = 1", "registered 0 integrations"),
        (GOOD.replace("Toy())", "Toy)"), "an instance, so `register(X())`"),
        (GOOD.replace("register(Toy())", "register(Toy()); register(Toy())"), "registered 2 integrations"),
        (GOOD.replace("register(Toy())", "raise ValueError('late')"), "toyfw_plugin raised ValueError: late"),
        (GOOD.replace('name, requires, owns = "{name}"', 'name, requires, owns = "other"'), "write name = 'toyfw'"),
        (GOOD.replace("depth: int", "api = 2\n        depth: int"), "version 2 (int) of the plugin contract"),
        (GOOD.replace('("{name}", "{name}_contrib")', '("{name}")'), "write owns = ('toyfw',)"),
        (GOOD.replace("option(3", "option({}"), "its option 'depth' has the default {} (dict)"),
        (GOOD + "\n    @hookimpl\n    def steno_no_such_hook():\n        pass\n", "unknown hook 'steno_no_such_hook'"),
        (GOOD + "\n    @hookimpl\n    def steno_run_started(walk):\n        pass\n", "raised PluginValidationError"),
    ],
)
def test_a_broken_plugin_says_what_is_wrong_and_stops_nobody(install: Install, source: str, why: str) -> None:
    """Whatever is wrong in a plugin is kept in words, asking for it raises them, and the next plugin works."""
    install("toyfw", source)
    install("goodfw")
    registry = Registry()
    plugin = registry.load("toyfw")
    assert plugin.state == "broken"
    assert why in plugin.why
    with pytest.raises(IntegrationError, match="integration 'toyfw' of toyfw-plugin is broken"):
        registry.integration("toyfw")
    assert registry.integration("goodfw").name == "goodfw"
    assert registry.owner_of(type("Fitted", (), {"__module__": "toyfw.sub"})) is None


def test_an_unknown_name_is_told_the_known_ones(install: Install) -> None:
    """Asking for a plugin that is not installed raises, and the message lists those that are."""
    install("toyfw")
    with pytest.raises(IntegrationError, match=r"no integration is called 'sklaern' \(str\).*joblib, sklearn, toyfw"):
        Registry().integration("sklaern")
    with pytest.raises(IntegrationError, match="'notebook' serves no framework"):
        Registry().integration("notebook")


def test_a_class_belongs_to_the_plugin_of_its_nearest_owned_base(install: Install) -> None:
    """A class and the user's subclasses of it answer to one plugin: by name before it is loaded, by `owns` after."""
    install("toyfw")
    registry = Registry()
    registry.plugins()
    booster = type("Booster", (), {"__module__": "toyfw.core"})
    mine = type("Mine", (booster,), {"__module__": "__main__"})
    contrib = type("Extra", (), {"__module__": "toyfw_contrib.x"})
    assert [registry.owner_of(cls) for cls in (booster, mine, contrib, int)] == ["toyfw", "toyfw", None, None]
    registry.load("toyfw")
    assert [registry.owner_of(cls) for cls in (booster, mine, contrib)] == ["toyfw", "toyfw", "toyfw"]


def test_each_hook_implementation_runs_alone(install: Install) -> None:
    """A hook that raises is noted on its plugin; the others are called, and their results keep the order."""
    hook = """
        from steno.plugin import hookimpl

        @hookimpl
        def steno_run_tags():
            {body}
    """
    for name, body in (("one", "return {'job': '1'}"), ("two", "raise KeyError('x')"), ("three", "return None")):
        install(name, hook.replace("{body}", body), group="steno.plugins")
    install("four", hook.replace("{body}", "return {'job': '4'}"), group="steno.plugins", dist="zz")
    registry = Registry()
    assert registry.wanted("steno_run_tags")
    assert not registry.wanted("steno_status")
    assert registry.hooks("steno_run_tags") == [{"job": "1"}, {"job": "4"}]
    two = registry.plugins()["two"]
    assert (two.state, two.why, two.last_fault) == ("loaded", "", "hook steno_run_tags raised KeyError: 'x'")
    assert "Traceback" in two.fault


def test_a_blocked_plugin_is_not_called_until_unblocked(install: Install) -> None:
    """Blocking takes a plugin's hooks out and unblocking brings them back, with the same integration."""
    install("toyfw", GOOD + "\n    @hookimpl\n    def steno_run_tags():\n        return {'toy': 'yes'}\n")
    registry = Registry()
    integration = registry.integration("toyfw")
    registry.block("toyfw")
    assert registry.blocked("toyfw")
    assert registry.hooks("steno_run_tags") == []
    registry.unblock("toyfw")
    assert registry.hooks("steno_run_tags") == [{"toy": "yes"}]
    assert registry.integration("toyfw") is integration


def test_plugins_installed_and_removed_later_are_seen(install: Install) -> None:
    """Installing or removing a plugin in a running process is noticed at the next question."""
    registry = Registry()
    assert "toyfw" not in registry.plugins()
    site = install("toyfw")
    assert "toyfw" in registry.plugins()
    for path in (*(site / "toyfw_plugin-1.5.dist-info").iterdir(), site / "toyfw_plugin-1.5.dist-info"):
        path.rmdir() if path.is_dir() else path.unlink()
    assert "toyfw" not in registry.plugins()


def test_two_distributions_with_one_name(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When two distributions offer one name the first on `sys.path` serves, and says that there is another."""
    install("toyfw")
    other = tmp_path / "other"
    install("toyfw", dist="rival", folder=other)
    monkeypatch.syspath_prepend(str(other))
    plugin = Registry().plugins()["toyfw"]
    assert (plugin.distribution, plugin.state) == ("rival", "found")
    assert plugin.why == "also offered by toyfw-plugin 1.5 (toyfw_plugin), which is ignored"


def test_plugins_in_a_zip_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin inside a zip on `sys.path` works like any other."""
    path = tmp_path / "plugins.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("zipfw_plugin.py", textwrap.dedent(GOOD).replace("{name}", "zipfw"))
        archive.writestr("zipfw-2.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: zipfw\nVersion: 2.0\n\n")
        archive.writestr("zipfw-2.0.dist-info/entry_points.txt", "[steno]\nzipfw = zipfw_plugin\n")
    monkeypatch.syspath_prepend(str(path))
    registry = Registry()
    assert registry.plugins()["zipfw"].version == "2.0"
    assert registry.integration("zipfw").name == "zipfw"


def test_odd_folders_on_the_path_are_passed_over(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing folders, plain files, unreadable and binary metadata on `sys.path` hide no plugin."""
    site = install("toyfw")
    (site / "bad-1.dist-info").mkdir()
    (site / "bad-1.dist-info" / "entry_points.txt").write_bytes(b"[steno]\n\xff\xfe = x\n")
    (site / "worse-1.egg-info").write_text("a file, as old distutils wrote it")
    monkeypatch.setattr(sys, "path", ["/no/such/folder", str(Path(__file__)), "\0", *sys.path])
    assert Registry().plugins()["toyfw"].distribution == "toyfw-plugin"


def test_one_registry_per_process() -> None:
    """`registry()` is one object until it is reset."""
    first = registry_module.registry()
    assert registry_module.registry() is first
    registry_module.reset()
    assert registry_module.registry() is not first
