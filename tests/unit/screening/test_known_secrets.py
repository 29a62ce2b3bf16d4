"""Hashes of secrets that anybody would try."""

from __future__ import annotations

from hashlib import sha256

import pytest

from shared.screening.known_secrets import known_hash

pytestmark = pytest.mark.unit
RANDOM = bytes.fromhex("9f1c7a44e0b35d82661f0c9ad47e28b1533fd0a86c1be97720458d3ec2f6911a")


@pytest.mark.parametrize(
    "secret", [b"", bytes(32), b"\xd1" * 32, b"\xd3" * 32, bytes(range(32)), b"d2" * 32, b"00" * 32]
)
def test_what_everybody_would_try_is_known(secret: bytes) -> None:
    assert known_hash(sha256(secret).hexdigest())
    assert known_hash(sha256(secret).hexdigest().upper())


def test_a_random_secret_is_not() -> None:
    assert not known_hash(sha256(RANDOM).hexdigest())
