"""The planted people: the world's people with identities of every sort, and everything that may happen to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random

from samples.world import Chapter, Item, World, names
from samples.world.envelope import EventWriter, Json
from samples.world.people import Newcomer
from verification.leaks.encodings import romanised

DAY = 90  # in the ids of what is added here; the world's own day is 1


def plant(world: World) -> None:
    """Give everybody of this world an identity with every field, some names in Latin letters as they are sent."""
    world.people = tuple(
        replace(person, data=person.data | {"identity": person.data["identity"] | identity(world, person, "first")})
        for person in world.people
    )


def identity(world: World, person: Newcomer, which: str) -> Json:
    """An identity that nobody has, without birth date and sex. Every third name is romanised."""
    random = Random(f"{world.seed}/identity/{person.number}/{which}")
    name = words(random, 5)
    if person.number % 3 == 2:
        name = min(text for text in romanised(name) if text.istitle() and text.count(" ") == 1)
    return {
        "name": name,
        "phone": names.phone(random, world.setting.phone),
        "email": f"{random.getrandbits(40):010x}@{random.getrandbits(40):010x}.invalid",
        "address": f"{words(random, 3)}로 {random.randrange(100, 1000)}번길 {words(random, 4)}아파트",
    }


def words(random: Random, count: int) -> str:
    """Syllables that stand together nowhere."""
    return "".join(random.choices(names.SYLLABLES, k=count))


def chapters(world: World) -> list[Chapter]:
    """The world's first day, signed by workers with telling ids; then people move, withdraw their consents, leave."""
    found = [replace(chapter, items=tuple(map(_signed, chapter.items))) for chapter in world.day(1)]
    gone = {item.event["data"].get("reference") for item in found[-2].items if item.event["type"] == "person-left"}
    event_writer = EventWriter(world.today, DAY, world.pack.timezone)
    stayed = [person for person in world.people if person.reference not in gone]
    items = [_signed(item) for person in stayed for item in _later(world, event_writer, person)]
    return [*found, Chapter("what-follows", {"ko": "그 뒤의 일", "en": "What follows"}, tuple(items))]


def _later(world: World, event_writer: EventWriter, person: Newcomer) -> Iterator[Item]:
    """By turns: another identity; every consent withdrawn; gone; consents withdrawn and given again."""
    turn, reference = person.number % 5, {"reference": person.reference}
    given = person.data["consents"]
    keys = [{name: value for name, value in consent.items() if name != "until"} for consent in given]
    if turn == 0:
        moved = person.data["identity"] | identity(world, person, "second")
        yield event_writer.write(person.agency, "person-updated", person.profile(identity=moved))
    if turn in (1, 3) and given:
        yield event_writer.write(person.agency, "consent-withdrawn", {**reference, "consents": keys})
    if turn == 2:
        yield event_writer.write(person.agency, "person-left", {**reference, "reason": "own-wish"})
    if turn == 3 and given:
        yield event_writer.write(person.agency, "consent-given", {**reference, "consents": given})


def _signed(item: Item) -> Item:
    """With a worker's id that says who it was, as some agencies have it."""
    random = Random(f"{item.key}/worker")
    return replace(item, event=item.event | {"actor": f"{names.reference(random, 'kim')}/counsellor"})


def everything(parts: Iterable[Chapter]) -> list[Item]:
    """All events of these chapters."""
    return [item for chapter in parts for item in chapter.items]
