"""Saving and loading models through the integration that owns their class. No framework is named here.

A model folder is written beside its place and renamed into it when it is whole, so that nobody ever sees half of one.
"""

from __future__ import annotations

import functools
import os
import pickle
import platform
import shutil
import sys
import uuid
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steno.clock import now
from steno.entities import LoggedModel
from steno.errors import AlreadyExistsError, InvalidInputError, ModelError, SchemaError, StenoWarning, StoreError, shown
from steno.models import environment, places, trust
from steno.models.arguments import Arguments, Wanted
from steno.models.enforcement import container_of
from steno.models.examples import head, write_example
from steno.models.mlmodel import MLMODEL, PYTHON_FUNCTION, Model, new_model_id, write_yaml
from steno.models.signature import ModelSignature, infer_signature
from steno.plugin import Integration, SavedFlavor
from steno.tracking.location import make_private
from steno.tracking.session import session

if TYPE_CHECKING:
    from steno.tracking.artifacts import ArtifactFolder
    from steno.tracking.open_run import OpenRun

__all__ = ["ModelInfo", "load_from", "load_model", "log_into", "log_model", "save_model", "write_model"]


_UNREADABLE = (
    ValueError, OSError, EOFError, AttributeError, ImportError, TypeError, LookupError, pickle.UnpicklingError,
)  # fmt: skip
"""What readers raise about a damaged file, or about one that another version wrote."""


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
    _expect_free(folder)
    described = Model(name, run_id, signature=signature, model_uuid=model_id, metadata=metadata)
    unfinished = folder.parent / f".steno-writing-{uuid.uuid4().hex[:12]}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished.mkdir(mode=0o700)
        saved = integration.saver(model, unfinished, **(saver_options or {}))
        wanted = Wanted.of(conda_env, pip_requirements, extra_pip_requirements)
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


