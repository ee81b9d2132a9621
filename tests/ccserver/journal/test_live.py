"""The present state, as the journal tells it."""

from __future__ import annotations

from actors import events as ev
from actors.ids import ContactId, EntryPointName, LegId
from actors.place import Place
from actors.reasons import Outcome
from ccserver.journal.live import Live
from ccserver.journal.log import Journal
from tests.support.figures import AGENTS, QUEUES

SUPPORT, ADA = QUEUES[0], AGENTS[0]
REF = ev.ContactRef(ContactId("a01"))


def test_a_contact_is_followed_from_its_arrival_to_its_end():
    seconds = iter(range(1, 100))
    journal = Journal.in_memory(lambda: float(next(seconds)))
    live = Live(QUEUES, AGENTS)
    journal.listen(live.apply)

    journal.append(ev.ContactArrived(REF, EntryPointName("support"), "+44", "2001", LegId("c")))
    assert live.state()["contacts"] == 1
    journal.append(ev.ContactQueued(REF, SUPPORT, Place(5, 0.0, 1), ()))
    assert live.state()["queues"]["support"] == {
        "waiting": [{"contact": "a01", "since": 2_000_000}],
        "being_offered": 0,
        "in_service": 0,
    }
    journal.append(ev.ContactPresented(REF, SUPPORT, ADA, LegId("a"), 0.1))
    assert live.state()["queues"]["support"]["being_offered"] == 1
    journal.append(ev.ContactQueued(REF, SUPPORT, Place(5, 0.0, 1), (), again=True))
    assert live.state()["queues"]["support"]["waiting"][0]["since"] == 2_000_000
    assert live.contacts[REF.id].agent is None
    journal.append(ev.ContactConnected(REF, SUPPORT, ADA, LegId("a"), 1.0, 1.0))
    assert live.contacts[REF.id].agent == ADA
    journal.append(ev.ContactEnded(REF, Outcome.HANDLED, SUPPORT, ADA))
    assert live.state()["contacts"] == 0


def test_an_agent_is_shown_with_what_he_does_and_since_when():
    journal = Journal.in_memory(lambda: 7.0)
    live = Live(QUEUES, AGENTS)
    journal.listen(live.apply)
    changed = ev.AgentStateChanged(ADA, "voice", "available", "idle", code="lunch")
    journal.append(changed)
    assert live.state()["agents"]["1001"] == {
        "state": "idle",
        "code": "lunch",
        "pending": None,
        "since": 7_000_000,
        "contact": None,
    }
    assert live.state()["agents"]["1002"]["state"] == "signed_out"
