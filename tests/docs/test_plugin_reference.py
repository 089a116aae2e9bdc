"""The reference of hooks and seams is what the code says."""

from __future__ import annotations

import pluggy

from steno import hookspecs, plugin
from tests.docs.plugin_reference import PAGE, page


def test_the_reference_of_plugins_is_made_from_the_code() -> None:
    """The page has today's signatures and docstrings."""
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python tests/docs/plugin_reference.py"


def test_every_hook_and_every_name_of_the_contract_stands_in_the_reference() -> None:
    """Nothing that a plugin can implement or import is left out."""
    manager = pluggy.PluginManager("steno")
    manager.add_hookspecs(hookspecs)
    hooks = [name for name in vars(manager.hook) if not name.startswith("_")]
    text = page()

    assert "steno_integrations" in hooks
    assert [name for name in hooks if f"#### `{name}(" not in text] == []
    internal = {"ClassTarget", "Option", "RunHandle", "Call", "Seam", "Integration"}
    assert [name for name in plugin.__all__ if name not in internal and f"{name}" not in text] == []
