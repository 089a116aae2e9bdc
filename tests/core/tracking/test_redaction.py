"""Secrets are not recorded."""

from __future__ import annotations

import pytest

from steno.tracking.redaction import redacted_arguments, redacted_url


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://github.com/a/b.git", "https://github.com/a/b.git"),
        ("https://me:hunter2@github.com/a/b.git", "https://github.com/a/b.git"),
        ("https://ghp_abc@github.com/a/b.git", "https://github.com/a/b.git"),
        ("git@github.com:a/b.git", "git@github.com:a/b.git"),
        ("https://host/a?access_token=abc&x=1", "https://host/a?access_token=***&x=1"),
        ("ssh://git@host:22/a", "ssh://host:22/a"),
        ("http://[bad", "http://[bad"),
    ],
)
def test_a_url_is_told_without_its_secrets(url: str, told: str) -> None:
    """User, password and token of a repository's URL are left out."""
    assert redacted_url(url) == told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--lr=0.1", "--epochs", "3"], ["--lr=0.1", "--epochs", "3"]),
        (["--password=abc"], ["--password=***"]),
        (["--db-password", "abc", "x"], ["--db-password", "***", "x"]),
        (["-token", "abc"], ["-token", "***"]),
        (["API_KEY=abc"], ["API_KEY=***"]),
        (["--aws_secret_access_key=abc"], ["--aws_secret_access_key=***"]),
        (["--monkey=3", "--keyboard", "us"], ["--monkey=3", "--keyboard", "us"]),
        (["--token", "--verbose"], ["--token", "--verbose"]),
        (["postgresql://me:pw@host/db"], ["postgresql://host/db"]),
        (["--db=postgresql://me:pw@host/db"], ["--db=postgresql://host/db"]),
    ],
    ids=" ".join,
)
def test_arguments_are_told_without_their_secrets(given: list[str], told: list[str]) -> None:
    """What an option named password, token, secret or key holds is blacked out; other options are not."""
    assert redacted_arguments(given) == told
