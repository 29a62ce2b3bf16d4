"""The owner of a subscription is told by e-mail of trouble with it, and once more when it is over (owner_troubles.py).

Told is the address in ``alerts_to`` of the subscription, without one those of the agency's other subscriptions, and
whoever the agency named in a subscription of the channel ``email``; where there is nobody only the operator's alerts
say it (deploy/prometheus/alerts.yml). A crash between mail and note tells it again, as the same letter.

One look takes no longer than the lease lasts, whatever the mail server does: who was not tried in it, or was tried
longest ago, is first in the next. What cannot be told of one endpoint keeps back no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pymongo.errors import PyMongoError

from services.notifications.channels.credentials import Credentials
from services.notifications.channels.mail.composer import MailComposer, TroubleTold
from services.notifications.channels.mail.return_path import ReturnPath
from services.notifications.channels.mail.smtp_relay import Relay, judge
from services.notifications.documents import TROUBLES, SubscriptionDocument, Told, TroubleDocument
from services.notifications.domain.circuit_breaker import Breaker
from services.notifications.domain.mail_address_rules import address_of
from services.notifications.endpoint_overview import overview
from services.notifications.monitoring import DeliveryMonitor
from services.notifications.owner_troubles import MAILED, Matter, Step, matters, next_steps
from services.notifications.repository import Repository
from shared.kit.base.backoff import wait_or_stop
from shared.kit.base.clock import Clock
from shared.kit.base.logs import logger
from shared.kit.base.metrics import retries
from shared.kit.store.lease import Lease
from shared.kit.store.mongo import Database, DriverCollection

LOOK_SECONDS = 15.0
LOOK_AT_MOST = 60.0  # no mail begins later in a look
WRITING_SECONDS = 24.0  # for what is read and written down in a look
MOST_MAILS, WITHIN = 20, timedelta(hours=1)  # to the owners of one agency: whoever names a mailbox need not own it
_log = logger("owner-mails")


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
        # four fifths of it are believed: a look ends within them, also with the longest mail at its end
        self._longest = relay.longest.total_seconds()
        self._lease = Lease(database, "owner-mails", instance, 1.25 * (LOOK_AT_MOST + self._longest + WRITING_SECONDS))
        # all of it by this replica since it runs
        self._mailed: dict[str, list[datetime]] = {}  # by agency, when
        self._waits: dict[str, float] = {}  # by matter, since when it is to be told, or when that was last tried
        self._not_before: dict[str, float] = {}  # by address that was refused for good: not every few seconds
        self._taken: dict[str, set[tuple[Told, str]]] = {}  # by matter, what the mail server took already, and to whom

    async def run(self, stopping: asyncio.Event) -> None:
        """Until stopped."""
        while not await wait_or_stop(stopping, LOOK_SECONDS):
            try:
                if await self._lease.acquire():
                    await self.look()
            except PyMongoError as error:  # what was counted and tried is not forgotten for it
                retries.of(kind="owner-mails", reason=type(error).__name__).inc()
                _log.warning("trying_again", loop="owner-mails", error=type(error).__name__)

    async def look(self) -> None:
        """Once."""
        until = _clock() + LOOK_AT_MOST
        kept = TROUBLES.of(self._database)
        troubles = {each["_id"]: each async for each in kept.find({})}
        subscriptions = {each["_id"]: each for each in await self._repository.all_subscriptions()}
        now = self._clock.calendar()
        seen = replace(await self._monitor.last_look(), subscriptions=subscriptions)
        found = {each.id: each for each in matters(overview(seen), seen, self._breaker, now)}
        for step in self._in_turn(next_steps(found.values(), troubles, now)):
            if not self._may_go_on(until):
                return
            try:
                if step.tell is None or await self._tell(found[step.id], step, troubles.get(step.id), now, until):
                    await _note(kept, step.id, step.trouble)
            except PyMongoError:
                raise
            except Exception:  # of this one alone: a seal that is broken, a letter that cannot be written
                _log.exception("owner_not_told")

    def _in_turn(self, steps: Sequence[Step]) -> Sequence[Step]:
        """First those of which nothing is to be told, then what waits longest, or was tried longest ago."""
        to_tell = {step.id for step in steps if step.tell is not None}
        self._waits = {id: self._waits.get(id, _clock()) for id in to_tell}
        self._not_before = {to: at for to, at in self._not_before.items() if at > _clock()}
        self._taken = {id: taken for id, taken in self._taken.items() if id in to_tell}
        return sorted(steps, key=lambda step: self._waits.get(step.id, 0.0))

    def _may_go_on(self, until: float) -> bool:
        """None begins that could outlast the lease: another replica would send it, too."""
        return self._lease.left > self._longest and _clock() < until

    async def _tell(
        self, matter: Matter, step: Step, before: TroubleDocument | None, now: datetime, until: float
    ) -> bool:
        """Whether all that can be told has been; also when there is nobody to tell. If not it is told at a later look,
        as it is then."""
        what, trouble = step.tell, before or step.trouble
        assert what is not None
        assert trouble is not None
        self._waits[matter.id] = _clock()
        if before is None:  # since when it is there names the letter: it is the same one when it is told again
            await _note(TROUBLES.of(self._database), matter.id, {**trouble, "told": None})
        told, done = self._told(matter, what, trouble["since"], now), True
        taken = self._taken.setdefault(matter.id, set())
        owners = await self._repository.subscriptions_of(matter.agency)
        for to, (subscription, sealed) in addresses(self._credentials, matter.subscription, owners).items():
            if (what, to) in taken:
                continue
            if self._not_before.get(to, 0.0) > _clock():
                done = False
                continue
            if not self._may_mail(matter.agency, now) or not self._may_go_on(until):
                return False
            mail = self._texts.about_trouble(to, told, now)
            verdict = judge(await self._relay.send(to, mail, self._returns.tag(subscription, sealed)))
            if verdict.possibly_sent:
                self._mailed[matter.agency].append(now)
            if verdict.outcome == "again":
                done = False
                if verdict.hold is not None:
                    self._not_before[to] = _clock() + verdict.hold.total_seconds()
            else:
                taken.add((what, to))
            self._waits[matter.id] = _clock()
        return done

    def _may_mail(self, agency: str, now: datetime) -> bool:
        """Whether not too many may have reached somebody within the last hour. What the mail server did not take is
        not counted: while it is away nothing is used up."""
        lately = self._mailed[agency] = [at for at in self._mailed.get(agency, ()) if now - WITHIN < at <= now]
        return len(lately) < MOST_MAILS

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
    each was named, as it is sealed there: that one takes what comes back undelivered. A mailbox is not told about
    itself, under whatever subscription it was named."""
    itself = next((each for each in owners if about is not None and each["_id"] == about["_id"]), None)
    silent = None if itself is None or itself["channel"] not in MAILED else credentials.target_of(itself)
    named = {
        each["_id"]: each
        for each in owners
        if (url := credentials.alerts_to_of(each)) is not None and not _same_mailbox(url, silent)
    }
    if about is not None and about["_id"] in named:
        named = {about["_id"]: named[about["_id"]]}
    found = [(credentials.alerts_to_of(each) or "", id, each.get("alerts_to")) for id, each in named.items()]
    for each in owners:
        if each["channel"] in MAILED and each["state"] == "active" and each is not itself:
            url = credentials.target_of(each) or ""
            if not _same_mailbox(url, silent):
                found.append((url, each["_id"], each["target"]))
    return {address_of(url): (id, sealed) for url, id, sealed in reversed(found)}


def _same_mailbox(url: str, other: str | None) -> bool:
    return other is not None and address_of(url).lower() == address_of(other).lower()


async def _note(kept: DriverCollection[TroubleDocument], id: str, trouble: TroubleDocument | None) -> None:
    if trouble is None:
        await kept.delete_one({"_id": id})
    else:
        await kept.replace_one({"_id": id}, trouble, upsert=True)


def _clock() -> float:
    return asyncio.get_running_loop().time()
