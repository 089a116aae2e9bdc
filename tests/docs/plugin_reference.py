"""The reference of hooks and seams, from the code. `python tests/docs/plugin_reference.py` writes it anew."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from steno import hookspecs, plugin
from steno.testing import Conformance, FlavorContract, StoreContract, fixtures
from steno.testing.conformance.row import rows_of
from steno.testing.conformance.subject import Subject

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/plugins.md"
SEAMS = ("train", "observe", "quiet", "metric", "predicts", "workers", "classes")
HEAD = """\
# Plugins: every seam and hook

Made from the code by `python tests/docs/plugin_reference.py`. A plugin imports `steno.plugin`, and its tests
`steno.testing`. It is found by an entry point: of group `steno`, named as the framework is imported, or of group
`steno.plugins`, always on and named as you like. [Write an integration](../tutorials/write-an-integration.md) leads
through it, [Plugins](../explanation/plugins.md) says why it is so.

```toml
[project.entry-points.steno]
catboost = "steno_catboost"

[project.entry-points."steno.plugins"]
reporter = "our_reporter"
```
"""


def page() -> str:
    """The whole page."""
    parts = (_seams, _integration, _given, _hooks, _kit)
    return "\n".join([HEAD, *(line for part in parts for line in part())]).rstrip("\n") + "\n"


def _seams() -> Iterator[str]:
    yield "## Seams\n"
    yield "Declared in an integration's class. The functions get `self`, which is the integration, and `call`.\n"
    for name in SEAMS:
        function = getattr(plugin, name)
        mark = "" if name in ("quiet", "workers", "classes") else "@"
        yield from _entry(f"{mark}{name}{_signature(function)}", function)
    yield "### Targets\n"
    text = _sections(plugin.Seam)["targets"].replace("a `ClassTarget`", "what `classes` makes")
    yield f"{text[0].upper()}{text[1:]}\n"


def _integration() -> Iterator[str]:
    class Common(plugin.Integration):
        """What every integration has."""

    yield "## The integration\n"
    yield from _described(plugin.Integration)
    yield from _methods(plugin.Integration)
    yield "### `SavedFlavor`\n"
    yield from _described(plugin.SavedFlavor)
    yield "### Options\n"
    yield "Every integration has these; more are declared in its class.\n"
    yield "| option | default | what it does |\n|---|---|---|"
    for option in Common.options_declared.values():
        yield f"| `{option.name}` | `{option.default!r}` | {option.help} |"
    yield ""
    yield from _entry(f"option{_signature(plugin.option)}", plugin.option)


def _given() -> Iterator[str]:
    yield "## What a seam is given\n"
    yield "### `call`\n"
    yield from _described(plugin.Call)
    yield from _methods(plugin.Call, "call.")
    yield "### `call.run`\n"
    yield _text(plugin.RunHandle) + "\n"
    yield from _methods(plugin.RunHandle, "call.run.")


def _hooks() -> Iterator[str]:
    yield "## Hooks\n"
    yield inspect.cleandoc(hookspecs.__doc__ or "").partition("\n\n")[2] + "\n"
    for name in hookspecs.__all__:
        if name != "hookspec":
            yield from _entry(f"{name}{_signature(getattr(hookspecs, name))}", getattr(hookspecs, name))


def _kit() -> Iterator[str]:
    yield "## The kit\n"
    yield "### `steno.testing.Conformance`\n"
    yield _text(Subject) + "\n"
    yield from _items(Subject)
    yield from _methods(Subject)
    yield "| row | what is checked |\n|---|---|"
    for row in sorted(rows_of(Conformance), key=lambda each: each.number):
        yield f"| {row.number} | {_text(row.body)} |"
    yield ""
    yield from _contract(FlavorContract)
    yield from _contract(StoreContract)
    yield "### Fixtures\n"
    yield "They come with every pytest of an environment that has steno.\n"
    for name in fixtures.__all__:
        yield f"- `{name}`: {_text(getattr(fixtures, name))}"


def _contract(cls: type) -> Iterator[str]:
    yield f"### `steno.testing.{cls.__name__}`\n"
    yield from _described(cls)
    members = {name: value for base in reversed(cls.__mro__) for name, value in vars(base).items()}
    for name, value in members.items():
        if inspect.isfunction(value) and not name.startswith(("_", "test_")):
            yield from _entry(f"{name}{_signature(value)}", value)
    yield "What is checked:\n"
    for name, value in members.items():
        if name.startswith("test_"):
            yield f"- {_text(value)}"
    yield ""


# -- one thing of the code as Markdown


def _methods(cls: type, before: str = "") -> Iterator[str]:
    for name, value in vars(cls).items():
        if name.startswith("_"):
            continue
        if inspect.isfunction(value):
            yield from _entry(f"{before}{name}{_signature(value)}", value)
        elif isinstance(value, property) and name not in _sections(cls):
            yield from _entry(f"{before}{name}", value)


def _entry(heading: str, thing: Any) -> Iterator[str]:
    yield f"#### `{heading}`\n"
    yield _text(thing) + "\n"
    yield from _items(thing)


def _described(cls: type) -> Iterator[str]:
    yield _text(cls) + "\n"
    yield from _items(cls)


def _items(thing: Any) -> Iterator[str]:
    found = _sections(thing)
    if found:
        yield "".join(f"- `{name}`: {text}\n" for name, text in found.items())


def _signature(function: Any) -> str:
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name != "self"
    ]
    return str(inspect.Signature(parameters))


_SECTION = re.compile(r"^(Args|Attributes|Raises|Returns):$", flags=re.MULTILINE)


def _text(thing: Any) -> str:
    """The docstring up to its first section."""
    text = _SECTION.split(inspect.cleandoc(thing.__doc__ or ""))[0].strip()
    return text.replace("::\n", ":\n")  # Markdown knows an example by its indent alone


def _sections(thing: Any) -> dict[str, str]:
    """What the docstring says of each argument or attribute, and when each error is raised."""
    parts = _SECTION.split(inspect.cleandoc(thing.__doc__ or ""))[1:]
    found: dict[str, str] = {}
    for section, part in zip(parts[::2], parts[1::2], strict=True):
        name = ""
        for line in part.strip("\n").splitlines():
            begins = re.match(r"^ {4}(\S[^:]*): (.*)$", line)
            if begins:
                name = begins[1]
                found[name] = f"raised {begins[2]}" if section == "Raises" else begins[2]
            elif line.strip():
                found[name] += f" {line.strip()}"
    return found


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
