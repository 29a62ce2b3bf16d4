"""The small service as a process of its own (``python -m``) that kills itself at a named point.

Arguments: bootstrap, MongoDB address, database, prefix, instance, point ("" for never), at which time of passing it.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from tests.integration.kit.parts import Service
from tests.support.crash_points import crash_at


async def main() -> None:
    kafka, mongo_url, database, prefix, instance, point, times = sys.argv[1:]
    crash_at(point, int(times))
    service = Service(kafka, mongo_url, database, prefix, instance=instance, batch_max_records=40)
    await service.start()
    sys.stdout.write("started\n")
    sys.stdout.flush()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await service.stop()


if __name__ == "__main__":
    asyncio.run(main())
