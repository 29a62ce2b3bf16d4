"""The check of the dashboard's queries says how many series each has, and counts what nobody would see as none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from deploy.grafana import check_queries
from deploy.grafana.dashboard import queries

pytestmark = pytest.mark.integration


class Prometheus(HTTPServer):
    """Answers every query with `values`, and those in `wrong` with an error."""

    values: tuple[str, ...] = ("1",)
    wrong: str | None = None


class Answers(BaseHTTPRequestHandler):
    server: Prometheus

    def do_GET(self) -> None:
        [expression] = parse_qs(urlsplit(self.path).query)["query"]
        status = 400 if expression == self.server.wrong else 200
        series = [{"metric": {}, "value": [0, value]} for value in self.server.values]
        body = {"error": "parse error"} if status == 400 else {"data": {"result": series}}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def prometheus() -> Iterator[Prometheus]:
    with Prometheus(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def run(prometheus: Prometheus) -> int:
    return check_queries.main(["--prometheus", f"http://127.0.0.1:{prometheus.server_port}"])


class TestCheck:
    def test_every_query_is_listed_with_its_series(
        self, prometheus: Prometheus, capsys: pytest.CaptureFixture[str]
    ) -> None:
        prometheus.values = ("1", "0", "NaN")
        assert run(prometheus) == 0
        *lines, verdict = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines] == ["2"] * len(list(queries()))
        assert [panel in line for (panel, _), line in zip(queries(), lines, strict=True)] == [True] * len(lines)
        assert verdict.endswith("; 0 wrong, or empty although they must not be")

    @pytest.mark.parametrize("values", [(), ("NaN",)])
    def test_nothing_to_show_fails(self, prometheus: Prometheus, values: tuple[str, ...]) -> None:
        prometheus.values = values
        assert run(prometheus) == 1

    def test_one_wrong_query_fails_with_what_prometheus_says(
        self, prometheus: Prometheus, capsys: pytest.CaptureFixture[str]
    ) -> None:
        prometheus.wrong = next(query.expression for _, query in queries())
        assert run(prometheus) == 1
        assert capsys.readouterr().out.count("parse error") == 1

    def test_nobody_there_is_another_matter(self) -> None:
        assert check_queries.main(["--prometheus", "http://127.0.0.1:9"]) == 2
