"""What each service refuses at start, and that nobody adds a setting without saying what production makes of it."""

from __future__ import annotations

import ast
import importlib
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from services.intake.settings import IntakeSettings
from services.matching.settings import MatchingSettings
from services.notifications.settings import NotificationsSettings
from shared.kit.runtime import command_line
from shared.kit.runtime.settings import ServiceSettings, read_settings
from tests.support.keys import A_KEY, A_THIRD_KEY, ANOTHER_KEY

pytestmark = pytest.mark.unit

SERVICES: dict[str, type[ServiceSettings]] = {
    "intake": IntakeSettings,
    "matching": MatchingSettings,
    "notifications": NotificationsSettings,
}
PRODUCTION = {
    "IEUM_PROFILE": "production", "IEUM_KAFKA": "kafka:9092", "IEUM_KAFKA_IDEMPOTENT": "true",
    "IEUM_MONGO_URL": "mongodb://db/?replicaSet=rs0", "IEUM_ID_KEY": A_KEY, "IEUM_SEALING_KEY": ANOTHER_KEY,
    "IEUM_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "IEUM_KAFKA_USER": "service", "IEUM_KAFKA_PASSWORD": "of its own",
    "IEUM_KEK": A_THIRD_KEY, "IEUM_INSTANCE": "one-1", "IEUM_METRICS_PORT": "9100", "IEUM_PORT": "0",
    "IEUM_PROPOSED_MODEL": "true",  # matching: the packs here are proposals
}  # fmt: skip

OF_OTHERS = ("IEUM_KEK", "IEUM_PROPOSED_MODEL")  # settings that notifications does not have

# Every setting has a verdict: either it can do no harm whatever its bounds let through, or production refuses a value.
HARMLESS = {
    "service", "kafka", "kafka_replication", "kafka_sasl_mechanism", "kafka_user", "kafka_password", "kafka_ca_file",
    "kafka_cert_file", "kafka_key_file", "kafka_key_password",
    "mongo_url", "database", "topic_prefix", "partitions", "host", "port",
    "metrics_host", "session_timeout_ms", "batch_max_records", "stalled_seconds", "start_seconds",
    "pack", "hold_wrong_employer_numbers",
    "log_level",  # no level shows anything about a person: `make leak-scan` runs at debug
    "most_events", "most_bytes", "most_rejections", "lapse_seconds", "inbound_lease_seconds",
    "lease_seconds", "day_check_seconds", "netting_seconds", "congestion", "shadow_pack", "outcomes",
    "head_seconds", "body_seconds", "idle_seconds", "unread_seconds", "body_bytes_per_second", "connections",
    "connections_per_address", "at_once_bodies", "at_once_requests", "at_once_polls", "at_once_working",
    "limit_events", "limit_bytes",
    "limit_requests", "limit_lookups", "limit_forbids", "limit_anonymous", "limit_wrong_keys", "limit_tracked",
    "retry_schedule", "retry_jitter", "retry_after_max_seconds", "deadline_seconds", "connect_seconds", "answer_bytes",
    "retry_after_recall_max_seconds",
    "breaker_seconds", "breaker_longest_seconds", "disable_after_seconds", "recovery_per_second",
    "endpoint_slots", "spread_seconds", "secret_overlap_seconds", "webhook_ports", "ask_path",
    "smtp_host", "smtp_port", "smtp_user", "smtp_password",  # whom the operator names; without it nothing is mailed
    "smtp_ca_file",
    "mail_sender", "mail_bounces", "digest_hour",
    "bounces_cert_file", "bounces_key_file",  # checked at the start, and without them nothing is less safe than it was
    "bounces_listen",  # what is heard there does nothing but under a token of ours; never beside guessable keys
}  # fmt: skip
REFUSED: dict[str, str | None] = {  # a value that is for a laptop; None: left out
    "profile": None,
    "instance": None,
    "kafka_idempotent": "false",
    "kafka_security_protocol": "PLAINTEXT",
    "metrics_port": None,
    "calendar_offset_seconds": "86400",
    "trusted_proxies": "10.1.2.3,0.0.0.0/1,128.0.0.0/1",
    "id_key": "d1" * 32,
    "sealing_key": "00" * 32,
    "kek": ("d3" * 32).upper(),
    "inbound_keys": "d3" * 32,
    "first_admin": "office:office-1:" + sha256(bytes(32)).hexdigest(),
    "allow_networks": '["10.0.0.0/8"]',
    "smtp_security": "none",
    "proposed_model": "false",
}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("IEUM_"):
            monkeypatch.delenv(name)


