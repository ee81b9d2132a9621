"""A fault at each step of a call (S12): whichever message its contact or one of its legs stumbles
over, that call ends, once, and the next one is served."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trio

from actors import events as ev
from actors import messages as m
from actors.base import Actor
from actors.contact import Contact
from actors.effects import TellAgent
from actors.ids import AgentId
from actors.leg import Leg
from actors.recovered import RecoveredContact
from ccserver.journal import codec
from ccserver.journal.storage import Row
from tests.scenarios.test_restart_calls import talking
from tests.scenarios.test_transfer import PSTN
from tests.support.centre import centre


class Fault(Exception):
    """It was planted."""


@contextmanager
def falls_over(kind: type, step: int) -> Iterator[list[Any]]:
    """Whatever of this kind handles such a message for the step's time, of all there are, raises;
    gives what it was to handle.
    """
    handled, fallen = 0, []
    handle = Actor.handle

    def handles(actor: Actor, message: Any) -> None:
        nonlocal handled
        if isinstance(actor.machine, kind) and not actor.ended:
            handled += 1
            if handled == step:
                fallen.append(message)
                raise Fault
        handle(actor, message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Actor, "handle", handles)
        yield fallen


async def a_call_with_a_fault(kind: type, step: int) -> bool:
    """Anna's call to 1001, until both have hung up; then Bert's.  Whether the fault was reached."""
    async with centre() as floor:
        agent, anna, bert = await floor.agent("1001"), floor.phone("anna"), floor.phone("bert")
        with falls_over(kind, step) as fallen:
            call = anna.dials("2001")
            with trio.move_on_after(10):
                offered = await agent.rings()
                await trio.sleep(1)
                if offered.state == "ringing":
                    agent.answers(offered)
            await trio.sleep(10)
            if call.state == "talking":
                anna.hangs_up(call)
            await trio.sleep(60)
            assert all(one.state == "ended" for one in [*anna.calls, *agent.calls])
        assert len(floor.of(ev.ContactEnded)) == len(floor.of(ev.ContactArrived)) <= 1
        assert [event.error for event in floor.of(ev.ActorCrashed)] == ["Fault"] * len(fallen)
        assert floor.state("1001") in ("available", "idle:rona", "idle:phone_lost"), floor.state(
            "1001"
        )
        floor.check_nothing_is_left()
        bert.dials("2001")
        await agent.rings()
        return bool(fallen)


@pytest.mark.parametrize(("kind", "least"), [(Contact, 8), (Leg, 8)])
async def test_a_fault_at_any_step_of_a_call_ends_that_call_alone_s12(
    autojump_clock, kind: type, least: int
) -> None:
    step = 1
    while await a_call_with_a_fault(kind, step):
        step += 1
    assert step > least


async def test_a_call_that_falls_over_as_it_is_placed_has_been_placed_s12(autojump_clock) -> None:
    async with centre(**PSTN) as floor:
        await floor.agent("1001")
        with falls_over(Contact, 1) as fallen:
            floor.perform(
                TellAgent(AgentId("1001"), m.AgentCommandReceived(m.PlaceCall("0123"), "nobody"))
            )
            await trio.sleep(60)
        assert fallen
        assert len(floor.of(ev.ContactPlaced)) == len(floor.of(ev.ContactEnded)) == 1
        assert floor.state("1001") == "available"
        floor.check_nothing_is_left()


async def test_a_call_that_falls_over_as_it_is_taken_over_ends_once_s12(autojump_clock) -> None:
    async with talking() as (floor, _, calls):
        await floor.is_killed()
        with falls_over(RecoveredContact, 1) as fallen:
            await floor.comes_back()
            await trio.sleep(60)
        assert fallen
        assert {call.state for call in calls.values()} == {"ended"}
        assert len(floor.of(ev.ContactEnded)) == len(floor.of(ev.ContactArrived)) == 1
        assert floor.state("1001") == "available"
        floor.check_nothing_is_left()


async def test_one_that_had_ended_then_ends_no_second_time_s12(autojump_clock) -> None:
    """The server died as the agent's phone was to be hung up."""
    async with talking() as (floor, phones, calls):
        floor.dies_at(lambda event: isinstance(event, ev.ContactEnded))
        phones["anna"].hangs_up(calls["anna"])
        await floor.life.ended.wait()
        with falls_over(RecoveredContact, 1) as fallen:
            await floor.comes_back()
            await trio.sleep(60)
        assert fallen
        assert calls["1001"].state == "ended"
        ended = [e for e in map(event_of, floor.disk.rows) if isinstance(e, ev.ContactEnded)]
        assert len(ended) == 1
        floor.check_nothing_is_left()


def event_of(row: Row) -> ev.AnyEvent:
    return codec.decode(row[3])
