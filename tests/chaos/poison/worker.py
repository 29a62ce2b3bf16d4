"""The small service among poison, as a process of its own (``python -m``) that kills itself at a named point.

Arguments: bootstrap, MongoDB address, database, prefix, "read" or "replay", point ("" for never), at which time of
passing it. Who reads has a bug with events of one source; who replays has it mended.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from shared.events import Event
from shared.events.topics.deliveries import Delivery
from shared.kit.store.unit_of_work import UnitOfWork
from tests.integration.kit.parts import Service, count
from tests.support.crash_points import crash_at
from tests.support.poison import BUGGY, NAME


def with_a_bug(event: Event[Delivery], work: UnitOfWork) -> None:
    """Does its work, then fails: all of it has to be undone."""
    count(event, work)
    if event.source == BUGGY:
        raise KeyError(f"a bug about {NAME}")


async def main() -> None:
    kafka, mongo_url, database, prefix, task, point, times = sys.argv[1:]
    crash_at(point, int(times))
    service = Service(
        kafka, mongo_url, database, prefix, batch_max_records=40,
        handler=with_a_bug if task == "read" else count, session_timeout_ms=3_000,
    )  # fmt: skip
    await service.start(stream=task == "read")
    if task == "read":
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await stop.wait()
    else:
        await service.stream.replay()
    await service.stop()


if __name__ == "__main__":
    asyncio.run(main())
