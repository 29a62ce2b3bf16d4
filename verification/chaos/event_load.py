"""What the agencies send: a day so long that everything can be killed in it. Most of it is news about what is known.

Shaped so that it can be told: a notice costs some ten times what an event costs. Most people here have not consented to
matching yet (they are updated and consent to statistics all the same), and openings change more often than they come
and go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from samples.world import Item, World
from samples.world.chance import maybe
from samples.world.envelope import EventWriter, Json
from samples.world.openings import Opening, make_opening
from samples.world.people import Newcomer

SEEKERS = 0.2  # of the people consent to matching from the first day on
PEOPLE_PER_EVENT, OPENINGS_PER_EVENT = 0.03, 0.006
BEGINNING = 0.025  # of the events: enrolments and postings only
# How often something happens, once it has begun. The sum does not matter.
WEIGHTS = {
    "person-updated": 38.0,
    "seeker-updated": 8.0,
    "opening-updated": 24.0,
    "opening-closed": 0.8,
    "opening-posted": 0.8,
    "statistics": 14.0,
    "profile": 6.0,
    "notice": 2.0,
    "matching": 0.4,
    "enrolled": 8.0,
    "left": 0.8,
}


@dataclass
class _Somebody:
    """A person as their agency knows them now."""

    newcomer: Newcomer
    profile: Json
    consents: set[tuple[str, str | None]] = field(default_factory=set)


@dataclass
class _Advert:
    """An opening as its owner has it now."""

    opening: Opening
    data: Json


class Flow:
    """The events of one seed, the same every time. Made in one go: iterate once."""

    def __init__(self, world: World, events: int) -> None:
        self._world = world
        self._events = events
        self._random = Random(f"{world.seed}/flow")
        self._event_writer = EventWriter(world.today, 1, world.pack.timezone)
        self._people: list[_Somebody] = []
        self._adverts: list[_Advert] = []
        self._numbers = iter(range(10**9))
        self._posted = iter(range(10**9))
        self._most_people = max(40, round(events * PEOPLE_PER_EVENT))
        self._most_adverts = max(12, round(events * OPENINGS_PER_EVENT))
        self._partners = (world.setting.partners.feed, world.setting.partners.webhook)
        self._ways: dict[str, Callable[[], Item | None]] = {
            "person-updated": lambda: self._updated(self._some(lambda one: not _seeks(one))),
            "seeker-updated": lambda: self._updated(self._some(_seeks)),
            "opening-updated": self._advert_updated,
            "opening-closed": self._advert_closed,
            "opening-posted": self._advert_posted,
            "statistics": lambda: self._consent("statistics", None, self._some()),
            "profile": lambda: self._consent("profile", self._random.choice(self._partners), self._some()),
            "notice": lambda: self._consent("notice", self._random.choice(self._partners), self._some()),
            "matching": lambda: self._consent("matching", None, self._some()),
            "enrolled": self._enrolled,
            "left": self._left,
        }

    def __iter__(self) -> Iterator[Item]:
        beginning = max(30, round(self._events * BEGINNING))
        for number in range(self._events):
            item = None
            if number < beginning:
                item = self._advert_posted() if number % 6 == 5 else self._enrolled()
            while item is None:
                item = self._ways[self._random.choices(tuple(WEIGHTS), tuple(WEIGHTS.values()))[0]]()
            yield item

    def _some(self, like: Callable[[_Somebody], bool] = lambda one: True) -> _Somebody | None:
        able = [one for one in self._people if like(one)]
        return self._random.choice(able) if able else None

    def _enrolled(self) -> Item | None:
        if len(self._people) >= self._most_people:
            return None
        newcomer = self._world.person(next(self._numbers))
        seeks = maybe(self._random, SEEKERS)
        consents = [c for c in newcomer.data["consents"] if seeks or c["purpose"] != "matching"]
        data = newcomer.data | {"consents": consents}
        somebody = _Somebody(newcomer, newcomer.profile(), {(c["purpose"], c.get("recipient")) for c in consents})
        self._people.append(somebody)
        kind = "trainee-graduated" if newcomer.graduate else "person-enrolled"
        return self._event_writer.write(newcomer.agency, kind, data)

    def _updated(self, one: _Somebody | None) -> Item | None:
        if one is None:
            return None
        wants = one.profile["wants"] | {"commute_minutes": self._random.choice((40, 60, 90))}
        one.profile = one.profile | {"wants": wants}
        if maybe(self._random, 0.3):
            one.profile["residence"] = self._random.choice(tuple(self._world.pack.residence_weights))
        return self._event_writer.write(one.newcomer.agency, "person-updated", one.profile)

    def _consent(self, purpose: str, recipient: str | None, one: _Somebody | None) -> Item | None:
        """Given by who has not given it, taken back by who has."""
        if one is None:
            return None
        key = {"purpose": purpose} | ({"recipient": recipient} if recipient else {})
        stands = (purpose, recipient) in one.consents
        one.consents ^= {(purpose, recipient)}
        until = (self._world.today + timedelta(days=self._random.randint(40, 80))).isoformat()
        consents = [key if stands else key | {"until": until}]
        data = {"reference": one.newcomer.reference, "consents": consents}
        return self._event_writer.write(one.newcomer.agency, "consent-withdrawn" if stands else "consent-given", data)

    def _left(self) -> Item | None:
        one = self._some()
        if one is None or len(self._people) < self._most_people // 2:
            return None
        self._people.remove(one)
        data = {"reference": one.newcomer.reference, "reason": "found-work"}
        return self._event_writer.write(one.newcomer.agency, "person-left", data)

    def _advert_posted(self) -> Item | None:
        if len(self._adverts) >= self._most_adverts:
            return None
        world = self._world
        opening = make_opening(world.setting, world.pack, world.seed, 1, next(self._posted), world.today)
        self._adverts.append(_Advert(opening, opening.data))
        kind = "job-posted" if opening.family == "job" else "programme-opened"
        return self._event_writer.write(opening.agency, kind, opening.data)

    def _advert_updated(self) -> Item | None:
        """Mostly another last day, now and then a better wage."""
        if not self._adverts:
            return None
        advert = self._random.choice(self._adverts)
        if "wage" in advert.data and maybe(self._random, 0.2):
            wage = {name: value for name, value in advert.data["wage"].items() if name != "maximum"}
            change: Json = {"wage": wage | {"minimum": wage["minimum"] * 51 // 50}}
        else:
            change = {"closes": (self._world.today + timedelta(days=self._random.randint(20, 60))).isoformat()}
        advert.data = advert.data | change
        return self._event_writer.write(advert.opening.agency, f"{advert.opening.family}-updated", advert.data)

    def _advert_closed(self) -> Item | None:
        if len(self._adverts) < self._most_adverts // 2:
            return None
        advert = self._adverts.pop(self._random.randrange(len(self._adverts)))
        data = {"reference": advert.opening.reference, "reason": "filled"}
        return self._event_writer.write(advert.opening.agency, f"{advert.opening.family}-closed", data)


def _seeks(one: _Somebody) -> bool:
    return ("matching", None) in one.consents
