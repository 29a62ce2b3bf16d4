"""The first administrator: somebody has to register the somebodies."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from services.intake.dependencies import Dependencies
from services.intake.documents import AGENCIES, StoredAgency
from services.intake.event_handlers.agencies import KEY_ID
from services.intake.event_handlers.effect import Effect, Emission
from services.intake.event_handlers.publish import publish
from services.intake.last_published import Causation
from services.intake.repository import Repository
from shared.events.topics.agencies import AGENCY_REGISTERED, Agency, Key, Rights
from shared.kit.base.ids import random_id
from shared.kit.base.logs import logger
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork

_log = logger("bootstrap")


async def first_administrator(
    given: str | None, store: Store, repository: Repository, dependencies: Dependencies
) -> bool:
    """Register the agency of IEUM_FIRST_ADMIN if nobody may administer yet; whether somebody may now. Logged."""
    if await repository.has_administrator():
        return True
    if given is None:
        _log.warning("no_administrator", remedy="Set IEUM_FIRST_ADMIN=<agency>:<key id>:<sha256 of the secret>.")
        return False
    try:
        agency = administrator(given, dependencies.pack.languages)
    except ValidationError:
        _log.error("first_administrator_unreadable", remedy="<agency>:<key id>:<sha256 of the secret, 64 hex digits>")
        return False

    key_id = agency.keys[0].key_id

    def needs(work: UnitOfWork) -> Iterable[Need]:
        return [Need.by_id(AGENCIES, agency.agency), Need(AGENCIES, KEY_ID, key_id)]

    def do(work: UnitOfWork) -> bool:
        if any(other["_id"] != agency.agency for other in work.find(AGENCIES, KEY_ID, key_id)):
            return False
        document = work.get(AGENCIES, agency.agency)
        held = None if document is None else StoredAgency.kept_in(document)
        sequence, taken_at = (1, {}) if held is None else (held.sequence + 1, held.taken_at)
        recipient = dependencies.references.recipient(agency.agency)
        effect = Effect(
            {},
            thing=StoredAgency(
                id=agency.agency, recipient=recipient, sequence=sequence, state=agency, taken_at=taken_at
            ),
            emitted=[Emission(AGENCY_REGISTERED, agency.agency, sequence, agency)],
        )
        causation = Causation(correlationid=random_id(), causationid=random_id(), time=work.now, recordedtime=work.now)
        publish(effect, causation, work, dependencies.ids)
        return True

    if not await store.submit(Operation(needs, do)):
        _log.error("first_administrator_key_taken", key_id=key_id, remedy="Choose another key id in IEUM_FIRST_ADMIN.")
        return False
    _log.info("first_administrator", agency=agency.agency, key_id=key_id)
    return True


def administrator(given: str, languages: Iterable[str]) -> Agency:
    """The agency that "<agency>:<key id>:<sha256>" names: it administers, and receives nothing about anybody."""
    name, key_id, secret_sha256 = given.split(":")
    return Agency(
        agency=name,
        name=dict.fromkeys(languages, name or "?"),
        recipient_class="public",
        rights=Rights(administers=True, reads=("journeys", "rejections")),
        keys=(Key(key_id=key_id, secret_sha256=secret_sha256),),
    )
