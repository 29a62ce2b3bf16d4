"""Where the service stands, every few seconds, as gauges."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shared.kit.base import metrics
from shared.kit.base.backoff import wait_or_stop
from shared.kit.store.outbox import Outbox
from shared.kit.stream.stream import Stream
from shared.kit.web.probes import Health, Watchdog

SAMPLE_SECONDS = 2.0
READY_SECONDS = 5.0
SAMPLES_PER_QUESTION = 5  # every so many samples the database is asked


async def sample_gauges(streams: Sequence[Stream], outbox: Outbox, watchdog: Watchdog, stopping: asyncio.Event) -> None:
    """Until ``stopping``: lag per partition and the outbox's backlog into metrics, positions to the watchdog."""
    samples = 0
    while not await wait_or_stop(stopping, SAMPLE_SECONDS):
        note_progress(streams, watchdog)
        if samples % SAMPLES_PER_QUESTION == 0:
            state = await outbox.state()
            metrics.outbox_rows.of().set(state.rows)
            metrics.outbox_oldest_seconds.of().set(state.oldest_seconds)
        samples += 1


async def sample_readiness(health: Health, stopping: asyncio.Event) -> None:
    """Until ``stopping``: what ``/ready`` and ``/live`` say: not everybody who runs containers restarts what says that
    it wants to be restarted, so somebody is to be called. What is away stops nobody here, so it must not stop this."""
    while True:
        told = await health.state()
        metrics.ready.of().set(told.ready and await health.stuck() is None)
        silent = {*told.missing, *(told.away or ())}
        for name in health.dependencies:
            metrics.missing.of(kind=name).set(name in silent)
        if await wait_or_stop(stopping, READY_SECONDS):
            return


def note_progress(streams: Sequence[Stream], watchdog: Watchdog) -> None:
    positions: dict[tuple[str, int], tuple[int, int]] = {}
    metrics.consumer_lag.clear()  # a partition that went to another replica is not ours to report
    for stream in streams:
        for each in stream.progress():
            metrics.consumer_lag.of(topic=each.topic, partition=each.partition).set(each.lag)
            positions[each.topic, each.partition] = (each.done + 1, each.done + 1 + each.lag)
    watchdog.note(positions)
