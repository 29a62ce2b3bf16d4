"""Titles as they stand on job sites: one job said in many ways, with what else its advertiser wants seen at once."""

from __future__ import annotations

from random import Random

from verification.evaluation.first_half_year.setting import Place, Trade

MINIMUM_HOURLY = 10_320  # of 2026
_CALLS = (
    "[급구]",
    "★급구★",
    "(급)",
    "[당일면접]",
    "◆즉시출근◆",
    "[초보가능]",
    "[4대보험]",
    "[주5일]",
    "♥",
    "[상시]",
    "▶",
)
_ENDS = (
    "",
    "",
    "",
    " 모집",
    " 구인",
    " 구함",
    " 채용",
    " 구해요~",
    " 모십니다",
    " 사원모집",
    " 하실분",
    " 모집합니다^^",
)
_SHIFT = {
    "day": ("주간", "주간고정", "주간근무", "주5일 주간"),
    "evening": ("오후", "마감조", "저녁", "오후파트"),
    "night": ("야간", "야간고정", "심야", "새벽"),
    "rotating": ("2교대", "주야2교대", "3교대", "4조2교대", "주주야야비비", "격일제"),
}
_SLIPS = (
    ("모집", "모짐"), ("급구", "금구"), ("주간", "주깐"), ("생산", "샌산"), ("가능", "가늠"), ("채용", "체용"),
    ("기숙사", "기숙가"), ("요양보호사", "요양보호산"), ("포장", "포징"), ("조립", "조림"), ("식당", "식딩"),
    ("경력", "경럭"),    ("이모님", "이모닝"), ("직원", "직웡"), ("청소", "쳥소"), ("배송", "베송"),
)  # fmt: skip
_FAIR = (
    "하나",
    "새봄",
    "한결",
    "다온",
    "가온",
    "온누리",
    "늘푸른",
    "해담",
    "미소",
    "참좋은",
    "우리",
    "동행",
    "나래",
    "푸른",
    "두레",
)
_FIRMS = (
    "산업",
    "정밀",
    "테크",
    "푸드",
    "물류",
    "전자",
    "기업",
    "상사",
    "유통",
    "케어",
    "산업개발",
    "코리아",
    "시스템",
)
_AGENCIES = ("인력", "잡", "HR", "파트너스", "아웃소싱", "휴먼", "맨파워", "스탭")


def by_the_hour(pay: float, hours: int) -> int:
    """Won an hour, of 10,000 won a month; the paid day of rest counted as a fifth more."""
    return max(MINIMUM_HOURLY, int(pay * 10_000 / (hours * 4.345 * 1.2) / 10) * 10)


def firm(random: Random, agency: bool) -> str:
    """An invented name that could be anybody's."""
    form = random.choice(("(주)", "㈜", "", "", "주식회사 "))
    return f"{form}{random.choice(_FAIR)}{random.choice(_AGENCIES if agency else _FIRMS)}"


def job_title(
    random: Random, trade: Trade, place: Place, *, shift: str, pay: float, hours: int,
    lodging: bool, bus: bool, car: bool,
) -> str:  # fmt: skip
    """One of many ways to write it; most say something that the fields may not say."""
    said = [random.choice(trade.titles)]
    if random.random() < 0.45:
        said.insert(
            0, random.choice((f"[{random.choice(place.short)}]", random.choice(place.short), f"({place.short[0]})"))
        )
    if random.random() < 0.38:
        said.insert(0, random.choice(_CALLS))
    told = [_pay(random, pay, hours)] if random.random() < 0.36 else []
    told += [random.choice(_SHIFT[shift])] if random.random() < (0.5 if shift != "day" else 0.25) else []
    told += (
        [random.choice(("기숙사有", "숙식제공", "기숙사 제공", "숙소지원"))]
        if lodging and random.random() < 0.6
        else []
    )
    told += [random.choice(("통근버스", "통근버스 운행", "셔틀O"))] if bus and random.random() < 0.5 else []
    told += [random.choice(("자차필수", "차량소지자", "자차보유"))] if car and random.random() < 0.5 else []
    told += (
        [random.choice(("초보환영", "중식제공", "장기우대", "여성우대", "외국인X", "나이무관", "내국인", "경력우대"))]
        if (random.random() < 0.3)
        else []
    )
    random.shuffle(told)
    end = random.choice(_ENDS)
    join = random.choice((" ", " / ", ", ", "·"))
    title = " ".join(said)
    if told:
        title = f"{title}({join.join(told)}){end}" if random.random() < 0.45 else f"{title}{end} {join.join(told)}"
    else:
        title += end
    return slipped(random, title)[:120].strip()


def _pay(random: Random, pay: float, hours: int) -> str:
    if hours < 35:
        return random.choice(("시급 {:,}원", "시급{:,}↑", "시 {:,}")).format(by_the_hour(pay, hours))
    round_pay = int(pay // 10 * 10)
    return random.choice(
        ("월{}만↑", "월 {}만원 이상", "{}만+@", "월급{}", "세전{}만", "월 {}~", "고수익 월{}만")
    ).format(round_pay)


def slipped(random: Random, title: str) -> str:
    """Now and then a slip of the finger."""
    if random.random() < 0.07:
        fit = [(right, wrong) for right, wrong in _SLIPS if right in title]
        if fit:
            title = title.replace(*random.choice(fit), 1)
    if random.random() < 0.08:
        title = title.replace(" ", "", 1)
    return title


def programme_title(random: Random, kind: str, trade: Trade, place: Place) -> str:
    """What is not a job, as public bodies and centres announce it."""
    name, town = random.choice(trade.titles).split("(")[0].split("/")[0].strip(), place.short[0]
    year = random.choice(("2026년 ", "'26 ", "2027년 상반기 ", ""))
    forms = {
        "internship": (
            f"{year}{name} 인턴 모집", f"[{town}] {name} 인턴사원 (전환형)", f"체험형 인턴 - {name}",
            f"{year}맞춤형 인턴십 참여자 모집({name})", f"현장인턴 {name} 3개월",
        ),
        "training": (
            f"{name} 양성과정 훈련생 모집", f"[국비지원] {name} 자격증반",
            f"{year}{name} 실무과정 {random.randint(1, 9)}기",
            f"(내일배움카드) {name} 취업과정", f"{town} 새일센터 {name} 직업교육훈련",
        ),
        "startup-support": (
            f"{year}예비창업자 모집 ({name} 분야)", f"[{town}] 소자본 창업교실", "창업 아카데미 및 멘토링 참가자 모집",
            f"{year}푸드트럭/소상공인 창업지원", f"1인 창업 공간지원 입주자 모집_{town}",
        ),
        "consulting": (
            f"{year}예비사회적기업 전문컨설팅", f"사회적기업 지정 컨설팅 신청 안내({town})",
            f"[{town}] 협동조합 설립 상담·컨설팅",
            "사회적경제 창업 1:1 전문가 자문",
        ),
    }  # fmt: skip
    return slipped(random, random.choice(forms[kind]))[:120].strip()
