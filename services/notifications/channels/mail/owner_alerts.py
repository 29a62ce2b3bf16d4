"""The owner of an endpoint is told by e-mail that it fails, after some minutes, and once more when it is well; a day
before its subscription ends for that, and when it has ended.

Told is whoever the same agency named in a subscription of the channel ``email``; without one only the operator's alerts
say it (deploy/prometheus/alerts.yml). What was told is kept, so that every trouble is told once by all replicas
together; a crash between mail and note tells it again, as the same letter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from services.notifications.channels.credentials import Credentials
from services.notifications.channels.mail.composer import EndpointTrouble, MailComposer
from services.notifications.channels.mail.smtp_relay import Relay, judge
from services.notifications.documents import EMAIL, EMAIL_DIGEST, TROUBLES, SubscriptionDocument, TroubleDocument
from services.notifications.domain.circuit_breaker import Breaker
from services.notifications.domain.mail_address_rules import check_mailto
from services.notifications.repository import Repository
from shared.kit.base.backoff import wait_or_stop
from shared.kit.base.clock import Clock
from shared.kit.store.lease import Lease
from shared.kit.store.mongo import Database

LOOK_SECONDS = 15.0
TELL_AFTER = timedelta(minutes=5)
LEASE_SECONDS = 120.0
_MAILED = frozenset({EMAIL, EMAIL_DIGEST})
Told = Literal["failing", "ending", "disabled", "well"]
_Trouble = Literal["failing", "ending", "disabled", "unknown"]


@dataclass(frozen=True, slots=True)
class Step:
    """What follows for one endpoint: its trouble as it is to be kept (None: forgotten), and what to tell first."""

    subscription: str
    trouble: TroubleDocument | None
    tell: Told | None = None


def next_steps(
    endpoints: Iterable[SubscriptionDocument], troubles: Mapping[str, TroubleDocument], breaker: Breaker, now: datetime
) -> list[Step]:
    """For every endpoint where something is to be done."""
    steps, there = [], set[str]()
    for endpoint in endpoints:
        id, trouble, there = endpoint["_id"], troubles.get(endpoint["_id"]), there | {endpoint["_id"]}
        what = _trouble_of(endpoint, breaker, now)
        if what == "unknown":
            continue  # what was told of it stands
        if what is None:
            if trouble is not None:
                steps.append(Step(id, None, "well" if trouble["told"] is not None else None))
        elif trouble is None:
            kept: TroubleDocument = {"_id": id, "since": now, "told": None}
            told = what == "disabled"
            steps.append(Step(id, {**kept, "told": what} if told else kept, what if told else None))
        elif trouble["told"] != what and (what == "disabled" or now - trouble["since"] >= TELL_AFTER):
            steps.append(Step(id, {**trouble, "told": what}, what))
    steps += [Step(id, None) for id in troubles if id not in there]
    return steps


def _trouble_of(endpoint: SubscriptionDocument, breaker: Breaker, now: datetime) -> _Trouble | None:
    if endpoint["channel"] in _MAILED:  # nobody is told by mail that his mail does not arrive
        return None
    if endpoint["state"] == "disabled":
        return "disabled"
    if endpoint["state"] != "active":  # it is not asked, so it cannot have answered
        return "unknown"
    if not endpoint["failures"]:
        return None
    warns = breaker.warns_at(endpoint["failures"], endpoint.get("failing_since"))
    return "failing" if warns is None or now < warns else "ending"


class OwnerMails:
    """Looks every few seconds, in one replica at a time."""

    def __init__(
        self,
        database: Database,
        repository: Repository,
        credentials: Credentials,
        relay: Relay,
        texts: MailComposer,
        clock: Clock,
        instance: str,
        breaker: Breaker,
    ) -> None:
        self._database = database
        self._repository = repository
        self._credentials = credentials
        self._relay = relay
        self._texts = texts
        self._clock = clock
        self._breaker = breaker
        self._lease = Lease(database, "owner-mails", instance, LEASE_SECONDS)

    async def run(self, stopping: asyncio.Event) -> None:
        """Until stopped."""
        while not await wait_or_stop(stopping, LOOK_SECONDS):
            if await self._lease.acquire():
                await self.look()

    async def look(self) -> None:
        """Once."""
        kept = TROUBLES.of(self._database)
        troubles = {each["_id"]: each async for each in kept.find({})}
        endpoints = {each["_id"]: each for each in await self._repository.all_subscriptions()}
        now = self._clock.calendar()
        for step in next_steps(endpoints.values(), troubles, self._breaker, now):
            if not self._lease.held:
                return
            since = (step.trouble or troubles.get(step.subscription) or {"since": now})["since"]
            if step.tell is not None and not await self._tell(endpoints[step.subscription], step.tell, since, now):
                continue  # told at the next look
            if step.trouble is None:
                await kept.delete_one({"_id": step.subscription})
            else:
                await kept.replace_one({"_id": step.subscription}, step.trouble, upsert=True)

    async def _tell(self, endpoint: SubscriptionDocument, what: Told, since: datetime, now: datetime) -> bool:
        """Whether all that can be told has been; also when there is nobody to tell."""
        trouble = EndpointTrouble(
            subscription=endpoint["_id"],
            channel=endpoint["channel"],
            what="given-up" if what == "disabled" and endpoint["reason"] == "failing" else what,
            noted=since,
            since=endpoint.get("failing_since") or since,
            minutes=max(1, round((now - since).total_seconds() / 60)),
            ends_at=self._breaker.gives_up_at(endpoint["failures"], endpoint.get("failing_since")),
            reason=endpoint["reason"],
        )
        done = True
        for owner in await self._repository.subscriptions_of(endpoint["agency"]):
            if owner["channel"] not in _MAILED or owner["state"] != "active":
                continue
            to = check_mailto(self._credentials.target_of(owner) or "")
            mail = self._texts.about_endpoint(to, trouble, now)
            verdict = judge(await self._relay.send(to, mail, owner["_id"]))
            done = done and verdict.outcome != "again"
        return done
