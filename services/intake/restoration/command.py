"""`python -m services.intake restored`: makes intake's database that was put back from a copy fit to begin.

It follows intake's own topics as another service would, from their beginning, without checkpoints: what is held already
is dropped by its number, so that it may be killed anywhere and begun again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from services.intake.dependencies import Dependencies
from services.intake.identity import References, Vault
from services.intake.restoration import agencies, opportunities, people
from services.intake.restoration.own_topics import REFUSED, OwnTopics
from services.intake.restoration.to_do import TO_DO, UNFINISHED, ToDo
from services.intake.settings import IntakeSettings
from shared.events import Event
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.events.topics.prohibitions import Floors
from shared.kit.base.ids import Ids
from shared.kit.base.sealing import Sealer
from shared.kit.runtime.connect import CannotStart
from shared.kit.store.mongo import Database
from shared.kit.store.store import Operation, Store, WriteRejected
from shared.kit.store.unit_of_work import UnitOfWork
from shared.reference import load_pack

TOPICS = ("agencies", "people", "prohibitions", "opportunities")
AT_ONCE = 500
Handler = Callable[[Event[Any]], Operation[None]]


async def restored(store: Store, settings: IntakeSettings) -> str:
    """Take in what the others have heard since the copy, and say anew what does not hold any more. Refused while a
    replica runs, and where the topics do not reach back to the copy. Until it is done intake does not start."""
    own, dependencies = OwnTopics(settings.kafka_settings, store.database), _dependencies(settings)
    await own.check(TOPICS)
    await _perform(store, [_marked(unfinished=True)])
    await _agencies(store, own, dependencies.references)
    handlers: dict[str, tuple[type, Handler]] = {
        "people": (Person, lambda event: people.state_told(event, dependencies.references)),
        "prohibitions": (Floors, lambda event: people.floors_told(event, dependencies.references)),
        "opportunities": (Opportunity, opportunities.state_told),
    }
    for topic, (kind, handler) in handlers.items():
        async for events in own.said(topic):
            await _perform(store, [handler(event) for event in events if isinstance(event.data, kind)])
    told = await _say_anew(store, dependencies)
    await _perform(store, [_marked(unfinished=False)])
    return f"done: {told} things are told anew; intake may be started, and agencies send again what they sent since"


def _marked(*, unfinished: bool) -> Operation[None]:
    def do(work: UnitOfWork) -> None:
        if unfinished:
            TO_DO.save(work, ToDo(_id=UNFINISHED))
        else:
            TO_DO.delete(work, UNFINISHED)

    return Operation(lambda work: [TO_DO.by_id(UNFINISHED)], do)


async def refuse_unfinished(database: Database) -> None:
    """Raises CannotStart where a restoration was begun and is not done: half of it may say what does not hold."""
    if await TO_DO.of(database).find_one({"_id": UNFINISHED}) is not None:
        remedy = "a restoration is not done: `python -m services.intake restored` again, until it says that it is."
        raise CannotStart(REFUSED, "intake", remedy)


async def _agencies(store: Store, own: OwnTopics, references: References) -> None:
    """A key that went from one agency to another is still the first one's until that one is saved: once more, then."""
    said = [event async for events in own.said("agencies") for event in events]
    left = [agencies.state_told(event, references) for event in agencies.newest(said)]
    while left:
        results = await store.submit_all(left)
        rejected = [one for one, result in zip(left, results, strict=True) if isinstance(result, WriteRejected)]
        _raise_first([result for result in results if not isinstance(result, WriteRejected)])
        if len(rejected) == len(left):
            _raise_first(results)
        left = rejected


async def _say_anew(store: Store, dependencies: Dependencies) -> int:
    total = 0
    async for ids in _left(store):
        operations = []
        for name in ids:
            topic, _, id = name.partition("/")
            said_anew = people.said_anew if topic == "people" else opportunities.said_anew
            operations.append(said_anew(id, dependencies))
        await _perform(store, operations)
        total += len(ids)
    return total


async def _left(store: Store) -> AsyncIterator[Sequence[str]]:
    found = TO_DO.of(store.database).find({"_id": {"$ne": UNFINISHED}}, {"_id": 1})
    ids = [document["_id"] async for document in found.sort("_id", 1)]
    for first in range(0, len(ids), AT_ONCE):
        yield ids[first : first + AT_ONCE]


async def _perform(store: Store, operations: Sequence[Operation[None]]) -> None:
    for some in range(0, len(operations), AT_ONCE):
        results = await store.submit_all(operations[some : some + AT_ONCE])
        _raise_first(results)


def _raise_first(results: Sequence[object]) -> None:
    for result in results:
        if isinstance(result, Exception):
            raise result


def _dependencies(settings: IntakeSettings) -> Dependencies:
    ids = Ids(settings.id_key_bytes)
    return Dependencies(
        load_pack(settings.pack),
        ids,
        Sealer(settings.sealing_key_bytes),
        Vault(settings.kek_bytes),
        References(ids),
        hold_wrong_numbers=settings.hold_wrong_employer_numbers,
    )
