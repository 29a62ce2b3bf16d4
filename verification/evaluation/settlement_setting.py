"""What the fourth family of worlds is made of: roles, the industries that have them, programmes, and places.

From the facts of the field alone (settlement survey, Work24's codes, published programmes); nothing is taken from the
matcher, its pack or the other families. Pay and traits are rough middles of common knowledge.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import NamedTuple

from verification.evaluation.truth import points

LEGAL_HOUR = 10_320  # the law of 2026
STRENGTHS = ("precision", "diligence", "endurance", "teamwork", "service", "handiness", "learning", "organising")
TRAITS = ("people", "hands", "order", "machine", "outdoors")


class Role(NamedTuple):
    """``unit``: KECO unit group. ``words``: titles. ``traits``: how much of each trait it has. ``load``: 1 very light
    to 5 very hard. ``pay``: ten thousand won a month in the middle, full time. ``women``: share among those who do it.
    ``certificate`` with ``strict``, the share of employers who insist on it. ``months``: share who ask for experience.
    ``schooling``: 0 none, 3 high school, 4 college, 5 university."""

    unit: str
    words: tuple[str, ...]
    traits: tuple[float, ...]
    load: float
    pay: int
    women: float
    course: str
    certificate: str | None = None
    strict: float = 0.0
    months: float = 0.1
    schooling: int = 0
    drives: bool = False
    elementary: bool = False


def _roles() -> dict[str, Role]:
    with (Path(__file__).parent / "settlement_roles.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return {
        row["name"]: Role(
            row["unit"], tuple(row["words"].split("|")), tuple(float(row[trait]) for trait in TRAITS),
            float(row["load"]), int(row["pay"]), float(row["women"]), row["course"], row["certificate"] or None,
            float(row["strict"]), float(row["months"]), int(row["schooling"]), row["drives"] == "1",
            row["elementary"] == "1",
        )
        for row in rows
    }  # fmt: skip


ROLES: Mapping[str, Role] = _roles()


class Industry(NamedTuple):
    """``share`` of adverts; ``times``: names of `TIMES` with how usual they are; ``far``: chance of a dormitory, of a
    commuter bus; ``posts``: how many adverts an employer has at once, at most; ``size``: chance to be a large one."""

    name: str
    share: float
    roles: Mapping[str, float]
    times: Mapping[str, float]
    far: tuple[float, float]
    posts: int
    size: float


class Time(NamedTuple):
    """``shifts`` as adverts say them, from hour to hour, hours a week; ``turns``: the hours change."""

    shifts: tuple[str, ...]
    begins: float
    ends: float
    hours: int
    turns: bool = False


TIMES: Mapping[str, Time] = {
    "office": Time(("day",), 9, 18, 40),
    "early": Time(("day",), 7, 16, 40),
    "six days": Time(("day",), 9, 18.5, 48),
    "lunch": Time(("day",), 10, 15, 25),
    "morning": Time(("day",), 9, 13, 20),
    "visits": Time(("day",), 9, 12, 15),
    "late": Time(("day", "evening"), 11, 21, 48),
    "evening": Time(("evening",), 17, 22, 25),
    "night": Time(("night",), 22, 31, 40),
    "two turns": Time(("rotating",), 8, 32, 44, True),
    "three turns": Time(("day", "evening", "night"), 7, 31, 40, True),
}

INDUSTRIES = (
    Industry("manufacturing", 0.22,
             {"assembler": 4, "packer": 5, "machinist": 2, "welder": 2, "food worker": 2, "sewer": 1.5, "forklift": 1,
              "office helper": 0.7, "bookkeeper": 0.5},
             {"early": 2, "office": 4, "two turns": 3, "three turns": 1, "night": 0.5}, (0.3, 0.35), 5, 0.35),
    Industry("eating places", 0.15, {"kitchen hand": 4, "serving": 4, "cook": 3, "barista": 2},
             {"late": 4, "lunch": 3, "evening": 2, "six days": 2}, (0.05, 0.0), 3, 0.05),
    Industry("lodging", 0.03, {"room attendant": 5, "cleaner": 1, "serving": 1}, {"office": 4, "morning": 1},
             (0.25, 0.1), 3, 0.4),
    Industry("care", 0.15, {"carer": 7, "nurse aide": 3, "cook": 0.7, "social worker": 0.7},
             {"office": 4, "visits": 3, "three turns": 3, "night": 0.5}, (0.03, 0.03), 4, 0.15),
    Industry("retail", 0.1, {"cashier": 4, "seller": 4, "baker": 1},
             {"office": 2, "evening": 2, "morning": 1, "late": 2}, (0.0, 0.0), 3, 0.3),
    Industry("logistics", 0.1, {"picker": 5, "courier": 2, "driver": 2, "forklift": 1.5},
             {"early": 2, "office": 2, "night": 3, "evening": 1}, (0.08, 0.4), 4, 0.5),
    Industry("building services", 0.09, {"cleaner": 6, "guard": 3, "electrician": 1},
             {"early": 4, "morning": 3, "night": 1, "two turns": 1}, (0.0, 0.0), 3, 0.2),
    Industry("construction", 0.05, {"site helper": 3, "painter": 2, "electrician": 2, "welder": 1},
             {"early": 6, "office": 1}, (0.2, 0.05), 2, 0.1),
    Industry("bakeries", 0.03, {"baker": 5, "seller": 1, "packer": 1}, {"early": 5, "office": 1, "night": 1},
             (0.1, 0.05), 3, 0.2),
    Industry("offices", 0.05, {"bookkeeper": 3, "office helper": 4, "call agent": 3, "developer": 1},
             {"office": 9, "lunch": 1}, (0.0, 0.0), 2, 0.4),
    Industry("beauty", 0.02, {"hairdresser": 1}, {"six days": 2, "late": 2}, (0.02, 0.0), 2, 0.05),
    Industry("childcare", 0.01, {"teaching aide": 1}, {"morning": 2, "office": 2, "lunch": 2}, (0.0, 0.0), 1, 0.1),
)  # fmt: skip


class Programme(NamedTuple):
    """``role``: what it leads to; ``teaches``: a course; ``online``: it can be followed from anywhere; ``area``: who
    lives elsewhere may not take part; ``sex``, ``ages``: its other rules."""

    kind: str
    title: str
    role: str | None = None
    teaches: str | None = None
    online: bool = False
    area: str | None = None
    sex: str | None = None
    ages: tuple[int, int] | None = None


PROGRAMMES = (
    Programme("training", "요양보호사 국가자격 취득과정", "carer", "06"),
    Programme("training", "경리사무실무자 양성과정", "bookkeeper", "02"),
    Programme("training", "제과제빵기능사 필기+실기", "baker", "21"),
    Programme("training", "한식조리기능사 자격취득반", "cook", "13"),
    Programme("training", "바리스타 2급 과정", "barista", "13"),
    Programme("training", "미용사(네일) 자격과정", "hairdresser", "12"),
    Programme("training", "전기기능사 실무", "electrician", "19"),
    Programme("training", "지게차운전기능사 단기과정", "forklift", "09"),
    Programme("training", "패션 봉제 실무", "sewer", "18"),
    Programme("training", "특수용접 실무자 양성", "welder", "15"),
    Programme("training", "컴퓨터 활용(ITQ) 기초", "office helper", "20", online=True),
    Programme("training", "꿈날개 온라인 전산회계", "bookkeeper", "02", online=True, sex="female"),
    Programme("internship", "하나원 수료초기 맞춤형 인턴 (생산)", "assembler"),
    Programme("internship", "하나원 수료초기 맞춤형 인턴 (사무)", "office helper"),
    Programme("internship", "일경험 인턴 - 병원 원무", "nurse aide"),
    Programme("internship", "징검다리 일자리 (공공형)", "office helper", area="41000"),
    Programme("startup-support", "북한이탈주민 창업 아카데미", None, online=True),
    Programme("startup-support", "경기 여성 창업 디딤돌", None, area="41000", sex="female"),
    Programme("startup-support", "영농정착지원", None, ages=(18, 60)),
    Programme("consulting", "예비사회적기업 전문영역 컨설팅", None, area="41000"),
    Programme("consulting", "통일형 예비사회적기업 육성", None, online=True),
)


Point = tuple[float, float]
CITIES: Mapping[str, float] = {  # where people live: Gyeonggi's cities as published, others roughly
    "41590": 65, "41110": 63, "41270": 56, "41460": 54, "41190": 54, "41220": 35, "41570": 35, "41360": 30,
    "41390": 30, "41280": 28, "41170": 20, "41150": 20, "41480": 25, "41210": 15, "41550": 15, "41370": 12, "41250": 8,
    "41500": 10, "41630": 12, "41800": 3, "41820": 3,
    "11500": 70, "11470": 60, "11350": 50, "11710": 30, "11740": 20, "28200": 90, "28260": 20, "26350": 25, "26380": 15,
    "27290": 30, "29200": 25, "30170": 25, "31140": 20, "43110": 35, "44130": 35, "44200": 15, "48120": 25, "47190": 15,
    "52110": 20, "51110": 10, "51130": 10, "46130": 6, "50110": 15,
}  # fmt: skip


class Places:
    """Regions with their middles."""

    def __init__(self) -> None:
        self._points = points()
        self._cities = {code: at for code in CITIES if (at := self._middle(code)) is not None}

    def drawn(self, random: Random, rural: float) -> tuple[str, Point]:
        """A region, and a point in it; ``rural``: chance that it is any region at all."""
        if random.random() < rural:
            code = random.choice(sorted(self._points))
        else:
            [code] = random.choices(list(self._cities), [CITIES[one] for one in self._cities])
        lat, lon = self._cities.get(code) or self._points[code]
        return code, (lat + random.gauss(0, 0.022), lon + random.gauss(0, 0.028))

    def _middle(self, code: str) -> Point | None:
        """Of a region, or of its parts."""
        if code in self._points:
            return self._points[code]
        parts = [at for one, at in self._points.items() if one[:4] == code[:4]]
        return (sum(a for a, _ in parts) / len(parts), sum(b for _, b in parts) / len(parts)) if parts else None
