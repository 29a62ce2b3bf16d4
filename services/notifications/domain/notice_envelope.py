"""The outward form of a notice or recall: one CloudEvent of exactly `BODY_BYTES` bytes, whatever it says.

Nothing in it comes from our side of the wall: the id is made for this recipient, ``source`` and ``type`` are words
that everybody gets, and ``time`` is the first moment of the month, because the exact time would let two partners join
their lists.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from shared.events.notices import BODY_BYTES, NOTICE, NOTICE_SOURCE, RECALL, TEST, EndpointTest, Notice, Recall

DEFAULT_ASK = "/people/{alias}/matches"  # the path of the matching API where a recipient asks with its own key


class TooLong(ValueError):
    """What is to be said does not fit into a body. A bug or a setting: never padded away, never cut."""


def month_of(moment: datetime) -> str:
    """The month of a moment, as notices say it ("2026-11")."""
    return f"{moment.year:04d}-{moment.month:02d}"


_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, check_circular=False)
_TYPES = {Notice: NOTICE, Recall: RECALL, EndpointTest: TEST}


def cloudevent(told: Notice | Recall | EndpointTest) -> dict[str, Any]:
    """What is told as a structured CloudEvent, padded so that `encode` gives exactly BODY_BYTES bytes."""
    data = told.model_dump(mode="json")
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": told.notice,
        "source": NOTICE_SOURCE,
        "type": _TYPES[type(told)],
        "time": f"{told.month}-01T00:00:00Z",
        "datacontenttype": "application/json",
        "data": {**data, "padding": ""},
    }
    missing = BODY_BYTES - len(encode(event))
    if missing < 0:
        raise TooLong(f"{-missing} bytes too many")
    event["data"]["padding"] = " " * missing
    return event


def with_attribute(event: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    """With an extension attribute, in as many bytes as before."""
    data = {**event["data"], "padding": ""}
    added = {**event, name: value, "data": data}
    missing = BODY_BYTES - len(encode(added))
    if missing < 0:
        raise TooLong(f"{-missing} bytes too many")
    data["padding"] = " " * missing
    return added


def encode(event: dict[str, Any]) -> bytes:
    """The bytes that are signed and sent, the same for every attempt."""
    return _JSON.encode(event).encode()
