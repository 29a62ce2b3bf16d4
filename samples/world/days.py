"""The days of a world: what the agencies send, in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from random import Random
from zoneinfo import ZoneInfo

from samples.world import mistakes
from samples.world.changes import changes_of, withdrawals_of
from samples.world.envelope import EventWriter, Item, Json
from samples.world.openings import Opening, make_opening
from samples.world.people import Newcomer
from samples.world.population import Population
from samples.world.setting import Setting
from shared.reference import load_pack

WRONG = 0.01  # the share of events that are wrong
NEW_OPENINGS = 0.15  # what a later day brings, as a share of the first day's
VETTED = "opportunity-vetted"
VERDICTS: tuple[Json, ...] = (
    {"verdict": "held", "reason": "wrong-terms"},
    {"verdict": "refused", "reason": "no-longer-open"},
)


def today_of(setting: Setting) -> date:
    """The day it is where the pack's programme is."""
    return datetime.now(ZoneInfo(load_pack(setting.pack).timezone)).date()


@dataclass(frozen=True)
class Chapter:
    """A part of a day; ``title`` in Korean and English."""

    name: str
    title: dict[str, str]
    items: tuple[Item, ...]


class World(Population):
    """What the agencies of a population send, day by day. Day 1 is the beginning; the days after it bring news."""

    def day(self, number: int) -> list[Chapter]:
        """Everything that is sent on that day, from 1."""
        if number < 1:
            raise ValueError("the first day is day 1")
        event_writer = EventWriter(self.today, number, self.pack.timezone)
        if number > 1:
            return self._later(event_writer, number)
        everyone = [self._enrolment(event_writer, person) for person in self.people]
        posted = [self._posting(event_writer, opening) for opening in self.openings]
        programmes = [self._posting(event_writer, opening) for opening in self.programmes]
        changes = changes_of(self, event_writer, Random(f"{self.seed}/changes"))
        withdrawals = withdrawals_of(self, event_writer)
        wrong = _Wrong(self, event_writer, number, len(everyone) + len(posted) + len(programmes) + len(changes))
        class_, walk_ins = everyone[: self.graduates], everyone[self.graduates :]
        return [
            _chapter("graduates", "하나원 수료생", "A graduating class", wrong.among(class_, 0.2)),
            _chapter("walk-ins", "찾아온 사람들", "Walk-in clients", wrong.among(walk_ins, 0.6)),
            _chapter("openings", "오늘의 일자리", "A day's openings", wrong.among(posted, 1.0)),
            _chapter("programmes", "지원 사업", "Published programmes", programmes),
            _chapter("changes", "바뀐 것들", "What changed", changes),
            _chapter("withdrawals", "동의 철회", "Consents withdrawn", withdrawals),
        ]

    def vetted(self, number: int, opportunities: Sequence[str]) -> Chapter:
        """Two adverts of that day, by the hub's ids: the first is held, the second refused, by the agency that vets."""
        agency = next(each.agency for each in self.setting.agencies if VETTED in each.rights.emits)
        event_writer = EventWriter(self.today, number, self.pack.timezone)
        items = []
        for opportunity, verdict in zip(opportunities, VERDICTS, strict=False):
            item = event_writer.write(agency, VETTED, {"opportunity": opportunity, **verdict})
            items.append(replace(item, event={**item.event, "id": f"{agency}-vetted-{opportunity}"}))
        return _chapter("vetting", "공고 검수", "Adverts that are vetted", items)

    def _later(self, event_writer: EventWriter, number: int) -> list[Chapter]:
        count = max(8, round(len(self.openings) * NEW_OPENINGS))
        fresh = [make_opening(self.setting, self.pack, self.seed, number, n, self.today) for n in range(count)]
        posted = [self._posting(event_writer, opening) for opening in fresh]
        newcomers = [self._enrolment(event_writer, self.person(len(self.people) + 2 * number + n)) for n in range(2)]
        wrong = _Wrong(self, event_writer, number, len(posted))
        changes = changes_of(self, event_writer, Random(f"{self.seed}/changes/{number}"), number)
        return [
            _chapter("walk-ins", "새로 찾아온 사람들", "New walk-in clients", newcomers),
            _chapter("openings", "다음 날의 일자리", "The next day's openings", wrong.among(posted, 1.0)),
            _chapter("changes", "바뀐 것들", "What changed", changes),
        ]

    def _enrolment(self, event_writer: EventWriter, person: Newcomer) -> Item:
        return event_writer.write(
            person.agency, "trainee-graduated" if person.graduate else "person-enrolled", person.data
        )

    def _posting(self, event_writer: EventWriter, opening: Opening) -> Item:
        kind = "job-posted" if opening.family == "job" else "programme-opened"
        return event_writer.write(opening.agency, kind, opening.data)


def _chapter(name: str, ko: str, en: str, items: Iterable[Item]) -> Chapter:
    return Chapter(name, {"ko": ko, "en": en}, tuple(items))


class _Wrong:
    """Puts wrong events among right ones until the share of a day is used up; every way of being wrong in turn."""

    def __init__(self, world: World, event_writer: EventWriter, day: int, events: int) -> None:
        self._random = Random(f"{world.seed}/wrong/{day}")
        self._world, self._event_writer = world, event_writer
        self._left = self._total = max(2, round(events * WRONG))
        setting, today = world.setting, world.today

        def spoiling(slip: mistakes.Slip) -> Callable[[Item], list[Item]]:
            return lambda item: [mistakes.spoiled(slip, item, event_writer, setting, today), item]

        jobs: list[Callable[[Item], list[Item]]] = [lambda item: [item, mistakes.same_id(item)]]
        people: list[Callable[[Item], list[Item]]] = [
            lambda item: [item, mistakes.same_id(item)],
            lambda item: [item, mistakes.unknown_reference(item, event_writer)],
            lambda item: [mistakes.wrong_source(item, event_writer, setting), item],
            lambda item: [mistakes.not_allowed(item, event_writer, setting), item],
        ]
        for slip in mistakes.SLIPS:
            (people if slip.on == "person" else jobs).append(spoiling(slip))
        self._random.shuffle(jobs)
        self._random.shuffle(people)
        self._ways = {"person": people, "job": jobs}
        self._used = {"person": 0, "job": 0}

    def among(self, items: Sequence[Item], until: float) -> list[Item]:
        """The items with wrong ones among them, up to this share of all that is to be wrong."""
        wanted = self._left - round(self._total * (1 - until))
        kinds = {"trainee-graduated": "person", "person-enrolled": "person", "job-posted": "job"}
        able = [number for number, item in enumerate(items) if item.event["type"] in kinds]
        chosen = set(self._random.sample(able, min(len(able), max(0, wanted))))
        self._left -= len(chosen)
        found: list[Item] = []
        for number, item in enumerate(items):
            if number not in chosen:
                found.append(item)
                continue
            about = kinds[item.event["type"]]
            ways = self._ways[about]
            found += ways[self._used[about] % len(ways)](item)
            self._used[about] += 1
        return found
