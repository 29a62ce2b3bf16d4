"""What is asked of a round, and what of it is shown: people by the caller's own alias."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.matching.domain.cohort_assignment import Parts
from services.matching.domain.disclosure_control import GroupBy
from services.matching.rounds.documents import RoundState
from shared.events.data_classification import FEATURE, PSEUDONYMOUS, PUBLIC, Model
from shared.events.field_types import Id
from shared.events.topics.matches import Part
from shared.kit.web.json_types import WHOLE, Number

MOST_PEOPLE, MOST_OPENINGS, MOST_PLACES = 500, 1_000, 1_000
Share = Annotated[Number, Field(ge=0, le=1)]
Sum = Annotated[float, Field(ge=0)]


class Asked(BaseModel):
    """What callers send."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class AskedOpening(Asked):
    """An opening of the round. ``places``: how many are to be filled by it; left out: as many as its advert says, and
    one where it says nothing."""

    opportunity: Id
    places: Annotated[int | None, Field(ge=1, le=MOST_PLACES, strict=True), WHOLE] = None


class AskedTerms(Asked):
    """Shares from 0 to 1. ``guarantee``: nobody is proposed anything worth less than this share of the best of the
    round for them; rather they wait. ``floor``: the mean benefit of each group of ``group_by`` should be at least this
    share of everybody's; at most ``floor_cost`` of the sum is given up for it. Groups are those that may be shown, of
    ten people at least, so a smaller class has no floor."""

    guarantee: Share = 0.5
    floor: Share = 0.0
    floor_cost: Annotated[Number, Field(ge=0, le=0.5)] = 0.1
    group_by: GroupBy = "sex"


class AskedRound(Asked):
    """``people``: a class, by the caller's own aliases, in the order in which they would come (only `first_come`, the
    comparison, depends on it)."""

    people: Annotated[list[Id], Field(min_length=1, max_length=MOST_PEOPLE)]
    openings: Annotated[list[AskedOpening], Field(min_length=1, max_length=MOST_OPENINGS)]
    terms: AskedTerms = AskedTerms()


class AskedFixed(Asked):
    """This opening for this person, whatever the guarantee; null: they wait."""

    alias: Id
    opportunity: Id | None


class AskedExcluded(Asked):
    """Not this opening for this person."""

    alias: Id
    opportunity: Id


class AskedAdjustments(Asked):
    """All that is decided by hand, instead of what was before; ``version`` is that of the round that was looked at."""

    version: Annotated[int, Field(ge=1, strict=True), WHOLE]
    fixed: Annotated[list[AskedFixed], Field(max_length=MOST_PEOPLE)] = []
    excluded: Annotated[list[AskedExcluded], Field(max_length=2_000)] = []


class AskedConfirmation(Asked):
    """``version`` is that of the round that was looked at."""

    version: Annotated[int, Field(ge=1, strict=True), WHOLE]


class Placed(Model):
    """``fit`` of the pair, and the ``best`` fit of the round for this person alone. ``by_hand``: it was fixed."""

    alias: Annotated[Id, PSEUDONYMOUS]
    opportunity: Annotated[Id, PUBLIC]
    fit: Annotated[Part, FEATURE]
    best: Annotated[Part, FEATURE]
    by_hand: Annotated[bool, FEATURE]


class Waits(Model):
    """``nothing-possible``: no opening of the round may match; ``places-taken``: what is worth enough for them is
    taken by others; ``by-hand``: somebody decided so."""

    alias: Annotated[Id, PSEUDONYMOUS]
    why: Annotated[Literal["nothing-possible", "places-taken", "by-hand"], FEATURE]


class SeenGroup(Model):
    """At least ten people; smaller groups go together as ``others``. ``mean``: benefit of its people to two digits,
    those who wait count 0; ``lacks``: how far that is under the floor. Left out where fewer than ten of them gain
    anything or fewer than ten do not, and in rounds with decisions by hand."""

    group: Annotated[str, FEATURE]
    people: Annotated[int, FEATURE]
    mean: Annotated[Sum, FEATURE]
    lacks: Annotated[Sum, FEATURE]


class SeenUnder(Model):
    """The round under ``none`` of its terms, the ``guarantee`` alone, the ``floor`` alone, or ``both``, with the same
    decisions by hand. ``costs``: how much less the sum is than under none; left out: the solver was not done in its
    time. ``seconds``: the solver's."""

    terms: Annotated[Parts, FEATURE]
    benefit: Annotated[Sum, FEATURE]
    costs: Annotated[Sum | None, FEATURE] = None
    seconds: Annotated[Sum, PUBLIC]


class RoundResult(Model):
    """``benefit``: the sum of all fits; ``bound``: nothing under these terms has more; ``optimum``: the sum without
    floor and decisions by hand, so what both cost is the difference; ``benefit_before``: before the last change by
    hand. ``greedy``, ``first_come``: the sum if the best pair always went first, or if people chose one after the
    other. ``groups`` are left out in a round of fewer than ten, and once somebody of it is not matched any more.
    ``terms``: what each of the terms costs alone, and both. ``not_kept``: fixed by hand, and not possible any
    more."""

    placed: Annotated[tuple[Placed, ...], FEATURE]
    waiting: Annotated[tuple[Waits, ...], FEATURE]
    not_kept: Annotated[tuple[Id, ...], FEATURE]
    groups: Annotated[tuple[SeenGroup, ...], FEATURE]
    terms: Annotated[tuple[SeenUnder, ...], FEATURE]
    benefit: Annotated[Sum, FEATURE]
    benefit_before: Annotated[Sum | None, FEATURE] = None
    bound: Annotated[Sum, FEATURE]
    optimum: Annotated[Sum, FEATURE]
    greedy: Annotated[Sum, FEATURE]
    first_come: Annotated[Sum, FEATURE]
    model: Annotated[str, PUBLIC]
    as_of: Annotated[date, PUBLIC]


class SeenRound(Model):
    """``hidden``: people of the round whom the caller may not see, or no longer. ``unknown``: openings that are not
    held. ``result`` while ``computing`` is the one before, if there was one; it is left out while somebody of it is
    hidden: have the round worked out anew then."""

    round: Annotated[Id, PUBLIC]
    state: Annotated[RoundState, PUBLIC]
    version: Annotated[int, PUBLIC]
    asked: Annotated[datetime, PUBLIC]
    hidden: Annotated[int, FEATURE]
    unknown: Annotated[tuple[Id, ...], PUBLIC] = ()
    result: Annotated[RoundResult | None, FEATURE] = None


class ListedRound(Model):
    """A round without what is in it."""

    round: Annotated[Id, PUBLIC]
    state: Annotated[RoundState, PUBLIC]
    version: Annotated[int, PUBLIC]
    asked: Annotated[datetime, PUBLIC]
    people: Annotated[int, FEATURE]
    openings: Annotated[int, PUBLIC]


class ListedRounds(Model):
    """The newest hundred of the caller's agency."""

    rounds: Annotated[tuple[ListedRound, ...], FEATURE]
