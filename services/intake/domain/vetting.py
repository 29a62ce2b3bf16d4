"""Whether an advert may be told as open: what an operator said of it, else what the rules say of its employer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from shared.events.topics.opportunities import Employer, Verdict, Vetting, VettingReason

Status = Literal["open", "held", "closed"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """`by_operator`: else by the rules, which judge anew whenever the advert changes; `employer`: of whom it was."""

    verdict: Verdict
    reason: VettingReason | None
    by_operator: bool
    employer: str
    at: datetime

    @property
    def told(self) -> Vetting:
        """As the bus carries it."""
        return Vetting(verdict=self.verdict, reason=self.reason)


@dataclass(frozen=True, slots=True)
class ListedEmployer:
    """An entry of the operator's list of employers: their adverts are held, or refused."""

    verdict: Literal["held", "refused"]
    reason: VettingReason
    at: datetime

    @staticmethod
    def kept_in(document: Mapping[str, Any]) -> ListedEmployer | None:
        """None: the entry was taken off the list."""
        verdict = document["verdict"]
        return None if verdict is None else ListedEmployer(verdict, document["reason"], document["at"])


def employer_key(employer: Employer | None) -> str:
    """What an employer goes by in the operator's list: its number, however it is written; empty without one."""
    return "" if employer is None or not employer.number else _plain(employer.number)


@lru_cache(4_096)  # asked several times for each advert, and a portal says the same few thousand employers
def _plain(number: str) -> str:
    return "".join(filter(str.isalnum, number)).upper()


def judged(
    held: Judgement | None, employer: str, listed: ListedEmployer | None, *, number_fits: bool, now: datetime
) -> Judgement | None:
    """What holds of an advert of this employer.

    An operator's "held" and "refused" hold whatever the advert says from there on; "checked" holds for the employer
    that was looked at, until that employer is put on the list. All else is up to the rules."""
    if held is not None and held.by_operator:
        overruled = listed is not None and listed.at > held.at
        if held.verdict != "checked" or (held.employer == employer and not overruled):
            return held
    if listed is not None:
        found = Judgement(listed.verdict, listed.reason, False, employer, listed.at)
    elif not number_fits:
        found = Judgement("held", "employer-number", False, employer, now)
    else:
        return None
    same = held is not None and (held.verdict, held.reason, held.employer) == (found.verdict, found.reason, employer)
    return held if same else found


def binds(judgement: Judgement | None) -> bool:
    """Whether it is an operator's word that something is not shown: nobody gets away from it by other words."""
    return judgement is not None and judgement.by_operator and judgement.verdict != "checked"


def stricter(one: Judgement | None, other: Judgement | None) -> Judgement | None:
    """Of two opportunities that an operator says are one; of two that are as strict an operator's own word."""
    return max((one, other), key=lambda each: (-1, False) if each is None else _strictness(each))


def same_verdict(one: Judgement | None, other: Judgement | None) -> bool:
    """Whether the same holds of both, for the same reason and by the word of the same kind: then they may become one
    without anybody's being asked."""
    if one is None or other is None:
        return one is other
    return (one.verdict, one.reason, one.by_operator) == (other.verdict, other.reason, other.by_operator)


def status_of(is_live: bool, judgement: Judgement | None) -> Status:
    """What is told of an advert that its agency says is open, or not."""
    verdict = None if judgement is None else judgement.verdict
    if not is_live or verdict == "refused":
        return "closed"
    return "held" if verdict == "held" else "open"


_STRICT: tuple[Verdict, ...] = ("checked", "held", "refused")


def _strictness(judgement: Judgement) -> tuple[int, bool]:
    return _STRICT.index(judgement.verdict), judgement.by_operator
