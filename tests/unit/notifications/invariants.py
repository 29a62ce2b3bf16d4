"""What must hold in a life (simulation.py), whatever happened in it: after each step, whenever something leaves, and at
the end, when everything was let drain."""

from __future__ import annotations

import sys
from collections import defaultdict
from typing import Any, NamedTuple

import bson

from services.notifications.delivery_queues import may_be_held, ordered_with, unblocked
from services.notifications.documents import (
    DELIVERED,
    DELIVERIES,
    DUE,
    ENDED,
    FEED,
    RECIPIENTS,
    RECOVERIES,
    SENDING,
    SERVED,
    SUBSCRIPTIONS,
    THREADS,
    WAITING,
    WEBHOOK,
)
from shared.kit.store.mongo import UTC_CODEC
from shared.kit.store.store import Operation
from shared.kit.store.typed_collection import Collection
from tests.unit.notifications.simulation import AGENCIES, Life, a_life
from tests.unit.notifications.world import holding


def lived(seed: int, steps: int, *, patient: bool) -> None:
    """A whole life, looked at all the time."""
    with a_life(seed, patient=patient) as life:
        looks = WhatMustHold(life)
        try:
            for _ in range(steps):
                life.step()
            life.drain()
            looks.at_the_end()
        except BaseException as error:
            error.add_note(f"seed {seed}, {'patient' if patient else 'not patient'}: {' '.join(life.log)}")
            raise


class Left(NamedTuple):
    """Something has left: ``place``: when it came into its queue, among all."""

    place: int
    entry: dict[str, Any]
    version: int
    alias: str


