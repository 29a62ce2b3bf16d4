"""From an advert of Work24's open API to our `job-posted`: its codes, its dates and its wages as text.

The one format of one country that we read ourselves; what its codes mean stands in the pack. What an advert does not
say, or says in words that the pack does not know, is left out with a warning, unless the contract needs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from shared.events.refusal import Refusal
from shared.files.dates import OPEN_ENDED, read_day
from shared.reference import Pack

LONGEST_TITLE = 120
LONGEST_AMOUNT = 20  # digits; what is cut off is refused all the same, as far too much
_UNTIL_FILLED = "채용시까지"
_NO_RULE = ("관계없음", "학력무관", "무관")
_PERIODS = {
    "시급": "hour",
    "일급": "day",
    "월급": "month",
    "연봉": "year",
    "H": "hour",
    "D": "day",
    "M": "month",
    "Y": "year",
}
_AMOUNT = re.compile(r"(\d[\d,]{0,30}(?:\.\d{1,10})?)\s{0,3}(억원|억|천만원|천만|백만원|만원|만|천원|천|원)?")
_UNITS = {"억": 10**8, "천만": 10**7, "백만": 10**6, "만": 10**4, "천": 10**3}
# Every repetition is bounded: with several unbounded ones a text of blanks alone would hold the interpreter for hours.
_HOURS = re.compile(r"주\s{0,3}당?\s{0,3}(?:소정)?\s{0,3}(?:근로|근무)\s{0,3}시간\s{0,3}[:：]?\s{0,3}(\d{1,2})")
_EXPERIENCE = re.compile(r"(\d{1,2})\s{0,3}(년|개월)")
_DAY = re.compile(r"\d[\d.\-/]{0,20}\d")
_BRACKETS = re.compile(r"\([^()]{0,200}\)")
_MOMENTS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_SCHEME_OF = {"occupation": "work24-2024-occupation", "employment": "work24-2024-employment"}

Advert = Mapping[str, str]


class Work24:
    """Reads adverts by the lists of a pack. Two-digit years are of this century."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack
        self._zone = ZoneInfo(pack.timezone)

    def data_of(self, advert: Advert) -> tuple[dict[str, Any], list[Refusal]]:
        """The data of its event, and what of it was left out or changed."""
        warnings: list[Refusal] = []
        data: dict[str, Any] = {}
        _put(data, "reference", advert.get("wantedAuthNo"))
        _put(data, "title", self._title(advert, warnings))
        _put(data, "occupation", self._code("occupation", advert.get("jobsCd"), advert.get("jobsNm"), 6, warnings))
        _put(data, "employer", _employer(advert))
        _put(data, "region", self._region(advert, warnings))
        _put(data, "employment", self._employment(advert, warnings))
        _put(data, "wage", self._wage(advert, warnings))
        _put(data, "hours_per_week", _number(_HOURS, advert.get("workdayWorkhrCont")))
        _put(data, "places", _number(re.compile(r"(\d{1,5})"), advert.get("collectPsncnt")))
        data |= self._closing(advert, warnings)
        _put(data, "rules", self._rules(advert, warnings))
        _put(data, "certificates_wanted", self._certificates(advert, warnings))
        return data, warnings

    def changed(self, advert: Advert) -> datetime | None:
        """When it was changed last (`smodifyDtm`, to the minute), or registered."""
        digits = re.sub(r"\D", "", advert.get("smodifyDtm", ""))
        if (form := _MOMENTS.get(len(digits))) is not None:
            try:
                return datetime.strptime(digits, form).replace(tzinfo=self._zone)
            except ValueError:
                pass
        day = read_day(advert.get("regDt", ""), None)
        return None if day is None else datetime(day.year, day.month, day.day, tzinfo=self._zone)

    def _title(self, advert: Advert, warnings: list[Refusal]) -> str | None:
        title = " ".join((advert.get("title") or advert.get("wantedTitle") or "").split())
        if len(title) > LONGEST_TITLE:
            warnings.append(Refusal("shortened", "/data/title", {"max_length": LONGEST_TITLE}))
        return title[:LONGEST_TITLE] or None

    def _code(self, field: str, code: str | None, name: str | None, width: int, warnings: list[Refusal]) -> str | None:
        if code:
            plain = code.split("|")[0].strip()
            whole = f"{_SCHEME_OF[field]}:{plain.zfill(width) if plain.isascii() and plain.isdecimal() else plain}"
            if self._pack.known(whole) or not name:
                return whole
        if not name:
            return None
        found = self._pack.find(field, name)
        if found is None:
            warnings.append(Refusal("left-out", f"/data/{field}"))
        return found

    def _employment(self, advert: Advert, warnings: list[Refusal]) -> str | None:
        return self._code("employment", advert.get("empTpCd"), advert.get("empTpNm"), 1, warnings)

    def _region(self, advert: Advert, warnings: list[Refusal]) -> str | None:
        """From the street's number, whose first five digits are the region's, or from names, from wide to narrow."""
        street = advert.get("strtnmCd", "")[:5]
        for scheme in sorted(self._pack.schemes_for("region")):
            if self._pack.known(code := f"{scheme}:{street}") or code in self._pack.successors:
                return code
        words = (advert.get("region") or advert.get("workRegion") or advert.get("basicAddr") or "").split()[:6]
        for end in range(len(words), 0, -1):
            for begin in range(end):
                if (found := self._pack.find("region", " ".join(words[begin:end]))) is not None:
                    return found
        if words:
            warnings.append(Refusal("left-out", "/data/region"))
        return None

    def _wage(self, advert: Advert, warnings: list[Refusal]) -> dict[str, Any] | None:
        """From the figures where there are any; else from the text. 0 for the most means: no most."""
        text = advert.get("sal", "")
        said = advert.get("salTpCd") or advert.get("salTpNm") or ""
        per = _PERIODS.get(said) or next(
            (per for word, per in _PERIODS.items() if len(word) > 1 and word in text), None
        )
        amounts = [_amount(advert.get(name, "")) for name in ("minSal", "maxSal")]
        if not amounts[0]:
            amounts = [*_amounts(text), None, None][:2]
        if per is None or not amounts[0]:
            if text or said:
                warnings.append(Refusal("left-out", "/data/wage"))
            return None
        found: dict[str, Any] = {"per": per, "minimum": amounts[0], "currency": self._pack.currency}
        if amounts[1] and amounts[1] != amounts[0]:
            found["maximum"] = amounts[1]
        return found

    @staticmethod
    def _closing(advert: Advert, warnings: list[Refusal]) -> dict[str, Any]:
        text = advert.get("closeDt") or advert.get("receiptCloseDt") or ""
        found: dict[str, Any] = {}
        if _UNTIL_FILLED in text.replace(" ", ""):
            found["until_filled"] = True
        said = _DAY.search(text)
        day = None if said is None else read_day(said[0], None)
        if day == OPEN_ENDED:
            return {"until_filled": True}
        if day is not None:
            found["closes"] = day.isoformat()
        elif text and not found:
            warnings.append(Refusal("left-out", "/data/closes"))
        return found

    def _rules(self, advert: Advert, warnings: list[Refusal]) -> dict[str, Any]:
        rules: dict[str, Any] = {}
        schooling = advert.get("minEdubg") or advert.get("eduNm") or ""
        if schooling and schooling not in _NO_RULE:
            code = self._pack.find("education", schooling) or self._by_beginning("education", schooling)
            if code is None:
                warnings.append(Refusal("left-out", "/data/rules/education_min"))
            elif self._pack.education_rank(code):
                rules["education_min"] = code
        career = advert.get("enterTpNm") or advert.get("career") or ""
        if (said := _EXPERIENCE.search(career)) is not None:
            rules["experience_months"] = int(said[1]) * (12 if said[2] == "년" else 1)
        return rules

    def _by_beginning(self, field: str, words: str) -> str | None:
        """`대졸(4년)` is written `대졸(4년)이상`, `고졸` as `고졸이상`."""
        found = [
            code
            for code in self._pack.codes(field)
            if words.startswith(self._pack.label(code, self._pack.languages[0]))
        ]
        return found[0] if len(found) == 1 else None

    def _certificates(self, advert: Advert, warnings: list[Refusal]) -> list[str]:
        found = []
        for title in re.split(r"[,/|]", advert.get("certificate", "")):
            title = _BRACKETS.sub("", title).strip()
            if not title or title in _NO_RULE:
                continue
            if (code := self._pack.certificate(title)) is None:
                warnings.append(Refusal("left-out", "/data/certificates_wanted"))
            elif code not in found:
                found.append(code)
        return found[:20]


