"""Work24's adverts, list and detail, with everything that is odd about them."""

from __future__ import annotations

from typing import Any

import pytest

from shared.events.incoming import read
from tests.support.files import converted, data_of

pytestmark = pytest.mark.unit
LIST = {
    "wantedAuthNo": "KJKB002603180001",
    "company": "예시제과",
    "busino": "0000000000",
    "title": "제과제빵원 모집",
    "salTpNm": "월급",
    "sal": "250만원 ~ 300만원",
    "minSal": "2500000",
    "maxSal": "3000000",
    "region": "경기 화성시 동탄구",
    "minEdubg": "고졸",
    "career": "관계없음",
    "closeDt": "채용시까지  26-12-31",
    "jobsCd": "871100",
    "empTpCd": "10",
    "smodifyDtm": "202611201030",
}
DETAIL = (
    "<wantedDtl><wantedAuthNo>K-9</wantedAuthNo><corpInfo><corpNm>예시요양원</corpNm></corpInfo><wantedInfo>"
    "<jobsNm>요양보호사</jobsNm><wantedTitle>요양보호사 모집</wantedTitle><salTpCd>H</salTpCd>"
    "<sal>시급 12,000원 이상</sal><workRegion>서울 종로구</workRegion>"
    "<eduNm>학력무관</eduNm><enterTpNm>경력 (최소 2년)</enterTpNm>"
    "<certificate>요양보호사(필수), 모르는자격</certificate><collectPsncnt>3 명</collectPsncnt>"
    "<workdayWorkhrCont>주 5일 근무, 주 소정근로시간: 40시간</workdayWorkhrCont>"
    "<receiptCloseDt>20261231</receiptCloseDt><keywordList><srchKeywordNm>돌봄</srchKeywordNm>"
    "<srchKeywordNm>요양</srchKeywordNm></keywordList></wantedInfo></wantedDtl>"
)


def listed(*adverts: dict[str, str], encoding: str = "utf-8-sig") -> bytes:
    items = "".join(
        "<wanted>" + "".join(f"<{name}>{text}</{name}>" for name, text in advert.items()) + "</wanted>"
        for advert in adverts
    )
    head = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>'
    return f"{head}\n<wantedRoot><total>{len(adverts)}</total>{items}</wantedRoot>".encode(encoding)


def one(**changes: str) -> dict[str, Any]:
    (row,) = converted(listed({**LIST, **changes}), None)
    return data_of(row)


def test_a_whole_advert() -> None:
    (row,) = converted(listed(LIST), None)
    event = row.event or {}
    assert event["data"] == {
        "reference": "KJKB002603180001",
        "title": "제과제빵원 모집",
        "occupation": "work24-2024-occupation:871100",
        "employer": {"name": "예시제과", "number": "000-00-00000"},
        "region": "legal-dong-2026:41597",
        "employment": "work24-2024-employment:10",
        "wage": {"per": "month", "minimum": 2500000, "maximum": 3000000, "currency": "KRW"},
        "until_filled": True,
        "closes": "2026-12-31",
        "rules": {"education_min": "work24-2024-education:03"},
    }
    assert (event["type"], event["time"], event["sequence"]) == (
        "job-posted",
        "2026-11-20T10:30:00+09:00",
        "202611201030",
    )
    assert read(event).data is not None
    assert row.warnings == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "euc-kr", "cp949", "utf-16", "utf-16-le", "utf-16-be"])
def test_is_read_however_it_is_written(encoding: str) -> None:
    rows = converted(listed(LIST, LIST, encoding=encoding), None)
    assert [data_of(row)["title"] for row in rows] == ["제과제빵원 모집"] * 2


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_a_large_list_without_line_breaks_is_read_advert_by_advert(encoding: str) -> None:
    content = listed(*[LIST] * 1_500, encoding=encoding).replace(b"\n", b"")
    assert len(content) > 500_000
    rows = converted(content, None)
    assert [data_of(row)["title"] for row in rows] == ["제과제빵원 모집"] * 1_500


def test_letters_that_cannot_be_read_cost_their_own_advert() -> None:
    content = listed(LIST, LIST, LIST).replace("제과제빵원".encode(), b"\xff\xff", 1)
    assert [row.event is None for row in converted(content, None)] == [True, False, False]


