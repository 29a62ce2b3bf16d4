"""What is told when something changes: once, in order, and by nobody who may not."""

from __future__ import annotations

import json
import random
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.active_matcher import warn_of_an_old_wage_table
from services.matching.documents import StoredMatch
from services.matching.publisher import republished_event
from shared.events.envelope import from_kafka, to_kafka
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from tests.support.matching import TODAY, a_job, a_person, numbered, random_opening, random_person
from tests.unit.matching.asking import PACK
from tests.unit.matching.scene import IDS, JOB, Scene
from verification.oracle.matches import matches_of

pytestmark = pytest.mark.unit


class TestAnOldWageTable:
    @pytest.mark.parametrize(("today", "said"), [(date(2026, 12, 31), 0), (date(2027, 1, 1), 1)])
    def test_is_named_in_the_log_once_it_has_ended(
        self, today: date, said: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        warn_of_an_old_wage_table(PACK, today)
        assert capsys.readouterr().out.count('"event":"wage_table_ended"') == said


class TestPublishing:
    def test_found_changed_withdrawn_and_found_again_count_on(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person(), a_person(), a_person(wants={"growth": False}))
        scene.does(a_person(status="left"), a_person(status="left"), a_person())
        assert scene.told() == [
            ("match-found", 1), ("match-changed", 2), ("match-withdrawn", 3), ("match-found", 4),
        ]  # fmt: skip

    def test_a_reason_that_reads_differently_is_a_change_even_at_the_same_score(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person(), a_job(wage={"maximum": 2_900_000}))
        assert scene.told() == [("match-found", 1), ("match-changed", 2)]

    def test_the_cause_is_handed_on_and_the_id_follows_from_match_and_sequence(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person())
        [record] = scene.store.emitted
        headers = {name: value.decode() for name, value in record.headers}
        match: dict[str, Any] = json.loads(record.value)
        assert headers["ce_correlationid"] == f"c-{numbered(1)}-1"
        assert headers["ce_causationid"] == f"{numbered(1)}-1"
        assert headers["ce_recordedtime"] == "2026-11-22T02:59:57Z"
        assert headers["ce_traceparent"] == "00-aa-bb-01"
        assert match["match"] == IDS.derived(numbered(1), JOB)
        assert match["person_rank"] == 1
        assert headers["ce_id"] == IDS.derived("match-found", match["match"], 1)
        assert record.key == numbered(1).encode()

    def test_what_is_displaced_names_the_one_that_is_better_as_its_cause(self) -> None:
        scene = Scene()
        scene.does(a_person(), *(a_job(n) for n in range(1, 11)))
        scene.does(a_job(50, wage={"minimum": 3_900_000}))
        events = [from_kafka(one.value, one.headers) for one in scene.store.emitted[-2:]]
        assert [e.type for e in events] == ["match-withdrawn", "match-found"]
        assert events[1].data.opportunity == a_job(50).opportunity
        # behind the first places the person's lot decides among equals
        assert events[0].data.opportunity in {a_job(n).opportunity for n in range(5, 11)}
        assert {e.causationid for e in events} == {f"{a_job(50).opportunity}-1"}

    def test_what_was_told_last_can_be_told_again_and_is_the_same_event_but_for_its_rank(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person())
        for change in ({"wants": {"growth": False}}, {"status": "left"}, {}):
            kept = scene.match()
            assert kept is not None
            last = scene.store.emitted[-1]
            key, value, headers = to_kafka(republished_event(StoredMatch.from_document(kept), IDS))
            said = json.loads(last.value)
            said = {name: each for name, each in said.items() if name != "person_rank"}
            assert (key, headers) == (last.key, list(last.headers))
            assert json.loads(value) == said
            scene.does(a_person(**change))
        assert scene.told()[-2:] == [("match-withdrawn", 3), ("match-found", 4)]

    def test_after_an_older_copy_was_restored_numbers_go_on_above_what_was_raised(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person(1))
        scene.store.put("purged", {"_id": "matches", "sequence": 700})
        scene.begin()
        scene.does(a_person(1, wants={"growth": False}), a_person(2), a_person(1, status="left"))
        assert scene.told() == [
            ("match-found", 1), ("match-changed", 701), ("match-found", 701), ("match-withdrawn", 702),
        ]  # fmt: skip

    def test_what_was_withdrawn_keeps_no_reasons(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person(), a_person(consents=[]))
        kept = scene.match()
        assert kept is not None
        assert kept["standing"] is False
        assert kept["match"]["reasons"] == []

    def test_a_state_that_is_older_than_the_stored_one_is_not_told(self) -> None:
        scene = Scene()
        scene.hear(a_job(), a_person())
        scene.matching.drain_inbox()
        for _ in range(5):
            scene.matching.advance(1.0)
        scene.hear(a_person(consents=[]))  # committed, and not looked at yet
        scene.perform(*(scene.matching.deltas.publish(delta) for delta in scene.matching.deltas.due(9)))
        assert scene.told() == []
        scene.publish_changes()
        assert scene.told() == []


class TestADay:
    def test_that_ends_a_consent_is_told_under_an_id_of_the_day(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person(consents=[{"purpose": "matching", "until": "2026-11-22"}]))
        scene.matching.begin_day(TODAY + timedelta(days=1))
        scene.publish_changes()
        assert scene.told() == [("match-found", 1), ("match-withdrawn", 2)]
        headers = {name: value.decode() for name, value in scene.store.emitted[-1].headers}
        assert headers["ce_correlationid"] == IDS.derived("day", "2026-11-23")

    def test_what_has_ended_is_not_held_from_the_next_day_on_and_a_longer_advert_brings_it_back(self) -> None:
        scene, tomorrow = Scene(), TODAY + timedelta(days=1)
        scene.does(a_job(), a_job(2, closes=TODAY.isoformat()), a_person())
        assert scene.matching.index.sizes() == (1, 2)
        scene.matching.begin_day(tomorrow)
        scene.publish_changes()
        assert scene.matching.index.sizes() == (1, 1)
        scene.does(a_job(2, closes=TODAY.isoformat()))  # told again, and over all the same
        assert scene.matching.index.sizes() == (1, 1)
        scene.does(a_job(2, closes=tomorrow.isoformat()))
        assert scene.matching.index.sizes() == (1, 2)
        assert sorted(scene.told()) == [
            ("match-found", 1), ("match-found", 1), ("match-found", 3), ("match-withdrawn", 2),
        ]  # fmt: skip

    def test_of_another_legal_wage_floor_takes_away_at_once_and_scans_everybody(self) -> None:
        scene = Scene(netting_seconds=60)
        scene.does(a_job(1, closes="2027-03-01", wage={"minimum": 2_160_000}), a_person())
        scene.matching.begin_day(date(2027, 1, 1))
        scene.publish_changes()
        right = matches_of([a_person()], [a_job(1, closes="2027-03-01", wage={"minimum": 2_160_000})], PACK,
                           date(2027, 1, 1))  # fmt: skip
        assert scene.standing() == set(right)


class TestASlice:
    def test_ends_when_something_is_committed_or_when_it_is_enough(self) -> None:
        scene = Scene()
        scene.hear(*(a_job(number) for number in range(5)))
        scene.matching.drain_inbox()
        assert scene.matching.advance(9.0, lambda: True)
        assert scene.matching.openings_waiting == 4
        scene.hear(a_person(consents=[]))
        assert scene.matching.advance(9.0)
        assert scene.matching.openings_waiting == 3
        scene.matching.drain_inbox()
        scene.matching.advance(9.0)
        assert scene.matching.openings_waiting == 0


class TestPurging:
    def withdrawn(self) -> tuple[Scene, str]:
        """A match that was found, changed and withdrawn today."""
        scene = Scene()
        scene.does(a_job(), a_person(), a_person(wants={"growth": False}), a_person(status="left"))
        return scene, IDS.derived(numbered(1), JOB)

    def test_what_was_withdrawn_long_ago_is_purged_and_the_pair_goes_on_above_its_last_number(self) -> None:
        scene, id = self.withdrawn()
        scene.perform(scene.matching.purge([id], TODAY))  # withdrawn today: not before today
        assert scene.match() is not None
        scene.perform(scene.matching.purge([id], TODAY + timedelta(days=1)))
        assert scene.match() is None
        assert scene.store.all("purged") == [{"_id": "matches", "sequence": 3}]
        scene.does(a_person())
        assert scene.told()[-1] == ("match-found", 4)

    def test_after_a_restart_too_and_for_every_pair_that_nothing_is_known_of(self) -> None:
        scene, id = self.withdrawn()
        scene.perform(scene.matching.purge([id], TODAY + timedelta(days=1)))
        scene.begin()
        scene.does(a_person(2))
        assert scene.told()[-1] == ("match-found", 4)

    def test_what_stands_again_stays(self) -> None:
        scene, id = self.withdrawn()
        scene.does(a_person())
        scene.perform(scene.matching.purge([id], TODAY + timedelta(days=99)))
        assert scene.match() is not None

    def test_a_purge_that_was_undone_deleted_nothing(self) -> None:
        scene, id = self.withdrawn()
        scene.perform_and_abort(scene.matching.purge([id], TODAY + timedelta(days=1)))
        scene.does(a_job(2), a_person())
        assert sorted(scene.told()[-2:]) == [("match-found", 1), ("match-found", 4)]


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["person", "opening", "opening", "wait", "publish", "keep", "kill", "new rules", "day"]),
        st.integers(0, 14),
        st.integers(0, 10_000),
    ),
    min_size=10,
    max_size=50,
)


