"""Losses, crashes and silences: what the server must survive without losing a contact."""

from __future__ import annotations

import pytest
import trio

from actors import events as ev
from actors.ids import AgentId
from actors.messages import Reserve
from actors.reasons import During, EndedBy, Outcome
from ccserver.journal.log import Entry
from ccserver.media.protocol import NOT_READY
from tests.support.centre import Centre, centre
from tests.support.network import Weather
from tests.support.phones import Call, Phone


async def connected(c: Centre, agent: Phone, customer: str = "anna") -> tuple[Phone, Call, Call]:
    """A customer talks with the agent: (customer's phone, his call, the agent's call)."""
    phone = c.phone(customer)
    call = await phone.calls_to("2001")
    offered = await agent.rings()
    agent.answers(offered)
    await offered.wait("talking")
    return phone, call, offered


@pytest.mark.parametrize("seed", range(8))
async def test_bad_weather_costs_no_contact(autojump_clock, seed) -> None:
    """A tenth of all datagrams lost or doubled, and any order."""
    weather = Weather(loss=0.1, duplication=0.1, delay=(0.005, 0.2))
    async with centre(seed=seed, weather=weather) as c:
        agent = await c.agent("1001")
        customers = [c.phone(f"customer{n}") for n in range(4)]
        calls = [customer.dials("2001") for customer in customers]
        for _ in customers:
            offered = await agent.rings()
            agent.answers(offered)
            await offered.wait("talking", "ended")
            await trio.sleep(5)
            agent.hangs_up(offered)
            await trio.sleep(15)
        await trio.sleep(60)
        assert all(call.state == "ended" for call in calls)
        assert [e.outcome for e in c.of(ev.ContactEnded)] == [Outcome.HANDLED] * 4
        await trio.sleep(60)
        c.check_nothing_is_left()


async def test_a_two_hundred_that_is_never_acknowledged_ends_the_contact_t04(
    autojump_clock,
) -> None:
    async with centre() as c:
        anna = c.phone("anna")
        anna.acknowledges = False
        anna.dials("2001")
        await trio.sleep(30)
        assert len(c.core.directory.contacts) == 1
        await trio.sleep(40)
        twos = [m for m in anna.heard if getattr(m, "status", 0) == 200]
        assert len(twos) == 11  # at 0, then after .5 1 2 4 4 4 4 4 4 4 seconds: 64*T1 in all
        assert [e.outcome for e in c.of(ev.ContactEnded)] == [Outcome.ABANDONED]
        assert c.of(ev.ContactEnded)[0].reason == "no-ack"
        c.check_nothing_is_left()


async def test_an_agent_rings_as_the_caller_is_answered_though_his_ack_is_late(
    autojump_clock,
) -> None:
    async with centre() as c:
        agent = await c.agent("1001")
        anna = c.phone("anna")
        anna.acknowledges = False
        call = anna.dials("2001")
        agent.answers(await agent.rings())
        await trio.sleep(1.2)
        assert len(c.of(ev.ContactConnected)) == 1
        anna.acknowledges = True  # the next copy of the 200 is
        await trio.sleep(60)
        assert call.state == "talking"
        assert c.state("1001") == "engaged"


async def test_an_agent_who_answers_a_caller_that_never_acknowledges_is_freed_t04(
    autojump_clock,
) -> None:
    async with centre() as c:
        agent = await c.agent("1001")
        anna = c.phone("anna")
        anna.acknowledges = False
        anna.dials("2001")
        offered = await agent.rings()
        agent.answers(offered)
        await offered.wait("talking")
        await offered.wait("ended")
        await trio.sleep(60)
        assert [e.outcome for e in c.of(ev.ContactEnded)] == [Outcome.HANDLED]
        assert [e.cause for e in c.of(ev.LegDown)] == ["no-ack", "local"]
        assert c.state("1001") == "available"
        c.check_nothing_is_left()


async def test_who_offers_no_audio_of_his_own_waits_for_nobody_before_his_ack(
    autojump_clock,
) -> None:
    """Our offer is in the 200, his answer in the ACK: nothing could be heard before it."""
    async with centre() as c:
        await c.agent("1001")
        anna = c.phone("anna")
        anna.acknowledges = False
        anna.dials("2001", body=b"")
        await trio.sleep(20)
        assert c.story() == ["arrived"]
        await trio.sleep(40)
        assert [e.outcome for e in c.of(ev.ContactEnded)] == [Outcome.ABANDONED]


async def test_an_invite_retransmitted_is_one_call_t01(autojump_clock) -> None:
    async with centre() as c:
        anna = c.phone("anna")
        call = anna.dials("2001")
        assert call.invite is not None
        for _ in range(10):
            await trio.sleep(0.5)
            anna.send_raw(call.invite.encode())
        assert len(c.of(ev.ContactArrived)) == 1


