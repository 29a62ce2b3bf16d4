"""What attacks are made of: bounded, told apart by name, and with harmless load of the same volume."""

from __future__ import annotations

from dataclasses import replace

import pytest

from verification.siege.attack import AttackRequest, RequestAttack, Target
from verification.siege.attacks import ATTACKS, named
from verification.siege.attacks.bodies import DeepNesting
from verification.siege.attacks.smuggling import requests, statuses_in

pytestmark = pytest.mark.unit
EVENT = {"id": "e", "type": "person-updated", "data": {"occupations": [{"code": "a"}], "certificates": ["b"]}}
ADVERT = {"id": "a", "type": "job-posted", "data": {"title": "baker", "wage": {"minimum": 1}}}
TARGET = Target(
    urls={},
    tokens={"insider": "insider-1.00", "reader": "reader-1.00"},
    event=EVENT,
    advert=ADVERT,
    facts={"alias": "x", "opportunity": "y", "cursor": ""},
    seconds=1.0,
)
LARGEST = 17_000_000
REQUEST_ATTACKS = [attack for attack in ATTACKS if issubclass(attack, RequestAttack)]


class TestAttacks:
    def test_have_names_of_their_own(self) -> None:
        assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
        assert all(named(attack.name) is attack for attack in ATTACKS)

    @pytest.mark.parametrize("kind", REQUEST_ATTACKS, ids=lambda kind: str(kind.name))
    def test_a_request_is_bounded_and_goes_to_a_service_that_is_named(self, kind: type[RequestAttack]) -> None:
        requests: list[AttackRequest] = list(kind(TARGET).requests(0))
        assert requests
        assert {request.service for request in requests} <= set(kind.services)
        assert max(len(request.body) for request in requests) <= LARGEST

    @pytest.mark.parametrize("kind", REQUEST_ATTACKS, ids=lambda kind: str(kind.name))
    def test_the_harmless_request_goes_to_the_same_service_and_is_not_larger_by_more_than_an_event(
        self, kind: type[RequestAttack]
    ) -> None:
        attack = kind(TARGET)
        for request in attack.requests(0):
            harmless = attack.harmless_request(request, 0)
            assert harmless.service == request.service
            assert len(harmless.body) <= max(len(request.body), 2_000)


class TestWhatVaries:
    def bodies(self, attack: RequestAttack) -> list[bytes]:
        return [request.body for request in attack._all()]

    def test_differs_from_round_to_round_and_from_seed_to_seed_and_is_the_same_for_harmless_and_hostile(self) -> None:
        attack, other = DeepNesting(TARGET), DeepNesting(replace(TARGET, seed=2))
        rounds = [self.bodies(attack) for _ in range(4)]
        assert rounds[0] == rounds[1]
        assert rounds[2] == rounds[3]
        assert rounds[0] != rounds[2]
        assert self.bodies(other) != rounds[0]
        assert len(set(rounds[0])) > len(rounds[0]) // 2

    def test_is_repeated_by_the_seed(self) -> None:
        assert self.bodies(DeepNesting(TARGET)) == self.bodies(DeepNesting(TARGET))


class TestSmuggling:
    def test_every_request_differs_and_ends_its_head(self) -> None:
        made = [request for _, request in requests(b"Authorization: Bearer x\r\n")]
        assert len(set(made)) == len(made)
        assert all(b"\r\n\r\n" in request or b"\n\n" in request for request in made)

    def test_answers_are_counted_by_their_status_lines_not_by_what_a_body_says(self) -> None:
        refused = b'HTTP/1.1 400 Bad Request\r\nContent-Length: 28\r\n\r\n{"detail":"bent by HTTP/1.1"}'
        assert statuses_in(refused) == ["400"]
        assert statuses_in(refused + b"HTTP/1.1 404 Not Found\r\n\r\n") == ["400", "404"]
        assert statuses_in(b"") == []
