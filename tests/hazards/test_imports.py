"""Hazards of importing: any order, half-done imports, other threads, probes, zips and lazy modules."""

from __future__ import annotations

import json
import textwrap
import zipfile

import pytest

from conftest import RunPython
from tests.hazards.conftest import Site
from tests.hazards.records import runs, the_run

PLUGIN = """
from steno.plugin import Integration, hookimpl, train

class Part(Integration):
    name, requires, owns = "{name}", "", ("{name}",)

    @train("{name}.core:fit")
    def fit(self, call):
        call.run.params({{"framework": "{name}", "x": call.arg("x")}})
        yield

@hookimpl
def steno_integrations(register):
    register(Part())
"""


def _ran(run_python: RunPython, source: str, *args: str) -> str:
    """What a script printed; it ended well and said nothing else."""
    done = run_python(textwrap.dedent(source), *args)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_hazard_06_import_steno_brings_nothing_along(installer: str, run_python: RunPython) -> None:
    """`import steno` loads no module of any other distribution, and `autolog()` no framework and no database."""
    out = _ran(
        run_python,
        """
        import sys
        before = set(sys.modules)
        import steno
        def foreign():
            new = set(sys.modules) - before
            return sorted({name.partition(".")[0] for name in new
                           if "-packages" in str(getattr(sys.modules[name], "__file__", ""))} - {"steno"})
        print(foreign())
        steno.autolog()
        heavy = {"sklearn", "xgboost", "numpy", "pandas", "torch", "sqlalchemy", "sqlite3", "wrapt"}
        print(sorted(heavy & set(sys.modules)))
        """,
    )
    assert out == "[]\n[]\n"


# what stands before `autolog()` and what after it
ORDERS = {
    "import before": ("import {module}", "{use} = {module}.{name}"),
    "import after": ("", "import {module}\n{use} = {module}.{name}"),
    "from-import before": ("from {module} import {name} as {use}", ""),
    "from-import after": ("", "from {module} import {name} as {use}"),
    "alias before": ("import {module} as m\n{use} = m.{name}", ""),
    "alias after": ("", "import {module} as m\n{use} = m.{name}"),
    "subclass before": ("import {module} as m\nclass {use}(m.{name}): pass", ""),
    "subclass after": ("", "import {module} as m\nclass {use}(m.{name}): pass"),
}
USES = {
    "nb": ("sklearn.naive_bayes", "GaussianNB", "nb().fit(X, y)"),
    "booster": ("xgboost", "XGBClassifier", "booster(n_estimators=2, n_jobs=1).fit(X, y)"),
    "train": ("xgboost", "train", "train({'nthread': 1}, __import__('xgboost').DMatrix(X, y, nthread=1), 2)"),
}


def _program(order: str) -> str:
    uses = {use: given for use, given in USES.items() if use != "train" or "subclass" not in order}
    before, after = (
        [part.format(use=use, module=module, name=name) for use, (module, name, _) in uses.items()]
        for part in ORDERS[order]
    )
    return "\n".join([*before, "steno.autolog(log_models=False)", *after, *(call for _, _, call in uses.values())])


@pytest.mark.slow
def test_hazard_02_import_order_does_not_matter(installer: str, run_python: RunPython) -> None:
    """Imported before or after `autolog()`, by module, name, alias or as a base class: each training is one run.

    Each order is a process of its own, forked before anything of a framework is imported.
    """
    cases = {order: _program(order) for order in ORDERS}
    out = _ran(
        run_python,
        """
        import json, os, sys
        import numpy as np
        X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
        recorded = {}
        for order, source in json.loads(sys.argv[1]).items():
            reading, writing = os.pipe()
            if os.fork() == 0:
                os.environ["STENO_TRACKING_URI"] = "sqlite:///" + os.path.abspath(order.replace(" ", "_") + ".db")
                import steno
                try:
                    exec(source, {"steno": steno, "X": X, "y": y})
                    runs = steno.search_runs(output_format="list")
                    os.write(writing, " ".join(run.info.status for run in runs).encode())
                finally:
                    sys.stderr.flush()
                    os._exit(0)
            os.close(writing)
            recorded[order] = os.read(reading, 1000).decode().split()
            os.wait()
        print(json.dumps(recorded))
        """,
        json.dumps(cases),
    )
    expected = {order: ["FINISHED"] * (2 if "subclass" in order else 3) for order in cases}
    if installer == "attribute":  # a copy of the function that was made before is another name
        expected["from-import before"].pop()
        expected["alias before"].pop()
    assert json.loads(out) == expected


def test_hazard_60_autolog_inside_the_frameworks_own_import(installer: str, site: Site, run_python: RunPython) -> None:
    """`autolog()` called in the middle of `import sklearn`, by a module that it imports: recorded all the same."""
    site.write(
        "threadpoolctl.py",  # one of scikit-learn's own imports
        textwrap.dedent("""
            import importlib.util, sys
            import steno
            assert "sklearn" in sys.modules and not hasattr(sys.modules["sklearn"], "clone")
            steno.autolog(log_models=False)
            here = sys.path.index(__file__.rpartition("/")[0])
            sys.path.pop(here)
            from importlib.machinery import PathFinder
            spec = PathFinder.find_spec("threadpoolctl", sys.path)
            real = importlib.util.module_from_spec(spec)
            sys.modules[__name__] = real
            spec.loader.exec_module(real)
        """),
    )
    out = _ran(
        run_python,
        """
        from sklearn.naive_bayes import GaussianNB
        import steno
        GaussianNB(var_smoothing=0.5).fit([[0.0], [1.0]], [0, 1])
        print(steno.status()["sklearn"].state)
        """,
    )
    assert out == "on\n"
    assert the_run().data.params["var_smoothing"] == "0.5"


