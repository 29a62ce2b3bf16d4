"""Replicas at will: they claim, send and write down, each step at any moment, die, lose their lease and let go, over a
world's dictionaries. A part of a life (simulation.py)."""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from services.notifications.delivery.pre_send_check import is_open
from services.notifications.documents import AGENCIES as KEPT_AGENCIES
from services.notifications.documents import DELIVERIES, DUE, SENDING, SUBSCRIPTIONS
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.retry_schedule import OUTAGE
from services.notifications.mappers import agency_receives
from shared.kit.store.unit_of_work import UnitOfWork
from tests.unit.notifications.world import World

WAITS = (0.5, 5, 61, 400, 3 * 3_600, 26 * 3_600)

TAKEN = Verdict("delivered", endpoint_healthy=True)
DOUBTFUL = Verdict("delivered", "page", endpoint_healthy=True, doubtful=True)
REFUSED = Verdict("again", "refused-400", endpoint_healthy=True)
BAD = Verdict("again", "refused-500")
BUSY = Verdict("again", "refused-503", hold=timedelta(minutes=10))
GONE = Verdict("failed", "gone", disable=True)
TAKEN_AND_ENDED = Verdict("delivered", disable=True, endpoint_healthy=True)
LOST = Verdict("again", "connection-lost")
UNREACHED = Verdict("again", "no-connection", possibly_sent=False)
ABORTED = Verdict("failed", "aborted", endpoint_healthy=True)
REACHED = (TAKEN,) * 8 + (DOUBTFUL, REFUSED, BAD, BAD, BUSY, GONE, TAKEN_AND_ENDED, LOST)
NOT_REACHED = (LOST, LOST, UNREACHED, UNREACHED, BAD)


@dataclass
class Held:
    """One that a replica has claimed. ``endpoint``: as it was when the attempt began; ``verdict``: what it will say."""

    claimed: dict[str, Any]
    endpoint: Any = None
    verdict: Verdict | None = None


