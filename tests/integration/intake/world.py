"""One running intake and the agencies around it, for the tests that come to it by HTTP."""

from __future__ import annotations

from typing import Any

import bson

from tests.integration.intake.running import Partner
from tests.unit.intake.memory import example


class World:
    """One running intake and the agencies around it."""

    runtime: Any
    kafka: str
    prefix: str
    admin: Partner
    hanawon: Partner
    gjf: Partner
    khf: Partner

    async def stored(self) -> bytes:
        """Every document of intake's database as it is stored."""
        found = b""
        for name in await self.runtime.database.list_collection_names():
            async for document in self.runtime.database[name].find():
                found += bson.encode(document)
        return found


def graduate(reference: str, **changes: Any) -> dict[str, Any]:
    """Data of the usual trainee under this reference of the agency."""
    return example("trainee-graduated", reference=reference, **changes)
