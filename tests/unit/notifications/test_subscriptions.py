"""Subscriptions: several, each begun when its partner is ready, changed in place."""

from __future__ import annotations

import ssl
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.notifications.channels import client_tls
from services.notifications.channels.client_tls import ClientTls, context_of
from services.notifications.channels.mail.channel import Email
from services.notifications.channels.mail.digest import EmailDigest
from services.notifications.channels.webhook_response import Answer, judge
from services.notifications.channels.webhook_signing import new_secret
from services.notifications.documents import SUBSCRIPTIONS
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.subscriptions.management import MOST_SUBSCRIPTIONS
from services.notifications.subscriptions.schemas import SubscriptionChanges, SubscriptionShown, SubscriptionWanted
from services.notifications.subscriptions.subscription_options import Wishes
from shared.kit.web.problems import Problem
from shared.reference import load_pack
from tests.support.certificates import Authority
from tests.unit.notifications.subscription_desk import GRACE, OTHER, URL, Desk, refused

pytestmark = pytest.mark.unit


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


class TestBeginning:
    async def test_with_a_secret_of_ours_nothing_is_told_before_its_partner_says_so(self) -> None:
        desk = Desk()
        created = await desk.made.subscribe("gjf", "webhook", Wishes(URL))
        id = created.subscription["_id"]
        assert (created.subscription["state"], created.secret is not None) == ("unconfirmed", True)
        assert desk.due(id) == 0
        assert await refused(desk.made.resume("gjf", id)) == (409, "endpoint-check-failed")
        assert (desk.kept(id)["state"], desk.due(id)) == ("unconfirmed", 0)
        desk.endpoints.says[URL] = Verdict("delivered", endpoint_healthy=True)
        await desk.made.resume("gjf", id)
        assert desk.due(id) == 1

    async def test_with_its_own_secret_it_begins_at_once_and_is_not_told_it_again(self) -> None:
        desk, own = Desk(), new_secret()
        created = await desk.made.subscribe("gjf", "webhook", Wishes(URL, own))
        assert (created.subscription["state"], created.secret) == ("active", None)
        assert desk.live(created.subscription["_id"]) == [own]
        assert desk.due(created.subscription["_id"]) == 1

    async def test_who_allows_it_in_the_handshake_is_sent_no_test_event(self) -> None:
        desk = Desk()
        id = (await desk.made.subscribe("gjf", "webhook", Wishes(URL))).subscription["_id"]
        desk.endpoints.allow.add(URL)
        await desk.made.resume("gjf", id)
        assert desk.endpoints.asked == [("handshake", URL)]

    async def test_several_lead_to_several_places_and_two_to_one_place_are_refused(self) -> None:
        desk = Desk()
        await desk.webhook()
        await desk.webhook(OTHER)
        await desk.made.subscribe("gjf", "feed", Wishes())
        assert await refused(desk.webhook(OTHER)) == (409, "already-subscribed")
        assert await refused(desk.made.subscribe("gjf", "feed", Wishes())) == (409, "already-subscribed")

    @pytest.mark.parametrize(
        "written",
        [
            URL.replace("https", "HTTPS"),
            URL.replace("partner", "PARTNER"),
            URL.replace(".org", ".org:443"),
            URL.replace(".org", ".org:"),
            URL.replace("/hook", "/a/../hook"),
            URL.replace("/hook", "/%68ook"),
            URL + "?",
        ],
    )
    async def test_one_place_is_one_however_it_is_written(self, written: str) -> None:
        desk = Desk()
        await desk.webhook(written)
        assert await refused(desk.webhook(URL)) == (409, "already-subscribed")
        await desk.webhook(URL + "?for=another")
        await desk.webhook(URL + "/")

    @pytest.mark.parametrize("channel", [Email, EmailDigest])
    def test_one_mailbox_is_one_however_it_is_written(self, channel: Any) -> None:
        place = channel.__new__(channel).place  # needs nothing of it
        assert place("mailto:Kim@Agency.example.org") == place("mailto:kim@agency.example.org")
        assert place("mailto:kim@agency.example.org") != place("mailto:lee@agency.example.org")

    async def test_one_that_was_disabled_makes_room_for_the_one_that_takes_its_place(self) -> None:
        desk = Desk()
        ids = [await desk.webhook(f"{URL}/{number}") for number in range(MOST_SUBSCRIPTIONS)]
        desk.world.store.put(SUBSCRIPTIONS.name, {**desk.kept(ids[0]), "state": "disabled", "reason": "gone"})
        assert await refused(desk.webhook(f"{URL}/another")) == (409, "too-many-subscriptions")
        await desk.webhook(f"{URL}/0")
        kept = [s["_id"] for s in desk.world.all(SUBSCRIPTIONS)]
        assert (len(kept), ids[0] in kept) == (MOST_SUBSCRIPTIONS, False)

    async def test_there_are_no_more_than_so_many(self) -> None:
        desk = Desk()
        for number in range(MOST_SUBSCRIPTIONS):
            await desk.webhook(f"https://partner.example.org/{number}")
        assert await refused(desk.webhook()) == (409, "too-many-subscriptions")

    async def test_a_feed_has_no_secret_headers_or_rate(self) -> None:
        desk = Desk()
        for wishes in (Wishes(secret=new_secret()), Wishes(headers={"x-a": "b"}), Wishes(per_second=1.0)):
            assert await refused(desk.made.subscribe("gjf", "feed", wishes)) == (422, "not-for-this-channel")


