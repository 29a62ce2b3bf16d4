"""`python -m deploy.grafana.dashboard`: write the provisioned dashboard from `panels`.

`... check http://127.0.0.1:9090` asks a Prometheus every query instead, and fails when one is wrong or has nothing to
show that should: run it while a demo is running. Standard library only.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.grafana.panels import ROWS, Panel, Query

FILE = Path(__file__).parent / "dashboards" / "ieum.json"
SOURCE = {"type": "prometheus", "uid": "prometheus"}  # provisioning/datasources/prometheus.yml
WIDTH, HEIGHT, COLUMNS = 8, 8, 24  # Grafana's grid has 24 columns
COLOURS = ("green", "yellow", "red")


def dashboard() -> dict[str, Any]:
    """The whole dashboard as Grafana's JSON model (schema 39, Grafana 10 and later)."""
    return {
        "uid": "ieum",
        "title": "Ieum",
        "tags": ["ieum"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "panels": list(_panels()),
    }


def queries() -> Iterator[tuple[str, Query]]:
    """Every query with the title of its panel."""
    for row in ROWS:
        for panel in row.panels:
            yield from ((panel.title, query) for query in panel.queries)


def _panels() -> Iterator[dict[str, Any]]:
    y = 0
    for row in ROWS:
        yield {"type": "row", "title": row.title, "collapsed": False, "gridPos": _place(0, y, COLUMNS, 1), "panels": []}
        y += 1
        for number, panel in enumerate(row.panels):
            line, column = divmod(number, COLUMNS // WIDTH)
            yield _panel(panel) | {"gridPos": _place(column * WIDTH, y + line * HEIGHT, WIDTH, HEIGHT)}
        y += (len(row.panels) + COLUMNS // WIDTH - 1) // (COLUMNS // WIDTH) * HEIGHT


def _place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def _panel(panel: Panel) -> dict[str, Any]:
    steps = zip(COLOURS, (None, *panel.thresholds), strict=False)
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "min": 0,
        "thresholds": {"mode": "absolute", "steps": [{"color": colour, "value": value} for colour, value in steps]},
    }
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.tells,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {"refId": chr(65 + number), "datasource": SOURCE, "expr": query.expression, "legendFormat": query.legend}
            for number, query in enumerate(panel.queries)
        ],
    }


def check(prometheus: str) -> list[str]:
    """What is wrong with the queries, asked of a Prometheus that has scraped a load for some minutes."""
    wrong = []
    for title, query in queries():
        address = f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': query.expression})}"
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310  the operator gives the address
                result = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            wrong.append(f"{title}: {json.load(error)['error']}")
            continue
        if not result and not query.may_be_empty:
            wrong.append(f"{title}: nothing to show for {query.expression}")
    return wrong


def main(arguments: list[str]) -> int:
    """0 when the file was written, or when every query showed something."""
    if arguments[:1] == ["check"]:
        wrong = check(arguments[1])
        print("\n".join(wrong) or f"{len(list(queries()))} queries, none wrong, none empty that should not be")
        return 1 if wrong else 0
    FILE.write_text(json.dumps(dashboard(), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
