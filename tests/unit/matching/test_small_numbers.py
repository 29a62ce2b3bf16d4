"""No report tells a number that rests on fewer than ten people, or from which one that does can be subtracted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.condition_answer import ASK, NO
from services.matching.domain.disclosure_control import LEAST, REPORTED, GroupBy, pooled
from services.matching.domain.left_out import PAIRED, Drawn, left_out
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from services.matching.domain.pooled_months import FEWER
from services.matching.domain.shadow_run import MEASURES, lists_of, shadow_run
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from tests.support.matching import BAKER, CARE, SEOUL, SUWON, TODAY, YEONCHEON, a_job, a_person
from tests.unit.matching.asking import PACK
from tests.unit.matching.test_reports import CARER, FOR_BAKERS

pytestmark = pytest.mark.unit
MONTHS = st.sampled_from(["2026-11", "2026-10", ""])
CARE_WORKER = "kr-certificate-2020:care-worker"
PEOPLE = st.lists(
    st.tuples(
        st.sampled_from([1, 9, 10, 11]),
        st.fixed_dictionaries(
            {
                "sex": st.sampled_from(["female", "male"]),
                "residence": st.sampled_from([SUWON, SEOUL, None]),
                "wants": st.sampled_from([{"commute_minutes": 5}, {"commute_minutes": 60}]),
                "certificates": st.sampled_from([[], [CARE_WORKER]]),
            }
        ),
        MONTHS,
    ),
    min_size=2,
    max_size=4,
)
"""So many who are alike, and the month of them."""
OPENINGS = st.lists(
    st.tuples(
        st.sampled_from([2, 10]),
        st.fixed_dictionaries(
            {"region": st.sampled_from([SUWON, YEONCHEON]), "certificates": st.sampled_from([[], [CARE_WORKER]])}
        ),
        MONTHS,
    ),
    min_size=1,
    max_size=2,
)


class Pairs(NamedTuple):
    """By condition and person what it alone refuses, and what is not known of what nothing refuses; by person what
    nothing refuses."""

    alone: Mapping[str, Sequence[set[int]]]
    asked: Mapping[str, Sequence[set[int]]]
    admitted: Sequence[set[int]]


def pairs_of(people: Sequence[Person], openings: Sequence[Opportunity]) -> Pairs:
    """One pair after the other."""
    context, offered = AssessmentContext(PACK, TODAY), [opening_facts(one, PACK) for one in openings]
    alone = {one.name: [set[int]() for _ in people] for one in PAIRED}
    asked = {one.name: [set[int]() for _ in people] for one in PAIRED}
    admitted = [set[int]() for _ in people]
    for number, person in enumerate(people):
        facts = person_facts(person, PACK)
        for place, opening in enumerate(offered):
            answers = {one.name: one.answer(facts, opening, context) for one in PAIRED}
            noes = [name for name, answer in answers.items() if answer is NO]
            if not noes:
                admitted[number].add(place)
                for name in (name for name, answer in answers.items() if answer is ASK):
                    asked[name][number].add(place)
            elif len(noes) == 1:
                alone[noes[0]][number].add(place)
    return Pairs(alone, asked, admitted)


def rests_on_ten(counted: Iterable[bool], share: bool = False) -> bool:
    """Ten people count; and ten do not, or, where it is no count of people, nobody does not."""
    each = list(counted)
    rest = len(each) - sum(each)
    return sum(each) >= LEAST and (rest >= LEAST or (rest == 0 and not share))


def told_by_group(
    cells: Mapping[str, Any], groups: Mapping[str, Sequence[int]], counted: Sequence[bool], share: bool = False
) -> set[str]:
    """The groups of which a number is told. It rests on ten, and so does what is left of the whole without them."""
    told = {group for group, cell in cells.items() if cell is not None and cell != FEWER}
    for group in told:
        assert rests_on_ten((counted[one] for one in groups[group]), share)
    left = [counted[one] for group in groups.keys() - told for one in groups[group]]
    assert not told or not left or rests_on_ten(left, share)
    return told


def a_world(people: Any, openings: Any) -> tuple[list[Person], list[Opportunity], Mapping[str, str]]:
    """These, each under an id of its own, and the months of all."""
    who = [(changes, month) for count, changes, month in people for _ in range(count)]
    what = [(changes, month) for count, changes, month in openings for _ in range(count)]
    persons = [a_person(number, **changes) for number, (changes, _) in enumerate(who, 1)]
    jobs = [a_job(number, **changes) for number, (changes, _) in enumerate(what, 1)]
    months = {one.person: month for one, (_, month) in zip(persons, who, strict=True)}
    months |= {one.opportunity: month for one, (_, month) in zip(jobs, what, strict=True)}
    return persons, jobs, months


class TestLeftOut:
    @settings(max_examples=15, deadline=None)
    @given(PEOPLE, OPENINGS)
    def test_no_number_rests_on_fewer_than_ten_people(self, people: Any, openings: Any) -> None:
        persons, jobs, months = a_world(people, openings)
        found = left_out(persons, jobs, PACK, TODAY, Drawn(len(persons), len(jobs), months))
        pairs = pairs_of(persons, jobs)
        for by in REPORTED:
            groups = pooled(persons, by, TODAY, PACK)
            assert all(len(members) >= LEAST for members in groups.values())
            assert sum(map(len, groups.values())) in (0, len(persons))
            self.means(found["groups"][by], groups, pairs)
            for name, table in found["tables"].items():
                if table != FEWER:
                    self.table(by, table, groups, pairs.alone[name], pairs.asked[name], persons, months)
        for name, alone in pairs.alone.items():
            told = found["conditions"][name]
            assert told["people"] is None or (rest_of(alone, share=True) and told["people"] == sum(map(bool, alone)))
            assert told["openings"] is None or (rest_of(alone) and told["openings"] == len(set().union(*alone)))

    @staticmethod
    def means(cells: Mapping[str, Any], groups: Mapping[str, Sequence[int]], pairs: Pairs) -> None:
        told_by_group({g: one["openings_each"] for g, one in cells.items()}, groups, [bool(a) for a in pairs.admitted])
        without = {group: one["without_any"] for group, one in cells.items()}
        told_by_group(without, groups, [not one for one in pairs.admitted], share=True)
        for figure, values in (("kept_from_each", pairs.alone), ("not_known_each", pairs.asked)):
            for name, each in values.items():
                told_by_group({g: one[figure][name] for g, one in cells.items()}, groups, [bool(one) for one in each])

    @staticmethod
    def table(
        by: GroupBy,
        table: Mapping[str, Any],
        groups: Mapping[str, Sequence[int]],
        alone: Sequence[set[int]],
        asked: Sequence[set[int]],
        persons: Sequence[Person],
        months: Mapping[str, str],
    ) -> None:
        for figure, each in (("people", alone), ("not_known", asked)):
            if table[figure] == FEWER:
                continue
            counted, since = [bool(one) for one in each], table[figure]["since"] or ""
            inside = {place for place, one in enumerate(persons) if months[one.person] >= since}
            outside = [counted[place] for place in range(len(persons)) if place not in inside]
            assert not outside or rests_on_ten(outside, share=True)
            within = {group: [one for one in members if one in inside] for group, members in groups.items()}
            for group in told_by_group(table[figure][by], within, counted, share=True):
                assert table[figure][by][group] == sum(counted[one] for one in within[group])
        if table["openings"] != FEWER:
            assert "since" not in table["openings"]
            for group in told_by_group(table["openings"][by], groups, [bool(one) for one in alone]):
                places = set().union(*(alone[one] for one in groups[group]))
                assert table["openings"][by][group] == len(places) >= LEAST

    def test_openings_of_the_newest_month_that_one_person_alone_is_kept_from_are_no_number(self) -> None:
        women = [(19, {"sex": "female", "wants": {"commute_minutes": 60}}, "2026-11")]
        far = [
            (1, {"sex": "female", "residence": "legal-dong-2026:26000", "wants": {"commute_minutes": 60}}, "2026-11")
        ]
        openings = [(12, {"region": YEONCHEON}, "2026-10"), (12, {"region": SUWON}, "2026-11")]
        persons, jobs, months = a_world([*women, *far], openings)
        alone = pairs_of(persons, jobs).alone["commute"]
        assert [len(one) for one in alone] == [12] * 19 + [24]
        found = left_out(persons, jobs, PACK, TODAY, Drawn(20, 24, months))["tables"]["commute"]
        assert found["people"] == FEWER
        assert found["openings"]["sex"] == {"female": 24}  # not the twelve of November


class TestShadowRun:
    @settings(max_examples=15, deadline=None)
    @given(
        st.lists(
            st.tuples(st.sampled_from([1, 9, 10, 12]), st.booleans(), st.sampled_from(["female", "male"])),
            min_size=2,
            max_size=4,
        ),
        st.integers(1, 3),
    )
    def test_no_difference_to_before_rests_on_fewer_than_ten_people(self, drawn: Any, jobs: int) -> None:
        who = [(carer, sex) for count, carer, sex in drawn for _ in range(count)]
        people = [a_person(n, sex=sex, **(CARER if carer else {})) for n, (carer, sex) in enumerate(who, 1)]
        openings = [a_job(n) for n in range(1, jobs + 1)]
        found = shadow_run(people, openings, PACK, FOR_BAKERS, TODAY)
        both = [lists_of(people, openings, pack, TODAY) for pack in (PACK, FOR_BAKERS)]
        changed = [one != other for one, other in zip(*both, strict=True)]
        for before, after in (found["seen"], [one["job"] for one in found["kinds"]]):
            assert before is None or after is None or beside(changed)
        for by in REPORTED:
            groups = pooled(people, by, TODAY, PACK)
            for figure in ("entries_each", *MEASURES):
                two = {group: one[figure] for group, one in found["groups"][by].items()}
                told = {group for group, each in two.items() if None not in each}
                assert all(beside(changed[one] for one in groups[group]) for group in told)
                assert not told or beside(changed[one] for group in groups.keys() - told for one in groups[group])

    def test_that_one_list_has_an_entry_less_is_not_told(self) -> None:
        either = [{"code": code, "months": 24, "interest": 1.0} for code in (BAKER, CARE)]
        people = [*(a_person(n, occupations=either) for n in range(1, 30)), a_person(30, **CARER)]
        openings = [a_job(1), a_job(2, occupation=CARE, title="요양보호사")]
        lists = [lists_of(people, openings, pack, TODAY) for pack in (PACK, FOR_BAKERS)]
        assert [sorted({len(one) for one in each[:29]} | {len(each[29])}) for each in lists] == [[2], [1, 2]]
        found = shadow_run(people, openings, PACK, FOR_BAKERS, TODAY)
        assert found["changed"] is None
        for group in found["groups"]["sex"].values():
            assert group["entries_each"][0] is not None
            assert group["entries_each"][1] is None
        assert found["seen"] == [2, None]
        assert found["kinds"] == [{"job": 60}, {"job": None}]
        assert [each["without_table"] is None for each in found["congestion"]] == [False, True]

    @pytest.mark.parametrize(
        ("few", "told"), [(3, {"internship": None, "job": None}), (10, {"internship": 10, "job": 30})]
    )
    def test_what_few_people_have_of_a_kind_is_not_what_is_left_of_all_entries(
        self, few: int, told: Mapping[str, int | None]
    ) -> None:
        people = [a_person(n, wants={"kinds": ["job", "internship"] if n <= few else ["job"]}) for n in range(1, 31)]
        found = shadow_run(people, [a_job(1), a_job(2, kind="internship")], PACK, PACK, TODAY)
        assert found["kinds"] == [told, told]
        entries = found["groups"]["sex"]["female"]["entries_each"][0]
        assert entries == round((30 + few) / 30, 2)


def beside(differ: Iterable[bool]) -> bool:
    """Nobody or ten people make a difference."""
    return sum(differ) not in range(1, LEAST)


def rest_of(alone: Sequence[set[int]], share: bool = False) -> bool:
    """Whether what a condition alone refuses may be told of all."""
    return rests_on_ten(map(bool, alone), share)
