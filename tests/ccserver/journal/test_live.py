"""The present state, as the journal tells it."""

from __future__ import annotations

import msgspec

from actors import events as ev
from actors.estimate import Estimate
from actors.ids import AgentId, ContactId, EntryPointName, LegId
from actors.place import Place
from actors.reasons import Outcome
from ccserver.journal.live import Live, LiveConsult, LiveFailure, LiveRouter, Snapshot
from ccserver.journal.log import Entry, Journal
from tests.support.figures import AGENTS, QUEUES

SUPPORT, SALES = QUEUES
ADA, BEN = AGENTS
REF = ev.ContactRef(ContactId("a01"))
ARRIVED = ev.ContactArrived(REF, EntryPointName("support"), "+44", "2001", LegId("c"))
CUSTOMER = ev.Participant("customer", "customer", "", "connected", (), 3.0)


def talking(*agents: str, version: int = 1, state: str = "connected") -> ev.ContactStateChanged:
    shown = (ev.Participant(a, "agent", "", "connected", ("hold",), 3.0) for a in agents)
    return ev.ContactStateChanged(REF, version, "", state, 0.0, (CUSTOMER, *shown))


def asked_for(request: str | None, state: str, agent: AgentId = BEN) -> ev.AgentStateChanged:
    contact = None if request is None else ContactId(request)
    return ev.AgentStateChanged(agent, "voice", "", state, contact=contact)


CONSULT = ev.ConsultRequested(REF, ADA, "agent:1002", "Ada", "gold")
STORY: tuple[ev.AnyEvent, ...] = (
    ARRIVED,
    ev.ContactQueued(REF, SUPPORT, Place(5, 0.0, 1)),
    ev.ContactPresented(REF, SUPPORT, ADA, LegId("a"), 0.1),
    ev.ContactOfferFailed(REF, SUPPORT, ADA, "USER_BUSY"),  # type: ignore[arg-type]
    ev.ContactPresented(REF, SUPPORT, BEN, LegId("b"), 0.1),
    ev.ContactConnected(REF, SUPPORT, BEN, LegId("b"), 1.0, 1.0),
    talking(BEN),
    ev.ConsultRequested(REF, BEN, "agent:1001", "Ben", "gold"),
    asked_for("a01.2", "reserved", ADA),
    ev.ConsultAnswered(REF, BEN, "1001", 2.0),
    asked_for("a01.2", "engaged", ADA),
    ev.ConsultEnded(REF, BEN, "agent:1001", "conference", 9.0),
    talking(BEN, ADA, version=2, state="conference"),
    ev.ContactTransferFailed(REF, BEN, "number:+44", "USER_BUSY"),
    ev.ContactLeftQueue(REF, SUPPORT, BEN, 9.0),
    ev.ContactQueued(REF, SALES, Place(5, 0.0, 2)),
    talking(version=3, state="over"),
    ev.AgentStateChanged(ADA, "voice", "available", "idle", code="lunch", version=4),
    ev.ServerStarted("1", "e"),
)


def test_a_contact_is_followed_from_its_arrival_to_its_end():
    seconds = iter(range(1, 100))
    journal = Journal.in_memory(lambda: float(next(seconds)))
    live = Live(QUEUES, AGENTS)
    journal.listen(live.apply)

    journal.append(ARRIVED)
    assert live.state()["contacts"] == 1
    journal.append(ev.ContactQueued(REF, SUPPORT, Place(5, 0.0, 1)))
    assert live.state()["queues"]["support"] == {
        "waiting": [{"contact": "a01", "since": 2_000_000}],
        "being_offered": 0,
        "in_service": 0,
        "estimated_wait": None,
        "router": None,
    }
    journal.append(ev.ContactPresented(REF, SUPPORT, ADA, LegId("a"), 0.1))
    assert live.state()["queues"]["support"]["being_offered"] == 1
    journal.append(ev.ContactQueued(REF, SUPPORT, Place(5, 0.0, 1), again=True))
    assert live.state()["queues"]["support"]["waiting"][0]["since"] == 2_000_000
    assert live.contacts[REF.id].agent is None
    journal.append(ev.ContactConnected(REF, SUPPORT, ADA, LegId("a"), 1.0, 1.0))
    assert live.contacts[REF.id].agent == ADA
    journal.append(ev.ContactEnded(REF, Outcome.HANDLED, SUPPORT, ADA))
    assert live.state()["contacts"] == 0
    assert live.state()["queues"]["support"]["in_service"] == 0


