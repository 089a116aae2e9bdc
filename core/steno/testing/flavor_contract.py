"""What the saver and loader of an integration promise: `FlavorContract`."""

from __future__ import annotations

import inspect
import os
import pickle
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import pytest

from steno.errors import ModelError, StenoError, UntrustedModelError
from steno.plugin import Integration
from steno.testing.conformance.likeness import differences
from steno.testing.interpreter import Interpreter
from steno.testing.isolation import IsolatedStore

__all__ = ["FlavorContract"]

# A Python that has MLflow and no steno; read before any test has its environment cleaned.
_MLFLOW_PYTHON = os.environ.get("STENO_TEST_MLFLOW_PYTHON")
_LONGEST_S = 240

_IN_A_FRESH_PROCESS = """
import pickle, sys
import steno
with open(sys.argv[2], "rb") as file:
    rows = pickle.load(file)
loaded = steno.pyfunc.load_model(sys.argv[1], trust=True)
with open(sys.argv[3], "wb") as file:
    pickle.dump(loaded.predict(rows), file)
"""

_IN_MLFLOW = """
import importlib, pickle, sys
flavor = sys.argv[4]
try:
    importlib.import_module(flavor)
    import mlflow.pyfunc
    native = importlib.import_module("mlflow." + flavor)
except ImportError as missing:
    print("lacking", missing)
    sys.exit(0)
with open(sys.argv[2], "rb") as file:
    rows = pickle.load(file)
loaded = mlflow.pyfunc.load_model(sys.argv[1])
assert not any(name.partition(".")[0] == "steno" for name in sys.modules)
with open(sys.argv[3], "wb") as file:
    pickle.dump(loaded.predict(rows), file)
print("class", type(native.load_model(sys.argv[1])).__name__)
"""


