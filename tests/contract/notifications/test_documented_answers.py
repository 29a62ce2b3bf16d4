"""What a running notifications answers is what its OpenAPI document says, and everything that the document says is
seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.notifications.channels.webhook_signing import new_secret
from tests.integration.notifications.parts import Partner, Setup, answer_of, eventually, match, person
from tests.support.documented import ANY_ID, Documented, ask_what_the_kit_answers, ask_without_the_right

pytestmark = pytest.mark.contract
DELIVERIES = "deliveries"


async def test_every_documented_answer(
    kafka: str, mongo_url: str, database: Any, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.kit.web.quotas.LONGEST_DELAY", 0.0)
    setup = Setup(kafka, mongo_url, database.name, topic_prefix)
    ops = _administering(setup.agency("ops", "public", receives=False))
    refusing = _Refusing()
    async with Partner(refusing.answer) as endpoint, setup.running() as app:
        await setup.publish(ops, setup.agency("gjf"), setup.agency("shop", "employer"))

        async def known() -> bool:
            return bool(await database.agencies.count_documents({}) == 3)

        await eventually(known)
        await app.state.runtime.ready.wait()
        service = Documented(app, {"authorization": f"Bearer {setup.tokens['ops']}"})
        own, shop = ({"authorization": f"Bearer {setup.tokens[name]}"} for name in ("gjf", "shop"))
        async with service.http:
            await ask_what_the_kit_answers(service)
            await ask_without_the_right(service, own)
            await service.ask("GET /endpoints", 200)
            await service.ask("GET /endpoints", 403, headers=own)
            await service.ask("GET /endpoints", 422, params={"status": "odd"})
            await subscriptions(service, own, shop, endpoint.url)
            await feed_and_deliveries(service, setup, database, own, shop, refusing)
            assert service.unseen() == []


async def subscriptions(service: Documented, own: dict[str, str], shop: dict[str, str], url: str) -> None:
    """Webhook and feed: made, shown, ended."""
    one, secret = "DELETE /subscriptions/{subscription}", "POST /subscriptions/{subscription}/secret"
    await service.ask("GET /feed", 409, headers=own)
    await service.ask("POST /subscriptions", 403, json={"channel": "feed"}, headers=shop)
    await service.ask("POST /subscriptions", 422, json={"channel": "letter"}, headers=own)
    await service.ask("POST /subscriptions", 422, json={"channel": "feed", "url": "http://x.invalid"}, headers=own)
    await service.ask("POST /subscriptions", 422, json={"channel": "webhook", "url": "ftp://x.invalid"}, headers=own)
    wanted = {"channel": "webhook", "url": url, "secret": new_secret()}
    made = (await service.ask("POST /subscriptions", 201, json=wanted, headers=own)).json()
    address = f"/subscriptions/{made['subscription']}"
    await service.ask("POST /subscriptions", 409, json={"channel": "webhook", "url": url}, headers=own)
    await service.ask("GET /subscriptions", 200, headers=own)
    await service.ask("GET /subscriptions", 403, headers=shop)
    for status in (200, 200, 200, 409):  # so many sign at a time
        await service.ask(secret, status, f"{address}/secret", headers=own)
    await service.ask(secret, 403, f"{address}/secret", headers=shop)
    await service.ask(secret, 404, f"/subscriptions/{ANY_ID}/secret", headers=own)
    await service.ask(secret, 422, "/subscriptions/x/secret", headers=own)
    await changes(service, address, own, shop, url)
    await service.ask(one, 404, f"/subscriptions/{ANY_ID}", headers=own)
    await service.ask(one, 422, "/subscriptions/x", headers=own)
    feed = (await service.ask("POST /subscriptions", 201, json={"channel": "feed"}, headers=own)).json()
    at_feed = f"/subscriptions/{feed['subscription']}"
    for act in ("pause", "test"):
        await service.ask(f"POST /subscriptions/{{subscription}}/{act}", 409, f"{at_feed}/{act}", headers=own)
    recovery = "POST /subscriptions/{subscription}/recovery"
    await service.ask(recovery, 409, f"{at_feed}/recovery", json={"what": "all"}, headers=own)
    await service.ask(one, 204, at_feed, headers=own)
    await service.ask("POST /subscriptions", 201, json={"channel": "feed"}, headers=own)


async def changes(service: Documented, address: str, own: dict[str, str], shop: dict[str, str], url: str) -> None:
    """Changed, paused, resumed, tested, recovered; a second one whose endpoint does not want to be told."""
    change, of = "PATCH /subscriptions/{subscription}", "/subscriptions/{subscription}"
    unknown, odd = f"/subscriptions/{ANY_ID}", "/subscriptions/x"
    await service.ask(change, 200, address, json={"filter": {"exact": {"kind": "job"}}}, headers=own)
    await service.ask(change, 200, address, json={"filter": None}, headers=own)
    await service.ask(change, 403, address, json={}, headers=shop)
    await service.ask(change, 404, unknown, json={}, headers=own)
    await service.ask(change, 409, address, json={"url": f"{url}/new"}, headers=own)
    await service.ask(change, 412, address, json={}, headers=own | {"if-match": '"another"'})
    await service.ask(f"DELETE {of}", 412, address, headers=own | {"if-match": '"another"'})
    for status, headers, path in ((200, own, address), (403, shop, address), (404, own, unknown), (422, own, odd)):
        await service.ask(f"GET {of}", status, path, headers=headers)
    await service.ask(change, 422, address, json={"filter": {"exact": {"person": "x"}}}, headers=own)
    wanted = {"channel": "webhook", "url": f"{url}/second"}
    second = (await service.ask("POST /subscriptions", 201, json=wanted, headers=own)).json()
    at_second = f"/subscriptions/{second['subscription']}"
    await service.ask(f"POST {of}/resume", 409, f"{at_second}/resume", headers=own)
    await service.ask(f"DELETE {of}", 204, at_second, headers=own)
    for act in ("pause", "resume", "secret"):
        await service.ask(f"POST {of}/{act}", 412, f"{address}/{act}", headers=own | {"if-match": '"another"'})
    for act in ("pause", "resume", "test"):
        route = f"POST {of}/{act}"
        await service.ask(route, 200, f"{address}/{act}", headers=own)
        await service.ask(route, 403, f"{address}/{act}", headers=shop)
        await service.ask(route, 404, f"{unknown}/{act}", headers=own)
        await service.ask(route, 422, f"{odd}/{act}", headers=own)
    again, what = f"{of}/recovery", {"what": "failed"}
    await service.ask(f"GET {again}", 404, f"{address}/recovery", headers=own)
    await service.ask(f"POST {again}", 202, f"{address}/recovery", json=what, headers=own)
    await service.ask(f"POST {again}", 403, f"{address}/recovery", json=what, headers=shop)
    await service.ask(f"POST {again}", 404, f"{unknown}/recovery", json=what, headers=own)
    await service.ask(f"POST {again}", 422, f"{address}/recovery", json={"what": "some"}, headers=own)
    for method, status in (("GET", 200), ("DELETE", 204)):
        await service.ask(f"{method} {again}", status, f"{address}/recovery", headers=own)
        await service.ask(f"{method} {again}", 403, f"{address}/recovery", headers=shop)
        await service.ask(f"{method} {again}", 404, f"{unknown}/recovery", headers=own)
        await service.ask(f"{method} {again}", 422, f"{odd}/recovery", headers=own)
    trial = "POST /filters/trial"
    await service.ask(trial, 200, json={"filter": {"exact": {"band": "high"}}}, headers=own)
    await service.ask(trial, 403, json={"filter": {"exact": {"band": "high"}}}, headers=shop)
    await service.ask(trial, 422, json={"filter": {}}, headers=own)


async def feed_and_deliveries(
    service: Documented, setup: Setup, database: Any, own: dict[str, str], shop: dict[str, str], refusing: _Refusing
) -> None:
    """What is told, what became of it, what is said back."""
    again = "POST /deliveries/{delivery}/retry"
    await setup.publish(person("jiwon", "gjf"), match("jiwon", "bakery"))

    async def told() -> bool:
        return bool(await database[DELIVERIES].count_documents({"channel": "webhook", "state": "failed"}))

    await eventually(told)
    page = (await service.ask("GET /feed", 200, headers=own)).json()
    assert len(page["events"]) == 1
    await service.ask("GET /feed", 200, params={"after": page["cursor"]}, headers=own)
    await service.ask("GET /feed", 422, params={"after": "x"}, headers=own)
    await service.ask("GET /feed", 422, params={"limit": 0}, headers=own)
    etag = {"if-none-match": (await service.ask("GET /feed", 200, headers=own)).headers["etag"]}
    await service.ask("GET /feed", 304, headers=own | etag)
    await service.ask("GET /feed/place", 200, headers=own)
    await service.ask("GET /feed/place", 409, headers=shop)
    await service.ask("GET /feed/snapshot", 200, headers=own)
    await service.ask("GET /feed/snapshot", 409, headers=shop)
    await service.ask("GET /feed/snapshot", 422, params={"page": "x"}, headers=own)
    await service.ask("GET /feed/stream", 200, params={"seconds": 1}, headers=own)
    await service.ask("GET /feed/stream", 409, headers=shop)
    await service.ask("GET /feed/stream", 422, headers=own | {"last-event-id": "x"})
    await files(service, own, shop)
    notice = page["events"][0]["data"]["notice"]
    await service.ask("POST /acknowledgements", 200, json={"notices": [notice, ANY_ID]}, headers=own)
    await service.ask("POST /acknowledgements", 422, json={"notices": []}, headers=own)
    await service.ask("GET /deliveries", 403)
    await service.ask("GET /deliveries", 422, params={"limit": 0}, headers=own)
    await service.ask("GET /deliveries", 200, params={"limit": 1}, headers=own)
    shown = (await service.ask("GET /deliveries", 200, headers=own)).json()["deliveries"]
    [failed] = [each["delivery"] for each in shown if each["state"] == "failed"]
    log = (await service.ask("GET /deliveries/{delivery}", 200, f"/deliveries/{failed}", headers=own)).json()
    assert {each["reason"] for each in log["log"]} == {"refused-400"}
    await service.ask("GET /deliveries/{delivery}", 403, f"/deliveries/{failed}")
    await service.ask("GET /deliveries/{delivery}", 404, f"/deliveries/{ANY_ID}", headers=own)
    await service.ask("GET /deliveries/{delivery}", 422, "/deliveries/x", headers=own)
    refusing.gone = True
    await service.ask(again, 202, f"/deliveries/{failed}/retry", headers=own)
    await service.ask(again, 403, f"/deliveries/{failed}/retry", headers=shop)
    await service.ask(again, 404, f"/deliveries/{ANY_ID}/retry", headers=own)
    await service.ask(again, 422, "/deliveries/x/retry", headers=own)

    async def disabled() -> bool:
        return bool(await database.subscriptions.count_documents({"state": "disabled"}))

    await eventually(disabled)
    await service.ask(again, 409, f"/deliveries/{failed}/retry", headers=own)


async def files(service: Documented, own: dict[str, str], shop: dict[str, str]) -> None:
    """The list and a file: whole, in part, not again."""
    listed = (await service.ask("GET /files", 200, headers=own)).json()
    await service.ask("GET /files", 409, headers=shop)
    await service.ask("GET /files", 422, params={"acknowledge": "x"}, headers=own)
    name, of = listed["days"][0]["files"][0]["name"], "GET /files/{name}"
    whole = await service.ask(of, 200, f"/files/{name}", headers=own)
    await service.ask(of, 206, f"/files/{name}", headers=own | {"range": "bytes=0-9"})
    await service.ask(of, 304, f"/files/{name}", headers=own | {"if-none-match": whole.headers["etag"]})
    await service.ask(of, 416, f"/files/{name}", headers=own | {"range": "bytes=1000000-"})
    await service.ask(of, 404, "/files/2000-01-01.csv", headers=own)
    await service.ask(of, 409, f"/files/{name}", headers=shop)
    await service.ask(of, 422, "/files/today.csv", headers=own)
    alone = "HEAD /files/{name}"
    await service.ask(alone, 200, f"/files/{name}", headers=own)
    await service.ask(alone, 304, f"/files/{name}", headers=own | {"if-none-match": whole.headers["etag"]})
    await service.ask(alone, 404, "/files/2000-01-01.csv", headers=own)
    await service.ask(alone, 409, f"/files/{name}", headers=shop)
    await service.ask(alone, 422, "/files/today.csv", headers=own)


class _Refusing:
    """An endpoint that takes no notice, and says at the end that it is gone."""

    def __init__(self) -> None:
        self.gone = False

    async def answer(self, _: Any) -> bytes:
        return answer_of(410 if self.gone else 400)


def _administering(registered: Any) -> Any:
    data = registered.data
    rights = data.rights.model_copy(update={"administers": True, "reads": ()})
    return replace(registered, data=data.model_copy(update={"rights": rights}))
