"""A subscription that is there: paused, resumed, its secrets replaced; no secret ends before its time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.notifications import owner_troubles
from services.notifications.channels.webhook_signing import new_secret
from services.notifications.documents import RECOVERIES, RESYNCS, SUBSCRIPTIONS
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.circuit_breaker import Breaker
from services.notifications.subscriptions.subscription_options import Wishes
from tests.unit.notifications.subscription_desk import GRACE, OTHER, URL, Desk, refused

pytestmark = pytest.mark.unit


class TestPauseAndResume:
    async def test_what_is_told_meanwhile_waits_and_the_endpoint_is_not_asked_again(self) -> None:
        desk = Desk()
        id = await desk.webhook()
        await desk.made.pause("gjf", id)
        assert desk.due(id) == 1, "it waits for an endpoint that is not open"
        await desk.made.resume("gjf", id)
        assert (desk.kept(id)["state"], desk.endpoints.asked) == ("active", [])

    @pytest.mark.parametrize("failures", [0, 3, 20])
    async def test_one_that_failed_is_what_it_was_tried_at_once_and_not_given_up_for_the_time_of_the_pause(
        self, failures: int
    ) -> None:
        desk = Desk()
        id = await desk.webhook()
        desk.world.resync()
        desk.world.attempt(desk.world.due()[0]["_id"], Verdict("again", "refused-503"))
        assert desk.due(id) == 0
        since, later = desk.world.now - timedelta(days=9), desk.world.now + GRACE
        trouble = {"failures": failures, "failing_since": since if failures else None, "held_until": later}
        await desk.made.pause("gjf", id)
        desk.world.store.put(SUBSCRIPTIONS.name, {**desk.kept(id), **trouble, "recall_at": later, "asked_until": later})
        resumed = await desk.made.resume("gjf", id)
        now = desk.world.now
        assert (resumed["failures"], resumed["failing_since"]) == (failures, now if failures else None)
        assert resumed["held_until"] == now, "open, and what came to wait before is told from what is new"
        assert resumed["paused_until"] == now
        assert (resumed["recall_at"], resumed["asked_until"]) == (None, None)
        assert desk.due(id) == 1
        assert owner_troubles.endpoint(resumed, Breaker(), now).what == ("failing" if failures else None)
        if failures:
            desk.world.attempt(desk.world.due()[0]["_id"], Verdict("again", "refused-503"))
            assert desk.kept(id)["state"] == "active", "one bad answer after a long pause does not end it"

    async def test_trouble_with_our_own_mail_server_does_not_become_its_own_by_a_pause(self) -> None:
        desk = Desk()
        id = await desk.webhook()
        desk.world.resync()
        desk.world.attempt(desk.world.due()[0]["_id"], Verdict("again", "mail-server", ours=True))
        await desk.made.pause("gjf", id)
        resumed = await desk.made.resume("gjf", id)
        assert (resumed["failures"], resumed["failing_since"]) == (1, None)

    async def test_an_active_one_keeps_its_trouble_and_its_wait(self) -> None:
        desk = Desk()
        id = await desk.webhook()
        trouble = {"failures": 6, "failing_since": desk.world.now, "held_until": desk.world.now + GRACE}
        desk.world.store.put(SUBSCRIPTIONS.name, {**desk.kept(id), **trouble})
        resumed = await desk.made.resume("gjf", id)
        assert {name: resumed[name] for name in trouble} == trouble  # type: ignore[literal-required]  # names of fields

    async def test_one_that_was_disabled_is_asked_and_then_told_everything_again(self) -> None:
        desk = Desk()
        id = await desk.webhook()
        desk.world.store.put(SUBSCRIPTIONS.name, {**desk.kept(id), "state": "disabled", "reason": "gone"})
        assert await refused(desk.made.pause("gjf", id)) == (409, "nothing-to-pause")
        assert await refused(desk.made.resume("gjf", id)) == (409, "endpoint-check-failed")
        desk.endpoints.allow.add(URL)
        await desk.made.resume("gjf", id)
        assert (desk.kept(id)["state"], desk.kept(id)["reason"]) == ("active", None)
        ((recovery,), resyncs) = desk.world.all(RECOVERIES), desk.world.all(RESYNCS)
        assert (recovery["what"], recovery["state"], len(resyncs)) == ("all", "running", 1)

    async def test_a_feed_is_not_paused(self) -> None:
        desk = Desk()
        feed = (await desk.made.subscribe("gjf", "feed", Wishes())).subscription["_id"]
        assert await refused(desk.made.pause("gjf", feed)) == (409, "nothing-to-pause")
        assert await refused(desk.made.test("gjf", feed)) == (409, "nothing-to-test")


class TestSecrets:
    async def test_a_second_replacement_within_the_grace_ends_none_before_its_time(self) -> None:
        desk = Desk()
        id = await desk.webhook()
        (first,) = desk.live(id)
        second = (await desk.made.replace_secret("gjf", id, None)).secret
        desk.world.now += timedelta(days=3)
        third = new_secret()
        assert (await desk.made.replace_secret("gjf", id, third)).secret is None
        assert desk.live(id) == [third, second, first]
        desk.world.now += timedelta(days=4)
        assert desk.live(id) == [third, second], "seven days after it was replaced"
        desk.world.now += timedelta(days=3)
        assert desk.live(id) == [third]

    async def test_on_a_channel_without_one_it_is_told_that_nothing_is_signed(self) -> None:
        desk = Desk()
        id = await desk.webhook()
        desk.world.store.put(SUBSCRIPTIONS.name, {**desk.kept(id), "secrets": []})
        assert await refused(desk.made.replace_secret("gjf", id, None)) == (409, "nothing-is-signed")

    async def test_when_too_many_sign_already_a_further_one_is_refused_and_none_is_ended(self) -> None:
        desk = Desk()
        id = await desk.webhook()
        for _ in range(3):
            await desk.made.replace_secret("gjf", id, None)
        before = desk.live(id)
        assert len(before) == 4
        assert await refused(desk.made.replace_secret("gjf", id, None)) == (409, "too-many-secrets")
        assert desk.live(id) == before
        desk.world.now += GRACE
        await desk.made.replace_secret("gjf", id, None)
        assert len(desk.live(id)) == 2

    async def test_one_that_signs_already_takes_no_second_place(self) -> None:
        desk = Desk()
        id, own = await desk.webhook(), new_secret()
        (first,) = desk.live(id)
        for _ in range(6):
            assert (await desk.made.replace_secret("gjf", id, own)).secret is None
            assert desk.live(id) == [own, first]
        desk.world.now += timedelta(days=1)
        await desk.made.replace_secret("gjf", id, first)  # the one before again
        assert desk.live(id) == [first, own]
        desk.world.now += GRACE
        assert desk.live(id) == [first]

    async def test_its_grace_outlives_pause_resume_and_a_change_of_address(self) -> None:
        desk = Desk()
        id = await desk.webhook()
        (first,) = desk.live(id)
        await desk.made.replace_secret("gjf", id, None)
        await desk.made.pause("gjf", id)
        await desk.made.resume("gjf", id)
        desk.endpoints.allow.add(OTHER)
        await desk.made.change("gjf", id, Wishes(OTHER), {"url"})
        assert first in desk.live(id)
