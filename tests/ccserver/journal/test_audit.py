"""A journal that cannot be true is found out."""

from __future__ import annotations

import pytest

from actors import events as ev
from actors.ids import AgentId, ContactId, EntryPointName, LegId, QueueName
from actors.place import Place
from actors.reasons import Outcome
from ccserver.journal import audit as audit_module
from ccserver.journal import codec
from ccserver.journal.audit import MOST_FINDINGS, OVERTIME, Audit
from tests.support.holdings import grown, held_by

ADA, SUPPORT = AgentId("1001"), QueueName("support")
ONE, OTHER, THIRD = (ev.ContactRef(ContactId(name)) for name in ("c1", "c2", "c3"))


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
    audit.look()
    return audit


def test_a_true_story_has_nothing_wrong() -> None:
    story = [arrived(ONE), queued(ONE), talks(ONE), ended(ONE, 3.0)]
    audit = audited(ev.ServerStarted("1", "e"), *story, arrived(OTHER), talks(OTHER))
    assert audit.findings == []
    assert (audit.events, audit.runs, audit.contacts, audit.unread) == (7, 1, 2, 0)


def test_an_agent_may_talk_with_the_next_when_he_has_left_or_the_contact_has_ended() -> None:
    left = ev.ContactStateChanged(ONE, 2, "connected", "post_call", 1.0, ())
    assert not audited(arrived(ONE), arrived(OTHER), talks(ONE), left, talks(OTHER)).found
    assert not audited(arrived(ONE), arrived(OTHER), talks(ONE), ended(ONE), talks(OTHER)).found


def test_of_two_contacts_of_one_agent_the_end_of_either_makes_him_free_of_it_alone() -> None:
    both = (arrived(ONE), arrived(OTHER), talks(ONE), talks(OTHER))
    assert audited(*both, ended(OTHER), talks(ONE)).found == 1
    assert audited(*both, ended(ONE), talks(OTHER)).found == 1
    assert audited(*both, ended(OTHER), arrived(THIRD), talks(THIRD)).found == 2


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ([arrived(ONE), ended(ONE), ended(ONE)], "contact c1 ends a second time"),
        ([arrived(ONE), arrived(ONE)], "contact c1 begins a second time"),
        ([ended(ONE)], "contact c1 ends and never began"),
        ([arrived(ONE), ended(ONE), queued(ONE)], "contact c1 goes on after its end"),
        ([queued(ONE)], "contact c1 goes on and never began"),
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


def test_who_ended_long_ago_is_forgotten(monkeypatch) -> None:
    def contacts(numbers: range) -> None:
        for number in numbers:
            ref = ev.ContactRef(ContactId(f"c{number}"))
            for event in (arrived(ref), queued(ref), talks(ref), ended(ref, 3.0)):
                audit.apply(audit.seq + 1, audit.seq + 1, codec.encode(event))

    monkeypatch.setattr(audit_module, "MOST_ENDED", 20)
    audit = Audit()
    contacts(range(20))
    before = held_by(audit)
    contacts(range(20, 60))

    assert (audit.found, audit.contacts) == (0, 60)
    assert grown(before, held_by(audit), 40) == {}


def changed(before: str, state: str) -> ev.AgentStateChanged:
    return ev.AgentStateChanged(ADA, "voice", before, state)


def test_an_agent_who_was_something_else_is_found() -> None:
    audit = audited(changed("signed_out", "idle"), changed("available", "reserved"))
    assert [f.text for f in audit.findings] == ["agent 1001 was idle, and is said to be available"]


def test_a_run_says_anew_what_its_agents_are() -> None:
    start = ev.ServerStarted("1", "e")
    assert not audited(changed("idle", "engaged"), start, changed("available", "idle")).found


def test_a_contact_that_never_ends_is_found_and_said_once() -> None:
    content = {"routing": {"max_contact_seconds": 60.0}, "queues": [], "agents": []}
    audit = Audit()
    told = (ev.CentreConfigured("v", content, "start"), arrived(ONE), arrived(OTHER), ended(OTHER))
    for seq, event in enumerate(told, 1):
        audit.apply(seq, seq, codec.encode(event))
    late = int((60 + OVERTIME + 1) * 1e6)
    for seq, at in ((5, late - 2_000_000), (6, late), (7, late + 1)):
        audit.apply(seq, at, codec.encode(ev.ServerDraining(1)))
        audit.look()

    assert [f.text for f in audit.findings] == ["contact c1 has lasted too long, and has not ended"]
    assert audit.findings[0].seq == 6


def test_a_queue_whose_figures_do_not_agree_is_said_once() -> None:
    unreached = ev.ContactEnded(ONE, Outcome.UNREACHED, SUPPORT, None)
    audit = audited(arrived(ONE), queued(ONE), unreached)
    audit.look()
    assert [f.text for f in audit.findings] == ["queue support: 1 offered, 0 counted"]
