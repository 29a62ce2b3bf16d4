"""A door on a store in memory: the same tasks, needs and work as the real one, without a database."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar

import bson

from services.intake.admission import Admitted
from services.intake.dependencies import Dependencies
from services.intake.documents import AGENCIES
from services.intake.identity import References, Vault
from services.intake.schemas import Receipt
from services.intake.service import Door
from shared.access.agencies import agency_document
from shared.access.keys import Caller
from shared.events import Event, registry
from shared.events.envelope import from_kafka
from shared.events.topics.agencies import Agency, Key
from shared.kit.base.ids import Ids
from shared.kit.base.sealing import Sealer
from shared.kit.runtime.codec import CloudEventCodec
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import UnitOfWork
from shared.reference import Pack, load_pack

T = TypeVar("T")
KEY = bytes(range(32))


class MemoryStore:
    """Keeps documents by collection and id, and everything emitted; what is said on the road of prohibitions apart."""

    def __init__(self) -> None:
        self.collections: dict[str, dict[str, dict[str, Any]]] = {}
        self.emitted: list[Event[Any]] = []
        self.prohibitions: list[Event[Any]] = []
        self.now = datetime.now(UTC)

    def put(self, collection: str, document: dict[str, Any]) -> None:
        self.collections.setdefault(collection, {})[document["_id"]] = document

    def all(self, collection: str) -> list[dict[str, Any]]:
        return list(self.collections.get(collection, {}).values())

    async def submit_all(self, tasks: Sequence[Operation[T]], *, ahead: bool = False) -> list[T | Exception]:
        return [await self._result(task) for task in tasks]

    async def _result(self, task: Operation[T]) -> T | Exception:
        try:
            return await self.submit(task)
        except Exception as error:
            return error

    async def submit(self, task: Operation[T]) -> T:
        work = UnitOfWork(self.now, codec=CloudEventCodec())
        work.asking = True
        for _ in range(5):
            missing = list(work.missing(task.needs(work)))
            if not missing:
                break
            for need in missing:
                held = self.all(need.collection)
                if need.field == "_id":
                    found = [document for document in held if document["_id"] == need.value]
                else:
                    found = [d for d in held if need.value in [k["key_id"] for k in d["state"].get("keys", ())]]
                work.loaded(need.collection, need.field, [need.value], (bson.encode(document) for document in found))
        work.asking = False
        result = task.do(work)
        for collection, changes in work.changes().items():
            for id, raw, _, _ in changes:
                if raw is None:
                    self.collections[collection].pop(id)
                else:
                    self.put(collection, bson.decode(raw))
        for call in work.calls:
            call()
        for record in work.emitted:
            kept = self.prohibitions if record.topic == "prohibitions" else self.emitted
            kept.append(from_kafka(record.value, list(record.headers)))
        return result


@cache
def pack() -> Pack:
    return load_pack("kr-gyeonggi")


def dependencies() -> Dependencies:
    ids = Ids(KEY)
    return Dependencies(pack(), ids, Sealer(KEY), Vault(KEY), References(ids))


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
        self.store = MemoryStore()
        self.dependencies = dependencies()
        self.door = Door(self.store, self.dependencies)  # type: ignore[arg-type]  # stands in for the real store
        self.callers = {}
        for name, recipient_class in (("hanawon", "case"), ("gjf", "service"), ("khf", "case"), ("acme", "employer")):
            self.add(agency(name, recipient_class))
        self.add(agency("ops", "public", administers=True))
        self._number = 0

    def add(self, new: Agency) -> None:
        self.store.put(AGENCIES, agency_document(new, 1))
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

    @property
    def told(self) -> list[str]:
        return [event.type for event in self.store.emitted]

    @property
    def newest(self) -> Any:
        return self.store.emitted[-1].data


def example(type: str, **changes: Any) -> dict[str, Any]:
    """The door example of a type, with dates that hold today. A change of None leaves the field out."""
    door = registry.find(type).door_example
    assert door is not None
    data = copy.deepcopy(dict(door))
    for consent in data.get("consents", ()):
        if "until" in consent:
            consent["until"] = today(100)
    for name in ("closes", "starts"):
        if name in data:
            data[name] = today(30)
    for course in data.get("courses", ()):
        course["completed"] = f"{today()[:4]}-01"
    return {name: value for name, value in {**data, **changes}.items() if value is not None}
