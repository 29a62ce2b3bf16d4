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
_PADDING_END = b'"}}'  # behind the padding, which is the last word of the last field
_TYPES = {Notice: NOTICE, Recall: RECALL, EndpointTest: TEST}


def cloudevent(told: Notice | Recall | EndpointTest) -> dict[str, Any]:
    """What is told as a structured CloudEvent, padded so that `encode` gives exactly BODY_BYTES bytes."""
    event = _without_padding(told)
    event["data"]["padding"] = " " * _missing(encode(event))
    return event


def encoded(told: Notice | Recall | EndpointTest) -> bytes:
    """What `encode` makes of `cloudevent`, for a fifth of the work: no dictionaries in between."""
    data = told.__pydantic_serializer__.to_json(told)
    if not data.isascii() or b"\x7f" in data:  # JSON all the same, but not the bytes of `encode`
        return encode(cloudevent(told))
    # ids and months are digits and letters: nothing in them has to be escaped
    text = (
        (
            f'{{"specversion":"1.0","id":"{told.notice}","source":"{NOTICE_SOURCE}","type":"{_TYPES[type(told)]}",'
            f'"time":"{told.month}-01T00:00:00Z","datacontenttype":"application/json","data":'
        ).encode()
        + data
        + b"}"
    )
    assert text.endswith(_PADDING_END)
    return text[: -len(_PADDING_END)] + b" " * _missing(text) + _PADDING_END


def _without_padding(told: Notice | Recall | EndpointTest) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": told.notice,
        "source": NOTICE_SOURCE,
        "type": _TYPES[type(told)],
        "time": f"{told.month}-01T00:00:00Z",
        "datacontenttype": "application/json",
        "data": {**told.model_dump(mode="json"), "padding": ""},
    }


def _missing(text: bytes) -> int:
    if len(text) > BODY_BYTES:
        raise TooLong(f"{len(text) - BODY_BYTES} bytes too many")
    return BODY_BYTES - len(text)


def with_attribute(event: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    """With an extension attribute, in as many bytes as before."""
    data = {**event["data"], "padding": ""}
    added = {**event, name: value, "data": data}
    data["padding"] = " " * _missing(encode(added))
    return added


def encode(event: dict[str, Any]) -> bytes:
    """The bytes that are signed and sent, the same for every attempt."""
    return _JSON.encode(event).encode()
