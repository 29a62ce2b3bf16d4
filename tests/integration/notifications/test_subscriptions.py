"""Subscriptions over the wire: when one begins, where it leads, with which headers and signatures (C1, C7, C9, 28, 29,
43)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.notifications.channels.webhook_signing import new_secret
from tests.integration.notifications.corner import Corner
from tests.integration.notifications.parts import (
    OK,
    Client,
    Partner,
    Request,
    Setup,
    answer_of,
    eventually,
    match,
    person,
)
from tests.unit.notifications.world import holding

pytestmark = pytest.mark.integration
ALLOWED = answer_of(200, "WebHook-Allowed-Origin: *")
NOT_ALLOWED = answer_of(405)
HTML = "Content-Type: text/html; charset=utf-8"
PAGE = answer_of(200, HTML, body=b"<h1>Sign in</h1>")
NOTHING = answer_of(200, HTML)  # as many frameworks do


class Gate:
    """Answers OPTIONS and POST as it is told to."""

    def __init__(self, options: bytes = NOT_ALLOWED, post: bytes = OK) -> None:
        self.options, self.post = options, post

    async def answer(self, request: Request) -> bytes:
        return self.options if request.method == "OPTIONS" else self.post


async def _held(partner: Partner, count: int) -> bool:
    return len(holding([event for event in partner.told if event["type"] != "test"])) == count


async def _due(corner: Corner, count: int) -> bool:
    return await corner.count(state="due") == count


async def _waiting(app: Any, count: int, **query: Any) -> bool:
    return bool(await app.state.database.deliveries.count_documents({"state": "due", **query}) == count)


class TestBeginning:
    async def test_nothing_comes_before_the_secret_can_be_installed(self, corner: Corner) -> None:
        gate = Gate(post=answer_of(401))
        async with Partner(gate.answer) as partner:
            await corner.publish(corner.agency("gjf"), corner.person("a", "gjf"), corner.match("a", "x"))
            async with corner.client("gjf") as gjf:
                wanted = {"channel": "webhook", "url": partner.url}
                made: dict[str, Any] = await eventually(lambda: _made(gjf, wanted))
                resume = f"/subscriptions/{made['subscription']}/resume"
                refused = await gjf.post(resume)
                assert (refused.status_code, refused.json()["reason"]) == (409, "refused-401")
                assert [event["type"] for event in partner.told] == ["test"]
                assert (await gjf.get("/deliveries")).json()["deliveries"] == []
                gate.post = OK
                assert (await gjf.post(resume)).json()["state"] == "active"
                await eventually(lambda: _held(partner, 1))
                partner.requests = [each for each in partner.requests if each.method == "POST"]
                partner.verify(made["secret"])

    async def test_the_handshake_is_enough_and_asks_for_our_origin(self, corner: Corner) -> None:
        gate = Gate(options=ALLOWED)
        async with Partner(gate.answer) as partner:
            await corner.publish(corner.agency("gjf"), corner.person("a", "gjf"), corner.match("a", "x"))
            async with corner.client("gjf") as gjf:
                wanted = {"channel": "webhook", "url": partner.url, "headers": {"X-Gateway": "k=v; w"}}
                made: dict[str, Any] = await eventually(lambda: _made(gjf, wanted))
                assert (await gjf.post(f"/subscriptions/{made['subscription']}/resume")).status_code == 200
                await eventually(lambda: _held(partner, 1))
                shake, *posts = partner.requests
                assert (shake.method, shake.headers["webhook-request-origin"]) == ("OPTIONS", "notices")
                assert {request.headers["x-gateway"] for request in partner.requests} == {"k=v; w"}
                assert "test" not in {request.event["type"] for request in posts}

    async def test_a_page_for_people_is_no_yes_to_anything_that_asks(self, corner: Corner) -> None:
        """A portal's sign-in page: 200 to whatever comes."""
        gate = Gate(options=PAGE, post=PAGE)
        async with Partner(gate.answer) as partner, Partner(gate.answer) as moved:
            await corner.publish(corner.agency("gjf"))
            async with corner.client("gjf") as gjf:
                wanted = {"channel": "webhook", "url": partner.url}
                made: dict[str, Any] = await eventually(lambda: _made(gjf, wanted))
                address = f"/subscriptions/{made['subscription']}"
                refused = await gjf.post(f"{address}/resume")
                told = refused.json()
                assert (refused.status_code, told["reason"], told["phase"]) == (409, "answered-with-a-page", "answer")
                gate.post = NOTHING
                assert (await gjf.post(f"{address}/resume")).json()["state"] == "active"
                gate.post = PAGE
                for change in ({"url": moved.url}, {"headers": {"x-key": "1"}}):
                    assert (await gjf.patch(address, json=change)).json()["reason"] == "answered-with-a-page"
                tested = (await gjf.post(f"{address}/test")).json()
                assert (tested["outcome"], tested["reason"]) == ("delivered", "answered-with-a-page")

    async def test_a_header_that_would_be_two_is_refused_and_not_repeated(self, corner: Corner) -> None:
        await corner.publish(corner.agency("gjf"))
        async with corner.client("gjf") as gjf:
            await gjf.subscribed("feed")
            for headers, named, number in (
                ({"x-a": "b\r\nx-evil: 1"}, "", 1),
                ({"x-a\r\nx-evil": "1"}, "", 1),
                ({"x-b": "c", "Transfer-Encoding": "chunked"}, "/transfer-encoding", 2),
                ({"x-b": "c", "x-evil": None}, "", 2),
            ):
                wanted = {"channel": "webhook", "url": "http://127.0.0.1:9/", "headers": headers}
                answer = await gjf.post("/subscriptions", json=wanted)
                told = answer.json()
                assert (answer.status_code, told["field"], told["number"]) == (422, f"/headers{named}", number)
                assert "evil" not in answer.text


