"""The doctor names what is missing and the command that mends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local import doctor
from deploy.local.ports import PROGRAM_PORTS
from verification.harness.system import USUAL_PORTS

pytestmark = pytest.mark.unit


class TestPython:
    def test_an_old_python_is_refused_with_the_version_wanted(self) -> None:
        [finding] = doctor.check_python((3, 10), has_pip=True)
        assert "Python 3.10 is too old: 3.11" in finding.what
        assert "apt-get install python3.11" in finding.remedy

    def test_a_python_without_venv_names_its_own_package(self) -> None:
        [finding] = doctor.check_python((3, 12), has_pip=False)
        assert finding.remedy == "sudo apt-get install python3.12-venv"

    def test_a_good_python_passes(self) -> None:
        assert list(doctor.check_python((3, 11), has_pip=True)) == []


class TestMachine:
    @pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
    def test_the_two_architectures_pass(self, machine: str) -> None:
        assert list(doctor.check_machine("linux", machine, {"avx"}, (2, 36))) == []

    def test_another_architecture_is_pointed_to_containers(self) -> None:
        [finding] = doctor.check_machine("linux", "riscv64", None, (2, 36))
        assert "riscv64" in finding.what
        assert "docker compose up" in finding.remedy

    def test_another_system_is_pointed_to_containers(self) -> None:
        [finding] = doctor.check_machine("darwin", "arm64", None, None)
        assert "Linux only, this is darwin" in finding.what

    def test_a_processor_without_avx_is_named(self) -> None:
        [finding] = doctor.check_machine("linux", "x86_64", {"sse"}, (2, 36))
        assert "AVX" in finding.what

    def test_an_old_c_library_is_named_with_the_version_wanted(self) -> None:
        [finding] = doctor.check_machine("linux", "x86_64", {"avx"}, (2, 31))
        assert "glibc 2.31 is too old" in finding.what


class TestLibraries:
    def test_a_missing_library_names_its_package(self) -> None:
        [finding] = doctor.check_libraries({"libnowhere.so.9": "libnowhere9"})
        assert "libnowhere.so.9 is missing" in finding.what
        assert finding.remedy == "sudo apt-get install libnowhere9"

    def test_a_present_library_passes(self) -> None:
        assert list(doctor.check_libraries({"libc.so.6": "libc6"})) == []


class TestPorts:
    def test_are_those_where_a_run_listens(self) -> None:
        assert {f"{name.upper()}_PORT": port for name, port in USUAL_PORTS.items()} == PROGRAM_PORTS


class TestPackages:
    @pytest.fixture
    def two_disks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor, "_disk", hash)

    @pytest.mark.usefixtures("two_disks")
    def test_too_little_room_where_they_go_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        [finding] = doctor.check_packages(tmp_path / ".venv", tmp_path / "data", room=10**18)
        assert f"are free at {tmp_path}, the packages in {tmp_path / '.venv'}" in finding.what

    @pytest.mark.usefixtures("two_disks")
    def test_installed_ones_need_no_more(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / ".venv").mkdir()
        (tmp_path / ".venv" / "run.installed").touch()
        assert list(doctor.check_packages(tmp_path / ".venv", tmp_path / "data", room=10**18)) == []

    def test_on_the_datas_disk_they_are_counted_with_the_data(self, tmp_path: Path) -> None:
        assert list(doctor.check_packages(tmp_path / ".venv", tmp_path, room=10**18)) == []
