"""The bare loop: aiohttp and a log of attempts, nothing that keeps it right.

`python -m verification.benchmarks.delivery.bare URL MONGO COUNT ENDPOINTS`: posts COUNT signed bodies of 1,024 bytes to
the endpoints, as many at once as the service may (eight for each), and writes one document for each attempt in bulk,
w=majority with journal as the service. Prints seconds and processor seconds as JSON, from the first post to the last
document.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

import aiohttp
import uvloop
from pymongo import AsyncMongoClient
from standardwebhooks.webhooks import Webhook

from shared.events.notices import BODY_BYTES
from verification.benchmarks.workload import hex_id

SLOTS = 8
LOGGED_AT_ONCE = 200
_SECRET = "whsec_" + "A" * 43 + "="
_ABOUT = '{"data":{"opportunity":"%s","padding":"'


async def post_all(url: str, mongo_url: str, count: int, endpoints: int) -> dict[str, float]:
    """Post and log so many. What it took."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_url, w="majority", journal=True)
    log, attempts = client["bench_bare"]["attempts"], asyncio.Queue[dict[str, Any] | None]()
    await log.insert_one({"_id": f"warm-{time.time_ns()}"})
    run, signer, numbers = str(time.time_ns()), Webhook(_SECRET), iter(range(count))
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http:

        async def post() -> None:
            for n in numbers:
                notice, now = hex_id("bare", run, n), datetime.now(UTC)
                said = _ABOUT % notice
                body = said + " " * (BODY_BYTES - len(said) - 3) + '"}}'
                headers = {
                    "content-type": "application/cloudevents+json; charset=utf-8",
                    "webhook-id": notice,
                    "webhook-timestamp": str(int(now.timestamp())),
                    "webhook-signature": signer.sign(notice, now, body),
                }
                began = time.monotonic()
                async with http.post(f"{url}/{n % endpoints}", data=body.encode(), headers=headers) as answer:
                    await answer.read()
                    took = int(1_000 * (time.monotonic() - began))
                    attempts.put_nowait(
                        {"_id": f"{run}-{n}", "delivery": notice, "status": answer.status, "ms": took, "at": now}
                    )

        async def write() -> None:
            ended = False
            while not ended:
                group = [await attempts.get()]
                while not attempts.empty() and len(group) < LOGGED_AT_ONCE:
                    group.append(attempts.get_nowait())
                ended = None in group
                if documents := [each for each in group if each is not None]:
                    await log.insert_many(documents, ordered=False)

        began, cpu = time.monotonic(), time.process_time()
        writing = asyncio.create_task(write())
        await asyncio.gather(*(post() for _ in range(SLOTS * endpoints)))
        attempts.put_nowait(None)
        await writing
        found = {"seconds": time.monotonic() - began, "cpu_seconds": time.process_time() - cpu}
    await client.close()
    return found


if __name__ == "__main__":
    given = sys.argv
    print(json.dumps(uvloop.run(post_all(given[1], given[2], int(given[3]), int(given[4])))))
