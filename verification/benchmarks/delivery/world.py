"""Who is told what: an agency for each endpoint, people who allow that agency to be told, and matches of theirs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from shared.access.api_keys import make_key
from shared.events import Event
from verification.benchmarks.backlog import event
from verification.benchmarks.workload import hex_id

MATCHES_EACH = 4  # of one person; nobody has more than ten
_UNTIL = date(2199, 12, 31)
_OFFICE = "hanawon"


def agency_of(endpoint: int) -> str:
    """Its id."""
    return f"partner-{endpoint}"


def agencies(endpoints: int, tokens: dict[str, str]) -> Iterator[Event[Any]]:
    """An agency for each endpoint, with the right to receive; keys are noted in ``tokens``."""
    for agency in map(agency_of, range(endpoints)):
        tokens[agency], key = make_key(f"{agency}-1")
        rights = {"receives": True, "reads": ("matches", "deliveries")}
        yield event(
            "agency-registered",
            {"agency": agency, "name": {"en": agency}, "recipient_class": "service", "rights": rights, "keys": (key,)},
            agency,
        )


class Told:
    """What one phase tells: ``endpoints`` names the endpoint of each match, in order; ``each``: matches of one
    person."""

    def __init__(self, phase: str, endpoints: Iterable[int], each: int = MATCHES_EACH) -> None:
        self._phase = phase
        self.endpoints = list(endpoints)
        self._people: list[tuple[str, int]] = []
        self._of: list[str] = []
        sharing: dict[int, tuple[str, int]] = {}  # of each endpoint the person of now, and how many matches are theirs
        for endpoint in self.endpoints:
            person, matches = sharing.get(endpoint, ("", each))
            if matches == each:
                person, matches = hex_id("person", phase, len(self._people)), 0
                self._people.append((person, endpoint))
            sharing[endpoint] = person, matches + 1
            self._of.append(person)

    @property
    def people(self) -> int:
        """How many."""
        return len(self._people)

    def persons(self) -> Iterator[Event[Any]]:
        """Each allows one agency to be told."""
        for person, endpoint in self._people:
            agency = agency_of(endpoint)
            consents = (
                {"purpose": "matching", "until": _UNTIL},
                {"purpose": "notice", "recipient": agency, "until": _UNTIL},
            )
            alias = {"agency": agency, "alias": hex_id("alias", person)}
            state = {"person": person, "status": "active", "owner": _OFFICE, "consents": consents, "aliases": (alias,)}
            yield event("person-updated", state, person)

    def opportunity(self, n: int) -> str:
        """What the nth match is about: by this the receiver knows it."""
        return hex_id("opportunity", self._phase, n)

    def of_each_person(self) -> Iterable[list[str]]:
        """The openings that each is told of, in order."""
        found: dict[str, list[str]] = {}
        for n, person in enumerate(self._of):
            found.setdefault(person, []).append(self.opportunity(n))
        return found.values()

    def match(self, n: int) -> Event[Any]:
        """The nth."""
        person = self._of[n]
        told = {
            "match": hex_id("match", self._phase, n), "person": person, "opportunity": self.opportunity(n),
            "kind": "job", "state": "eligible", "score": 0.5, "band": "high", "model": "benchmark-1",
            "as_of": date(2026, 11, 22),
        }  # fmt: skip
        return event("match-found", told, person)


def in_turn(endpoints: Iterable[int], count: int) -> Iterator[int]:
    """So many, each endpoint in its turn."""
    return itertools.islice(itertools.cycle(endpoints), count)
