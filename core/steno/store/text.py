"""Text as every store can keep it, and the shortening of names that are too long for an index.

SQLite cannot hold a lone surrogate and PostgreSQL cannot hold NUL, so both become a visible escape everywhere:
whatever store is behind, the same text comes back.
"""

from __future__ import annotations

import hashlib

from steno.errors import InvalidInputError, shown

__all__ = ["KEY_LENGTH", "VALUE_LENGTH", "experiment_name", "index_key", "joined", "split", "storable"]

KEY_LENGTH = 250  # MLflow's limit, and an index entry every database takes
VALUE_LENGTH = 256
_NAME_LENGTH = 500


def storable(text: str) -> str:
    r"""The text with NUL and lone surrogates as visible escapes; all other text is returned as it is.

    >>> storable("a\0b\ud800")
    'a\\u0000b\\ud800'
    """
    if "\0" in text:
        text = text.replace("\0", "\\u0000")
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def index_key(name: str) -> str:
    """The name as the index knows it: itself, or its beginning and a hash of the whole when it is too long.

    >>> len(index_key("x" * 10_000))
    250
    """
    if len(name) <= KEY_LENGTH:
        return name
    digest = hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
    return f"{name[: KEY_LENGTH - 33]}~{digest}"


def split(value: str) -> tuple[str, str | None]:
    """A value as two columns: what the index holds and the rest, None when there is none."""
    if len(value) <= VALUE_LENGTH:
        return value, None
    return value[:VALUE_LENGTH], value[VALUE_LENGTH:]


def joined(value: str, rest: str | None) -> str:
    """The inverse of `split`."""
    return value if rest is None else value + rest


def experiment_name(name: str) -> str:
    """The name of an experiment, checked.

    Raises:
        InvalidInputError: not text, empty, or longer than 500 characters.
    """
    if not isinstance(name, str) or not name.strip():
        raise InvalidInputError(
            f"experiment name is {shown(name)}, accepted is text that is not empty: pass a name such as 'baseline'"
        )
    if len(name) > _NAME_LENGTH:
        raise InvalidInputError(
            f"experiment name {shown(name)} has {len(name)} characters, accepted are up to {_NAME_LENGTH}: "
            "keep the rest in a tag"
        )
    return storable(name)
