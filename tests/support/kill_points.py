"""Stories that go on whatever becomes of the server, and what must hold when they are over.

Phones and desktops react: they answer what rings, and hang up when their time has come.  The server
is killed as its journal reaches certain lengths, perhaps several times, and started again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import trio

from actors import commands as c
from actors import events as ev
from actors import messages as m
from actors.effects import TellAgent, TellContact
from actors.ids import AgentId
from actors.leg import Leg, Up
from ccserver.journal import codec
from ccserver.journal.fold import Fold
from ccserver.journal.log import Entry
from ccserver.journal.past import PastFold
from ccserver.journal.pieces import digest
from tests.support.agreement import disagreements
from tests.support.phones import Call, Phone
from tests.support.restarting import MortalCentre, mortal_centre

TAKEN_OVER = 5.0
"""Seconds from the last start of the server until every phone has been spoken to."""
AFTERWARDS = 200.0
"""Seconds after the story in which everything must come to its end."""


class People:
    """Who calls, who answers, and what is clicked."""

    def __init__(self, floor: MortalCentre, nursery: trio.Nursery) -> None:
        self.floor, self._nursery = floor, nursery
        self.phones: dict[str, Phone] = {}

    async def agent(self, name: str, *, rings: float = 1.0, talks: float = 12.0) -> None:
        """Answers after so many seconds, and hangs up after so many more."""
        phone = self.phones[name] = self.floor.phone(name)
        await phone.registers(f"secret-{name}")
        self._nursery.start_soon(self._answers, phone, rings, talks)

    def gateway(self, host: str, *, rings: float, talks: float) -> None:
        """Numbers outside, all of which answer."""
        phone = self.phones["gateway"] = self.floor.phone("gateway", host)
        self._nursery.start_soon(self._answers, phone, rings, talks)

    def caller(self, name: str, at: float, stays: float, number: str = "2001") -> None:
        """Calls at this second, and hangs up so many seconds later, if nobody has before."""
        self._nursery.start_soon(self._calls, name, at, stays, number)

    def click(self, at: float, agent: str, command: Any) -> None:
        """On his desktop; of no effect where the server is away, or refuses."""
        self._nursery.start_soon(self._clicks, at, agent, command)

    async def _answers(self, phone: Phone, rings: float, talks: float) -> None:
        while True:
            call = await phone.rings()
            self._nursery.start_soon(self._takes, phone, call, rings, talks)

    async def _takes(self, phone: Phone, call: Call, rings: float, talks: float) -> None:
        await trio.sleep(rings)
        if call.state == "ringing":
            phone.answers(call)
            await trio.sleep(talks)
            if call.state in ("talking", "answering"):
                phone.hangs_up(call)

    async def _calls(self, name: str, at: float, stays: float, number: str) -> None:
        await trio.sleep(at)
        phone = self.phones[name] = self.floor.phone(name)
        call = phone.dials(number)
        await trio.sleep(stays)
        if call.state != "ended":
            phone.hangs_up(call)

    async def _clicks(self, at: float, agent: str, command: Any) -> None:
        await trio.sleep(at)
        floor = self.floor
        if not floor.life.serves:
            return
        perform = floor.perform
        if isinstance(command, m.AgentCommand):
            perform(TellAgent(AgentId(agent), m.AgentCommandReceived(command, "nobody")))
            return
        for contact in list(floor.core.live.contacts):
            if floor.core.live.takes_part(contact, AgentId(agent)):
                by = c.Principal(agent, "agent", AgentId(agent))
                told = c.ContactCommandReceived(contact, command, by, "nobody")
                perform(TellContact(contact, told))


Story: TypeAlias = Callable[[People], Awaitable[float]]
"""Gives how many seconds it takes."""


class Kills:
    """``at``: the lengths of the journal at which the server dies; each beyond the first counts
    from the length at which the next run began.  ``lost``: how many events of its end had not
    reached the disk.  ``sent``: it dies the first time behind so many datagrams, whatever its
    journal has, and ``at`` says when it dies again.
    """

    def __init__(self, at: Sequence[int], lost: int = 0, sent: int | None = None) -> None:
        self.at, self.lost, self.sent = list(at), lost, sent

    async def carry_out(self, floor: MortalCentre, people: People) -> None:
        if self.sent is not None:
            await self._behind_datagram(floor, self.sent)
            await trio.sleep(0.5)
        for number, length in enumerate(self.at):
            if number or self.sent is not None:
                await self._one(floor, len(floor.disk.rows) + length, floor.start)
            else:
                await self._one(floor, length, None)
            await trio.sleep(0.5)
        if self.at or self.sent is not None:
            await floor.start()
            if not self.lost:
                await trio.sleep(TAKEN_OVER)
                before = silent_calls(floor, people)
                await trio.sleep(0.5)
                lasting = [one for one in silent_calls(floor, people) if one in before]
                assert not lasting, f"nobody talks to {lasting}"

    async def _behind_datagram(self, floor: MortalCentre, number: int) -> None:
        def left(count: int) -> None:
            if count == number:
                floor.life.kill()

        floor.left = left
        await floor.life.ended.wait()

    async def _one(self, floor: MortalCentre, length: int, start: Any) -> None:
        reached = trio.Event()

        def written(count: int) -> None:
            if count >= length and not reached.is_set():
                reached.set()
                floor.life.kill()

        floor.disk.written = written
        if start is not None:
            await start()
        await reached.wait()
        floor.disk.written = lambda count: None
        await floor.life.ended.wait()
        if self.lost:
            kept = max(2, len(floor.disk.rows) - self.lost)
            floor.disk.loses(kept)


async def tell(story: Story, kills: Kills, **settings: Any) -> MortalCentre:
    """Play it to its end, with these deaths in it, and check what must hold."""
    async with mortal_centre(**settings) as floor:
        async with trio.open_nursery() as nursery:
            people = People(floor, nursery)
            nursery.start_soon(kills.carry_out, floor, people)
            await trio.sleep(await story(people) + AFTERWARDS)
            check(floor, people, whole=not kills.lost)
            nursery.cancel_scope.cancel()
        return floor


def silent_calls(floor: MortalCentre, people: People) -> list[tuple[str, str]]:
    """By phone and Call-ID, those that were answered, and are none for the server."""
    legs = (actor.machine for actor in floor.core.directory.legs.values())
    up = {leg._dialog_key[0] for leg in legs if isinstance(leg, Leg) and isinstance(leg.state, Up)}
    return [
        (phone.name, call.call_id)
        for phone in people.phones.values()
        for call in phone.calls
        if call.state in ("answering", "talking") and call.call_id not in up
    ]


def check(floor: MortalCentre, people: People, *, whole: bool = True) -> None:
    """All is over: what the journal, the server and the phones say of it agrees.

    ``whole``: the journal had each event when the server died.
    """
    events = [codec.decode(row[3]) for row in floor.disk.rows]
    began = [e.contact.id for e in events if isinstance(e, ev.ContactArrived | ev.ContactPlaced)]
    ended = Counter(e.contact.id for e in events if isinstance(e, ev.ContactEnded))
    assert set(ended) == set(began), "a contact has no end, or one has no beginning"
    assert set(ended.values()) <= {1}, "a contact ended twice"

    assert not floor.core.directory.contacts
    assert not floor.core.directory.legs
    assert not floor.media.sessions
    for agent in floor.core.directory.agents.values():
        assert agent.machine.state in ("available", "idle", "signed_out")  # type: ignore[attr-defined]
    for queue in floor.core.directory.queues:
        assert not floor.queue(queue)

    figures = floor.core.fold.figures()
    for name, queue in figures.queues.items():
        served = queue.handled + sum(queue.abandoned.values()) + queue.overflowed + queue.failed
        assert queue.offered == served, f"{name}: {queue}"
        assert not queue.waiting + queue.being_offered + queue.in_service
    assert not figures.outbound.dialling + figures.outbound.talking
    _check_folds(floor, events)
    _check_phones(people, events, whole=whole)


def _check_folds(floor: MortalCentre, events: list[Any]) -> None:
    """What the server knows is what the journal says, wherever a run began to read it."""
    whole = PastFold()
    fold = Fold(floor.core.queue_plans, floor.core.directory.agents, trio.current_time)
    for (seq, at, _, _), event in zip(floor.disk.rows, events, strict=True):
        whole.apply(seq, at, event)
        fold.apply(event)
    assert digest(whole.past) == digest(floor.core.folds.past.past)
    assert not whole.past.contacts
    assert not whole.past.legs
    assert fold.figures() == floor.core.fold.figures()
    rows = zip(floor.disk.rows, events, strict=True)
    entries = [Entry(seq, at, event) for (seq, at, _, _), event in rows]
    assert not disagreements(entries, fold.figures(), int(floor.wall() * 1e6))


def _check_phones(people: People, events: list[Any], *, whole: bool) -> None:
    """Nobody is left in a call that is none any more; of those whom power has failed with the
    server, nobody whom it knew.
    """
    known = {e.dialog.call_id for e in events if isinstance(e, ev.LegConfirmed) and e.dialog}
    known |= {e.call_id for e in events if isinstance(e, ev.LegCalled)}
    for phone in people.phones.values():
        assert not phone.disordered, phone.disordered
        for call in phone.calls:
            if whole or call.call_id in known:
                assert call.state == "ended", f"{phone.name}: {call.state}"
