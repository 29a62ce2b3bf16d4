"""The judge of profiled queries: what is sound and what is not, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.profiler import query_of

pytestmark = pytest.mark.unit


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "op": "query", "ns": "d.things", "command": {"find": "things", "filter": {"a": 1}},
        "planSummary": "IXSCAN { a: 1 }", "nreturned": 100, "docsExamined": 100, "keysExamined": 100,
    } | changes  # fmt: skip


def violations(**changes: Any) -> list[str]:
    query = query_of(entry(**changes))
    assert query is not None
    return query.violations


def test_what_examines_no_more_than_it_gives_is_sound() -> None:
    assert violations() == []
    assert violations(op="update", nreturned=0, nMatched=100) == []
    assert violations(docsExamined=110, keysExamined=300) == []


@pytest.mark.parametrize(
    ("changes", "violation"),
    [
        ({"planSummary": "COLLSCAN", "keysExamined": 0}, "scans the collection"),
        ({"docsExamined": 200}, "examines 200 documents for 100"),
        ({"keysExamined": 1_000}, "examines 1000 keys for 100"),
        ({"hasSortStage": True}, "sorts in memory"),
    ],
)
def test_what_grows_with_the_store_is_not(changes: dict[str, Any], violation: str) -> None:
    assert violations(**changes) == [violation]


def test_a_list_of_ids_may_look_each_of_them_up_also_those_that_are_not_there() -> None:
    command = {"find": "things", "filter": {"_id": {"$in": [str(n) for n in range(100)]}}}
    assert violations(command=command, nreturned=0, docsExamined=0, keysExamined=300) == []
    assert violations(command=command, nreturned=0, docsExamined=100, keysExamined=300) != []


def test_values_are_not_in_its_line() -> None:
    query = query_of(entry(command={"find": "things", "filter": {"name": "secret", "due": {"$lt": "secret"}}}))
    assert query is not None
    assert query.what == "query things {'name': '?', 'due': {'$lt': '?'}}"


def test_what_is_no_query_is_passed_over() -> None:
    assert query_of({"op": "insert", "ns": "d.things", "command": {}}) is None
    assert query_of(entry(ns="d.system.profile")) is None
