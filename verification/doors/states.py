"""What intake holds, by the agencies' own references, so that two intakes can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pymongo

_RANDOM = frozenset({"person", "opportunity", "alias"})  # names of fields with an id of its own in every intake


@dataclass(frozen=True)
class Held:
    """State and sequence by the keyed hash of the reference (the same key in every intake); `things`: how many there
    are, led to by a reference or not."""

    by_reference: Mapping[str, Any]
    things: int

    @classmethod
    def of(cls, mongo_url: str, database: str) -> Held:
        """Of one intake."""
        with pymongo.MongoClient[dict[str, Any]](mongo_url) as client:
            held = client[database]
            things = {
                document["_id"]: {"sequence": document["sequence"], "state": _without_ids(document["state"])}
                for name in ("people", "opportunities")
                for document in held[name].find({}, {"state": 1, "sequence": 1})
            }
            found = {
                str(document["_id"]): things[value]
                for document in held["references"].find({})
                for name, value in document.items()
                if name != "_id" and isinstance(value, str) and value in things
            }
        return cls(found, len(things))

    def lost(self, other: Held) -> int:
        """References that lead nowhere in the other."""
        return len(self.by_reference.keys() - other.by_reference.keys())

    def differences(self, other: Held) -> int:
        """References that both know, and that lead to different states."""
        both = self.by_reference.keys() & other.by_reference.keys()
        return sum(self.by_reference[each] != other.by_reference[each] for each in both)

    def doubled(self, other: Held) -> int:
        """Things of the other beyond these: told twice, or under a reference of nobody."""
        return max(0, other.things - self.things) + len(other.by_reference.keys() - self.by_reference.keys())


def _without_ids(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_ids(each) for name, each in value.items() if name not in _RANDOM}
    if isinstance(value, list):
        return [_without_ids(each) for each in value]
    return value
