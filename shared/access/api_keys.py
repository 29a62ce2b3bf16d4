"""Who calls: API keys, checked by each service against its own copy of the agencies.

A bearer token is ``<key_id>.<64 hex digits>``. Only the SHA-256 of those 256 random bits is known here; such a key has
nothing to guess, so no slow hash is needed. Unknown key, wrong secret and expired key get the same answer; whoever
shows the secret of a key whose registered hash was made of something else than its bytes is told so.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from hashlib import sha256
from hmac import compare_digest
from itertools import islice
from typing import Annotated

from fastapi import Depends

from shared.access.agencies import AGENCIES, held_agency, may_receive
from shared.events.topics.agencies import Agency, Key
from shared.kit.base.logs import logger
from shared.kit.base.metrics import counter
from shared.kit.store.mongo import Database
from shared.kit.web.authentication import authenticated, unauthorised
from shared.kit.web.problems import Problem, forbidden

CACHE_SECONDS = 1.0
BY_TOPIC = ""  # in place of a key id: it came by the agency's own topic, whose writers the broker knows
_TOKEN = re.compile(r"([a-z0-9-]{3,40})\.([0-9a-f]{64})", re.ASCII)
_NOBODY = "00" * 32
MOST_TOLD = 1_000  # keys that the log has told of
wrong_hashes = counter(
    "keys_registered_with_wrong_hash",
    "Calls with a key whose registered hash was made of something else than its bytes, by mistake",
    ["agency", "reason"],
)
_log = logger("keys")


@dataclass(frozen=True, slots=True)
class Caller:
    """The agency behind a request, and with which of its keys it came (`BY_TOPIC`: with none)."""

    agency: Agency
    key_id: str

    @property
    def agency_id(self) -> str:
        """The agency's id."""
        return self.agency.agency

    def reads(self, what: str) -> bool:
        """Whether this agency may read ``matches``, ``journeys``, ``rejections``, ``deliveries`` or use ``lookup``."""
        return what in self.agency.rights.reads

    @property
    def receives(self) -> bool:
        """Whether this agency may be told anything about a person: its right and its class both say so."""
        return may_receive(self.agency.recipient_class, self.agency.rights.receives)

    @property
    def administers(self) -> bool:
        """Whether this agency may register and change agencies."""
        return self.agency.rights.administers

    def must(self, allowed: bool, right: str) -> None:
        """Raise the 403 problem unless allowed; ``right`` is the name of what lacks (``reads matches``)."""
        if not allowed:
            raise forbidden(right)

    def must_read(self, what: str) -> None:
        """Raise the 403 problem unless this agency reads it."""
        self.must(self.reads(what), f"reads {what}")


