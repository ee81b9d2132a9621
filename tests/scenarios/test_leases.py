"""The lease of an agent's talk runs out, by some fault: it costs him alone his call."""

from __future__ import annotations

import msgspec
import pytest
import trio

from actors import commands as c
from actors import events as ev
from actors.agent import Agent
from actors.ids import AgentId
from tests.scenarios.test_conference import everyone_hears_everyone, in_conference
from tests.scenarios.test_consult import consulted, talking


async def test_of_a_conference_he_alone_leaves(autojump_clock) -> None:
    async with in_conference(4) as (floor, phones, calls):
        await floor.does("1002", c.ExitConference())
        await trio.sleep(1)
        shorten(floor, "1002")
        await floor.does("1001", c.Consult(c.ToAgent(AgentId("1002"))))
        calls["1002"] = await phones["1002"].rings()
        phones["1002"].answers(calls["1002"])
        await trio.sleep(1)
        await floor.does("1001", c.Conference())
        assert set(floor.ears()) == {"customer", "1001", "1002", "1003"}
        await trio.sleep(60)
        assert [event.state for event in floor.of(ev.LeaseExpired)] == ["Engaged"]
        assert calls["1002"].state == "ended"
        assert floor.state("1002") == "available"
        assert set(floor.ears()) == {"customer", "1001", "1003"}
        assert everyone_hears_everyone(floor)


async def test_who_is_consulted_leaves_and_the_customer_is_still_the_others(
    autojump_clock,
) -> None:
    async with talking("1002") as (floor, phones, calls):
        shorten(floor, "1002")
        await consulted(floor, phones, calls)
        await trio.sleep(61)
        assert calls["1002"].state == "ended"
        assert floor.talk.state() == "held"
        assert floor.state("1002") == "available"


@pytest.mark.parametrize("held", [False, True])
async def test_a_customer_whom_he_leaves_alone_waits_in_front_of_his_queue(
    autojump_clock, held
) -> None:
    async with talking("1002") as (floor, phones, calls):
        phones["anna"].hangs_up(calls["anna"])
        await trio.sleep(10)
        shorten(floor, "1001")
        shorten(floor, "1002")
        calls["bert"] = await floor.phone("bert").calls_to("2001")
        first = await next_to_ring(phones)
        place = floor.of(ev.ContactQueued)[-1].place
        await trio.sleep(1)
        if held:
            await floor.does(first, c.Hold())
        await trio.sleep(61)
        again = floor.of(ev.ContactQueued)[-1]
        assert (again.place, again.again) == (place, True)
        assert calls["bert"].state == "talking"
        second = await next_to_ring(phones)
        await trio.sleep(1)
        assert second != first
        assert floor.ears() == {"customer": {second}, second: {"customer"}}


def shorten(floor, name: str) -> None:
    """His next talk may last a minute; the contact's own limit is hours away."""
    machine = floor.core.directory.agents[AgentId(name)].machine
    assert isinstance(machine, Agent)
    machine.settings = msgspec.structs.replace(machine.settings, max_contact_seconds=60.0)


async def next_to_ring(phones) -> str:
    """Of 1001 and 1002, whichever is called; he answers."""
    rang: list[str] = []

    async def wait(name: str) -> None:
        call = await phones[name].rings()
        phones[name].answers(call)
        rang.append(name)
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, "1001")
        nursery.start_soon(wait, "1002")
    return rang[0]
