"""What is due, who takes it, and letting go of it. Claims are outside of transactions on purpose (see `claim`)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from pymongo import ASCENDING

from services.notifications.documents import (
    DELIVERIES,
    DUE,
    RECALLED,
    SENDING,
    SUBSCRIPTIONS,
    TAKING_PART,
    About,
    ClaimedDelivery,
    DeliveryReference,
    QueueClass,
    SubscriptionDocument,
)
from services.notifications.domain.retry_schedule import OUTAGE
from services.notifications.indexes_and_retention import (
    BY_ID,
    DOWN,
    HELD,
    IN_TURN,
    LATER,
    NEXT,
    TIME_LIMIT_MS,
    TRIED,
    UNTRIED,
)
from shared.kit.base.backoff import Backoff
from shared.kit.store.lease import COLLECTION as LEASES
from shared.kit.store.mongo import Database, Document

LEASES_OF_DISPATCHERS = "dispatcher/"  # and the instance; see delivery/dispatcher_lease.py
SLOW = "/slow"  # behind the instance: its lease of slow channels
BROUGHT_FORWARD = 1_000
MOST_RECALLED = MOST_LEFT = 100
MOST_DOWN = 1_000  # endpoints in an outage that are looked at
ROUNDS = 8  # of one change that transactions come in the way of: with their waits about half a second
ROUNDS_AT_ONCE = 2  # those of them before the first wait


@dataclass(frozen=True, slots=True)
class Changes:
    """How many were changed, and which were not because in every round a transaction came in the way: those are as they
    were."""

    made: int
    left: Sequence[str] = ()


class DeliveryQueries:
    """Of deliveries on their way; a part of the `Repository`."""

    _database: Database

    async def waiting_endpoints(self, about: str, now: datetime) -> list[str]:
        """Subscriptions with a notice or a recall (``about``) to send now."""
        return sorted(await self.waiting_since(about, now))

    async def waiting_since(self, about: str, now: datetime) -> dict[str, datetime]:
        """The same, and since when the first of it could have been sent."""
        return {subscription: due for subscription, due in (await self._first_due(about)).items() if due <= now}

    async def with_recalls(self) -> set[str]:
        """Subscriptions for which a recall waits, due or not."""
        return set(await self._first_due("recall"))

    async def _first_due(self, about: str) -> dict[str, datetime]:
        """When the first notice or recall (``about``) of each subscription is due: one look at the index for each."""
        pipeline: list[Document] = [
            {"$match": {"state": DUE, "about": about}},
            {"$sort": {"subscription": ASCENDING, "due": ASCENDING}},
            {"$group": {"_id": "$subscription", "due": {"$first": "$due"}}},
        ]
        found = DELIVERIES.of(self._database).aggregate(pipeline, hint=NEXT, maxTimeMS=TIME_LIMIT_MS)
        return {first["_id"]: first["due"] async for first in found}

    async def claim(
        self,
        subscription: str,
        which: About | QueueClass,
        owner: str,
        claim: str,
        now: datetime,
        limit: int,
        held_until: datetime | None = None,
    ) -> list[ClaimedDelivery]:
        """Take up to ``limit`` due notices or recalls for ``owner`` under a name used once, those that are due longest
        first, and by id what became due at the same moment: that order is another one for every recipient. Of the
        notices only the new ones, or those that were left waiting (turns.py), by ``held_until`` of the endpoint.

        Two claims of one delivery cannot both succeed: each changes it only while it is due. What could not be changed
        is still due, and found by the next look (the dispatcher's every second, the digest's every five).
        """
        deliveries = DELIVERIES.of(self._database)
        due: list[Document] = []
        for index, query in _which(which, now, held_until):
            query = {"state": DUE, "subscription": subscription, **query}
            found = deliveries.find(query, {"_id": 1, "due": 1}, hint=index, max_time_ms=TIME_LIMIT_MS).sort(IN_TURN)
            due += cast(list[Document], await found.limit(limit).to_list(limit))
        ids = [each["_id"] for each in sorted(due, key=lambda each: (each["due"], each["_id"]))[:limit]]
        if not ids:
            return []
        taken = {"state": SENDING, "owner": owner, "claim": claim, "possibly_sent_before": "$possibly_sent"}
        # left: from here on it may have, a crash will not tell
        await change(deliveries, ids, {"state": DUE}, [{"$set": {**taken, "possibly_sent": True}}])
        mine = deliveries.find({"_id": {"$in": ids}, "claim": claim, "state": SENDING}, hint=BY_ID)
        claimed = cast(list[ClaimedDelivery], await mine.max_time_ms(TIME_LIMIT_MS).to_list(limit))
        return sorted(claimed, key=lambda delivery: (delivery["due"], delivery["_id"]))

    async def bring_forward(self, subscription: str, now: datetime) -> bool:
        """Make due now what waits for a retry, recalls first, up to `BROUGHT_FORWARD`; each only once before the time
        that it was ``planned`` for. Whether there may be more, of what could not be changed, too: then the endpoint is
        still in its outage, and the next good answer, to a probe if to nothing else, brings the others."""
        deliveries, room, some_left = DELIVERIES.of(self._database), BROUGHT_FORWARD, False
        for about in ("recall", "notice"):
            query = {"state": DUE, "about": about, "subscription": subscription, "waits": "retry", "due": {"$gt": now}}
            later = deliveries.find(query, {"_id": 1}, hint=LATER, max_time_ms=TIME_LIMIT_MS).sort(IN_TURN)
            ids = [d["_id"] for d in await later.limit(room).to_list(room)]
            if ids:
                ahead: list[Document] = [{"$set": {"planned": "$due", "due": now}}, {"$unset": "waits"}]
                some_left |= bool((await change(deliveries, ids, {"state": DUE, "waits": "retry"}, ahead)).left)
            room -= len(ids)
            if room <= 0:
                return True
        return some_left

    async def possibly_sent(self, deliveries: Sequence[str]) -> dict[str, bool]:
        """Of these deliveries, whether they may have left by now."""
        found = DELIVERIES.of(self._database).find(
            {"_id": {"$in": list(deliveries)}}, {"possibly_sent": 1}, hint=BY_ID, max_time_ms=TIME_LIMIT_MS
        )
        return {each["_id"]: each["possibly_sent"] for each in await found.to_list(len(deliveries))}

    async def recalled_and_let_go(self, subscriptions: Sequence[str]) -> list[DeliveryReference]:
        """Notices of these subscriptions that are due and for whose end a recall waits."""
        query = {"state": DUE, "about": "notice", "waits": RECALLED, "subscription": {"$in": list(subscriptions)}}
        fields = {"thread": 1, "opportunity": 1}
        found = DELIVERIES.of(self._database).find(query, fields, hint=LATER, max_time_ms=TIME_LIMIT_MS)
        return cast(list[DeliveryReference], await found.limit(MOST_RECALLED).to_list(MOST_RECALLED))

    async def left_behind(self, subscriptions: Sequence[str]) -> set[tuple[str, str]]:
        """Of whom (person) which recipients have something due at those of these subscriptions that have ended."""
        found = SUBSCRIPTIONS.of(self._database).find({"_id": {"$in": list(subscriptions)}}, {"state": 1})
        states = {each["_id"]: each["state"] async for each in found.max_time_ms(TIME_LIMIT_MS)}
        ended = [each for each in subscriptions if states.get(each) not in TAKING_PART]
        if not ended:
            return set()
        query = {"state": DUE, "about": {"$in": ["recall", "notice"]}, "subscription": {"$in": ended}}
        fields = {"person": 1, "recipient": 1}
        left = DELIVERIES.of(self._database).find(query, fields, hint=NEXT, max_time_ms=TIME_LIMIT_MS)
        return {(each["person"], each["recipient"]) for each in await left.limit(MOST_LEFT).to_list(MOST_LEFT)}

    async def down(self) -> list[SubscriptionDocument]:
        """Endpoints in an outage, those whose wait is over first."""
        query = {"state": "active", "failures": {"$gte": OUTAGE}}
        found = SUBSCRIPTIONS.of(self._database).find(query, hint=DOWN, max_time_ms=TIME_LIMIT_MS)
        return await found.sort("held_until", ASCENDING).limit(MOST_DOWN).to_list(MOST_DOWN)

    async def anything_due(self, subscription: str) -> bool:
        """Whether anything is to be sent to this endpoint, now or later."""
        query = {"state": DUE, "about": {"$in": ["recall", "notice"]}, "subscription": subscription}
        first = DELIVERIES.of(self._database).find(query, {"_id": 1}, hint=NEXT, max_time_ms=TIME_LIMIT_MS)
        return bool(await first.limit(1).to_list(1))

    async def end_breaker_wait(self, endpoint: SubscriptionDocument, since: datetime) -> bool:
        """The wait of its breaker is over ``since`` then, if nothing was answered since it was read. What its partner
        itself asked for still holds notices. Whether nothing holds it any more."""
        until = max(since, endpoint.get("asked_until") or since)
        if endpoint["held_until"] != until:
            as_read: Document = {"held_until": endpoint["held_until"]}
            ended: Document = {"$set": {"held_until": until}}
            if (await change(SUBSCRIPTIONS.of(self._database), [endpoint["_id"]], as_read, ended)).left:
                return False  # as it was: asked again at the next look at endpoints that are down
        return until == since

    async def bring_probe_forward(self, subscription: str, about: About, now: datetime) -> bool:
        """Make due now the notice or the recall that waits for the next retry. Whether one is due now, by this or by
        itself; or may be at the next look, because it could not be changed now. Unlike `bring_forward` also what was
        brought forward before."""
        deliveries = DELIVERIES.of(self._database)
        query = {"state": DUE, "about": about, "subscription": subscription}
        first = deliveries.find(query, hint=NEXT, max_time_ms=TIME_LIMIT_MS).sort(IN_TURN).limit(1)
        for each in await first.to_list(1):
            if each["due"] <= now:
                return True
            if each["attempts"] > 0:
                first_time = {"$eq": [{"$type": "$planned"}, "missing"]}
                ahead = {"planned": {"$ifNull": ["$planned", "$due"]}, "due": now, "probe": first_time}
                changes = await change(deliveries, [each["_id"]], {"state": DUE}, [{"$set": ahead}])
                return changes.made > 0 or bool(changes.left)
        return False

    async def recall_goes_first(self, batch: Iterable[ClaimedDelivery], now: datetime) -> bool:
        """Whether a notice in it was chosen as a probe, and a recall has come to wait since, which is due now instead.
        One that is due by itself gives way to none: a recall that is never taken would keep back everything else."""
        chosen = next((each for each in batch if each["about"] == "notice" and "probe" in each), None)
        return chosen is not None and await self.bring_probe_forward(chosen["subscription"], "recall", now)

    async def make_due(self, subscription: str, now: datetime) -> None:
        """Make due now all that waits for a retry, because its recipient asks for it: as if its time had come."""
        deliveries = DELIVERIES.of(self._database)
        for about in ("recall", "notice"):
            query = {"state": DUE, "about": about, "subscription": subscription, "due": {"$gt": now}}
            anew: Document = {"$set": {"due": now}, "$unset": {"planned": "", "probe": "", "waits": ""}}
            await deliveries.update_many({**query, "waits": {"$in": ["retry", "again"]}}, anew, hint=LATER)

    async def live_dispatchers(self) -> list[str]:
        """Instances that hold the lease of a dispatcher, by the database's own clock."""
        owners = [lease["owner"] for lease in await self._live_leases()]
        return sorted(owner for owner in owners if not owner.endswith(SLOW))

    async def _live_leases(self) -> list[Document]:
        named = {"$gte": LEASES_OF_DISPATCHERS, "$lt": LEASES_OF_DISPATCHERS[:-1] + "0"}  # "0" follows "/" in ASCII
        leases = self._database[LEASES].find({"_id": named, "$expr": {"$gt": ["$until", "$$NOW"]}})
        return await leases.max_time_ms(TIME_LIMIT_MS).to_list(None)

    async def release_orphaned(self, but: Set[str] = frozenset()) -> int:
        """Make due again what dispatchers held that hold no lease any more, ``but`` for these. The database's own clock
        says so."""
        deliveries = DELIVERIES.of(self._database)
        owners = await deliveries.distinct("owner", {"state": SENDING}, maxTimeMS=TIME_LIMIT_MS)
        if not owners:
            return 0
        live = {f"{lease['owner']}/{lease['epoch']}" for lease in await self._live_leases()}
        released = 0
        for owner in set(owners) - live - but:
            found = await deliveries.update_many(
                {"state": SENDING, "owner": owner}, {"$set": {"state": DUE, "owner": None}}, hint=HELD
            )
            released += found.modified_count
        return released

    async def release_unsent(self, claims: Mapping[str, Sequence[str]], rounds: int | None = None) -> Sequence[str]:
        """Let go of deliveries that were not sent, by the claims that took them; those that could not be let go of in
        so many ``rounds`` (of `change`) are still held."""
        back: Document = {"state": DUE, "owner": None, "possibly_sent": "$possibly_sent_before"}
        ids = [id for each in claims.values() for id in each]
        # each under its own claim: what was let go of and taken again since is another claim's
        mine = {"state": SENDING, "$or": [{"claim": claim, "_id": {"$in": each}} for claim, each in claims.items()]}
        return (await change(DELIVERIES.of(self._database), ids, mine, [{"$set": back}], rounds)).left

    async def release_claim(self, owner: str, claim: str) -> None:
        """Let go of all of one claim, which may not have been made. Looks at all that this owner holds: not often."""
        mine = {"state": SENDING, "owner": owner, "claim": claim}
        back = {"state": DUE, "owner": None, "possibly_sent": "$possibly_sent_before"}
        await DELIVERIES.of(self._database).update_many(mine, [{"$set": back}], hint=HELD)


