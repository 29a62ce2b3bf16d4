"""What follows from a report of an undelivered mail, over dictionaries: for whom, what, and once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest

from services.notifications.channels.credentials import Credentials
from services.notifications.channels.mail.bounces import Bounces
from services.notifications.channels.mail.return_path import ReturnPath, ReturnTag
from services.notifications.documents import RESYNCS, SUBSCRIPTIONS
from services.notifications.endpoint_overview import BOUNCES_SHOWN, overview
from services.notifications.monitoring import Look
from shared.kit.base.metrics import REGISTRY
from tests.support.undelivered import AWAY, postfix
from tests.unit.notifications.world import World, hexid

pytestmark = pytest.mark.unit
ID, TO, ALERTS = hexid("subscription"), "Jobs@partner.example", "office@partner.example"


class Desk:
    """One subscription by mail, and reports about it."""

    def __init__(self, channel: str = "email", state: str = "active") -> None:
        self.world = World()
        self.credentials = Credentials(self.world.sealer)
        self.returns = ReturnPath(self.world.ids, "bounces@ieum.example")
        store = cast(Any, self.world.store)
        self.bounces = Bounces(store, self.credentials, self.returns, self.world.transitions)
        url = f"mailto:{TO}" if channel != "webhook" else "https://partner.example/hook"
        self.world.store.put(
            SUBSCRIPTIONS.name,
            {
                "_id": ID, "agency": "gjf", "channel": channel, "state": state, "reason": None, "held_until": None,
                "failures": 0, "target": self.credentials.sealed_target(ID, url), "secrets": [],
                "alerts_to": self.credentials.sealed_alerts_to(ID, f"mailto:{ALERTS}"),
            },
        )  # fmt: skip

    @property
    def kept(self) -> dict[str, Any]:
        found = self.world.store.get(SUBSCRIPTIONS.name, ID)
        assert found is not None
        return found

    def tag(self, field: str = "target") -> ReturnTag:
        """Of a mail that leaves now."""
        found = self.returns.read(f"bounces+{self.returns.tag(ID, self.kept[field])}@ieum.example")
        assert found is not None
        return found

    def changes(self, **fields: Any) -> None:
        self.world.store.put(SUBSCRIPTIONS.name, {**self.kept, **fields})

    async def hears(self, tag: ReturnTag, content: bytes) -> str:
        """What it counts as."""
        before = {each: _counted(each) for each in OUTCOMES}
        await self.bounces.heard(tag, content)
        (outcome,) = [each for each in OUTCOMES if _counted(each) > before[each]]
        return outcome

    @property
    def generation(self) -> int:
        """How often a resync of the agency was asked for."""
        found = self.world.store.get(RESYNCS.name, "gjf")
        return 0 if found is None else int(found["generation"])


OUTCOMES = ("ended", "shown", "known", "outdated", "soft")


def _counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("ieum_bounces_total", {"outcome": outcome}) or 0.0


@pytest.mark.parametrize("channel", ["email", "email-digest"])
@pytest.mark.parametrize("state", ["active", "paused"])
async def test_a_mailbox_that_is_gone_ends_its_subscription_once(channel: str, state: str) -> None:
    desk = Desk(channel, state)
    tag = desk.tag()
    labels = {"channel": channel, "reason": "no-such-mailbox"}
    before = REGISTRY.get_sample_value("ieum_subscriptions_disabled_total", labels) or 0.0
    assert await desk.hears(tag, postfix(TO)) == "ended"
    kept = desk.kept
    assert (kept["state"], kept["reason"], desk.generation) == ("disabled", "no-such-mailbox", 1)
    assert await desk.hears(tag, postfix(TO)) == "known"
    assert await desk.hears(tag, postfix(TO, "5.7.1")) == "known"
    assert (desk.kept, desk.generation) == (kept, 1)
    assert REGISTRY.get_sample_value("ieum_subscriptions_disabled_total", labels) == before + 1


async def test_what_else_is_for_good_is_shown_and_counts_no_failure() -> None:
    desk = Desk()
    for content in (postfix(TO, "5.2.2"), postfix("member@partner.example")):
        assert await desk.hears(desk.tag(), content) == "shown"
        assert (desk.kept["state"], desk.kept["failures"], desk.kept["bounced_at"]) == (
            "active",
            0,
            desk.world.store.now,
        )
    assert desk.generation == 0


async def test_what_says_nothing_asks_for_no_database() -> None:
    desk = Desk()
    before, desk.bounces._store = desk.kept, cast(Any, None)
    for content in (AWAY, b"", postfix(TO, "4.4.1", "delayed")):
        assert await desk.hears(desk.tag(), content) == "soft"
    assert desk.kept == before


async def test_an_address_that_was_changed_since_is_not_meant() -> None:
    desk = Desk()
    old = desk.tag()
    desk.changes(target=desk.credentials.sealed_target(ID, f"mailto:{TO}"))  # also when it is the same again
    before = desk.kept
    for content in (postfix(TO), postfix(TO, "5.7.1")):
        assert await desk.hears(old, content) == "outdated"
    assert desk.kept == before
    assert await desk.hears(ReturnTag(hexid("gone"), old.generation), postfix(TO)) == "outdated"
    assert await desk.hears(desk.tag(), postfix(TO)) == "ended"


@pytest.mark.parametrize("channel", ["email", "webhook"])
async def test_an_address_for_alerts_ends_nothing(channel: str) -> None:
    desk = Desk(channel)
    tag = desk.tag("alerts_to")
    assert await desk.hears(tag, postfix(ALERTS)) == "shown"
    assert (desk.kept["state"], desk.kept["alerts_bounced_at"]) == ("active", desk.world.store.now)
    assert "bounced_at" not in desk.kept
    desk.changes(alerts_to=None)
    assert await desk.hears(tag, postfix(ALERTS)) == "outdated"


@pytest.mark.parametrize("state", ["disabled", "paused", "unconfirmed"])
async def test_the_mail_that_tells_of_an_end_comes_back_and_is_shown(state: str) -> None:
    desk = Desk(state=state)
    assert await desk.hears(desk.tag("alerts_to"), postfix(ALERTS)) == "shown"
    assert (desk.kept["state"], desk.kept["alerts_bounced_at"]) == (state, desk.world.store.now)


async def test_a_token_of_a_target_that_is_no_mailbox_ends_nothing() -> None:
    desk = Desk("webhook")
    assert await desk.hears(desk.tag(), postfix(TO)) == "outdated"
    assert desk.kept["state"] == "active"


@pytest.mark.parametrize("field", ["bounced_at", "alerts_bounced_at"])
def test_operators_see_it_for_a_week(field: str) -> None:
    desk = Desk()
    now = desk.world.now
    for ago, shown in ((timedelta(0), True), (BOUNCES_SHOWN, True), (BOUNCES_SHOWN + timedelta(seconds=1), False)):
        desk.changes(**{field: now - ago})
        look = Look(now, now, {ID: cast(Any, desk.kept)}, (), (), ())
        (seen,) = overview(look)
        assert seen.statuses(look) == (["bounced"] if shown else [])
