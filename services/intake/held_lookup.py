"""Use case: what is held under an agency's own reference. Written down before it is read; without any identity: of
that only is told which fields there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from services.intake.dependencies import Dependencies
from services.intake.documents import StoredPerson
from services.intake.domain.person_state import alias_of, features_of
from services.intake.identity import Family
from services.intake.last_published import LastPublished
from services.intake.opportunity_documents import StoredOpportunity
from services.intake.queries import journey_of
from services.intake.repository import Repository
from services.intake.schemas import Held, HeldConsent, HeldOpportunity, HeldPerson, Matched, Partner
from shared.access.api_keys import Caller

MOST_EVENTS = 200  # the newest about a person, whose followings are told
_ADVERTS: tuple[Literal["job", "programme"], ...] = ("job", "programme")


class HeldLookup:
    """Of the caller's own references; an administrator says whose."""

    def __init__(self, repository: Repository, dependencies: Dependencies) -> None:
        self._repository = repository
        self._dependencies = dependencies

    async def held(self, reference: str, agency: str, caller: Caller) -> Held | None:
        """None when nothing is held, or it is not the caller's to know: a person needs the right to look people up."""
        families: Sequence[Family] = (*_ADVERTS, "person") if _may_look_up(caller) else _ADVERTS
        index = {family: self._dependencies.references.index(family, agency, reference) for family in families}
        led = await self._repository.led_to(list(index.values()))
        things = {family: led[index[family]] for family in families if index[family] in led}
        others = agency != caller.agency.agency
        person = things.get("person")
        if others or person is not None:
            await self._audit(caller, "held-of-others" if others else "held", person)
        if not things:
            return None
        return Held(
            person=None if person is None else await self._person(person, agency, caller),
            opportunities=[
                found
                for family in _ADVERTS
                if family in things
                and (found := await self._opportunity(things[family], family, index[family], caller))
            ],
        )

    async def _person(self, id: str, agency: str, caller: Caller) -> HeldPerson | None:
        document = await self._repository.thing(StoredPerson.COLLECTION, id)
        if document is None:
            return None
        person = StoredPerson.kept_in(document)
        state, today = person.state, self._dependencies.day(self._dependencies.clock.calendar())
        followed = await self._repository.correlations(id, MOST_EVENTS, None if caller.administers else agency)
        journey = await self._journey(followed, caller)
        return HeldPerson(
            alias=alias_of(state, agency) if agency == caller.agency.agency else None,
            status=state.status,
            your_sequence=person.sender,
            profile=state.model_dump(mode="json", by_alias=True, exclude_none=True, include=set(features_of(state))),
            consents=[
                HeldConsent(purpose=one.purpose, recipient=one.recipient, until=one.until)
                for one in state.consents
                if one.until >= today
            ],
            identity=await self._repository.identity_fields(id),
            known_to=sorted({one.agency for one in state.aliases} - {agency}),
            told=None if journey is None else journey[1],
        )

    async def _opportunity(
        self, id: str, family: Literal["job", "programme"], index: str, caller: Caller
    ) -> HeldOpportunity | None:
        document = await self._repository.thing(StoredOpportunity.COLLECTION, id)
        if document is None:
            return None
        held = StoredOpportunity.kept_in(document)
        own = next((source for source in held.sources if source.index == index), None)
        if own is None:
            return None
        followed = await self._followed(held.last, caller)
        journey = None if followed is None else await self._journey(followed, caller)
        return HeldOpportunity(
            opportunity=id,
            kind=family,
            open=own.open,
            told_as_open=held.state.status == "open",
            your_sequence=own.sender,
            advert=own.words.model_dump(
                mode="json", by_alias=True, exclude_none=True, exclude={"opportunity", "status"}
            ),
            matches=None if journey is None else journey[0],
            told=None if journey is None else journey[1],
        )

    async def _followed(self, last: LastPublished | None, caller: Caller) -> Sequence[str] | None:
        """What followed from what was told last; None when that was not the caller's own event (the vacancy may have
        other sources, and operators), whose journey is not the caller's to know."""
        if last is None:
            return ()
        if not caller.administers:
            row = await self._repository.receipt(receipt=last.causation.causationid)
            if row is None or row["agency"] != caller.agency.agency:
                return None
        return (last.causation.correlationid,)

    async def _journey(self, followed: Sequence[str], caller: Caller) -> tuple[Matched, list[Partner]] | None:
        """None without the right that a journey needs wherever it is asked for."""
        if not (caller.administers or caller.reads("journeys")):
            return None
        return journey_of(await self._repository.steps(*followed))

    async def _audit(self, caller: Caller, action: str, person: str | None) -> None:
        now = self._dependencies.clock.trusted()
        await self._repository.audit(now, caller, action, person=person, outcome="asked")


def _may_look_up(caller: Caller) -> bool:
    return caller.administers or caller.reads("lookup")
