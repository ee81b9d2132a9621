"""The whole suite goes in parts: nothing that one of them says or finds is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Barrier, Lock

import pytest

import tests.__main__ as suite

ROOT = Path(__file__).parents[2]


def script(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def says(text: str, status: int = 0) -> list[str]:
    return script(f"import sys; print({text!r}); sys.exit({status})")


@pytest.mark.parametrize(
    ("beside", "computing"), [(0, (0, 0)), (1, (0, 0)), (0, (0, 2)), (0, (5, 0))]
)
def test_it_fails_if_any_fails(beside: int, computing: Sequence[int]):
    status = suite.together([says("", beside)], [says("", one) for one in computing])

    assert status == max(beside, *computing)


def test_what_each_prints_is_shown_as_a_whole(capfd: pytest.CaptureFixture[str]):
    lines = "for n in range(100): print({name!r}, n, flush=True)"
    commands = [script(lines.format(name=name)) for name in "abc"]
    suite.together(commands[:1], [*commands[1:], script("import sys; print('x', file=sys.stderr)")])

    shown = [line for line in capfd.readouterr().out.splitlines() if line[:1] in "abcx"]
    for name in "abc":
        first = shown.index(f"{name} 0")
        assert shown[first : first + 100] == [f"{name} {n}" for n in range(100)]
    assert "x" in shown


def test_what_a_part_leaves_behind_holds_nobody_up():
    leaves = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)"

    ended = suite.run(script(leaves))

    left = int(ended.printed)
    os.kill(left, 0)
    os.kill(left, signal.SIGKILL)


def test_the_first_goes_beside_as_many_others_as_there_are_cores(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    together = Barrier(3, timeout=60)
    counting = Lock()
    running: list[str] = []
    most: list[int] = []

    def run(command: Sequence[str]) -> suite.Ended:
        (name,) = command
        with counting:
            running.append(name)
            most.append(len(running))
        if name in ("peers", "a", "b"):
            together.wait()
        with counting:
            running.remove(name)
        return suite.Ended(name, 0.0, 0, b"")

    monkeypatch.setattr(suite, "run", run)

    assert suite.together([["peers"]], [[name] for name in "abcd"]) == 0
    assert len(most) == 5
    assert max(most) == 3


def test_each_test_is_in_one_part():
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")}
    found: list[str] = []
    for part in ([suite.PEERS], *suite.computing()):
        paths = [one for one in part if not one.startswith("--")] or ["tests"]
        ignored = [one.partition("=")[2] for one in part if one.startswith("--ignore=")]
        found += [
            file
            for file in files
            if any(Path(file).is_relative_to(path) for path in paths)
            and not any(Path(file).is_relative_to(path) for path in ignored)
        ]

    assert sorted(found) == sorted(files)


def test_those_with_peers_have_the_processor_when_they_want_it(monkeypatch: pytest.MonkeyPatch):
    ran: list[list[Sequence[str]]] = []
    monkeypatch.setattr(suite, "together", lambda *commands: ran.extend(commands) or 0)

    assert suite.main([]) == 0

    (peers,), others = ran
    assert peers[-1] == "tests/peers"
    assert "nice" not in peers
    assert {command[0] for command in others} == {"nice"}


def test_what_is_named_goes_in_one_process(monkeypatch: pytest.MonkeyPatch):
    ran: list[list[str]] = []

    def called(command: list[str]) -> int:
        ran.append(command)
        return 3

    monkeypatch.setattr(subprocess, "call", called)

    assert suite.main(["tests/sip", "-x"]) == 3
    assert [command[-3:] for command in ran] == [["-q", "tests/sip", "-x"]]
