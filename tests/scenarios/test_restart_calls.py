"""The server is killed in the middle of calls: who talks talks on, who waits keeps his place."""

from __future__ import annotations

from contextlib import asynccontextmanager

import trio

from actors import commands as c
from actors import events as ev
from actors import messages as m
from actors.ids import AgentId, owner_of
from actors.reasons import EndedBy, Outcome
from sip.message import Request
from tests.support.centre import DEFAULT
from tests.support.phones import sdp
from tests.support.restarting import mortal_centre

MUSIC = "music.wav"


@asynccontextmanager
async def talking(*others: str, **changes):
    """Anna talks with 1001; the other agents have registered.  Gives (floor, phones, calls)."""
    async with mortal_centre(**changes) as floor:
        phones = {"1001": await floor.agent("1001"), "anna": floor.phone("anna")}
        calls = {"anna": await phones["anna"].calls_to("2001")}
        calls["1001"] = await phones["1001"].rings()
        phones["1001"].answers(calls["1001"])
        await calls["1001"].wait("talking")
        for name in others:
            phones[name] = await floor.agent(name)
        await trio.sleep(10)
        yield floor, phones, calls


# --- talking --------------------------------------------------------------------------------------


async def test_who_talks_talks_on_and_hangs_up_as_ever(autojump_clock) -> None:
    async with talking() as (floor, phones, calls):
        sessions, bridges = dict(floor.media.sessions), dict(floor.media.bridges)
        await floor.restarts()
        assert floor.media.sessions == sessions
        assert floor.media.bridges == bridges
        assert floor.state("1001") == "engaged"
        await trio.sleep(20)
        assert calls["anna"].state == calls["1001"].state == "talking"
        phones["anna"].hangs_up(calls["anna"])
        await calls["1001"].wait("ended")
        await trio.sleep(1)
        assert floor.state("1001") == "wrap_up"
        ended = floor.of(ev.ContactEnded)
        assert [(e.outcome, e.agent, e.ended_by) for e in ended] == [
            (Outcome.HANDLED, "1001", EndedBy.CUSTOMER)
        ]
        assert 30 < ended[0].talked < 31.5
        await trio.sleep(6)
        assert floor.state("1001") == "available"
        floor.check_nothing_is_left()


async def test_nothing_is_heard_in_between_that_was_not_heard_before(autojump_clock) -> None:
    """Not one row of the matrix changes, and nothing that plays begins anew."""
    async with talking() as (floor, _, _):
        await floor.does("1001", c.Hold())
        before = floor.ears()
        playing = dict(floor.media.playing)
        commands = floor.media.log_commands()
        await floor.restarts()
        assert floor.ears() == before == {"customer": {MUSIC}, "1001": set()}
        assert floor.media.playing == playing
        assert {type(command).__name__ for command in commands} <= {"Hear", "GetStatistics"}


async def test_who_wraps_up_from_a_call_that_goes_on_is_free_when_he_would_have_been(
    autojump_clock,
) -> None:
    """His phone was on the hook already, and nobody will say so again."""
    async with talking() as (floor, phones, calls):
        await floor.does("1001", c.Hold())
        phones["1001"].hangs_up(calls["1001"])
        await trio.sleep(1)
        assert floor.state("1001") == "wrap_up"
        assert floor.queue("support")
        await floor.restarts()
        assert floor.state("1001") == "wrap_up"
        await trio.sleep(5)
        assert not floor.of(ev.LeaseExpired)
        assert floor.state("1001") == "reserved"  # the same customer, from the queue


async def test_who_has_handed_a_call_over_is_free_when_his_phone_is_on_the_hook(
    autojump_clock,
) -> None:
    async with talking() as (floor, phones, calls):
        phones["1001"].ignores = frozenset({"BYE"})
        await floor.does("1001", c.Transfer(c.ToQueue("spanish")))
        await trio.sleep(1)
        await floor.restarts()
        await trio.sleep(6)
        assert floor.state("1001") == "wrap_up"
        assert calls["1001"].state == "talking"
        phones["1001"].ignores = frozenset()
        await calls["1001"].wait("ended")
        await trio.sleep(0.1)
        assert floor.state("1001") == "available"
        assert not floor.of(ev.LeaseExpired)


