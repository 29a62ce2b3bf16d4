"""The journey: matches and partners put together from what the others told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from services.intake.first_administrator import administrator
from services.intake.queries import journey_of
from services.intake.settings import IntakeSettings
from tests.support.keys import A_KEY, A_THIRD_KEY, ANOTHER_KEY

pytestmark = pytest.mark.unit


def _step(type: str, count: int, first: int, last: int, **what: Any) -> Any:
    moment = [datetime(2026, 11, 22, hour, tzinfo=UTC) for hour in (first, last)]
    told = {"type": type, "recipient": None, "channel": None, "about": None, "reason": None, **what}
    return {"_id": told, "count": count, "first": moment[0], "last": moment[1]}


class TestJourney:
    def test_matches_are_counted_and_partners_listed_by_channel(self) -> None:
        gjf = {"recipient": "gjf", "channel": "webhook"}
        matched, partners = journey_of(
            [
                _step("match-found", 3, 1, 2),
                _step("match-withdrawn", 1, 3, 3),
                _step("notice-delivered", 2, 2, 4, about="notice", **gjf),
                _step("notice-delivered", 1, 5, 5, about="recall", **gjf),
                _step("recall-acknowledged", 1, 6, 6, about="recall", **gjf),
                _step("notice-failed", 1, 2, 2, about="notice", recipient="khf", channel="feed"),
                _step("notice-failed", 1, 7, 7, about="recall", recipient="khf", channel="feed"),
            ]
        )
        assert (matched.found, matched.changed, matched.withdrawn) == (3, 0, 1)
        first, second = partners
        assert (first.recipient, first.channel) == ("gjf", "webhook")
        assert first.delivered is not None
        assert (first.delivered.count, first.delivered.last.hour) == (2, 4)
        assert first.recalled is not None
        assert first.recall_acknowledged is not None
        assert first.acknowledged is None
        assert second.failed is not None
        assert (second.failed.count, second.failed.first.hour, second.failed.last.hour) == (2, 2, 7)


class TestBootstrap:
    def test_the_first_administrator_receives_nothing_about_people(self) -> None:
        agency = administrator("ops:ops-1:" + "ab" * 32, ("ko", "en"))
        assert agency.rights.administers
        assert not agency.rights.receives
        assert agency.recipient_class == "public"
        assert agency.keys[0].key_id == "ops-1"

    @pytest.mark.parametrize("wrong", ["ops:ops-1:short", "Ops!:ops-1:" + "ab" * 32, "::"])
    def test_nonsense_is_refused(self, wrong: str) -> None:
        with pytest.raises(ValueError, match="validation error"):
            administrator(wrong, ("ko",))


class TestSettings:
    KAFKA_AND_MONGO: ClassVar[dict[str, Any]] = {
        "profile": "development",
        "kafka": "127.0.0.1:1",
        "mongo_url": "mongodb://127.0.0.1:2/",
    }

    def test_the_summary_shows_no_key(self) -> None:
        settings = IntakeSettings(**self.KAFKA_AND_MONGO, kek="ee" * 32, first_admin="ops:ops-1:" + "ab" * 32)
        assert "ee" * 32 not in str(settings.summary())
        assert "abab" not in str(settings.summary())

    @pytest.mark.parametrize("kek", ["", "zz" * 32, "ab" * 31])
    def test_a_kek_is_32_bytes(self, kek: str) -> None:
        with pytest.raises(ValueError, match="kek"):
            IntakeSettings(**self.KAFKA_AND_MONGO, kek=kek)

    def test_production_refuses_the_key_everybody_knows(self) -> None:
        keys = {"id_key": A_KEY, "sealing_key": ANOTHER_KEY}
        own = {**keys, "kafka_idempotent": True, "instance": "intake-1", "metrics_port": 9100}
        own |= {"kafka_security_protocol": "SASL_SSL", "kafka_user": "intake", "kafka_password": "none"}
        given: dict[str, Any] = {**self.KAFKA_AND_MONGO, **own, "profile": "production"}
        unfit: list[dict[str, Any]] = [{}, {"kek": A_KEY}, {"kek": ANOTHER_KEY.upper()}, {"kek": "00" * 32}]
        for refused in unfit:
            with pytest.raises(ValueError, match="kek"):
                IntakeSettings(**given, **refused)
        assert IntakeSettings(**given, kek=A_THIRD_KEY).kek_bytes.hex() == A_THIRD_KEY
