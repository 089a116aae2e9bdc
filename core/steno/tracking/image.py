"""An image as an object, for code that speaks of MLflow's `mlflow.Image`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steno.tracking.media import opened_image, picture

__all__ = ["Image"]


class Image:
    """An image; pass it to `steno.log_image`.

    Args:
        image: what `steno.log_image` takes: a PIL image, an array, a list of rows; or the path of a file.

    Raises:
        InvalidInputError: no image, or pillow is not installed.
    """

    def __init__(self, image: Any) -> None:
        if isinstance(image, (str, os.PathLike)):
            self.image = opened_image(Path(image), f"file {str(image)!r}")
        else:
            self.image = picture(image)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        width, height = self.image.size
        return width, height

    def to_pil(self) -> Any:
        """The image as a `PIL.Image.Image`."""
        return self.image

    def to_array(self) -> NDArray[Any]:
        """The image as an array: (H, W) or (H, W, channels)."""
        return np.array(self.image)

    def to_list(self) -> list[Any]:
        """The pixels, row after row: numbers, or tuples of channels."""
        array = self.to_array()
        pixels: list[Any] = array.reshape(-1, *array.shape[2:]).tolist()
        return pixels if array.ndim == 2 else [tuple(pixel) for pixel in pixels]

    def resize(self, size: tuple[int, int]) -> Image:
        """A copy of another width and height."""
        return Image(self.image.resize(size))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the image to a file; the extension says in which format."""
        self.image.save(path)