def _expect_free(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AlreadyExistsError(
            f"{str(folder)!r} already holds something, accepted is a new or an empty folder: name another, or remove it"
        )


def _describe(
    described: Model, integration: Integration, model: Any, saved: SavedFlavor, folder: Path, wanted: Wanted
) -> None:
    """Write all files of the folder but the model's own."""
    files = [Path(place, name) for place, _folders, names in os.walk(folder) for name in names]
    modules = {type(model).__module__}
    for file in files:
        modules |= environment.modules_named_in(file)
    if described.signature is not None and _has_columns(described.signature) and "pandas" in sys.modules:
        modules.add("pandas")
    found = environment.required([*saved.requirements, *wanted.extra], modules)
    requirements = list(found.requirements)
    if wanted.requirements is not None:
        requirements = [*wanted.requirements, *wanted.extra]
    if wanted.conda is None:
        conda = _conda_text(tuple(requirements))
    else:
        conda = write_yaml(dict(wanted.conda))
        requirements = wanted.pip_part() + wanted.extra
    texts = {
        "requirements.txt": "".join(f"{line}\n" for line in requirements),
        "python_env.yaml": _python_text(),
        "conda.yaml": conda,
    }
    written = {name: text.encode() for name, text in texts.items()}

    described.add_flavor(
        PYTHON_FUNCTION,
        **saved.python_function,
        env={"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        python_version=platform.python_version(),
    )
    described.add_flavor(integration.name, **saved.conf)
    version = sys.modules["steno"].__version__
    described.extra["steno_version"] = version
    described.model_size_bytes = sum(file.stat().st_size for file in files) + sum(map(len, written.values()))
    written[MLMODEL] = described.to_yaml().encode()
    for name, content in written.items():
        (folder / name).write_bytes(content)
    facts = {
        "steno_version": version,
        "model_class": saved.model_class,
        "runs_code": saved.runs_code,
        "local_modules": list(found.local_modules),
    }
    trust.write_manifest(folder, facts, written)


def _has_columns(signature: ModelSignature) -> bool:
    return signature.inputs is not None and not signature.inputs.is_tensor_spec()


@functools.lru_cache(maxsize=8)
def _conda_text(requirements: tuple[str, ...]) -> str:
    return write_yaml(dict(environment.conda_env(requirements)))


@functools.cache
def _python_text() -> str:
    return write_yaml(dict(environment.python_env()))


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
    given = Arguments(integration, "save_model", args, kwargs, ("path", "conda_env"))
    path = given.take("path")
    if path is None:
        raise InvalidInputError("save_model got no path: write save_model(model, 'folder')")
    write_model(integration, given.model, Path(path), **given.rest())


def log_model(integration: Integration, *args: Any, **kwargs: Any) -> ModelInfo:
    """Save a model as an artifact of the active run: `steno.<name>.log_model(model, name="model", ...)`.

    Takes MLflow's arguments: those of `save_model` without `path`, and `artifact_path` or `name`, `run_id`,
    `registered_model_name`, `step`, `tags`.

    Raises:
        InvalidInputError: an argument that is unknown or missing.
    """
    given = Arguments(integration, "log_model", args, kwargs, ("artifact_path", "conda_env"))
    old_name, name, tags = given.take("artifact_path"), given.take("name"), given.take("tags")
    registered = given.take("registered_model_name")
    if registered is not None:
        warnings.warn(
            f"model is logged and not registered as {registered!r}: this version of steno has no model registry",
            StenoWarning,
            stacklevel=3,
        )
    step, run_id = given.take("step"), given.take("run_id")
    rest = given.rest()  # what is wrong with the call is said before a run is opened for it
    run = session().current_run() if run_id is None else session().handle(run_id)
    return _log(run, integration, given.model, name or old_name or "model", rest, tags, step or 0)


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
            signature = replace(infer_signature(sample, prediction), container=container_of(sample))
        except SchemaError as fault:
            metadata = {**(metadata or {}), "signature": f"not inferred: {fault}"}
    rest = {
        "signature": signature,
        "input_example": head(sample) if log_input_example and sample is not None else None,
        "metadata": metadata,
        "saver_options": saver_options,
    }
    return _log(open_run, integration, model, name, rest)


def _log(
    open_run: OpenRun,
    integration: Integration,
    model: Any,
    name: str,
    rest: Mapping[str, Any],
    tags: Mapping[str, Any] | None = None,
    step: int = 0,
) -> ModelInfo:
    folder = _place(open_run.artifacts, name)
    if folder.exists():
        _set_aside(open_run, folder, integration)
    described = write_model(
        integration, model, folder, run_id=open_run.run_id, model_id=new_model_id(), name=name, **rest
    )
    info = _info(described, open_run.experiment_id)
    created = now()
    open_run.log_model(
        LoggedModel(
            info.model_id,
            name,
            open_run.experiment_id,
            open_run.run_id,
            folder.as_uri(),
            created,
            created,
            "READY",
            integration.name,
            {str(key): str(value) for key, value in (tags or {}).items()},
        ),
        step,
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
        created = now()
        open_run.log_model(
            LoggedModel(
                before.model_id,
                before.artifact_path or folder.name,
                open_run.experiment_id,
                open_run.run_id,
                aside.as_uri(),
                created,
                created,
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


# -- reading


def load_model(
    integration: Integration,
    model_uri: str | os.PathLike[str],
    dst_path: str | os.PathLike[str] | None = None,
    *,
    trust: bool | None = None,
) -> Any:
    """Load a model as the object that it was: `steno.<name>.load_model("runs:/<run_id>/model")`.

    Args:
        integration: whose `loader` reads the model.
        model_uri: `runs:/<run_id>/<name>`, `models:/m-<id>`, a `file:` URI or a path; written by steno or by MLflow.
        dst_path: a folder that gets a copy of the model's.
        trust: True allows code from the model's files to run, which a pickle needs; models in the artifacts of the
            local store are trusted.

    Raises:
        UntrustedModelError: loading would run code, and nobody said `trust=True`.
        ModelError: no model folder, or one that was altered since it was saved.
    """
    place = places.find(model_uri, dst_path)
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
    try:
        return integration.loader(place.folder, conf)
    except _UNREADABLE as fault:
        differing = environment.differences(place.folder / "requirements.txt")
        raise ModelError(
            f"model {place.uri!r} cannot be loaded: {type(fault).__name__}: {fault}; "
            + (f"it was saved with {', '.join(differing)}: install that" if differing else "is the file damaged?")
        ) from fault


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
        f"{', '.join(sorted(described.flavors))}: "
        f"write steno.pyfunc.load_model({place.uri!r}), or load it by one of them"
    )
