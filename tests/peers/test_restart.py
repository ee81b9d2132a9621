"""kill -9 of the core in the middle of real calls: tones go on, and the phones obey afterwards."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from ccserver.journal.storage import read_rows
from tests.peers.programs import PATIENCE, Program, until
from tests.peers.server import ROOT, Server
from tests.peers.sounds import longest_gap
from tests.peers.test_command_line import processes
from tests.peers.test_conference import Floor


@pytest.fixture
def floor(start_server: Callable[..., Server], tmp_path: Path, cleanup: ExitStack) -> Floor:
    server = start_server(routing__wrap_up_seconds="1", sip__algorithms='["MD5"]')
    return Floor(server, tmp_path, cleanup)


def kill_the_core(server: Server, *, pause: float = 0.2) -> None:
    """And wait until another one serves.  ``pause``: for the journal's last batch."""
    said = server.program.output().count("ccserver is ready")
    time.sleep(pause)
    os.kill(processes(server, "core")[-1], signal.SIGKILL)
    wait_for_another_core(server, said)


def wait_for_another_core(server: Server, said: int) -> None:
    """``said``: how often one has said that it is ready."""
    until(
        lambda: server.program.output().count("ccserver is ready") > said,
        PATIENCE,
        "the core to be back",
    )


def audited(server: Server) -> str:
    """What ``ccserver audit`` says; it must not find anything."""
    config = ["--config", str(ROOT / "config" / "ccserver.toml")]
    command = [sys.executable, "-m", "ccserver", "audit", *config]
    done = subprocess.run(
        [*command, "--set", f"data.dir={server.data}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def events(server: Server, tag: str) -> list[bytes]:
    rows = read_rows(server.data / "journal.sqlite", 0, 100_000)
    return [row[2] for row in rows if f'"event":"{tag}"'.encode() in row[2]]


def test_a_call_goes_on_without_a_gap_and_is_held_and_ended_afterwards(floor: Floor) -> None:
    floor.agents("1001")
    customer = floor.phone("+4420")
    customer.dial("2001")
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"})
    time.sleep(1)
    began = time.monotonic()
    kill_the_core(floor.server)
    time.sleep(2)
    lasted = time.monotonic() - began
    for user in ("+4420", "1001"):
        assert longest_gap(floor.phones[user].recording(), last=lasted) < 0.1
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"})
    floor.server.wait_agent("1001", "engaged")

    assert floor.does("1001", "hold")["ok"]
    floor.wait_ears(_customer={"music"})
    kill_the_core(floor.server)
    floor.wait_ears(_customer={"music"})
    assert floor.does("1001", "resume")["ok"]
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"})
    customer.hang_up()
    floor.phones["1001"].wait("CALL_CLOSED")
    floor.server.wait_agent("1001", "available")
    ended = events(floor.server, "contact.ended")
    assert len(ended) == 1
    assert b'"outcome":"handled"' in ended[0]
    assert floor.server.figure("ccserver_contacts_handled_total", queue="support") == 1
    said = audited(floor.server)
    assert "3 runs of the server, 1 contact: nothing wrong" in said
    assert "the server's state is what the journal comes to" in said


def test_a_call_of_which_the_disk_has_nothing_goes_on_after_a_kill(floor: Floor) -> None:
    """Another process has locked the journal: all that happens waits in the core's tail."""
    floor.agents("1001")
    customer = floor.phone("+4420")
    until(lambda: len(events(floor.server, "phone.registered")) == 1, PATIENCE, "the agent's phone")
    with closing(sqlite3.connect(floor.server.data / "journal.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        customer.dial("2001")
        floor.wait_ears(_customer={"1001"}, _1001={"+4420"})
        assert not events(floor.server, "leg.arrived")
        os.kill(processes(floor.server, "core")[-1], signal.SIGKILL)
    wait_for_another_core(floor.server, 1)
    until(lambda: bool(events(floor.server, "server.recovered")), PATIENCE, "the disk to have it")
    assert b'"talking":1' in events(floor.server, "server.recovered")[0]
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"})
    floor.server.wait_agent("1001", "engaged")
    customer.hang_up()
    floor.phones["1001"].wait("CALL_CLOSED")
    until(lambda: len(events(floor.server, "contact.ended")) == 1, PATIENCE, "the contact's end")
    assert b'"outcome":"handled"' in events(floor.server, "contact.ended")[0]
    assert "2 runs of the server, 1 contact: nothing wrong" in audited(floor.server)


def test_an_agent_hangs_up_a_recovered_call_on_his_phone(floor: Floor) -> None:
    floor.agents("1001")
    customer = floor.phone("+4420")
    customer.dial("2001")
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"})
    kill_the_core(floor.server)
    floor.phones["1001"].hang_up()
    customer.wait("CALL_CLOSED")
    floor.server.wait_agent("1001", "available")


def test_a_waiting_caller_hears_his_music_on_and_gets_his_agent(floor: Floor) -> None:
    customer = floor.phone("+4420")
    customer.dial("2001")
    floor.wait_ears(_customer={"music"})
    time.sleep(1)
    began = time.monotonic()
    kill_the_core(floor.server)
    time.sleep(1)
    assert longest_gap(customer.recording(), last=time.monotonic() - began) < 0.1
    floor.wait_ears(_customer={"music"})
    floor.phone("1001", secret="secret-1001", answers=True)
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"})


def test_the_phone_of_an_offer_stops_ringing_and_rings_anew(floor: Floor) -> None:
    agent = floor.phone("1001", secret="secret-1001")
    floor.server.wait_agent("1001", "available")
    customer = floor.phone("+4420")
    customer.dial("2001")
    agent.wait("CALL_INCOMING")
    kill_the_core(floor.server)
    agent.wait("CALL_CLOSED")
    until(lambda: len(events(floor.server, "contact.presented")) == 2, PATIENCE, "a second offer")
    agent.command("accept")
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"})


def test_calls_of_a_media_process_that_is_killed_end_and_are_counted(floor: Floor) -> None:
    floor.agents("1001")
    customer = floor.phone("+4420")
    customer.dial("2001")
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"})
    os.kill(processes(floor.server, "media")[-1], signal.SIGKILL)
    customer.wait("CALL_CLOSED")
    floor.phones["1001"].wait("CALL_CLOSED")
    floor.server.wait_agent("1001", "available", 60)
    until(lambda: len(events(floor.server, "contact.ended")) == 1, PATIENCE, "the contact's end")
    floor.server.wait_figure("ccserver_contacts_handled_total", 1, queue="support")
    customer.dial("2001")
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"})


def test_a_phone_over_tcp_is_reached_again_and_its_call_goes_on(floor: Floor) -> None:
    customer = floor.phone("+4420")
    floor.phone("1001", secret="secret-1001", answers=True, transport="tcp")
    floor.server.wait_agent("1001", "available")
    customer.dial("2001")
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"})
    kill_the_core(floor.server)
    time.sleep(1)
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"})
    customer.hang_up()
    floor.phones["1001"].wait("CALL_CLOSED")


@pytest.mark.parametrize("seconds", [5, 60])
def test_a_core_that_stands_still_for_a_while_loses_nobody(floor: Floor, seconds: int) -> None:
    """S09: SIGSTOP, as a virtual machine that is paused."""
    floor.agents("1001")
    customer = floor.phone("+4420")
    customer.dial("2001")
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"})
    core = processes(floor.server, "core")[-1]
    os.kill(core, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(core, signal.SIGCONT)
    time.sleep(1)
    assert longest_gap(customer.recording(), last=6) < 0.1
    floor.server.wait_agent("1001", "engaged")
    customer.hang_up()
    floor.phones["1001"].wait("CALL_CLOSED")
    floor.server.wait_agent("1001", "available")
    assert processes(floor.server, "core") == [core]


def test_a_damaged_journal_is_named_and_left_as_it_is(start_server, tmp_path) -> None:
    server = start_server()
    assert server.stop() == 0
    journal = server.data / "journal.sqlite"
    data = bytearray(journal.read_bytes())
    data[4096 + 100 : 8192] = os.urandom(3996)  # the first page of the table
    journal.write_bytes(data)
    again = Program(server.program.process.args, tmp_path / "again.log")
    assert again.wait(20) == 2
    assert "journal.sqlite: database disk image is malformed" in again.output()
    assert journal.read_bytes()[4096:] == bytes(data[4096:])


def test_a_disposition_that_was_acknowledged_survives_a_kill_at_that_instant(
    start_server, tmp_path: Path, cleanup: ExitStack
) -> None:
    server = start_server(routing__wrap_up_seconds="300", sip__algorithms='["MD5"]')
    floor = Floor(server, tmp_path, cleanup)
    floor.agents("1001")
    customer = floor.phone("+4420")
    for number in range(3):
        customer.dial("2001")
        server.wait_agent("1001", "engaged")
        customer.hang_up()
        server.wait_agent("1001", "wrap_up")
        server.command("agent.end_wrap_up", agent="1001", code="resolved")
        kill_the_core(server, pause=0)
        kept = [event for event in events(server, "agent.wrap_up_ended") if b"resolved" in event]
        assert len(kept) == number + 1
        server.wait_agent("1001", "available")
