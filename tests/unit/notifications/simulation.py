"""One life of a few agencies, their subscriptions and some people, in which anything happens at any moment: what the
service does (over a world's dictionaries), what partners and their endpoints do, replicas that die, the clock.

What happens next is drawn from a `Random`, so that one seed is one life. What must hold is asked after each step
(invariants.py).
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from services.notifications.acknowledgements import Deliveries
from services.notifications.channel import Configuration
from services.notifications.channels import feed_files, feed_snapshot
from services.notifications.channels.credentials import Credentials
from services.notifications.channels.feed import Feed
from services.notifications.channels.webhook import Limits, Webhook
from services.notifications.channels.webhook_signing import new_secret
from services.notifications.delivery.pre_send_check import is_open
from services.notifications.documents import (
    DELIVERIES,
    ENDED,
    FEED,
    PEOPLE,
    RECOVERIES,
    RESYNCS,
    SUBSCRIPTIONS,
    THREADS,
    WEBHOOK,
)
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.webhook_url_rules import UrlRules
from services.notifications.recovery import recovery_job, recovery_requests
from services.notifications.recovery.recovery_job import RecoveryJob
from services.notifications.recovery.recovery_requests import Recoveries
from services.notifications.recovery.resend import Resend
from services.notifications.resync_request import request_resync
from services.notifications.subscriptions import management
from services.notifications.subscriptions.management import Subscriptions
from services.notifications.subscriptions.subscription_options import Wishes
from shared.kit.base.clock import Clock
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import UnitOfWork
from shared.kit.web.problems import Problem
from tests.support.memory_store import at_once
from tests.unit.notifications.calendar_simulation import Calendar
from tests.unit.notifications.feed_simulation import Feeds
from tests.unit.notifications.replica_simulation import TAKEN, Held
from tests.unit.notifications.world import World, agency_of, floors_of, hexid, match_of, model, person_of
from tests.unit.notifications.world_store import WorldStore

AGENCIES = {"gjf": "service", "hana": "case"}
PEOPLE_KNOWN, OPENINGS, URLS = ("a", "b"), ("x", "y", "z"), ("one", "two", "three")
REGIONS = (None, "district:north", "district:south")
HIGH, NORTH = '{"exact":{"band":"high"}}', '{"exact":{"region":"district:north"}}'
FILTERS = (None, None, HIGH, f'{{"not":{HIGH}}}', NORTH)
PIECE = 2  # people of a resync, deliveries and threads of a recovery

# Everything is tried again for as long as it takes: partners end with what they should hold. Else some is given up.
PATIENT = (0.0, 5.0, 300.0) + (1_800.0,) * 60
SOON_OVER = (0.0, 5.0, 300.0)
MOST_BLOCKED = 2_592_000
MOST_ROUNDS = 200


ALWAYS = {"hear": 12, "follow": 2, "resync": 6, "claim": 12, "send": 12, "answer": 12, "release": 2, "wait": 4}
SOMETIMES = {
    "hear_again": 1, "person": 4, "rename": 1, "match": 5, "agency": 1, "let_go": 2, "die": 1, "lose_lease": 1,
    "end_recalled": 2, "probe": 2, "begin": 2, "end": 1, "go_away": 4, "pause": 2, "resume": 3, "change": 3,
    "rotate": 1, "send_again": 3, "recover": 2, "recovery": 5, "stop_recovery": 1, "acknowledge": 5, "pull": 2,
    "lose_cursor": 1, "snapshot": 2, "file": 2, "lapse": 2, "doubt": 1, "months": 1, "forget": 1, "set_back": 1,
}  # fmt: skip


@contextmanager
def a_life(seed: int, *, patient: bool) -> Iterator[Life]:
    """One in which all is drawn from this seed, ids too, and what is done in pieces is done in small ones."""
    random = Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        for module in (management, recovery_requests):
            patch.setattr(module, "random_id", lambda: f"{random.getrandbits(128):032x}")
        patch.setattr(recovery_job, "DELIVERIES_A_PIECE", PIECE)
        patch.setattr(recovery_job, "THREADS_A_PIECE", 1)
        patch.setattr(feed_files, "PIECE", PIECE)
        patch.setattr(feed_snapshot, "MOST_THREADS", 1)
        yield Life(random, patient=patient)


class Anywhere(Webhook):
    """Every name leads outside, and every endpoint says that it wants to be told."""

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials, lambda *_: None, Limits(), UrlRules())
        self._own = credentials

    async def configure(self, subscription: str, agency: str, url: str | None) -> Configuration:
        _, kept = self._own.new_secret(subscription)
        return Configuration(self._own.sealed_target(subscription, url or ""), [kept], "made")


class Willing:
    """An endpoint that is asked says yes."""

    async def check(self, endpoint: Any) -> Verdict:
        return TAKEN


class Life(Calendar):
    """``patient``: nothing is given up while its subscription lasts, and partners acknowledge only what they have."""

    def __init__(self, random: Random, *, patient: bool) -> None:
        world = World(PATIENT if patient else SOON_OVER)
        super().__init__(random, world, tuple(AGENCIES), patient=patient)
        self.credentials = Credentials(world.sealer)
        over, clock = WorldStore(world), Clock(wall=lambda: world.now)
        anything: Any = Willing()
        channels: Any = {FEED: Feed(lambda now: now.date()), WEBHOOK: Anywhere(self.credentials)}
        self.subscriptions = Subscriptions(
            over.store, over.repository, channels, self.credentials, anything, clock, timedelta(days=1),
            lambda: None, lambda: None, timedelta(0),
        )  # fmt: skip
        queues = world.reconciler.queues
        self.resend = Resend(over.store, over.repository, queues)
        self.recoveries = Recoveries(over.store, over.repository, lambda: None)
        self.job = RecoveryJob(over.store, over.repository, queues, world.ids, clock, 1_000, asyncio.Event())
        self.acknowledgements = Deliveries(over.store, over.repository, queues, world.outcomes)
        self.said: dict[str, list[Any]] = defaultdict(list)  # on its way to us: by what it is about, in order
        self.heard: list[Any] = []
        self.states: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.matches: dict[tuple[str, str], dict[str, Any]] = {}
        self.receives: dict[str, bool] = {}
        self.renamed = Counter[tuple[str, str]]()
        self.feeds = Feeds(random, world, tuple(AGENCIES))
        self.log: list[str] = []
        for agency in AGENCIES:
            self._say_agency(agency, True)
            for _ in range(random.choice((1, 2, 3))):
                self.begin(agency)
        self.people = PEOPLE_KNOWN[: random.randint(1, len(PEOPLE_KNOWN))]
        for person in self.people:
            self._say_person(person, {"notice": tuple(AGENCIES), "matching": True, "active": True})
        for person in self.people:
            for opening in OPENINGS[:2]:
                self._say_match(person, opening, {"band": "high", "stands": True})
        while self.said:
            self.hear()
        # each life in its own way: what is drawn often in one is rare in another
        self.steps = {name: usual * random.choice((1, 1, 3)) for name, usual in ALWAYS.items()}
        self.steps |= {name: usual * random.choice((0, 1, 1, 4)) for name, usual in SOMETIMES.items()}

    def step(self) -> None:
        """Something happens."""
        (name,) = self.random.choices(list(self.steps), list(self.steps.values()))
        self.log.append(name)
        getattr(self, name)()

    def asked(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What a partner asks for; it may be refused."""
        try:
            return at_once(work)
        except Problem as refused:
            if refused.status not in (404, 409):
                raise
            return None

    # --- what is heard of

    def person(self) -> None:
        name = self.one(self.people)
        if self.random.random() < 0.1:  # erased
            state = {"notice": (), "matching": False, "active": False}
        else:
            named = tuple(agency for agency in AGENCIES if self.random.random() < 0.6)
            state = {"notice": named, "matching": self.random.random() < 0.85, "active": True}
            if self.random.random() < 0.2:
                state["until"] = self.world.now.date() + timedelta(days=self.one((0, 1)))
        if self.random.random() < 0.1:
            self.renamed[name, self.one(list(AGENCIES))] += 1
        self._say_person(name, state)

    def rename(self) -> None:
        """All else stays, also what is under way."""
        name = self.one(self.people)
        self.renamed[name, self.one(list(AGENCIES))] += 1
        self._say_person(name, self.states[name][-1])

    def lapse(self) -> None:
        """As the clock of intake does the day after: what has ended is taken away."""
        for name in self.people:
            if "until" in self.states[name][-1] and not self._holds(name):
                self._say_person(name, {"notice": (), "matching": False, "active": True})

    def doubt(self) -> None:
        """Two clocks differ by a day, or agree again: then everybody is gone through (fan_out/clock_recovery.py)."""
        self.world.doubt = timedelta(0) if self.world.doubt else timedelta(days=1)
        if not self.world.doubt:
            self.everybody_again()

    def _holds(self, name: str) -> bool:
        until = self.states[name][-1].get("until")
        return until is None or until >= self.world.now.date()

    def alias(self, name: str, agency: str) -> str:
        return hexid("alias", name, agency, self.renamed[name, agency])

    def _say_person(self, name: str, state: dict[str, Any]) -> None:
        key, states = hexid("person", name), self.states[name]
        states.append(state)
        aliases = tuple({"agency": agency, "alias": self.alias(name, agency)} for agency in AGENCIES)
        data = model("person-updated").model_validate({**person_of(name, **state).model_dump(), "aliases": aliases})
        self._say("person-updated", data, key, f"person {name}", len(states))
        if (floors := floors_of(key, states).get(len(states))) is not None:
            self._say("floor-raised", floors, key, f"floors {name}", len(states))

    def match(self) -> None:
        state = {"band": self.one(("high", "medium", "low")), "region": self.one(REGIONS)}
        self._say_match(self.one(self.people), self.one(OPENINGS), {**state, "stands": self.random.random() < 0.75})

    def _say_match(self, name: str, opening: str, state: dict[str, Any]) -> None:
        self.matches[name, opening] = state
        type = "match-changed" if state["stands"] else "match-withdrawn"
        self._say(type, match_of(name, opening, **state), hexid("person", name), f"match {name} {opening}")

    def agency(self) -> None:
        self._say_agency(self.one(list(AGENCIES)), self.random.random() < 0.6)

    def _say_agency(self, name: str, receives: bool) -> None:
        self.receives[name] = receives
        self._say("agency-changed", agency_of(name, AGENCIES[name], receives), name, f"agency {name}")

    def _say(self, type: str, data: Any, key: str, about: str, number: int | None = None) -> None:
        self.numbers[about] += 1
        self.said[about].append(self.world.event(type, data, key, number or self.numbers[about]))

    def hear(self) -> None:
        if self.said:
            about = self.one(sorted(self.said))
            self.heard.append(self.said[about].pop(0))
            if not self.said[about]:
                del self.said[about]
            self.world.hear(self.heard[-1])

    def hear_again(self) -> None:
        if self.heard:
            self.world.hear(self.one(self.heard))

    def follow(self) -> None:
        self.world.follow()

    def resync(self) -> None:
        due = [each for each in self.world.all(RESYNCS) if each["not_before"] <= self.world.now]
        if not due:
            return
        resync = self.one(due)
        named = {p["_id"] for p in self.world.all(PEOPLE) if resync["_id"] in p["recipients"]}
        told = {t["person"] for t in self.world.all(THREADS, recipient=resync["_id"])}
        people = sorted(p for p in named | told if p > resync["after"])[:PIECE]
        self.world.perform(self.world.resync_job.operation(resync, people))

    # --- what partners do

    def _some(self, agency: str | None = None, **where: Any) -> Any:
        found = self.world.all(SUBSCRIPTIONS, **where)
        return self.one(found) if found else None

    def begin(self, agency: str | None = None) -> None:
        agency = agency or self.one(list(AGENCIES))
        feed = self.random.random() < 0.2
        ordered: Any = self._order()
        url = f"https://{self.one(URLS)}.example.org/"
        wishes = Wishes() if feed else Wishes(url, new_secret(), filter=self.one(FILTERS), **ordered)
        disabled = self.world.all(SUBSCRIPTIONS, agency=agency, channel=WEBHOOK, state="disabled")
        (before,) = [s["_id"] for s in disabled if not feed and self.credentials.target_of(s) == url] or (None,)
        created = self.asked(self.subscriptions.subscribe(agency, FEED if feed else WEBHOOK, wishes))
        if created is not None and before is not None:
            self.systems[created.subscription["_id"]] = self.systems[before]

    def end(self) -> None:
        if found := self._some():
            self.asked(self.subscriptions.unsubscribe(found["agency"], found["_id"]))

    def pause(self) -> None:
        if found := self._some(channel=WEBHOOK):
            self.asked(self.subscriptions.pause(found["agency"], found["_id"]))

    def resume(self) -> None:
        if found := self._some(state=self.one(("paused", "disabled"))):
            self.asked(self.subscriptions.resume(found["agency"], found["_id"]))

    def go_away(self) -> None:
        """As where an endpoint answers that it is gone; another subscription of its agency stays."""
        for found in self.world.all(SUBSCRIPTIONS, channel=WEBHOOK, state="active"):
            agency = found["agency"]
            if len(self.world.all(SUBSCRIPTIONS, agency=agency, state="active")) > 1:
                gone: Any = {**found, "state": "disabled", "reason": "gone"}

                def do(work: UnitOfWork, gone: Any = gone) -> None:
                    SUBSCRIPTIONS.save(work, gone)
                    request_resync(work, gone["agency"])

                return self.world.perform(Operation(lambda work: [RESYNCS.by_id(agency)], do))  # noqa: B023  performed at once

    def change(self) -> None:
        if not (found := self._some(channel=WEBHOOK)):
            return
        wishes: Any = self.one(
            (
                {"filter": self.one(FILTERS)},
                {"recalls_only": self.random.random() < 0.4},
                self._order(),
                {"url": f"https://{self.one(URLS)}.example.org/"},
            )
        )
        self.asked(self.subscriptions.change(found["agency"], found["_id"], Wishes(**wishes), set(wishes)))

    def _order(self) -> dict[str, Any]:
        order = self.one((None, "alias"))
        longest = MOST_BLOCKED if self.patient else self.one((None, 60, 3_600))
        return {"order": order, "blocked_head_seconds": longest if order else None}

    def rotate(self) -> None:
        if found := self._some(channel=WEBHOOK):
            self.asked(self.subscriptions.replace_secret(found["agency"], found["_id"], None))

    def send_again(self) -> None:
        if some := self.world.all(DELIVERIES, listed=True):
            found = self.one(some)
            self.asked(self.resend.resend(found["recipient"], found["_id"]))

    def recover(self) -> None:
        if found := self._some(channel=WEBHOOK):
            since = self.one((None, self.world.now - timedelta(hours=1)))
            what: Any = self.one(("failed", "all"))
            self.asked(self.recoveries.start(found["agency"], found["_id"], what, since))

    def recovery(self) -> None:
        due = [r for r in self.world.all(RECOVERIES, state="running") if r["not_before"] <= self.world.now]
        if due:
            at_once(self.job.step(self.one(due)))

    def stop_recovery(self) -> None:
        running = self.world.all(RECOVERIES, state="running")
        if running and not self.patient:
            found = self.one(running)
            self.asked(self.recoveries.stop(found["agency"], found["_id"]))

    def acknowledge(self) -> None:
        agency = self.one(list(AGENCIES))
        if told := self.world.partners[agency]:
            some = [self.one(told[-6:])["id"] for _ in range(self.random.randint(1, 3))]
            if self.random.random() < 0.4 and (recalls := [e for e in told if e["type"].endswith("recall")]):
                some.append(recalls[-1]["id"])
            self.asked(self.acknowledgements.acknowledge(agency, list(dict.fromkeys(some))))

    def pull(self) -> None:
        self.feeds.read(self.one(list(AGENCIES)))

    def lose_cursor(self) -> None:
        self.feeds.lose_cursor(self.one(list(AGENCIES)))

    def snapshot(self) -> None:
        self.feeds.read_snapshot(self.one(list(AGENCIES)))

    def file(self) -> None:
        self.feeds.read_file(self.one(list(AGENCIES)))

    # --- the end

    def drain(self) -> None:
        """From now on all goes well: everything is heard and answered, every replica lives, and time passes, until
        nothing moves any more. Of what was disabled some stays so, but each agency has something by which it can be
        told."""
        if self.world.doubt:
            self.doubt()
        self.lapse()
        for (name, opening), match in list(self.matches.items()):
            if match["stands"] and self.random.random() < 0.5:
                self._say_match(name, opening, {**match, "stands": False})
        while self.said:
            self.hear()
        self.follow()
        for each in list(self.under_way):
            self._unsent(each) if each.verdict is None else self._answer(each)
        for found in self.world.all(SUBSCRIPTIONS):
            if found["state"] == "paused" or (found["state"] == "disabled" and self.random.random() < 0.8):
                self.asked(self.subscriptions.resume(found["agency"], found["_id"]))
        for agency in AGENCIES:
            while not self.world.all(SUBSCRIPTIONS, agency=agency, state="active"):
                self.begin(agency)
        for found in self.world.all(SUBSCRIPTIONS, state="active"):
            if found.get("filter") or found.get("recalls_only"):
                wishes, named = Wishes(), {"filter", "recalls_only"}
                self.asked(self.subscriptions.change(found["agency"], found["_id"], wishes, named))
        for n in range(MOST_ROUNDS):
            self._round()
            if not self._moves():
                return
            # what a clock that was ahead has put off is due once that time has come
            self.world.now += timedelta(seconds=30) if n < MOST_ROUNDS // 2 else timedelta(hours=3)
        raise AssertionError("stuck", [(each, self._endpoint(each)) for each in self.open()])

    def _round(self) -> None:
        self.lapse()
        while self.said:
            self.hear()
        self.follow()
        self.release()
        for _ in range(2 * len(PEOPLE_KNOWN)):
            self.resync()
        self.end_recalled()
        self.probe()
        for recovery in self.world.all(RECOVERIES, state="running"):
            at_once(self.job.step(recovery))
        while ready := [d for d in self.world.due() if is_open(self._endpoint(d), self.world.now, d["about"])]:
            for each in ready:
                claimed = self._claimed(each, self.replicas[0])
                self.world.store.put(DELIVERIES.name, claimed)
                self.under_way.append(Held(claimed))
            self._all_taken()
        self._all_taken()
        for agency in AGENCIES:
            while self.feeds.read(agency):
                pass

    def _all_taken(self) -> None:
        while self.under_way:
            one = self.under_way[0]
            if one.verdict is None:
                self._send(one, True, TAKEN)
            if one in self.under_way:
                self._answer(one)

    def open(self) -> list[dict[str, Any]]:
        return [d for d in self.world.all(DELIVERIES) if d["state"] not in ENDED]

    def _moves(self) -> bool:
        active = {s["_id"] for s in self.world.all(SUBSCRIPTIONS, state="active")}
        recovering = [r for r in self.world.all(RECOVERIES, state="running") if r["_id"] in active]
        return bool(self.open() or self.world.all(RESYNCS) or recovering)

    def desired(self) -> dict[str, set[tuple[str, str]]]:
        """What each agency is to hold in the end, by the rules."""
        return {
            agency: {
                (self.alias(name, agency), hexid("opportunity", opening))
                for (name, opening), match in self.matches.items()
                if match["stands"] and self.may(agency, name)
            }
            for agency in AGENCIES
        }

    def may(self, agency: str, name: str) -> bool:
        state = self.states[name][-1]
        named = state["matching"] and agency in state["notice"] and self._holds(name)
        return bool(self.receives[agency] and state["active"] and named)
