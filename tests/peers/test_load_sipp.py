"""The SIPp files that stand beside the load generator, against the real server."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.peers.programs import LOOPBACK, Program, free_ports
from tests.peers.server import ROOT, Server

FLOWS = ROOT / "loadtest" / "sipp"


@pytest.mark.parametrize(
    ("agent", "figure", "labels"),
    [
        ("agent", "ccserver_contacts_handled_total", {}),
        ("agent_hangs_up", "ccserver_contacts_handled_total", {}),
        ("agent_rejects", "ccserver_offers_failed_total", {"reason": "USER_BUSY"}),
        ("agent_ignores", "ccserver_offers_failed_total", {"reason": "RONA_TIMER_EXPIRED"}),
    ],
)
def test_each_flow_goes_as_its_file_says(
    tmp_path: Path,
    start_server: Callable[..., Server],
    cleanup: ExitStack,
    agent: str,
    figure: str,
    labels: dict[str, str],
):
    server = start_server(routing__rona_seconds="1")
    phone = free_ports()
    (tmp_path / "agents.csv").write_text(
        "SEQUENTIAL\n1001;[authentication username=1001 password=secret-1001]\n"
    )

    def sipp(scenario: str, *options: str) -> Program:
        arguments = ["sipp", server.address, "-sf", str(FLOWS / f"{scenario}.xml"), "-m", "1"]
        arguments += ["-i", LOOPBACK, "-nostdin", "-timeout", "40s", *options]
        found = Program(arguments, tmp_path / f"{scenario}.log")
        cleanup.callback(found.stop)
        return found

    inf = str(tmp_path / "agents.csv")
    where = ["-inf", inf, "-key", "contact_port", str(phone), "-p", str(free_ports())]
    assert sipp("register", *where).wait() == 0
    server.wait_agent("1001", "available")
    answers = sipp(agent, "-p", str(phone), "-mp", str(free_ports(4)), "-d", "200")
    caller = ["-s", "2001", "-p", str(free_ports()), "-mp", str(free_ports(4)), "-d", "6000"]

    calls = sipp("caller", *caller)

    assert answers.wait() == 0
    server.wait_figure(figure, 1, **labels)
    calls.stop()
