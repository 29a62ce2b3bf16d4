"""To wait for what tells nobody that it has come: another process, a database, a list that grows."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

from deploy.local.timeouts import scaled


async def eventually(check: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What ``check`` gives (or what it awaits), as soon as it is true; fails the test when it never is. It is asked at
    once, and the more seldom the longer it takes."""
    end, wait = time.monotonic() + scaled(seconds), 0.002
    while True:
        found = check()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < end, f"it did not come: {found}"
        await asyncio.sleep(wait)
        wait = min(wait * 1.5, 0.05)
