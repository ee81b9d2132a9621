"""The state diagrams are those of the machines as they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_diagram_is_stale() -> None:
    script = ROOT / "docs" / "make-state-diagrams.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_contacts_arrows_are_there() -> None:
    page = (ROOT / "docs" / "states" / "contact.md").read_text()
    assert "Waiting --> Ringing: Assigned" in page
    assert "Ringing --> Connected: LegAnswered" in page
