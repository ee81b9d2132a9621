"""CPU and memory of the server's processes, from /proc, if they are on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Usage(Struct, frozen=True, gc=False):
    cpu: float
    """Seconds since it began."""
    memory: int
    """Bytes in RAM."""


class Processes:
    """``wanted``: words that a command line must all have, or a process' number, which stands for
    that process and those that it started."""

    def __init__(self, wanted: list[str]) -> None:
        self.found: dict[str, int] = {}
        self.missing: list[str] = []
        commands = _commands() if wanted else {}
        for entry in wanted:
            if entry.isdecimal():
                pids = [pid for pid in commands if int(entry) in (pid, _parent(pid))]
                names = [_name(commands[pid]) for pid in pids]
            else:
                words = entry.split()
                pids = [pid for pid, line in commands.items() if all(w in line for w in words)]
                names = [entry] * len(pids)
            if not pids:
                self.missing.append(entry)
            for name, pid in zip(names, pids, strict=True):
                alone = names.count(name) == 1 and name not in self.found
                self.found[name if alone else f"{name} {pid}"] = pid

    def sample(self) -> dict[str, Usage]:
        """Those that live."""
        return {
            name: usage for name, pid in self.found.items() if (usage := _usage(pid)) is not None
        }

    def has_died(self) -> str | None:
        """Which has ended, in words; None: none has."""
        for name, pid in self.found.items():
            if _usage(pid) is None:
                return f"the server's process {name} ({pid}) has ended"
        return None


def _commands() -> dict[int, str]:
    """Command lines of all processes but this one."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
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


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _usage(pid: int) -> Usage | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] in "ZX":
        return None
    return Usage((int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21]) * _PAGE)
