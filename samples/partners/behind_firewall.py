"""A partner that can only call out: it pulls the feed. Run: ``python -m samples.partners.behind_firewall``.

The order matters: first what arrived is written down, then the cursor, then it is acknowledged. Killed in between, it
reads something twice, which its store takes as once.
"""

from __future__ import annotations

import asyncio

from samples.partners.hub import Hub
from samples.partners.program import Settings, acknowledge_for_ever, run
from samples.partners.store import PartnerStore

WAIT_SECONDS = 20.0  # the hub answers earlier when there is something


async def partner(hub: Hub, store: PartnerStore, settings: Settings) -> None:
    """Subscribe, then read the feed for ever."""
    await hub.subscribe_feed()
    (settings.folder / "subscribed").touch()
    new = asyncio.Event()
    new.set()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(acknowledge_for_ever(hub, store, new))
        tasks.create_task(_read(hub, store, new))


async def _read(hub: Hub, store: PartnerStore, new: asyncio.Event) -> None:
    while True:
        events, cursor = await hub.feed(store.cursor, WAIT_SECONDS)
        for event in events:
            store.receive(event, {})
        store.cursor = cursor
        if events:
            new.set()


if __name__ == "__main__":
    asyncio.run(run(partner))
