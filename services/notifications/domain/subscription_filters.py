"""Which notices a subscription wants: the filter dialects ``all``, ``any``, ``not``, ``exact`` and ``prefix`` of the
CloudEvents Subscriptions API, over what a notice says of its opening, and its region.

    {"all": [{"exact": {"kind": "job"}}, {"prefix": {"region": "legal-dong-2026:41"}}]}

A filter is checked and bounded once, when it comes in, kept as text, and compiled once per text. It names only kinds
and regions that the pack has at that moment, and nothing that contradicts itself: what nobody ever says would never
match, and its owner would take silence for a lack of openings (docs/decisions/0080).
"""

from __future__ import annotations

import json
from collections.abc import Set
from functools import lru_cache
from typing import Any, get_args

from services.notifications.domain.notice_threads import MatchSummary, Wants
from shared.events.topics.matches import Band
from shared.reference import Pack

MOST_DEPTH, MOST_NODES, LONGEST_VALUE, MOST_TEXT = 6, 60, 60, 4_096
COMPILED = 10_000  # filters that are held ready
FIELDS = ("kind", "band", "region")
NEVER_MATCHES = "filter-never-matches"
_ELSE = "\U0010ffff"  # no kind is called so, and no code goes on so
BY_PREFIX = frozenset({"region"})  # the codes of regions begin with that of the region around


class FilterRefused(ValueError):
    """``place`` is a JSON pointer into the filter, of our words and numbers only; ``rule`` says what is wrong there.
    ``values``: what would be right, of one that names what there is not; none of one that is no filter."""

    def __init__(self, place: str, rule: str, **values: str) -> None:
        super().__init__(rule)
        self.place = place
        self.rule = rule
        self.values = values


def checked(wanted: object, pack: Pack) -> str:
    """A filter as it is kept. Raises FilterRefused."""
    _Check(pack).node(wanted, "", 1)
    text = json.dumps(wanted, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    if len(text) > MOST_TEXT:
        raise FilterRefused("", "filter-size")
    if not _can_match(json.loads(text)):
        raise FilterRefused("", NEVER_MATCHES)
    return text


def _can_match(wanted: dict[str, Any]) -> bool:
    """Whether there could be a notice that it wants, also of kinds and codes that come to the lists later. To a filter
    all are alike that it tells apart by nothing that it names: one of each is tried."""
    named: dict[str, set[str]] = {field: set() for field in (*FIELDS, "begins")}
    _name(wanted, named)
    regions = [None, *sorted(named["region"]), *(f"{each}{_ELSE}" for each in sorted(named["begins"]))]
    wants = _compile(wanted)
    return any(
        wants(MatchSummary("", kind, band, region))
        for kind in (*sorted(named["kind"]), _ELSE)
        for band in get_args(Band)
        for region in regions
    )


def _name(wanted: dict[str, Any], named: dict[str, set[str]]) -> None:
    """Take in what a filter names."""
    ((dialect, inner),) = wanted.items()
    if dialect == "exact":
        for field, value in inner.items():
            named[field].add(value)
    elif dialect == "prefix":
        named["begins"].add(inner["region"])
    else:
        for each in [inner] if dialect == "not" else inner:
            _name(each, named)


class _Check:
    """Counts the nodes of one filter while it looks at them."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack
        self._nodes = 0

    def node(self, wanted: object, place: str, depth: int) -> None:
        """One filter expression."""
        self._nodes += 1
        if depth > MOST_DEPTH or self._nodes > MOST_NODES:
            raise FilterRefused(place, "filter-size")
        if not isinstance(wanted, dict) or len(wanted) != 1:
            raise FilterRefused(place, "filter-form")
        ((dialect, inner),) = wanted.items()
        if dialect in ("exact", "prefix"):
            whole = dialect == "exact"
            self._compared(inner, f"{place}/{dialect}", frozenset(FIELDS) if whole else BY_PREFIX, whole=whole)
        elif dialect == "not":
            self.node(inner, f"{place}/not", depth + 1)
        elif dialect in ("all", "any") and isinstance(inner, list) and inner:
            for number, each in enumerate(inner):
                self.node(each, f"{place}/{dialect}/{number}", depth + 1)
        else:
            raise FilterRefused(place, "filter-form")

    def _compared(self, inner: object, place: str, fields: Set[str], *, whole: bool) -> None:
        if not isinstance(inner, dict) or not inner:
            raise FilterRefused(place, "filter-form")
        for field, value in inner.items():
            if field not in fields:
                raise FilterRefused(place, "filter-field")
            if not isinstance(value, str) or len(value) > LONGEST_VALUE:
                raise FilterRefused(f"{place}/{field}", "filter-value")
            self._known(field, value, f"{place}/{field}", whole=whole)

    def _known(self, field: str, value: str, place: str, *, whole: bool) -> None:
        if field == "kind" and value not in self._pack.kinds:
            raise FilterRefused(place, "unknown-kind", kinds=", ".join(self._pack.kinds))
        if field == "band" and value not in get_args(Band):
            raise FilterRefused(place, "unknown-value", expected=" or ".join(map(repr, get_args(Band))))
        if field == "region" and not (self._pack.accepts(field, value) if whole else self._begins_one(field, value)):
            schemes = ", ".join(sorted(self._pack.schemes_for(field)))
            if whole and self._begins_one(field, value):  # a province, say: `prefix` is what they mean
                raise FilterRefused(place, "whole-code", schemes=schemes)
            near = self._pack.successors[value].codes if value in self._pack.successors else ()
            near = near or self._pack.nearest_codes(field, value)
            raise FilterRefused(place, "unknown-code", schemes=schemes, **({"codes": " ".join(near)} if near else {}))

    def _begins_one(self, field: str, value: str) -> bool:
        """Whether some code of one list begins so: of a list of another year nothing is meant."""
        return ":" in value and self._pack.any_code_begins(field, value)


@lru_cache(maxsize=COMPILED)
def compiled(text: str | None) -> Wants:
    """A kept filter, ready to be asked; None wants everything."""
    return _everything if text is None else _compile(json.loads(text))


def _everything(_: MatchSummary) -> bool:
    return True


def _nothing(_: MatchSummary) -> bool:
    return False


NOTHING: Wants = _nothing  # of a subscription that takes recalls only


def _compile(wanted: dict[str, Any]) -> Wants:
    ((dialect, inner),) = wanted.items()
    if dialect == "exact":
        kind, band, region = inner.get("kind"), inner.get("band"), inner.get("region")
        return lambda told: (
            (kind is None or told.kind == kind)
            and (band is None or told.band == band)
            and (region is None or told.region == region)
        )
    if dialect == "prefix":
        around: str = inner["region"]
        return lambda told: told.region is not None and told.region.startswith(around)
    if dialect == "not":
        inverted = _compile(inner)
        return lambda told: not inverted(told)
    parts = tuple(_compile(each) for each in inner)
    if dialect == "all":
        return lambda told: all(part(told) for part in parts)
    return lambda told: any(part(told) for part in parts)
