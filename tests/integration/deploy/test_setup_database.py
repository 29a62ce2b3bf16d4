"""The user who may read everything exists only while it is asked for: the demo asks, an installation does not."""

from __future__ import annotations

from typing import Any

import pymongo
import pytest

from deploy.compose.setup_database import make_reader

pytestmark = pytest.mark.integration


def roles_of_the_reader(client: pymongo.MongoClient[dict[str, Any]]) -> list[str]:
    users = client.admin.command("usersInfo", "reader")["users"]
    return [role["role"] for user in users for role in user["roles"]]


class TestMakeReader:
    def test_it_is_there_with_a_password_and_gone_without_however_often(self, mongo_url: str) -> None:
        with pymongo.MongoClient[dict[str, Any]](mongo_url) as client:
            try:
                for password, roles in [(None, []), ("a", ["readAnyDatabase"]), ("b", ["readAnyDatabase"]), ("", [])]:
                    make_reader(client, password)
                    assert roles_of_the_reader(client) == roles
            finally:
                make_reader(client, None)
