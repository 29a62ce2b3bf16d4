"""Use cases of reading: who may see what, written down before it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from services.matching.documents import StoredMatch
from services.matching.domain import explanations
from services.matching.domain.assessment import DIGITS, Assessment, assess, assess_pair, band_of
from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.counterfactuals import Opening, what_opens
from services.matching.domain.diversification import passed_over, ranking
from services.matching.domain.empty_list import EmptyList, empty_list
from services.matching.domain.first_questions import READ, first_questions
from services.matching.domain.near_identical import near_identical
from services.matching.domain.next_steps import EXAMPLES, Step
from services.matching.domain.opening_facts import OpeningFacts, opening_facts
from services.matching.domain.person_facts import person_facts
from services.matching.domain.visibility import Visibility, is_matched
from services.matching.next_steps_search import Found, NextStepsSearch
from services.matching.people_access import PeopleAccess, may_see_people
from services.matching.repository import Repository
from services.matching.schemas import (
    MOST_ALSO,
    AskFirst,
    OpensMore,
    SeenCondition,
    SeenFactor,
    SeenMatch,
    SeenMatches,
    SeenRefusal,
    SeenStep,
    Why,
    WhyEmpty,
)
from shared.access.api_keys import Caller
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.kit.base.cpu_slices import in_slices
from shared.kit.base.ids import is_id
from shared.kit.web.problems import not_found
from shared.reference import Pack


class MatchQueries:
    """Answers from committed state only, on every replica. Every answer about a person is in the audit before it
    leaves: no audit, no answer. Where working it out takes a while, what the caller may see is asked once more after
    it: a consent that was withdrawn meanwhile is not answered by."""

    def __init__(
        self,
        repository: Repository,
        pack: Pack,
        people: PeopleAccess,
        next_steps: NextStepsSearch,
        *,
        congestion: bool = True,
    ) -> None:
        self._repository = repository
        self._packs = pack
        self._people = people
        self._next_steps = next_steps
        self._today = people.today
        self._gives_way = congestion

    @property
    def _pack(self) -> Pack:
        """With the model of the day."""
        return self._packs.on(self._today())

    async def of_person(self, caller: Caller, alias: str) -> SeenMatches:
        """The matches of one person, best first. Raises the 404 problem for whoever the caller may not see."""
        person, visibility = await self._people.visible(caller, alias)
        answer = await self._list_of(person, visibility)
        if visibility.why:  # so openings were assessed
            now, seen_as = await self._people.visible(caller, alias)
            if seen_as != visibility or (is_matched(person, self._today()) and not is_matched(now, self._today())):
                answer = await self._list_of(now, seen_as)
        await self._people.audit(caller, "matches-of-person", [(person.person, None)])
        return answer

    async def _list_of(self, person: Person, visibility: Visibility) -> SeenMatches:
        matches = await self._ranked(person)
        answer = SeenMatches(
            matches=tuple(self._seen(visibility, stored, rank) for rank, stored in enumerate(matches, 1))
        )
        if not visibility.why:
            return answer
        return answer.model_copy(update=await self._beside(person, visibility, answer.matches))

    async def _beside(
        self, person: Person, visibility: Visibility, matches: Sequence[SeenMatch]
    ) -> Mapping[str, object]:
        """What to ask first, which adverts are near-identical to what stands and, where nothing stands, why: from the
        list that was last stored, which holds what waits for an answer, too. Assessed now."""
        empty = not matches
        if not is_matched(person, self._today()):
            return {"ask_first": (), "empty": self._why_empty(EmptyList("not_matched"), visibility) if empty else None}
        most = self._pack.matching.chosen_from if empty else READ
        best = await self._repository.best_of_list(person.person, most)
        assessed = await self._assessed_now(person, best or ())
        asked = tuple(
            AskFirst(what=one.what, decides=one.decides, text=explanations.first_question_text(one, self._pack))
            for one in first_questions(assessed)
        )
        why = empty_list(None if best is None else assessed) if empty else None
        return {
            "ask_first": asked,
            "empty": None if why is None else self._why_empty(why, visibility),
            "matches": self._with_copies(matches, assessed),
        }

    @staticmethod
    def _with_copies(matches: Sequence[SeenMatch], assessed: Sequence[Assessment]) -> tuple[SeenMatch, ...]:
        copies = near_identical([one.opportunity for one in matches], assessed)
        return tuple(one.model_copy(update={"also": copies[one.opportunity][:MOST_ALSO]}) for one in matches)

    async def _assessed_now(self, person: Person, openings: Sequence[str]) -> list[Assessment]:
        found, today = await self._repository.opportunities(openings), self._today()
        facts, context = person_facts(person, self._pack), AssessmentContext(self._pack, today)
        assessed = list[Assessment]()
        async for id in in_slices(id for id in openings if id in found):
            opening = opening_facts(found[id], self._pack)
            if opening.takes_people(today):
                assessed.append(assess(facts, opening, context))
        return assessed

    def _why_empty(self, empty: EmptyList, visibility: Visibility) -> WhyEmpty:
        return WhyEmpty(
            why=empty.why,
            text=self._sentence(f"empty.{empty.why}"),
            waiting=tuple(
                self._assessed(visibility, one, None).model_copy(update={"questions": explanations.unsure(one)})
                for one in empty.waiting
            ),
        )

    async def of_opportunity(self, caller: Caller, opportunity: str) -> SeenMatches:
        """Who fits an opening best, as far as the caller may see them; no word about others.

        Assessed now, so nobody is shown who may not match; a person who came after the opening was last scanned, and
        has better openings, may be missing until it is scanned again. Whether it stands as a match of theirs, their
        rank says.
        """
        may_see_people(caller)
        opening = await self._opening(opportunity)
        most = self._pack.matching.best_of_opportunity
        people = await self._repository.people(await self._repository.fitting(opportunity, most))
        seen_as, today = await self._people.visible_of(caller, people), self._today()
        visible = {id: visibility for id, (_, visibility) in seen_as.items()}
        facts, context = opening_facts(opening, self._pack), AssessmentContext(self._pack, today)
        assessed = [(id, assess(person_facts(seen_as[id][0], self._pack), facts, context)) for id in visible]
        fitting = [one for one in assessed if one[1].state != "no" and one[1].fit >= self._pack.matching.threshold]
        fitting = sorted(fitting, key=lambda one: (-one[1].fit, one[0]))[:most]
        standing = await self._repository.matches_of_people(id for id, _ in fitting)
        still = await self._people.visible_of(caller, await self._repository.people(id for id, _ in fitting))
        visible = {id: visibility for id, (person, visibility) in still.items() if is_matched(person, self._today())}
        fitting = [one for one in fitting if one[0] in visible]
        ranks = await self._ranks(opportunity, {id: still[id][0] for id, _ in fitting}, standing)
        seen = []
        for id, assessment in fitting:
            seen.append(self._assessed(visible[id], assessment, ranks.get(id)))
        await self._people.audit(caller, "matches-of-opportunity", [(id, opportunity) for id, _ in fitting])
        return SeenMatches(matches=tuple(seen))

    async def why(self, caller: Caller, alias: str, opportunity: str) -> Why:
        """Why this pair matches, or why not, assessed now. Raises the same 404 for whoever may not see that."""
        person, opening = await self._person_for_why(caller, alias), await self._opening(opportunity)
        why = await self._worked_out(alias, person, opening)
        now = await self._person_for_why(caller, alias)
        if is_matched(person, self._today()) and not is_matched(now, self._today()):
            why = await self._worked_out(alias, now, opening)
        await self._people.audit(caller, "why", [(person.person, opportunity)])
        return why

    async def opens_more(self, caller: Caller, alias: str) -> OpensMore:
        """What the person could do to open more, worked out now. Raises the same 404 for whoever may not see why, and
        503 when too many ask."""
        person, today, found = await self._person_for_why(caller, alias), self._today(), Found()
        if is_matched(person, today):
            found = await self._next_steps.search(self._repository, caller.agency.agency, person, today)
            person = await self._person_for_why(caller, alias)
            if not is_matched(person, self._today()):
                found = Found()
        await self._people.audit(caller, "opens-more", [(person.person, None)])
        steps = tuple(self._step(one) for one in found.steps)
        refused = tuple(
            SeenRefusal(
                condition=one.condition.name,
                openings=one.openings,
                alone=one.alone,
                text=self._sentence(f"open.{one.condition.opens}"),
            )
            for one in found.refused
        )
        return OpensMore(alias=alias, steps=steps, refused=refused, looked_at=found.looked_at, as_of=today)

    async def _person_for_why(self, caller: Caller, alias: str) -> Person:
        """As they are at this moment. Raises the 404 problem for whoever may not see why."""
        person, visibility = await self._people.visible(caller, alias)
        if not visibility.why:
            raise not_found()
        return person

    async def _worked_out(self, alias: str, person: Person, opening: Opportunity) -> Why:
        today = self._today()
        assessment = assess_pair(person, opening, self._pack, today)
        standing = await self._matches(person)
        found = any(one.match.opportunity == opening.opportunity for one in standing)
        kept = found and assessment.state != "no"  # else it is to be withdrawn yet
        opens = what_opens(person, opening, self._pack, today) if assessment.state == "no" else Opening(None, {})
        weak = opens.too_weak or (assessment.state != "no" and assessment.fit < self._pack.matching.threshold)
        passed = None if kept or weak or assessment.state == "no" else await self._passed_over(assessment, standing)
        if opens.changes:
            texts = [explanations.change_text(assessment, change) for change in opens.changes]
        elif weak:
            texts = [self._sentence("open.below")]
        elif assessment.state == "no":
            texts = [self._sentence("open.nothing" if assessment.factors else "open.consent")]
        else:
            texts = [] if passed is None else [self._sentence(f"open.{passed}")]
        return self._why(alias, assessment, kept, opens, tuple(texts))

    def _step(self, step: Step) -> SeenStep:
        pay, context = step.hourly, step.sample.context
        return SeenStep(
            step=step.change.what,
            text=explanations.change_text(step.sample, step.change),
            openings=len(step.opens),
            pay=None if pay is None else {name: context.wage(pay, "hour", name) for name in self._pack.languages},
            examples=step.opens[:EXAMPLES],
            courses=step.courses,
        )

    async def _passed_over(self, assessment: Assessment, standing: Sequence[StoredMatch]) -> str:
        """Why a pair that may match does not stand."""
        facts = (await self._openings(standing)).values()
        passed = passed_over(assessment.person, assessment.opening, tuple(facts), assessment.context)
        if passed is not None:
            return passed
        below = [one.match.score for one in standing if one.match.score <= assessment.score]
        spreads = self._gives_way and self._pack.matching.congestion is not None
        beaten = spreads and any(score < assessment.score for score in below)
        if beaten and await self._repository.gives_way(assessment.opening.id) > 0:
            return "crowded"
        data = self._pack.matching
        least = round(assessment.score - data.lot - data.alike_within, DIGITS)
        return "as_good" if any(score >= least for score in below) else "score"

    async def _opening(self, id: str) -> Opportunity:
        opening = await self._repository.opportunity(id) if is_id(id) else None
        if opening is None:
            raise not_found()
        return opening

    async def _ranks(
        self, opportunity: str, people: Mapping[str, Person], standing: Mapping[str, Sequence[StoredMatch]]
    ) -> dict[str, int]:
        """Which place an opening has for each of these people for whom it stands."""
        for_whom = {
            id: standing[id] for id in people if any(one.match.opportunity == opportunity for one in standing[id])
        }
        openings = await self._openings(one for matches in for_whom.values() for one in matches)
        ranked = {
            id: [one.match.opportunity for one in self._in_order(people[id], matches, openings)]
            for id, matches in for_whom.items()
        }
        return {id: order.index(opportunity) + 1 for id, order in ranked.items() if opportunity in order}

    async def _ranked(self, person: Person) -> list[StoredMatch]:
        """What stands for a person and may be shown, by its rank."""
        matches = await self._matches(person)
        return self._in_order(person, matches, await self._openings(matches))

    async def _openings(self, matches: Iterable[StoredMatch]) -> dict[str, OpeningFacts]:
        held = await self._repository.opportunities(sorted({one.match.opportunity for one in matches}))
        return {id: opening_facts(one, self._pack) for id, one in held.items()}

    def _in_order(
        self, person: Person, matches: Sequence[StoredMatch], openings: Mapping[str, OpeningFacts]
    ) -> list[StoredMatch]:
        """By the rule that the matcher ranks by, with person and openings as they are now. What takes nobody any more
        is shown to nobody, although it may stand for a while yet: when no matcher is active, or on a day that it has
        not begun."""
        standing, today = {one.match.opportunity: one for one in matches}, self._today()
        open_now = [one for id, one in openings.items() if id in standing and one.takes_people(today)]
        scored = [(one, standing[one.id].match.score, standing[one.id].chance) for one in open_now]
        context = AssessmentContext(self._pack, today)
        return [standing[one.id] for one in ranking(person_facts(person, self._pack), scored, context)]

    async def _matches(self, person: Person) -> list[StoredMatch]:
        """What stands for a person and may be shown, in no order: nothing once they may not be matched, although it is
        not yet withdrawn."""
        return await self._repository.matches_of_person(person.person) if is_matched(person, self._today()) else []

    # --- how it is shown

    def _assessed(self, visibility: Visibility, assessment: Assessment, rank: int | None) -> SeenMatch:
        assert assessment.state != "no", "only who may match is shown"
        seen = SeenMatch(
            alias=visibility.alias,
            opportunity=assessment.opening.id,
            kind=assessment.opening.kind,
            band=band_of(assessment.score, self._pack),
            person_rank=rank,
        )
        if not visibility.why:
            return seen
        return seen.model_copy(
            update={
                "state": assessment.state,
                "score": assessment.score,
                "reasons": explanations.reasons(assessment),
                "questions": explanations.questions(assessment),
                "model": self._pack.weights_version,
                "as_of": assessment.context.today,
            }
        )

    @staticmethod
    def _seen(visibility: Visibility, stored: StoredMatch, rank: int) -> SeenMatch:
        match = stored.match
        assert match.state != "withdrawn", "only standing matches are read"
        seen = SeenMatch(
            alias=visibility.alias,
            opportunity=match.opportunity,
            kind=match.kind,
            band=match.band,
            person_rank=rank,
        )
        why = ("state", "score", "reasons", "questions", "model", "as_of") if visibility.why else ()
        return seen.model_copy(update={name: getattr(match, name) for name in why})

    def _why(
        self, alias: str, assessment: Assessment, kept: bool, opening: Opening, opens: tuple[dict[str, str], ...]
    ) -> Why:
        conditions = tuple(
            SeenCondition(
                condition=one.condition.name,
                answer=one.answer.value,
                text=explanations.condition_text(assessment, one),
                opens=explanations.opening_text(assessment, one, opening.by_condition),
            )
            for one in assessment.answers
        )
        factors = tuple(
            SeenFactor(
                factor=one.factor.name,
                value=None if one.value is None else round(one.value, DIGITS),
                contribution=one.contribution,
                speaks=explanations.speaks(assessment, one),
                text=explanations.factor_text(assessment, one),
            )
            for one in assessment.factors
        )
        return Why(
            alias=alias,
            opportunity=assessment.opening.id,
            state=assessment.state,
            kept=kept,
            score=assessment.score if factors else None,
            threshold=self._pack.matching.threshold,
            conditions=conditions,
            factors=factors,
            opens=opens,
            model=self._pack.weights_version,
            as_of=self._today(),
        )

    def _sentence(self, key: str) -> dict[str, str]:
        return {language: self._pack.sentence(key, language) for language in self._pack.languages}
