"""What one recipient holds about one person, and what it must hear next. State-based: how it came about is no matter.

A thread belongs to one (recipient, person). Notices and recalls of a thread share one counter, ``version``, so that
the recipient can drop whatever is older than what it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Literal

from shared.events.topics.matches import Band

State = Literal["proposed", "ended"]
MOST_EARLIER = 20  # recalls under aliases of before
MOST_ENDED = 200  # a person's list of matches for each of an agency's 20 subscriptions
Wants = Callable[["MatchSummary"], bool]


@dataclass(frozen=True, slots=True)
class MatchSummary:
    """A match that stands: what a recipient may be told of it. ``region``: for filters alone; what a recipient holds is
    the same wherever it is."""

    opportunity: str
    kind: str
    band: Band
    region: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Held:
    """What the recipient was last told of an opportunity, in which version, by which of its subscriptions. By none: one
    that has gone was still to tell the end of it, in this version. ``behind``: those that were away then and were told
    something older; they hear this when they are back, wanted or not."""

    summary: MatchSummary
    version: int
    month: str
    sent_via: frozenset[str]
    behind: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class OpenRecall:
    """The last recall. Until its recipient says that it was obeyed (``taken``), later subscriptions bring it too.
    ``if_sent``: it recalls nothing but these deliveries, which were claimed when it was said and may never leave."""

    version: int
    alias: str
    month: str
    sent_via: frozenset[str]
    taken: bool = False
    if_sent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Thread:
    """``earlier``: recalls under aliases of before that nobody has obeyed yet, the oldest first, the last
    `MOST_EARLIER`.
    ``recall_required``: something may have left us since the last recall, so an end of consent needs one.
    ``ended``: what somebody is ``behind`` with the end of: what was held when they went away, the last `MOST_ENDED`.
    ``untold``: something of it was not told because it was forbidden at that moment. That end counts, also when it
    has passed by the time anybody looks: what was not told is not told later by itself."""

    alias: str
    version: int = 0
    recall_required: bool = False
    held: Mapping[str, Held] = field(default_factory=dict)
    ended: Mapping[str, Held] = field(default_factory=dict)
    recall: OpenRecall | None = None
    earlier: tuple[OpenRecall, ...] = ()
    untold: bool = False


NOTHING, UNKNOWN = "", "?"


def content(summary: MatchSummary | None) -> str:
    """What the recipient holds of an opportunity, as one word to compare; NOTHING when it holds none."""
    return NOTHING if summary is None else f"{summary.kind} {summary.band}"


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One notice or recall to be delivered by these subscriptions; ``summary`` and ``state`` are None in a recall.

    ``before``: the `content` that was told before it, UNKNOWN for a subscription that joins later.
    """

    alias: str
    version: int
    month: str
    subscriptions: tuple[str, ...]
    summary: MatchSummary | None = None
    state: State | None = None
    before: str = UNKNOWN

    @property
    def after(self) -> str:
        """The `content` that the recipient holds once it has this."""
        return content(self.summary if self.state == "proposed" else None)


@dataclass(frozen=True, slots=True)
class ThreadUpdate:
    """What follows: the thread as it is then, what is to be said, and whether unsent notices are now forbidden."""

    thread: Thread
    messages: tuple[OutboundMessage, ...] = ()
    cancel_unsent: bool = False


def update_thread(
    thread: Thread,
    alias: str | None,
    standing: Mapping[str, MatchSummary],
    about: Collection[str],
    subscriptions: Mapping[str, Wants],
    month: str,
    order: Callable[[str], str],
    away: Collection[str] = (),
) -> ThreadUpdate:
    """Bring a thread to what it should be.

    ``alias`` is the name under which the recipient may hear of the person, None when it may not (no consent, no
    right, the person left). ``standing`` are the matches that stand among the opportunities ``about``, the only ones
    looked at; all of them, if something was ``untold``: then the thread ends and begins anew. ``subscriptions`` are
    the recipient's active ones, and which matches each wants to be told: with none, nothing is proposed or ended and
    the thread waits. Who was told a match hears of its changes and its end, wanted or not: it would hold it for ever.
    ``order`` sorts the messages by something that differs from recipient to recipient, so that two of them cannot line
    their lists up. ``away``: those of its subscriptions that are told nothing now and may be again.
    """
    if alias is None or thread.untold or (thread.alias != alias and (thread.held or thread.recall_required)):
        recalled = _recall(replace(thread, untold=False), tuple(sorted(subscriptions)), month)
        if alias is None:
            return recalled
        renewed = _notify(replace(recalled.thread, alias=alias), standing, about, subscriptions, month, order, away)
        return replace(renewed, messages=recalled.messages + renewed.messages, cancel_unsent=True)
    if thread.alias == alias:
        return _notify(thread, standing, about, subscriptions, month, order, away)
    # what is open under the name of before has not left, and may not any more
    named = replace(thread, alias=alias, ended={})
    return replace(_notify(named, standing, about, subscriptions, month, order, away), cancel_unsent=True)


def _recall(thread: Thread, subscriptions: tuple[str, ...], month: str) -> ThreadUpdate:
    if thread.recall_required:
        recall = OpenRecall(thread.version + 1, thread.alias, month, frozenset(subscriptions))
        brought, messages = _bring_recalls(replace(thread, earlier=_earlier(thread), recall=None), subscriptions)
        after = replace(brought, version=recall.version, recall_required=False, held={}, ended={}, recall=recall)
        now = OutboundMessage(thread.alias, recall.version, month, subscriptions)
        return ThreadUpdate(after, (*messages, now), cancel_unsent=True)
    brought, messages = _bring_recalls(replace(thread, held={}, ended={}), subscriptions)
    return ThreadUpdate(brought, messages, cancel_unsent=True)


