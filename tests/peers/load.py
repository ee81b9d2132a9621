"""ccserver-load, run by its command."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.peers.programs import Program
from tests.peers.server import ROOT

SCENARIOS = ROOT / "loadtest" / "scenarios"


def generator(tmp_path: Path, scenario: str | Path, *changes: str, command: str = "run") -> Program:
    path = SCENARIOS / scenario
    arguments = [sys.executable, "-m", "loadtest", command, str(path), "--out", str(tmp_path)]
    for change in changes:
        arguments += ["--set", change]
    return Program(arguments, tmp_path / "load.log")
