"""All that a plugin author imports: `Integration`, the seams, `option`, `hookimpl`.

A plugin is a module behind an entry point of group `steno` whose *name is the framework's import name*. It declares
one `Integration` and registers it::

    class CatBoost(Integration):
        name, requires, owns = "catboost", "catboost>=1.2", ("catboost",)

        @train("catboost.core:CatBoost._fit")
        def fit(self, call):
            call.run.params(call.self.get_params())
            yield                                   # the framework trains here
            call.run.model(call.self)

    @hookimpl
    def steno_integrations(register):
        register(CatBoost())

Nothing here patches anything: seams are declarations, read by the core when the framework has been imported.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import pluggy

from steno.errors import InvalidInputError, ModelError, shown

__all__ = [
    "Call",
    "ClassTarget",
    "Integration",
    "Option",
    "RunHandle",
    "SavedFlavor",
    "Seam",
    "classes",
    "hookimpl",
    "metric",
    "observe",
    "option",
    "predicts",
    "quiet",
    "train",
    "workers",
]

hookimpl = pluggy.HookimplMarker("steno")

SeamKind = Literal["train", "observe", "quiet", "metric", "predicts", "workers"]


class RunHandle(Protocol):
    """The run of the call in progress. Names are free of the store behind; nothing here ever raises."""

    @property
    def run_id(self) -> str:
        """The run's id."""
        ...

    def name(self, text: str) -> None:
        """Name the run, unless the user named it."""
        ...

    def params(self, values: Mapping[str, Any]) -> None:
        """Record params; each value keeps its type and whole length."""
        ...

    def metric(self, name: str, value: Any, step: int = 0) -> None:
        """Record one point of a metric."""
        ...

    def metrics(self, values: Mapping[str, Any], step: int = 0) -> None:
        """Record one point of several metrics at the same step."""
        ...

    def curve(self, name: str, values: Sequence[Any], steps: Sequence[int] | None = None) -> None:
        """Record a whole curve; steps count from 0 unless given."""
        ...

    def scored(self, name: str, source: str, value: Any) -> None:
        """Record a score computed after training as `<name>_<source>`, the next one as `<name>-2_<source>`.

        What is no single number is left alone.
        """
        ...

    def tags(self, values: Mapping[str, Any]) -> None:
        """Set tags."""
        ...

    def table(self, name: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """Record a table, column by column, as artifact `name` (.json, or .csv by the name's extension)."""
        ...

    def chart(self, name: str, spec: Mapping[str, Any]) -> None:
        """Record a chart as data (JSON) under `charts/`; whoever shows it draws it."""
        ...

    def text(self, text: str, name: str) -> None:
        """Record text as artifact `name`."""
        ...

    def dataset(self, data: Any, *, targets: Any = None, name: str | None = None, context: str = "train") -> None:
        """Record what the run was trained on: schema, digest over all of it, profile. Never rows."""
        ...

    def model(
        self,
        model: Any,
        *,
        name: str = "model",
        sample: Any = None,
        prediction: Any = None,
        answers_for: Sequence[Any] = (),
    ) -> None:
        """Save the model, unless the option `log_models` is off, and remember that it came from this run.

        Args:
            model: the fitted object; also the one whose later predictions and scores belong to this run.
            name: the model's name within the run.
            sample: rows of input data, for the signature.
            prediction: what the model predicted for `sample`, for the signature.
            answers_for: other objects whose predictions and scores belong to this run, such as `best_estimator_`.
        """
        ...

    def fault(self, step: str, fault: BaseException) -> None:
        """Note that one step of recording failed; the run lists it, the others go on."""
        ...

    def step(self, name: str) -> Any:
        """A context manager for one step of recording: what fails inside is noted by `fault` and goes no further."""
        ...


class Call(Protocol):
    """One call of a patched function, read-only.

    Attributes:
        self: the instance, for a method; else None.
        args: positional arguments, without the instance.
        kwargs: keyword arguments.
        function: the original function.
        run: the run of the training in progress; touching it inside `@train` opens it.
        options: the integration's options as they hold now.
        source: inside `@metric`, the name of the data behind the prediction that is scored, such as "X_test".
        model: inside `@metric`, the model that made the prediction.
    """

    self: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    function: Callable[..., Any]
    source: str
    model: Any

    @property
    def run(self) -> RunHandle:
        """The run of the training in progress."""
        ...

    @property
    def options(self) -> Mapping[str, Any]:
        """The integration's options as they hold now."""
        ...

    def arg(self, name: str, default: Any = None) -> Any:
        """The value of one argument, however it was passed.

        Where it was not: the function's own default, else `default`.
        """
        ...

    def variable(self, value: Any) -> str | None:
        """The name of the caller's variable that holds `value`, by identity; None if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class ClassTarget:
    """Methods of every present and future subclass of a class. As a decorator it is a `@train` seam."""

    base: str
    methods: tuple[str, ...]

    def __call__(self, function: Callable[..., Any]) -> Seam:
        """Declare a `@train` seam on these methods."""
        return Seam("train", (self,), function)


Target = str | ClassTarget


@dataclass(frozen=True, slots=True)
class Seam:
    """A declaration: at these targets, do this. Made by the decorators below.

    Attributes:
        kind: which decorator made it.
        targets: each `"new.module:Qual.name, old.module:name"` (the first that exists; a trailing `?` makes it
            optional; `module:*` is every public function of the module) or a `ClassTarget`.
        function: what the plugin does there.
        name: the attribute under which the plugin declared it.
    """

    kind: SeamKind
    targets: tuple[Target, ...]
    function: Callable[..., Any]
    name: str = field(default="", compare=False)

    def __call__(self, function: Callable[..., Any]) -> Seam:
        """Let a seam that was declared without a function decorate one."""
        return Seam(self.kind, self.targets, function)


def _nothing(_self: Any, _call: Call, _result: Any = None) -> None:
    """The function of a seam that needs none."""


def _decorator(kind: SeamKind, targets: tuple[Target, ...]) -> Callable[[Callable[..., Any]], Seam]:
    for target in targets:
        if isinstance(target, str) and ":" not in target:
            raise InvalidInputError(
                f"seam target {shown(target)} names no module: "
                "write 'package.module:Class.method' or 'package.module:function'"
            )

    def decorate(function: Callable[..., Any]) -> Seam:
        if kind == "train" and not inspect.isgeneratorfunction(function):
            raise InvalidInputError(
                f"@train function {function.__qualname__} has no `yield`: write what to record before the training, "
                "then `yield`, then what to record after it"
            )
        return Seam(kind, targets, function)

    return decorate


def train(*targets: Target) -> Callable[[Callable[..., Any]], Seam]:
    """A training call: a generator `(self, call)` with one `yield` (before / the framework trains / after).

    Opens the run when the call is the outermost, else is not called. `result = yield` is the framework's result. A
    `return` before the `yield` says that this call is no training: nothing is recorded inside it, and the returned
    text is the reason that `steno.status()` shows.
    """
    return _decorator("train", targets)


def observe(*targets: Target) -> Callable[[Callable[..., Any]], Seam]:
    """A function `(self, call, result)`, called after the target, inside a training of this process only."""
    return _decorator("observe", targets)


def metric(*targets: Target) -> Callable[[Callable[..., Any]], Seam]:
    """A scoring function: `(self, call, result)` is called after the outermost one that scores a recorded model.

    `call.run` is the run that made the model, `call.source` the name of the data that was predicted.
    """
    return _decorator("metric", targets)


def predicts(*targets: Target) -> Callable[[Callable[..., Any]], Seam]:
    """A function whose result is remembered, so that a later score finds its model.

    `(self, call, result)` returns the pair (model, data), or None to remember nothing.
    """
    return _decorator("predicts", targets)


def quiet(*targets: Target) -> Seam:
    """Nothing is recorded inside these functions. Assign it to an attribute, or decorate a function with it."""
    return Seam("quiet", targets, _nothing)


def workers(*targets: Target) -> Seam:
    """Callables that run in worker threads: the first argument of the target yields `(function, args, kwargs)`.

    Inside a training they belong to that training. Where they are pickled for another process, nothing of ours goes
    with them.
    """
    return Seam("workers", targets, _nothing)


def classes(base: str, *, methods: Sequence[str]) -> ClassTarget:
    """These methods of every present and future subclass of `base` ("module:Class")."""
    return ClassTarget(base, tuple(methods))


_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_TEXT_READERS: Mapping[type, Callable[[str], Any]] = {
    bool: lambda text: _WORDS[text.lower()],
    tuple: lambda text: tuple(part.strip() for part in text.split(",") if part.strip()),
}


@dataclass(frozen=True, slots=True)
class Option:
    """One option of an integration: its default, its type and what it does."""

    name: str
    default: Any
    annotation: Any
    help: str

    def read(self, value: Any, owner: str) -> Any:
        """The value as the option's type; text from the environment is converted.

        Raises:
            InvalidInputError: naming the option, the value and what is accepted.
        """
        kind = type(self.default)
        if self.default is None or type(value) is kind:
            return value
        try:
            if isinstance(value, str):
                return _TEXT_READERS.get(kind, kind)(value.strip())
            if kind is float and isinstance(value, int) and not isinstance(value, bool):
                return float(value)
            if kind is tuple and isinstance(value, (list, set, frozenset)):
                return tuple(value)
        except (KeyError, TypeError, ValueError):
            pass
        raise InvalidInputError(
            f"option {self.name!r} of integration {owner!r} got {shown(value)}, accepted is {kind.__name__} "
            f"such as {self.default!r}: write steno.autolog({owner}={{{self.name!r}: {self.default!r}}})"
        )


def option(default: Any, help: str) -> Any:  # noqa: A002  the word every argument parser uses
    """Declare an option in an `Integration`'s body.

    Written as `log_models: bool = option(True, "save the model")`, it is a key of `steno.autolog(<name>={...})` and
    the environment variable `STENO_<NAME>_<OPTION>`.
    """
    return Option("", default, None, help)


@dataclass(frozen=True, slots=True)
class SavedFlavor:
    """What a `saver` wrote: the flavor's block of the MLmodel file and how to load it without us.

    Attributes:
        conf: the flavor's own block, MLflow's keys (`pickled_model`, `serialization_format`, ...).
        python_function: the `python_function` block without `env` and `python_version`; `loader_module` is required.
        requirements: distributions that the model needs, by import name or requirement; more are found in process.
        runs_code: True if loading executes code from the artifact (pickle, cloudpickle).
        model_class: qualified name of the model's class.
    """

    conf: Mapping[str, Any]
    python_function: Mapping[str, Any]
    requirements: Sequence[str] = ()
    runs_code: bool = False
    model_class: str = ""


class Integration:
    """What one plugin does for one framework. Subclass it, declare seams, register an instance.

    Attributes:
        name: the framework's import name, also the entry point's name.
        requires: requirement string, checked when the framework arrives; "" for any version.
        owns: top packages whose classes this plugin answers for, so that two plugins never record one training.
        model_argument: the name under which `save_model` and `log_model` also take the model, such as "sk_model".
        seams: collected from the class body.
        options_declared: collected from the class body; every integration has the common ones below.
    """

    name: ClassVar[str] = ""
    requires: ClassVar[str] = ""
    owns: ClassVar[tuple[str, ...]] = ()
    model_argument: ClassVar[str] = "model"
    api: ClassVar[int] = 1

    seams: ClassVar[tuple[Seam, ...]] = ()
    options_declared: ClassVar[Mapping[str, Option]] = {}

    log_models: bool = option(True, "save the trained model")
    log_datasets: bool = option(True, "record what the model was trained on: schema, digest, profile")
    log_input_examples: bool = option(False, "store the first rows of the training data with the model")
    log_model_signatures: bool = option(True, "store the columns and types that the model takes and gives")
    log_training_metrics: bool = option(True, "compute scores on the training data")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.seams = tuple(_collected_seams(cls))
        cls.options_declared = _collected_options(cls)

    def saver(self, model: Any, folder: Path) -> SavedFlavor:
        """Write `model` into `folder` and say how.

        Raises:
            ModelError: if this integration cannot save the object.
        """
        raise ModelError(
            f"integration {self.name!r} cannot save {shown(model)} into {folder}: it has no saver; "
            "save it yourself with steno.log_artifact(path)"
        )

    def loader(self, folder: Path, conf: Mapping[str, Any]) -> Any:
        """Read back what `saver` wrote, or what MLflow wrote under the same flavor.

        Args:
            folder: the model's folder.
            conf: the flavor's block of the MLmodel file.
        """
        raise ModelError(f"integration {self.name!r} cannot load {folder} ({dict(conf)}): it has no loader")

    def runs_code(self, folder: Path, conf: Mapping[str, Any]) -> bool:
        """Whether `loader` would run code out of this folder; asked before it is called.

        True unless overridden: such a model loads from the local store, and from elsewhere with `trust=True`. Whoever
        says False must not believe what the folder says about itself, but know that its reader runs nothing.
        """
        del folder, conf
        return True

    def predictor(self, model: Any) -> Callable[[Any], Any]:
        """The function behind `steno.pyfunc.load_model(...).predict`; `model.predict` unless overridden."""
        predict: Callable[[Any], Any] = model.predict
        return predict


def _collected_seams(cls: type[Integration]) -> Iterator[Seam]:
    seen: set[str] = set()
    for own in cls.__mro__:
        for attribute, value in vars(own).items():
            if isinstance(value, Seam) and attribute not in seen:
                yield Seam(value.kind, value.targets, value.function, attribute)
            seen.add(attribute)


def _collected_options(cls: type[Integration]) -> dict[str, Option]:
    hints: dict[str, Any] = {}
    for own in reversed(cls.__mro__):
        hints.update(getattr(own, "__annotations__", {}))
    return {
        attribute: Option(attribute, value.default, hints.get(attribute), value.help)
        for own in reversed(cls.__mro__)
        for attribute, value in vars(own).items()
        if isinstance(value, Option)
    }
