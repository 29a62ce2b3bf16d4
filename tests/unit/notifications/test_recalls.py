"""A recall reaches whoever may still hold something, whatever became of subscriptions and consents in between."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from services.notifications import metrics
from services.notifications.acknowledgements import Deliveries
from services.notifications.documents import DELIVERIES, SUBSCRIPTIONS
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.retry_schedule import OUTAGE, recall_schedule
from services.notifications.recovery.resend import Resend
from shared.kit.base.metrics import REGISTRY
from tests.unit.notifications.world import World, agency_of, hexid, holding, match_of, person_of
from tests.unit.notifications.world_store import WorldStore

pytestmark = pytest.mark.unit
WHOLE_SCHEDULE = recall_schedule((0.0, 5.0, 300.0))  # of the world's


class Told:
    """An agency with a webhook that holds one match of one person."""

    def __init__(self) -> None:
        self.world = World()
        self._sequences = {"person": 0, "match": 0}
        self.world.hear(self.world.event("agency-registered", agency_of("gjf"), "gjf", 1))
        self.subscription = self.world.subscribe("gjf", "webhook")
        self.consent(True)
        self.match("x")
        self.finish()
        assert self.holds == {self.key("x")}

    @staticmethod
    def key(opportunity: str) -> tuple[str, str]:
        return hexid("alias", "a", "gjf"), hexid("opportunity", opportunity)

    @property
    def holds(self) -> set[tuple[str, str]]:
        return holding(self.world.partners["gjf"])

    @property
    def recalls(self) -> int:
        return sum(event["type"] == "recall" for event in self.world.partners["gjf"])

    def consent(self, given: bool, alias: str = "a") -> None:
        self._sequences["person"] += 1
        state = person_of("a", ("gjf",) if given else ())
        called = [each.model_copy(update={"alias": hexid("alias", alias, each.agency)}) for each in state.aliases]
        state = state.model_copy(update={"aliases": tuple(called)})
        key = hexid("person", "a")
        self.world.hear(self.world.event("person-updated", state, key, self._sequences["person"]))

    def match(self, opportunity: str, stands: bool = True) -> None:
        self._sequences["match"] += 1
        type = "match-found" if stands else "match-withdrawn"
        state = match_of("a", opportunity, stands=stands)
        self.world.hear(self.world.event(type, state, hexid("person", "a"), self._sequences["match"]))

    async def acknowledge(self, notice: str) -> list[str]:
        over: Any = WorldStore(self.world)
        return await Deliveries(over, over, self.world.reconciler.queues, self.world.outcomes).acknowledge(
            "gjf", [notice]
        )

    @property
    def waiting(self) -> int:
        """How many recalls arrived and were not acknowledged."""
        return sum("unacknowledged_since" in each for each in self.world.all(DELIVERIES, about="recall"))

    def finish(self) -> None:
        self.world.resync()
        self.world.deliver_all()


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


class TestARecallThatArrived:
    @pytest.mark.parametrize("again", [False, True])
    @pytest.mark.parametrize("acknowledged", [False, True])
    async def test_is_told_to_later_subscriptions_until_it_is_acknowledged(
        self, again: bool, acknowledged: bool
    ) -> None:
        told = Told()
        told.consent(False)
        told.finish()
        assert told.recalls == 1
        if acknowledged:
            await told.acknowledge(told.world.partners["gjf"][-1]["id"])
        told.consent(again)
        told.world.subscribe("gjf", "feed")
        told.finish()
        told.world.pull("gjf")
        assert told.recalls == (1 if acknowledged else 2)
        assert told.holds == ({told.key("x")} if again else set())

    async def test_by_several_channels_is_acknowledged_in_all(self) -> None:
        told = Told()
        told.world.subscribe("gjf", "feed")
        told.finish()
        told.consent(False)
        told.finish()  # by the webhook; the feed is not read
        await told.acknowledge(told.world.partners["gjf"][-1]["id"])
        recalls = told.world.all(DELIVERIES, about="recall")
        assert [recall["acknowledged"] for recall in recalls] == [True, True]


class TestHowLongARecallIsKept:
    """MongoDB deletes by `ended`, 90 days later: what has not got it stays."""

    def recalled(self) -> Told:
        told = Told()
        told.consent(False)
        told.finish()
        return told

    def recall(self, told: Told, n: int = -1) -> dict[str, Any]:
        return sorted(told.world.all(DELIVERIES, about="recall"), key=lambda each: int(each["version"]))[n]

    async def test_one_that_arrived_begins_to_end_only_once_it_is_acknowledged_however_late(self) -> None:
        told = self.recalled()
        arrived, kept = told.world.now, self.recall(told)
        assert (kept["state"], kept["unacknowledged_since"], "ended" in kept) == ("delivered", arrived, False)
        told.world.now += timedelta(days=400)
        assert await told.acknowledge(kept["notice"]) == [kept["notice"]]
        kept = self.recall(told)
        assert (kept["ended"], "unacknowledged_since" in kept) == (told.world.now, False)

    async def test_one_that_was_acknowledged_before_we_noted_that_it_arrived_ends_then(self) -> None:
        told = Told()
        told.world.subscribe("gjf", "feed")
        told.finish()
        told.consent(False)
        told.finish()  # by the webhook; the feed is not read
        await told.acknowledge(self.recall(told)["notice"])
        _, position = told.world.pull("gjf")
        told.world.pull("gjf", position)
        recalls = told.world.all(DELIVERIES, about="recall")
        assert [recall["state"] for recall in recalls] == ["delivered", "delivered"]
        assert all("ended" in recall and "unacknowledged_since" not in recall for recall in recalls)

    async def test_sent_again_it_is_awaited_since_it_came_first_whatever_comes_of_that(self) -> None:
        told = self.recalled()
        since = self.recall(told)["unacknowledged_since"]
        told.world.now += timedelta(hours=1)
        over: Any = WorldStore(told.world)
        await Resend(over, over, told.world.reconciler.queues).resend("gjf", self.recall(told)["_id"])
        assert (self.recall(told)["state"], self.recall(told)["attempts"]) == ("due", 0)
        told.world.attempt(self.recall(told)["_id"], Verdict("failed", "aborted"))
        kept = self.recall(told)
        assert (kept["state"], kept["unacknowledged_since"], "ended" in kept) == ("failed", since, False)
        await told.acknowledge(kept["notice"])
        assert self.recall(told)["ended"] == told.world.now

    async def test_one_that_was_given_up_without_having_arrived_ends_then(self) -> None:
        told = Told()
        told.consent(False)
        [recall] = told.world.due()
        told.world.attempt(recall["_id"], Verdict("failed", "aborted"), reaches=False)
        assert "ended" in self.recall(told)

    @pytest.mark.parametrize("acknowledges", ["the first", "the second"])
    async def test_who_obeys_one_is_not_asked_for_those_before_it_but_for_those_after(self, acknowledges: str) -> None:
        told = self.recalled()
        told.match("x", stands=False)
        told.consent(True)
        told.match("y")
        told.finish()
        told.consent(False)
        told.finish()
        first, second = self.recall(told, 0), self.recall(told, 1)
        assert (first["alias"], first["version"] < second["version"]) == (second["alias"], True)
        assert "unacknowledged_since" in first
        assert "unacknowledged_since" in second
        await told.acknowledge((first if acknowledges == "the first" else second)["notice"])
        kept = ["unacknowledged_since" in self.recall(told, n) for n in (0, 1)]
        assert kept == ([False, True] if acknowledges == "the first" else [False, False])
        assert ["ended" in self.recall(told, n) for n in (0, 1)] == [not each for each in kept]

    def test_a_notice_ends_when_it_has_arrived(self) -> None:
        (notice,) = Told().world.all(DELIVERIES)
        assert "ended" in notice
        assert "unacknowledged_since" not in notice


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


class TestAnOlderRecallThatArrivesLate:
    """Of an agency with a webhook that takes everything and a feed that is not read for long: a webhook of its own
    would be told both in order."""

    async def recalled(self, alias: str = "a") -> Told:
        """Recalled, told of again and recalled; the second time known by this alias. The second one is obeyed."""
        told = Told()
        told.world.subscribe("gjf", "feed")
        told.finish()
        told.consent(False)
        told.finish()
        self.again(told, alias)
        await told.acknowledge(told.world.partners["gjf"][-1]["id"])
        return told

    def again(self, told: Told, alias: str = "a") -> None:
        told.consent(True, alias)
        told.match("y" if told.recalls == 1 else "z")
        told.finish()
        told.consent(False, alias)
        told.finish()
        assert told.world.partners["gjf"][-1]["type"] == "recall"

    def reads_the_feed(self, told: Told) -> None:
        position = 0
        for _ in range(3):
            _, position = told.world.pull("gjf", position)

    def awaited(self, told: Told) -> list[tuple[int, str]]:
        recalls = told.world.all(DELIVERIES, about="recall")
        assert all("ended" in each or "unacknowledged_since" in each for each in recalls)
        return sorted((each["version"], each["channel"]) for each in recalls if "unacknowledged_since" in each)

    async def test_is_not_awaited_once_a_newer_one_was_acknowledged(self) -> None:
        told = await self.recalled()
        self.reads_the_feed(told)
        assert self.awaited(told) == []

    async def test_nor_when_still_another_one_was_said_meanwhile_which_is(self) -> None:
        told = await self.recalled()
        self.again(told)
        self.reads_the_feed(told)
        newest = max(each["version"] for each in told.world.all(DELIVERIES, about="recall"))
        assert self.awaited(told) == [(newest, "feed"), (newest, "webhook")]

    async def test_nor_when_it_was_under_way_at_that_moment(self) -> None:
        told = Told()
        other = told.world.subscribe("gjf", "webhook")
        told.finish()
        told.consent(False)
        (late,) = (each for each in told.world.due() if each["subscription"] == other)
        held = told.world.claim(late["_id"])
        told.finish()
        self.again(told)
        await told.acknowledge(told.world.partners["gjf"][-1]["id"])
        (endpoint,) = told.world.all(SUBSCRIPTIONS, _id=other)
        verdict = Verdict("delivered")
        told.world.perform(told.world.transitions.after_attempt(held, verdict, timedelta(0), 0.0, endpoint))
        (late,) = told.world.all(DELIVERIES, _id=late["_id"])
        assert (late["state"], "unacknowledged_since" in late, "ended" in late) == ("delivered", False, True)

    async def test_under_another_alias_is_awaited_for_what_was_obeyed_is_another_record(self) -> None:
        told = await self.recalled(alias="b")
        self.reads_the_feed(told)
        oldest = min(each["version"] for each in told.world.all(DELIVERIES, about="recall"))
        assert self.awaited(told) == [(oldest, "feed"), (oldest, "webhook")]

    async def test_is_awaited_when_the_newer_one_had_not_arrived_either_whoever_says_what(self) -> None:
        told = Told()
        told.world.subscribe("gjf", "feed")
        told.finish()
        told.consent(False)
        told.finish()
        told.consent(True)
        told.match("y")
        told.finish()
        told.consent(False)  # nothing of it has left
        older, newer = sorted({each["version"] for each in told.world.all(DELIVERIES, about="recall")})
        (notice,) = {each["notice"] for each in told.world.all(DELIVERIES, about="recall", version=newer)}
        assert await told.acknowledge(notice) == []
        assert told.waiting == 1
        told.finish()
        self.reads_the_feed(told)
        assert self.awaited(told) == [
            (version, channel) for version in (older, newer) for channel in ("feed", "webhook")
        ]

    async def test_by_itself_acknowledged_after_all_it_is_known(self) -> None:
        told = await self.recalled()
        self.reads_the_feed(told)
        first = min(told.world.all(DELIVERIES, about="recall"), key=lambda each: int(each["version"]))
        assert await told.acknowledge(first["notice"]) == [first["notice"]]
        assert self.awaited(told) == []


@pytest.mark.parametrize("piece", [1, 2, 3, 200])
async def test_however_many_were_not_acknowledged_they_are_settled_piece_by_piece(
    piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifications.acknowledgements.SETTLED_AT_ONCE", piece)
    told = Told()
    for n in range(7):
        told.world.now += timedelta(hours=1)
        told.consent(False)
        told.finish()
        told.consent(True)
        told.match(f"y{n}")
        told.finish()
    recalls = sorted(told.world.all(DELIVERIES, about="recall"), key=lambda each: int(each["version"]))
    assert (len(recalls), told.waiting) == (7, 7)
    await told.acknowledge(recalls[4]["notice"])
    assert told.waiting == 2
    await told.acknowledge(recalls[6]["notice"])
    assert told.waiting == 0


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