def _employer(advert: Advert) -> dict[str, str] | None:
    name = " ".join((advert.get("company") or advert.get("corpNm") or "").split())[:LONGEST_TITLE]
    if not name:
        return None
    digits = re.sub(r"\D", "", advert.get("busino", ""))
    return {"name": name, "number": f"{digits[:3]}-{digits[3:5]}-{digits[5:]}"} if len(digits) == 10 else {"name": name}


def _amounts(text: str) -> list[int]:
    """Amounts with their units, in whole units of money. `1억 2천` and `1억 2,000만원` are one."""
    found: list[int] = []
    end = before = 0
    for part in _AMOUNT.finditer(text):
        times = _UNITS.get((part[2] or "").removesuffix("원"), 1)
        amount = float(part[1].replace(",", "")[:LONGEST_AMOUNT])
        if before == _UNITS["억"] and text[end : part.start()].strip() == "":
            found[-1] += round(amount * (times if times >= _UNITS["만"] else times * _UNITS["만"]))
        else:
            found.append(round(amount * times))
        end, before = part.end(), times
    return found


def _amount(text: str) -> int | None:
    """The first amount; None for none, and for 0."""
    return next(iter(_amounts(text)), 0) or None


def _number(form: re.Pattern[str], text: str | None) -> int | None:
    found = form.search(text or "")
    return int(found[1]) if found and int(found[1]) else None


def _put(data: dict[str, Any], name: str, value: str | int | dict[str, Any] | Iterable[str] | None) -> None:
    if value:
        data[name] = value
