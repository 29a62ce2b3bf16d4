"""Ids that tell nothing: random ones for new things, keyed hashes of the cause for what is derived from it.

No ObjectId, no UUID with a clock, no counter: an id must not say when somebody arrived or who came before.
"""

from __future__ import annotations

import hmac
import os
import threading

ID_LENGTH = 32
_POOL_BYTES = 4_096


class _Random:
    """Bytes of the system's generator, fetched many at a time: a system call for each id and nonce took a tenth of what
    an event at the door costs. None is handed out twice; a forked process begins with none."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, with a lock of its own: another thread of the parent may have held the old one."""
        self._lock, self._left, self._at = threading.Lock(), b"", 0

    def bytes(self, count: int) -> bytes:
        with self._lock:
            if self._at + count > len(self._left):
                self._left, self._at = os.urandom(max(count, _POOL_BYTES)), 0
            begin = self._at
            self._at += count
            return self._left[begin : self._at]


_RANDOM = _Random()
os.register_at_fork(after_in_child=_RANDOM.forget)


def random_bytes(count: int) -> bytes:
    """So many random bytes for keys, nonces and ids."""
    return _RANDOM.bytes(count)


def random_id() -> str:
    """A new random 128-bit id, 32 hex digits."""
    return random_bytes(16).hex()


def is_id(text: str) -> bool:
    """Whether this can be an id of ours. Ask before a database is asked: what somebody else wrote in its place may say
    who a person is, and a database logs its slow queries."""
    return len(text) == ID_LENGTH and all(character in "0123456789abcdef" for character in text)


class Ids:
    """Ids computed from causes under a secret key: who repeats the work gets the same id, nobody else can guess it."""

    def __init__(self, key: bytes) -> None:
        if len(key) < 32:
            raise ValueError("an id key has at least 32 bytes")
        self._keyed = hmac.new(key, digestmod="sha256")  # copied for each hash: half the time of beginning anew

    def derived(self, *parts: str | int) -> str:
        """The id of what follows from these causes, 32 hex digits; the same parts give the same id for ever."""
        return self._hash("derived", parts)[:ID_LENGTH]

    def keyed_hash(self, purpose: str, *parts: str | int) -> str:
        """64 hex digits to find or compare a value without keeping it. Hashes of two purposes never compare equal."""
        return self._hash(f"hash {purpose}", parts)

    def _hash(self, purpose: str, parts: tuple[str | int, ...]) -> str:
        said = bytearray()
        for part in (purpose, *parts):
            # kind and length before each part: ("ab", "c") and ("a", "bc"), 1 and "1" are different causes
            text = str(part).encode("utf-8", "surrogatepass")
            said += b"i" if isinstance(part, int) else b"s"
            said += len(text).to_bytes(8, "big")
            said += text
        digest = self._keyed.copy()
        digest.update(said)
        return digest.hexdigest()
