"""B5: one rule for identical content under a new id, for all types."""

from __future__ import annotations

from typing import Any

import pytest

from shared.events import registry
from tests.unit.intake.memory import House, example, today

pytestmark = pytest.mark.unit
BY = {"people": "hanawon", "opportunities": "gjf", "agencies": "ops"}
ARRIVING = {
    "person": ("trainee-graduated", "person-enrolled"),
    "job": ("job-posted",),
    "programme": ("programme-opened",),
    "agency": ("agency-registered",),
}
CHANGES: dict[str, dict[str, Any]] = {
    "person-updated": {"education": None},
    "consent-given": {"consents": [{"purpose": "matching", "until": today(50)}]},
    "job-updated": {"places": 7},
    "programme-updated": {"places": 7},
    "agency-changed": {"recipient_class": "case"},
}
AT_THE_DOOR = sorted({each.name for each in registry if each.door is not None})


def before(name: str) -> str | None:
    """What has to be known for it: a person of all that is said of people, else an arrival of its own kind."""
    people = registry.find(name).topic.name == "people"
    arrivals = ARRIVING.get("person" if people else name.partition("-")[0], (name,))
    return None if name in arrivals else arrivals[0]


def data_of(name: str) -> dict[str, Any]:
    found = example(name, **CHANGES.get(name, {}))
    if name.startswith("agency-"):
        found |= {"agency": "new", "keys": []}
    return found


@pytest.mark.parametrize("sequenced", [False, True])
@pytest.mark.parametrize("name", AT_THE_DOOR)
async def test_what_is_known_already_is_a_duplicate_with_a_receipt_of_its_own_and_nobody_is_told(
    name: str, sequenced: bool
) -> None:
    house, by = House(), BY[registry.find(name).topic.name]
    count = (lambda number: {"sequence": number}) if sequenced else (lambda number: {})
    if (arrival := before(name)) is not None:
        await house.send(arrival, data_of(arrival), by, **count(1))
    data = data_of(name)
    if "opportunity" in data:
        data["opportunity"] = (await house.send("job-posted", data_of("job-posted"), by)).opportunity
    already = len(house.store.emitted)
    first = await house.send(name, data, by, **count(2))
    told = len(house.store.emitted)
    assert name in house.told[already:]
    again = await house.send(name, data, by, **count(3))
    assert (first.status, again.status) == ("accepted", "duplicate")
    assert again.receipt not in (None, first.receipt)
    assert (again.alias, again.opportunity, again.agency) == (first.alias, first.opportunity, first.agency)
    assert len(house.store.emitted) == told


async def test_another_identity_is_news_and_the_same_once_more_is_not() -> None:
    house = House()
    await house.send("trainee-graduated", example("trainee-graduated"))
    moved = example("person-updated", identity={**example("trainee-graduated")["identity"], "address": "예시로 2"})
    statuses = [(await house.send("person-updated", moved)).status for _ in range(2)]
    assert statuses == ["accepted", "duplicate"]
    (record,) = house.store.all("identities")
    assert house.dependencies.vault.open(record, "address") == "예시로 2"
