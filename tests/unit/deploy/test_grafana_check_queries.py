"""The check of the dashboard can fail: no query is asked so that it always has something to show."""

from __future__ import annotations

import io
import json
import urllib.parse
import urllib.request
from typing import Any

import pytest

from deploy.grafana import check_queries
from deploy.grafana.dashboard import queries

pytestmark = pytest.mark.unit
COUNTS_TROUBLE = ["Alerts now", "Set apart in a day"]
MAY_BE_EMPTY = [
    *COUNTS_TROUBLE,
    "Records of agencies' topics",
    "Records that wait in agencies' topics",
    "Readings that failed",
    "Undelivered mails that came back",
]  # and while no mail has come back, no agency publishes at Kafka


class Prometheus:
    """Answers every query with the same series, and keeps what it was asked."""

    def __init__(self, *values: str) -> None:
        self.values = values
        self.asked: list[str] = []

    def urlopen(self, address: str, timeout: float) -> io.BytesIO:
        [query] = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)["query"]
        self.asked.append(query)
        series: list[dict[str, Any]] = [{"value": [0, value]} for value in self.values]
        return io.BytesIO(json.dumps({"data": {"result": series}}).encode())


def checked(monkeypatch: pytest.MonkeyPatch, prometheus: Prometheus) -> int:
    monkeypatch.setattr(urllib.request, "urlopen", prometheus.urlopen)
    return check_queries.main([])


class TestCheck:
    def test_asks_every_query_without_what_would_show_a_zero(self, monkeypatch: pytest.MonkeyPatch) -> None:
        prometheus = Prometheus("1")
        assert checked(monkeypatch, prometheus) == 0
        assert len(prometheus.asked) == len(list(queries()))
        assert [query for query in prometheus.asked if "vector(" in query] == []

    @pytest.mark.parametrize("values", [(), ("NaN",)])
    def test_what_shows_nothing_fails_but_for_what_has_no_series_while_all_is_well(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], values: tuple[str, ...]
    ) -> None:
        assert checked(monkeypatch, Prometheus(*values)) == 1
        count = len(list(queries()))
        assert (
            f"{count} queries asked, of which {len(MAY_BE_EMPTY)} may be empty; {count - len(MAY_BE_EMPTY)} wrong"
            in capsys.readouterr().out
        )

    def test_only_what_counts_trouble_or_is_off_may_be_empty(self) -> None:
        assert [title for title, query in queries() if query.may_be_empty] == MAY_BE_EMPTY
        assert [title for title, query in queries() if query.expression.endswith(check_queries.ZERO)] == COUNTS_TROUBLE

    def test_a_wrong_query_fails_also_where_nothing_need_be_shown(self) -> None:
        assert not check_queries.Shown("Alerts now", "(", 0, "parse error", may_be_empty=True).well
