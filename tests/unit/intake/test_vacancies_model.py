"""Whatever up to four agencies say of their adverts, each vacancy that any of them has open is on the bus once.

Random sequences against a small oracle, which knows of every advert only whose it is, of which vacancy, and whether it
is open.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.unit.intake.memory import House, agency, example
from tests.unit.intake.test_operators import job, operators

pytestmark = pytest.mark.unit

SEQUENCES, ACTS = 320, 16
AGENCIES = ("gjf", "jobaba", "acme", "khf")
VACANCIES: tuple[dict[str, Any], ...] = (
    {"title": "제과제빵원 모집"},
    {"title": "매장 판매 사원"},
    {"title": "제과제빵원 모집", "region": "legal-dong-2026:41110"},
    {"title": "제과제빵원 모집", "employer": {"name": "다른제과", "number": "123-45-67890"}},
)


@dataclass
class Advert:
    """As the oracle knows it."""

    agency: str
    reference: str
    vacancy: int
    open: bool = True
    sequence: int = 1


@dataclass
class Oracle:
    """`posted`: how often a vacancy has to have been told as newly open."""

    adverts: list[Advert] = field(default_factory=list)
    posted: int = 0

    def open_of(self, vacancy: int) -> list[Advert]:
        return [each for each in self.adverts if each.open and each.vacancy == vacancy]

    def opens(self, advert: Advert) -> None:
        self.posted += not self.open_of(advert.vacancy)
        advert.open = True

    def becomes(self, advert: Advert, vacancy: int) -> None:
        """Alone into a vacancy that nobody has open, it is the same opportunity, changed."""
        before, alone = advert.vacancy, len(self.open_of(advert.vacancy)) == 1
        if not self.open_of(vacancy) and not alone and before != vacancy:
            self.posted += 1
        advert.vacancy = vacancy


class Sequence:
    """One house and what was said in it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.house = House()
        self.house.add(agency("jobaba", "public"))
        self.oracle = Oracle()
        self.pending: list[Any] = []
        self.look_at: list[Advert] = []
        self.by = ""

    def act(self) -> tuple[str, str, dict[str, Any], int]:
        """The next event of somebody: agency, type, data, number."""
        adverts, chance = self.oracle.adverts, self.chance
        who = chance.choice(AGENCIES)
        mine = [each for each in adverts if each.agency == who]
        vacancy = chance.randrange(len(VACANCIES))
        free = not any(each.agency == who for each in self.oracle.open_of(vacancy))  # who lists two means two
        if (not mine or chance.random() < 0.35) and free:
            advert = Advert(who, f"{who}-{len(adverts)}", vacancy, open=False)
            self.oracle.opens(advert)
            adverts.append(advert)
            return who, "job-posted", self.words(advert), 1
        if not mine:
            return self.act()
        advert = chance.choice(mine)
        if advert.open and chance.random() < 0.1:
            self.look_at.append(advert)
        advert.sequence += 1
        if not advert.open:
            if any(each.agency == who for each in self.oracle.open_of(advert.vacancy)):
                return self.act()
            self.oracle.opens(advert)
            return who, "job-posted", self.words(advert), advert.sequence
        if chance.random() < 0.4:
            advert.open = False
            return who, "job-closed", {"reference": advert.reference, "reason": "filled"}, advert.sequence
        if free and chance.random() < 0.7:
            self.oracle.becomes(advert, vacancy)
        return who, "job-updated", self.words(advert), advert.sequence

    def words(self, advert: Advert) -> dict[str, Any]:
        """The advert as its agency writes it, now so and now otherwise."""
        said = VACANCIES[advert.vacancy]
        written = self.chance.choice(("{}", "[급구] {}", "{} (정규직)"))
        more = {**said, "title": written.format(said["title"]), "places": self.chance.randrange(1, 9)}
        return example("job-posted", reference=advert.reference, **more)

    async def run(self) -> None:
        for _ in range(ACTS):
            who, type, data, number = self.act()
            if self.pending and (who != self.by or self.chance.random() < 0.6):
                await self.flush()
            self.by = who
            self.pending.append(self.house.event(type, data, who, sequence=str(number)))
            if self.look_at:
                await self.flush()
                await self.hold_and_release(self.look_at.pop())
        await self.flush()

    def opportunity_of(self, advert: Advert) -> str:
        """Of which it is a source."""
        index = self.house.dependencies.references.index("job", advert.agency, advert.reference)
        found = self.house.store.get("references", index)
        assert found is not None
        return str(found["thing"])

    async def hold_and_release(self, advert: Advert) -> None:
        """While it is held nobody is told that the vacancy is open; released, once."""
        if not advert.open:
            return
        id = self.opportunity_of(advert)
        for verdict in ({"verdict": "held", "reason": "other"}, {"verdict": "checked"}):
            receipt = await self.house.send("opportunity-vetted", {"opportunity": id, **verdict}, "gjf")
            assert receipt.status == "accepted"
            assert self.house.newest.opportunity == id
            assert self.house.newest.status == ("held" if "reason" in verdict else "open")
        self.oracle.posted += 1

    async def flush(self) -> None:
        """Several events of one agency are decided in one transaction."""
        events, self.pending = self.pending, []
        for receipt in await self.house.send_all(events, self.by):
            assert receipt.status in ("accepted", "duplicate"), receipt


