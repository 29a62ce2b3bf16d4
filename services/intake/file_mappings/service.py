"""Use cases: keep, look up, forget. All of an agency's mappings are one sealed document, so that none is one too many
and no word of an agency lies in clear."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypedDict

from services.intake.dependencies import Dependencies
from shared.events.refusal import MOST, Refusal, Refused
from shared.files import FileMapping, check_mapping
from shared.files.mapping import texts_of
from shared.kit.store.store import Operation, Store
from shared.kit.store.typed_collection import Collection
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.screening.refused_numbers import RefusedNumbers

MOST_MAPPINGS = 20  # of one agency


class MappingsDocument(TypedDict):
    """Of one agency; `sealed`: each under its name."""

    _id: str
    sealed: Mapping[str, bytes]


MAPPINGS = Collection[MappingsDocument]("file_mappings")


class FileMappings:
    """Of the caller's agency. Nothing of a mapping is about a person, and no service is told of it."""

    def __init__(self, store: Store, dependencies: Dependencies) -> None:
        self._store = store
        self._dependencies = dependencies
        self._numbers = RefusedNumbers(*dependencies.pack.refused_numbers)

    async def names(self, agency: str) -> list[str]:
        """What they are called."""
        return sorted(await self._kept(agency))

    async def find(self, agency: str, name: str) -> FileMapping | None:
        """One of them."""
        sealed = (await self._kept(agency)).get(name)
        if sealed is None:
            return None
        return FileMapping.model_validate_json(self._dependencies.sealer.open(sealed, MAPPINGS.name, agency, name))

    async def keep(self, agency: str, name: str, mapping: FileMapping) -> None:
        """Under this name, in place of what was there. Raises Refused."""
        found = check_mapping(mapping, self._dependencies.pack)
        found += [Refusal("refused-number", place) for place in self._places_of_numbers(mapping)]
        if found:
            raise Refused(*found[:MOST])
        plain = mapping.model_dump_json(exclude_defaults=True).encode()
        sealed = self._dependencies.sealer.seal(plain, MAPPINGS.name, agency, name)

        def add(kept: dict[str, bytes]) -> bool:
            kept[name] = sealed
            if len(kept) > MOST_MAPPINGS:
                raise Refused(Refusal("too-many-mappings", "", {"most": MOST_MAPPINGS}))
            return True

        await self._change(agency, add)

    async def forget(self, agency: str, name: str) -> bool:
        """False: there is none."""
        return await self._change(agency, lambda kept: kept.pop(name, None) is not None)

    async def _kept(self, agency: str) -> Mapping[str, bytes]:
        document = await MAPPINGS.of(self._store.database).find_one({"_id": agency})
        return {} if document is None else document["sealed"]

    async def _change(self, agency: str, change: Callable[[dict[str, bytes]], bool]) -> bool:
        def needs(work: UnitOfWork) -> Iterable[Need]:
            return [MAPPINGS.by_id(agency)]

        def do(work: UnitOfWork) -> bool:
            held = MAPPINGS.get(work, agency)
            kept = {} if held is None else dict(held["sealed"])
            if not change(kept):
                return False
            MAPPINGS.save(work, MappingsDocument(_id=agency, sealed=kept))
            return True

        return await self._store.submit(Operation(needs, do))

    def _places_of_numbers(self, mapping: FileMapping) -> list[str]:
        """Each place once."""
        return list(dict.fromkeys(at for at, text in texts_of(mapping) if self._numbers.stand_in(text)))
