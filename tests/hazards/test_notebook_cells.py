"""Hazards of notebooks: what is begun in one cell goes on in the next, and tracebacks show the user's code."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import steno
from conftest import RunPython
from tests.hazards.records import runs

CELLS = (
    """
    import asyncio
    import steno
    steno.autolog(log_models=False)
    from sklearn.datasets import load_iris
    from sklearn.naive_bayes import GaussianNB
    X, y = load_iris(return_X_y=True)
    run = steno.start_run(run_name="over cells")
    """,
    "_ = GaussianNB(var_smoothing=0.5).fit(X, y)",
    """
    await asyncio.sleep(0)
    steno.log_metric("awaited", 1.0)
    async def later():
        await asyncio.sleep(0)
        steno.log_metric("in_a_task", 2.0)
    await asyncio.gather(later(), later())
    """,
    "steno.log_param('said', 'in a cell'); print(steno.active_run().info.run_id == run.info.run_id)",
    "steno.end_run()",
    """
    _ = GaussianNB(var_smoothing=0.25).fit(X, y)
    """,
    "await asyncio.sleep(0); steno.log_metric('afterwards', 3.0)",
)


def test_hazard_84_a_run_goes_on_from_cell_to_cell(
    installer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run started in one cell takes the fit, the awaits and the tasks of the next; a fit's run what follows it."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(textwrap.dedent(cell).strip()) for cell in CELLS]
    client = NotebookClient(notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(Path())}})
    client.execute()
    printed = [output.text for cell in notebook.cells for output in cell.outputs if output.output_type == "stream"]
    assert printed == ["True\n"]
    mine, trained = runs()
    assert (mine.info.run_name, mine.info.status) == ("over cells", "FINISHED")
    assert {name: mine.data.params[name] for name in ("var_smoothing", "said")} == {
        "var_smoothing": "0.5",
        "said": "in a cell",
    }
    assert {name: mine.data.metrics.get(name) for name in ("awaited", "in_a_task", "afterwards")} == {
        "awaited": 1.0,
        "in_a_task": 2.0,
        "afterwards": None,
    }
    assert (trained.data.params["var_smoothing"], trained.data.metrics["afterwards"]) == ("0.25", 3.0)


FAILING = """
{prefix}
import numpy as np
import xgboost
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

def test_pipeline():
    make_pipeline(LogisticRegression()).fit(np.array([["a"], ["b"]]), [0, 1])

def test_booster():
    xgboost.train({{"objective": "no such thing"}}, xgboost.DMatrix(np.eye(2), [0, 1]), 1)
"""


def _shown_by_pytest(run_python: RunPython, prefix: str) -> list[str]:
    """Every `file:line` of pytest's long tracebacks."""
    test = Path("test_failing.py")
    test.write_text(FAILING.format(prefix=prefix))
    done = run_python(
        "import sys, pytest\nsys.exit(pytest.main(['-q', '--tb=long', '-p', 'no:cacheprovider', 'test_failing.py']))"
    )
    assert "2 failed" in done.stdout, done.stdout + done.stderr
    return re.findall(r"^(\S+\.py:\d+): ", done.stdout, flags=re.MULTILINE)


def test_hazard_50_pytest_folds_our_frames(installer: str, run_python: RunPython) -> None:
    """Pytest shows a failing fit with the same frames, at the same lines, as without us."""
    plain = _shown_by_pytest(run_python, "")
    recorded = _shown_by_pytest(run_python, "import steno; steno.autolog()")
    assert len(plain) >= 6
    assert recorded == plain


IN_IPYTHON = """
import sys
from IPython.terminal.interactiveshell import TerminalInteractiveShell
shell = TerminalInteractiveShell.instance(colors="NoColor", simple_prompt=True, history_load_length=0)
shell.run_line_magic("xmode", "Context")
if sys.argv[1] == "with":
    shell.run_cell("import steno; steno.autolog(silent=True)")
else:
    shell.run_cell("pass")
shell.run_cell('''
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
make_pipeline(LogisticRegression()).fit(np.array([["a"], ["b"]]), [0, 1])
''')
"""


def test_hazard_50_ipython_folds_our_frames(
    installer: str, run_python: RunPython, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IPython shows a failing fit with the same source lines as without us, and only says that frames are hidden."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))

    def shown(word: str) -> str:
        done = run_python(IN_IPYTHON, word)
        assert "ValueError: could not convert string to float" in done.stdout, done.stdout + done.stderr
        return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)

    plain = shown("without")
    recorded, folds = re.subn(r"^ *\[\.\.\. skipping hidden \d+ frame\]\n\n", "", shown("with"), flags=re.MULTILINE)
    assert folds == 2  # around the pipeline's fit, and around that of its last step
    assert "pipeline.py" in plain
    assert recorded == plain


def test_hazard_50_the_error_itself_is_untouched(installer: str) -> None:
    """The exception has the framework's frame last, the user's first, and no context or cause of ours."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    steno.autolog()
    with pytest.raises(ValueError, match="could not convert") as caught:
        LogisticRegression().fit(np.array([["a"], ["b"]]), [0, 1])
    frames: list[Any] = [entry.frame.code.path for entry in caught.traceback]
    assert Path(str(frames[0])) == Path(__file__)
    assert "sklearn" in str(frames[-1])
    assert caught.value.__cause__ is None
    assert runs()[0].info.status == "FAILED"
