"""The compose file asks for nothing that `make compose-env` does not write, and no secret has a default."""

from __future__ import annotations

import ast
import hashlib
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.compose.env import OFFLINE, administrator, variables
from services.intake.first_administrator import administrator as read_administrator
from services.notifications.settings import NotificationsSettings
from shared.kit.base.weak_keys import DEVELOPMENT_ID_KEY, DEVELOPMENT_SEALING_KEY

pytestmark = pytest.mark.unit

COMPOSE = Path("docker-compose.yml").read_text()
SECRET = re.compile(r"PASSWORD|_KEY\b|KEK|FIRST_ADMIN")


def run(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "deploy/compose/env.py", "--file", str(file), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class TestVariables:
    def test_they_are_those_that_compose_demands(self) -> None:
        demanded = set(re.findall(r"\$\{(\w+):\?", COMPOSE))
        assert variables("development", "office:key:00", offline=False).keys() == demanded

    def test_offline_names_only_what_compose_knows(self) -> None:
        assert OFFLINE.keys() <= set(re.findall(r"\$\{(\w+):-", COMPOSE))

    def test_no_secret_has_a_default_or_stands_in_the_file(self) -> None:
        with_default = [name for name in re.findall(r"\$\{(\w+):?-", COMPOSE) if SECRET.search(name)]
        in_clear = [line for line in COMPOSE.splitlines() if re.search(r"^\s+\w*(PASSWORD|_KEY|KEK):(?! \$\{)", line)]
        assert (with_default, in_clear) == ([], [])

    def test_every_secret_is_another_one_in_every_service_and_every_run(self) -> None:
        first, second = (variables("production", "office:key:00", offline=False) for _ in range(2))
        secrets = [value for made in (first, second) for name, value in made.items() if SECRET.search(name)]
        secrets = [value for value in secrets if value != "office:key:00"]
        assert len(secrets) == len(set(secrets)) == 2 * 17
        assert not {DEVELOPMENT_ID_KEY, DEVELOPMENT_SEALING_KEY} & set(secrets)
        assert all(len(value) >= 48 for value in secrets)


class TestMetrics:
    def test_are_scraped_on_a_port_that_is_published_nowhere(self) -> None:
        image = Path("deploy/Dockerfile").read_text()
        port = re.search(r"IEUM_METRICS_PORT=(\d+)", image)
        assert port
        assert re.search(r"IEUM_PORT=(\d+)", image)[1] != port[1]
        scraped = re.findall(r'targets: \["(\w+):(\d+)"\]', Path("deploy/prometheus/prometheus.yml").read_text())
        assert scraped == [(service, port[1]) for service in ("intake", "matching", "notifications")]
        assert port[1] not in COMPOSE

    def test_prometheus_takes_no_orders_and_is_published_on_loopback_alone(self) -> None:
        assert "--web.enable-lifecycle" not in COMPOSE
        assert "--web.enable-admin-api" not in COMPOSE
        assert all(port.startswith("127.0.0.1:") for port in re.findall(r'ports: \["([^"]+)"\]', COMPOSE))


class TestAdministrator:
    def test_intake_reads_it_and_the_token_fits_the_hash(self) -> None:
        token, told = administrator("office")
        agency = read_administrator(told, ["ko", "en"])
        key_id, secret = token.split(".")
        assert (agency.agency, agency.rights.administers) == ("office", True)
        assert [key.key_id for key in agency.keys] == [key_id]
        assert agency.keys[0].secret_sha256 == hashlib.sha256(bytes.fromhex(secret)).hexdigest()
        assert secret not in told


class TestCommand:
    def test_the_file_is_for_its_owner_alone_and_holds_no_token(self, tmp_path: Path) -> None:
        made = run(tmp_path / ".env", "--profile", "production")
        text = (tmp_path / ".env").read_text()
        assert made.returncode == 0
        assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
        assert "IEUM_PROFILE=production\n" in text
        token = re.search(r"Bearer (\S+)", made.stdout)
        assert token
        assert token[1].split(".")[1] not in text

    def test_it_never_overwrites(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("mine")
        again = run(tmp_path / ".env")
        assert again.returncode == 1
        assert "is there already" in again.stderr
        assert (tmp_path / ".env").read_text() == "mine"

    def test_what_it_wrote_passes_its_own_check(self, tmp_path: Path) -> None:
        run(tmp_path / ".env", "--profile", "production")
        checked = run(tmp_path / ".env", "--check")
        assert (checked.returncode, checked.stderr) == (0, "")

    @pytest.mark.parametrize(
        ("name", "put", "said"),
        [
            ("IEUM_PROFILE", "", "IEUM_PROFILE is missing"),
            ("IEUM_PROFILE", "prod", "IEUM_PROFILE is neither"),
            ("MATCHING_ID_KEY", "", "MATCHING_ID_KEY is missing"),
            ("MATCHING_ID_KEY", "ab" * 31, "MATCHING_ID_KEY is not 64 hex digits"),
            ("MATCHING_ID_KEY", "00" * 32, "MATCHING_ID_KEY is guessable"),
            ("INTAKE_KEK", "D3" * 32, "INTAKE_KEK is guessable"),
            ("MATCHING_ID_KEY", "@INTAKE_ID_KEY", "MATCHING_ID_KEY is the same as INTAKE_ID_KEY"),
            ("NOTIFICATIONS_SEALING_KEY", "@INTAKE_KEK", "NOTIFICATIONS_SEALING_KEY is the same as INTAKE_KEK"),
            ("GRAFANA_PASSWORD", "@MONGO_ADMIN_PASSWORD", "GRAFANA_PASSWORD is the same as MONGO_ADMIN_PASSWORD"),
            ("IEUM_FIRST_ADMIN", "office:office-1:" + hashlib.sha256(bytes(32)).hexdigest(), "IEUM_FIRST_ADMIN holds"),
        ],
    )
    def test_the_check_names_what_is_wrong_and_no_value(self, tmp_path: Path, name: str, put: str, said: str) -> None:
        file = tmp_path / ".env"
        run(file, "--profile", "production")
        kept = dict(line.split("=", 1) for line in file.read_text().splitlines() if not line.startswith("#"))
        kept[name] = kept[put[1:]].upper() if put.startswith("@") and "PASSWORD" not in put else kept.get(put[1:], put)
        file.write_text("".join(f"{each}={value}\n" for each, value in kept.items()))
        checked = run(file, "--check")
        assert checked.returncode == 2
        (line,) = checked.stderr.splitlines()
        assert line.startswith(said)
        assert not any(value in line for each, value in kept.items() if SECRET.search(each) and value)

    def test_the_check_sees_a_file_that_others_may_read(self, tmp_path: Path) -> None:
        run(tmp_path / ".env")
        (tmp_path / ".env").chmod(0o644)
        assert "chmod 600" in run(tmp_path / ".env", "--check").stderr

    def test_it_runs_on_a_bare_python(self) -> None:
        tree = ast.parse(Path("deploy/compose/env.py").read_text())
        imported = {
            name.split(".")[0]
            for node in ast.walk(tree)
            for name in (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else []
            )
        }
        assert imported <= sys.stdlib_module_names


class TestSettingsOfYourOwn:
    def test_the_example_names_services_of_compose_and_settings_that_they_have(self) -> None:
        text = Path("docs/compose.md").read_text().partition("## Settings of your own")[2]
        example = re.search(r"(?ms)^```yaml\n(.*?)^```", text)
        assert example
        services = re.findall(r"(?m)^  (\w+):$", example[1])
        assert services == ["notifications", "alertmanager"]
        assert set(services) <= set(re.findall(r"(?m)^  (\w+):$", COMPOSE))
        named = re.findall(r"IEUM_(\w+):", example[1])
        assert named
        assert {name.lower() for name in named} <= NotificationsSettings.model_fields.keys()


class TestScripts:
    def test_what_compose_and_the_runbook_call_in_a_container_is_in_the_folder_that_is_mounted_there(self) -> None:
        called = re.findall(r"/etc/ieum/([\w/]+\.(?:py|sh))", COMPOSE + Path("docs/runbook.md").read_text())
        setup = re.search(r"(?ms)^  database-setup:\n(.*?)(?=^  \S)", COMPOSE)
        assert setup
        assert "./deploy/compose:/etc/ieum:ro" in setup[1]
        assert {"setup_database.py", "copy_database.py"} <= set(called)
        assert [name for name in called if not (Path("deploy/compose") / name).exists()] == []


class TestServices:
    @pytest.mark.parametrize(
        "service", ["kafka", "database", "intake", "matching", "notifications", "prometheus", "grafana"]
    )
    def test_each_has_limits_no_privileges_and_nothing_to_write_but_volumes(self, service: str) -> None:
        found = re.search(rf"(?ms)^  {service}:\n(.*?)(?=^  \S|^\S)", COMPOSE)
        assert found
        inherited = re.search(r"<<: \*(limits|service)", found[1])
        assert inherited
        text = found[1] + "".join(re.findall(rf"(?ms)^x-(?:limits|{inherited[1]}):.*?(?=^x-|^services)", COMPOSE))
        for wanted in ("mem_limit:", "cpus:", "read_only: true", "cap_drop: [ALL]", "stop_grace_period: 30s"):
            assert wanted in text, wanted

    @pytest.mark.parametrize("service", ["kafka", "database"])
    def test_what_all_others_wait_for_may_start_slowly(self, service: str) -> None:
        found = re.search(rf"(?ms)^  {service}:\n(.*?)(?=^  \S|^\S)", COMPOSE)
        assert found
        seconds = re.search(r"start_period: (\d+)s", found[1])
        assert seconds
        assert int(seconds[1]) >= 180  # at its end `up` gives up and starts nothing else

    def test_what_is_in_memory_is_a_folder_that_every_image_has(self) -> None:
        """Docker makes any other one, and runc gives it to root alone when the container is started again: MongoDB
        could not write its key there and never came back."""
        folders = {
            folder for given in re.findall(r"tmpfs: \[(.+)\]", COMPOSE) for folder in re.findall(r'"([^:"]+):', given)
        }
        assert folders == {"/tmp"}

    def test_nothing_is_published_but_on_the_loopback(self) -> None:
        ports = re.findall(r'ports: \["(.+?)"\]', COMPOSE)
        assert len(ports) == COMPOSE.count("ports:") == 6
        assert all(port.startswith("127.0.0.1:") for port in ports)
