"""The kit as a plugin's author meets it: in their own pytest, with their own test file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.testing.conftest import Tiny
from tests.core.testing.test_rows import outcomes

pytest_plugins = ["pytester"]

BARE = "hazard_05 or hazard_66 or hazard_67"


@pytest.mark.slow
def test_a_whole_plugin_passes_every_row(tiny: Tiny, pytester: pytest.Pytester) -> None:
    """A plugin with nothing wrong passes all 47 rows, each with both ways of patching where both can hold it."""
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", str(tiny.tests))
    result.assert_outcomes(passed=2 * 47 - 1)


def test_what_is_expected_to_fail_is_no_failure(tiny: Tiny, pytester: pytest.Pytester) -> None:
    """A row in `expected_failures` that fails is shown as expected, with the author's reason and what was found."""
    tiny.plugin(("from steno.plugin", "import tinyfw\nfrom steno.plugin"))
    tiny.subject(("    integration", '    expected_failures = {"hazard_67": "tinyfw is tiny"}\n    integration'))
    result = pytester.runpytest_subprocess("-rx", str(tiny.tests), "-k", BARE)
    result.assert_outcomes(passed=4, xfailed=2)
    result.stdout.fnmatch_lines(["XFAIL *hazard_67*in_place* - tinyfw is tiny (loading the plugin tinyfw_plugin*"])


def test_what_is_expected_to_fail_and_passes_is_an_error(tiny: Tiny, pytester: pytest.Pytester) -> None:
    """A row in `expected_failures` that holds is an error that says which entry to take out."""
    entry = 'expected_failures = {"hazard_05[attribute]": "nobody knows"}'
    tiny.subject(("    integration", f"    {entry}\n    integration"))
    result = pytester.runpytest_subprocess(str(tiny.tests), "-k", BARE)
    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(
        [
            "HAZARD 05 holds with 'attribute', and expected_failures of TestTiny lists it (nobody knows): take "
            "'hazard_05' or 'hazard_05[[]attribute]' out of it"
        ]
    )


def test_a_failure_says_what_the_users_would_suffer(tiny: Tiny, pytester: pytest.Pytester) -> None:
    """A row that fails says its number, what was found, what users would suffer and where to look, and nothing else."""
    tiny.plugin(("from steno.plugin", "import tinyfw\nfrom steno.plugin"))
    result = pytester.runpytest_subprocess(str(tiny.tests), "-k", BARE)
    result.assert_outcomes(passed=4, failed=2)
    result.stdout.fnmatch_lines(
        [
            "HAZARD 67: loading the plugin tinyfw_plugin imports tinyfw. Whoever has both installed would wait for "
            "tinyfw without using it. Look at: import tinyfw inside the functions of *tinyfw_plugin.py"
        ]
    )
    result.stdout.no_fnmatch_line("*laboratory.py*")


def test_an_unknown_row_is_refused(tiny: Tiny, pytester: pytest.Pytester) -> None:
    """A typing mistake in `expected_failures` stops the test file, and says how rows are named."""
    tiny.subject(("    integration", '    expected_failures = {"hazard_6": "?"}\n    integration'))
    result = pytester.runpytest_subprocess(str(tiny.tests))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*expected_failures of TestTiny lists hazard_6, which is no row: write 'hazard_*"])


def test_hooks_that_are_not_written_are_done_without(tiny: Tiny, tmp_path: Path) -> None:
    """Without the optional hooks, early copies, call styles, nesting and interrupts are checked by what fit() calls."""
    source = tiny.tests.read_text()
    early = source.index("    def early_fit")
    tiny.tests.write_text(source[:early].replace('    early_import = "from tinyfw import train"\n', ""))
    found = outcomes(tiny, tmp_path, {3, 31, 35, 44, 52})
    assert found == dict.fromkeys((3, 31, 35, 44, 52), ("passed", ""))


def test_a_row_that_ends_the_interpreter_takes_no_other_with_it(tiny: Tiny, tmp_path: Path) -> None:
    """If the framework crashes in one row, that row says how the interpreter ended; the others get a fresh one."""
    tiny.subject(
        (
            'return Model().fit(X, error=OSError("no disk"))',
            'print("last words", flush=True); __import__("os")._exit(9)',
        )
    )
    found = outcomes(tiny, tmp_path, {42, 43, 44})
    assert {number: outcome for number, (outcome, _) in found.items()} == {42: "passed", 43: "failed", 44: "passed"}
    assert found[43][1] == (
        "the interpreter did not get through this row: exit code 9. Look at: the last line of yours in what it said\n"
        "last words\n"
    )


def test_a_test_file_that_imports_the_framework_is_told_so(tiny: Tiny, tmp_path: Path) -> None:
    """A test file that imports the framework above its class cannot show what happens before; it is told so."""
    tiny.subject(before="import tinyfw")
    outcome, text = outcomes(tiny, tmp_path, {1})[1]
    assert outcome == "failed"
    assert (
        "tinyfw is imported before anybody asked for it: the test file imports it; import it inside the methods" in text
    )


def test_a_test_file_with_a_mistake_says_so_in_each_row(tiny: Tiny, tmp_path: Path) -> None:
    """If fit() itself raises, the rows say what it raised instead of blaming the plugin."""
    tiny.subject(("return Model().fit(X)\n\n    def failing", "return Model().fitt(X)\n\n    def failing"))
    found = outcomes(tiny, tmp_path, {2, 7})
    assert [outcome for outcome, _ in found.values()] == ["failed", "failed"]
    assert all("'Model' object has no attribute 'fitt'" in text for _, text in found.values())


def test_a_plugin_that_is_not_installed_is_said_so(tiny: Tiny, tmp_path: Path) -> None:
    """If the plugin's entry point is missing, each row says so and what to do, instead of failing in its own way."""
    tiny.write("tinyfw_plugin-2.0.dist-info/entry_points.txt", "[steno]\ntinyfwx = tinyfw_plugin\n")
    outcome, text = outcomes(tiny, tmp_path, {7})[7]
    assert outcome == "failed"
    assert text.startswith("no plugin called 'tinyfw' is installed; installed are ")
    assert text.endswith("whose name is the framework's import name, and `pip install -e .`")


def test_a_framework_without_a_version_is_served_whatever_it_is(tiny: Tiny, tmp_path: Path) -> None:
    """Where a framework states no version the row on versions is skipped with the reason; metadata count as well."""
    tiny.write("tinyfw/__init__.py", "from tinyfw.core import Model, train\n")
    reason = "tinyfw states no version, by __version__ or as a distribution: any version is served"
    assert outcomes(tiny, tmp_path, {18}) == {18: ("skipped", reason)}
    tiny.plugin(('"tinyfw", ""', '"tinyfw", "Tiny-Framework>=1"'))
    tiny.write("tiny_framework-3.0.dist-info/METADATA", "Name: tiny-framework\nVersion: 3.0\n\n")
    (tmp_path / "again").mkdir()
    assert outcomes(tiny, tmp_path / "again", {18}) == {18: ("passed", "")}
