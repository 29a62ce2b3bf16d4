"""Everything that is wrong with one event as far as no store is needed to know it: asked at intake's door, and offline
by the client, in the same words. What an agency may say, what came before and who is registered only the door knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from shared.events.data_classification import Model
from shared.events.http_binding import with_data
from shared.events.incoming import Incoming, Unfit, read
from shared.events.limits import Contents, check_structure
from shared.events.refusal import MOST, Refusal, Refused
from shared.events.topics.agencies import Agency
from shared.events.topics.opportunities import JobAtDoor, ProgrammeAtDoor, VettedAtDoor
from shared.events.topics.people import ConsentGivenAtDoor, PersonAtDoor, PersonUpdatedAtDoor
from shared.events.unicode_normalization import surely_composed
from shared.reference import Pack
from shared.screening.advert_rules import advert_of
from shared.screening.agency_rules import check_agency
from shared.screening.code_successors import renewed
from shared.screening.consent_rules import check_given
from shared.screening.envelope_rules import check_envelope
from shared.screening.findings import Findings
from shared.screening.profile_rules import features_of
from shared.screening.sensitive_data import NeverCollected

Features = Mapping[str, Any]
Further = Callable[[Incoming, Findings], None]


@dataclass(frozen=True, slots=True)
class Screened:
    """`incoming`: the event, where its envelope is sound and something can be said of its data; `features`: what the
    rules made of that, as far as the bus may carry it. `sound`: its form is, and it holds nothing that is never
    collected; else `incoming` is only good for looking at what else is wrong, and `unfit` says what does not fit."""

    incoming: Incoming | None
    features: Features
    sound: bool
    refusals: tuple[Refusal, ...]
    warnings: tuple[Refusal, ...] = ()
    unfit: Unfit | None = None


class DoorRules:
    """Made ready once for a pack. `further`: rules of whoever asks, which may add findings and raise Refused."""

    def __init__(self, pack: Pack, further: Further | None = None) -> None:
        self._pack = pack
        self._never = NeverCollected(pack)
        self._further = further

    def look(self, item: dict[str, Any], findings: Findings, now: datetime, today: date) -> Screened:
        """At a parsed event. `findings`: empty, and full afterwards; `today`: the pack's day of `now`."""
        incoming: Incoming | None = None
        unfit: Unfit | None = None
        features: Features = {}
        never: list[Refusal] = []
        try:
            item = with_data(item)
            contents = check_structure(item)  # before anything looks into it
            never, odd = self._never.find(item, contents)
            if never:  # what else is wrong is told, too
                item = {**item, "data": self._never.without(item.get("data"))}
            incoming, unfit = _read(item, contents)
            if incoming is not None:
                features = self._features(incoming, contents, findings, now, today)
            if unfit is not None:  # and what else is wrong with the rest of it
                findings.refusals = [*unfit.refusals, *unfit.besides(findings.refusals)]
            findings.refusals += _elsewhere(odd, findings.refusals)
        except Refused as refused:
            incoming, unfit = None, None
            findings.refusals = list(refused.refusals)
        if never:
            findings.refusals = [*never, *_elsewhere(findings.refusals, never)]
        sound = incoming is not None and unfit is None and not never
        warnings = (*incoming.warnings, *findings.warnings) if sound and incoming is not None else ()
        return Screened(incoming, features, sound, tuple(findings.refusals[:MOST]), warnings, unfit)

    def _features(
        self, incoming: Incoming, contents: Contents, findings: Findings, now: datetime, today: date
    ) -> Features:
        """What the bus may carry of it; what is wrong is added to `findings`."""
        check_envelope(incoming, findings, now)
        data = incoming.data
        if not self._pack.successors.keys().isdisjoint(contents.texts):
            data = renewed(data, findings, today)
        found = _features_of(data, findings, today)
        if self._further is not None:
            self._further(incoming, findings)
        return found


def _features_of(data: Model, findings: Findings, today: date) -> Features:
    if isinstance(data, JobAtDoor | ProgrammeAtDoor):
        return advert_of(data, findings, today)
    if isinstance(data, PersonAtDoor | ConsentGivenAtDoor):
        check_given(data.consents, findings, today)
    if isinstance(data, PersonAtDoor | PersonUpdatedAtDoor):
        return features_of(data, findings, today)
    if isinstance(data, Agency):
        check_agency(data, findings)
    if isinstance(data, VettedAtDoor) and (data.verdict == "checked") != (data.reason is None):
        findings.add("reason-missing", "/data/reason")
    return {}


def _read(item: Mapping[str, Any], contents: Contents) -> tuple[Incoming | None, Unfit | None]:
    try:
        return read(item, is_composed=surely_composed(contents.texts)), None
    except Unfit as unfit:
        return unfit.rest, unfit


def _elsewhere(found: Iterable[Refusal], said: Iterable[Refusal]) -> list[Refusal]:
    """Those about places of which nothing is said yet."""
    places = {one.field for one in said}
    return [one for one in found if one.field not in places]
