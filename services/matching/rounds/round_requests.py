"""Use cases of rounds: ask, look, adjust by hand, confirm. Everybody sees rounds of their own agency only, and of those
only people whom they may see at that moment, with reasons (the owner, or a live consent to ``profile``)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from services.matching.documents import StoredPerson
from services.matching.domain.assessment import assess_pair
from services.matching.domain.visibility import is_matched
from services.matching.people_access import PeopleAccess, may_see_people
from services.matching.repository import Repository
from services.matching.rounds.documents import FixedDocument, PairDocument, ResultDocument, RoundDocument
from services.matching.rounds.round_repository import RoundRepository
from services.matching.rounds.schemas import (
    AskedAdjustments,
    AskedRound,
    ListedRound,
    ListedRounds,
    Placed,
    RoundResult,
    SeenGroup,
    SeenRound,
    SeenUnder,
    Waits,
)
from shared.access.api_keys import Caller
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.kit.base.clock import Clock
from shared.kit.base.ids import is_id, random_id
from shared.kit.web.problems import Problem, not_found
from shared.reference import Pack

MOST_COMPUTING = 3  # of one agency at once
MOST_LISTED = 100
RETRY_AFTER_SECONDS = 10
Seen = Mapping[str, tuple[Person, str]]  # by our id: the person, and the caller's alias


class Rounds:
    """``asked`` is set once something is to be worked out."""

    def __init__(
        self,
        rounds: RoundRepository,
        repository: Repository,
        people: PeopleAccess,
        pack: Pack,
        clock: Clock,
        asked: asyncio.Event,
    ) -> None:
        self._rounds = rounds
        self._repository = repository
        self._people = people
        self._pack = pack
        self._clock = clock
        self._asked = asked

    async def ask(self, caller: Caller, wanted: AskedRound) -> SeenRound:
        """A new round. Raises the problems 403, 422 and 429."""
        may_see_people(caller)
        _once(each.opportunity for each in wanted.openings)
        agency = caller.agency.agency
        if await self._rounds.computing(agency) >= MOST_COMPUTING:
            raise _too_many()
        stored = await self._repository.people_by_aliases(agency, wanted.people)
        seen = await self._seen(caller, stored)
        if not seen:
            raise _nobody()
        by_alias = {alias: id for id, (_, alias) in seen.items()}
        ids = [by_alias[alias] for alias in dict.fromkeys(wanted.people) if alias in by_alias]
        places = {each.opportunity: each.places for each in wanted.openings}
        known = await self._repository.opportunities(list(places))
        if not known:
            raise _no_opening()
        await self._people.audit(caller, "round-asked", [(id, None) for id in ids])
        now = self._clock.trusted()
        made: RoundDocument = {
            "_id": random_id(),
            "agency": agency,
            "state": "computing",
            "version": 1,
            "asked": now,
            "terms": {
                "guarantee": wanted.terms.guarantee,
                "floor": wanted.terms.floor,
                "floor_cost": wanted.terms.floor_cost,
                "group_by": wanted.terms.group_by,
            },
            "people": ids,
            "openings": [{"opportunity": id, "places": places[id]} for id in places if id in known],
            "fixed": [],
            "excluded": [],
            "tries": 0,
            "claimed_until": now,
        }
        await self._rounds.add(made)
        self._asked.set()
        hidden = len(set(wanted.people)) - len(ids)
        return self._shown(made, seen, hidden, tuple(id for id in places if id not in known))

    async def list(self, caller: Caller) -> ListedRounds:
        """The newest of the caller's agency; no person is in it."""
        may_see_people(caller)
        found = await self._rounds.of_agency(caller.agency.agency, MOST_LISTED)
        return ListedRounds(
            rounds=tuple(
                ListedRound(
                    round=each["_id"], state=each["state"], version=each["version"], asked=each["asked"],
                    people=len(each["people"]), openings=len(each["openings"]),
                )
                for each in found
            )
    )  # fmt: skip

    async def show(self, caller: Caller, id: str) -> SeenRound:
        """One as it is. Raises 403 and 404."""
        held, seen = await self._held(caller, id)
        await self._people.audit(caller, "round", [(person, None) for person in seen])
        return self._shown(held, seen, len(held["people"]) - len(seen))

    async def adjust(self, caller: Caller, id: str, wanted: AskedAdjustments) -> SeenRound:
        """The same round with other decisions by hand, to be worked out anew. Raises 403, 404, 409 and 422."""
        held, seen = await self._held(caller, id)
        if held["version"] != wanted.version or held["state"] == "confirmed":
            raise _changed(held)
        by_alias = {alias: person for person, (_, alias) in seen.items()}
        openings = {each["opportunity"] for each in held["openings"]}
        fixed: list[FixedDocument] = []
        for number, each in enumerate(wanted.fixed):
            person = _named(by_alias, each.alias, openings, each.opportunity, f"/fixed/{number}")
            fixed.append({"person": person, "opportunity": each.opportunity})
        excluded: list[PairDocument] = []
        for number, one in enumerate(wanted.excluded):
            person = _named(by_alias, one.alias, openings, one.opportunity, f"/excluded/{number}")
            excluded.append({"person": person, "opportunity": one.opportunity})
        if held["state"] != "computing" and await self._rounds.computing(held["agency"]) >= MOST_COMPUTING:
            raise _too_many()
        if len({each["person"] for each in fixed}) < len(fixed):
            raise _wrong("/fixed", "once", "A person is fixed twice", "round-once")
        decided = dict.fromkeys((each["person"], each["opportunity"]) for each in (*fixed, *excluded))
        others = [(person, None) for person in seen if person not in {person for person, _ in decided}]
        await self._people.audit(caller, "round-adjusted", [*decided, *others])  # the answer shows all of them
        before = held["result"]["benefit"] if held["state"] == "proposed" and "result" in held else None
        asked = {"fixed": fixed, "excluded": excluded, "benefit_before": before}
        changed = await self._rounds.ask_again(held, asked, self._clock.trusted())
        if changed is None:
            raise _changed(held)
        self._asked.set()
        return self._shown(changed, seen, len(held["people"]) - len(seen))

    async def confirm(self, caller: Caller, id: str, version: int) -> SeenRound:
        """The proposal as what was agreed; the same again is the same. Raises 403, 404 and 409."""
        held, seen = await self._held(caller, id)
        if held["version"] != version or held["state"] not in ("proposed", "confirmed"):
            raise _changed(held)
        if held["state"] == "proposed":
            if not await self._still_possible(held, seen):
                raise _outdated()
            held, seen = await self._held(caller, id)  # who withdrew while it was looked at is not confirmed either
            if held["version"] != version or held["state"] not in ("proposed", "confirmed"):
                raise _changed(held)
            if any(each["person"] not in seen for each in held["result"]["assigned"]):
                raise _outdated()
            await self._people.audit(caller, "round-confirmed", _all_of(held["result"], seen))
            held = await self._rounds.confirm(held) or await self._confirmed_meanwhile(held)
        else:
            await self._people.audit(caller, "round", [(person, None) for person in seen])
        return self._shown(held, seen, len(held["people"]) - len(seen))

    async def _confirmed_meanwhile(self, held: RoundDocument) -> RoundDocument:
        now = await self._rounds.get(held["agency"], held["_id"])
        if now is None or now["state"] != "confirmed" or now["version"] != held["version"]:
            raise _changed(held)
        return now

    # --- who and what

    async def _held(self, caller: Caller, id: str) -> tuple[RoundDocument, Seen]:
        may_see_people(caller)
        held = await self._rounds.get(caller.agency.agency, id) if is_id(id) else None
        if held is None:
            raise not_found()
        return held, await self._seen(caller, await self._repository.people(held["people"]))

    async def _seen(self, caller: Caller, people: Iterable[StoredPerson]) -> Seen:
        found = await self._people.visible_of(caller, people)
        return {id: (person, seen.alias) for id, (person, seen) in found.items() if seen.why}

    async def _still_possible(self, held: RoundDocument, seen: Seen) -> bool:
        """Whether every pair may match as things are now, and there is a place for each: where nobody said how many are
        to be filled, the advert may say fewer by now."""
        pairs = [(each["person"], each["opportunity"]) for each in held["result"]["assigned"]]
        openings = await self._repository.opportunities([opening for _, opening in pairs])
        if any(person not in seen or opening not in openings for person, opening in pairs):
            return False
        said = {each["opportunity"]: each["places"] for each in held["openings"]}
        given = Counter(opening for _, opening in pairs)
        if any(many > (said[id] or openings[id].places or 1) for id, many in given.items()):
            return False
        chosen = [(seen[person][0], openings[opening]) for person, opening in pairs]
        return await asyncio.to_thread(self._all_match, chosen)

    def _all_match(self, pairs: Sequence[tuple[Person, Opportunity]]) -> bool:
        today = self._people.today()
        return all(assess_pair(person, opening, self._pack, today).state != "no" for person, opening in pairs)

    # --- how it is shown

    def _shown(self, held: RoundDocument, seen: Seen, hidden: int, unknown: tuple[str, ...] = ()) -> SeenRound:
        result = held.get("result")
        if result is not None and any(one["person"] not in seen for one in (*result["assigned"], *result["waiting"])):
            result = None  # its sums and groups would tell of somebody whom the caller may not see any more
        today = self._people.today()
        if result is not None and not all(is_matched(person, today) for person, _ in seen.values()):
            result = {**result, "groups": []}  # an owner sees whose consent has ended, but not by what they differ
        return SeenRound(
            round=held["_id"], state=held["state"], version=held["version"], asked=held["asked"], hidden=hidden,
            unknown=unknown, result=None if result is None else _result(held, result, seen),
    )  # fmt: skip