class TestChanged:
    async def test_a_filter_that_is_kept_may_be_said_again_whatever_became_of_its_list(self, corner: Corner) -> None:
        await corner.publish(corner.agency("gjf"))
        async with corner.client("gjf") as gjf:
            wanted = {"all": [{"exact": {"region": "legal-dong-2026:41270"}}, {"not": {"exact": {"band": "low"}}}]}
            address = f"/subscriptions/{(await gjf.subscribed('feed', filter=wanted))['subscription']}"
            this = {"_id": address.rpartition("/")[2]}
            subscriptions = corner.app.state.database.subscriptions
            text = (await subscriptions.find_one(this))["filter"].replace("2026", "2019")
            await subscriptions.update_one(this, {"$set": {"filter": text}})  # as one of another year's list
            shown = (await gjf.get(address)).json()["filter"]
            answer = await gjf.patch(address, json={"filter": shown, "recalls_only": False})
            assert (answer.status_code, answer.json()["filter"]) == (200, shown)
            for other in ({"not": shown}, shown["all"][0]):
                assert (await gjf.patch(address, json={"filter": other})).json()["rule"] == "unknown-code"
            assert (await gjf.get(address)).json()["filter"] == shown

    async def test_a_header_for_one_host_is_not_shown_to_another(self, corner: Corner) -> None:
        first, second = Gate(options=ALLOWED), Gate(options=ALLOWED)
        async with Partner(first.answer) as old, Partner(second.answer) as new:
            await corner.publish(corner.agency("gjf"))
            async with corner.client("gjf") as gjf:
                wanted = {"channel": "webhook", "url": old.url, "headers": {"Authorization": "Bearer k"}}
                made: dict[str, Any] = await eventually(lambda: _made(gjf, wanted))
                address = f"/subscriptions/{made['subscription']}"
                assert (await gjf.post(f"{address}/resume")).status_code == 200
                assert old.requests[0].headers["authorization"] == "Bearer k"
                assert (await gjf.patch(address, json={"url": f"{old.url}/other"})).status_code == 200
                assert old.requests[-1].headers["authorization"] == "Bearer k"
                assert (await gjf.patch(address, json={"url": new.url})).status_code == 200
                assert new.requests
                assert all("authorization" not in request.headers for request in new.requests)

    async def test_what_waits_for_an_address_that_fails_goes_to_the_new_one_once_that_says_yes(
        self, setup: Setup
    ) -> None:
        down, not_ours = Gate(post=answer_of(503)), Gate(post=answer_of(404))
        async with (
            setup.running(retry_schedule=(0.0, 3600.0)) as app,
            Partner(down.answer) as old,
            Partner(not_ours.answer) as new,
        ):
            await setup.publish(setup.agency("gjf"), person("a", "gjf"), match("a", "x"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                made = await gjf.subscribed("webhook", old.url)
                await eventually(lambda: _waiting(app, 1, attempts=1))
                address = f"/subscriptions/{made['subscription']}"
                assert (await gjf.patch(address, json={"url": new.url})).status_code == 409
                (shown,) = (await gjf.get("/subscriptions")).json()["subscriptions"]
                assert shown["url"] == old.url
                not_ours.post = OK
                assert (await gjf.patch(address, json={"url": new.url})).json()["url"] == new.url
                before = len(old.requests)
                await eventually(lambda: _held(new, 1))
                assert len(old.requests) == before
                posts = [request for request in new.requests if request.method == "POST"]
                new.requests = [request for request in posts if request.event["type"] == "notice"]
                new.verify(made["secret"])

    async def test_secrets_replaced_twice_between_two_attempts_all_sign_the_second(self, setup: Setup) -> None:
        gate = Gate(post=answer_of(503))
        async with setup.running(retry_schedule=(0.0, 3600.0)) as app, Partner(gate.answer) as partner:
            await setup.publish(setup.agency("gjf"), person("a", "gjf"), match("a", "x"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                made = await gjf.subscribed("webhook", partner.url)
                await eventually(lambda: _waiting(app, 1, attempts=1))
                address = f"/subscriptions/{made['subscription']}/secret"
                second, third = (await gjf.post(address)).json()["secret"], new_secret()
                assert (await gjf.post(address, json={"secret": third})).json()["secret"] is None
                gate.post, partner.requests = OK, []
                (delivery,) = (await gjf.get("/deliveries")).json()["deliveries"]
                await gjf.post(f"/deliveries/{delivery['delivery']}/retry")
                await eventually(lambda: _held(partner, 1))
                for secret in (made["secret"], second, third):
                    partner.verify(secret)

    async def test_paused_everything_waits_and_resumed_it_comes(self, corner: Corner) -> None:
        async with Partner() as partner:
            await corner.publish(corner.agency("gjf"), corner.person("a", "gjf"))
            async with corner.client("gjf") as gjf:
                made = await gjf.subscribed("webhook", partner.url)
                address = f"/subscriptions/{made['subscription']}"
                assert (await gjf.post(f"{address}/pause")).json()["state"] == "paused"
                await corner.publish(corner.match("a", "x"), corner.match("a", "y"))
                await eventually(lambda: _due(corner, 2))
                await asyncio.sleep(1.5)  # a dispatcher looks every second
                assert partner.requests == []
                (one, _) = (await gjf.get("/deliveries", params={"state": "undelivered"})).json()["deliveries"]
                assert one["because"] == "subscription-closed"
                await gjf.post(f"{address}/resume")
                await eventually(lambda: _held(partner, 2))


async def test_a_recovery_since_a_moment_that_is_to_come_is_refused(corner: Corner) -> None:
    await corner.publish(corner.agency("gjf"))
    async with Partner() as partner, corner.client("gjf") as gjf:
        address = f"/subscriptions/{(await gjf.subscribed('webhook', partner.url))['subscription']}/recovery"
        for since, rule in (
            ("2999-01-01T00:00:00Z", "date-in-future"),
            (1_764_500_000, "datetime-from-date-parsing"),
            ("1764500000", "datetime-from-date-parsing"),
            ("2026-11-30T09:00:00", "timezone-aware"),
        ):
            refused = await gjf.post(address, json={"what": "failed", "since": since})
            told = refused.json()
            assert (refused.status_code, told["field"], told["rule"]) == (422, "/since", rule)
        assert (await gjf.get(address)).status_code == 404, "none was begun"
        assert (await gjf.post(address, json={"what": "failed", "since": "2026-01-01T00:00:00Z"})).status_code == 202


async def _made(client: Client, wanted: dict[str, Any]) -> dict[str, Any] | None:
    """The subscription, once the key is known."""
    answer = await client.post("/subscriptions", json=wanted)
    if answer.status_code == 401:
        return None
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made
