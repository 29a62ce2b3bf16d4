"""Every query of the dashboard and its series: `python -m deploy.grafana.check_queries --prometheus <address>`.

Asked of a Prometheus that has seen a load. Ends with 1 when a query is wrong or has nothing to show although it must,
2 when nobody answers. Standard library only.
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
from deploy.grafana.panels import Query

ZERO = " or vector(0)"
"""What shows 0 where there is nothing: not asked, since with it no query is ever empty."""


class Shown(NamedTuple):
    """How many series a panel's query has now; `error`: what Prometheus has against it."""

    panel: str
    expression: str
    series: int
    error: str = ""
    may_be_empty: bool = False

    @property
    def well(self) -> bool:
        """It has something to show, or nothing and need not."""
        return not self.error and (self.series > 0 or self.may_be_empty)


def check(prometheus: str) -> list[Shown]:
    """Ask every query. Raises OSError (URLError) when nobody answers."""
    return [_asked(prometheus, title, query) for title, query in queries()]


def _asked(prometheus: str, title: str, query: Query) -> Shown:
    expression = query.expression.removesuffix(ZERO)
    address = f"{prometheus.rstrip('/')}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310  the operator gives the address
            found = json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        return Shown(title, expression, 0, json.load(error)["error"])
    # a quantile of nothing is NaN: a line that nobody can see
    shown = sum(series["value"][1] != "NaN" for series in found)
    return Shown(title, expression, shown, may_be_empty=query.may_be_empty)


def report(shown: Sequence[Shown]) -> str:
    """A line for each query, then the verdict."""
    lines = [f"{one.series:5}  {one.panel}: {one.error or ' '.join(one.expression.split())}" for one in shown]
    may_be_empty, badly = sum(one.may_be_empty for one in shown), sum(not one.well for one in shown)
    asked = f"{len(shown)} queries asked, of which {may_be_empty} may be empty"
    return "\n".join([*lines, f"{asked}; {badly} wrong, or empty although they must not be"])


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.grafana.check_queries")
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090")
    given = parser.parse_args(arguments)
    try:
        shown = check(given.prometheus)
    except OSError as error:
        print(f"{given.prometheus}: {error}", file=sys.stderr)
        return 2
    print(report(shown))
    return 0 if all(one.well for one in shown) else 1


if __name__ == "__main__":
    sys.exit(main())
