"""The load generator by its command, against the real server and against SIPp."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from tests.peers.load import SCENARIOS, generator
from tests.peers.programs import LOOPBACK, PATIENCE, Program, free_ports, until
from tests.peers.server import Server

SHORT = [
    "arrivals.phases.warm-up.seconds=1",
    "arrivals.phases.steady.seconds=6",
    "arrivals.phases.steady.rate=1",
    "arrivals.seed=1",
]
QUICK = ["callers.kinds.support.talk=1", "agents.talk=1", "agents.answer_after=0.2"]
LENIENT = ["objectives.1.at_most=5", "objectives.2.at_most=1"]
"""The machine of a test may be busy with others."""


def of(server: Server) -> list[str]:
    return [
        f"target.address={server.address}",
        f"target.metrics={server.metrics_url}",
        f'target.processes=["{server.program.process.pid}"]',
    ]


def test_a_first_load_test_of_the_demonstration_centre(
    tmp_path: Path, start_server: Callable[..., Server], cleanup: ExitStack
):
    server = start_server(routing__wrap_up_seconds="0")
    load = generator(tmp_path, "first.toml", *of(server), *SHORT, *QUICK, *LENIENT)
    cleanup.callback(load.stop)

    assert load.wait() == 0, load.output()
    result = json.loads((tmp_path / "result.json").read_text())
    suite = Xml.parse(tmp_path / "junit.xml").getroot()
    assert result["outcomes"].get("handled", 0) >= 2
    assert result["latencies"]["agent"]["count"] == result["outcomes"]["handled"]
    assert {"ccserver", "ccserver.core", "ccserver.media"} <= set(result["server"][-1]["cpu"])
    assert result["server"][-1]["metrics"]["ccserver_queue_waiting"] == 0
    assert "CPU of the server&#x27;s processes" in (tmp_path / "report.html").read_text()
    assert suite.get("failures") == "0"
    assert len(suite) == 5
    server.wait_figure("ccserver_agents", 8, state="signed_out")


def test_over_tcp_as_well(tmp_path: Path, server: Server, cleanup: ExitStack):
    changes = [*of(server), "target.transport=tcp", *SHORT, *QUICK, *LENIENT]
    load = generator(tmp_path, "first.toml", *changes)
    cleanup.callback(load.stop)

    assert load.wait() == 0, load.output()


def test_a_server_that_is_killed_is_reported(tmp_path: Path, server: Server, cleanup: ExitStack):
    changes = [*of(server)]
    load = generator(tmp_path, "first.toml", *changes, *QUICK)
    cleanup.callback(load.stop)
    server.wait_figure("ccserver_registrations", 8)
    until(lambda: server.figure("ccserver_contacts_offered_total") > 1, PATIENCE, "calls")

    server.program.process.send_signal(signal.SIGKILL)

    assert load.wait() == 3
    assert "the server: its process" in load.output()
    assert "FAILED: the server died, or answered no call" in load.output()


def test_sipp_at_the_far_end(tmp_path: Path, cleanup: ExitStack):
    port = free_ports()
    uas = ["sipp", "-sn", "uas", "-i", LOOPBACK, "-p", str(port), "-nostdin"]
    cleanup.callback(Program(uas, tmp_path / "uas.log").stop)
    changes = [f"target.address={LOOPBACK}:{port}", "arrivals.phases.steady.seconds=4"]
    changes += ["callers.kinds.callers.talk=0.2", "objectives.1.at_most=5"]

    load = generator(tmp_path, "any-server.toml", *changes)
    cleanup.callback(load.stop)

    assert load.wait() == 0, load.output()
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["outcomes"] == {"handled": 200}
    assert result["latencies"]["setup"]["count"] == 200


def test_nobody_there_is_said_and_is_no_success(tmp_path: Path, cleanup: ExitStack):
    changes = [f"target.address={LOOPBACK}:{free_ports()}", "target.silent_seconds=1"]
    agents = generator(tmp_path, "first.toml", *changes, "agents.count=2")
    cleanup.callback(agents.stop)

    assert agents.wait() == 3
    assert "none of 2 agents could register" in agents.output()


def test_a_port_that_is_closed_is_no_success_over_tcp_either(tmp_path: Path, cleanup: ExitStack):
    changes = [f"target.address={LOOPBACK}:{free_ports()}", "target.transport=tcp"]
    changes += ["arrivals.phases.steady.seconds=1", "drain_seconds=1", "objectives=[]"]
    load = generator(tmp_path, "any-server.toml", *changes)
    cleanup.callback(load.stop)

    assert load.wait() == 3
    assert "calls was answered: transport" in load.output()


def test_a_wrong_scenario_is_refused_with_its_line(tmp_path: Path):
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('[target]\naddress = "nowhere"\n')

    refused = subprocess.run(
        [sys.executable, "-m", "loadtest", "check", str(wrong)], capture_output=True, text=True
    )

    assert refused.returncode == 2
    assert "wrong.toml:2: target.address: expected" in refused.stderr


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_scenarios_that_we_ship_are_good(path: Path):
    checked = subprocess.run(
        [sys.executable, "-m", "loadtest", "check", str(path)], capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stderr


def test_audio_is_judged_at_the_far_end(tmp_path: Path, server: Server, cleanup: ExitStack):
    changes = [*of(server), *SHORT, *QUICK, *LENIENT, "media.audio=tone"]
    changes += ["callers.kinds.support.talk=3", "agents.hangs_up=0"]
    load = generator(tmp_path, "first.toml", *changes)
    cleanup.callback(load.stop)

    assert load.wait() == 0, load.output()
    audio = json.loads((tmp_path / "result.json").read_text())["audio"]
    assert audio["streams"] >= 4
    assert audio["packets"] > 500
    assert audio["lost_share"] < 0.1
    assert audio["mos_p5"] > 3


def test_an_echo_on_one_port_is_told_apart_by_its_source(tmp_path: Path, cleanup: ExitStack):
    port, media = free_ports(), free_ports(4)
    uas = ["sipp", "-sn", "uas", "-i", LOOPBACK, "-p", str(port), "-mp", str(media)]
    cleanup.callback(Program([*uas, "-rtp_echo", "-nostdin"], tmp_path / "uas.log").stop)
    changes = [f"target.address={LOOPBACK}:{port}", "arrivals.phases.steady.seconds=2"]
    changes += ["arrivals.phases.steady.rate=10", "callers.kinds.callers.talk=2"]
    changes += ["media.audio=tone", "objectives.1.at_most=5"]

    load = generator(tmp_path, "any-server.toml", *changes)
    cleanup.callback(load.stop)

    assert load.wait() == 0, load.output()
    audio = json.loads((tmp_path / "result.json").read_text())["audio"]
    assert (audio["streams"], audio["silent"]) == (20, 0)
    assert audio["packets"] > 20 * 60


def test_a_search_finds_the_rate_that_holds(tmp_path: Path, cleanup: ExitStack):
    port = free_ports()
    uas = ["sipp", "-sn", "uas", "-i", LOOPBACK, "-p", str(port), "-nostdin"]
    cleanup.callback(Program(uas, tmp_path / "uas.log").stop)
    changes = [f"target.address={LOOPBACK}:{port}", "callers.kinds.callers.talk=0.1"]
    # Five at once, for 0.1 s each: above 50 a second, calls are not started.
    changes += ["callers.most_at_once=5", "objectives.1.at_most=5", "arrivals.process=constant"]
    changes += ["search.lowest=10", "search.highest=1000", "search.precision=0.9"]
    changes += ["search.seconds=2", "search.settle_seconds=0.5", "search.confirmations=0"]

    load = generator(tmp_path, "any-server.toml", *changes, command="search")
    cleanup.callback(load.stop)

    assert load.wait(90) == 0, load.output()
    found = json.loads((tmp_path / "search.json").read_text())
    assert 10 <= found["rate"] <= 80
    assert [trial["held"] for trial in found["trials"]][-1] is False
    assert (tmp_path / "01-rate-10" / "report.html").exists()


def test_agents_transfer_and_confer_from_their_desktops(
    tmp_path: Path, start_server: Callable[..., Server], cleanup: ExitStack
):
    accounts = ", ".join(
        f'{{name="agent-{n}", password="secret-{n}", role="agent", agent="{n}"}}'
        for n in range(1001, 1009)
    )
    server = start_server(routing__wrap_up_seconds="0", accounts=f"[{accounts}]")
    changes = [*of(server), f"api.url=http://{LOOPBACK}:{server.web}", "api.after=0.5"]
    changes += ["arrivals.phases.steady.seconds=6", "arrivals.phases.steady.rate=0.5"]
    changes += ["arrivals.process=constant", "api.consults=0", "api.transfers=0.5"]
    changes += ["api.conferences=0.5", "callers.kinds.support.talk=6", "agents.answer_after=0.2"]
    load = generator(tmp_path, "desk.toml", *changes)
    cleanup.callback(load.stop)

    assert load.wait(90) == 0, load.output()
    desk = json.loads((tmp_path / "result.json").read_text())["desk"]
    assert desk.get("transfer done", 0) + desk.get("conference done", 0) >= 2, load.output()


def test_a_run_that_is_interrupted_hangs_up_and_tells_what_it_found(
    tmp_path: Path, cleanup: ExitStack
):
    port = free_ports()
    uas = ["sipp", "-sn", "uas", "-i", LOOPBACK, "-p", str(port), "-nostdin"]
    cleanup.callback(Program(uas, tmp_path / "uas.log").stop)
    changes = [f"target.address={LOOPBACK}:{port}", "arrivals.phases.steady.seconds=600"]
    load = generator(tmp_path, "any-server.toml", *changes, "objectives.1.at_most=5")
    cleanup.callback(load.stop)
    load.wait_for("steady, ")  # the line that is told every ten seconds

    load.process.send_signal(signal.SIGINT)

    assert load.wait() == 0, load.output()
    assert "stopped by hand" in load.output()
    result = json.loads((tmp_path / "result.json").read_text())
    # SIPp's UAS never ends a call that is cancelled: one may be just being set up.
    assert result["outcomes"]["handled"] >= result["started"] - 2 > 100
