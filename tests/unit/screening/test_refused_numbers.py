"""What looks like a resident number is refused wherever it stands; times, dates with a serial number, phones, accounts
and references are not."""

from __future__ import annotations

import re
from datetime import date, timedelta
from random import Random

import pytest

from shared.reference import load_pack
from shared.screening.refused_numbers import RefusedNumbers
from tests.unit.screening.honest_numbers import honest

pytestmark = pytest.mark.unit
KOREAN = RefusedNumbers(*load_pack("kr-gyeonggi").refused_numbers)
NUMBER = "910302-2123456"
WRITTEN = [
    NUMBER,
    "9103022123456",
    "문의는 910302-2123456로",
    "９１０３０２－２１２３４５６",
    "910302–2123456",
    "910302 - 2123456",
    "910302.2123456",
    "91030\u200b2-2123456",
    "٩١٠٣٠٢-٢١٢٣٤٥٦",
    "910302-2******",
    "000302-4123456",
    "850101-5123456",
    "010101-7123456",
    "id9103022123456",
    "9103022123456번",
    *(f"910302{sign}2123456" for sign in "+|=<>:;,!?'`^@&%#$\\_ㅡーｰㆍ一•※→\u2800"),
    *(f"빵 910302{sign}2123456" for sign in "+|=<>:;,"),
    "910302, 2123456",
    "(910302)2123456",
    "[910302] (2123456)",
    "91.03.02-2123456",
    "91.03.02-2123456 원미구",
    "91.03.02-2123456 만안구 안양동",
    "91.03.02-2123456 천안시",
    "91/03/02 2123456",
    "9 1 0 3 0 2 2 1 2 3 4 5 6",
    "9.1.0.3.0.2-2.1.2.3.4.5.6",
    "9 1 0 3 0 2 - 2123456",
    "910302-2 1 2 3 4 5 6",
    "9\ufe0f103\u034f02-2123456",
    "".join(f"{digit}\ufe0f\u20e3" for digit in "9103022123456"),
    "⑨①⓪③⓪②-②①②③④⑤⑥",
    "⁹¹⁰³⁰²⁻²¹²³⁴⁵⁶",
]
NO_NUMBER = [
    "",
    "910302",
    "+82-10-1234-5678",
    "010-1234-5678 02-123-4567",
    "KJKB002611200001",
    "2026-11-20 2026-12-31",
    "1764337680000",  # milliseconds: no month 43
    "911302-2123456",
    "910332-2123456",
    "910302-9123456",
    "19103022123456",
    "123-45-67890",
    "110111-0006246",  # the register of companies
    "110111-6801234",  # nobody was born in 1911
    "910302-3123456",  # nor in 2091
    "5fc0d9103022123456ab41",  # digits inside of a random id
    "시급 10,320원, 월 2,156,880원",
    "월 2,156,880~2,500,000원 (26.11.29 시작)",
    "26.11.29 2156880원",
    "26.11.29 2156880원 이상",
    "26.11.29 2156880 원",
    "26.11.29 215만원",
    "2026-11-29T10:12:11.3234567Z",
    "2026-11-29 10:12:11,323456789+09:00",
    "21:12:11.4234567",
    "26.11.29 1,234,567원",
    "문의 031-215-3456, 201호",
    "02-555-1234 / 031-212-3456 / 010-1234-5678",
    "2026.11.29-2026.12.31 09:00~18:00",
    "26.11.29-26.12.31 09:10-12:30",
    "2026.11.29-1234567",
    "20261129 1000001",
    "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]",
    "주 5일 09:00-18:00, 월급 250만, 2교대 06:00 14:00 22:00",
    "123-45-67890 (사업자) 1588-1234",
    "132m² 330㎡ ①교육 ②면접 ③채용 ④출근",
]

