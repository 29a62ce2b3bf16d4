"""What only this harness may look at: the databases of the services, to know when all is done and who is who."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pymongo

from verification.harness.keyring import SERVICES

_ASSESSED = ("people", "opportunities")
_OPEN = ("waiting", "due", "sending", "posted", "served")  # deliveries without an outcome yet


class Databases:
    """Reads three databases on one server. Blocking: from a coroutine use `asyncio.to_thread`."""

    def __init__(self, mongo_url: str) -> None:
        self._client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(mongo_url, tz_aware=True)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def databases(self) -> list[str]:
        """The services' databases."""
        return [name for name in self._client.list_database_names() if name not in ("admin", "config", "local")]

    def aliases(self) -> dict[tuple[str, str], str]:
        """Person by (agency, alias)."""
        return {
            (alias["agency"], alias["alias"]): document["_id"]
            for document in self._client["intake"]["people"].find({}, {"state.aliases": 1})
            for alias in document["state"]["aliases"]
        }

    def recorded(self) -> dict[str, datetime]:
        """By notice: when intake accepted the event that caused it."""
        found = self._client["notifications"]["deliveries"].find({}, {"notice": 1, "cause.recordedtime": 1})
        told = ((document["notice"], document["cause"]["recordedtime"]) for document in found)
        return {notice: recorded for notice, recorded in told if recorded is not None}

    def current_matches(self) -> set[tuple[str, str]]:
        """The matches that stand, as (person, opportunity)."""
        found = self._client["matching"]["matches"].find({"standing": True}, {"person": 1, "opportunity": 1})
        return {(document["person"], document["opportunity"]) for document in found}

    def prices(self) -> dict[str, float]:
        """The table of congestion that is in force, by opening."""
        matching = self._client["matching"]
        table = matching["progress"].find_one({"_id": "congestion"}) or {"day": ""}
        parts = matching["congestion"].find({"_id": {"$regex": f"^{table['day']}/"}})
        return {opening: price for part in parts for opening, price in part["prices"].items()}

    def withdrawn_before(self) -> int:
        """Of how many who are not registered something was taken back."""
        return self._client["intake"]["references"].count_documents({"tombstone.taken": {"$nin": [None, {}]}})

    def unfinished(self) -> dict[str, int]:
        """What is still on its way: unpublished rows of each outbox, open deliveries."""
        waiting = {
            f"outbox of {service}": self._client[service]["outbox"].count_documents({"published": None})
            for service in SERVICES
        }
        waiting["matching"] = self._not_assessed()
        waiting["deliveries"] = self._client["notifications"]["deliveries"].count_documents({"state": {"$in": _OPEN}})
        return waiting

    def _not_assessed(self) -> int:
        """What matching has taken in and not assessed, told and kept yet; it writes down how far it is."""
        matching = self._client["matching"]
        newest = [matching[name].find_one({}, {"revision": 1}, sort=[("revision", -1)]) for name in _ASSESSED]
        highest = max((each["revision"] for each in newest if each is not None), default=0)
        known = matching["progress"].find_one({"_id": "assessed"}) or {"assessed_through": 0, "waiting": 0}
        return int(highest - known["assessed_through"] + known["waiting"])

    def checkpoints(self) -> dict[tuple[str, str, int], int]:
        """The last record done, by (service, topic, partition), for the newest log of each topic. Of a topic that every
        replica reads: by the one that is furthest, for what one has heard holds for all."""
        newest: dict[tuple[str, str, int], tuple[datetime, str]] = {}
        done: dict[tuple[tuple[str, str, int], str], int] = {}
        for service in SERVICES:
            for document in self._client[service]["checkpoints"].find({}):
                key = (service, document["topic"], int(document["_id"].rpartition("/")[2]))
                log = (document["claimed"], document["topic_id"])
                newest[key] = max(newest.get(key, log), log)
                done[key, log[1]] = max(done.get((key, log[1]), -1), document["offset"])
        return {key: done[key, id] for key, (_, id) in newest.items()}

    def quarantined(self) -> int:
        """Records that a service could not process: must be none."""
        return sum(self._client[service]["quarantine"].count_documents({}) for service in SERVICES)

    def documents(self, database: str, collection: str) -> list[dict[str, Any]]:
        """Everything in a collection."""
        return list(self._client[database][collection].find({}))
