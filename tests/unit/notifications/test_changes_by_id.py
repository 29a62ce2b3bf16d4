"""What changes deliveries by id outside of a transaction sees whether it found them, not for ever (decision 71)."""

from __future__ import annotations

import ast
import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import notifications
from services.notifications.queries import delivery_queries
from services.notifications.queries.delivery_queries import ROUNDS, Changes, change

pytestmark = pytest.mark.unit
FOLDER = Path(notifications.__file__).parent
CHANGES = ("update_one", "update_many", "replace_one", "delete_one", "delete_many", "bulk_write", "find_one_and_update",
           "find_one_and_replace", "find_one_and_delete")  # fmt: skip
NOT_BY_ID = {"LATER", "HELD"}  # indexes that are not unique: nothing is passed over there
OWN_COLLECTION = {"channels/mail/owner_alerts.py"}  # no transaction writes it


def changes_outside_of_transactions() -> set[tuple[str, str, str | None]]:
    """Each by file, function and the name of its hint."""
    found = set()
    for path in FOLDER.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for call in ast.walk(function):
                    if (
                        isinstance(call, ast.Call)
                        and isinstance(call.func, ast.Attribute)
                        and call.func.attr in CHANGES
                    ):
                        hints = [ast.unparse(each.value) for each in call.keywords if each.arg == "hint"]
                        found.add((path.relative_to(FOLDER).as_posix(), function.name, next(iter(hints), None)))
    return found


def test_only_one_function_does_so() -> None:
    found = changes_outside_of_transactions()
    by_id = {(file, name) for file, name, hint in found if hint not in NOT_BY_ID and file not in OWN_COLLECTION}
    assert by_id == {("queries/delivery_queries.py", "change")}
    assert {hint for *_, hint in found} >= NOT_BY_ID, "it finds those that are by another index"


class Overtaken:
    """A collection whose documents others' transactions write anew: each is passed over so many times."""

    def __init__(self, passed_over: dict[str, int], no_more: frozenset[str] = frozenset()) -> None:
        self.passed_over = dict(passed_over)
        self.no_more = no_more  # of these something else becomes true, so that they are not to be changed any more
        self.rounds = 0
        self.changed: list[str] = []

    async def update_many(self, which: dict[str, Any], how: Any, hint: str) -> Any:
        self.rounds += 1
        found = [id for id in which["_id"]["$in"] if not self.passed_over[id]]
        self.passed_over = {id: max(0, times - 1) for id, times in self.passed_over.items()}
        self.changed += found
        return SimpleNamespace(matched_count=len(found), modified_count=len(found))

    def find(self, which: dict[str, Any], *_: Any, **__: Any) -> Any:
        left = [{"_id": id} for id in which["_id"]["$in"] if id not in self.changed and id not in self.no_more]
        return SimpleNamespace(to_list=lambda _: _true(left))


async def _true(value: Any) -> Any:
    return value


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 2 * ROUNDS), min_size=1, max_size=6))
async def test_each_is_changed_once_or_told_as_left_after_so_many_rounds(times: dict[str, int]) -> None:
    collection, waited = Overtaken(times), []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(delivery_queries, "asyncio", SimpleNamespace(sleep=sleep))
        changes = await change(collection, list(times), {"state": "due"}, {"$set": {"state": "sending"}})
    assert sorted([*collection.changed, *changes.left]) == sorted(times)
    assert changes == Changes(len(collection.changed), changes.left)
    assert set(changes.left) == {id for id, passed_over in times.items() if passed_over >= ROUNDS}
    assert collection.rounds == min(ROUNDS, max(times.values()) + 1)
    assert len(waited) == max(0, collection.rounds - 2), "the second time at once"
    assert sum(waited) < 1


async def test_what_is_not_so_any_more_is_not_left() -> None:
    collection = Overtaken({"a": 1, "b": ROUNDS}, no_more=frozenset("b"))
    assert await change(collection, ["a", "b"], {}, {}) == Changes(1)
    assert collection.rounds == 2


async def test_a_cancel_ends_it_between_two_rounds() -> None:
    collection = Overtaken({"a": 1_000})
    task = asyncio.create_task(change(collection, ["a"], {}, {}))
    await asyncio.sleep(0)  # it waits for its third round
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert collection.rounds == 2