IN_PARTS = [
    "91.03.02-2123456",
    "91-03-02/2123456",
    "91/03/02_2123456",
    "91.03.022123456",
    "HW-91-03-02-2123456",
    "91.03.02-2******",
    "9103-02-2123456",
    "91-0302-2123456",
    "910-302-2123456",
    "9-1-0-3-0-2-2-1-2-3-4-5-6",
    "910302-2-123456",
    "910302-212-3456",
    "910302-2123-456",
    "910302-21-23456",
    "910302-2-12-3456",
    "91.03.02-212-3456",
    "91.03.02.2.123456",
    "1991.03.02-2123456",
    "19910302-2123456",
    "2003-05-12-3123456",
    "10:03:02-3123456",
    "10:03:02 3123456",
    "10:03:02.3123456",
    "10:03-02-3123456",
    "10:03:02-312-3456",
    "91:03:02-2123456",
    "90년 01월 01일 1234567",
    "90년 1월 1일 1234567",
    "90년1월1일-1234567",
    "1990년 1월 1일생 1-234567",
    "90年01月01日 1234567",
    "90년 01월 01일 123-4567",
    "91.3.2-2123456",
    "91.03.02생 2123456",
    "910302생-2123456",
    "05-3-2-4123456",
]
NO_NUMBER_IN_PARTS = [
    "2026-11-29T10:03:02-3123456",
    "2026-11-29 10:03:02 3123456",
    "2026년 11월 29일 10:03:02-3123456",
    "26.11.29 10:03:02.3123456",
    "20261129_10:03:02,3123456",
    "10:03:02 010-1234-5678",
    "10:03:02 +82-31-215-3456",
    "10:03:02+09:00",
    "10:03:02-11:04:03",
    "근무 06:10-17:40, 02-534-4245",
    "03:10~21:50 / 10:10~16:10",
    "2026년 11월 29일 3123456",
    "26년 11월 29일 312-3456",
    "26.11.29 312-3456",
    "마감 26.11.29 / 031-215-3456",
    "261129 312-3456",
    "20261129-3000001",
    "J-2026-11-29-3000001",
    "HW-20261129/300001",
    "1002-123-456789",
    "1003-123-456789",
    "3333-01-1234567",
    "110-302-123456",
    "910302-01-123456",
    "134511-0012345",
    "설립 2005.03.02, 031-412-3456",
    "05.03.02 기준 3,123,456원",
    "91.03.02 2,123,456원",
    "08/08~09/07 3366723원",
    "01 02 03 04 05 06 07 08 09 10",
    "550e8400-e29b-41d4-a716-446655440000",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_resident_number_is_seen_however_it_is_written(text: str) -> None:
    assert KOREAN.stand_in(text)


@pytest.mark.parametrize("text", NO_NUMBER)
def test_other_numbers_are_not_taken_for_one(text: str) -> None:
    assert not KOREAN.stand_in(text)


@pytest.mark.parametrize("text", ["26-11-29-3234567", "26.11.29/3000123", "J-26-11-29-4000001"])
def test_a_day_and_a_serial_number_are_an_id_and_in_free_text_may_be_a_person(text: str) -> None:
    assert not KOREAN.stand_in(text, free=False)
    assert KOREAN.stand_in(text)
    assert KOREAN.stand_in(f"{NUMBER} {text}", free=False)


@pytest.mark.parametrize("text", IN_PARTS)
def test_in_parts_it_is_seen_in_ids_and_references_too(text: str) -> None:
    assert KOREAN.stand_in(text, free=False)
    assert KOREAN.stand_in(text)


@pytest.mark.parametrize("text", NO_NUMBER_IN_PARTS)
def test_other_numbers_in_parts_are_not_taken_for_one(text: str) -> None:
    assert not KOREAN.stand_in(text, free=False)
    assert not KOREAN.stand_in(text)


def test_of_honest_numbers_none_is_refused_but_a_day_of_two_digits_and_seven_more_in_free_text() -> None:
    """Of 100,000 it was none in ids and references, and 0.3 % in free text."""
    made = honest(12_000, seed=11)
    assert [each for each in made if KOREAN.stand_in(each[1], free=False)] == []
    odd = [(kind, text) for kind, text in made if KOREAN.stand_in(text)]
    assert {kind for kind, _ in odd} <= {"a day and a serial number"}
    assert all(re.search(r"(?<!\d)\d\d[-./]\d\d[-./]\d\d[-./_]\d{7}$", text) for _, text in odd)


def test_of_resident_numbers_with_any_separators_each_is_seen() -> None:
    dice = Random(5)
    for _ in range(5_000):
        born = date(1940, 1, 1) + timedelta(days=dice.randrange(26_000))  # until 2011
        behind = str(dice.choice((1, 2, 5, 6) if born.year < 2000 else (3, 4, 7, 8))) + f"{dice.randrange(10**6):06}"
        a, b, c = (dice.choice("-./ :,_") for _ in range(3))
        year, month, day = dice.choice((f"{born:%y}", f"{born:%Y}")), f"{born:%m}", f"{born:%d}"
        day = dice.choice((f"{born:%y%m%d}", f"{year}{a}{month}{b}{day}"))
        text = f"{dice.choice(('', 'HW-', '문의 '))}{day}{c}{behind}{dice.choice(('', ' 010-1234-5678', '번'))}"
        assert KOREAN.stand_in(text, free=False), text


@pytest.mark.parametrize(
    "text",
    [
        *("1-" * 50_000, "9 1 0 3 0 2 " * 8_000, "91.03.02-" * 11_000, "1" * 100_000, "①ㅡ" * 50_000),
        *("91-03-02-9" * 10_000, "10:03:02-9" * 10_000, "90년 1월 1일 9" * 9_000),
    ],
)
def test_a_long_text_is_gone_through_once(text: str) -> None:
    """What went through it once for each of its places would not end within the time of a test."""
    assert not KOREAN.stand_in(text + "x")


@pytest.mark.parametrize("drawn", ["9505262638839f4d51f731cedf14c73b", "9505262638839F4D51F731CEDF14C73B"])
def test_what_was_drawn_at_random_may_hold_one_by_chance(drawn: str) -> None:
    assert not KOREAN.stand_in(drawn, free=False)
    assert KOREAN.stand_in(drawn)
    assert KOREAN.stand_in(drawn[:-1], free=False)


def test_each_pack_says_which_numbers() -> None:
    island = RefusedNumbers(*load_pack("xx-island").refused_numbers)
    assert island.stand_in("ISL 12345678")
    assert not island.stand_in(NUMBER)
    assert not RefusedNumbers(()).stand_in(NUMBER)
