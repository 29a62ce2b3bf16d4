"""Which times of day a title names, in either pack."""

from __future__ import annotations

import pytest

from shared.reference import load_pack
from shared.reference.title_times import TitleTimes

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("야간 생산직", {"night"}),
        ("생산직(주/야 2교대)", {"rotating"}),
        ("３조３교대 포장", {"rotating"}),  # full width
        ("야 간 전 담", {"night"}),
        ("요양보호사 양성 야간반", {"evening"}),
        ("Night Shift packing", {"night"}),
        ("아파트 경비원 격일제", {"rotating"}),
        ("야간 근무는 없습니다", set()),
        ("야간/주말 제외", set()),
        ("[야간] 주말 휴무", {"night"}),  # what stands in brackets is said by itself
        ("생산직 (교대X)", set()),
        ("야간작업 無, 주간 고정", set()),
        ("야간대학 조교", set()),
        ("주야간보호센터 조리원", set()),
        ("카페 주말 아르바이트", {"weekend"}),
        ("매장 판매 (토·일)", {"weekend"}),
        ("사무원 (토요일, 일요일 휴무)", set()),
        ("주말 근무 없음, 물류 포장", set()),
        ("주말농장 관리", set()),
        ("교대역 5분 카페", set()),
        ("초등학교 대체 조리실무사", set()),  # what two words make together is neither
        ("중학교대체인력", set()),
        ("시흥 대야 간호조무사", set()),
        ("광주 야채 포장", set()),
        ("여주/야외 매표", set()),
        ("요양보호사 자격 일반", set()),
        ("생산직 주 / 야 맞교대", {"rotating"}),
        ("주 야간보호센터 조리원", set()),
        ("남양주 야간보호센터 조리원", set()),
        ("남양주 야간 경비", {"night"}),
        ("야간 근무 안 함", set()),
        ("제과제빵원 (낮)", set()),
        ("", set()),
    ],
)
def test_times_in_korean_titles(title: str, expected: set[str]) -> None:
    assert load_pack("kr-gyeonggi").times_named(title) == {f"kr-gyeonggi-1:{name}" for name in expected}


def test_times_of_another_pack() -> None:
    pack = load_pack("xx-island")
    assert pack.times_named("Warehouse, night") == pack.times_named("Gardien de nuit") == {"isle-1:night"}
    assert pack.times_named("Cook on the overnight ferry") == pack.times_named("Bed (evening not included)") == set()


def test_a_pack_may_say_nothing_of_titles() -> None:
    assert TitleTimes({}, ()).named("야간") == frozenset()
    assert TitleTimes({"야간": ("night",)}, ()).named("야간 없음") == {"night"}


def test_no_title_takes_long() -> None:
    """What is longer than a title is cut, and a word repeated is looked at once each time."""
    assert TitleTimes({"야간": ("night",)}, ("없음",)).named("야간" * 100_000) == {"night"}