@pytest.mark.parametrize("begin", range(0, SEQUENCES, 40))
async def test_each_open_vacancy_is_on_the_bus_exactly_once(begin: int) -> None:
    for seed in range(begin, begin + 40):
        sequence = Sequence(seed)
        await sequence.run()
        house, oracle = sequence.house, sequence.oracle
        told = {event.data.opportunity: event.data for event in house.store.emitted}
        on_the_bus = Counter(_vacancy(one) for one in told.values() if one.status == "open")
        assert on_the_bus == {v: 1 for v in range(len(VACANCIES)) if oracle.open_of(v)}, seed
        references = {document["_id"]: document.get("thing") for document in house.store.all("references")}
        for advert in oracle.adverts:
            led_to = references[house.dependencies.references.index("job", advert.agency, advert.reference)]
            if advert.open:
                assert (told[led_to].status, _vacancy(told[led_to])) == ("open", advert.vacancy), seed
            else:
                assert led_to in told, seed
        numbers: dict[str, list[int]] = {}
        newly_open, was_open = 0, set[str]()
        for event in house.store.emitted:
            id = event.data.opportunity
            numbers.setdefault(id, []).append(event.sequence)
            if event.data.status == "open":
                newly_open += id not in was_open
                was_open.add(id)
            else:
                was_open.discard(id)
        assert all(each == list(range(1, len(each) + 1)) for each in numbers.values()), seed
        assert newly_open == oracle.posted, seed
        await _split(sequence, seed)
        await _end(sequence, seed)


async def _split(sequence: Sequence, seed: int) -> None:
    """An operator takes one source out: two opportunities from there on, whatever both say."""
    house = sequence.house
    several = [each for v in range(len(VACANCIES)) if len(each := sequence.oracle.open_of(v)) > 1]
    if not several:
        return
    one, other = several[0][:2]
    before = sequence.opportunity_of(one)
    assert sequence.opportunity_of(other) == before, seed
    index = house.dependencies.references.index("job", other.agency, other.reference)
    new = (await operators(house).split(before, index, house.callers["ops"])).opportunity
    for advert in (one, other, one):
        advert.sequence += 1
        said = house.event("job-updated", sequence.words(advert), advert.agency, sequence=str(advert.sequence))
        await house.send_all([said], advert.agency)
    assert (sequence.opportunity_of(one), sequence.opportunity_of(other)) == (before, new), seed
    told = {event.data.opportunity: event.data.status for event in house.store.emitted}
    assert (told[before], told[new]) == ("open", "open"), seed


async def _end(sequence: Sequence, seed: int) -> None:
    """All last days are over: nothing is open, and nothing is told twice."""
    house = sequence.house
    house.later(40)
    before = Counter(event.data.opportunity for event in house.store.emitted)
    was_open = {event.data.opportunity: event.data.status == "open" for event in house.store.emitted}
    await job(house).expire()
    after = Counter(event.data.opportunity for event in house.store.emitted)
    assert after - before == Counter(id for id, is_open in was_open.items() if is_open), seed
    assert {event.data.status for event in house.store.emitted[before.total() :]} <= {"closed"}, seed


def _vacancy(told: Any) -> int:
    """Which one these words are of."""
    (found,) = (
        number
        for number, said in enumerate(VACANCIES)
        if said["title"] in told.title
        and said.get("region", "legal-dong-2026:41270") == told.region
        and ("employer" in said) == (told.employer.name == "다른제과")
    )
    return found