class Keys:
    """The keys of all agencies in this service's database, read again when older than a second.

    A revoked key is refused at most a second after its event arrived here. ``zone``: where a key's last day ends, the
    pack's, as for every day in the contract.
    """

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime],
        *,
        zone: tzinfo = UTC,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._agencies = database[AGENCIES]
        self._zone = zone
        self._now = now
        self._clock = clock
        self._known: Mapping[str, tuple[Agency, Key]] = {}
        self._unreadable: set[str] = set()
        self._told: frozenset[tuple[str, str]] = frozenset()
        self._read_at: float | None = None
        self._reading: asyncio.Task[Mapping[str, tuple[Agency, Key]]] | None = None

    async def authenticate(self, authorization: str | None) -> Caller:
        """Who shows this ``Authorization`` header. Raises the 401 problem; a driver error when MongoDB is away."""
        scheme, _, token = (authorization or "").partition(" ")
        match = _TOKEN.fullmatch(token.strip()) if scheme.lower() == "bearer" else None
        if match is None:
            raise unauthorised()
        known = await self._fresh()
        found = known.get(match[1])
        # The same work whether the key is known or not: the answer's time tells nothing either.
        secret, expected = bytes.fromhex(match[2]), found[1].secret_sha256 if found else _NOBODY
        right = compare_digest(sha256(secret).digest(), bytes.fromhex(expected))
        mistake = None if right else _mistaken_hash(match[1], secret, expected)
        if found is not None and mistake is not None and not self._expired(found[1]):
            raise self._registered_wrongly(*found, mistake)
        if not right or found is None or self._expired(found[1]):
            raise unauthorised()
        return Caller(found[0], found[1].key_id)

    async def reauthenticate(self, caller: Caller) -> Caller:
        """The same caller as of now, for what goes on after its key was checked: a body that came slowly, a long poll.
        Raises the 401 problem once its agency has no such key with that secret any more."""
        found = (await self._fresh()).get(caller.key_id)
        if found is None or found[0].agency != caller.agency.agency or self._expired(found[1]):
            raise unauthorised()
        shown = [key.secret_sha256 for key in caller.agency.keys if key.key_id == caller.key_id]
        if shown != [found[1].secret_sha256]:
            raise unauthorised()
        return Caller(found[0], caller.key_id)

    def _registered_wrongly(self, agency: Agency, key: Key, mistake: str) -> Problem:
        """Nobody can ever meet this hash: its agency is told so at the first call, and the operator. The caller holds
        the secret, so it learns nothing that it may not know."""
        wrong_hashes.of(agency=agency.agency, reason=mistake).inc()
        if (key.key_id, key.secret_sha256) not in self._told:
            self._told = frozenset({(key.key_id, key.secret_sha256), *islice(self._told, MOST_TOLD)})
            _log.warning("key_registered_with_wrong_hash", agency=agency.agency, key_id=key.key_id, reason=mistake)
        return unauthorised("wrong-hash", mistake)

    def _expired(self, key: Key) -> bool:
        return key.until is not None and key.until < self._now().astimezone(self._zone).date()

    async def _fresh(self) -> Mapping[str, tuple[Agency, Key]]:
        """What is known, read again when it is old. All who wait share one reading, also when it fails: with MongoDB
        away nobody waits for more than one time-out."""
        if self._reading is None:
            if self._read_at is not None and self._clock() - self._read_at < CACHE_SECONDS:
                return self._known
            self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(self._reading)

    async def _read(self) -> Mapping[str, tuple[Agency, Key]]:
        try:
            asked, known, unreadable = self._clock(), dict[str, tuple[Agency, Key]](), set[str]()
            async for document in self._agencies.find({}, {"state": 1}).sort("_id", 1):
                try:
                    agency = held_agency(document)
                except Exception:  # written by a newer replica, perhaps: this agency's keys alone do not open here
                    unreadable.add(str(document["_id"]))
                    continue
                for key in agency.keys:
                    known.setdefault(key.key_id, (agency, key))  # the first holds a key id; intake refuses a second
            if unreadable - self._unreadable:
                _log.error("agencies_not_readable", count=len(unreadable))
            self._unreadable = unreadable
            self._known, self._read_at = known, asked
            return known
        finally:
            self._reading = None


def _mistaken_hash(key_id: str, secret: bytes, secret_sha256: str) -> str | None:
    """By which mistake this came to be registered as the SHA-256 of the secret, which it is not; None: by none that is
    known, or it is another secret's. Only whoever holds the secret gets a name."""
    text = secret.hex()
    made = {
        "hash-of-text": text,  # printf %s <64 hex> | sha256sum
        "hash-of-line": text + "\n",  # echo <64 hex> | sha256sum
        "hash-of-token": f"{key_id}.{text}",
        "hash-of-token-line": f"{key_id}.{text}\n",
        "hash-of-hash": sha256(secret).hexdigest(),
    }
    hashes = {name: sha256(value.encode()).digest() for name, value in made.items()} | {"not-hashed": secret}
    registered = bytes.fromhex(secret_sha256)
    found = [name for name, value in hashes.items() if compare_digest(value, registered)]
    return found[0] if found else None


def make_key(key_id: str, until: date | None = None) -> tuple[str, Key]:
    """A new bearer token, to be shown once to its agency, and the key to register, which cannot be turned back."""
    secret = secrets.token_bytes(32)
    return f"{key_id}.{secret.hex()}", Key(key_id=key_id, secret_sha256=sha256(secret).hexdigest(), until=until)


Calling = Annotated[Caller, Depends(authenticated)]
