"""Phone numbers as people write them: one form, or set aside with a warning; a person is never refused for one."""

from __future__ import annotations

import pytest

from services.intake.domain.phones import readable
from tests.unit.intake.memory import House, example

pytestmark = pytest.mark.unit
READ = {
    "010.1234.5678": "010-1234-5678",
    "(02) 000-0000": "(02) 000-0000",
    "０１０－１２３４－５６７８": "010-1234-5678",
    "010–1234–5678": "010-1234-5678",
    "010\u20111234\u20115678": "010-1234-5678",
    "010 - 1234 - 5678": "010-1234-5678",
    "02-000-0000 내선 12": "02-000-0000",
    "02-000-0000 ext. 12": "02-000-0000",
    "+82-10-0000-0000": "+82-10-0000-0000",
    "+82 (0)10 0000 0000": "+82 (0)10 0000 0000",
}
NOT_READ = ["", "없음", "010", "내선 12", "me@example.invalid", "٠١٠-١٢٣٤-٥٦٧x", "0" * 40]


@pytest.mark.parametrize("given", READ)
def test_what_people_write_is_one_form(given: str) -> None:
    assert readable(given) == READ[given]


@pytest.mark.parametrize("given", NOT_READ)
async def test_what_cannot_be_read_is_set_aside_with_a_warning_and_kept_nowhere(given: str) -> None:
    house, data = House(), example("trainee-graduated")
    data["identity"]["phone"] = given
    receipt = await house.send("trainee-graduated", data)
    assert receipt.status == "accepted"
    (warning,) = receipt.warnings or ()
    assert (warning.rule, warning.field) == ("phone-not-readable", "/data/identity/phone")
    assert len(given) < 4 or given not in receipt.model_dump_json()
    (record,) = house.store.all("identities")
    assert house.dependencies.vault.open(record, "phone") is None  # type: ignore[arg-type]  # as it is stored


async def test_what_can_be_read_is_kept_in_its_one_form() -> None:
    house, data = House(), example("trainee-graduated")
    data["identity"]["phone"] = "010.1234.5678"
    receipt = await house.send("trainee-graduated", data)
    assert (receipt.status, receipt.warnings) == ("accepted", None)
    (record,) = house.store.all("identities")
    assert house.dependencies.vault.open(record, "phone") == "010-1234-5678"  # type: ignore[arg-type]  # as it is stored


async def test_what_cannot_be_read_erases_no_number_that_is_held_and_leaving_it_out_does() -> None:
    house = House()
    await house.send("trainee-graduated", example("trainee-graduated"))
    identity = {"name": "다른 예시", "birth_date": "1985-05-05", "sex": "male"}
    for phone, held in ({"phone": "없음"}, "+82-10-0000-0000"), ({"phone": "02-1"}, "+82-10-0000-0000"), ({}, None):
        receipt = await house.send("person-updated", example("person-updated", identity={**identity, **phone}))
        assert receipt.status == "accepted"
        for warning in receipt.warnings or ():
            assert all("person-updated" in sentence for sentence in warning.remedy.values())
        assert bool(receipt.warnings) is bool(phone)
        (record,) = house.store.all("identities")
        opened = [house.dependencies.vault.open(record, name) for name in ("name", "phone")]  # type: ignore[arg-type]  # as it is stored
        assert opened == ["다른 예시", held]
