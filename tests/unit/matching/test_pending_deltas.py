"""What is to be told of each person, and when: a first match and what takes away at once, the rest once a window."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from services.matching.domain.match_index import MatchIndex
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from tests.support.matching import CARE, a_job, a_person, numbered
from tests.unit.matching.asking import PACK
from tests.unit.matching.scene import JOB, Scene

pytestmark = pytest.mark.unit


class TestNetting:
    def test_the_first_match_is_told_at_once_and_later_ones_together_at_the_end_of_the_window(self) -> None:
        scene = Scene(netting_seconds=10)
        scene.does(a_person(), a_job(1))
        assert scene.told() == [("match-found", 1)]
        scene.does(a_job(2), a_job(3))
        scene.now += 9.9
        scene.publish_changes()
        assert len(scene.told()) == 1
        scene.now += 0.1
        scene.publish_changes()
        assert scene.told() == [("match-found", 1)] * 3

    def test_what_came_and_went_within_a_window_is_never_told(self) -> None:
        scene = Scene(netting_seconds=10)
        scene.does(a_person(), a_job(1), a_job(2), a_job(2, status="closed"))
        scene.now += 10
        scene.publish_changes()
        assert scene.told() == [("match-found", 1)]

    def test_what_is_held_is_matched_once_it_is_released_and_withdrawn_when_it_is_held_again(self) -> None:
        scene = Scene(netting_seconds=0)
        scene.does(a_person(), a_job(1, status="held"))
        assert scene.told() == []
        scene.does(a_job(1), a_job(1, status="held"))
        assert scene.told() in ([("match-found", 1), ("match-withdrawn", 2)], [])
        scene.does(a_job(1))
        assert scene.standing() != {}

    @pytest.mark.parametrize(
        "end", [a_job(1, status="closed"), a_person(status="left"), a_person(consents=[]), a_job(1, places=0)]
    )
    def test_what_takes_away_does_not_wait(self, end: Person | Opportunity) -> None:
        scene = Scene(netting_seconds=10)
        scene.does(a_person(), a_job(1), a_job(2), end)
        assert scene.told() == [("match-found", 1), ("match-withdrawn", 2)]

    def test_what_takes_away_comes_before_everything_that_waits_to_be_assessed(self) -> None:
        scene = Scene()
        scene.does(a_person(), a_job(1))
        scene.hear(*(a_job(n) for n in range(2, 50)), a_person(consents=[]))
        scene.publish_changes(removals_only=True)
        assert scene.told() == [("match-found", 1), ("match-withdrawn", 2)]
        assert scene.matching.waiting >= 48

    def test_adverts_in_ascending_score_churn_nobody(self) -> None:
        scene = Scene(netting_seconds=10)
        scene.does(a_person(1), a_person(2))
        for number in range(200):
            scene.does(a_job(number, wage={"minimum": 2_200_000 + number * 5_000}))
            assert len(scene.standing()) <= 2 * 10
        scene.now += 10
        scene.publish_changes()
        assert len(scene.told()) == 2 * (1 + 1 + 10)  # found at once, and then withdrawn for the ten best
        best, near = ({a_job(n).opportunity for n in range(first, 200)} for first in (195, 160))
        assert best <= {one for _, one in scene.standing()} <= near  # behind the first places a lot counts up to 0.02

    def test_a_list_is_compared_with_what_was_told_once_in_a_window_however_often_it_is_another(self) -> None:
        scene = Scene(netting_seconds=10)
        scene.does(a_person(), a_job(0))
        asked = list[str]()
        best = scene.matching.index.best

        def counted(person: str) -> list[str]:
            asked.append(person)
            return best(person)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(MatchIndex, "best", lambda _, person: counted(person))
            for number in range(1, 40):
                scene.does(a_job(number))
            assert asked == []
            scene.now += 10
            scene.publish_changes()
        assert len(asked) == 2  # what is to be told, and when it was, whether something is left
        assert len(scene.standing()) == PACK.matching.best_of_person

    def test_a_first_match_does_not_wait_until_all_is_assessed(self) -> None:
        scene, ticks = Scene(netting_seconds=10), count(1_000.0, 0.1)
        scene.hear(a_person(), *(a_job(number) for number in range(40)))
        with pytest.MonkeyPatch.context() as patch:
            for each in (scene.matching._queue, scene.matching.deltas):
                patch.setattr(each, "_clock", lambda: next(ticks))
            scene.matching.drain_inbox()
            while not (told := scene.matching.deltas.due(9)):
                assert scene.matching.advance(1.0), "not all is assessed"
        assert scene.matching.openings_waiting > 10
        assert [delta.person for delta in told] == [numbered(1)]

    def test_one_that_is_posted_and_closed_again_and_again_is_found_once_a_window(self) -> None:
        scene = Scene(netting_seconds=10)
        scene.does(a_person())
        for _ in range(50):
            scene.does(a_job(1), a_job(1, status="closed"))
            scene.now += 0.1
        assert scene.told() == [("match-found", 1), ("match-withdrawn", 2)]


class TestMeanwhile:
    def test_what_ended_between_the_choice_and_its_transaction_is_not_told(self) -> None:
        scene = Scene()
        scene.hear(a_job(), a_person())
        scene.matching.drain_inbox()
        scene.matching.advance(1.0)
        (delta,) = scene.matching.deltas.due(9)
        telling = scene.matching.deltas.publish(delta)
        scene.matching.index.remove_opening(JOB)  # as the thread does while it is written
        scene.perform(telling)
        assert scene.told() == []

    @pytest.mark.parametrize("changes", [{"kind": "internship"}, {"occupation": CARE}, {"closes": "2026-12-30"}])
    def test_what_is_another_between_the_choice_and_its_transaction_is_told_as_it_is_then(
        self, changes: dict[str, Any]
    ) -> None:
        scene = Scene()
        scene.does(a_person(wants={"kinds": ["job"]}))
        scene.hear(a_job())
        scene.matching.drain_inbox()
        scene.matching.advance(1.0)
        scene.hear(a_job(**changes))
        scene.matching.drain_inbox()
        (delta,) = scene.matching.deltas.due(9)
        telling = scene.matching.deltas.publish(delta)
        scene.matching.advance(1.0)  # as the thread does while it is written
        scene.perform(telling)
        assert scene.told() == []
        scene.publish_changes()
        assert {one for _, one in scene.standing()} == set(scene.matching.index.best(numbered(1)))


class TestWhatStandsAtTheLoad:
    def test_nothing_is_due_before_what_may_stand_as_published_is_assessed(self) -> None:
        scene = Scene()
        scene.does(a_person(), a_job(1))
        scene.hear(a_job(2))  # and killed before it was kept
        scene.begin()
        scene.matching.drain_inbox()
        assert scene.matching.openings_waiting == 2, "both, as no list was kept"
        scene.matching.deltas.look(scene.matching.index.people(), more=True)
        assert scene.matching.deltas.due(9) == []
        scene.publish_changes()
        assert len(scene.standing()) == 2

    def test_while_it_loads_only_what_was_closed_meanwhile_is_withdrawn(self) -> None:
        scene = Scene()
        scene.does(a_person(1), a_person(2), a_job(1))
        deltas, people = scene.matching.deltas, {numbered(1), numbered(2)}
        scene.matching._queue.dirty_people |= people
        assert deltas.removals(set()) == []
        scene.matching._queue.dirty_people |= people
        assert [(each.person, each.withdrawn) for each in deltas.removals({JOB, "another"})] == [
            (person, (JOB,)) for person in sorted(people)
        ]
        scene.matching._queue.dirty_people |= people
        assert deltas.removals() == [], "it is held, and fits"
