"""Topic ``matches`` (key: person): which opportunities fit which person, how well, and why.

``sequence`` counts the versions of one match (one person, one opportunity); every event carries the whole match.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.events.data_classification import FEATURE, PSEUDONYMOUS, PUBLIC, Model
from shared.events.field_types import Code, Day, Id, Slug, Text
from shared.events.registry import EventType, Topic, register

MATCHES = register(Topic(name="matches", key="person", written_by="matching"))

Band = Literal["high", "medium", "low"]
Part = Annotated[float, Field(ge=0, le=1)]


Speaks = Literal["for", "against", "open"]
"""Whether what a factor says speaks for a match, against it, or cannot be told yet."""


class Reason(Model):
    """What one factor adds to the score; the contributions of a match add up to its score (within 1e-6).

    ``speaks``: also what speaks against may add something. None: it was told before this was.
    """

    factor: Annotated[Slug, FEATURE]
    contribution: Annotated[Part, FEATURE]
    speaks: Annotated[Speaks | None, FEATURE] = None
    text: Annotated[Text, FEATURE]


class Question(Model):
    """What has to be asked before a ``possible`` match can be ``eligible``."""

    condition: Annotated[Slug, FEATURE]
    text: Annotated[Text, FEATURE]


class Match(Model):
    """One match; ``as_of`` and ``model`` make it recomputable.

    ``region``: of the opportunity, if it has one. ``person_rank``: its place among the person's best when it was told,
    1 the best; None when it is withdrawn or told again. A shift of rank alone is not told.
    """

    match: Annotated[Id, PSEUDONYMOUS]
    person: Annotated[Id, PSEUDONYMOUS]
    opportunity: Annotated[Id, PUBLIC]
    kind: Annotated[Slug, PUBLIC]
    region: Annotated[Code | None, PUBLIC] = None
    state: Annotated[Literal["eligible", "possible", "withdrawn"], FEATURE]
    score: Annotated[Part, FEATURE]
    band: Annotated[Band, FEATURE]
    person_rank: Annotated[int | None, FEATURE, Field(ge=1)] = None
    reasons: Annotated[tuple[Reason, ...], FEATURE, Field(max_length=20)] = ()
    questions: Annotated[tuple[Question, ...], FEATURE, Field(max_length=20)] = ()
    model: Annotated[Slug, PUBLIC]
    as_of: Annotated[Day, PUBLIC]


_EXAMPLE = {
    "match": "3e" * 16,
    "person": "0f" * 16,
    "opportunity": "1c" * 16,
    "kind": "job",
    "region": "legal-dong-2026:41270",
    "state": "possible",
    "score": 0.5,
    "band": "medium",
    "person_rank": 1,
    "reasons": [
        {
            "factor": "occupation",
            "contribution": 0.5,
            "speaks": "for",
            "text": {"ko": "해 본 일과 같은 일입니다.", "en": "It is the work done before."},
        }
    ],
    "questions": [
        {"condition": "licence", "text": {"ko": "운전면허가 있으신가요?", "en": "Do you have a driving licence?"}}
    ],
    "model": "kr-gyeonggi-1",
    "as_of": "2026-11-22",
}


def _match_event(name: str, summary: str, **changes: object) -> EventType:
    return register(
        EventType(name=name, version=1, topic=MATCHES, summary=summary, bus=Match, example={**_EXAMPLE, **changes})
    )


MATCH_FOUND = _match_event("match-found", "A person and an opportunity fit, for the first time or again.")
MATCH_CHANGED = _match_event("match-changed", "A match is now better, worse, or needs another question.")
MATCH_WITHDRAWN = _match_event("match-withdrawn", "A match no longer stands.", state="withdrawn", person_rank=None)
