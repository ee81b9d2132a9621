"""Stories of callers and agents, for a server that may die at any of their events."""

from __future__ import annotations

from typing import Any

from actors import commands as c
from actors import messages as m
from actors.ids import AgentId
from tests.scenarios.test_transfer import PSTN
from tests.support.centre import DEFAULT
from tests.support.kill_points import Kills, People, Story, tell


async def a_queue(people: People) -> float:
    """Three callers and two agents; one caller gives up."""
    await people.agent("1001", talks=10)
    await people.agent("1002", rings=3, talks=8)
    people.caller("anna", 0.5, 60)
    people.caller("bert", 1.0, 60)
    people.caller("cora", 1.5, 60)
    people.caller("dave", 2.0, 9)
    people.click(8.0, "1001", m.SetIdle("lunch"))
    people.click(30.0, "1001", m.SetAvailable())
    return 70.0


async def a_conversation(people: People) -> float:
    """Held, consulted, conferred, handed over."""
    await people.agent("1001", talks=40)
    people.caller("anna", 0.5, 60)
    await people.agent("1002", talks=30)
    people.click(6.0, "1001", c.Hold())
    people.click(8.0, "1001", c.Resume())
    people.click(10.0, "1001", c.Consult(c.ToAgent(AgentId("1002"))))
    people.click(14.0, "1001", c.Conference())
    people.click(18.0, "1001", c.ExitConference())
    people.click(26.0, "1002", c.Transfer(c.ToAgent(AgentId("1001"))))
    return 75.0


async def nobody_answers(people: People) -> float:
    """One agent lets it ring until he is set idle; the other is too far from his phone."""
    await people.agent("1001", rings=50)
    people.caller("anna", 0.5, 70)
    await people.agent("1002", rings=16, talks=10)
    people.click(30.0, "1001", m.SetAvailable())
    return 80.0


async def sent_to_another_queue(people: People) -> float:
    await people.agent("1001", talks=30)
    people.caller("anna", 0.5, 60)
    people.click(8.0, "1001", c.Transfer(c.ToQueue("spanish")))
    people.caller("bert", 9.0, 40)
    await people.agent("1003", talks=9)
    return 70.0


async def calls_outside(people: People) -> float:
    """An agent calls a number from his desktop; the gateway answers."""
    people.gateway("10.0.1.200", rings=2.0, talks=15.0)
    await people.agent("1001", talks=30)
    people.click(1.0, "1001", m.PlaceCall("0123"))
    people.click(12.0, "1001", c.Hold())
    people.click(40.0, "1001", m.PlaceCall("0124"))
    return 75.0


STORIES: dict[str, tuple[Story, Any]] = {
    "a queue": (a_queue, DEFAULT),
    "a conversation": (a_conversation, DEFAULT),
    "nobody answers": (nobody_answers, DEFAULT),
    "another queue": (sent_to_another_queue, DEFAULT),
    "calls outside": (calls_outside, PSTN),
}


async def length_of(story: Story, settings: Any) -> int:
    """How many events it makes while nobody dies."""
    return (await lengths_of(story, settings))[0]


async def lengths_of(story: Story, settings: Any) -> tuple[int, int]:
    """How many events, and how many datagrams of the server, it makes while nobody dies."""
    floor = await tell(story, Kills([]), **settings)
    return len(floor.disk.rows), floor.datagrams
