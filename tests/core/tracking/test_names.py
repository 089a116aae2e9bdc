"""Names for runs that nobody named."""

from __future__ import annotations

import random
import re

from steno.tracking.names import new_run_id, random_name


def test_names_read_as_adjective_animal_number() -> None:
    """A run that nobody named has a name that people can say."""
    names = [random_name() for _ in range(200)]
    assert all(re.fullmatch(r"[a-z]+-[a-z]+-\d{1,3}", name) for name in names)
    assert len(set(names)) > 190


def test_the_programs_random_state_is_left_alone() -> None:
    """Making a name does not change what the user's seeded program draws next."""
    random.seed(0)
    expected = random.random()
    random.seed(0)
    random_name()
    new_run_id()
    assert random.random() == expected


def test_ids_are_32_hexadecimal_digits() -> None:
    """A run id has MLflow's form."""
    assert re.fullmatch(r"[0-9a-f]{32}", new_run_id())
