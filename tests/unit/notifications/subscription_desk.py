"""A desk at which one agency manages its subscriptions, over the world in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notifications.channel import Configuration
from services.notifications.channels.credentials import Credentials
from services.notifications.channels.feed import Feed
from services.notifications.channels.webhook import Limits, Webhook
from services.notifications.channels.webhook_signing import new_secret
from services.notifications.documents import SUBSCRIPTIONS
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.webhook_url_rules import UrlRules
from services.notifications.subscriptions.endpoint_verification import EndpointCheck
from services.notifications.subscriptions.management import Subscriptions
from services.notifications.subscriptions.subscription_options import Wishes
from shared.kit.base.clock import Clock
from shared.kit.web.problems import Problem
from tests.unit.notifications.world import World, agency_of, hexid, match_of, person_of
from tests.unit.notifications.world_store import WorldStore

GRACE = timedelta(days=7)
URL, OTHER = "https://partner.example.org/hook", "https://new.example.org/hook"


class Endpoints(Webhook):
    """Every name leads outside. ``says`` is what an endpoint answers; ``asked``: how and where."""

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials, lambda *_: None, Limits(), UrlRules())
        self._own = credentials
        self.says: dict[str, Verdict] = {}
        self.allow: set[str] = set()
        self.asked: list[tuple[str, str]] = []

    async def configure(self, subscription: str, agency: str, url: str | None) -> Configuration:
        secret, kept = self._own.new_secret(subscription)
        return Configuration(self._own.sealed_target(subscription, url or ""), [kept], secret)

    async def permitted(self, endpoint: Any) -> bool:
        url = self._own.target_of(endpoint) or ""
        self.asked.append(("handshake", url))
        return url in self.allow

    async def send(self, endpoint: Any, notice: str, body: bytes, now: Any) -> Verdict:
        url = self._own.target_of(endpoint) or ""
        self.asked.append(("test", url))
        return self.says.get(url, Verdict("again", "no-connection"))


class Desk:
    """gjf may hear of a person with one match, and manages its subscriptions."""

    def __init__(self, nobody_believes: timedelta = timedelta(0)) -> None:
        self.world = World()
        for type, data, key in (
            ("agency-registered", agency_of("gjf"), "gjf"),
            ("person-updated", person_of("a", ("gjf",)), hexid("person", "a")),
            ("match-found", match_of("a", "x"), hexid("person", "a")),
        ):
            self.world.hear(self.world.event(type, data, key, 1))
        self.credentials = Credentials(self.world.sealer)
        self.endpoints = Endpoints(self.credentials)
        over, clock = WorldStore(self.world), Clock(wall=lambda: self.world.now)
        channels: Any = {"feed": Feed(lambda now: now.date()), "webhook": self.endpoints}
        self.made = Subscriptions(
            over.store,
            over.repository,
            channels,
            self.credentials,
            EndpointCheck(over.store, channels, clock),
            clock,
            GRACE,
            lambda: None,
            lambda: None,
            nobody_believes,
        )

    async def webhook(self, url: str = URL, **wishes: Any) -> str:
        created = await self.made.subscribe("gjf", "webhook", Wishes(url, new_secret(), **wishes))
        return created.subscription["_id"]

    def kept(self, subscription: str) -> Any:
        (found,) = self.world.all(SUBSCRIPTIONS, _id=subscription)
        return found

    def due(self, subscription: str) -> int:
        """How much is due to it, once all that was asked for is done."""
        self.world.resync()
        return sum(d["subscription"] == subscription for d in self.world.due())

    def live(self, subscription: str) -> list[str]:
        return self.credentials.live_secrets(self.kept(subscription), self.world.now)


async def refused(call: Any) -> tuple[int, str]:
    """Status and type of the problem that it ends in."""
    with pytest.raises(Problem) as problem:
        await call
    return problem.value.status, problem.value.details.type.rpartition("/")[2]
