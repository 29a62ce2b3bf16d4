"""The command that tells everything again, for followers that lost their store; beside a running service or alone.

Promises: needs only MongoDB; safe to interrupt, to repeat, and beside running replicas, as long as the operations emit
what was emitted before under the same ids and numbers. Does not publish: the rows get an owner that is not alive, and a
running replica takes them over, within about 20 seconds.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from shared.kit.kafka.topics import Topics
from shared.kit.runtime.cloudevent_codec import CloudEventCodec
from shared.kit.runtime.connect import MONGODB_MISSING, CannotStart, open_mongo
from shared.kit.runtime.settings import ServiceSettings
from shared.kit.store.outbox import Outbox
from shared.kit.store.store import Operation, Store, Unavailable

AT_ONCE = 500


def republish(settings: ServiceSettings, tell: Callable[[Store], Awaitable[int]]) -> int:
    """Run the command: 0, or 4 and one line when MongoDB is missing. ``tell`` says how many things it told."""
    try:
        count = asyncio.run(_republish(settings, tell))
    except CannotStart as failure:
        sys.stderr.write(f"{failure}\n")
        return failure.code
    except Unavailable as away:
        sys.stderr.write(f"MongoDB: {away}. A part was told; run it again, that is safe.\n")
        return MONGODB_MISSING
    sys.stdout.write(
        f"{count} things are in the outbox; a running {settings.service} publishes them within 20 seconds\n"
    )
    return 0


async def _republish(settings: ServiceSettings, tell: Callable[[Store], Awaitable[int]]) -> int:
    async with store_beside(settings) as store:
        return await tell(store)


@asynccontextmanager
async def store_beside(settings: ServiceSettings) -> AsyncIterator[Store]:
    """A store of the service's database under a name that no replica has. Raises CannotStart."""
    client = await open_mongo(settings, {})
    try:
        nobody = replace(settings.kafka_settings, instance=f"{settings.instance}-republish")
        database = client[settings.database]
        store = Store(database, Outbox(database, Topics(nobody), CloudEventCodec()))
        await store.start()
        try:
            yield store
        finally:
            await store.stop()
    finally:
        client.close()


async def tell_all(store: Store, tellings: AsyncIterable[Operation[None]]) -> int:
    """Perform them, at most 500 in one transaction; how many. Raises what the first that fails raised."""
    total = 0
    waiting: list[Operation[None]] = []
    async for telling in tellings:
        waiting.append(telling)
        total += 1
        if len(waiting) == AT_ONCE:
            await _perform(store, waiting)
            waiting = []
    await _perform(store, waiting)
    return total


async def _perform(store: Store, operations: list[Operation[None]]) -> None:
    for result in await store.perform(operations) if operations else ():
        if isinstance(result, Exception):
            raise result
