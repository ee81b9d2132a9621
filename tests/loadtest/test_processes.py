"""Which processes are watched; of a /proc that is made up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from loadtest.processes import Processes, stolen

HEAD = "sl local_address rem_address st tx_rx tr_when retrnsmt uid timeout inode\n"


class Machine:
    """Two servers, each with a supervisor, a core that listens, and a media process."""

    def __init__(self, proc: Path) -> None:
        self.proc = proc
        (proc / "net").mkdir()
        udp = [f"0: 0100007F:{port:04X} 0:0 07 0:0 0:0 0 0 0 {port}" for port in (5060, 5070)]
        tcp = ["0: 0100007F:13C4 0:0 01 0:0 0:0 0 0 0 77"]  # 5060, a connection
        (proc / "net" / "udp").write_text(HEAD + "\n".join(udp) + "\n")
        (proc / "net" / "tcp").write_text(HEAD + "\n".join(tcp) + "\n")
        for first, port in ((100, 5060), (200, 5070)):
            self.starts(first, 1, "python ccserver run")
            self.starts(first + 1, first, "python -m ccserver.core", f"socket:[{port}]")
            self.starts(first + 2, first, "python -m ccserver.media")
        self.starts(300, 1, "sipp caller", "socket:[77]")

    def starts(self, pid: int, parent: int, command: str, *held: str) -> None:
        process = self.proc / str(pid)
        (process / "fd").mkdir(parents=True)
        (process / "cmdline").write_text(command.replace(" ", "\0"))
        fields = ["S", str(parent), *["0"] * 9, "250", "50", *["0"] * 8, "1000"]
        (process / "stat").write_text(f"{pid} (python) {' '.join(fields)} 0")
        for number, what in enumerate(held):
            (process / "fd" / str(number)).symlink_to(what)

    def ends(self, pid: int) -> None:
        (self.proc / str(pid) / "stat").unlink()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_of_two_servers_that_one_is_watched_which_has_the_port(machine):
    processes = Processes(["ccserver.core", "ccserver.media"], 5070, machine.proc)

    assert processes.found == {"ccserver.core": 201, "ccserver.media": 202}


def test_all_are_watched_where_nobody_has_the_port(machine):
    processes = Processes(["ccserver.core"], 5080, machine.proc)

    assert processes.found == {"ccserver.core 101": 101, "ccserver.core 201": 201}


def test_a_number_stands_for_a_process_and_those_that_it_started(machine):
    processes = Processes(["200"], 5060, machine.proc)

    assert sorted(processes.found.values()) == [200, 201, 202]


def test_the_end_of_another_server_is_not_the_end_of_this_one(machine):
    processes = Processes(["ccserver.core"], 5060, machine.proc)

    machine.ends(201)
    assert processes.has_died() is None

    machine.ends(101)
    assert processes.has_died() == "its process ccserver.core (101) has ended"


def test_words_that_no_command_line_has_are_said(machine):
    processes = Processes(["asterisk", "ccserver.core"], 5060, machine.proc)

    assert processes.missing == ["asterisk"]
    assert list(processes.sample()) == ["ccserver.core"]


def test_what_the_hypervisor_took_is_of_all_processors_together(tmp_path: Path):
    assert stolen(tmp_path) == 0.0

    second = os.sysconf("SC_CLK_TCK")
    (tmp_path / "stat").write_text(
        f"cpu  9 9 9 9 9 0 9 {3 * second} 0 0\ncpu0 9 9 9 9 9 0 9 1 0 0\n"
    )

    assert stolen(tmp_path) == 3.0
