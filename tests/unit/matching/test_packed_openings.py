"""Facts of openings that were packed are the same facts, and what was not packed is no opening."""

from __future__ import annotations

import random
from dataclasses import fields
from datetime import date

import pytest

from services.matching.domain.opening_facts import OpeningFacts, opening_facts
from services.matching.domain.packed_openings import Unpacking, pack
from tests.support.matching import a_job, random_opening
from tests.unit.matching.asking import PACK

pytestmark = pytest.mark.unit


def all_of(facts: OpeningFacts) -> dict[str, tuple[type, object]]:
    return {field.name: (type(getattr(facts, field.name)), getattr(facts, field.name)) for field in fields(facts)}


def test_every_fact_comes_back_with_its_type_and_in_order() -> None:
    dice = random.Random(3)
    openings = [opening_facts(random_opening(number, dice), PACK) for number in range(200)]
    found = Unpacking().unpack(pack(openings))
    assert [all_of(one) for one in found] == [all_of(one) for one in openings]


def test_what_was_written_by_hand() -> None:
    [found] = Unpacking().unpack(pack([opening_facts(a_job(7, closes="2026-12-24", hours_per_week=32), PACK)]))
    assert (found.id, found.last_day, found.hours) == (a_job(7).opportunity, date(2026, 12, 24), 32)
    assert isinstance(found.areas, frozenset)
    assert found.crowd.sort == "job"


def test_equal_values_of_many_packs_are_one_object() -> None:
    unpacking = Unpacking()
    [one] = unpacking.unpack(pack([opening_facts(a_job(1), PACK)]))
    [other] = unpacking.unpack(pack([opening_facts(a_job(2), PACK)]))
    assert one.id != other.id
    assert one.areas is other.areas


@pytest.mark.parametrize("field", ["region", "closed"])
def test_a_field_that_is_missing_or_has_places_of_no_value_is_refused(field: str) -> None:
    packed = dict(pack([opening_facts(a_job(1), PACK)]))
    if field == "region":
        del packed["region"]
    else:
        packed["hours"] = packed["hours"][0], (9).to_bytes(4, "little")
    with pytest.raises((KeyError, IndexError)):
        Unpacking().unpack(packed)


def test_fields_of_different_lengths_are_refused() -> None:
    packed = dict(pack([opening_facts(a_job(n), PACK) for n in range(2)]))
    packed["hours"] = packed["hours"][0], packed["hours"][1][:4]
    with pytest.raises(ValueError, match="shorter"):
        Unpacking().unpack(packed)
