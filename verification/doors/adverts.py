"""The world's jobs as a portal would give them in Work24's XML, and as events with no more than that can say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from samples.world.envelope import Json

_SAID = ("reference", "title", "occupation", "region", "employment", "wage", "hours_per_week", "places", "closes")
_PERIODS = {"hour": "시급", "day": "일급", "month": "월급", "year": "연봉"}
# what is written there of the scheme that a code is of
_SCHEMES = {"occupation": "work24-2024-occupation", "employment": "work24-2024-employment", "region": "legal-dong-2026"}


def can_be_said(data: Json) -> bool:
    """Whether all codes are of the portal's own lists."""
    return all(str(data.get(name, f"{scheme}:")).startswith(f"{scheme}:") for name, scheme in _SCHEMES.items())


def as_event(event: Json) -> Json:
    """The event without what the portal has no field for."""
    data = {name: event["data"][name] for name in _SAID if name in event["data"]}
    if event["data"].get("until_filled"):
        data["until_filled"] = True
    employer = event["data"].get("employer")
    if employer:
        data["employer"] = {"name": employer["name"]}
    return {**event, "data": data}


def as_xml(events: Iterable[Json], encoding: str) -> bytes:
    """A list as the open API answers it."""
    adverts = "".join(f"<wanted>{written(fields_of(event['data']))}</wanted>" for event in events)
    return f'<?xml version="1.0" encoding="{encoding}"?><wantedRoot>{adverts}</wantedRoot>'.encode(encoding)


def fields_of(data: Json) -> dict[str, str]:
    """An advert by the portal's names."""
    wage: dict[str, Any] = data.get("wage", {})
    said = {
        "wantedAuthNo": data["reference"],
        "title": data["title"],
        "company": data.get("employer", {}).get("name"),
        "jobsCd": _place(data.get("occupation")),
        "strtnmCd": _place(data.get("region")),
        "empTpCd": _place(data.get("employment")),
        "salTpNm": _PERIODS.get(wage.get("per", "")),
        "minSal": wage.get("minimum"),
        "maxSal": wage.get("maximum", 0),
        "workdayWorkhrCont": f"주 소정근로시간: {data['hours_per_week']}시간" if "hours_per_week" in data else None,
        "collectPsncnt": data.get("places"),
        "closeDt": _closing(data),
    }
    return {name: str(value) for name, value in said.items() if value}


def written(fields: Mapping[str, str]) -> str:
    """As elements."""
    return "".join(f"<{name}>{escape(text)}</{name}>" for name, text in fields.items())


def _place(code: str | None) -> str | None:
    return None if code is None else code.partition(":")[2]


def _closing(data: Json) -> str:
    """`채용시까지  26-12-31`, the one without the other, or nothing."""
    until_filled = "채용시까지" if data.get("until_filled") else ""
    return f"{until_filled}  {data.get('closes', '')[2:]}".strip()
