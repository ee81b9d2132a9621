"""CPU and memory of the server's processes, from /proc, if they are on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TCP_LISTENS = "0A"


class Usage(Struct, frozen=True, gc=False):
    cpu: float
    """Seconds since it began."""
    memory: int
    """Bytes in RAM."""


PROC = Path("/proc")


class Processes:
    """``wanted``: words that a command line must all have, or a process' number, which stands for
    that process and those that it started.  Where several servers run here, words mean the
    processes of the one that has ``port``."""

    def __init__(self, wanted: list[str], port: int | None = None, proc: Path = PROC) -> None:
        self.found: dict[str, int] = {}
        self.missing: list[str] = []
        self._proc = proc
        commands = _commands(proc) if wanted else {}
        for entry in wanted:
            if entry.isdecimal():
                pids = [pid for pid in commands if int(entry) in (pid, _parent(proc, pid))]
                names = [_name(commands[pid]) for pid in pids]
            else:
                words = entry.split()
                pids = [pid for pid, line in commands.items() if all(w in line for w in words)]
                if len(pids) > 1 and port is not None:
                    pids = _of_one_server(proc, pids, port)
                names = [entry] * len(pids)
            if not pids:
                self.missing.append(entry)
            for name, pid in zip(names, pids, strict=True):
                alone = names.count(name) == 1 and name not in self.found
                self.found[name if alone else f"{name} {pid}"] = pid

    def sample(self) -> dict[str, Usage]:
        """Those that live."""
        return {
            name: usage
            for name, pid in self.found.items()
            if (usage := _usage(self._proc, pid)) is not None
        }

    def has_died(self) -> str | None:
        """Which has ended, in words; None: none has."""
        for name, pid in self.found.items():
            if _usage(self._proc, pid) is None:
                return f"its process {name.removesuffix(f' {pid}')} ({pid}) has ended"
        return None


def stolen(proc: Path = PROC) -> float:
    """Seconds for which a hypervisor has kept this machine's processors from it, since its start:
    no program here can help it, and every latency holds it.
    """
    try:
        return int((proc / "stat").read_text().split("\n", 1)[0].split()[8]) / _TICKS
    except (OSError, IndexError):
        return 0.0


def _commands(proc: Path) -> dict[int, str]:
    """Command lines of all processes but this one."""
    found = {}
    for entry in proc.glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if line and int(entry.name) != os.getpid():
            found[int(entry.name)] = line
    return found


def _name(command: str) -> str:
    """The module that Python runs, or the program."""
    words = command.split()
    module = words[words.index("-m") + 1 :] if "-m" in words else []
    return (module or [Path(words[0]).name])[0]


def _of_one_server(proc: Path, pids: list[int], port: int) -> list[int]:
    """Those that listen at ``port``, and their children, parents and siblings; all of ``pids``,
    if it is not known who listens there."""
    listening = _listening(proc, port)
    family = listening | {_parent(proc, pid) for pid in listening} - {0, 1}
    return [pid for pid in pids if pid in family or _parent(proc, pid) in family] or pids


def _listening(proc: Path, port: int) -> set[int]:
    """Who has a socket at that port, as far as we may know."""
    sockets = set()
    for table in ("udp", "udp6", "tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        rows = [line.split() for line in lines]
        listens = [row for row in rows if table.startswith("udp") or row[3] == _TCP_LISTENS]
        sockets |= {f"socket:[{row[9]}]" for row in listens if row[1].endswith(f":{port:04X}")}
    return {
        int(entry.name)
        for entry in proc.glob("[0-9]*")
        if any(held in sockets for held in _open_files(entry))
    }


def _open_files(process: Path) -> Iterator[str]:
    """None of somebody else's; without what is closed meanwhile."""
    with suppress(OSError):
        for number in (process / "fd").iterdir():
            with suppress(OSError):
                yield os.readlink(number)


def _parent(proc: Path, pid: int) -> int:
    try:
        return int((proc / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _usage(proc: Path, pid: int) -> Usage | None:
    try:
        fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] in "ZX":
        return None
    return Usage((int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21]) * _PAGE)
