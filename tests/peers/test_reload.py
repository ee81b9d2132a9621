"""A running server reads its configuration again: by SIGHUP, and by ``ccserver reload``."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.programs import PATIENCE, free_ports, until
from tests.peers.server import DEMONSTRATION, ROOT, Server
from tests.peers.test_web import Desktop, is_ready

NEWCOMER = """
[[agents]]
id = "1009"
secret = "secret-1009"
skills = { english = 10 }
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The demonstration, for the test to change."""
    path = tmp_path / "ccserver.toml"
    path.write_text(DEMONSTRATION.read_text())
    return path


def ccserver(server: Server, config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = ["--config", str(config), "--set", f"data.dir={server.data}"]
    own += ["--set", f"media.prompts={ROOT / 'config' / 'prompts'}"]
    return subprocess.run(
        [sys.executable, "-m", "ccserver", *arguments, *own],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_hang_up_signal_reloads_and_a_conversation_goes_on(start_server, sipp, config):
    server = start_server(config=config)
    port = free_ports()
    sipp(server, "register", port=port, user="1001", secret="secret-1001").finish()
    server.wait_agent("1001", "available")
    agent = sipp(server, "agent", port=port, pause=0.1)
    customer = sipp(server, "customer", pause=8)
    server.wait_agent("1001", "engaged")

    config.write_text(config.read_text() + NEWCOMER)
    server.program.process.send_signal(signal.SIGHUP)

    until(lambda: "1009" in server.status()["agents"], PATIENCE, "the new agent")
    assert server.status()["agents"]["1001"]["state"] == "engaged"
    sipp(server, "register", user="1009", secret="secret-1009").finish()
    server.wait_agent("1009", "available")
    customer.finish()
    agent.finish()
    until(lambda: "contact.ended" in server.events(), PATIENCE, "the end of the call")
    assert server.events().count("centre.configured") == 2
    assert server.events().count("server.started") == 1


def test_a_wrong_file_changes_nothing_and_all_that_is_wrong_is_said(start_server, config):
    server = start_server(config=config)
    good = config.read_text()
    config.write_text(good.replace("english = 8", "english = 80") + '\n[[queues]]\nnome = "x"\n')

    server.program.process.send_signal(signal.SIGHUP)

    server.program.wait_for("not reloaded", 10)
    said = server.program.output()
    assert "agents.0.skills.english: expected a whole number from 1 to 10, got 80" in said
    assert "no such key: did you mean name?" in said
    assert server.program.process.poll() is None
    asked = ccserver(server, config, "reload")
    assert asked.returncode == 2
    assert "got 80" in asked.stderr
    assert server.events().count("centre.configured") == 1


def test_the_operator_is_told_what_a_reload_has_changed_and_what_waits(start_server, config):
    server = start_server(config=config)
    text = config.read_text() + NEWCOMER
    config.write_text(text.replace('realm = "ccserver"', 'realm = "elsewhere"'))

    first, again = (ccserver(server, config, "reload") for _ in range(2))

    assert first.returncode == again.returncode == 0, first.stderr
    assert "agents.1009: added" in first.stdout
    assert "sip.realm: at the next start only" in first.stdout
    assert "agents.1009" not in again.stdout
    assert "nothing to do" in again.stdout
    said = json.loads(ccserver(server, config, "reload", "--json").stdout)
    assert said["changes"] == []
    assert said["needs_restart"] == ["sip.realm"]


def test_an_administrator_reloads_over_rest_and_desktops_see_the_new_agent(start_server, config):
    server = start_server(config=config)
    until(lambda: is_ready(server), 20, "the web process to know the core")
    desktop, admin = Desktop(server, "sue"), Desktop(server, "admin")
    desktop.connect()
    config.write_text(f'{config.read_text()}{NEWCOMER}name = "Ida"\n')

    done = admin.post("/configuration/reload")
    refused = desktop.post("/configuration/reload")

    assert done.status_code == 200, done.text
    assert done.json()["changes"] == [{"key": "agents.1009", "what": "added"}]
    assert refused.status_code == 403
    desktop.wait(lambda: "1009" in desktop.has["agents"], "the new agent on the desktop")
    desktop.wait(lambda: desktop.get("/agents/1009").json().get("name") == "Ida", "his name")
    desktop.close()
