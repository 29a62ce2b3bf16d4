"""How mails to owners of endpoints that fail leave: in turn, within the lease, and no more than so many an hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.notifications.channels.credentials import Credentials
from services.notifications.channels.mail import owner_alerts
from services.notifications.channels.mail.owner_alerts import MOST_MAILS, OwnerMails
from services.notifications.channels.mail.smtp_relay import MailAnswer
from services.notifications.domain.circuit_breaker import Breaker
from services.notifications.monitoring import Look
from shared.kit.base.sealing import Sealer

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
BREAKER = Breaker(give_up_after=timedelta(days=5))


class Kept(dict[str, Any]):
    """The troubles that are kept."""

    def find(self, _: Any) -> Any:
        async def each() -> Any:
            for document in list(self.values()):
                yield document

        return each()

    async def replace_one(self, query: Any, document: Any, upsert: bool) -> None:
        assert upsert
        self[query["_id"]] = document

    async def delete_one(self, query: Any) -> None:
        del self[query["_id"]]


class Office:
    """OwnerMails over subscriptions whose endpoints were disabled, each told to a mailbox of its own. ``hangs``: for
    which the mail server never answers, each time for ``longest``. ``answers``: what it says of others."""

    longest = timedelta(seconds=15)
    believed = 0.0  # until when we hold the lease

    def __init__(self, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.credentials = Credentials(Sealer(b"k" * 32))
        self.subscriptions = [
            {
                "_id": f"s{n}", "agency": f"a{n}", "channel": "webhook", "state": "disabled", "failures": 0,
                "reason": "gone", "alerts_to": self.credentials.sealed_alerts_to(f"s{n}", f"mailto:m{n}@x.example"),
            }
            for n in range(count)
        ]  # fmt: skip
        self.kept, self.now, self.at = Kept(), NOW, 0.0
        self.hangs: set[str] = set()
        self.answers: dict[str, MailAnswer] = {}
        self.tried: list[str] = []
        self.letters: list[tuple[str, str]] = []
        monkeypatch.setattr(owner_alerts, "_clock", lambda: self.at)
        monkeypatch.setattr(owner_alerts, "Lease", self.lease)
        anything: Any = self
        database: Any = {"troubles": self.kept}
        self.mails = OwnerMails(
            database, anything, self.credentials, anything, anything, anything, anything, "n-1", BREAKER, anything
        )

    async def all_subscriptions(self) -> list[Any]:
        return self.subscriptions

    async def subscriptions_of(self, agency: str) -> list[Any]:
        return [each for each in self.subscriptions if each["agency"] == agency]

    async def last_look(self) -> Look:
        return Look(NOW, NOW, {}, (), (), ())

    def calendar(self) -> datetime:
        return self.now

    def about_trouble(self, to: str, told: Any, now: Any) -> Any:
        if to == "broken@x.example":
            raise ValueError
        return told

    def tag(self, subscription: str, sealed: bytes | None) -> str:
        return subscription

    async def send(self, to: str, mail: Any, tag: str) -> MailAnswer:
        self.tried.append(to)
        if to in self.hangs:
            self.at += self.longest.total_seconds()
            return MailAnswer("server", None)
        answer = self.answers.get(to, MailAnswer("mailbox", 250))
        if answer.code == 250:
            self.letters.append((to, f"{mail.case}/{mail.noted}"))
        return answer

    async def look(self) -> None:
        self.now += timedelta(seconds=15)
        self.at += 15
        self.believed = self.at + 0.8 * self.seconds  # shared/kit/store/lease.py
        await self.mails.look()
        assert self.at <= self.believed, "another replica tells the same"

    def lease(self, database: Any, name: str, owner: str, seconds: float) -> Any:
        self.seconds = seconds
        return self

    @property
    def left(self) -> float:
        return max(0.0, self.believed - self.at)

    @property
    def told(self) -> set[str]:
        return {id for id, trouble in self.kept.items() if trouble["told"] is not None}


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Office:
    return Office(getattr(request, "param", 12), monkeypatch)


class TestAMailServerThatHangs:
    async def test_for_some_keeps_nobody_else_back(self, office: Office) -> None:
        office.hangs = {f"m{n}@x.example" for n in range(8)}
        for _ in range(3):
            await office.look()
        assert office.told == {f"s{n}" for n in range(8, 12)}

    @pytest.mark.parametrize("longest", [2, 60, 480])
    async def test_for_all_is_asked_for_everybody_in_turn_and_no_look_lasts_longer_than_the_lease(
        self, longest: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Office, "longest", timedelta(seconds=longest))
        office = Office(12, monkeypatch)
        office.hangs = {f"m{n}@x.example" for n in range(12)}
        while len(office.tried) < 24:
            await office.look()
        assert {office.tried[:24].count(each) for each in office.hangs} == {2}

    async def test_no_mail_begins_that_could_outlast_the_lease_however_slow_the_database_is(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        owners = office.subscriptions_of

        async def slow(agency: str) -> list[Any]:
            office.at = max(office.at, office.believed - office.longest.total_seconds())
            return await owners(agency)

        monkeypatch.setattr(office, "subscriptions_of", slow)
        monkeypatch.setattr(owner_alerts, "LOOK_AT_MOST", 10_000.0)
        await office.look()
        assert office.tried == []

    async def test_uses_up_none_of_the_mails_of_an_hour(self, office: Office) -> None:
        office.answers = {"m0@x.example": MailAnswer("server", None)}
        for _ in range(2 * MOST_MAILS):
            await office.look()
        assert "s0" not in office.told
        office.answers = {}
        await office.look()
        assert "s0" in office.told
        assert [to for to, _ in office.letters].count("m0@x.example") == 1

    @pytest.mark.parametrize("office", [1], indirect=True)
    async def test_for_one_address_of_several_the_others_are_told_once(self, office: Office) -> None:
        office.subscriptions.append(
            {
                "_id": "box", "agency": "a0", "channel": "email", "state": "active", "failures": 0,
                "target": office.credentials.sealed_target("box", "mailto:late@x.example"),
            }
        )  # fmt: skip
        office.answers = {"late@x.example": MailAnswer("mailbox", 451)}
        for _ in range(3):
            await office.look()
        assert ([to for to, _ in office.letters], office.told) == (["m0@x.example"], set())
        office.answers = {}
        await office.look()
        assert ([to for to, _ in office.letters], office.told) == (["m0@x.example", "late@x.example"], {"s0"})
        assert len({letter for _, letter in office.letters}) == 1, "the same letter, however late"


@pytest.mark.parametrize("office", [2], indirect=True)
async def test_a_mail_server_that_refuses_for_good_is_asked_for_an_address_once_a_minute(office: Office) -> None:
    office.answers = {"m0@x.example": MailAnswer("server", 554, "5.7.1")}
    for _ in range(8):  # two minutes
        await office.look()
    assert (office.tried.count("m0@x.example"), office.told) == (2, {"s1"})
    office.answers = {}
    for _ in range(5):
        await office.look()
    assert office.told == {"s0", "s1"}


async def test_what_cannot_be_told_of_one_keeps_back_no_other(office: Office) -> None:
    office.subscriptions[0]["alerts_to"] = office.credentials.sealed_alerts_to("s0", "mailto:broken@x.example")
    office.subscriptions[1]["alerts_to"] = b"sealed by somebody else"
    for _ in range(2):
        await office.look()
    assert office.told == {f"s{n}" for n in range(2, 12)}


@pytest.mark.parametrize("office", [MOST_MAILS + 5], indirect=True)
async def test_so_many_mails_for_one_agency_in_an_hour_and_what_stands_then_is_told_later(office: Office) -> None:
    """Whoever names a mailbox need not own it, and may make trouble come and go."""
    office.subscriptions[-1] |= {"agency": "hana"}
    for each in office.subscriptions[:-1]:
        each["agency"] = "gjf"
    for _ in range(20):
        await office.look()
    assert len(office.letters) == MOST_MAILS + 1
    assert f"s{MOST_MAILS + 4}" in office.told
    office.now += timedelta(hours=1)
    await office.look()
    assert len(office.letters) == len(office.told) == MOST_MAILS + 5
