"""The server is killed amid calls: what agents are afterwards, and the calls that they place."""

from __future__ import annotations

import trio

from actors import commands as c
from actors import events as ev
from actors import messages as m
from actors.ids import AgentId, QueueName
from actors.reasons import Outcome
from tests.scenarios.test_outbound import GATEWAY, NUMBER, dials_out, refusal_of
from tests.scenarios.test_restart_calls import talking
from tests.scenarios.test_transfer import PSTN
from tests.support.centre import DEFAULT
from tests.support.restarting import mortal_centre

# --- agents ---------------------------------------------------------------------------------------


async def test_an_agent_whose_contact_was_not_written_down_is_free_again(autojump_clock) -> None:
    async with talking() as (floor, _, calls):
        tags = [row[2] for row in floor.disk.rows]
        lost = len(tags) - tags.index("leg.arrived") - 1
        await floor.is_killed(lost=lost)
        await floor.comes_back()
        assert floor.state("1001") == "available"
        assert not floor.media.sessions
        await calls["anna"].wait("ended")  # of his call, no more was written than that it came
        await trio.sleep(40)
        assert not floor.core.directory.legs


async def test_an_agent_who_has_not_heard_that_his_call_is_over_waits_for_no_lease(
    autojump_clock,
) -> None:
    """The server dies between the two; his phone has no power, and answers no BYE."""
    async with talking() as (floor, phones, calls):
        phones["1001"].loses_power()
        floor.dies_at(lambda event: isinstance(event, ev.ContactEnded))
        phones["anna"].hangs_up(calls["anna"])
        await floor.life.ended.wait()
        await floor.comes_back()
        assert floor.state("1001") == "wrap_up"
        await trio.sleep(60)
        assert not floor.of(ev.LeaseExpired)
        floor.check_nothing_is_left()


async def test_who_was_consulted_and_has_not_heard_that_it_is_over_waits_for_no_lease(
    autojump_clock,
) -> None:
    """The customer and the agent who asked him talk on."""
    async with talking("1002") as (floor, phones, _):
        await floor.does("1001", c.Consult(c.ToAgent(AgentId("1002"))))
        offered = await phones["1002"].rings()
        phones["1002"].answers(offered)
        await trio.sleep(1)
        phones["1002"].loses_power()
        floor.dies_at(
            lambda event: isinstance(event, ev.ContactStateChanged) and event.state == "held"
        )
        with trio.move_on_after(1):
            await floor.does("1001", c.EndConsult())
        await floor.comes_back()
        await trio.sleep(60)
        assert not floor.of(ev.LeaseExpired)
        assert (floor.state("1001"), floor.state("1002")) == ("engaged", "available")


async def test_figures_of_every_kind_hold_over_a_restart(autojump_clock) -> None:
    async with mortal_centre() as floor:
        agent = await floor.agent("1001")
        waiting = [floor.phone(f"caller{n}") for n in range(3)]
        for caller in waiting:
            await caller.calls_to("2001")
        offered = await agent.rings()
        agent.answers(offered)
        await offered.wait("talking")
        await floor.agent("1002")
        await trio.sleep(3)  # 1001 talks, 1002 rings, one waits
        await floor.restarts()
        figures = floor.core.fold.figures().queues["support"]
        now = figures.waiting + figures.being_offered + figures.in_service
        assert (figures.offered, now) == (3, 3)
        recovered = floor.of(ev.ServerRecovered)[0]
        found = (recovered.talking, recovered.ringing, recovered.waiting, recovered.ended)
        assert found == (1, 1, 1, 0)
        assert recovered.phones == 2
        assert floor.core.live.queues[QueueName("support")].in_service == 1


async def test_who_talks_in_a_queue_that_is_no_more_is_let_go_and_his_agent_wraps_up(
    autojump_clock,
) -> None:
    """The file has lost the queue while the server was down; the agent waits for no lease."""
    async with talking() as (floor, phones, calls):
        floor.is_configured(
            queues=[q for q in DEFAULT["queues"] if q["name"] != "support"],
            entry_points=[e for e in DEFAULT["entry_points"] if e["name"] != "support"],
        )
        phones["1001"].loses_power()
        await floor.restarts()
        assert floor.state("1001") == "wrap_up"
        await calls["anna"].wait("ended")
        (ended,) = floor.of(ev.ContactEnded)
        assert (ended.outcome, ended.reason) == (Outcome.FAILED, "server_restart")
        await trio.sleep(60)
        assert not floor.of(ev.LeaseExpired)
        floor.check_nothing_is_left()


