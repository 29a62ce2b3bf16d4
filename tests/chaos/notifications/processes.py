"""The service of a test as a process of its own, which can be measured, and killed at a failpoint."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from deploy.local.ports import free_port
from tests.integration.notifications.parts import Setup, eventually
from tests.support.broker import IDEMPOTENT, SESSION_TIMEOUT_MS
from verification.chaos.failpoint_control import FailpointControl
from verification.chaos.processes import FaultTarget


@asynccontextmanager
async def process(setup: Setup, folder: Path, **changes: Any) -> AsyncIterator[FaultTarget]:
    """It answers, and is killed at the end of the block. `start` starts it again."""
    port = free_port()
    settings = {
        "profile": "development",
        "kafka": setup.kafka,
        "kafka_idempotent": str(IDEMPOTENT).lower(),
        "mongo_url": setup.mongo_url,
        "database": setup.database,
        "topic_prefix": setup.prefix,
        "port": port,
        "session_timeout_ms": SESSION_TIMEOUT_MS,
        "log_level": "error",
        **changes,
    }
    variables = {f"IEUM_{name.upper()}": str(value) for name, value in settings.items()}
    target = FaultTarget("notifications", port, folder / "log", variables, FailpointControl(folder / "orders"))
    await asyncio.to_thread(target.start)
    try:
        yield target
    finally:
        await asyncio.to_thread(target.kill)


async def killed(target: FaultTarget) -> None:
    """Wait until it has killed itself."""

    async def gone() -> bool:
        return target.pid is None

    await eventually(gone)