async def test_a_phone_that_loses_power_frees_the_agent_and_keeps_the_customer_d05(
    autojump_clock,
) -> None:
    async with centre() as c:
        agent = await c.agent("1001")
        _, call, _ = await connected(c, agent)
        agent.loses_power()
        await trio.sleep(20)
        leg = c.of(ev.ContactConnected)[0].leg
        c.media.falls_silent(leg)
        await trio.sleep(1)
        assert c.state("1001") == "idle:phone_lost"
        assert call.state == "talking"
        assert len(c.queue("support")) == 1
        other = await c.agent("1002")
        offered = await other.rings()
        other.answers(offered)
        await offered.wait("talking")
        connections = c.of(ev.ContactConnected)
        assert connections[1].contact.id == connections[0].contact.id
        assert connections[1].waited > connections[0].waited + 20


async def test_a_lost_bye_does_not_keep_the_agent_r08(autojump_clock) -> None:
    """The agent's own BYE never arrives: his silence frees him."""
    async with centre() as c:
        agent = await c.agent("1001")
        await connected(c, agent)
        agent.loses_power()
        c.media.falls_silent(c.of(ev.ContactConnected)[0].leg)
        await trio.sleep(1)
        assert c.state("1001") == "idle:phone_lost"


async def test_a_dead_phone_is_not_offered_another_call_while_off_the_hook(
    autojump_clock,
) -> None:
    """V-57: the customer hangs up, the agent's phone does not confirm its BYE."""
    async with centre() as c:
        agent = await c.agent("1001")
        anna, call, _ = await connected(c, agent)
        agent.loses_power()
        anna.hangs_up(call)
        await c.phone("bert").calls_to("2001")
        await trio.sleep(20)  # wrap-up was 5 s
        assert c.state("1001") == "wrap_up"
        assert len(c.of(ev.ContactPresented)) == 1


async def test_a_crash_in_one_contact_ends_it_alone_s12(autojump_clock) -> None:
    async with centre() as c:
        agent = await c.agent("1001")
        _, call, offered = await connected(c, agent)
        bert = await c.phone("bert").calls_to("2001")
        first = c.of(ev.ContactArrived)[0].contact.id
        with pytest.MonkeyPatch.context() as patch:
            machine = c.core.directory.contacts[first].machine
            patch.setattr(machine, "handle", _raise, raising=True)
            c.core.directory.contacts[first].tell("anything")
            await trio.sleep(1)
        assert call.state == offered.state == "ended"
        assert bert.state == "talking"
        ended = c.of(ev.ContactEnded)
        assert [(e.contact.id, e.outcome) for e in ended] == [(first, Outcome.FAILED)]
        await trio.sleep(20)
        assert c.of(ev.ContactPresented)[-1].contact.id != first  # the agent is free for the next


async def test_a_crash_of_a_leg_ends_its_contact_well_s12(autojump_clock) -> None:
    async with centre() as c:
        agent = await c.agent("1001")
        _, call, offered = await connected(c, agent)
        leg = c.of(ev.ContactConnected)[0].leg
        c.core.directory.legs[leg].tell("nonsense")
        await trio.sleep(1)
        assert call.state == offered.state == "ended"
        assert [e.outcome for e in c.of(ev.ContactEnded)] == [Outcome.HANDLED]
        await trio.sleep(60)
        c.check_nothing_is_left()


async def test_the_dispatcher_crashes_and_nobody_waits_in_vain_r06(autojump_clock) -> None:
    async with centre() as c:
        await c.phone("anna").calls_to("2001")
        await trio.sleep(5)
        c.core.directory.dispatcher.tell("nonsense")
        await trio.sleep(1)
        agent = await c.agent("1001")
        offered = await agent.rings()
        assert offered.state == "ringing"
        assert [e.kind for e in c.of(ev.ActorCrashed)] == ["dispatcher"]


async def test_a_queue_crashes_and_keeps_its_order(autojump_clock) -> None:
    async with centre() as c:
        for name in ("anna", "bert", "carl"):
            await c.phone(name).calls_to("2001")
            await trio.sleep(3)
        before = c.queue("support")
        c.core.directory.queues["support"].tell("nonsense")
        await trio.sleep(1)
        assert c.queue("support") == before
        assert len(before) == 3


