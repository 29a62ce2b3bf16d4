"""The fast path of an advert that is new, open, meets no other and whose employer nobody listed: so are nearly all.

What comes of it is what `vacancies.py` makes of it, step by step, for any advert
(tests/unit/intake/test_new_advert_fast_path.py compares the two)."""

from __future__ import annotations

from datetime import timedelta

from services.intake import metrics
from services.intake.dependencies import Dependencies
from services.intake.documents import REFERENCES, Reference
from services.intake.event_handlers.advert_index import Save, listed_anew, meets_others
from services.intake.event_handlers.effect import DoorEvent, Effect, Emission
from services.intake.event_handlers.prepared_adverts import PreparedAdvert
from services.intake.opportunity_documents import EMPLOYERS, NewOpportunity, employer_id
from shared.events.envelope import Dumped
from shared.events.topics.opportunities import JOB_POSTED, OPPORTUNITIES, PROGRAMME_OPENED
from shared.kit.store.unit_of_work import UnitOfWork
from shared.screening.advert_rules import JOB


def alone(
    event: DoorEvent, advert: PreparedAdvert, known: Reference, work: UnitOfWork, dependencies: Dependencies
) -> Effect | None:
    """What an advert does under whose reference nothing is kept; None: it is none of these."""
    today = dependencies.day(work.earliest)
    if known.tombstone.ended or (advert.closes is not None and advert.closes < today):
        return None
    if meets_others(advert.keys, event.agency, work):
        return None
    if advert.employer and _may_be_held(advert.employer, work, dependencies):
        return None
    id, number = advert.opportunity, event.sequence
    saves: list[Save] = [(REFERENCES, {"_id": event.index, "thing": id})]
    if advert.compared is not None:
        listed = listed_anew(id, event.agency, advert.keys, advert.compared, work)
        saves += listed
        if len(listed) < len(advert.keys):
            work.after_commit(metrics.adverts_not_compared.of().inc)
    ends = advert.closes
    if ends is None and (days := dependencies.pack.open_ended_days(today)) is not None:
        ends = today + timedelta(days=days)
    kind = JOB_POSTED if advert.kind == JOB else PROGRAMME_OPENED
    reference = dependencies.sealer.seal(advert.reference.encode(), OPPORTUNITIES.name, event.index, "reference")
    return Effect(
        {"opportunity": id},
        others=[NewOpportunity(id, advert.kept, event.index, today, reference, number, ends)],
        saves=saves,
        untold=True,
        emitted=[Emission(kind, id, NewOpportunity.sequence, Dumped(advert.told))],
    )


def _may_be_held(employer: str, work: UnitOfWork, dependencies: Dependencies) -> bool:
    """By the operator's list, or by the form of its number."""
    entry = EMPLOYERS.get(work, employer_id(employer), shared=True)
    if entry is not None and entry["verdict"] is not None:
        return True
    return dependencies.hold_wrong_numbers and not dependencies.pack.employer_number_fits(employer)
