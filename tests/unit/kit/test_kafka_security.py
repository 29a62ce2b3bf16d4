"""How a client shows itself to Kafka: contradictions are found before anything is opened, passwords never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from shared.kit.kafka.client import connection, faststream_security
from shared.kit.kafka.settings import KafkaSecurity, KafkaSettings, Unfit
from shared.kit.runtime.settings import ServiceSettings, read_settings
from tests.support.certificates import Authority

pytestmark = pytest.mark.unit
PASSWORD = "5ec7e7hush"
SCRAM: dict[str, Any] = {"security_protocol": "SASL_PLAINTEXT", "user": "intake", "password": PASSWORD}
NEEDED: dict[str, Any] = {
    "profile": "development", "service": "intake", "kafka": "127.0.0.1:9092", "port": 1,
    "mongo_url": "mongodb://127.0.0.1:27017/?replicaSet=rs0",
}  # fmt: skip


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate, its key, and the key under a password."""
    folder = tmp_path_factory.mktemp("pem")
    certificate, private = Authority(folder).signed("intake")
    certificate.rename(folder / "cert.pem")
    key = load_pem_private_key(private.read_bytes(), password=None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode()))
    (folder / "locked.pem").write_bytes(locked)
    private.rename(folder / "key.pem")
    return folder


def kafka(**security: Any) -> KafkaSettings:
    return KafkaSettings(bootstrap="k:1", instance="s-1", security=KafkaSecurity(**security))


class TestCheck:
    @pytest.mark.parametrize(
        "sound",
        [
            {},
            SCRAM,
            {**SCRAM, "sasl_mechanism": "SCRAM-SHA-256"},
            {**SCRAM, "security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN"},
            {"security_protocol": "SSL"},
        ],
    )
    def test_lets_pass_what_can_be_used(self, sound: dict[str, Any]) -> None:
        KafkaSecurity(**sound).check()

    @pytest.mark.parametrize(
        ("unsound", "part", "missing"),
        [
            ({**SCRAM, "user": ""}, "user", True),
            ({**SCRAM, "password": ""}, "password", True),
            ({**SCRAM, "security_protocol": "PLAINTEXT"}, "security_protocol", False),
            ({**SCRAM, "security_protocol": "SSL"}, "security_protocol", False),
            ({**SCRAM, "sasl_mechanism": "PLAIN"}, "sasl_mechanism", False),
            ({**SCRAM, "ca_file": "ca.pem"}, "security_protocol", False),
            ({"security_protocol": "SSL", "ca_file": "/no/such/ca.pem"}, "ca_file", False),
            ({"security_protocol": "SSL", "cert_file": "/no/such/cert.pem"}, "key_file", True),
            ({"security_protocol": "SSL", "key_file": "/no/such/key.pem"}, "cert_file", True),
            ({"security_protocol": "SSL", "key_password": PASSWORD}, "key_file", True),
            ({"security_protocol": "SSL", "cert_file": "/no/cert.pem", "key_file": "/no/key.pem"}, "cert_file", False),
        ],
    )
    def test_names_the_part_that_is_unfit(self, unsound: dict[str, Any], part: str, missing: bool) -> None:
        with pytest.raises(Unfit) as found:
            KafkaSecurity(**unsound).check()
        assert (found.value.part, found.value.missing) == (part, missing)

    def test_reads_certificate_and_key(self, pem: Path) -> None:
        own: dict[str, Any] = {"security_protocol": "SSL", "ca_file": f"{pem}/cert.pem", "cert_file": f"{pem}/cert.pem"}
        KafkaSecurity(**own, key_file=f"{pem}/key.pem").check()
        KafkaSecurity(**own, key_file=f"{pem}/locked.pem", key_password=PASSWORD).check()
        for wrong in ("", "other"):
            with pytest.raises(Unfit, match="key_file"):
                KafkaSecurity(**own, key_file=f"{pem}/locked.pem", key_password=wrong).check()
        with pytest.raises(Unfit, match="cert_file"):
            KafkaSecurity(**{**own, "cert_file": f"{pem}/key.pem"}, key_file=f"{pem}/key.pem").check()

    def test_passwords_are_not_in_its_text(self) -> None:
        assert PASSWORD not in repr(kafka(**SCRAM, key_password=PASSWORD))


