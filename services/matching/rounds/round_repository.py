"""Every query of rounds. A round is one document, so each change is one update under a condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from pymongo import ASCENDING, DESCENDING, ReturnDocument

from services.matching.documents import ROUNDS
from services.matching.rounds.documents import ResultDocument, RoundDocument, RoundState
from shared.kit.store.mongo import Database

PATIENCE_MS = 5_000


class RoundRepository:
    """Raises PyMongoError when MongoDB does not answer."""

    def __init__(self, database: Database) -> None:
        self._rounds = database[ROUNDS]

    async def add(self, made: RoundDocument) -> None:
        """A new one."""
        await self._rounds.insert_one(cast(dict[str, Any], made))

    async def of_agency(self, agency: str, limit: int) -> list[RoundDocument]:
        """The newest of an agency, without their results."""
        found = self._rounds.find({"agency": agency}, {"result": 0}).sort("asked", DESCENDING).limit(limit)
        return [cast(RoundDocument, each) async for each in found.max_time_ms(PATIENCE_MS)]

    async def computing(self, agency: str) -> int:
        """How many of an agency's are still to be worked out."""
        query = {"agency": agency, "state": "computing"}
        return await self._rounds.count_documents(query, limit=100, maxTimeMS=PATIENCE_MS)

    async def get(self, agency: str, id: str) -> RoundDocument | None:
        """One of an agency's."""
        found = await self._rounds.find_one({"_id": id, "agency": agency}, max_time_ms=PATIENCE_MS)
        return cast(RoundDocument | None, found)

    async def ask_again(self, held: RoundDocument, changes: Mapping[str, Any], now: datetime) -> RoundDocument | None:
        """The round with these changes, to be worked out anew; None when somebody else changed it meanwhile."""
        asked = {**changes, "state": "computing", "tries": 0, "claimed_until": now}
        return await self._change(held, ("proposed", "failed", "computing"), {"$set": asked, "$inc": {"version": 1}})

    async def confirm(self, held: RoundDocument) -> RoundDocument | None:
        """The round, confirmed; None when it is no proposal any more, or another one."""
        return await self._change(held, ("proposed",), {"$set": {"state": "confirmed"}})

    async def _change(
        self, held: RoundDocument, states: Sequence[RoundState], update: Mapping[str, Any]
    ) -> RoundDocument | None:
        query = {"_id": held["_id"], "version": held["version"], "state": {"$in": list(states)}}
        found = await self._rounds.find_one_and_update(query, update, return_document=ReturnDocument.AFTER)
        return cast(RoundDocument | None, found)

    # --- for the job

    async def claim(self, now: datetime, seconds: float) -> RoundDocument | None:
        """One that nobody works out, for so long; None when there is none."""
        found = await self._rounds.find_one_and_update(
            {"state": "computing", "claimed_until": {"$lte": now}},
            {"$set": {"claimed_until": now + timedelta(seconds=seconds)}, "$inc": {"tries": 1}},
            sort=[("claimed_until", ASCENDING)],
            return_document=ReturnDocument.AFTER,
        )
        return cast(RoundDocument | None, found)

    async def finish(self, claimed: RoundDocument, result: ResultDocument | None) -> None:
        """What was worked out, or that it failed; nothing when something else was asked meanwhile, or another replica
        took it."""
        state: RoundState = "failed" if result is None else "proposed"
        query = {"_id": claimed["_id"], "version": claimed["version"], "tries": claimed["tries"], "state": "computing"}
        change = {"$set": {"state": state, **({} if result is None else {"result": result})}}
        await self._rounds.update_one(query, change)
