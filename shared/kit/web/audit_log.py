"""Who looked at what is not theirs: written down before it is answered. What cannot be written down is not answered.

An entry: {"_id", "at", "agency", "key_id", "action", "outcome"}, in the service's own collection ``audit``, beside
what the service itself writes there about reads of people.
"""

from __future__ import annotations

from pymongo.errors import PyMongoError

from shared.kit.base.clock import machine_time
from shared.kit.base.ids import random_id
from shared.kit.base.logs import logger
from shared.kit.store.mongo import Database
from shared.kit.web.authentication import Caller
from shared.kit.web.problems import unavailable

AUDIT = "audit"
_log = logger("audit")


async def write_audit(database: Database, caller: Caller, action: str) -> None:
    """Before the answer. Raises the 503 problem when it cannot be written."""
    who = {"agency": caller.agency_id, "key_id": caller.key_id}
    entry = {"_id": random_id(), "at": machine_time(), **who, "action": action, "outcome": "answered"}
    try:
        await database[AUDIT].insert_one(entry)
    except PyMongoError as error:
        _log.error("audit_failed", error=type(error).__name__)
        raise unavailable() from None
