"""The vault: whatever is altered or moved does not open, and nothing shows in a record."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.identity import References, Vault
from shared.kit.base.ids import Ids
from shared.kit.base.sealing import SealBroken

pytestmark = pytest.mark.unit

KEK = bytes(range(32))
FIELDS = ("name", "birth_date", "sex", "phone", "email", "address", "reference")
VALUES = {
    "name": "예시 사람",
    "birth_date": "1991-03-02",
    "sex": "female",
    "phone": "+821000000000",
    "email": "example@example.invalid",
    "address": "예시로 1",
}


def _record(person: str = "aa" * 16) -> Any:  # fields are looked up by name
    return Vault(KEK).new_record(person, "HW-1", VALUES)


class TestOpen:
    def test_every_field_comes_back(self) -> None:
        opened = {field: Vault(KEK).open(_record(), field) for field in FIELDS}
        assert opened == {**VALUES, "reference": "HW-1"}

    def test_what_was_never_given_is_none(self) -> None:
        bare = {name: value for name, value in VALUES.items() if name != "phone"}
        assert Vault(KEK).open(Vault(KEK).new_record("aa" * 16, "HW-1", bare), "phone") is None

    def test_nothing_shows_in_the_record(self) -> None:
        stored = b"".join(_record()["sealed"].values()) + repr(_record()).encode()
        for secret in ("예시 사람", "1991", "female", "0000000", "HW-1", "example@"):
            assert secret.encode() not in stored

    def test_the_same_value_is_sealed_differently_each_time_and_each_person_has_a_key(self) -> None:
        one, other = _record("aa" * 16), _record("bb" * 16)
        assert one["sealed"]["name"] != _record()["sealed"]["name"]
        assert one["key"] != other["key"]


class TestBroken:
    @settings(max_examples=200)
    @given(field=st.sampled_from((*FIELDS, "key")), data=st.data())
    def test_any_flipped_bit_breaks_the_seal(self, field: str, data: st.DataObject) -> None:
        record = _record()
        holder = record if field == "key" else record["sealed"]
        sealed = bytearray(holder[field])
        bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
        sealed[bit // 8] ^= 1 << bit % 8
        holder[field] = bytes(sealed)
        with pytest.raises(SealBroken):
            Vault(KEK).open(record, "name" if field == "key" else field)

    @settings(max_examples=100)
    @given(field=st.sampled_from((*FIELDS, "key")), data=st.data())
    def test_a_cut_seal_is_broken(self, field: str, data: st.DataObject) -> None:
        record = _record()
        holder = record if field == "key" else record["sealed"]
        holder[field] = holder[field][: data.draw(st.integers(0, len(holder[field]) - 1))]
        with pytest.raises(SealBroken):
            Vault(KEK).open(record, "name" if field == "key" else field)

    @given(st.sampled_from(FIELDS), st.sampled_from(FIELDS))
    def test_a_value_moved_to_another_field_does_not_open(self, one: str, other: str) -> None:
        record = _record()
        record["sealed"][one] = record["sealed"][other]
        if one == other:
            assert Vault(KEK).open(record, one) is not None
            return
        with pytest.raises(SealBroken):
            Vault(KEK).open(record, one)

    @given(st.sampled_from(FIELDS))
    def test_a_value_moved_to_another_person_does_not_open(self, field: str) -> None:
        one, other = _record("aa" * 16), _record("bb" * 16)
        one["sealed"][field] = other["sealed"][field]
        with pytest.raises(SealBroken):
            Vault(KEK).open(one, field)

    def test_a_data_key_moved_with_its_values_does_not_open_either(self) -> None:
        one, other = _record("aa" * 16), copy.deepcopy(_record("bb" * 16))
        other["_id"] = one["_id"]
        with pytest.raises(SealBroken):
            Vault(KEK).open(other, "name")

    def test_another_kek_opens_nothing(self) -> None:
        with pytest.raises(SealBroken):
            Vault(bytes(32)).open(_record(), "name")

    def test_without_the_data_key_a_new_identity_cannot_be_added(self) -> None:
        with pytest.raises(SealBroken):
            Vault(KEK).with_identity({**_record(), "key": b"\x01" + bytes(60)}, VALUES, ())


class TestReferences:
    @given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
    def test_only_the_same_agency_and_reference_meet(self, a: str, b: str, c: str, d: str) -> None:
        references = References(Ids(KEK))
        same = references.index("person", a, b) == references.index("person", c, d)
        assert same is ((a, b) == (c, d))

    def test_families_and_keys_are_apart(self) -> None:
        references = References(Ids(KEK))
        assert references.index("job", "gjf", "1") != references.index("programme", "gjf", "1")
        assert references.index("job", "gjf", "1") != References(Ids(bytes(32))).index("job", "gjf", "1")
