"""Whatever phones, agents, supervisors, the dispatcher and the clock do to a contact: nobody is
lost, nobody is alone on hold, nothing leaks.

The machine is driven with random chains of hold, consult, conference, transfer, monitoring and
hang-up; a small model outside keeps what its effects have promised to legs, agents and queues.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from actors import commands as c
from actors import events as ev
from actors import messages as m
from actors.contact import Contact
from actors.contact_states import Ending, Parting, Placing, Seeking, Start, Talking, Walking
from actors.conversation import Consulting, Requested
from actors.dossier import Dossier, Outbound, World
from actors.effects import (
    Hear,
    LookAtQueue,
    Play,
    Record,
    ReplyTo,
    StartLeg,
    TellAgent,
    TellLeg,
    TellQueue,
)
from actors.ids import AgentId, ContactId, LegId, QueueName, owner_of
from actors.permissions import ACTIONS, allowed
from actors.placement import Dialling, Placement, Route
from actors.reasons import NotFree
from actors.search import Ringing, Search, Waiting
from actors.walk import Answering, AtEntry, AtQueue, Playing
from sip.machine import CancelTimer, StartTimer, Stop, TimerFired
from sip.transport.path import Path
from tests.support.one_contact import (
    AGENTS,
    CALLER,
    COMMANDS,
    CONTACT,
    CUSTOMER,
    ENTRY,
    OWN,
    PLANS,
    QUEUES,
    SEEN,
    SUPERVISOR,
    TARGET,
    WORLD,
)


class ContactLife(RuleBasedStateMachine):
    """Legs, timers, queues and agents are watched from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.begin()

    def begin(self) -> None:
        self.now = 0.0
        self.timers: set[str] = set()
        self.legs: dict[LegId, str] = {}
        self.contact = self.new_contact()
        self.hears: dict[LegId, tuple[LegId, ...]] = {}
        self.asked: dict[ContactId, AgentId] = {}
        self.held: dict[ContactId, AgentId] = {}
        self.on_hook: set[tuple[AgentId, ContactId]] = set()
        self.lost: dict[ContactId, AgentId] = {}
        self.queued: dict[ContactId, QueueName] = {}
        self.looks: list[QueueName] = []
        self.announced: str | None = None
        self.stopped = False
        self.terminal = 0
        self.connected_at: float | None = None
        self.talked = self.accounted = 0.0
        self.answers: list[object] = []
        self.reply_to = ""
        self.send(Start())

    def new_contact(self) -> Contact:
        self.legs[CUSTOMER] = "calling"
        dossier = self.new_dossier(WORLD)
        return Contact(dossier, ENTRY, ani="anna", dnis="2001", longest=36000.0)

    def new_dossier(self, world: World, *, calls: bool = True) -> Dossier:
        ref = ev.ContactRef(CONTACT)
        wall = 1_700_000_000.0
        return Dossier(
            ref,
            CUSTOMER,
            CALLER,
            world,
            lambda: self.now,
            lambda: wall + self.now,
            arrival=1,
            calls=calls,
        )

    def commands(self, command: c.ContactCommand, by: c.Principal) -> None:
        """``answers`` is what this command is answered at once, and not an earlier one."""
        self.reply_to = f"test/{self.now}"
        self.send(c.ContactCommandReceived(CONTACT, command, by, self.reply_to))

    # --- the world outside ----------------------------------------------------------------------

    def send(self, message: object) -> None:
        self.now += 0.5
        self.answers = []
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
                case Hear(leg, sources):
                    self.hears[leg] = sources
                case Play(leg, token, _, loop) if leg == CUSTOMER:
                    self.announced = None if loop else token
                case LookAtQueue(_, queue):
                    self.looks.append(queue)
                case TellQueue(queue, message):
                    self._queue_hears(queue, message)
                case TellAgent(agent, message):
                    self._agent_hears(agent, message)
                case ReplyTo(reply_to, answer) if reply_to == self.reply_to:
                    self.answers.append(answer)
                case Record(event):
                    self._journal_hears(event)

    def _queue_hears(self, queue: QueueName, message: object) -> None:
        match message:
            case m.JoinQueue(request):
                assert request not in self.queued
                self.queued[request] = queue
            case m.LeaveQueue(request):
                self.queued.pop(request, None)

    def _agent_hears(self, agent: AgentId, message: object) -> None:
        match message:
            case m.AskedFor(request):
                assert request not in self.asked
                self.asked[request] = agent
            case m.OfferWithdrawn(request) if request in self.asked:
                assert self.asked.pop(request) == agent
            case m.OfferWithdrawn(request, _, on_hook):
                assert self.held.pop(request) == agent
                if not on_hook:
                    self.on_hook.add((agent, request))
            case m.OfferFailed(request) | m.PhoneLost(request):
                assert self.held.pop(request) == agent
            case m.ConversationEnded(request):
                known = self.lost if request in self.lost else self.held
                assert known.pop(request) == agent
                self.on_hook.add((agent, request))
            case m.AgentLegDown(request):
                self.on_hook.remove((agent, request))

    def _journal_hears(self, event: object) -> None:
        match event:
            case ev.ContactEnded():
                self.terminal += 1
            case ev.ContactStateChanged(_, _, before, state, lasted):
                if not before:
                    self.connected_at = self.now
                self.accounted += lasted
                if state == "over":
                    assert self.connected_at is not None
                    self.talked += self.now - self.connected_at

    def far_legs(self, *states: str) -> list[LegId]:
        return sorted(leg for leg, s in self.legs.items() if leg != CUSTOMER and s in states)

    def searches(self) -> Iterator[Search]:
        match self.contact.state:
            case Seeking(search):
                yield search
            case Placing(placement):
                yield placement.state.search
            case Talking(control):
                yield from control._searches()

    @initialize(talks=st.booleans())
    def the_first_customer_calls(self, talks) -> None:
        self.an_agent_answers(talks)

    def an_agent_answers(self, talks: bool) -> None:
        """Half of the calls begin in a conversation."""
        if not talks:
            return
        self.legs[CUSTOMER] = "up"
        self.send(m.LegAnswered(CUSTOMER))
        self.send(m.PlayFinished(CUSTOMER, "p1"))
        self.send(replace(SEEN, queue=self.looks.pop()))
        del self.queued[CONTACT]
        self.held[CONTACT] = AGENTS[0]
        self.send(m.Assigned(CONTACT, AGENTS[0], (TARGET,), self.now))
        leg = self.far_legs("calling")[0]
        self.send(m.LegInvited(leg, self.now))
        self.legs[leg] = "up"
        self.send(m.LegAnswered(leg))

    # --- what may happen ------------------------------------------------------------------------

    @precondition(lambda self: self.terminal)
    @rule(talks=st.booleans())
    def another_customer_calls(self, talks) -> None:
        """So that a contact that has ended is no dead end of the exploration."""
        for leg in sorted(self.legs):
            del self.legs[leg]
            self.send(m.LegEnded(leg, "bye"))
        self.after_the_end_every_leg_is_down_or_going_down()
        self.begin()
        self.an_agent_answers(talks)

    @precondition(lambda self: self.legs.get(CUSTOMER) == "calling" and not self.stopped)
    @rule()
    def the_customers_leg_is_up(self) -> None:
        self.legs[CUSTOMER] = "up"
        self.send(m.LegAnswered(CUSTOMER))

    @precondition(lambda self: not self.stopped)
    @rule(number=st.integers(1, 9))
    def a_prompt_ends(self, number) -> None:
        self.send(m.PlayFinished(CUSTOMER, f"p{number}"))

    @precondition(lambda self: self.looks and not self.stopped)
    @rule(waiting=st.integers(0, 30), signed_in=st.integers(0, 4), working=st.integers(0, 2))
    def a_queue_is_seen(self, waiting, signed_in, working) -> None:
        queue = self.looks.pop(0)
        self.send(m.QueueSeen(CONTACT, queue, waiting, waiting, signed_in, min(working, signed_in)))

    @precondition(lambda self: isinstance(self.contact.state, Walking) and not self.stopped)
    @rule(waiting=st.integers(0, 30), signed_in=st.integers(0, 4))
    def his_way_goes_on(self, waiting, signed_in) -> None:
        """The way into queues, out of them, and to numbers, that chance alone would seldom find."""
        walk = self.contact.state.walk
        match walk.state:
            case Answering():
                self.legs[CUSTOMER] = "up"
                self.send(m.LegAnswered(CUSTOMER))
            case Playing(token):
                self.send(m.PlayFinished(CUSTOMER, token))
            case _:
                self.looks.clear()
                seen = m.QueueSeen(
                    CONTACT, walk.state.plan.name, waiting, waiting, signed_in, signed_in
                )
                self.send(seen)

    @precondition(lambda self: "treatment" in self.timers and not self.stopped)
    @rule(seconds=st.sampled_from([1, 5, 30]), working=st.integers(0, 3), ends=st.booleans())
    def time_passes_while_he_waits(self, seconds, working, ends) -> None:
        self.now += seconds
        self.timers.discard("treatment")
        self.looks.clear()
        self.send(TimerFired("treatment"))
        if self.looks:
            self.send(m.QueueSeen(CONTACT, self.looks.pop(), 3, 2, 4, working))
        if ends and self.announced is not None:
            self.send(m.PlayFinished(CUSTOMER, self.announced))

    @precondition(lambda self: self.queued and not self.stopped)
    @rule(data=st.data(), phones=st.integers(0, 2))
    def an_agent_is_assigned(self, data, phones) -> None:
        request = data.draw(st.sampled_from(sorted(self.queued)))
        free = [agent for agent in AGENTS if agent not in self.held.values()]
        agent = data.draw(st.sampled_from(free))
        del self.queued[request]
        self.held[request] = agent
        self.send(m.Assigned(request, agent, (TARGET,) * phones, self.now))

    @precondition(lambda self: self.queued and not self.stopped)
    @rule(data=st.data())
    def the_queue_gives_it_up(self, data) -> None:
        request = data.draw(st.sampled_from(sorted(self.queued)))
        queue = self.queued.pop(request)
        self.send(m.Overflowed(request, queue, "max_wait"))

    @precondition(lambda self: self.asked and not self.stopped)
    @rule(data=st.data(), free=st.booleans())
    def an_agent_who_was_asked_answers(self, data, free) -> None:
        request = data.draw(st.sampled_from(sorted(self.asked)))
        agent = self.asked.pop(request)
        if free and agent not in self.held.values():
            self.held[request] = agent
            self.send(m.Assigned(request, agent, (TARGET,), self.now))
        else:
            self.send(m.AgentNotFree(request, agent, NotFree.BUSY))

    @precondition(lambda self: self.queued or self.asked or self.far_legs("calling"))
    @rule(data=st.data())
    def whoever_is_sought_answers(self, data) -> None:
        """The way into consults and conferences that chance alone would seldom find."""
        free = [agent for agent in AGENTS if agent not in self.held.values()]
        for request in sorted(self.queued)[:1]:
            del self.queued[request]
            agent = self.held[request] = data.draw(st.sampled_from(free))
            self.send(m.Assigned(request, agent, (TARGET,), self.now))
        for request in sorted(self.asked)[:1]:
            agent = self.asked.pop(request)
            if agent in self.held.values():
                self.send(m.AgentNotFree(request, agent, NotFree.BUSY))
            else:
                self.held[request] = agent
                self.send(m.Assigned(request, agent, (TARGET,), self.now))
        for leg in self.far_legs("calling")[:1]:
            self.send(m.LegInvited(leg, self.now))
            self.send(m.LegRinging(leg))
            if data.draw(st.booleans()):
                self.legs[leg] = "up"
                self.send(m.LegAnswered(leg))

    @precondition(lambda self: self.far_legs("calling", "leaving") and not self.stopped)
    @rule(data=st.data(), what=st.sampled_from(["invited", "rings", "answers", "answers"]))
    def a_phone(self, data, what) -> None:
        leg = data.draw(st.sampled_from(self.far_legs("calling", "leaving")))
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
        cause=st.sampled_from(["bye", "bye", "rejected", "silent", "timeout", "media"]),
        status=st.sampled_from([None, 486, 603, 480, 404, 500]),
        patient=st.integers(0, 4),
    )
    def a_leg_ends(self, data, cause, status, patient) -> None:
        leg = data.draw(st.sampled_from(sorted(self.legs)))
        if patient and self.legs[leg] != "leaving":
            return  # most people wait, and talk on
        del self.legs[leg]
        self.hears.pop(leg, None)
        self.send(m.LegEnded(leg, cause, status))

    @precondition(lambda self: isinstance(self.contact.state, Talking))
    @rule(data=st.data(), command=st.sampled_from(COMMANDS))
    def an_agent_commands(self, data, command) -> None:
        agent = data.draw(st.sampled_from([*self.held.values()] * 4 + [AGENTS[7]]))
        by = c.Principal("someone", "agent", agent)
        before = self._picture()
        self.commands(command, by)
        assert len(self.answers) <= 1
        if self.answers and isinstance(self.answers[0], c.ContactRefused):
            assert self._picture() == before, "a refused command changed something"

    @precondition(lambda self: isinstance(self.contact.state, Talking))
    @rule(data=st.data())
    def an_agent_does_what_he_may(self, data) -> None:
        """What is shown as allowed is not refused: chains of it lead deep into conferences."""
        talk = self.contact.state.control.talk
        party = data.draw(st.sampled_from(talk.agents() or [None]))
        actions = [] if party is None else allowed(talk, party, WORLD)
        if not set(actions) - {"end", "exit_conference"}:
            return
        action = data.draw(st.sampled_from([a for a in actions if a != "end"]))
        here = {other.agent for other in talk.everyone()}
        to = data.draw(st.sampled_from([c.ToAgent(a) for a in AGENTS if a not in here]))
        command = {"consult": c.Consult(to), "blind_transfer": c.Transfer(to)}.get(
            action, ACTIONS[action]
        )
        by = c.Principal("someone", "agent", party.agent)
        self.commands(command, by)
        assert not any(isinstance(answer, c.ContactRefused) for answer in self.answers)

    @precondition(lambda self: isinstance(self.contact.state, Talking))
    @rule(
        command=st.sampled_from(
            [c.Monitor(), c.Monitor("whisper"), c.ChangeMonitoring("barge_in"), c.StopMonitoring()]
        )
    )
    def a_supervisor_commands(self, command) -> None:
        by = c.Principal("boss", "supervisor", SUPERVISOR)
        self.commands(command, by)
        assert len(self.answers) == 1

    @precondition(lambda self: self.timers and not self.stopped)
    @rule(data=st.data())
    def a_timer_fires(self, data) -> None:
        name = data.draw(st.sampled_from(sorted(self.timers)))
        if name == "lease" and data.draw(st.integers(0, 20)):
            return
        self.timers.discard(name)
        self.send(TimerFired(name))

    @precondition(lambda self: self.held and not self.stopped)
    @rule(data=st.data())
    def an_agent_is_lost(self, data) -> None:
        """Its lease ran out, in the talk or before it: it has let go of us."""
        ringing = {s.request for s in self.searches() if isinstance(s.state, Ringing)}
        request = data.draw(st.sampled_from(sorted(self.held)))
        agent = self.held.pop(request)
        if request not in ringing:
            self.lost[request] = agent
        self.send(m.AgentLost(request, agent))
        assert not self.lost, "his phone is still in the talk"

    @precondition(lambda self: self.held and not self.stopped)
    @rule(data=st.data(), port=st.integers(5060, 5062))
    def an_agents_phone_registers_anew(self, data, port) -> None:
        """While it rings, or as that has ended."""
        request = data.draw(st.sampled_from(sorted(self.held)))
        phone = replace(TARGET, path=Path("udp", 0, ("10.0.0.9", port)))
        self.send(m.PhonesAdded(request, self.held[request], (phone,)))

    @precondition(lambda self: not self.stopped)
    @rule(chance=st.integers(0, 40))
    def the_server_shuts_down(self, chance) -> None:
        if chance == 0:
            self.send(m.EndContact("shutdown"))

    # --- what must hold -------------------------------------------------------------------------

    def _picture(self) -> object:
        assert isinstance(self.contact.state, Talking)
        talk = self.contact.state.control.talk
        return (talk.state(), [p.leg for p in talk.everyone()], talk.ear, dict(self.hears))

    @invariant()
    def every_agent_it_holds_has_a_part_in_it(self) -> None:
        parts = {
            search.request
            for search in self.searches()
            if isinstance(search.state, Ringing) and search.state.agent is not None
        }
        match self.contact.state:
            case Talking(control):
                everyone = control.talk.everyone()
                parts |= {party.request for party in everyone if party.request is not None}
            case Placing(Placement(state=Dialling(party))):
                parts.add(party.request)
        assert set(self.held) == parts

    @invariant()
    def it_is_in_a_queue_exactly_while_a_search_waits(self) -> None:
        waiting = {s.request for s in self.searches() if isinstance(s.state, Waiting)}
        assert set(self.queued) == waiting
        assert all(owner_of(request) == CONTACT for request in self.queued)

    @invariant()
    def every_living_leg_has_an_owner(self) -> None:
        owned = {CUSTOMER}
        for search in self.searches():
            if isinstance(search.state, Ringing):
                owned |= set(search.state.legs)
        match self.contact.state:
            case Talking(control):
                owned |= {party.leg for party in control.talk.everyone()}
            case Placing(Placement(state=Dialling(party))):
                owned.add(party.leg)
            case Placing():
                owned.add(OWN)
        assert {leg for leg, state in self.legs.items() if state != "leaving"} <= owned

    @invariant()
    def nobody_is_alone(self) -> None:
        if not isinstance(self.contact.state, Talking):
            return
        talk = self.contact.state.control.talk
        assert len(talk.parties) >= 2
        assert len(talk.parties) <= WORLD.most_parties
        if talk.held:
            assert (talk.initiator or talk.primary) in talk.parties
        for agent in talk.agents():
            assert agent.leg in self.legs

    @invariant()
    def control_is_with_an_agent_who_is_there(self) -> None:
        if not isinstance(self.contact.state, Talking):
            return
        talk = self.contact.state.control.talk
        if talk.agents():
            assert talk.primary in talk.agents()
        else:
            assert talk.primary is None
        match talk.consultation:
            case Requested(by=by, then="consult") | Consulting(by=by):
                assert by in talk.parties

    @invariant()
    def the_customer_never_hears_a_whisper(self) -> None:
        if not isinstance(self.contact.state, Talking):
            return
        talk = self.contact.state.control.talk
        for monitoring in talk.monitorings:
            if monitoring.mode != "barge_in":
                assert monitoring.supervisor.leg not in self.hears.get(CUSTOMER, ())

    @invariant()
    def what_each_hears_is_what_the_conversation_says(self) -> None:
        if not isinstance(self.contact.state, Talking):
            return
        wanted = self.contact.state.control.talk.hearing()
        assert {leg: self.hears.get(leg, ()) for leg in wanted} == wanted

    @invariant()
    def a_search_has_its_timer_while_it_rings(self) -> None:
        ringing = {s.timer for s in self.searches() if isinstance(s.state, Ringing)}
        assert {t for t in self.timers if t.startswith("search:")} >= ringing
        assert ("lease" in self.timers) or self.terminal or self.contact.state is None

    @invariant()
    def a_timer_runs_only_for_who_needs_it(self) -> None:
        state = self.contact.state
        if not isinstance(state, Walking | Parting):
            assert "prompt" not in self.timers
        if not isinstance(state, Seeking) or isinstance(state.search.state, Ringing):
            assert "treatment" not in self.timers

    @invariant()
    def who_is_in_a_flow_gets_on(self) -> None:
        """He waits for something that comes at once, or that has a lease."""
        match self.contact.state:
            case Walking(walk) | Parting(walk):
                at_once = Answering | AtEntry | AtQueue
                assert isinstance(walk.state, at_once) or "prompt" in self.timers

    @invariant()
    def it_ends_exactly_once(self) -> None:
        assert self.terminal == isinstance(self.contact.state, Ending)
        if isinstance(self.contact.state, Parting):
            assert not self.held

    @invariant()
    def the_times_of_all_states_add_up(self) -> None:
        if not isinstance(self.contact.state, Talking):
            assert abs(self.accounted - self.talked) < 1e-6

    @invariant()
    def after_the_end_every_leg_is_down_or_going_down(self) -> None:
        if self.terminal:
            assert not [leg for leg, state in self.legs.items() if state != "leaving"]
            assert not self.held
            assert not self.timers - {"lease"}
        assert self.stopped == (bool(self.terminal) and not self.legs)
        if self.stopped:
            assert not self.on_hook, "an agent waits for ever for his phone"


