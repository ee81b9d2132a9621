"""One contact's entries, found by the time in its id."""

from __future__ import annotations

import pytest

from actors import events as ev
from actors.ids import ContactId, EntryPointName, IdSource, LegId
from actors.reasons import Outcome
from ccserver.journal import history
from ccserver.journal.history import read_history
from ccserver.journal.log import Journal


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        self.now += 0.5
        return self.now


@pytest.mark.parametrize("window", [1, 7, 50_000])
def test_a_contact_is_found_among_many(monkeypatch, window):
    monkeypatch.setattr(history, "WINDOW", window)
    monkeypatch.setattr(history, "MOST_WINDOWS", 10_000)
    clock = Clock()
    journal, ids = Journal.in_memory(clock), IdSource(clock, 7)
    names = []
    for _ in range(50):
        names.append(ContactId(ids.make()))
        ref = ev.ContactRef(names[-1])
        leg = LegId(f"{names[-1]}/0")
        journal.append(ev.ContactArrived(ref, EntryPointName("x"), "+44", "2001", leg))
        if len(names) > 3:
            journal.append(ev.ContactEnded(ev.ContactRef(names[-3]), Outcome.HANDLED))
            journal.append(ev.LegDown(LegId(f"{names[-3]}/0"), names[-3], "bye"))

    found = read_history(journal, names[20])

    assert len(found) in (2, 3)
    assert all(names[20].encode() in payload for _, _, payload in found)
    assert b"contact.arrived" in found[0][2]
    if window == 50_000:
        assert b"leg.ended" in found[-1][2]


def test_what_is_no_id_of_ours_is_not_looked_for():
    journal = Journal.in_memory(Clock())
    journal.append(ev.ServerStopped())

    assert read_history(journal, "server") == []
