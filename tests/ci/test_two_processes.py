"""The whole suite goes in two processes: nothing that one of them says or finds is lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest

import tests.__main__ as suite


def script(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def says(text: str, status: int = 0) -> list[str]:
    return script(f"import sys; print({text!r}); sys.exit({status})")


@pytest.mark.parametrize(("shown", "beside"), [(0, 0), (1, 0), (0, 1), (5, 2)])
def test_it_fails_if_either_fails(shown: int, beside: int):
    assert suite.together(says("", shown), says("", beside)) == (shown or beside)


def test_what_both_print_is_shown_one_after_the_other(capfd: pytest.CaptureFixture[str]):
    suite.together(says("computes"), script("import sys; print('waits', file=sys.stderr)"))

    lines = capfd.readouterr().out.splitlines()
    assert lines.index("computes") < lines.index("waits")


def test_the_tests_with_peers_are_in_one_of_them_and_all_others_in_the_other(
    monkeypatch: pytest.MonkeyPatch,
):
    ran: list[Sequence[str]] = []
    monkeypatch.setattr(suite, "together", lambda *commands: ran.extend(commands) or 0)

    assert suite.main([]) == 0

    computing, waiting = ran
    assert waiting[-1] == "tests/peers"
    assert computing[-1] == "--ignore=tests/peers"
    assert computing[0] == "nice"


def test_what_is_named_goes_in_one_process(monkeypatch: pytest.MonkeyPatch):
    ran: list[list[str]] = []

    def called(command: list[str]) -> int:
        ran.append(command)
        return 3

    monkeypatch.setattr(subprocess, "call", called)

    assert suite.main(["tests/sip", "-x"]) == 3
    assert [command[-3:] for command in ran] == [["-q", "tests/sip", "-x"]]