def _result(held: RoundDocument, result: ResultDocument, seen: Seen) -> RoundResult:
    alias = {person: alias for person, (_, alias) in seen.items()}
    fixed = {each["person"]: each["opportunity"] for each in held["fixed"]}
    given = {each["person"]: each["opportunity"] for each in result["assigned"]}
    return RoundResult.model_validate(
        {
            **{name: value for name, value in result.items() if name not in ("assigned", "waiting", "groups", "terms")},
            "benefit_before": held.get("benefit_before"),
            "placed": [
                Placed(
                    alias=alias[each["person"]], opportunity=each["opportunity"], fit=each["fit"], best=each["best"],
                    by_hand=fixed.get(each["person"]) == each["opportunity"],
                )
                for each in result["assigned"]
                if each["person"] in alias
            ],
            "waiting": [
                Waits.model_validate({"alias": alias[each["person"]], "why": each["why"]})
                for each in result["waiting"]
                if each["person"] in alias
            ],
            "not_kept": [alias[one] for one, to in fixed.items() if to and given.get(one) != to and one in alias],
            "groups": [SeenGroup(**each) for each in result["groups"]],
            "terms": [SeenUnder(**each) for each in result.get("terms", ())],
        },
        strict=False,
    )  # fmt: skip


def _all_of(result: ResultDocument, seen: Seen) -> list[tuple[str, str | None]]:
    """Everybody whom the answer shows, with what they have."""
    given: dict[str, str | None] = {each["person"]: each["opportunity"] for each in result["assigned"]}
    return [(person, given.get(person)) for person in seen]