class FlavorContract:
    """Whether a model that an integration saves is the same model wherever it is loaded.

    Subclass it in a test file, name the integration and write one tiny model::

        class TestCatBoostModels(FlavorContract):
            integration = "catboost"

            def fit(self):
                from catboost import CatBoostClassifier

                return CatBoostClassifier(iterations=3, verbose=False).fit(X, y)

            def rows(self):
                return X[:5]

    Attributes:
        integration: the entry point's name.
        save_options: arguments of the integration's own saver, such as `{"model_format": "json"}`.
    """

    integration: ClassVar[str] = ""
    save_options: ClassVar[Mapping[str, Any]] = {}

    def fit(self) -> Any:
        """A fitted model."""
        raise NotImplementedError("write fit(self): a small fitted model")

    def rows(self) -> Any:
        """A few rows of input, as a user of `steno.pyfunc` passes them: an array, a table."""
        raise NotImplementedError("write rows(self): a few rows that the model predicts for")

    def predict(self, model: Any, rows: Any) -> Any:
        """What the framework's own object predicts for these rows; `model.predict(rows)` unless overridden."""
        return model.predict(rows)

    # -- promises

    def test_a_loaded_model_is_the_model_that_was_saved(self, steno_store: IsolatedStore) -> None:
        """Loaded by the integration, a model is of the same class and predicts the same to the bit."""
        model = self.fit()
        loaded = self._namespace().load_model(self._saved(model, steno_store), trust=True)
        if type(loaded) is not type(model):
            self._fail(f"a {type(model).__name__} comes back as {type(loaded).__name__}", "loader")
        self._expect_same(self.predict(loaded, self.rows()), model, "loaded, the model")

    def test_pyfunc_predicts_what_the_model_predicts(self, steno_store: IsolatedStore) -> None:
        """By `steno.pyfunc` the same rows give the same predictions, and the block for other readers is complete."""
        model = self.fit()
        path = self._saved(model, steno_store)
        loaded = _steno().pyfunc.load_model(path, trust=True)
        self._expect_same(loaded.predict(self.rows()), model, "by steno.pyfunc the model")
        flavors = loaded.metadata.flavors
        function = flavors.get("python_function", {})
        lacking = [key for key in ("loader_module", "env", "python_version") if not function.get(key)]
        if lacking or self.integration not in flavors:
            self._fail(f"MLmodel has the flavors {flavors}, and python_function lacks {lacking}", "saver")
        requirements = (path / "requirements.txt").read_text(encoding="utf-8").splitlines()
        if not requirements:
            self._fail("requirements.txt is empty: nobody could install what the model needs", "saver")

    def test_a_signature_takes_the_rows_of_the_training(self, steno_store: IsolatedStore) -> None:
        """With a signature and an example inferred from rows, those rows give the same predictions as without."""
        model, rows = self.fit(), self.rows()
        infer = _steno().models.infer_signature
        signature = infer(rows, self.predict(model, rows))
        path = self._saved(model, steno_store, signature=signature, input_example=rows)
        loaded = _steno().pyfunc.load_model(path, trust=True)
        self._expect_same(loaded.predict(rows), model, "with a signature the model")
        if loaded.metadata.signature != signature:
            self._fail(f"the signature comes back as {loaded.metadata.signature}, saved was {signature}", "saver")
        if not loaded.metadata.saved_input_example_info:
            self._fail("the input example is not in MLmodel", "saver")

    def test_a_folder_that_was_altered_is_refused(self, steno_store: IsolatedStore) -> None:
        """With any byte changed, any file added or taken away, nothing of the folder is loaded."""
        path = self._saved(self.fit(), steno_store)
        files = [file for file in sorted(path.rglob("*")) if file.is_file() and file.name != "manifest.json"]
        for file in files:
            content = file.read_bytes()
            file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]) if content else b"x")
            self._expect_refused(path, f"{file.name} was altered by one bit")
            file.unlink()
            self._expect_refused(path, f"{file.name} is gone")
            file.write_bytes(content)
        (path / "added.txt").write_text("more")
        self._expect_refused(path, "a file was added")
        (path / "added.txt").unlink()
        self._namespace().load_model(path, trust=True)

    def test_code_runs_only_with_consent(self, steno_store: IsolatedStore) -> None:
        """A model whose loading runs code from its files is refused unless trusted; any other loads without a word."""
        path = self._saved(self.fit(), steno_store)
        described = _steno().models.Model.load(path)
        runs_code = self._integration().runs_code(path, described.flavors[self.integration])
        try:
            self._namespace().load_model(path)
        except UntrustedModelError as refusal:
            if not runs_code:
                self._fail(f"loading is refused though runs_code() says that none runs: {refusal}", "runs_code")
        else:
            if runs_code:
                self._fail("a model that runs code is loaded without trust=True", "runs_code")

    def test_a_fresh_process_loads_it(self, steno_store: IsolatedStore, steno_python: Interpreter) -> None:
        """A process that has not trained, nor imported the framework, loads the folder and predicts the same."""
        model = self.fit()
        path = self._saved(model, steno_store)
        rows, prediction = self._pickled_rows(steno_store), steno_store.path / "prediction.pickle"
        done = steno_python(_IN_A_FRESH_PROCESS, str(path), str(rows), str(prediction))
        if done.returncode != 0:
            self._fail(f"a fresh process cannot load the model: {done.stderr[-2000:]}", "loader")
        self._expect_same(_unpickled(prediction), model, "in a fresh process the model")

    def test_a_logged_model_belongs_to_its_run(self, steno_store: IsolatedStore) -> None:
        """Logged with a run, the model is found under the run and loads without being asked whether it is trusted."""
        steno = _steno()
        model = self.fit()
        with steno.start_run() as run:
            info = self._namespace().log_model(model, name="model", **self.save_options)
        loaded = self._namespace().load_model(f"runs:/{run.info.run_id}/model")
        self._expect_same(self.predict(loaded, self.rows()), model, "loaded from its run, the model")
        outputs = [output.model_id for output in steno_store.run().outputs.model_outputs]
        if outputs != [info.model_id]:
            self._fail(f"the run has the models {outputs}, logged was {info.model_id}", "saver")

    def test_saving_leaves_the_model_as_it_is(self, steno_store: IsolatedStore) -> None:
        """A model that was saved is the same object with the same content as before."""
        model, other = self.fit(), self.fit()
        unsteady = differences(model, other)
        self._saved(model, steno_store)
        found = {path: text for path, text in differences(model, other).items() if path not in unsteady}
        if found:
            self._fail(f"saving changed the model: {found}", "saver")

    def test_another_object_is_saved_whole_or_refused(self, steno_store: IsolatedStore) -> None:
        """An object of another kind comes back as it was, or is refused by its class with nothing left behind."""
        path = steno_store.path / "other"
        before = set(steno_store.path.iterdir())
        try:
            self._namespace().save_model(_NoModel(), path)
        except StenoError as refusal:
            left = set(steno_store.path.iterdir()) - before
            if "_NoModel" not in str(refusal):
                self._fail(f"an object of another class is refused without a word of its class: {refusal}", "saver")
            if left:
                self._fail(f"a refused object leaves {sorted(map(str, left))} behind", "saver")
            return
        loaded = self._namespace().load_model(path, trust=True)
        if type(loaded) is not _NoModel:
            self._fail(f"an object of another class is saved, and comes back as {loaded!r:.200}", "saver")

    def test_mlflow_loads_it(self, steno_store: IsolatedStore) -> None:
        """Real MLflow, in a process without steno, loads the folder by pyfunc and by flavor and predicts the same."""
        if _MLFLOW_PYTHON is None:
            pytest.skip("STENO_TEST_MLFLOW_PYTHON names no Python with MLflow")
        model, rows = self.fit(), self.rows()
        signature = _steno().models.infer_signature(rows, self.predict(model, rows))
        path = self._saved(model, steno_store, signature=signature)
        module = _steno().models.Model.load(path).flavors["python_function"]["loader_module"]
        if not module.startswith("mlflow."):
            pytest.skip(f"the flavor is loaded by {module}, which MLflow does not have")
        prediction = steno_store.path / "prediction.pickle"
        said = _run_in_mlflow(steno_store.path, path, self._pickled_rows(steno_store), prediction, self.integration)
        if said.startswith("lacking"):
            pytest.skip(f"the Python of STENO_TEST_MLFLOW_PYTHON is {said.strip()}")
        if said.split()[-1] != type(model).__name__:
            self._fail(f"MLflow loads a {type(model).__name__} as {said.split()[-1]}", "saver")
        self._expect_same(_unpickled(prediction), model, "in MLflow the model")

    # -- what they share

    def _integration(self) -> Integration:
        from steno.registry import registry  # noqa: PLC0415  a module of test classes is collected without loading it

        return registry().integration(self.integration)

    def _namespace(self) -> Any:
        return getattr(_steno(), self.integration)

    def _saved(self, model: Any, store: IsolatedStore, **options: Any) -> Path:
        path = store.path / "saved"
        self._namespace().save_model(model, path, **self.save_options, **options)
        return path

    def _pickled_rows(self, store: IsolatedStore) -> Path:
        path = store.path / "rows.pickle"
        path.write_bytes(pickle.dumps(self.rows()))
        return path

    def _expect_same(self, prediction: Any, model: Any, what: str) -> None:
        found = differences(prediction, self.predict(model, self.rows()))
        if found:
            self._fail(f"{what} predicts something else: {found}", "loader and predictor")

    def _expect_refused(self, path: Path, what: str) -> None:
        try:
            self._namespace().load_model(path, trust=True)
        except ModelError:
            return
        self._fail(f"{what} since the model was saved, and it is loaded all the same", "loader")

    def _fail(self, found: str, look: str) -> NoReturn:
        cls = type(self._integration())
        pytest.fail(
            f"FLAVOR {self.integration}: {found}. Your users' models would not be what they saved. "
            f"Look at: {look} of {cls.__name__} in {inspect.getsourcefile(cls)}",
            pytrace=False,
        )


class _NoModel:
    """Nothing that any framework has made."""


def _steno() -> Any:
    """The package with its names, which are loaded as they are used."""
    import steno  # noqa: PLC0415  `steno.pyfunc` and `steno.<flavor>` are made anew for each test

    return steno


def _run_in_mlflow(folder: Path, path: Path, rows: Path, prediction: Path, flavor: str) -> str:
    script = folder / "in_mlflow.py"
    script.write_text(_IN_MLFLOW, encoding="utf-8")
    settings = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(
        [str(_MLFLOW_PYTHON), str(script), str(path), str(rows), str(prediction), flavor],
        capture_output=True,
        encoding="utf-8",
        timeout=_LONGEST_S,
        check=False,
        cwd=folder,
        env={**{key: value for key, value in os.environ.items() if key != "PYTHONPATH"}, **settings},
    )
    if done.returncode != 0:
        pytest.fail(f"FLAVOR {flavor}: real MLflow cannot load the model: {done.stderr[-3000:]}", pytrace=False)
    return done.stdout


def _unpickled(path: Path) -> Any:
    return pickle.loads(path.read_bytes())  # noqa: S301  just written by a process of the test's own
