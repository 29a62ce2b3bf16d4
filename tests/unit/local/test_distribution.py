"""Which tests of a run with several workers stay together."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import _Together

pytestmark = pytest.mark.unit


def scope(test: str) -> str:
    return object.__new__(_Together)._split_scope(test)


def test_files_that_share_an_apache_kafka_are_given_to_one_worker() -> None:
    files = list(Path("tests/integration/apache").glob("test_*.py"))
    assert len(files) > 5
    assert {scope(f"{file}::test_something") for file in files} == {"tests/integration/apache"}


def test_other_files_go_where_a_worker_is_free() -> None:
    assert (
        scope("tests/integration/kit/test_store.py::TestStore::test_a[x::y]") == "tests/integration/kit/test_store.py"
    )
