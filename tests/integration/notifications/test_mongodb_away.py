"""With MongoDB away every door of a partner says so: 503, when to come again, and nothing else."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from motor.motor_asyncio import AsyncIOMotorClient

from deploy.local.ports import free_port
from services.notifications.acknowledgements import Deliveries
from services.notifications.api import AcknowledgementEndpoints, make_router
from services.notifications.channels.credentials import Credentials
from services.notifications.channels.feed import Feed
from services.notifications.channels.feed_reader import FeedReader
from services.notifications.channels.feed_snapshot import FeedSnapshot
from services.notifications.channels.feed_stream import FeedStream
from services.notifications.channels.webhook import Limits, Webhook
from services.notifications.delivery.notice_content import Messages
from services.notifications.delivery_queues import Queues
from services.notifications.domain.circuit_breaker import Breaker
from services.notifications.domain.feed_place import Place
from services.notifications.domain.webhook_url_rules import UrlRules
from services.notifications.feed_api import FeedEndpoints, make_feed_router
from services.notifications.outcome_events import Outcomes
from services.notifications.recovery.api import RecoveryEndpoints, make_recovery_router
from services.notifications.recovery.recovery_requests import Recoveries
from services.notifications.recovery.resend import Resend
from services.notifications.repository import Repository
from services.notifications.subscriptions.api import SubscriptionEndpoints, make_subscriptions_router
from services.notifications.subscriptions.endpoint_verification import EndpointCheck
from services.notifications.subscriptions.management import Subscriptions
from shared.access.api_keys import Caller
from shared.kit.base.clock import Clock
from shared.kit.base.ids import Ids
from shared.kit.base.sealing import Sealer
from shared.kit.store.store import Store, Unavailable
from shared.kit.web import problems
from shared.kit.web.edge_settings import EdgeSettings
from shared.kit.web.middleware import Outermost
from shared.kit.web.quotas import Quotas
from shared.reference import load_pack
from tests.integration.notifications.parts import Client
from tests.unit.notifications.world import agency_of, hexid

pytestmark = pytest.mark.integration
SEALER = Sealer(b"s" * 32)


class KnownKeys:
    """Keys that were read before MongoDB went away."""

    async def authenticate(self, authorization: str | None) -> Caller:
        return Caller(agency_of("gjf", "service", True), "gjf-1")

    async def reauthenticate(self, caller: Caller) -> Caller:
        return caller


@pytest_asyncio.fixture(loop_scope="session")
async def app() -> AsyncIterator[FastAPI]:
    """The doors of notifications on a database where nobody listens."""
    url = f"mongodb://127.0.0.1:{free_port()}/?replicaSet=rs0"
    client: Any = AsyncIOMotorClient(url, serverSelectionTimeoutMS=100, tz_aware=True)
    store, repository = Store(client["nowhere"], patience=0.2), Repository(client["nowhere"])
    await store.start()
    feed, outcomes = Feed(lambda now: now.date()), Outcomes(Ids(bytes(32)))
    acknowledging, subscribing = AcknowledgementEndpoints(), SubscriptionEndpoints()
    recovering, reading, clock = RecoveryEndpoints(), FeedEndpoints(), Clock()
    urls = UrlRules(plain_http=True, ports=frozenset(), allowed=(ipaddress.ip_network("127.0.0.0/8"),))
    credentials = Credentials(SEALER)
    webhook = Webhook(credentials, lambda *_: None, Limits(), urls)
    queues = Queues({feed.name: feed}, outcomes)
    recovering.repository = subscribing.repository = reading.repository = repository
    channels = {feed.name: feed, webhook.name: webhook}
    check = EndpointCheck(store, channels, clock)
    subscribing.subscriptions = Subscriptions(
        store, repository, channels, credentials, check, clock, timedelta(days=7), lambda: None, lambda: None
    )
    recovering.resend = Resend(store, repository, queues)
    recovering.recoveries = Recoveries(store, repository, lambda: None)
    acknowledging.deliveries = Deliveries(store, repository, queues, outcomes)
    reading.reader = reader = FeedReader(
        feed, store, repository, queues, Messages("/ask"), SEALER, lambda now: now.date(), asyncio.Event()
    )
    reading.snapshot = FeedSnapshot(
        reader, store, repository, queues, Messages("/ask"), Ids(bytes(32)), SEALER, lambda now: now.date()
    )
    reading.stream = FeedStream(reader, asyncio.Event())
    made = FastAPI()
    made.add_middleware(Outermost)
    problems.install(made, passing=[Unavailable])
    for router in (
        make_router(acknowledging),
        make_subscriptions_router(subscribing, Breaker(), load_pack("kr-gyeonggi")),
        make_recovery_router(recovering, clock),
        make_feed_router(reading),
    ):
        made.include_router(router)
    made.state.runtime = SimpleNamespace(authenticator=KnownKeys(), quotas=Quotas(EdgeSettings()))
    made.state.feed = reading
    yield made
    await webhook.close()
    await store.stop()
    client.close()


ID = hexid("any")
DOORS: list[tuple[str, str, Any]] = [
    ("POST", "/subscriptions", {"channel": "feed"}),
    ("POST", "/subscriptions", {"channel": "webhook", "url": "http://127.0.0.1/hook"}),
    ("GET", "/subscriptions", None),
    ("GET", f"/subscriptions/{ID}", None),
    ("PATCH", f"/subscriptions/{ID}", {"recalls_only": True}),
    ("POST", f"/subscriptions/{ID}/pause", None),
    ("POST", f"/subscriptions/{ID}/resume", None),
    ("POST", f"/subscriptions/{ID}/test", None),
    ("POST", "/filters/trial", {"filter": {"exact": {"kind": "job"}}}),
    ("POST", f"/subscriptions/{ID}/recovery", {"what": "failed"}),
    ("GET", f"/subscriptions/{ID}/recovery", None),
    ("DELETE", f"/subscriptions/{ID}/recovery", None),
    ("GET", f"/deliveries/{ID}", None),
    ("POST", f"/subscriptions/{ID}/secret", None),
    ("DELETE", f"/subscriptions/{ID}", None),
    ("GET", "/feed", None),
    ("GET", "/feed/place", None),
    ("GET", "/feed/snapshot", None),
    ("GET", "/feed/stream", None),
    ("POST", "/acknowledgements", {"notices": [ID]}),
    ("GET", "/deliveries", None),
    ("POST", f"/deliveries/{ID}/retry", None),
]


class TestMongoDbAway:
    @pytest.mark.parametrize(("method", "path", "body"), DOORS, ids=lambda value: str(value)[:40])
    async def test_every_door_says_when_to_come_again(self, app: FastAPI, method: str, path: str, body: Any) -> None:
        async with Client(app, None) as http:
            answer = await http.request(method, path, json=body)
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["content-type"] == "application/problem+json"
        assert "nowhere" not in answer.text

    async def test_no_door_was_left_out(self, app: FastAPI) -> None:
        described = {(method.upper(), path) for path, routes in app.openapi()["paths"].items() for method in routes}
        asked = {(method, path.replace(ID, "{}")) for method, path, _ in DOORS}
        assert asked == {
            (method, path.replace("{subscription}", "{}").replace("{delivery}", "{}")) for method, path in described
        }

    async def test_a_feed_that_goes_away_between_its_two_reads_says_so_too(self, app: FastAPI) -> None:
        async def subscribed(agency: str) -> list[dict[str, str]]:
            return [{"channel": "feed", "state": "active"}]

        app.state.feed.repository = SimpleNamespace(subscriptions_of=subscribed)
        cursor = app.state.feed.reader.cursor("gjf", Place(7))
        async with Client(app, None) as http:
            for query in ({}, {"after": cursor}):
                answer = await http.get("/feed", params=query)
                assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
