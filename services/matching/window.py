"""Use cases of reading: who may see what, written down before it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

from pymongo.errors import PyMongoError

from services.matching.answers import SeenCondition, SeenFactor, SeenMatch, SeenMatches, Why
from services.matching.documents import Document, held_match, held_opportunity, held_person
from services.matching.domain.access import Sight, is_matched, sight_of
from services.matching.domain.answers import YES
from services.matching.domain.assessment import DIGITS, Assessment, assess, assess_pair, band_of
from services.matching.domain.explain import sentences
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.permitted import permitted
from services.matching.domain.person_facts import person_facts
from services.matching.domain.terms import Terms
from services.matching.repository import Repository
from shared.access.floors import floors_of
from shared.access.keys import Caller
from shared.events.topics.people import Person
from shared.kit.base.clock import Clock
from shared.kit.base.ids import is_id, random_id
from shared.kit.base.logs import logger
from shared.kit.web.problems import not_found, unavailable
from shared.reference import Pack

_log = logger("window")


class Window:
    """Answers from committed state only, on every replica. Every answer about a person is in the audit before it
    leaves: no audit, no answer."""

    def __init__(self, repository: Repository, pack: Pack, today: Callable[[], date], clock: Clock) -> None:
        self._repository = repository
        self._pack = pack
        self._today = today
        self._clock = clock

    async def of_person(self, caller: Caller, alias: str) -> SeenMatches:
        """The matches of one person, best first. Raises the 404 problem for whoever the caller may not see."""
        person, sight = await self._visible(caller, alias)
        documents = await self._matches(person)
        seen = [self._seen(sight, document, rank) for rank, document in enumerate(documents, 1)]
        await self._written_down(caller, "matches-of-person", [(person.person, None)])
        return SeenMatches(matches=tuple(seen))

    async def of_opportunity(self, caller: Caller, opportunity: str) -> SeenMatches:
        """Who fits an opening best, as far as the caller may see them; no word about others.

        Assessed now, so nobody is shown who may not match; a person who came after the opening was last scanned, and
        has better openings, may be missing until it is scanned again. Whether it stands as a match of theirs, their
        rank says.
        """
        _may_see_people(caller)
        document = await self._repository.opportunity(opportunity) if is_id(opportunity) else None
        if document is None:
            raise not_found()
        most = self._pack.matching.best_of_opportunity
        people = await self._repository.people(await self._repository.fitting(opportunity, most))
        held = await self._permitted(people.values())
        today, agency = self._today(), caller.agency.agency
        sights = {id: sight for id, person in held.items() if (sight := sight_of(person, agency, today)) is not None}
        facts, terms = opening_facts(held_opportunity(document), self._pack), Terms(self._pack, today)
        assessed = [(id, assess(person_facts(held[id], self._pack), facts, terms)) for id in sights]
        fitting = [one for one in assessed if one[1].state != "no" and one[1].score >= self._pack.matching.threshold]
        fitting = sorted(fitting, key=lambda one: (-one[1].score, one[0]))[:most]
        standing = await self._repository.matches_of_people(id for id, _ in fitting)
        seen = []
        for id, assessment in fitting:
            own = [each["opportunity"] for each in standing[id]]
            rank = own.index(opportunity) + 1 if opportunity in own else None
            seen.append(self._fitting(sights[id], assessment, rank))
        await self._written_down(caller, "matches-of-opportunity", [(id, opportunity) for id, _ in fitting])
        return SeenMatches(matches=tuple(seen))

    async def why(self, caller: Caller, alias: str, opportunity: str) -> Why:
        """Why this pair matches, or why not, assessed now. Raises the same 404 for whoever may not see that."""
        person, sight = await self._visible(caller, alias)
        if not sight.why:
            raise not_found()
        document = await self._repository.opportunity(opportunity) if is_id(opportunity) else None
        if document is None:
            raise not_found()
        assessment = assess_pair(person, held_opportunity(document), self._pack, self._today())
        kept = any(one["opportunity"] == opportunity for one in await self._matches(person))
        await self._written_down(caller, "why", [(person.person, opportunity)])
        return self._why(alias, opportunity, assessment, kept)

    # --- who may see whom

    async def _visible(self, caller: Caller, alias: str) -> tuple[Person, Sight]:
        _may_see_people(caller)
        document = await self._repository.person_by_alias(caller.agency.agency, alias) if is_id(alias) else None
        if document is not None:
            person = (await self._permitted([document]))[document["_id"]]
            sight = sight_of(person, caller.agency.agency, self._today())
            if sight is not None and sight.alias == alias:
                return person, sight
        raise not_found()

    async def _permitted(self, documents: Iterable[Document]) -> dict[str, Person]:
        """These people with as much as their states still allow at this moment, whatever waits on `people`."""
        held = {document["_id"]: document for document in documents}
        floors = await self._repository.floors(held)
        return {
            id: permitted(held_person(document), document["sequence"], floors_of(floors.get(id)))
            for id, document in held.items()
        }

    async def _matches(self, person: Person) -> list[Document]:
        """What stands for a person and may be shown: nothing once they may not be matched, although it is not yet
        withdrawn."""
        return await self._repository.matches_of_person(person.person) if is_matched(person, self._today()) else []

    async def _written_down(self, caller: Caller, what: str, about: Iterable[tuple[str, str | None]]) -> None:
        who = {"at": self._clock.trusted(), "agency": caller.agency.agency, "key_id": caller.key_id, "what": what}
        entries = [{"_id": random_id(), **who, "person": person, "opportunity": to} for person, to in about]
        try:
            await self._repository.audit(entries)
        except PyMongoError as error:
            _log.error("audit_failed", error=type(error).__name__)
            raise unavailable() from None

    # --- how it is shown

    def _fitting(self, sight: Sight, assessment: Assessment, rank: int | None) -> SeenMatch:
        assert assessment.state != "no", "only who may match is shown"
        seen = SeenMatch(
            alias=sight.alias,
            opportunity=assessment.opening.id,
            kind=assessment.opening.kind,
            band=band_of(assessment.score, self._pack),
            person_rank=rank,
        )
        if not sight.why:
            return seen
        return seen.model_copy(
            update={
                "state": assessment.state,
                "score": assessment.score,
                "reasons": sentences.reasons(assessment),
                "questions": sentences.questions(assessment),
                "model": self._pack.weights_version,
                "as_of": assessment.terms.today,
            }
        )

    def _seen(self, sight: Sight, document: Document, rank: int) -> SeenMatch:
        match = held_match(document)
        assert match.state != "withdrawn", "only standing matches are read"
        seen = SeenMatch(
            alias=sight.alias,
            opportunity=match.opportunity,
            kind=match.kind,
            band=match.band,
            person_rank=rank,
        )
        why = ("state", "score", "reasons", "questions", "model", "as_of") if sight.why else ()
        return seen.model_copy(update={name: getattr(match, name) for name in why})

    def _why(self, alias: str, opportunity: str, assessment: Assessment, kept: bool) -> Why:
        conditions = tuple(
            SeenCondition(
                condition=one.condition.name,
                answer=one.answer.value,
                text=sentences.condition_text(assessment, one),
                opens=sentences.opening_text(assessment, one),
            )
            for one in assessment.answers
        )
        factors = tuple(
            SeenFactor(
                factor=one.factor.name,
                value=None if one.value is None else round(one.value, DIGITS),
                contribution=one.contribution,
                text=sentences.factor_text(assessment, one),
            )
            for one in assessment.factors
        )
        opens = [one.opens for one in conditions if one.opens is not None]
        if factors and assessment.score < self._pack.matching.threshold:  # no answer to a question helps then
            opens.append(self._said("open.below"))
        elif not kept and all(one.answer is YES for one in assessment.answers):
            opens.append(self._said("open.score"))
        return Why(
            alias=alias,
            opportunity=opportunity,
            state=assessment.state,
            kept=kept,
            score=assessment.score if factors else None,
            threshold=self._pack.matching.threshold,
            conditions=conditions,
            factors=factors,
            opens=tuple(one for number, one in enumerate(opens) if one not in opens[:number]),
            model=self._pack.weights_version,
            as_of=self._today(),
        )

    def _said(self, key: str) -> dict[str, str]:
        return {language: self._pack.sentence(key, language) for language in self._pack.languages}


def _may_see_people(caller: Caller) -> None:
    caller.must_read("matches")
    caller.must(caller.agency.recipient_class in ("case", "service"), "class of recipient: case or service")
