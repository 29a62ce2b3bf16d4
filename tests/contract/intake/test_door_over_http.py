"""The door by HTTP does as its published schemas say: generated data of every type, on known references.

Valid by schema: taken, or refused by a rule of the pack (counted apart), never for its form.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from shared.events import EventType, registry
from shared.events.data_classification import Model
from shared.events.publish_schemas import door_schema
from tests.contract.intake.door import DOOR_TYPES, Http, drawn, known, of_form
from tests.support.contract import instances, validator_of
from tests.unit.intake.memory import example

pytestmark = pytest.mark.contract


def mended(event_type: EventType, data: dict[str, Any], opportunity: str, number: int) -> dict[str, Any]:
    """Generated data whose codes, titles and dates are real ones, so that most of it passes the pack's rules too. Who
    arrives or is registered is somebody new each time."""
    base = example(event_type.name)
    taken = {name: value for name, value in data.items() if name not in base or name in ("places", "months", "has")}
    found = known({**base, **{name: value for name, value in taken.items() if not _has_codes(value)}}, opportunity)
    if event_type.name in ("trainee-graduated", "person-enrolled"):
        found["reference"] = f"NEW-{number}"
    if event_type.name == "agency-registered":
        keys = [{**key, "key_id": f"new-{number}-{n}"} for n, key in enumerate(found.get("keys", ()))]
        found |= {"agency": f"new-{number}", "keys": keys}
    return found


def _has_codes(value: Any) -> bool:
    return isinstance(value, str | list | dict)


@cache
def generated(door: type[Model]) -> list[Any]:
    """200 values made from the schema of a door model."""
    schema = door_schema(next(item for item in registry if item.door is door))
    assert schema is not None
    return drawn(instances(schema))


@pytest.mark.parametrize("event_type", DOOR_TYPES)
class TestGenerated:
    async def test_valid_data_is_never_refused_for_its_form(self, http: Http, event_type: EventType) -> None:
        schema = door_schema(event_type)
        assert schema is not None
        validator = validator_of(schema)
        assert event_type.door is not None
        for number, data in enumerate(generated(event_type.door)):
            for sent in (known(data, http.opportunity), mended(event_type, data, http.opportunity, number)):
                if not validator.is_valid(sent):
                    continue
                answer = await http.send(event_type, sent)
                if answer.status_code == 202:
                    http.seen["taken"] += 1
                    continue
                assert answer.status_code == 422, answer.text
                rules = {error["rule"] for error in answer.json()["errors"]}
                assert not [rule for rule in rules if of_form(rule)], rules
                http.seen["by a rule"] += 1
        assert sum(http.seen.values()) >= 250, http.seen
        assert http.seen["taken"] >= 20, http.seen
