"""Settings: one clear line for what is wrong, no secret in any output, no laptop defaults in production."""

from __future__ import annotations

from typing import Any

import pytest

from shared.kit.base.weak_keys import DEVELOPMENT_ID_KEY, DEVELOPMENT_KEK, DEVELOPMENT_SEALING_KEY
from shared.kit.runtime.settings import ServiceSettings, read_settings
from tests.support.keys import A_KEY, A_THIRD_KEY, ANOTHER_KEY

pytestmark = pytest.mark.unit
SECRET = "5ec7e7" * 11
LOOPBACK: dict[str, Any] = {
    "profile": "development", "service": "intake", "kafka": "127.0.0.1:9092,localhost:9093", "port": 1,
    "mongo_url": "mongodb://user:hush@127.0.0.1:27017,[::1]:27018,localhost/?replicaSet=rs0",
}  # fmt: skip
NEEDED: dict[str, Any] = {
    **LOOPBACK, "mongo_url": "mongodb://user:hush@db:27017/?replicaSet=rs0", "id_key": A_KEY,
    "sealing_key": ANOTHER_KEY,
}  # fmt: skip
PRODUCTION: dict[str, Any] = {
    **NEEDED, "profile": "production", "kafka_idempotent": True, "instance": "intake-1", "metrics_port": 9100,
    "kafka_security_protocol": "SASL_SSL", "kafka_user": "intake", "kafka_password": SECRET,
}  # fmt: skip


