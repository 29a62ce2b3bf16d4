"""`python -m services.matching recompute MATCH`: a match worked out again from what was kept of its making.

Of each time that the match was told (the last `publisher.MOST_TOLD`): person and opening at the revisions that it names
(`match_provenance`), assessed on its day by the rules and the pack that run here. The fingerprint of what comes of it
is compared with that of what was told: state, score, band, reasons and questions, in every word. Of the match, and of
whether its person is matched, only what is needed is read: so a version that told a match can be run on what a later
one stored. Inputs that hold what it does not know are not guessed at. Reads and changes nothing. It shows why somebody
matches, so it is for who may read the database.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

from pydantic import ValidationError

from services.matching.documents import Telling, fingerprint, who_of
from services.matching.domain.apply_prohibitions import permitted
from services.matching.domain.assessment import assess_pair
from services.matching.domain.diversification import lot_of
from services.matching.domain.match_event import match_event
from services.matching.domain.visibility import is_matched
from services.matching.match_provenance import StoredOpeningInput, StoredPersonInput
from services.matching.report_commands import day_of
from services.matching.repository import Repository
from services.matching.rules_digest import rules_digest
from services.matching.settings import MatchingSettings
from shared.events.topics.matches import Match
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.kit.runtime.admin_commands import AdminCommand
from shared.kit.store.mongo import Document
from shared.kit.store.store import Store
from shared.reference import Pack, load_pack

Found = Mapping[str, Any]


def recompute(match: str) -> AdminCommand[MatchingSettings]:
    """The command for the match of this id."""
    return partial(_recompute, match)


async def _recompute(match: str, store: Store, settings: MatchingSettings) -> str:
    repository, pack = Repository(store.database), load_pack(settings.pack)
    found = await recomputed(repository, match, pack, rules_digest(pack), day_of(settings))
    return json.dumps(found, ensure_ascii=False)


async def recomputed(repository: Repository, match: str, pack: Pack, rules: str, today: date) -> Found:
    """What came of it, as it is shown. ``rules``: those that run here; ``today``: whether the person may be matched is
    asked for this day: of whoever may not be, nothing is worked out, whatever is still there."""
    held = await repository.match_and_person(match)
    if held is None:
        return {"match": match, "result": "not-held", "versions": []}
    stored, person = held
    if person is None or not is_matched(await _who(repository, person), today):
        return {"match": match, "result": "person-not-matched", "versions": []}
    pair, versions = (stored["person"], stored["opportunity"]), list[Found]()
    for document in reversed(stored.get("told", ())):
        telling = Telling.from_document(document)
        if telling.revisions.person < person.get("told_from", 0):
            continue  # in between they might not be matched: it goes as soon as the match is looked at
        told = stored["match"] if stored["standing"] and telling.sequence == stored["sequence"] else None
        inputs = await repository.match_provenance(*pair, telling.revisions)
        version: dict[str, Any] = {"result": "inputs-gone"}
        if inputs is not None:
            version = _of_inputs(match, told, telling, *inputs, pack)
        if telling.rules != rules and inputs is not None:
            version["needs"] = _named(telling.model, telling.rules)
            if "equal" in version:
                version["result"] = "other-rules"
        versions.append({**_told(telling, *pair), **version})
    result = "recomputed" if versions else "nothing-kept"
    return {"match": match, "result": result, "running": _named(pack.weights_version, rules), "versions": versions}


async def _who(repository: Repository, document: Document) -> Person:
    """Whether they take part and what they agreed to, as far as their state still allows it at this moment."""
    id: str = document["_id"]
    return permitted(who_of(document["state"]), document["sequence"], (await repository.floors([id]))[id])


def _named(model: str, rules: str) -> Found:
    return {"model": model, "rules": rules}


def _told(telling: Telling, person: str, opening: str) -> dict[str, Any]:
    """What it was told by."""
    table = telling.congestion
    return {
        "sequence": telling.sequence,
        "as_of": telling.day.isoformat(),
        "model": telling.model,
        "revisions": {"person": telling.revisions.person, "opportunity": telling.revisions.opening},
        "congestion": {
            "table": None if table is None else table.isoformat(),
            "gave_way_by": telling.gave_way_by,
            "lot": round(lot_of(person, opening), 6),
        },
        "told": {"score": telling.score},
    }


def _of_inputs(
    match: str,
    told: Document | None,
    telling: Telling,
    person: StoredPersonInput,
    opening: StoredOpeningInput,
    pack: Pack,
) -> dict[str, Any]:
    """What comes of these inputs, if all that they hold is known here."""
    try:
        inputs = person.person, opening.opportunity
    except ValidationError:
        return {"result": "inputs-unreadable"}
    return _version(match, _readable(told), telling, *inputs, pack)


def _readable(told: Document | None) -> Match | None:
    try:
        return None if told is None else Match.model_validate(told, strict=False)
    except ValidationError:
        return None


def _version(
    match: str, told: Match | None, telling: Telling, person: Person, opening: Opportunity, pack: Pack
) -> dict[str, Any]:
    """What the rules that run here say of these inputs. ``told``: what was told, where that is still held whole."""
    assessment = assess_pair(person, opening, pack, telling.day)
    if assessment.state == "no":
        return {"result": "differs", "equal": False, "now": {"state": "no"}, "differs": ["state"]}
    again = match_event(assessment, match, None)
    equal = fingerprint(again) == telling.content
    shown = {
        "state": again.state,
        "score": again.score,
        "band": again.band,
        "contributions": {one.factor: one.contribution for one in again.reasons},
        "questions": [one.condition for one in again.questions],
    }
    version: dict[str, Any] = {"result": "equal" if equal else "differs", "equal": equal, "now": shown}
    if not equal:
        version["differs"] = _differences(again, told, telling)
    return version


def _differences(again: Match, told: Match | None, telling: Telling) -> list[str]:
    """By what it is another one; of what is no longer held whole the score alone can be named."""
    if told is None:
        return ["score"] if again.score != telling.score else ["something but the score"]
    names = ("kind", "region", "state", "score", "band", "questions", "model")
    found = [name for name in names if getattr(again, name) != getattr(told, name)]
    before, after = ({one.factor: one for one in each.reasons} for each in (told, again))
    found += [f"reasons.{name}" for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    return found or ["the order of the reasons"]
