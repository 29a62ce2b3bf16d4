"""`ieum check` refuses offline what the door refuses without looking into its store, in the same words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from clients.ieum.checking import Conformance
from services.intake.event_validation import Validation
from shared.events import registry
from shared.screening.findings import Budget
from tests.unit.intake.memory import House, example, pack, today

pytestmark = pytest.mark.unit
NUMBER = "900101-1234567"
HASH = sha256(b"").hexdigest()
Change = Callable[[dict[str, Any]], Any]


def data(**changes: Any) -> Change:
    return lambda event: event["data"].update(changes)


def inner(name: str, **changes: Any) -> Change:
    return lambda event: event["data"][name].update(changes)


def envelope(**changes: Any) -> Change:
    return lambda event: event.update(changes)


def paid(minimum: int, currency: str = "KRW") -> Change:
    return data(wage={"per": "hour", "minimum": minimum, "currency": currency})


WRONG: dict[str, tuple[str, Change, set[str]]] = {
    "a number in a title": ("job-posted", data(title=f"빵 {NUMBER}"), {"refused-number"}),
    "a number in an id": ("job-posted", envelope(id=NUMBER), {"refused-number"}),
    "a number in a reference": ("trainee-graduated", data(reference=NUMBER), {"refused-number"}),
    "a number, and a title that nobody knows": (
        "job-posted", data(title=f"빵 {NUMBER}", certificates=["모르는 자격"]), {"refused-number", "unknown-title"},
    ),
    "what is never collected": ("trainee-graduated", inner("identity", 가족="둘"), {"never-collected"}),
    "signs that hide": ("job-posted", data(title="빵\u202e집"), {"hidden-characters"}),
    "nothing to see": ("job-posted", data(title="\u3000 \u3000"), {"blank-text"}),
    "too much for an hour": ("job-posted", paid(2_600_000), {"wage-too-high"}),
    "too little": ("job-posted", paid(100), {"wage-below-minimum"}),
    "another currency": ("job-posted", paid(20_000, "USD"), {"unknown-currency"}),
    "a last day that is over": ("job-posted", data(closes=today(-1)), {"closes-in-the-past"}),
    "an unknown code": ("job-posted", data(occupation="work24-2024-occupation:1"), {"unknown-code"}),
    "an unknown kind": ("programme-opened", data(kind="circus"), {"unknown-kind"}),
    "ages in the wrong order": ("job-posted", data(rules={"age_min": 40, "age_max": 30}), {"numbers-in-wrong-order"}),
    "born tomorrow": ("trainee-graduated", inner("identity", birth_date=today(1)), {"date-in-future"}),
    "too old": ("trainee-graduated", inner("identity", birth_date="1900-01-01"), {"age-outside"}),
    "a wish that is a slip": (
        "trainee-graduated",
        inner("wants", wage_min={"per": "month", "amount": 230, "currency": "KRW"}),
        {"wage-too-low"},
    ),
    "a consent that holds for too long": (
        "consent-given", data(consents=[{"purpose": "matching", "until": today(5_000)}]), {"consent-too-long"},
    ),
    "a consent that is over": (
        "consent-given", data(consents=[{"purpose": "matching", "until": today(-1)}]), {"consent-in-the-past"},
    ),
    "an unknown purpose": ("consent-given", data(consents=[{"purpose": "x", "until": today(5)}]), {"unknown-purpose"}),
    "a name as the actor": ("job-posted", envelope(actor="김 하나"), {"actor-not-opaque"}),
    "what has not happened": (
        "job-posted", envelope(time=(datetime.now(UTC) + timedelta(days=3)).isoformat()), {"date-in-future"},
    ),
    "a verdict without its reason": ("opportunity-vetted", data(verdict="held", reason=None), {"reason-missing"}),
    "an agency of one language": ("agency-registered", data(name={"ko": "예시"}), {"languages"}),
    "a right that is none": ("agency-registered", inner("rights", emits=["job-posted", "x"]), {"not-for-the-door"}),
    "an employer that receives": ("agency-registered", data(recipient_class="employer"), {"class-never-receives"}),
    "a key that everybody knows": (
        "agency-changed", data(keys=[{"key_id": "abc", "secret_sha256": sha256(bytes(32)).hexdigest()}]), {"key-known"},
    ),
    "two keys of one name": (
        "agency-changed",
        data(keys=[{"key_id": "abc", "secret_sha256": "1" * 64}, {"key_id": "abc", "secret_sha256": "2" * 64}]),
        {"key-taken"},
    ),
    "all of it at once": (
        "agency-registered",
        data(name={"en": "x"}, recipient_class="public", keys=[{"key_id": "a-1", "secret_sha256": HASH}]),
        {"languages", "class-never-receives", "key-known"},
    ),
    "a missing field, a misspelled one and a number": (
        "job-posted", lambda event: event["data"].update(titel=event["data"].pop("title"), reference=NUMBER),
        {"missing-field", "unknown-field", "refused-number"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_it_says_what_the_door_says(name: str) -> None:
    type, change, rules = WRONG[name]
    house = House()
    event = house.event(type, example(type), by="gjf")
    change(event)
    door = Validation(house.dependencies).validate(event, "gjf", datetime.now(UTC), Budget())
    refusals, warnings, _ = Conformance(pack(), "gjf").look(event, house.dependencies.day(datetime.now(UTC)))
    assert {one.rule for one in refusals} == rules
    assert refusals == door.refusals
    assert warnings == door.warnings


@pytest.mark.parametrize(
    "consents",
    [
        [{"purpose": "x", "recipient": "khf"}],
        [{"purpose": "matching", "recipient": None}, {"purpose": "matching", "recipient": "khf"}, {"purpose": "y"}],
    ],
)
async def test_of_a_withdrawal_it_says_what_the_door_says_of_what_it_does_not_understand(
    consents: list[dict[str, Any]],
) -> None:
    house = House()
    person = example("trainee-graduated")
    await house.send("trainee-graduated", person, by="gjf")
    event = house.event("consent-withdrawn", {"reference": person["reference"], "consents": consents}, by="gjf")
    (receipt,) = await house.send_all([event], by="gjf")
    refusals, _, right = Conformance(pack(), "gjf").look(event, house.dependencies.day(datetime.now(UTC)))
    assert receipt.problem is not None
    said = [(one.rule, one.field) for one in receipt.problem.errors or ()]
    assert said == [(one.rule, one.field) for one in refusals]
    assert right == "emits consent-withdrawn"


def test_what_is_in_order_is_in_order_for_both() -> None:
    house = House()
    for known in registry:
        if known.door is None:
            continue
        event = house.event(known.name, example(known.name), by="gjf")
        door = Validation(house.dependencies).validate(event, "gjf", datetime.now(UTC), Budget())
        refusals, _, right = Conformance(pack(), "gjf").look(event, house.dependencies.day(datetime.now(UTC)))
        assert refusals == door.refusals == ()
        assert right == ("administers" if known.name.startswith("agency-") else f"emits {known.name}")
    foreign = Conformance(pack(), "khf").look(event, house.dependencies.day(datetime.now(UTC)))[0]
    assert [(one.rule, one.field) for one in foreign] == [("wrong-source", "/source")]
