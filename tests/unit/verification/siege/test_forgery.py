"""Who forges, and what would be theirs to write."""

from __future__ import annotations

import pytest

from deploy.rights.login import Login
from verification.siege.forgery import actors, may_write

pytestmark = pytest.mark.unit
SERVICES = ("intake", "matching", "notifications")


def login(user: str) -> Login:
    return Login("127.0.0.1:1", user, "x")


class TestActors:
    def test_outsiders_come_first_then_each_service_as_itself(self) -> None:
        found = list(actors(login))
        assert [one.service for one in found] == ["", "", *SERVICES]
        assert [one.login.user for one in found] == ["", "intake", *SERVICES]
        assert found[1].login.password != "x", "a wrong one"


class TestWhatIsTheirs:
    @pytest.mark.parametrize(
        ("service", "topic", "may"),
        [
            ("intake", "people", True),
            ("intake", "prohibitions", True),
            ("intake", "matches", False),
            ("matching", "matches", True),
            ("matching", "people", False),
            ("matching", "people.dead", True),
            ("intake", "people.dead", False),
            ("notifications", "deliveries", True),
            ("notifications", "prohibitions", False),
            ("", "people", False),
            ("", "people.dead", False),
        ],
    )
    def test_a_topic_has_one_writer_and_dead_letters_are_its_readers(self, service: str, topic: str, may: bool) -> None:
        assert may_write(service, topic) is may
