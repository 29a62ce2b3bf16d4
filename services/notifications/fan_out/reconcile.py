"""Bring what every recipient is told about one person in line with what stands now.

Asked by every event that could change anything (a person, a match, an agency, a subscription), in any order and any
number of times: it compares the present state with what was told before, and says only the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import replace
from datetime import date, datetime

from services.notifications.channel import Channel
from services.notifications.delivery_queues import Queues, SomebodyWaits, may_be_held, nobody, recall_of, recalls_of
from services.notifications.documents import (
    AGENCIES,
    DELIVERED,
    DELIVERIES,
    DROPPED,
    FAILED,
    MATCHES,
    PEOPLE,
    SENDING,
    SUBSCRIPTIONS,
    TAKING_PART,
    THREADS,
    CauseEntry,
    HeldEntry,
    MatchDocument,
    PersonDocument,
    RecallEntry,
    SubscriptionDocument,
    ThreadDocument,
)
from services.notifications.domain.notice_envelope import month_of
from services.notifications.domain.notice_threads import Held, OutboundMessage, Thread, succeeded, update_thread
from services.notifications.domain.permission import alias_to_tell
from services.notifications.mappers import (
    Causation,
    agency_receives,
    delivery_document,
    match_summary,
    match_told,
    subject_in,
    thread_document,
    thread_of,
    wants,
)
from services.notifications.outcome_events import Outcomes
from shared.access.prohibition_floors import the_floors
from shared.events.topics.matches import Match
from shared.kit.base.ids import Ids
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import Need, UnitOfWork

MOST_SEEN = 20_000  # people whose recipients are remembered


class Reconciler:
    """``today`` gives the day of the programme's time zone; ``channels`` by name; ``waits`` as of `Queues`."""

    def __init__(
        self,
        ids: Ids,
        channels: Mapping[str, Channel],
        outcomes: Outcomes,
        today: Callable[[datetime], date],
        waits: SomebodyWaits = nobody,
    ) -> None:
        self._ids = ids
        self._channels = channels
        self._outcomes = outcomes
        self._today = today
        self._recipients_seen: dict[str, Set[str]] = {}
        self.queues = Queues(channels, outcomes, waits)

    def needs(
        self,
        work: UnitOfWork,
        person: str,
        *,
        match: Match | None = None,
        only: str | None = None,
        named: Iterable[str] = (),
    ) -> Iterator[Need]:
        """What `reconcile` reads. ``named``: recipients that the event itself names.

        Of the open deliveries, those about the match when nothing else can follow from it, else all. What is likely to
        be needed by the last time is named at once: then all of it is one question to the database.
        """
        yield PEOPLE.by_id(person)
        yield the_floors(person)
        yield THREADS.where("person", person)
        yield MATCHES.by_id(match.match) if match else MATCHES.where("person", person)
        kept, threads = PEOPLE.get(work, person), self._threads(work, person)
        recipients = self._recipients(kept, threads, only) | set(named)
        if kept is None:  # not loaded yet, most likely
            recipients |= self._recipients_seen.get(person, frozenset()) if only is None else {only}
        for recipient in recipients:
            of_recipient = (AGENCIES.by_id(recipient), SUBSCRIPTIONS.where("agency", recipient))
            yield from of_recipient
            for channel in self._channels.values():
                yield from channel.needs(recipient)
            thread = threads.get(recipient)
            if thread is not None and not any(True for _ in work.missing(of_recipient)):
                plain = self._alias(work, kept, recipient) == thread["alias"] and self._as_before(work, thread)
                yield from self.queues.needs(thread, match.opportunity if match and plain else None)
                yield from self._needs_of_ends(work, thread)

    def recipients_seen(self, person: str) -> Set[str] | None:
        """To whom this person was last told of, if that is remembered."""
        return self._recipients_seen.get(person)

    def reconcile(
        self,
        work: UnitOfWork,
        person: str,
        cause: Causation | None,
        *,
        match: MatchDocument | None = None,
        only: str | None = None,
    ) -> None:
        """Say to every recipient (or ``only`` one) what follows for this person (or this one ``match``, as it is kept).

        ``cause`` None: what was kept with the match or person is the cause.
        """
        matches = MATCHES.find(work, "person", person, shared=True) if match is None else [match]
        kept, threads = PEOPLE.get(work, person, shared=True), self._threads(work, person)
        recipients = self._recipients(kept, threads, only)
        if recipients and only is None:
            self._recipients_seen.pop(person, None)
            self._recipients_seen[person] = recipients
            if len(self._recipients_seen) > MOST_SEEN:
                del self._recipients_seen[next(iter(self._recipients_seen))]
        for recipient in sorted(recipients):
            self._bring_up_to_date(work, kept, threads.get(recipient), person, recipient, matches, match is None, cause)

    def brought_up_to_date(self, person: str, recipient: str) -> Operation[None]:
        """One recipient about one person."""
        return Operation(
            lambda work: self.needs(work, person, only=recipient, named=(recipient,)),
            lambda work: self.reconcile(work, person, None, only=recipient),
        )

    def told_after_all(self, person: str, recipient: str) -> Operation[None]:
        """What was left untold, if nothing forbids it any more: what allowed it again may have been heard before."""

        def do(work: UnitOfWork) -> None:
            thread = self._threads(work, person).get(recipient)
            if thread is None or not thread.get("untold"):
                return
            if self._alias(work, PEOPLE.get(work, person, shared=True), recipient) is not None:
                self.reconcile(work, person, None, only=recipient)

        return Operation(lambda work: self.needs(work, person, only=recipient, named=(recipient,)), do)

    @staticmethod
    def _threads(work: UnitOfWork, person: str) -> dict[str, ThreadDocument]:
        return {thread["recipient"]: thread for thread in THREADS.find(work, "person", person, shared=True)}

    @staticmethod
    def _recipients(kept: PersonDocument | None, threads: Iterable[str], only: str | None) -> set[str]:
        named = {*(kept["recipients"] if kept else ()), *threads}
        return named if only is None else named & {only}

    def _alias(self, work: UnitOfWork, kept: PersonDocument | None, recipient: str) -> str | None:
        if not self._may(work, recipient):
            return None
        subject = None if kept is None else subject_in(work, kept["_id"])
        # what this ends is recalled, which cannot be taken back: in doubt the earlier clock decides
        return alias_to_tell(subject, recipient, self._today(work.earliest))

    @staticmethod
    def _subscriptions(work: UnitOfWork, recipient: str) -> list[SubscriptionDocument]:
        return SUBSCRIPTIONS.find(work, "agency", recipient, shared=True)

    def _bring_up_to_date(
        self,
        work: UnitOfWork,
        kept: PersonDocument | None,
        before: ThreadDocument | None,
        person: str,
        recipient: str,
        matches: list[MatchDocument],
        whole: bool,
        cause: Causation | None,
    ) -> None:
        alias, subscriptions = self._alias(work, kept, recipient), self._subscriptions(work, recipient)
        active = _taking_part(subscriptions)
        if before is None and (alias is None or not active):
            return
        document = before or thread_document(recipient, person, thread_of(None), {})
        thread = thread_of(before)
        later = thread.untold and not whole and alias is not None  # by one match alone the others would be forgotten
        thread = replace(thread, untold=thread.untold and not later)
        thread = self._with_endings_left_behind(work, document, thread, active)
        if successors := _successors(subscriptions):
            thread = succeeded(thread, successors)
        standing = {m["opportunity"]: match_summary(m) for m in matches if m["stands"]}
        told = {*thread.held, *thread.ended} if whole else set()
        about = set(standing) | {m["opportunity"] for m in matches} | told
        # only when there may be something to forget: what has left us and is still open counts as told
        if_sent = frozenset[str]()
        if (alias != thread.alias or thread.untold) and not thread.recall_required:
            held = [each for each in self.queues.open(work, document) if may_be_held(document, each)]
            if all(each["state"] == SENDING and not each.get("possibly_sent_before", True) for each in held):
                if_sent = frozenset(each["_id"] for each in held)  # claimed, and perhaps found here to be forbidden
            thread = replace(thread, recall_required=bool(held))
        following = update_thread(
            thread,
            alias,
            standing,
            about,
            {id: wants(subscription) for id, subscription in active.items()},
            month_of(work.now),
            lambda opportunity: self._ids.derived("order", recipient, person, opportunity),
            [s["_id"] for s in subscriptions if s["_id"] not in active],
        )
        after = thread_document(
            recipient,
            person,
            replace(following.thread, untold=following.thread.untold or later),
            document["queues"],
        )
        if if_sent and after["recall"]:
            after["recall"]["if_sent"] = _in_doubt(recalls_of(document), thread.alias, if_sent)
        self._cancel_unsent(work, after, active, following.cancel_unsent)
        causes = {m["opportunity"]: m["cause"] for m in matches}
        for message in following.messages:
            if message.summary is None and _is_done_with(after, message.version):
                continue  # what ended just now was all that it was for, and had never left
            kept_cause = causes.get(message.summary.opportunity) if message.summary else None
            kept_cause = kept_cause or (kept["cause"] if kept else _UNKNOWN)
            again = message.state == "ended" and message.version <= document["version"]
            self._enqueue(work, after, message, active, cause or Causation.kept_in(kept_cause), again=again)
        if before is None or after != before:
            THREADS.save(work, after, final=True)

    def _as_before(self, work: UnitOfWork, thread: ThreadDocument) -> bool:
        """Whether no subscription has gone that something waits for, nor come that is still to bring an open recall."""
        active = _taking_part(self._subscriptions(work, thread["recipient"])).keys()
        brought = all(each["taken"] or active <= set(each["sent_via"]) for each in recalls_of(thread))
        return brought and thread["queues"].keys() <= active

    @staticmethod
    def _may(work: UnitOfWork, recipient: str) -> bool:
        return agency_receives(AGENCIES.get(work, recipient, shared=True))

    def _needs_of_ends(self, work: UnitOfWork, thread: ThreadDocument) -> Iterator[Need]:
        """Of ends that were left to be told: whether others tell them, and what was kept for whoever is back."""
        subscriptions = self._subscriptions(work, thread["recipient"])
        active, successors = _taking_part(subscriptions).keys(), _successors(subscriptions)
        if not thread["queues"].keys() <= active:
            for delivery in self.queues.open(work, thread):
                if delivery["subscription"] not in active and delivery["match_state"] == "ended":
                    yield from (DELIVERIES.by_id(self._delivery(delivery["notice"], each)) for each in active)
        ends: list[tuple[HeldEntry, Set[str]]] = [(end, frozenset()) for end in thread.get("ended", {}).values()]
        ends += [(end, active) for end in thread["held"].values() if not end["sent_via"]]  # by whoever is there
        for end, others in ends:
            behind = active & {successors.get(each, each) for each in end.get("behind", ())}
            for each in behind or others:
                notice = self._notice(thread["recipient"], thread["alias"], end["version"])
                yield DELIVERIES.by_id(self._delivery(notice, each))

    def _notice(self, recipient: str, alias: str, version: int) -> str:
        return self._ids.derived("notice", recipient, alias, version)

    def _delivery(self, notice: str, subscription: str) -> str:
        return self._ids.derived("delivery", notice, subscription)

    def _with_endings_left_behind(
        self,
        work: UnitOfWork,
        document: ThreadDocument,
        thread: Thread,
        active: Mapping[str, SubscriptionDocument],
    ) -> Thread:
        """With what subscriptions that have gone were still to be told the end of: each may hold it, and whoever is
        there now, or comes next, is told, unless somebody is already. Several may be behind with the same, and it may
        stand again for others."""
        if document["queues"].keys() <= active.keys():
            return thread
        held, ended = dict(thread.held), dict(thread.ended)
        for delivery in self.queues.open(work, document):
            if delivery["subscription"] in active or delivery["match_state"] != "ended" or "taken_over" in delivery:
                continue
            if delivery["state"] == SENDING:  # it stays open until that has ended, and would be told anew each time
                delivery["taken_over"] = True
                DELIVERIES.save(work, delivery)
            if (told := match_told(delivery)) is not None:
                ending = Held(told, delivery["version"], delivery["month"], frozenset())
                told_by_others = any(self._tells(work, delivery["notice"], each) for each in active)
                kept = ended if told_by_others and told.opportunity not in held else held
                known = kept.get(told.opportunity, ending)
                if not known.sent_via and known.version < ending.version:
                    known = replace(ending, behind=known.behind)
                behind = known.behind | {delivery["subscription"]} - known.sent_via
                kept[told.opportunity] = replace(known, behind=behind)
        return replace(thread, held=held, ended=ended)

    def _tells(self, work: UnitOfWork, notice: str, subscription: str) -> bool:
        """Whether this subscription has told it, or is to."""
        delivery = DELIVERIES.get(work, self._delivery(notice, subscription))
        return delivery is not None and delivery["state"] not in (DROPPED, FAILED)

    def _cancel_unsent(
        self, work: UnitOfWork, thread: ThreadDocument, active: Mapping[str, SubscriptionDocument], cancel_unsent: bool
    ) -> None:
        if not cancel_unsent and thread["queues"].keys() <= active.keys():
            return
        for delivery in self.queues.open(work, thread):
            if delivery["subscription"] not in active:
                self.queues.drop(work, thread, delivery, "unsubscribed")
            elif cancel_unsent and delivery["about"] == "notice":
                self.queues.drop(work, thread, delivery, "consent-ended")

    def _enqueue(
        self,
        work: UnitOfWork,
        thread: ThreadDocument,
        message: OutboundMessage,
        active: Mapping[str, SubscriptionDocument],
        cause: Causation,
        *,
        again: bool,
    ) -> None:
        """``again``: it was said before, perhaps to be told by one of these, too, which went and is back."""
        recipient, person = thread["recipient"], thread["person"]
        notice = self._notice(recipient, message.alias, message.version)
        if not message.subscriptions:
            self._outcomes.unreachable(work, notice, recipient, person, cause)
        for subscription in message.subscriptions:
            id = self._delivery(notice, subscription)
            if again and (before := DELIVERIES.get(work, id)) is not None:
                before.pop("taken_over", None)
                if before["state"] in (SENDING, DELIVERED):  # it has been told, or is just now
                    DELIVERIES.save(work, before)
                else:
                    self.queues.requeue(work, thread, before)
                continue
            delivery = delivery_document(id, notice, thread, message, active[subscription], cause)
            recall = None if message.summary else recall_of(thread, message.version)
            if recall is not None and recall["if_sent"]:
                delivery["if_sent"] = recall["if_sent"]
            self.queues.enqueue(work, thread, delivery)


def _taking_part(subscriptions: Iterable[SubscriptionDocument]) -> dict[str, SubscriptionDocument]:
    return {each["_id"]: each for each in subscriptions if each["state"] in TAKING_PART}


def _successors(subscriptions: Iterable[SubscriptionDocument]) -> dict[str, str]:
    return {each: s["_id"] for s in subscriptions for each in s.get("instead_of", ())}


def _in_doubt(recalls: Iterable[RecallEntry], alias: str, if_sent: Set[str]) -> list[str]:
    """What a recall of this alias is for, behind these, if that leaves; none: for something surely. What the one before
    it is for without a doubt, and nobody has obeyed it, this one is for, too: it must not turn out needless. But not
    what was told under another alias: it would tell of this one."""
    (before,) = [each for each in recalls if each["alias"] == alias and not each["taken"]][-1:] or (None,)
    if before is None:
        return sorted(if_sent)
    return sorted({*if_sent, *before["if_sent"]}) if before["if_sent"] else []


def _is_done_with(thread: ThreadDocument, version: int) -> bool:
    recall = recall_of(thread, version)
    return recall is not None and recall["taken"]


_UNKNOWN: CauseEntry = {"causationid": None, "correlationid": None, "recordedtime": None}
