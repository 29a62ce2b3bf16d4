"""From events on the bus to what partners hold, and back to outcomes on the bus."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integration.notifications.corner import Corner
from tests.integration.notifications.parts import Partner, eventually
from tests.unit.notifications.world import holding

pytestmark = pytest.mark.integration


class TestWebhook:
    async def test_a_match_reaches_the_partner_signed_and_its_withdrawal_recalls_it(self, corner: Corner) -> None:
        async with Partner() as partner:
            await corner.publish(corner.agency("gjf"))
            async with corner.client("gjf") as gjf:
                made = await gjf.subscribed("webhook", partner.url)
                await corner.publish(corner.match("a", "x"), corner.match("a", "y"), corner.person("a", "gjf"))
                await eventually(lambda: len(partner.requests) == 2)
                held = {corner.key("a", opportunity, "gjf") for opportunity in ("x", "y")}
                assert holding(partner.told) == held
                partner.verify(made["secret"])
                assert {len(request.body) for request in partner.requests} == {1024}
                assert all(request.headers["webhook-id"] == request.event["id"] for request in partner.requests)
                await corner.publish(corner.person("a", sequence=2))
                await eventually(lambda: len(partner.requests) == 3)
                assert holding(partner.told) == set()
                recall = partner.told[-1]
                assert recall["type"] == "recall"
                answer = await gjf.post("/acknowledgements", json={"notices": [recall["id"], "0" * 32]})
                assert [r["status"] for r in answer.json()["results"]] == ["acknowledged", "unknown"]
                await gjf.post("/acknowledgements", json={"notices": [recall["id"]]})
                types = await eventually(lambda: _enough(corner, 4))
                assert types == ["notice-delivered"] * 3 + ["recall-acknowledged"]

    async def test_outcomes_carry_the_correlation_and_recorded_time_of_their_cause(self, corner: Corner) -> None:
        async with Partner() as partner:
            await corner.publish(corner.agency("gjf"), corner.person("a", "gjf"))
            people, known = corner.app.state.database.people, {"_id": corner.person("a").data.person}
            await eventually(lambda: people.find_one(known))  # else the person's event is the cause
            async with corner.client("gjf") as gjf:
                await gjf.subscribed("webhook", partner.url)
                cause = corner.match("a", "x")
                await corner.publish(cause)
                await eventually(lambda: _enough(corner, 1))
                (outcome,) = await corner.outcomes()
                assert (outcome.correlationid, outcome.causationid) == (cause.correlationid, cause.id)
                assert outcome.recordedtime is not None
                assert cause.recordedtime is not None
                assert abs((outcome.recordedtime - cause.recordedtime).total_seconds()) < 0.01
                assert outcome.data.attempts == 1

    async def test_after_unsubscribing_nothing_is_sent_and_a_new_subscription_is_told_what_stands(
        self, corner: Corner
    ) -> None:
        async with Partner() as first, Partner() as second:
            await corner.publish(corner.agency("gjf"), corner.person("a", "gjf"), corner.match("a", "x"))
            async with corner.client("gjf") as gjf:
                made = await gjf.subscribed("webhook", first.url)
                await eventually(lambda: len(first.requests) == 1)
                assert (await gjf.delete(f"/subscriptions/{made['subscription']}")).status_code == 204
                await corner.publish(corner.match("a", "y"), corner.match("b", "x"), corner.person("b", "gjf"))
                await eventually(lambda: _heard(corner, "ax", "ay", "bx"))
                again = await gjf.subscribed("webhook", second.url)
                await eventually(lambda: len(holding(second.told)) == 3)
                assert len(first.requests) == 1
                assert first.told[0]["id"] in {event["id"] for event in second.told}
                second.verify(again["secret"])

    async def test_a_replaced_secret_signs_along(self, corner: Corner) -> None:
        async with Partner() as partner:
            await corner.publish(corner.agency("gjf"), corner.person("a", "gjf"))
            async with corner.client("gjf") as gjf:
                old = await gjf.subscribed("webhook", partner.url)
                new = (await gjf.post(f"/subscriptions/{old['subscription']}/secret")).json()
                await corner.publish(corner.match("a", "x"))
                await eventually(lambda: len(partner.requests) == 1)
                partner.verify(old["secret"])
                partner.verify(new["secret"])
                kept = await corner.app.state.database.subscriptions.find_one({"_id": old["subscription"]})
                assert old["secret"].encode() not in kept["secrets"][1]["sealed"]


class TestFeed:
    async def test_the_feed_is_read_in_order_proves_delivery_and_passes_over_what_is_forbidden(
        self, corner: Corner
    ) -> None:
        await corner.publish(corner.agency("hana", "case"), corner.person("a", "hana"), corner.person("b", "hana"))
        async with corner.client("hana") as hana:
            await hana.subscribed("feed")
            await corner.publish(corner.match("a", "x"), corner.match("b", "x"))
            await eventually(lambda: corner.stored(2))
            await corner.publish(corner.person("b", sequence=2))
            await eventually(lambda: corner.stored(1, reason="consent-ended"))
            shown = (await hana.get("/deliveries")).json()["deliveries"]
            assert [delivery["alias"] for delivery in shown] == [corner.alias("a", "hana")]
            page = (await hana.get("/feed")).json()
            assert holding(page["events"]) == {corner.key("a", "x", "hana")}
            assert await _types(corner) == ["notice-failed"]
            empty = (await hana.get("/feed", params={"after": page["cursor"]})).json()
            assert empty["events"] == []
            await eventually(lambda: _enough(corner, 2))
            again = (await hana.get("/feed")).json()
            assert again["events"] == page["events"]

    async def test_a_long_poll_ends_when_something_comes(self, corner: Corner) -> None:
        await corner.publish(corner.agency("hana", "case"), corner.person("a", "hana"))
        async with corner.client("hana") as hana:
            await hana.subscribed("feed")
            waiting = asyncio.create_task(hana.get("/feed", params={"wait": 30}))
            await corner.publish(corner.match("a", "x"))
            page = (await asyncio.wait_for(waiting, 25)).json()
            assert len(page["events"]) == 1

    async def test_a_cursor_of_another_recipient_is_none(self, corner: Corner) -> None:
        await corner.publish(corner.agency("hana", "case"), corner.agency("gjf"))
        async with corner.client("hana") as hana, corner.client("gjf") as gjf:
            await hana.subscribed("feed")
            await gjf.subscribed("feed")
            cursor = (await hana.get("/feed")).json()["cursor"]
            assert (await gjf.get("/feed", params={"after": cursor})).status_code == 422
            assert (await hana.get("/feed", params={"after": cursor[:-2]})).status_code == 422
            assert (await hana.get("/feed", params={"after": cursor})).status_code == 200


class TestDoors:
    async def test_an_employer_cannot_subscribe(self, corner: Corner) -> None:
        await corner.publish(corner.agency("portal", "employer"))
        async with corner.client("portal") as portal:

            async def answered() -> Any:
                answer = await portal.post("/subscriptions", json={"channel": "feed"})
                return answer if answer.status_code != 401 else None

            assert (await eventually(answered)).status_code == 403

    async def test_what_is_unknown_and_what_is_another_agencys_look_the_same(self, corner: Corner) -> None:
        async with Partner() as partner:
            await corner.publish(
                corner.agency("hana", "case"), corner.agency("gjf"), corner.person("a", "gjf"), corner.match("a", "x")
            )
            async with corner.client("hana") as hana, corner.client("gjf") as gjf:
                made = await gjf.subscribed("webhook", partner.url)
                await hana.subscribed("feed")
                await eventually(lambda: len(partner.requests) == 1)
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

    async def test_two_feeds_and_addresses_that_lead_inside_are_refused(self, corner: Corner) -> None:
        await corner.publish(corner.agency("gjf"))
        async with corner.client("gjf") as gjf:
            await gjf.subscribed("feed")
            assert (await gjf.post("/subscriptions", json={"channel": "feed"})).status_code == 409
            for url in ("https://10.0.0.1/", "ftp://example.com/", "https://localhost/"):
                answer = await gjf.post("/subscriptions", json={"channel": "webhook", "url": url})
                assert answer.status_code == 422
                assert url not in answer.text


async def _types(corner: Corner) -> list[str]:
    return sorted(outcome.type for outcome in await corner.outcomes())


async def _enough(corner: Corner, count: int) -> list[str] | None:
    types = await _types(corner)
    return types if len(types) >= count else None


async def _heard(corner: Corner, *pairs: str) -> bool:
    """Whether these matches are stored, each a person and an opening."""
    query = {"_id": {"$in": [corner.match(*pair).data.match for pair in pairs]}}
    return bool(await corner.app.state.database.matches.count_documents(query) == len(pairs))