# Zero, development (any service's, in either case), one byte, a short block, counting up and down.
GUESSABLE = [
    "00" * 32, "ff" * 32, DEVELOPMENT_ID_KEY, DEVELOPMENT_SEALING_KEY, DEVELOPMENT_KEK, DEVELOPMENT_KEK.upper(),
    "0123456789abcdef" * 4, "deadbeef" * 8, A_KEY[:32] * 2, A_KEY[:22] * 2 + A_KEY[:20],
    bytes(range(32)).hex(), bytes(range(250, 218, -1)).hex(), bytes(7 * n % 256 for n in range(32)).hex(),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("IEUM_"):
            monkeypatch.delenv(name)


def said(capsys: pytest.CaptureFixture[str], **values: Any) -> str:
    with pytest.raises(SystemExit) as ended:
        read_settings(ServiceSettings, **values)
    assert ended.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


class TestReadSettings:
    def test_comes_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("IEUM_PROFILE", "development")
        monkeypatch.setenv("IEUM_KAFKA", "localhost:1")
        monkeypatch.setenv("IEUM_MONGO_URL", "mongodb://localhost")
        monkeypatch.setenv("IEUM_PORT", "8101")
        found = read_settings(ServiceSettings, service="intake")
        assert (found.kafka, found.port, found.instance, found.database) == ("localhost:1", 8101, "intake-1", "intake")

    def test_names_what_is_missing_and_what_to_put(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = said(capsys, profile="development", service="intake", port=1, mongo_url="mongodb://x")
        assert line == "IEUM_KAFKA is missing: put the brokers, for example 127.0.0.1:9092"

    @pytest.mark.parametrize("name", ["id_key", "sealing_key"])
    @pytest.mark.parametrize(
        "key",
        [SECRET[:40], SECRET[:62], SECRET, SECRET[:64] + "00" * 32, SECRET[:62] + "zz", SECRET[:62] + " 0", "é" * 64],
        ids=["short", "31 bytes", "33 bytes", "64 bytes", "no hex", "blank", "no ascii"],
    )
    def test_names_a_key_that_is_not_32_bytes_without_showing_it(
        self, name: str, key: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        line = said(capsys, **{**NEEDED, name: key})
        hint = "put 64 hex digits of your own, for example from: openssl rand -hex 32"
        assert line == f"IEUM_{name.upper()} cannot stand: {hint}"
        assert key not in line

    def test_names_a_bad_number_without_showing_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = said(capsys, **{**NEEDED, "port": "hush"})
        assert line.startswith("IEUM_PORT cannot stand")
        assert "hush" not in line

    @pytest.mark.parametrize(
        ("change", "variable"),
        [
            ({"sealing_key": A_KEY}, "IEUM_SEALING_KEY"),
            ({"sealing_key": A_KEY.upper()}, "IEUM_SEALING_KEY"),
            ({"kafka_idempotent": False}, "IEUM_KAFKA_IDEMPOTENT"),
            (
                {"kafka_security_protocol": "PLAINTEXT", "kafka_user": "", "kafka_password": ""},
                "IEUM_KAFKA_SECURITY_PROTOCOL",
            ),
            (
                {"kafka_security_protocol": "SSL", "kafka_user": "", "kafka_password": ""},
                "IEUM_KAFKA_SECURITY_PROTOCOL",
            ),
            ({"metrics_port": None}, "IEUM_METRICS_PORT"),
            ({"metrics_port": NEEDED["port"]}, "IEUM_METRICS_PORT"),
        ],
    )
    def test_production_refuses_what_is_for_laptops(
        self, change: dict[str, Any], variable: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert said(capsys, **{**PRODUCTION, **change}).startswith(f"{variable} cannot stand")

    @pytest.mark.parametrize("name", ["id_key", "sealing_key"])
    @pytest.mark.parametrize("key", GUESSABLE)
    def test_production_refuses_guessable_keys(self, name: str, key: str, capsys: pytest.CaptureFixture[str]) -> None:
        line = said(capsys, **{**PRODUCTION, name: key})
        assert line.startswith(f"IEUM_{name.upper()} cannot stand: put 64 hex digits of your own")
        assert key not in line

    @pytest.mark.parametrize("left_out", ["id_key", "sealing_key", "kafka_idempotent", "instance", "metrics_port"])
    def test_production_has_no_defaults_for_what_matters(
        self, left_out: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        line = said(capsys, **{name: value for name, value in PRODUCTION.items() if name != left_out})
        assert line.startswith(f"IEUM_{left_out.upper()}")

    def test_production_takes_settings_of_its_own(self) -> None:
        assert read_settings(ServiceSettings, **PRODUCTION).profile == "production"


class TestProfile:
    @pytest.mark.parametrize("empty", [None, ""])
    def test_none_or_an_empty_one_names_the_choice(
        self, empty: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        if empty is not None:
            monkeypatch.setenv("IEUM_PROFILE", empty)
        line = said(capsys, **{name: value for name, value in PRODUCTION.items() if name != "profile"})
        assert line.startswith("IEUM_PROFILE is missing: put development (")
        assert "or production" in line

    @pytest.mark.parametrize("other", ["Production", "prod", " development", "test"])
    def test_another_one_is_refused(self, other: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert said(capsys, **{**PRODUCTION, "profile": other}).startswith("IEUM_PROFILE cannot stand: put development")


class TestDevelopment:
    def test_its_keys_work_on_loopback(self) -> None:
        found = read_settings(ServiceSettings, **LOOPBACK)
        assert found.has_guessable_keys

    @pytest.mark.parametrize(
        ("elsewhere", "variable"),
        [
            ({"host": "0.0.0.0"}, "IEUM_HOST"),
            ({"host": "::"}, "IEUM_HOST"),
            ({"host": "10.0.0.7"}, "IEUM_HOST"),
            ({"host": ""}, "IEUM_HOST"),
            ({"host": "127.0.0.1.example.org"}, "IEUM_HOST"),
            ({"metrics_host": "0.0.0.0", "metrics_port": 2}, "IEUM_METRICS_HOST"),
            ({"kafka": "127.0.0.1:9092,broker:9092"}, "IEUM_KAFKA"),
            ({"kafka": "10.0.0.7"}, "IEUM_KAFKA"),
            ({"mongo_url": "mongodb://127.0.0.1:27017,db:27017/?replicaSet=rs0"}, "IEUM_MONGO_URL"),
            ({"mongo_url": "mongodb://127.0.0.1:x@db/"}, "IEUM_MONGO_URL"),
            ({"mongo_url": "mongodb+srv://localhost/"}, "IEUM_MONGO_URL"),
        ],
    )
    @pytest.mark.parametrize("key", [None, "00" * 32])
    def test_its_keys_work_nowhere_else(
        self, elsewhere: dict[str, Any], variable: str, key: str | None, capsys: pytest.CaptureFixture[str]
    ) -> None:
        line = said(capsys, **{**LOOPBACK, **({"id_key": key} if key else {}), **elsewhere})
        assert line.startswith(f"IEUM_ID_KEY cannot stand while {variable} is not on loopback: put 64 hex digits")

    def test_keys_of_its_own_work_anywhere(self) -> None:
        found = read_settings(ServiceSettings, **{**NEEDED, "host": "0.0.0.0"})
        assert not found.has_guessable_keys


class TestSummary:
    def test_masks_keys_and_passwords(self) -> None:
        settings = ServiceSettings(**{**NEEDED, "id_key": A_THIRD_KEY})
        shown = settings.summary()
        assert shown["id_key"] == "***"
        assert shown["mongo_url"] == "mongodb://***@db:27017/?replicaSet=rs0"
        assert shown["kafka"] == "127.0.0.1:9092,localhost:9093"
        for text in (str(shown), repr(settings), str(settings)):
            assert A_THIRD_KEY not in text
            assert "hush" not in text

    def test_masks_what_the_options_of_an_address_may_hold(self) -> None:
        url = "mongodb://db/?replicaSet=rs0&tlsCertificateKeyFilePassword=hush&tls=true"
        shown = ServiceSettings(**{**NEEDED, "mongo_url": url}).summary()["mongo_url"]
        assert shown == "mongodb://db/?replicaSet=rs0&tlsCertificateKeyFilePassword=***&tls=true"

    @pytest.mark.parametrize("password", ["hu/sh", "hu?sh", "hu#sh", "hu@sh", "hu/s?h#@", "[hush"])
    def test_masks_a_password_that_is_not_escaped(self, password: str) -> None:
        url = f"mongodb://ieum:{password}@db:27017/?replicaSet=rs0"
        shown = ServiceSettings(**{**NEEDED, "mongo_url": url}).summary()["mongo_url"]
        assert shown == "mongodb://***@db:27017/?replicaSet=rs0"

    @pytest.mark.parametrize("rest", ["db/?tlsCertificateKeyFilePassword=x#hush", "[hush/"])
    def test_masks_what_is_no_part_of_an_address(self, rest: str) -> None:
        shown = ServiceSettings(**{**NEEDED, "mongo_url": f"mongodb://{rest}"}).summary()["mongo_url"]
        assert "hush" not in shown


class TestKafkaSettings:
    def test_carry_what_the_kit_needs(self) -> None:
        found = ServiceSettings(**{**NEEDED, "topic_prefix": "t.", "partitions": 2}).kafka_settings
        assert found.bootstrap == "127.0.0.1:9092,localhost:9093"
        assert (found.physical("people"), found.partitions) == ("t.people", 2)
