"""Ids: random ones carry nothing, derived ones are the same for the same cause and for nothing else."""

from __future__ import annotations

import re

import pytest

from shared.kit.base.ids import Ids, is_id, random_id

pytestmark = pytest.mark.unit
IDS = Ids(b"k" * 32)


class TestRandomId:
    def test_has_32_hex_digits(self) -> None:
        assert re.fullmatch(r"[0-9a-f]{32}", random_id())

    def test_never_repeats_and_has_no_order(self) -> None:
        made = [random_id() for _ in range(500)]
        assert len(set(made)) == 500
        assert made != sorted(made)


class TestIsId:
    def test_of_what_we_make(self) -> None:
        assert is_id(random_id())
        assert is_id(IDS.derived("person", 7))

    @pytest.mark.parametrize("text", ["", "+82-10-0674-9407", "A1" * 16, "0f" * 15, "0f" * 17, "가" * 32, "０" * 32])
    def test_of_nothing_else(self, text: str) -> None:
        assert not is_id(text)


class TestDerived:
    def test_is_the_same_for_the_same_cause(self) -> None:
        assert IDS.derived("person", 7) == IDS.derived("person", 7)

    def test_has_the_form_of_an_id(self) -> None:
        assert re.fullmatch(r"[0-9a-f]{32}", IDS.derived("x"))

    @pytest.mark.parametrize(
        ("one", "other"),
        [(("ab", "c"), ("a", "bc")), (("1",), (1,)), (("a", ""), ("a",)), (("a", "b"), ("b", "a")), ((True,), ("1",))],
    )
    def test_differs_when_the_cause_differs(self, one: tuple[str | int, ...], other: tuple[str | int, ...]) -> None:
        assert IDS.derived(*one) != IDS.derived(*other)

    def test_cannot_be_computed_without_the_key(self) -> None:
        assert Ids(b"j" * 32).derived("person") != IDS.derived("person")

    def test_takes_any_text_even_a_lone_surrogate(self) -> None:
        assert len(IDS.derived("\ud800")) == 32


class TestKeyedHash:
    def test_differs_by_purpose(self) -> None:
        assert IDS.keyed_hash("phone", "1") != IDS.keyed_hash("content", "1")

    def test_has_64_hex_digits_and_is_not_the_derived_id_longer(self) -> None:
        assert re.fullmatch(r"[0-9a-f]{64}", IDS.keyed_hash("phone", "1"))
        assert not IDS.keyed_hash("derived", "1").startswith(IDS.derived("1"))

    def test_a_short_key_is_refused(self) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            Ids(b"short")
