"""A door on a store in memory."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from services.intake.dependencies import Dependencies
from services.intake.documents import AGENCIES, StoredAgency
from services.intake.identity import References, Vault
from services.intake.request_admission import Admission, Admitted
from services.intake.request_scheduler import RequestScheduler
from services.intake.schemas import Receipt
from services.intake.service import Door
from services.intake.worker.client import WorkerProcess
from services.intake.worker.questions import Start
from shared.access.api_keys import Caller
from shared.events import Event, registry
from shared.events.envelope import from_kafka
from shared.events.topics.agencies import Agency, Key
from shared.kit.base.clock import Clock
from shared.kit.base.ids import Ids
from shared.kit.base.sealing import Sealer
from shared.kit.kafka.records import Outgoing
from shared.reference import Pack, load_pack
from tests.support.memory_store import MemoryStore

KEY = bytes(range(32))
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class IntakeStore(MemoryStore):
    """Keeps what was emitted as events; prohibitions apart."""

    def __init__(self) -> None:
        super().__init__()
        self.prohibitions: list[Event[Any]] = []

    def emit(self, record: Outgoing) -> None:
        kept = self.prohibitions if record.topic == "prohibitions" else self.emitted
        kept.append(from_kafka(record.value, list(record.headers)))


@cache
def pack() -> Pack:
    return load_pack("kr-gyeonggi")


def dependencies() -> Dependencies:
    ids = Ids(KEY)
    return Dependencies(pack(), ids, Sealer(KEY), Vault(KEY), References(ids))


def admission(most: int = 500, most_bytes: int = 5_000_000) -> Admission:
    """Without a worker: it does not run."""
    return Admission(RequestScheduler(), most, most_bytes, idle_worker(), Clock())


def idle_worker() -> WorkerProcess:
    """One that does not run."""
    return WorkerProcess(Start("kr-gyeonggi", KEY, "intake-1", "info"))


def agency(name: str, recipient_class: str = "case", *, administers: bool = False) -> Agency:
    emits = [known.name for known in registry if known.door is not None and not known.name.startswith("agency-")]
    return Agency.model_validate(
        {
            "agency": name,
            "name": dict.fromkeys(pack().languages, name),
            "recipient_class": recipient_class,
            "rights": {"emits": emits, "receives": recipient_class in ("case", "service"), "administers": administers},
            "keys": [Key(key_id=f"{name}-1", secret_sha256="00" * 32)],
        },
        strict=False,
    )


def today(days: int = 0) -> str:
    return ((datetime.now(UTC) + timedelta(hours=9)).date() + timedelta(days=days)).isoformat()


class House:
    """A door with four agencies around it, and short ways to send."""

    def __init__(self) -> None:
        self.store = IntakeStore()
        self.dependencies = dependencies()
        self.door = Door(self.store, self.dependencies)  # type: ignore[arg-type]  # stands in for the real store
        self.callers: dict[str, Caller] = {}
        for name, recipient_class in (("hanawon", "case"), ("gjf", "service"), ("khf", "case"), ("acme", "employer")):
            self.add(agency(name, recipient_class))
        self.add(agency("ops", "public", administers=True))
        self._number = 0

    def add(self, new: Agency) -> None:
        recipient = self.dependencies.references.recipient(new.agency)
        self.store.put(AGENCIES, StoredAgency(id=new.agency, recipient=recipient, sequence=1, state=new).document())
        self.callers[new.agency] = Caller(new, new.keys[0].key_id)

    async def send(self, type: str, data: Mapping[str, Any], by: str = "hanawon", **attributes: Any) -> Receipt:
        return (await self.send_all([self.event(type, data, by, **attributes)], by))[0]

    async def send_all(self, events: list[Any], by: str = "hanawon") -> list[Receipt]:
        return await self.door.take(Admitted(events, len(events)), self.callers[by])

    def event(self, type: str, data: Mapping[str, Any], by: str = "hanawon", **attributes: Any) -> dict[str, Any]:
        self._number += 1
        return {
            "specversion": "1.0",
            "id": f"e-{self._number}",
            "source": f"/agencies/{by}",
            "type": type,
            "time": datetime.now(UTC).isoformat(),
            "data": data,
            **attributes,
        }

    def later(self, days: float) -> None:
        """The clocks of door and store, so many days from now."""
        self.store.now = now = datetime.now(UTC) + timedelta(days=days)
        self.dependencies.clock.earliest = self.dependencies.clock.calendar = lambda: now  # type: ignore[method-assign]  # moved

    @property
    def told(self) -> list[str]:
        return [event.type for event in self.store.emitted]

    @property
    def newest(self) -> Any:
        return self.store.emitted[-1].data


def _ahead(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        return {each: _ahead(inner, each) for each, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_ahead(each, name) for each in value]
    is_day = isinstance(value, str) and _DAY.fullmatch(value) is not None and name != "birth_date"
    return today(100 if name == "until" else 30) if is_day else value


def example(type: str, **changes: Any) -> dict[str, Any]:
    """The door example of a type, with dates that hold today: every day but one of birth lies ahead. A change of None
    leaves the field out."""
    door = registry.find(type).door_example
    assert door is not None
    data = _ahead(copy.deepcopy(dict(door)))
    for course in data.get("courses", ()):
        course["completed"] = f"{today()[:4]}-01"
    return {name: value for name, value in {**data, **changes}.items() if value is not None}