async def test_a_phone_that_was_to_be_hung_up_as_the_server_died_is_hung_up_by_the_next(
    autojump_clock,
) -> None:
    """Killed as it writes down that the leg has ended: the BYE must have left before that."""
    async with mortal_centre(tail=True) as floor:
        call = await floor.phone("anna").calls_to("2001")
        await trio.sleep(10)

        floor.dies_at(lambda event: isinstance(event, ev.LegDown))
        floor.media.is_lost()
        await floor.life.ended.wait()
        await floor.comes_back()
        await trio.sleep(1)
        assert call.state == "ended"
        assert len(floor.of(ev.ContactEnded)) == 1
        floor.check_nothing_is_left()


# --- calls that agents place ----------------------------------------------------------------------


async def test_a_call_that_an_agent_placed_goes_on_and_is_counted(autojump_clock) -> None:
    async with mortal_centre(**PSTN) as floor:
        gateway, agent = floor.phone("gateway", GATEWAY), await floor.agent("1001")
        call = await dials_out(agent, NUMBER)
        answered = await gateway.rings()
        gateway.answers(answered)
        await answered.wait("talking")
        await trio.sleep(5)
        await floor.restarts()
        assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}}
        assert floor.core.calls.lines.used() == {"pstn": 1}
        assert (await floor.does("1001", c.Hold())).state == "held"
        assert (await floor.does("1001", c.Resume())).state == "connected"
        gateway.hangs_up(answered)
        await call.wait("ended")
        await trio.sleep(1)
        figures = floor.core.fold.figures().outbound
        assert (figures.placed, figures.ended["handled"], figures.talking) == (1, 1, 0)
        assert floor.core.calls.lines.used() == {"pstn": 0}
        await trio.sleep(10)
        assert floor.state("1001") == "available"
        floor.check_nothing_is_left()


async def test_one_that_was_not_answered_is_over_and_the_agent_is_free(autojump_clock) -> None:
    async with mortal_centre(**PSTN) as floor:
        gateway, agent = floor.phone("gateway", GATEWAY), await floor.agent("1001")
        call = await dials_out(agent, NUMBER)
        rang = await gateway.rings()
        await trio.sleep(5)
        await floor.restarts()
        await call.wait("ended")
        await rang.wait("ended")
        await trio.sleep(10)
        figures = floor.core.fold.figures().outbound
        assert (figures.placed, figures.ended["failed"], figures.dialling) == (1, 1, 0)
        assert floor.state("1001") == "available"
        floor.check_nothing_is_left()


async def test_who_called_and_whose_phone_has_no_power_waits_for_no_lease(autojump_clock) -> None:
    """The call had not been answered, so it is over: he hears of it, not only his phone."""
    async with mortal_centre(**PSTN) as floor:
        gateway, ada = floor.phone("gateway", GATEWAY), await floor.agent("1001")
        await floor.commands("1001", m.PlaceCall(NUMBER))
        ringing = await ada.rings()
        ada.answers(ringing)
        await gateway.rings()
        assert floor.state("1001") == "engaged"
        ada.loses_power()
        await floor.restarts()
        assert floor.state("1001") == "wrap_up"
        await trio.sleep(60)
        assert floor.state("1001") == "available"
        assert not floor.of(ev.LeaseExpired)
        floor.check_nothing_is_left()


async def test_the_calls_of_an_hour_are_counted_over_a_restart(autojump_clock) -> None:
    """A09: whoever can make the server crash must not get more of them."""
    settings = {**PSTN, "outbound": {"calls_per_hour": 2}}
    async with mortal_centre(**settings) as floor:
        gateway, agent = floor.phone("gateway", GATEWAY), await floor.agent("1001")
        gateway.refuses = 486
        for _ in range(2):
            await (await dials_out(agent, NUMBER)).wait("ended")
            await trio.sleep(20)
            await floor.restarts()
        third = await dials_out(agent, NUMBER)
        await third.wait("ended")
        assert refusal_of(third) == '403 "AGENT_CALL_LIMIT"'
        await trio.sleep(3600)
        await agent.registers("secret-1001")
        await trio.sleep(1)
        assert len(gateway.calls) == 2
        await (await dials_out(agent, NUMBER)).wait("ended")
        assert len(gateway.calls) == 3
