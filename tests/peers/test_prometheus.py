"""A real Prometheus scrapes the server with the configuration that ships with it."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

from tests.peers.programs import LOOPBACK, Program, free_ports, until
from tests.peers.server import ROOT

IDENTITY = """ccserver_contacts_offered_total - ccserver_contacts_handled_total
    - ignoring (during) sum by (queue, instance, job) (ccserver_contacts_abandoned_total)
    - ccserver_contacts_overflowed_total - ccserver_contacts_failed_total - ccserver_queue_waiting
    - ccserver_contacts_being_offered - ccserver_contacts_in_service"""


def query(port: int, expression: str) -> list[tuple[dict[str, str], float]]:
    url = f"http://{LOOPBACK}:{port}/api/v1/query?query={urllib.parse.quote(expression)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        result = json.load(answer)["data"]["result"]
    return [(sample["metric"], float(sample["value"][1])) for sample in result]


def test_prometheus_scrapes_it_and_the_identity_holds(server, sipp, tmp_path: Path, cleanup):
    port = free_ports()
    for name in ("alerts.yml", "prometheus.yml"):
        shutil.copy(ROOT / "config" / "prometheus" / name, tmp_path)
    configuration = tmp_path / "prometheus.yml"
    text = configuration.read_text().replace("127.0.0.1:9464", f"{LOOPBACK}:{server.metrics}")
    configuration.write_text(text.replace("_interval: 5s", "_interval: 1s"))
    prometheus = Program(
        [
            "prometheus",
            f"--config.file={configuration}",
            f"--storage.tsdb.path={tmp_path / 'tsdb'}",
            f"--web.listen-address={LOOPBACK}:{port}",
        ],
        tmp_path / "prometheus.log",
    )
    cleanup.callback(prometheus.stop)
    prometheus.wait_for("Server is ready to receive web requests")
    sipp(server, "customer", pause=1.0).finish()

    abandoned = 'ccserver_contacts_abandoned_total{queue="support", during="queue"} == 1'
    until(lambda: query(port, abandoned), 20, "Prometheus to have the abandoned contact")
    # An empty label is no label to Prometheus.
    assert {metric.get("queue", ""): value for metric, value in query(port, IDENTITY)} == {
        "": 0,
        "support": 0,
        "sales": 0,
        "spanish": 0,
    }
    assert query(port, 'up{job="ccserver"} == 1')
    assert query(port, 'ALERTS{alertname="CcserverDown"}') == []


def test_promtool_finds_nothing_to_say_of_a_live_scrape(server):
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=server.scrape().encode(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
