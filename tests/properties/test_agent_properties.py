"""An agent under any order of commands, offers, phones and timers: never stuck, never doubled."""

from __future__ import annotations

from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors import engagement as eng
from actors import events as ev
from actors import messages as m
from actors.agent import Agent, AgentSettings
from actors.availability import Available
from actors.effects import Record, ReplyTo, TellContact, TellDispatcher
from actors.ids import AgentId, ContactId, QueueName
from actors.reasons import EndedBy
from sip.machine import CancelTimer, StartTimer, TimerFired
from sip.transport.path import Path
from tests.support.desk import PHONE_FAILURES

QUEUE = QueueName("support")
TARGET = m.Target("sip:1001@x", "sip:1001@10.0.0.9", Path("udp", 0, ("10.0.0.9", 5060)))
COMMANDS = st.sampled_from(
    [m.SetAvailable(), m.SetIdle("lunch"), m.SetIdle("rona"), m.SignOut(), m.EndWrapUp()]
)
NAMES = {
    m.SetAvailable: "available",
    m.SetIdle: "idle",
    m.SignOut: "sign-out",
    m.EndWrapUp: "end-wrap-up",
}


class AgentLife(RuleBasedStateMachine):
    """The dispatcher's view, the timers and the contact in hand are watched from outside."""

    sign_in = "on_register"

    def __init__(self) -> None:
        super().__init__()
        self.now = self.started = 50.0
        tickets, self.contacts = count(1), count(1)
        self.agent = Agent(
            AgentSettings(
                AgentId("1001"), {}, self.sign_in, ("lunch",), {QUEUE: 10.0}, 18.0, 3600.0
            ),
            lambda: self.now,
            lambda: next(tickets),
        )
        self.timers: set[str] = set()
        self.offered = False
        self.told_at: float | None = None
        self.answered: object = None
        self.lasted = 0.0
        self.changed_at = self.started
        self.contact: ContactId | None = None
        self.talking: ContactId | None = None
        """What the contact believes: an agent whose lease ran out is ahead of it."""
        self.worked_until = self.started
        """The end of the last wrap-up."""

    def tell(self, message) -> None:
        self.now += 1.5
        for effect in self.agent.handle(message):
            match effect:
                case StartTimer(name, seconds):
                    assert seconds > 0
                    self.timers.add(name)
                case CancelTimer(name):
                    self.timers.discard(name)
                case TellDispatcher(m.AgentAvailable() as told):
                    self.offered, self.told_at = True, told.at
                case TellDispatcher(m.AgentUnavailable()):
                    self.offered = False
                case TellContact(contact, m.Assigned()):
                    self.contact = contact
                case ReplyTo(_, answer):
                    self.answered = answer
                case Record(ev.WrapUpEnded()):
                    self.worked_until = self.now
                case Record(ev.AgentStateChanged() as changed):
                    self.lasted += changed.lasted
                    self.changed_at = self.now
        if self.contact is not None and self.contact not in self.agent.engagements:
            self.contact = None

    @rule(command=COMMANDS)
    def a_command_comes(self, command) -> None:
        """It is refused exactly if it was not allowed."""
        allowed = NAMES[type(command)] in self.agent.allowed()
        self.tell(m.AgentCommandReceived(command, "test"))
        if command != m.SetIdle("rona"):  # of which nobody has said so
            assert allowed is isinstance(self.answered, m.Done)

    @rule(registered=st.booleans())
    def the_phones_change(self, registered) -> None:
        self.tell(m.PhonesChanged((TARGET,) if registered else ()))

    @rule(heard_all=st.booleans())
    def the_dispatcher_reserves(self, heard_all) -> None:
        """Perhaps too late: the dispatcher's news of us is always a little old.  What it has not
        heard yet it hears behind that, and believes.
        """
        known_at = self.told_at if heard_all else None
        self.offered = self.offered and not heard_all
        contact = ContactId(f"c{next(self.contacts)}")
        self.tell(m.Reserve(contact, QUEUE, self.now, known_at=known_at))

    @precondition(lambda self: self.talking is not None)
    @rule(what=st.sampled_from([m.PhoneLost, m.ConversationEnded]))
    def the_talk_ends(self, what) -> None:
        """Perhaps after the agent has given it up."""
        contact, self.talking = self.talking, None
        ended = (contact, EndedBy.CUSTOMER) if what is m.ConversationEnded else (contact,)
        self.tell(what(*ended))

    @precondition(lambda self: self.contact is not None)
    @rule(
        data=st.data(),
        what=st.sampled_from(["answers", "withdrawn", "failed", "hook"]),
    )
    def the_contact_speaks(self, data, what) -> None:
        assert self.contact is not None
        state = self.agent.engagements[self.contact].state
        offered = isinstance(state, eng.Reserved)
        match what:
            case "answers" if offered:
                self.talking = self.contact
                self.tell(m.OfferAnswered(self.contact))
            case "withdrawn" if offered:
                self.tell(m.OfferWithdrawn(self.contact, "ringing"))
            case "failed" if offered:
                reason = data.draw(st.sampled_from(PHONE_FAILURES))
                self.tell(m.OfferFailed(self.contact, reason))
            case "hook" if not offered:
                self.tell(m.AgentLegDown(self.contact))

    @precondition(lambda self: self.contact is not None)
    @rule(crashed=st.booleans())
    def the_contact_is_down(self, crashed) -> None:
        self.talking = None
        self.tell(m.Down(f"contact/{self.contact}", crashed))

    @precondition(lambda self: self.timers)
    @rule(data=st.data())
    def a_timer_fires(self, data) -> None:
        name = data.draw(st.sampled_from(sorted(self.timers)))
        self.timers.discard(name)
        self.tell(TimerFired(name))

    @rule()
    def the_dispatcher_starts_again(self) -> None:
        self.offered = False
        self.tell(m.Restarted("dispatcher"))

    @invariant()
    def the_dispatcher_sees_what_is_true(self) -> None:
        assert self.offered == self.agent.fits()

    @invariant()
    def who_is_offered_has_nothing_in_hand(self) -> None:
        if self.agent.fits():
            assert isinstance(self.agent.availability.state, Available)
            assert not self.agent.engagements
            assert self.agent.availability.pending is None
            assert self.agent.targets
            assert self.agent.state == "available"

    @invariant()
    def who_is_shown_as_available_may_be_given_a_contact(self) -> None:
        if self.agent.state == "available":
            assert self.agent.fits()

    @invariant()
    def nobody_has_waited_for_work_since_before_he_could_have_had_it(self) -> None:
        if isinstance(self.agent.availability.state, Available):
            assert self.agent.availability.state.since <= self.now
            assert self.agent.availability.state.since >= self.worked_until

    @invariant()
    def one_contact_at_most(self) -> None:
        assert len(self.agent.engagements) <= 1

    @invariant()
    def every_engagement_has_a_lease_and_no_lease_is_left_over(self) -> None:
        leases = {engagement.lease for engagement in self.agent.engagements.values()}
        assert leases == self.timers

    @invariant()
    def the_times_add_up(self) -> None:
        assert abs(self.lasted - (self.changed_at - self.started)) < 1e-6


class ManualAgentLife(AgentLife):
    """One whose phones do not sign him in or out."""

    sign_in = "manual"


TestAgentLife = AgentLife.TestCase
TestManualAgentLife = ManualAgentLife.TestCase
TestManualAgentLife.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestAgentLife.settings = settings(max_examples=400, stateful_step_count=40, deadline=None)
