"""Use cases of operators: pairs that may be one vacancy, merges that were wrong, adverts that are held, employers whose
adverts are not taken.

Each act stands in the audit with its key, in the transaction of its effect; the same act again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, TypeVar

from services.intake.dependencies import Dependencies
from services.intake.documents import AGENCIES, AUDIT
from services.intake.domain.vacancy import differs, facts_of
from services.intake.event_handlers.publish import publish
from services.intake.event_handlers.vacancies import Vacancies
from services.intake.event_handlers.vacancy_needs import needs_of_opportunity, stored
from services.intake.last_published import Causation
from services.intake.opportunity_documents import (
    EMPLOYERS,
    QUESTIONS,
    EmployerDocument,
    QuestionDocument,
    StoredOpportunity,
    employer_id,
)
from services.intake.queries import cursor_of, point_of
from services.intake.repository import Repository
from services.intake.schemas import (
    Employers,
    ListedEmployer,
    Question,
    Questions,
    SeenAdvert,
    Source,
    Vacancy,
    Vetted,
)
from services.intake.schemas import (
    Vacancies as SeenVacancies,
)
from shared.access.agencies import held_agency
from shared.access.api_keys import Caller
from shared.events.refusal import Refusal, Refused
from shared.events.topics.opportunities import VettingReason
from shared.kit.base.ids import is_id, random_id
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.web.authentication import unauthorised
from shared.kit.web.problems import not_found

T = TypeVar("T")
Answered = Literal["same", "apart"]


class Operators:
    """For whoever administers."""

    def __init__(self, store: Store, repository: Repository, dependencies: Dependencies) -> None:
        self._store = store
        self._repository = repository
        self._dependencies = dependencies

    async def questions(self, limit: int, before: str | None) -> Questions:
        """Pairs that nobody has answered yet, newest first, with what tells them apart. Raises ValueError for a
        `before` that is not one of ours."""
        asked = await self._repository.questions(limit, None if before is None else point_of(before))
        ids = {id for question in asked for id in question["opportunities"]}
        held = await self._repository.opportunities(sorted(ids))
        found = [_question(each, [held[id] for id in each["opportunities"] if id in held]) for each in asked]
        more = cursor_of(asked[-1]["at"], asked[-1]["_id"]) if len(asked) == limit else None
        return Questions(questions=found, next=more)

    async def answer(self, id: str, answer: Answered, caller: Caller) -> Question:
        """The two are one vacancy, or they are not. Raises 404, and Refused when they cannot be one any more."""

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield QUESTIONS.by_id(id)
            if (question := QUESTIONS.get(work, id)) is not None:
                for each in question["opportunities"]:
                    yield from needs_of_opportunity(each, work)

        def do(work: UnitOfWork) -> Question:
            question = QUESTIONS.get(work, id)
            if question is None:
                raise not_found()
            pair = question["opportunities"]
            if question["answer"] != answer:
                held = [each for each in (stored(one, work) for one in pair) if each is not None and each.sources]
                if len(held) < 2:
                    raise Refused(Refusal("not-one-vacancy", "/answer"))
                first, second = held  # the one that was there before the other keeps its id
                vacancies = Vacancies(work, self._dependencies)
                if answer == "apart":
                    vacancies.keep_apart(first.id, second.id)
                elif not vacancies.merge(first.id, second.id):
                    raise Refused(Refusal("not-one-vacancy", "/answer"))
                self._publish(vacancies, first.id, work)
                question = QuestionDocument(
                    **{**question, "answer": answer, "by": caller.agency_id, "answered": work.trusted}
                )
                QUESTIONS.save(work, question)
            self._audit(work, caller, f"question-{answer}", pair)
            return _question(question, [each for each in (stored(one, work) for one in pair) if each is not None])

        return await self._act(needs, do, caller)

    async def vacancy(self, id: str) -> Vacancy:
        """An opportunity with its sources. Raises 404."""
        held = (await self._repository.opportunities([id])).get(id) if is_id(id) else None
        if held is None:
            raise not_found()
        return _vacancy(held)

    async def held(self, limit: int, after: str) -> SeenVacancies:
        """Opportunities that wait for somebody to look at them, by id."""
        found = await self._repository.held(limit, after)
        more = found[-1].id if len(found) == limit else None
        return SeenVacancies(opportunities=[_vacancy(each) for each in found], next=more)

    async def split(self, id: str, source: str, caller: Caller) -> Vacancy:
        """One source is of another vacancy: its opportunity from here on. Raises 404, and Refused for the only one."""

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield from needs_of_opportunity(id, work)

        def do(work: UnitOfWork) -> Vacancy:
            held = stored(id, work)
            if held is None or all(each.index != source for each in held.sources):
                raise not_found()
            vacancies = Vacancies(work, self._dependencies)
            if (new := vacancies.split(id, source)) is None:
                raise Refused(Refusal("only-source", "/source"))
            self._publish(vacancies, new, work)
            self._audit(work, caller, "source-split", [id, new])
            return _vacancy(vacancies.get(new))

        return await self._act(needs, do, caller)

    async def employers(self, limit: int, after: str) -> Employers:
        """The list, by number."""
        found = await self._repository.employers(limit, employer_id(after))
        more = found[-1]["_id"].partition("/")[2] if len(found) == limit else None
        return Employers(employers=[_listed(each) for each in found if each["verdict"] is not None], next=more)

    async def list_employer(
        self, key: str, verdict: Literal["held", "refused"] | None, reason: VettingReason | None, caller: Caller
    ) -> ListedEmployer | None:
        """Put an employer on the list, or (None) take it off; the job of adverts looks at what is there already."""
        id = employer_id(key)

        def needs(work: UnitOfWork) -> Iterable[Need]:
            return [EMPLOYERS.by_id(id)]

        def do(work: UnitOfWork) -> ListedEmployer | None:
            held = EMPLOYERS.get(work, id)
            if held is None and verdict is None:
                raise not_found()
            if held is None or (held["verdict"], held["reason"]) != (verdict, reason):
                held = EmployerDocument(
                    _id=id, verdict=verdict, reason=reason, by=caller.agency_id, at=work.trusted, applied=False
                )
                EMPLOYERS.save(work, held)
            action, ids = "employer-listed" if verdict else "employer-taken-off", self._dependencies.ids
            self._audit(work, caller, action, [], employer=ids.derived("employer", key))
            return _listed(held) if verdict else None

        return await self._act(needs, do, caller)

    async def _act(
        self, needs: Callable[[UnitOfWork], Iterable[Need]], do: Callable[[UnitOfWork], T], caller: Caller
    ) -> T:
        """With the caller's right as it is in this transaction."""

        def all_needs(work: UnitOfWork) -> Iterator[Need]:
            yield Need.by_id(AGENCIES, caller.agency_id)
            yield from needs(work)

        def allowed(work: UnitOfWork) -> T:
            agency = work.parsed(AGENCIES, caller.agency_id, held_agency)
            if agency is None or all(key.key_id != caller.key_id for key in agency.keys):
                raise unauthorised()
            Caller(agency, caller.key_id).must(agency.rights.administers, "administers")
            return do(work)

        return await self._store.submit(Operation(all_needs, allowed))

    def _publish(self, vacancies: Vacancies, id: str, work: UnitOfWork) -> None:
        causation = Causation(correlationid=random_id(), causationid=random_id(), time=work.now, recordedtime=work.now)
        publish(vacancies.effect(id), causation, work, self._dependencies.ids)

    def _audit(self, work: UnitOfWork, caller: Caller, action: str, opportunities: Sequence[str], **more: str) -> None:
        """`employer`: by a keyed hash of its number, for who knows it and asks what was done about it."""
        entry = {
            "_id": random_id(),
            "at": work.trusted,
            "agency": caller.agency_id,
            "key_id": caller.key_id,
            "action": action,
            "outcome": "done",
            "opportunities": list(opportunities),
            **more,
        }
        work.save(AUDIT, entry)


