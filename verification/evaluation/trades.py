"""What an invented labour market is made of: groups of occupations with their courses, certificates and habits.

Shares are rough: the settlement survey's industries, more women than men. Nothing here is read by the matcher.
"""

from __future__ import annotations

from typing import NamedTuple


class Trade(NamedTuple):
    """``group``: two digits of the occupation tree. ``women``, ``men``: how many want it. ``adverts``: how many there
    are. ``pay``: won an hour in the middle. ``late``: chance of evening, night or rotating work. ``lodging``: chance of
    a dormitory. ``elementary``: work that needs no training. ``words``: what a
    job site calls it."""

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
    words: tuple[str, ...] = ()


TRADES = (
    Trade("55", "06", ("요양보호사",), 20, 1, 12, 11_200, 0.35, 0.03, words=("요양보호사", "방문요양", "재가요양")),
    Trade("30", "06", ("간호조무사",), 10, 2, 6, 12_200, 0.35, 0.03, words=("간호조무사", "병동보조", "외래 간호")),
    Trade("53", "13", ("한식조리기능사",), 12, 4, 12, 11_600, 0.4, 0.08, words=("주방보조", "조리원", "홀서빙")),
    Trade("51", "12", ("미용사(일반)",), 9, 1, 4, 11_200, 0.2, 0.02, words=("헤어디자이너", "피부관리사", "네일")),
    Trade("02", "02", ("컴퓨터활용능력 2급",), 14, 5, 10, 12_800, 0.03, 0.02, words=("사무보조", "경리", "총무")),
    Trade("61", "10", (), 8, 6, 10, 11_600, 0.3, 0.02, words=("매장판매", "캐셔", "판매사원")),
    Trade("87", "21", ("제과기능사",), 8, 4, 7, 11_400, 0.3, 0.2, words=("제빵사", "베이커리", "식품생산")),
    Trade("86", "18", (), 5, 1, 3, 11_000, 0.1, 0.1, words=("재단사", "미싱사", "봉제")),
    Trade("81", "15", ("용접기능사",), 1, 12, 9, 13_800, 0.3, 0.35, words=("용접공", "CNC 가공", "기계조작")),
    Trade("83", "19", ("전기기능사",), 2, 10, 7, 13_600, 0.25, 0.25, words=("전기공", "전자부품 조립", "설비")),
    Trade("62", "09", ("지게차운전기능사",), 1, 11, 7, 13_200, 0.3, 0.15, words=("배송기사", "지게차", "화물운전")),
    Trade("70", "14", ("건축도장기능사",), 0.5, 9, 5, 15_000, 0.02, 0.15, words=("도장공", "인테리어 목수", "타일공")),
    Trade("13", "20", ("컴퓨터활용능력 2급",), 3, 5, 4, 15_500, 0.02, 0.02, words=("웹개발자", "프로그래머", "전산")),
    Trade("56", "11", (), 5, 2, 6, 10_600, 0.2, 0.03, elementary=True, words=("환경미화원", "청소원", "객실정리")),
    Trade("89", "15", (), 3, 6, 8, 11_000, 0.45, 0.4, elementary=True, words=("단순포장", "생산보조", "제품검사")),
)
