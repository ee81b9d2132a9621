"""The examples of docs/examples do what they say."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.peers.programs import LOOPBACK, PATIENCE, Program, until
from tests.peers.server import ROOT, Server
from tests.peers.sipp import Sipp
from tests.peers.test_command_line import processes
from tests.peers.test_sipp import register
from tests.peers.test_web import is_ready


def test_the_desktop_chooses_after_rona_and_comes_back_when_it_is_let_down(
    start_server: Callable[..., Server],
    sipp: Callable[..., Sipp],
    cleanup: ExitStack,
    tmp_path: Path,
) -> None:
    server = start_server(routing__rona_seconds="1.5")
    until(lambda: is_ready(server), PATIENCE, "the web process to be ready")
    script = str(ROOT / "docs" / "examples" / "desktop.py")
    url = f"http://{LOOPBACK}:{server.web}"
    desktop = Program(
        [sys.executable, script, url, "ada", "password-ada"], tmp_path / "desktop.log"
    )
    cleanup.callback(desktop.stop)
    desktop.wait_for("ada is agent 1001")
    silent = sipp(server, "agent_silent", port=register(sipp, server, "1001"))
    customer = sipp(server, "customer", pause=6.0)

    desktop.wait_for("1001: reserved")
    silent.finish()
    desktop.wait_for("the phone was not answered: available again")
    until(
        lambda: desktop.output().count("1001: reserved") > 1, PATIENCE, "the customer to come again"
    )
    customer.finish()
    server.wait_agent("1001", "available")

    os.kill(processes(server, "web")[-1], signal.SIGKILL)
    desktop.wait_for("let down")
    until(lambda: is_ready(server), PATIENCE, "the web process to be back")
    server.command("agent.set_idle", agent="1001", code="lunch")
    desktop.wait_for("1001: idle lunch")


def test_the_router_gives_contacts_away_and_leaves_them_to_the_rules_when_it_goes(
    start_server: Callable[..., Server],
    sipp: Callable[..., Sipp],
    cleanup: ExitStack,
    tmp_path: Path,
) -> None:
    rules = 'name = "support", requirements = { english = 1 }, routing = "external"'
    others = '{ name = "sales" }, { name = "spanish" }'
    server = start_server(
        queues=f"[{{ {rules}, external_seconds = 300 }}, {others}]", routing__wrap_up_seconds="0.2"
    )
    until(lambda: is_ready(server), PATIENCE, "the web process to be ready")
    script = str(ROOT / "docs" / "examples" / "router.py")
    url = f"http://{LOOPBACK}:{server.web}"
    arguments = [sys.executable, script, url, "support", "sue", "password-sue"]
    router = Program(arguments, tmp_path / "router.log")
    cleanup.callback(router.stop)
    router.wait_for("sue routes support")
    agent = sipp(server, "agent_hangs_up", port=register(sipp, server, "1001"))
    sipp(server, "customer", pause=8.0)

    router.wait_for(": 1001")
    agent.finish()
    assert server.figure("ccserver_outside_assignments_total", outcome="given") == 1
    router.process.send_signal(signal.SIGINT)
    assert router.wait() == 0
    assert router.output().endswith("sue routes support no more\n")
    assert server.status()["queues"]["support"]["router"]["state"] == "left"
