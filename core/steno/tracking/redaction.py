"""Secrets in URLs and arguments are blacked out before they are recorded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

__all__ = ["redacted_arguments", "redacted_url"]

_HIDDEN = "***"
_CONFIDENTIAL = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|auth|(?:api|access|private)?[-_.]?key)"
_SECRET_NAME = re.compile(rf"(?:^|[-_.])(?:[a-z0-9]+[-_.])*{_CONFIDENTIAL}$", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"^(?P<name>-{0,2}[A-Za-z0-9_.\-]+)(?P<sign>[=:])(?P<value>.+)$", re.DOTALL)
_URL_USER = re.compile(r"(?P<scheme>[a-z][a-z0-9+.\-]*://)[^/@\s]+@", re.IGNORECASE)
_URL_PARAM = re.compile(rf"(?P<name>[?&;][A-Za-z0-9_.\-]*{_CONFIDENTIAL}=)[^&#\s]+", re.IGNORECASE)


def redacted_url(url: str) -> str:
    """A URL without user, password and secret parameters.

    >>> redacted_url("https://me:pa55@host/repo.git?token=abc")
    'https://host/repo.git?token=***'
    """
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        bare = urlunsplit((parts.scheme, host, parts.path, parts.query, parts.fragment)) if parts.scheme else url
    except ValueError:
        bare = _URL_USER.sub(r"\g<scheme>", url)
    return _URL_PARAM.sub(rf"\g<name>{_HIDDEN}", bare)


def redacted_arguments(arguments: Iterable[str]) -> list[str]:
    """Command-line arguments with what looks like a secret blacked out.

    >>> redacted_arguments(["train.py", "--token=abc", "--password", "hunter2", "--keys", "3"])
    ['train.py', '--token=***', '--password', '***', '--keys', '3']
    """
    told: list[str] = []
    hide_next = False
    for argument in arguments:
        assigned = _ASSIGNMENT.match(argument)
        if hide_next and not argument.startswith("-"):
            told.append(_HIDDEN)
        elif assigned and "://" not in assigned["name"] and _is_secret(assigned["name"]):
            told.append(f"{assigned['name']}{assigned['sign']}{_HIDDEN}")
        else:
            told.append(_URL_PARAM.sub(rf"\g<name>{_HIDDEN}", _URL_USER.sub(r"\g<scheme>", argument)))
        hide_next = argument.startswith("-") and assigned is None and _is_secret(argument)
    return told


def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name.lstrip("-")) is not None
