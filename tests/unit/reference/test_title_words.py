"""Which codes the words of a title name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.reference import load_pack
from shared.reference.title_additions import Additions
from shared.reference.title_words import MOST, TitleWords

pytestmark = pytest.mark.unit
PACK = load_pack("kr-gyeonggi")
WORDS = TitleWords(
    [
        ("baker", "제과·제빵원"),
        ("cook", "한식 조리사"),
        ("care", "요양 보호사 및 간병인"),
        ("driver", "지게차 운전원"),
        ("web", "Web developer, programmer"),
        *((f"other{number}", "종사원") for number in range(7)),
    ]
)


class TestRarity:
    def test_translations_make_no_piece_of_the_other_script_rarer(self) -> None:
        names = [("a", "전기 설비 조작원"), ("b", "전기 설비 점검원"), ("c", "기계 설비 조작원")]
        english = [(f"x{number}", f"worker of sort {number:03d}") for number in range(200)]
        title = "기계 조작원 모집"
        assert TitleWords(names).named(title) == TitleWords([*names, *english]).named(title) != ()


class TestSayings:
    def test_name_as_a_whole_only(self) -> None:
        words = TitleWords([("driver", "화물차 운전원")], [("courier", "배송 기사"), ("short", "배달")])
        assert words.named("새벽배송기사 모집") == (("courier", 1.0),)
        assert words.named("배송 관리") == ()
        assert words.named("배달 직원") == ()  # two signs stand in too many words

    def test_of_the_pack_are_the_words_of_job_sites_and_of_the_north(self) -> None:
        assert PACK.named("occupation", "주방이모 구함")[0][0] == "work24-2024-occupation:532300"
        assert PACK.named("occupation", "가는기계운전공")[0][0] == "work24-2024-occupation:813202"


class TestNamed:
    @pytest.mark.parametrize(
        ("title", "code"),
        [
            ("제빵원", "baker"),
            ("★ 제 빵 원 ★", "baker"),
            ("[수원] 한식조리사모집", "cook"),
            ("한식 조리원(초보)", "cook"),
            ("간병인 구합니다", "care"),
            ("WEB-Developer wanted", "web"),
            ("지게차운전", "driver"),
        ],
    )
    def test_whatever_its_spaces_signs_case_and_ending(self, title: str, code: str) -> None:
        assert WORDS.named(title)[0][0] == code

    def test_the_whole_name_counts_more_than_a_part_of_it(self) -> None:
        [(_, whole)], [(_, part)] = WORDS.named("한식조리사"), WORDS.named("한식조리원")
        assert whole == 1.0
        assert 0.5 <= part < 1.0

    def test_the_end_of_a_short_name_alone_names_nothing(self) -> None:
        short = TitleWords([("a:1", "패턴사"), ("a:2", "용접원")])
        assert short.named("맞춤형 인턴사업") == ()
        assert [code for code, _ in short.named("패턴 직원")] == ["a:1"]
        assert [code for code, _ in short.named("패턴사")] == ["a:1"]

    @pytest.mark.parametrize("title", ["", "!", "직원 모집합니다", "종사원 모집", "가" * 1000])
    def test_nothing_of_what_names_none(self, title: str) -> None:
        assert WORDS.named(title) == ()

    def test_at_most_a_few_and_always_the_same(self) -> None:
        title = "제과 한식조리사 요양보호사 지게차운전원 programmer"
        found = WORDS.named(title)
        assert len(found) == MOST
        assert found == WORDS.named(title)


class TestWhatIsNotMeant:
    """Of the real pack."""

    @pytest.mark.parametrize(
        ("title", "meant"),
        [
            ("운전 제외 사무보조", "사무"),
            ("요양병원 내 세탁원 모집", "세탁"),
            ("제과제빵원 근무", "제빵"),
            ("요양보호시 모집", "요양"),
            ("네 일 아티스트", "네일"),
        ],
    )
    def test_what_is_excluded_and_where_the_work_is_are_not_named(self, title: str, meant: str) -> None:
        found = [PACK.label(code, "ko") for code, _ in PACK.named("occupation", title)]
        assert found
        assert all(meant in label for label in found)

    @pytest.mark.parametrize("title", ["화물차 운전원 제외", "병원 근무", "호텔에서 일하실 분", "학교"])
    def test_a_place_is_no_occupation(self, title: str) -> None:
        assert PACK.named("occupation", title) == ()


class TestEverydayWords:
    """Words with a second meaning, what only looks like a title, and workplaces; invented ones."""

    WORDS = TitleWords(
        [
            ("cut", "재단"),
            ("sew", "봉제"),
            ("it", "컴퓨터"),
            ("cook", "조리사"),
            ("books", "ERP"),
            ("barber", "이용사"),
        ],
        additions=Additions.model_validate(
            {
                "endings": ["사", "원", "사원", "직원", "모집"],
                "everyday": [{"words": ["재단", "이용"], "only_before": ["사"]}],
                "not_meant": ["봉제원"],
                "workplaces": ["회사", "전문 업체"],
            }
        ),
    )

    @pytest.mark.parametrize(
        ("title", "code"),
        [
            ("재단사 모집", "cut"),
            ("재단 사", "cut"),
            ("재단 직원 모집", None),
            ("재단 사원", None),  # no "cutter" with an ending
            ("재단사업", None),
            ("재단", None),
            ("봉제 사원", "sew"),
            ("봉제", "sew"),
            ("봉제원 모집", None),
            ("이용사 모집", "barber"),
            ("이용사항", None),
            ("컴퓨터 배송", "it"),
            ("컴퓨터 회사 배송", None),
            ("컴퓨터회사 배송", None),
            ("컴퓨터 전문업체 배송", None),
            ("컴퓨터 회사 조리사", "cook"),
            ("조리사 모집 컴퓨터 회사", "cook"),
            ("컴퓨터 회사 직원 모집", "it"),
            ("ERP, part-time", "books"),
            ("interpreter", None),
        ],
    )
    def test_name_only_where_the_trade_is_meant(self, title: str, code: str | None) -> None:
        assert [found for found, _ in self.WORDS.named(title)] == ([] if code is None else [code])

    @given(st.text(max_size=30), st.sampled_from(["직원", "사원", "모집", "원"]))
    def test_no_ending_of_others_makes_one_mean_the_trade(self, before: str, ending: str) -> None:
        assert "cut" not in dict(self.WORDS.named(f"{before} 재단 {ending}"))

    @pytest.mark.parametrize("title", ["봉제" + "직원" * 90 + "x", "컴퓨터 회사 " + "사원" * 90 + "x"])
    def test_a_long_row_of_endings_is_not_parted_in_all_ways(self, title: str) -> None:
        assert PACK.named("skill", title) is not None  # it would not come to an end