async def change(
    collection: Any,
    ids: Sequence[str],
    of_which: Document,
    how: Document | Sequence[Document],
    rounds: int | None = None,
) -> Changes:
    """Change those of these that are so, by id and outside of a transaction.

    An update that has to wait for a transaction passes over what that one deletes and inserts again (decision 71): it
    had found the document in the place from which it went. So it is done again as long as any of them is left: at once,
    then with waits that grow, ``rounds`` times (`ROUNDS`). What is left then its caller does later.
    """
    made, left, backoff = 0, list(ids), Backoff(first=0.01, longest=0.25)
    for again in range(ROUNDS if rounds is None else rounds):
        if again > 1:
            await asyncio.sleep(backoff.delay())
        done = await collection.update_many({"_id": {"$in": left}, **of_which}, how, hint=BY_ID)
        made += done.modified_count
        if done.matched_count == len(left):
            return Changes(made)
        still = collection.find({"_id": {"$in": left}, **of_which}, {"_id": 1}, hint=BY_ID, max_time_ms=TIME_LIMIT_MS)
        left = [each["_id"] for each in await still.to_list(len(left))]
        if not left:
            return Changes(made)
    return Changes(made, left)


def _which(which: About | QueueClass, now: datetime, held_until: datetime | None) -> Iterator[tuple[str, Document]]:
    """By which indexes they are found, and how."""
    due: Document = {"$lte": now}
    if which in ("recall", "notice"):
        yield NEXT, {"about": which, "due": due}
    elif which == "new":
        since: Document = {} if held_until is None else {"$gt": held_until}
        yield UNTRIED, {"about": "notice", "attempts": 0, "due": due | since}
    else:
        yield TRIED, {"about": "notice", "attempts": {"$gt": 0}, "due": due}
        if held_until is not None:
            yield UNTRIED, {"about": "notice", "attempts": 0, "due": {"$lte": min(now, held_until)}}
