"""What says the same work again is named beside what stands."""

from __future__ import annotations

import pytest

from services.matching.domain.assessment import assess_pair
from services.matching.domain.near_identical import near_identical
from shared.events.topics.opportunities import Opportunity
from tests.support.matching import SEOUL, TODAY, a_job, a_person
from tests.unit.matching.asking import PACK

pytestmark = pytest.mark.unit
SAME = {"employer": {"number": "111-22-33333"}}
FIRST, AGAIN, THIRD, OTHER = (a_job(1, **SAME), a_job(2, **SAME), a_job(3, **SAME), a_job(4))


def found(shown: list[Opportunity], *looked_at: Opportunity) -> dict[str, tuple[str, ...]]:
    assessed = [assess_pair(a_person(), one, PACK, TODAY) for one in looked_at]
    return near_identical([one.opportunity for one in shown], assessed)


def test_others_of_the_same_work_are_named_beside_the_one_that_is_shown() -> None:
    assert found([FIRST, OTHER], FIRST, OTHER, THIRD, AGAIN) == {
        FIRST.opportunity: (THIRD.opportunity, AGAIN.opportunity), OTHER.opportunity: (),
    }  # fmt: skip


def test_none_that_is_shown_itself() -> None:
    assert found([FIRST, AGAIN], FIRST, AGAIN, THIRD) == {
        FIRST.opportunity: (THIRD.opportunity,), AGAIN.opportunity: (THIRD.opportunity,),
    }  # fmt: skip


def test_none_that_may_not_match_or_is_elsewhere() -> None:
    refused, far = a_job(2, **SAME, certificates=["kr-certificate-2020:care-worker"]), a_job(3, **SAME, region=SEOUL)
    assert found([FIRST], FIRST, refused, far) == {FIRST.opportunity: ()}


def test_none_that_is_at_night_by_its_title_alone() -> None:
    assert found([FIRST], FIRST, a_job(2, **SAME, title="제과제빵원 (야간)")) == {FIRST.opportunity: ()}


def test_of_what_was_not_looked_at_nothing_is_said() -> None:
    assert found([FIRST], AGAIN) == {FIRST.opportunity: ()}
