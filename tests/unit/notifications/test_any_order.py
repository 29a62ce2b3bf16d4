"""Whatever the order in which people, matches, agencies and subscriptions are heard of, partners end with the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.notifications.documents import DELIVERIES, SUBSCRIPTIONS, THREADS
from services.notifications.domain.attempt_verdict import Verdict
from shared.events.topics.prohibitions import Floors
from tests.unit.notifications.world import World, agency_of, floors_of, hexid, holding, match_of, person_of

pytestmark = pytest.mark.unit

AGENCIES = ("gjf", "hana", "portal")
CLASSES = {"gjf": "service", "hana": "case", "portal": "employer"}
PEOPLE = ("a", "b")
OPPORTUNITIES = ("x", "y", "z")
ACTIONS = (*("event",) * 6, "again", "subscribe", "leave", "resync", "follow", "send", "fail", "die", "pull",
           "hold", "let go", "end recalled")  # fmt: skip

person_states = st.builds(
    lambda notice, matching, active: {"notice": tuple(sorted(notice)), "matching": matching, "active": active},
    st.sets(st.sampled_from(AGENCIES)),
    st.booleans() | st.just(True),
    st.booleans() | st.just(True),
)
match_states = st.builds(
    lambda band, stands: {"band": band, "stands": stands},
    st.sampled_from(("high", "medium", "low")),
    st.booleans() | st.just(True),
)
histories = st.fixed_dictionaries(
    {
        "people": st.fixed_dictionaries({name: st.lists(person_states, max_size=4) for name in PEOPLE}),
        "matches": st.fixed_dictionaries(
            {
                (name, opportunity): st.lists(match_states, max_size=3)
                for name in PEOPLE
                for opportunity in OPPORTUNITIES
            }
        ),
        "agencies": st.fixed_dictionaries({name: st.lists(st.booleans(), min_size=1, max_size=3) for name in AGENCIES}),
    }
)


def events_of(world: World, history: dict[str, Any]) -> dict[str, list[Any]]:
    """By thing: its events in order."""
    made: dict[str, list[Any]] = {}
    for name, states in history["people"].items():
        key = hexid("person", name)
        made[f"person {name}"] = [
            world.event("person-updated", person_of(name, **state), key, n) for n, state in enumerate(states, 1)
        ]
        made[f"floors {name}"] = [
            world.event("floor-raised", floors, key, n) for n, floors in floors_of(key, states).items()
        ]
    for (name, opportunity), states in history["matches"].items():
        made[f"match {name} {opportunity}"] = [
            world.event(
                "match-changed" if state["stands"] else "match-withdrawn",
                match_of(name, opportunity, **state),
                hexid("person", name),
                n,
            )
            for n, state in enumerate(states, 1)
        ]
    for name, states in history["agencies"].items():
        made[f"agency {name}"] = [
            world.event("agency-changed", agency_of(name, CLASSES[name], receives), name, n)
            for n, receives in enumerate(states, 1)
        ]
    return made


class Guard:
    """What has been heard of each person, and that no notice reaches anybody whom a floor that was heard forbids."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._states: dict[str, int] = {}
        self._floors: dict[str, list[Floors]] = {}
        self._seen: dict[str, int] = {}

    def heard(self, event: Any) -> None:
        if event.event_type.topic.name == "people":
            self._states[event.key] = max(event.sequence, self._states.get(event.key, 0))
        elif event.event_type.topic.name == "prohibitions":
            self._floors.setdefault(event.key, []).append(event.data)

    def look(self) -> None:
        for agency, told in self._world.partners.items():
            for event in told[self._seen.get(agency, 0) :]:
                if event["type"].endswith("recall"):
                    continue
                for name in PEOPLE:
                    if event["data"]["alias"] == hexid("alias", name, agency):
                        self._allowed(hexid("person", name), agency)
            self._seen[agency] = len(told)

    def _allowed(self, person: str, agency: str) -> None:
        state = self._states[person]
        for floors in self._floors.get(person, ()):
            assert state >= floors.whole
            for floor in floors.consents:
                assert state >= floor.below or floor.recipient not in (None, agency)


def desired(history: dict[str, Any]) -> dict[str, set[tuple[str, str]]]:
    """What each agency should hold in the end; written apart from the service, from the rules."""
    found: dict[str, set[tuple[str, str]]] = {name: set() for name in AGENCIES}
    for agency in AGENCIES:
        if not history["agencies"][agency][-1] or CLASSES[agency] not in ("case", "service"):
            continue
        for name, states in history["people"].items():
            if not states or agency not in states[-1]["notice"]:
                continue
            if not (states[-1]["matching"] and states[-1]["active"]):
                continue
            for opportunity in OPPORTUNITIES:
                told = history["matches"][name, opportunity]
                if told and told[-1]["stands"]:
                    found[agency].add((hexid("alias", name, agency), hexid("opportunity", opportunity)))
    return found


