"""Bytes that only this service can read again: AES-256-GCM behind one seam."""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = b"\x01"
KEY_BYTES = 32
_NONCE_BYTES = 12  # the size that GCM is made for; random is safe below 2**32 seals per key


class SealBroken(Exception):
    """Not sealed by this key for this place, or changed since. Says nothing about the content."""


class Sealer:
    """Seals bytes for one place (``associated``: collection, id, field ...): opened elsewhere, the seal is broken.

    Shape of a seal: version byte, 12 bytes nonce, ciphertext with its 16 bytes tag. Promises secrecy and integrity,
    not freshness: an older seal of the same place opens too.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a sealing key has {KEY_BYTES} bytes")
        self._cipher = AESGCM(key)

    def seal(self, plaintext: bytes, *associated: str) -> bytes:
        """Encrypt for this place."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, plaintext, _bound(associated))

    def open(self, sealed: bytes, *associated: str) -> bytes:
        """Decrypt what was sealed for exactly this place. Raises SealBroken."""
        if sealed[:1] != VERSION:
            raise SealBroken("unknown version")
        nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, ciphertext, _bound(associated))
        except (InvalidTag, ValueError):
            raise SealBroken("wrong key, wrong place or changed") from None


def _bound(associated: tuple[str, ...]) -> bytes:
    """Version and parts, each with its length in front, so that ("ab", "c") and ("a", "bc") differ."""
    parts = [part.encode() for part in associated]
    return VERSION + b"".join(len(part).to_bytes(4) + part for part in parts)
