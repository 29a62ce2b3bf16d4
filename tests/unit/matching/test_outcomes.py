"""What became of matches: read from an operator's file, and measured by hand."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from services.matching import outcome_file
from services.matching.domain.assessment import assess_pair
from services.matching.domain.outcomes import Held, Outcome, Recorded, Unseen, judged, measured, rows
from services.matching.outcome_file import LONGEST, Mistaken, outcome_lines
from tests.support.matching import TODAY, a_job, a_person, numbered
from tests.unit.matching.asking import PACK

pytestmark = pytest.mark.unit
BAKERY, FAR = a_job(1), a_job(2, region="legal-dong-2026:41800")
UNASKED, CARE = a_job(3), a_job(4, occupation="work24-2024-occupation:550100", title="요양보호사")
OFFERED = {one.opportunity: one for one in (BAKERY, FAR, UNASKED, CARE)}


def held(count: int = 1, **changes: Any) -> Held:
    people = {one.person: one for one in (a_person(n + 1, **changes) for n in range(count))}
    return Held(people, OFFERED, PACK, TODAY)


def said(opening: Any, outcome: Outcome, person: int = 1, day: date = TODAY) -> Recorded:
    return Recorded(numbered(person), opening.opportunity, outcome, day)


class TestJudged:
    def test_the_farthest_outcome_of_a_pair_counts_and_the_best_by_the_model_stands_first(self) -> None:
        recorded = [said(CARE, "no"), said(BAKERY, "yes"), said(BAKERY, "placed"), said(BAKERY, "no")]
        [pairs] = judged(recorded, held()).values()
        assert [(one.assessment.opening.id, one.gain) for one in pairs] == [
            (BAKERY.opportunity, 1.0), (CARE.opportunity, 0.0),
        ]  # fmt: skip

    def test_a_pair_that_may_not_match_now_comes_last(self) -> None:
        assert assess_pair(a_person(), FAR, PACK, TODAY).state == "no"
        [pairs] = judged([said(FAR, "placed"), said(CARE, "no")], held()).values()
        assert [one.assessment.opening.id for one in pairs] == [CARE.opportunity, FAR.opportunity]

    @pytest.mark.parametrize("since", [{"status": "closed"}, {"places": 0}, {"closes": "2026-11-01"}])
    def test_what_took_somebody_and_is_filled_or_closed_is_judged_as_if_it_were_open(
        self, since: dict[str, Any]
    ) -> None:
        filled = a_job(1, **since)
        recorded = [said(BAKERY, "placed"), said(CARE, "no")]
        [then] = judged(recorded, held()).values()
        [now] = judged(recorded, Held(held().people, {**OFFERED, filled.opportunity: filled}, PACK, TODAY)).values()
        assert [(one.assessment.opening.id, one.assessment.state, one.assessment.score, one.gain) for one in now] == [
            (one.assessment.opening.id, one.assessment.state, one.assessment.score, one.gain) for one in then
        ]

    def test_whose_consent_is_over_and_who_is_not_held_is_not_judged(self) -> None:
        over = held(consents=[{"purpose": "matching", "until": "2026-11-21"}])
        assert judged([said(BAKERY, "yes")], over) == {}
        assert judged([said(BAKERY, "yes", person=9)], held()) == {}


class TestMeasured:
    def test_of_ten_people_the_order_and_the_share_of_yes(self) -> None:
        recorded = [
            one
            for person in range(1, 11)
            for one in (said(BAKERY, "no", person), said(CARE, "placed", person), said(UNASKED, "yes", person))
        ]
        found = measured(recorded, held(10))
        # the model puts both bakeries, which are alike, before the work of a carer
        got = (1 / 3) / math.log2(3) + 1 / math.log2(4)
        ideal = 1 + (1 / 3) / math.log2(3)
        by_lot = (4 / 9) * (1 + 1 / math.log2(3) + 1 / math.log2(4))
        assert (found["people"], found["pairs"], found["yes"]) == (None, None, 0.667)  # of nobody: who is held
        assert found["ndcg10"] == round(got / ideal, 3)
        assert found["ndcg10_by_lot"] == round(by_lot / ideal, 3)
        ndcgs = {name: found[name] for name in ("ndcg10", "ndcg10_by_lot", "ndcg10_by_words")}
        assert found["groups"]["sex"] == {"female": {"people": None, **ndcgs, "yes": 0.667}}

    def test_beside_the_order_of_a_search_for_words(self) -> None:
        recorded = [one for n in range(1, 11) for one in (said(BAKERY, "placed", n), said(CARE, "no", n))]
        assert measured(recorded, held(10))["ndcg10_by_words"] == 1.0  # who wants to bake searches for bakeries
        recorded = [one for n in range(1, 11) for one in (said(BAKERY, "no", n), said(CARE, "placed", n))]
        assert measured(recorded, held(10))["ndcg10_by_words"] == round(1 / math.log2(3), 3)

    def test_what_was_refused_since_a_condition_did_not_hold_was_impossible(self) -> None:
        recorded = [
            one
            for n in range(1, 25)
            for one in (Recorded(numbered(n), BAKERY.opportunity, "no", TODAY, "shifts" if n <= 12 else None),
                        said(CARE, "yes", n))
        ]  # fmt: skip
        found = measured(recorded, held(24))
        assert [found[name] for name in ("impossible5", "impossible5_by_words", "impossible5_by_lot")] == [0.25] * 3
        few = [one if n < 18 else replace(one, reason=None) for n, one in enumerate(recorded)]
        assert measured(few, held(24))["impossible5"] is None

    def test_how_many_openings_stand_on_nobodys_list(self) -> None:
        assert measured([], held(), Unseen(10, 40, 10))["unseen"] == 0.25
        assert measured([], held(), Unseen(9, 40, 10))["unseen"] is None
        assert measured([], held(), Unseen(10, 9, 1))["unseen"] is None
        assert measured([], held())["unseen"] is None

    def test_of_nine_people_nothing_is_told(self) -> None:
        recorded = [one for n in range(1, 10) for one in (said(BAKERY, "yes", n), said(CARE, "no", n))]
        found = measured(recorded, held(9))
        assert (found["people"], found["pairs"], found["ndcg10"], found["yes"]) == (None, None, None, None)
        assert found["groups"] == {"sex": {}, "age": {}, "education": {}, "region": {}, "childcare": {}}

    def test_that_everybody_said_yes_is_not_told(self) -> None:
        found = measured([said(BAKERY, "yes", n) for n in range(1, 21)], held(20))
        assert (found["yes"], found["ndcg10"]) == (None, None)

    def test_how_often_a_question_is_answered_yes(self) -> None:
        without = {"wants": {"kinds": ["job"], "wage_min": {"per": "month", "amount": 2_500_000, "currency": "KRW"}}}
        silent = a_job(1, wage=None)
        here = Held(held(20, **without).people, {silent.opportunity: silent}, PACK, TODAY)
        assert assess_pair(here.people[numbered(1)], silent, PACK, TODAY).state == "possible"
        recorded = [said(silent, "yes" if n <= 12 else "no", n) for n in range(1, 23)]
        found = measured(recorded, here)
        assert (found["not_held"], found["yes_unasked"], found["yes_by_question"]) == (None, None, {})
        more = Held(held(22, **without).people, {silent.opportunity: silent}, PACK, TODAY)
        assert measured(recorded, more)["yes_by_question"] == {"wage-floor": round(12 / 22, 3)}

    @pytest.mark.parametrize(("named", "taking_part", "told"), [(15, 14, None), (24, 14, 14), (14, 14, None)])
    def test_how_many_take_part_is_told_where_as_many_of_the_named_do_not(
        self, named: int, taking_part: int, told: int | None
    ) -> None:
        recorded = [said(BAKERY, "yes" if n % 2 else "no", n) for n in range(1, named + 1)]
        found = measured(recorded, held(taking_part))
        rest = None if told is None else named - taking_part
        assert (found["people"], found["pairs"], found["not_held"]) == (told, told, rest)
        assert found["groups"]["sex"]["female"]["people"] == told

    @pytest.mark.parametrize(("away", "not_held"), [(0, 10), (1, None), (9, None), (10, 10)])
    def test_whose_consent_is_over_is_not_what_is_left_of_all_lines(self, away: int, not_held: int | None) -> None:
        recorded = [said(BAKERY, "yes" if n % 2 else "no", n) for n in range(1, 31)]
        over = {"consents": [{"purpose": "matching", "until": "2026-11-21"}]}
        people = {numbered(n): a_person(n, **(over if n <= away else {})) for n in range(1, 21)}
        found = measured(recorded, Held(people, OFFERED, PACK, TODAY))
        assert (found["recorded"], found["not_held"]) == (30, 10 if found["pairs"] is None else not_held)
        assert found["pairs"] == (20 - away if 20 - away >= 10 else None)

    def test_of_one_person_the_report_tells_neither_that_they_are_held_nor_what_they_did_not_say(self) -> None:
        nowhere = a_person(1, residence=None)
        assert assess_pair(nowhere, BAKERY, PACK, TODAY).state == "possible"
        recorded = [said(BAKERY, "no")]
        unknown = measured(recorded, Held({}, OFFERED, PACK, TODAY))
        assert measured(recorded, Held({nowhere.person: nowhere}, OFFERED, PACK, TODAY)) == unknown


class TestRows:
    def test_hold_values_as_they_count_and_a_number_for_a_person(self) -> None:
        [row] = rows([said(BAKERY, "referred"), said(FAR, "placed")], held())
        assessment = assess_pair(a_person(), BAKERY, PACK, TODAY)
        assert (row["person"], row["gain"]) == (0, round(2 / 3, 6))
        assert set(row["values"]) == set(PACK.weights)
        score = sum(PACK.weights[name] * value for name, value in row["values"].items())
        assert score == pytest.approx(assessment.score, abs=1e-5)
        assert numbered(1) not in json.dumps(row)


class TestFile:
    @staticmethod
    def written(folder: Path, text: str | bytes) -> Path:
        path = folder / "outcomes"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def test_is_csv_or_json_lines(self, tmp_path: Path) -> None:
        person, opening = numbered(1), BAKERY.opportunity
        by_alias = f"agency,alias,opportunity,outcome,date\ngjf,{person},{opening},placed,2026-11-20\n"
        by_id = json.dumps({"person": person, "opportunity": opening, "outcome": "no", "date": "2026-11-21"})
        [first] = outcome_lines(self.written(tmp_path, "\ufeff" + by_alias), TODAY)
        [second] = outcome_lines(self.written(tmp_path, "\n" + by_id + "\n\n"), TODAY)
        assert (first.agency, first.alias, first.outcome, first.date) == ("gjf", person, "placed", date(2026, 11, 20))
        assert (second.person, second.outcome, second.reason) == (person, "no", None)
        refused = by_alias.replace("date", "date,reason").replace("placed,2026-11-20", "no,2026-11-20,commute")
        assert outcome_lines(self.written(tmp_path, refused), TODAY)[0].reason == "commute"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("person,opportunity,outcome,date\n이름,x,placed,2026-11-20\n", "line 2, person: String should match"),
            ("name,opportunity,outcome,date\n", "line 1: the headings are some of"),
            ("opportunity,outcome,date\n" + numbered(1) + ",yes,2026-11-20\n", "line 2: a line names a person"),
            ('{"person": "a"}\n[1]\n', "line 2: is no JSON object"),
            ('{"person": }\n', "line 1: is no JSON"),
            ('{"outcome": "no", "outcome": "yes"}\n', "line 1: is no JSON, or says a field twice"),
            ('"person"x,opportunity,outcome,date\n', "line 1: is no CSV"),
            ("person,opportunity,outcome,outcome,date\n", "line 1: the headings are some of"),
            (
                f"person,opportunity,outcome,date,reason\n{numbered(1)},{numbered(2)},yes,2026-11-20,shifts\n",
                "line 2: a reason is of a no",
            ),
            (
                f"person,opportunity,outcome,date,reason\n{numbered(1)},{numbered(2)},no,2026-11-20,이름\n",
                "line 2: a reason is of a no, and one of ",
            ),
            (
                f"person,opportunity,outcome,date\n{numbered(1)},{numbered(2)},yes,2026-11-23\n",
                "line 2, date: is after today",
            ),
            ("person,outcome\n" + "x" * (LONGEST + 1), f"line 2: at most {LONGEST:,} characters"),
            (b"person\n\xff\xfe", "is not UTF-8"),
        ],
    )
    def test_a_mistake_is_named_and_what_stands_there_is_not(
        self, tmp_path: Path, text: str | bytes, said: str
    ) -> None:
        with pytest.raises(Mistaken) as caught:
            outcome_lines(self.written(tmp_path, text), TODAY)
        assert said in str(caught.value)
        assert "이름" not in str(caught.value)

    def test_more_mistakes_than_anybody_reads_are_not_all_said(self, tmp_path: Path) -> None:
        lines = "person,opportunity,outcome,date\n" + "?,?,?,?\n" * 1_000
        with pytest.raises(Mistaken) as caught:
            outcome_lines(self.written(tmp_path, lines), TODAY)
        assert str(caught.value).count("line ") == 20

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(Mistaken, match="is no file"):
            outcome_lines(tmp_path / "none", TODAY)

    def test_what_could_be_read_without_end_is_not_opened(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        for endless in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
            with pytest.raises(Mistaken, match="is no file"):
                outcome_lines(endless, TODAY)

    def test_a_file_of_more_bytes_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(outcome_file, "MOST_BYTES", 40)
        with pytest.raises(Mistaken, match="at most 40 bytes"):
            outcome_lines(self.written(tmp_path, "person,opportunity,outcome,date\n" + "\n" * 9), TODAY)
