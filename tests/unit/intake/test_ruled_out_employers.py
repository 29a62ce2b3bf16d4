"""Whom a person rules out is the public number of an employer. It travels on the bus, so it is nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from shared.reference import available_packs, load_pack
from tests.unit.intake.memory import House, example

pytestmark = pytest.mark.unit


def _ruling_out(*marks: str) -> dict[str, Any]:
    data = example("trainee-graduated")
    data["wants"]["not_to"] = list(marks)
    return data


@pytest.mark.parametrize("number", ["123-45-67890", "1234567890", "000-00-00017"])
async def test_a_number_is_taken_whatever_its_check_digit(number: str) -> None:
    house = House()
    assert (await house.send("trainee-graduated", _ruling_out(f"employer:{number}"))).status == "accepted"
    assert house.newest.wants is not None
    assert house.newest.wants.not_to == (f"employer:{number}",)


@pytest.mark.parametrize("name", available_packs())
def test_every_pack_says_how_a_number_is_written(name: str) -> None:
    pack = load_pack(name)
    assert pack.employer_number_form("000-00-00017") is None
    assert pack.employer_number_form("galbitnoeul") is not None


@pytest.mark.parametrize(
    "said",
    [
        "galbitnoeul-01098761234",
        "01098761234",
        "031-987-6123",
        "0319876123",
        "10-9876-1234",
        "6rCI67mb64W47J2E",
        "1987-07-17",
        "-",
    ],
)
async def test_a_name_or_a_phone_number_never_reaches_the_bus_by_it(said: str) -> None:
    house = House()
    receipt = await house.send("trainee-graduated", _ruling_out("employer:123-45-67890", f"employer:{said}"))
    assert receipt.problem is not None
    assert (receipt.problem.rule, receipt.problem.field) == ("no-employer-number", "/data/wants/not_to/1")
    assert "employer:0000000000" in receipt.problem.remedy["ko"]
    assert house.store.all("outbox") == []
