"""Commands for administrators: a process of its own on the service's database, beside running replicas or alone.

Promises: needs only MongoDB, and does not publish: what it emits gets an owner that is not alive, and a running replica
takes it over, within about 20 seconds. A command has to be safe to interrupt, to repeat, and beside running replicas.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from shared.kit.kafka.topics import Topics
from shared.kit.runtime.cloudevent_codec import CloudEventCodec
from shared.kit.runtime.connect import MONGODB_MISSING, CannotStart, open_mongo
from shared.kit.runtime.settings import S, ServiceSettings
from shared.kit.store.outbox import Outbox
from shared.kit.store.store import Operation, Store, Unavailable

AT_ONCE = 500
AdminCommand = Callable[[Store, S], Awaitable[str]]  # what was done, as one line


def run_command(settings: S, command: AdminCommand[S]) -> int:
    """0 and what was done, or 4 and one line when MongoDB is missing."""
    gc.enable()  # `__main__` has turned it off, and a command may go through millions of documents
    try:
        done = asyncio.run(_run(settings, command))
    except CannotStart as failure:
        sys.stderr.write(f"{failure}\n")
        return failure.code
    except Unavailable as away:
        sys.stderr.write(f"MongoDB: {away}. A part was done; run it again, that is safe.\n")
        return MONGODB_MISSING
    sys.stdout.write(f"{done}\n")
    return 0


async def _run(settings: S, command: AdminCommand[S]) -> str:
    async with store_beside(settings) as store:
        return await command(store, settings)


@asynccontextmanager
async def store_beside(settings: ServiceSettings) -> AsyncIterator[Store]:
    """A store of the service's database under a name that no replica has. Raises CannotStart."""
    client = await open_mongo(settings, {})
    nobody = replace(settings.kafka_settings, instance=f"{settings.instance}-command")
    database = client[settings.database]
    store = Store(database, Outbox(database, Topics(nobody), CloudEventCodec()))
    try:
        await store.start()
        yield store
    finally:
        await store.stop()
        client.close()


async def republish_all(store: Store, tellings: AsyncIterable[Operation[None]]) -> str:
    """For followers that lost their store: emit what was emitted before, under the same ids and numbers, at most 500 in
    one transaction. Raises what the first that fails raised."""
    total = 0
    waiting: list[Operation[None]] = []
    async for telling in tellings:
        waiting.append(telling)
        total += 1
        if len(waiting) == AT_ONCE:
            await _perform(store, waiting)
            waiting = []
    await _perform(store, waiting)
    return f"{total} things are in the outbox; a running replica publishes them within 20 seconds"


async def _perform(store: Store, operations: list[Operation[None]]) -> None:
    for result in await store.perform(operations) if operations else ():
        if isinstance(result, Exception):
            raise result
