"""A partner that is called: a webhook that takes nothing unsigned. Run: ``python -m samples.partners.webhook``.

Signatures are checked with the public ``standardwebhooks`` package, as any partner would.
"""

from __future__ import annotations

import asyncio
import json

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from samples.partners.hub import Hub
from samples.partners.program import LOOPBACK, Settings, acknowledge_for_ever, run
from samples.partners.store import PartnerStore
from samples.partners.wire import WireLog

PATH = "/notices"


class Receiver:
    """Verifies, writes down, answers 204. What it does not know by its signature gets 401 and is forgotten."""

    def __init__(self, store: PartnerStore) -> None:
        self._store = store
        self._wire_log = WireLog(store.folder)
        self._secret_known = asyncio.Event()
        self._webhook: Webhook | None = None
        self.new = asyncio.Event()

    def knows(self, secret: str) -> None:
        """From now on signatures can be checked."""
        self._webhook = Webhook(secret)
        self._secret_known.set()

    async def take(self, request: web.Request) -> web.Response:
        """One delivery."""
        body = await request.read()
        self._wire_log.write(f"{request.method} {request.raw_path}", request.headers, body)
        await self._secret_known.wait()  # the first one may be faster than the answer to our subscription
        assert self._webhook is not None
        try:
            self._webhook.verify(body, {name.lower(): value for name, value in request.headers.items()})
        except (WebhookVerificationError, ValueError):  # also what is no text at all
            return web.Response(status=401)
        self._store.receive(json.loads(body), request.headers)
        self.new.set()
        return web.Response(status=204)

    async def ready(self, _request: web.Request) -> web.Response:
        """200 once it is subscribed."""
        return web.Response(status=200 if self._secret_known.is_set() else 503)


async def partner(hub: Hub, store: PartnerStore, settings: Settings) -> None:
    """Listen, subscribe, then acknowledge for ever what comes in."""
    receiver = Receiver(store)
    app = web.Application()
    app.add_routes([web.post(PATH, receiver.take), web.get("/ready", receiver.ready)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK if settings.host == LOOPBACK else None, settings.port).start()
        url = f"http://{settings.host}:{settings.port}{PATH}"
        secret = store.secret_of(url)
        if secret is None:
            secret = await hub.subscribe("webhook", url)
            assert secret is not None, "a webhook has a secret"
            store.keep_secret(url, secret)
        receiver.knows(secret)
        receiver.new.set()
        await acknowledge_for_ever(hub, store, receiver.new)
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(run(partner))
