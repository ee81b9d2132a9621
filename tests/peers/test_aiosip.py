"""aiosip, an independent user agent: what works with it, and what it cannot do.

docs/decisions/aiosip.md says why it is a peer of the tests and not the server's stack.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.peers.programs import LOOPBACK
from tests.peers.server import ROOT, Server

HERE = Path(__file__).parent / "aiosip_peer"


@pytest.fixture(scope="session")
def aiosip() -> Path:
    """Where it is installed; installed when it is not yet."""
    place = ROOT / "build" / "aiosip"
    requirements = HERE / "requirements.txt"
    done = place / "requirements.txt"
    if not done.exists() or done.read_text() != requirements.read_text():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        where = ["--no-deps", "--upgrade", "--target", str(place), "-r", str(requirements)]
        subprocess.run([*pip, *where], check=True, timeout=120)
        done.write_text(requirements.read_text())
    return place


def run(aiosip: Path, what: str, server: Server) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, str(HERE / "client.py"), what, LOOPBACK, str(server.sip)],
        env={**os.environ, "PYTHONPATH": str(aiosip)},
        capture_output=True,
        timeout=40,
        check=False,
    )
    lines = ran.stdout.decode().splitlines()
    assert lines, ran.stderr.decode()
    return dict(json.loads(lines[-1]))


def test_with_its_ack_mended_it_calls_waits_and_hangs_up(server, aiosip):
    went = run(aiosip, "mended_call", server)
    assert went == {"answered": True, "hung_up_on": False, "ended": True}
    server.wait_figure("ccserver_contacts_abandoned_total", 1, queue="support", during="queue")


def test_as_it_is_its_odd_ack_is_heard_and_it_waits_in_the_queue(server, aiosip):
    """Its ACK for the 200 bears the INVITE's branch, and a CSeq that says INVITE."""
    went = run(aiosip, "call", server)
    assert went == {"answered": True, "hung_up_on": False, "ended": True}
    server.wait_figure("ccserver_contacts_abandoned_total", 1, queue="support", during="queue")


def test_it_cannot_register_because_its_second_try_looks_like_its_first(start_server, aiosip):
    """It answers the challenge with the branch of its first request: a retransmission."""
    server = start_server(sip__algorithms='["MD5"]')
    assert run(aiosip, "register", server) == {"error": "TimeoutError", "text": ""}
    server.wait_figure("ccserver_sip_retransmissions_total", 1)
    assert server.figure("ccserver_registrations") == 0


def test_it_does_not_import_without_what_python_has_dropped(aiosip):
    ran = subprocess.run(
        [sys.executable, "-c", "import aiosip"],
        env={**os.environ, "PYTHONPATH": str(aiosip)},
        capture_output=True,
        timeout=40,
        check=False,
    )
    assert ran.returncode != 0
