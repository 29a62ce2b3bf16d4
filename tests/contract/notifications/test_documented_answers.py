"""What a running notifications answers is what its OpenAPI document says, and everything that the document says is
seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.integration.notifications.parts import Partner, Setup, answer_of, eventually, match, person
from tests.support.documented import ANY_ID, Documented, ask_what_the_kit_answers, ask_without_the_right

pytestmark = pytest.mark.contract
DELIVERIES = "deliveries"
NEVER: dict[tuple[str, int], str] = {}


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
            await subscriptions(service, own, shop, endpoint.url)
            await feed_and_deliveries(service, setup, database, own, shop, refusing)
            assert service.unseen(NEVER) == []


async def subscriptions(service: Documented, own: dict[str, str], shop: dict[str, str], url: str) -> None:
    """Webhook and feed: made, shown, ended."""
    one, secret = "DELETE /subscriptions/{subscription}", "POST /subscriptions/{subscription}/secret"
    await service.ask("GET /feed", 409, headers=own)
    await service.ask("POST /subscriptions", 403, json={"channel": "feed"}, headers=shop)
    await service.ask("POST /subscriptions", 422, json={"channel": "letter"}, headers=own)
    await service.ask("POST /subscriptions", 422, json={"channel": "feed", "url": "http://x.invalid"}, headers=own)
    await service.ask("POST /subscriptions", 422, json={"channel": "webhook", "url": "ftp://x.invalid"}, headers=own)
    made = (await service.ask("POST /subscriptions", 201, json={"channel": "webhook", "url": url}, headers=own)).json()
    address = f"/subscriptions/{made['subscription']}"
    await service.ask("POST /subscriptions", 409, json={"channel": "webhook", "url": url}, headers=own)
    await service.ask("GET /subscriptions", 200, headers=own)
    await service.ask("GET /subscriptions", 403, headers=shop)
    await service.ask(secret, 200, f"{address}/secret", headers=own)
    await service.ask(secret, 403, f"{address}/secret", headers=shop)
    await service.ask(secret, 404, f"/subscriptions/{ANY_ID}/secret", headers=own)
    await service.ask(secret, 422, "/subscriptions/x/secret", headers=own)
    await service.ask(one, 404, f"/subscriptions/{ANY_ID}", headers=own)
    await service.ask(one, 422, "/subscriptions/x", headers=own)
    feed = (await service.ask("POST /subscriptions", 201, json={"channel": "feed"}, headers=own)).json()
    await service.ask(one, 204, f"/subscriptions/{feed['subscription']}", headers=own)
    await service.ask("POST /subscriptions", 201, json={"channel": "feed"}, headers=own)


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
    notice = page["events"][0]["data"]["notice"]
    await service.ask("POST /acknowledgements", 200, json={"notices": [notice, ANY_ID]}, headers=own)
    await service.ask("POST /acknowledgements", 422, json={"notices": []}, headers=own)
    await service.ask("GET /deliveries", 403)
    await service.ask("GET /deliveries", 422, params={"limit": 0}, headers=own)
    await service.ask("GET /deliveries", 200, params={"limit": 1}, headers=own)
    shown = (await service.ask("GET /deliveries", 200, headers=own)).json()["deliveries"]
    [failed] = [each["delivery"] for each in shown if each["state"] == "failed"]
    refusing.gone = True
    await service.ask(again, 202, f"/deliveries/{failed}/retry", headers=own)
    await service.ask(again, 403, f"/deliveries/{failed}/retry", headers=shop)
    await service.ask(again, 404, f"/deliveries/{ANY_ID}/retry", headers=own)
    await service.ask(again, 422, "/deliveries/x/retry", headers=own)

    async def disabled() -> bool:
        return bool(await database.subscriptions.count_documents({"state": "disabled"}))

    await eventually(disabled)
    await service.ask(again, 409, f"/deliveries/{failed}/retry", headers=own)


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