async def test_a_talk_goes_on_with_an_agent_who_is_in_the_configuration_no_more(
    autojump_clock,
) -> None:
    """He was removed while the server was away: nobody is told of him, and nothing falls over."""
    async with talking() as (floor, phones, calls):
        await floor.is_killed()
        floor.is_configured(agents=DEFAULT["agents"][1:])
        await floor.comes_back()
        await trio.sleep(20)
        assert calls["anna"].state == calls["1001"].state == "talking"
        phones["anna"].hangs_up(calls["anna"])
        await calls["1001"].wait("ended")
        await trio.sleep(1)
        assert not floor.of(ev.ActorCrashed)
        assert [e.outcome for e in floor.of(ev.ContactEnded)] == [Outcome.HANDLED]
        floor.check_nothing_is_left()


async def test_an_agents_time_is_counted_once(autojump_clock) -> None:
    """What the journal has told of a state before the server died, it does not tell again."""
    async with talking() as (floor, phones, calls):
        await floor.commands("1001", m.SetIdle("lunch"))  # when he has done: shown at once
        await trio.sleep(20)
        await floor.restarts()
        phones["anna"].hangs_up(calls["anna"])
        await trio.sleep(1)
        engaged = [e.lasted for e in floor.of(ev.AgentStateChanged) if e.before == "engaged"]
        assert len(engaged) == 2
        assert 30.5 < sum(engaged) < 31.5


async def test_a_recovered_call_is_held_resumed_and_ended_by_its_agent(autojump_clock) -> None:
    async with talking() as (floor, _, calls):
        await floor.restarts()
        assert (await floor.does("1001", c.Hold())).state == "held"
        assert floor.ears() == {"customer": {MUSIC}, "1001": set()}
        assert (await floor.does("1001", c.Resume())).state == "connected"
        assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}}
        await floor.does("1001", c.End())
        await calls["anna"].wait("ended")
        await trio.sleep(10)
        floor.check_nothing_is_left()


async def test_a_recovered_call_is_transferred(autojump_clock) -> None:
    async with talking("1002") as (floor, phones, calls):
        await floor.restarts()
        await floor.does("1001", c.Transfer(c.ToAgent(AgentId("1002"))))
        offered = await phones["1002"].rings()
        phones["1002"].answers(offered)
        await calls["1001"].wait("ended")
        await offered.wait("talking")
        await trio.sleep(1)
        assert floor.ears() == {"customer": {"1002"}, "1002": {"customer"}}
        assert calls["anna"].state == "talking"


async def test_a_consult_goes_on_and_becomes_a_conference(autojump_clock) -> None:
    async with talking("1002") as (floor, phones, calls):
        await floor.does("1001", c.Consult(c.ToAgent(AgentId("1002"))))
        calls["1002"] = await phones["1002"].rings()
        phones["1002"].answers(calls["1002"])
        await calls["1002"].wait("talking")
        await trio.sleep(5)
        before = floor.ears()
        await floor.restarts()
        assert floor.ears() == before
        assert floor.talk.state() == "consulting"
        assert (floor.state("1001"), floor.state("1002")) == ("engaged", "engaged")
        assert (await floor.does("1001", c.Conference())).state == "conference"
        await floor.restarts()
        assert floor.talk.state() == "conference"
        await floor.does("1002", c.ExitConference())
        await calls["1002"].wait("ended")
        assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}}


async def test_a_consult_that_had_no_answer_is_over_and_the_customer_stays_held(
    autojump_clock,
) -> None:
    async with talking("1002") as (floor, phones, calls):
        await floor.does("1001", c.Consult(c.ToAgent(AgentId("1002"))))
        calls["1002"] = await phones["1002"].rings()
        await floor.restarts()
        await calls["1002"].wait("ended")
        assert calls["1002"].status is None
        await trio.sleep(1)
        assert floor.talk.state() == "held"
        assert floor.ears() == {"customer": {MUSIC}, "1001": set()}
        assert floor.of(ev.ConsultEnded)[-1].outcome == "server_restart"
        assert floor.state("1002") == "available"
        assert (await floor.does("1001", c.Resume())).state == "connected"


