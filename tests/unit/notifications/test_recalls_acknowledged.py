"""How long a recall is kept and awaited: until it, or a newer one, is acknowledged."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notifications.documents import DELIVERIES, SUBSCRIPTIONS
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.recovery.resend import Resend
from tests.unit.notifications.recalled_agency import Told
from tests.unit.notifications.world_store import WorldStore

pytestmark = pytest.mark.unit


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
