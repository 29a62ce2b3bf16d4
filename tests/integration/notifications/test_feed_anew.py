"""A feed that is subscribed to anew begins anew: what the one before told may have ended since, and was told to others
or to nobody."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.notifications.corner import Corner
from tests.integration.notifications.parts import Partner, eventually
from tests.unit.notifications.world import holding

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("meanwhile", ["told by nothing", "told by a webhook"])
async def test_what_ended_between_two_feeds_is_not_held_by_who_reads_from_the_start(
    corner: Corner, meanwhile: str
) -> None:
    await corner.publish(
        corner.agency("gjf"), corner.person("a", "gjf"), corner.match("a", "x"), corner.match("a", "y")
    )
    async with corner.client("gjf") as gjf, Partner() as partner:
        made = await gjf.subscribed("feed")

        async def read() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = (await gjf.get("/feed", params={"limit": 500})).json()["events"]
            return found

        async def both() -> bool:
            return len(await read()) == 2

        await eventually(both)
        await gjf.get("/feed", params={"after": (await gjf.get("/feed")).json()["cursor"]})  # they have arrived
        if meanwhile == "told by a webhook":
            await gjf.subscribed("webhook", partner.url)
            await eventually(lambda: len(holding(partner.told)) == 2)
        assert (await gjf.delete(f"/subscriptions/{made['subscription']}")).status_code == 204
        await corner.publish(corner.match("a", "x", sequence=2, stands=False), corner.match("a", "z"))
        if meanwhile == "told by a webhook":
            await eventually(lambda: holding(partner.told) == {corner.key("a", o, "gjf") for o in "yz"})
        await gjf.subscribed("feed")

        async def told() -> Any:
            events = await read()
            return events if corner.key("a", "z", "gjf") in holding(events) else None

        events = await eventually(told)
        standing = {corner.key("a", o, "gjf") for o in "yz"}
        assert holding(events) == standing
        assert len({each["id"] for each in events}) == len(events), "nothing is given twice"
        (day, *_) = (await gjf.get("/files")).json()["days"]
        lines = (await gjf.get(f"/files/{day['files'][0]['name']}")).text.splitlines()
        assert holding([json.loads(line) for line in lines]) == standing


@pytest.mark.parametrize("seen", [False, True])
async def test_a_recall_that_nobody_obeyed_is_in_the_new_one(corner: Corner, seen: bool) -> None:
    await corner.publish(corner.agency("gjf"), corner.person("a", "gjf"), corner.match("a", "x"))
    async with corner.client("gjf") as gjf:
        made = await gjf.subscribed("feed")

        async def holds(*types: str) -> bool:
            events = (await gjf.get("/feed")).json()["events"]
            return [each["type"] for each in events] == list(types)

        await eventually(lambda: holds("notice"))
        await corner.publish(corner.person("a", sequence=2))
        await eventually(lambda: holds("recall") if seen else corner.count(about="recall", state="posted"))
        assert (await gjf.delete(f"/subscriptions/{made['subscription']}")).status_code == 204
        await gjf.subscribed("feed")
        await eventually(lambda: holds("recall"))
