"""What `make doors` compares: adverts that say the same in XML, and states without ids of their own."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime

import bson
import pytest

from samples.world import load_setting
from samples.world.openings import make_opening
from services.intake.documents import Reference
from services.intake.opportunity_documents import StoredOpportunity
from shared.events.registry import registry
from shared.files import Converter
from shared.kit.store.mongo import UTC_CODEC
from shared.reference import load_pack
from verification.doors.adverts import as_event, as_xml, can_be_said
from verification.doors.bare import documents_of
from verification.doors.states import Held

pytestmark = pytest.mark.unit
PACK = load_pack("kr-gyeonggi")


@pytest.mark.parametrize("encoding", ["utf-8", "euc-kr"])
def test_an_advert_in_xml_says_what_its_event_says(encoding: str) -> None:
    setting, today = load_setting("kr-gyeonggi"), date(2026, 11, 28)
    openings = [make_opening(setting, PACK, 3, 1, number, today) for number in range(120)]
    events = [as_event({"data": one.data}) for one in openings if one.kind == "job" and can_be_said(one.data)]
    assert len(events) > 30
    converter = Converter(PACK, "gjf", datetime(2026, 11, 28, tzinfo=UTC), lambda _: "x")
    found = list(converter.convert(io.BytesIO(as_xml(events, encoding))))
    door = registry.find("job-posted").door
    assert door is not None
    for event, row in zip(events, found, strict=True):
        assert row.event is not None
        assert door.model_validate_json(json.dumps(row.event["data"])) == door.model_validate_json(
            json.dumps(event["data"])
        )


class TestHeld:
    def test_says_what_is_lost_doubled_and_different(self) -> None:
        wanted = Held({"a": 1, "b": 2, "c": 3}, 3)
        assert (wanted.lost(wanted), wanted.doubled(wanted), wanted.differences(wanted)) == (0, 0, 0)
        assert wanted.lost(Held({"a": 1}, 1)) == 2
        assert wanted.doubled(Held({"a": 1, "b": 2, "c": 3}, 4)) == 1
        assert wanted.differences(Held({"a": 1, "b": 0, "c": 0}, 3)) == 2


def test_the_bare_loop_keeps_what_intake_keeps_of_an_advert() -> None:
    """Else it would be compared with less than the same documents."""
    setting, today = load_setting("kr-gyeonggi"), date(2026, 11, 28)
    job = next(one for one in (make_opening(setting, PACK, 3, 1, n, today) for n in range(120)) if one.kind == "job")
    thing, reference = documents_of(job.data)
    kept = StoredOpportunity.kept_in(bson.decode(bson.encode(thing), UTC_CODEC))
    assert kept.state.title == job.data["title"]
    assert [source.index for source in kept.sources] == [reference["_id"]]
    assert Reference.kept_in(reference["_id"], reference).thing == kept.id
