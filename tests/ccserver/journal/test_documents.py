"""The metrics' document, dashboard, alert rules and configuration agree with what is exported."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from ccserver.journal.log import Journal
from ccserver.journal.metrics import families, render
from tests.support.figures import make_metrics

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "config" / "prometheus"
DASHBOARD = ROOT / "config" / "grafana" / "ccserver.json"
DOCUMENT = ROOT / "docs" / "metrics.md"
NAME = re.compile(r"\b(?:ccserver|process)_[a-z_]+\b")
ROW = re.compile(r"^\| `(ccserver_[a-z_]+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)


def exported() -> dict[str, tuple[str, set[str]]]:
    """Name to type and labels, as the document writes them."""
    metrics = make_metrics(Journal.in_memory(lambda: 0.0))
    found = {}
    for family in families(metrics.snapshot()):
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[name] = (family.type, labels)
    return found


def series() -> set[str]:
    """Every name that can stand in a query."""
    body, _ = render(make_metrics(Journal.in_memory(lambda: 0.0)).snapshot())
    return {re.split(r"[ {]", line)[0] for line in body.decode().splitlines() if line[0] != "#"}


def expressions() -> list[str]:
    dashboard = json.loads(DASHBOARD.read_text())
    queries = [t["expr"] for panel in dashboard["panels"] for t in panel.get("targets", ())]
    queries += [v["query"] for v in dashboard["templating"]["list"]]
    return queries


def test_the_document_has_every_metric_with_its_type_and_labels_and_no_other():
    documented = {
        name: (kind, set(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in ROW.findall(DOCUMENT.read_text())
    }
    assert documented == exported()


def test_every_name_in_the_document_exists():
    names = set(NAME.findall(DOCUMENT.read_text())) - {"process_"}
    assert names <= series() | set(exported())


def test_every_metric_of_the_dashboard_exists():
    names = {name for query in expressions() for name in NAME.findall(query)}
    assert len(names) > 20
    assert names <= series()


def test_every_metric_of_the_alert_rules_exists():
    rules = (PROMETHEUS / "alerts.yml").read_text()
    assert set(NAME.findall(rules)) <= series()


def test_every_alert_rule_is_tried_in_the_rules_test():
    rules = set(re.findall(r"alert: (\w+)", (PROMETHEUS / "alerts.yml").read_text()))
    tried = set(re.findall(r"Ccserver\w+", (PROMETHEUS / "alerts_test.yml").read_text()))
    assert tried == rules


def test_every_alert_is_seen_to_resolve():
    rules = set(re.findall(r"alert: (\w+)", (PROMETHEUS / "alerts.yml").read_text()))
    _, _, at_the_end = (PROMETHEUS / "alerts_test.yml").read_text().rpartition("and each resolves")
    assert set(re.findall(r"Ccserver\w+", at_the_end)) == rules


def test_a_bucket_that_a_query_asks_for_exists():
    body, _ = render(make_metrics(Journal.in_memory(lambda: 0.0)).snapshot())
    asked = re.findall(r'(ccserver_\w+_bucket)\{[^}]*le="([^"]+)"', "\n".join(expressions()))
    asked += re.findall(r'(ccserver_\w+_bucket)\{[^}]*le="([^"]+)"', DOCUMENT.read_text())
    assert asked
    for name, bound in asked:
        assert f'{name}{{le="{bound}"}}' in body.decode()


@pytest.mark.peer
@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
    ],
)
def test_promtool_accepts_the_configuration(arguments):
    checked = subprocess.run(
        ["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.peer
def test_prometheus_can_read_every_query_of_the_dashboard(tmp_path):
    variables = {"$__rate_interval": "5m", "$instance": ".*", "$queue": ".*"}
    rules = []
    for number, query in enumerate(expressions()):
        if "(" not in query or query.startswith("label_values"):
            continue
        for variable, value in variables.items():
            query = query.replace(variable, value)
        rules.append({"record": f"dashboard:{number}", "expr": query})
    assert len(rules) > 30
    path = tmp_path / "dashboard.json"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    checked = subprocess.run(
        ["promtool", "check", "rules", path], capture_output=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
