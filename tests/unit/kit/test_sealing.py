from __future__ import annotations

import pytest

from shared.kit.sealing import SealBroken, Sealer

pytestmark = pytest.mark.unit
SEALER = Sealer(bytes(range(32)))


class TestSealer:
    def test_opens_what_it_sealed_for_the_same_place(self) -> None:
        assert SEALER.open(SEALER.seal(b"secret", "people", "1"), "people", "1") == b"secret"

    def test_never_seals_the_same_twice_nor_shows_the_content(self) -> None:
        first, second = SEALER.seal(b"secret", "a"), SEALER.seal(b"secret", "a")
        assert first != second
        assert b"secret" not in first

    @pytest.mark.parametrize("place", [("people", "2"), ("people",), ("people", "1", ""), ("peopl", "e1")])
    def test_is_broken_in_another_place(self, place: tuple[str, ...]) -> None:
        with pytest.raises(SealBroken):
            SEALER.open(SEALER.seal(b"secret", "people", "1"), *place)

    def test_is_broken_with_another_key_or_a_changed_bit(self) -> None:
        sealed = SEALER.seal(b"secret", "a")
        with pytest.raises(SealBroken):
            Sealer(bytes(32)).open(sealed, "a")
        for at in range(len(sealed)):
            with pytest.raises(SealBroken):
                SEALER.open(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], "a")

    @pytest.mark.parametrize("rubbish", [b"", b"\x01", b"\x01short", b"\x02" + bytes(40)])
    def test_is_broken_for_what_is_no_seal(self, rubbish: bytes) -> None:
        with pytest.raises(SealBroken):
            SEALER.open(rubbish, "a")

    def test_refuses_a_key_of_another_length(self) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            Sealer(b"short")
