"""Which keys are no secret."""

from __future__ import annotations

import secrets

import pytest

from shared.kit.base.weak_keys import guessable, parsed, same

pytestmark = pytest.mark.unit
RANDOM = bytes.fromhex("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")


class TestGuessable:
    @pytest.mark.parametrize("at", range(32))
    def test_one_other_byte_is_no_secret_yet_but_a_random_key_is(self, at: int) -> None:
        assert guessable(bytes(32))
        assert not guessable(RANDOM)
        assert not guessable(RANDOM[:at] + b"\0" + RANDOM[at + 1 :])

    def test_what_a_random_generator_makes_passes(self) -> None:
        assert not any(guessable(secrets.token_bytes(32)) for _ in range(1_000))

    def test_a_block_that_does_not_fit_is_seen_too(self) -> None:
        assert guessable((RANDOM[:11] * 3)[:32])
        assert guessable((RANDOM[:16] * 2)[:32])
        assert not guessable((RANDOM[:17] * 2)[:32])  # more than half of it is its own


class TestParsed:
    @pytest.mark.parametrize(
        "text", ["", "00" * 31, "00" * 33, "0x" + "00" * 31, " " + "00" * 32, "00" * 32 + "\n", "０" * 64]
    )
    def test_nothing_but_64_hex_digits(self, text: str) -> None:
        assert parsed(text) is None

    def test_in_either_case(self) -> None:
        assert parsed(RANDOM.hex().upper()) == parsed(RANDOM.hex()) == RANDOM


class TestSame:
    def test_names_the_first_pair(self) -> None:
        assert same({"a": RANDOM, "b": bytes(32), "c": bytes(RANDOM)}) == ("a", "c")
        assert same({"a": RANDOM, "b": bytes(32)}) is None
