"""Bodies of JSON, read once for every route: what two readers could take for different things is refused.

A name that stands twice in an object has no meaning that all agree on (RFC 8259, 4): Python takes the last one, others
the first, so a gateway may have looked at one address and we would call the other. ``NaN`` and ``Infinity`` are not
JSON. A body that is packed, or in another charset than JSON's, is said to be that: "check the brackets" helps nobody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from fastapi import Request
from starlette.exceptions import HTTPException

from shared.events import named_twice

_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([^\s;\"']+)", re.ASCII | re.IGNORECASE)
_JSONS_OWN = ("utf", "us-ascii", "ascii")  # how the name of a charset begins that JSON is read in


class NamedTwice(HTTPException):
    """``place``: the names and indexes that lead to the name that stands twice, itself the last. FastAPI passes its own
    kind of exception on where a body is read, and no other."""

    def __init__(self, place: Sequence[str | int]) -> None:
        super().__init__(400)
        self.place = tuple(place)


class NotPlain(HTTPException):
    """The body is packed, or not in a charset of JSON: ``rule`` says which."""

    def __init__(self, rule: str) -> None:
        super().__init__(415)
        self.rule = rule


class JsonRequest(Request):
    """A request whose `json` is ours; FastAPI reads bodies by it."""

    async def json(self) -> Any:
        """The body. Raises NamedTwice, NotPlain, JSONDecodeError."""
        coding = ",".join(self.headers.getlist("content-encoding")).strip().lower()
        charset = _CHARSET.search(self.headers.get("content-type", ""))
        body = await self.body()
        another = charset is not None and not charset[1].lower().startswith(_JSONS_OWN)
        if coding not in ("", "identity") or (another and not body.isascii()):  # ASCII is the same in all of them
            raise NotPlain("plain-utf-8")
        try:
            return parsed(body)
        except json.JSONDecodeError:
            raise
        except UnicodeDecodeError:
            raise NotPlain("not-utf-8") from None
        except (ValueError, RecursionError):  # a number of thousands of digits, depth
            raise json.JSONDecodeError("no JSON that can be read", "", 0) from None


def parsed(body: bytes) -> Any:
    """What it says. Raises NamedTwice, ValueError (of which JSONDecodeError is one)."""
    named_twice.begin()
    value = json.loads(body, object_pairs_hook=named_twice.marked, parse_constant=_no_constant)
    if named_twice.found_one():
        raise NamedTwice(named_twice.place_in(value))
    return value


def _no_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError("no JSON", name, 0)
