"""What goes over the pipe to the worker and back is the same afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.intake.domain import advert_rules
from services.intake.domain.vacancy import facts_of
from services.intake.event_validation import Validated, Validation
from services.intake.worker.questions import Found
from services.intake.worker.wire import LENGTH_BYTES, framed, read
from shared.events import registry
from shared.events.incoming import Unfit
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


ADVERTS = ("job-posted", "job-updated", "programme-opened", "programme-updated")
OTHERS = [each.name for each in registry if each.door is not None and each.name not in ADVERTS]


@pytest.mark.parametrize("name", OTHERS)
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


@pytest.mark.parametrize("name", ADVERTS)
def test_of_an_advert_all_comes_along_but_what_is_in_it_already(name: str) -> None:
    one = validated(House().event(name, example(name), by="gjf", sequence="7", actor="w-1", traceparent="none"))
    assert one.event is not None
    assert one.event.advert is not None
    found = there_and_back(one)
    event = found.event
    incoming = replace(event.incoming, data=one.event.incoming.data, content=one.event.incoming.content)
    assert replace(found, event=replace(event, incoming=incoming, features=one.event.features)) == one
    assert event.incoming.event_type is one.event.incoming.event_type
    assert (event.features, event.incoming.content, event.incoming.data.model_dump()) == ({}, b"", {})
    assert event.advert.words == advert_rules.opened(event.advert.opportunity, "gjf", one.event.features)
    assert event.advert.facts == facts_of(event.advert.words)


def test_a_refused_advert_is_the_same() -> None:
    one = validated(House().event("job-posted", example("job-posted", region="legal-dong-2026:1"), by="gjf"))
    assert one.refusals
    assert one.event is not None
    assert one.event.advert is None
    assert there_and_back(one) == one


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
