"""The doctor names what is missing and the command that mends it."""

from __future__ import annotations

import pytest

from deploy.embedded import doctor

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
