"""What failed, or all that a subscription should hold, is told again: once each, in pieces, beside what is new
(situations 36 and 37)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.documents import DELIVERIES, RECOVERIES, SUBSCRIPTIONS, RecoveryKind
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.recovery import recovery_job
from services.notifications.recovery.recovery_job import RecoveryJob
from services.notifications.recovery.recovery_requests import FIRST, LAST, Recoveries, as_kept
from services.notifications.recovery.resend import Resend
from shared.kit.base.clock import Clock
from shared.kit.web.problems import Problem
from tests.unit.notifications.world import World, agency_of, hexid, holding, match_of, person_of
from tests.unit.notifications.world_store import WorldStore

pytestmark = pytest.mark.unit
TAKEN = Verdict("delivered", endpoint_healthy=True)
REFUSED = Verdict("failed", "aborted", endpoint_healthy=True)


class Recovering:
    """gjf has a webhook, and may hear of these people, each with these openings."""

    def __init__(self, people: int = 1, openings: tuple[str, ...] = ("x",), per_second: float = 1_000) -> None:
        self.world, self.people = World(), [f"p{number}" for number in range(people)]
        self.hear("agency-registered", agency_of("gjf"), "gjf")
        self.subscription = self.world.subscribe("gjf", "webhook")
        for name in self.people:
            self.hear("person-updated", person_of(name, ("gjf",)), hexid("person", name))
            for opening in openings:
                self.hear("match-found", match_of(name, opening), hexid("person", name))
        over = WorldStore(self.world)
        queues, clock = self.world.reconciler.queues, Clock(wall=lambda: self.world.now)
        self.requests = Recoveries(over.store, over.repository, lambda: None)
        self.resend = Resend(over.store, over.repository, queues)
        self.job = RecoveryJob(over.store, over.repository, queues, self.world.ids, clock, per_second, asyncio.Event())

    def hear(self, type: str, data: Any, key: str, sequence: int = 1) -> None:
        self.world.hear(self.world.event(type, data, key, sequence))

    def deliver(self, verdict: Verdict = TAKEN) -> list[dict[str, Any]]:
        """Everything that is due gets this answer; what the partner was told."""
        before = len(self.world.partners["gjf"])
        for delivery in self.world.due():
            self.world.attempt(delivery["_id"], verdict)
        return self.world.partners["gjf"][before:]

    @property
    def recovery(self) -> dict[str, Any]:
        (found,) = self.world.all(RECOVERIES)
        return found

    async def start(self, what: RecoveryKind, since: Any = None) -> Any:
        return await self.requests.start("gjf", self.subscription, what, since)

    async def to_its_end(self) -> list[dict[str, Any]]:
        """Piece by piece, delivering between; what the partner was told."""
        told: list[dict[str, Any]] = []
        for _ in range(100):
            if self.recovery["state"] != "running":
                return told
            await self.job.step(self.recovery)  # type: ignore[arg-type]  # as it was stored
            told += self.deliver()
            self.world.now += timedelta(seconds=5)
        raise AssertionError("it does not come to an end")


def ids(told: list[dict[str, Any]]) -> list[str]:
    return sorted(event["id"] for event in told)


class TestResend:
    async def test_what_arrived_goes_out_again_under_its_id_and_a_double_click_sends_it_once(self) -> None:
        case = Recovering()
        (first,) = case.deliver()
        (delivery,) = case.world.all(DELIVERIES)
        await case.resend.resend("gjf", delivery["_id"])
        await case.resend.resend("gjf", delivery["_id"])
        (again,) = case.deliver()
        assert again == first
        assert (await case.resend.resend("gjf", delivery["_id"]))["state"] == "delivered"
        assert case.deliver() == []
        case.world.now += timedelta(minutes=1)
        await case.resend.resend("gjf", delivery["_id"])
        assert case.deliver() == [first]

    async def test_with_a_retry_pending_it_is_sent_once_and_not_at_the_retrys_time_too(self) -> None:
        case = Recovering()
        case.deliver(Verdict("again", "refused-503"))
        (delivery,) = case.world.all(DELIVERIES)
        assert delivery["due"] > case.world.now
        await case.resend.resend("gjf", delivery["_id"])
        assert len(case.deliver()) == 1
        case.world.now += timedelta(days=3)
        assert case.deliver() == []

    async def test_what_is_under_way_is_left_to_its_attempt(self) -> None:
        case = Recovering()
        (delivery,) = case.world.all(DELIVERIES)
        held = case.world.claim(delivery["_id"])
        assert (await case.resend.resend("gjf", delivery["_id"]))["state"] == "sending"
        case.world.perform(
            case.world.transitions.after_attempt(held, TAKEN, timedelta(0), 0.0, case.world.all(SUBSCRIPTIONS)[0])
        )
        assert case.deliver() == []

    async def test_what_is_out_of_date_or_recalled_is_refused(self) -> None:
        case = Recovering()
        case.deliver()
        (old,) = case.world.all(DELIVERIES)
        case.hear("match-found", match_of("p0", "x", "low"), hexid("person", "p0"), 2)
        case.deliver()
        with pytest.raises(Problem) as refused:
            await case.resend.resend("gjf", old["_id"])
        assert refused.value.status == 409
        (new,) = [d for d in case.world.all(DELIVERIES) if d["band"] == "low"]
        case.hear("person-updated", person_of("p0"), hexid("person", "p0"), 2)
        with pytest.raises(Problem) as refused:
            await case.resend.resend("gjf", new["_id"])
        assert refused.value.status == 409

    async def test_one_of_a_disabled_subscription_is_told_to_resume_it(self) -> None:
        case = Recovering()
        case.deliver()
        (delivery,) = case.world.all(DELIVERIES)
        (subscription,) = case.world.all(SUBSCRIPTIONS)
        case.world.store.put(SUBSCRIPTIONS.name, {**subscription, "state": "disabled", "reason": "gone"})
        with pytest.raises(Problem) as refused:
            await case.resend.resend("gjf", delivery["_id"])
        assert (refused.value.status, refused.value.details.type.rpartition("/")[2]) == (409, "subscription-disabled")

    async def test_one_of_a_feed_is_for_its_reader_to_come_for(self) -> None:
        case = Recovering()
        (delivery,) = case.world.all(DELIVERIES)
        case.world.store.put(DELIVERIES.name, {**delivery, "channel": "feed"})
        with pytest.raises(Problem) as refused:
            await case.resend.resend("gjf", delivery["_id"])
        assert (refused.value.status, refused.value.details.type.rpartition("/")[2]) == (409, "feed-keeps-itself")

    async def test_the_end_of_an_opening_that_was_given_up_can_be_sent(self) -> None:
        case = Recovering()
        case.deliver()
        case.hear("match-withdrawn", match_of("p0", "x", stands=False), hexid("person", "p0"), 2)
        case.deliver(REFUSED)
        (ended,) = case.world.all(DELIVERIES, state="failed")
        await case.resend.resend("gjf", ended["_id"])
        assert [event["data"]["state"] for event in case.deliver()] == ["ended"]

    @pytest.mark.parametrize("of", ["hana", "gjf"])
    async def test_of_another_agency_or_unknown_it_is_not_there(self, of: str) -> None:
        case = Recovering()
        (delivery,) = case.world.all(DELIVERIES)
        with pytest.raises(Problem) as refused:
            await case.resend.resend(of, delivery["_id"] if of == "hana" else "0" * 32)
        assert refused.value.status == 404


class TestFailed:
    async def test_what_was_given_up_comes_again_once_and_what_arrived_does_not(self) -> None:
        case = Recovering(people=3)
        given_up, *arrive = case.world.due()
        case.world.attempt(given_up["_id"], REFUSED)
        assert len(case.deliver()) == len(arrive) == 2
        await case.start("failed")
        assert ids(await case.to_its_end()) == [given_up["notice"]]
        assert (case.recovery["state"], case.recovery["again"]) == ("done", 1)

    async def test_a_pending_retry_is_made_due(self) -> None:
        case = Recovering()
        case.deliver(Verdict("again", "refused-503"))
        await case.start("failed")
        assert len(await case.to_its_end()) == 1

    async def test_since_leaves_out_what_ended_before(self) -> None:
        case = Recovering(people=2)
        first, second = case.world.due()
        case.world.attempt(first["_id"], REFUSED)
        case.world.now += timedelta(hours=1)
        since = case.world.now
        case.world.attempt(second["_id"], REFUSED)
        await case.start("failed", since)
        assert ids(await case.to_its_end()) == [second["notice"]]


class TestAll:
    async def test_everything_that_is_held_comes_again_with_its_ids_and_each_once(self) -> None:
        case = Recovering(people=12, openings=("x", "y"))
        first = case.deliver()
        await case.start("all")
        again = await case.to_its_end()
        assert (len(again), ids(again)) == (24, ids(first))
        assert holding(again) == holding(first)

    async def test_what_is_so_old_that_nothing_of_it_is_kept_comes_again_too(self) -> None:
        case = Recovering(people=2)
        first = case.deliver()
        case.world.store.documents[DELIVERIES.name].clear()  # as MongoDB does 90 days later
        await case.start("all")
        assert ids(await case.to_its_end()) == ids(first)

    async def test_who_went_back_to_an_older_copy_of_its_data_ends_up_right(self) -> None:
        case = Recovering(people=3, openings=("x", "y"))
        copy = case.deliver()
        case.hear("match-withdrawn", match_of("p0", "x", stands=False), hexid("person", "p0"), 2)
        case.hear("person-updated", person_of("p1"), hexid("person", "p1"), 2)
        case.hear("match-found", match_of("p2", "y", "low"), hexid("person", "p2"), 2)
        later = case.deliver()
        await case.start("all")
        assert holding(copy + await case.to_its_end()) == holding(copy + later)

    async def test_a_piece_that_is_repeated_after_a_kill_does_nothing(self) -> None:
        case = Recovering(people=recovery_job.THREADS_A_PIECE + 1)
        case.deliver()
        await case.start("all")
        before: Any = case.recovery
        await case.job.step(before)
        due = len(case.world.due())
        await case.job.step(before)  # another replica, or the same one come back, with what it had read
        assert len(case.world.due()) == due == recovery_job.THREADS_A_PIECE
        await case.to_its_end()
        assert case.recovery["again"] == recovery_job.THREADS_A_PIECE + 1

    async def test_a_consent_that_ended_is_not_told_again(self) -> None:
        case = Recovering(people=2)
        case.deliver()
        case.hear("person-updated", person_of("p0"), hexid("person", "p0"), 2)
        case.deliver()
        await case.start("all")
        told = await case.to_its_end()
        assert sorted(event["type"] for event in told) == ["notice", "recall"]
        assert {event["data"]["alias"] for event in told if event["type"] == "notice"} == {hexid("alias", "p1", "gjf")}


class TestPace:
    async def test_the_next_piece_waits_as_the_rate_says(self) -> None:
        case = Recovering(people=6, per_second=0.5)
        case.deliver()
        await case.start("all")
        step: Any = case.recovery
        await case.job.step(step)
        assert case.recovery["not_before"] == case.world.now + timedelta(seconds=recovery_job.THREADS_A_PIECE / 0.5)

    async def test_no_piece_before_the_last_one_was_sent_so_what_is_new_stands_behind_one(self) -> None:
        case = Recovering(people=2 * recovery_job.THREADS_A_PIECE)
        case.deliver()
        await case.start("all")
        for _ in range(3):
            step: Any = case.recovery
            await case.job.step(step)
        assert len(case.world.due()) == case.recovery["again"] == recovery_job.THREADS_A_PIECE
        case.deliver(Verdict("again", "refused-400", endpoint_healthy=True))  # tried: it waits for its retry
        step = case.recovery
        await case.job.step(step)
        assert len(case.world.due()) == recovery_job.THREADS_A_PIECE

    async def test_while_it_waits_it_stands_behind_the_others_and_does_not_forget_what_it_waits_for(self) -> None:
        case = Recovering(people=2 * recovery_job.THREADS_A_PIECE)
        case.deliver()
        await case.start("all")
        for _ in range(2):
            step: Any = case.recovery
            await case.job.step(step)
        assert case.recovery["not_before"] == case.world.now + recovery_job.LOOK_AGAIN_FOR_PENDING
        pending = case.recovery["pending"]
        (endpoint,) = case.world.all(SUBSCRIPTIONS)
        case.world.store.put(SUBSCRIPTIONS.name, {**endpoint, "failures": 5})
        step = case.recovery
        await case.job.step(step)
        case.world.store.put(SUBSCRIPTIONS.name, endpoint)
        step = case.recovery
        await case.job.step(step)
        assert case.recovery["pending"] == pending
        assert len(case.world.due()) == len(pending) == recovery_job.THREADS_A_PIECE

    @pytest.mark.parametrize(
        "trouble", [{"failures": 5}, {"state": "paused"}, {"state": "disabled"}], ids=["down", "paused", "disabled"]
    )
    async def test_it_waits_for_an_endpoint_that_takes_nothing(self, trouble: dict[str, Any]) -> None:
        case = Recovering()
        case.deliver()
        case.hear("match-found", match_of(case.people[0], "y"), hexid("person", case.people[0]))
        case.deliver(Verdict("again", "refused-500"))  # waits for its retry, and will show that it is back
        await case.start("all")
        (endpoint,) = case.world.all(SUBSCRIPTIONS)
        case.world.store.put(SUBSCRIPTIONS.name, {**endpoint, **trouble})
        step: Any = case.recovery
        await case.job.step(step)
        assert (case.world.due(), case.recovery["state"]) == ([], "running")
        assert (await case.requests.shown("gjf", case.subscription, case.world.now))[1]

    async def test_where_nothing_waits_that_could_show_that_an_endpoint_is_back_its_own_next_piece_does(self) -> None:
        case = Recovering(people=2 * recovery_job.THREADS_A_PIECE)
        case.deliver()
        await case.start("all")
        (endpoint,) = case.world.all(SUBSCRIPTIONS)
        held = {"failures": 5, "held_until": case.world.now + timedelta(seconds=3)}
        case.world.store.put(SUBSCRIPTIONS.name, {**endpoint, **held})
        for due in (0, recovery_job.THREADS_A_PIECE, recovery_job.THREADS_A_PIECE):  # not before its breaker's wait
            step: Any = case.recovery
            await case.job.step(step)
            assert len(case.world.due()) == due
            case.world.now += timedelta(seconds=3)
        assert case.recovery["again"] == recovery_job.THREADS_A_PIECE, "no more until that was answered"

    async def test_it_ends_with_its_subscription(self) -> None:
        case = Recovering()
        case.deliver()
        await case.start("all")
        case.world.unsubscribe(case.subscription)
        step: Any = case.recovery
        await case.job.step(step)
        assert case.recovery["state"] == "stopped"


class TestAsking:
    async def test_the_same_again_is_the_same_and_another_one_has_to_wait(self) -> None:
        case = Recovering()
        first = await case.start("all")
        assert (await case.start("all"))["recovery"] == first["recovery"]
        with pytest.raises(Problem) as refused:
            await case.start("failed")
        assert refused.value.status == 409
        await case.requests.stop("gjf", case.subscription)
        assert (await case.start("failed"))["recovery"] != first["recovery"]

    async def test_of_a_feed_or_of_another_agency_it_is_refused(self) -> None:
        case = Recovering()
        feed = case.world.subscribe("gjf", "feed")
        with pytest.raises(Problem) as refused:
            await case.requests.start("gjf", feed, "all", None)
        assert refused.value.status == 409
        with pytest.raises(Problem) as refused:
            await case.requests.start("hana", case.subscription, "all", None)
        assert refused.value.status == 404


FAR_EAST = timezone(timedelta(hours=23, minutes=59))
ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


class TestSince:
    @given(st.datetimes(timezones=ZONES) | st.sampled_from([FIRST.replace(tzinfo=FAR_EAST), LAST]))
    def test_any_moment_is_kept_as_the_database_gives_it_back(self, moment: datetime) -> None:
        kept = as_kept(moment)
        read = bson.encode({"since": kept})
        assert bson.decode(read, bson.CodecOptions(tz_aware=True))["since"] == kept == as_kept(kept)
        assert timedelta(0) <= moment - kept < timedelta(milliseconds=1) or moment.year in (1, 9999)

    async def test_the_same_one_asked_for_twice_is_one_recovery_however_exactly_and_in_whatever_zone_it_is_said(
        self,
    ) -> None:
        case = Recovering()
        said = datetime(2026, 11, 30, 9, 0, 0, 123_456, timezone(timedelta(hours=9)))
        first = await case.start("failed", said)
        assert first["since"] == datetime(2026, 11, 30, 0, 0, 0, 123_000, UTC)
        assert (await case.start("failed", said.astimezone(UTC)))["recovery"] == first["recovery"]
        with pytest.raises(Problem) as other:
            await case.start("failed", said + timedelta(seconds=1))
        assert other.value.status == 409
