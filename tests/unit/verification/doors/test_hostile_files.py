"""Some of the files that `python -m verification.doors.hostile` makes by the ten thousand."""

from __future__ import annotations

import warnings

import pytest

from verification.doors.hostile import Found, Hostile

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("number", [2_588, 4_870])  # a wage of 400 digits; a part whose packed bytes are damaged
def test_what_once_was_a_fault_of_ours(number: int) -> None:
    found = Found()
    Hostile(seed=1).run(1, found, number)
    assert (found.raised, found.files) == ([], 1)


@pytest.mark.parametrize("first", [0, 1_000, 2_000])
def test_no_file_is_a_fault_of_ours_comes_back_in_a_finding_or_is_taken_against_the_schema(first: int) -> None:
    found = Found()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of zipfile, about names that stand there twice on purpose
        Hostile(seed=1).run(40, found, first)
    assert (found.raised, found.echoed, found.against_schema) == ([], [], [])
    assert found.accepted > 5  # else they would break before anything looks at them
    assert found.refused > 20
    assert found.unreadable > 5
