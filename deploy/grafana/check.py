"""`python -m deploy.grafana.check --prometheus http://127.0.0.1:9090`: every query of the dashboard and its series.

Asked of a Prometheus that has seen a load. Ends with 1 when a query is wrong or has nothing to show, 2 when nobody
answers. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from typing import NamedTuple

from deploy.grafana.dashboard import queries


class Shown(NamedTuple):
    """How many series a panel's query has now; `trouble`: what Prometheus has against it."""

    panel: str
    expression: str
    series: int
    trouble: str = ""


def check(prometheus: str) -> list[Shown]:
    """Ask every query. Raises OSError (URLError) when nobody answers."""
    return [_asked(prometheus, title, query.expression) for title, query in queries()]


def _asked(prometheus: str, title: str, expression: str) -> Shown:
    address = f"{prometheus.rstrip('/')}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310  the operator gives the address
            found = json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        return Shown(title, expression, 0, json.load(error)["error"])
    # a quantile of nothing is NaN: a line that nobody can see
    return Shown(title, expression, sum(series["value"][1] != "NaN" for series in found))


def report(shown: Sequence[Shown]) -> str:
    """A line for each query, then the verdict."""
    lines = [f"{one.series:5}  {one.panel}: {one.trouble or ' '.join(one.expression.split())}" for one in shown]
    empty = sum(not one.series for one in shown)
    return "\n".join([*lines, f"{len(shown)} queries, {empty} of them empty or wrong"])


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.grafana.check")
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090")
    given = parser.parse_args(arguments)
    try:
        shown = check(given.prometheus)
    except OSError as error:
        print(f"{given.prometheus}: {error}", file=sys.stderr)
        return 2
    print(report(shown))
    return 0 if all(one.series for one in shown) else 1


if __name__ == "__main__":
    sys.exit(main())
