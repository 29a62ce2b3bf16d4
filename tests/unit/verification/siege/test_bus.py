"""What is forged, by whom, and when a broker could refuse it at all."""

from __future__ import annotations

import pytest

from shared.events import registry
from verification.siege.bus import ALL_THAT_CAN_COME, actors, forgeries, has_users

pytestmark = pytest.mark.unit
SERVICES = ("intake", "matching", "notifications")
OPEN = {service: {"IEUM_KAFKA": "127.0.0.1:1"} for service in SERVICES}
CLOSED = {
    service: {"IEUM_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "IEUM_KAFKA_USER": service, "IEUM_KAFKA_PASSWORD": "x"}
    for service in SERVICES
}


class TestForgeries:
    def test_there_is_one_of_every_type_with_a_sequence_above_all(self) -> None:
        made = list(forgeries())
        kinds = [dict(one.headers)["ce_type"].decode() for one in made]
        assert sorted(kinds) == sorted(kind.name for kind in registry)
        assert {dict(one.headers)["ce_sequence"] for one in made} == {str(ALL_THAT_CAN_COME).encode()}

    def test_every_service_has_topics_that_are_not_its_own(self) -> None:
        owners = {one.owner for one in forgeries()}
        assert owners == set(SERVICES)


class TestActors:
    def test_outsiders_come_first_then_each_service_as_itself(self) -> None:
        found = list(actors(CLOSED))
        assert [one.service for one in found] == ["", "", *SERVICES]
        assert (found[0].protocol, found[1].protocol) == ("PLAINTEXT", "SASL_PLAINTEXT")
        assert [one.user for one in found[2:]] == list(SERVICES)

    def test_a_broker_without_users_cannot_refuse(self) -> None:
        assert not has_users(OPEN)
        assert not has_users(CLOSED | {"matching": {}})
        assert has_users(CLOSED)
