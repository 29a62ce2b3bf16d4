"""What people write in tables, in Korean and with what comes along when it is copied: what can mean one thing alone is
taken."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from shared.events.incoming import read
from shared.events.refusal import Refused
from shared.files import FileMapping
from shared.files.columns import columns_of, table_types
from shared.reference import available_packs, load_pack
from tests.support.files import A_JOB, A_JOB_SAYS, JOB, PACK, converted, csv_of, data_of, findings, xlsx_of

pytestmark = pytest.mark.unit


class TestAsAddressesHaveThem:
    @pytest.mark.parametrize(
        ("said", "code"),
        [
            ("경기도 수원시", "41110"),
            ("경기 수원시", "41110"),
            ("경기도 수원시 팔달구", "41115"),
            ("경기도 수원시 팔달구 인계동 123-4", "41115"),
            ("경기도 성남시 분당구 판교역로235", "41135"),
            ("서울특별시 강남구", "11680"),
            ("서울시 강남구 역삼동", "11680"),
            ("경기 광주시", "41610"),
            ("부산광역시 중구", "26110"),
        ],
    )
    def test_regions_are_the_narrowest_that_is_named_in_a_wider_one(self, said: str, code: str) -> None:
        rows = converted(csv_of(JOB, (*A_JOB[:3], said, *A_JOB[4:])))
        assert data_of(rows[0])["region"] == f"legal-dong-2026:{code}"
        assert findings(rows) == [(2, "D", "name-completed")]

    @pytest.mark.parametrize(
        "said", ["서울특별시 수원시", "경기도 강남구", "어디 수원시", "전국", "경기도 인계동", "수원시 경기도"]
    )
    def test_what_lies_in_no_such_region_is_refused(self, said: str) -> None:
        assert findings(converted(csv_of(JOB, (*A_JOB[:3], said, *A_JOB[4:])))) == [(2, "D", "unknown-code-name")]

    @pytest.mark.parametrize(
        "said",
        [
            "경기도 수원시, 용인시",
            "경기도 수원시 또는 화성시",
            "경기도 수원시 외",
            "경기도 화성시 제외",
            "경기도 안산시 단원구 신길동, 화성시 반송동",
            "경기도 안산시 단원구 신길동 및 서울특별시 강남구 역삼동",
        ],
    )
    def test_several_or_all_but_one_are_not_the_first_that_is_named(self, said: str) -> None:
        assert findings(converted(csv_of(JOB, (*A_JOB[:3], said, *A_JOB[4:])))) == [(2, "D", "unknown-code-name")]

    @pytest.mark.parametrize(("said", "code"), [("정규직", "10"), ("계약직", "20"), ("파견직", "4")])
    def test_kinds_of_employment_go_by_their_everyday_names(self, said: str, code: str) -> None:
        (row,) = converted(csv_of((*JOB, "고용형태"), (*A_JOB, said)))
        assert data_of(row)["employment"] == f"work24-2024-employment:{code}"


class TestPlaces:
    @pytest.mark.parametrize("said", ["0명", "00 명", "000명", "○○명", "OO명", "00", "약간명", "０명", "００"])
    def test_that_are_left_open_are_not_none(self, said: str) -> None:
        """An advert for no places takes nobody."""
        rows = converted(csv_of((*JOB, "모집인원"), (*A_JOB, said)))
        assert data_of(rows[0]) == A_JOB_SAYS
        assert findings(rows) == [(2, "H", "left-out")]

    @pytest.mark.parametrize(("said", "places"), [("0", 0), ("2명", 2), ("10", 10), ("1,000명", 1_000)])
    def test_that_are_said_are_read(self, said: str, places: int) -> None:
        (row,) = converted(csv_of((*JOB, "모집인원"), (*A_JOB, said)))
        assert data_of(row)["places"] == places


class TestAround:
    @pytest.mark.parametrize("sign", ["\u200b", "\ufeff", "\xa0", "\u3000", "\u200e"])
    def test_what_is_not_seen_around_a_value_is_no_part_of_it(self, sign: str) -> None:
        cells = [f"{sign}{cell}{sign}" for cell in A_JOB]
        assert [data_of(row) for row in converted(csv_of(JOB, cells))] == [A_JOB_SAYS]
        assert [data_of(row) for row in converted(xlsx_of(JOB, cells))] == [A_JOB_SAYS]

    @pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
    def test_a_first_line_may_tell_what_separates_the_columns(self, delimiter: str) -> None:
        rows = converted(f"sep={delimiter}\r\n".encode() + csv_of(JOB, A_JOB, delimiter=delimiter))
        assert [(row.row, data_of(row)) for row in rows] == [(3, A_JOB_SAYS)]


class TestAmounts:
    """As people write them: what can mean one thing alone is taken."""

    @pytest.mark.parametrize(
        ("said", "amount"),
        [
            ("₩2,500,000", 2_500_000),
            ("￦ 2,500,000원", 2_500_000),
            ("KRW 2500000", 2_500_000),
            ("월 250만원", 2_500_000),
            ("월250만 원", 2_500_000),
            ("월급: 250만원", 2_500_000),
            ("월 ₩2,500,000", 2_500_000),
            ("250만 원", 2_500_000),
            ("２５０만원", 2_500_000),
            ("254.7만원", 2_547_000),
            ("250만5천원", 2_505_000),
            ("2백만원", 2_000_000),
            ("1억 2,000만원", 120_000_000),
            ("250만 5,000원", 2_505_000),
            ("2백50만원", 2_500_000),
            ("2백 50만 원", 2_500_000),
            ("3백만 5천원", 3_005_000),
            ("2천5백만원", 25_000_000),
            ("1억2천5백만원", 125_000_000),
            ("250만원 이상", 2_500_000),
            ("월 250만원~", 2_500_000),
            ("최소 2,500,000원", 2_500_000),
        ],
    )
    def test_in_korean_are_read(self, said: str, amount: int) -> None:
        (row,) = converted(csv_of(JOB, (*A_JOB[:5], said, A_JOB[6])))
        assert data_of(row)["wage"] == {"per": "month", "minimum": amount, "currency": "KRW"}

    @pytest.mark.parametrize(
        "said",
        [
            "250~300만원",
            "2,50만원",
            "월",
            "만원",
            "1억 5000",
            "2만3만원",
            "5천2만원",
            "2백5만원",
            "5백2천만원",
            "3백",
            "250만원 이하",
            "최대 250만원",
            "200 250만원",
            "250\n300",
            "2,500, 000",
            "250만 1명",
            "300만원 12개월",
            "1만원 8시간",
            "①250만원",
            "2500000¹",
            "$2500",
            "월 많이",
            "1" * 200 + "원",
        ],
    )
    def test_that_may_mean_several_things_are_left_for_the_contract_to_refuse(self, said: str) -> None:
        (row,) = converted(csv_of(JOB, (*A_JOB[:5], said, A_JOB[6])))
        assert data_of(row)["wage"]["minimum"] == said
        assert row.event is not None
        with pytest.raises(Refused) as caught:
            read(row.event)
        assert [(one.field, one.rule) for one in caught.value.refusals] == [("/data/wage/minimum", "int-type")]

    def test_say_the_period_where_no_column_does(self) -> None:
        head, cells = [*JOB[:4], *JOB[5:]], [*A_JOB[:4], "연 3,000만원", A_JOB[6]]
        (row,) = converted(csv_of(head, cells))
        assert data_of(row)["wage"] == {"per": "year", "minimum": 30_000_000, "currency": "KRW"}
        (row,) = converted(csv_of(JOB, (*A_JOB[:4], "", "시급 12,000원", A_JOB[6])))
        assert data_of(row)["wage"] == {"per": "hour", "minimum": 12_000, "currency": "KRW"}

    @pytest.mark.parametrize(("said", "other"), [("연 3,000만원", "wage.per"), ("시급 12,000원", "wage.per")])
    def test_of_another_period_than_the_column_for_it_are_refused(self, said: str, other: str) -> None:
        rows = converted(csv_of(JOB, (*A_JOB[:5], said, A_JOB[6])))
        assert findings(rows) == [(2, "F", "cells-disagree")]
        assert all(other in told for told in PACK.remedy("cells-disagree", "", rows[0].refusals[0].values).values())

    def test_of_another_currency_too(self) -> None:
        rows = converted(csv_of((*JOB, "화폐"), (*A_JOB[:5], "₩2,500,000", A_JOB[6], "USD")))
        assert findings(rows) == [(2, "F", "cells-disagree")]

    def test_that_a_mapping_fixes_say_it_as_well(self) -> None:
        mapping = FileMapping(type="job-posted", fixed={"wage.minimum": "월 250만원"})
        (row,) = converted(csv_of(JOB[:4], A_JOB[:4]), None, mapping)
        assert data_of(row)["wage"] == {"per": "month", "minimum": 2_500_000, "currency": "KRW"}

    @pytest.mark.parametrize(
        ("heading", "path", "said", "number"),
        [
            ("기간 개월", "months", "6개월", 6),
            ("기간 개월", "months", "1년", 12),
            ("필요 경력개월", "rules.experience_months", "1년 6개월", 18),
            ("주당시간", "hours_per_week", "40 시간", 40),
            ("주당시간", "hours_per_week", "3개월", "3개월"),
            ("모집인원", "places", "3개월", "3개월"),
            ("모집인원", "places", "3만원", "3만원"),
            ("최대 나이", "rules.age_max", "만원", "만원"),
            ("최대 나이", "rules.age_max", "60세", 60),
            ("임금 최대", "wage.maximum", "8시간", "8시간"),
        ],
    )
    def test_have_the_units_of_their_field_and_no_others(
        self, heading: str, path: str, said: str, number: int | str
    ) -> None:
        (row,) = converted(csv_of((*JOB, heading), (*A_JOB, said)))
        found: Any = data_of(row)
        for part in path.split("."):
            found = found[part]
        assert found == number

    @pytest.mark.parametrize("pack", available_packs())
    def test_of_a_pack_are_of_fields_that_are_numbers(self, pack: str) -> None:
        numbers = {
            path
            for type in table_types()
            for path, one in columns_of(type).items()
            if one.kind in ("integer", "number")
        }
        fields = [path for group in load_pack(pack).words.units for path in group.fields]
        assert set(fields) <= numbers
        assert len(fields) == len(set(fields)), "one group decides"

    @pytest.mark.parametrize(("said", "minutes"), [("60분", 60), ("1시간", 60), ("1시간 30분", 90), ("1개월", "1개월")])
    def test_of_a_way_are_minutes_and_hours(self, said: str, minutes: int | str) -> None:
        (row,) = converted(csv_of(("번호", "통근시간"), ("A-1", said)), "trainee-graduated")
        assert data_of(row)["wants"]["commute_minutes"] == minutes

    def test_of_what_is_no_money_have_no_sign_and_no_period(self) -> None:
        rows = converted(csv_of((*JOB, "주당시간"), (*A_JOB, "₩40"), (*A_JOB, "40시간")))
        assert [data_of(row)["hours_per_week"] for row in rows] == ["₩40", 40]


class TestWhatTheFieldSaysAlready:
    @pytest.mark.parametrize(
        ("heading", "path", "said", "value"),
        [
            ("임금 최대", "wage.maximum", "300만원 이하", 3_000_000),
            ("임금 최대", "wage.maximum", "300만원 이상", "300만원 이상"),
            ("최소 나이", "rules.age_min", "만 18세 이상", 18),
            ("최대 나이", "rules.age_max", "만 34세 이하", 34),
            ("최대 나이", "rules.age_max", "만 34세 미만", "만 34세 미만"),
            ("주당시간", "hours_per_week", "주 40시간", 40),
            ("필요 경력개월", "rules.experience_months", "1년 이상", 12),
            ("필요 경력개월", "rules.experience_months", "주40", "주40"),  # hours of a week are no months
            ("시작일", "starts", "2027-01-04부터", "2027-01-04"),
            ("시작일", "starts", "2027-01-04까지", "2027-01-04까지"),
        ],
    )
    def test_is_no_part_of_the_value(self, heading: str, path: str, said: str, value: int | str) -> None:
        (row,) = converted(csv_of((*JOB, heading), (*A_JOB, said)))
        found: Any = data_of(row)
        for part in path.split("."):
            found = found[part]
        assert found == value

    @pytest.mark.parametrize("said", ["2026-12-31까지", "~2026.12.31", "~ 2026년 12월 31일까지"])
    def test_of_a_last_day_is_until(self, said: str) -> None:
        (row,) = converted(csv_of(JOB, (*A_JOB[:6], said)))
        assert data_of(row) == A_JOB_SAYS

    @pytest.mark.parametrize("said", ["2026-12-31부터", "2026-12-31 전", "2026-11-29 ~ 2026-12-31", "2026-12-31이후"])
    def test_another_word_makes_another_day_of_it(self, said: str) -> None:
        (row,) = converted(csv_of(JOB, (*A_JOB[:6], said)))
        assert data_of(row)["closes"] == said


class TestMonths:
    @pytest.mark.parametrize(
        "said",
        [
            "2026. 12.",
            "2026-12월",
            "202612",
            "26년 12월",
            "２０２６년 １２월",
            "2026.12.31",
            "2026-12부터",
            "2026년 12월말",
            "2026.12월 중",
        ],
    )
    def test_are_read(self, said: str) -> None:
        (row,) = converted(csv_of(("번호", "시작 가능 월"), ("A-1", said)), "trainee-graduated")
        assert data_of(row)["wants"]["from"] == "2026-12"

    @pytest.mark.parametrize(
        "said",
        [
            "2026년 1학기",
            "2026-1학기",
            "2026-1기",
            "2026 4분기",
            "2026Q4",
            "2026 H2",
            "2026년 하반기",
            "2026-13",
            "26.12",
        ],
    )
    def test_no_half_year_quarter_or_cohort_is_one(self, said: str) -> None:
        (row,) = converted(csv_of(("번호", "시작 가능 월"), ("A-1", said)), "trainee-graduated")
        assert data_of(row)["wants"]["from"] == said


class TestOpenEnded:
    @pytest.mark.parametrize(
        "said", ["상시", "상시 채용", "수시채용", "채용시까지", "채용 시 까지", "9999-12-31", "99991231"]
    )
    def test_in_place_of_a_closing_day_says_until_filled(self, said: str) -> None:
        (row,) = converted(csv_of(JOB, (*A_JOB[:6], said)))
        assert data_of(row) == {**{k: v for k, v in A_JOB_SAYS.items() if k != "closes"}, "until_filled": True}

    @pytest.mark.parametrize("kind", [date, datetime])
    def test_by_the_last_day_of_all_in_a_workbook_too(self, kind: type[date]) -> None:
        (row,) = converted(xlsx_of(JOB, (*A_JOB[:6], kind(9999, 12, 31))))
        assert data_of(row) == {**{k: v for k, v in A_JOB_SAYS.items() if k != "closes"}, "until_filled": True}

    def test_is_refused_where_another_column_says_no(self) -> None:
        rows = converted(csv_of((*JOB, "채용시까지"), (*A_JOB[:6], "상시", "아니오"), (*A_JOB[:6], "상시", "예")))
        assert findings(rows) == [(2, "G", "cells-disagree")]
        assert data_of(rows[1])["until_filled"] is True

    def test_is_no_day_to_begin(self) -> None:
        (row,) = converted(csv_of((*JOB, "시작일"), (*A_JOB, "상시")))
        assert data_of(row)["starts"] == "상시"
