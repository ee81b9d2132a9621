"""Supervisors: listen, whisper, barge in; in the middle of a call and on the next one (2.4)."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
import trio

from actors import commands as c
from actors import events as ev
from actors import messages as m
from actors.effects import TellMonitorDesk
from actors.ids import AgentId, ContactId
from actors.reasons import Refusal
from tests.scenarios.test_conference import joined
from tests.scenarios.test_consult import MUSIC, consulted, talking
from tests.support.centre import DEFAULT, Answers, centre

BOSS = {
    "agents": [
        *DEFAULT["agents"],
        {"id": "1009", "secret": "secret-1009", "role": "supervisor", "sign_in": "manual"},
    ]
}


@asynccontextmanager
async def monitored(mode, *others):
    async with talking(*others, **BOSS) as (floor, phones, calls):
        phones["1009"] = await floor.supervisor("1009")
        done = await floor.does("1009", c.Monitor(mode), role="supervisor")
        assert isinstance(done, c.ContactDone), done
        calls["1009"] = await phones["1009"].rings()
        phones["1009"].answers(calls["1009"])
        await trio.sleep(1)
        yield floor, phones, calls


async def test_he_listens_and_nobody_hears_him(autojump_clock) -> None:
    async with monitored("listen") as (floor, _, _):
        assert floor.ears() == {
            "customer": {"1001"},
            "1001": {"customer"},
            "1009": {"customer", "1001"},
        }


async def test_he_whispers_to_the_agent_and_the_customer_never_hears_it(autojump_clock) -> None:
    async with monitored("whisper", "1002") as (floor, phones, calls):
        assert floor.ears()["1001"] == {"customer", "1009"}
        assert floor.ears()["customer"] == {"1001"}
        await joined(floor, phones, calls, "1002")
        assert floor.ears()["customer"] == {"1001", "1002"}
        assert floor.ears()["1002"] == {"customer", "1001"}


async def test_he_barges_in_and_goes_back_to_listening(autojump_clock) -> None:
    async with monitored("listen") as (floor, _, _):
        await floor.does("1009", c.ChangeMonitoring("barge_in"), role="supervisor")
        assert floor.ears() == {
            "customer": {"1001", "1009"},
            "1001": {"customer", "1009"},
            "1009": {"customer", "1001"},
        }
        await floor.does("1009", c.ChangeMonitoring("listen"), role="supervisor")
        assert floor.ears()["customer"] == {"1001"}


async def test_he_hears_nothing_of_a_held_customer_and_follows_his_agent(autojump_clock) -> None:
    async with monitored("listen", "1002") as (floor, phones, calls):
        await consulted(floor, phones, calls)
        assert floor.ears()["1009"] == {"1001", "1002"}
        assert floor.ears()["customer"] == {MUSIC}
        await floor.does("1001", c.Resume())
        assert floor.ears()["1009"] == {"customer", "1001"}


async def test_he_is_not_counted_and_does_not_keep_a_call_alive(autojump_clock) -> None:
    async with monitored("barge_in") as (floor, phones, calls):
        assert floor.talk.state() == "connected"
        phones["anna"].hangs_up(calls["anna"])
        await trio.sleep(1)
        assert calls["1009"].state == "ended"
        assert floor.state("1009") == "idle:break"
        floor.check_nothing_is_left()


@pytest.mark.parametrize("how", ["command", "phone"])
async def test_he_leaves_and_the_call_goes_on(autojump_clock, how) -> None:
    async with monitored("barge_in") as (floor, phones, calls):
        if how == "command":
            await floor.does("1009", c.StopMonitoring(), role="supervisor")
        else:
            phones["1009"].hangs_up(calls["1009"])
        await trio.sleep(1)
        assert calls["1009"].state == "ended"
        assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}}
        modes = [event.mode for event in floor.of(ev.ContactMonitored)]
        assert modes == ["barge_in", "ended"]


async def test_an_agent_may_not_listen_to_others(autojump_clock) -> None:
    async with talking("1002") as (floor, _, _):
        assert (await floor.does("1002", c.Monitor())).code == Refusal.NOT_PERMITTED


async def test_nobody_listens_where_the_queue_forbids_it(autojump_clock) -> None:
    queues = [{"name": "support", "requirements": {"english": 1}, "monitored": False}]
    entries = [{"name": "support", "numbers": ["2001"]}]
    async with talking(**BOSS, queues=queues, entry_points=entries) as (floor, _, _):
        await floor.supervisor("1009")
        refused = await floor.does("1009", c.Monitor(), role="supervisor")
        assert refused.code == Refusal.MONITORING_FORBIDDEN


@pytest.mark.parametrize(
    ("kind", "target"), [("agent", "1001"), ("queue", "support"), ("team", "main")]
)
@pytest.mark.parametrize("continuous", [False, True])
async def test_the_next_call_or_every_call_is_joined(
    autojump_clock, kind, target, continuous
) -> None:
    async with centre(**BOSS) as floor:
        boss, agent, anna = (
            await floor.supervisor("1009"),
            await floor.agent("1001"),
            floor.phone("a"),
        )
        await wishes(floor, c.RequestMonitoring(kind, target, "listen", continuous))
        for _ in range(2):
            call = await anna.calls_to("2001")
            offered = await agent.rings()
            agent.answers(offered)
            await trio.sleep(2)
            heard = [call for call in boss.calls if call.state == "ringing"]
            for ringing in heard:
                boss.answers(ringing)
            await trio.sleep(1)
            assert bool(floor.talk.monitorings) == bool(heard)
            anna.hangs_up(call)
            await trio.sleep(10)
        assert len(boss.calls) == (2 if continuous else 1)


@pytest.mark.parametrize("why", ["declined", "unanswered", "busy", "too late"])
async def test_who_misses_the_next_call_is_called_to_the_one_after_it(autojump_clock, why) -> None:
    async with centre(**BOSS) as floor:
        boss, agent, anna = (
            await floor.supervisor("1009"),
            await floor.agent("1001"),
            floor.phone("a"),
        )
        await wishes(floor, c.RequestMonitoring("agent", "1001"))
        if why == "busy":
            boss.loses_power()
            await floor.commands("1009", m.SignOut())
        call = await anna.calls_to("2001")
        agent.answers(await agent.rings())
        await trio.sleep(1)
        if why == "declined":
            boss.rejects(await boss.rings(), 603)
        elif why == "unanswered":
            await trio.sleep(20)
        anna.hangs_up(call)
        await trio.sleep(10)
        assert len(floor.core.directory.monitor_desk.machine.wishes) == 1
        if why == "busy":
            return
        heard = len(boss.calls)
        await anna.calls_to("2001")
        agent.answers(await agent.rings())
        await trio.sleep(1)
        assert len(boss.calls) == heard + 1


async def wishes(floor, wanted: c.RequestMonitoring) -> None:
    asked = Answers()
    floor.core.directory.contacts[ContactId("asked")] = asked
    by = c.Principal("boss", "supervisor", AgentId("1009"))
    command = c.MonitorCommandReceived(wanted, by, "asked")
    floor.core.effects.perform(TellMonitorDesk(command))
    assert (await asked.first()).refused is None
    del floor.core.directory.contacts[ContactId("asked")]
