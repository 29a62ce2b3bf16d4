"""A person gets another alias while a notice under the one before is under way: a recall tells of an alias only if
something may have left under it, and of the one before whenever something has."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notifications.acknowledgements import Deliveries
from services.notifications.delivery_queues import recalls_of
from services.notifications.documents import DELIVERIES, SUBSCRIPTIONS, THREADS
from services.notifications.domain import notice_threads
from services.notifications.domain.attempt_verdict import Verdict
from tests.unit.notifications.test_away import turned
from tests.unit.notifications.world import World, agency_of, hexid, holding, match_of, person_of
from tests.unit.notifications.world_store import WorldStore

pytestmark = pytest.mark.unit
PERSON, TAKEN = hexid("person", "a"), Verdict("delivered", endpoint_healthy=True)
BEFORE, SINCE, LATER = "before", "since", "later"


class Renamed:
    """gjf's webhook is to be told of somebody under the alias `BEFORE`."""

    def __init__(self) -> None:
        self.world = World()
        self._said = 0
        self.world.hear(self.world.event("agency-registered", agency_of("gjf"), "gjf", 1))
        self.world.subscribe("gjf", "webhook")
        self.called(BEFORE)
        self.world.hear(self.world.event("match-found", match_of("a", "x"), PERSON, 1))

    def called(self, alias: str, *, consents: bool = True) -> None:
        self._said += 1
        state = person_of("a", ("gjf",) if consents else ())
        aliases = tuple(each.model_copy(update={"alias": hexid(alias, each.agency)}) for each in state.aliases)
        renamed = state.model_copy(update={"aliases": aliases})
        self.world.hear(self.world.event("person-updated", renamed, PERSON, self._said))

    def claimed(self) -> Any:
        (due,) = self.world.due()
        return self.world.claim(due["_id"])

    def ends(self, held: Any, left: bool) -> None:
        """It was sent and taken, or is let go of."""
        if not left:
            self.world.let_go(held["_id"])
            self.world.end_recalled()
            return
        self.world.partners["gjf"].append(self.world.messages.of(held))
        (endpoint,) = self.world.all(SUBSCRIPTIONS)
        self.world.perform(self.world.transitions.after_attempt(held, TAKEN, timedelta(0), 0.0, endpoint))

    def told(self) -> list[tuple[str, str]]:
        """All that the partner was told, once nothing is due any more: type, and under which alias."""
        self.world.deliver_all()
        names = {hexid(alias, "gjf"): alias for alias in (BEFORE, SINCE, LATER)}
        return [(each["type"], names[each["data"]["alias"]]) for each in self.world.partners["gjf"]]


@pytest.mark.parametrize("consent_ended_between", [False, True])
def test_what_never_left_under_the_alias_of_before_is_not_recalled_under_it(consent_ended_between: bool) -> None:
    case = Renamed()
    held = case.claimed()
    if consent_ended_between:
        case.called(BEFORE, consents=False)
    case.called(SINCE)
    case.ends(held, left=False)
    assert case.told() == [("notice", SINCE)]


@pytest.mark.parametrize("consent_ended_between", [False, True])
def test_what_has_left_under_it_is_and_then_it_is_told_under_the_new_one(consent_ended_between: bool) -> None:
    case = Renamed()
    held = case.claimed()
    if consent_ended_between:
        case.called(BEFORE, consents=False)
    case.called(SINCE)
    case.ends(held, left=True)
    assert case.told() == [("notice", BEFORE), ("recall", BEFORE), ("notice", SINCE)]
    assert {alias for alias, _ in holding(case.world.partners["gjf"])} == {hexid(SINCE, "gjf")}


@pytest.mark.parametrize("left", [True, False])
def test_nobody_is_told_of_the_new_alias_because_the_recall_of_the_one_before_was_not_obeyed_yet(left: bool) -> None:
    case = Renamed()
    assert case.told() == [("notice", BEFORE)]
    case.called(BEFORE, consents=False)
    assert case.told()[1:] == [("recall", BEFORE)]
    case.called(SINCE)
    held = case.claimed()
    case.called(SINCE, consents=False)
    case.ends(held, left)
    assert case.told()[2:] == ([("notice", SINCE), ("recall", SINCE)] if left else [])


@pytest.mark.parametrize("obeyed", [True, False])
async def test_one_that_was_away_hears_the_recall_under_each_alias_until_somebody_obeys_it(obeyed: bool) -> None:
    case = Renamed()
    (away,) = case.world.all(SUBSCRIPTIONS)
    case.told()
    case.world.subscribe("gjf", "webhook")
    case.world.resync()
    case.told()
    turned(case.world, [away["_id"]], "disabled")
    case.called(SINCE), case.told()
    case.called(LATER), case.told()
    heard = case.world.partners["gjf"]
    recalls = [each["id"] for each in heard if each["type"] == "recall"]
    assert len(recalls) == 2
    if obeyed:
        over, queues = WorldStore(case.world), case.world.reconciler.queues
        await Deliveries(over.store, over.repository, queues, case.world.outcomes).acknowledge("gjf", recalls[:1])
    before = len(heard)
    turned(case.world, [away["_id"]], "active")
    told = case.told()[before:]
    assert told == [("recall", BEFORE)] * (not obeyed) + [("recall", SINCE), ("notice", LATER)]


def test_no_more_recalls_than_so_many_are_kept_for_those_who_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice_threads, "MOST_EARLIER", 2)
    case = Renamed()
    case.told()
    for number in range(5):
        case.called(f"name {number}")
        case.world.deliver_all()
    (thread,) = case.world.all(THREADS)
    kept = [hexid(f"name {number}", "gjf") for number in (1, 2, 3)]
    assert [each["alias"] for each in recalls_of(thread)] == kept


def test_an_end_that_nobody_was_told_yet_is_not_left_in_a_feed_under_the_alias_of_before() -> None:
    case = Renamed()
    (webhook,) = case.world.all(SUBSCRIPTIONS)
    case.world.subscribe("gjf", "feed")
    case.world.resync()
    case.world.unsubscribe(webhook["_id"])
    case.world.resync()
    ended = match_of("a", "x", stands=False)
    case.world.hear(case.world.event("match-withdrawn", ended, PERSON, 2))
    assert [each["match_state"] for each in case.world.all(DELIVERIES, state="posted")] == ["ended"]
    case.called(SINCE)
    assert case.world.all(DELIVERIES, state="posted") == []
    assert case.world.pull("gjf")[0] == []
