"""The short way of an advert that is new and meets no other leads where the long one does: to the same answer, events
and documents. Where it is not taken, the advert meets another, is held or is no longer open."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest

from services.intake.documents import OPPORTUNITIES, REFERENCES, Reference
from services.intake.event_handlers import new_advert_fast_path, opportunities
from services.intake.event_handlers.effect import DoorEvent, Effect
from services.intake.event_handlers.vacancies import Vacancies
from services.intake.event_operation import decision
from services.intake.event_validation import Validation
from services.intake.opportunity_documents import EMPLOYERS
from shared.events.envelope import dump_data
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import UnitOfWork
from shared.screening.findings import Budget
from tests.unit.intake.memory import House, agency, example
from tests.unit.intake.test_operators import operators

pytestmark = pytest.mark.unit
WORLDS, ADVERTS = 12, 40
AGENCIES = ("gjf", "pa", "pb")
NUMBERS = ("123-45-67890", "124-81-00998", None)
CHOICES: dict[str, tuple[Any, ...]] = {
    "title": ("제과제빵원 모집", "제과제빵원 (야간)", "매장 판매 사원"),
    "region": ("legal-dong-2026:41270", "legal-dong-2026:41110", "legal-dong-2026:41590"),
    "hours_per_day": (None, 7.5),
    "wage": ({"per": "month", "minimum": 2_500_000, "maximum": 2_600_000, "currency": "KRW"},),
    "shifts": (("kr-gyeonggi-1:night", "kr-gyeonggi-1:day"), ()),
    "starts": (None, "2027-01-04"),
}


class World:
    """A house with an employer on the operator's list, tombstones, and adverts that were said before."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.house = House()
        for name in AGENCIES[1:]:
            self.house.add(agency(name, "public"))
        object.__setattr__(self.house.dependencies, "hold_wrong_numbers", seed % 3 == 0)
        self.ways = Counter[str]()

    async def run(self) -> None:
        if self.chance.random() < 0.5:
            verdict: Any
            reason: Any
            verdict, reason = self.chance.choice((("held", "other"), ("refused", "employer-blocked")))
            await operators(self.house).list_employer("1234567890", verdict, reason, self.house.callers["ops"])
        for number in range(ADVERTS):
            by = self.chance.choice(AGENCIES)
            event = self.advert(by, f"R-{number}")
            if self.chance.random() < 0.1:  # closed before it came
                closed = self.house.event("job-closed", {"reference": f"R-{number}", "reason": "filled"}, by)
                await self.house.send_all([{**closed, "sequence": self.chance.choice(("1", "9", None))}], by)
            self.compare(event, by)
            (receipt,) = await self.house.send_all([event], by)
            assert receipt.status in ("accepted", "duplicate"), receipt
            if self.chance.random() < 0.05 and receipt.opportunity is not None:
                vetted = {"opportunity": receipt.opportunity, "verdict": "held", "reason": "other"}
                await self.house.send("opportunity-vetted", vetted, by)
            if self.chance.random() < 0.05:
                self.house.later(self.chance.randrange(1, 3))

    def advert(self, by: str, reference: str) -> dict[str, Any]:
        chance, changes = self.chance, {name: self.chance.choice(values) for name, values in CHOICES.items()}
        number = chance.choice(NUMBERS)
        employer = {"name": chance.choice(("예시제과", "(주)예시제과", "다른상사"))} | (
            {"number": number} if number else {}
        )
        closes = (self.house.store.now + timedelta(days=chance.choice((2, 9, 30)))).date().isoformat()
        day = {"closes": closes} if chance.random() < 0.7 else {"closes": None, "until_filled": True}
        changes |= {"employer": None if chance.random() < 0.1 else employer, **day}
        type = "job-posted"
        if chance.random() < 0.2:
            type, programme = "programme-opened", {"title", "employer", "closes", "until_filled"}
            changes = {name: value for name, value in changes.items() if name in programme}
        time = (self.house.store.now.astimezone(UTC) - timedelta(minutes=5)).isoformat()
        sequence = chance.choice((None, "1", "5"))
        return self.house.event(type, example(type, reference=reference, **changes), by, time=time, sequence=sequence)

    def compare(self, event: dict[str, Any], by: str) -> None:
        dependencies = self.house.dependencies
        now = max(self.house.store.now, datetime.now(UTC))
        validated = Validation(dependencies).validate(event, by, now, Budget())
        assert not validated.refusals, validated.refusals
        said = validated.event
        assert said is not None
        needed = decision(validated, self.house.callers[by], dependencies).needs
        short, long = self.house.store.submit_now(Operation(needed, lambda work: self.both(said, work)))
        if short is None:
            self.ways["long"] += 1
            assert self.is_special(said, long)
            return
        self.ways["short"] += 1
        assert (short.answer, short.status, short.untold) == (long.answer, long.status, long.untold)
        assert (short.warnings, short.refusals, short.person) == (long.warnings, long.refusals, long.person)
        assert _told(short) == _told(long)
        assert sorted(short.saves, key=_place) == sorted(long.saves, key=_place)
        assert self.documents(short) == self.documents(long)

    def both(self, said: DoorEvent, work: UnitOfWork) -> tuple[Effect | None, Effect]:
        """By the short way and by the long one, of which neither is saved."""
        advert, dependencies = said.advert, self.house.dependencies
        assert advert is not None
        known = Reference.kept_in(said.index, work.get(REFERENCES, said.index))
        short = new_advert_fast_path.alone(said, advert, known, work, dependencies)
        return short, opportunities._new(said, advert, known, Vacancies(work, dependencies), dependencies)

    def is_special(self, said: DoorEvent, long: Effect) -> bool:
        """Whether the long way leads to what the short one cannot."""
        assert said.advert is not None
        (thing, *others) = long.others
        asks = any(collection == "questions" for collection, _ in long.saves)
        joined = thing.id != said.advert.opportunity
        if thing.document()["sources"][0]["ended"] is not None:
            return True
        if others or asks or joined or thing.document()["state"]["status"] != "open" or "vetting" in long.answer:
            return True
        facts = said.advert.facts  # beside others that are of another vacancy
        listed = [] if facts is None else [self.house.store.get("adverts", key) for key in facts.lookup_keys]
        return any(
            each is not None and (each["bound"] or any(entry["agency"] != said.agency for entry in each["entries"]))
            for each in listed
        )

    def documents(self, effect: Effect) -> list[Any]:
        """As they come back from a store, their seals opened."""
        found = []
        for thing in effect.others:
            document = bson.decode(bson.encode(thing.document()))
            for source in document["sources"]:
                place = (OPPORTUNITIES, source["index"], "reference")
                source["reference"] = self.house.dependencies.sealer.open(source["reference"], *place)
            found.append((thing.COLLECTION, thing.sequence, document))
        return found


