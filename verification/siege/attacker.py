"""The process that attacks: ``python -m verification.siege.attacker NAME``, the target as JSON on standard input.

Then one word a line: ``harmless`` or ``hostile``; each is answered by one line, the tally. It is a process of its own
so that its work does not slow down whoever measures.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import aiohttp

from verification.siege.attack import PATIENCE, Attack, AttackClient, Target
from verification.siege.attacks import named

OVERTIME = 30.0  # seconds to make ready before a phase, and for answers after it


async def _phase(attack: Attack, target: Target, session: aiohttp.ClientSession, word: str) -> dict[str, Any]:
    began = time.monotonic()
    client = AttackClient(target, session)
    way = {"hostile": attack.hostile, "harmless": attack.harmless, "open": attack.opened, "close": attack.closed}[word]
    try:
        async with asyncio.timeout(target.seconds + OVERTIME):
            await way(client)
    except TimeoutError:
        client.tally["unanswered at the end"] += 1
    return {"tally": dict(client.tally), "notes": sorted(set(client.notes)), "seconds": time.monotonic() - began}


async def main(name: str) -> None:
    """Do what is asked until nothing more is."""
    lines = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    target = Target(**json.loads(await lines.readline()))
    attack = named(name)(target)
    connector = aiohttp.TCPConnector(local_addr=(attack.address, 0), limit=0)
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, max_line_size=65_536, max_field_size=65_536
    ) as session:
        while word := (await lines.readline()).decode().strip():
            print(json.dumps(await _phase(attack, target, session, word)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
