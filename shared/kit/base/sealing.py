"""Bytes that only this service can read again: AES-256-GCM behind one seam."""

from __future__ import annotations

import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.kit.base.ids import random_bytes

VERSION = b"\x02"  # 1 had no key id; nothing that was sealed with it is kept anywhere
KEY_BYTES = 32
KEY_ID_BYTES = 8
_LABEL = b"ieum/sealing/key-id/1"
_NONCE_BYTES = 12  # the size that GCM is made for; random is safe below 2**32 seals per key
_HEADER_BYTES = len(VERSION) + KEY_ID_BYTES


class SealBroken(Exception):
    """Not sealed by this key for this place, or changed since. Says nothing about the content."""


class UnknownKey(SealBroken):
    """Sealed with a key that is not here: the wrong key was given at start, or an older one is missing."""


class Sealer:
    """Seals bytes for one place (``associated``: collection, id, field ...): opened elsewhere, the seal is broken.

    Shape of a seal: version byte, 8 bytes key id, 12 bytes nonce, ciphertext with its 16 bytes tag; version and key id
    are bound into it. Promises secrecy and integrity, not freshness: an older seal of the same place opens too.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a sealing key has {KEY_BYTES} bytes")
        self._header = VERSION + key_id(key)
        self._cipher = AESGCM(key)

    def seal(self, plaintext: bytes, *associated: str) -> bytes:
        nonce = random_bytes(_NONCE_BYTES)
        return self._header + nonce + self._cipher.encrypt(nonce, plaintext, self._bound(associated))

    def open(self, sealed: bytes, *associated: str) -> bytes:
        """Decrypt what was sealed for exactly this place. Raises UnknownKey, else SealBroken."""
        if sealed[: len(VERSION)] != VERSION or len(sealed) < _HEADER_BYTES:
            raise SealBroken("unknown version")
        if sealed[:_HEADER_BYTES] != self._header:
            raise UnknownKey("sealed with a key that is not here")
        nonce, ciphertext = sealed[_HEADER_BYTES : _HEADER_BYTES + _NONCE_BYTES], sealed[_HEADER_BYTES + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, ciphertext, self._bound(associated))
        except (InvalidTag, ValueError):
            raise SealBroken("wrong place or changed") from None

    def _bound(self, associated: tuple[str, ...]) -> bytes:
        """Header and parts, each with its length in front, so that ("ab", "c") and ("a", "bc") differ."""
        parts = [part.encode() for part in associated]
        return self._header + b"".join(len(part).to_bytes(4) + part for part in parts)


def key_id(key: bytes) -> bytes:
    """Which key it is, without the key: a keyed hash of a label. It is no secret, and stands before every seal."""
    return hmac.digest(key, _LABEL, "sha256")[:KEY_ID_BYTES]
