"""A database as it was, to be put back later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class DatabaseCopy:
    """All of its documents; indexes are made by whoever starts on it."""

    def __init__(self, collections: Mapping[str, list[Any]]) -> None:
        self._collections = collections

    @staticmethod
    async def of(database: Any) -> DatabaseCopy:
        names = await database.list_collection_names()
        return DatabaseCopy({name: await database[name].find().to_list(None) for name in names})

    async def put_back(self, database: Any) -> None:
        await database.client.drop_database(database.name)
        for name, documents in self._collections.items():
            if documents:
                await database[name].insert_many(documents)
