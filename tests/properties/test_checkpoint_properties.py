"""A checkpoint that is made in pieces, and a digest, while events go on: each is what the events up
to its own come to, and none of them holds anything back from those who look at the present."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from unittest.mock import patch

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from actors import events as ev
from actors.ids import AgentId, ContactId, LegId
from ccserver.journal import folds, pieces, standstill
from ccserver.journal.folds import Folds, restored
from ccserver.journal.log import Journal
from ccserver.journal.pieces import digest
from ccserver.journal.storage import MemoryStorage, Piece
from sip.dialog import DialogSnapshot
from sip.registrar import Binding
from sip.transport.path import Path
from tests.properties.test_identity import AGENT, QUEUES, Customer

AGENTS = (AGENT, *(AgentId(f"100{n}") for n in range(2, 6)))
WAY = Path("udp", 0, ("10.0.0.9", 5060))
DIALOG = DialogSnapshot("x", "a", "b", "<sip:a>;tag=a", "<sip:b>;tag=b", "sip:b@h", (), 1, None)

moves = st.lists(
    st.tuples(
        st.integers(0, 11),
        st.integers(0, 11),
        st.sampled_from([0.0, 0.0, 0.0, 0.3, 1.0, 4.0]),
        st.sampled_from([*[""] * 38, "digest", "past"]),
    ),
    min_size=30,
    max_size=120,
)
"""Who moves, and how; how long it is until then, in pauses between pieces; and what is asked."""


class Kept(MemoryStorage):
    """Every checkpoint that was whole."""

    def __init__(self) -> None:
        super().__init__()
        self.whole: list[tuple[int, bytes]] = []

    def save(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            super().save([piece])
            checkpoint = self.checkpoint()
            if piece.last and checkpoint is not None:
                self.whole.append(checkpoint)


def told(story: Iterable[tuple[int, int, float, str]]) -> Iterator[tuple[ev.AnyEvent, float, str]]:
    """Customers, who talk when they can; agents and their phones."""
    customers = [Customer(number) for number in range(6)]
    for number, (who, choice, later, asked) in enumerate(story):
        agent, customer = AGENTS[who % len(AGENTS)], customers[who % len(customers)]
        event: ev.AnyEvent | None
        if who >= len(customers):
            event = of_agent(agent, choice, number)
        elif customer.at == "talking" and choice < 9:
            event = of_conversation(customer.ref, agent, choice, number)
        else:
            event = customer.step(choice)
        if event is not None:
            yield event, later, asked


def of_agent(agent: AgentId, choice: int, number: int) -> ev.AnyEvent:
    binding = Binding(agent, f"sip:{agent}@10.0.0.{choice % 2}", WAY, "c", number, 60.0 + number)
    match choice % 4:
        case 0:
            return ev.PhoneRegistered(agent, binding.contact, "udp", binding.expires_at, binding)
        case 1:
            return ev.PhoneRefreshed(agent, binding)
        case 2:
            return ev.PhoneGone(agent, binding.contact, "expired")
    state = ("available", "idle", "reserved", "engaged")[number % 4]
    return ev.AgentStateChanged(agent, "voice", "", state, since=1.0, seq=number)


def of_conversation(ref: ev.ContactRef, agent: AgentId, choice: int, number: int) -> ev.AnyEvent:
    leg, other = LegId(f"{ref.id}/0"), "agent:1002"
    who = ev.Participant(agent, "agent", "primary", "connected", (), 3.0, leg)
    match choice:
        case 0 | 1:
            return ev.LegConfirmed(leg, ref.id, DIALOG, WAY, sdp_version=number)
        case 2:
            return ev.LegDown(leg, ref.id, "hung up")
        case 3 | 4:
            return ev.ContactStateChanged(ref, number, "", "connected", 0.0, (who,))
        case 5:
            return ev.ConsultRequested(ref, agent, other)
        case 6:
            return ev.ConsultAnswered(ref, agent, "1002", 2.0)
        case 7:
            return ev.ConsultEnded(ref, agent, other, "ended", 2.0)
    asked = ContactId(f"{ref.id}.2")
    return ev.AgentStateChanged(agent, "voice", "", "reserved", contact=asked)


def come_to(storage: MemoryStorage, upto: int) -> Folds:
    """By nothing but the events."""
    part = MemoryStorage()
    part.rows = storage.rows[:upto]
    here = Folds(QUEUES, AGENTS, lambda: 50.0)
    here.read(Journal(part, lambda: 0.0))
    return here


async def run(story: list[tuple[int, int, float, str]]) -> None:
    storage = Kept()
    journal = Journal(storage, lambda: 1_700_000_000.0 + trio.current_time())
    here = Folds(QUEUES, AGENTS, lambda: 50.0)
    here.follow(journal)
    digests: list[tuple[int, str]] = []

    async def ask() -> None:
        digests.append(await here.digest())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(here.run)
        for event, later, asked in told(story):
            await trio.sleep(later * folds.PAUSE)
            journal.append(event)
            if asked == "digest":
                nursery.start_soon(ask)
            elif asked == "past":
                assert digest(here.past.past) == digest(
                    come_to(storage, journal.last_seq).past.past
                )
            now = come_to(storage, journal.last_seq)
            assert here.live.state() == now.live.state()
            assert here.live.contacts == now.live.contacts
            assert here.figures.figures() == now.figures.figures()
        await trio.sleep(100 * folds.PAUSE)
        nursery.cancel_scope.cancel()

    for seq, said in digests:
        assert said == digest(come_to(storage, seq).past.past)
    for seq, payload in storage.whole:
        found, wanted = restored(payload), come_to(storage, seq)
        assert found is not None
        assert found.past.seq == found.live.seq == seq
        assert digest(found.past) == digest(wanted.past.past)
        assert found.live == wanted.live.snapshot()
        assert found.figures == wanted.figures.saved()
    assert digest(here.past.past) == digest(come_to(storage, journal.last_seq).past.past)


@settings(max_examples=60)
@given(moves)
def test_whatever_happens_between_its_pieces_it_is_the_state_behind_one_event(story) -> None:
    with (
        patch.object(folds, "EVERY", 4),
        patch.object(folds, "EVENTS_AN_ENTRY", 0),
        patch.object(folds, "AT_ONCE", 0),
        patch.object(pieces, "ENTRIES", 3),
        patch.object(pieces, "HASHED", 2),
        patch.object(standstill, "AT_ONCE", 2),
    ):
        trio.run(run, story, clock=trio.testing.MockClock(autojump_threshold=0))
