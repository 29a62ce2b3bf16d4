"""The store and the repository that use cases ask, over a world's dictionaries."""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import datetime
from typing import Any

from services.notifications.documents import DELIVERIES, FEED, RECIPIENTS, RECOVERIES, SUBSCRIPTIONS, THREADS
from shared.kit.store.store import Operation
from tests.unit.notifications.world import World


class WorldStore:
    """``store`` and ``repository`` are both this."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.store: Any = self
        self.repository: Any = self

    async def submit(self, operation: Operation[Any]) -> Any:
        return self._world.perform(operation)

    def _one(self, collection: Any, id: str) -> dict[str, Any] | None:
        return next(iter(self._world.all(collection, _id=id)), None)

    async def subscription(self, id: str) -> dict[str, Any] | None:
        return self._one(SUBSCRIPTIONS, id)

    async def delivery(self, recipient: str, id: str) -> dict[str, Any] | None:
        return next(iter(self._world.all(DELIVERIES, _id=id, recipient=recipient)), None)

    async def by_notices(self, recipient: str, notices: Sequence[str]) -> list[dict[str, Any]]:
        return [d for d in self._world.all(DELIVERIES, recipient=recipient) if d["notice"] in notices]

    async def unacknowledged(self, recipient: str, threads: Sequence[str], limit: int) -> list[tuple[str, str]]:
        own = self._world.all(DELIVERIES, recipient=recipient, about="recall")
        found = [d for d in own if d["thread"] in threads and "unacknowledged_since" in d]
        found.sort(key=lambda d: (d["thread"], d["unacknowledged_since"]))
        return [(d["thread"], d["_id"]) for d in found][:limit]

    async def deliveries_of(self, recipient: str, states: Set[str], after: str, limit: int) -> list[dict[str, Any]]:
        own = self._world.all(DELIVERIES, recipient=recipient, listed=True)
        return [d for d in own if d["state"] in states and d["_id"] > after][:limit]

    async def any_open(self, deliveries: Sequence[str], now: datetime) -> bool:
        sending = {d["_id"] for d in self._world.all(DELIVERIES, state="sending")}
        return bool((sending | {d["_id"] for d in self._world.due()}) & set(deliveries))

    async def anything_due(self, subscription: str) -> bool:
        return bool(self._world.all(DELIVERIES, subscription=subscription, state="due"))

    async def make_due(self, subscription: str, now: datetime) -> None:
        for delivery in self._world.all(DELIVERIES, subscription=subscription, state="due"):
            if delivery["due"] > now and delivery["attempts"]:
                self._world.store.put(DELIVERIES.name, {**delivery, "due": now})

    async def threads_of(self, recipient: str, after: str, limit: int) -> list[dict[str, Any]]:
        own = sorted(self._world.all(THREADS, recipient=recipient), key=lambda thread: str(thread["person"]))
        return [thread for thread in own if thread["person"] > after][:limit]

    async def feed_after(self, recipient: str, position: int, limit: int, until: int | None = None) -> list[Any]:
        own = self._world.all(DELIVERIES, recipient=recipient, channel=FEED)
        found = [d for d in own if d["position"] > position and (until is None or d["position"] <= until)]
        return sorted(found, key=lambda d: d["position"])[:limit]

    async def feed_position(self, recipient: str) -> int:
        found = self._one(RECIPIENTS, recipient)
        return 0 if found is None else int(found["position"])

    async def first_unread(self, recipient: str) -> int | None:
        own = self._world.all(DELIVERIES, recipient=recipient, channel=FEED)
        return min((d["position"] for d in own if d["state"] in ("posted", "served")), default=None)

    async def first_recall_not_given(self, recipient: str, until: int) -> int | None:
        own = self._world.all(DELIVERIES, recipient=recipient, channel=FEED, about="recall", state="posted")
        return min((d["position"] for d in own if d["position"] <= until), default=None)

    async def served_until(self, recipient: str, position: int, limit: int, first: int = 0) -> list[Any]:
        own = self._world.all(DELIVERIES, recipient=recipient, channel=FEED, state="served")
        return [d for d in own if first <= d["position"] <= position][:limit]

    async def threads_by_alias(self, recipient: str, after: str, limit: int) -> list[Any]:
        own = sorted(self._world.all(THREADS, recipient=recipient), key=lambda thread: str(thread["alias"]))
        return [thread for thread in own if thread["alias"] > after][:limit]

    async def recipient(self, recipient: str) -> dict[str, Any] | None:
        return self._one(RECIPIENTS, recipient)

    async def recovery(self, subscription: str) -> dict[str, Any] | None:
        return self._one(RECOVERIES, subscription)
