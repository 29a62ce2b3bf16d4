"""With Kafka away notifications is not ready, and partners are answered all the same: what they fetch, and what they
say, is in the database."""

from __future__ import annotations

import pytest

from deploy.local.stack import LocalStack
from tests.integration.notifications.parts import Client, Setup, eventually, match, person
from tests.integration.notifications.test_operators import administering
from tests.unit.notifications.world import holding

pytestmark = pytest.mark.integration


async def test_who_fetches_is_answered_and_hears_the_rest_when_it_is_back(own_stack: LocalStack) -> None:
    setup = Setup(own_stack.kafka, own_stack.mongo_url, "away", "away.")
    async with setup.running() as app:
        await setup.publish(administering(setup.agency("ops", "public", receives=False)), setup.agency("gjf"))
        async with Client(app, setup.tokens["gjf"]) as gjf, Client(app, setup.tokens["ops"]) as ops:
            subscription = (await gjf.subscribed("feed"))["subscription"]
            await setup.publish(person("a", "gjf"), match("a", "x"), match("a", "y"))

            async def both() -> list[str] | None:
                events = (await gjf.get("/feed/snapshot")).json()["events"]
                return [event["id"] for event in events] if len(events) == 2 else None

            notices = await eventually(both)
            assert (await gjf.get("/ready")).json() == {"ready": True, "phase": "running", "missing": []}
            own_stack.broker.kill()

            ready = await gjf.get("/ready")  # what docs/proxy.md tells a balancer to look for
            assert (ready.status_code, '"phase":"running","missing":["kafka"]' in ready.text) == (503, True)
            page = (await gjf.get("/feed")).json()
            assert len(holding(page["events"])) == 2
            assert (await gjf.get("/feed", params={"after": page["cursor"]})).json()["events"] == []
            (day,) = (await gjf.get("/files")).json()["days"]
            assert [(await gjf.get(f"/files/{file['name']}")).status_code for file in day["files"]] == [200, 200]
            said = await gjf.post("/acknowledgements", json={"notices": notices})
            assert [each["status"] for each in said.json()["results"]] == ["acknowledged"] * 2
            for path in ("/feed/place", "/subscriptions", f"/subscriptions/{subscription}", "/deliveries"):
                assert (await gjf.get(path)).status_code == 200, path
            for path in ("/endpoints", "/quarantine"):
                assert (await ops.get(path)).status_code == 200, path
            assert (await gjf.post("/subscriptions", json={"channel": "webhook", "url": "ftp://x"})).status_code == 422
            assert (await gjf.get("/live")).status_code == 200

            own_stack.broker.restart()

            async def heard() -> bool:
                await setup.publish(match("a", "z"))
                return len((await gjf.get("/feed/snapshot")).json()["events"]) == 3

            await eventually(heard, 60.0)
            assert (await gjf.get("/ready")).json() == {"ready": True, "phase": "running", "missing": []}
            acknowledged = [each.key for each in await setup.outcomes() if each.type == "notice-acknowledged"]
            assert len(acknowledged) == 2
