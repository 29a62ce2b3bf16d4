"""What is told when something changes: once, in order, the same again after an undo, and by nobody who may not."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from services.matching.activity import warn_of_an_old_wage_table
from services.matching.domain.index import Index
from services.matching.fence import NotActive
from services.matching.service import Cause, Matching, told_again
from shared.events.envelope import to_kafka
from shared.kit.ids import Ids
from shared.kit.work import Work
from tests.support.matching import TODAY, a_job, a_person, numbered
from tests.unit.matching.asking import PACK

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
CAUSE = Cause("c-1", "e-1", NOW - timedelta(seconds=3), "00-aa-bb-01")


def matching() -> Matching:
    made = Matching(PACK, Ids(bytes(32)), partial(Index, PACK), TODAY)
    made.opportunity_changed(a_job(), Work(NOW), CAUSE)
    made.committed()
    return made


def told(work: Work) -> list[tuple[str, int]]:
    """Type and sequence of what was emitted."""
    headers = [{name: value.decode() for name, value in one.headers} for one in work.emitted]
    return [(one["ce_type"], int(one["ce_sequence"])) for one in headers]


class TestAnOldWageTable:
    @pytest.mark.parametrize(("today", "said"), [(date(2026, 12, 31), 0), (date(2027, 1, 1), 1)])
    def test_is_named_in_the_log_once_it_has_ended(
        self, today: date, said: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        warn_of_an_old_wage_table(PACK, today)
        assert capsys.readouterr().out.count('"event":"wage_table_ended"') == said


class TestTelling:
    def test_found_changed_withdrawn_and_found_again_count_on(self) -> None:
        made, work = matching(), Work(NOW)
        made.person_changed(a_person(), work, CAUSE)
        made.person_changed(a_person(), work, CAUSE)  # nothing new
        made.person_changed(a_person(wants={"growth": False}), work, CAUSE)
        made.person_changed(a_person(status="left"), work, CAUSE)
        made.person_changed(a_person(status="left"), work, CAUSE)
        made.person_changed(a_person(), work, CAUSE)
        assert told(work) == [
            ("match-found", 1), ("match-changed", 2), ("match-withdrawn", 3), ("match-found", 4),
        ]  # fmt: skip

    def test_a_reason_that_reads_differently_is_a_change_even_at_the_same_score(self) -> None:
        made, work = matching(), Work(NOW)
        made.person_changed(a_person(), work, CAUSE)
        job = a_job(wage={"maximum": 2_900_000})
        before = len(work.emitted)
        made.opportunity_changed(job, work, CAUSE)
        assert told(work)[before:] == [("match-changed", 2)]

    def test_the_cause_is_handed_on_and_the_id_follows_from_match_and_sequence(self) -> None:
        made, work = matching(), Work(NOW)
        made.person_changed(a_person(), work, CAUSE)
        [record] = work.emitted
        headers = {name: value.decode() for name, value in record.headers}
        match: dict[str, Any] = json.loads(record.value)
        ids = Ids(bytes(32))
        assert headers["ce_correlationid"] == "c-1"
        assert headers["ce_causationid"] == "e-1"
        assert headers["ce_recordedtime"] == "2026-11-22T02:59:57Z"
        assert headers["ce_traceparent"] == "00-aa-bb-01"
        assert match["match"] == ids.derived(numbered(1), a_job().opportunity)
        assert headers["ce_id"] == ids.derived("match-found", match["match"], 1)
        assert record.key == numbered(1).encode()

    def test_what_was_told_last_can_be_told_again_and_is_the_same_event_but_for_ranks(self) -> None:
        made, work = matching(), Work(NOW)
        made.person_changed(a_person(), work, CAUSE)
        for change in ({"wants": {"growth": False}}, {"status": "left"}):
            kept = work.get("matches", Ids(bytes(32)).derived(numbered(1), a_job().opportunity))
            assert kept is not None
            again, last = told_again(kept, Ids(bytes(32))), work.emitted[-1]
            key, value, headers = to_kafka(again)
            said = json.loads(last.value)
            said = {name: each for name, each in said.items() if name != "person_rank"}
            assert (key, headers) == (last.key, list(last.headers))
            assert json.loads(value) == said
            made.person_changed(a_person(**change), work, CAUSE)
        assert told(work)[-1] == ("match-withdrawn", 3)

    def test_after_an_older_copy_was_restored_numbers_go_on_above_what_was_raised(self) -> None:
        made, work = matching(), Work(NOW)
        made.person_changed(a_person(1), work, CAUSE)
        made.load_forgotten(700)
        made.person_changed(a_person(1, wants={"growth": False}), work, CAUSE)
        made.person_changed(a_person(2), work, CAUSE)
        made.person_changed(a_person(1, status="left"), work, CAUSE)
        assert told(work) == [
            ("match-found", 1), ("match-changed", 701), ("match-found", 701), ("match-withdrawn", 702),
        ]  # fmt: skip

    def test_what_was_withdrawn_keeps_no_reasons(self) -> None:
        made, work = matching(), Work(NOW)
        made.person_changed(a_person(), work, CAUSE)
        made.person_changed(a_person(consents=[]), work, CAUSE)
        kept = work.get("matches", Ids(bytes(32)).derived(numbered(1), a_job().opportunity))
        assert kept is not None
        assert kept["standing"] is False
        assert kept["match"]["reasons"] == []

    def test_a_new_day_is_told_under_an_id_of_the_day(self) -> None:
        made, work = matching(), Work(NOW)
        made.person_changed(a_person(consents=[{"purpose": "matching", "until": "2026-11-22"}]), work, CAUSE)
        made.reassess(numbered(1), TODAY + timedelta(days=1), work)
        made.reassess(numbered(1), TODAY + timedelta(days=1), work)
        assert told(work) == [("match-found", 1), ("match-withdrawn", 2)]
        assert made.today == TODAY + timedelta(days=1)

    def test_what_has_ended_is_not_looked_at_from_the_next_day_on_and_a_longer_advert_brings_it_back(self) -> None:
        made, work, tomorrow = matching(), Work(NOW), TODAY + timedelta(days=1)
        made.opportunity_changed(a_job(2, closes=TODAY.isoformat()), work, CAUSE)
        made.person_changed(a_person(), work, CAUSE)
        assert made.openings() == 2
        made.reassess(numbered(1), tomorrow, work)
        made.end_of_turn(tomorrow, work)
        assert made.openings() == 1
        made.opportunity_changed(a_job(2, closes=TODAY.isoformat()), work, CAUSE)  # told again, and over all the same
        assert made.openings() == 1
        made.opportunity_changed(a_job(2, closes=tomorrow.isoformat()), work, CAUSE)
        assert made.openings() == 2
        assert sorted(told(work)) == [
            ("match-found", 1),
            ("match-found", 1),
            ("match-found", 3),
            ("match-withdrawn", 2),
        ]

    def test_a_day_turns_also_when_there_is_nobody(self) -> None:
        made, tomorrow = matching(), TODAY + timedelta(days=1)
        made.end_of_turn(tomorrow, Work(NOW))
        assert made.today == tomorrow

    def test_who_left_while_the_day_turned_is_passed_over(self) -> None:
        made, work = matching(), Work(NOW)
        made.reassess(numbered(1), TODAY + timedelta(days=1), work)
        assert told(work) == []

    def test_what_has_ended_comes_back_when_the_turn_is_undone(self) -> None:
        made, work = matching(), Work(NOW)
        made.opportunity_changed(a_job(2, closes=TODAY.isoformat()), work, CAUSE)
        made.committed()
        mark = made.mark()
        made.end_of_turn(TODAY + timedelta(days=1), work)
        made.undo(mark)
        assert (made.openings(), made.today) == (2, TODAY)


class TestForgetting:
    def withdrawn(self) -> tuple[Matching, Work, str]:
        """A match that was found, changed and withdrawn today, committed."""
        made, work = matching(), Work(NOW)
        made.person_changed(a_person(), work, CAUSE)
        made.person_changed(a_person(wants={"growth": False}), work, CAUSE)
        made.person_changed(a_person(status="left"), work, CAUSE)
        made.committed()
        return made, work, Ids(bytes(32)).derived(numbered(1), a_job().opportunity)

    def test_what_was_withdrawn_long_ago_is_forgotten_and_the_pair_goes_on_above_its_last_number(self) -> None:
        made, work, id = self.withdrawn()
        made.forget_withdrawn([id], TODAY, work)  # withdrawn today: not before today
        assert work.get("matches", id) is not None
        made.forget_withdrawn([id], TODAY + timedelta(days=1), work)
        assert work.get("matches", id) is None
        assert work.get("forgotten", "matches") == {"_id": "matches", "sequence": 3}
        made.person_changed(a_person(), work, CAUSE)
        assert told(work)[-1] == ("match-found", 4)

    def test_after_a_restart_too_and_for_every_pair_that_nothing_is_known_of(self) -> None:
        made, work, id = self.withdrawn()
        made.forget_withdrawn([id], TODAY + timedelta(days=1), work)
        made.forget(TODAY)
        made.load_forgotten(3)
        made.load_opportunity(a_job())
        made.person_changed(a_person(2), work, CAUSE)
        assert told(work)[-1] == ("match-found", 4)

    def test_what_stands_again_stays(self) -> None:
        made, work, id = self.withdrawn()
        made.person_changed(a_person(), work, CAUSE)
        made.forget_withdrawn([id], TODAY + timedelta(days=99), work)
        assert work.get("matches", id) is not None

    def test_an_undone_forgetting_is_not_forgotten(self) -> None:
        made, work, id = self.withdrawn()
        mark, point = made.mark(), work.mark()
        made.forget_withdrawn([id], TODAY + timedelta(days=1), work)
        made.undo(mark)
        work.undo(point)
        assert work.get("matches", id) is not None
        made.opportunity_changed(a_job(2), work, CAUSE)
        made.person_changed(a_person(), work, CAUSE)
        assert sorted(told(work)[-2:]) == [("match-found", 1), ("match-found", 4)]


class TestFollowingTheStore:
    def test_what_was_undone_is_told_again_the_same(self) -> None:
        made, first, second = matching(), Work(NOW), Work(NOW)
        mark = made.mark()
        made.person_changed(a_person(), first, CAUSE)
        made.undo(mark)
        made.person_changed(a_person(), second, CAUSE)
        assert [one.value for one in first.emitted] == [one.value for one in second.emitted]
        assert told(second) == [("match-found", 1)]

    def test_an_aborted_transaction_leaves_no_trace(self) -> None:
        made, work = matching(), Work(NOW)
        made.person_changed(a_person(), work, CAUSE)
        made.aborted()
        assert list(made.people()) == []
        assert made.unsettled() == []

    def test_what_the_database_holds_is_not_told_again_after_loading(self) -> None:
        made, work = matching(), Work(NOW)
        made.person_changed(a_person(), work, CAUSE)
        document = work.get("matches", Ids(bytes(32)).derived(numbered(1), a_job().opportunity))
        assert document is not None
        made.forget(TODAY)
        made.load_opportunity(a_job())
        made.load_person(a_person())
        made.load_match(document)
        again = Work(NOW)
        made.settle(made.unsettled(), again)
        assert again.emitted == []

    def test_without_the_lease_no_work_begins(self) -> None:
        made = matching()
        made.guard = lambda: False
        with pytest.raises(NotActive):
            made.mark()
