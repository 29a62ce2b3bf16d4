"""Use cases of a partner's subscriptions: begin, change, pause, resume, replace the secret, end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypedDict, TypeVar, cast
from urllib.parse import urlsplit

from services.notifications.channel import Channel, PushChannel
from services.notifications.channels.client_tls import ClientTls, TlsSummary, summary_of
from services.notifications.channels.credentials import Credentials
from services.notifications.delivery.pre_send_check import NOBODY_BELIEVES_SECONDS
from services.notifications.documents import (
    RECIPIENTS,
    RECOVERIES,
    RESYNCS,
    SUBSCRIPTIONS,
    TAKING_PART,
    WEBHOOK,
    ChannelName,
    Order,
    SubscriptionDocument,
)
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.recovery.recovery_requests import recovery_document
from services.notifications.repository import Repository
from services.notifications.resync_request import request_resync
from services.notifications.subscriptions import problems
from services.notifications.subscriptions.endpoint_verification import EndpointCheck
from services.notifications.subscriptions.entity_tag import check_if_match
from services.notifications.subscriptions.subscription_options import PlainOptions, Wishes, checked_tls_of
from shared.kit.base.clock import Clock
from shared.kit.base.ids import random_id
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.web.problems import not_found

T = TypeVar("T")
MOST_SUBSCRIPTIONS = 20  # of one agency
MOST_REPLACED = 20  # one after the other, whose systems one knows to be its own
MOST_SECRETS = 4  # that sign at the same time: the new one, and those in their grace


@dataclass(frozen=True, slots=True)
class CreatedSubscription:
    """``secret``: one that we made. It is shown this once and never again."""

    subscription: SubscriptionDocument
    secret: str | None = field(default=None, repr=False)


class Subscriptions:
    """Several for each agency, each leading somewhere else. A new one is told what stands already.

    A webhook whose secret we make is told nothing until `resume`: its partner has to install the secret first.
    ``resync_requested`` is called once a resync of the agency was asked for (fan_out/resync.py), ``recovery_asked``
    once a recovery was. ``nobody_believes``: so long after a change it answers, when nothing starts any more by what
    stood before, whichever replica had read it (delivery/pre_send_check.py). ``sends_mail``: there is a mail server.
    """

    def __init__(
        self,
        store: Store,
        repository: Repository,
        channels: Mapping[str, Channel],
        credentials: Credentials,
        check: EndpointCheck,
        clock: Clock,
        overlap: timedelta,
        resync_requested: Callable[[], None],
        recovery_asked: Callable[[], None],
        nobody_believes: timedelta = timedelta(seconds=NOBODY_BELIEVES_SECONDS),
        sends_mail: bool = False,
    ) -> None:
        self._store = store
        self._repository = repository
        self._channels = channels
        self._credentials = credentials
        self._check = check
        self._clock = clock
        self._overlap = overlap
        self._resync_requested = resync_requested
        self._recovery_asked = recovery_asked
        self._nobody_believes = nobody_believes.total_seconds()
        self._sends_mail = sends_mail

    async def subscribe(self, agency: str, channel: ChannelName, wishes: Wishes) -> CreatedSubscription:
        """Raises a 422 problem for what the channel cannot use, 409 when there is one that leads there."""
        self._only_what_there_is(channel, wishes)
        _only_with_order(wishes.order, wishes.blocked_head_seconds)
        subscription = random_id()
        configured = await self._channels[channel].configure(subscription, agency, wishes.url)
        kept_secrets, secret = configured.secrets, configured.secret
        if wishes.secret is not None and secret is not None:
            secret, kept_secrets = None, [self._credentials.new_secret(subscription, wishes.secret)[1]]
        document: SubscriptionDocument = {
            "_id": subscription,
            "agency": agency,
            "channel": channel,
            "state": "active" if secret is None else "unconfirmed",
            "reason": None if secret is None else "secret-to-be-installed",
            "held_until": None,
            "failures": 0,
            "target": configured.target,
            "secrets": kept_secrets,
            "headers": self._credentials.sealed_headers(subscription, wishes.headers),
            "tls": self._credentials.sealed_tls(subscription, await self._tls_of(wishes)),
            "alerts_to": self._credentials.sealed_alerts_to(subscription, wishes.alerts_to),
        }
        document = {**document, **wishes.plain}

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield SUBSCRIPTIONS.where("agency", agency)
            yield RECIPIENTS.by_id(agency)
            yield RESYNCS.by_id(agency)

        def do(work: UnitOfWork) -> None:
            others = 0
            for other in SUBSCRIPTIONS.find(work, "agency", agency):
                if not self._same_way(other, document):
                    others += 1
                elif other["state"] != "disabled":
                    raise problems.taken(other["_id"])
                else:  # this one takes its place
                    SUBSCRIPTIONS.delete(work, other["_id"])
                    document["instead_of"] = [*other.get("instead_of", ()), other["_id"]][-MOST_REPLACED:]
            if others >= MOST_SUBSCRIPTIONS:
                raise problems.too_many_subscriptions()
            # both of two requests at once write this document, so that one of them sees the other
            RECIPIENTS.save(work, RECIPIENTS.get(work, agency) or {"_id": agency, "position": 0})
            SUBSCRIPTIONS.save(work, document)
            self._resync(work, agency)

        await self._store.submit(Operation(needs, do))
        return CreatedSubscription(document, secret)

    async def of(self, agency: str, subscription: str) -> SubscriptionDocument:
        """One of the agency's own. Raises 404."""
        return await self._of_agency(agency, subscription)

    async def change(
        self,
        agency: str,
        subscription: str,
        wishes: Wishes,
        named: set[str],
        if_match: Sequence[str] | None = None,
    ) -> SubscriptionDocument:
        """Change what is ``named``. A new address is asked first whether it wants to be told; until it says so the old
        one stands. What waits then goes to the new one. Raises 404, 409, 412, 422."""
        kept = await self._of_agency(agency, subscription)
        check_if_match(if_match, kept)
        self._only_what_there_is(kept["channel"], wishes)
        changes: _Changes = {}
        if "url" in named:
            changes["target"] = (
                await self._channels[kept["channel"]].configure(subscription, agency, wishes.url)
            ).target
            # a key for one origin is not shown to another, not even when that one is asked
            if _origin(self._credentials.target_of({**kept, **changes})) != _origin(self._credentials.target_of(kept)):
                changes["headers"] = None
        if "headers" in named:
            changes["headers"] = self._credentials.sealed_headers(subscription, wishes.headers)
        if "tls" in named:
            changes["tls"] = self._credentials.sealed_tls(subscription, await self._tls_of(wishes))
        way_changes = bool(changes)
        if way_changes and kept["state"] in TAKING_PART:
            verdict = await self._check.check({**kept, **changes})
            if verdict.outcome != "delivered":
                raise problems.check_failed(kept["channel"], verdict)
        if "alerts_to" in named:
            changes["alerts_to"] = self._credentials.sealed_alerts_to(subscription, wishes.alerts_to)
            changes["alerts_bounced_at"] = None
        if "target" in changes:
            left_waiting = None if kept["held_until"] is None else self._clock.calendar()  # what became due until now
            changes.update({"failures": 0, "failing_since": None, "held_until": left_waiting, "bounced_at": None})
            changes.update({"recall_at": None, "asked_until": None})  # it was the old one that failed, and asked
        options = cast(PlainOptions, {name: value for name, value in wishes.plain.items() if name in named})

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield SUBSCRIPTIONS.where("agency", agency)
            yield RECIPIENTS.by_id(agency)
            yield RESYNCS.by_id(agency)

        def do(work: UnitOfWork) -> SubscriptionDocument:
            found = self._own(work, agency, subscription)
            check_if_match(if_match, found)
            if way_changes and _way(found) != _way(kept):
                raise problems.changed_meanwhile()
            if way_changes and found["state"] in TAKING_PART and kept["state"] not in TAKING_PART:
                raise problems.changed_meanwhile()  # resumed since: what is active now was asked, this was not
            changed: SubscriptionDocument = {**found, **changes, **options}
            if {"order", "blocked_head_seconds"} & named:
                _only_with_order(changed.get("order"), changed.get("blocked_head_seconds"))
            for other in SUBSCRIPTIONS.find(work, "agency", agency):
                if other["_id"] != subscription and "target" in changes and self._same_way(other, changed):
                    raise problems.taken(other["_id"])
            RECIPIENTS.save(work, RECIPIENTS.get(work, agency) or {"_id": agency, "position": 0})  # as in subscribe
            SUBSCRIPTIONS.save(work, changed)
            if {"filter", "recalls_only"} & named:
                self._resync(work, agency)
            return changed

        async def follow() -> None:
            if "target" in changes:  # what waited for the old one
                await self._repository.make_due(subscription, self._clock.calendar())

        return await self._keep(Operation(needs, do), follow)

    async def pause(
        self, agency: str, subscription: str, if_match: Sequence[str] | None = None
    ) -> SubscriptionDocument:
        """No attempt starts; what is to be told waits, recalls too. Raises 404, 409 or 412."""

        def do(work: UnitOfWork) -> SubscriptionDocument:
            found = self._own(work, agency, subscription)
            check_if_match(if_match, found)
            if not found["target"] or found["state"] not in TAKING_PART:
                raise problems.cannot_pause()
            paused: SubscriptionDocument = {**found, "state": "paused", "reason": "paused-by-recipient"}
            SUBSCRIPTIONS.save(work, paused)
            return paused

        return await self._keep(Operation(lambda work: [SUBSCRIPTIONS.by_id(subscription)], do))

    async def resume(
        self, agency: str, subscription: str, if_match: Sequence[str] | None = None
    ) -> SubscriptionDocument:
        """Go on, or begin. One that is new or was disabled is asked first whether it wants to be told; one that was
        disabled is then told everything again. One that was paused is not asked, so it is what it was: if it failed it
        is tried at once, and the time after which it would be given up begins anew. Raises 404, 409 or 412."""
        kept = await self._of_agency(agency, subscription)
        check_if_match(if_match, kept)
        if kept["state"] not in TAKING_PART:
            verdict = await self._check.check(kept)
            if verdict.outcome != "delivered":
                raise problems.check_failed(kept["channel"], verdict)

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield SUBSCRIPTIONS.by_id(subscription)
            yield RESYNCS.by_id(agency)
            yield RECOVERIES.by_id(subscription)

        def do(work: UnitOfWork) -> SubscriptionDocument:
            found = self._own(work, agency, subscription)
            check_if_match(if_match, found)
            if found["state"] not in TAKING_PART and (kept["state"] in TAKING_PART or _way(found) != _way(kept)):
                raise problems.changed_meanwhile()
            resumed: SubscriptionDocument = {**found, "state": "active", "reason": None}
            if found["state"] != "active":  # open; what waited was left
                resumed.update({"held_until": work.now, "recall_at": None, "asked_until": None, "bounced_at": None})
            if found["state"] not in TAKING_PART:  # it has just answered
                resumed.update({"failures": 0, "failing_since": None})
            elif found["state"] == "paused":
                resumed["paused_until"] = work.now
                if found.get("failing_since"):  # it has not; but its partner is there again
                    resumed["failing_since"] = work.now
            if found["state"] not in TAKING_PART:
                self._resync(work, agency)
            if found["state"] == "disabled":
                RECOVERIES.save(work, recovery_document(subscription, agency, "all", None, work.trusted))
                work.after_commit(self._recovery_asked)
            SUBSCRIPTIONS.save(work, resumed)
            return resumed

        resumed = await self._store.submit(Operation(needs, do))
        await self._repository.make_due(subscription, self._clock.calendar())
        return resumed

    async def test(self, agency: str, subscription: str) -> Verdict:
        """One test event, whatever the state. Raises 404, 409 for a channel on which we do not call."""
        kept = await self._of_agency(agency, subscription)
        if not isinstance(self._channels[kept["channel"]], PushChannel):
            raise problems.nothing_to_test()
        return await self._check.test(kept)

    async def replace_secret(
        self, agency: str, subscription: str, own: str | None, if_match: Sequence[str] | None = None
    ) -> CreatedSubscription:
        """A new secret; each of those before signs along for as long as it was promised. One that signs already, said
        again, takes no second place. Raises 404, 409 or 412."""
        secret, kept = self._credentials.new_secret(subscription, own)

        def do(work: UnitOfWork) -> SubscriptionDocument:
            found = self._own(work, agency, subscription)
            check_if_match(if_match, found)
            if not found["secrets"]:  # a channel without one, as the feed
                raise problems.nothing_is_signed()
            if self._credentials.is_secret(found, found["secrets"][0], own):
                return found
            until = work.now + self._overlap
            in_grace = [s for s in found["secrets"] if s["until"] is not None and s["until"] > work.now]
            in_grace = [s for s in in_grace if not self._credentials.is_secret(found, s, own)]  # it is the new one
            if len(in_grace) + 2 > MOST_SECRETS:
                raise problems.too_many_secrets()
            found["secrets"] = [kept, {"sealed": found["secrets"][0]["sealed"], "until": until}, *in_grace]
            SUBSCRIPTIONS.save(work, found)
            return found

        document = await self._keep(Operation(lambda work: [SUBSCRIPTIONS.by_id(subscription)], do))
        return CreatedSubscription(document, None if own else secret)

    async def unsubscribe(self, agency: str, subscription: str, if_match: Sequence[str] | None = None) -> None:
        """From the moment this returns no attempt starts. Nothing of it is kept. Raises 404, 412."""

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield SUBSCRIPTIONS.by_id(subscription)
            yield RESYNCS.by_id(agency)

        def do(work: UnitOfWork) -> None:
            check_if_match(if_match, self._own(work, agency, subscription))
            SUBSCRIPTIONS.delete(work, subscription)
            self._resync(work, agency)

        await self._keep(Operation(needs, do))

    async def _keep(self, change: Operation[T], follow: Callable[[], Awaitable[None]] | None = None) -> T:
        """A change of one that may be called right now, and what follows from it. An answer that there is none waits as
        long: whoever asks the same a moment later may rely on it."""
        try:
            changed = await self._store.submit(change)
            if follow is not None:
                await follow()
            return changed
        finally:
            await asyncio.sleep(self._nobody_believes)

    def target_of(self, subscription: SubscriptionDocument) -> str | None:
        """Where it leads."""
        return self._credentials.target_of(subscription)

    def header_names(self, subscription: SubscriptionDocument) -> list[str]:
        """Of its own headers; values are not shown."""
        return sorted(self._credentials.headers_of(subscription))

    def tls_summary(self, subscription: SubscriptionDocument) -> TlsSummary | None:
        """Of its own certificate and authority; nothing of the key."""
        tls = self._credentials.tls_of(subscription)
        return None if tls is None else summary_of(tls)

    def alerts_to_of(self, subscription: SubscriptionDocument) -> str | None:
        """Whom to tell of its trouble."""
        return self._credentials.alerts_to_of(subscription)

    async def _tls_of(self, wishes: Wishes) -> ClientTls | None:
        if wishes.tls is None:
            return None
        # in a thread, as where it is used (channels/client_tls.py): reading the system's authorities takes long
        return await asyncio.to_thread(checked_tls_of, wishes.tls, self._clock.calendar())

    def _resync(self, work: UnitOfWork, agency: str) -> None:
        request_resync(work, agency)
        work.after_commit(self._resync_requested)

    def _same_way(self, one: SubscriptionDocument, other: SubscriptionDocument) -> bool:
        if one["channel"] != other["channel"]:
            return False
        channel = self._channels[one["channel"]]
        return channel.place(self.target_of(one)) == channel.place(self.target_of(other))

    def _only_what_there_is(self, channel: ChannelName, wishes: Wishes) -> None:
        if (
            not isinstance(self._channels[channel], PushChannel)
            and replace(wishes, url=None, filter=None, recalls_only=False, alerts_to=None) != Wishes()
        ):
            raise problems.only_if_we_call()
        if channel != WEBHOOK and (wishes.secret is not None or wishes.headers or wishes.tls is not None):
            raise problems.only_over_http()
        if wishes.alerts_to is not None and not self._sends_mail:
            raise problems.no_mail_here()

    async def _of_agency(self, agency: str, subscription: str) -> SubscriptionDocument:
        found = await self._repository.subscription(subscription)
        if found is None or found["agency"] != agency:
            raise not_found()
        return found

    @staticmethod
    def _own(work: UnitOfWork, agency: str, subscription: str) -> SubscriptionDocument:
        found = SUBSCRIPTIONS.get(work, subscription)
        if found is None or found["agency"] != agency:
            raise not_found()
        return found


def _only_with_order(order: Order | None, blocked_head_seconds: int | None) -> None:
    """Nothing waits for another one without."""
    if order is None and blocked_head_seconds is not None:
        raise problems.needs_order()


def _way(subscription: SubscriptionDocument) -> tuple[bytes | None, ...]:
    """All of it that its endpoint is asked with before it is told anything. Sealed: the same only if unchanged."""
    return subscription["target"], subscription.get("headers"), subscription.get("tls")


def _origin(target: str | None) -> tuple[str, str]:
    found = urlsplit(target or "")
    return found.scheme, found.netloc


class _Changes(TypedDict, total=False):
    """Fields of a subscription that are kept sealed, about most of which its endpoint is asked first, and what follows
    from a yes."""

    target: bytes | None
    headers: bytes | None
    tls: bytes | None
    alerts_to: bytes | None
    failures: int
    failing_since: None
    held_until: datetime | None
    recall_at: None
    asked_until: None
    bounced_at: None
    alerts_bounced_at: None
