"""What an invented labour market is made of: groups of occupations with their courses, certificates and habits.

Shares are rough: the settlement survey's industries, more women than men. Nothing here is read by the matcher.
"""

from __future__ import annotations

from typing import NamedTuple


class Trade(NamedTuple):
    """``group``: two digits of the occupation tree. ``women``, ``men``: how many want it. ``adverts``: how many there
    are. ``pay``: won an hour in the middle. ``late``: chance of evening, night or rotating work. ``lodging``: chance of
    a dormitory. ``elementary``: work that needs no training."""

    group: str
    course: str
    certificates: tuple[str, ...]
    women: float
    men: float
    adverts: float
    pay: int
    late: float
    lodging: float
    elementary: bool = False


TRADES = (
    Trade("55", "06", ("요양보호사",), 20, 1, 12, 11_200, 0.35, 0.03),
    Trade("30", "06", ("간호조무사",), 10, 2, 6, 12_200, 0.35, 0.03),
    Trade("53", "13", ("한식조리기능사",), 12, 4, 12, 11_600, 0.4, 0.08),
    Trade("51", "12", ("미용사(일반)",), 9, 1, 4, 11_200, 0.2, 0.02),
    Trade("02", "02", ("컴퓨터활용능력 2급",), 14, 5, 10, 12_800, 0.03, 0.02),
    Trade("61", "10", (), 8, 6, 10, 11_600, 0.3, 0.02),
    Trade("87", "21", ("제과기능사",), 8, 4, 7, 11_400, 0.3, 0.2),
    Trade("86", "18", (), 5, 1, 3, 11_000, 0.1, 0.1),
    Trade("81", "15", ("용접기능사",), 1, 12, 9, 13_800, 0.3, 0.35),
    Trade("83", "19", ("전기기능사",), 2, 10, 7, 13_600, 0.25, 0.25),
    Trade("62", "09", ("지게차운전기능사",), 1, 11, 7, 13_200, 0.3, 0.15),
    Trade("70", "14", ("건축도장기능사",), 0.5, 9, 5, 15_000, 0.02, 0.15),
    Trade("13", "20", ("컴퓨터활용능력 2급",), 3, 5, 4, 15_500, 0.02, 0.02),
    Trade("56", "11", (), 5, 2, 6, 10_600, 0.2, 0.03, elementary=True),
    Trade("89", "15", (), 3, 6, 8, 11_000, 0.45, 0.4, elementary=True),
)
