"""What forbids is said a second time, on a topic of its own, in the transaction of the act."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from services.intake.documents import StoredPerson
from services.intake.domain.raised_prohibitions import raised
from services.intake.event_handlers.publish import again
from shared.events.envelope import from_kafka
from shared.events.topics.people import Consent, Person
from shared.events.topics.prohibitions import MOST_FLOORS, Floor, Floors, merged
from shared.kit.runtime.cloudevent_codec import CloudEventCodec
from shared.kit.store.unit_of_work import UnitOfWork
from tests.unit.intake.memory import House, example, today

pytestmark = pytest.mark.unit
REFERENCE = "HW-8841"
SOMEBODY = "0f" * 16


@pytest.fixture
def house() -> House:
    return House()


async def arrived(house: House) -> None:
    """State 2: with a consent to matching, and one to notices for gjf."""
    await house.send("trainee-graduated", example("trainee-graduated"))


async def withdrawn(house: House, *consents: dict[str, str], **attributes: Any) -> None:
    data = {"reference": REFERENCE, "consents": list(consents)}
    assert (await house.send("consent-withdrawn", data, **attributes)).status == "accepted"


class TestWhatForbids:
    async def test_a_withdrawal_raises_the_floor_of_that_consent_to_the_number_of_the_new_state(
        self, house: House
    ) -> None:
        await arrived(house)
        assert house.store.prohibitions == []
        await withdrawn(house, {"purpose": "notice", "recipient": "gjf"})
        (said,) = house.store.prohibitions
        assert (said.type, said.sequence, said.key) == ("floor-raised", 3, house.newest.person)
        assert said.data.consents == (Floor(purpose="notice", recipient="gjf", below=3),)
        assert said.data.whole == 0
        told = house.store.emitted[-1]
        assert (told.sequence, told.correlationid, told.recordedtime) == (3, said.correlationid, said.recordedtime)

    async def test_a_withdrawal_from_everybody_names_each_that_stood(self, house: House) -> None:
        await arrived(house)
        given = {"purpose": "notice", "recipient": "khf", "until": today(50)}
        await house.send("consent-given", {"reference": REFERENCE, "consents": [given]})
        await withdrawn(house, {"purpose": "notice"})
        floors = {(floor.recipient, floor.below) for floor in house.store.prohibitions[-1].data.consents}
        assert floors == {("gjf", 4), ("khf", 4)}

    async def test_who_leaves_forbids_every_older_state(self, house: House) -> None:
        await arrived(house)
        await house.send("person-left", {"reference": REFERENCE, "reason": "own-wish"})
        (said,) = house.store.prohibitions
        assert (said.sequence, said.data.whole, said.data.consents) == (3, 3, ())

    async def test_a_consent_that_is_made_shorter_forbids_what_it_was_before(self, house: House) -> None:
        await arrived(house)
        given = {"purpose": "notice", "recipient": "gjf", "until": today(3)}
        await house.send("consent-given", {"reference": REFERENCE, "consents": [given]})
        assert house.store.prohibitions[-1].data.consents == (Floor(purpose="notice", recipient="gjf", below=3),)

    async def test_all_floors_of_a_person_are_said_each_time(self, house: House) -> None:
        await arrived(house)
        await withdrawn(house, {"purpose": "notice", "recipient": "gjf"})
        await withdrawn(house, {"purpose": "matching"})
        assert house.store.prohibitions[-1].data.consents == (
            Floor(purpose="matching", below=4),
            Floor(purpose="notice", recipient="gjf", below=3),
        )


class TestWhatForbidsNothing:
    async def test_a_new_person_a_new_profile_a_longer_consent_and_a_repeated_withdrawal(self, house: House) -> None:
        await arrived(house)
        await house.send("person-updated", example("person-updated", residence=None))
        given = {"purpose": "notice", "recipient": "gjf", "until": today(150)}
        await house.send("consent-given", {"reference": REFERENCE, "consents": [given]})
        assert house.store.prohibitions == []
        taken = {"purpose": "notice", "recipient": "gjf"}
        await withdrawn(house, taken)
        await house.send("consent-withdrawn", {"reference": REFERENCE, "consents": [taken]})
        assert len(house.store.prohibitions) == 1

    async def test_a_test_run(self, house: House) -> None:
        await arrived(house)
        await withdrawn(house, {"purpose": "matching"}, testrun="true")
        assert house.store.prohibitions == []


class TestAgain:
    async def test_republishing_says_the_same_event_of_the_newest_floors(self, house: House) -> None:
        await arrived(house)
        await withdrawn(house, {"purpose": "matching"})
        given = {"purpose": "matching", "until": today(20)}
        await house.send("consent-given", {"reference": REFERENCE, "consents": [given]})
        telling = again(StoredPerson, house.newest.person, house.dependencies.ids)
        work = UnitOfWork(house.store.now, codec=CloudEventCodec())
        work.loaded("people", "_id", [house.newest.person], [])
        work.save("people", house.store.all("people")[0])
        telling.do(work)
        said = [from_kafka(record.value, list(record.headers)) for record in work.emitted]
        assert [(event.type, event.sequence) for event in said] == [("consent-given", 4), ("floor-raised", 3)]
        (first,) = house.store.prohibitions
        assert (said[1].id, said[1].data, said[1].correlationid) == (first.id, first.data, first.correlationid)


class TestRaised:
    def test_what_stands_unchanged_is_not_forbidden(self) -> None:
        floors = Floors(person=SOMEBODY)
        consent = Consent(purpose="matching", until=date(2027, 1, 1))
        state = Person(person=SOMEBODY, status="active", owner="hanawon", consents=(consent,))
        assert raised(floors, state, state, 9) is floors

    def test_the_floors_of_somebody_with_very_many_fit_the_contract_and_forbid_no_less(self) -> None:
        many = tuple(Floor(purpose="notice", recipient=f"a-{n}", below=n + 1) for n in range(MOST_FLOORS))
        one = Floors(person=SOMEBODY, consents=(Floor(purpose="profile", recipient="a-0", below=7),))
        both = merged(Floors(person=SOMEBODY, consents=many), one)
        assert both.consents == (
            Floor(purpose="notice", below=MOST_FLOORS),
            Floor(purpose="profile", below=7),
        )
        assert both.forbid(6, "profile", "a-0")
        assert both.forbid(MOST_FLOORS - 1, "notice", "a-3")
        assert not both.forbid(MOST_FLOORS, "notice", "a-3")
