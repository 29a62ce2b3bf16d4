"""The sample world through every kind of file is the sample world."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from samples.world import load_setting
from samples.world.openings import make_opening
from samples.world.people import make_person
from samples.world.tables import table_of
from shared.events.registry import registry
from shared.files import Converter
from shared.reference import load_pack
from tests.support.files import csv_of, xlsx_of

pytestmark = pytest.mark.unit
PACK = load_pack("kr-gyeonggi")
TODAY = date(2026, 11, 28)


def world() -> list[dict[str, Any]]:
    setting = load_setting("kr-gyeonggi")
    people = [make_person(setting, PACK, 7, number, 20, TODAY) for number in range(60)]
    openings = [make_opening(setting, PACK, 7, 0, number, TODAY) for number in range(80)]
    said = [("trainee-graduated" if one.graduate else "person-enrolled", one.data) for one in people]
    said += [("job-posted" if one.family == "job" else "programme-opened", one.data) for one in openings]
    return [
        {
            "specversion": "1.0",
            "type": type,
            "id": f"e-{number}",
            "source": "/agencies/gjf",
            "time": "2026-11-28T09:00:00+09:00",
            "data": data,
        }
        for number, (type, data) in enumerate(said)
    ]


def files() -> dict[str, bytes]:
    headings, rows = table_of(world())
    return {
        "csv": csv_of(headings, *rows),
        "csv in EUC-KR": csv_of(headings, *rows, encoding="cp949"),
        "xlsx": xlsx_of(headings, *rows),
        "json lines": "\n".join(json.dumps(event, ensure_ascii=False) for event in world()).encode(),
    }


@pytest.mark.parametrize("form", list(files()))
def test_every_kind_of_file_says_the_same(form: str) -> None:
    events = world() if form != "csv in EUC-KR" else [event for event in world() if _in_korean(event)]
    content = files()[form]
    if form == "csv in EUC-KR":
        headings, rows = table_of(events)
        content = csv_of(headings, *rows, encoding="cp949")
    assert len(events) > 80
    converter = Converter(PACK, "gjf", datetime(2026, 11, 28, tzinfo=UTC), lambda _: "x")
    found = list(converter.convert(io.BytesIO(content)))
    assert [row.refusals for row in found if row.event is None] == []
    for event, row in zip(events, found, strict=True):
        assert row.event is not None
        door = registry.find(event["type"]).door
        assert door is not None
        assert {name: row.event[name] for name in ("type", "id", "source", "time")} == {
            name: event[name] for name in ("type", "id", "source", "time")
        }
        assert door.model_validate_json(json.dumps(row.event["data"])) == door.model_validate_json(
            json.dumps(event["data"])
        )


def _in_korean(event: dict[str, Any]) -> bool:
    """Whether all of its letters are in EUC-KR's extension, which has 11,172 syllables and no more."""
    try:
        json.dumps(event, ensure_ascii=False).encode("cp949")
    except UnicodeEncodeError:
        return False
    return True
