"""By what stored lists and facts are told to be of other rules."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from services.matching import domain
from services.matching.rules_digest import rules_digest
from shared import events, reference
from tests.unit.matching.asking import PACK

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("package", [domain, reference, events])
def test_another_file_of_what_decides_is_another_digest(
    package: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rules_digest(PACK)
    assert rules_digest(PACK) == before
    (tmp_path / "more.py").write_text("")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    assert rules_digest(PACK) != before
