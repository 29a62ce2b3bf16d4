"""What agencies really get wrong, each with the rule by which the door must refuse it.

A mistake is a wrong copy of a right event, sent with an id of its own before the right one, which so becomes the
correction; or, where the mistake is sending twice, after it. A refused event must leave nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from samples.world.envelope import EventWriter, Item, Json, Mistake
from samples.world.openings import floor_per_hour
from samples.world.setting import Setting
from shared.reference import load_pack

FREE_TEXT = "뷀쳵 상담 때 많이 울었음"  # planted: must be found nowhere
REGISTRATION_NUMBER = "000000-0000000"


@dataclass(frozen=True)
class Slip:
    """One way to get it wrong: what the event is about, the rule that refuses it, and how the data becomes wrong."""

    mistake: Mistake
    on: Literal["person", "job"]
    spoil: Callable[[Json, Setting, date], Json]


def _slip(
    name: str, on: Literal["person", "job"], rule: str, spoil: Callable[[Json, Setting, date], Json], status: int = 422
) -> Slip:
    return Slip(Mistake(name, rule, status), on, spoil)


def _with(**extra: object) -> Callable[[Json, Setting, date], Json]:
    return lambda data, _setting, _today: data | extra


def _without(field: str) -> Callable[[Json, Setting, date], Json]:
    return lambda data, _setting, _today: {name: value for name, value in data.items() if name != field}


def _birth_date_as_text(data: Json, _setting: Setting, _today: date) -> Json:
    year, month, day = data["identity"]["birth_date"].split("-")
    return data | {"identity": data["identity"] | {"birth_date": f"{year}년 {int(month)}월 {int(day)}일"}}


def _unknown_code(data: Json, _setting: Setting, _today: date) -> Json:
    code = data["occupations"][0]["code"]
    return data | {"occupations": [{"code": code.partition(":")[0] + ":999999"}]}


def _old_list(data: Json, _setting: Setting, _today: date) -> Json:
    return data | {"occupation": "keco-2007:" + data["occupation"].partition(":")[2][:4]}


def _unknown_certificate(data: Json, _setting: Setting, _today: date) -> Json:
    return data | {"certificates": ["요양 보조 민간 과정 수료증 3급"]}


def _consents(purpose: str, days: int, recipient: str | None = None) -> Callable[[Json, Setting, date], Json]:
    def spoil(data: Json, _setting: Setting, today: date) -> Json:
        consent: Json = {"purpose": purpose, "until": (today + timedelta(days=days)).isoformat()}
        return data | {"consents": [consent | ({"recipient": recipient} if recipient else {})]}

    return spoil


def _consent_to_employer(data: Json, setting: Setting, today: date) -> Json:
    employer = next(agency for agency in setting.agencies if agency.recipient_class == "employer")
    return _consents("notice", 30, employer.agency)(data, setting, today)


def _below_minimum(data: Json, setting: Setting, today: date) -> Json:
    minimum = floor_per_hour(load_pack(setting.pack), today) * 9 // 10
    return data | {"wage": {"per": "hour", "minimum": minimum, "currency": setting.currency}}


SLIPS: tuple[Slip, ...] = (
    _slip("a code that is in no list", "person", "unknown-code", _unknown_code),
    _slip("pay under the minimum wage", "job", "wage-below-minimum", _below_minimum),
    _slip("birth date as words", "person", "not-a-date", _birth_date_as_text),
    _slip("the cohort sent along", "person", "never-collected", _with(cohort=301)),
    _slip("free text about a person", "person", "never-collected", _with(memo=FREE_TEXT)),
    _slip("a resident registration number", "person", "never-collected", _with(rrn=REGISTRATION_NUMBER)),
    _slip("a consent that is too long", "person", "consent-too-long", _consents("matching", 400)),
    _slip("a consent for an employer", "person", "recipient-class", _consent_to_employer),
    _slip("a code of last decade's list", "job", "unknown-code", _old_list),
    _slip("a certificate nobody knows", "person", "unknown-title", _unknown_certificate),
    _slip("a consent that has ended", "person", "consent-in-the-past", _consents("matching", -3)),
    _slip("wishes left out", "person", "missing-field", _without("wants")),
    _slip("a column of the agency's own", "job", "unknown-field", _with(담당자="")),
    _slip("a notice for nobody", "person", "recipient-missing", _consents("notice", 30)),
)

SAME_ID = Mistake("the same id with other content", "same-id-other-content", 409)
UNKNOWN_REFERENCE = Mistake("news of somebody never registered", "unknown-reference")
WRONG_SOURCE = Mistake("in the name of another agency", "wrong-source", 403)
NOT_ALLOWED = Mistake("a type this agency may not send", "not-allowed", 403)


def spoiled(slip: Slip, item: Item, event_writer: EventWriter, setting: Setting, today: date) -> Item:
    """The wrong copy of a right event."""
    data = slip.spoil(item.event["data"], setting, today)
    return event_writer.write(item.agency, item.event["type"], data, slip.mistake)


def same_id(item: Item) -> Item:
    """The id of an event that was sent before, with other content."""
    data = item.event["data"]
    changed = data | (
        {"places": 9} if "title" in data else {"has": {"driving_licence": True, "car": True}, "courses": []}
    )
    return Item(item.agency, item.event | {"data": changed}, SAME_ID)


def unknown_reference(item: Item, event_writer: EventWriter) -> Item:
    """An update for a reference that was never registered."""
    data = {name: value for name, value in item.event["data"].items() if name not in ("identity", "consents")}
    data["reference"] += "-0"
    return event_writer.write(item.agency, "person-updated", data, UNKNOWN_REFERENCE)


def wrong_source(item: Item, event_writer: EventWriter, setting: Setting) -> Item:
    """Right data with another agency's name as its source."""
    other = next(agency.agency for agency in setting.agencies if agency.agency != item.agency)
    written = event_writer.write(item.agency, item.event["type"], item.event["data"], WRONG_SOURCE)
    return Item(item.agency, written.event | {"source": f"/agencies/{other}"}, WRONG_SOURCE)


def not_allowed(item: Item, event_writer: EventWriter, setting: Setting) -> Item:
    """Somebody's graduation told by a job agency, which has no right to that type."""
    agency = setting.having("jobs")[0].agency
    return event_writer.write(agency, item.event["type"], item.event["data"], NOT_ALLOWED)
