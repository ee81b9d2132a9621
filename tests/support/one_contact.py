"""The centre that one contact lives in, for tests that drive its machine alone."""

from __future__ import annotations

from msgspec.structs import replace

from actors import commands as c
from actors import messages as m
from actors.dial_plan import DialPlan, Gateway, Rule
from actors.diversion import Busy, Diversion, Farewell
from actors.dossier import AgentCard, World
from actors.flow import (
    Announcement,
    AnswerCall,
    Comfort,
    EntryPoint,
    PlayPrompt,
    QueuePlan,
    SayPosition,
    WaitInQueue,
)
from actors.ids import AgentId, ContactId, EntryPointName, LegId, QueueName
from actors.permissions import ACTIONS
from sip.message import NameAddr, Uri
from sip.transport.path import Path

CUSTOMER = LegId("c1/0")
OWN = LegId("c1/1")
"""By which an agent has called us himself."""
CONTACT = ContactId("c1")
QUEUES = (QueueName("support"), QueueName("sales"))
SUPPORT, SALES = (QueuePlan(name, "music.wav", 18.0, "sorry.wav") for name in QUEUES)
PLANS = {
    QUEUES[0]: replace(
        SUPPORT,
        diversions=(
            Diversion("no_agents", c.ToNumber("0123")),
            Diversion("waiting", c.ToQueue(QUEUES[1]), 20),
        ),
        overflows=(
            Diversion("waited", c.ToQueue(QUEUES[1]), 20),
            Diversion("none_working", Farewell("sorry.wav")),
        ),
        treatment=(
            Announcement(SayPosition(10, silent=False, only_better=False), 3, 5),
            Announcement(Comfort("comfort.wav"), 4, 6),
        ),
    ),
    QUEUES[1]: replace(
        SALES,
        diversions=(Diversion("no_agents", Busy()),),
        overflows=(
            Diversion("none_working", c.ToEntryPoint(EntryPointName("support"))),
            Diversion("waited", c.ToNumber("0123"), 40),
        ),
    ),
}
ENTRY = EntryPoint(
    EntryPointName("support"), (AnswerCall(), PlayPrompt("greeting.wav"), WaitInQueue(QUEUES[0]))
)
SEEN = m.QueueSeen(CONTACT, QUEUES[0], 3, 1, signed_in=4, working=2)
HOST = Path("udp", 0, ("10.0.0.9", 5060))
TARGET = m.Target("sip:1001@x", "sip:1001@10.0.0.9", HOST)
CALLER = NameAddr("Anna", Uri.parse("sip:anna@example.com"))
AGENTS = [AgentId(str(1001 + n)) for n in range(8)]
SUPERVISOR = AgentId("1009")
WORLD = World(
    PLANS,
    {ENTRY.name: ENTRY},
    {**{name: AgentCard() for name in AGENTS}, SUPERVISOR: AgentCard(role="supervisor")},
    DialPlan((Rule("0", frozenset({"agent"}), Gateway("pstn", "10.0.0.8:5060", HOST)),)),
)
DESTINATIONS = [
    *(c.ToAgent(agent) for agent in AGENTS[:4]),
    *(c.ToQueue(queue) for queue in QUEUES),
    c.ToEntryPoint(ENTRY.name),
    c.ToNumber("0123"),
    c.ToNumber("999"),
]
COMMANDS = [
    *(command for name, command in ACTIONS.items() if name not in ("consult", "blind_transfer")),
    *(c.Consult(to) for to in DESTINATIONS),
    *(c.Transfer(to) for to in DESTINATIONS),
]
