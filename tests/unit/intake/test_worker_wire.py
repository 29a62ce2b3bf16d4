"""What goes over the pipe to the worker and back is the same afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.intake.event_validation import Validated, Validation
from services.intake.worker.questions import Found
from services.intake.worker.wire import LENGTH_BYTES, framed, read
from shared.events import registry
from shared.events.http_binding import Unfit
from shared.events.refusal import Refusal, Refused
from shared.screening.findings import Budget
from tests.unit.intake.memory import House, example

pytestmark = pytest.mark.unit


def validated(event: Any) -> Validated:
    return Validation(House().dependencies).validate(event, "gjf", datetime.now(UTC), Budget())


def there_and_back(thing: Any) -> Any:
    sent = framed(thing)
    assert int.from_bytes(sent[:LENGTH_BYTES]) == len(sent) - LENGTH_BYTES
    return read(sent[LENGTH_BYTES:])


@pytest.mark.parametrize("name", [each.name for each in registry if each.door is not None])
def test_a_sound_event_of_every_type_is_the_same(name: str) -> None:
    one = validated(House().event(name, example(name), by="gjf"))
    assert one.event is not None
    found = there_and_back(Found([one], []))
    assert found == Found([one], [])
    event = found.portion[0].event
    assert event.incoming.event_type is one.event.incoming.event_type
    assert event.incoming.data.model_fields_set == one.event.incoming.data.model_fields_set
    assert event.incoming.data.model_dump_json() == one.event.incoming.data.model_dump_json()
    assert event.incoming.data.model_copy() == one.event.incoming.data


def test_what_was_made_of_an_advert_comes_along() -> None:
    one = validated(House().event("job-posted", example("job-posted"), by="gjf"))
    assert one.event is not None
    words, facts = one.event.words, one.event.facts
    found = there_and_back(one).event
    assert "words" in vars(found)
    assert (found.words, found.facts) == (words, facts)


def test_what_is_wrong_with_an_event_is_the_same() -> None:
    job = example("job-posted")
    wrong = {**job, "places": "many", "wage": {**job["wage"], "minimum": 1}}
    one = validated(House().event("job-posted", wrong, by="gjf"))
    assert one.unfit is not None
    found = there_and_back(one)
    assert (found.echo, found.event, found.refusals, found.rest) == (one.echo, one.event, one.refusals, one.rest)
    assert isinstance(found.unfit, Unfit)
    assert (found.unfit.refusals, found.unfit.rest, found.unfit.places) == (
        one.unfit.refusals, one.unfit.rest, one.unfit.places,
    )  # fmt: skip


def test_why_something_was_refused_is_the_same() -> None:
    found = there_and_back(Refused(Refusal("not-json", "/3"), Refusal("too-long", "", {"most": 3})))
    assert found.refusals == (Refusal("not-json", "/3"), Refusal("too-long", "", {"most": 3}))
    assert str(found) == "not-json at /3; too-long at /"
