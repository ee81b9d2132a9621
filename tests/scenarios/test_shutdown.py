"""SIGTERM under load (S10): new calls are refused, those in progress may end by themselves, and
what is left is ended with a reason."""

from __future__ import annotations

import pytest
import trio

from actors import events as ev
from actors.causes import SHUTTING_DOWN
from actors.reasons import Outcome
from sip.message import Request
from tests.support.centre import Centre, centre
from tests.support.phones import Call, Phone

CALLS = 50
MANY = {
    "agents": [
        {"id": f"{3000 + n}", "secret": f"secret-{3000 + n}", "skills": {"english": 5}}
        for n in range(CALLS)
    ],
}


async def talking(floor: Centre, calls: int) -> tuple[list[tuple[Phone, Call]], list[Phone]]:
    """Customers with their calls, and the agents' phones."""
    agents = [await floor.agent(f"{3000 + n}") for n in range(calls)]
    customers = []
    for number in range(calls):
        phone = floor.phone(f"customer{number}")
        customers.append((phone, await phone.calls_to("2001")))
    for agent in agents:
        agent.answers(await agent.rings())
    await trio.sleep(1)
    return customers, agents


def byes(phone: Phone) -> list[Request]:
    return [one for one in phone.heard if isinstance(one, Request) and one.method == "BYE"]


def cancels(phone: Phone) -> list[str | None]:
    """The reasons of those it has heard."""
    heard = [one for one in phone.heard if isinstance(one, Request) and one.method == "CANCEL"]
    return [one.header("Reason") for one in heard]


async def test_conversations_may_end_by_themselves_and_new_calls_are_refused(autojump_clock):
    async with centre(**MANY) as floor:
        customers, _ = await talking(floor, CALLS)
        assert len(floor.core.directory.contacts) == CALLS
        floor.network.nursery.start_soon(floor.core.drain, trio.CancelScope())
        await trio.sleep(1)

        refused = floor.phone("late").dials("2001")
        await trio.sleep(1)
        assert refused.status == 503
        assert all(call.state == "talking" for _, call in customers)
        assert not floor.of(ev.ServerStopped)

        for phone, call in customers:
            phone.hangs_up(call)
        await trio.sleep(1)
        assert floor.of(ev.ServerStopped)
        ended = floor.of(ev.ContactEnded)
        assert [one.outcome for one in ended] == [Outcome.HANDLED] * CALLS
        assert {one.ended_by for one in ended} == {"customer"}


@pytest.mark.parametrize("hurried", [False, True])
async def test_what_is_left_is_ended_with_a_reason(autojump_clock, hurried: bool):
    """When its time is up, or at once when a second signal says so."""
    async with centre(**MANY) as floor:
        customers, agents = await talking(floor, CALLS)
        patience = trio.CancelScope(deadline=trio.current_time() + 30)
        began = trio.current_time()
        if hurried:
            patience.cancel()

        await floor.core.drain(patience)

        assert trio.current_time() - began == pytest.approx(0 if hurried else 30, abs=1)
        for phone in [*agents, *(phone for phone, _ in customers)]:
            assert [bye.header("Reason") for bye in byes(phone)] == [SHUTTING_DOWN]
            assert [call.state for call in phone.calls] == ["ended"]
        ended = floor.of(ev.ContactEnded)
        assert [one.outcome for one in ended] == [Outcome.HANDLED] * CALLS
        assert {one.reason for one in ended} == {"shutdown"}


async def test_who_waits_and_who_is_rung_are_let_go_too(autojump_clock):
    async with centre(**MANY) as floor:
        agent = await floor.agent("3000")
        first, second = floor.phone("first"), floor.phone("second")
        await first.calls_to("2001")
        rung = await agent.rings()
        await second.calls_to("2001")
        await trio.sleep(6)

        await floor.core.drain(trio.CancelScope(deadline=trio.current_time() + 5))

        assert [bye.header("Reason") for bye in byes(first) + byes(second)] == [SHUTTING_DOWN] * 2
        assert rung.state == "ended"
        assert not byes(agent)
        assert cancels(agent) == [SHUTTING_DOWN]
        assert [one.outcome for one in floor.of(ev.ContactEnded)] == [Outcome.FAILED] * 2
        floor.check_nothing_is_left()