def _named(by_alias: Mapping[str, str], alias: str, openings: set[str], opportunity: str | None, field: str) -> str:
    if alias not in by_alias:
        raise _wrong(f"{field}/alias", "of-the-round", "A person is not of this round", "round-person")
    if opportunity is not None and opportunity not in openings:
        raise _wrong(f"{field}/opportunity", "of-the-round", "An opening is not of this round", "round-opening")
    return by_alias[alias]


def _once(openings: Iterable[str]) -> None:
    """An opening that is named twice may say two numbers of places, of which nobody knows which counts."""
    seen = set[str]()
    for number, id in enumerate(openings):
        if id in seen:
            field = f"/openings/{number}/opportunity"
            raise _wrong(field, "once", "An opening is named twice", "round-opening-once")
        seen.add(id)


def _wrong(field: str, rule: str, title: str, name: str) -> Problem:
    return Problem(422, "refused", title, field=field, rule=rule, name=name)


def _nobody() -> Problem:
    return _wrong("/people", "visible", "None of these people can be placed", "round-nobody")


def _no_opening() -> Problem:
    return _wrong("/openings", "held", "None of these openings is held", "round-no-opening")


def _too_many() -> Problem:
    return Problem(
        429, "too-many-rounds", "Rounds of this agency are still being worked out",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )  # fmt: skip


def _changed(held: RoundDocument) -> Problem:
    return Problem(
        409, "round-changed", "The round is not the one that was looked at",
        f"It is {held['state']}, version {held['version']}.", field="/version", rule="version",
        values={"state": held["state"], "version": held["version"]},
    )  # fmt: skip


def _outdated() -> Problem:
    return Problem(
        409, "round-outdated", "Somebody or something of the proposal has changed",
        "A person may not be shown or matched any more, or an opening ended or asks for something else.",
    )  # fmt: skip
