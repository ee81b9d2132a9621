"""An agent's machine with its effects at hand."""

from __future__ import annotations

from itertools import count

from actors import messages as m
from actors.agent import Agent, AgentSettings
from actors.effects import Record, ReplyTo, TellDispatcher
from actors.ids import AgentId, ContactId, QueueName
from actors.reasons import EndedBy, OfferFailure
from sip.machine import StartTimer
from sip.transport.path import Path

AGENT = AgentId("1001")
QUEUE = QueueName("support")
CONTACT = ContactId("c1")
PHONE_FAILURES = sorted(why for why in OfferFailure if not why.endswith("_LIMIT"))
"""A limit is met before any phone is called, and never at an agent's."""
TARGET = m.Target("sip:1001@x", "sip:1001@10.0.0.9", Path("udp", 0, ("10.0.0.9", 5060)))


class Desk:
    """An agent whose effects are kept."""

    def __init__(self, sign_in: str = "on_register", wrap_up: float = 10.0) -> None:
        self.now = 100.0
        tickets = count(1)
        settings = AgentSettings(
            AGENT,
            {"english": 5},
            sign_in,
            ("break", "lunch"),
            {QUEUE: wrap_up},
            18.0,
            3600.0,
            frozenset({"solved", "wrong-number"}),
        )
        self.agent = Agent(settings, lambda: self.now, lambda: next(tickets))
        self.effects: list = []

    def hears(self, message) -> list:
        self.effects = self.agent.handle(message)
        return self.effects

    def commands(self, command, expect=None):
        self.hears(m.AgentCommandReceived(command, "test", expect))
        return next(e.answer for e in self.effects if isinstance(e, ReplyTo))

    def told_dispatcher(self) -> list:
        return [e.message for e in self.effects if isinstance(e, TellDispatcher)]

    def registers(self) -> Desk:
        self.hears(m.PhonesChanged((TARGET,)))
        return self

    def reserved(self) -> Desk:
        self.registers().hears(m.Reserve(CONTACT, QUEUE, self.now))
        return self

    def engaged(self) -> Desk:
        self.reserved().hears(m.OfferAnswered(CONTACT))
        return self

    def wrapping_up(self) -> Desk:
        """Of a conversation that the customer ended; the phone is on the hook."""
        self.engaged().hears(m.ConversationEnded(CONTACT, EndedBy.CUSTOMER))
        self.hears(m.AgentLegDown(CONTACT))
        return self

    def recorded(self, kind: type) -> list:
        events = [e.event for e in self.effects if isinstance(e, Record)]
        return [event for event in events if isinstance(event, kind)]

    def leases(self) -> list[float]:
        return [e.seconds for e in self.effects if isinstance(e, StartTimer)]

    @property
    def code(self) -> str | None:
        return getattr(self.agent.availability.state, "code", None)