class TestConsent:
    """What an endpoint says to the test event by which it is asked."""

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            (Answer(200, {"content-type": "text/html; charset=utf-8"}), "answered-with-a-page"),
            (Answer(202, {"content-type": "application/xhtml+xml"}), "answered-with-a-page"),
            (Answer(200, {"webhook-delivery": "disable"}), "disabled-by-recipient"),
            (Answer(200, {"webhook-delivery": "abort-message"}), "aborted"),
            (Answer(200, {"content-type": "application/json"}), None),
            (Answer(204, {"content-type": "text/html"}), None),
        ],
        ids=str,
    )
    async def test_a_page_for_people_and_the_wish_to_be_told_no_more_are_no_yes(
        self, said: Answer, reason: str | None
    ) -> None:
        desk = Desk()
        begun = (await desk.made.subscribe("gjf", "webhook", Wishes(URL))).subscription["_id"]
        moved = await desk.webhook("https://third.example.org/hook")
        desk.endpoints.says = dict.fromkeys((URL, OTHER), judge(said, desk.world.now, GRACE))
        asked = (
            lambda: desk.made.resume("gjf", begun),
            lambda: desk.made.change("gjf", moved, Wishes(OTHER), {"url"}),
        )
        for ask in asked:
            if reason is None:
                assert (await ask())["state"] == "active"
                continue
            with pytest.raises(Problem) as problem:
                await ask()
            assert problem.value.status == 409
            assert problem.value.details.model_extra == {"reason": reason, "phase": "answer"}
        assert desk.kept(begun)["state"] == ("active" if reason is None else "unconfirmed")
        assert desk.made.target_of(desk.kept(moved)) == (OTHER if reason is None else "https://third.example.org/hook")

    async def test_the_handshake_decides_whatever_comes_with_it(self) -> None:
        desk = Desk()
        id = (await desk.made.subscribe("gjf", "webhook", Wishes(URL))).subscription["_id"]
        desk.endpoints.allow.add(URL)
        desk.endpoints.says[URL] = judge(Answer(200, {"content-type": "text/html"}), desk.world.now, GRACE)
        assert (await desk.made.resume("gjf", id))["state"] == "active"


class TestAddress:
    async def test_the_new_one_is_asked_first_and_until_it_says_so_the_old_one_stands(self) -> None:
        desk = Desk()
        id = await desk.webhook()
        assert await refused(desk.made.change("gjf", id, Wishes(OTHER), {"url"})) == (409, "endpoint-check-failed")
        assert desk.made.target_of(desk.kept(id)) == URL
        desk.endpoints.says[OTHER] = Verdict("delivered", endpoint_healthy=True)
        await desk.made.change("gjf", id, Wishes(OTHER), {"url"})
        assert desk.made.target_of(desk.kept(id)) == OTHER
        assert ("test", URL) not in desk.endpoints.asked

    async def test_it_keeps_its_id_secrets_and_what_waits_and_forgets_the_trouble_of_the_old_one(self) -> None:
        desk = Desk()
        id = await desk.webhook()
        due, secrets, later = desk.due(id), desk.live(id), desk.world.now + GRACE
        trouble = {"failures": 5, "held_until": later, "recall_at": later, "asked_until": later}
        desk.world.store.put(SUBSCRIPTIONS.name, {**desk.kept(id), **trouble})
        desk.endpoints.allow.add(OTHER)
        await desk.made.change("gjf", id, Wishes(OTHER), {"url"})
        kept = desk.kept(id)
        assert (desk.due(id), desk.live(id), kept["failures"]) == (due, secrets, 0)
        assert (kept["held_until"], kept["recall_at"], kept["asked_until"]) == (desk.world.now, None, None)

    async def test_to_where_another_one_leads_it_does_not_go(self) -> None:
        desk = Desk()
        id, _ = await desk.webhook(), await desk.webhook(OTHER)
        desk.endpoints.allow.add(OTHER)
        assert await refused(desk.made.change("gjf", id, Wishes(OTHER), {"url"})) == (409, "already-subscribed")

    async def test_only_what_is_named_is_changed(self) -> None:
        desk = Desk()
        id = await desk.webhook(headers={"x-key": "1"}, per_second=5.0)
        await desk.made.change("gjf", id, Wishes(recalls_only=True), {"recalls_only"})
        kept = desk.kept(id)
        assert (kept["recalls_only"], kept["per_second"]) == (True, 5.0)
        assert (desk.made.header_names(kept), desk.made.target_of(kept)) == (["x-key"], URL)
        assert desk.endpoints.asked == [], "nothing that an endpoint need be asked about"


