"""Numbers as agencies really write them, which tell nobody: made at random from a seed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random

_FIRST = date(2019, 1, 1)  # papers of agencies; the oldest that are still sent
_AREAS = ("02", "031", "032", "041", "051", "062", "064", "010", "011", "070", "0502", "1588", "1644", "080")


def _day(dice: Random) -> date:
    return _FIRST + timedelta(days=dice.randrange(3_300))


def _digits(dice: Random, count: int) -> str:
    return "".join(dice.choices("0123456789", k=count))


def _dated_reference(dice: Random) -> str:
    """A day, then a serial number of three to seven digits."""
    form = dice.choice(("%Y-%m-%d", "%Y%m%d", "%y-%m-%d", "%y.%m.%d", "%Y.%m.%d", "%Y/%m/%d", "%Y-%m", "%y%m", "%Y"))
    if dice.random() < 0.1:  # six digits and seven are the form of a resident number itself
        return f"{_day(dice):%y%m%d}{dice.choice('-/._')}{_digits(dice, dice.randint(3, 6))}"
    serial = _digits(dice, dice.randint(3, 7))
    prefix = dice.choice(("", "", "J-", "HW-", "GJF/", "job.", "R"))
    return f"{prefix}{_day(dice).strftime(form)}{dice.choice('-/._')}{serial}"


def _plain_reference(dice: Random) -> str:
    return dice.choice(
        (
            lambda: f"HW-{_digits(dice, dice.randint(3, 6))}",
            lambda: f"KJ{dice.choice('KABM')}B{_digits(dice, 12)}",
            lambda: f"K{_digits(dice, 15)}",
            lambda: f"{_digits(dice, 4)}-{_digits(dice, 4)}-{_digits(dice, 4)}",
            lambda: f"{_digits(dice, 8)}",
            lambda: f"{dice.getrandbits(128):032x}",
            lambda: "-".join(f"{dice.getrandbits(4 * n):0{n}x}" for n in (8, 4, 4, 4, 12)),
            lambda: f"AIG{_day(dice):%Y}{_digits(dice, 10)}",
            lambda: f"{_day(dice):%Y}-{dice.choice('가나다라')}-{_digits(dice, dice.randint(3, 6))}",
        )
    )()


def _phone(dice: Random) -> str:
    area = dice.choice(_AREAS)
    sign = dice.choice(("-", "-", ".", " ", ") "))
    first = dice.choice("23456789") + _digits(dice, dice.choice((2, 3)))
    if area in ("1588", "1644"):
        return f"{area}{sign}{_digits(dice, 4)}"
    if dice.random() < 0.2:
        return f"+82{sign}{area[1:]}{sign}{first}{sign}{_digits(dice, 4)}"
    return f"{area}{sign}{first}{sign}{_digits(dice, 4)}"


def _phones(dice: Random) -> str:
    return dice.choice((", ", " / ", " ", " 또는 ")).join(_phone(dice) for _ in range(dice.randint(2, 3)))


def _moment(dice: Random) -> str:
    at = datetime(2019, 1, 1, tzinfo=UTC) + timedelta(seconds=dice.randrange(285_000_000))
    fraction = dice.choice(("", "", f".{_digits(dice, 3)}", f".{_digits(dice, 6)}", f",{_digits(dice, 7)}"))
    zone = dice.choice(("", "Z", "+09:00"))
    behind = dice.choice(("", "", f"-{_digits(dice, dice.randint(1, 7))}", f" {_phone(dice)}"))
    return f"{at:%Y-%m-%d}{dice.choice('T ')}{at:%H:%M:%S}{fraction}{zone}{behind}"


def _time(dice: Random) -> str:
    at = f"{dice.randrange(24):02}:{dice.randrange(60):02}:{dice.randrange(60):02}"
    behind = ("", f".{_digits(dice, 3)}", f".{_digits(dice, 6)}", f" {_phone(dice)}", f"-{_digits(dice, 4)}")
    return at + dice.choice(behind)


def _shifts(dice: Random) -> str:
    def hour() -> str:
        return f"{dice.randrange(24):02}:{dice.choice((0, 0, 10, 20, 30, 40, 50)):02}"

    spans = [f"{hour()}{dice.choice('~-')}{hour()}" for _ in range(dice.randint(1, 3))]
    more = dice.choice((" 주 5일", f", {_phone(dice)}", " (휴게 60분)", f" {_span(dice)}"))
    return f"근무 {dice.choice((', ', ' / ', ' ')).join(spans)}{more}"


def _span(dice: Random) -> str:
    form = dice.choice(("%Y.%m.%d", "%y.%m.%d", "%Y-%m-%d", "%m/%d", "%y/%m/%d"))
    first = _day(dice)
    return f"{first.strftime(form)}{dice.choice((' ~ ', '-', '~'))}{(first + timedelta(days=30)).strftime(form)}"


def _paid(dice: Random) -> str:
    amount = dice.randrange(1_000_000, 9_999_999)
    written = dice.choice((f"{amount:,}원", f"{amount}원", f"{amount // 10_000}만원", f"{amount:,} 원"))
    return f"{_span(dice)} {dice.choice(('', '월급 ', '급여 '))}{written}"


def _business(dice: Random) -> str:
    number = f"{_digits(dice, 3)}-{_digits(dice, 2)}-{_digits(dice, 5)}"
    phone = _phone(dice)
    return dice.choice((number, f"{number} {phone}", f"사업자 {number} / {phone}", number.replace("-", "")))


def _account(dice: Random) -> str:
    """As banks group them; what a savings bank's first four digits may be is left to chance."""
    groups = dice.choice(("436", "336", "626", "365", "3442", "3623", "4261", "326"))
    return "-".join(_digits(dice, int(count)) for count in groups)


def _place(dice: Random) -> str:
    road, house = dice.randrange(1, 999), dice.randrange(1, 99)
    flat = f"{house}-{dice.randrange(1, 30)} {dice.randrange(101, 2_000)}호"
    return f"({_digits(dice, 5)}) 경기도 수원시 {road}번길 {flat} {_phone(dice)}"


KINDS: dict[str, Callable[[Random], str]] = {
    "a day and a serial number": _dated_reference,
    "a reference": _plain_reference,
    "a phone number": _phone,
    "several phone numbers": _phones,
    "a date and a time": _moment,
    "a time of day": _time,
    "shifts": _shifts,
    "a span of days": _span,
    "days and pay": _paid,
    "a business number": _business,
    "an account": _account,
    "an address": _place,
}


def honest(count: int, seed: int) -> list[tuple[str, str]]:
    """So many, with their kinds, each kind as often as the others."""
    dice, kinds = Random(seed), list(KINDS)
    return [(kind, KINDS[kind](dice)) for kind in (kinds[n % len(kinds)] for n in range(count))]
