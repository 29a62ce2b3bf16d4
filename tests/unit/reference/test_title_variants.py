"""Titles as people write them (`title_variants.csv`): how many are found, and that nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.reference import load_pack
from shared.reference.misspellings import Misspellings
from shared.reference.tables import read_table
from shared.reference.title_additions import Additions, in_brackets
from shared.reference.title_folding import folded
from shared.reference.titles import Titles

pytestmark = pytest.mark.unit
PACK = load_pack("kr-gyeonggi")
FILE = Path(__file__).with_name("title_variants.csv")


class Variant(NamedTuple):
    field: str
    how: str
    half: str
    title: str
    code: str | None

    @property
    def found(self) -> frozenset[str]:
        if self.field == "skill":
            return frozenset(code for code, _ in PACK.named("skill", self.title))
        code = PACK.find(self.field, self.title)
        return frozenset() if code is None else frozenset({code})


def variants() -> Iterator[Variant]:
    for _, row in read_table(FILE):
        yield Variant(row["field"], row["how"], row["half"], row["title"], row.get("code"))


ALL = tuple(variants())
MEANT = [one for one in ALL if one.code is not None]
MEANT_EXACTLY = [one for one in MEANT if (one.field, one.how) != ("certificate", "misspelt")]
GIVEN_UP = frozenset({"용접 가능자 모집", "미싱 가능자 구함"})
"""Named once: "who can" behind a short word says as often what is asked besides ("can drive"), or what may be used."""
NAMELESS = [one for one in ALL if one.code is None]


class TestTable:
    def test_is_large_enough_and_half_of_it_was_held_out(self) -> None:
        assert len(MEANT) >= 150
        assert len(NAMELESS) >= 40
        assert len({(one.field, one.title) for one in ALL}) == len(ALL)
        assert 0.4 < sum(one.half == "held out" for one in ALL) / len(ALL) < 0.6

    def test_means_codes_of_the_pack(self) -> None:
        assert all(one.code in PACK.lists.entries for one in MEANT)

    @pytest.mark.parametrize("half", ["tuned on", "held out"])
    def test_nine_of_ten_are_found_in_either_half(self, half: str) -> None:
        mine = [one for one in MEANT if one.half == half]
        assert sum(one.code in one.found for one in mine) / len(mine) >= 0.95

    @pytest.mark.parametrize("field", ["course", "certificate", "skill"])
    def test_nearly_all_but_misspelt_certificates_are_found(self, field: str) -> None:
        mine = [one for one in MEANT_EXACTLY if one.field == field]
        missed = [one.title for one in mine if one.code not in one.found and one.title not in GIVEN_UP]
        assert len(missed) / len(mine) <= 0.02, missed

    def test_nothing_wrong_is_found(self) -> None:
        wrong = [one for one in MEANT if one.field != "skill" and one.found and one.code not in one.found]
        assert wrong == []

    def test_what_was_given_up_is_named_by_nothing(self) -> None:
        given_up = [one for one in ALL if one.title in GIVEN_UP]
        assert {one.title for one in given_up} == GIVEN_UP
        assert all(one.found == frozenset() for one in given_up)

    @pytest.mark.parametrize(
        "one", [one for one in MEANT if one.how == "everyday words" and one.field == "skill"], ids=lambda one: one.title
    )
    def test_no_other_class_of_courses_is_named_where_the_work_is_or_what_comes_with_it(self, one: Variant) -> None:
        classes = {code for code in one.found if PACK.accepts("course", code)}
        assert len(classes) <= 1
        assert one.code not in PACK.codes("course") or classes <= {one.code}

    @pytest.mark.parametrize("one", NAMELESS, ids=lambda one: f"{one.field}: {one.title}")
    def test_what_names_nothing_is_none(self, one: Variant) -> None:
        assert one.found == frozenset()


class TestCertificates:
    """What somebody has is a fact: nothing is read into it."""

    @pytest.mark.parametrize("one", [one for one in MEANT if one not in MEANT_EXACTLY], ids=lambda one: one.title)
    def test_a_misspelt_one_is_not_taken_but_suggested(self, one: Variant) -> None:
        assert one.found == frozenset()
        assert one.code in {PACK.certificate(title) for title in PACK.suggestions("certificate", one.title)}

    @pytest.mark.parametrize(
        ("title", "other"),
        [("조경 기술자", "조경기술사"), ("제강기능사", "제빵기능사"), ("지적기능사", "조적기능사")],
    )
    def test_one_stroke_may_be_another_trade(self, title: str, other: str) -> None:
        assert PACK.certificate(title) != PACK.certificate(other)

    def test_the_written_part_alone_is_no_certificate_and_its_name_is_suggested(self) -> None:
        assert PACK.certificate("한식조리기능사(필기)") is None
        assert PACK.suggestions("certificate", "한식조리기능사(필기)")[0] == "한식조리기능사"
        assert PACK.certificate("한식조리기능사(실기)") == PACK.certificate("한식조리기능사")

    @pytest.mark.parametrize("title", ["컴퓨터활용능력 1급", "전산회계 2급", "사회복지사 1급", "보육교사 3급"])
    def test_a_grade_that_is_part_of_the_name_stays(self, title: str) -> None:
        assert PACK.certificate(f"{title} 자격증") == PACK.certificate(title) is not None
        assert PACK.certificate(title.rpartition(" ")[0]) is None

    @pytest.mark.parametrize("field", ["occupation", "industry", "region", "strength", "need"])
    def test_no_name_of_another_list_becomes_one(self, field: str) -> None:
        known = {folded(title) for _, title in PACK.titles["certificate"].written()}
        labels = [PACK.label(code, "ko") for code in PACK.codes(field)]
        assert [one for one in labels if PACK.certificate(one) and folded(one) not in known] == []


TITLES = Titles(
    [("Sewing", "a"), ("Sewing boats", "b"), ("Baking", "c"), ("Basic", "d"), ("Basic", "e")],
    Additions(
        beginnings=("free", "evening"),
        endings=("course", "class", "basic"),
        numbers=(r"(?:19|20)\d\d", r"round\d+"),
        misspelt_from=6,
    ),
)


class TestTakingOff:
    @pytest.mark.parametrize(
        "title",
        [
            "sewing course",
            "SEWING-course",
            "free evening sewing class, 2026",
            "2026 sewing round 3 (basic class)",
            "sewing (free) course",
            "Sewing basic",
            "sewwing",
            "sewingg class",
        ],
    )
    def test_usual_words_at_either_end_brackets_and_numbers(self, title: str) -> None:
        assert TITLES.find(title) == "a"

    def test_the_longest_title_that_is_left_decides(self) -> None:
        assert TITLES.find("sewing boats course") == "b"
        assert TITLES.find("basic course") is None  # two codes carry what is left
        assert TITLES.find("sewing (baking) course") is None
        assert TITLES.find("sewing (wood)") is None

    def test_other_brackets_only_where_the_field_takes_them(self) -> None:
        open_minded = Titles([("Sewing", "a"), ("Baking", "c")], Additions(other_brackets=True))
        assert open_minded.find("sewing (wood)") == "a"
        assert open_minded.find("sewing (baking)") is None
        assert open_minded.find("(wood)") is None

    @pytest.mark.parametrize(
        "title", ["", "course", "2026", "(free) class", "course " * 30, "(" * 200, "sew ing boat xyz"]
    )
    def test_nothing_where_nothing_is_left_or_known(self, title: str) -> None:
        assert TITLES.find(title) is None

    @given(st.text(max_size=40))
    def test_without_additions_only_the_title_itself_is_found(self, title: str) -> None:
        plain = Titles([("Sewing", "a")])
        assert plain.find(title) == ("a" if folded(title) == "sewing" else None)

    @settings(max_examples=50)
    @given(
        st.sampled_from(["봉제", "제과제빵", "바리스타", "지게차운전"]),
        st.lists(st.sampled_from(PACK.additions["course"].endings), max_size=3),
    )
    def test_any_endings_of_the_pack_leave_the_class_as_it_is(self, title: str, endings: list[str]) -> None:
        assert PACK.course(" ".join([title, *endings])) == PACK.course(title)

    def test_an_everyday_word_means_the_trade_only_before_its_own_endings(self) -> None:
        additions = Additions.model_validate(
            {
                "beginnings": ["free"],
                "endings": ["course", "ter", "home"],
                "everyday": [{"words": ["cut"], "only_before": ["ter"]}],
                "not_meant": ["care home"],
            }
        )
        titles = Titles([("Cut", "a"), ("Care", "b")], additions)
        assert titles.find("cut") == titles.find("cutter course") == titles.find("free cutter") == "a"
        assert titles.find("cut course") is titles.find("free cut") is None
        assert titles.find("care course") == "b"
        assert titles.find("care home") is titles.find("care home course") is titles.find("free care home") is None

    def test_brackets_of_any_form_are_taken_out(self) -> None:
        assert in_brackets("[a] b (c)") == ("  b  ", ("a", "c"))
        assert in_brackets("b (c") == ("b (c", ())


class TestMisspellings:
    WORDS = Misspellings(["sewing", "바리스타", "전산회계1급", "전산회계2급", "짧은"], 4)

    @pytest.mark.parametrize(
        ("title", "meant"),
        [
            ("바리스터", {"바리스타"}),
            ("바리스탑", {"바리스타"}),
            ("바리스ㅌ", set()),
            ("전산회게1급", {"전산회계1급"}),
            ("전산회계3급", set()),
            ("sewin", {"sewing"}),
            ("esdwing", set()),
            ("짧운", set()),
            ("", set()),
        ],
    )
    def test_one_stroke_and_no_digit(self, title: str, meant: set[str]) -> None:
        assert self.WORDS.meant(title) == meant

    @given(st.integers(0, 5), st.sampled_from("abcxyz"))
    def test_any_one_letter_wrong_or_missing_is_found(self, at: int, other: str) -> None:
        for wrong in ("sewing"[:at] + other + "sewing"[at + 1 :], "sewing"[:at] + "sewing"[at + 1 :]):
            assert self.WORDS.meant(wrong) == {"sewing"}
