"""Commands for administrators: `python -m services.matching <command>`. Each is safe to interrupt and to repeat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping

from services.matching.documents import StoredMatch
from services.matching.outcome_commands import report_outcome_rows, report_outcomes
from services.matching.publisher import republished_event
from services.matching.recomputation import recompute
from services.matching.report_commands import report_left_out, report_shadow_run
from services.matching.repository import Repository
from services.matching.restored_command import restored
from services.matching.settings import MatchingSettings
from shared.kit.base.ids import Ids
from shared.kit.runtime.admin_commands import AdminCommand, republish_all
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import UnitOfWork


async def republish(store: Store, settings: MatchingSettings) -> str:
    """Publish every match again as it was last published, so that notifications can rebuild a store that has lost it.
    The same events as the last time (id, number, cause), so whoever holds them already drops them. Withdrawn ones too,
    as long as they are kept: a restored store may still hold them as standing. Ranks of that moment are not kept and
    left out; times are kept to the millisecond. Safe beside an active matcher: it changes nothing, and what the matcher
    publishes meanwhile has a higher number."""
    return await republish_all(store, _operations(Repository(store.database), Ids(settings.id_key_bytes)))


async def _operations(repository: Repository, ids: Ids) -> AsyncIterator[Operation[None]]:
    async for id in repository.match_ids():
        yield _republish(id, ids)


def _republish(id: str, ids: Ids) -> Operation[None]:
    def do(work: UnitOfWork) -> None:
        stored = StoredMatch.find(work, id)  # as it is now: the matcher may have published it anew, or purged it
        if stored is not None:
            work.emit(republished_event(stored, ids))

    return Operation(lambda work: [StoredMatch.need(id)], do)


COMMANDS: Mapping[str, AdminCommand[MatchingSettings]] = {
    "republish": republish, "left-out": report_left_out, "shadow-run": report_shadow_run,
    "outcomes": report_outcomes, "outcome-rows": report_outcome_rows,
}  # fmt: skip
COMMANDS_OF_ONE: Mapping[str, Callable[[str], AdminCommand[MatchingSettings]]] = {
    "recompute": recompute,
    "restored": restored,
}