def _earlier(thread: Thread) -> tuple[OpenRecall, ...]:
    """Those that stay open when the next one is said. That covers all of before under its own alias, and no other."""
    said = (*thread.earlier, *((thread.recall,) if thread.recall else ()))
    return tuple(each for each in said if not each.taken and each.alias != thread.alias)[-MOST_EARLIER:]


def _bring_recalls(thread: Thread, subscriptions: tuple[str, ...]) -> tuple[Thread, tuple[OutboundMessage, ...]]:
    """Open recalls through the subscriptions that were not there when they were said."""
    messages: list[OutboundMessage] = []

    def brought(recall: OpenRecall) -> OpenRecall:
        missing = tuple(subscription for subscription in subscriptions if subscription not in recall.sent_via)
        if recall.taken or not missing:
            return recall
        messages.append(OutboundMessage(recall.alias, recall.version, recall.month, missing))
        return replace(recall, sent_via=recall.sent_via | set(missing))

    earlier = tuple(map(brought, thread.earlier))
    return replace(thread, earlier=earlier, recall=thread.recall and brought(thread.recall)), tuple(messages)


def succeeded(thread: Thread, successors: Mapping[str, str]) -> Thread:
    """The thread when these subscriptions have each been replaced by another one that leads to the same system: that is
    told anew what stands, and is behind with what its predecessor was told."""

    def by_successors(each: Held) -> Held:
        replaced = (each.sent_via | each.behind) & successors.keys()
        now = {successors[s] for s in replaced} - each.sent_via
        return replace(each, behind=(each.behind - replaced) | now) if replaced else each

    return replace(
        thread,
        held={opportunity: by_successors(each) for opportunity, each in thread.held.items()},
        ended={opportunity: by_successors(each) for opportunity, each in thread.ended.items()},
    )


def _notify(
    thread: Thread,
    standing: Mapping[str, MatchSummary],
    about: Collection[str],
    subscriptions: Mapping[str, Wants],
    month: str,
    order: Callable[[str], str],
    away: Collection[str],
) -> ThreadUpdate:
    if not subscriptions:
        return ThreadUpdate(thread)
    to_all = tuple(sorted(subscriptions))
    thread, recalls = _bring_recalls(thread, to_all)  # what consent was given again for may not be all that is held
    held, ended = dict(thread.held), dict(thread.ended)
    version = thread.version
    messages = list(recalls)
    for opportunity in sorted(about, key=order) if len(about) > 1 else about:
        now, before, past = standing.get(opportunity), held.get(opportunity), ended.get(opportunity)
        via = before.sent_via if before else frozenset[str]()
        behind = frozenset[str]().union(*(each.behind for each in (before, past) if each))
        left_behind = frozenset(s for s in away if s in via or s in behind)
        if now is not None:
            missing = tuple(s for s in to_all if s not in via and (s in behind or subscriptions[s](now)))
            # told by none: its end may have arrived under this version
            changed = before is None or before.summary != now or not via
            told = tuple(s for s in to_all if s in via or s in missing) if changed else missing
            if not told:
                continue
            if changed:
                version += 1
                held[opportunity] = Held(now, version, month, frozenset(told), left_behind)
                ended.pop(opportunity, None)
                messages += _messages(thread.alias, held[opportunity], told, before, behind, subscriptions, "proposed")
            elif before is not None:
                ended.pop(opportunity, None)
                held[opportunity] = replace(before, sent_via=via | set(told), behind=behind - set(told))
                messages.append(OutboundMessage(thread.alias, before.version, before.month, told, now, "proposed"))
        elif before is not None:
            del held[opportunity]
            # who was told may be gone: then whoever is there
            told = tuple(s for s in to_all if s in via or s in behind) or to_all
            if via:
                version += 1
                ended[opportunity] = Held(before.summary, version, month, frozenset(), left_behind)
            else:  # told by none: that is this end itself, which one that has gone was still to tell
                ended[opportunity] = replace(before, behind=left_behind)
            messages += _messages(thread.alias, ended[opportunity], told, before, behind, subscriptions, "ended")
        elif past is not None:
            told = tuple(s for s in to_all if s in behind)
            if told:
                messages.append(OutboundMessage(thread.alias, past.version, past.month, told, past.summary, "ended"))
            ended[opportunity] = replace(past, behind=left_behind)
    messages.sort(key=lambda message: message.version)  # also of what one subscription alone is told later
    return ThreadUpdate(replace(thread, version=version, held=held, ended=_owed(ended)), tuple(messages))


def _owed(ended: Mapping[str, Held]) -> dict[str, Held]:
    """Ends of which somebody is to hear. Who comes back and goes at once, again and again, may be behind with ever
    more: the oldest are forgotten."""
    owed = [(opportunity, end) for opportunity, end in ended.items() if end.behind]
    return dict(sorted(owed, key=lambda each: each[1].version)[-MOST_ENDED:])


def _messages(
    alias: str,
    now: Held,
    told: tuple[str, ...],
    before: Held | None,
    behind: Set[str],
    subscriptions: Collection[str],
    state: State,
) -> Iterator[OutboundMessage]:
    """What is said of one opportunity. Whoever joins did not know what stood before, and who is ``behind`` may hold
    something older. Nor is it sure of the others when one has gone: that may have told it, while what these were to
    tell had not left, and would be taken back unsaid."""
    gone = before is not None and not all(s in subscriptions for s in before.sent_via)
    joined = tuple(s for s in told if s in behind or (before is not None and (gone or s not in before.sent_via)))
    content_before = content(before.summary if before else None)
    for whom, knew in ((tuple(s for s in told if s not in joined), content_before), (joined, UNKNOWN)):
        if whom:
            yield OutboundMessage(alias, now.version, now.month, whom, now.summary, state, knew)
