"""What is due at once is claimed in the transaction that makes it due, and sent without being read again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from services.notifications.delivery import attempt_recorder
from services.notifications.delivery.dispatcher import Dispatcher
from services.notifications.delivery.held_deliveries import HELD_LIMIT
from services.notifications.delivery.pre_send_check import EndpointRead
from services.notifications.delivery.recent_prohibitions import ALLOWED_SECONDS
from services.notifications.documents import DELIVERIES, DUE, SENDING, SUBSCRIPTIONS, THREADS
from services.notifications.domain.attempt_verdict import Verdict
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import UnitOfWork
from tests.support.waiting import eventually
from tests.unit.notifications.fake_dependencies import DELIVERED, SLOTS, FakeDependencies, delivery
from tests.unit.notifications.world import World, agency_of, hexid, match_of, person_of

pytestmark = pytest.mark.unit


class Partner(FakeDependencies):
    """A dispatcher's dependencies with nothing to find in its database but that the endpoint is open."""

    def __init__(self, verdict: Verdict = DELIVERED) -> None:
        super().__init__(verdict)
        self.waiting = []
        self.polls = 0

    async def release_orphaned(self) -> int:
        return 0

    async def waiting_endpoints(self, about: str, _: Any) -> list[str]:
        self.polls += 1
        return []


class Told(World):
    """A world whose webhooks belong to a dispatcher."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__()
        self.webhook._on_due, self.reconciler.queues.waits = dispatcher.due, dispatcher.waits
        self.hear(self.event("agency-registered", agency_of("gjf"), "gjf", 1))
        self.subscription = self.subscribe("gjf", "webhook")
        self.resync()
        self.hear(self.event("person-updated", person_of("kim", ("gjf",)), "kim", 1))

    def at_once(self, *events: Any) -> None:
        """All of them in one transaction."""
        (stream,) = (s for topics, s in self.streams.items() if "matches" in topics)
        anything: Any = None
        self.store.now = self.now
        results = self.store.perform_now([stream._routes.operation(event, anything, anything) for event in events])
        assert results == [None] * len(events)
        self.nothing_pending_is_ever_forgotten()

    def match(self, opportunity: str, sequence: int = 1, **how: Any) -> Any:
        data = match_of("kim", opportunity, **how)
        return self.event("match-found" if data.state == "eligible" else "match-withdrawn", data, data.match, sequence)

    def states(self) -> dict[str, int]:
        found = [each["state"] for each in self.all(DELIVERIES)]
        return {state: found.count(state) for state in found}


@pytest_asyncio.fixture
async def partner() -> Partner:
    return Partner()


@pytest_asyncio.fixture
async def dispatcher(partner: Partner) -> AsyncIterator[Dispatcher]:
    """One that runs."""
    dispatcher, stopping = Dispatcher(timedelta(seconds=1)), asyncio.Event()
    deps = partner.dependencies(partner)
    deps.heard.follow(lambda seconds: True)  # what the transaction found allowed is not read again
    running = asyncio.create_task(dispatcher.run(deps, stopping))
    await eventually(lambda: partner.polls > 0)
    yield dispatcher
    stopping.set()
    partner.answering.set()
    partner.written.set()
    await running


@pytest.fixture
def read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """No transaction is believed about an endpoint."""
    monkeypatch.setattr("services.notifications.delivery.pre_send_check.BELIEVED_SECONDS", -1.0)


async def test_it_is_sent_and_nothing_is_claimed_for_it(dispatcher: Dispatcher, partner: Partner) -> None:
    world = Told(dispatcher)
    world.at_once(world.match("cook"))
    (kept,) = world.all(DELIVERIES)
    assert (kept["state"], kept["owner"], kept["possibly_sent"], kept["possibly_sent_before"]) == (
        SENDING, "test-1/1", True, False,
    )  # fmt: skip
    await eventually(lambda: partner.sent)
    assert partner.sent == [kept["notice"]]
    assert partner.claimed == []


async def test_an_endpoint_that_its_transaction_has_just_read_is_not_read_again(
    dispatcher: Dispatcher, partner: Partner
) -> None:
    world = Told(dispatcher)

    async def not_again(id: str) -> dict[str, Any]:
        raise AssertionError("read again")

    partner.subscription = not_again  # type: ignore[method-assign,assignment]  # from now on
    world.at_once(world.match("cook"))
    await eventually(lambda: partner.sent)


async def test_an_endpoint_is_believed_as_its_transaction_leaves_it(dispatcher: Dispatcher, partner: Partner) -> None:
    """What was taken along in the same transaction may have held it back."""
    world = Told(dispatcher)

    def hold_back(work: UnitOfWork) -> None:
        (endpoint,) = SUBSCRIPTIONS.find(work, "agency", "gjf")
        SUBSCRIPTIONS.save(work, {**endpoint, "state": "paused"})

    (stream,) = (s for topics, s in world.streams.items() if "matches" in topics)
    anything: Any = None
    match = stream._routes.operation(world.match("cook"), anything, anything)
    world.store.now = world.now
    world.store.perform_now([match, Operation(lambda work: [SUBSCRIPTIONS.where("agency", "gjf")], hold_back)])
    await eventually(lambda: partner.released)
    assert partner.sent == []


async def test_what_was_read_before_a_bad_answer_is_not_believed(dispatcher: Dispatcher, partner: Partner) -> None:
    world = Told(dispatcher)
    partner.verdict = Verdict("again", "refused-500")
    world.at_once(world.match("cook"))
    (worker,) = dispatcher._workers.values()
    before = worker._believed._read
    assert before is not None
    await eventually(lambda: partner.sent)
    partner.written.set()
    await eventually(lambda: worker._believed._read is None)
    worker.give({**world.all(DELIVERIES)[0], "_id": "another"}, None, EndpointRead(before.endpoint, before.at))
    assert worker._believed._read is None


async def test_what_is_heard_to_be_forbidden_while_the_endpoint_is_read_is_not_sent(
    dispatcher: Dispatcher, partner: Partner, read_again: None
) -> None:
    """Whether it is known to be allowed is asked again behind the last wait, not only before it."""
    world, dropped = Told(dispatcher), list[str]()
    open_endpoint = partner.subscription

    async def forbidden_meanwhile(id: str) -> dict[str, Any]:
        assert dispatcher._deps is not None
        dispatcher._deps.heard.about(hexid("person", "kim"))
        return await open_endpoint(id)

    async def nobody(people: Any) -> dict[str, Any]:
        return {}

    partner.subscription = forbidden_meanwhile  # type: ignore[method-assign,assignment]  # as it is read now
    partner.people = nobody  # type: ignore[method-assign]  # the consent has ended
    partner.drop = lambda held, reason: dropped.append(held["_id"])  # type: ignore[attr-defined]  # a transition
    partner.written.set()
    world.at_once(world.match("cook"))
    (kept,) = world.all(DELIVERIES)
    await eventually(lambda: dropped or partner.sent)
    assert (partner.sent, dropped) == ([], [kept["_id"]])


async def test_what_was_allowed_counts_from_before_its_transaction_read_anything(
    dispatcher: Dispatcher, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its commit may be known minutes later: what forbids was heard meanwhile, and is forgotten again."""
    world = Told(dispatcher)
    began, units = UnitOfWork.__init__, list[UnitOfWork]()

    def long_ago(work: UnitOfWork, *given: Any, **named: Any) -> None:
        began(work, *given, **named)
        work.began -= ALLOWED_SECONDS + 1
        units.append(work)

    async def nobody(people: Any) -> dict[str, Any]:
        return {}

    dropped = list[str]()
    partner.people = nobody  # type: ignore[method-assign]  # the consent has ended
    partner.drop = lambda held, reason: dropped.append(held["_id"])  # type: ignore[attr-defined]  # a transition
    partner.written.set()
    monkeypatch.setattr(UnitOfWork, "__init__", long_ago)
    world.at_once(world.match("cook"))
    await eventually(lambda: dropped or partner.sent)
    assert units
    assert partner.sent == []


