"""Phone numbers as people write them: one form, or set aside with a warning; a person is never refused for one."""

from __future__ import annotations

import pytest

from services.intake.domain.phone_numbers import readable
from shared.reference.manifest import PhoneSpec
from tests.unit.intake.memory import House, example

pytestmark = pytest.mark.unit
KOREA = PhoneSpec(region="KR", extension_words=("내선", "교환"))
READ: dict[str | int, str] = {
    "010.1234.5678": "+821012345678",
    "(02) 000-0000": "+8220000000",
    "０１０－１２３４－５６７８": "+821012345678",
    "010–1234–5678": "+821012345678",
    "010\u20111234\u20115678": "+821012345678",
    "010 - 1234 - 5678": "+821012345678",
    "010·1234·5678": "+821012345678",
    "02-000-0000 내선 12": "+8220000000;ext=12",
    "02-000-0000 (내선12)": "+8220000000;ext=12",
    "02-000-0000 ext. 12": "+8220000000;ext=12",
    "+82-10-0000-0000": "+821000000000",
    "+82 (0)10 0000 0000": "+821000000000",
    "82-10-1234-5678": "+821012345678",
    "1588-1234": "+8215881234",
    "+1 212 555 0100": "+12125550100",
    1012345678: "+821012345678",  # a spreadsheet took the zero
}
NOT_READ = ["", "없음", "010", "내선 12", "me@example.invalid", "0" * 40, "1" * 61, "02-1", "\x00", 7]


@pytest.mark.parametrize("given", READ)
def test_what_people_write_is_one_form(given: str | int) -> None:
    """A5"""
    assert readable(given, KOREA) == READ[given]


def test_without_a_country_only_international_numbers_are_read() -> None:
    assert readable("010-1234-5678", PhoneSpec()) is None
    assert readable("+82-10-1234-5678", PhoneSpec()) == "+821012345678"


@pytest.mark.parametrize("given", NOT_READ)
async def test_what_cannot_be_read_is_set_aside_with_a_warning_and_kept_nowhere(given: str | int) -> None:
    """A5"""
    house, data = House(), example("trainee-graduated")
    data["identity"]["phone"] = given
    receipt = await house.send("trainee-graduated", data)
    assert receipt.status == "accepted"
    (warning,) = receipt.warnings or ()
    assert (warning.rule, warning.field) == ("not-readable", "/data/identity/phone")
    assert len(str(given)) < 4 or str(given) not in receipt.model_dump_json()
    (record,) = house.store.all("identities")
    assert house.dependencies.vault.open(record, "phone") is None


async def test_what_can_be_read_is_kept_in_its_one_form() -> None:
    house, data = House(), example("trainee-graduated")
    data["identity"]["phone"] = "010.1234.5678"
    receipt = await house.send("trainee-graduated", data)
    assert (receipt.status, receipt.warnings) == ("accepted", None)
    (record,) = house.store.all("identities")
    assert house.dependencies.vault.open(record, "phone") == "+821012345678"


async def test_what_cannot_be_read_erases_no_number_that_is_held_and_leaving_it_out_does() -> None:
    house = House()
    await house.send("trainee-graduated", example("trainee-graduated"))
    identity = {"name": "다른 예시", "birth_date": "1985-05-05", "sex": "male"}
    for phone, held in ({"phone": "없음"}, "+821000000000"), ({"phone": "02-1"}, "+821000000000"), ({}, None):
        receipt = await house.send("person-updated", example("person-updated", identity={**identity, **phone}))
        assert receipt.status == "accepted"
        for warning in receipt.warnings or ():
            assert all("person-updated" in sentence for sentence in warning.remedy.values())
        assert bool(receipt.warnings) is bool(phone)
        (record,) = house.store.all("identities")
        opened = [house.dependencies.vault.open(record, name) for name in ("name", "phone")]
        assert opened == ["다른 예시", held]


@pytest.mark.parametrize("field", ["email", "address"])
@pytest.mark.parametrize("given", ["", " ", "예시\u202e로", "\x07"])
async def test_so_is_every_other_optional_field_of_the_identity(field: str, given: str) -> None:
    """A5: the kind, not the case."""
    house, data = House(), example("trainee-graduated")
    data["identity"][field] = given
    receipt = await house.send("trainee-graduated", data)
    assert receipt.status == "accepted"
    assert [(one.rule, one.field) for one in receipt.warnings or ()] == [("not-readable", f"/data/identity/{field}")]
    (record,) = house.store.all("identities")
    assert house.dependencies.vault.open(record, field) is None


@pytest.mark.parametrize("given", ["no at", "a@b c", "@x", "x@", "a@b@c"])
async def test_an_e_mail_address_has_the_form_of_one(given: str) -> None:
    house, data = House(), example("trainee-graduated")
    data["identity"]["email"] = given
    receipt = await house.send("trainee-graduated", data)
    assert [one.rule for one in receipt.warnings or ()] == ["not-readable"]
