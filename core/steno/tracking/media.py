"""Text, dictionaries, figures and images as files of a run."""

from __future__ import annotations

import importlib
import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from steno.errors import InvalidInputError, StoreError, shown
from steno.tracking.open_run import OpenRun
from steno.tracking.values import milliseconds, step_of

__all__ = ["YAML", "log_dict", "log_figure", "log_image", "log_stream", "log_text", "opened_image", "picture", "plain"]

IMAGES_TAG = "mlflow.loggedImages"
YAML = (".yaml", ".yml")
_UNSAFE = re.compile(r"[^\w.\- ~]")
_CONVERSION = (TypeError, ValueError, OverflowError, RecursionError)


def log_text(run: OpenRun, text: str, artifact_file: str) -> None:
    """Write text as an artifact."""
    if not isinstance(text, str):
        raise InvalidInputError(f"text is {shown(text)}, accepted is text: steno.log_text(str(...), {artifact_file!r})")
    run.artifacts.log_text(text, artifact_file)


def log_stream(run: OpenRun, stream: Any, artifact_file: str) -> None:
    """Write what a binary stream holds, from where it stands, as an artifact."""
    read = getattr(stream, "read", None)
    if not callable(read):
        raise InvalidInputError(
            f"stream is {shown(stream)}, accepted is a file opened in binary mode, or io.BytesIO(data)"
        )
    with run.artifacts.writing(artifact_file) as path, path.open("wb") as write:
        while piece := read(1 << 20):
            if not isinstance(piece, (bytes, bytearray, memoryview)):
                raise InvalidInputError(
                    f"stream gives {type(piece).__name__}, accepted is a file opened in binary mode: open(path, 'rb'), "
                    "or steno.log_text(text, artifact_file)"
                )
            write.write(piece)


def log_dict(run: OpenRun, dictionary: Any, artifact_file: str) -> None:
    """Write a dictionary or list as YAML (.yaml, .yml) or JSON (any other name)."""
    if PurePosixPath(str(artifact_file)).suffix.lower() in YAML:
        try:
            text = yaml.safe_dump(plain(dictionary), default_flow_style=False, allow_unicode=True, sort_keys=False)
        except yaml.YAMLError as fault:
            raise InvalidInputError(f"dictionary {shown(dictionary)} cannot be written as YAML: {fault}") from fault
    else:
        text = json.dumps(plain(dictionary), indent=2, ensure_ascii=False)
    run.artifacts.log_text(text, artifact_file)


