"""A collection and the type of its documents. Documents stay the plain dictionaries of the unit of work; the type (a
TypedDict) is what the type checker knows of their fields."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Generic, TypeVar, cast

from shared.kit.store.mongo import Database, Document, DriverCollection
from shared.kit.store.unit_of_work import Need, UnitOfWork

D = TypeVar("D", bound=Mapping[str, Any])
T = TypeVar("T")


class Collection(Generic[D]):
    """``Collection[PersonDocument]("people")``. Nothing is checked at run time: a document is what was saved."""

    def __init__(self, name: str) -> None:
        self.name = name

    def by_id(self, id: str) -> Need:
        return Need(self.name, "_id", id)

    def where(self, field: str, value: Hashable) -> Need:
        return Need(self.name, field, value)

    def get(self, work: UnitOfWork, id: str, *, shared: bool = False) -> D | None:
        return cast("D | None", work.get(self.name, id, shared=shared))

    def parsed(self, work: UnitOfWork, id: str, parse: Callable[[D], T]) -> T | None:
        return work.parsed(self.name, id, cast("Callable[[Document], T]", parse))

    def find(self, work: UnitOfWork, field: str, value: Hashable, *, shared: bool = False) -> list[D]:
        return cast("list[D]", work.find(self.name, field, value, shared=shared))

    def save(self, work: UnitOfWork, document: D, *, final: bool = False) -> None:
        work.save(self.name, cast(Document, document), final=final)

    def delete(self, work: UnitOfWork, id: str) -> None:
        work.delete(self.name, id)

    def of(self, database: Database) -> DriverCollection[D]:
        """The driver's own collection, for queries outside of a unit of work."""
        return cast("DriverCollection[D]", database[self.name])