def started(
    service: str, change: dict[str, str | None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[object, list[str]]:
    """How the service's program ends, and what it says."""
    for name, value in (PRODUCTION | change).items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    main = importlib.import_module(f"services.{service}.__main__")
    # a start that is not refused would serve until it is stopped
    monkeypatch.setattr(command_line, "run", lambda *_: None)
    try:
        code: object = main.main([])
    except SystemExit as ended:
        code = ended.code
    return code, capsys.readouterr().err.splitlines()


BAD_KEYS = {
    "short": "ab" * 31, "long": A_KEY + "00", "no hex": "zz" * 32, "zero": "00" * 32, "one byte": "7f" * 32,
    "development": "d1" * 32, "another service's development": "d3" * 32, "other case": ("d2" * 32).upper(),
    "a block": "deadbeef" * 8, "counting": bytes(range(32)).hex(),
}  # fmt: skip
KEYS = [(service, name) for service, kind in SERVICES.items() for name in kind.KEYS]


class TestStart:
    @pytest.mark.parametrize("service", SERVICES)
    def test_with_all_it_needs_it_runs(
        self, service: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert started(service, {}, monkeypatch, capsys) == (0, [])

    @pytest.mark.parametrize("empty", [None, ""])
    @pytest.mark.parametrize("service", SERVICES)
    def test_without_a_profile_it_ends_and_names_the_choice(
        self, service: str, empty: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code, lines = started(service, {"IEUM_PROFILE": empty}, monkeypatch, capsys)
        assert (code, len(lines)) == (2, 1)
        assert lines[0].startswith("IEUM_PROFILE is missing: put development")
        assert "production" in lines[0]

    @pytest.mark.parametrize("key", BAD_KEYS)
    @pytest.mark.parametrize(("service", "name"), KEYS)
    def test_with_a_bad_key_it_ends_and_names_it_and_never_the_value(
        self, service: str, name: str, key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        variable = f"IEUM_{name.upper()}"
        code, lines = started(service, {variable: BAD_KEYS[key]}, monkeypatch, capsys)
        assert (code, len(lines)) == (2, 1)
        assert lines[0].startswith(f"{variable} cannot stand: put 64 hex digits of your own")
        assert BAD_KEYS[key] not in lines[0]

    @pytest.mark.parametrize(("service", "name"), [(service, name) for service, name in KEYS if name != "id_key"])
    def test_with_one_key_for_two_purposes_it_ends_and_names_both(
        self, service: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code, lines = started(service, {f"IEUM_{name.upper()}": A_KEY.upper()}, monkeypatch, capsys)
        assert code == 2
        assert lines[0].startswith(f"IEUM_{name.upper()} cannot stand because IEUM_ID_KEY is the same key: put 64 hex")


class TestEverySetting:
    @pytest.mark.parametrize("service", SERVICES)
    def test_has_a_verdict(self, service: str) -> None:
        undecided = SERVICES[service].model_fields.keys() - HARMLESS - REFUSED.keys()
        assert not undecided, "say above whether production may have any value of it, and refuse those it may not have"

    def test_no_verdict_is_about_a_setting_that_is_gone(self) -> None:
        there = {name for kind in SERVICES.values() for name in kind.model_fields}
        assert (HARMLESS | REFUSED.keys()) - there == set()
        assert HARMLESS & REFUSED.keys() == set()

    @pytest.mark.parametrize(
        ("service", "name"),
        [(service, name) for service, kind in SERVICES.items() for name in REFUSED if name in kind.model_fields],
    )
    def test_that_can_do_harm_is_refused_by_name(
        self, service: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        variable, value = f"IEUM_{name.upper()}", REFUSED[name]
        code, lines = started(service, {variable: value}, monkeypatch, capsys)
        assert (code, len(lines)) == (2, 1)
        assert lines[0].startswith(variable)
        assert not value or len(value) < 10 or value not in lines[0]

    def test_plain_http_is_for_development(self) -> None:
        given: dict[str, Any] = {name[5:].lower(): value for name, value in PRODUCTION.items() if name not in OF_OTHERS}
        found = read_settings(NotificationsSettings, **given)
        assert (found.url_rules.plain_http, found.url_rules.allowed) == (False, ())

    def test_no_other_variable_of_the_environment_is_read(self) -> None:
        """No fault, crash point or clock can be put in by a variable that is no setting."""
        readers = [
            str(file)
            for file in (*Path("services").rglob("*.py"), *Path("shared").rglob("*.py"))
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
        ]
        assert readers == []
