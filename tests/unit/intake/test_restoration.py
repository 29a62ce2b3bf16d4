"""Intake's documents are put back from a copy, and what was told since is taken in again: by what others make of it."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.intake.documents import AGENCIES, OPPORTUNITIES, PEOPLE
from services.intake.restoration import agencies, opportunities, people
from services.intake.restoration.to_do import TO_DO
from shared.events import Event
from shared.events.topics.agencies import Key
from shared.events.topics.prohibitions import Floors, merged
from tests.unit.intake.memory import House, agency, example

pytestmark = pytest.mark.unit
NOTICE = {"purpose": "notice", "recipient": "gjf"}
TAKEN = {"consents": [NOTICE]}
TOPICS = ("agencies", "people", "opportunities")
REFERENCES = ("A", "B", "C", "D", "E")


class Crash:
    """A house whose documents can be put back; what it has told stays."""

    def __init__(self) -> None:
        self.house = House()
        self._kept: dict[str, dict[str, bytes]] = {}

    def copied(self) -> None:
        self._kept = copy.deepcopy(self.house.store.documents)

    async def put_back(self) -> int:
        """And the command was run; how much was told anew."""
        store, parts = self.house.store, self.house.dependencies
        store.documents = copy.deepcopy(self._kept)
        said, floors = list(store.emitted), list(store.prohibitions)
        about = {topic: [event for event in said if event.event_type.topic.name == topic] for topic in TOPICS}
        await store.submit_all([agencies.state_told(e, parts.references) for e in agencies.newest(about["agencies"])])
        for event in about["people"]:
            await store.submit(people.state_told(event, parts.references))
        for event in floors:
            await store.submit(people.floors_told(event, parts.references))
        for event in about["opportunities"]:
            await store.submit(opportunities.state_told(event))
        left = [each["_id"].split("/") for each in store.all(TO_DO.name)]
        anew = {"people": people.said_anew, "opportunities": opportunities.said_anew}
        await store.submit_all([anew[topic](id, parts) for topic, id in left])
        assert store.all(TO_DO.name) == []
        return len(left)

    def in_the_copy(self) -> set[str]:
        """People whom it knows."""
        return set(self._kept.get(PEOPLE, ()))

    def newest(self) -> dict[str, Event[Any]]:
        """What others hold of each person."""
        held: dict[str, Event[Any]] = {}
        for event in self.house.store.emitted:
            known = held.get(event.key)
            if event.event_type.topic.name == "people" and (known is None or known.sequence < event.sequence):
                held[event.key] = event
        return held

    def told_of(self) -> set[str]:
        """People of whom others may tell gjf."""
        found = set()
        for id, event in self.newest().items():
            floors = merged(Floors(person=id), *(e.data for e in self.house.store.prohibitions if e.key == id))
            gives = any(c.purpose == "notice" and c.recipient == "gjf" for c in event.data.consents)
            if event.data.status == "active" and gives and not floors.forbid(event.sequence or 0, "notice", "gjf"):
                found.add(id)
        return found


@pytest.fixture
def crash() -> Crash:
    return Crash()


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_happened_nobody_is_told_of_who_was_not_and_everybody_can_withdraw(seed: int) -> None:
    """Acts at random, a copy in between; in half of the cases the others have the last floors, not the last state."""
    crash, chance = Crash(), random.Random(seed)
    house, there = crash.house, set[str]()
    copied_at, count = chance.randrange(12), 24
    for number in range(count):
        if number == copied_at:
            crash.copied()
        await _act(house, chance, there)
    known = crash.in_the_copy()
    if seed % 2 and house.store.emitted[-1].event_type.topic.name == "people":
        house.store.emitted.pop()
    before, numbers = crash.told_of(), crash.newest()
    await crash.put_back()
    assert crash.told_of() == before & known
    stored = {each["_id"]: each for each in house.store.all(PEOPLE)}
    assert set(stored) >= set(numbers)
    for id, event in crash.newest().items():
        assert stored[id]["sequence"] >= (event.sequence or 0) >= (numbers[id].sequence or 0)
    assert await crash.put_back() >= 0  # a command that was killed and is begun anew, on the copy
    assert crash.told_of() == before & known
    for reference in REFERENCES:
        await house.send("consent-withdrawn", {"reference": reference, **TAKEN})
    assert crash.told_of() == set()


async def _act(house: House, chance: random.Random, there: set[str]) -> None:
    reference = chance.choice(REFERENCES)
    if reference not in there or chance.random() < 0.2:
        there.add(reference)
        await house.send("person-enrolled", example("person-enrolled", reference=reference))
        return
    match chance.randrange(4):
        case 0:
            await house.send("consent-withdrawn", {"reference": reference, **TAKEN})
        case 1:
            await house.send("consent-given", {**example("consent-given"), "reference": reference})
        case 2:
            await house.send("person-left", example("person-left", reference=reference))
        case _:
            has = {"driving_licence": chance.random() < 0.5, "car": chance.random() < 0.5}
            await house.send("person-updated", example("person-updated", reference=reference, has=has))


async def test_of_two_states_that_are_newer_each_by_another_measure_only_what_both_allow_holds(crash: Crash) -> None:
    await crash.house.send("trainee-graduated", example("trainee-graduated"))
    crash.copied()
    await crash.house.send("consent-withdrawn", {"reference": "HW-8841", **TAKEN})
    await crash.house.send("consent-given", {**example("consent-given"), "reference": "HW-8841"})
    last = crash.house.store.emitted[-1]
    assert await crash.put_back() == 0
    assert crash.told_of() == {last.key}
    # a clock went back by an hour before the newest was said, and before that somebody took back
    taken = crash.house.store.emitted[-2]
    later = replace(taken, sequence=last.sequence - 1, recordedtime=datetime.now(UTC) + timedelta(hours=1))
    crash.house.store.emitted[-2] = later
    assert await crash.put_back() == 1
    assert crash.told_of() == set()


async def test_a_consent_from_before_the_withdrawal_is_old_and_one_given_anew_is_not(crash: Crash) -> None:
    await crash.house.send("trainee-graduated", example("trainee-graduated"))
    crash.copied()
    given = {"reference": "HW-8841", "consents": [c for c in example("consent-given")["consents"] if "recipient" in c]}
    old = crash.house.event("consent-given", given, sequence="8")
    await crash.house.send("consent-withdrawn", {"reference": "HW-8841", **TAKEN}, sequence="12")
    await crash.put_back()
    [receipt] = await crash.house.send_all([old])
    assert (receipt.status, crash.told_of()) == ("superseded", set())
    assert (await crash.house.send("consent-given", given, sequence="15")).status == "accepted"
    assert len(crash.told_of()) == 1


async def test_who_came_after_the_copy_and_withdrew_arrives_anew_without_that_consent(crash: Crash) -> None:
    crash.copied()
    arrives = crash.house.event("trainee-graduated", example("trainee-graduated"))
    await crash.house.send_all([arrives])
    assert len(crash.told_of()) == 1
    await crash.house.send("consent-withdrawn", {"reference": "HW-8841", **TAKEN})
    await crash.put_back()
    [ended] = crash.newest().values()
    assert (ended.type, ended.data.status, ended.data.consents) == ("person-left", "left", ())
    assert (ended.data.residence, len(ended.data.aliases)) == (None, 2), "who was told is told to forget them"
    [receipt] = await crash.house.send_all([arrives])
    assert (receipt.status, receipt.withheld, crash.told_of()) == ("accepted", ["notice/gjf"], set())
    changed = agency("hanawon").model_copy(update={"recipient_class": "service"})
    await crash.house.send("agency-changed", changed.model_dump(mode="json", exclude_none=True), by="ops")
    later = crash.house.event("trainee-graduated", example("trainee-graduated", reference="HW-2"), time=arrives["time"])
    [receipt] = await crash.house.send_all([later])
    assert receipt.withheld == ["notice/gjf"], "whose it was that was taken back nobody knows"
    assert (
        await crash.house.send("trainee-graduated", example("trainee-graduated", reference="HW-3"))
    ).withheld is None


async def test_keys_of_an_agency_are_those_that_it_had_last(crash: Crash) -> None:
    crash.copied()
    state = agency("hanawon").model_copy(update={"keys": (Key(key_id="new-1", secret_sha256="11" * 32),)})
    changed = state.model_dump(mode="json", exclude_none=True)
    assert (await crash.house.send("agency-changed", changed, by="ops")).status == "accepted"
    await crash.put_back()
    held = crash.house.store.get(AGENCIES, "hanawon")
    assert ([key["key_id"] for key in held["state"]["keys"]], held["sequence"]) == (["new-1"], 2)


@pytest.mark.parametrize("verdict", ["held", "refused"])
async def test_an_advert_that_was_held_since_the_copy_stays_so_whatever_its_agency_says(
    crash: Crash, verdict: str
) -> None:
    advert = (await crash.house.send("job-posted", example("job-posted"), by="gjf")).opportunity
    crash.copied()
    word = {"opportunity": advert, "verdict": verdict, "reason": "not-a-job"}
    assert (await crash.house.send("opportunity-vetted", word, by="ops")).status == "accepted"
    await crash.put_back()
    again = await crash.house.send("job-updated", example("job-updated", title="제과 기능사"), by="gjf")
    assert again.withheld == ["open"]
    [kept] = crash.house.store.all(OPPORTUNITIES)
    assert kept["state"]["status"] in ("held", "closed")
    assert crash.house.store.emitted[-1].data.status != "open"


async def test_an_advert_that_was_changed_since_is_told_in_the_words_of_then_under_a_higher_number(
    crash: Crash,
) -> None:
    await crash.house.send("job-posted", example("job-posted"), by="gjf")
    crash.copied()
    for title in ("제과 보조", "제과 기능사"):
        await crash.house.send("job-updated", example("job-updated", title=title), by="gjf")
    before = crash.house.store.emitted[-1]
    await crash.put_back()
    told = crash.house.store.emitted[-1]
    assert (told.data.title, told.data.status, told.key) == ("제과 기능사", "open", before.key)
    assert told.sequence == before.sequence + 1
    closed = await crash.house.send("job-closed", example("job-closed"), by="gjf")
    assert (closed.status, crash.house.store.emitted[-1].sequence) == ("accepted", before.sequence + 2)
