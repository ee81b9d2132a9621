"""Two things at one tick, in both orders: R10, R11, R15, R24."""

from __future__ import annotations

import pytest
import trio

from actors import commands as c
from actors import events as ev
from actors import messages as m
from actors.ids import AgentId
from actors.reasons import Outcome, Refusal
from tests.scenarios.test_consult import talking
from tests.support.centre import DEFAULT, centre

GREETING = 2.0
"""How long a prompt lasts here."""


@pytest.mark.parametrize("first", ["customer", "agent", "desktop"])
async def test_a_call_that_both_sides_end_is_counted_once_r10(autojump_clock, first) -> None:
    async with talking() as (floor, phones, calls):
        ends = {
            "customer": lambda: phones["anna"].hangs_up(calls["anna"]),
            "agent": lambda: phones["1001"].hangs_up(calls["1001"]),
        }
        if first == "desktop":
            await floor.does("1001", c.End())
        else:
            ends.pop(first)()
        for end in ends.values():
            end()
        await trio.sleep(20)
        (ended,) = floor.of(ev.ContactEnded)
        assert ended.outcome is Outcome.HANDLED
        assert len(floor.of(ev.WrapUpEnded)) == 1
        figures = floor.core.fold.figures()
        support = figures.queues["support"]
        assert (support.offered, support.handled, support.in_service) == (1, 1, 0)
        measured = (figures.talk, figures.wrap_up, figures.answer)
        assert [sum(times.counts) for times in measured] == [1, 1, 1]
        assert floor.state("1001") == "available"
        floor.check_nothing_is_left()


@pytest.mark.parametrize("comes", ["agent", "contacts"])
async def test_an_agent_of_two_queues_is_given_one_contact_r11(autojump_clock, comes) -> None:
    """Both queues have one for him at the same tick."""
    both = {"id": "1001", "secret": "secret-1001", "skills": {"english": 8, "spanish": 8}}
    async with centre(agents=[both, *DEFAULT["agents"][1:]]) as floor:
        anna, bert = floor.phone("anna"), floor.phone("bert")
        if comes == "contacts":
            phone = await floor.agent("1001")
        anna.dials("2001")
        bert.dials("2003")
        await trio.sleep(GREETING + 1)
        if comes == "agent":
            phone = await floor.agent("1001")
        await trio.sleep(1)
        assert [call.state for call in phone.calls] == ["ringing"]
        waiting = len(floor.queue("support")) + len(floor.queue("spanish"))
        assert waiting == 1
        phone.answers(phone.calls[0])
        await trio.sleep(5)
        assert len([call for call in phone.calls if call.incoming]) == 1
        anna_or_bert = floor.of(ev.ContactConnected)
        assert len(anna_or_bert) == 1


async def test_who_misses_three_offers_is_seen_to_and_comes_back_by_himself_r15(
    autojump_clock,
) -> None:
    async with centre() as floor:
        phone = await floor.agent("1001")
        await floor.phone("anna").calls_to("2001")
        for missed in (1, 2, 3):
            ringing = await phone.rings()
            await ringing.wait("ended")
            assert floor.state("1001") == "idle:rona"
            assert len(floor.of(ev.ContactOfferFailed)) == missed
            shown = floor.core.live.agents[AgentId("1001")]
            assert (shown.state, shown.code) == ("idle", "rona")
            assert {"available", "idle"} <= set(shown.allowed)  # V-7: the choice is his
            await trio.sleep(30)
            assert len(phone.calls) == missed  # and nothing comes before he has chosen
            done = await floor.commands("1001", m.SetAvailable())
            assert isinstance(done, m.Done)
        phone.answers(await phone.rings())
        await trio.sleep(1)
        assert floor.state("1001") == "engaged"


@pytest.mark.parametrize("first", ["transfer", "queue"])
async def test_a_transfer_to_who_becomes_busy_at_the_same_tick_r24(autojump_clock, first) -> None:
    """Whoever is heard first has him; the other loses nothing."""
    async with talking("1002") as (floor, phones, calls):
        anna = floor.contact.id
        await floor.phone("bert").calls_to("2001")
        if first == "transfer":
            await trio.sleep(GREETING - 0.01)
        else:
            assigned = trio.Event()
            floor.core.journal.listen(
                lambda entry: isinstance(entry.event, ev.ContactAssigned) and assigned.set()
            )
            await assigned.wait()
        answer = await floor.tells(anna, "1001", c.Transfer(c.ToAgent(AgentId("1002"))))
        await trio.sleep(1)
        (ringing,) = phones["1002"].calls
        who = ringing.invite.from_.uri.user
        if first == "transfer":
            assert isinstance(answer, c.ContactDone)
            assert who == "anna"
        else:
            assert answer.code == Refusal.DESTINATION_NOT_FREE
            assert (who, calls["1001"].state) == ("bert", "talking")
            (failed,) = floor.of(ev.ContactTransferFailed)
            assert failed.reason == "AGENT_BUSY"
