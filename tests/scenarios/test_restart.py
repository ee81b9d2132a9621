"""The server is killed and started again: what it had acknowledged, it still knows."""

from __future__ import annotations

import pytest
import trio

from actors import events as ev
from actors import messages as m
from actors.effects import TellAgent
from actors.ids import AgentId
from actors.reasons import Outcome
from ccserver.journal import folds
from ccserver.journal.decisions import decisions
from ccserver.journal.reading import entries_about
from ccserver.journal.why import why
from tests.support.centre import DEFAULT, EPOCH
from tests.support.restarting import mortal_centre


def says(floor, agent: str, command) -> None:
    """On the desktop."""
    received = m.AgentCommandReceived(command, "nobody")
    floor.core.effects.perform(TellAgent(AgentId(agent), received))


async def test_registered_phones_are_known_and_ring_again(autojump_clock) -> None:
    async with mortal_centre() as floor:
        phone = await floor.agent("1001")
        await floor.restarts()
        assert floor.state("1001") == "available"
        assert len(floor.core.registrar) == 1
        anna = floor.phone("anna")
        anna.dials("2001")
        await phone.rings()


async def test_a_registration_expires_when_it_would_have(autojump_clock) -> None:
    async with mortal_centre() as floor:
        phone = floor.phone("1001")
        await phone.registers("secret-1001", expires=100)
        await trio.sleep(60)
        await phone.registers("secret-1001", expires=100)
        await trio.sleep(60)
        await floor.restarts()
        assert floor.state("1001") == "available"
        await trio.sleep(45)
        assert floor.state("1001") == "signed_out"
        assert [e.reason for e in floor.of(ev.PhoneGone)] == ["expired"]


async def test_one_that_expired_while_the_server_was_away_is_gone(autojump_clock) -> None:
    async with mortal_centre() as floor:
        phone = floor.phone("1001")
        await phone.registers("secret-1001", expires=60)
        await trio.sleep(1)
        await floor.restarts(after=90)
        assert floor.state("1001") == "signed_out"
        assert len(floor.core.registrar) == 0


async def test_idle_agents_keep_their_code_and_their_version(autojump_clock) -> None:
    async with mortal_centre() as floor:
        await floor.agent("1001")
        says(floor, "1001", m.SetIdle("lunch"))
        await trio.sleep(1)
        before = floor.core.live.agents[AgentId("1001")]
        await floor.restarts()
        assert floor.state("1001") == "idle:lunch"
        assert floor.core.live.agents[AgentId("1001")] == before


async def test_who_was_available_first_is_still_the_first(autojump_clock) -> None:
    async with mortal_centre() as floor:
        second = await floor.agent("1002")
        await trio.sleep(1)
        await floor.agent("1001")
        await floor.restarts()
        await trio.sleep(30)
        await floor.restarts()
        floor.phone("anna").dials("2001")
        await second.rings()


async def test_what_was_wished_for_after_the_call_comes_true_after_it(autojump_clock) -> None:
    async with mortal_centre() as floor:
        phone = await floor.agent("1001")
        anna = floor.phone("anna")
        call = await anna.calls_to("2001")
        offered = await phone.rings()
        phone.answers(offered)
        await offered.wait("talking")
        anna.hangs_up(call)
        await trio.sleep(1)
        assert floor.state("1001") == "wrap_up"
        says(floor, "1001", m.SetIdle("lunch"))
        await trio.sleep(1)
        await floor.restarts()
        assert floor.state("1001") == "wrap_up"
        assert floor.core.live.agents[AgentId("1001")].pending == "idle:lunch"
        await trio.sleep(1.5)
        assert floor.state("1001") == "wrap_up"
        await trio.sleep(1.2)  # the rest of five seconds
        assert floor.state("1001") == "idle:lunch"


async def test_phones_and_agents_that_are_configured_no_more_are_forgotten(autojump_clock) -> None:
    async with mortal_centre() as floor:
        await floor.agent("1001")
        await floor.is_killed()
        agents = [agent for agent in DEFAULT["agents"] if agent["id"] != "1001"]
        floor.is_configured(agents=agents)
        await floor.comes_back()
        assert len(floor.core.registrar) == 0
        assert [e.reason for e in floor.of(ev.PhoneGone)] == ["unknown"]
        assert AgentId("1001") not in floor.core.folds.past.past.bindings


async def test_five_restarts_in_a_row_change_nothing(autojump_clock) -> None:
    async with mortal_centre() as floor:
        await floor.agent("1001")
        await floor.agent("1002")
        says(floor, "1002", m.SetIdle("lunch"))
        await trio.sleep(1)
        for _ in range(5):
            await floor.restarts(after=0.1)
        assert (floor.state("1001"), floor.state("1002")) == ("available", "idle:lunch")
        assert len(floor.core.registrar) == 2


