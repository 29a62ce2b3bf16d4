"""What a service may not do is named at its start; what is only slow, or not there yet, is no refusal."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.kit.kafka import rights as module
from shared.kit.kafka.rights import NotGranted, Rights, check_granted
from shared.kit.kafka.settings import KafkaSecurity, KafkaSettings
from shared.kit.kafka.topics import Topics

pytestmark = pytest.mark.unit
RIGHTS = Rights(user="small", writes=("matches",), reads=("people",), groups=("small",))
READ, WRITE, DESCRIBE = 1 << 3, 1 << 4, 1 << 8


def topics(monkeypatch: pytest.MonkeyPatch, *, authenticated: bool = True, groups: tuple[str, ...] = ()) -> Topics:
    async def refused(*_: Any) -> list[str]:
        return list(groups)

    monkeypatch.setattr(module, "_groups_refused", refused)
    security = KafkaSecurity()
    if authenticated:
        security = KafkaSecurity(security_protocol="SASL_SSL", user="small", password="p")
    return Topics(KafkaSettings(bootstrap="k:1", instance="small-1", prefix="t.", security=security))


async def refusals(made: Topics, rights: Rights = RIGHTS) -> set[str]:
    with pytest.raises(NotGranted) as found:
        await check_granted(made, rights)
    return set(str(found.value).split(", "))


async def test_all_is_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    made = topics(monkeypatch)
    made.operations = {"matches": WRITE | DESCRIBE, "people": READ | DESCRIBE}
    await check_granted(made, RIGHTS)


async def test_each_right_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    made = topics(monkeypatch, groups=("t.small",))
    made.operations = {"matches": READ | DESCRIBE, "people": WRITE | DESCRIBE}
    assert await refusals(made) == {"write topic t.matches", "read topic t.people", "read group t.small"}


async def test_what_is_written_and_read_again_is_asked_for_both(monkeypatch: pytest.MonkeyPatch) -> None:
    made = topics(monkeypatch)
    made.operations = {"matches": WRITE | DESCRIBE, "people": READ | DESCRIBE}
    assert await refusals(made, replace(RIGHTS, rereads=("matches",))) == {"read topic t.matches"}


async def test_what_may_not_be_seen_or_made_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    made = topics(monkeypatch)
    made.hidden, made.refused = {"people"}, {"matches"}
    assert await refusals(made) == {"see topic t.people", "create topic t.matches"}


async def test_a_topic_of_others_that_is_not_there_yet_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    made = topics(monkeypatch)
    made.operations, made.refused = {"matches": WRITE}, {"people"}
    await check_granted(made, RIGHTS)


async def test_a_broker_that_tells_no_rights_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = topics(monkeypatch)
    made.operations = {"matches": None, "people": None}
    await check_granted(made, RIGHTS)
    open_to_all = topics(monkeypatch, authenticated=False)
    open_to_all.operations = {"matches": 0, "people": 0}
    await check_granted(open_to_all, RIGHTS)


def test_the_print_is_what_deploy_reads() -> None:
    assert json.loads(RIGHTS.as_json()) == {
        "user": "small", "writes": ["matches"], "reads": ["people"], "groups": ["small"], "rereads": [],
        "writes_under": [], "reads_under": [],
    }  # fmt: skip
