"""The channel ``email-digest``: one mail a day with everything that was told meanwhile; recalls leave at once.

A delivery of it is due at the next window. What is due together is claimed together, by the one replica whose turn it
is (domain/replica_shares.py), looked at once more, mailed as one letter and written down one by one, with the parts
that every pushed delivery has; so a crash in between repeats the letter, under the same ids. Who was told nothing is
mailed nothing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from pymongo.errors import PyMongoError

from services.notifications import metrics
from services.notifications.channel import Channel, Configuration
from services.notifications.channels.credentials import Credentials
from services.notifications.channels.mail.channel import mailbox
from services.notifications.channels.mail.composer import MOST_TOLD, MailComposer
from services.notifications.channels.mail.return_path import ReturnPath
from services.notifications.channels.mail.smtp_relay import Relay, judge
from services.notifications.delivery.dependencies import Dependencies
from services.notifications.delivery.pre_send_check import is_open, recheck_before_send
from services.notifications.documents import (
    DUE,
    EMAIL_DIGEST,
    WAITING,
    About,
    ClaimedDelivery,
    DeliveryDocument,
    SubscriptionDocument,
)
from services.notifications.domain.attempt_verdict import FAILED_HERE, Verdict
from services.notifications.domain.mail_address_rules import address_of
from shared.kit.base.backoff import wait_or_stop
from shared.kit.base.logs import logger
from shared.kit.base.supervise import end_all
from shared.kit.store.unit_of_work import UnitOfWork

LOOK_SECONDS = 5.0
RECALLS_SECONDS = 1.0  # so often recalls are looked for while letters with notices leave
AT_ONCE = 4  # letters, each to another mailbox; as many come again where this is killed before they are written down
_log = logger("digest")


class EmailDigest(Channel):
    """``next_window``: the first moment after this one at which a digest leaves."""

    name = EMAIL_DIGEST

    def __init__(
        self, credentials: Credentials, relay: Relay | None, next_window: Callable[[datetime], datetime]
    ) -> None:
        self._credentials = credentials
        self._relay = relay
        self._next_window = next_window

    async def configure(self, subscription: str, agency: str, url: str | None) -> Configuration:
        """As of the channel ``email``."""
        return Configuration(self._credentials.sealed_target(subscription, mailbox(url, self._relay)))

    @property
    def longest(self) -> timedelta:
        """As of the channel ``email``."""
        return timedelta(0) if self._relay is None else self._relay.longest

    def place(self, target: str | None) -> object:
        """Who tells capital letters apart before the @ is so rare that two such mailboxes are taken for one."""
        return None if target is None else target.lower()

    def accept(self, work: UnitOfWork, delivery: DeliveryDocument, first: bool) -> None:
        """Due with the next digest; a recall at once. When its turn has come, it is due since it was said: what waited
        for one of the same letter would else come a day later."""
        said = delivery.get("due") if delivery["state"] == WAITING else None
        due = work.now if delivery["about"] == "recall" else said or self._next_window(work.now)
        delivery.update({"state": DUE if first else WAITING, "due": due})
        delivery.setdefault("since", due)


class DigestSender:
    """Looks every few seconds for digests that are due. Any number may run: claims keep them apart."""

    def __init__(
        self, deps: Dependencies, credentials: Credentials, relay: Relay, texts: MailComposer, returns: ReturnPath
    ) -> None:
        self._deps = deps
        self._credentials = credentials
        self._relay = relay
        self._texts = texts
        self._returns = returns

    async def run(self, stopping: asyncio.Event) -> None:
        """Until stopped."""
        while not await wait_or_stop(stopping, LOOK_SECONDS):
            await self.look()

    async def look(self) -> None:
        """Once: recalls before notices, and what became due while letters leave beside them."""
        await self._letters("recall")
        notices = asyncio.create_task(self._letters("notice"), name="digests")
        try:
            while not (await asyncio.wait([notices], timeout=RECALLS_SECONDS))[0]:
                with suppress(PyMongoError):  # a letter that was cut off would stay claimed; they are looked for again
                    await self._letters("recall")
            await notices
        finally:
            await end_all([notices])

    async def _letters(self, about: About) -> None:
        """All that are due, some at once: a mail server that takes its time over one keeps back no other."""
        due = await self._deps.repository.waiting_since(about, self._deps.clock.calendar())
        left = iter(sorted(due.items()))

        async def some() -> None:
            for subscription, since in left:
                await self._letters_to(subscription, about, since)

        lanes = [asyncio.create_task(some(), name="letters") for _ in range(min(AT_ONCE, len(due)))]
        try:
            if lanes:
                await asyncio.wait(lanes)  # whatever one meets, the others end what they have begun
            for lane in lanes:
                lane.result()
        finally:
            await end_all(lanes)

    async def _letters_to(self, subscription: str, about: About, due: datetime) -> None:
        """All that are due there, one after the other. What is wrong with one keeps back no other."""
        repository = self._deps.repository
        try:
            endpoint, now = await repository.subscription(subscription), self._deps.clock.calendar()
            if endpoint is None or endpoint["channel"] != EMAIL_DIGEST or not is_open(endpoint, now, about):
                return
            if about == "notice" and not self._is_ours(endpoint, due, now):
                return
            while await self._send(endpoint, about, now) == MOST_TOLD:
                pass
        except PyMongoError:  # of all of them
            raise
        except Exception:
            _log.exception("digest_not_sent")

    def _is_ours(self, endpoint: SubscriptionDocument, due: datetime, now: datetime) -> bool:
        """Of replicas that look at the same moment each would claim a part of the day, and send a letter of its own."""
        since = max(due, endpoint["held_until"] or due)
        return self._deps.lease.share.does(f"digest/{endpoint['_id']}/{since.isoformat()}", now - since)

    async def _send(self, endpoint: SubscriptionDocument, about: About, now: datetime) -> int:
        """One letter; of how many it was to be, none when it was not taken: another one waits for the next look."""
        deps, owner, claim = self._deps, self._deps.lease.owner_for(EMAIL_DIGEST), secrets.token_hex(8)
        if owner is None:
            return 0
        try:
            claimed = await deps.repository.claim(endpoint["_id"], about, owner, claim, now, MOST_TOLD)
        except BaseException:
            deps.lease.claim_unknown(owner, claim)
            raise
        if not claimed:
            return 0
        ids = [delivery["_id"] for delivery in claimed]
        try:
            check = await recheck_before_send(deps.reads, endpoint["_id"], claimed, deps.clock, deps.today)
        except BaseException:
            await deps.lease.release_unsent({claim: ids})
            raise
        if check.endpoint is None or not deps.lease.is_ours(owner):
            await deps.lease.release_unsent({claim: ids})
            return 0
        written = [deps.recorder.record(deps.transitions.drop(each, "consent-ended")) for each in check.forbidden]
        written += [deps.recorder.record(deps.transitions.postpone(each)) for each in check.in_doubt]
        written += [deps.recorder.record(deps.transitions.needless(each)) for each in check.needless]
        taken = True
        if check.sendable:
            taken, attempted = await self._mail(check.endpoint, check.sendable, now)
            written += attempted
        if written:
            await asyncio.wait(written)
        if check.held:  # since it was looked at
            await deps.lease.release_unsent({claim: [delivery["_id"] for delivery in check.held]})
            return 0
        return len(claimed) if taken else 0

    async def _mail(
        self, endpoint: SubscriptionDocument, deliveries: tuple[ClaimedDelivery, ...], now: datetime
    ) -> tuple[bool, list[asyncio.Future[None]]]:
        deps, clock = self._deps, asyncio.get_running_loop().time
        unrecorded, owner, began = deps.lease.unrecorded, deliveries[0]["owner"], clock()
        unrecorded[owner] += len(deliveries)  # however long it takes, nobody else may take them for left behind
        try:
            verdict = await self._handed_over(endpoint, deliveries, now)
        except BaseException:
            unrecorded[owner] -= len(deliveries)
            raise
        metrics.attempts.of(channel=EMAIL_DIGEST, outcome=verdict.counted_as(), reason=verdict.reason or "none").inc()
        took = timedelta(seconds=clock() - began)
        written = []
        for delivery in deliveries:  # without jitter: what is tried again is one letter again
            counts = delivery is deliveries[0]  # one letter is one attempt, however much is in it
            done = deps.transitions.after_attempt(delivery, verdict, took, 0.0, endpoint, counts=counts)
            recorded = deps.recorder.record(done)
            recorded.add_done_callback(lambda _: unrecorded.subtract([owner]))
            written.append(recorded)
        if verdict.outcome == "delivered" and endpoint["failures"]:
            if not is_open(endpoint, now):  # it was a recall that found it well
                await deps.repository.end_breaker_wait(endpoint, now)
            more = await deps.repository.bring_forward(endpoint["_id"], now)
            if not more:  # else the next good letter ends the outage, and brings the rest
                written.append(deps.recorder.record(deps.transitions.recovered(endpoint["_id"])))
        return verdict.outcome == "delivered", written

    async def _handed_over(
        self, endpoint: SubscriptionDocument, deliveries: tuple[ClaimedDelivery, ...], now: datetime
    ) -> Verdict:
        try:
            to = address_of(self._credentials.target_of(endpoint) or "")
            mail = self._texts.told(to, [self._deps.messages.of(delivery) for delivery in deliveries], now)
        except Exception:  # a wrong key of ours: the partner must not pay for it with lost notices
            return Verdict("again", "secret", possibly_sent=False, ours=True)
        try:
            return judge(await self._relay.send(to, mail, self._returns.tag(endpoint["_id"], endpoint["target"])))
        except Exception as error:  # without an answer they would stay claimed for as long as this process runs
            _log.error("attempt_failed", exc_info=error)
            return Verdict("again", FAILED_HERE, endpoint_healthy=True)