class TestOptions:
    async def test_order_and_schedule_are_kept_shown_changed_and_taken_back(self) -> None:
        desk = Desk()
        wanted = SubscriptionWanted.model_validate(
            {"channel": "webhook", "url": URL, "order": "alias", "blocked_head_seconds": 60, "retry_schedule": [5, 30]}
        )
        id = (await desk.made.subscribe("gjf", "webhook", wanted.wishes(load_pack("kr-gyeonggi")))).subscription["_id"]
        kept = desk.kept(id)
        assert (kept["order"], kept["blocked_head_seconds"]) == ("alias", 60)
        assert kept["retry_schedule"] == [0.0, 5.0, 30.0], "the first attempt is at once"
        shown = SubscriptionShown.of(kept, URL, [], None)
        assert (shown.order, shown.retry_schedule) == ("alias", [5.0, 30.0])
        change = SubscriptionChanges.model_validate({"retry_schedule": None})
        await desk.made.change("gjf", id, change.wishes(load_pack("kr-gyeonggi")), change.model_fields_set)
        assert (desk.kept(id)["order"], desk.kept(id)["retry_schedule"]) == ("alias", None)

    async def test_how_long_a_blocked_one_waits_is_said_with_order_alone(self) -> None:
        desk = Desk()
        alone = Wishes(URL, blocked_head_seconds=60)
        assert await refused(desk.made.subscribe("gjf", "webhook", alone)) == (422, "needs-order")
        id = await desk.webhook()
        assert await refused(desk.made.change("gjf", id, alone, {"blocked_head_seconds"})) == (422, "needs-order")
        both = Wishes(order="alias", blocked_head_seconds=60)
        await desk.made.change("gjf", id, both, {"order", "blocked_head_seconds"})
        assert await refused(desk.made.change("gjf", id, Wishes(), {"order"})) == (422, "needs-order")
        longer = Wishes(blocked_head_seconds=600)
        assert (await desk.made.change("gjf", id, longer, {"blocked_head_seconds"}))["blocked_head_seconds"] == 600
        await desk.made.change("gjf", id, Wishes(), {"order", "blocked_head_seconds"})
        assert (desk.kept(id)["order"], desk.kept(id)["blocked_head_seconds"]) == (None, None)

    async def test_one_of_before_that_has_it_without_order_is_changed_as_ever(self) -> None:
        desk = Desk()
        id = await desk.webhook()
        desk.world.store.put(SUBSCRIPTIONS.name, {**desk.kept(id), "blocked_head_seconds": 60})
        assert (await desk.made.change("gjf", id, Wishes(per_second=2.0), {"per_second"}))["per_second"] == 2.0

    @pytest.mark.parametrize(
        "wrong",
        [
            {"order": "person"},
            {"blocked_head_seconds": 59},
            {"retry_schedule": []},
            {"retry_schedule": [0.5]},
            {"retry_schedule": [86_401]},
            {"retry_schedule": [float("nan")]},
            {"retry_schedule": [5] * 21},
        ],
        ids=str,
    )
    def test_what_is_out_of_bounds_is_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            SubscriptionChanges.model_validate(wrong)