class TestClients:
    async def test_aiokafka_takes_the_arguments(self) -> None:
        found = connection(kafka(**{**SCRAM, "security_protocol": "SASL_SSL"}))
        assert found["sasl_mechanism"] == "SCRAM-SHA-512"
        assert (found["sasl_plain_username"], found["sasl_plain_password"]) == ("intake", PASSWORD)
        assert found["ssl_context"].check_hostname
        AIOKafkaClient(**found)

    def test_without_security_nothing_is_said_but_where(self) -> None:
        assert connection(kafka()) == {"bootstrap_servers": "k:1", "security_protocol": "PLAINTEXT"}

    @pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
    @pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"])
    def test_faststream_says_the_same(self, protocol: str, mechanism: str) -> None:
        from faststream.kafka.security import parse_security

        settings = kafka(**{**SCRAM, "security_protocol": protocol, "sasl_mechanism": mechanism})
        theirs, ours = parse_security(faststream_security(settings)), dict(connection(settings))
        assert bool(theirs.pop("ssl_context")) == bool(ours.pop("ssl_context", None))
        assert theirs == {name: value for name, value in ours.items() if name != "bootstrap_servers"}

    @pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL"])
    def test_faststream_says_the_same_without_a_user(self, protocol: str) -> None:
        from faststream.kafka.security import parse_security

        theirs = parse_security(faststream_security(kafka(security_protocol=protocol)))
        assert theirs["security_protocol"] == protocol


class TestSettings:
    def said(self, capsys: pytest.CaptureFixture[str], **values: Any) -> str:
        with pytest.raises(SystemExit) as ended:
            read_settings(ServiceSettings, **NEEDED, **values)
        assert ended.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert PASSWORD not in line
        return line

    @pytest.mark.parametrize(
        ("values", "begins"),
        [
            ({"kafka_security_protocol": "SASL_SSL", "kafka_password": PASSWORD}, "IEUM_KAFKA_USER is missing: put"),
            ({"kafka_security_protocol": "SASL_SSL", "kafka_user": "intake"}, "IEUM_KAFKA_PASSWORD is missing: put"),
            ({"kafka_user": "intake"}, "IEUM_KAFKA_SECURITY_PROTOCOL cannot stand: put"),
            ({"kafka_security_protocol": "TLS"}, "IEUM_KAFKA_SECURITY_PROTOCOL cannot stand: put"),
            (
                {"kafka_security_protocol": "SASL_PLAINTEXT", "kafka_user": "i", "kafka_password": PASSWORD,
                 "kafka_sasl_mechanism": "PLAIN"},
                "IEUM_KAFKA_SASL_MECHANISM cannot stand: put",
            ),
            (
                {"kafka_security_protocol": "SSL", "kafka_ca_file": "/no/such/file"},
                "IEUM_KAFKA_CA_FILE cannot stand: put",
            ),
        ],
    )  # fmt: skip
    def test_one_line_names_the_setting(
        self, values: dict[str, Any], begins: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.said(capsys, **values).startswith(begins)

    def test_they_reach_the_clients_and_passwords_are_masked(self) -> None:
        given: dict[str, Any] = {
            "kafka_security_protocol": "SASL_SSL",
            "kafka_user": "intake",
            "kafka_password": PASSWORD,
        }
        settings = ServiceSettings(**NEEDED, **given)
        assert settings.kafka_settings.security == KafkaSecurity(**{**SCRAM, "security_protocol": "SASL_SSL"})
        assert (settings.summary()["kafka_user"], settings.summary()["kafka_password"]) == ("intake", "***")
        assert PASSWORD not in f"{settings!r} {settings.kafka_settings!r}"