def run(history: dict[str, Any], data: st.DataObject) -> World:
    """One interleaving, with partners that fail and dispatchers that die on the way; in the end all is delivered."""
    world = World()
    queues = {name: events for name, events in events_of(world, history).items() if events}
    heard: list[Any] = []
    guard = Guard(world)
    subscribed: dict[tuple[str, str], str] = {}
    held: dict[str, bool] = {}  # by delivery, whether it reached its partner
    while queues:
        action = data.draw(st.sampled_from(ACTIONS))
        if action == "event":
            name = data.draw(st.sampled_from(sorted(queues)))
            heard.append(queues[name].pop(0))
            world.hear(heard[-1])
            guard.heard(heard[-1])
            if not queues[name]:
                del queues[name]
        elif action == "again":
            if heard:
                world.hear(data.draw(st.sampled_from(heard)))
        elif action in ("subscribe", "leave"):
            key = (data.draw(st.sampled_from(AGENCIES)), data.draw(st.sampled_from(("feed", "webhook"))))
            if action == "subscribe" and key not in subscribed:
                subscribed[key] = world.subscribe(*key)
            elif action == "leave" and key in subscribed:
                world.unsubscribe(subscribed.pop(key))
        elif action == "resync":
            world.resync()
        elif action == "follow":
            world.follow()
        elif action == "pull":
            world.pull(data.draw(st.sampled_from(AGENCIES)))
        elif action == "let go":
            if held:
                let_go(world, held, data.draw(st.sampled_from(sorted(held))))
        elif action == "end recalled":
            end_recalled(world)
        elif due := world.due():
            delivery = data.draw(st.sampled_from([d["_id"] for d in due]))
            reaches = data.draw(st.booleans())
            if action == "hold":
                hold(world, held, delivery, reaches)
            elif action == "send":
                world.attempt(delivery)
            elif action == "die":
                world.attempt(delivery, reaches=reaches, dies=True)
            else:
                world.attempt(delivery, Verdict("again", "connection-lost"), reaches=reaches)
        guard.look()
    for agency in AGENCIES:
        if (agency, "webhook") not in subscribed:
            world.subscribe(agency, "webhook")
    for delivery in sorted(held):
        let_go(world, held, delivery)
    end_recalled(world)
    finish(world)
    return world


def hold(world: World, held: dict[str, bool], delivery: str, reaches: bool) -> None:
    """A dispatcher has it under way while other things happen."""
    claimed = world.claim(delivery)
    if claimed["about"] == "notice" and not world.allowed(claimed):
        world.perform(world.transitions.drop(claimed, "consent-ended"))
        return
    if not world.all(SUBSCRIPTIONS, _id=claimed["subscription"]):
        world.let_go(delivery)
        return
    held[delivery] = reaches
    if reaches:
        world.partners[claimed["recipient"]].append(world.messages.of(claimed))


def let_go(world: World, held: dict[str, bool], delivery: str) -> None:
    """Nobody has it under way any more, and nothing is written down of what became of it."""
    if held.pop(delivery):
        world.release(delivery)
    else:
        world.let_go(delivery)


def end_recalled(world: World) -> None:
    """Then nothing that nobody sends is in a recall's way."""
    world.end_recalled()
    assert not [each for each in world.all(DELIVERIES, about="notice", state="due") if recall_behind(world, each)]


def recall_behind(world: World, notice: dict[str, Any]) -> bool:
    """Whether a later recall waits in the same queue."""
    (thread,) = world.all(THREADS, _id=notice["thread"])
    waiting = {entry["delivery"] for entry in thread["queues"].get(notice["subscription"], ())}
    return any(
        each["_id"] in waiting and each["version"] > notice["version"] for each in world.all(DELIVERIES, about="recall")
    )


def finish(world: World) -> None:
    """Time passes until nothing waits any more; every partner reads and answers."""
    for _ in range(5):
        world.follow()
        world.resync()
        world.deliver_all()
        for agency in AGENCIES:
            position = 0
            while (page := world.pull(agency, position, 2))[1] != position:
                position = page[1]
            world.pull(agency, position)
        world.now = world.now.replace(day=world.now.day + 1)


class TestAnyOrder:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(history=histories, data=st.data())
    def test_partners_hold_what_the_final_state_allows(self, history: dict[str, Any], data: st.DataObject) -> None:
        world = run(history, data)
        assert {agency: holding(world.partners[agency]) for agency in AGENCIES} == desired(history)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(history=histories, data=st.data())
    def test_one_change_has_one_id_and_one_id_one_body(self, history: dict[str, Any], data: st.DataObject) -> None:
        world = run(history, data)
        for told in world.partners.values():
            bodies: dict[str, str] = {}
            versions: dict[tuple[str, int], str] = {}
            for event in told:
                body = json.dumps(event, sort_keys=True)
                assert bodies.setdefault(event["id"], body) == body
                key = (event["data"]["alias"], event["data"]["version"])
                assert versions.setdefault(key, event["id"]) == event["id"]

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(history=histories, data=st.data())
    def test_every_delivery_ends_once(self, history: dict[str, Any], data: st.DataObject) -> None:
        world = run(history, data)
        ends = [r for r in world.emitted if dict(r.headers)["ce_type"] in (b"notice-delivered", b"notice-failed")]
        keys = [record.key for record in ends]
        assert len(keys) == len(set(keys))
        assert {d["state"] for d in world.all(DELIVERIES)} <= {"delivered", "failed", "dropped"}
        assert all(not thread["queues"] for thread in world.all(THREADS))

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(history=histories, data=st.data())
    def test_an_employer_never_hears_of_anybody(self, history: dict[str, Any], data: st.DataObject) -> None:
        assert run(history, data).partners["portal"] == []