class PlacedContactLife(ContactLife):
    """The same, of a contact that begins with an agent's call: from his phone, or his desktop."""

    calls = 0

    def new_contact(self) -> Contact:
        self.calls += 1
        dossier = self.new_dossier(self.world(), calls=False)
        own = OWN if self.calls % 2 else None
        if own is not None:
            self.legs[dossier.new_leg(own)] = "calling"
        route = Route("0123", "pstn", TARGET)
        placement = Placement(dossier, AGENTS[0], route, CALLER, leg=own, reply_to="test")
        return Contact(dossier, placement, longest=36000.0)

    def world(self) -> World:
        """One of two centres has a queue for customers who have lost the agent."""
        fallback = PLANS[QUEUES[0]] if self.calls % 4 < 2 else None
        return msgspec.structs.replace(WORLD, outbound=Outbound(fallback=fallback))

    def an_agent_answers(self, talks: bool) -> None:
        if not talks:
            return
        agent = self.held[CONTACT] = self.asked.pop(CONTACT)
        self.send(m.Assigned(CONTACT, agent, (TARGET,), self.now))
        for leg in (self.far_legs("calling")[0], CUSTOMER):
            self.legs[leg] = "up"
            self.send(m.LegAnswered(leg))


TestContactLife = ContactLife.TestCase
TestContactLife.settings = settings(max_examples=300, stateful_step_count=80, deadline=None)
TestPlacedContactLife = PlacedContactLife.TestCase
TestPlacedContactLife.settings = settings(max_examples=200, stateful_step_count=80, deadline=None)
