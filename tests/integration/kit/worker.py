"""The small service as a process of its own (``python -m``) that kills itself at a named point.

Arguments: bootstrap, MongoDB address, database, prefix, instance, point ("" for never), at which time of passing it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable

from tests.integration.kit.parts import Service


def killer(point: str, times: int) -> Callable[[str], None]:
    """A crash hook that is kill -9 at the n-th passing of a point."""
    passed = Counter[str]()

    def crash(here: str) -> None:
        passed[here] += 1
        if here == point and passed[here] == times:
            os.kill(os.getpid(), signal.SIGKILL)

    return crash


async def main() -> None:
    kafka, mongo_url, database, prefix, instance, point, times = sys.argv[1:]
    crash = killer(point, int(times))
    service = Service(kafka, mongo_url, database, prefix, instance=instance, crash=crash, batch_max_records=40)
    await service.start()
    sys.stdout.write("started\n")
    sys.stdout.flush()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await service.stop()


if __name__ == "__main__":
    asyncio.run(main())
