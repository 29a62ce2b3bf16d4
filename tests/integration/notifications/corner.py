"""One service for several tests: each has a corner of it, with agencies, people and openings that no other test has."""

from __future__ import annotations

import itertools
from typing import Any

from fastapi import FastAPI

from shared.events import Event
from tests.integration.notifications import parts
from tests.integration.notifications.parts import Client, Setup
from tests.unit.notifications.world import hexid

_NUMBERS = itertools.count(1)
_ALIASED = ("gjf", "hana", "portal")  # who has an alias of each person


class Corner:
    """Says and asks what a test alone with its service would, under names of its own."""

    def __init__(self, setup: Setup, app: FastAPI) -> None:
        self.setup, self.app = setup, app
        self._mark = f"-{next(_NUMBERS)}"

    def own(self, name: str) -> str:
        """What is called so here, as the service knows it."""
        return name + self._mark

    def agency(self, name: str, recipient_class: str = "service") -> Event[Any]:
        return self.setup.agency(self.own(name), recipient_class)

    def token(self, name: str) -> str:
        return self.setup.tokens[self.own(name)]

    def client(self, name: str) -> Client:
        return Client(self.app, self.token(name))

    def person(self, name: str, *notice: str, sequence: int = 1) -> Event[Any]:
        aliases = tuple(map(self.own, _ALIASED))
        return parts.person(self.own(name), *map(self.own, notice), sequence=sequence, aliases=aliases)

    def match(self, name: str, opportunity: str, sequence: int = 1, **state: Any) -> Event[Any]:
        return parts.match(self.own(name), self.own(opportunity), sequence, **state)

    def alias(self, name: str, agency: str) -> str:
        return hexid("alias", self.own(name), self.own(agency))

    def key(self, name: str, opportunity: str, agency: str) -> tuple[str, str]:
        """What a partner holds once it is told of this match."""
        return self.alias(name, agency), hexid("opportunity", self.own(opportunity))

    async def publish(self, *events: Event[Any]) -> None:
        await self.setup.publish(*events)

    def kept(self, **query: Any) -> dict[str, Any]:
        """How notices and recalls for its agencies are asked for."""
        return {"recipient": {"$in": list(map(self.own, _ALIASED))}, **query}

    async def count(self, **query: Any) -> int:
        """So many are kept."""
        found: int = await self.app.state.database.deliveries.count_documents(self.kept(**query))
        return found

    async def stored(self, count: int, **query: Any) -> bool:
        """Whether so many are, or more."""
        return await self.count(**query) >= count

    async def outcomes(self) -> list[Event[Any]]:
        """What became of them."""
        recipients = set(map(self.own, _ALIASED))
        return [each for each in await self.setup.outcomes() if each.data.recipient in recipients]
