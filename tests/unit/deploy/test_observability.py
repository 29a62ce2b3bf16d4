"""Alerts and dashboard name only metrics and labels that the services have, and the committed files are up to date."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path

import pytest

from deploy.grafana.dashboard import FILE, dashboard, queries
from shared.access import metrics as of_access
from shared.kit.base import metrics

pytestmark = pytest.mark.unit

ALERTS = Path("deploy/prometheus/alerts.yml").read_text()
ALERT_TESTS = "".join(Path(f"deploy/prometheus/{name}_test.yml").read_text() for name in ("alerts", "alerts_days"))
EXPRESSIONS = {
    f"alerts: {name}": expr
    for name, expr in re.findall(r"alert: (\w+)\n\s+expr: (.+?)\n\s+(?:for|labels):", ALERTS, re.S)
}
EXPRESSIONS |= {f"dashboard: {title}: {number}": query.expression for number, (title, query) in enumerate(queries())}
ENDINGS = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
OF_A_SERVICE = [import_module(f"services.{file.parent.name}.metrics") for file in Path("services").glob("*/metrics.py")]
OF_THE_SCRAPE = {"service", "job", "le", "instance"}


def samples_with_labels() -> dict[str, set[str]]:
    """Every name a sample can have, with its labels."""
    known: dict[str, set[str]] = {}
    for family in (each for module in (metrics, of_access, *OF_A_SERVICE) for each in vars(module).values()):
        if isinstance(family, metrics.Family):
            metric = family._metric
            [described] = metric.describe()
            endings = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}[
                described.type
            ]
            known |= {described.name + ending: set(family._labels) for ending in endings}
    return known


@pytest.mark.parametrize("where", EXPRESSIONS)
class TestExpressions:
    def test_names_only_metrics_that_exist(self, where: str) -> None:
        named = set(re.findall(r"\bieum_\w+", EXPRESSIONS[where]))
        assert named <= samples_with_labels().keys()

    def test_selects_and_groups_only_by_labels_that_they_have(self, where: str) -> None:
        expression, known = EXPRESSIONS[where], samples_with_labels()
        named = [known[name] for name in re.findall(r"\bieum_\w+", expression)]
        if not named:
            return
        grouped = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", expression) for label in labels.split(",")}
        selected = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*[\"']", expression))
        assert grouped | selected <= set.union(*named) | OF_THE_SCRAPE


class TestAlerts:
    def test_every_alert_has_a_severity_and_says_what_it_means_and_where_to_look(self) -> None:
        rules = re.split(r"(?m)^ +- alert: ", ALERTS)[1:]
        assert len(rules) == len([where for where in EXPRESSIONS if where.startswith("alerts: ")]) >= 6
        for rule in rules:
            assert re.search(r"severity: (page|ticket)", rule), rule
            assert all(f"{word}: " in rule for word in ("summary", "meaning", "look")), rule

    def test_the_runbook_says_of_every_alert_what_to_do(self) -> None:
        runbook = Path("docs/runbook.md").read_text()
        headings = re.findall(r"(?m)^\*\*(.+)\*\*\n- \*Look\*: (?:.+\n)+?- \*Do\*: ", runbook)
        assert sorted(", ".join(headings).split(", ")) == sorted(re.findall(r"alert: (\w+)", ALERTS))

    def test_every_alert_has_a_unit_test_that_it_fires(self) -> None:
        alerts = set(re.findall(r"alert: (\w+)", ALERTS))
        fired = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:\n\s+- exp_labels", ALERT_TESTS))
        assert alerts == fired


class TestAlertmanager:
    CONFIGURATION = Path("deploy/prometheus/alertmanager.yml").read_text()

    def kept_back(self) -> set[str]:
        """The alerts that another one keeps back."""
        targets = re.findall(r"target_matchers:\s*(?:-|\[) ?'alertname=~?\"([^\"]+)\"", self.CONFIGURATION)
        assert len(targets) == self.CONFIGURATION.count("target_matchers:")
        return {name for names in targets for name in names.split("|")}

    def test_names_only_alerts_that_exist(self) -> None:
        named = {
            name for names in re.findall(r'alertname=~?"([^"]+)"', self.CONFIGURATION) for name in names.split("|")
        }
        assert named <= set(re.findall(r"alert: (\w+)", ALERTS))

    def test_keeps_back_nothing_about_a_recall(self) -> None:
        assert self.kept_back()
        assert not [name for name in self.kept_back() if "Recall" in name]


class TestDashboard:
    def test_the_committed_file_is_made_of_the_panels(self) -> None:
        assert json.loads(FILE.read_text()) == dashboard(), "python -m deploy.grafana.dashboard"

    def test_panels_do_not_overlap_and_stay_in_the_grid(self) -> None:
        places = [panel["gridPos"] for panel in dashboard()["panels"]]
        cells = [
            (x, y)
            for place in places
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ]
        assert len(cells) == len(set(cells))
        assert max(x for x, _ in cells) < 24
