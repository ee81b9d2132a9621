"""A real server's calls, kill and all, replayed by the command from what it wrote down."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ccserver.inputs.file import recordings
from tests.peers.server import ROOT, Server
from tests.peers.test_conference import Floor
from tests.peers.test_restart import kill_the_core


@pytest.fixture
def floor(start_server: Callable[..., Server], tmp_path: Path, cleanup: ExitStack) -> Floor:
    server = start_server(routing__wrap_up_seconds="1", sip__algorithms='["MD5"]')
    return Floor(server, tmp_path, cleanup)


def replay(server: Server, day: str) -> subprocess.CompletedProcess[str]:
    config = ["--config", str(ROOT / "config" / "ccserver.toml")]
    command = [sys.executable, "-m", "ccserver", "replay", day, *config]
    return subprocess.run(
        [*command, "--set", f"data.dir={server.data}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_calls_of_real_phones_and_a_kill_are_replayed_to_the_same_events(floor: Floor) -> None:
    began = datetime.now()
    floor.agents("1001")
    customer = floor.phone("+4420")
    customer.dial("2001")
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"})
    assert floor.does("1001", "hold")["ok"]
    floor.wait_ears(_customer={"music"})
    kill_the_core(floor.server)
    assert floor.does("1001", "resume")["ok"]
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"})
    live = replay(floor.server, f"{began:%Y-%m-%d}")
    assert live.returncode == 0, live.stdout + live.stderr
    customer.hang_up()
    floor.server.wait_agent("1001", "available")
    time.sleep(0.5)
    floor.server.stop()

    done = replay(floor.server, f"{began:%Y-%m-%d}")
    assert done.returncode == 0, done.stdout + done.stderr
    runs = done.stdout.splitlines()
    assert len(runs) == 2
    assert runs[0].startswith("run of event 1: ")
    assert all(", identical (" in run for run in runs)
    assert " of 1 contact, " in runs[0]
    for path in recordings(floor.server.data):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    _another_is_found(floor.server, f"{began:%Y-%m-%d}")
    assert replay(floor.server, f"{began - timedelta(days=2):%Y-%m-%d}").returncode == 1
    assert replay(floor.server, "some day").returncode == 2
    recordings(floor.server.data)[0].unlink()
    missing = replay(floor.server, "1")
    assert missing.returncode == 1
    assert "not recorded" in missing.stdout


def _another_is_found(server: Server, day: str) -> None:
    with closing(sqlite3.connect(server.data / "journal.sqlite")) as db:
        queued = "SELECT seq, payload FROM journal WHERE event = 'contact.queued'"
        seq, payload = db.execute(queued).fetchone()
        change = "UPDATE journal SET payload = ? WHERE seq = ?"
        with db:
            db.execute(change, (payload.replace(b'"queue":"', b'"queue":"other'), seq))
        found = replay(server, day)
        with db:
            db.execute(change, (payload, seq))
    assert found.returncode == 1
    assert f"recorded: {seq} " in found.stdout
    assert f"replayed: {seq} " in found.stdout
    assert "other" in found.stdout
    assert "input:" in found.stdout
