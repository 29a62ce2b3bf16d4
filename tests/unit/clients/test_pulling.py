"""The feed as files: recalls remove, nothing old comes back, a kill loses no acknowledgement."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from clients.ieum.pulling import Folder, pull
from tests.unit.clients.hubs import Served

pytestmark = pytest.mark.unit
ALIAS, OTHER, JOB = "a" * 32, "b" * 32, "c" * 32


def notice(number: int, version: int, alias: str = ALIAS, opportunity: str = JOB) -> dict[str, Any]:
    data = {"notice": f"{number:032x}", "alias": alias, "opportunity": opportunity, "version": version, "padding": "  "}
    return {"type": "notice", "data": data}


def recall(number: int, version: int, alias: str = ALIAS) -> dict[str, Any]:
    return {"type": "recall", "data": {"notice": f"{number:032x}", "alias": alias, "version": version}}


def held(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): json.loads(path.read_text())["version"] for path in folder.glob("*/*.json")}


class TestFolder:
    def test_keeps_the_newest_of_each(self, tmp_path: Path) -> None:
        folder = Folder(tmp_path / "told")
        folder.take([notice(1, 2), notice(2, 1), notice(3, 1, OTHER)], "x")
        assert held(tmp_path / "told") == {f"{ALIAS}/{JOB}.json": 2, f"{OTHER}/{JOB}.json": 1}
        assert "padding" not in (tmp_path / "told" / ALIAS / f"{JOB}.json").read_text()

    def test_a_recall_removes_what_is_older_and_what_comes_late(self, tmp_path: Path) -> None:
        folder = Folder(tmp_path)
        folder.take([notice(1, 1), notice(2, 1, OTHER), recall(3, 2), notice(4, 1), notice(5, 3)], "x")
        assert held(tmp_path) == {f"{ALIAS}/{JOB}.json": 3, f"{OTHER}/{JOB}.json": 1}

    @pytest.mark.parametrize("name", ["../x", "a/b", "A" * 32, "", None])
    def test_nothing_is_written_anywhere_else(self, tmp_path: Path, name: Any) -> None:
        with pytest.raises(ValueError, match="ids"):
            Folder(tmp_path / "told").take([notice(1, 1, alias=name)], "x")
        assert [path.name for path in tmp_path.rglob("*")] == ["told"]

    def test_nobody_else_reads_it(self, tmp_path: Path) -> None:
        Folder(tmp_path / "told").take([notice(1, 1)], "x")
        assert {oct(path.stat().st_mode)[-3:] for path in (tmp_path / "told").rglob("*") if path.is_file()} == {"600"}


def page(*events: dict[str, Any], cursor: str = "x") -> httpx.Response:
    return httpx.Response(200, json={"events": list(events), "cursor": cursor})


class TestPull:
    def test_reads_acknowledges_and_ends(self, tmp_path: Path) -> None:
        said = httpx.Response(200, json={"results": []})
        served = Served(httpx.Response(409), page(notice(1, 1), recall(2, 2)), said, page(cursor="y"))
        assert pull(served.hub(), Folder(tmp_path), 0, lambda read: read > 0) == 2
        assert [each.url.path for each in served.asked] == ["/subscriptions", "/feed", "/acknowledgements", "/feed"]
        assert served.bodies[-1] == {"notices": [f"{1:032x}", f"{2:032x}"]}
        assert (Folder(tmp_path).cursor, Folder(tmp_path).unacknowledged, held(tmp_path)) == ("y", [], {})

    def test_what_was_dealt_with_before_a_kill_is_acknowledged_after_it(self, tmp_path: Path) -> None:
        Folder(tmp_path).take([notice(1, 1)], "x")
        served = Served(httpx.Response(409), httpx.Response(200, json={"results": []}), page())
        pull(served.hub(), Folder(tmp_path), 0, lambda read: read > 0)
        assert served.bodies[-1] == {"notices": [f"{1:032x}"]}
        assert served.asked[-1].url.params["after"] == "x"
