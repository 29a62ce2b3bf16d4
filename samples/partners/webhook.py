"""A partner that is called: a webhook that takes nothing unsigned. Run: ``python -m samples.partners.webhook``.

Signatures are checked with the public ``standardwebhooks`` package, as any partner would.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from samples.partners.hub import Hub
from samples.partners.program import LOOPBACK, Settings, acknowledge_for_ever, run
from samples.partners.store import PartnerStore
from samples.partners.wire import WireLog

PATH = "/notices"
TEST = "test"  # the type of an event that is about nobody


class Receiver:
    """Verifies, writes down, answers 204. What it does not know by its signature gets 401 and is forgotten."""

    def __init__(self, store: PartnerStore, secret: str) -> None:
        self._store = store
        self._wire_log = WireLog(store.folder)
        self._webhook = Webhook(secret)
        self.subscribed = False
        self.new = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        """One delivery."""
        body = await request.read()
        self._wire_log.write(f"{request.method} {request.raw_path}", request.headers, body)
        try:
            self._webhook.verify(body, {name.lower(): value for name, value in request.headers.items()})
        except (WebhookVerificationError, ValueError):  # also what is no text at all
            return web.Response(status=401)
        event = json.loads(body)
        if event["type"] != TEST:
            self._store.receive(event, request.headers)
            self.new.set()
        return web.Response(status=204)

    async def ready(self, _request: web.Request) -> web.Response:
        """200 once it is subscribed."""
        return web.Response(status=200 if self.subscribed else 503)


async def partner(hub: Hub, store: PartnerStore, settings: Settings) -> None:
    """Listen, subscribe, then acknowledge for ever what comes in."""
    url = f"http://{settings.host}:{settings.port}{PATH}"
    kept = store.secret_of(url)
    secret = kept or "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    receiver = Receiver(store, secret)
    app = web.Application()
    app.add_routes([web.post(PATH, receiver.take), web.get("/ready", receiver.ready)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK if settings.host == LOOPBACK else None, settings.port).start()
        if kept is None:
            await hub.subscribe_webhook(url, secret)
            store.keep_secret(url, secret)
        receiver.subscribed = True
        receiver.new.set()
        await acknowledge_for_ever(hub, store, receiver.new)
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(run(partner))