async def test_listening_ends_well(autojump_clock) -> None:
    agents = [
        {"id": "1001", "secret": "secret-1001", "skills": {"english": 8}},
        {"id": "1009", "secret": "secret-1009", "skills": {}, "role": "supervisor"},
    ]
    queues = [{"name": "support", "requirements": {"english": 1}}]
    entry_points = [{"name": "support", "numbers": ["2001"]}]
    async with talking(agents=agents, queues=queues, entry_points=entry_points) as (floor, _, _):
        listener = await floor.supervisor("1009")
        await floor.does("1009", c.Monitor(), role="supervisor")
        ear = await listener.rings()
        listener.answers(ear)
        await ear.wait("talking")
        await trio.sleep(1)
        await floor.restarts()
        await ear.wait("ended")
        await trio.sleep(1)
        assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}}
        assert floor.of(ev.ContactMonitored)[-1].mode == "ended"
        assert floor.state("1009") == "idle:break"


async def test_who_hung_up_while_the_server_was_away_is_noticed(autojump_clock) -> None:
    async with talking() as (floor, phones, calls):
        await floor.is_killed()
        phones["anna"].hangs_up(calls["anna"])
        await floor.comes_back()
        await calls["1001"].wait("ended")
        await trio.sleep(10)
        assert floor.of(ev.ContactEnded)[0].ended_by == EndedBy.CUSTOMER
        floor.check_nothing_is_left()


async def test_who_has_forgotten_the_call_says_so_when_he_is_asked(autojump_clock) -> None:
    async with talking() as (floor, phones, calls):
        await floor.is_killed()
        phones["anna"].forgets(calls["anna"])
        await floor.comes_back(after=60)
        await calls["1001"].wait("ended")
        await trio.sleep(40)
        assert floor.of(ev.ContactEnded)[0].outcome == Outcome.HANDLED
        floor.check_nothing_is_left()


async def test_a_phone_without_power_and_without_a_voice_is_given_up(autojump_clock) -> None:
    async with talking() as (floor, phones, calls):
        await floor.is_killed()
        phones["anna"].loses_power()
        floor.media.silent.add(f"{floor.of(ev.ContactArrived)[0].contact.id}/0")
        await floor.comes_back(after=60)
        await calls["1001"].wait("ended")
        await trio.sleep(80)
        assert floor.of(ev.ContactEnded)[0].outcome == Outcome.HANDLED
        floor.check_nothing_is_left()


async def test_a_phone_that_never_answers_options_but_speaks_is_kept(autojump_clock) -> None:
    async with talking() as (floor, phones, calls):
        phones["anna"].ignores = frozenset({"OPTIONS"})
        await floor.restarts()
        await trio.sleep(120)
        assert calls["1001"].state == "talking"


async def test_media_that_was_lost_as_well_ends_the_call_once(autojump_clock) -> None:
    async with talking() as (floor, _, calls):
        await floor.is_killed()
        floor.media.is_lost()
        await floor.comes_back()
        await calls["anna"].wait("ended")
        await calls["1001"].wait("ended")
        await trio.sleep(10)
        assert len(floor.of(ev.ContactEnded)) == 1
        figures = floor.core.fold.figures().queues["support"]
        assert (figures.offered, figures.handled, figures.in_service) == (1, 1, 0)
        floor.check_nothing_is_left()


async def test_sessions_of_nobody_are_closed(autojump_clock) -> None:
    async with talking() as (floor, _, _):
        await floor.is_killed()
        floor.media.sessions["a0nobody/0"] = 20444
        await floor.comes_back()
        assert "a0nobody/0" not in floor.media.sessions
        assert len(floor.media.sessions) == 2


async def test_a_reinvite_after_the_restart_counts_its_description_on(autojump_clock) -> None:
    async with talking() as (floor, phones, calls):
        await floor.restarts()
        anna = phones["anna"]
        held = anna.request_in(calls["anna"], "INVITE", sdp(anna.address[0], 40000, "sendonly"))
        answer = await anna.asks(held)
        assert answer.status == 200
        assert b"a=recvonly" in answer.body
        first = floor.answer_to("anna")
        assert _origin(answer.body)[:1] == _origin(first)[:1]
        assert int(_origin(answer.body)[1]) == int(_origin(first)[1]) + 1


def _origin(body: bytes) -> list[str]:
    line = next(line for line in body.decode().splitlines() if line.startswith("o="))
    return line.split()[1:3]


# --- waiting --------------------------------------------------------------------------------------


