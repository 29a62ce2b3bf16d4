"""What one recipient holds about one person, and what it must hear next. State-based: how it came about is no matter.

A thread belongs to one (recipient, person). Notices and recalls of a thread share one counter, ``version``, so that
the recipient can drop whatever is older than what it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

State = Literal["proposed", "ended"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A match that stands: what a recipient may be told of it."""

    opportunity: str
    kind: str
    band: str


@dataclass(frozen=True, slots=True)
class Held:
    """What the recipient was last told of an opportunity, in which version, by which of its subscriptions."""

    standing: Standing
    version: int
    month: str
    told_by: frozenset[str]


@dataclass(frozen=True, slots=True)
class OpenRecall:
    """The last recall. Until it was ``taken`` through some subscription, a later one still has to bring it."""

    version: int
    alias: str
    month: str
    told_by: frozenset[str]
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Thread:
    """``told``: something may have left us since the last recall, so an end of consent needs one."""

    alias: str
    version: int = 0
    told: bool = False
    held: Mapping[str, Held] = field(default_factory=dict)
    recall: OpenRecall | None = None


NOTHING, UNKNOWN = "", "?"


def content(standing: Standing | None) -> str:
    """What the recipient holds of an opportunity, as one word to compare; NOTHING when it holds none."""
    return NOTHING if standing is None else f"{standing.kind} {standing.band}"


@dataclass(frozen=True, slots=True)
class Saying:
    """One notice or recall to be delivered by these subscriptions; ``standing`` and ``state`` are None in a recall.

    ``before``: the `content` that was told before it, UNKNOWN for a subscription that joins later.
    """

    alias: str
    version: int
    month: str
    subscriptions: tuple[str, ...]
    standing: Standing | None = None
    state: State | None = None
    before: str = UNKNOWN

    @property
    def after(self) -> str:
        """The `content` that the recipient holds once it has this."""
        return content(self.standing if self.state == "proposed" else None)


@dataclass(frozen=True, slots=True)
class Next:
    """What follows: the thread as it is then, what is to be said, and whether unsent notices are now forbidden."""

    thread: Thread
    sayings: tuple[Saying, ...] = ()
    silence: bool = False


def next_of(
    thread: Thread,
    alias: str | None,
    standing: Mapping[str, Standing],
    about: Collection[str],
    subscriptions: Collection[str],
    month: str,
    order: Callable[[str], str],
) -> Next:
    """Bring a thread to what it should be.

    ``alias`` is the name under which the recipient may hear of the person, None when it may not (no consent, no
    right, the person left). ``standing`` are the matches that stand among the opportunities ``about``, the only ones
    looked at. ``subscriptions`` are the recipient's active ones: with none, nothing is proposed or ended and the
    thread waits. ``order`` sorts the sayings by something that differs from recipient to recipient, so that two of
    them cannot line their lists up.
    """
    if alias is None or (thread.alias != alias and (thread.held or thread.told)):
        forgotten = _forget(thread, tuple(sorted(subscriptions)), month)
        if alias is None:
            return forgotten
        renewed = _tell(replace(forgotten.thread, alias=alias), standing, about, subscriptions, month, order)
        return replace(renewed, sayings=forgotten.sayings + renewed.sayings, silence=True)
    return _tell(replace(thread, alias=alias), standing, about, subscriptions, month, order)


def _forget(thread: Thread, subscriptions: tuple[str, ...], month: str) -> Next:
    if thread.told:
        recall = OpenRecall(thread.version + 1, thread.alias, month, frozenset(subscriptions))
        after = replace(thread, version=recall.version, told=False, held={}, recall=recall)
        return Next(after, (Saying(thread.alias, recall.version, month, subscriptions),), silence=True)
    brought, sayings = _bring_recall(replace(thread, held={}), subscriptions)
    return Next(brought, sayings, silence=True)


def _bring_recall(thread: Thread, subscriptions: tuple[str, ...]) -> tuple[Thread, tuple[Saying, ...]]:
    """An open recall through the subscriptions that were not there when it was said."""
    recall = thread.recall
    if recall is None or recall.taken:
        return thread, ()
    missing = tuple(subscription for subscription in subscriptions if subscription not in recall.told_by)
    if not missing:
        return thread, ()
    recall = replace(recall, told_by=recall.told_by | set(missing))
    return replace(thread, recall=recall), (Saying(recall.alias, recall.version, recall.month, missing),)


def _tell(
    thread: Thread,
    standing: Mapping[str, Standing],
    about: Collection[str],
    subscriptions: Collection[str],
    month: str,
    order: Callable[[str], str],
) -> Next:
    if not subscriptions:
        return Next(thread)
    to_all = tuple(sorted(subscriptions))
    thread, recalls = _bring_recall(thread, to_all)  # what consent was given again for may not be all that is held
    held = dict(thread.held)
    version = thread.version
    sayings = list(recalls)
    for opportunity in sorted(about, key=order):
        now, before = standing.get(opportunity), held.get(opportunity)
        if now is not None and (before is None or before.standing != now):
            version += 1
            held[opportunity] = Held(now, version, month, frozenset(to_all))
            sayings.append(
                Saying(
                    thread.alias, version, month, to_all, now, "proposed", content(before.standing if before else None)
                )
            )
        elif now is None and before is not None:
            version += 1
            del held[opportunity]
            sayings.append(
                Saying(thread.alias, version, month, to_all, before.standing, "ended", content(before.standing))
            )
        elif before is not None and (missing := tuple(s for s in to_all if s not in before.told_by)):
            held[opportunity] = replace(before, told_by=before.told_by | set(missing))
            sayings.append(Saying(thread.alias, before.version, before.month, missing, before.standing, "proposed"))
    return Next(replace(thread, version=version, held=held), tuple(sayings))
