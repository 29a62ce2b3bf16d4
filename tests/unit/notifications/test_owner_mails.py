"""When the owner of an endpoint is told that it fails, and that it is well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.notifications import owner_troubles
from services.notifications.channels.credentials import Credentials
from services.notifications.channels.mail.owner_alerts import addresses
from services.notifications.domain.circuit_breaker import Breaker
from services.notifications.endpoint_overview import overview
from services.notifications.monitoring import Look, Open
from services.notifications.owner_troubles import Step, matters, next_steps
from shared.kit.base.sealing import Sealer

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
BREAKER = Breaker(give_up_after=timedelta(days=5))


def endpoint(failures: int = 0, state: str = "active", channel: str = "webhook") -> Any:
    return {"_id": "s", "agency": "gjf", "channel": channel, "state": state, "failures": failures}


def trouble(minutes: float, told: str | None = None) -> Any:
    return {"_id": "s", "since": NOW - timedelta(minutes=minutes), "told": told}


def steps(endpoints: list[Any], kept: Any = None) -> list[Step]:
    found = [owner_troubles.endpoint(each, BREAKER, NOW) for each in endpoints]
    return next_steps(found, {"s": kept} if kept else {}, NOW)


def test_a_trouble_is_noted_at_once_and_told_after_five_minutes_once() -> None:
    assert steps([endpoint(1)]) == [Step("s", trouble(0))]
    assert steps([endpoint(2)], trouble(4.9)) == []
    assert steps([endpoint(5)], trouble(5)) == [Step("s", trouble(5, "failing"), "failing")]
    assert steps([endpoint(5)], trouble(600, "failing")) == []


def test_what_was_told_is_taken_back_and_what_was_not_is_forgotten() -> None:
    assert steps([endpoint()], trouble(7, "failing")) == [Step("s", None, "well")]
    assert steps([endpoint()], trouble(3)) == [Step("s", None)]
    assert steps([endpoint()]) == []


@pytest.mark.parametrize("told", [None, "failing", "disabled"])
@pytest.mark.parametrize("failures", [0, 1, 20])
@pytest.mark.parametrize("state", ["paused", "unconfirmed"])
def test_one_that_is_not_asked_is_neither_well_nor_in_new_trouble(state: str, failures: int, told: str | None) -> None:
    assert steps([endpoint(failures, state)], trouble(60, told)) == []
    assert steps([endpoint(failures, state)]) == []


@pytest.mark.parametrize("state", ["paused", "unconfirmed"])
def test_after_a_pause_its_trouble_goes_on_or_is_taken_back_as_it_stands_then(state: str) -> None:
    kept = trouble(60, "failing")
    assert steps([endpoint(3, state)], kept) == []
    assert steps([endpoint(3)], kept) == []
    assert steps([endpoint()], kept) == [Step("s", None, "well")]
    assert steps([endpoint(state="disabled")], kept) == [Step("s", trouble(60, "disabled"), "disabled")]


def test_an_endpoint_that_was_disabled_is_told_at_once() -> None:
    assert steps([endpoint(state="disabled")]) == [Step("s", trouble(0, "disabled"), "disabled")]
    assert steps([endpoint(state="disabled")], trouble(9, "failing")) == [Step("s", trouble(9, "disabled"), "disabled")]
    assert steps([endpoint(state="disabled")], trouble(9, "disabled")) == []


class TestADayBeforeItsEnd:
    @staticmethod
    def failing(days: float, failures: int = 20) -> Any:
        return endpoint(failures) | {"failing_since": NOW - timedelta(days=days)}

    def test_it_is_told_once_more_and_once(self) -> None:
        kept = trouble(5_000, "failing")
        assert steps([self.failing(3.99)], kept) == []
        assert steps([self.failing(4)], kept) == [Step("s", trouble(5_000, "ending"), "ending")]
        assert steps([self.failing(4.9)], trouble(5_000, "ending")) == []

    def test_who_was_told_nothing_yet_is_told_that_alone(self) -> None:
        assert steps([self.failing(4.5)], trouble(5)) == [Step("s", trouble(5, "ending"), "ending")]
        assert steps([self.failing(4.5)], trouble(4)) == []

    def test_then_it_is_well_or_has_ended(self) -> None:
        kept = trouble(5_000, "ending")
        assert steps([endpoint()], kept) == [Step("s", None, "well")]
        ended = self.failing(5) | {"state": "disabled"}
        assert steps([ended], kept) == [Step("s", trouble(5_000, "disabled"), "disabled")]

    def test_a_new_outage_that_was_not_seen_to_begin_is_told_with_its_own_end(self) -> None:
        assert steps([self.failing(0.1)], trouble(5_000, "ending")) == [Step("s", trouble(5_000, "failing"), "failing")]

    def test_without_an_outage_nothing_ends(self) -> None:
        assert steps([self.failing(30, failures=4)], trouble(5_000, "failing")) == []


@pytest.mark.parametrize("channel", ["email", "email-digest"])
@pytest.mark.parametrize("named", [{}, {"alerts_to": b"sealed"}])
def test_of_a_mailbox_it_is_told_that_it_does_not_exist_and_not_that_the_mail_server_is_away(
    channel: str, named: dict[str, bytes]
) -> None:
    assert steps([endpoint(5, channel=channel) | named]) == []
    disabled = endpoint(0, "disabled", channel=channel) | named
    assert steps([disabled]) == [Step("s", trouble(0, "disabled"), "disabled")]
    assert steps([disabled], trouble(9, "disabled")) == []
    assert steps([endpoint(0, channel=channel) | named], trouble(9, "disabled")) == [Step("s", None, "well")]


def test_a_subscription_that_has_gone_is_forgotten() -> None:
    assert steps([], trouble(9, "failing")) == [Step("s", None)]


class TestWhatElseMayBeWrong:
    """Seen by the monitor; the database's clock, which dated acknowledgements, is 100 days behind."""

    TRUSTED = NOW - timedelta(days=100)

    def told(self, *subscriptions: Any, **seen: Any) -> dict[str, str | None]:
        empty: dict[str, Any] = {"undelivered": (), "unacknowledged": (), "doubtful": ()}
        look = Look(NOW, self.TRUSTED, {each["_id"]: each for each in subscriptions}, **(empty | seen))
        return {each.id: each.what for each in matters(overview(look), look, BREAKER, NOW + timedelta(hours=9))}

    def test_nothing_is_wrong(self) -> None:
        feed = endpoint(channel="feed") | {"_id": "f"}
        expected = ("s", "doubtful/s", "unread/f", "unacknowledged/gjf")
        assert self.told(endpoint(), feed) == dict.fromkeys(expected)
        assert self.told() == {}

    @pytest.mark.parametrize(
        ("about", "age", "told"),
        [
            ("recall", timedelta(hours=1), None),
            ("recall", timedelta(hours=1, seconds=1), "unread"),
            ("notice", timedelta(days=2), None),
            ("notice", timedelta(days=2, seconds=1), "unread"),
        ],
    )
    def test_a_feed_is_not_read(self, about: Any, age: timedelta, told: str | None) -> None:
        opened = Open("feed", "gjf", about, 1, NOW - age)
        assert self.told(endpoint(channel="feed"), undelivered=[opened])["unread/s"] == told

    @pytest.mark.parametrize(("minutes", "told"), [(60, None), (61, "unacknowledged")])
    def test_a_recall_was_not_acknowledged_by_whatever_subscription_it_came(
        self, minutes: float, told: str | None
    ) -> None:
        old = Open("any", "gjf", "recall", 1, self.TRUSTED - timedelta(minutes=minutes), "gone")
        assert self.told(endpoint(), unacknowledged=[old])["unacknowledged/gjf"] == told
        assert self.told(unacknowledged=[old]) == {}, "nobody is there any more who could be told"

    def test_a_page_for_people_has_answered(self) -> None:
        doubtful = Open("webhook", "gjf", "notice", 1, self.TRUSTED, "s")
        assert self.told(endpoint(), doubtful=[doubtful])["doubtful/s"] == "doubtful"

    @pytest.mark.parametrize("what", ["unread", "unacknowledged", "doubtful"])
    def test_it_is_told_at_once_and_once_and_taken_back(self, what: Any) -> None:
        there = owner_troubles.Matter("s", what, "gjf", None, what, 1, NOW)
        well = owner_troubles.Matter("s", what, "gjf", None, None)
        assert next_steps([there], {}, NOW) == [Step("s", trouble(0, what), what)]
        assert next_steps([there], {"s": trouble(9_000, what)}, NOW) == []
        assert next_steps([well], {"s": trouble(9_000, what)}, NOW) == [Step("s", None, "well")]
        assert next_steps([well], {}, NOW) == []