async def test_a_call_that_cannot_be_recovered_ends_once_and_is_counted(autojump_clock) -> None:
    async with mortal_centre() as floor:
        call = floor.phone("anna").dials("2001")
        await trio.sleep(0.0025)  # its 200 is under way, and nothing says that it came
        await floor.restarts()
        await call.wait("ended")
        assert [(e.outcome, e.reason) for e in floor.of(ev.ContactEnded)] == [
            (Outcome.FAILED, "server_restart")
        ]
        assert floor.core.fold.figures().queues[""].failed == 1
        await trio.sleep(40)
        floor.check_nothing_is_left()


async def test_the_counters_go_on_where_they_stood(autojump_clock) -> None:
    async with mortal_centre() as floor:
        agent = await floor.agent("1001")
        anna = floor.phone("anna")
        call = await anna.calls_to("2001")
        offered = await agent.rings()
        agent.answers(offered)
        await offered.wait("talking")
        await trio.sleep(10)
        anna.hangs_up(call)
        await trio.sleep(8)
        before = floor.core.fold.figures()
        await floor.restarts()
        assert floor.core.fold.figures() == before
        assert before.queues["support"].handled == 1


@pytest.mark.parametrize("every", [1, 1_000], ids=["a checkpoint", "no checkpoint"])
async def test_who_was_taken_out_of_the_configuration_meanwhile_is_forgotten(
    autojump_clock, monkeypatch, every: int
) -> None:
    monkeypatch.setattr(folds, "EVERY", every)
    async with mortal_centre() as floor:
        await floor.agent("1001")
        floor.is_configured(
            agents=[a for a in DEFAULT["agents"] if a["id"] != "1001"],
            queues=[q for q in DEFAULT["queues"] if q["name"] != "spanish"],
            entry_points=[e for e in DEFAULT["entry_points"] if e["name"] != "spanish"],
        )
        await floor.restarts()
        assert set(floor.core.live.agents) == {"1002", "1003"}
        assert set(floor.core.live.queues) == {"support"}
        assert "1001" not in floor.core.folds.past.past.agents
        assert sum(floor.core.fold.figures().agents.values()) == 2


async def test_who_was_removed_while_he_talked_and_is_back_after_two_deaths_begins_anew(
    autojump_clock, monkeypatch
) -> None:
    """The journal says once that he has left, though a checkpoint still had him."""
    monkeypatch.setattr(folds, "EVERY", 1)
    async with mortal_centre() as floor:
        ada = await floor.agent("1001")
        floor.phone("anna").dials("2001")
        offered = await ada.rings()
        ada.answers(offered)
        await offered.wait("talking")
        await trio.sleep(1)
        floor.is_configured(agents=[a for a in DEFAULT["agents"] if a["id"] != "1001"])
        await floor.restarts()
        assert floor.of(ev.AgentLeft) == [ev.AgentLeft(AgentId("1001"))]
        floor.is_configured()
        await floor.restarts()
        assert floor.of(ev.AgentLeft) == [ev.AgentLeft(AgentId("1001"))]
        left = floor.events.index(ev.AgentLeft(AgentId("1001")))
        changed = [e for e in floor.events[left:] if isinstance(e, ev.AgentStateChanged)]
        assert [(e.agent, e.before, e.state) for e in changed] == [
            ("1001", "signed_out", "engaged")
        ]


async def test_who_was_removed_and_is_in_the_file_again_at_the_next_start_is_there(
    autojump_clock,
) -> None:
    async with mortal_centre() as floor:
        ada = await floor.agent("1001")
        await floor.reloads(agents=[a for a in DEFAULT["agents"] if a["id"] != "1001"])
        floor.is_configured()
        await floor.restarts()
        assert floor.state("1001") == "signed_out"
        assert await ada.registers("secret-1001") == 200
        assert floor.state("1001") == "available"


def over_a_connection(floor) -> None:
    """As if the registrations on the disk had come by TCP."""
    for number, (seq, at, tag, payload) in enumerate(floor.disk.rows):
        if tag == "phone.registered":
            told = payload.replace(b'"connection":0', b'"connection":7')
            floor.disk.rows[number] = (seq, at, tag, told)


