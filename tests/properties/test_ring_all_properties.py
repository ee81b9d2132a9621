"""Several ring for one contact: each of them hears once what became of it (R01, R02)."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from actors import messages as m
from actors.dossier import Dossier, World
from actors.effects import StartLeg, TellAgent, TellLeg
from actors.events import ContactRef
from actors.flow import QueuePlan
from actors.ids import AgentId, ContactId, LegId, QueueName
from actors.place import Place
from actors.search import Found, InQueue, Over, Ringing, Search, Waiting
from sip.machine import TimerFired
from sip.message import NameAddr, Uri
from sip.transport.path import Path

CONTACT, QUEUE = ContactId("c1"), QueueName("support")
PLAN = QueuePlan(QUEUE, "music.wav", 18.0)
PHONE = m.Target("sip:1001@x", "sip:1001@10.0.0.9", Path("udp", 0, ("10.0.0.9", 5060)))
LAST_WORDS = (m.OfferAnswered, m.OfferFailed, m.OfferWithdrawn)


class RingAllLife(RuleBasedStateMachine):
    """``owed``: agents who were reserved and have not been told how it ended."""

    def __init__(self) -> None:
        super().__init__()
        caller = NameAddr("", Uri.parse("sip:anna@example.com"))
        dossier = Dossier(
            ContactRef(CONTACT),
            LegId("c1/0"),
            caller,
            World({QUEUE: PLAN}),
            lambda: 7.0,
            lambda: 1e9,
            arrival=1,
        )
        self.search = Search(dossier, InQueue(PLAN, Place(5, 7.0, 1)))
        self.owed: set[AgentId] = set()
        self.ringing: set[LegId] = set()
        self.of_leg: dict[LegId, AgentId] = {}
        self.found: list[Found] = []
        self.agents = 0
        self.assigning: AgentId | None = None
        self.does(self.search.start())

    def does(self, outcome) -> None:
        for item in outcome:
            match item:
                case StartLeg(leg):
                    assert self.assigning is not None
                    self.ringing.add(leg)
                    self.of_leg[leg] = self.assigning
                case TellLeg(leg, m.HangUp()):
                    assert leg in self.ringing, "hung up twice, or never called"
                    self.ringing.discard(leg)
                case TellAgent(agent, message) if isinstance(message, LAST_WORDS):
                    assert agent in self.owed, "told twice, or never reserved"
                    self.owed.discard(agent)
                case Found():
                    self.found.append(item)

    def hears(self, message) -> None:
        if self.search.concerns(message):
            self.does(self.search.handle(message))

    @rule(phones=st.integers(0, 2))
    def another_agent_is_reserved(self, phones) -> None:
        """Early, or as the search has ended."""
        self.agents += 1
        self.assigning = AgentId(f"{1000 + self.agents}")
        self.owed.add(self.assigning)
        self.hears(m.Assigned(CONTACT, self.assigning, (PHONE,) * phones, 7.0, shared=True))

    @precondition(lambda self: self.ringing)
    @rule(data=st.data())
    def a_phone_rings(self, data) -> None:
        leg = data.draw(st.sampled_from(sorted(self.ringing)))
        self.hears(m.LegInvited(leg, 7.0))
        self.hears(m.LegRinging(leg))

    @precondition(lambda self: self.ringing)
    @rule(data=st.data(), status=st.sampled_from([486, 480, 603, 500]))
    def a_phone_fails(self, data, status) -> None:
        leg = data.draw(st.sampled_from(sorted(self.ringing)))
        self.ringing.discard(leg)
        self.hears(m.LegEnded(leg, "rejected", status))

    @precondition(lambda self: self.ringing)
    @rule(data=st.data(), port=st.integers(5060, 5063))
    def a_phone_registers_anew(self, data, port) -> None:
        """It may have been called there already."""
        leg = data.draw(st.sampled_from(sorted(self.ringing)))
        self.assigning = self.of_leg[leg]
        phone = replace(PHONE, path=Path("udp", 0, ("10.0.0.9", port)))
        self.hears(m.PhonesAdded(CONTACT, self.assigning, (phone,)))

    @precondition(lambda self: self.ringing)
    @rule(data=st.data())
    def a_phone_is_answered(self, data) -> None:
        leg = data.draw(st.sampled_from(sorted(self.ringing)))
        self.hears(m.LegAnswered(leg))
        if self.found:
            self.ringing.discard(leg)
            assert self.found[-1].agent == self.of_leg[leg]

    @precondition(lambda self: self.ringing)
    @rule(data=st.data())
    def an_agent_is_lost(self, data) -> None:
        """His lease has run out: he knows, and is told nothing more."""
        agent = self.of_leg[data.draw(st.sampled_from(sorted(self.ringing)))]
        self.owed.discard(agent)
        self.hears(m.AgentLost(CONTACT, agent))

    @rule()
    def nobody_answers_in_time(self) -> None:
        self.hears(TimerFired(self.search.timer))

    @rule()
    def the_customer_hangs_up(self) -> None:
        if not isinstance(self.search.state, Over):
            self.does(self.search.give_up())

    @invariant()
    def who_rings_is_owed_an_answer_and_nobody_else(self) -> None:
        match self.search.state:
            case Ringing() as ringing:
                assert {each.agent for each in ringing.all()} == self.owed
                assert {leg for each in ringing.all() for leg in each.legs} == self.ringing
            case Waiting() | Over():
                assert not self.owed
                assert not self.ringing

    @invariant()
    def one_has_the_call_at_most(self) -> None:
        assert len(self.found) <= 1


TestRingAllLife = RingAllLife.TestCase
TestRingAllLife.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
