"""Whatever agencies, days and operators do, in adverts of which one is like two others that are not like each other:
each advert is of one opportunity, each open one is on the bus once, and nothing is read that was not named before.
"""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from datetime import UTC, date, timedelta
from typing import Any

import pytest

from services.intake.documents import OPPORTUNITIES
from services.intake.domain.record_linkage import Facts
from services.intake.domain.separated_vacancies import are_apart
from services.intake.domain.vacancy import differs, facts_of
from services.intake.domain.vetting import binds, status_of
from services.intake.opportunity_documents import ADVERTS, EMPLOYERS, QUESTIONS, StoredOpportunity
from shared.events.refusal import Refused
from tests.unit.intake.memory import House, agency, example
from tests.unit.intake.test_operators import job, operators

pytestmark = pytest.mark.unit
SEQUENCES, ACTS = 96, 30
MOST_ADVERTS = 2  # of an agency: with many nobody could tell of which of them another one is
AGENCIES = ("pa", "pb", "pc", "pd", "pe")
NUMBERS = ("123-45-67890", "124-81-00998")
CHOICES: dict[str, tuple[Any, ...]] = {
    "title": ("제과제빵원 모집", "[급구] 제과제빵원 모집", "제과제빵원 (야간)", "매장 판매 사원"),
    "employment": (None, "work24-2024-employment:10", "work24-2024-employment:20"),
    "hours_per_week": (None, 40, 35),
    "region": ("legal-dong-2026:41270", "legal-dong-2026:41110"),
    "name": ("예시제과", "(주)예시제과", "예시제과 수원공장"),
    "number": (NUMBERS[0], NUMBERS[0], None, NUMBERS[1]),
}


