from __future__ import annotations

import pytest

from shared.kit.base.sealing import KEY_ID_BYTES, SealBroken, Sealer, UnknownKey, key_id

pytestmark = pytest.mark.unit
SEALER = Sealer(bytes(range(32)))
KEY_ID = "992415d7096953ac"  # printf ieum/sealing/key-id/1 | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102...1f


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
        with pytest.raises(UnknownKey):
            Sealer(bytes(32)).open(sealed, "a")
        for at in range(len(sealed)):
            with pytest.raises(SealBroken):
                SEALER.open(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], "a")

    @pytest.mark.parametrize("rubbish", [b"", b"\x01", b"\x02", b"\x02short", b"\x01" + bytes(40), b"\x03" + bytes(40)])
    def test_is_broken_for_what_is_no_seal(self, rubbish: bytes) -> None:
        with pytest.raises(SealBroken):
            SEALER.open(rubbish, "a")

    def test_names_its_key_in_front_without_showing_it_and_binds_the_name(self) -> None:
        # by hand: HMAC-SHA-256 of the label under the key, its first 8 bytes
        sealed = SEALER.seal(b"secret", "a")
        assert sealed[:9] == b"\x02" + bytes.fromhex(KEY_ID)
        assert key_id(bytes(32)) != key_id(bytes(31) + b"\x01")
        assert len(key_id(bytes(32))) == KEY_ID_BYTES
        other = Sealer(bytes(32))
        relabelled = b"\x02" + key_id(bytes(32)) + sealed[9:]
        with pytest.raises(SealBroken) as broken:
            other.open(relabelled, "a")
        assert not isinstance(broken.value, UnknownKey)

    def test_refuses_a_key_of_another_length(self) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            Sealer(b"short")
