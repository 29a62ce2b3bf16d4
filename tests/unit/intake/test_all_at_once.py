"""A13: whoever mends what one answer says is not sent back a second time."""

from __future__ import annotations

import pytest

from tests.unit.intake.memory import House, example, today

pytestmark = pytest.mark.unit


async def test_with_a_wrong_form_the_recipient_is_looked_at_all_the_same() -> None:
    """A13: one wrong form, a wrong code, title, purpose and recipient: five findings, at once."""
    data = example("trainee-graduated", residence="bad", education="work24-2024-education:99", certificates=["zzz"])
    data["consents"] += [{"purpose": "zzz", "until": today(5)}]
    data["consents"] += [{"purpose": "notice", "recipient": "nobody", "until": today(5)}]
    receipt = await House().send("trainee-graduated", data)
    assert receipt.problem is not None
    assert {(one.rule, one.field) for one in receipt.problem.errors or ()} == {
        ("wrong-form", "/data/residence"),
        ("unknown-code", "/data/education"),
        ("unknown-title", "/data/certificates/0"),
        ("unknown-purpose", "/data/consents/2/purpose"),
        ("recipient-unknown", "/data/consents/3/recipient"),
    }


async def test_who_may_not_send_it_learns_nothing_of_others() -> None:
    data = example("trainee-graduated", residence="bad")
    data["consents"] = [{"purpose": "notice", "recipient": "nobody", "until": today(5)}]
    house = House()
    event = house.event("trainee-graduated", data, "hanawon")
    (receipt,) = await house.send_all([event], "khf")
    assert receipt.problem is not None
    assert [one.rule for one in receipt.problem.errors or ()] == ["wrong-form"]


async def test_what_is_never_collected_is_told_with_everything_else_and_not_twice() -> None:
    data = example("trainee-graduated", education="work24-2024-education:99", notes="y", zzz=1)
    data["identity"]["가족"] = ["z"]
    data["consents"] = [{"purpose": "notice", "recipient": "nobody", "until": today(5)}]
    receipt = await House().send("trainee-graduated", data)
    assert receipt.problem is not None
    assert sorted((one.rule, one.field) for one in receipt.problem.errors or ()) == [
        ("never-collected", "/data/identity/가족"),
        ("never-collected", "/data/notes"),
        ("recipient-unknown", "/data/consents/0/recipient"),
        ("unknown-code", "/data/education"),
        ("unknown-field", "/data"),
    ]
    assert receipt.problem.rule == "never-collected"


async def test_an_event_that_was_taken_is_no_duplicate_with_what_is_never_collected_in_it() -> None:
    house = House()
    event = house.event("trainee-graduated", example("trainee-graduated"))
    await house.send_all([event])
    (receipt,) = await house.send_all([{**event, "data": {**event["data"], "health": "x"}}])
    assert receipt.problem is not None
    assert [one.rule for one in receipt.problem.errors or ()] == ["never-collected"]
