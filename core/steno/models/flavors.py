"""Saving and loading models through the integration that owns their class. No framework is named here.

A model folder is written beside its place and renamed into it when it is whole, so that nobody ever sees half of one.
"""

from __future__ import annotations

import inspect
import os
import platform
import shutil
import time
import uuid
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steno import __version__
from steno.entities import LoggedModel
from steno.errors import AlreadyExistsError, InvalidInputError, ModelError, SchemaError, StenoWarning, StoreError, shown
from steno.models import environment, places, trust
from steno.models.examples import head, write_example
from steno.models.mlmodel import MLMODEL, PYTHON_FUNCTION, Model, new_model_id, read_yaml, write_yaml
from steno.models.signature import ModelSignature, infer_signature
from steno.plugin import Integration, SavedFlavor
from steno.tracking.location import make_private
from steno.tracking.session import session

if TYPE_CHECKING:
    from steno.tracking.artifacts import ArtifactFolder
    from steno.tracking.open_run import OpenRun

__all__ = ["ModelInfo", "load_from", "load_model", "log_into", "log_model", "save_model", "write_model"]

_NOT_KEPT = ("mlflow_model", "params", "step", "model_type", "code_paths", "model_config", "prompts")
_IGNORED = ("await_registration_for",)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What `log_model` returns: where the model is and what its MLmodel file says.

    Attributes:
        model_uri: `models:/<model_id>`, which any `load_model` takes.
        artifact_path: the model's name within its run.
        registered_model_version: None; models are not registered yet.
    """

    model_uri: str
    model_id: str
    run_id: str
    artifact_path: str
    name: str
    flavors: Mapping[str, Any]
    signature: ModelSignature | None
    model_uuid: str
    utc_time_created: str
    mlflow_version: str | None
    metadata: Mapping[str, Any] | None
    saved_input_example_info: Mapping[str, Any] | None
    experiment_id: str = ""
    registered_model_version: str | None = None

    @property
    def signature_dict(self) -> dict[str, str | None] | None:
        """The signature in MLflow's form."""
        return None if self.signature is None else self.signature.to_dict()


# -- writing


def write_model(
    integration: Integration,
    model: Any,
    folder: Path,
    *,
    signature: ModelSignature | None = None,
    input_example: Any = None,
    run_id: str | None = None,
    model_id: str | None = None,
    name: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    conda_env: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    pip_requirements: Iterable[str] | str | os.PathLike[str] | None = None,
    extra_pip_requirements: Iterable[str] | str | os.PathLike[str] | None = None,
    saver_options: Mapping[str, Any] | None = None,
) -> Model:
    """Write a model folder, whole or not at all.

    Args:
        integration: whose `saver` writes the model.
        model: the fitted object.
        folder: does not exist yet, or is empty.
        signature: what the model takes and gives.
        input_example: some rows of input; stored beside the model.
        run_id: the run that made the model.
        model_id: id of the logged model.
        name: the model's name within its run.
        metadata: anything JSON.
        conda_env: content or file of a conda environment, instead of ours.
        pip_requirements: requirements, or a file of them, instead of those found.
        extra_pip_requirements: requirements, or a file of them, beside those found.
        saver_options: keyword arguments for the `saver`.

    Raises:
        AlreadyExistsError: something is in the folder.
        ModelError: the integration cannot save the object.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AlreadyExistsError(
            f"{str(folder)!r} already holds something, accepted is a new or an empty folder: name another, or remove it"
        )
    described = Model(name, run_id, signature=signature, model_uuid=model_id, metadata=metadata)
    unfinished = folder.parent / f".steno-writing-{uuid.uuid4().hex[:12]}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished.mkdir(mode=0o700)
        saved = integration.saver(model, unfinished, **(saver_options or {}))
        wanted = _Wanted(_lines(pip_requirements), _lines(extra_pip_requirements) or [], _conda(conda_env))
        if input_example is not None:
            described.saved_input_example_info = write_example(unfinished, input_example)
        _describe(described, integration, model, saved, unfinished, wanted)
        unfinished.rename(folder)
    except OSError as fault:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise StoreError(
            f"model cannot be written to {str(folder)!r}: {fault.strerror or fault}. "
            "Check free space and permissions, then save it again"
        ) from fault
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return described


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the caller says of the environment."""

    requirements: list[str] | None
    extra: list[str]
    conda: Mapping[str, Any] | None


