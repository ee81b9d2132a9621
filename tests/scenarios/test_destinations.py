"""Each kind of destination, to consult and to transfer to: V-19, V-21, V-27, V-50, V-51."""

from __future__ import annotations

import pytest
import trio

from actors import commands as c
from actors import events as ev
from actors.ids import AgentId, EntryPointName, QueueName
from actors.reasons import Refusal
from tests.scenarios.test_consult import MUSIC, talking
from tests.scenarios.test_outbound import talking_outside
from tests.scenarios.test_transfer import PSTN
from tests.support.centre import DEFAULT

BOSS = {"id": "1009", "secret": "secret-1009", "role": "supervisor", "skills": {}}
DIRECTORY = [{"name": "Bank", "number": "0123"}, {"name": "Ben", "agent": "1002"}]
CENTRE = {**PSTN, "agents": [*DEFAULT["agents"], BOSS], "directory": DIRECTORY}
DESTINATIONS = {
    "an agent": (c.ToAgent(AgentId("1002")), "1002"),
    "a supervisor": (c.ToAgent(AgentId("1009")), "1009"),
    "a queue": (c.ToQueue(QueueName("spanish")), "1003"),
    "an entry point": (c.ToEntryPoint(EntryPointName("spanish")), "1003"),
    "an entry point's number": (c.ToNumber("2003"), "1003"),
    "an agent's number": (c.ToNumber("1002"), "1002"),
    "a number outside": (c.ToNumber("0456"), "gateway"),
    "a number of the directory": (c.ToDirectory("Bank"), "gateway"),
    "an agent of the directory": (c.ToDirectory("Ben"), "1002"),
}


@pytest.mark.parametrize("kind", DESTINATIONS)
@pytest.mark.parametrize("direction", ["inbound", "outbound"])
async def test_it_is_consulted(autojump_clock, kind, direction) -> None:
    """V-19, in a call of either direction."""
    to, answers = DESTINATIONS[kind]
    others = [] if answers == "gateway" else [answers]
    opened = talking if direction == "inbound" else talking_outside
    async with opened(*others, **CENTRE) as (floor, phones, _):
        if answers == "gateway" and direction == "inbound":
            phones["gateway"] = floor.phone("gateway", "10.0.1.200")
        done = await floor.does("1001", c.Consult(to))
        assert done.state == "consult_requested"  # V-23
        phones[answers].answers(await phones[answers].rings())
        await trio.sleep(1)
        (asked,) = floor.of(ev.ConsultAnswered)
        assert floor.ears() == {"customer": {MUSIC}, "1001": {asked.party}, asked.party: {"1001"}}
        party = floor.allowed(asked.party)
        assert party == (() if answers == "gateway" else ("end_consult",))  # V-26, V-32


@pytest.mark.parametrize("kind", DESTINATIONS)
@pytest.mark.parametrize("direction", ["inbound", "outbound"])
async def test_it_is_transferred_to_blind(autojump_clock, kind, direction) -> None:
    """V-50, V-51: the one who transfers wraps up at once."""
    to, answers = DESTINATIONS[kind]
    others = [] if answers == "gateway" else [answers]
    opened = talking if direction == "inbound" else talking_outside
    async with opened(*others, **CENTRE) as (floor, phones, _):
        if answers == "gateway" and direction == "inbound":
            phones["gateway"] = floor.phone("gateway", "10.0.1.200")
        done = await floor.does("1001", c.Transfer(to))
        assert isinstance(done, c.ContactDone)
        assert floor.state("1001") == "wrap_up"
        phones[answers].answers(await phones[answers].rings())
        await trio.sleep(1)
        (other,) = set(floor.ears()) - {"customer"}
        assert floor.ears() == {"customer": {other}, other: {"customer"}}
        (moved,) = floor.of(ev.ContactTransferred)
        assert (moved.by, moved.how) == ("1001", "blind")


async def test_seats_are_no_destination_of_an_outdial_call_either(autojump_clock) -> None:
    """V-21."""
    queues = [*DEFAULT["queues"], {"name": "seats", "capacity_based": True}]
    entries = [*DEFAULT["entry_points"], {"name": "seats", "numbers": ["2009"]}]
    async with talking_outside(queues=queues, entry_points=entries) as (floor, _, _):
        for to in (c.ToNumber("2009"), c.ToEntryPoint(EntryPointName("seats"))):
            refused = await floor.does("1001", c.Consult(to))
            assert refused.code == Refusal.UNSUPPORTED_DESTINATION
            assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}}


async def test_an_entry_point_takes_a_consult_at_once_and_may_be_joined_unheard(
    autojump_clock,
) -> None:
    """V-27: it accepts anything, so Transfer and Conference are there before anybody answers; and
    joined so early, a blind transfer is not offered: it would leave a second agent ringing.
    """
    async with talking("1003") as (floor, phones, calls):
        await floor.does("1001", c.Consult(c.ToNumber("2003")))
        assert {"conference", "transfer"} <= set(floor.allowed("1001"))
        calls["1003"] = await phones["1003"].rings()
        joined = await floor.does("1001", c.Conference())
        assert joined.state == "connected"
        assert "blind_transfer" not in floor.allowed("1001")
        phones["1003"].answers(calls["1003"])
        await trio.sleep(1)
        assert floor.talk.state() == "conference"
        assert floor.ears()["customer"] == {"1001", "1003"}
