"""Whom the events of a person are for: fan-out takes turns between recipients, so that one who gets much at once does
not hold up the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Set

from services.notifications.documents import PersonDocument
from shared.kit.base.ids import is_id

MOST_ASKED = 1_000  # people in one query


class RecipientFlows:
    """``seen``: the recipients of a person as far as they are remembered; ``people`` finds the others. Who is not known
    yet has no flow of its own: nothing is told of them before they are."""

    def __init__(
        self,
        seen: Callable[[str], Set[str] | None],
        people: Callable[[list[str]], Awaitable[Mapping[str, PersonDocument]]],
    ) -> None:
        self._seen = seen
        self._people = people

    async def __call__(self, keys: Collection[bytes]) -> Mapping[bytes, Hashable]:
        """The flows of these people, by the keys of their records. Raises PyMongoError."""
        found: dict[bytes, tuple[str, ...]] = {}
        asked: dict[str, bytes] = {}
        for key in keys:
            person = key.decode(errors="replace")
            if (recipients := self._seen(person)) is not None:
                found[key] = tuple(sorted(recipients))
            elif is_id(person):  # no other is stored, and a question is as long as its keys
                asked[person] = key
        ids = sorted(asked)
        for start in range(0, len(ids), MOST_ASKED):
            for person, document in (await self._people(ids[start : start + MOST_ASKED])).items():
                found[asked[person]] = tuple(document["recipients"])
        return {key: recipients for key, recipients in found.items() if recipients}  # of nobody: nobody is held up
