"""`python -m services.matching restored N`: makes matching's database that was put back from a copy fit to begin."""

from __future__ import annotations

from services.matching.active_matcher import NAME
from services.matching.documents import LISTS, MATCHES, PROGRESS, PURGED, SNAPSHOT
from services.matching.settings import MatchingSettings
from shared.kit.runtime.admin_commands import AdminCommand
from shared.kit.runtime.connect import CannotStart
from shared.kit.store.lease import Lease
from shared.kit.store.store import Store

REFUSED = 1
MOST = 10**9  # what a sequence may be (shared/events)


def restored(highest: str) -> AdminCommand[MatchingSettings]:
    """Forget what was worked out of the former state, and number matches from above ``highest``, what
    `python -m services.notifications highest-match` says (0 for a database whose matches nobody was told of). Refused
    while a matcher runs. Repeating it changes nothing."""

    async def do(store: Store, settings: MatchingSettings) -> str:
        if not highest.isdecimal() or int(highest) > MOST:
            raise CannotStart(REFUSED, highest, "this is no number of a match: see highest-match of notifications.")
        database = store.database
        lease = Lease(database, NAME, f"{settings.instance}-command", settings.lease_seconds)
        if not await lease.acquire():
            remedy = "a matcher runs, or was killed within the last seconds: stop all replicas, then again."
            raise CannotStart(REFUSED, "matching", remedy)
        try:
            for name in (SNAPSHOT, LISTS, PROGRESS):
                await database.drop_collection(name)
            raised = {"$max": {"sequence": int(highest)}}
            await database[PURGED].update_one({"_id": MATCHES}, raised, upsert=True)
        finally:
            await lease.release()
        return f"{SNAPSHOT}, {LISTS} and {PROGRESS} are gone; new matches are numbered from above {highest}"

    return do
