"""A journal that cannot be true is found out."""

from __future__ import annotations

import pytest

from actors import events as ev
from actors.ids import AgentId, ContactId, EntryPointName, LegId, QueueName
from actors.place import Place
from actors.reasons import Outcome
from ccserver.journal import codec
from ccserver.journal.audit import MOST_FINDINGS, Audit

ADA, SUPPORT = AgentId("1001"), QueueName("support")
ONE, OTHER = ev.ContactRef(ContactId("c1")), ev.ContactRef(ContactId("c2"))


def arrived(ref: ev.ContactRef) -> ev.ContactArrived:
    return ev.ContactArrived(ref, EntryPointName("2001"), "anna", "2001", LegId(f"{ref.id}/0"))


def queued(ref: ev.ContactRef) -> ev.ContactQueued:
    return ev.ContactQueued(ref, SUPPORT, Place(5, 1.0, 1))


def talks(ref: ev.ContactRef) -> ev.ContactStateChanged:
    agent = ev.Participant(ADA, "agent", "primary", "connected", (), 1.0)
    return ev.ContactStateChanged(ref, 1, "", "connected", 0.0, (agent,))


def ended(ref: ev.ContactRef, talked: float = 0.0) -> ev.ContactEnded:
    return ev.ContactEnded(ref, Outcome.HANDLED, SUPPORT, ADA, talked=talked)


def audited(*events: ev.AnyEvent, first: int = 1) -> Audit:
    audit = Audit()
    for seq, event in enumerate(events, first):
        audit.apply(seq, seq, codec.encode(event))
    audit.finish()
    return audit


def test_a_true_story_has_nothing_wrong() -> None:
    story = [arrived(ONE), queued(ONE), talks(ONE), ended(ONE, 3.0)]
    audit = audited(ev.ServerStarted("1", "e"), *story, arrived(OTHER), talks(OTHER))
    assert audit.findings == []
    assert (audit.events, audit.runs, audit.contacts, audit.unread) == (7, 1, 2, 0)


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ([arrived(ONE), ended(ONE), ended(ONE)], "contact c1 ends a second time"),
        ([arrived(ONE), arrived(ONE)], "contact c1 begins a second time"),
        ([ended(ONE)], "contact c1 ends and never began"),
        ([arrived(ONE), ended(ONE), queued(ONE)], "contact c1 goes on after its end"),
        (
            [arrived(ONE), arrived(OTHER), talks(ONE), talks(OTHER)],
            "agent 1001 talks with c1 and with c2",
        ),
        ([arrived(ONE), ended(ONE, -3.0)], "contact.ended: talked is negative"),
    ],
)
def test_what_cannot_be_is_found_with_its_event(events, says: str) -> None:
    audit = audited(*events)
    assert [(f.seq, f.text) for f in audit.findings] == [(len(events), says)]


def test_a_gap_in_the_numbers_is_found() -> None:
    assert audited(ev.ServerStopped(), first=4).findings[0].text == "events 1 to 3 are missing"


def test_what_cannot_be_read_is_counted() -> None:
    audit = Audit()
    audit.apply(1, 1, b'{"event":"server.flew"}')
    assert (audit.unread, audit.found) == (1, 0)


def test_a_journal_full_of_wrongs_fills_no_memory() -> None:
    audit = audited(*(ended(ev.ContactRef(ContactId(f"c{n}"))) for n in range(300)))
    assert (audit.found, len(audit.findings)) == (300, MOST_FINDINGS)