async def test_what_the_same_transaction_takes_back_is_not_claimed(dispatcher: Dispatcher, partner: Partner) -> None:
    world = Told(dispatcher)
    world.at_once(world.match("cook"), world.match("cook", 2, stands=False), world.match("baker"))
    assert [each["state"] for each in world.all(DELIVERIES)].count(SENDING) == 1
    await eventually(lambda: partner.sent)
    (sending,) = world.all(DELIVERIES, state=SENDING)
    assert partner.sent == [sending["notice"]]
    (thread,) = world.all(THREADS)
    assert not thread["recall_required"], "nothing of it may have left us, for all that was committed"


async def test_one_that_waits_for_an_earlier_one_is_not_claimed(dispatcher: Dispatcher, partner: Partner) -> None:
    world = Told(dispatcher)
    partner.answering.clear()
    world.at_once(world.match("cook"))
    world.at_once(world.match("cook", 2, band="low"))
    assert world.states() == {SENDING: 1, "waiting": 1}


async def test_what_was_answered_is_written_down_when_something_comes_behind_it(
    dispatcher: Dispatcher, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt_recorder, "LINGER_SECONDS", 1_000.0)
    partner.written.set()
    world = Told(dispatcher)
    world.at_once(world.match("cook"))
    await eventually(lambda: +partner.unrecorded)
    await asyncio.sleep(0.1)
    assert partner.sent
    assert +partner.unrecorded, "it lingers"
    world.at_once(world.match("cook", 2, band="low"))
    await eventually(lambda: not +partner.unrecorded)


async def test_a_worker_holds_only_so_much_and_the_rest_waits_in_the_database(
    dispatcher: Dispatcher, partner: Partner
) -> None:
    world = Told(dispatcher)
    partner.answering.clear()
    most = HELD_LIMIT * SLOTS
    world.at_once(*(world.match(f"job-{n}") for n in range(most + 5)))
    assert world.states() == {SENDING: most, DUE: 5}