@pytest.mark.parametrize("wish", [m.SetIdle("lunch"), m.SetAvailable()])
async def test_who_had_a_connection_has_time_to_come_back(autojump_clock, wish) -> None:
    """He is at lunch, and stays there; or available, and keeps his place."""
    async with mortal_centre() as floor:
        await floor.agent("1002")
        phone = await floor.agent("1001")
        says(floor, "1001", wish)
        await trio.sleep(1)
        before, place = floor.state("1001"), place_of(floor, "1001")
        await floor.is_killed()
        over_a_connection(floor)
        await floor.comes_back()
        assert len(floor.core.registrar) == 0
        assert floor.state("1001") == before
        assert not floor.core.directory.agents[AgentId("1001")].machine.fits()
        await trio.sleep(60)
        await phone.registers("secret-1001")
        await trio.sleep(100)
        assert floor.state("1001") == before
        assert place_of(floor, "1001") == place
        assert floor.state("1002") == "signed_out"  # who has not come back


def place_of(floor, agent: str):
    return floor.core.directory.agents[AgentId(agent)].machine.availability.state


async def test_what_an_agent_did_before_a_restart_is_not_made_up(autojump_clock) -> None:
    async with mortal_centre() as floor:
        await floor.agent("1001")
        says(floor, "1001", m.SetIdle("lunch"))
        await trio.sleep(1)
        await floor.restarts()
        await trio.sleep(10)
        anna = floor.phone("anna")
        await anna.calls_to("2001")
        await trio.sleep(5)
        contact = floor.of(ev.ContactArrived)[-1].contact.id
        present = int((EPOCH + trio.current_time()) * 1e6)

        (moment,) = why(entries_about(floor.core.journal, contact), contact, present).moments

        assert moment.on == "now"
        said = {one.id: one.because for one in moment.agents}
        assert said["1001"] == "signed out, or what he was before the server started"


async def test_a_contact_that_waited_through_a_restart_is_explained(autojump_clock) -> None:
    async with mortal_centre() as floor:
        anna = floor.phone("anna")
        await anna.calls_to("2001")
        await trio.sleep(10)
        await floor.restarts()
        await trio.sleep(10)
        await floor.agent("1001")
        await trio.sleep(1)
        contact = floor.of(ev.ContactArrived)[0].contact.id
        present = int((EPOCH + trio.current_time()) * 1e6)

        found = why(entries_about(floor.core.journal, contact), contact, present)

        (moment,) = [one for one in found.moments if one.given is not None]
        assert (moment.on, moment.agent, moment.agrees) == ("agent", "1001", True)
        assert all(one.agrees for one in decisions(floor.core.journal.read(0, 100_000)))


async def test_a_clock_that_was_set_before_the_server_died_makes_nobodys_time_longer(
    autojump_clock,
) -> None:
    async with mortal_centre() as floor:
        await floor.agent("1001")
        floor.wall.wrong_by += 3600.0
        await trio.sleep(10)
        says(floor, "1001", m.SetIdle("lunch"))
        floor.wall.wrong_by -= 7200.0
        await trio.sleep(10)
        await floor.restarts()
        says(floor, "1001", m.SetAvailable())
        await trio.sleep(1)
        lasted = {e.before: e.lasted for e in floor.of(ev.AgentStateChanged)}
        assert 10.7 < lasted["idle"] < 11
        assert [event.by for event in floor.of(ev.ClockSet)] == [3600.0, -7200.0]


@pytest.mark.parametrize("what", ["server", "dispatcher"])
async def test_a_round_robin_goes_on_from_whom_it_had_chosen(autojump_clock, what) -> None:
    """Else the first that is listed would have the first call after each start."""
    queue = {"name": "support", "requirements": {"english": 1}, "strategy": "round_robin"}
    spanish = next(each for each in DEFAULT["queues"] if each["name"] == "spanish")
    async with mortal_centre(queues=[queue, spanish]) as floor:
        phones = {name: await floor.agent(name) for name in ("1001", "1002")}
        for number, chosen in enumerate(("1001", "1002", "1001")):
            caller = floor.phone(f"caller{number}")
            call = caller.dials("2001")
            offered = await phones[chosen].rings()
            phones[chosen].answers(offered)
            await call.wait("talking")
            await trio.sleep(3)
            caller.hangs_up(call)
            await trio.sleep(10)
            if what == "server":
                await floor.restarts()
            else:
                floor.core.directory.dispatcher.tell("what no dispatcher understands")
                await trio.sleep(5)
        chosen_ones = [assigned.agent for assigned in floor.of(ev.ContactAssigned)]
        assert chosen_ones == ["1001", "1002", "1001"]
        assert all(one.agrees for one in decisions(floor.core.journal.read(0, 100_000)))
