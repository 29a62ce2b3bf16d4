"""Identity on its way through Kafka: in a box that only intake opens, bound to the event that it belongs to.

HPKE (RFC 9180, single-shot base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM) by the library
`cryptography`. In an event, `data.identity` is then {"key": name of the public key, "box": base64}. A box that was
moved to another event or sender does not open. Who sealed it, it does not say: that is for the road that it came on.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

SUITE = "HPKE RFC 9180 base: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM"
LONGEST_BOX = 16_384  # characters of base64; an identity has a few hundred bytes
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class BoxBroken(Exception):
    """No box, or not for this key, event or sender."""


class UnknownBoxKey(BoxBroken):
    """Sealed to a key that is not (or no longer) here."""


def key_name(public: bytes) -> str:
    """What a public key is called: the beginning of its SHA-256."""
    return sha256(public).hexdigest()[:16]


def seal(identity: Mapping[str, Any], public: bytes, source: str, id: str) -> dict[str, str]:
    """What stands for the identity in the event with this source and id. Raises ValueError for what is no key."""
    plain = json.dumps(identity, ensure_ascii=False).encode("utf-8", "surrogatepass")  # which is refused once opened
    box = _SUITE.encrypt(plain, X25519PublicKey.from_public_bytes(public), _info(source, id))
    return {"key": key_name(public), "box": base64.b64encode(box).decode()}


class BoxKeys:
    """The private keys: the first is the one to seal to now, the others open what is still on its way."""

    def __init__(self, private: Iterable[bytes]) -> None:
        keys = [X25519PrivateKey.from_private_bytes(each) for each in private]
        self._keys = {key_name(each.public_key().public_bytes_raw()): each for each in keys}

    def __bool__(self) -> bool:
        return bool(self._keys)

    @property
    def public(self) -> dict[str, str]:
        """Name and base64 of each public key, the one to use first."""
        return {
            name: base64.b64encode(key.public_key().public_bytes_raw()).decode() for name, key in self._keys.items()
        }

    def open(self, identity: Mapping[str, Any], source: str, id: str) -> bytes:
        """What was sealed for this event. Raises BoxBroken; no word of what came in it."""
        name, box = identity.get("key"), identity.get("box")
        if identity.keys() != {"key", "box"} or not isinstance(name, str) or not isinstance(box, str):
            raise BoxBroken("no box")
        if len(box) > LONGEST_BOX:
            raise BoxBroken("too long")
        if (key := self._keys.get(name)) is None:
            raise UnknownBoxKey("another key")
        try:
            return _SUITE.decrypt(base64.b64decode(box, validate=True), key, _info(source, id))
        except (InvalidTag, ValueError, binascii.Error):
            raise BoxBroken("does not open") from None


def _info(source: str, id: str) -> bytes:
    return f"ieum-identity-1\n{source}\n{id}".encode("utf-8", "surrogatepass")