def test_an_agent_is_shown_with_what_he_does_and_since_when():
    journal = Journal.in_memory(lambda: 7.0)
    live = Live(QUEUES, AGENTS)
    journal.listen(live.apply)
    changed = ev.AgentStateChanged(
        ADA, "voice", "available", "idle", code="lunch", version=3, allowed=("available",)
    )
    journal.append(changed)
    assert live.state()["agents"]["1001"] == {
        "state": "idle",
        "code": "lunch",
        "pending": None,
        "since": 7_000_000,
        "contact": None,
        "version": 3,
        "allowed": ("available",),
    }
    assert live.state()["agents"]["1002"]["state"] == "signed_out"


def test_an_agents_timer_begins_anew_with_his_state_and_not_with_what_is_pending():
    live = Live(QUEUES, AGENTS)
    engaged = ev.AgentStateChanged(ADA, "voice", "reserved", "engaged", version=1)
    live.apply(Entry(1, 1_000, engaged))
    pending = msgspec.structs.replace(engaged, before="engaged", pending="idle:lunch", version=2)
    live.apply(Entry(2, 2_000, pending))

    assert (live.agents[ADA].since, live.agents[ADA].pending) == (1_000, "idle:lunch")

    live.apply(Entry(3, 3_000, msgspec.structs.replace(engaged, state="wrap_up", version=3)))
    assert live.agents[ADA].since == 3_000


def test_a_conversation_shows_its_participants_and_what_each_may_do():
    live = Live(QUEUES, AGENTS)
    live.apply(Entry(1, 1_000, ARRIVED))
    live.apply(Entry(2, 2_000, talking(ADA)))
    live.apply(Entry(3, 3_000, talking(ADA, BEN, version=2, state="conference")))

    conversation = live.contacts[REF.id].conversation

    assert conversation is not None
    assert (conversation.version, conversation.state, conversation.since) == (2, "conference", 3000)
    joined = {one.id: one.since for one in conversation.participants}
    assert joined == {"customer": 2_000, "1001": 2_000, "1002": 3_000}
    assert conversation.participants[1].allowed == ("hold",)
    assert live.contacts[REF.id].agents() == {"1001", "1002"}


def test_a_consult_shows_who_asks_whom_and_what_came_of_it():
    """V-23, V-24; and its end says why (2.2)."""
    live = Live(QUEUES, AGENTS)
    live.apply(Entry(1, 1_000, ARRIVED))
    live.apply(Entry(2, 2_000, talking(ADA)))

    live.apply(Entry(3, 3_000, CONSULT))
    changed = live.apply(Entry(4, 4_000, asked_for("a01.2", "reserved")))

    contact = live.contacts[REF.id]
    assert contact.consult == LiveConsult(ADA, "Ada", "gold", "agent:1002", 3_000)
    assert changed == {("contacts", "a01"), ("agents", "1002")}
    assert (contact.asked, contact.agents()) == (BEN, {"1001", "1002"})
    assert live.agents[BEN].contact == REF.id  # and not the name of the search for him

    live.apply(Entry(5, 5_000, asked_for(None, "idle")))
    live.apply(Entry(6, 6_000, ev.ConsultEnded(REF, ADA, "agent:1002", "USER_DECLINED", 2.0)))

    assert (contact.asked, contact.agents()) == (None, {"1001"})
    assert contact.consult.state == "ended"
    assert (contact.consult.outcome, contact.consult.since) == ("USER_DECLINED", 6_000)


def test_who_answers_a_consult_is_asked_no_more():
    live = Live(QUEUES, AGENTS)
    live.apply(Entry(1, 1_000, ARRIVED))
    live.apply(Entry(2, 2_000, CONSULT))
    live.apply(Entry(3, 3_000, asked_for("a01.2", "reserved")))

    live.apply(Entry(4, 4_000, ev.ConsultAnswered(REF, ADA, "1002", 1.0)))
    live.apply(Entry(5, 4_000, asked_for("a01.2", "engaged")))

    contact = live.contacts[REF.id]
    assert contact.asked is None
    assert contact.consult is not None
    assert (contact.consult.state, contact.consult.since) == ("answered", 4_000)