def plain(value: Any, depth: int = 0) -> Any:
    """A value as JSON and YAML take it: numpy scalars and arrays as numbers and lists, other objects as their text.

    Raises:
        InvalidInputError: more than 100 levels, such as a dictionary that holds itself.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)):
        return int(value) if isinstance(value, int) else float(value)
    if depth > 100:
        raise InvalidInputError("dictionary is nested more than 100 deep, or holds itself: log its parts")
    if isinstance(value, Mapping):
        return {_json_key(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, depth + 1) for item in value]
    for method in ("tolist", "isoformat"):
        convert = getattr(value, method, None)
        if callable(convert) and not isinstance(value, type):
            return plain(convert(), depth + 1)
    return str(value)


def _json_key(key: Any) -> str:
    return key if isinstance(key, str) else json.dumps(key) if isinstance(key, (bool, int, float)) else str(key)


def log_figure(run: OpenRun, figure: Any, artifact_file: str, save_kwargs: Mapping[str, Any] | None = None) -> None:
    """Write a matplotlib or plotly figure; the name's extension says in which format.

    Raises:
        InvalidInputError: neither, or a format that the library does not have.
    """
    suffix = PurePosixPath(str(artifact_file)).suffix.lower()
    options = dict(save_kwargs or {})
    try:
        with run.artifacts.writing(artifact_file) as path:
            if hasattr(figure, "savefig"):
                figure.savefig(path, **{"format": suffix.lstrip(".") or "png", **options})
            elif hasattr(figure, "write_html"):
                write = figure.write_html if suffix in ("", ".html", ".htm") else figure.write_image
                write(str(path), **options)
            else:
                raise TypeError("it has neither savefig nor write_html")
    except _CONVERSION as fault:
        raise InvalidInputError(
            f"figure is {shown(figure)}, which cannot be written as {artifact_file!r}: {fault}. Accepted are figures "
            "of matplotlib and plotly, and the formats that they know, such as 'plot.png'"
        ) from fault


def log_image(
    run: OpenRun,
    image: Any,
    artifact_file: str | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
) -> None:
    """Write an image as a file, or as one of a series under a key and step.

    Args:
        run: whose.
        image: a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): uint8 or bool, or floats in [0, 1].
        artifact_file: the file's name.
        key: the series' name, instead of `artifact_file`.
        step: of the series.
        timestamp: milliseconds since 1970.

    Raises:
        InvalidInputError: both or neither of `artifact_file` and `key`, or no image.
    """
    if (artifact_file is None) == (key is None):
        raise InvalidInputError(
            f"log_image got artifact_file {shown(artifact_file)} and key {shown(key)}, accepted is one of them: "
            "log_image(image, 'sample.png') or log_image(image, key='samples', step=3)"
        )
    drawn = picture(image)
    if artifact_file is not None:
        _save(run, drawn, artifact_file)
        return
    series = _UNSAFE.sub("_", str(key).replace("/", "~"))
    number, at, unique = step_of(step), milliseconds(timestamp), os.urandom(8).hex()
    name = f"images/{series}+step+{number}+timestamp+{at}+{unique}"
    _save(run, drawn, f"{name}.png")
    small = drawn.copy()
    small.thumbnail((256, 256))
    _save(run, small, f"{name}+compressed.webp")
    run.set_tags({IMAGES_TAG: "True"})


def _save(run: OpenRun, drawn: Any, name: str) -> None:
    suffix = PurePosixPath(name).suffix.lower()
    try:
        with run.artifacts.writing(name) as path:
            drawn.save(path, format=None if suffix else "png")
    except (StoreError, *_CONVERSION) as fault:
        cause = fault.__cause__ if isinstance(fault, StoreError) else fault
        if isinstance(cause, OSError) and cause.errno is not None:
            raise
        raise InvalidInputError(
            f"the image cannot be written as {name!r} ({cause}): convert it, or take another extension such as .png"
        ) from fault


def picture(image: Any) -> Any:
    """A `PIL.Image.Image` of what `log_image` takes.

    Raises:
        InvalidInputError: no image, or pillow is not installed.
    """
    pil = _pil()
    convert = getattr(image, "to_pil", None)  # steno.Image, and MLflow's
    if callable(convert):
        image = convert()
    if isinstance(image, pil.Image):
        return image
    numpy: Any = importlib.import_module("numpy")
    array = numpy.asarray(image)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if not fits or array.size == 0 or array.dtype.kind not in "buif":
        raise InvalidInputError(
            f"image is of type {type(image).__name__} with shape {array.shape} and dtype {array.dtype}, accepted are "
            "PIL images and numeric arrays of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)"
        )
    return pil.fromarray(_bytes_of(numpy, array))


def opened_image(path: Path, what: str) -> Any:
    """The image in a file, read whole.

    Raises:
        InvalidInputError: there is none, or pillow is not installed.
    """
    pil = _pil()
    try:
        image = pil.open(path)
        image.load()
    except (OSError, SyntaxError, ValueError) as fault:  # SyntaxError: pillow's word for a broken file
        raise InvalidInputError(f"{what} holds no image that pillow reads: {fault}") from fault
    return image


def _pil() -> Any:
    try:
        return importlib.import_module("PIL.Image")
    except ImportError as fault:
        raise InvalidInputError(
            "images need pillow, which is not installed: pip install pillow, or write the file yourself and log "
            "it with steno.log_artifact(path)"
        ) from fault


def _bytes_of(numpy: Any, array: Any) -> Any:
    kind = array.dtype.kind
    lowest, highest = float(array.min()), float(array.max())
    if kind == "f":
        if not (math.isfinite(lowest) and math.isfinite(highest)) or lowest < 0 or highest > 1:
            raise InvalidInputError(
                f"image has floats from {lowest:g} to {highest:g}, accepted are 0 to 1: scale it, "
                "(x - x.min()) / (x.max() - x.min())"
            )
        return (array * 255).round().astype(numpy.uint8)
    if kind == "b":
        return array.astype(numpy.uint8) * 255
    if lowest < 0 or highest > 255:
        raise InvalidInputError(f"image has integers from {lowest:g} to {highest:g}, accepted are 0 to 255: scale it")
    return array.astype(numpy.uint8)