async def test_waiting_callers_keep_their_music_and_their_places(autojump_clock) -> None:
    async with mortal_centre() as floor:
        callers = [floor.phone(name) for name in ("anna", "bert", "cora")]
        calls = []
        for caller in callers:
            calls.append(await caller.calls_to("2001"))
            await trio.sleep(5)
        before = floor.queue("support")
        playing = dict(floor.media.playing)
        for _ in range(2):
            await floor.restarts()
            assert [owner_of(name) for name in floor.queue("support")] == before
            assert floor.media.playing == playing
        dave = await floor.phone("dave").calls_to("2001")
        await trio.sleep(5)
        agent = await floor.agent("1001")
        for call in [*calls, dave]:
            offered = await agent.rings()
            agent.answers(offered)
            await offered.wait("talking")
            await trio.sleep(1)
            talker = floor.of(ev.ContactConnected)[-1]
            assert talker.waited > 5
            agent.hangs_up(offered)
            await call.wait("ended")
        waited = [round(event.waited) for event in floor.of(ev.ContactConnected)]
        assert waited == [20, 21, 22, 21]  # since each of them came, restarts or not
        await trio.sleep(10)
        floor.check_nothing_is_left()
        figures = floor.core.fold.figures().queues["support"]
        assert (figures.offered, figures.handled, figures.waiting) == (4, 4, 0)


async def test_a_longest_wait_counts_over_the_restart(autojump_clock) -> None:
    queues = [{"name": "support", "requirements": {"english": 1}, "max_wait_seconds": 60}]
    entry_points = [{"name": "support", "numbers": ["2001"]}]
    async with mortal_centre(queues=queues, entry_points=entry_points) as floor:
        call = await floor.phone("anna").calls_to("2001")
        await trio.sleep(40)
        await floor.restarts()
        began = trio.current_time()
        await call.wait("ended")
        assert trio.current_time() - began < 25
        assert floor.of(ev.ContactEnded)[0].outcome == Outcome.OVERFLOWED


async def test_who_hears_a_greeting_hears_it_again(autojump_clock) -> None:
    async with mortal_centre() as floor:
        call = await floor.phone("anna").calls_to("2001")
        await trio.sleep(1)
        assert not floor.queue("support")
        await floor.restarts()
        await trio.sleep(3)
        assert len(floor.queue("support")) == 1
        assert call.state == "talking"


# --- ringing --------------------------------------------------------------------------------------


async def test_what_rang_rings_no_more_and_the_caller_is_offered_again(autojump_clock) -> None:
    async with mortal_centre() as floor:
        agent = await floor.agent("1001")
        anna = await floor.phone("anna").calls_to("2001")
        rang = await agent.rings()
        await trio.sleep(1)
        bert = floor.phone("bert").dials("2001")
        await trio.sleep(4)
        await floor.restarts()
        await rang.wait("ended")
        offered = await agent.rings()
        agent.answers(offered)
        await offered.wait("talking")
        await trio.sleep(1)
        connected = floor.of(ev.ContactConnected)[0]
        assert connected.contact.id == floor.of(ev.ContactArrived)[0].contact.id
        assert anna.state == bert.state == "talking"
        assert not floor.of(ev.ContactOfferFailed)
        assert floor.state("1001") == "engaged"


async def test_an_answer_that_comes_too_late_is_acknowledged_and_hung_up(autojump_clock) -> None:
    async with mortal_centre() as floor:
        agent = await floor.agent("1001")
        await floor.phone("anna").calls_to("2001")
        rang = await agent.rings()
        await trio.sleep(1)
        await floor.is_killed()
        agent.answers(rang)
        await floor.comes_back()
        await rang.wait("ended")
        heard = [each.method for each in agent.heard if isinstance(each, Request)]
        assert sorted(heard[-2:]) == ["ACK", "BYE"]
        offered = await agent.rings()
        agent.answers(offered)
        await offered.wait("talking")
        await trio.sleep(40)
        assert len(floor.of(ev.ContactConnected)) == 1


async def test_a_transferred_customer_is_not_left_alone(autojump_clock) -> None:
    async with talking("1002") as (floor, phones, calls):
        await floor.does("1001", c.Transfer(c.ToAgent(AgentId("1002"))))
        rang = await phones["1002"].rings()
        await calls["1001"].wait("ended")
        await trio.sleep(2)
        await floor.restarts()
        await rang.wait("ended")
        failed = floor.of(ev.ContactTransferFailed)
        assert [(e.to, e.reason) for e in failed] == [("agent:1002", "server_restart")]
        offered = await phones["1002"].rings()
        phones["1002"].answers(offered)
        await offered.wait("talking")
        await trio.sleep(1)
        assert floor.ears() == {"customer": {"1002"}, "1002": {"customer"}}