@pytest.mark.parametrize(
    ("closing", "wanted"),
    [
        ("채용시까지  26-12-31", {"until_filled": True, "closes": "2026-12-31"}),
        ("채용시까지", {"until_filled": True}),
        ("채용시까지 99991231", {"until_filled": True}),
        ("99991231", {"until_filled": True}),
        ("26-12-31", {"closes": "2026-12-31"}),
        ("2026-12-31", {"closes": "2026-12-31"}),
        ("20261231", {"closes": "2026-12-31"}),
        ("26.12.31", {"closes": "2026-12-31"}),
        ("상시", {}),
        ("", {}),
    ],
)
def test_closing_days(closing: str, wanted: dict[str, Any]) -> None:
    data = one(closeDt=closing)
    assert {name: data[name] for name in ("until_filled", "closes") if name in data} == wanted


@pytest.mark.parametrize(
    ("changes", "wage"),
    [
        ({"maxSal": "0"}, {"per": "month", "minimum": 2500000}),
        ({"minSal": "0", "maxSal": "0"}, {"per": "month", "minimum": 2500000, "maximum": 3000000}),
        ({"minSal": "", "maxSal": "", "sal": "시급 10,320원", "salTpNm": ""}, {"per": "hour", "minimum": 10320}),
        ({"minSal": "", "sal": "3,000만원 이상", "salTpNm": "연봉"}, {"per": "year", "minimum": 30000000}),
        ({"minSal": "", "sal": "1억 2천", "salTpNm": "연봉"}, {"per": "year", "minimum": 120000000}),
        (
            {"minSal": "", "sal": "5,000만원 ~ 1억 2,000만원", "salTpNm": "연봉"},
            {"per": "year", "minimum": 50000000, "maximum": 120000000},
        ),
        ({"minSal": "2500000", "maxSal": "2500000"}, {"per": "month", "minimum": 2500000}),
        ({"minSal": "", "maxSal": "", "sal": "회사내규", "salTpNm": ""}, None),
    ],
)
def test_wages(changes: dict[str, str], wage: dict[str, Any] | None) -> None:
    found = one(**changes).get("wage")
    assert found == (None if wage is None else {**wage, "currency": "KRW"})


@pytest.mark.parametrize(
    ("changes", "region"),
    [
        ({"region": "서울 종로구"}, "11110"),
        ({"region": "경기 수원시"}, "41110"),
        ({"region": "경기도 수원시 팔달구 인계동"}, "41115"),
        ({"strtnmCd": "411154000001", "region": "x"}, "41115"),
        ({"strtnmCd": "421104000001"}, "42110"),
    ],
)
def test_regions(changes: dict[str, str], region: str) -> None:
    assert one(**changes)["region"] == f"legal-dong-2026:{region}"


def test_what_is_not_understood_is_left_out_and_said() -> None:
    (row,) = converted(listed({**LIST, "region": "달나라", "title": "가" * 200, "sal": "협의", "minSal": ""}), None)
    assert [(one.rule, one.field) for one in row.warnings] == [
        ("shortened", "/data/title"),
        ("left-out", "/data/region"),
        ("left-out", "/data/wage"),
    ]


def test_a_detail_is_one_advert_and_names_stand_for_codes() -> None:
    (row,) = converted(DETAIL.encode(), None)
    assert data_of(row) == {
        "reference": "K-9",
        "title": "요양보호사 모집",
        "occupation": "work24-2024-occupation:550104",
        "employer": {"name": "예시요양원"},
        "region": "legal-dong-2026:11110",
        "wage": {"per": "hour", "minimum": 12000, "currency": "KRW"},
        "hours_per_week": 40,
        "places": 3,
        "closes": "2026-12-31",
        "rules": {"experience_months": 24},
        "certificates_wanted": ["kr-certificate-2020:care-worker"],
    }


def test_one_that_is_broken_stops_no_other() -> None:
    content = listed(LIST, LIST).replace(b"</wanted>", b"</wanted>\n<wanted><a></wanted>\n", 1)
    rows = converted(content, None)
    assert [(row.row, row.event is None) for row in rows] == [(1, False), (2, True), (3, False)]
