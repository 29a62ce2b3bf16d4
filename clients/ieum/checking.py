"""Conformance offline: what the door would say of a file, as far as the contract and the pack can tell.

The models and lists are those of the door itself. Of its rules those for an advert's days and the minimum wage
are looked at, too. Not known here: who is registered, what was sent before, what is never collected, consents;
`send --testrun` asks the door for these, without any effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any

from clients.ieum.sending import Tally
from shared.events.advert_dates import wrong_dates
from shared.events.http_binding import read, with_data
from shared.events.limits import check_structure
from shared.events.refusal import Refusal, Refused
from shared.events.registry import load_topics
from shared.events.topics.opportunities import JobAtDoor, ProgrammeAtDoor
from shared.files import Converted, Line, lines_about
from shared.files.columns import columns_of
from shared.reference import Pack


def check(
    rows: Iterable[Converted],
    pack: Pack,
    language: str,
    today: date,
    tell: Callable[[Line], None],
    done: Callable[[int], None],
    agency: str | None = None,
) -> Tally:
    """Look at every row; `tell` is called with every finding. `agency`: who would send it, where that is said."""
    load_topics()
    tally = Tally()
    for row in rows:
        tally.rows += 1
        tally.warnings += len(row.warnings)
        found = () if row.event is None else findings(row.event, pack, today, agency)
        if row.event is None:
            tally.unsent += 1
        else:
            tally.statuses["unfit" if found else "fit"] += 1
        for line in lines_about(row, pack, language, found):
            tell(line)
        done(tally.rows)
    return tally


def findings(event: dict[str, Any], pack: Pack, today: date, agency: str | None = None) -> tuple[Refusal, ...]:
    """What is wrong with one event."""
    try:
        event = with_data(event)
        check_structure(event)
        incoming = read(event)
    except Refused as refused:
        return refused.refusals
    own = f"/agencies/{agency}"
    foreign = [] if agency is None or incoming.source == own else [Refusal("wrong-source", "/source", {"source": own})]
    return (
        *foreign,
        *_codes(incoming.event_type.name, event["data"], pack, today),
        *_advert(incoming.data, pack, today),
    )


def _advert(data: object, pack: Pack, today: date) -> Iterator[Refusal]:
    """Of the rules for adverts those that need only the calendar and the table of wages."""
    if not isinstance(data, JobAtDoor | ProgrammeAtDoor):
        return
    yield from wrong_dates(data, today)
    wage, week, day = data.wage, data.hours_per_week, data.hours_per_day
    if not isinstance(data, JobAtDoor) or wage is None or wage.currency != pack.currency:
        return
    floor = pack.wage_floor(max(today, data.starts or today))
    contradict = week is not None and day is not None and not day <= week <= 7 * day
    if floor is None or contradict or wage.minimum >= (least := pack.least_pay(floor, wage.per, week, day)):
        return
    said = {"minimum": least, "per": wage.per, "hourly": floor}
    hours = f"{week or pack.manifest.working_time.hours_per_week:g}"
    yield Refusal("wage-below-minimum", "/data/wage/minimum", {**said, "hours": hours})


def _codes(type: str, data: dict[str, Any], pack: Pack, today: date) -> Iterator[Refusal]:
    for path, column in columns_of(type).items():
        if column.field is None:
            continue
        for pointer, code in _values(data, path.split("."), "/data"):
            if pack.accepts(column.field, code) or pack.successors_of(code, today):
                continue
            near = " ".join(pack.nearest_codes(column.field, code))
            schemes = ", ".join(sorted(pack.schemes_for(column.field)))
            yield Refusal("unknown-code", pointer, {"schemes": schemes, **({"codes": near} if near else {})})


def _values(value: Any, way: list[str], pointer: str) -> Iterator[tuple[str, str]]:
    """The texts at a place, each with its pointer."""
    if isinstance(value, list):
        rest = way[1:] if way and way[0] == "#" else way
        for at, each in enumerate(value):
            yield from _values(each, rest, f"{pointer}/{at}")
    elif way and isinstance(value, dict) and way[0] in value:
        yield from _values(value[way[0]], way[1:], f"{pointer}/{way[0]}")
    elif not way and isinstance(value, str):
        yield pointer, value