def _describe(
    described: Model, integration: Integration, model: Any, saved: SavedFlavor, folder: Path, wanted: _Wanted
) -> None:
    """Write all files of the folder but the model's own."""
    modules = {type(model).__module__}
    for file in [entry for entry in os.scandir(folder) if entry.is_file()]:
        modules |= environment.modules_named_in(Path(file.path))
    found = environment.required([*saved.requirements, *wanted.extra], modules)
    requirements = list(found.requirements)
    if wanted.requirements is not None:
        requirements = [*wanted.requirements, *wanted.extra]
    conda = environment.conda_env(requirements)
    if wanted.conda is not None:
        conda = wanted.conda
        requirements = _pip_part(wanted.conda) + wanted.extra
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in requirements), encoding="utf-8")
    (folder / "python_env.yaml").write_text(write_yaml(dict(environment.python_env())), encoding="utf-8")
    (folder / "conda.yaml").write_text(write_yaml(dict(conda)), encoding="utf-8")

    described.add_flavor(
        PYTHON_FUNCTION,
        **saved.python_function,
        env={"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        python_version=platform.python_version(),
    )
    described.add_flavor(integration.name, **saved.conf)
    described.extra["steno_version"] = __version__
    described.model_size_bytes = sum(entry.stat().st_size for entry in _files_below(folder))
    (folder / MLMODEL).write_text(described.to_yaml(), encoding="utf-8")
    facts = {
        "steno_version": __version__,
        "model_class": saved.model_class,
        "runs_code": saved.runs_code,
        "local_modules": list(found.local_modules),
    }
    trust.write_manifest(folder, facts)


def _files_below(folder: Path) -> Iterable[os.DirEntry[str]]:
    for entry in os.scandir(folder):
        if entry.is_dir():
            yield from _files_below(Path(entry.path))
        else:
            yield entry


def _lines(given: Iterable[str] | str | os.PathLike[str] | None) -> list[str] | None:
    """Requirements from a list, or from a requirements file; lines with options and comments are left out of none."""
    if given is None:
        return None
    if isinstance(given, (str, os.PathLike)):
        try:
            text = Path(given).read_text(encoding="utf-8")
        except OSError as fault:
            raise InvalidInputError(
                f"requirements are {shown(given)}, accepted are a list of requirements and the path of a file: {fault}"
            ) from fault
        return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [str(line) for line in given]


def _conda(given: Mapping[str, Any] | str | os.PathLike[str] | None) -> Mapping[str, Any] | None:
    if given is None or isinstance(given, Mapping):
        return given
    read = read_yaml(Path(given).read_text(encoding="utf-8"), str(given))
    if not isinstance(read, dict):
        raise InvalidInputError(f"conda_env {shown(given)} holds {shown(read)}, accepted is a conda environment file")
    return read


def _pip_part(conda: Mapping[str, Any]) -> list[str]:
    parts = [part["pip"] for part in conda.get("dependencies", ()) if isinstance(part, Mapping) and "pip" in part]
    return [str(line) for part in parts for line in part]


# -- the public calls; MLflow's arguments, in MLflow's order


def save_model(integration: Integration, *args: Any, **kwargs: Any) -> None:
    """Save a model into a folder: `steno.<name>.save_model(model, path, ...)`.

    Takes MLflow's arguments: `model` (or `sk_model`, `xgb_model`, ... by the integration), `path`, `conda_env`,
    `signature`, `input_example`, `pip_requirements`, `extra_pip_requirements`, `metadata`, and those of the
    integration's `saver`. The signature is inferred from the input example if only that is given.

    Raises:
        AlreadyExistsError: something is in the folder.
        InvalidInputError: an argument that is unknown or missing.
    """
    given = _Arguments(integration, "save_model", args, kwargs, ("path", "conda_env"))
    path = given.take("path")
    if path is None:
        raise InvalidInputError("save_model got no path: write save_model(model, 'folder')")
    write_model(integration, given.model, Path(path), **given.rest())


def log_model(integration: Integration, *args: Any, **kwargs: Any) -> ModelInfo:
    """Save a model as an artifact of the active run: `steno.<name>.log_model(model, name="model", ...)`.

    Takes MLflow's arguments: those of `save_model` without `path`, and `artifact_path` or `name`, `run_id`,
    `registered_model_name`, `tags`.

    Raises:
        InvalidInputError: an argument that is unknown or missing.
    """
    given = _Arguments(integration, "log_model", args, kwargs, ("artifact_path", "conda_env"))
    old_name, name, tags = given.take("artifact_path"), given.take("name"), given.take("tags")
    registered = given.take("registered_model_name")
    if registered is not None:
        warnings.warn(
            f"model is logged and not registered as {registered!r}: this version of steno has no model registry",
            StenoWarning,
            stacklevel=2,
        )
    return _log(session().current_run(), integration, given.model, name or old_name or "model", tags, given.rest())


def log_into(
    open_run: OpenRun,
    integration: Integration,
    model: Any,
    name: str = "model",
    *,
    sample: Any = None,
    prediction: Any = None,
    log_signature: bool = True,
    log_input_example: bool = False,
    metadata: Mapping[str, Any] | None = None,
    saver_options: Mapping[str, Any] | None = None,
) -> ModelInfo:
    """Save a model as an artifact of a run: what autologging calls.

    Args:
        open_run: the run that made the model.
        integration: whose `saver` writes the model.
        model: the fitted object.
        name: the model's name within the run.
        sample: some rows of input, for the signature and the example.
        prediction: what the model predicted for them.
        log_signature: infer the signature; where that fails, the MLmodel's metadata says why.
        log_input_example: store the first rows of `sample` beside the model.
        metadata: anything JSON.
        saver_options: keyword arguments for the `saver`.
    """
    signature = None
    if log_signature and sample is not None:
        try:
            signature = infer_signature(sample, prediction)
        except SchemaError as fault:
            metadata = {**(metadata or {}), "signature": f"not inferred: {fault}"}
    rest = {
        "signature": signature,
        "input_example": head(sample) if log_input_example and sample is not None else None,
        "metadata": metadata,
        "saver_options": saver_options,
    }
    return _log(open_run, integration, model, name, None, rest)


def _log(
    open_run: OpenRun,
    integration: Integration,
    model: Any,
    name: str,
    tags: Mapping[str, Any] | None,
    rest: Mapping[str, Any],
) -> ModelInfo:
    folder = _place(open_run.artifacts, name)
    if folder.exists():
        _set_aside(open_run, folder, integration)
    described = write_model(
        integration, model, folder, run_id=open_run.run_id, model_id=new_model_id(), name=name, **rest
    )
    info = _info(described, open_run.experiment_id)
    now = time.time_ns() // 1_000_000
    open_run.log_model(
        LoggedModel(
            info.model_id,
            name,
            open_run.experiment_id,
            open_run.run_id,
            folder.as_uri(),
            now,
            now,
            "READY",
            integration.name,
            {str(key): str(value) for key, value in (tags or {}).items()},
        )
    )
    return info


def _place(artifacts: ArtifactFolder, name: str) -> Path:
    folder = artifacts.path(name)
    if folder == artifacts.root:
        raise InvalidInputError(f"model name is {shown(name)}, accepted is text such as 'model'")
    make_private(folder.parent)
    return folder


def _set_aside(open_run: OpenRun, folder: Path, integration: Integration) -> None:
    """A run's second model of a name takes its place; the first keeps its id and all its files, beside it."""
    try:
        before = Model.load(folder)
    except ModelError:
        before = Model()
    aside = folder.with_name(f"{folder.name}.{before.model_uuid}")
    folder.rename(aside)
    if before.model_id is not None:
        now = time.time_ns() // 1_000_000
        open_run.log_model(
            LoggedModel(
                before.model_id,
                before.artifact_path or folder.name,
                open_run.experiment_id,
                open_run.run_id,
                aside.as_uri(),
                now,
                now,
                "READY",
                next((flavor for flavor in before.flavors if flavor != PYTHON_FUNCTION), integration.name),
            )
        )


def _info(described: Model, experiment_id: str) -> ModelInfo:
    model_id = described.model_id or ""
    return ModelInfo(
        model_uri=f"models:/{model_id}",
        model_id=model_id,
        run_id=described.run_id or "",
        artifact_path=described.artifact_path or "",
        name=described.artifact_path or "",
        flavors=described.flavors,
        signature=described.signature,
        model_uuid=described.model_uuid,
        utc_time_created=described.utc_time_created,
        mlflow_version=described.mlflow_version,
        metadata=described.metadata,
        saved_input_example_info=described.saved_input_example_info,
        experiment_id=experiment_id,
    )


class _Arguments:
    """The arguments of a public call: the model by position or any of its names, the rest by keyword."""

    def __init__(
        self,
        integration: Integration,
        function: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        positions: tuple[str, ...],
    ) -> None:
        self.integration = integration
        self.call = f"{integration.name}.{function}"
        self.values = dict(kwargs)
        names = {"model", integration.model_argument}
        named = [name for name in names if name in self.values]
        if len(args) + len(named) == 0 or len(named) > 1 or (args and named):
            raise InvalidInputError(
                f"{self.call} takes one model, by position or as {integration.model_argument}=, and got "
                f"{len(named) + min(1, len(args))}: write {self.call}({integration.model_argument}=...)"
            )
        self.model = args[0] if args else self.values.pop(named[0])
        if len(args) > 1 + len(positions):
            raise InvalidInputError(
                f"{self.call} got {len(args)} positional arguments, accepted are the model, {positions}"
            )
        for name, value in zip(positions, args[1:], strict=False):
            if name in self.values:
                raise InvalidInputError(f"{self.call} got {name!r} twice, by position and by name")
            self.values[name] = value

    def take(self, name: str) -> Any:
        """One argument, or None."""
        return self.values.pop(name, None)

    def rest(self) -> dict[str, Any]:
        """The arguments of `write_model`; what is neither its nor the saver's is refused by name."""
        known = {key: self.take(key) for key in ("conda_env", "signature", "input_example", "metadata")}
        known["pip_requirements"] = self.take("pip_requirements")
        known["extra_pip_requirements"] = self.take("extra_pip_requirements")
        self._leave_out()
        parameters = list(inspect.signature(self.integration.saver).parameters)[2:]
        unknown = sorted(set(self.values) - set(parameters))
        if unknown:
            accepted = sorted([*known, *parameters])
            raise InvalidInputError(f"{self.call} got {', '.join(unknown)}, accepted are {', '.join(accepted)}")
        known["saver_options"] = self.values
        example = known["input_example"]
        if known["signature"] is None and example is not None:
            known["signature"] = infer_signature(example, self.integration.predictor(self.model)(example))
        if known["signature"] is False:  # MLflow's word for "infer none"
            known["signature"] = None
        return known

    def _leave_out(self) -> None:
        for name in _IGNORED:
            self.take(name)
        lost = [name for name in _NOT_KEPT if self.take(name) is not None]
        if lost:
            warnings.warn(
                f"{self.call} keeps the model and not {', '.join(lost)}: this version of steno has no place for it",
                StenoWarning,
                stacklevel=4,
            )


# -- reading


def load_model(integration: Integration, model_uri: str | os.PathLike[str], *, trust: bool | None = None) -> Any:
    """Load a model as the object that it was: `steno.<name>.load_model("runs:/<run_id>/model")`.

    Args:
        integration: whose `loader` reads the model.
        model_uri: `runs:/<run_id>/<name>`, `models:/m-<id>`, a `file:` URI or a path; written by steno or by MLflow.
        trust: True allows code from the model's files to run, which a pickle needs; models in the artifacts of the
            local store are trusted.

    Raises:
        UntrustedModelError: loading would run code, and nobody said `trust=True`.
        ModelError: no model folder, or one that was altered since it was saved.
    """
    place = places.find(model_uri)
    return load_from(integration, place, Model.load(place.folder), trusted=bool(trust))


def load_from(integration: Integration, place: places.Place, described: Model, *, trusted: bool) -> Any:
    """Load the model of a folder that was found, after it was checked.

    Raises:
        UntrustedModelError: loading would run code, and it is not trusted.
        ModelError: the folder was altered, or holds no model of this flavor.
    """
    conf = _conf(integration, place, described)
    trust.check_names(place.folder, described.flavors)
    trust.verify(place.folder, expected="steno_version" in described.extra)
    if not (trusted or place.own) and integration.runs_code(place.folder, conf):
        trust.refuse(place.uri, f"flavor {integration.name}, {conf.get('serialization_format', 'pickle')}")
    return integration.loader(place.folder, conf)


def _conf(integration: Integration, place: places.Place, described: Model) -> Mapping[str, Any]:
    conf: Mapping[str, Any] | None = described.flavors.get(integration.name)
    if conf is not None:
        return conf
    function: Mapping[str, Any] = described.flavors.get(PYTHON_FUNCTION, {})
    if function.get("loader_module") == f"mlflow.{integration.name}":  # a folder that another tool cut down
        data = function.get("model_path") or function.get("data")
        return {"pickled_model": data, "data": data}
    raise ModelError(
        f"model {place.uri!r} has no flavor {integration.name!r}, its flavors are "
        f"{', '.join(sorted(described.flavors))}: write steno.pyfunc.load_model({place.uri!r}), or load it by one of them"
    )
