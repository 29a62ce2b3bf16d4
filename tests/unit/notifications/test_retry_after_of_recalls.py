"""A partner that asks us to wait (Retry-After) keeps its notices for as long, a recall for a few minutes at most."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifications.delivery.endpoint_worker import EndpointWorker
from services.notifications.delivery.pre_send_check import held_until, is_open
from services.notifications.documents import DELIVERIES, SUBSCRIPTIONS
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.circuit_breaker import Breaker
from services.notifications.domain.retry_schedule import OUTAGE
from services.notifications.settings import NotificationsSettings
from tests.unit.notifications.fake_dependencies import AGAIN, DELIVERED, FakeDependencies, delivery
from tests.unit.notifications.world import START, World, agency_of, hexid, match_of, person_of

pytestmark = pytest.mark.unit
DAY = timedelta(days=1)
MOST = Breaker().recall_held
WAIT_A_DAY = Verdict("again", "refused-429", hold=DAY)


class TestOfWhatAPartnerAsksFor:
    @pytest.mark.parametrize(
        ("hold", "about", "expected"),
        [
            (None, "notice", None),
            (None, "recall", None),
            (DAY, "notice", DAY),
            (DAY, "recall", MOST),
            (timedelta(seconds=7), "recall", timedelta(seconds=7)),
            (timedelta(0), "recall", timedelta(0)),
        ],
    )
    def test_a_recall_waits_for_a_part(self, hold: timedelta | None, about: str, expected: timedelta | None) -> None:
        assert Breaker().asked(hold, about) == expected

    def settings(self, **changes: Any) -> NotificationsSettings:
        there: dict[str, Any] = {"kafka": "127.0.0.1:1", "mongo_url": "mongodb://127.0.0.1:2/"}
        return NotificationsSettings(profile="development", **there, **changes)

    def test_by_default_that_is_two_minutes_and_the_operator_may_say_less(self) -> None:
        default = self.settings().breaker
        assert (default.recall_held, Breaker().recall_held) == (timedelta(minutes=2), timedelta(minutes=2))
        less = self.settings(retry_after_recall_max_seconds=5).breaker
        assert less.recall_held == timedelta(seconds=5)


class Told:
    """gjf was told of two people, and one of them is taken back."""

    def __init__(self) -> None:
        self.world = World(schedule=(0.0,) * 100)
        self.say("agency-registered", agency_of("gjf"), "gjf")
        self.subscription = self.world.subscribe("gjf", "webhook")
        for name in "ab":
            self.say("person-updated", person_of(name, ("gjf",)), hexid("person", name))
            self.say("match-found", match_of(name, "x"), hexid("person", name))
        self.attempt("a", Verdict("delivered", endpoint_healthy=True))

    def say(self, type: str, data: Any, key: str, sequence: int = 1) -> None:
        self.world.hear(self.world.event(type, data, key, sequence))

    def recall(self) -> dict[str, Any]:
        self.say("person-updated", person_of("a", ()), hexid("person", "a"), 2)
        return self.of("a", "recall")

    def of(self, name: str, about: str = "notice") -> dict[str, Any]:
        (found,) = self.world.all(DELIVERIES, person=hexid("person", name), about=about)
        return found

    def attempt(self, name: str, verdict: Verdict, about: str = "notice") -> None:
        self.world.attempt(self.of(name, about)["_id"], verdict)

    @property
    def endpoint(self) -> Any:
        (found,) = self.world.all(SUBSCRIPTIONS)
        return found


class TestTheEndpoint:
    def test_is_open_for_recalls_again_long_before_it_is_for_notices(self) -> None:
        told = Told()
        told.attempt("b", WAIT_A_DAY)
        assert held_until(told.endpoint, "notice") == START + DAY
        assert held_until(told.endpoint, "recall") == START + MOST
        assert not is_open(told.endpoint, START + MOST - timedelta(seconds=1), "recall")
        assert is_open(told.endpoint, START + MOST, "recall")
        assert not is_open(told.endpoint, START + DAY - timedelta(seconds=1))

    @settings(max_examples=60)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["notice", "recall"]),
                st.sampled_from([None, 0, 1, 60, 3_600, 86_400]),
                st.integers(0, 400),
            ),
            min_size=1,
            max_size=12,
        )
    )
    def test_whatever_it_answers_a_recall_waits_for_minutes_and_a_notice_for_all_that_was_asked_for(
        self, answers: list[tuple[str, int | None, int]]
    ) -> None:
        told = Told()
        told.recall()
        asked = told.world.now
        for about, seconds, apart in answers:
            hold = None if seconds is None else timedelta(seconds=seconds)
            verdict = Verdict("again", "refused-503", hold=hold)
            told.attempt("a" if about == "recall" else "b", verdict, about)
            now = told.world.now
            asked = max(asked, now + (hold or timedelta()))
            assert (held_until(told.endpoint, "recall") or now) <= now + MOST
            assert (held_until(told.endpoint, "notice") or now) >= asked or asked <= now
            told.world.now += timedelta(seconds=apart)


class TestTheDelivery:
    def test_of_a_recall_is_due_again_after_minutes(self) -> None:
        told = Told()
        told.recall()
        told.attempt("a", WAIT_A_DAY, "recall")
        assert told.of("a", "recall")["due"] == START + MOST
        told.attempt("b", WAIT_A_DAY)
        assert told.of("b")["due"] == START + DAY

    def test_that_was_brought_forward_keeps_its_own_time(self) -> None:
        told = Told()
        ahead = {"planned": START + timedelta(seconds=1), "attempts": 2}
        told.world.store.put(DELIVERIES.name, {**told.recall(), **ahead})
        told.attempt("a", WAIT_A_DAY, "recall")
        assert told.of("a", "recall")["due"] == START + MOST


class Asked(FakeDependencies):
    """An endpoint that asked us to wait, as long as not said otherwise open for recalls."""

    def __init__(self, verdict: Verdict, *, failures: int = 1, recall_at: timedelta = timedelta(0)) -> None:
        super().__init__(verdict)
        self.failures, self.recall_at = failures, START + recall_at
        self.waiting = [delivery(1, "notice"), delivery(2, "notice"), delivery(3)]
        self.ended: list[Any] = []

    async def subscription(self, id: str) -> dict[str, Any]:
        return await super().subscription(id) | {"held_until": START + DAY, "recall_at": self.recall_at}

    async def end_breaker_wait(self, endpoint: Any, since: Any) -> bool:
        self.ended.append(since)
        return False

    async def until_it_ends(self, worker: EndpointWorker) -> None:
        self.written.set()
        recording = asyncio.create_task(self.recorder.run())
        await worker.run()
        await self.recorder.flush()
        recording.cancel()


class TestTheWorker:
    @pytest.mark.parametrize("failures", [1, OUTAGE])
    async def test_sends_recalls_and_takes_no_notice(self, failures: int) -> None:
        deps = Asked(DELIVERED, failures=failures)
        deps.written.set()
        await deps.run_until_stuck()
        assert deps.sent == deps.sent_of(3)
        assert [each["_id"] for each in deps.waiting] == deps.sent_of(1, 2)
        assert (deps.released, deps.prefetched) == ([], 0)

    async def test_lets_go_of_notices_that_it_holds(self) -> None:
        deps = Asked(DELIVERED)
        deps.waiting = [delivery(3)]
        worker = EndpointWorker("s", deps.dependencies(deps))
        for number in (1, 2):
            claimed: Any = {**delivery(number, "notice"), "owner": deps.owner, "claim": "c"}
            worker.give(claimed, None)
        await deps.until_it_ends(worker)
        assert deps.sent == deps.sent_of(3)
        assert sorted(deps.released) == deps.sent_of(1, 2)
        assert (deps.prefetched, worker.forgettable) == (0, False)

    async def test_does_so_also_with_those_that_it_was_about_to_send(self) -> None:
        deps = Asked(DELIVERED)
        deps.waiting = []
        worker = EndpointWorker("s", deps.dependencies(deps), look=False)
        for each in (delivery(3), delivery(1, "notice")):
            claimed: Any = {**each, "owner": deps.owner, "claim": "c"}
            worker.give(claimed, None)
        await deps.until_it_ends(worker)
        assert (deps.sent, deps.released, deps.prefetched) == (deps.sent_of(3), deps.sent_of(1), 0)

    async def test_sends_nothing_before(self) -> None:
        deps = Asked(DELIVERED, recall_at=timedelta(seconds=1))
        assert await deps.run_until_stuck() == 0

    @pytest.mark.parametrize(("verdict", "ended"), [(DELIVERED, [START]), (AGAIN, [])])
    async def test_ends_the_wait_of_the_breaker_at_a_good_answer(self, verdict: Verdict, ended: list[Any]) -> None:
        deps = Asked(verdict, failures=OUTAGE)
        deps.written.set()
        await deps.run_until_stuck()
        assert deps.sent == deps.sent_of(3)
        assert deps.ended == ended
