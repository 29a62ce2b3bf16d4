"""What a matcher that begins takes from what was kept, and what it does without the lease: nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.matching.documents import StoredMatch
from services.matching.domain.opening_facts import opening_facts
from services.matching.fenced_store import NotActive
from services.matching.matcher_documents import StoredProgress
from services.matching.publisher import MatchDelta
from tests.support.matching import TODAY, YEONCHEON, a_job, a_person, numbered
from tests.unit.matching.asking import PACK
from tests.unit.matching.scene import JOB, Scene
from verification.oracle.matches import matches_of

pytestmark = pytest.mark.unit


class TestLoading:
    def test_lists_of_these_rules_are_taken_and_nobody_is_scanned(self) -> None:
        scene = Scene()
        scene.does(*(a_job(n) for n in range(20)), a_person(1), a_person(2))
        scene.keep()
        scene.begin()
        assert scene.matching._queue.waiting == 0
        scene.publish_changes()
        scene.does(a_job(3, status="closed"))
        assert scene.standing() == set(
            matches_of([a_person(1), a_person(2)], [a_job(n) for n in range(20) if n != 3], PACK, TODAY)
        )

    def test_where_nothing_is_another_nothing_is_stored_and_no_window_opens(self) -> None:
        scene = Scene(netting_seconds=10)
        scene.does(*(a_job(n) for n in range(20)), a_person(1), a_person(2))
        settle(scene)
        told = scene.told()
        scene.begin()
        scene.publish_changes()
        assert scene.matching.waiting == 0
        assert scene.matching.deltas.seconds_to_next() is None, "no window is open"
        assert scene.matching.take_unsaved()[0] == []
        assert scene.told() == told

    def test_what_was_not_told_before_is_told_at_the_end_of_a_window(self) -> None:
        scene = Scene(netting_seconds=10)
        scene.does(a_job(1), a_person(1))
        settle(scene)
        scene.does(a_job(2))  # its window has not ended when the process is killed
        scene.keep()
        told = scene.told()
        scene.begin()
        scene.publish_changes()
        assert scene.told() == told
        assert scene.matching.deltas.seconds_to_next() == 10
        scene.now += 10
        scene.publish_changes()
        assert scene.told() == [*told, ("match-found", 1)]

    def test_whoever_has_no_list_is_scanned_compared_and_stored(self) -> None:
        scene = Scene()
        scene.does(a_job(1), a_person(1))
        settle(scene)
        scene.hear(a_person(2))  # and killed
        scene.begin()
        scene.publish_changes()
        assert scene.standing() == {(numbered(1), JOB), (numbered(2), JOB)}
        assert scene.matching.take_unsaved()[0] == [numbered(2)]

    @pytest.mark.parametrize("held_on_loading", [False, True])
    def test_a_stored_list_does_not_bring_back_what_is_another_since(self, held_on_loading: bool) -> None:
        """It was closed, and came back as something that the person may not match, between the times at which their
        list was another."""
        most, worst = PACK.matching.chosen_from + 2, {"wage": {"minimum": 2_300_000}}
        scene, elsewhere = Scene(), a_job(1, region=YEONCHEON)
        scene.hear(a_job(1, **worst), *(a_job(number) for number in range(2, most + 1)), a_person())
        settle(scene)
        assert scene.on_list()[-1] == JOB, "in the reserve, so that nobody is scanned when it goes"
        scene.does(elsewhere if held_on_loading else a_job(1, status="closed"))  # not kept, and killed
        scene.begin()
        settle(scene)
        scene.does(elsewhere)
        settle(scene)
        scene.begin()
        assert scene.matching._queue.waiting == 0
        assert JOB not in scene.on_list()

    @pytest.mark.parametrize("rules", ["r", "others"])
    def test_lists_of_other_rules_or_of_a_person_that_changed_since_are_not_believed(self, rules: str) -> None:
        scene = Scene()
        scene.does(*(a_job(n) for n in range(20)), a_person(1))
        scene.keep()
        if rules == "r":
            scene.hear(a_person(1, residence="legal-dong-2026:41210"))
        scene.begin(rules)
        assert scene.matching._queue.waiting == 1

    def test_lists_of_a_later_day_lack_what_had_ended_by_then(self) -> None:
        """A clock that was ahead where nobody could doubt it, and was set back."""
        scene = Scene()
        ends = a_job(1, closes=(TODAY + timedelta(days=10)).isoformat())
        scene.does(ends, a_job(2), a_person())
        assert len(scene.standing()) == 2
        scene.matching.begin_day(TODAY + timedelta(days=20))
        scene.publish_changes()
        scene.keep()
        assert scene.standing() == {(numbered(1), a_job(2).opportunity)}
        scene.begin()
        scene.publish_changes()
        assert scene.standing() == set(matches_of([a_person()], [ends, a_job(2)], PACK, TODAY))
        assert len(scene.standing()) == 2

    def test_what_comes_while_it_loads_wins_over_what_is_loaded(self) -> None:
        scene = Scene()
        scene.does(a_job(1), a_job(2), a_person())
        made = scene.matching
        made.reset(TODAY)
        made.load_progress(3, StoredProgress(3, 0, TODAY), 0)
        for one in scene.store.all("matches"):
            match = StoredMatch.from_document(one)
            assert match.revisions is not None
            made.deltas.load_published(numbered(1), match.match.opportunity, match.revisions)
        made.load_person(a_person(), 3)
        scene.hear(a_job(1, status="closed"))
        scene.publish_changes(removals_only=True)
        assert scene.told() == [("match-found", 1), ("match-found", 1), ("match-withdrawn", 2)]
        made.load_opening(opening_facts(a_job(1), PACK), 1)  # read before it was closed
        made.load_opening(opening_facts(a_job(2), PACK), 2)
        made.loaded()
        scene.publish_changes()
        assert scene.standing() == {(numbered(1), a_job(2).opportunity)}
        assert len(scene.told()) == 3


def settle(scene: Scene) -> None:
    """All is told and kept."""
    scene.publish_changes()
    scene.now += 10
    scene.publish_changes()
    scene.keep()


def test_a_match_that_was_stored_before_it_said_how_likely_it_is_is_read() -> None:
    scene = Scene()
    scene.does(a_job(1), a_person())
    (stored,) = scene.store.all("matches")
    del stored["chance"]
    assert StoredMatch.from_document(stored).chance == 1


class TestWithoutTheLease:
    def test_nor_before_it_is_known_which_revisions_were_given(self) -> None:
        made = Scene().matching
        made.savepoint()
        made.reset(TODAY)
        with pytest.raises(NotActive):
            made.savepoint()

    def test_no_work_begins(self) -> None:
        made = Scene().matching
        made.guard = lambda: False
        with pytest.raises(NotActive):
            made.savepoint()

    def test_a_transaction_that_is_not_committed_changes_nothing(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person())
        delta = MatchDelta(numbered(1), (JOB,))
        scene.perform_and_abort(scene.matching.deltas.publish(delta))
        scene.publish_changes()
        assert scene.told() == [("match-found", 1)]
