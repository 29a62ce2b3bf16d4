"""The owner of a subscription is told by e-mail of trouble with it, and once more when it is over (owner_troubles.py).

Told is the address in ``alerts_to`` of the subscription, without one those of the agency's other subscriptions, and
whoever the agency named in a subscription of the channel ``email``; where there is nobody only the operator's alerts
say it (deploy/prometheus/alerts.yml). A crash between mail and note tells it again, as the same letter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.notifications.channels.credentials import Credentials
from services.notifications.channels.mail.composer import MailComposer, TroubleTold
from services.notifications.channels.mail.return_path import ReturnPath
from services.notifications.channels.mail.smtp_relay import Relay, judge
from services.notifications.documents import TROUBLES, SubscriptionDocument, Told
from services.notifications.domain.circuit_breaker import Breaker
from services.notifications.domain.mail_address_rules import check_mailto
from services.notifications.endpoint_overview import overview
from services.notifications.monitoring import DeliveryMonitor
from services.notifications.owner_troubles import MAILED, Matter, matters, next_steps
from services.notifications.repository import Repository
from shared.kit.base.backoff import wait_or_stop
from shared.kit.base.clock import Clock
from shared.kit.store.lease import Lease
from shared.kit.store.mongo import Database

LOOK_SECONDS = 15.0
LEASE_SECONDS = 120.0
MOST_MAILS, WITHIN = 20, timedelta(hours=1)  # to the owners of one agency: whoever names a mailbox need not own it


class OwnerMails:
    """Looks every few seconds, in one replica at a time. ``monitor``: what it saw last of what has not arrived."""

    def __init__(
        self,
        database: Database,
        repository: Repository,
        credentials: Credentials,
        relay: Relay,
        texts: MailComposer,
        returns: ReturnPath,
        clock: Clock,
        instance: str,
        breaker: Breaker,
        monitor: DeliveryMonitor,
    ) -> None:
        self._database = database
        self._repository = repository
        self._credentials = credentials
        self._relay = relay
        self._texts = texts
        self._returns = returns
        self._clock = clock
        self._breaker = breaker
        self._monitor = monitor
        self._lease = Lease(database, "owner-mails", instance, LEASE_SECONDS)
        self._mailed: dict[str, list[datetime]] = {}  # by agency, when; by this replica since it runs

    async def run(self, stopping: asyncio.Event) -> None:
        """Until stopped."""
        while not await wait_or_stop(stopping, LOOK_SECONDS):
            if await self._lease.acquire():
                await self.look()

    async def look(self) -> None:
        """Once."""
        kept = TROUBLES.of(self._database)
        troubles = {each["_id"]: each async for each in kept.find({})}
        subscriptions = {each["_id"]: each for each in await self._repository.all_subscriptions()}
        now = self._clock.calendar()
        seen = replace(await self._monitor.last_look(), subscriptions=subscriptions)
        found = {each.id: each for each in matters(overview(seen), seen, self._breaker, now)}
        for step in next_steps(found.values(), troubles, now):
            if not self._lease.held:
                return
            noted = (step.trouble or troubles.get(step.id) or {"since": now})["since"]
            if step.tell is not None and not await self._tell(found[step.id], step.tell, noted, now):
                continue  # told at the next look
            if step.trouble is None:
                await kept.delete_one({"_id": step.id})
            else:
                await kept.replace_one({"_id": step.id}, step.trouble, upsert=True)

    async def _tell(self, matter: Matter, what: Told, noted: datetime, now: datetime) -> bool:
        """Whether all that can be told has been; also when there is nobody to tell."""
        told, done = self._told(matter, what, noted, now), True
        owners = await self._repository.subscriptions_of(matter.agency)
        for to, (subscription, sealed) in addresses(self._credentials, matter.subscription, owners).items():
            if not self._may_mail(matter.agency, now):
                break  # not told later either: what stands then is told as it is then
            mail = self._texts.about_trouble(to, told, now)
            verdict = judge(await self._relay.send(to, mail, self._returns.tag(subscription, sealed)))
            done = done and verdict.outcome != "again"
        return done

    def _may_mail(self, agency: str, now: datetime) -> bool:
        """Counts it, if there were not too many within the last hour."""
        lately = [at for at in self._mailed.get(agency, ()) if now - WITHIN < at <= now]
        may = len(lately) < MOST_MAILS
        self._mailed[agency] = [*lately, now] if may else lately
        return may

    def _told(self, matter: Matter, what: Told, noted: datetime, now: datetime) -> TroubleTold:
        of, since = matter.subscription, matter.since
        failing_since = None if of is None else of.get("failing_since")
        given_up = what == "disabled" and of is not None and of["reason"] == "failing"
        return TroubleTold(
            about=matter.agency if of is None else of["_id"],
            channel="" if of is None else of["channel"],
            case=f"{matter.kind}.{'given-up' if given_up else what}",
            noted=noted,
            since=since or failing_since or noted,
            minutes=max(1, round((now - noted).total_seconds() / 60)),
            ends_at=None if of is None else self._breaker.gives_up_at(of["failures"], failing_since),
            reason=None if of is None else of["reason"],
            count=matter.count,
        )


def addresses(
    credentials: Credentials, about: SubscriptionDocument | None, owners: Sequence[SubscriptionDocument]
) -> Mapping[str, tuple[str, bytes | None]]:
    """Whom of an agency with these subscriptions to tell about one of them, or about all, and by which subscription
    each was named, as it is sealed there: that one takes what comes back undelivered."""
    named = {each["_id"]: each for each in owners if each.get("alerts_to") is not None}
    if about is not None and about["_id"] in named:
        named = {about["_id"]: named[about["_id"]]}
    found = [(credentials.alerts_to_of(each) or "", id, each.get("alerts_to")) for id, each in named.items()]
    for each in owners:
        itself = about is not None and each["_id"] == about["_id"]
        if each["channel"] in MAILED and each["state"] == "active" and not itself:
            found.append((credentials.target_of(each) or "", each["_id"], each["target"]))
    return {check_mailto(url): (id, sealed) for url, id, sealed in reversed(found)}
