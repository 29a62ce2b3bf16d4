"""What a subscription says is of the type that its schema names: nothing is guessed at, as with events."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from services.notifications.subscriptions.schemas import SubscriptionChanges
from shared.events.refusal import without_echoes

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("per_second", True, "float_type"),
        ("per_second", "5", "float_type"),
        ("recalls_only", "yes", "bool_type"),
        ("recalls_only", 1, "bool_type"),
        ("blocked_head_seconds", "600", "int_type"),
        ("blocked_head_seconds", True, "int_type"),
        ("blocked_head_seconds", float("inf"), "int_type"),
        ("retry_schedule", [True], "float_type"),
        ("retry_schedule", ["5"], "float_type"),
    ],
)
def test_what_is_of_another_type_is_refused(name: str, value: Any, wrong: str) -> None:
    with pytest.raises(ValidationError) as refused:
        SubscriptionChanges.model_validate({name: value})
    assert refused.value.errors()[0]["type"] == wrong


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("per_second", 5),
        ("per_second", 0.5),
        ("recalls_only", False),
        ("blocked_head_seconds", 600),
        ("blocked_head_seconds", 600.0),
        ("retry_schedule", [1, 2.5]),
        ("per_second", None),
    ],
)
def test_whole_numbers_are_numbers(name: str, value: Any) -> None:
    assert SubscriptionChanges.model_validate({name: value}).model_fields_set == {name}


@pytest.mark.parametrize(
    ("waits", "found"),
    [
        ([0.5], [(("retry_schedule", 0), "greater_than_equal")]),
        (["5", 0.5], [(("retry_schedule", 0), "float_type"), (("retry_schedule", 1), "greater_than_equal")]),
        ([], [(("retry_schedule",), "too_short")]),
        ([5] * 21, [(("retry_schedule",), "too_long")]),
    ],
)
def test_a_list_whose_members_are_wrong_is_not_called_too_short_for_it(waits: list[Any], found: list[Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        SubscriptionChanges.model_validate({"retry_schedule": waits})
    assert [(each["loc"], each["type"]) for each in without_echoes(refused.value.errors())] == found
