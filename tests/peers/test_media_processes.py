"""Two media processes: each call's audio is at one of them, and the other feels nothing of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.peers.programs import PATIENCE, until
from tests.peers.server import Server
from tests.peers.sounds import longest_gap
from tests.peers.test_command_line import processes
from tests.peers.test_conference import TONES, Floor
from tests.peers.test_restart import audited, events, kill_the_core


def test_calls_are_spread_over_media_processes_and_end_with_their_own_alone(
    start_server: Callable[..., Server],
    tmp_path: Path,
    cleanup: ExitStack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(TONES, "+4421", 353.0)
    server = start_server(
        routing__wrap_up_seconds="1", sip__algorithms='["MD5"]', media__processes="2"
    )
    floor = Floor(server, tmp_path, cleanup)
    floor.agents("1001")
    first = floor.phone("+4420")
    first.dial("2001")
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"})
    floor.agents("1002")
    second = floor.phone("+4421")
    second.dial("2001")
    floor.wait_ears(**{"_+4421": {"1002"}, "_1002": {"+4421"}})

    began = time.monotonic()
    kill_the_core(server)
    time.sleep(1)
    lasted = time.monotonic() - began
    for user in ("+4420", "1001", "+4421", "1002"):
        assert longest_gap(floor.phones[user].recording(), last=lasted) < 0.1

    os.kill(processes(server, "media-2")[-1], signal.SIGKILL)
    second.wait("CALL_CLOSED")
    floor.phones["1002"].wait("CALL_CLOSED")
    server.wait_agent("1002", "available", 60)
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"})
    second.dial("2001")
    floor.wait_ears(**{"_+4421": {"1002"}, "_1002": {"+4421"}})
    first.hang_up()
    floor.phones["1001"].wait("CALL_CLOSED")
    until(lambda: len(events(server, "contact.ended")) == 2, PATIENCE, "both ends in the journal")
    assert len(processes(server, "media")) == 1
    assert "nothing wrong" in audited(server)
