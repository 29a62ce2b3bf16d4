"""Bodies of JSON, read once for every route: what two readers could take for different things is refused.

A name that stands twice in an object has no meaning that all agree on (RFC 8259, 4): Python takes the last one, others
the first, so a gateway may have looked at one address and we would call the other. ``NaN`` and ``Infinity`` are not
JSON. A body that is packed, or in another charset than JSON's, is said to be that: "check the brackets" helps nobody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from fastapi import Request
from starlette.exceptions import HTTPException

_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]+)", re.ASCII | re.IGNORECASE)
_JSONS_OWN = ("utf", "us-ascii")  # how the name of a charset begins that JSON is read in


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
        if coding not in ("", "identity") or (charset and not charset[1].lower().startswith(_JSONS_OWN)):
            raise NotPlain("plain-utf-8")
        body = await self.body()
        try:
            return parsed(body)
        except json.JSONDecodeError:
            raise
        except UnicodeDecodeError:
            raise NotPlain("not-utf-8") from None
        except (ValueError, RecursionError):  # a number of thousands of digits, depth
            raise json.JSONDecodeError("no JSON that can be read", "", 0) from None


class _Twice(dict[str, Any]):
    """An object in which this name stands twice."""

    name = ""


def parsed(body: bytes) -> Any:
    """What it says. Raises NamedTwice, ValueError (of which JSONDecodeError is one)."""
    found_twice = False

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found_twice
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        found_twice, marked, seen = True, _Twice(found), set[str]()
        for name, _ in pairs:
            if name in seen:
                marked.name = name
                break
            seen.add(name)
        return marked

    value = json.loads(body, object_pairs_hook=object_of, parse_constant=_no_constant)
    if found_twice:
        raise NamedTwice(_place_in(value))
    return value


def _no_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError("no JSON", name, 0)


def _place_in(value: Any) -> tuple[str | int, ...]:
    """Of the first name that stands twice. One that was overwritten lies in what stands twice itself.

    One path for all of the walk: a copy for each value would cost its depth times as much as reading it."""
    path: list[str | int] = []
    if isinstance(value, _Twice):
        return (value.name,)
    levels = [_inner(value)]
    while levels:
        for at, each in levels[-1]:
            if isinstance(each, _Twice):
                return (*path, at, each.name)
            if isinstance(each, dict | list):
                path.append(at)
                levels.append(_inner(each))
                break
        else:
            levels.pop()
            path[-1:] = []
    raise AssertionError("nothing stands twice")


def _inner(value: Any) -> Iterator[tuple[str | int, Any]]:
    return iter(value.items()) if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else iter(())
