"""A conversation's time, divided among those who take part in it.

Of the customer: he talks, is held, or has left the others to each other (Post Call).  Of each
agent: what he does himself, as ``contact.state_changed`` says of him.
"""

from __future__ import annotations

from collections.abc import Iterable

from actors import events as ev
from actors.ids import AgentId

TALK, HOLD, CONSULT, POST_CALL, CONSULTED, MONITORING = (
    "talk",
    "hold",
    "consult",
    "post_call",
    "consulted",
    "monitoring",
)
"""What an agent does; the figures have fields of these names."""

_DOES = {
    "connected": TALK,
    "conference": TALK,
    "consult_on_hold": TALK,
    "held": HOLD,
    "both_on_hold": HOLD,
    "consult_requested": CONSULT,
    "consulting": CONSULT,
    "post_call": POST_CALL,
}
CONSULTING = frozenset(("consult_requested", "consulting", "consult_on_hold", "both_on_hold"))
"""States of a conversation in which somebody is consulted, or sought for it."""


class Part:
    """One agent's, from his coming to his leaving."""

    __slots__ = ("agent", "does", "main", "seconds")

    def __init__(self, agent: AgentId) -> None:
        self.agent = agent
        self.does = TALK
        self.main = False
        """He has talked with the customer, or could."""
        self.seconds: dict[str, float] = {}

    def take(self, participant: ev.Participant) -> None:
        if participant.kind == "supervisor":
            self.does = MONITORING
        elif participant.part == "consulted":
            self.does = CONSULTED
        else:
            self.does = _DOES.get(participant.state, TALK)
            self.main = True


class Talk:
    """Who takes part now, and what the customer meets."""

    __slots__ = ("consults", "customer", "is_conference", "is_on", "parts")

    def __init__(self) -> None:
        self.is_on = False
        """Somebody is there beside the customer."""
        self.parts: dict[AgentId, Part] = {}
        self.customer = HOLD
        """talk, hold or post_call."""
        self.consults = self.is_conference = False

    def begin(self, agent: AgentId) -> list[Part]:
        """An agent has answered: until more is told, the two talk.  Who leaves with this."""
        gone = self.end()
        self.is_on, self.customer = True, TALK
        part = self.parts[agent] = Part(agent)
        part.main = True
        return gone

    def change(self, event: ev.ContactStateChanged) -> tuple[list[Part], list[Part], bool]:
        """Who comes, who goes, and whether it became a conference."""
        if event.state == "over":
            return [], self.end(), False
        agents = [p for p in event.participants if p.kind in ("agent", "supervisor")]
        here = {p.id for p in agents}
        gone = [self.parts.pop(name) for name in list(self.parts) if name not in here]
        come = []
        for participant in agents:
            name = AgentId(participant.id)
            part = self.parts.get(name)
            if part is None:
                part = self.parts[name] = Part(name)
                come.append(part)
            part.take(participant)
        self.is_on = True
        self.consults = event.state in CONSULTING
        self.customer = _of_customer(event)
        was, self.is_conference = self.is_conference, _in_main(event.participants) > 2
        return come, gone, self.is_conference and not was

    def end(self) -> list[Part]:
        """Who took part."""
        gone = list(self.parts.values())
        self.parts = {}
        self.is_on = self.consults = self.is_conference = False
        self.customer = HOLD
        return gone


def _of_customer(event: ev.ContactStateChanged) -> str:
    for participant in event.participants:
        if participant.kind == "customer":
            return HOLD if participant.state == "held" else TALK
    return POST_CALL


def _in_main(participants: Iterable[ev.Participant]) -> int:
    return sum(p.part != "consulted" and p.kind != "supervisor" for p in participants)
