"""Whatever the phones, the dispatcher and the clock do to a contact: nothing leaks."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors import events as ev
from actors import messages as m
from actors.contact import Connected, Contact, Ending, Ringing, Start, Waiting
from actors.effects import Bridge, Record, StartLeg, TellAgent, TellLeg, TellQueue
from actors.flow import AnswerCall, EntryPoint, PlayPrompt, QueuePlan, WaitInQueue
from actors.ids import AgentId, ContactId, EntryPointName, LegId, QueueName
from sip.machine import CancelTimer, StartTimer, Stop, TimerFired
from sip.message import NameAddr, Uri
from sip.transport.path import Path

CUSTOMER = LegId("c1/0")
CONTACT = ContactId("c1")
QUEUE = QueueName("support")
PLAN = QueuePlan(QUEUE, (), "music.wav", 18.0, "sorry.wav")
ENTRY = EntryPoint(
    EntryPointName("support"), (AnswerCall(), PlayPrompt("greeting.wav"), WaitInQueue(QUEUE))
)
TARGET = m.Target("sip:1001@x", "sip:1001@10.0.0.9", Path("udp", 0, ("10.0.0.9", 5060)))
CALLER = NameAddr("Anna", Uri.parse("sip:anna@example.com"))


class ContactLife(RuleBasedStateMachine):
    """Legs, timers, the queue and the agent are watched from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.contact = Contact(
            ev.ContactRef(CONTACT),
            CUSTOMER,
            ENTRY,
            {QUEUE: PLAN},
            caller=CALLER,
            ani="anna",
            dnis="2001",
            arrival=1,
            now=lambda: self.now,
            longest=3600.0,
        )
        self.timers: set[str] = set()
        self.legs: dict[LegId, str] = {CUSTOMER: "calling"}
        self.held: list[AgentId] = []
        self.in_queue = self.stopped = False
        self.terminal = 0
        self.agents = 0
        self.tokens = 0
        self.send(Start())

    def send(self, message) -> None:
        self.now += 0.5
        for effect in self.contact.handle(message):
            assert not self.stopped, "an effect after Stop"
            match effect:
                case StartTimer(name, _):
                    self.timers.add(name)
                case CancelTimer(name):
                    self.timers.discard(name)
                case Stop():
                    self.stopped = True
                case StartLeg(leg):
                    self.legs[leg] = "calling"
                case TellLeg(leg, m.HangUp()):
                    if leg in self.legs:
                        self.legs[leg] = "leaving"
                case Bridge(one, other):
                    assert self.legs[one] == self.legs[other] == "up"
                case TellQueue(_, m.JoinQueue()):
                    assert not self.in_queue
                    self.in_queue = True
                case TellQueue(_, m.LeaveQueue()):
                    self.in_queue = False
                case TellAgent(agent, m.OfferWithdrawn() | m.OfferFailed() | m.PhoneLost()):
                    self.held.remove(agent)
                case TellAgent(agent, m.ConversationEnded()):
                    self.held.remove(agent)
                case Record(ev.ContactEnded()):
                    self.terminal += 1

    def agent_legs(self, *states: str) -> list[LegId]:
        return sorted(leg for leg, s in self.legs.items() if leg != CUSTOMER and s in states)

    @rule()
    def nothing_happens(self) -> None:
        """So that a contact that has ended is no dead end of the exploration."""

    @precondition(lambda self: self.legs.get(CUSTOMER) == "calling" and not self.stopped)
    @rule()
    def the_customers_leg_is_up(self) -> None:
        self.legs[CUSTOMER] = "up"
        self.send(m.LegAnswered(CUSTOMER))

    @precondition(lambda self: not self.stopped)
    @rule(number=st.integers(1, 4))
    def a_prompt_ends(self, number) -> None:
        self.send(m.PlayFinished(CUSTOMER, f"p{number}"))

    @precondition(lambda self: self.in_queue)
    @rule(phones=st.integers(0, 2))
    def an_agent_is_assigned(self, phones) -> None:
        self.in_queue = False
        self.agents += 1
        agent = AgentId(f"a{self.agents}")
        self.held.append(agent)
        self.send(m.Assigned(CONTACT, agent, (TARGET,) * phones, self.now))

    @precondition(lambda self: self.in_queue)
    @rule()
    def the_queue_gives_it_up(self) -> None:
        self.in_queue = False
        self.send(m.Overflowed(CONTACT, QUEUE, "max_wait"))

    @precondition(lambda self: self.agent_legs("calling", "leaving") and not self.stopped)
    @rule(data=st.data(), what=st.sampled_from(["invited", "rings", "answers"]))
    def a_phone(self, data, what) -> None:
        leg = data.draw(st.sampled_from(self.agent_legs("calling", "leaving")))
        if what == "invited":
            self.send(m.LegInvited(leg, self.now))
        elif what == "rings":
            self.send(m.LegRinging(leg))
        elif self.legs[leg] == "calling":
            self.legs[leg] = "up"
            self.send(m.LegAnswered(leg))

    @precondition(lambda self: self.legs and not self.stopped)
    @rule(
        data=st.data(),
        cause=st.sampled_from(["bye", "rejected", "silent", "timeout", "transport", "media"]),
        status=st.sampled_from([None, 486, 603, 480, 404, 500]),
    )
    def a_leg_ends(self, data, cause, status) -> None:
        leg = data.draw(st.sampled_from(sorted(self.legs)))
        del self.legs[leg]
        self.send(m.LegEnded(leg, cause, status))

    @precondition(lambda self: self.timers and not self.stopped)
    @rule(data=st.data())
    def a_timer_fires(self, data) -> None:
        name = data.draw(st.sampled_from(sorted(self.timers)))
        self.timers.discard(name)
        self.send(TimerFired(name))

    @precondition(lambda self: self.held and not self.stopped)
    @rule()
    def the_agent_is_lost(self) -> None:
        """Its lease ran out before the phones had answered: it has let go of us."""
        if isinstance(self.contact.state, Ringing):
            agent = self.held.pop()
            self.send(m.AgentLost(CONTACT, agent))

    @precondition(lambda self: not self.stopped)
    @rule()
    def the_server_shuts_down(self) -> None:
        self.send(m.EndContact("shutdown"))

    @invariant()
    def it_holds_an_agent_only_while_ringing_or_connected(self) -> None:
        assert len(self.held) == isinstance(self.contact.state, Ringing | Connected)

    @invariant()
    def it_is_in_the_queue_exactly_while_it_waits(self) -> None:
        assert self.in_queue == isinstance(self.contact.state, Waiting)

    @invariant()
    def rona_runs_only_while_ringing(self) -> None:
        assert ("rona" in self.timers) <= isinstance(self.contact.state, Ringing)
        assert ("lease" in self.timers) or self.terminal or isinstance(self.contact.state, Ending)

    @invariant()
    def it_ends_exactly_once(self) -> None:
        assert self.terminal == isinstance(self.contact.state, Ending)

    @invariant()
    def after_the_end_every_leg_is_down_or_going_down(self) -> None:
        if self.terminal:
            assert not [leg for leg, state in self.legs.items() if state != "leaving"]
        assert self.stopped == (bool(self.terminal) and not self.legs)


TestContactLife = ContactLife.TestCase
TestContactLife.settings = settings(max_examples=500, stateful_step_count=40, deadline=None)