class TestAtOnce:
    """Two requests about one subscription: nothing is told to an address or with headers that were not asked."""

    @pytest.mark.parametrize("wishes", [Wishes(OTHER), Wishes(headers={"x-key": "1"})], ids=["url", "headers"])
    async def test_changed_before_and_resumed_meanwhile(self, wishes: Wishes, monkeypatch: pytest.MonkeyPatch) -> None:
        desk = Desk()
        id = (await desk.made.subscribe("gjf", "webhook", Wishes(URL))).subscription["_id"]
        desk.endpoints.allow.add(URL)
        before = desk.kept(id)
        await desk.made.resume("gjf", id)

        async def as_it_was(subscription: str) -> Any:
            return before

        monkeypatch.setattr(desk.made._repository, "subscription", as_it_was)
        named = {"url"} if wishes.url else {"headers"}
        assert await refused(desk.made.change("gjf", id, wishes, named)) == (409, "changed-meanwhile")
        assert (desk.made.target_of(desk.kept(id)), desk.made.header_names(desk.kept(id))) == (URL, [])

    @pytest.mark.parametrize("changed", ["target", "headers"])
    async def test_resumed_before_and_changed_meanwhile(self, changed: str, monkeypatch: pytest.MonkeyPatch) -> None:
        desk = Desk()
        id = (await desk.made.subscribe("gjf", "webhook", Wishes(URL))).subscription["_id"]
        desk.endpoints.allow.add(URL)
        before = desk.kept(id)
        sealed = {
            "target": desk.credentials.sealed_target(id, OTHER),
            "headers": desk.credentials.sealed_headers(id, {"x-key": "1"}),
        }
        desk.world.store.put(SUBSCRIPTIONS.name, {**before, changed: sealed[changed]})

        async def as_it_was(subscription: str) -> Any:
            return before

        monkeypatch.setattr(desk.made._repository, "subscription", as_it_was)
        assert await refused(desk.made.resume("gjf", id)) == (409, "changed-meanwhile")
        assert desk.kept(id)["state"] == "unconfirmed"

    async def test_what_nobody_is_asked_about_is_changed_beside_what_somebody_is(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk = Desk()
        id = await desk.webhook()
        desk.endpoints.allow.update((URL, OTHER))
        before = desk.kept(id)
        await desk.made.change("gjf", id, Wishes(OTHER), {"url"})

        async def as_it_was(subscription: str) -> Any:
            return before

        monkeypatch.setattr(desk.made._repository, "subscription", as_it_was)
        changed = await desk.made.change("gjf", id, Wishes(per_second=3), {"per_second"})
        assert (desk.made.target_of(changed), changed["per_second"]) == (OTHER, 3)
        assert await refused(desk.made.change("gjf", id, Wishes(headers={"x-a": "1"}), {"headers"})) == (
            409,
            "changed-meanwhile",
        )


class TestAsked:
    """Who subscribes makes us call addresses that have not said yes."""

    async def test_so_often_in_a_while_whatever_the_subscription(self) -> None:
        desk = Desk()
        most, within = desk.endpoints.most_asked
        ids = [await desk.webhook(f"https://partner.example.org/{number}") for number in range(2)]
        for number in range(most):
            await desk.made.test("gjf", ids[number % 2])
        await desk.made.unsubscribe("gjf", ids[0])
        fresh = (await desk.made.subscribe("gjf", "webhook", Wishes(URL))).subscription["_id"]
        for call in (
            desk.made.test("gjf", ids[1]),
            desk.made.resume("gjf", fresh),
            desk.made.change("gjf", ids[1], Wishes(OTHER), {"url"}),
        ):
            assert await refused(call) == (429, "asked-too-often")
        assert len(desk.endpoints.asked) == most
        desk.world.now += within
        await desk.made.test("gjf", ids[1])

    def test_mails_much_less_often_for_the_mailbox_may_be_somebody_elses(self) -> None:
        most, within = Email.most_asked
        assert (most, within) == (5, timedelta(hours=1))


class TestSomebodyElses:
    async def test_is_not_there(self) -> None:
        desk = Desk()
        id, made = await desk.webhook(), desk.made
        for call in (
            made.change("hana", id, Wishes(OTHER), {"url"}),
            made.pause("hana", id),
            made.resume("hana", id),
            made.test("hana", id),
            made.replace_secret("hana", id, None),
            made.unsubscribe("hana", id),
        ):
            assert await refused(call) == (404, "not-found")


class TestCertificates:
    async def test_are_looked_at_where_that_holds_up_nothing_else(
        self, authority: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk, looked_at_in = Desk(), set[int]()

        def noted(wanted: ClientTls) -> ssl.SSLContext:
            looked_at_in.add(threading.get_ident())
            return context_of(wanted)

        monkeypatch.setattr(client_tls, "context_of", noted)
        tls = ClientTls(ca=authority.file.read_text())
        id = await desk.webhook(tls=tls)
        desk.endpoints.allow.add(URL)
        await desk.made.change("gjf", id, Wishes(tls=tls), {"tls"})
        with pytest.raises(Problem):
            await desk.made.change("gjf", id, Wishes(tls=ClientTls()), {"tls"})
        summary = desk.made.tls_summary(desk.kept(id))
        assert summary is not None
        assert summary.own_ca
        assert looked_at_in
        assert threading.get_ident() not in looked_at_in
