"""A recall reaches whoever may still hold something, whatever became of subscriptions and consents in between."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from services.notifications import metrics
from services.notifications.documents import DELIVERIES, SUBSCRIPTIONS
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.retry_schedule import OUTAGE, recall_schedule
from shared.kit.base.metrics import REGISTRY
from tests.unit.notifications.recalled_agency import Told
from tests.unit.notifications.world import World, agency_of, hexid, match_of, person_of

pytestmark = pytest.mark.unit
WHOLE_SCHEDULE = recall_schedule((0.0, 5.0, 300.0))  # of the world's


def _given_up() -> float:
    of = {"channel": "none", "outcome": "recall-given-up"}
    return REGISTRY.get_sample_value("ieum_deliveries_total", of) or 0.0


class TestARecallThatNobodyCouldBring:
    def test_comes_first_with_the_next_subscription_although_consent_was_given_again(self) -> None:
        told = Told()
        told.world.unsubscribe(told.subscription)
        told.finish()
        told.consent(False)
        told.match("x", stands=False)
        told.consent(True)
        told.match("y")
        told.world.subscribe("gjf", "webhook")
        told.finish()
        assert told.holds == {told.key("y")}
        kinds = [event["type"] for event in told.world.partners["gjf"]]
        assert kinds == ["notice", "recall", "notice"]

    def test_comes_with_the_next_subscription_when_its_own_ended_before_it_arrived(self) -> None:
        told = Told()
        told.consent(False)
        [recall] = told.world.due()
        told.world.attempt(recall["_id"], Verdict("failed", "gone", disable=True), reaches=False)
        told.finish()
        told.match("x", stands=False)
        told.consent(True)
        told.world.subscribe("gjf", "feed")
        told.finish()
        told.world.pull("gjf")
        assert told.holds == set()
        assert told.recalls == 1

    @pytest.mark.parametrize("other", [False, True], ids=["alone", "beside another"])
    def test_that_waits_while_a_report_ends_its_subscription_is_brought_by_others(self, other: bool) -> None:
        told = Told()
        if other:
            told.world.subscribe("gjf", "feed")
            told.world.resync()
        told.consent(False)
        before = _given_up()
        assert told.world.perform(told.world.transitions.bounced(told.subscription, lambda of: "gone")) == "ended"
        told.finish()
        assert _given_up() == before + 1  # the operator is called, whoever else brings it
        if not other:
            told.world.subscribe("gjf", "feed")
            told.finish()
        told.world.pull("gjf")
        assert told.holds == set()
        assert told.recalls >= 1


class TestARecallAtAnEndpointThatIsNotKnownToBeDown:
    def test_it_is_found_down_within_seconds_also_if_nothing_else_is_told_there(self) -> None:
        told = Told()
        told.consent(False)
        began = told.world.now
        for _ in range(OUTAGE):
            (recall,) = told.world.due()
            told.world.attempt(recall["_id"], Verdict("again", "no-connection", possibly_sent=False), reaches=False)
            told.world.now += timedelta(seconds=5)
        (endpoint,) = told.world.all(SUBSCRIPTIONS)
        assert endpoint["failures"] >= OUTAGE, "from now on it is asked every few seconds (half_open_probe.py)"
        assert told.world.now - began <= timedelta(seconds=30)

    def test_the_waits_that_the_partner_chose_are_for_notices(self) -> None:
        told = Told()
        (endpoint,) = told.world.all(SUBSCRIPTIONS)
        told.world.store.put(SUBSCRIPTIONS.name, {**endpoint, "retry_schedule": [0.0, 86_400.0]})
        told.consent(False)
        (recall,) = told.world.due()
        told.world.attempt(recall["_id"], Verdict("again", "refused-500"), reaches=False)
        told.world.now += timedelta(seconds=5)
        assert [each["_id"] for each in told.world.due()] == [recall["_id"]]


class TestARecallThatAPageForPeopleAnswered:
    PAGE = Verdict("delivered", "answered-with-a-page", endpoint_healthy=True, doubtful=True)

    def test_is_tried_again_until_it_is_given_up(self) -> None:
        told = Told()
        told.consent(False)
        for _ in WHOLE_SCHEDULE:
            (recall,) = told.world.due()
            told.world.attempt(recall["_id"], self.PAGE, reaches=False)
            told.world.now += timedelta(hours=1)
        (recall,) = told.world.all(DELIVERIES, about="recall")
        assert (recall["state"], recall["reason"]) == ("failed", "answered-with-a-page")

    async def test_is_done_once_it_is_acknowledged(self) -> None:
        told = Told()
        told.consent(False)
        (recall,) = told.world.due()
        told.world.attempt(recall["_id"], self.PAGE)
        assert await told.acknowledge(recall["notice"]) == [recall["notice"]]
        told.world.now += timedelta(hours=1)
        assert not told.world.due()
        (recall,) = told.world.all(DELIVERIES, about="recall")
        assert (recall["state"], recall["acknowledged"]) == ("delivered", True)

    def test_a_notice_counts_as_delivered_and_the_doubt_is_noted(self) -> None:
        told = Told()
        told.match("y")
        (notice,) = told.world.due()
        told.world.attempt(notice["_id"], self.PAGE)
        (notice,) = told.world.all(DELIVERIES, _id=notice["_id"])
        assert (notice["state"], notice["reason"]) == ("delivered", "answered-with-a-page")
        assert [(each["outcome"], each["reason"]) for each in notice["log"]] == [("delivered", "answered-with-a-page")]


class TestARecallThatIsGivenUp:
    def test_is_counted_as_one_that_reaches_nobody_and_the_log_names_whom_to_call(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        told, counted = Told(), metrics.deliveries.of(channel="none", outcome="recall-given-up")
        before = counted._value.get()
        told.consent(False)
        for _ in WHOLE_SCHEDULE:
            (recall,) = told.world.due()
            assert (recall["about"], counted._value.get()) == ("recall", before)
            told.world.attempt(recall["_id"], Verdict("again", "refused-400", endpoint_healthy=True), reaches=False)
            told.world.now += timedelta(hours=1)
        assert not told.world.due()
        assert counted._value.get() == before + 1
        (line,) = [line for line in map(json.loads, capsys.readouterr().out.splitlines()) if line["event"] != "unnamed"]
        assert (line["event"], line["level"], line["recipient"]) == ("recall_given_up", "error", "gjf")
        assert "Call this partner" in line["remedy"]
        assert recall["alias"] not in str(line)
        assert recall["person"] not in str(line)

    def test_a_notice_that_is_given_up_calls_nobody(self) -> None:
        told, counted = Told(), metrics.deliveries.of(channel="none", outcome="recall-given-up")
        before = counted._value.get()
        told.match("y")
        for _ in range(3):
            (notice,) = told.world.due()
            told.world.attempt(notice["_id"], Verdict("again", "refused-500"), reaches=False)
            told.world.now += timedelta(hours=1)
        assert not told.world.due()
        assert counted._value.get() == before


def test_a_match_tells_of_an_open_recall_that_a_subscription_was_away_for_and_waits_for_what_is_under_way() -> None:
    world = World()
    world.hear(world.event("agency-registered", agency_of("gjf"), "gjf", 1))
    subscription = world.subscribe("gjf", "webhook")

    def becomes(state: str) -> None:
        (document,) = world.all(SUBSCRIPTIONS)
        world.store.put(SUBSCRIPTIONS.name, {**document, "state": state})

    def match(opening: str) -> None:
        data = match_of("kim", opening)
        world.hear(world.event("match-found", data, data.match, 1))

    def person(sequence: int, *allowed: str) -> None:
        world.hear(world.event("person-updated", person_of("kim", allowed), hexid("person", "kim"), sequence))

    person(1, "gjf")
    match("told")
    world.deliver_all()
    match("under way")
    (held,) = [world.claim(each["_id"]) for each in world.due()]
    becomes("disabled")
    person(2)  # the recall is said, and nobody is there to bring it
    person(3, "gjf")
    becomes("active")
    match("new")
    (recall,) = world.all(DELIVERIES, about="recall")
    assert (recall["subscription"], recall["state"]) == (subscription, "waiting")
    assert world.all(DELIVERIES, _id=held["_id"])[0]["waits"] == "recalled"
