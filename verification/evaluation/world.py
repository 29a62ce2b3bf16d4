"""An invented labour market whose truth is known: people with hidden tastes, adverts with hidden conditions.

The bus shows a part of it: what somebody did not say is missing, a few adverts carry a neighbouring code, their titles
look like titles on a job site. `Market.utility` is the truth: how good an opening is for a person, 0 when impossible.
Everything follows from the seed. Who changes the matcher does not fit it on the seeds that are reported.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack
from verification.evaluation.families import Family
from verification.evaluation.programmes import SHARE, as_shown, drawn, value, wanted_kinds
from verification.evaluation.trades import TRADES, Trade
from verification.evaluation.truth import TODAY, Offer, Seeker, World, points

TITLES = (
    "[{area}] {work} 모집", "{work} 구합니다(주5일)", "{area} {work} 정규직 채용", "초보가능 {work} 사원 모집",
    "{work}(경력무관)",
    "★{work}★ 급구", "직원 모집합니다",
)  # fmt: skip
CLASSES = ("day", "evening", "night")
STRENGTHS = ("precision", "diligence", "endurance", "teamwork", "service", "handiness", "learning", "organising")


@dataclass(frozen=True, kw_only=True)
class Worker(Seeker):
    """The truth about a person, and what the bus shows of it."""

    place: tuple[float, float]
    taste: dict[str, float]
    favourites: frozenset[str]
    certificates: frozenset[str]
    course: str | None
    trained: bool
    patience: int
    car: bool
    drives: bool
    would_live_there: bool
    parts: frozenset[str]
    floor: float
    yardstick: float
    values: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Advert(Offer):
    """The truth about an advert, and what the bus shows of it."""

    place: tuple[float, float]
    trade: Trade
    code: str
    parts: frozenset[str]
    pay: float
    secure: bool
    strength: float
    certificate: str | None
    driving: bool
    education: int


class Market(World):
    """People and adverts of one family and seed."""

    def __init__(
        self, pack: Pack, family: Family, seed: int, people: int, adverts: int, programmes_share: float = SHARE
    ) -> None:
        self.pack, self.family, self.seed = pack, family, f"{family.name}/{seed}"
        self._points = points()
        codes = [code for code in pack.codes("occupation") if code.startswith("work24")]
        self._codes = {trade.group: [c for c in codes if c.split(":")[1].startswith(trade.group)] for trade in TRADES}
        self._homes = self._regions(*family.homes)
        self._works = self._regions(*family.works)
        self.workers: list[Worker] = [self._worker(number) for number in range(people)]
        self.adverts: list[Advert] = []
        random, group = Random(f"{seed}/adverts"), 0
        while len(self.adverts) < adverts:
            first = self._advert(random, group)
            copies = random.randint(1, 4) if random.random() < 0.05 else 0
            self.adverts += [first, *(self._copy(first, random) for _ in range(copies))]
            group += 1
        del self.adverts[adverts:]
        programmes = Random(f"{seed}/programmes")
        self.adverts += [self._programme(group + n, programmes) for n in range(round(programmes_share * adverts))]

    def _regions(self, gyeonggi: float, seoul: float) -> list[tuple[str, float]]:
        """Regions with their shares: Gyeonggi, Seoul, and the rest of the country evenly."""
        shares = {"41": gyeonggi, "11": seoul}
        counts = {name: sum(code[:2] == name for code in self._points) for name in shares}
        rest = len(self._points) - sum(counts.values())
        left = 1 - gyeonggi - seoul
        return [(c, shares[c[:2]] / counts[c[:2]] if c[:2] in shares else left / rest) for c in self._points]

    def _place(self, region: str, random: Random) -> tuple[float, float]:
        lat, lon = self._points[region]
        return lat + random.gauss(0, 0.02), lon + random.gauss(0, 0.025)

    # --- people

    def _worker(self, number: int) -> Worker:
        random = Random(f"{self.seed}/person/{number}")
        woman = random.random() < 0.75
        age = random.choice([22, 27, 32, 36, 40, 44, 48, 53, 58])
        childcare = woman and 27 <= age <= 48 and random.random() < 0.45
        first, second, past = (_pick(random, woman) for _ in range(3))
        taste = {second.group: 0.55} | {first.group: 1.0}
        units = self._units(first)
        favourites = frozenset(random.sample(units, min(len(units), random.randint(1, 3))))
        certificates = {self.pack.find("certificate", t) for t in first.certificates if random.random() < 0.45}
        held = frozenset(code for code in certificates if code is not None)
        course = first.course if random.random() < 0.6 else None
        [region] = random.choices([r for r, _ in self._homes], [w for _, w in self._homes])
        drives = random.random() < (0.3 if woman else 0.65)
        car = drives and random.random() < 0.45
        parts = frozenset({"day"} if childcare else random.choice([{"day"}, {"day", "evening"}, set(CLASSES)]))
        patience = random.choice([25, 30, 35, 40] if childcare else [40, 50, 60, 70, 90])
        floor = random.choice([10_400, 10_600, 11_000, 12_000]) if woman else random.choice([11_000, 12_500, 14_000])
        education = random.choice([2, 3, 3, 3, 4, 5])
        worker = Worker(
            shown=Person(person=f"{number:032x}", status="active", owner="hanawon"), place=self._place(region, random),
            region=region, woman=woman, age=age, childcare=childcare, taste=taste, favourites=favourites,
            certificates=held, course=course, trained=bool(held or course), patience=patience, car=car, drives=drives,
            would_live_there=not childcare and random.random() < self.family.lodges, parts=parts, floor=floor,
            education=education, yardstick=11_800 if woman else 15_500,
            values=(random.random(), random.random(), random.random()), whim=random.getrandbits(32),
            kinds=frozenset({"job"}) | wanted_kinds(self.seed, number),
        )  # fmt: skip
        return Worker(**{**worker.__dict__, "shown": self._shown_person(worker, first, second, past, age, random)})

    def _units(self, trade: Trade) -> list[str]:
        return sorted({code.split(":")[1][:4] for code in self._codes[trade.group]})

    def _shown_person(
        self, worker: Worker, first: Trade, second: Trade, past: Trade, age: int, random: Random
    ) -> Person:
        def maybe(value: Any, chance: float) -> Any:
            return value if random.random() < chance * self.family.says else None

        occupations = []
        if random.random() < 0.65:
            unit = random.choice(sorted(worker.favourites))
            occupations.append({"code": self._code(unit, random), "months": random.choice([0, 0, 8, 26]),
                                "interest": random.choice([0.6, 0.8, 1.0])})  # fmt: skip
        if past.group not in worker.taste and random.random() < 0.45:
            unit = random.choice(self._units(past))
            occupations.append({"code": self._code(unit, random), "months": random.choice([12, 24, 40]),
                                "interest": random.choice([0.0, 0.1, 0.2])})  # fmt: skip
        interests = [t.group for t, chance in ((first, 0.8), (second, 0.35)) if random.random() < chance]
        if random.random() < 0.12:
            interests.append(random.choice(TRADES).group)
        wants: dict[str, Any] = {
            "kinds": sorted(worker.kinds),
            "wage_min": maybe({"per": "month", "amount": round(worker.floor * 209, -4), "currency": "KRW"}, 0.55),
            "shifts": maybe([f"kr-gyeonggi-1:{part}" for part in sorted(worker.parts)], 0.55),
            "commute_minutes": maybe(worker.patience, 0.6),
        }
        needs = ["kr-gyeonggi-1:childcare-hours"] if worker.childcare and random.random() < 0.8 else []
        return Person.model_validate(
            {
                "person": f"{random.getrandbits(128):032x}", "status": "active", "owner": "hanawon",
                "year_of_birth": 2026 - age, "sex": "female" if worker.woman else "male",
                "residence": maybe(f"legal-dong-2026:{worker.region}", 0.93),
                "education": maybe(f"work24-2024-education:0{worker.education}", 0.8),
                "certificates": sorted(worker.certificates),
                "courses": [{"code": f"ncs-2026:{worker.course}"}] if worker.course and random.random() < 0.85 else [],
                "occupations": occupations,
                "wants": {name: value for name, value in wants.items() if value is not None},
                "has": {"car": maybe(worker.car, 0.6), "driving_licence": maybe(worker.drives, 0.7)},
                "counselling": {
                    "interests": [f"keco-2018:{group}" for group in dict.fromkeys(interests)], "needs": needs,
                    "strengths": [f"kr-gyeonggi-1:{name}" for name in random.sample(STRENGTHS, random.randint(0, 2))],
                },
                "consents": [{"purpose": "matching", "until": "2027-05-15"}],
            },
            strict=False,
        )  # fmt: skip

    def _code(self, unit: str, random: Random) -> str:
        group = self._codes[unit[:2]]
        return random.choice([code for code in group if code.split(":")[1].startswith(unit)])

    # --- adverts

    def _advert(self, random: Random, group: int) -> Advert:
        [trade] = random.choices(TRADES, [t.adverts for t in TRADES])
        code = random.choice(self._codes[trade.group])
        [region] = random.choices([r for r, _ in self._works], [w for _, w in self._works])
        late = random.random() < trade.late
        parts = frozenset(
            random.choice([{"evening"}, {"night"}, {"day", "evening"}, set(CLASSES)]) if late else {"day"}
        )
        certificate = None
        if trade.certificates and random.random() < 0.3:
            certificate = self.pack.find("certificate", random.choice(trade.certificates))
        shown_code = code
        if random.random() < self.family.other_code:
            same = [c for c in self._codes[trade.group] if c.split(":")[1][:3] == code.split(":")[1][:3]]
            shown_code = random.choice(same)
        advert = Advert(
            shown=Opportunity(opportunity="0" * 32, owner="gjf", kind="job", status="open", title="-"),
            place=self._place(region, random), region=region, trade=trade, code=code, parts=parts,
            elementary=trade.elementary,
            pay=max(10_330, trade.pay * random.lognormvariate(0, self.family.spread) * (1.05 if late else 1.0)),
            lodging=random.random() < trade.lodging, bus=random.random() < 0.1, secure=random.random() < 0.6,
            strength=self.pack.work_strength(code) or 2.5, certificate=certificate,
            driving=trade.group == "62" or random.random() < 0.06, education=random.choice([0, 0, 0, 0, 3, 3, 4]),
            group=group,
        )  # fmt: skip
        return Advert(**{**advert.__dict__, "shown": self._shown_advert(advert, shown_code, random)})

    def _copy(self, first: Advert, random: Random) -> Advert:
        """The same advert once more: another number, a little other pay and title."""
        shown = first.shown.model_copy(
            update={
                "opportunity": f"{random.getrandbits(128):032x}", "title": first.shown.title + random.choice("!★ "),
            }
        )  # fmt: skip
        if shown.wage is not None:
            least = round(shown.wage.minimum * random.uniform(0.99, 1.03))
            shown = shown.model_copy(update={"wage": shown.wage.model_copy(update={"minimum": least})})
        return Advert(**{**first.__dict__, "shown": shown})

    def _programme(self, group: int, random: Random) -> Advert:
        """A programme: by day, without what a job asks for; an internship pays the least there is."""
        kind, trade = drawn(random)
        code = random.choice(self._codes[trade.group])
        [region] = random.choices([r for r, _ in self._works], [w for _, w in self._works])
        advert = Advert(
            shown=Opportunity(opportunity="0" * 32, owner="gjf", kind="job", status="open", title="-"),
            place=self._place(region, random), region=region, trade=trade, code=code, parts=frozenset({"day"}),
            pay=10_330, lodging=False, bus=False, secure=False, strength=self.pack.work_strength(code) or 2.5,
            certificate=None, driving=False, education=0, group=group, kind=kind, elementary=trade.elementary,
        )  # fmt: skip
        words = {
            "work": random.choice(trade.words) if trade.words else self.pack.label(code, "ko").split("(")[0],
            "course": self.pack.label(f"ncs-2026:{trade.course}", "ko"),
            "area": self.pack.label(f"legal-dong-2026:{region}", "ko"),
        }
        shown = as_shown(self._shown_advert(advert, code, random), kind, trade, words, random)
        return Advert(**{**advert.__dict__, "shown": shown})

    def _shown_advert(self, advert: Advert, code: str, random: Random) -> Opportunity:
        def maybe(value: Any, chance: float) -> Any:
            return value if random.random() < chance else None

        label, area = self.pack.label(advert.code, "ko"), self.pack.label(f"legal-dong-2026:{advert.region}", "ko")
        word = label.split("(")[0].strip()
        if random.random() < self.family.job_site_titles:
            word = random.choice(advert.trade.words)
        title = random.choice(TITLES).format(area=area, work=word)
        single = sorted(advert.parts)
        shifts = [f"kr-gyeonggi-1:{part}" for part in single] if len(single) < 3 else ["kr-gyeonggi-1:rotating"]
        benefits = ((1, advert.lodging), (2, advert.bus))
        monthly = int(round(advert.pay * 209, -4))
        strengths = random.sample(STRENGTHS, random.randint(1, 2)) if random.random() < 0.4 else []
        liked = [found for t in advert.trade.certificates if (found := self.pack.find("certificate", t))]
        return Opportunity.model_validate(
            {
                "opportunity": f"{random.getrandbits(128):032x}", "owner": "gjf", "kind": "job", "status": "open",
                "title": title[:120], "occupation": code,
                "employer": {"name": "x", "number": f"{random.randrange(1000):03d}-00-{advert.group:05d}"},
                "region": f"legal-dong-2026:{advert.region}",
                "employment": maybe(f"work24-2024-employment:{10 if advert.secure else 20}", 0.85),
                "wage": {"per": "month", "minimum": max(monthly, 2_160_000), "currency": "KRW"},
                "hours_per_week": 40, "shifts": maybe(shifts, 0.75) or [],
                "benefits": [f"work24-2024-welfare:0{number}" for number, there in benefits if there],
                "closes": (TODAY + timedelta(days=30)).isoformat(),
                "certificates": [advert.certificate] if advert.certificate else [],
                "certificates_wanted": liked if random.random() < 0.35 else [],
                "courses_wanted": [f"ncs-2026:{advert.trade.course}"] if random.random() < 0.3 else [],
                "strengths": [f"kr-gyeonggi-1:{name}" for name in strengths],
                "rules": {
                    "licences": ["kr-gyeonggi-1:driving-licence"] if advert.driving else [],
                    "education_min": f"work24-2024-education:0{advert.education}" if advert.education else None,
                },
            },
            strict=False,
        )  # fmt: skip

    # --- the truth

    def minutes(self, worker: Worker, advert: Advert) -> float:
        """By public transport, or by car for who has one."""
        (lat, lon), (work_lat, work_lon) = worker.place, advert.place
        km = math.hypot((lat - work_lat) * 111, (lon - work_lon) * 88)
        return (8 + 1.5 * km) if worker.car else (14 + self.family.km_minutes * km)

    def utilities(self, worker: int) -> list[float]:
        """Of all adverts for one worker."""
        return [self.utility(self.workers[worker], advert) for advert in self.adverts]

    def hindrance(self, worker: int, advert: int) -> str | None:
        """Why it cannot be."""
        return self._hindrance(self.workers[worker], self.adverts[advert])

    def _hindrance(self, worker: Worker, advert: Advert) -> str | None:
        tried = (
            ("kind", advert.kind in worker.kinds),
            ("times", advert.parts <= worker.parts),
            ("pay", advert.kind != "job" or advert.pay >= 0.97 * worker.floor),
            ("certificate", advert.certificate is None or advert.certificate in worker.certificates),
            ("driving", worker.drives or not advert.driving),
            ("education", advert.education <= worker.education),
            ("way", self._way(worker, advert) is not None),
        )
        return next((name for name, holds in tried if not holds), None)

    def _way(self, worker: Worker, advert: Advert) -> float | None:
        """How good the way is; None when it is too far."""
        minutes = self.minutes(worker, advert)
        if minutes <= 1.25 * worker.patience:
            return math.exp(-minutes / 45)
        if advert.lodging and worker.would_live_there:
            return 0.45
        return 0.3 if advert.bus and minutes <= 1.8 * worker.patience else None

    def utility(self, worker: Worker, advert: Advert) -> float:
        """How good it would be, 0 when it cannot be."""
        way = self._way(worker, advert)
        if way is None or self._hindrance(worker, advert) is not None:
            return 0.0
        if advert.kind != "job":
            liked, known = worker.taste.get(advert.trade.group, 0.08), worker.course == advert.trade.course
            return max(0.001, value(advert.kind, liked, way, known=known, values=worker.values))
        unit = advert.code.split(":")[1][:4]
        liked = worker.taste.get(advert.trade.group, 0.08)
        whim = _noise(worker.whim, unit)
        work = liked * (0.55 + (0.45 if unit in worker.favourites else 0.3 * whim))
        pay = min(1.0, max(0.0, (advert.pay - worker.floor) / (0.45 * worker.yardstick)))
        skill = 1.0 if worker.certificates and liked == 1.0 else 0.5 if worker.course and liked == 1.0 else 0.1
        for_pay, for_contract, for_light = (0.5 + value for value in worker.values)
        light = (5 - advert.strength) / 4
        if self.family.taste == "product":
            rest = 0.4 + 0.3 * for_pay * pay + 0.15 * for_contract * advert.secure + 0.1 * for_light * light
            good = 0.9 * math.sqrt(work) * math.pow(way, 0.4) * (rest + 0.15 * skill)
        else:
            of_work, of_way = (0.45, 0.22) if self.family.taste == "sum" else (0.32, 0.4)
            good = (
                of_work * work + of_way * way + 0.1 * for_pay * pay + 0.08 * skill
                + 0.06 * for_contract * advert.secure + 0.05 * for_light * light
            )  # fmt: skip
        if advert.trade.elementary and worker.trained and advert.trade.group not in worker.taste:
            good *= 0.6
        return max(0.001, good + 0.1 * (_noise(worker.whim, advert.group) - 0.5))


def _noise(whim: int, of: object) -> float:
    """What nobody could know, 0 to 1, the same each time."""
    return zlib.crc32(f"{whim}/{of}".encode()) / 2**32


def _pick(random: Random, woman: bool) -> Trade:
    [trade] = random.choices(TRADES, [t.women if woman else t.men for t in TRADES])
    return trade
