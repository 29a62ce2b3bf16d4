"""Killed while a partner says that it has dealt with a day's file: it says so again, and it counts once."""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chaos.notifications.processes import killed, process
from tests.integration.notifications.parts import Client, Setup, eventually, match, person
from verification.chaos.failpoints import named

pytestmark = pytest.mark.chaos
# more positions than one piece of a file has: it is acknowledged a piece at a time
PEOPLE, EACH, PIECES = [f"p{number}" for number in range(24)], 9, 2


@pytest.mark.parametrize(
    ("failpoint", "passes"),
    [
        ("before an acknowledgement", 1),
        ("acknowledgement taken, not answered", 1),
        ("before an acknowledgement", 2),
        ("acknowledgement taken, not answered", 2),
    ],
    ids=["before the first piece", "between the pieces", "before the last piece", "all taken, not answered"],
)
async def test_it_is_said_again_and_counts_once(setup: Setup, tmp_path: Path, failpoint: str, passes: int) -> None:
    async with process(setup, tmp_path) as run:
        await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in PEOPLE))
        async with Client(None, setup.tokens["gjf"], run.url) as client:
            await client.subscribed("feed")
            await setup.publish(*(match(name, f"o{n}") for name in PEOPLE for n in range(EACH)))
            first = await eventually(lambda: _file(client, len(PEOPLE) * EACH))
            await client.get(f"/files/{first['name']}")  # what was never given could not be recalled
            await setup.publish(*(person(name, sequence=2) for name in PEOPLE[:2]))
            (name, sha) = await eventually(lambda: _with_recalls(client, 2))
            run.orders.arm(named(failpoint), passes)
            await asyncio.sleep(0.2)  # it looks for orders every 20 ms
            said = {"acknowledge": f"{name}:{sha}"}
            with pytest.raises(httpx.TransportError):
                await client.get("/files", params=said)
            await killed(run)
            await asyncio.to_thread(run.start)
            answer = await eventually(lambda: _answer(client, said))
            assert answer["acknowledged"] == [{"name": name, "status": "acknowledged"}]
            await eventually(lambda: _acknowledged(setup, len(PEOPLE[2:]) * EACH + 2))
    told = [outcome for outcome in await setup.outcomes() if outcome.type.endswith("-acknowledged")]
    assert len({outcome.id for outcome in told}) == len(PEOPLE[2:]) * EACH + 2
    assert sum(outcome.type == "recall-acknowledged" for outcome in told) == 2


async def _file(client: Client, lines: int) -> dict[str, Any] | None:
    day = (await client.get("/files")).json()["days"][0]
    found: dict[str, Any] = day["files"][0]
    return found if day["lines"] == lines else None


async def _with_recalls(client: Client, count: int) -> tuple[str, str] | None:
    """The file's name and hash, fetched whole, once it says so many recalls."""
    form = (await client.get("/files")).json()["days"][0]["files"][0]
    whole = (await client.get(f"/files/{form['name']}")).content
    recalls = sum(json.loads(line)["type"] == "recall" for line in whole.splitlines())
    return (form["name"], sha256(whole).hexdigest()) if recalls == count else None


async def _answer(client: Client, said: dict[str, str]) -> Any:
    try:
        answer = await client.get("/files", params=said)
    except httpx.TransportError:
        return None
    return answer.json() if answer.status_code == 200 else None


async def _acknowledged(setup: Setup, count: int) -> bool:
    found = {outcome.id for outcome in await setup.outcomes() if outcome.type.endswith("-acknowledged")}
    return len(found) >= count
