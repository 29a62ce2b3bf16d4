"""Commands for administrators: `python -m services.notifications <command>`. Each only reads."""

from __future__ import annotations

from collections.abc import Mapping

from services.notifications.documents import MATCHES
from services.notifications.settings import NotificationsSettings
from shared.kit.runtime.admin_commands import AdminCommand
from shared.kit.store.store import Store


async def highest_match(store: Store, settings: NotificationsSettings) -> str:
    """The highest number of a match that is held here: matching that was restored must number from above it."""
    found = await store.database[MATCHES.name].find_one({}, {"sequence": 1}, sort=[("sequence", -1)])
    return str(found["sequence"] if found else 0)


COMMANDS: Mapping[str, AdminCommand[NotificationsSettings]] = {"highest-match": highest_match}
