"""Commands for administrators: `python -m services.intake <command>`. Each is safe to interrupt and to repeat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from services.intake.event_handlers import topic_handlers
from services.intake.event_handlers.publish import again
from services.intake.repository import Repository
from services.intake.restoration.command import restored
from services.intake.settings import IntakeSettings
from shared.kit.base.ids import Ids
from shared.kit.runtime.admin_commands import AdminCommand, republish_all
from shared.kit.store.store import Operation, Store


async def republish(store: Store, settings: IntakeSettings) -> str:
    """Tell the current state of everything again, so that other services can rebuild their stores. The same events as
    the last time (id, number, cause), so whoever holds them already drops them. Agencies first: who rebuilds knows a
    recipient before a consent names it."""
    return await republish_all(store, _tellings(Repository(store.database), Ids(settings.id_key_bytes)))


async def _tellings(repository: Repository, ids: Ids) -> AsyncIterator[Operation[None]]:
    for handler in topic_handlers().values():
        async for id in repository.everything(handler.STORED.COLLECTION):
            yield again(handler.STORED, id, ids)


COMMANDS: Mapping[str, AdminCommand[IntakeSettings]] = {"republish": republish, "restored": restored}
