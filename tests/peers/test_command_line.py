"""The server as its operator has it: started, asked, hurt and ended from outside."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from ccserver.door import NobodyThere
from ccserver.journal.storage import read_rows
from tests.peers.programs import LOOPBACK, PATIENCE, free_ports, until
from tests.peers.server import ROOT, Server
from tests.peers.sipp import Sipp
from tests.peers.test_sipp import register

Start = Callable[..., Server]
PROCESSES = ("core", "media", "web")


def ccserver(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ccserver", *arguments, "--set", f"data.dir={server.data}"],
        capture_output=True,
        cwd=ROOT,
        text=True,
        timeout=60,
    )


def processes(server: Server, name: str) -> list[int]:
    """All that were started under this name, the present one last."""
    found = re.findall(rf"{name} runs as process (\d+)", server.program.output())
    return [int(number) for number in found]


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def answers(server: Server) -> bool:
    try:
        return "agents" in server.status()
    except NobodyThere:
        return False


def test_people_ask_a_running_server(start_server: Start):
    server = start_server()

    status = ccserver(server, "status")
    refused = ccserver(server, "agent", "1001", "available")
    unknown = ccserver(server, "agent", "4711", "available")

    assert (status.returncode, status.stderr) == (0, "")
    assert "1001" in status.stdout
    assert "support" in status.stdout
    assert "allowed" not in status.stdout
    assert ccserver(server, "contacts").stdout == "contacts: none\n"
    assert refused.returncode == 1
    assert "refused: NOT_REGISTERED" in refused.stderr
    assert unknown.returncode == 1
    assert "refused: UNKNOWN_AGENT" in unknown.stderr


def test_a_call_is_seen_and_commanded_from_the_shell(
    start_server: Start, sipp: Callable[..., Sipp]
):
    server = start_server(routing__wrap_up_seconds="600")
    long = 600.0  # for some twenty commands on a machine that has much else to do
    phone = register(sipp, server, "1001")
    agent = sipp(server, "agent", port=phone, pause=0.1, seconds=long)
    customer = sipp(server, "customer", pause=long, seconds=long)
    server.wait_agent("1001", "engaged")

    def said(*arguments: str, status: int = 0) -> str:
        done = ccserver(server, *arguments)
        assert done.returncode == status, done
        return done.stdout + done.stderr

    (name,) = [row["id"] for row in json.loads(said("contacts", "--json"))["contacts"]]
    assert "1001: held; allowed now: resume" in said("contact", "hold", name, "--as", "1001")
    again = said("contact", "hold", name, "--as", "1001", status=1)
    assert "refused: ALREADY_HELD; state: held; allowed now: resume" in again
    assert "1001: connected" in said("contact", "resume", name, "--as", "1001")
    assert "refused: UNKNOWN_CONTACT" in said("contact", "end", "a0", "--as", "1001", status=1)
    codes = said("agent", "1001", "idle", "siesta", status=1)
    assert "expected one of break, lunch, meeting, training, got siesta" in codes
    assert "agent 1001: engaged idle:lunch" in said("agent", "1001", "idle", "lunch")
    assert "Ada" in said("agents")
    assert "english=1" in said("queues")
    assert name in said("contacts")
    shown = said("contact", "show", name)
    assert "conversation: connected" in shown
    assert "● talks" in shown
    tags = [json.loads(line)["event"]["event"] for line in said("events").splitlines()]
    assert tags[-1] == "agent.state_changed"
    assert "wallboard" in said("users", "list")
    said("contact", "end", name, "--as", "1001")
    server.wait_agent("1001", "wrap_up")
    assert "agent 1001: " in said("agent", "1001", "end-wrap-up", "resolved")
    server.wait_agent("1001", "idle")  # when his phone is on the hook, too
    for party in (agent, customer):
        party.stop()


def test_a_waiting_call_is_given_away_from_the_shell(
    start_server: Start, sipp: Callable[..., Sipp]
):
    rules = 'name = "support", routing = "external", external_seconds = 300'
    others = '{ name = "sales" }, { name = "spanish" }'
    queues = f"[{{ {rules}, external_silence_seconds = 300 }}, {others}]"
    server = start_server(queues=queues)
    agent = sipp(server, "agent", port=register(sipp, server, "1001"), pause=0.1)
    customer = sipp(server, "customer", pause=20.0)

    def waits() -> list[str]:
        waiting = server.status()["queues"]["support"]["waiting"]
        return [one["contact"] for one in waiting]

    (name,) = until(waits, PATIENCE, "the call to wait")
    table = ccserver(server, "waiting", "support").stdout
    assert name in table
    assert "everybody" in table
    assign = ("contact", "assign", name, "--as", "1008", "--to")
    refused = ccserver(server, *assign, "1002")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "refused: AGENT_NOT_AVAILABLE" in refused.stderr
    done = ccserver(server, *assign, "1001")
    assert done.stdout == f"contact {name}: assigned to 1001, out of support\n"
    server.wait_agent("1001", "engaged")
    for party in (agent, customer):
        party.stop()


def test_one_line_says_that_it_is_ready_and_sigterm_ends_it_in_order(start_server: Start):
    server = start_server()
    children = [child for name in PROCESSES for child in processes(server, name)]
    assert server.program.output().count("ccserver is ready") == 1
    assert len(children) == 3

    assert server.stop() == 0

    assert not any(is_alive(child) for child in children)


def test_ctrl_c_ends_it_too(start_server: Start):
    server = start_server()

    server.program.process.send_signal(signal.SIGINT)

    assert server.program.wait() == 0


def test_a_closed_terminal_has_it_read_its_configuration_and_go_on(start_server: Start):
    server = start_server()

    server.program.process.send_signal(signal.SIGHUP)

    assert server.status()["ok"]
    assert server.stop() == 0


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_taken_port_is_named_and_the_exit_status_is_2(
    start_server: Start, cleanup: ExitStack, tmp_path: Path, prompts: Path, kind: int
):
    holder = cleanup.enter_context(socket.socket(socket.AF_INET, kind))
    holder.bind((LOOPBACK, 0))
    if kind == socket.SOCK_STREAM:
        holder.listen()
    port = holder.getsockname()[1]
    transport = "udp" if kind == socket.SOCK_DGRAM else "tcp"

    server = Server(tmp_path, prompts, sip__listen=f"{transport}:{LOOPBACK}:{port}")
    cleanup.callback(server.stop)

    assert server.program.wait() == 2
    assert f"cannot listen on {transport}:{LOOPBACK}:{port}" in server.program.output()
    assert "ccserver is ready" not in server.program.output()


def test_a_taken_metrics_port_is_said_as_well(cleanup: ExitStack, tmp_path: Path, prompts: Path):
    holder = cleanup.enter_context(socket.create_server((LOOPBACK, 0)))
    place = f"{LOOPBACK}:{holder.getsockname()[1]}"

    server = Server(tmp_path, prompts, metrics__listen=place)
    cleanup.callback(server.stop)

    assert server.program.wait() == 2
    assert f"metrics.listen {place}" in server.program.output()


def test_taken_media_ports_are_said_when_none_is_left(
    cleanup: ExitStack, tmp_path: Path, prompts: Path
):
    first = free_ports(4)
    for port in (first, first + 3):  # one of each pair
        holder = cleanup.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        holder.bind((LOOPBACK, port))

    server = Server(tmp_path, prompts, media__ports=f"{first}-{first + 3}")
    cleanup.callback(server.stop)

    assert server.program.wait() == 2
    said = server.program.output()
    assert f"media.ports: cannot listen on {LOOPBACK}, {first}-{first + 3}: all are taken" in said


def test_two_servers_do_not_share_a_data_directory(
    start_server: Start, cleanup: ExitStack, tmp_path: Path, prompts: Path
):
    first = start_server()
    (tmp_path / "second").mkdir()

    second = Server(tmp_path / "second", prompts, data__dir=str(first.data))
    cleanup.callback(second.stop)

    assert second.program.wait() == 2
    assert "another ccserver runs" in second.program.output()
    assert answers(first)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_that_dies_is_started_again_alone(start_server: Start, name: str):
    server = start_server()

    os.kill(processes(server, name)[-1], signal.SIGKILL)
    until(lambda: len(processes(server, name)) == 2, PATIENCE, f"{name} to be started again")
    until(lambda: answers(server), 20, "an answer")

    for other in set(PROCESSES) - {name}:
        assert len(processes(server, other)) == 1
    assert server.stop() == 0


def test_nothing_outlives_a_supervisor_that_is_killed(start_server: Start):
    server = start_server()
    children = [child for name in PROCESSES for child in processes(server, name)]

    server.program.process.kill()

    until(lambda: not any(is_alive(child) for child in children), 5, "its processes to end")


def test_what_is_started_shows_no_secret_to_who_looks_at_the_process_list(start_server: Start):
    server = start_server(agents__1001__secret="hunter2")

    core = processes(server, "core")[-1]

    assert b"hunter2" not in Path(f"/proc/{core}/cmdline").read_bytes()
    assert "hunter2" not in server.program.output()


def test_the_core_says_on_sigusr1_what_it_is_doing(start_server: Start):
    server = start_server()

    os.kill(processes(server, "core")[-1], signal.SIGUSR1)

    until(lambda: "diagnosis written" in server.program.output(), PATIENCE, "a diagnosis")
    text = (server.data / "diagnosis.txt").read_text()
    assert "agent/1001" in text
    assert "dispatcher" in text
    assert answers(server)


def test_children_stay_though_nothing_happens_for_a_while(start_server: Start):
    """Their death is bound to a thread's: that must not be one that ends when it is idle."""
    server = start_server()

    time.sleep(12)

    assert answers(server)
    assert len(processes(server, "core")) == 1


def test_people_ask_why_a_call_went_where_it_went(start_server: Start, sipp):
    server = start_server(routing__wrap_up_seconds="1")
    port = free_ports()
    sipp(server, "register", port=port, user="1001", secret="secret-1001").finish()
    server.wait_agent("1001", "available")
    agent = sipp(server, "agent", port=port, pause=0.1)
    sipp(server, "customer", pause=1.5).finish()
    agent.finish()
    until(lambda: "contact.ended" in server.events(), PATIENCE, "the end of the call")
    rows = read_rows(server.data / "journal.sqlite", 0, 100_000)
    ended = next(row for row in rows if b'"event":"contact.ended"' in row[2])
    contact = re.search(rb'"id":"(\w+)"', ended[2])[1].decode()  # type: ignore[index]

    why, why_not = ccserver(server, "why", contact), ccserver(server, "why-not", contact, "1003")

    assert (why.returncode, why.stderr) == (0, "")
    assert "1001 was given it: the contact began to wait" in why.stdout
    assert "NOT what follows" not in why.stdout
    assert "signed out" in why_not.stdout