class WhatMustHold:
    """Looks at one life."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._places: dict[tuple[str, str], dict[str, int]] = {}  # by queue and delivery
        self._next = 0
        self._left: dict[tuple[str, str], list[Left]] = defaultdict(list)
        self._before: dict[str, tuple[str, dict[str, int]]] = {}
        self._forgotten = 0  # how many of them have been counted out
        self._decoded: dict[str, dict[str, tuple[bytes, Any]]] = {}
        self._given = set[str]()  # recalls of feeds that were given
        # by thread and recall: up to which version all was recalled and obeyed as it was said
        self._obeyed: dict[tuple[str, int], int] = {}
        life.sent = self.leaves
        perform = life.world.perform

        def performed(operation: Operation[Any]) -> Any:
            result = perform(operation)
            self.look()
            return result

        life.world.perform = performed  # type: ignore[method-assign]  # looks after each operation
        self.look()

    def _all(self, collection: Collection[Any]) -> dict[str, Any]:
        """By id, to be read: what was decoded once is not decoded again while it stays as it is."""
        before, now = self._decoded.get(collection.name, {}), dict[str, tuple[bytes, Any]]()
        for id, raw in self._life.world.store.documents.get(collection.name, {}).items():
            now[id] = before[id] if id in before and before[id][0] is raw else (raw, bson.decode(raw, UTC_CODEC))
        self._decoded[collection.name] = now
        return {id: document for id, (_, document) in now.items()}

    def _ever(self) -> list[Any]:
        """Deliveries, also those that MongoDB has deleted."""
        return [*self._all(DELIVERIES).values(), *self._life.world.forgotten]

    # --- when something leaves

    def leaves(self, claimed: dict[str, Any]) -> None:
        """Order, and nothing behind its recall; of what is still its replica's: somebody may have answered for it."""
        self.look()
        queue = claimed["thread"], claimed["subscription"]
        now = self._all(DELIVERIES)[claimed["_id"]]
        if (now["state"], now["claim"]) != (SENDING, claimed["claim"]):
            return
        entry = {"opportunity": claimed["opportunity"], "ordered": claimed.get("ordered", False)}
        this = Left(self._places[queue][claimed["_id"]], entry, claimed["version"], claimed["alias"])
        for other in self._left[queue]:
            assert other.place <= this.place or not self._in_order(other.entry, entry), ("overtaken", claimed, other)
            if claimed["about"] == "notice" and other.entry["opportunity"] is None and other.alias == this.alias:
                assert other.version < this.version, ("a notice behind its recall", claimed, other)
        if claimed["about"] == "recall":
            own = [d for d in self._ever() if d["thread"] == claimed["thread"]]
            assert self._has_reason(claimed, own), ("nothing had left", claimed)
        self._left[queue].append(this)

    @staticmethod
    def _in_order(one: Any, other: Any) -> bool:
        return ordered_with(one, other["opportunity"]) or (one["ordered"] and other["ordered"])

    # --- after each step

    def look(self) -> None:
        deliveries = self._all(DELIVERIES)
        queued = set[str]()
        for thread in self._all(THREADS).values():
            for subscription, queue in thread["queues"].items():
                self._queue(thread, subscription, queue, deliveries)
                queued |= {entry["delivery"] for entry in queue}
            self._places = {
                **{key: places for key, places in self._places.items() if key[0] != thread["_id"]},
                **{(thread["_id"], s): self._placed((thread["_id"], s), q) for s, q in thread["queues"].items()},
            }
            own = [d for d in self._ever() if d["thread"] == thread["_id"]]
            self._recalls(thread, own)
        assert queued == {id for id, d in deliveries.items() if d["state"] not in ENDED}
        self._counters(deliveries)

    def _placed(self, key: tuple[str, str], queue: list[Any]) -> dict[str, int]:
        before, places = self._places.get(key, {}), dict[str, int]()
        for entry in queue:
            if entry["delivery"] in before:
                places[entry["delivery"]] = before[entry["delivery"]]
            else:
                self._next += 1
                places[entry["delivery"]] = self._next
        return places

    @staticmethod
    def _queue(thread: Any, subscription: str, queue: list[Any], deliveries: dict[str, Any]) -> None:
        """Queue and deliveries agree, and what waits waits for something."""
        assert len(queue) > 0
        assert len({entry["delivery"] for entry in queue}) == len(queue)
        goes = {entry["delivery"] for entry in unblocked(queue)}
        for entry in queue:
            delivery = deliveries[entry["delivery"]]
            assert (delivery["thread"], delivery["subscription"]) == (thread["_id"], subscription)
            assert entry["opportunity"] == delivery["opportunity"]
            assert entry.get("ordered", False) == delivery.get("ordered", False)
            assert delivery["channel"] == FEED or (delivery["state"] == WAITING) == (delivery["_id"] not in goes), (
                queue, [deliveries[e["delivery"]]["state"] for e in queue], delivery)  # fmt: skip
            assert delivery["state"] != DUE or "due" in delivery
            assert (delivery["state"] == SENDING) == (delivery["owner"] is not None), delivery

    def _recalls(self, thread: Any, own: list[Any]) -> None:
        """Whatever may have left and was not recalled since is known, and a recall is not settled by itself."""
        obeyed_now = [d["version"] for d in own if d["about"] == "recall" and d["acknowledged"]]
        if thread["recall"]:
            self._obeyed.setdefault((thread["_id"], thread["recall"]["version"]), max(obeyed_now, default=0))
        for each in own:
            if each["state"] in ENDED and may_be_held(thread, each):
                assert thread["recall_required"], ("forgotten", each)
            if each["about"] == "recall" and each["state"] == SERVED and each["_id"] not in self._given:
                self._given.add(each["_id"])
                assert self._has_reason(each, own), ("nothing had left", each)
        recall = thread["recall"]
        if recall is None or not recall["taken"]:
            return
        obeyed = [
            d["version"] for d in own if d["about"] == "recall" and d["acknowledged"] and d["alias"] == recall["alias"]
        ]
        if recall["version"] not in obeyed:
            for event in self._life.world.partners[thread["recipient"]]:
                data = event["data"]
                if data["alias"] == recall["alias"] and "state" in data and data["version"] < recall["version"]:
                    assert any(version > data["version"] for version in obeyed), ("never to be recalled", thread, data)

    def _has_reason(self, recall: Any, own: list[Any]) -> bool:
        """Whether something may have left under its alias that was not recalled and obeyed before it was said."""
        after = self._obeyed[recall["thread"], recall["version"]]
        return any(
            d["about"] == "notice"
            and d["alias"] == recall["alias"]
            and d["possibly_sent"]
            and after < d["version"] < recall["version"]
            for d in own
        )

    def _counters(self, deliveries: dict[str, Any]) -> None:
        now: dict[str, tuple[str, dict[str, int]]] = {}
        for thread in self._all(THREADS).values():
            recalled = thread["recall"]["version"] if thread["recall"] else 0
            now[thread["_id"]] = "", {"version": thread["version"], "recalled": recalled}
        for id, each in deliveries.items():  # taken up again it begins anew
            same = (
                "ended"
                if each["state"] in ENDED
                else f"open {self._places.get((each['thread'], each['subscription']), {}).get(id)}"
            )
            now[id] = same, {"attempts": each["attempts"]}
            now[f"outcomes {id}"] = "", {"outcomes": each["outcome_sequence"]}
        for each in self._all(RECIPIENTS).values():
            now[f"feed {each['_id']}"] = "", {"position": each["position"]}
        for each in self._all(RECOVERIES).values():
            now[f"recovery {each['_id']}"] = each["recovery"], {n: each[n] for n in ("again", "passed_over")}
        for each in self._life.world.forgotten[self._forgotten :]:
            del self._before[each["_id"]], self._before[f"outcomes {each['_id']}"]
        self._forgotten = len(self._life.world.forgotten)
        for key, (same, counts) in self._before.items():
            assert key in now or key.startswith("recovery "), ("gone", key)
            if key in now and now[key][0] == same:
                for name, count in counts.items():
                    assert now[key][1][name] >= count, ("goes back", key, name, count, now[key])
        self._before = now

    # --- at the end

    def at_the_end(self) -> None:
        """Nothing is open, and partners hold what they may; nobody else is held but by a recall that was given up."""
        life, world = self._life, self._life.world
        assert not life.open()
        assert all(not thread["queues"] for thread in world.all(THREADS))
        for told in world.partners.values():
            self._one_id_says_one_thing(told)
        held = {agency: holding(world.partners[agency]) for agency in AGENCIES}
        if life.patient:
            desired = life.desired()
            assert held == desired
            for agency in AGENCIES:  # also who reads its feed, and nothing else
                if life.feeds.feed_of(agency) is not None:
                    assert holding(life.feeds.told[agency]) == desired[agency], ("by its feed alone", agency)
            for each in world.all(SUBSCRIPTIONS, channel=WEBHOOK, state="active"):
                self._system_alone(each, desired[each["agency"]])
            return
        for agency in AGENCIES:
            allowed = {life.alias(name, agency) for name in life.people if life.may(agency, name)}
            for alias in {alias for alias, _ in held[agency]} - allowed:
                recalls = [
                    d for d in self._ever() if (d["alias"], d["recipient"], d["about"]) == (alias, agency, "recall")
                ]
                assert any(d["state"] == "failed" for d in recalls), ("not recalled", agency, alias)

    def _system_alone(self, subscription: Any, desired: set[tuple[str, str]]) -> None:
        """Also what one subscription alone has told its system. What is acknowledged, by whatever subscription it came,
        is not told it any more: of an opening, as what it was itself to be told."""
        systems, agency = self._life.systems, subscription["agency"]
        told = systems[subscription["_id"]]
        acknowledged = [
            self._life.world.messages.of(each)
            for each in self._ever()
            if each["recipient"] == agency and each["acknowledged"]
            if each["about"] == "recall" or (each["state"] == DELIVERED and systems[each["subscription"]] is told)
        ]
        holds = holding([*told, *acknowledged])
        assert holds == desired, ("by one system alone", subscription["_id"], holds ^ desired)

    @staticmethod
    def _one_id_says_one_thing(told: list[Any]) -> None:
        """However often and by whatever way it comes; but what a snapshot leaves out is said by nobody."""
        said = dict[str, Any]()
        for event in told:
            data = {name: value for name, value in event["data"].items() if name != "padding"}
            if data["version"] % 1 == 0:
                assert said.setdefault(event["id"], data) == data, ("two things", event)


if __name__ == "__main__":  # as many lives as there is time for: the first seed, how many, steps of each
    first, lives, steps = map(int, sys.argv[1:])
    for seed in range(first, first + lives):
        for patient in (True, False):
            lived(seed, steps, patient=patient)