async def test_both_ways_lead_to_the_same() -> None:
    ways = Counter[str]()
    for seed in range(WORLDS):
        world = World(seed)
        await world.run()
        ways += world.ways
    assert ways["short"] > WORLDS * ADVERTS // 4
    assert ways["long"] > WORLDS * ADVERTS // 10


def _told(effect: Effect) -> list[tuple[str, str, int, bytes]]:
    return [(one.event_type.name, one.key, one.sequence, dump_data(one.state)) for one in effect.emitted]


def _place(save: tuple[str, Any]) -> tuple[str, str]:
    return save[0], save[1]["_id"]


async def test_an_agency_of_which_no_more_is_listed() -> None:
    """Under one key only so many of an agency are found; the rest are kept all the same."""
    house = House()
    for number in range(40):
        receipt = await house.send("job-posted", example("job-posted", reference=f"R-{number}"), "gjf")
        assert receipt.status == "accepted"
    assert {len(each["entries"]) for each in house.store.all("adverts")} == {32}
    assert len(house.store.all(OPPORTUNITIES)) == 40


async def test_an_employer_that_was_taken_off_the_list_holds_nobody() -> None:
    house = House()
    words: Any = (("held", "other"), (None, None))
    for verdict, reason in words:
        await operators(house).list_employer("0000000000", verdict, reason, house.callers["ops"])
    assert house.store.get(EMPLOYERS.name, "employer/0000000000") is not None
    receipt = await house.send("job-posted", example("job-posted"), "gjf")
    assert (receipt.status, receipt.vetting, house.newest.status) == ("accepted", None, "open")
