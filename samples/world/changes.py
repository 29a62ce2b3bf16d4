"""What happens after the first enrolment and posting: wishes change, jobs are filled, consents come and go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from random import Random
from typing import TypeVar

from samples.world.envelope import EventWriter, Item, Json
from samples.world.openings import Opening
from samples.world.people import Newcomer
from samples.world.population import Population

T = TypeVar("T")
SHARE = 0.03  # of people and of openings, for each sort of change


def changes_of(world: Population, event_writer: EventWriter, random: Random, day: int = 1) -> list[Item]:
    """Updates, closings, new consents and somebody who leaves; on later days only news about openings."""
    items = list(_about_openings(world, event_writer, day))
    if day == 1:
        items += _about_people(world, event_writer)
    random.shuffle(items)
    return items


def withdrawals_of(world: Population, event_writer: EventWriter) -> list[Item]:
    """Consents taken back: notices to the partner with the feed, to the one with the webhook, and matching at all."""
    partners = world.setting.partners
    turn = _Turn(_shuffled(world, "withdrawals", _untouched(world)))
    items = []
    for recipient in (partners.feed, partners.webhook):
        key = {"purpose": "notice", "recipient": recipient}
        able = [person for person in world.people if person.consents_to("notice", recipient)]
        for person in turn.take(able, len(world.people), 0.01):
            items.append(_letter(event_writer, person, "consent-withdrawn", {"consents": [key]}))
    able = [person for person in world.people if person.consents_to("matching")]
    for person in turn.take(able, len(world.people), 0.01):
        items.append(_letter(event_writer, person, "consent-withdrawn", {"consents": [{"purpose": "matching"}]}))
    return items


def _about_people(world: Population, event_writer: EventWriter) -> Iterator[Item]:
    people = _changing(world)
    number = len(world.people)
    turn = _Turn(people)
    for person in turn.take(people, number, SHARE):
        yield event_writer.write(person.agency, "person-updated", _changed(world, person))
    recipient = world.setting.partners.webhook
    able = [p for p in people if p.consents_to("matching") and not p.consents_to("notice", recipient)]
    until = (world.today + timedelta(days=60)).isoformat()
    for person in turn.take(able, number, SHARE):
        given = [{"purpose": "notice", "recipient": recipient, "until": until}]
        yield _letter(event_writer, person, "consent-given", {"consents": given})
    for person in turn.take(people, number, 0.01):
        yield _letter(event_writer, person, "person-left", {"reason": "found-work"})


def _about_openings(world: Population, event_writer: EventWriter, day: int) -> Iterator[Item]:
    ordered = _shuffled(world, "openings", world.openings)
    count = max(1, round(len(ordered) * SHARE))
    updated = ordered[2 * (day - 1) * count :][:count]
    closed = ordered[(2 * (day - 1) + 1) * count :][:count]
    for opening in updated:
        data = opening.changed(**_better(world, opening))
        yield event_writer.write(opening.agency, f"{opening.family}-updated", data)
    for opening in closed:
        data = {"reference": opening.reference, "reason": "filled"}
        yield event_writer.write(opening.agency, f"{opening.family}-closed", data)


def _better(world: Population, opening: Opening) -> Json:
    """A wage raised by a tenth, or some more time."""
    if "wage" not in opening.data:
        return {"closes": (world.today + timedelta(days=40)).isoformat()}
    wage = {name: value for name, value in opening.data["wage"].items() if name != "maximum"}
    return {"wage": wage | {"minimum": wage["minimum"] * 11 // 10}}


def _changed(world: Population, person: Newcomer) -> Json:
    """Another place to live, a certificate more and a longer way that is all right now."""
    random = Random(f"{world.seed}/changed/{person.number}")
    trade = random.choice([trade for trade in world.setting.trades if trade.certificates])
    wants = {name: value for name, value in person.data["wants"].items() if name != "wage_min"}
    return person.profile(
        residence=random.choice(tuple(world.pack.residence_weights)),
        certificates=[*person.data["certificates"], trade.certificates[0]],
        wants=wants | {"commute_minutes": 90},
    )


def _letter(event_writer: EventWriter, person: Newcomer, kind: str, data: Json) -> Item:
    return event_writer.write(person.agency, kind, {"reference": person.reference, **data})


def _changing(world: Population) -> Sequence[Newcomer]:
    """One half of the people has changes, the other withdraws: nobody is in both, so that each is seen by itself."""
    return _shuffled(world, "people", world.people)[: len(world.people) // 2]


def _untouched(world: Population) -> Sequence[Newcomer]:
    return _shuffled(world, "people", world.people)[len(world.people) // 2 :]


def _shuffled(world: Population, what: str, things: Sequence[T]) -> list[T]:
    return Random(f"{world.seed}/{what}").sample(things, len(things))


class _Turn:
    """Hands everybody out once."""

    def __init__(self, people: Sequence[Newcomer]) -> None:
        self._left = {person.number: person for person in people}

    def take(self, able: Sequence[Newcomer], of: int, share: float) -> list[Newcomer]:
        """Some of ``able`` that nobody took: this share of ``of``, one at least if there is one."""
        wanted = {person.number for person in able}
        found = [person for number, person in self._left.items() if number in wanted][: max(1, round(of * share))]
        for person in found:
            del self._left[person.number]
        return found
