"""The dispatcher against a reference that looks at everything, every time."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors import messages as m
from actors.dispatcher import Dispatcher
from actors.effects import Record, TellAgent, TellQueue
from actors.ids import AgentId, ContactId, QueueName
from actors.place import Place, requirements_of
from actors.routing.index import MOST_HEADS, fits

SKILLS = ("english", "spanish", "billing")
NEEDS = st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 10), max_size=2)
HAVE = st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 10), max_size=3)


class DispatcherLife(RuleBasedStateMachine):
    """Whoever comes and goes: nobody waits in vain, no agent is given twice, the first is first.

    Nobody gets a contact that must avoid him.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.number = 0
        self.dispatcher = Dispatcher(lambda: self.now)
        self.waiting: dict[ContactId, m.ContactWaits] = {}
        self.available: dict[AgentId, m.AgentAvailable] = {}
        self.paired: dict[ContactId, tuple[AgentId, m.ContactWaits]] = {}

    def next(self) -> int:
        self.number += 1
        self.now += 1.0
        return self.number

    def tell(self, message) -> None:
        expected = self.reference()
        pairs = []
        for effect in self.dispatcher.handle(message):
            match effect:
                case TellAgent(agent, m.Reserve(contact)):
                    assert agent in self.available, "an agent was given who is not available"
                    waits = self.waiting.pop(contact)
                    del self.available[agent]
                    self.paired[contact] = (agent, waits)
                    pairs.append((contact, agent))
                case TellQueue(_, m.ContactPaired(contact, agent)):
                    assert self.paired[contact][0] == agent
                case Record(event):
                    self.computes_again(event)
        assert pairs == expected

    def computes_again(self, event) -> None:
        """From the decision alone: the choice, and that everybody is accounted for."""
        decision, (best, *later) = event.decision, event.decision.candidates
        order = [(c.tried, c.priority, c.since, c.seq) for c in decision.candidates]
        assert order == sorted(order)
        assert best.verdict == "chosen"
        assert all(c.verdict == "later" for c in later)
        assert fits(decision.skills, decision.requirements)
        assert event.agent not in self.paired[event.contact][1].avoid
        on_agent = decision.on == "agent"
        assert best.id == (event.contact if on_agent else event.agent)
        there = len(self.waiting if on_agent else self.available) + 1  # the chosen one has gone
        known = len(decision.candidates) + sum(decision.passed_over.values())
        assert known == there or (known < there and len(decision.candidates) == MOST_HEADS)

    def reference(self) -> list[tuple[ContactId, AgentId]]:
        """Priority, then longest waiting; longest available; who was tried comes last."""
        pairs = [
            (
                agent.agent in contact.tried,
                contact.place,
                (agent.since, agent.seq),
                contact.contact,
                agent.agent,
            )
            for contact in self.waiting.values()
            for agent in self.available.values()
            if fits(agent.skills, contact.requirements) and agent.agent not in contact.avoid
        ]
        return [min(pairs)[3:]] if pairs else []

    @rule(priority=st.integers(1, 3), needs=NEEDS, data=st.data())
    def a_contact_waits(self, priority, needs, data) -> None:
        number = self.next()
        names = st.sampled_from([AgentId(f"a{n}") for n in range(9)])
        tried = data.draw(st.lists(names, max_size=2))
        avoid = data.draw(st.lists(names, max_size=2))
        waits = m.ContactWaits(
            ContactId(f"c{number}"),
            QueueName("q"),
            Place(priority, self.now, number),
            requirements_of(needs),
            self.now,
            tuple(tried),
            tuple(avoid),
        )
        self.waiting[waits.contact] = waits
        self.tell(waits)

    @rule(name=st.integers(0, 8), skills=HAVE)
    def an_agent_is_available(self, name, skills) -> None:
        agent = AgentId(f"a{name}")
        if any(agent == held for held, _ in self.paired.values()):
            return
        number = self.next()
        available = m.AgentAvailable(agent, skills, self.now, number, self.now)
        self.available[agent] = available
        self.tell(available)

    @precondition(lambda self: self.available)
    @rule(data=st.data())
    def an_agent_becomes_unavailable(self, data) -> None:
        agent = data.draw(st.sampled_from(sorted(self.available)))
        del self.available[agent]
        self.tell(m.AgentUnavailable(agent))

    @precondition(lambda self: self.waiting or self.paired)
    @rule(data=st.data())
    def a_contact_leaves(self, data) -> None:
        contact = data.draw(st.sampled_from(sorted({*self.waiting, *self.paired})))
        self.waiting.pop(contact, None)
        self.paired.pop(contact, None)
        self.tell(m.ContactLeft(contact))

    @precondition(lambda self: self.paired)
    @rule(data=st.data())
    def an_agent_answers(self, data) -> None:
        contact = data.draw(st.sampled_from(sorted(self.paired)))
        del self.paired[contact]
        self.tell(m.ContactConnected(contact))

    @precondition(lambda self: self.paired)
    @rule(data=st.data())
    def a_reservation_is_refused(self, data) -> None:
        contact = data.draw(st.sampled_from(sorted(self.paired)))
        agent, waits = self.paired.pop(contact)
        self.waiting[contact] = waits  # at the place it had
        self.tell(m.ReservationRefused(agent, contact))

    @precondition(lambda self: self.paired)
    @rule(data=st.data())
    def a_contact_comes_back(self, data) -> None:
        contact = data.draw(st.sampled_from(sorted(self.paired)))
        _, waits = self.paired.pop(contact)
        self.waiting[contact] = waits
        self.tell(waits)

    @invariant()
    def nobody_waits_in_vain(self) -> None:
        assert not self.reference()
        assert set(self.dispatcher.index.waiting) == set(self.waiting)
        assert set(self.dispatcher.index.available) == set(self.available)


TestDispatcherLife = DispatcherLife.TestCase
TestDispatcherLife.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
