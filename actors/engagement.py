"""An engagement: one contact in one agent's hands.

    Reserved -> Engaged -> WrapUp -> HangingUp -> Over
             -> Withdrawn -> Over

Every state but the last has a lease: a deadline by which someone must have moved it on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from actors import availability as av
from actors import events as ev
from actors import messages as m
from actors.effects import Effect, Record, TellContact, TellDispatcher, Watch
from actors.ids import AgentId, ContactId, QueueName, agent_actor, contact_actor
from sip.machine import CancelTimer, StartTimer, Stop, TimerFired

OFFER_MARGIN = 10.0
"""Beyond the RONA time-out, which is the contact's, and runs even if no 180 ever comes."""
KEPT_LEASE = 10.0
"""After a restart of the server: a contact that has not been recovered by now will not be."""
SERVING: tuple[m.EngagementKind, ...] = ("contact", "transfer")
"""Kinds in which the customer is his own; in a consult he helps another."""
HOOK_LEASE = 40.0
"""A phone that has not confirmed its BYE by now never will (64*T1 is 32 s)."""
STOP_LEASE = 5.0
"""A phone that was rung and has not said by now that it has stopped may be one that moved, and
nothing would come of it before timer B (32 s): its agent is not kept.
"""


class Reserved(Struct, frozen=True, gc=False):
    """The contact is ours, and has not been answered: whether a phone rings makes no difference."""


class Withdrawn(Struct, frozen=True, gc=False):
    """The contact has no need of us, and our phone has not stopped ringing."""


class Engaged(Struct, frozen=True, gc=False):
    """The agent talks."""


class WrapUp(Struct, frozen=True, gc=False):
    """After-call work: ends by command or by its timer."""

    since: float


class HangingUp(Struct, frozen=True, gc=False):
    """Nothing is left to do but to put the phone on the hook (V-57)."""


class Over(Struct, frozen=True, gc=False):
    pass


State: TypeAlias = Reserved | Withdrawn | Engaged | WrapUp | HangingUp | Over
_OFFERED = frozenset((Reserved, Withdrawn))
_NAMES: dict[type, str] = {
    Reserved: "reserved",
    Withdrawn: "reserved",
    Engaged: "engaged",
    WrapUp: "wrap_up",
    HangingUp: "wrap_up",
    Over: "wrap_up",
}
"""The agent's state while the engagement is in one, in the words of the glossary."""


class Terms(Struct, frozen=True):
    """Of the agent who is engaged, and of the queue whose rules hold.  Times in seconds."""

    agent: AgentId
    ring_seconds: float
    contact_seconds: float
    wrap_up_seconds: float = 0.0
    """0: there is none."""
    limited: bool = False
    """The queue limits its agents: the dispatcher must hear when one takes a contact of it, and
    when he has it no more."""


class TellAvailability(Struct, frozen=True):
    """For the availability of the same agent."""

    message: av.Message


class GivenBack(Struct, frozen=True, gc=False):
    """From the agent: he cannot have it after all."""


Message: TypeAlias = (
    m.OfferAnswered
    | m.OfferWithdrawn
    | m.OfferFailed
    | m.ConversationEnded
    | m.AgentLegDown
    | m.PhoneLost
    | m.EndWrapUp
    | m.Down
    | GivenBack
    | TimerFired
)