def test_an_agent_whom_a_queue_has_chosen_is_shown_the_contact_when_his_phone_is_called():
    """V-3: first that something comes, then what."""
    live = Live(QUEUES, AGENTS)
    live.apply(Entry(1, 1_000, ARRIVED))

    live.apply(Entry(2, 2_000, asked_for("a01", "reserved")))
    assert live.agents[BEN].state == "reserved"
    assert live.contacts[REF.id].agents() == set()

    live.apply(Entry(3, 3_000, ev.ContactPresented(REF, SUPPORT, BEN, LegId("b"), 0.1)))
    assert live.contacts[REF.id].agents() == {"1002"}


def test_a_transfer_that_nobody_took_says_why():
    live = Live(QUEUES, AGENTS)
    live.apply(Entry(1, 1_000, ARRIVED))

    live.apply(Entry(2, 2_000, ev.ContactTransferFailed(REF, ADA, "agent:1002", "USER_BUSY")))

    assert live.contacts[REF.id].transfer_failed == LiveFailure(
        ADA, "agent:1002", "USER_BUSY", 2_000
    )


def test_what_an_event_changes_is_named():
    live = Live(QUEUES, AGENTS)
    live.apply(Entry(1, 0, ARRIVED))

    changed = live.apply(Entry(2, 0, ev.ContactQueued(REF, SUPPORT, Place(5, 0.0, 1))))

    assert changed == {("contacts", "a01"), ("queues", "support")}


def test_a_new_run_of_the_server_goes_on_with_the_contacts_of_the_last():
    """What it cannot recover, it ends, one by one: nothing goes without a word."""
    before, after = Live(QUEUES, AGENTS), Live(QUEUES, AGENTS)
    for seq, event in enumerate(STORY, 1):
        before.apply(Entry(seq, seq, event))
    contacts = dict(before.contacts)

    after.go_on(msgspec.json.decode(msgspec.json.encode(before.snapshot()), type=Snapshot))
    after.apply(Entry(before.seq + 1, 99, ev.ServerStarted("1", "f")))

    assert after.contacts == contacts
    assert after.agents == before.agents
    assert after.queues == before.queues


def test_whoever_goes_on_from_a_snapshot_knows_what_the_server_knows():
    """Wherever in the story the snapshot was taken, and over the wire at that."""
    for taken in range(len(STORY)):
        server = Live(QUEUES, AGENTS)
        reader = None
        for seq, event in enumerate(STORY, 1):
            if seq == taken + 1:
                wire = msgspec.json.encode(server.snapshot())
                reader = Live.restore(msgspec.json.decode(wire, type=Snapshot))
            if reader is not None:
                reader.apply(Entry(seq, seq, event))
            server.apply(Entry(seq, seq, event))
            if reader is not None:
                assert reader.snapshot() == server.snapshot()


def test_what_the_last_one_was_told_to_expect_is_shown_of_its_queue():
    live = Live(QUEUES, AGENTS)
    place = Place(5, 0.0, 1)
    known = ev.ContactQueued(REF, SUPPORT, place, position=3, estimate=Estimate(60.0, 150.0))
    unknown = ev.ContactQueued(REF, SUPPORT, place, position=1)
    back = ev.ContactQueued(REF, SUPPORT, place, again=True)

    def shown(event):
        live.apply(Entry(1, 7, event))
        return live.state()["queues"]["support"]["estimated_wait"]

    live.apply(Entry(1, 7, ARRIVED))
    assert shown(known) == {"p50": 60.0, "p90": 150.0, "at": 7}
    assert shown(back) == {"p50": 60.0, "p90": 150.0, "at": 7}, "nobody has looked"
    assert shown(unknown) is None


def test_how_an_outside_router_stands_is_shown_until_the_queue_wants_none():
    live = Live(QUEUES, AGENTS)
    for seq, (state, by) in enumerate([("awaited", None), ("present", "ada"), ("silent", "ada")]):
        changed = live.apply(Entry(seq, seq * 1000, ev.RouterChanged(SUPPORT, state, by)))
        assert changed == {("queues", "support")}
        assert live.queues[SUPPORT].router == LiveRouter(state, by, seq * 1000)
    again = Live(QUEUES, AGENTS)
    again.go_on(live.snapshot())
    assert again.queues[SUPPORT].router is None  # another dispatcher begins, and says so
    live.apply(Entry(9, 9000, ev.RouterChanged(SUPPORT, "none")))
    assert live.queues[SUPPORT].router is None