async def test_an_agent_crashes_and_is_not_given_a_second_call(autojump_clock) -> None:
    async with centre() as c:
        agent = await c.agent("1001")
        anna, call, _ = await connected(c, agent)
        await c.phone("bert").calls_to("2001")
        c.core.directory.agents[AgentId("1001")].tell("nonsense")
        await trio.sleep(5)
        assert c.state("1001") == "engaged"
        assert len(c.of(ev.ContactPresented)) == 1
        anna.hangs_up(call)
        offered = await agent.rings()
        assert offered.state == "ringing"


async def test_an_agent_that_crashes_as_he_is_reserved_gives_the_contact_back(
    autojump_clock,
) -> None:
    """Neither the contact nor the new agent has heard of the reservation: the queue's lease has."""
    async with centre() as c:
        agent = await c.agent("1001")
        sound = [c.core.directory.agents[AgentId("1001")]]

        def breaks(entry: Entry) -> None:
            if isinstance(entry.event, ev.ContactAssigned) and sound:
                sound.pop().machine = Broken()

        c.core.journal.listen(breaks)
        await c.phone("anna").calls_to("2001")
        offered = await agent.rings()

        first, second = c.of(ev.ContactAssigned)
        assert 1.0 <= second.decided_at - first.decided_at < 1.1
        assert second.decision.place == first.decision.place
        agent.answers(offered)
        await offered.wait("talking")
        assert c.state("1001") == "engaged"


class Broken:
    """A machine that cannot read its next message."""

    def handle(self, message: object) -> list[object]:
        raise RuntimeError(type(message).__name__)


async def test_ports_run_out_and_come_back_m19(autojump_clock) -> None:
    async with centre() as c:
        c.media.free = 1
        anna = c.phone("anna")
        call = await anna.calls_to("2001")
        refused = c.phone("bert").dials("2001")
        await trio.sleep(2)
        assert refused.status == 503
        anna.hangs_up(call)
        await trio.sleep(2)
        await c.phone("carl").calls_to("2001")


async def test_an_agents_leg_without_a_port_is_nobodys_fault(autojump_clock) -> None:
    async with centre() as c:
        await c.agent("1001")
        c.media.free = 1
        call = await c.phone("anna").calls_to("2001")
        await trio.sleep(10)
        assert call.state == "ended"  # after three tries
        assert c.state("1001") == "available"
        assert c.of(ev.ContactEnded)[0].outcome is Outcome.FAILED


async def test_the_media_process_dies_and_its_calls_end_well(autojump_clock) -> None:
    async with centre() as c:
        agent = await c.agent("1001")
        _, call, offered = await connected(c, agent)
        c.media.is_lost()
        await trio.sleep(1)
        assert call.state == offered.state == "ended"
        await trio.sleep(60)
        c.check_nothing_is_left()


@pytest.mark.parametrize("stage", ["flow", "queue", "ringing"])
async def test_whom_a_dying_media_process_cuts_off_has_not_abandoned(autojump_clock, stage) -> None:
    """It is our fault, and is counted so; who waited finds his place again."""
    async with centre() as c:
        agent = await c.agent("1001") if stage == "ringing" else None
        await c.phone("anna").calls_to("2001")
        if stage == "queue":
            await trio.sleep(10)
        if agent is not None:
            await agent.rings()
        c.media.is_lost()
        await trio.sleep(5)
        ended = c.of(ev.ContactEnded)[0]
        assert (ended.outcome, ended.during) == (Outcome.FAILED, During(stage))
        assert (ended.reason, ended.ended_by) == ("media", EndedBy.SYSTEM)
        if agent is not None:
            assert c.state("1001") == "available"  # no penalty
        await trio.sleep(60)
        c.check_nothing_is_left()


async def test_a_session_whose_port_pair_is_not_in_reserve_any_more_ends_its_call_well(
    autojump_clock,
) -> None:
    """The phone has been told of a port at which nobody listens."""
    async with centre() as c:
        agent = await c.agent("1001")
        _, call, offered = await connected(c, agent)
        c.media.refuses(next(iter(c.media.sessions)), NOT_READY)
        await trio.sleep(1)
        assert call.state == offered.state == "ended"
        await trio.sleep(60)
        c.check_nothing_is_left()


async def test_a_reservation_for_a_contact_that_left_is_withdrawn_d03(autojump_clock) -> None:
    """Assignment x abandon: the agent hears of a contact that is not there any more."""
    async with centre() as c:
        await c.agent("1001")
        anna = c.phone("anna")
        call = await anna.calls_to("2003")  # Spanish: not for 1001
        await trio.sleep(5)
        contact = c.of(ev.ContactArrived)[0].contact.id
        anna.hangs_up(call)
        c.core.directory.agents[AgentId("1001")].tell(Reserve(contact, "spanish", 0.0))
        await trio.sleep(5)
        assert c.state("1001") == "available"


def _raise(message: object) -> None:
    raise RuntimeError("planted")
