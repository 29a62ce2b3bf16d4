"""Tell the current state of everything again, so that other services can rebuild their stores.

The same events as the last time (id, number, cause), so whoever holds them already drops them. Agencies first, then
opportunities, then people: who rebuilds knows a recipient before a consent names it.
"""

from __future__ import annotations

from services.intake.changes.effect import AGENCIES, OPPORTUNITIES, PEOPLE
from services.intake.changes.publish import again
from services.intake.repository import Repository
from shared.kit.ids import Ids
from shared.kit.store import Store, Task

AT_ONCE = 500


async def republish(store: Store, repository: Repository, ids: Ids) -> int:
    """Put everything into the outbox; how many things. Safe to interrupt and to repeat."""
    total = 0
    for collection in (AGENCIES, OPPORTUNITIES, PEOPLE):
        waiting: list[Task[None]] = []
        async for id in repository.everything(collection):
            waiting.append(Task(*again(collection, id, ids)))
            total += 1
            if len(waiting) == AT_ONCE:
                await _perform(store, waiting)
                waiting = []
        await _perform(store, waiting)
    return total


async def _perform(store: Store, tasks: list[Task[None]]) -> None:
    for result in await store.perform(tasks) if tasks else ():
        if isinstance(result, Exception):
            raise result
