"""`python -m services.matching recompute MATCH`: a match worked out again from what was kept of its making.

Of each time that the match was told (the last `publisher.MOST_TOLD`): person and opening at the revisions that it names
(`told_inputs`), assessed on its day by the rules and the pack that run here. The fingerprint of what comes of it is
compared with that of what was told: state, score, band, reasons and questions, in every word. Reads and changes
nothing. It shows why somebody matches, so it is for who may read the database.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

from services.matching.documents import Telling, fingerprint
from services.matching.domain.assessment import assess_pair
from services.matching.domain.diversification import lot_of
from services.matching.domain.told_match import told_match
from services.matching.domain.visibility import is_matched
from services.matching.report_commands import allowed, day_of
from services.matching.repository import Repository
from services.matching.rules_digest import rules_digest
from services.matching.settings import MatchingSettings
from shared.events.topics.matches import Match
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.kit.runtime.admin_commands import AdminCommand
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
    stored = await repository.match(match)
    if stored is None:
        return {"match": match, "result": "not-held", "versions": []}
    people = await allowed(repository, await repository.people([stored.match.person]))
    if not any(is_matched(person, today) for person in people):
        return {"match": match, "result": "person-not-matched", "versions": []}
    versions = []
    for telling in reversed(stored.told):
        inputs = await repository.told_inputs(stored.match, telling.revisions)
        told = stored.match if stored.standing and telling.sequence == stored.sequence else None
        version = {"result": "inputs-gone"} if inputs is None else _version(stored.match, told, telling, *inputs, pack)
        if telling.rules != rules:
            version = {**version, "result": "other-rules", "needs": _named(telling.model, telling.rules)}
        versions.append({**_told(telling, stored.match), **version})
    result = "recomputed" if versions else "nothing-kept"
    return {"match": match, "result": result, "running": _named(pack.weights_version, rules), "versions": versions}


def _named(model: str, rules: str) -> Found:
    return {"model": model, "rules": rules}


def _told(telling: Telling, match: Match) -> dict[str, Any]:
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
            "lot": round(lot_of(match.person, match.opportunity), 6),
        },
        "told": {"score": telling.score},
    }


def _version(
    match: Match, told: Match | None, telling: Telling, person: Person, opening: Opportunity, pack: Pack
) -> dict[str, Any]:
    """What the rules that run here say of these inputs. ``told``: what was told, where that is still held whole."""
    assessment = assess_pair(person, opening, pack, telling.day)
    if assessment.state == "no":
        return {"result": "differs", "now": {"state": "no"}, "differs": ["state"]}
    again = told_match(assessment, match.match, None)
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
