"""What would open more for somebody: tried on every opening, ranked, and nothing that nobody would do."""

from __future__ import annotations

from typing import Any

import pytest

from services.matching.domain.counterfactuals import Change
from services.matching.domain.next_steps import TRIED_AT_ONCE, NextSteps, Step, ranked
from services.matching.domain.opening_facts import opening_facts
from shared.events.topics.opportunities import Opportunity
from tests.support.matching import SEOUL, TODAY, YEONCHEON, a_job, a_person, a_training
from tests.unit.matching.asking import PACK
from verification.oracle.matches import asks_of
from verification.oracle.pair import Pair

pytestmark = pytest.mark.unit
CARE_WORKER = "kr-certificate-2020:care-worker"
NIGHT = "kr-gyeonggi-1:night"


def steps(*openings: Opportunity, **person: Any) -> list[Step]:
    looking = NextSteps(a_person(**person), PACK, TODAY)
    for opening in openings:
        looking.look(opening, opening_facts(opening, PACK))
    assert looking.looked_at == len(openings)
    return ranked(one for one in looking.steps() if one is not None)


def asks_for_it(number: int, **changes: Any) -> Opportunity:
    return a_job(number, certificates=[CARE_WORKER], **changes)


def test_what_opens_the_most_comes_first_with_what_it_pays_and_where_it_is_taught() -> None:
    wants = {"kinds": ["job"], "shifts": ["kr-gyeonggi-1:day"], "commute_minutes": 60}
    pay = [{"per": "hour", "minimum": minimum, "currency": "KRW"} for minimum in (11_000, 12_000, 14_000)]
    found = steps(
        *(asks_for_it(n, wage=one) for n, one in enumerate(pay)),
        a_job(10, shifts=[NIGHT]), a_job(11), a_training(1, title="요양보호사 자격 양성과정"),
        a_training(2, title="제과기능사 과정"),
        wants=wants, certificates=[],
    )  # fmt: skip
    first, second, kind = found
    assert (first.change, len(first.opens), first.hourly) == (Change("certificate", (CARE_WORKER,)), 3, 12_000)
    assert first.courses == (a_training(1).opportunity,)
    assert kind.change in (Change("kind", ("training",)), Change("shifts", (NIGHT,)))
    assert {len(second.opens), len(kind.opens)} <= {1, 2}


def test_what_refuses_is_counted_alone_and_together_with_others_and_the_most_first() -> None:
    wants = {"kinds": ["job"], "shifts": ["kr-gyeonggi-1:day"], "commute_minutes": 40}
    looking = NextSteps(a_person(wants=wants, certificates=[]), PACK, TODAY)
    for opening in (
        asks_for_it(1),
        asks_for_it(2, shifts=[NIGHT]),
        a_job(3, shifts=[NIGHT], region=YEONCHEON),
        a_job(4),
    ):
        looking.look(opening, opening_facts(opening, PACK))
    found = [(one.condition.name, one.openings, one.alone) for one in looking.refused()]
    assert found == [("certificate", 2, 1), ("shifts", 2, 0), ("commute", 1, 0)]


def test_each_opening_that_is_counted_may_match_after_the_step() -> None:
    openings = [asks_for_it(1), asks_for_it(2, shifts=[NIGHT]), asks_for_it(3, region=YEONCHEON)]
    openings[1] = openings[1].model_copy(update={"certificates": (CARE_WORKER,)})
    wants = {"kinds": ["job"], "shifts": ["kr-gyeonggi-1:day"], "commute_minutes": 40}
    [only] = steps(*openings, wants=wants, certificates=[])
    assert only.opens == (openings[0].opportunity,)  # the others need something else as well
    after = a_person(wants=wants, certificates=[CARE_WORKER])
    assert asks_of(Pair(after, openings[0], PACK, TODAY)) is not None


def test_ways_are_round_and_never_beyond_what_is_plausible() -> None:
    found = steps(a_job(1, region=SEOUL), a_job(2, region=YEONCHEON), wants={"kinds": ["job"], "commute_minutes": 60})
    for step in found:
        assert step.change.what == "commute"
        assert step.change.number <= PACK.matching.plausible_changes.way_times * 60
        assert step.change.number % 10 == 0 or step.change.number == 90


def test_lower_pay_is_never_proposed_nor_shifts_against_a_need() -> None:
    high = {"kinds": ["job"], "wage_min": {"per": "month", "amount": 9_000_000, "currency": "KRW"}}
    assert steps(a_job(1), wants=high) == []
    wants = {"kinds": ["job"], "shifts": ["kr-gyeonggi-1:day"]}
    needs = {"needs": ["kr-gyeonggi-1:childcare-hours"]}
    assert steps(a_job(1, shifts=[NIGHT]), wants=wants, counselling=needs) == []


def test_a_longer_way_is_named_only_where_it_opens_more() -> None:
    def way(number: int, *opens: str) -> Step:
        return Step(Change("commute", number=number), opens, None, (), None)  # type: ignore[arg-type]  # no words here

    assert [one.change.number for one in ranked([way(70, "a"), way(60, "a"), way(80, "a", "b")])] == [80, 60]


def test_a_step_that_is_tried_on_many_openings_is_tried_in_pieces() -> None:
    looking = NextSteps(a_person(certificates=[]), PACK, TODAY)
    for number in range(5 * TRIED_AT_ONCE):
        opening = asks_for_it(number)
        looking.look(opening, opening_facts(opening, PACK))
    tried = list(looking.steps())
    [step] = [one for one in tried if one is not None]
    assert len(step.opens) == 5 * TRIED_AT_ONCE
    assert tried.count(None) >= 5
