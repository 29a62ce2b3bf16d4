"""A filter is tried on what its agency was really sent, and on nothing else (C7)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.notifications.parts import Client, Partner, Setup, eventually, match, person, stored
from tests.unit.notifications.world import hexid

pytestmark = pytest.mark.integration


async def test_it_counts_each_notice_that_was_sent_once_and_names_those_it_wants(setup: Setup) -> None:
    async with setup.running() as app, Partner() as one, Partner() as two, Partner() as others:
        await setup.publish(setup.agency("gjf"), setup.agency("hana", "case"), person("a", "gjf", "hana"))
        async with Client(app, setup.tokens["gjf"]) as gjf, Client(app, setup.tokens["hana"]) as hana:
            own = [(await gjf.subscribed("webhook", partner.url))["subscription"] for partner in (one, two)]
            await gjf.subscribed("feed")  # where they lie unread
            await hana.subscribed("webhook", others.url)
            await setup.publish(
                match("a", "wanted", band="high"), match("a", "ended", band="low"), match("a", "other", band="medium")
            )
            await eventually(lambda: stored(app, 9, state="delivered"))
            await setup.publish(match("a", "ended", sequence=2, stands=False))
            await eventually(lambda: stored(app, 3, state="delivered", match_state="ended"))
            for subscription in own:
                assert (await gjf.post(f"/subscriptions/{subscription}/pause")).status_code == 200
            # sent to another agency alone; of what it wants
            await setup.publish(match("a", "never-sent", band="high"))
            await eventually(lambda: stored(app, 10, state="delivered", match_state="proposed"))
            await eventually(lambda: stored(app, 2, state="due", recipient="gjf"))

            async def trial(client: Client, band: str) -> tuple[int, int, set[str]]:
                answer = await client.post("/filters/trial", json={"filter": {"exact": {"band": band}}})
                found: dict[str, Any] = answer.json()
                ids = {"_id": {"$in": found["deliveries"]}}
                openings = {d["opportunity"] async for d in app.state.database.deliveries.find(ids)}
                return found["notices"], found["wanted"], openings

            assert await trial(gjf, "high") == (3, 1, {hexid("opportunity", "wanted")})
            assert await trial(gjf, "low") == (3, 1, {hexid("opportunity", "ended")}), "it was told all the same"
            assert await trial(hana, "high") == (4, 2, {hexid("opportunity", o) for o in ("wanted", "never-sent")})
