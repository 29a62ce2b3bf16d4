"""Tell every match again as it was last told, so that notifications can rebuild a store that has lost what was told.

The same events as the last time (id, number, cause), so whoever holds them already drops them. Withdrawn ones too, as
long as they are kept: a restored store may still hold them as standing. Ranks of that moment are not kept and left
out; times are kept to the millisecond.
"""

from __future__ import annotations

from collections.abc import Iterable

from services.matching.documents import MATCHES
from services.matching.repository import Repository
from services.matching.service import told_again
from shared.kit.ids import Ids
from shared.kit.store import Store, Task
from shared.kit.work import Need, Work

AT_ONCE = 500


async def republish(store: Store, repository: Repository, ids: Ids) -> int:
    """Put everything into the outbox; how many matches. Safe to interrupt, to repeat, and beside an active matcher:
    it changes nothing, and what the matcher says meanwhile has a higher number."""
    total = 0
    waiting: list[Task[None]] = []
    async for document in repository.everything(MATCHES):
        waiting.append(_telling(document["_id"], ids))
        total += 1
        if len(waiting) == AT_ONCE:
            await _perform(store, waiting)
            waiting = []
    await _perform(store, waiting)
    return total


def _telling(id: str, ids: Ids) -> Task[None]:
    def needs(work: Work) -> Iterable[Need]:
        return [Need.by_id(MATCHES, id)]

    def do(work: Work) -> None:
        document = work.get(MATCHES, id)
        if document is not None and "last" in document:
            work.emit(told_again(document, ids))

    return Task(needs, do)


async def _perform(store: Store, tasks: list[Task[None]]) -> None:
    for result in await store.perform(tasks) if tasks else ():
        if isinstance(result, Exception):
            raise result