async def test_without_the_lease_it_is_due(dispatcher: Dispatcher, partner: Partner) -> None:
    world = Told(dispatcher)
    partner.owner = None
    world.at_once(world.match("cook"))
    assert world.states() == {DUE: 1}


async def test_while_no_dispatcher_runs_it_is_due() -> None:
    world = Told(Dispatcher(timedelta(seconds=1)))
    world.at_once(world.match("cook"))
    assert world.states() == {DUE: 1}


async def test_an_endpoint_that_is_held_back_gets_nothing_more(
    dispatcher: Dispatcher, partner: Partner, read_again: None
) -> None:
    world = Told(dispatcher)

    async def closed(id: str) -> dict[str, Any]:
        return {"_id": id, "channel": "webhook", "state": "disabled", "held_until": None, "failures": 0}

    partner.subscription = closed  # type: ignore[method-assign,assignment]  # as it is from now on
    world.at_once(world.match("cook"))
    await eventually(lambda: partner.released)
    world.at_once(world.match("baker"))
    assert world.states() == {SENDING: 1, DUE: 1}, "the first one is let go of in a database that is not this one"
    assert partner.sent == []


async def test_what_is_held_for_an_endpoint_that_begins_to_fail_is_let_go_of(
    dispatcher: Dispatcher, partner: Partner
) -> None:
    world = Told(dispatcher)
    partner.verdict = Verdict("again", "refused-500")
    partner.written.set()
    world.at_once(*(world.match(f"job-{n}") for n in range(4 * SLOTS)))
    await eventually(lambda: partner.released)
    assert len(partner.sent) + len(partner.released) == 4 * SLOTS
    assert len(partner.sent) < 2 * SLOTS
    assert partner.claimed, "from then on it is claimed as it can be sent"


async def test_what_is_held_under_a_lease_that_was_lost_is_not_sent_behind_what_the_next_one_brought(
    dispatcher: Dispatcher, partner: Partner
) -> None:
    world = Told(dispatcher)
    partner.answering.clear()
    world.at_once(*(world.match(f"job-{n}") for n in range(3 * SLOTS)))
    await eventually(lambda: len(partner.sent) == SLOTS - 1)  # one is kept for recalls
    (worker,) = dispatcher._workers.values()
    under_way = set(partner.sent)
    partner.owner = "test-1/2"
    recall: Any = {**delivery(1), "owner": partner.owner, "claim": "c"}
    worker.give(recall, None)
    partner.answering.set()
    partner.written.set()
    await eventually(lambda: partner.released)
    assert recall["_id"] in partner.released, "it is claimed again with all else that is due"
    assert set(partner.sent) == under_way


class TestWhenItEnds:
    @staticmethod
    async def ended(dispatcher: Dispatcher, partner: Partner, meanwhile: Callable[[], None]) -> None:
        """A dispatcher runs, and ends behind this."""
        stopping = asyncio.Event()
        running = asyncio.create_task(dispatcher.run(partner.dependencies(partner), stopping))
        await eventually(lambda: partner.polls)
        meanwhile()
        stopping.set()
        await running

    async def test_what_is_committed_behind_it_is_let_go_of_and_not_sent(self, partner: Partner) -> None:
        dispatcher, commits = Dispatcher(timedelta(seconds=1)), list[Callable[[], None]]()
        world = Told(dispatcher)
        with pytest.MonkeyPatch.context() as patch:

            def commits_later(work: UnitOfWork, call: Callable[[], None]) -> None:
                commits.append(call)

            patch.setattr(UnitOfWork, "after_commit", commits_later)
            await self.ended(dispatcher, partner, lambda: world.at_once(*(world.match(f"job-{n}") for n in range(5))))
        assert world.states() == {SENDING: 5}
        for call in commits:
            call()
        await dispatcher.end()
        assert sorted(partner.released) == sorted(each["_id"] for each in world.all(DELIVERIES))
        assert partner.sent == []

    async def test_whatever_keeps_it_from_letting_go_what_ends_behind_it_ends_too(self, partner: Partner) -> None:
        dispatcher, tried = Dispatcher(timedelta(seconds=1)), list[Any]()

        async def fails(claims: Any) -> None:
            tried.append(claims)
            raise RuntimeError

        await self.ended(dispatcher, partner, lambda: None)
        partner.release_unsent = fails  # type: ignore[method-assign]  # from now on
        held: Any = {**delivery(1), "owner": "test-1/1", "claim": "c"}
        dispatcher._take(partner.dependencies(partner), held, None, None)
        await dispatcher.end()
        assert tried == [{"c": [held["_id"]]}]

    async def test_what_was_given_to_a_worker_that_does_not_run_is_let_go_of(self, partner: Partner) -> None:
        dispatcher = Dispatcher(timedelta(seconds=1))
        held: Any = {**delivery(1), "owner": "test-1/1", "claim": "c"}

        def given() -> None:
            assert dispatcher._deps is not None
            dispatcher._worker("s", dispatcher._deps, look=False).give(held, None)

        await self.ended(dispatcher, partner, given)
        assert (partner.released, partner.sent) == ([held["_id"]], [])
