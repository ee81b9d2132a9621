"""What crosses an offer, in both orders and at one instant: R01, R02, R03, R04, R14, R23.

Each crossing is played half a millisecond apart, from well before to well after.  Whom the
dispatcher chose is compared with the model in every one of them (tests/support/centre.py).
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import pytest
import trio

from actors import events as ev
from actors import messages as m
from actors.ids import owner_of
from actors.reasons import OfferFailure, Outcome
from ccserver.media import protocol as media
from sip.message import Request
from tests.support.centre import centre
from tests.support.phones import Phone

SHIFTS = [step * 0.0005 for step in range(-4, 5)]
NETWORK = 0.001
"""What a datagram takes."""
RING_ALL: dict[str, Any] = {
    "queues": [{"name": "support", "requirements": {"english": 1}, "strategy": "ring_all"}],
    "entry_points": [{"name": "support", "numbers": ["2001"]}],
}


def invites(phone: Phone) -> list[Request]:
    return [r for r in phone.heard if isinstance(r, Request) and r.method == "INVITE"]


# --- ring-all ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", SHIFTS)
async def test_the_second_to_answer_is_let_go_within_a_tenth_of_a_second_r01(
    autojump_clock, shift
) -> None:
    """One wins; the other phone is hung up; nobody is ever bridged with two."""
    async with centre(**RING_ALL) as floor:
        phones = [await floor.agent("1001"), await floor.agent("1002")]
        await floor.phone("anna").calls_to("2001")
        offers = [await phone.rings() for phone in phones]
        commands = floor.media.log_commands()
        instant = trio.current_time() + 1
        for when, which in sorted(zip((0.0, shift), (0, 1), strict=True)):
            await trio.sleep_until(instant + when)
            if offers[which].state == "ringing":  # and has not been taken back meanwhile
                phones[which].answers(offers[which])
        await trio.sleep_until(instant + 0.05)
        (connected,) = floor.of(ev.ContactConnected)
        won = [phone.name for phone in phones].index(connected.agent)
        assert shift == 0 or won == (shift < 0)  # the first that was heard
        await offers[1 - won].wait("ended")
        assert trio.current_time() - instant < 0.1
        await trio.sleep(1)
        assert (offers[won].state, floor.state(phones[1 - won].name)) == ("talking", "available")
        assert len(floor.of(ev.ContactConnected)) == 1
        heard = {c.session for c in commands if isinstance(c, media.Hear) and c.sources}
        assert heard == {connected.leg, floor.contact.customer}


@pytest.mark.parametrize("shift", SHIFTS)
async def test_a_leg_that_starts_as_another_answers_leaves_nobody_reserved_r02(
    autojump_clock, shift
) -> None:
    async with centre(**RING_ALL) as floor:
        first, second = await floor.agent("1001"), await floor.agent("1002")
        floor.media.slow["2"] = 1.0  # his leg has a port a second later
        anna = await floor.phone("anna").calls_to("2001")
        offered = await first.rings()
        opens = floor.of(ev.ContactAssigned)[0].decided_at + 1.0
        await trio.sleep_until(opens + shift - NETWORK)
        first.answers(offered)
        await offered.wait("talking")
        await trio.sleep(1)
        assert (floor.state("1001"), floor.state("1002")) == ("engaged", "available")
        assert [call.state for call in second.calls] in ([], ["ended"])
        assert shift == 0 or bool(invites(second)) is (shift > 0)
        (connected,) = floor.of(ev.ContactConnected)
        assert (connected.agent, anna.state) == ("1001", "talking")


# --- a caller who hangs up ----------------------------------------------------------------------


@pytest.mark.parametrize("shift", SHIFTS)
async def test_a_caller_hangs_up_while_the_agents_leg_is_being_made_r03(
    autojump_clock, shift
) -> None:
    """No call to the agent; or one that is taken back, if its INVITE had gone."""
    async with centre() as floor:
        phone, anna = await floor.agent("1001"), floor.phone("anna")
        floor.media.slow["1"] = 1.0
        call = await anna.calls_to("2001")
        await trio.sleep(2.5)  # the greeting is over, and the agent's leg is being made
        opens = floor.of(ev.ContactAssigned)[0].decided_at + 1.0
        await trio.sleep_until(opens + shift - NETWORK)
        anna.hangs_up(call)
        await trio.sleep(1)
        assert shift == 0 or bool(invites(phone)) is (shift > 0)
        assert [each.state for each in phone.calls] in ([], ["ended"])
        assert floor.state("1001") == "available"
        (ended,) = floor.of(ev.ContactEnded)
        assert ended.outcome is Outcome.ABANDONED
        await trio.sleep(40)
        floor.check_nothing_is_left()


@pytest.mark.parametrize("shift", SHIFTS)
async def test_a_caller_hangs_up_as_an_agent_is_looked_for_r03(autojump_clock, shift) -> None:
    """The agent comes as the customer goes: he is called by nobody, and free for the next."""
    async with centre() as floor:
        phone, anna = floor.phone("1001"), floor.phone("anna")
        call = await anna.calls_to("2001")
        await trio.sleep(5)
        instant = trio.current_time() + 1

        async def hangs_up() -> None:
            await trio.sleep_until(instant + shift + NETWORK)  # a REGISTER takes a challenge
            anna.hangs_up(call)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(hangs_up)
            await trio.sleep_until(instant - NETWORK)
            await phone.registers("secret-1001")
        await trio.sleep(1)
        assert [each.state for each in phone.calls] in ([], ["ended"])
        assert floor.state("1001") == "available"
        assert [e.outcome for e in floor.of(ev.ContactEnded)] == [Outcome.ABANDONED]
        await floor.phone("bert").calls_to("2001")
        while (await phone.rings()).state == "ended":
            pass  # what rang for the one who has gone


# --- an agent who vanishes ----------------------------------------------------------------------


@pytest.mark.parametrize("shift", SHIFTS)
async def test_an_agent_answers_and_vanishes_and_the_customer_is_first_in_line_r04(
    autojump_clock, shift
) -> None:
    """His phone loses its power as it answers: before the 200 has gone, or after.

    Nobody is left talking with him; the customer waits in front of one who came later, and counts
    from when he came.
    """
    async with centre() as floor:
        phone, anna, bert = await floor.agent("1001"), floor.phone("anna"), floor.phone("bert")
        call = await anna.calls_to("2001")
        offered = await phone.rings()
        await bert.calls_to("2001")
        first, second = floor.core.directory.contacts
        instant = trio.current_time() + 1
        acts: list[Any] = [(instant, phone.answers, offered), (instant + shift, phone.loses_power)]
        for when, act, *what in sorted(acts, key=itemgetter(0)):
            await trio.sleep_until(when)
            act(*what)
        await trio.sleep(25)
        for connected in floor.of(ev.ContactConnected):
            floor.media.falls_silent(connected.leg)
        await trio.sleep(1)
        assert floor.state("1001") in ("idle:rona", "idle:phone_lost")
        assert call.state == "talking"
        assert [owner_of(each) for each in floor.queue("support")] == [first, second]
        before = floor.of(ev.ContactQueued)[0]
        other = await floor.agent("1002")
        again = await other.rings()
        other.answers(again)
        await again.wait("talking")
        connected = floor.of(ev.ContactConnected)[-1]
        assert connected.contact.id == first
        assert connected.waited == pytest.approx(trio.current_time() - before.place.since, abs=0.01)


CROWD = 12


async def test_agents_who_are_cut_off_are_offered_one_contact_each_r23(autojump_clock) -> None:
    """A crowd signs in within a second, is cut off at once, and is back after half a minute.

    Nobody is offered to a dead phone twice, and the line is that of those who came.
    """
    agents = [
        {"id": str(1001 + n), "secret": f"secret-{1001 + n}", "skills": {"english": 5}}
        for n in range(CROWD)
    ]
    async with centre(agents=agents) as floor:
        phones = [await floor.agent(agent["id"]) for agent in agents]
        for phone in phones:
            phone.silent = True
        callers = [floor.phone(f"caller{n}") for n in range(CROWD)]
        for caller in callers:
            caller.dials("2001")
            await trio.sleep(0.1)
        await trio.sleep(30)
        offered = [assigned.agent for assigned in floor.of(ev.ContactAssigned)]
        assert sorted(offered) == [agent["id"] for agent in agents]
        came = [arrived.contact.id for arrived in floor.of(ev.ContactArrived)]
        assert [owner_of(each) for each in floor.queue("support")] == came
        for phone, agent in zip(phones, agents, strict=True):
            phone.silent = False
            await phone.registers(agent["secret"])
            await floor.commands(agent["id"], m.SetAvailable())
        # Each is given the first of those whom he has not failed, which is not the first of all.
        again = [assigned.contact for assigned in floor.of(ev.ContactAssigned)[CROWD:]]
        assert sorted(map(owner_of, again)) == sorted(came)


# --- a phone that registers anew ----------------------------------------------------------------


@pytest.mark.parametrize("stage", ["before the INVITE", "ringing"])
async def test_a_phone_that_registers_from_elsewhere_rings_there_r14(autojump_clock, stage) -> None:
    """It has started again, or its router has: what rang is heard by nobody."""
    async with centre() as floor:
        old = await floor.agent("1001")
        if stage == "before the INVITE":
            floor.media.slow["1"] = 2.0
        await floor.phone("anna").calls_to("2001")
        await trio.sleep(4)
        old.silent = True
        new = await floor.agent("1001")
        offered = await new.rings()
        new.answers(offered)
        await offered.wait("talking")
        await trio.sleep(1)
        assert floor.state("1001") == "engaged"
        assert not floor.of(ev.ContactOfferFailed)


async def test_a_phone_that_registers_before_the_offer_rings_there_alone_r14(
    autojump_clock,
) -> None:
    """The other order: nothing was on its way to the old place alone."""
    async with centre() as floor:
        old = await floor.agent("1001")
        old.silent = True
        new = await floor.agent("1001")
        await floor.phone("anna").calls_to("2001")
        new.answers(await new.rings())
        await trio.sleep(1)
        assert floor.state("1001") == "engaged"
        assert len(new.calls) == 1


async def test_nobody_has_missed_what_a_new_phone_did_not_ring_for_long_enough_r14(
    autojump_clock,
) -> None:
    """The time of the offer is over soon after: he is offered it again, for all of the time."""
    async with centre() as floor:
        old = await floor.agent("1001")
        await floor.phone("anna").calls_to("2001")
        await old.rings()
        await trio.sleep(17)  # of 18
        old.silent = True
        new = await floor.agent("1001")
        first = await new.rings()
        await first.wait("ended")
        second = await new.rings()
        rang_from = trio.current_time()
        assert not floor.of(ev.ContactOfferFailed)
        assert floor.state("1001") == "reserved"
        await second.wait("ended")
        assert trio.current_time() - rang_from == pytest.approx(18, abs=0.01)
        assert floor.state("1001") == "idle:rona"
        (failed,) = floor.of(ev.ContactOfferFailed)
        assert failed.reason is OfferFailure.RONA


async def test_a_phone_that_registers_as_its_agent_answers_is_not_called_r14(
    autojump_clock,
) -> None:
    """He talks; his other phone does not ring for what he has."""
    for shift in SHIFTS:
        async with centre() as floor:
            old, new = await floor.agent("1001"), floor.phone("1001")
            await floor.phone("anna").calls_to("2001")
            offered = await old.rings()
            instant = trio.current_time() + 1

            async def registers(phone: Phone, when: float) -> None:
                await trio.sleep_until(when)
                await phone.registers("secret-1001")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(registers, new, instant - 2 * NETWORK)
                await trio.sleep_until(instant + shift)
                old.answers(offered)
            await offered.wait("talking")
            await trio.sleep(1)
            assert floor.state("1001") == "engaged"
            assert [call.state for call in new.calls] in ([], ["ended"])
            assert len(floor.of(ev.ContactConnected)) == 1
