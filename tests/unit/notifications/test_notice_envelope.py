"""What leaves: equal length, nothing that two partners could join, signatures that others' libraries verify."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from services.notifications.channels.webhook_signing import new_secret, signed_headers
from services.notifications.documents import DELIVERIES
from services.notifications.domain.notice_envelope import TooLong, cloudevent, encode, encoded
from services.notifications.domain.retry_schedule import STANDARD_SCHEDULE
from services.notifications.settings import NotificationsSettings
from shared.events.notices import BODY_BYTES, EndpointTest, Notice, Recall
from tests.support.keys import A_KEY, ANOTHER_KEY
from tests.unit.notifications.world import World, agency_of, hexid, match_of, person_of

pytestmark = pytest.mark.unit


def notice(**changes: Any) -> Notice:
    values: dict[str, Any] = {
        "notice": "1" * 32,
        "alias": "2" * 32,
        "opportunity": "3" * 32,
        "kind": "job",
        "version": 1,
        "state": "proposed",
        "band": "high",
        "month": "2026-11",
        "ask": f"/people/{'2' * 32}/matches",
    }
    return Notice(**(values | changes))


class TestBody:
    @pytest.mark.parametrize(
        "told",
        [
            notice(),
            notice(kind="k" * 40, version=10**12, state="ended", band="medium", ask="/" + "a" * 199),
            Recall(notice="1" * 32, alias="2" * 32, version=7, month="2026-11", ask="/x"),
        ],
    )
    def test_every_body_has_the_same_length(self, told: Notice | Recall) -> None:
        body = encode(cloudevent(told))
        assert len(body) == BODY_BYTES == 1024
        assert json.loads(body)["data"]["notice"] == json.loads(body)["id"] == told.notice

    @example("/\x7f", 1, "proposed")
    @given(st.text(max_size=150), st.integers(1, 10**30), st.sampled_from(["proposed", "ended"]))
    def test_what_is_sent_is_the_same_event(self, ask: str, version: int, state: str) -> None:
        recall = Recall(notice="a1" * 16, alias="2" * 32, version=version, month="2026-01", ask=ask)
        for told in (
            notice(ask=ask, version=version, state=state),
            recall,
            EndpointTest(notice="b" * 32, month="2026-12"),
        ):
            try:
                expected = encode(cloudevent(told))
            except TooLong:
                with pytest.raises(TooLong):
                    encoded(told)
            else:
                assert encoded(told) == expected

    def test_the_time_is_the_first_of_the_month(self) -> None:
        assert cloudevent(notice())["time"] == "2026-11-01T00:00:00Z"

    def test_what_does_not_fit_is_not_cut(self) -> None:
        with pytest.raises(TooLong):
            cloudevent(notice(version=10**700))


class TestTwoPartners:
    def test_share_nothing_but_the_opportunity_and_words_that_everybody_gets(self) -> None:
        world = World()
        for agency in ("gjf", "hana"):
            world.hear(world.event("agency-registered", agency_of(agency), agency, 1))
            world.subscribe(agency, "webhook")
        for name in ("a", "b"):
            world.hear(world.event("person-updated", person_of(name, ("gjf", "hana")), hexid("person", name), 1))
            for opportunity in ("x", "y", "z"):
                told = match_of(name, opportunity)
                world.hear(world.event("match-found", told, hexid("person", name), 1))
        world.deliver_all()
        world.hear(world.event("person-updated", person_of("b"), hexid("person", "b"), 2))
        world.deliver_all()
        mine, theirs = (values(world.partners[agency]) for agency in ("gjf", "hana"))
        opportunities = {hexid("opportunity", o) for o in ("x", "y", "z")}
        words = {"1.0", "/notices", "notice", "recall", "application/json", "job", "proposed", "ended", "high"}
        assert mine & theirs <= opportunities | words | {"2026-11", "2026-11-01T00:00:00Z"} | set(map(str, range(9)))
        assert opportunities <= mine & theirs

    def test_nothing_of_ours_goes_out(self) -> None:
        world = World()
        world.hear(world.event("agency-registered", agency_of("gjf"), "gjf", 1))
        world.subscribe("gjf", "webhook")
        world.hear(world.event("person-updated", person_of("a", ("gjf",)), hexid("person", "a"), 1))
        world.hear(world.event("match-found", match_of("a", "x"), hexid("person", "a"), 1))
        world.deliver_all()
        wire = json.dumps(world.partners["gjf"])
        (delivery,) = world.all(DELIVERIES)
        for ours in (
            hexid("person", "a"),
            hexid("match", "a", "x"),
            delivery["_id"],
            delivery["cause"]["correlationid"],
            "gjf",
        ):
            assert ours not in wire


def values(events: list[dict[str, Any]]) -> set[str]:
    found: set[str] = set()
    for event in events:
        found |= {str(v) for v in event.values() if not isinstance(v, dict)}
        found |= {str(v) for k, v in event["data"].items() if k not in ("padding", "ask")}
        found |= {part for part in event["data"]["ask"].split("/") if part not in ("", "people", "matches")}
    return found


class TestSigning:
    def test_the_public_verifier_takes_it_and_nothing_altered(self) -> None:
        secret, body, now = new_secret(), encode(cloudevent(notice())), datetime.now(UTC)
        headers = signed_headers([secret], "1" * 32, now, body)
        Webhook(secret).verify(body, headers)
        for altered, other in (
            (body.replace(b"high", b"low!"), headers),
            (body, headers | {"webhook-id": "9" * 32}),
            (body, headers | {"webhook-timestamp": str(int(now.timestamp()) - 1)}),
        ):
            with pytest.raises(WebhookVerificationError):
                Webhook(secret).verify(altered, other)
        with pytest.raises(WebhookVerificationError):
            Webhook(new_secret()).verify(body, headers)

    def test_a_replay_after_five_minutes_is_refused(self) -> None:
        secret, body = new_secret(), b"{}"
        late = signed_headers([secret], "n", datetime.now(UTC) - timedelta(minutes=5, seconds=2), body)
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, late)

    def test_old_and_new_secret_both_verify(self) -> None:
        old, new = new_secret(), new_secret()
        headers = signed_headers([new, old], "n", datetime.now(UTC), b"{}")
        Webhook(old).verify(b"{}", headers)
        Webhook(new).verify(b"{}", headers)

    def test_a_time_in_another_zone_is_signed_right(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TZ", "Asia/Seoul")
        time.tzset()
        try:
            secret, seoul = new_secret(), datetime.now(timezone(timedelta(hours=9)))
            Webhook(secret).verify(b"{}", signed_headers([secret], "n", seoul, b"{}"))
        finally:
            os.environ.pop("TZ")
            time.tzset()

    def test_a_naive_time_is_refused(self) -> None:
        with pytest.raises(ValueError, match="zone"):
            signed_headers([new_secret()], "n", datetime(2026, 1, 1), b"{}")  # noqa: DTZ001 - what is refused


class TestSettings:
    def settings(self, **values: Any) -> NotificationsSettings:
        given = {"profile": "development", "kafka": "127.0.0.1:1", "mongo_url": "mongodb://127.0.0.1/"} | values
        return NotificationsSettings(**given)

    def production(self, **values: Any) -> NotificationsSettings:
        keys = {"id_key": A_KEY, "sealing_key": ANOTHER_KEY}
        own = {**keys, "instance": "n-1", "kafka_idempotent": True, "metrics_port": 9100}
        own |= {"kafka_security_protocol": "SASL_SSL", "kafka_user": "notifications", "kafka_password": "none"}
        return self.settings(**{"profile": "production", **own, **values})

    def test_production_knows_https_on_usual_ports_and_no_inner_network(self) -> None:
        rules = self.production().url_rules
        assert (rules.plain_http, rules.allowed, set(rules.ports)) == (False, (), {443, 8443})
        with pytest.raises(ValueError, match="ALLOW_NETWORKS"):
            self.production(allow_networks=("10.0.0.0/8",))

    def test_development_may_call_this_machine_only(self) -> None:
        assert [str(network) for network in self.settings().networks] == ["127.0.0.0/8", "::1/128"]

    def test_the_schedule_is_the_standard_one(self) -> None:
        assert self.settings().retry_schedule == STANDARD_SCHEDULE

    @pytest.mark.parametrize("bad", [float("nan"), float("inf"), -5.0, 1e300])
    def test_no_wait_is_no_time_at_all(self, bad: float) -> None:
        for wrong in ({"retry_schedule": (0.0, bad)}, {"retry_after_max_seconds": bad}):
            with pytest.raises(ValueError, match="retry_"):
                self.settings(**wrong)

    def test_a_lease_outlives_an_attempt(self) -> None:
        for deadlines in (1, 4):
            longest = timedelta(seconds=deadlines * self.settings().deadline_seconds)
            assert 0.8 * self.settings().dispatcher_lease(longest) > longest + timedelta(seconds=20)
