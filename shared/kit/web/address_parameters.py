"""The parameters of an address, before a route parses them: those that it takes, each once, each written as its type.

What a route does not know it would pass over, and whoever misspelled a filter would take the answer for the filtered
one. And the framework reads more than anybody writes on purpose: ``1_0`` as ten, a number as seconds since 1970.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from pydantic import AwareDatetime

from shared.events.refusal import MOST_NAMED, Refusal, Refused, nearest

_NO_NUMBER = re.compile(r"(?![+-]?[0-9_.,eE]*\Z).*", re.ASCII | re.DOTALL)
# of each type: what it has to look like, and the rule of what does not; the framework looks at the rest
_FORMS: Mapping[Any, tuple[re.Pattern[str], str]] = {
    int: (re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII), "int-type"),
    # as JSON writes it: whoever gives the rest of a time writes 3.2e-05 where little is left
    float: (re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII), "float-type"),
    datetime: (_NO_NUMBER, "datetime-from-date-parsing"),
    AwareDatetime: (_NO_NUMBER, "datetime-from-date-parsing"),
    date: (_NO_NUMBER, "not-a-date"),
}
_Form = tuple[str, re.Pattern[str], str]  # name, and as above


class AddressParameters:
    """Of one route; ``any_other``: what it does not know is passed over. Nobody writes probes by hand, and to the
    address of a page mail programs and viewers add what they like.
    """

    def __init__(self, route: Dependant, *, any_other: bool = False) -> None:
        everywhere = list(_all(route))
        query = [each for one in everywhere for each in one.query_params]
        head = [each for one in everywhere for each in one.header_params]
        self._known = frozenset(each.alias for each in query)
        self._once = [each.alias for each in query if not _takes_several(each.field_info.annotation)]
        self._once_in_head = [each.alias for each in head if not _takes_several(each.field_info.annotation)]
        self._in_query = list(_forms(query))
        self._in_path = list(_forms(each for one in everywhere for each in one.path_params))
        self._any_other = any_other

    def check(self, request: Request) -> None:
        """Raises Refused, with everything that is wrong."""
        said, path = request.query_params, request.path_params
        found = [
            *_twice(said.getlist, self._once, "/query"),
            *_twice(request.headers.getlist, self._once_in_head, "/header"),
            *(() if self._any_other else self._unknown([name for name in said if name not in self._known])),
            *(_odd(form, "/query", text) for form in self._in_query for text in said.getlist(form[0])),
            *(_odd(form, "/path", str(path[form[0]])) for form in self._in_path if form[0] in path),
        ]
        if refusals := [each for each in found if each is not None]:
            raise Refused(*refusals)

    def _unknown(self, names: Sequence[str]) -> Iterator[Refusal]:
        """Each of them by the known one that it is like: the name itself may be anybody's text."""
        known = ", ".join(sorted(self._known)) or "-"
        for number, name in enumerate(names):
            like = nearest(name, self._known) if number < MOST_NAMED else {}
            yield Refusal("unknown-parameter", "/query", {"known": known, **like})


def _all(route: Dependant) -> Iterator[Dependant]:
    yield route
    for each in route.dependencies:
        yield from _all(each)


def _forms(parameters: Any) -> Iterator[_Form]:
    for each in parameters:
        annotation = each.field_info.annotation
        for kind in (annotation, *get_args(annotation)):
            if isinstance(kind, type) and kind in _FORMS:
                yield (each.alias, *_FORMS[kind])
                break


def _odd(form: _Form, place: str, text: str) -> Refusal | None:
    name, wanted, rule = form
    return None if wanted.fullmatch(text) else Refusal(rule, f"{place}/{name}")


def _takes_several(annotation: Any) -> bool:
    return any(get_origin(each) is list for each in (annotation, *get_args(annotation)))


def _twice(said: Callable[[str], Sequence[str]], names: Sequence[str], place: str) -> Iterator[Refusal]:
    """What is there twice means two things, as in a body: the framework would take the last one of an address, and
    whoever looked at it before us the first."""
    return (Refusal("named-twice", f"{place}/{name}") for name in names if len(said(name)) > 1)
