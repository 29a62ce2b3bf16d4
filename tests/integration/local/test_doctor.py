"""What the doctor sees of this machine's folders, processes and ports."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import doctor
from deploy.local.folder import STACK, lock
from deploy.local.ports import PROGRAM_PORTS, free_port

pytestmark = pytest.mark.integration


class TestFolder:
    def test_too_little_room_says_how_much_there_is(self, tmp_path: Path) -> None:
        [finding] = doctor.check_room(tmp_path / "not" / "yet", room=10**18)
        assert f"are free at {tmp_path}" in finding.what
        assert "DATA=" in finding.remedy

    def test_a_folder_that_is_not_ours_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
        [finding] = doctor.check_folder(tmp_path / "data")
        assert f"{tmp_path} is not writable" in finding.what

    def test_a_folder_in_use_names_the_process_and_not_its_ports(self, tmp_path: Path) -> None:
        with lock(tmp_path), socket.create_server(("127.0.0.1", free_port())) as held:
            [finding] = doctor.check_use(tmp_path, {"KAFKA_PORT": held.getsockname()[1]})
        assert f"in use by process {os.getpid()}" in finding.what
        assert list(doctor.check_use(tmp_path, {})) == []

    def test_a_database_left_behind_is_named(self, tmp_path: Path) -> None:
        arguments = [sys.executable, "-c", "print(flush=True); input()", "--dbpath", str(tmp_path / "mongod")]
        with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as left:
            assert left.stdout is not None
            left.stdout.readline()
            [finding] = doctor.check_use(tmp_path, {})
            left.communicate(b"\n")
        assert f"(process {left.pid}) still holds {tmp_path}" in finding.what
        assert finding.remedy == f"kill {left.pid}"


class TestPorts:
    def test_a_taken_port_names_its_holder_and_the_variable(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", free_port())) as held:
            port = held.getsockname()[1]
            [finding] = doctor.check_use(tmp_path, {"MONGO_PORT": port})
        assert finding.what.startswith(f"port {port} is taken by ")
        assert finding.what.endswith(f"(process {os.getpid()})")
        assert "MONGO_PORT=" in finding.remedy

    def test_any_port_is_not_checked(self, tmp_path: Path) -> None:
        assert list(doctor.check_use(tmp_path, {"MONGO_PORT": 0})) == []


class TestCommand:
    def test_it_runs_without_any_package_and_ends_with_1_and_every_finding(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", free_port())) as held:
            port = held.getsockname()[1]
            asked = self.asked("--data", str(tmp_path), KAFKA_PORT=str(port), MONGO_PORT="0")
        assert asked.returncode == 1
        assert f"port {port} is taken" in asked.stderr
        assert "Traceback" not in asked.stderr

    def test_it_says_nothing_when_asked_to_be_quiet_and_all_is_well(self, tmp_path: Path) -> None:
        asked = self.asked("--data", str(tmp_path), "--quiet", KAFKA_PORT="0", MONGO_PORT="0")
        assert (asked.returncode, asked.stdout, asked.stderr) == (0, "", "")

    @pytest.mark.parametrize("variable", [*PROGRAM_PORTS])
    def test_every_port_of_a_run_is_looked_at_and_none_for_what_takes_free_ones(
        self, tmp_path: Path, variable: str
    ) -> None:
        with socket.create_server(("127.0.0.1", free_port())) as held:
            taken = {"KAFKA_PORT": "0", "MONGO_PORT": "0", variable: str(held.getsockname()[1])}
            of_run = self.asked("--data", str(tmp_path), **taken)
            of_demo = self.asked("--data", str(tmp_path), "--free-ports", **taken)
        assert of_run.returncode == 1
        assert f"{variable}=" in of_run.stderr
        assert (of_demo.returncode, of_demo.stderr) == (0, "")

    def test_a_run_that_is_up_hinders_only_another_run_on_its_data(self, tmp_path: Path) -> None:
        with lock(tmp_path / STACK):
            of_run = self.asked(DATA=str(tmp_path), KAFKA_PORT="0", MONGO_PORT="0")
            of_demo = self.asked("--free-ports", DATA=str(tmp_path))
            elsewhere = self.asked(DATA=str(tmp_path / "other"), KAFKA_PORT="0", MONGO_PORT="0")
        assert of_run.returncode == 1
        assert f"{tmp_path / STACK} is in use by process {os.getpid()}" in of_run.stderr
        assert (of_demo.returncode, of_demo.stderr) == (0, "")
        assert elsewhere.returncode == 0

    @pytest.mark.parametrize("wrong", ["many", "70000", "-1"])
    def test_a_port_that_is_no_port_is_said_in_words(self, tmp_path: Path, wrong: str) -> None:
        asked = self.asked("--data", str(tmp_path), KAFKA_PORT=wrong, MONGO_PORT="0")
        assert asked.returncode == 1
        assert f"KAFKA_PORT={wrong}" in asked.stderr
        assert "Traceback" not in asked.stderr

    @staticmethod
    def asked(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The doctor on a Python without site packages, as before the first set-up."""
        command = [sys.executable, "-S", "-m", "deploy.local.doctor", *arguments]
        return subprocess.run(
            command,
            env=os.environ | dict.fromkeys(PROGRAM_PORTS, "0") | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