def test_hazard_60_autolog_while_another_thread_imports(installer: str, run_python: RunPython) -> None:
    """`autolog()` in one thread while others import the frameworks: both sides end, and trainings are recorded."""
    out = _ran(
        run_python,
        """
        import importlib, sys, threading, time
        import steno
        threads = [threading.Thread(target=importlib.import_module, args=(name,), daemon=True)
                   for name in ("sklearn.naive_bayes", "xgboost")]
        for thread in threads:
            thread.start()
        while "sklearn" not in sys.modules:
            time.sleep(0.001)
        half = getattr(sys.modules["sklearn"].__spec__, "_initializing", False)
        steno.autolog(log_models=False)
        for thread in threads:
            thread.join(timeout=100)
        assert not any(thread.is_alive() for thread in threads)
        from sklearn.naive_bayes import GaussianNB
        import xgboost
        GaussianNB().fit([[0.0], [1.0]], [0, 1])
        xgboost.train({"nthread": 1}, xgboost.DMatrix([[0.0], [1.0]], [0, 1]), 1)
        print(half, steno.status()["sklearn"].state, steno.status()["xgboost"].state)
        """,
    )
    assert out == "True on on\n"
    assert [run.data.tags["steno.integration"] for run in runs()] == ["sklearn", "xgboost"]


def test_hazard_61_two_plugins_that_import_each_others_frameworks(
    installer: str, site: Site, run_python: RunPython
) -> None:
    """Two frameworks imported by two threads, each of whose plugins imports the other one: nobody waits for ever."""
    for name, other in (("alpha", "beta"), ("beta", "alpha")):
        site.write(f"hazard_{name}/__init__.py", "import time\ntime.sleep(0.2)\nfrom . import core\n")
        site.write(f"hazard_{name}/core.py", "def fit(x):\n    return x\n")
        plugin = PLUGIN.format(name=f"hazard_{name}")
        site.install(f"hazard_{name}", f"import time\ntime.sleep(0.2)\nimport hazard_{other}.core\n" + plugin)
    out = _ran(
        run_python,
        """
        import importlib, threading
        import steno
        steno.autolog(log_models=False)
        names = ("hazard_alpha", "hazard_beta")
        threads = [threading.Thread(target=importlib.import_module, args=(name,), daemon=True) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert not any(thread.is_alive() for thread in threads)
        import hazard_alpha, hazard_beta
        print(hazard_alpha.core.fit(1), hazard_beta.core.fit(2))
        print([steno.status()[name].state for name in names])
        """,
    )
    assert out == "1 2\n['on', 'on']\n"
    assert [run.data.params["framework"] for run in runs()] == ["hazard_alpha", "hazard_beta"]


def test_hazard_62_probes_see_the_frameworks_own_loaders(installer: str, run_python: RunPython) -> None:
    """`find_spec`, `__loader__` and `__spec__` of a framework are of the same types and values as without us."""
    program = """
        import importlib.util, sys
        if sys.argv[1] == "with":
            import steno
            steno.autolog(log_models=False)
        names = ("sklearn", "sklearn.base", "xgboost", "xgboost.training", "joblib")
        def facts(spec):
            return spec.name, spec.origin, spec.cached, type(spec.loader).__module__, type(spec.loader).__qualname__
        probed = [facts(importlib.util.find_spec(name)) for name in ("sklearn", "xgboost", "joblib")]
        import xgboost, sklearn.base
        for name in names:
            module = sys.modules[name]
            assert module.__loader__ is module.__spec__.loader, name
            probed.append((facts(module.__spec__), sorted(vars(module.__loader__))))
        print(probed)
    """
    assert _ran(run_python, program, "with") == _ran(run_python, program, "without")


def test_hazard_62_lazy_and_zipped_frameworks_are_recorded(installer: str, site: Site, run_python: RunPython) -> None:
    """A framework behind `LazyLoader`, and one in a zip, call back when they are really imported, and not before."""
    archive = site.folder / "zipped.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("hazard_zipped/__init__.py", "from hazard_zipped import core\n")
        file.writestr("hazard_zipped/core.py", "def fit(x):\n    return x\n")
    site.install("hazard_zipped", PLUGIN.format(name="hazard_zipped"))
    out = _ran(
        run_python,
        """
        import importlib.util, sys
        import steno
        steno.autolog(log_models=False)
        sys.path.insert(0, sys.argv[1])
        spec = importlib.util.find_spec("xgboost")
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules["xgboost"] = module
        spec.loader.exec_module(module)
        steno.status()
        print("xgboost.core" in sys.modules, steno.status()["xgboost"].state)
        import xgboost
        xgboost.train({"nthread": 1}, xgboost.DMatrix([[0.0], [1.0]], [0, 1]), 1)
        import hazard_zipped
        print(type(hazard_zipped.__loader__).__name__, hazard_zipped.core.fit(3))
        print([steno.status()[name].state for name in ("xgboost", "hazard_zipped")])
        """,
        str(archive),
    )
    assert out == "False waiting\nzipimporter 3\n['on', 'on']\n"
    assert [run.data.tags["steno.integration"] for run in runs()] == ["xgboost", "hazard_zipped"]
