"""A full centre is killed, once and again and again: nobody is lost, nobody ends twice, and what
has ended stays ended."""

from __future__ import annotations

from collections import Counter

import pytest
import trio

from actors import events as ev
from actors.ids import owner_of
from actors.reasons import Outcome
from ccserver.journal import codec
from tests.scenarios.test_restart_calls import talking
from tests.support.phones import Call, Phone
from tests.support.restarting import MortalCentre, mortal_centre

TALKING, WAITING = 80, 200
MANY = {
    "agents": [
        {"id": f"{3000 + n}", "secret": f"secret-{3000 + n}", "skills": {"english": 5}}
        for n in range(TALKING)
    ],
    "trunks": [{"name": "lan", "from": ["10.1.0.0/16"]}],
}
DAY = 86_400.0


async def call(floor: MortalCentre, count: int) -> list[tuple[Phone, Call]]:
    """So many customers, one after the other; all of them are in the queue then, or rung for."""
    begun = len(floor.of(ev.ContactArrived))
    numbers = range(begun, begun + count)
    phones = [floor.phone(f"c{n}", f"10.1.{n // 200}.{n % 200 + 1}") for n in numbers]
    calls = [(phone, await phone.calls_to("2001")) for phone in phones]
    await trio.sleep(5)
    return calls


def ends(floor: MortalCentre) -> Counter[str]:
    """Of each contact, as the disk has it."""
    events = (codec.decode(row[3]) for row in floor.disk.rows)
    return Counter(event.contact.id for event in events if isinstance(event, ev.ContactEnded))


async def test_eighty_who_talk_and_two_hundred_who_wait_are_there_after_a_kill_s01(
    autojump_clock,
) -> None:
    async with mortal_centre(**MANY) as floor:
        agents = [await floor.agent(f"{3000 + n}") for n in range(TALKING)]
        talking = await call(floor, TALKING)
        offered = [await agent.rings() for agent in agents]
        for agent, one in zip(agents, offered, strict=True):
            agent.answers(one)
        waiting = await call(floor, WAITING)
        before = [owner_of(name) for name in floor.queue("support")]
        assert len(before) == WAITING

        await floor.restarts()

        assert [owner_of(name) for name in floor.queue("support")] == before
        assert all(floor.state(f"{3000 + n}") == "engaged" for n in range(TALKING))
        await trio.sleep(60)
        assert all(one.state == "talking" for _, one in [*talking, *waiting])
        assert not ends(floor)
        for phone, one in [*waiting, *talking]:
            phone.hangs_up(one)
        await trio.sleep(60)
        assert len(ends(floor)) == TALKING + WAITING
        assert set(ends(floor).values()) == {1}
        outcomes = Counter(event.outcome for event in floor.of(ev.ContactEnded))
        assert outcomes == {Outcome.HANDLED: TALKING, Outcome.ABANDONED: WAITING}
        floor.check_nothing_is_left()


async def test_ten_crashes_three_seconds_apart_lose_nobody_s11(autojump_clock) -> None:
    """The pauses in between are the supervisor's: tests/ccserver/supervisor/test_keeper.py."""
    async with talking() as (floor, phones, calls):
        agent, bert = phones["1001"], floor.phone("bert")
        waits = await bert.calls_to("2001")
        for _ in range(10):
            await trio.sleep(2.5)
            await floor.restarts(after=0.5)
        assert {call.state for call in [*calls.values(), waits]} == {"talking"}
        phones["anna"].hangs_up(calls["anna"])
        offered = await agent.rings()
        agent.answers(offered)
        await offered.wait("talking")
        bert.hangs_up(waits)
        await trio.sleep(60)
        assert [event.outcome for event in floor.of(ev.ContactEnded)] == [Outcome.HANDLED] * 2
        assert set(ends(floor).values()) == {1}
        floor.check_nothing_is_left()


async def test_a_call_that_has_ended_does_not_come_back_s19(autojump_clock) -> None:
    """Killed as its end is written, and twice more: no phone hears of it again."""
    async with talking() as (floor, phones, calls):
        floor.dies_at(lambda _: len(floor.of(ev.LegDown)) == 2)
        phones["anna"].hangs_up(calls["anna"])
        await floor.life.ended.wait()
        await calls["1001"].wait("ended")
        heard = {name: len(phone.heard) for name, phone in phones.items()}
        for _ in range(3):
            await floor.comes_back()
            await trio.sleep(40)
            await floor.is_killed()
        await floor.comes_back()
        assert {name: len(phone.heard) for name, phone in phones.items()} == heard
        assert list(ends(floor).values()) == [1]
        assert floor.core.fold.figures().queues["support"].handled == 1
        assert floor.state("1001") == "available"
        floor.check_nothing_is_left()


async def test_after_fifty_days_without_a_restart_times_are_right_s15(autojump_clock) -> None:
    """More milliseconds than 32 bits hold."""
    async with mortal_centre(longest=60 * DAY) as floor:
        autojump_clock.jump(50 * DAY)
        await trio.sleep(60)  # that it was so late is a reason to refuse calls, for a while
        agent, anna = await floor.agent("1001"), floor.phone("anna")
        talks = await anna.calls_to("2001")
        offered = await agent.rings()
        await trio.sleep(5)
        agent.answers(offered)
        await offered.wait("talking")
        await trio.sleep(20)
        await floor.restarts()
        anna.hangs_up(talks)
        await trio.sleep(10)
        (ended,) = floor.of(ev.ContactEnded)
        assert ended.talked == pytest.approx(20.9, abs=0.1)
        (connected,) = floor.of(ev.ContactConnected)
        assert connected.rang == pytest.approx(5, abs=0.01)
        assert floor.state("1001") == "available"
        floor.check_nothing_is_left()
