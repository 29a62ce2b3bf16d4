"""Tell every match again as it was last told, so that notifications can rebuild a store that has lost what was told.

The same events as the last time (id, number, cause), so whoever holds them already drops them. Withdrawn ones too, as
long as they are kept: a restored store may still hold them as standing. Ranks of that moment are not kept and left
out; times are kept to the millisecond.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from services.matching.documents import MATCHES
from services.matching.repository import Repository
from services.matching.settings import MatchingSettings
from services.matching.telling import told_again
from shared.kit.base.ids import Ids
from shared.kit.runtime.republish import tell_all
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork


async def tell_again(store: Store, settings: MatchingSettings) -> int:
    """Put everything into the outbox; how many matches. Safe to interrupt, to repeat, and beside an active matcher:
    it changes nothing, and what the matcher says meanwhile has a higher number."""
    return await tell_all(store, _tellings(Repository(store.database), Ids(settings.id_key_bytes)))


async def _tellings(repository: Repository, ids: Ids) -> AsyncIterator[Operation[None]]:
    async for document in repository.everything(MATCHES):
        if "last" in document:  # one that an older version wrote does not say what was last told
            yield _telling(document["_id"], ids)


def _telling(id: str, ids: Ids) -> Operation[None]:
    def needs(work: UnitOfWork) -> Iterable[Need]:
        return [Need.by_id(MATCHES, id)]

    def do(work: UnitOfWork) -> None:
        document = work.get(MATCHES, id)  # as it is now: the matcher may have told it anew, or forgotten it
        if document is not None and "last" in document:
            work.emit(told_again(document, ids))

    return Operation(needs, do)
