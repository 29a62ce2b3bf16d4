"""What the rights of a service become: literal names, nothing but what its declaration says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.rights.acls import Rule, commands, rules_of, rules_of_reader
from deploy.rights.agency import AgencyDoor
from deploy.rights.login import Login

pytestmark = pytest.mark.unit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    told = {"user": "small", "writes": ["matches"], "reads": ["people"], "groups": ["small"]}
    told |= {"rereads": ["matches"], "writes_under": ["answers."], "reads_under": ["inbound."]}
    (tmp_path / "small.json").write_text(json.dumps(told))
    return tmp_path


def test_a_service_is_given_what_it_declares_under_its_prefix(folder: Path) -> None:
    assert set(rules_of("small", "t.", folder)) == {
        Rule("small", "Topic", "t.matches", "Write"),
        Rule("small", "Topic", "t.matches", "Create"),
        Rule("small", "Topic", "t.matches", "Describe"),
        Rule("small", "Topic", "t.matches", "Read"),
        Rule("small", "Topic", "t.people", "Read"),
        Rule("small", "Topic", "t.people", "Describe"),
        Rule("small", "Group", "t.small", "Read"),
        Rule("small", "Group", "t.small", "Describe"),
        Rule("small", "Topic", "t.answers.", "Write", "Prefixed"),
        Rule("small", "Topic", "t.answers.", "Describe", "Prefixed"),
        Rule("small", "Topic", "t.inbound.", "Read", "Prefixed"),
        Rule("small", "Topic", "t.inbound.", "Describe", "Prefixed"),
    }


def test_the_same_as_commands(folder: Path) -> None:
    how = "kafka-acls.sh --bootstrap-server $KAFKA --command-config admin.properties --add --allow-principal User:small"
    assert list(commands(rules_of("small", "", folder))) == [
        f"{how} --operation Write --operation Describe --operation Create --operation Read --topic matches",
        f"{how} --operation Read --operation Describe --topic people",
        f"{how} --operation Write --operation Describe --topic answers. --resource-pattern-type prefixed",
        f"{how} --operation Read --operation Describe --topic inbound. --resource-pattern-type prefixed",
        f"{how} --operation Read --operation Describe --group small",
    ]


def test_who_only_looks_writes_nothing() -> None:
    assert {rule.operation for rule in rules_of_reader("reader")} == {"Read", "Describe"}


def test_a_login_shows_its_password_to_clients_alone() -> None:
    login = Login("k:1", "small", "5ec7e7")
    assert "5ec7e7" not in repr(login)
    assert login.arguments["sasl_plain_password"] == login.variables["IEUM_KAFKA_PASSWORD"] == "5ec7e7"
    assert Login("k:1").arguments == {"bootstrap_servers": "k:1"}
    assert Login("k:1").variables == {"IEUM_KAFKA": "k:1"}


def test_the_door_of_an_agency_is_its_own_two_topics_and_nothing_else() -> None:
    door = AgencyDoor("gjf", "t.")
    assert (door.user, door.topics) == ("agency-gjf", ("t.inbound.gjf", "t.answers.gjf"))
    assert set(door.rules) == {
        Rule("agency-gjf", "Topic", "t.inbound.gjf", "Write"),
        Rule("agency-gjf", "Topic", "t.inbound.gjf", "Describe"),
        Rule("agency-gjf", "Topic", "t.answers.gjf", "Read"),
        Rule("agency-gjf", "Topic", "t.answers.gjf", "Describe"),
        Rule("agency-gjf", "Group", "t.answers.gjf", "Read"),
        Rule("agency-gjf", "Group", "t.answers.gjf", "Describe"),
    }
