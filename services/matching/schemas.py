"""What the API answers. Nothing here names a person but by the caller's own alias; no id of ours for a match."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from shared.events.data_classification import FEATURE, PSEUDONYMOUS, PUBLIC, Model
from shared.events.field_types import Id, Slug, Text
from shared.events.topics.matches import Band, Part, Question, Reason, Speaks

MOST_ALSO = 5  # near-identical adverts that are named beside the one that stands


class SeenMatch(Model):
    """One match. ``person_rank``: its place among the person's matches as of now, 1 is the best; None: others are
    better for the person (of an opening also who fits it is shown, whether it stands as a match of theirs or not).

    ``also``: near-identical adverts that may match as well and do not stand for it: the same work said again.

    What says why (state, score, reasons, questions, model and day) is there for the person's owner and for an agency
    with a live consent to ``profile``; with a consent to ``notice`` alone a match says no more than its notice does.
    """

    alias: Annotated[Id, PSEUDONYMOUS]
    opportunity: Annotated[Id, PUBLIC]
    kind: Annotated[Slug, PUBLIC]
    band: Annotated[Band, FEATURE]
    person_rank: Annotated[int | None, FEATURE] = None
    also: Annotated[tuple[Id, ...] | None, PUBLIC, Field(max_length=MOST_ALSO)] = None
    state: Annotated[Literal["eligible", "possible"] | None, FEATURE] = None
    score: Annotated[Part | None, FEATURE] = None
    reasons: Annotated[tuple[Reason, ...] | None, FEATURE] = None
    questions: Annotated[tuple[Question, ...] | None, FEATURE] = None
    model: Annotated[Slug | None, PUBLIC] = None
    as_of: Annotated[date | None, PUBLIC] = None


class AskFirst(Model):
    """Something that is not known of a person, on which several of their best openings by score hang, whether these
    stand as matches or wait for the answer."""

    what: Annotated[Slug, FEATURE]
    decides: Annotated[int, FEATURE]
    text: Annotated[Text, FEATURE]


class WhyEmpty(Model):
    """Why a person has no match at this moment: they are not matched (`not_matched`: no consent to matching, or they
    left); matches are on their way (`soon`); openings are found that are not likely to be possible as long as something
    is not known (`waits`); or nothing passes (`nothing`): `opens-more` says what refuses.

    ``waiting``: the least unlikely of those that wait, with what is to be asked of the person or the employer, and what
    holds only since nobody said otherwise. They are no matches, and nobody is told of them."""

    why: Annotated[Literal["not_matched", "soon", "waits", "nothing"], FEATURE]
    text: Annotated[Text, FEATURE]
    waiting: Annotated[tuple[SeenMatch, ...], FEATURE, Field(max_length=3)] = ()


class SeenMatches(Model):
    """Matches, best first; of a person, for who may see why, also what to ask first, what decides the most first, and
    where there is no match, why."""

    matches: Annotated[tuple[SeenMatch, ...], FEATURE]
    ask_first: Annotated[tuple[AskFirst, ...] | None, FEATURE] = None
    empty: Annotated[WhyEmpty | None, FEATURE] = None


class SeenCondition(Model):
    """One hard condition of a pair, its answer in words, and what it needs, or on whom it depends."""

    condition: Annotated[Slug, PUBLIC]
    answer: Annotated[Literal["yes", "no", "ask"], FEATURE]
    text: Annotated[Text, FEATURE]
    opens: Annotated[Text | None, FEATURE] = None


class SeenFactor(Model):
    """One factor: how well it fits (``value`` None: not known, counted as neutral), what it adds to the score, and
    whether it speaks for the pair, against it, or cannot be told yet."""

    factor: Annotated[Slug, PUBLIC]
    value: Annotated[Part | None, FEATURE] = None
    contribution: Annotated[Part, FEATURE]
    speaks: Annotated[Speaks, FEATURE]
    text: Annotated[Text, FEATURE]


class SeenStep(Model):
    """Something a person could do, and what it opens: ``openings`` may match then (tried), of which ``examples`` fit
    best. ``pay``: what those in the middle pay at least. ``courses``: trainings that name the certificate."""

    step: Annotated[Slug, FEATURE]
    text: Annotated[Text, FEATURE]
    openings: Annotated[int, FEATURE, Field(ge=1)]
    pay: Annotated[Text | None, FEATURE] = None
    examples: Annotated[tuple[Id, ...], FEATURE, Field(max_length=3)]
    courses: Annotated[tuple[Id, ...], FEATURE, Field(max_length=3)] = ()


class SeenRefusal(Model):
    """So many of the openings that were looked at a condition refuses, and so many of these nothing but it; on whom it
    depends, in words."""

    condition: Annotated[Slug, PUBLIC]
    openings: Annotated[int, FEATURE, Field(ge=1)]
    alone: Annotated[int, FEATURE, Field(ge=0)]
    text: Annotated[Text, PUBLIC]


class OpensMore(Model):
    """What would open more for a person, what opens the most first. ``looked_at``: of how many openings, those that
    changed last. ``refused``: what refuses them, what refuses the most first."""

    alias: Annotated[Id, PSEUDONYMOUS]
    steps: Annotated[tuple[SeenStep, ...], FEATURE, Field(max_length=10)]
    refused: Annotated[tuple[SeenRefusal, ...], FEATURE, Field(max_length=50)] = ()
    looked_at: Annotated[int, FEATURE]
    as_of: Annotated[date, PUBLIC]


class Why(Model):
    """Why, or why not: a pair assessed now. ``kept``: it stands as a match at this moment. ``opens``: what is in the
    way, or the smallest set of changes, tried, after which the pair may match.

    Without a live consent to matching only that is said: nothing else was looked at, and there is no score.
    """

    alias: Annotated[Id, PSEUDONYMOUS]
    opportunity: Annotated[Id, PUBLIC]
    state: Annotated[Literal["eligible", "possible", "no"], FEATURE]
    kept: Annotated[bool, FEATURE]
    score: Annotated[Part | None, FEATURE] = None
    threshold: Annotated[Part, PUBLIC]
    conditions: Annotated[tuple[SeenCondition, ...], FEATURE, Field(max_length=50)]
    factors: Annotated[tuple[SeenFactor, ...], FEATURE, Field(max_length=20)]
    opens: Annotated[tuple[Text, ...], FEATURE]
    model: Annotated[Slug, PUBLIC]
    as_of: Annotated[date, PUBLIC]
