"""One thing that an agency's system sends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Json = dict[str, Any]


@dataclass(frozen=True)
class Mistake:
    """What is wrong with an event, on purpose. ``rule`` and ``status`` are what the door must answer."""

    name: str
    rule: str
    status: int = 422


@dataclass(frozen=True)
class Item:
    """A CloudEvent and the agency whose key sends it."""

    agency: str
    event: Json
    mistake: Mistake | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What identifies the event: source and id."""
        return self.event["source"], self.event["id"]


class EventWriter:
    """Numbers and dates an agency's events of one day; ids and times depend on nothing but the order of calls."""

    def __init__(self, today: date, day: int, timezone: str) -> None:
        self._day = day
        self._year = today.year
        self._sent: dict[str, int] = {}
        # The events of a day were written the day before, so that no clock finds them in the future.
        self._first = datetime.combine(today, time(), ZoneInfo(timezone)) - timedelta(hours=24 - day % 20)

    def write(self, agency: str, kind: str, data: Json, mistake: Mistake | None = None) -> Item:
        """An event of ``kind`` from ``agency`` with the next id."""
        number = self._sent[agency] = self._sent.get(agency, 0) + 1
        moment = self._first + timedelta(milliseconds=200 * sum(self._sent.values()))
        event = {
            "specversion": "1.0",
            "type": kind,
            "source": f"/agencies/{agency}",
            "id": f"{agency}-{self._year}-{self._day:02d}-{number:06d}",
            "time": moment.isoformat(),
            "datacontenttype": "application/json",
            "data": data,
        }
        return Item(agency, event, mistake)