class Engagement:
    """``contact`` is the request that asked for the agent; ``queue`` the one it waited in.

    ``off_hook``: the agent's phone has the call.  A supervisor's listening is no work: no wrap-up,
    no idle code, and he keeps his place among those who wait for work.
    """

    def __init__(
        self,
        contact: ContactId,
        queue: QueueName | None,
        kind: m.EngagementKind,
        terms: Terms,
        now: Callable[[], float],
    ) -> None:
        self.contact, self.queue, self.kind = contact, queue, kind
        self._terms, self._now = terms, now
        self.state: State = Reserved()
        self.off_hook = False
        self._engaged_since: float | None = None
        """Recovered, and its contact has not said that it goes on."""
        self._talks_since: float | None = None

    # --- what others may see ------------------------------------------------------------------

    @property
    def is_work(self) -> bool:
        return self.kind != "monitor"

    @property
    def is_offered(self) -> bool:
        return type(self.state) in _OFFERED

    @property
    def rings_on(self) -> bool:
        """Whether the contact has let him go, and only his phone does not know it yet."""
        return type(self.state) is Withdrawn

    @property
    def wraps_up(self) -> bool:
        return type(self.state) is WrapUp

    @property
    def name(self) -> str:
        """The agent's state while this engagement lasts, in the words of the glossary."""
        return _NAMES[type(self.state)]

    @property
    def lease(self) -> str:
        return f"lease:{self.contact}"

    # --- how it begins ------------------------------------------------------------------------

    def offer(
        self, targets: tuple[m.Target, ...], possible_at: float, *, shared: bool = False
    ) -> list[Effect]:
        """Reserve the agent, whose phones these are; ``shared``: others ring beside him."""
        agent = self._terms.agent
        assigned = m.Assigned(self.contact, agent, targets, possible_at, shared)
        return [
            Watch(contact_actor(self.contact)),
            TellContact(self.contact, assigned),
            self._lease(self._terms.ring_seconds + OFFER_MARGIN),
            *self.serving(),
        ]

    def resume(self) -> list[Effect]:
        """The agent talks already, and had forgotten it."""
        self.state, self.off_hook, self._talks_since = Engaged(), True, self._now()
        lease = self._lease(self._terms.contact_seconds)
        return [Watch(contact_actor(self.contact)), lease, *self.serving()]

    def recover(self, state: Engaged | WrapUp | HangingUp, since: float) -> None:
        """As an earlier run of the server left it, in this state since then: the phone is off the
        hook, for all we know.
        """
        self.state, self.off_hook = state, True
        if isinstance(state, Engaged):
            self._engaged_since = self._talks_since = since

    def go_on(self) -> list[Effect]:
        """Recovered: in this state, and no longer than it ever could be.

        Whoever talks must hear soon that his contact has been recovered too.
        """
        match self.state:
            case Engaged():
                lease = self._lease(KEPT_LEASE)
            case WrapUp(since):
                lease = self._lease(self._left(since, self._terms.wrap_up_seconds))
            case _:
                lease = self._lease(HOOK_LEASE)
        return [lease, Watch(contact_actor(self.contact)), *self.serving()]

    def serving(self) -> list[Effect]:
        """What the dispatcher must know, if he has a contact of a queue with a limit in hand."""
        if self.queue is None or not self.counts:
            return []
        return [TellDispatcher(m.AgentServes(self._terms.agent, self.contact, self.queue))]

    def kept(self) -> list[Effect]:
        """The contact has been recovered, with us in it."""
        since, self._engaged_since = self._engaged_since, None
        if since is None or not isinstance(self.state, Engaged):
            return []
        return [self._lease(self._left(since, self._terms.contact_seconds))]

    def _left(self, since: float, seconds: float) -> float:
        return max(0.0, since + seconds - self._now())

    # --- the machine --------------------------------------------------------------------------

    def handle(self, message: Message) -> list[Effect | TellAvailability]:
        before, counted = self.state, self.counts
        effects = self._decide(message)
        if self.state is before:
            return effects
        talked, talks = type(before) is Engaged, type(self.state) is Engaged
        if talks and not talked:
            self._talks_since = self._now()
        if counted is not self.counts:
            served = TellDispatcher(m.AgentServed(self._terms.agent, self.contact))
            effects = [served, *effects] if counted else [*effects, *self.serving()]
        if talked and not talks:
            return [*self._talked(), *effects]
        return effects

    def _talked(self) -> list[Effect | TellAvailability]:
        since = self._now() if self._talks_since is None else self._talks_since
        if not self.is_work:
            return []
        return [TellAvailability(av.Talked(self._now() - since, self.kind in SERVING))]

    @property
    def counts(self) -> bool:
        """Whether he is one of the agents whom a limited queue may have at once: from the
        reservation on with what the dispatcher gave him, in the talk with a transfer.
        """
        if not self._terms.limited:
            return False
        match self.state:
            case Engaged():
                return self.kind in SERVING
            case Reserved():
                return self.kind == "contact"
            case _:
                return False

    def _decide(self, message: Message) -> list[Effect | TellAvailability]:
        match self.state:
            case Reserved():
                return self._while_offered(message)
            case Withdrawn():
                return self._when_withdrawn(message)
            case Engaged():
                return self._while_engaged(message)
            case WrapUp() | HangingUp():
                return self._when_the_talk_is_over(message)
            case Over():
                return self._in_any_state(message)

    def _while_offered(self, message: Message) -> list[Effect | TellAvailability]:
        match message:
            case m.OfferAnswered():
                self.state, self.off_hook = Engaged(), True
                return [TellAvailability(message), self._lease(self._terms.contact_seconds)]
            case m.OfferWithdrawn(on_hook=True):
                return self._end()  # his place among the available is what it was
            case m.OfferWithdrawn():
                self.state = Withdrawn()
                return [self._lease(STOP_LEASE)]
            case m.OfferFailed():
                # Who listens, or calls somebody himself, has missed no offer of work.
                offered = self.is_work and self.kind != "outbound"
                told = [TellAvailability(message)] if offered else []
                return [*told, *self._end()]
            case GivenBack():
                return [self._lost(), *self._end()]
            case TimerFired():
                return [self._expired(), self._lost(), *self._end()]
            case _:
                return self._in_any_state(message)

    def _when_withdrawn(self, message: Message) -> list[Effect | TellAvailability]:
        match message:
            case m.AgentLegDown() | TimerFired() | GivenBack():
                return self._end()  # given back as he calls somebody himself: it is his own phone
            case _:
                return self._in_any_state(message)

    def _while_engaged(self, message: Message) -> list[Effect | TellAvailability]:
        match message:
            case m.ConversationEnded(_, _, wraps_up):
                return self._wrap_up() if wraps_up else self._hang_up()
            case m.PhoneLost():
                return [TellAvailability(message), *self._end()]
            case TimerFired() if self._engaged_since is not None:
                self.off_hook = False  # its contact has not been recovered
                return [self._expired(), *self._let_go()]
            case TimerFired():
                # It costs nobody else his call: the contact lets him go, and goes on.
                return [self._expired(), self._lost(), *self._let_go()]
            case m.Down():  # the contact's actor has ended: a talk becomes wrap-up
                self.off_hook = False
                return self._let_go()
            case _:
                return self._in_any_state(message)

    def _when_the_talk_is_over(self, message: Message) -> list[Effect | TellAvailability]:
        match self.state, message:
            case WrapUp(), m.EndWrapUp(code):
                return self._end_wrap_up(by_timer=False, code=code)
            case WrapUp(), TimerFired():
                return self._end_wrap_up(by_timer=True)
            case HangingUp(), TimerFired():  # the phone never confirmed its BYE
                return [self._expired(), *self._end()]
            case _, m.ConversationEnded():
                return []  # it ended as our lease of the talk ran out
            case _, m.PhoneLost():
                # The same, but the phone is silent: he must not be given the next call.
                return [TellAvailability(message), *self._on_hook()]
            case WrapUp(), m.Down():
                self.off_hook = False
                return []  # the contact's actor ended in good order, and its leg with it
            case _:
                return self._in_any_state(message)

    def _in_any_state(self, message: Message) -> list[Effect | TellAvailability]:
        match message:
            case m.AgentLegDown():
                return self._on_hook()
            case m.Down():  # the contact's actor has ended, and whatever we had of it
                return self._end()
            case _:
                raise ValueError(f"{type(message).__name__} while {self.name}")

    # --- wrap-up ------------------------------------------------------------------------------

    def _let_go(self) -> list[Effect | TellAvailability]:
        """The contact has not said whether there is anything to wrap up."""
        if self.kind == "consult":
            return self._hang_up()  # he helped another, for all we know
        return self._wrap_up()

    def _wrap_up(self) -> list[Effect | TellAvailability]:
        if self.queue is None or not self.is_work:
            return self._hang_up()
        self.state = WrapUp(self._now())
        if self._terms.wrap_up_seconds <= 0:
            return self._end_wrap_up(by_timer=True)
        return [self._lease(self._terms.wrap_up_seconds)]

    def _end_wrap_up(
        self, *, by_timer: bool, code: str | None = None
    ) -> list[Effect | TellAvailability]:
        assert isinstance(self.state, WrapUp)
        assert self.queue is not None
        lasted = self._now() - self.state.since
        agent = self._terms.agent
        ended = ev.WrapUpEnded(agent, self.contact, self.queue, lasted, code, by_timer)
        return [Record(ended), *self._hang_up()]

    def _hang_up(self) -> list[Effect | TellAvailability]:
        """His part is done; he is free when his phone is on the hook."""
        worked = [TellAvailability(av.Worked())] if self.is_work else []
        self.state = HangingUp()
        return [*worked, *([self._lease(HOOK_LEASE)] if self.off_hook else self._end())]

    def _on_hook(self) -> list[Effect | TellAvailability]:
        self.off_hook = False
        return self._end() if isinstance(self.state, HangingUp) else []

    # --- leases and the end -------------------------------------------------------------------

    def _lease(self, seconds: float) -> StartTimer:
        return StartTimer(self.lease, seconds)

    def _expired(self) -> Record:
        state = type(self.state).__name__
        return Record(ev.LeaseExpired(agent_actor(self._terms.agent), self.contact, state))

    def _lost(self) -> TellContact:
        return TellContact(self.contact, m.AgentLost(self.contact, self._terms.agent))

    def _end(self) -> list[Effect | TellAvailability]:
        self.state = Over()
        return [CancelTimer(self.lease), Stop()]