class TestWhomToTell:
    CREDENTIALS = Credentials(Sealer(b"k" * 32))

    def owner(self, id: str, mailbox: str | None = None, alerts_to: str | None = None, state: str = "active") -> Any:
        return {
            "_id": id,
            "channel": "email" if mailbox else "webhook",
            "state": state,
            "target": self.CREDENTIALS.sealed_target(id, f"mailto:{mailbox}") if mailbox else None,
            "alerts_to": self.CREDENTIALS.sealed_alerts_to(id, f"mailto:{alerts_to}" if alerts_to else None),
        }

    def told(self, about: Any, *owners: Any) -> dict[str, str]:
        found = addresses(self.CREDENTIALS, about, owners)
        sealed = {each["_id"]: {each["target"], each["alerts_to"]} for each in owners}
        assert all(seal is not None and seal in sealed[id] for id, seal in found.values())
        return {to: id for to, (id, _) in found.items()}

    def test_the_address_of_the_subscription_and_the_agencys_mailboxes(self) -> None:
        one, other = self.owner("1", alerts_to="one@x.example"), self.owner("2", alerts_to="two@x.example")
        mailbox = self.owner("3", mailbox="jobs@x.example")
        assert self.told(one, one, other, mailbox) == {"one@x.example": "1", "jobs@x.example": "3"}

    def test_without_one_those_of_its_other_subscriptions(self) -> None:
        bare, other = self.owner("1"), self.owner("2", alerts_to="two@x.example")
        assert self.told(bare, bare, other) == {"two@x.example": "2"}
        assert self.told(bare, bare) == {}

    def test_about_all_of_an_agency_everybody_is_told_once(self) -> None:
        one, other = self.owner("1", alerts_to="one@x.example"), self.owner("2", alerts_to="one@x.example")
        mailbox = self.owner("3", mailbox="one@x.example")
        assert self.told(None, one, other, mailbox) == {"one@x.example": "1"}

    def test_a_mailbox_is_not_told_about_itself_nor_one_that_was_disabled(self) -> None:
        ended = self.owner("1", mailbox="gone@x.example", alerts_to="two@x.example", state="disabled")
        assert self.told(ended, ended) == {"two@x.example": "1"}
        failing = self.owner("1", mailbox="gone@x.example")
        assert self.told(failing, failing) == {}

    def test_of_a_mailbox_without_another_address_the_other_subscriptions_of_its_agency_are_told(self) -> None:
        ended = self.owner("1", mailbox="gone@x.example", state="disabled")
        other, mailbox = self.owner("2", alerts_to="two@x.example"), self.owner("3", mailbox="jobs@x.example")
        paused = self.owner("4", mailbox="rests@x.example", state="paused")
        assert self.told(ended, ended, other, mailbox, paused) == {"two@x.example": "2", "jobs@x.example": "3"}
        read = {name: value for name, value in ended.items() if name != "target"}  # as for the gauges
        assert self.told(read, ended, other, mailbox) == {"two@x.example": "2", "jobs@x.example": "3"}

    def test_nor_is_it_told_by_whatever_name_it_stands_in_others(self) -> None:
        ended = self.owner("1", mailbox="gone@x.example", alerts_to="gone@X.example", state="disabled")
        other, same = self.owner("2", alerts_to="two@x.example"), self.owner("3", alerts_to="gone@x.example")
        digest = self.owner("4", mailbox="gone@x.example")
        assert self.told(ended, ended, other, same, digest) == {"two@x.example": "2"}
