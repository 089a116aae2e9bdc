"""`steno new-plugin`: the package of an integration, whole and passing its own tests, to be filled in."""

from __future__ import annotations

import keyword
import sys
from pathlib import Path
from string import Template

import click

import steno
from steno.cli.candidates import Framework, look_at
from steno.cli.main import CommandFailed
from steno.cli.options import json_option, print_json
from steno.errors import shown
from steno.registry import registry

__all__ = ["new_plugin"]

_FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    ".gitignore": "gitignore",
    ".github/workflows/tests.yml": "tests.yml",
    "src/%{module}.py": "module.py",
    "tests/test_%{module}.py": "test.py",
    "tests/stand_in/%{framework}.py": "stand_in.py",
}
"""Each file of the package, and the template that it is written from."""


_OURS = {"steno", *steno.__all__}
"""`steno.<framework>` is where a framework's own functions are found, so these names are taken."""


class _Template(Template):
    """`%{name}` is a blank: `$` belongs to the language of the CI file."""

    delimiter = "%"


@click.command()
@click.argument("name")
@click.option("--framework", metavar="MODULE", help="The framework's import name; NAME unless given.")
@click.option(
    "--path",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="A new or empty folder for the package; steno-NAME unless given.",
)
@json_option
def new_plugin(name: str, framework: str | None, path: Path | None, as_json: bool) -> None:
    """Write the package of a plugin for a framework that steno does not know yet.

    It passes its own tests at once: a stand-in plays the framework until you train the real one there. If the
    framework can be imported, the functions that look like trainings are listed where the plugin names its target.
    """
    module = _name("NAME", name, f"steno new-plugin {_identifier(name)}")
    served = _served(framework or name, name)
    folder = path or Path(f"steno-{module.replace('_', '-')}")
    found = look_at(served)
    written = _write(folder, _blanks(module, found))
    if as_json:
        print_json({"folder": str(folder), "files": written, "candidates": list(found.candidates)})
        return
    click.echo(f"wrote {folder}/")
    for file in written:
        click.echo(f"  {file}")
    click.echo(f"\nnext:\n  cd {folder}")
    click.echo('  python -m pip install -e ".[test]"\n  python -m pytest')
    click.echo(f'\nThe tests pass as they are. Then fill in what is marked "Replace" in src/steno_{module}.py')


def _name(what: str, text: str, advice: str) -> str:
    if not text.isidentifier() or keyword.iskeyword(text):
        raise click.UsageError(f"{what} is {shown(text)}, accepted is a Python name such as 'my_framework': {advice}")
    return text


def _identifier(text: str) -> str:
    """The nearest name that would be accepted."""
    kept = "".join(letter if letter.isalnum() else "_" for letter in text.strip()).strip("_")
    return kept if kept.isidentifier() and not keyword.iskeyword(kept) else "my_framework"


def _served(framework: str, name: str) -> str:
    """The framework's import name, if a plugin can be written for it."""
    advice = f"steno new-plugin {_identifier(name)} --framework {_identifier(framework.partition('.')[0])}"
    _name("--framework" if framework != name else "NAME", framework, advice)
    owner = "Python" if framework in sys.stdlib_module_names else "steno" if framework in _OURS else ""
    if owner:
        raise click.UsageError(
            f"{framework!r} is a name of {owner}'s own, accepted is the import name of a framework that trains: "
            f"steno new-plugin {_identifier(name)} --framework MODULE"
        )
    plugin = registry().plugins().get(framework)
    if plugin is not None:
        raise click.UsageError(
            f"{framework!r} is served by {plugin.distribution} {plugin.version} already ({plugin.value}), and a second "
            f"plugin for it would be ignored: steno new-plugin {_identifier(name)} --framework ANOTHER"
        )
    return framework


def _blanks(name: str, framework: Framework) -> dict[str, str]:
    listed = "".join(f"    #   {candidate}\n" for candidate in framework.candidates)
    requirements = ["pytest>=8.2", framework.requirement] if framework.installed else ["pytest>=8.2"]
    return {
        "distribution": f"steno-{name.replace('_', '-')}",
        "module": f"steno_{name}",
        "cls": "".join(part[:1].upper() + part[1:] for part in name.split("_")) or "Plugin",
        "framework": framework.name,
        "requirement": framework.requirement,
        "version": framework.version,
        "test_requirements": ", ".join(f'"{each}"' for each in requirements),
        "steno_version": steno.__version__,
        "found": f"    # In {framework.name} {framework.version} these look like it:\n{listed}" if listed else "",
    }


def _write(folder: Path, blanks: dict[str, str]) -> list[str]:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CommandFailed(
            f"{str(folder)!r} already holds something, accepted is a new or an empty folder: add --path DIR"
        )
    skeleton = Path(__file__).with_name("skeleton")
    written = []
    for place, template in _FILES.items():
        name = _Template(place).substitute(blanks)
        text = _Template((skeleton / f"{template}.template").read_text(encoding="utf-8")).substitute(blanks)
        file = folder / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as fault:
            raise CommandFailed(
                f"{str(file)!r} cannot be written ({fault.strerror or fault}): add --path with a folder of yours"
            ) from fault
        written.append(name)
    return written