class Replicas:
    """``patient``: no notice is refused for good. What is next is drawn from ``random``."""

    def __init__(self, random: Random, world: World, recipients: Sequence[str], *, patient: bool) -> None:
        self.random, self.world, self.recipients, self.patient = random, world, recipients, patient
        self.numbers = Counter[str]()
        self.under_way: list[Held] = []
        self.replicas = ["r1", "r2"]
        self.answers = REACHED + random.choice(((), (GONE,) * 6, (BAD,) * 12, (LOST,) * 6, (TAKEN,) * 20))
        self.systems = defaultdict[str, list[Any]](list)  # by subscription, what the system it leads to was told
        self.sent: Callable[[dict[str, Any]], None] = lambda claimed: None  # told of what leaves, before it does
        world.webhook._on_due = self._born

    def one(self, some: Sequence[Any]) -> Any:
        return self.random.choice(some)

    def _endpoint(self, delivery: dict[str, Any]) -> Any:
        return next(iter(self.world.all(SUBSCRIPTIONS, _id=delivery["subscription"])), None)

    def _born(self, work: UnitOfWork, delivery: Any, channel: str) -> None:
        """As the dispatcher claims at birth what it can send at once."""
        if self.random.random() < 0.4:
            owner, id = self.one(self.replicas), delivery["_id"]
            work.at_end(lambda: self._claim_at_birth(work, id, owner))

    def _claim_at_birth(self, work: UnitOfWork, id: str, owner: str) -> None:
        found = DELIVERIES.get(work, id)
        if found is None or found["state"] != DUE or found["due"] > work.now:
            return
        claimed = self._claimed(copy.deepcopy(found), owner)
        DELIVERIES.save(work, copy.deepcopy(claimed))
        work.after_commit(lambda: self.under_way.append(Held(claimed)))

    def _claimed(self, found: Any, owner: str) -> Any:
        self.numbers["claims"] += 1
        before = found["possibly_sent"]
        claim = {"owner": owner, "claim": f"claim {self.numbers['claims']}"}
        return {**found, **claim, "state": SENDING, "possibly_sent_before": before, "possibly_sent": True}

    def claim(self) -> None:
        ready = [d for d in self.world.due() if is_open(self._endpoint(d), self.world.now, d["about"])]
        if ready:
            claimed = self._claimed(self.one(ready), self.one(self.replicas))
            self.world.store.put(DELIVERIES.name, claimed)
            self.under_way.append(Held(claimed))

    def send(self) -> None:
        """The check before it, and the attempt, whose answer is not there yet."""
        held = [each for each in self.under_way if each.verdict is None]
        if not held:
            return
        self._send(self.one(held), self.random.random() < 0.75)

    def _send(self, one: Held, reaches: bool, verdict: Verdict | None = None) -> None:
        claimed, endpoint = one.claimed, self._endpoint(one.claimed)
        if not is_open(endpoint, self.world.now, claimed["about"]):
            self._unsent(one)
        elif claimed["about"] == "notice" and not self._allowed(claimed):
            self.under_way.remove(one)
            self.world.perform(self.world.transitions.drop(claimed, "consent-ended"))  # type: ignore[arg-type]  # stored
        elif claimed["about"] == "notice" and not self.world.allowed(claimed, self.world.doubt):
            self.under_way.remove(one)
            self.world.perform(self.world.transitions.postpone(claimed))  # type: ignore[arg-type]  # stored
        elif self.world.is_needless(claimed):
            self.under_way.remove(one)
            self.world.perform(self.world.transitions.needless(claimed))  # type: ignore[arg-type]  # stored
        else:
            one.endpoint = endpoint
            one.verdict = verdict or self.one(self.answers if reaches else NOT_REACHED)
            if not self.patient and self.random.random() < 0.05:
                one.verdict = ABORTED
            self.sent(claimed)
            if reaches:
                told = self.world.messages.of(claimed)  # type: ignore[arg-type]  # stored
                self.world.partners[claimed["recipient"]].append(told)
                self.systems[claimed["subscription"]].append(told)

    def _allowed(self, claimed: dict[str, Any]) -> bool:
        (agency,) = self.world.all(KEPT_AGENCIES, _id=claimed["recipient"])
        return agency_receives(agency) and self.world.allowed(claimed)

    def _unsent(self, one: Held) -> None:
        self.under_way.remove(one)
        (kept,) = self.world.all(DELIVERIES, _id=one.claimed["_id"])
        if kept["claim"] == one.claimed["claim"] and kept["state"] == SENDING:
            back = {"state": DUE, "owner": None, "possibly_sent": kept["possibly_sent_before"]}
            self.world.store.put(DELIVERIES.name, {**kept, **back})

    def let_go(self) -> None:
        held = [each for each in self.under_way if each.verdict is None]
        if held:
            self._unsent(self.one(held))

    def answer(self) -> None:
        sent = [each for each in self.under_way if each.verdict is not None]
        if sent:
            self._answer(self.one(sent))

    def _answer(self, one: Held) -> None:
        self.under_way.remove(one)
        verdict: Any = one.verdict
        after = self.world.transitions.after_attempt
        jitter = self.random.random() / 5
        self.world.perform(after(one.claimed, verdict, timedelta(0), jitter, one.endpoint))  # type: ignore[arg-type]  # stored
        if verdict.outcome == "delivered" and one.endpoint["failures"]:
            if one.endpoint["failures"] >= OUTAGE:
                self._end_breaker_wait(one.endpoint)
                self._bring_forward(one.endpoint["_id"])
            self.world.perform(self.world.transitions.recovered(one.endpoint["_id"]))

    def _end_breaker_wait(self, read: Any) -> None:
        """As `end_breaker_wait` of the repository."""
        now = next(iter(self.world.all(SUBSCRIPTIONS, _id=read["_id"])), None)
        if now is not None and now["held_until"] == read["held_until"]:
            until = max(self.world.now, now.get("asked_until") or self.world.now)
            self.world.store.put(SUBSCRIPTIONS.name, {**now, "held_until": until})

    def _bring_forward(self, subscription: str) -> None:
        """As `bring_forward` of the repository."""
        for each in self.world.all(DELIVERIES, subscription=subscription, state=DUE, waits="retry"):
            if each["due"] > self.world.now:
                changed = {**each, "planned": each["due"], "due": self.world.now}
                self.world.store.put(DELIVERIES.name, {k: v for k, v in changed.items() if k != "waits"})

    def probe(self) -> None:
        """As the half-open probe of an endpoint that is down."""
        now = self.world.now
        down = [s for s in self.world.all(SUBSCRIPTIONS, state="active") if s["failures"] >= OUTAGE]
        for endpoint in down:
            for about in ("recall", "notice"):
                waiting = self.world.all(DELIVERIES, state=DUE, subscription=endpoint["_id"], about=about)
                first = min(waiting, key=lambda d: (d["due"], d["_id"]), default=None)
                if first is None or (endpoint["held_until"] or now) > now or first["due"] <= now:
                    continue
                if first["attempts"]:
                    ahead = {"planned": first.get("planned", first["due"]), "due": now, "probe": "planned" not in first}
                    self.world.store.put(DELIVERIES.name, {**first, **ahead})
                    break

    def die(self) -> None:
        """A replica is killed, often one with a recall about to leave: nobody knows what it had under way."""
        unsent = (e.claimed for e in self.under_way if e.verdict is None)
        with_recalls = [c["owner"] for c in unsent if c["about"] == "recall" and c["owner"] in self.replicas]
        often = with_recalls if self.random.random() < 0.7 else []
        gone = self._another(self.one(often or self.replicas))
        self.under_way = [each for each in self.under_way if each.claimed["owner"] != gone]

    def lose_lease(self) -> None:
        """What it has sent is still answered and written down, whatever others did with it meanwhile."""
        lost = self._another(self.one(self.replicas))
        for each in [e for e in self.under_way if e.claimed["owner"] == lost and e.verdict is None]:
            self._unsent(each)

    def _another(self, replica: str) -> str:
        self.numbers["replicas"] += 1
        self.replicas[self.replicas.index(replica)] = f"replica {self.numbers['replicas']}"
        return replica

    def release(self) -> None:
        """What is held without a lease is due again."""
        for each in self.world.all(DELIVERIES, state=SENDING):
            if each["owner"] not in self.replicas:
                self.world.store.put(DELIVERIES.name, {**each, "state": DUE, "owner": None})

    def end_recalled(self) -> None:
        self.world.end_recalled()
        self.world.end_left_behind()

    def wait(self) -> None:
        self.world.now += timedelta(seconds=self.one(WAITS))
