"""The tests of a service need nothing that its own environment does not hold (deploy/ci/service_alone.sh)."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit
SERVICES = ("intake", "matching", "notifications")
SHARED = ("access", "events", "files", "kit", "reference", "screening")
OURS = {"deploy", "services", "shared", "tests", "verification"}
DISTRIBUTIONS = packages_distributions()


def installed(service: str) -> set[str]:
    """What the two lock files name, as package indexes spell it."""
    lines = [line for file in (service, "test") for line in Path(f"requirements/{file}.txt").read_text().splitlines()]
    return {_plain(found[1]) for line in lines if (found := re.match(r"([A-Za-z0-9._-]+)==", line))}


def files_of(service: str) -> Iterator[Path]:
    """Those that run alone."""
    for level in ("unit", "contract", "integration"):
        shared = () if level == "integration" else SHARED
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
    there = installed(service)
    missing = {
        f"{file}: {name}"
        for file in files_of(service)
        for name in imported(file) - OURS
        if not there.intersection(map(_plain, DISTRIBUTIONS.get(name, ())))
    }
    assert missing == set()


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


@pytest.mark.parametrize("service", SERVICES)
def test_what_starts_it_as_a_process_runs_alone_too(service: str) -> None:
    """A module that only a process imports, or only a command names, is looked for where nothing else is."""
    texts = {file: file.read_text() for file in Path(f"tests/integration/{service}").glob("*.py")}
    starting = {file for file, text in texts.items() if "sys.executable" in text}
    assert starting
    for file in starting:
        by = (
            {file}
            if file.name.startswith("test_")
            else {each for each in texts if f".{file.stem} import" in texts[each]}
        )
        assert any("pytest.mark.alone" in texts[each] for each in by), file
