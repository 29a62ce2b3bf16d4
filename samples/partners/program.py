"""What both partner programs share: where they find their settings, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from samples.partners.hub import Hub
from samples.partners.store import PartnerStore
from samples.partners.wire import WireLog

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Settings:
    """From the environment: PARTNER_HUB, PARTNER_TOKEN, PARTNER_FOLDER; of the webhook: PARTNER_PORT, PARTNER_HOST.

    ``host``: the name by which the hub reaches this partner; unless it is the loopback, it listens on every interface.
    """

    hub: str
    token: str
    folder: Path
    port: int
    host: str

    @staticmethod
    def read() -> Settings:
        """Raises KeyError for what is missing."""
        environment = os.environ
        return Settings(
            environment["PARTNER_HUB"],
            environment["PARTNER_TOKEN"],
            Path(environment["PARTNER_FOLDER"]),
            int(environment.get("PARTNER_PORT", "0")),
            environment.get("PARTNER_HOST", LOOPBACK),
        )


async def run(partner: Callable[[Hub, PartnerStore, Settings], Awaitable[None]]) -> None:
    """Run a partner until SIGTERM or SIGINT."""
    settings = Settings.read()
    store = PartnerStore(settings.folder)
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        timeout, traces = aiohttp.ClientTimeout(total=60), [WireLog(settings.folder).tracing()]
        async with aiohttp.ClientSession(timeout=timeout, trace_configs=traces) as session:
            await partner(Hub(session, settings.hub, settings.token), store, settings)


async def acknowledge_for_ever(hub: Hub, store: PartnerStore, new: asyncio.Event) -> None:
    """Acknowledge what is in the store, whenever something is new; after a restart also what was left over."""
    while True:
        new.clear()
        if waiting := store.unacknowledged():
            store.acknowledge(await hub.acknowledge(waiting))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(new.wait(), 5.0)
        await asyncio.sleep(0.1)  # some more may come: one call for all of them
