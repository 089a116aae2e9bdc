"""Rows on copies: pickles, deep copies and workers in other processes carry nothing of ours."""

from __future__ import annotations

import copy
import importlib.util
import io
import json
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle

from steno.testing.conformance.bench import Bench
from steno.testing.conformance.failure import Skipped
from steno.testing.conformance.likeness import differences
from steno.testing.conformance.row import row
from steno.testing.conformance.seams import UNCOPYABLE
from steno.testing.conformance.subject import Subject

__all__ = ["Copies"]

_PICKLES = "A model that your users keep would need steno to be loaded, or could not be kept at all"

# Loads pickles in a process in which steno cannot be imported, and says what became of each.
_LOAD = """
import json, pickle, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("steno", "steno_integrations"):
            raise ModuleNotFoundError("No module named " + repr(name), name=name)

sys.meta_path.insert(0, Refuse())
sys.path[:] = json.loads(sys.argv[1])
try:
    import joblib
except ImportError:
    pass
found = {}
for path in sys.argv[2:]:
    try:
        with open(path, "rb") as file:
            (joblib if "joblib" in path else pickle).load(file)
        found[path] = ""
    except Exception as error:
        found[path] = type(error).__name__ + ": " + str(error)
print(json.dumps(found))
"""


class Copies(Subject):
    """Something is copied."""

    @row()
    def test_hazard_21_a_fitted_model_is_pickled_and_copied(self, bench: Bench) -> None:
        """pickle, cloudpickle, joblib and deepcopy of a model fitted under autolog give what they give without it."""
        plain = {name: _attempt(form.write, bench.plain[0].model) for name, form in _FORMS.items()}
        bench.autolog()
        model = bench.train().model
        for name, form in _FORMS.items():
            if isinstance(plain[name], Exception):
                continue
            written = _attempt(form.write, model)
            bench.require(
                isinstance(written, bytes),
                f"{name} of the fitted model raises {written!r}, without recording it works",
                _PICKLES,
                bench.look(),
            )
            bench.require(
                b"steno" not in written or b"steno" in plain[name],
                f"what {name} writes of the fitted model names steno",
                _PICKLES,
                f"what the plugin sets on the model; {bench.look()}",
            )
            found = differences(bench.subject.predict(form.read(written)), bench.plain[0].prediction)
            bench.require(not found, f"read back from {name}, the model predicts something else: {found}", _PICKLES)
        if not isinstance(_attempt(copy.deepcopy, bench.plain[0].model), Exception):
            found = differences(bench.subject.predict(copy.deepcopy(model)), bench.plain[0].prediction)
            bench.require(not found, f"a deep copy of the model predicts something else: {found}", _PICKLES)

    @row()
    def test_hazard_22_bound_methods_and_functions_are_pickled_and_copied(self, bench: Bench) -> None:
        """A patched function, and a patched method of an object, are pickled and copied as they are without autolog."""
        hit = bench.hit()
        ways = {**{name: form.write for name, form in _FORMS.items()}, **_COPIERS}
        plain = {name: _attempt(write, hit.function()) for name, write in ways.items()}
        bench.autolog()
        for name, write in ways.items():
            if isinstance(plain[name], Exception):
                continue
            written = _attempt(write, hit.function())
            bench.require(
                not isinstance(written, Exception),
                f"{name} of {hit.target} raises {written!r}, without recording it works",
                "Their joblib.Parallel and multiprocessing would fail",
            )
            if isinstance(written, bytes):
                bench.require(
                    b"steno" not in written or b"steno" in plain[name],
                    f"what {name} writes of {hit.target} names steno",
                    "Their worker processes would need steno",
                )
                again = _FORMS[name].read(written)
                bench.require(
                    getattr(again, "__name__", "") == getattr(hit.function(), "__name__", ""),
                    f"{name} of {hit.target} comes back as {again!r:.200}",
                    "Their worker processes would call something else",
                )

    @row()
    def test_hazard_23_fits_in_worker_processes_and_threads(self, bench: Bench) -> None:
        """`joblib.Parallel` fits in worker processes without a run there, and in worker threads with a run each."""
        if importlib.util.find_spec("joblib") is None:
            raise Skipped("joblib is not installed, with which this row is run: install it")
        joblib = importlib.import_module("joblib")
        hit = bench.hit()

        def fit(backend: str) -> Any:
            calls = [joblib.delayed(hit.function())(*hit.args, **hit.kwargs) for _ in range(2)]
            return joblib.Parallel(n_jobs=2, backend=backend)(calls)

        with_processes = not isinstance(_attempt(cloudpickle.dumps, (hit.function(), hit.args, hit.kwargs)), Exception)
        bench.autolog(log_models=False)
        if with_processes:
            fit("loky")
            bench.expect_runs(0, "after two fits in worker processes", "Every worker of a search would open a run")
        fit("threading")
        bench.expect_runs(2, "after two fits in threads of joblib", "Your users' trainings would be missing or doubled")
        bench.expect_nothing_failed()

    @row()
    def test_hazard_82_models_outlive_steno(self, bench: Bench) -> None:
        """What was pickled under autolog loads in a program that has no steno."""
        bench.autolog()
        model, hit = bench.train().model, bench.hit()
        things = {"model": model, "function": hit.function()}
        files: dict[str, Path] = {}
        for what, thing in things.items():
            for name, form in _FORMS.items():
                written = _attempt(form.write, thing)
                if isinstance(written, bytes):
                    files[f"{name} of the {what}"] = bench.store.path / f"{name}-{what}.pickle"
                    files[f"{name} of the {what}"].write_bytes(written)
        if not files:
            raise Skipped("neither the model nor the function can be pickled, with or without steno")
        done = bench.interpreter()(_LOAD, json.dumps(_without_tests(bench)), *map(str, files.values()))
        bench.require(done.returncode == 0, f"loading failed: {done.stderr[-2000:]}", _PICKLES)
        found = json.loads(done.stdout.splitlines()[-1])
        failed = {what: found[str(path)] for what, path in files.items() if found[str(path)]}
        missing = {what: text for what, text in failed.items() if "steno" in text}
        bench.require(
            not missing, f"without steno installed {missing} cannot be loaded", _PICKLES, f"the model; {bench.look()}"
        )


@dataclass(frozen=True, slots=True)
class _Form:
    """A way of writing objects, and of reading them again."""

    write: Callable[[Any], bytes]
    read: Callable[[bytes], Any]


def _with_joblib(thing: Any) -> bytes:
    buffer = io.BytesIO()
    importlib.import_module("joblib").dump(thing, buffer)
    return buffer.getvalue()


def _from_joblib(written: bytes) -> Any:
    return importlib.import_module("joblib").load(io.BytesIO(written))


_FORMS: dict[str, _Form] = {
    "pickle.dumps": _Form(pickle.dumps, pickle.loads),
    "cloudpickle.dumps": _Form(cloudpickle.dumps, pickle.loads),
    "joblib.dump": _Form(_with_joblib, _from_joblib),
}
_COPIERS: dict[str, Callable[[Any], Any]] = {"copy.copy": copy.copy, "copy.deepcopy": copy.deepcopy}


def _attempt(act: Callable[[Any], Any], thing: Any) -> Any:
    """What comes of it, or the exception that it raised."""
    try:
        return act(thing)
    except UNCOPYABLE as refusal:
        return refusal


def _without_tests(bench: Bench) -> list[str]:
    """Where packages are found; the test file itself is not one of them."""
    own = str(Path(bench.job["file"]).parent)
    return [entry for entry in sys.path if entry and entry != own]
