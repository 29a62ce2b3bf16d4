"""The tests of a service need nothing that its own environment does not hold (deploy/ci/service_alone.sh)."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit
SERVICES = ("intake", "matching", "notifications")
SHARED = ("access", "events", "files", "kit", "reference", "screening")
OURS = {"deploy", "services", "shared", "tests", "verification"}
DISTRIBUTIONS = packages_distributions()


def locked(name: str) -> set[str]:
    """What a lock file names, as package indexes spell it."""
    lines = Path(f"requirements/{name}.txt").read_text().splitlines()
    return {_plain(found[1]) for line in lines if (found := re.match(r"([A-Za-z0-9._-]+)==", line))}


def installed(service: str) -> set[str]:
    return locked(service) | locked("test")


def files_of(service: str) -> Iterator[Path]:
    """Those that run alone; what is shared is tested once, with intake."""
    for level in ("unit", "contract", "integration"):
        shared = SHARED if service == "intake" and level != "integration" else ()
        for part in (service, *shared):
            yield from Path(f"tests/{level}/{part}").rglob("*.py")


def imported(file: Path) -> set[str]:
    """The packages that a file imports when it is read."""
    body = ast.parse(file.read_text()).body
    plain = {alias.name for node in body if isinstance(node, ast.Import) for alias in node.names}
    of = {node.module for node in body if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in plain | of} - set(sys.stdlib_module_names)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("service", SERVICES)
def test_import_only_what_is_installed_with_it(service: str) -> None:
    assert lacking(files_of(service), installed(service)) == set()


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_shared_imports_only_what_every_service_that_uses_it_has(service: str) -> None:
    """So that it behaves with each service as where it is tested. Only intake reads files."""
    parts = [part for part in SHARED if part != "files" or service == "intake"]
    assert lacking((file for part in parts for file in Path("shared", part).rglob("*.py")), locked(service)) == set()
    users = {str(file) for file in Path("services").rglob("*.py") if "shared.files" in file.read_text()}
    assert {Path(file).parts[1] for file in users} == {"intake"}


def test_tests_of_what_is_shared_look_into_no_service() -> None:
    """They run where only intake is. What every service must be like is for test_code_of_all_services.py."""
    shared = {file for file in files_of("intake") if file.parts[2] in SHARED}
    assert {str(file) for file in shared if "services" in texts_of(file)} == set()
    assert "services" in texts_of(Path("tests/unit/deploy/test_code_of_all_services.py"))


def texts_of(file: Path) -> set[object]:
    """The constants in it."""
    return {node.value for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant)}


def test_what_is_copied_for_a_service_or_the_client_alone_was_checked_when_everything_was_installed() -> None:
    """Versions and hashes (deploy/ci/copy_environment.py): two environments differ only in which packages they have."""
    everything = pinned("dev")
    assert all(len(hashes) for hashes in everything.values())
    for name in (*SERVICES, "test", "clients", "clients-kafka"):
        assert pinned(name).items() <= everything.items()


def pinned(name: str) -> dict[str, frozenset[str]]:
    """Each line of a lock file, version and marker with it, and its hashes."""
    entries = re.split(r"\n(?=\S)", Path(f"requirements/{name}.txt").read_text())
    return {
        entry.split(" \\\n")[0]: frozenset(re.findall("--hash=(\\S+)", entry)) for entry in entries if "==" in entry
    }


def lacking(files: Iterable[Path], there: set[str]) -> set[str]:
    """What files import that is neither ours nor there."""
    return {
        f"{file}: {name}"
        for file in files
        for name in imported(file) - OURS
        if not there.intersection(map(_plain, DISTRIBUTIONS.get(name, ())))
    }


@pytest.mark.parametrize("service", SERVICES)
def test_there_are_files_to_look_at_and_packages_that_are_not_installed(service: str) -> None:
    assert sum(1 for _ in files_of(service)) > 20
    assert "pytest" in installed(service)
    assert "pyyaml" not in installed(service)


def imported_late(file: Path) -> Iterator[int]:
    """Lines of imports that run only when a function does."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (each.lineno for each in ast.walk(node) if isinstance(each, ast.Import | ast.ImportFrom))


@pytest.mark.parametrize("folder", ["services", "shared"])
def test_nothing_is_imported_inside_a_function(folder: str) -> None:
    """So a module or package that an environment alone lacks shows when all modules are imported there."""
    late = {str(file) for file in Path(folder).rglob("*.py") if any(imported_late(file))}
    assert late <= {"shared/events/registry.py"}  # its own topics, which import it


def folders_of(service: str) -> set[str]:
    """Whose tests run with it alone."""
    said = subprocess.run(
        ["bash", "deploy/ci/service_alone.sh", "--folders", service], capture_output=True, text=True, check=True
    )
    return set(said.stdout.split())


@pytest.mark.parametrize("service", SERVICES)
def test_all_tests_of_a_service_run_alone_and_with_intake_those_of_what_services_share(service: str) -> None:
    folders = {str(file.parent) for file in files_of(service) if file.name.startswith("test_")}
    assert folders == folders_of(service)


def test_ci_leaves_out_of_make_test_what_runs_alone_and_nothing_else() -> None:
    """So every test runs in CI, and most of them once."""
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    made = subprocess.run(
        ["make", "--dry-run", "tests", "APART=1"], capture_output=True, text=True, check=True, env=environment
    )
    left_out = re.findall(r"--ignore=(\S+)", made.stdout)
    assert sorted(left_out) == sorted(set().union(*map(folders_of, SERVICES)))
    steps = Path(".ci/run").read_text()
    assert "make --keep-going test APART=1\n" in steps
    assert f"for service in {' '.join(SERVICES)}; do\n" in steps
