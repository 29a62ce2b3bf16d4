"""How much of anything may come in. One small set of limits, asked before anything is folded, normalised, compared,
validated, hashed or said again: what is within them costs no more than its size, what is not is refused unread.

All are well above what the contract itself allows, so a sound event never meets one. Characters, not bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from shared.events.refusal import Refusal, Refused

LARGEST_EVENT = 65_536  # characters of one event's JSON; also the longest piece that is parsed in one go (some 3 ms)
LONGEST_NAME = 64  # of a field
LONGEST_TEXT = 1_000  # of one value
MOST_VALUES = 2_000  # objects, lists, fields and values of one event together
DEEPEST = 12  # objects and lists inside each other
LONGEST_ATTRIBUTE = 512  # of one attribute in a header, HTTP or Kafka
MOST_ATTRIBUTES = 64  # headers of one event that are attributes
SEQUENCE_DIGITS = 18  # fits into 64 bits, as a number in any store


@dataclass(frozen=True, slots=True)
class Contents:
    """What stands anywhere in a JSON value: names of fields, and texts. Rules that nearly always find nothing look here
    first and need no walk of their own."""

    names: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)


def check_structure(event: Any) -> Contents:
    """Walk one parsed JSON value once, and no further than the limits. Raises Refused with the first one broken.

    The caller has bounded its length (``LARGEST_EVENT``). Nothing of what was sent is named. Looked at are the very
    types that a parser of JSON makes.
    """
    left, contents = MOST_VALUES, Contents()
    names, texts = contents.names, contents.texts
    level = [event]
    for _ in range(DEEPEST + 1):
        left -= len(level)
        inner: list[Any] = []
        for value in level:
            kind = type(value)
            if kind is str:
                if len(value) > LONGEST_TEXT:
                    raise Refused(Refusal("too-long", "", {"max_length": LONGEST_TEXT}))
                texts.append(value)
                continue
            if kind is dict:
                left -= len(value)
                if left < 0:
                    break
                names.update(value)
                inner += value.values()
            elif kind is list:
                inner += value[: MOST_VALUES + 1]
            else:
                continue
            if len(inner) > left:
                left = -1
                break
        if left < 0:
            raise Refused(Refusal("too-many-values", "", {"most": MOST_VALUES}))
        if not inner:
            break
        level = inner
    else:
        raise Refused(Refusal("too-deep", "", {"most": DEEPEST}))
    if max(map(len, names), default=0) > LONGEST_NAME:
        raise Refused(Refusal("name-too-long", "", {"most": LONGEST_NAME}))
    return contents


HIGHEST_SEQUENCE = 10**9
"""On the bus: services count the versions of one thing from 1. With a number that no thing can reach, whatever is true
of it later would be void: such a record is set apart."""


def own_sequence(text: str) -> int:
    """A sequence number that a service of ours may have given. Raises ValueError."""
    if (number := bounded_sequence(text)) > HIGHEST_SEQUENCE:
        raise ValueError("a sequence number that nothing reaches")
    return number


def bounded_sequence(text: str) -> int:
    """A sequence number written as digits. Raises ValueError, also for one that no store could hold."""
    if not (text.isascii() and text.isdigit() and len(text) <= SEQUENCE_DIGITS):
        raise ValueError("no sequence number")
    return int(text)
