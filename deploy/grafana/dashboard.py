"""`python -m deploy.grafana.dashboard`: write the provisioned dashboard from `panels`.

`check` asks a Prometheus every query of it. Standard library only.
"""

from __future__ import annotations

import json
import sys
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


def main() -> int:
    """Write the file."""
    FILE.write_text(json.dumps(dashboard(), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
