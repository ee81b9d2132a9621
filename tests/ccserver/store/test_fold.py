"""The journal's events as rows: what each story comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

import pytest
from msgspec.structs import replace

from actors import events as ev
from actors.ids import AgentId, ContactId, EntryPointName, LegId, QueueName
from actors.reasons import During, OfferFailure, Outcome
from ccserver.journal import codec
from ccserver.journal.fold import CALL_STATES, Fold
from ccserver.journal.storage import Row as Entry
from ccserver.store.fold import RESTART, StoreFold
from ccserver.store.rows import Activity, Contact, Decision, Leg, Offer, Row, Segment
from tests.support.holdings import grown, held_by
from tests.support.journals import day, everything, story
from tests.support.kill_points import Kills, tell
from tests.support.stored import Rows, kept
from tests.support.stories import STORIES

Kind = TypeVar("Kind", bound=Row)
WHOLE = {**{name: lambda name=name: story(name) for name in STORIES}, "a day": lambda: day(4)}


def folded(entries: Sequence[Entry]) -> list[Row]:
    fold = StoreFold()
    for seq, at, _, payload in entries:
        fold.apply(seq, at, codec.decode(payload))
    return fold.take().new


def of(kind: type[Kind], rows: Sequence[Row]) -> list[Kind]:
    return [row for row in rows if isinstance(row, kind)]


def seconds(row: Segment | Activity) -> float:
    assert row.ended_at is not None
    return round((row.ended_at - row.began_at) / 1e6, 3)


@pytest.mark.parametrize("name", WHOLE)
def test_the_segments_of_a_contact_lie_end_to_end(name: str) -> None:
    rows = folded(WHOLE[name]())
    contacts = {row.id: row for row in of(Contact, rows)}
    assert contacts
    segments: dict[str, list[Segment]] = {}
    for segment in of(Segment, rows):
        segments.setdefault(segment.contact, []).append(segment)
    for contact in contacts.values():
        mine = segments[contact.id]
        assert mine[0].began_at == contact.arrived_at
        assert mine[-1].ended_at == contact.ended_at
        assert all(one.ended_at == next_.began_at for one, next_ in pairwise(mine))


@pytest.mark.parametrize("name", WHOLE)
def test_the_activities_of_an_agent_lie_end_to_end(name: str) -> None:
    entries = WHOLE[name]()
    agents: dict[str, list[Activity]] = {}
    for activity in of(Activity, folded(entries)):
        agents.setdefault(activity.agent, []).append(activity)
    assert agents
    gone = {(codec.decode(p).agent, at) for _, at, tag, p in entries if tag == "agent.left"}
    for agent, mine in agents.items():
        for one, next_ in pairwise(mine):
            assert one.ended_at == next_.began_at or (agent, one.ended_at) in gone
        assert mine[-1].ended_at is None or (agent, mine[-1].ended_at) in gone


@pytest.mark.parametrize("name", WHOLE)
def test_times_and_outcomes_are_those_of_the_metrics(name: str) -> None:
    entries = WHOLE[name]()
    rows = folded(entries)
    fold = Fold((), (), lambda: 0.0)
    for _, _, _, payload in entries:
        fold.apply(codec.decode(payload))
    figures = fold.figures()

    for state in CALL_STATES:
        spent = sum(seconds(row) for row in of(Segment, rows) if row.kind == state)
        assert spent == pytest.approx(figures.states[state].sum, abs=0.01)
    wrap_ups = [row for row in of(Activity, rows) if row.state == "wrap_up"]
    assert sum(map(seconds, wrap_ups)) == pytest.approx(figures.wrap_up.sum, abs=0.01)
    came_of = Counter(row.result for row in of(Offer, rows))
    for reason, count in figures.offers_failed.items():
        assert came_of[reason] == count
    connected = sum(1 for entry in entries if entry[2] == "contact.connected")
    assert came_of["connected"] == connected
    outcomes = Counter(row.outcome for row in of(Contact, rows) if row.direction == "inbound")
    queues = figures.queues.values()
    left = sum(1 for e in entries if e[2] == "contact.left_queue")
    assert outcomes["handled"] + left == sum(queue.handled for queue in queues)
    assert outcomes["abandoned"] == sum(sum(q.abandoned.values()) for q in queues)


def test_a_conversation_is_told_by_its_segments() -> None:
    rows = folded(story("a conversation"))

    assert [(s.kind, s.queue, s.agent, seconds(s)) for s in of(Segment, rows)] == [
        ("flow", None, None, 2.0),
        ("queue", "support", None, 0.0),
        ("ringing", "support", "1001", 1.002),
        ("connected", "support", "1001", 2.501),
        ("held", "support", "1001", 2.0),
        ("connected", "support", "1001", 2.0),
        ("consult_requested", "support", "1001", 1.002),
        ("consulting", "support", "1001", 2.998),
        ("conference", "support", "1001", 4.0),
        ("connected", "support", "1002", 8.0),
        ("transfer", None, None, 0.0),
        ("ringing", "support", "1001", 1.002),
        ("connected", "support", "1001", 33.495),
    ]
    (contact,) = of(Contact, rows)
    assert (contact.ani, contact.dnis, contact.entry_point) == ("anna", "2001", "support")
    assert (contact.outcome, contact.ended_by, contact.agent) == ("handled", "customer", "1001")
    assert contact.transferred_to == "agent:1001"
    assert [(leg.party, leg.kind, leg.direction, leg.by_us) for leg in of(Leg, rows)] == [
        ("customer", "customer", "inbound", False),
        ("1001", "agent", "outbound", True),
        ("1002", "agent", "outbound", True),
        ("1001", "agent", "outbound", True),
    ]
    (decision,) = of(Decision, rows)
    assert (decision.agent, decision.because, decision.contact) == ("1001", "contact", contact.id)
    assert [one["id"] for one in decision.candidates] == ["1001", "1002"]


def test_a_customer_sent_to_another_queue_is_served_in_both() -> None:
    rows = folded(story("another queue"))
    first = of(Contact, rows)[0]

    mine = [(s.kind, s.queue, s.agent) for s in of(Segment, rows) if s.contact == first.id]
    assert mine == [
        ("flow", None, None),
        ("queue", "support", None),
        ("ringing", "support", "1001"),
        ("connected", "support", "1001"),
        ("queue", "spanish", None),
        ("ringing", "spanish", "1003"),
        ("connected", "spanish", "1003"),
    ]
    assert (first.queue, first.agent, first.transferred_to) == ("spanish", "1003", "queue:spanish")
    requests = [d.request for d in of(Decision, rows) if d.contact == first.id]
    assert requests == [first.id, f"{first.id}.2"]


def test_an_offer_that_rings_in_vain_puts_the_customer_back_in_line() -> None:
    rows = folded(story("nobody answers"))
    kinds = [(s.kind, s.agent) for s in of(Segment, rows)]
    assert kinds[1:4] == [("queue", None), ("ringing", "1001"), ("queue", None)]
    offers = [(offer.agent, offer.result) for offer in of(Offer, rows)]
    assert offers[0] == ("1001", "RONA_TIMER_EXPIRED")
    assert offers[-1][1] == "connected"
    idle = [a for a in of(Activity, rows) if a.state == "idle"]
    assert ("1001", "rona") in [(a.agent, a.code) for a in idle]


def test_a_call_that_an_agent_places_is_dialled_and_spoken() -> None:
    rows = folded(story("calls outside"))
    contact = of(Contact, rows)[0]
    assert (contact.direction, contact.ani, contact.trunk) == ("outbound", "0123", "pstn")
    mine = [(s.kind, s.agent) for s in of(Segment, rows) if s.contact == contact.id]
    assert mine == [("dialling", "1001"), ("connected", "1001"), ("held", "1001")]
    assert {"outbound"} == {a.kind for a in of(Activity, rows) if a.contact}


REF, SUPPORT = ev.ContactRef(ContactId("c")), QueueName("support")


def rings(*agents: str) -> StoreFold:
    """A contact for which all of these phones ring, since event 2 and those behind it."""
    fold = StoreFold()
    arrived = ev.ContactArrived(REF, EntryPointName("support"), "+49", "2001", LegId("c/0"))
    fold.apply(1, 10, arrived)
    for seq, agent in enumerate(agents, start=2):
        leg = LegId(f"c/{agent}")
        fold.apply(seq, 20, ev.ContactPresented(REF, SUPPORT, AgentId(agent), leg, 0.5))
    return fold


def results(fold: StoreFold) -> dict[str, str | None]:
    return {offer.agent: offer.result for offer in of(Offer, fold.take().new)}


def test_of_several_who_ring_one_answers_and_one_declines() -> None:
    fold = rings("1", "2", "3")
    declined = ev.ContactOfferFailed(REF, SUPPORT, AgentId("2"), OfferFailure.DECLINED, True)
    fold.apply(8, 30, declined)
    fold.apply(9, 40, ev.ContactConnected(REF, SUPPORT, AgentId("3"), LegId("c/3"), 1.0, 1.0))

    rows = fold.take().new
    assert {offer.agent: (offer.result, offer.ended_at) for offer in of(Offer, rows)} == {
        "1": ("elsewhere", 40),
        "2": ("USER_DECLINED", 30),
        "3": ("connected", 40),
    }
    assert [segment.kind for segment in of(Segment, rows)] == ["flow", "ringing", "connected"]


def test_an_offer_is_withdrawn_when_the_customer_goes() -> None:
    fold = rings("1")
    fold.apply(9, 40, ev.ContactEnded(REF, Outcome.ABANDONED, SUPPORT, during=During.RINGING))
    assert results(fold) == {"1": "withdrawn"}


async def test_what_a_killed_server_left_has_an_end_in_the_rows_too(autojump_clock) -> None:
    told, settings = STORIES["a queue"]
    floor = await tell(told, Kills([30, 25]), **settings)
    began = codec.encode(ev.ServerStarted("1", "e"))
    rows = folded([*floor.disk.rows, (10_000, floor.disk.rows[-1][1], "server.started", began)])

    assert all(row.ended_at for row in [*of(Contact, rows), *of(Leg, rows), *of(Segment, rows)])


def test_a_leg_that_a_dead_run_forgot_ends_with_the_next() -> None:
    fold = StoreFold([Leg("gone/1", 7, "gone", "outbound", "sip:1001@x", "c", 70)])
    fold.apply(9, 90, ev.ServerStarted("1", "e"))
    (leg,) = fold.take().changed
    assert (leg.cause, leg.ended_at, leg.seq) == (RESTART, 90, 9)


def test_a_wrap_up_code_is_kept_with_the_wrap_up() -> None:
    fold, agent, contact = StoreFold(), AgentId("1001"), ContactId("c.2")
    wraps = ev.AgentStateChanged(agent, "voice", "engaged", "wrap_up", contact=contact)
    fold.apply(1, 10, wraps)
    fold.apply(2, 20, replace(wraps, before="wrap_up", pending="idle:lunch"))
    kept(fold, rows := Rows())
    fold.apply(3, 30, ev.WrapUpEnded(agent, contact, QueueName("support"), 20.0, "resolved"))
    fold.apply(4, 30, ev.AgentStateChanged(agent, "voice", "wrap_up", "available"))
    kept(fold, rows)
    wrap_up, available = of(Activity, [*rows.values()])
    assert (wrap_up.code, wrap_up.contact, wrap_up.ended_at) == ("resolved", "c", 30)
    assert (available.state, available.contact, available.code) == ("available", None, None)


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_written_of_a_row_that_changes_is_all_that_has_changed(name: str) -> None:
    entries = WHOLE[name]()
    fold, rows = StoreFold(), Rows()
    for seq, at, _, payload in entries:
        fold.apply(seq, at, codec.decode(payload))
        kept(fold, rows)
    assert rows == {(type(row), row.id): row for row in folded(entries)}


def test_what_began_before_the_journal_does_is_passed_over() -> None:
    """Where events were lost, or the journal was begun anew beside living calls."""
    fold = StoreFold()
    for seq, at, tag, payload in everything():
        if tag not in ("contact.arrived", "contact.placed", "leg.arrived", "leg.called"):
            fold.apply(seq, at, codec.decode(payload))
    new = fold.take().new
    assert {type(row) for row in new} == {Activity, Decision}
    fold.apply(1, 1, ev.LegDown(LegId("x/1"), ContactId("x"), "bye"))
    assert fold.take().changed == []


def test_what_was_taken_of_a_day_that_is_over_is_held_no_more() -> None:
    fold, entries = StoreFold(), day(4)
    arrived = codec.decode(next(p for _, _, tag, p in entries if tag == "contact.arrived"))
    epoch = arrived.contact.id[-10:].encode()
    assert all(epoch in p for _, _, tag, p in entries if tag == "contact.arrived")

    def play(as_of: bytes) -> int:
        for seq, at, _, payload in entries:
            fold.apply(seq, at, codec.decode(payload.replace(epoch, as_of)))
        return len(of(Contact, fold.take().new))

    contacts = play(epoch)
    before = held_by(fold)

    assert play(b"another0ne") == contacts > 1
    assert grown(before, held_by(fold), contacts) == {}
