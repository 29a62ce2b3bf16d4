"""From events on the bus to what partners hold, and back to outcomes on the bus."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integration.notifications.parts import Client, Partner, Setup, eventually, match, person, stored
from tests.unit.notifications.world import hexid, holding

pytestmark = [pytest.mark.integration, pytest.mark.alone]


class TestWebhook:
    async def test_a_match_reaches_the_partner_signed_and_its_withdrawal_recalls_it(self, setup: Setup) -> None:
        async with setup.running() as app, Partner() as partner:
            await setup.publish(setup.agency("gjf"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                made = await gjf.subscribed("webhook", partner.url)
                await setup.publish(match("a", "x"), match("a", "y"), person("a", "gjf"))
                await eventually(lambda: _true(len(partner.requests) == 2))
                held = {(hexid("alias", "a", "gjf"), hexid("opportunity", o)) for o in ("x", "y")}
                assert holding(partner.told) == held
                partner.verify(made["secret"])
                assert {len(request.body) for request in partner.requests} == {1024}
                assert all(request.headers["webhook-id"] == request.event["id"] for request in partner.requests)
                await setup.publish(person("a", sequence=2))
                await eventually(lambda: _true(len(partner.requests) == 3))
                assert holding(partner.told) == set()
                recall = partner.told[-1]
                assert recall["type"] == "recall"
                answer = await gjf.post("/acknowledgements", json={"notices": [recall["id"], "0" * 32]})
                assert [r["status"] for r in answer.json()["results"]] == ["acknowledged", "unknown"]
                await gjf.post("/acknowledgements", json={"notices": [recall["id"]]})
                types = await eventually(lambda: _enough(setup, 4))
                assert types == ["notice-delivered"] * 3 + ["recall-acknowledged"]

    async def test_outcomes_carry_the_correlation_and_recorded_time_of_their_cause(
        self, setup: Setup, database: Any
    ) -> None:
        async with setup.running() as app, Partner() as partner:
            await setup.publish(setup.agency("gjf"), person("a", "gjf"))
            await eventually(lambda: database.people.find_one({}))  # else the person's event is the cause
            async with Client(app, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed("webhook", partner.url)
                cause = match("a", "x")
                await setup.publish(cause)
                await eventually(lambda: _enough(setup, 1))
                (outcome,) = await setup.outcomes()
                assert (outcome.correlationid, outcome.causationid) == (cause.correlationid, cause.id)
                assert outcome.recordedtime is not None
                assert cause.recordedtime is not None
                assert abs((outcome.recordedtime - cause.recordedtime).total_seconds()) < 0.01
                assert outcome.data.attempts == 1

    async def test_after_unsubscribing_nothing_is_sent_and_a_new_subscription_is_told_what_stands(
        self, setup: Setup
    ) -> None:
        async with setup.running() as app, Partner() as first, Partner() as second:
            await setup.publish(setup.agency("gjf"), person("a", "gjf"), match("a", "x"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                made = await gjf.subscribed("webhook", first.url)
                await eventually(lambda: _true(len(first.requests) == 1))
                assert (await gjf.delete(f"/subscriptions/{made['subscription']}")).status_code == 204
                await setup.publish(match("a", "y"), match("b", "x"), person("b", "gjf"))
                await eventually(lambda: stored(app, 3, "matches"))
                again = await gjf.subscribed("webhook", second.url)
                await eventually(lambda: _true(len(holding(second.told)) == 3))
                assert len(first.requests) == 1
                assert first.told[0]["id"] in {event["id"] for event in second.told}
                second.verify(again["secret"])

    async def test_a_replaced_secret_signs_along(self, setup: Setup) -> None:
        async with setup.running() as app, Partner() as partner:
            await setup.publish(setup.agency("gjf"), person("a", "gjf"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                old = await gjf.subscribed("webhook", partner.url)
                new = (await gjf.post(f"/subscriptions/{old['subscription']}/secret")).json()
                await setup.publish(match("a", "x"))
                await eventually(lambda: _true(len(partner.requests) == 1))
                partner.verify(old["secret"])
                partner.verify(new["secret"])
                kept = await app.state.database.subscriptions.find_one({})
                assert old["secret"].encode() not in kept["secrets"][1]["sealed"]


class TestFeed:
    async def test_the_feed_is_read_in_order_proves_delivery_and_passes_over_what_is_forbidden(
        self, setup: Setup
    ) -> None:
        async with setup.running() as app:
            await setup.publish(setup.agency("hana", "case"), person("a", "hana"), person("b", "hana"))
            async with Client(app, setup.tokens["hana"]) as hana:
                await hana.subscribed("feed")
                await setup.publish(match("a", "x"), match("b", "x"))
                await eventually(lambda: stored(app, 2, "deliveries"))
                await setup.publish(person("b", sequence=2))
                await eventually(lambda: _ended(app, "consent-ended"))
                shown = (await hana.get("/deliveries")).json()["deliveries"]
                assert [delivery["alias"] for delivery in shown] == [hexid("alias", "a", "hana")]
                page = (await hana.get("/feed")).json()
                assert holding(page["events"]) == {(hexid("alias", "a", "hana"), hexid("opportunity", "x"))}
                assert await _types(setup) == ["notice-failed"]
                empty = (await hana.get("/feed", params={"after": page["cursor"]})).json()
                assert empty["events"] == []
                await eventually(lambda: _enough(setup, 2))
                again = (await hana.get("/feed")).json()
                assert again["events"] == page["events"]

    async def test_a_long_poll_ends_when_something_comes(self, setup: Setup) -> None:
        async with setup.running() as app:
            await setup.publish(setup.agency("hana", "case"), person("a", "hana"))
            async with Client(app, setup.tokens["hana"]) as hana:
                await hana.subscribed("feed")
                waiting = asyncio.create_task(hana.get("/feed", params={"wait": 30}))
                await setup.publish(match("a", "x"))
                page = (await asyncio.wait_for(waiting, 25)).json()
                assert len(page["events"]) == 1

    async def test_a_cursor_of_another_recipient_is_none(self, setup: Setup) -> None:
        async with setup.running() as app:
            await setup.publish(setup.agency("hana", "case"), setup.agency("gjf"))
            async with Client(app, setup.tokens["hana"]) as hana, Client(app, setup.tokens["gjf"]) as gjf:
                await hana.subscribed("feed")
                await gjf.subscribed("feed")
                cursor = (await hana.get("/feed")).json()["cursor"]
                assert (await gjf.get("/feed", params={"after": cursor})).status_code == 422
                assert (await hana.get("/feed", params={"after": cursor[:-2]})).status_code == 422
                assert (await hana.get("/feed", params={"after": cursor})).status_code == 200


class TestDoors:
    async def test_an_employer_cannot_subscribe(self, setup: Setup) -> None:
        async with setup.running() as app:
            await setup.publish(setup.agency("portal", "employer"))
            async with Client(app, setup.tokens["portal"]) as portal:

                async def answered() -> Any:
                    answer = await portal.post("/subscriptions", json={"channel": "feed"})
                    return answer if answer.status_code != 401 else None

                assert (await eventually(answered)).status_code == 403

    async def test_what_is_unknown_and_what_is_another_agencys_look_the_same(self, setup: Setup) -> None:
        async with setup.running() as app, Partner() as partner:
            await setup.publish(setup.agency("hana", "case"), setup.agency("gjf"), person("a", "gjf"), match("a", "x"))
            async with Client(app, setup.tokens["hana"]) as hana, Client(app, setup.tokens["gjf"]) as gjf:
                made = await gjf.subscribed("webhook", partner.url)
                await hana.subscribed("feed")
                await eventually(lambda: _true(len(partner.requests) == 1))
                (delivery,) = (await gjf.get("/deliveries")).json()["deliveries"]
                assert (await hana.get("/deliveries")).json()["deliveries"] == []
                for path in (
                    f"/subscriptions/{{}}/secret|{made['subscription']}",
                    f"/deliveries/{{}}/retry|{delivery['delivery']}",
                ):
                    form, id = path.split("|")
                    foreign, unknown = await hana.post(form.format(id)), await hana.post(form.format("0" * 32))
                    assert (foreign.status_code, foreign.content) == (unknown.status_code, unknown.content)
                    assert foreign.status_code == 404
                said = {"notices": [partner.told[0]["id"], "0" * 32]}
                results = (await hana.post("/acknowledgements", json=said)).json()["results"]
                assert {result["status"] for result in results} == {"unknown"}

    async def test_two_feeds_and_addresses_that_lead_inside_are_refused(self, setup: Setup) -> None:
        async with setup.running() as app:
            await setup.publish(setup.agency("gjf"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed("feed")
                assert (await gjf.post("/subscriptions", json={"channel": "feed"})).status_code == 409
                for url in ("https://10.0.0.1/", "ftp://example.com/", "https://localhost/"):
                    answer = await gjf.post("/subscriptions", json={"channel": "webhook", "url": url})
                    assert answer.status_code == 422
                    assert url not in answer.text


async def _true(value: bool) -> bool:
    return value


async def _types(setup: Setup) -> list[str]:
    return sorted(outcome.type for outcome in await setup.outcomes())


async def _enough(setup: Setup, count: int) -> list[str] | None:
    types = await _types(setup)
    return types if len(types) >= count else None


async def _ended(app: Any, reason: str) -> bool:
    return bool(await app.state.database.deliveries.count_documents({"reason": reason}))