class TestAnyInterleaving:
    @settings(max_examples=60, deadline=None)
    @given(changes=CHANGES)
    def test_of_changes_windows_kills_and_days_ends_as_the_plain_engine_says_and_nobody_ever_holds_more_than_the_best(
        self, changes: list[tuple[str, int, int]]
    ) -> None:
        scene = Scene(netting_seconds=10)
        people, openings = dict[int, Person](), dict[int, Opportunity]()
        for what, number, seed in changes:
            match what:
                case "person":
                    people[number % 5] = random_person(number % 5, random.Random(seed))
                    scene.hear(people[number % 5])
                case "opening":
                    openings[number] = random_opening(number, random.Random(seed))
                    scene.hear(openings[number])
                case "wait":
                    scene.now += number
                case "publish":
                    scene.publish_changes()
                case "keep":
                    scene.matching.drain_inbox()
                    scene.matching.advance(0.0)
                    scene.keep()
                case "day":
                    scene.day += timedelta(days=1)
                    scene.matching.begin_day(scene.day)
                case _:
                    scene.begin("r" if what == "kill" else f"r{seed}")
            for person in range(5):
                assert len([p for p, _ in scene.standing() if p == numbered(person)]) <= PACK.matching.best_of_person
        for _ in range(2):
            scene.publish_changes()
            scene.now += 10
            scene.publish_changes()
            right = matches_of(people.values(), openings.values(), PACK, scene.day)
            assert scene.standing() == set(right)
            scores = {(one["person"], one["opportunity"]): one["score"] for one in scene.store.all("matches")}
            assert all(scores[pair] == match.score for pair, match in right.items())
            emitted = len(scene.store.emitted)
            scene.keep()
            scene.begin()  # who begins again has nothing new to say
        scene.publish_changes()
        assert len(scene.store.emitted) == emitted
        self._each_pair_counts_on(scene)

    @staticmethod
    def _each_pair_counts_on(scene: Scene) -> None:
        last: dict[str, tuple[int, bool]] = {}
        for one in scene.store.emitted:
            event = from_kafka(one.value, one.headers)
            sequence, stood = last.get(event.data.match, (0, False))
            assert event.sequence == sequence + 1
            assert (event.type == "match-found") == (not stood)
            last[event.data.match] = (event.sequence, event.type != "match-withdrawn")