class World:
    """What was said, of each advert: whether its agency has it open, until when, and its number."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.house = House()
        for name in AGENCIES:
            self.house.add(agency(name, "public"))
        self.day = 0
        self.open: dict[tuple[str, str], date] = {}
        self.closed: set[tuple[str, str]] = set()
        self.numbers = Counter[tuple[str, str]]()
        vary = self.chance.sample(sorted(CHOICES), 2)
        self.choices = {name: values if name in vary else values[:1] for name, values in CHOICES.items()}

    async def run(self) -> None:
        acts = (self.say, self.days, self.look, self.answer, self.split, self.vet, self.block)
        for _ in range(ACTS):
            (act,) = self.chance.choices(acts, (40, 5, 3, 2, 1, 1, 1))
            await act()
            if act == self.look:
                self.check()

    def today(self) -> date:
        return (self.house.store.now.astimezone(UTC) + timedelta(hours=9)).date()

    async def say(self) -> None:
        """One to three events of one agency, in one transaction."""
        by = self.chance.choice(AGENCIES)
        events = [self._event(by) for _ in range(self.chance.randrange(1, 4))]
        for receipt in await self.house.send_all(events, by):
            assert receipt.status in ("accepted", "duplicate", "superseded"), receipt

    def _event(self, by: str) -> Any:
        mine = sorted({key for key in self.numbers if key[0] == by})
        if not mine or (len(mine) < MOST_ADVERTS and self.chance.random() < 0.3):
            advert = (by, f"{by}-{len(mine)}")
        else:
            advert = self.chance.choice(mine)
        self.numbers[advert] += 1
        number = str(self.numbers[advert])
        if advert in self.open and self.chance.random() < 0.35:
            del self.open[advert]
            self.closed.add(advert)
            return self.house.event("job-closed", {"reference": advert[1], "reason": "filled"}, by, sequence=number)
        closes = self.today() + timedelta(days=self.chance.choice((0, 1, 3, 30)))
        self.open[advert] = closes
        self.closed.discard(advert)
        words = {name: self.chance.choice(values) for name, values in self.choices.items()}
        employer = {name: words.pop(name) for name in ("name", "number")}
        employer = {name: value for name, value in employer.items() if value is not None}
        more = {"reference": advert[1], "closes": closes.isoformat(), "until_filled": False, "employer": employer}
        data = example("job-posted", **more, **words)
        return self.house.event("job-posted", data, by, sequence=number)

    async def days(self) -> None:
        self.day += self.chance.choice((1, 2, 4))
        self.house.later(self.day)

    async def look(self) -> None:
        await job(self.house).expire()

    async def answer(self) -> None:
        asked = self.house.store.all(QUESTIONS.name, answer=None)
        if not asked:
            return
        word: Any = self.chance.choice(("same", "apart"))
        with contextlib.suppress(Refused):  # they cannot be one by now
            await operators(self.house).answer(self.chance.choice(asked)["_id"], word, self.house.callers["ops"])

    async def split(self) -> None:
        several = [each for each in self.stored() if len(each.sources) > 1]
        if several:
            held = self.chance.choice(several)
            source = self.chance.choice(held.sources).index
            await operators(self.house).split(held.id, source, self.house.callers["ops"])

    async def vet(self) -> None:
        if ids := [each.id for each in self.stored() if each.merged_into is None]:
            verdict = self.chance.choice(({"verdict": "held", "reason": "other"}, {"verdict": "checked"}))
            word = {"opportunity": self.chance.choice(ids), **verdict}
            receipt = await self.house.send("opportunity-vetted", word, "pa")
            assert receipt.status in ("accepted", "duplicate"), receipt

    async def block(self) -> None:
        """An employer is put on the list or taken off, and all of its adverts looked at."""
        key = self.chance.choice(NUMBERS).replace("-", "")
        on_it = self.house.store.get(EMPLOYERS.name, f"employer/{key}") is None
        verdict: Any
        reason: Any
        verdict, reason = ("held", "other") if on_it else (None, None)
        await operators(self.house).list_employer(key, verdict, reason, self.house.callers["ops"])
        await job(self.house).apply_list()

    def stored(self) -> list[StoredOpportunity]:
        return [StoredOpportunity.kept_in(row) for row in self.house.store.all(OPPORTUNITIES)]

    def bound(self) -> set[tuple[str, str, Facts, str]]:
        """What binds, by key, opportunity and words, and how."""
        return {
            (row["_id"], entry["id"], Facts.kept_in(entry["facts"]), entry["judgement"]["verdict"])
            for row in self.house.store.all(ADVERTS.name)
            for entry in row["bound"]
        }

    def judged(self) -> set[tuple[str, str, Facts, str]]:
        """What should, by what is stored of each opportunity."""
        return {
            (key, held.id, each.facts, held.judgement.verdict)
            for held in self.stored()
            if held.judgement is not None and binds(held.judgement)
            for each in held.judged
            for key in each.facts.lookup_keys
        }

    def check(self) -> None:
        house, today = self.house, self.today()
        of: dict[str, StoredOpportunity] = {}
        keys = Counter[tuple[str, str]]()
        told = {event.data.opportunity: event.data for event in house.store.emitted}
        for held in self.stored():
            assert told.get(held.id, held.state) == held.state
            assert held.id in told or held.state.status == "closed"
            live = [each for each in held.sources if each.open and (each.words.closes or today) >= today]
            assert len({each.agency for each in live}) == len(live)
            assert live or held.state.status == "closed"
            if live:
                assert held.sources[0] == live[0]
                assert held.state.owner == live[0].agency
                facts = facts_of(live[0].words)
                assert not any(differs(facts, facts_of(each.words)) for each in live[1:])
                assert held.state.status == status_of(True, held.judgement)
            for each in held.sources:
                assert each.index not in of
                of[each.index] = held
                reference = house.store.get("references", each.index)
                assert reference is not None
                assert reference["thing"] == held.id
            if held.state.status != "closed":
                facts = facts_of(held.state)
                assert facts is not None
                keys.update((key, held.id) for key in facts.lookup_keys)
        entries = [entry for row in house.store.all(ADVERTS.name) for entry in row["entries"]]
        marks = {each.id: list(each.apart) for each in of.values()}
        assert all(entry["apart"] == marks[entry["id"]] for entry in entries)
        assert not any(are_apart(each, each) for each in marks.values())
        listed = Counter[tuple[str, str]]()
        for row in house.store.all(ADVERTS.name):
            for entry in row["entries"]:
                listed[row["_id"], entry["id"]] += 1
        assert listed == keys
        assert self.bound() == self.judged()
        for advert in self.numbers:
            index = house.dependencies.references.index("job", *advert)
            source = of[index].source(index)
            assert source.open == (advert in self.open)
            if source.open:
                assert source.words.closes == self.open[advert]
        numbers: dict[str, list[int]] = {}
        for event in house.store.emitted:
            numbers.setdefault(event.data.opportunity, []).append(event.sequence)
        assert all(each == list(range(1, len(each) + 1)) for each in numbers.values())


@pytest.mark.parametrize("begin", range(0, SEQUENCES, 24))
async def test_each_advert_is_of_one_opportunity_and_each_open_one_on_the_bus(begin: int) -> None:
    for seed in range(begin, begin + 24):
        world = World(seed)
        await world.run()
        await job(world.house).expire()
        world.check()
        assert await job(world.house).expire() == 0