def _vacancy(held: StoredOpportunity) -> Vacancy:
    sources = [
        Source(source=each.index, agency=each.agency, open=each.open, heard=each.heard, title=each.words.title)
        for each in held.sources
    ]
    vetting = None if held.state.vetting is None else Vetted(**held.state.vetting.model_dump())
    return Vacancy(
        opportunity=held.id,
        status=held.state.status,
        title=held.state.title,
        employer=None if held.state.employer is None else held.state.employer.name,
        vetting=vetting,
        sources=sources,
    )


def _question(question: QuestionDocument, held: Sequence[StoredOpportunity]) -> Question:
    adverts = [
        SeenAdvert(
            opportunity=each.id,
            status=each.state.status,
            agency=each.state.owner,
            title=each.state.title,
            employer=None if each.state.employer is None else each.state.employer.name,
            region=each.state.region,
            occupation=each.state.occupation,
            wage=each.state.wage,
            hours_per_week=each.state.hours_per_week,
        )
        for each in held
    ]
    one, other = (facts_of(each.state) for each in held) if len(held) == 2 else (None, None)
    return Question(
        question=question["_id"],
        opportunities=question["opportunities"],
        agencies=question["agencies"],
        adverts=adverts,
        at=question["at"],
        answer=question["answer"],
        stale=differs(one, other) or any(each.status == "closed" for each in adverts),
    )


def _listed(entry: EmployerDocument) -> ListedEmployer:
    assert entry["verdict"] in ("held", "refused"), "an entry that is on the list"
    return ListedEmployer(
        number=entry["_id"].partition("/")[2],
        verdict=entry["verdict"],
        reason=entry["reason"],
        by=entry["by"],
        at=entry["at"],
        applied=entry["applied"],
    )
