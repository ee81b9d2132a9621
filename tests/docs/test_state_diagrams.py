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


def test_the_arrows_of_a_contact_and_its_search_are_there() -> None:
    states = ROOT / "docs" / "states"
    contact, search = (states / "contact.md").read_text(), (states / "search.md").read_text()
    assert "Arriving --> Walking: Start" in contact
    assert "Seeking --> Talking:" in contact
    assert "Waiting --> Ringing: Assigned" in search
    assert "Ringing --> Over: LegAnswered, LegEnded" in search


def test_the_arrows_of_an_agents_two_machines_are_there() -> None:
    states = ROOT / "docs" / "states"
    wants, has = (states / "availability.md").read_text(), (states / "engagement.md").read_text()
    assert "Available --> Idle: PhoneLost" in wants
    assert "any --> SignedOut: Freed, SignOut, PhonesChanged" in wants
    assert "Reserved --> Engaged: OfferAnswered" in has
    assert "WrapUp --> HangingUp: EndWrapUp" in has
