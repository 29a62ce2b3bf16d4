"""What changes deliveries by id outside of a transaction looks whether it found them (decision 71)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from services import notifications

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
    assert by_id == {("delivery/delivery_queries.py", "change")}
    assert {hint for *_, hint in found} >= NOT_BY_ID, "it finds those that are by another index"
