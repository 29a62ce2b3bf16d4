"""Which hashes of secrets are no secret: of a key that is shown as `key id.secret`, only SHA-256 is kept."""

from __future__ import annotations

from hashlib import sha256

KEY_BYTES = 32


def known_hash(secret_sha256: str) -> bool:
    """Whether this is the SHA-256 of a secret that anybody would try: nothing, or a key that somebody typed."""
    return secret_sha256.lower() in _KNOWN_HASHES


def _typed() -> list[bytes]:
    keys = [bytes([byte]) * KEY_BYTES for byte in range(256)]
    keys += [bytes(range(KEY_BYTES)), bytes(range(KEY_BYTES, 0, -1)), bytes(range(1, KEY_BYTES + 1))]
    keys += [bytes.fromhex(block * 4) for block in ("0123456789abcdef", "fedcba9876543210")]
    keys += [bytes.fromhex(block * 8) for block in ("deadbeef", "cafebabe", "01234567", "12345678")]
    return keys


_KNOWN_HASHES = frozenset(
    sha256(secret).hexdigest() for key in _typed() for secret in (key, key.hex().encode(), key.hex().upper().encode())
) | {sha256(secret).hexdigest() for secret in (b"", b"0", b"\0")}
