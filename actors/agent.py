"""An agent: availability, and an engagement for each contact in hand.

Availability is what the agent wants (signed out, idle with a code, available); engagements are
what he has.  He may be assigned a contact when he is available and has room.  Load is counted
from the engagements, never stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from msgspec import Struct

from actors import engagement as eng
from actors import events as ev
from actors import messages as m
from actors.effects import Effect, Record, ReplyTo, TellContact, TellDispatcher, Watch
from actors.engagement import Engagement
from actors.ids import (
    DISPATCHER,
    AgentId,
    ContactId,
    QueueName,
    agent_actor,
    contact_actor,
    owner_of,
)
from actors.reasons import IdleCode, NotFree, OfferFailure, Refusal
from sip.machine import CancelTimer, StartTimer, TimerFired

CHANNEL_FAILURES = 3
"""Failed deliveries in a row that are tried again before the agent is set idle (features 2.5)."""
VOICE_CAPACITY = 1

_IDLE_BY_FAILURE = {
    OfferFailure.RONA: IdleCode.RONA,
    OfferFailure.NO_ANSWER: IdleCode.RONA,
    OfferFailure.BUSY: IdleCode.BUSY,
    OfferFailure.DECLINED: IdleCode.DECLINED,
    OfferFailure.UNAVAILABLE: IdleCode.UNAVAILABLE,
    OfferFailure.INVALID_NUMBER: IdleCode.INVALID_NUMBER,
    OfferFailure.CHANNEL_FAILURE: IdleCode.CHANNEL_FAILURE,
}


class SignedOut(Struct, frozen=True, gc=False):
    pass


class Idle(Struct, frozen=True, gc=False):
    code: str


class Available(Struct, frozen=True, gc=False):
    """``since``, ``seq``: the agent's place among those who wait for work."""

    since: float
    seq: int


Availability: TypeAlias = SignedOut | Idle | Available


class AgentSettings(Struct, frozen=True):
    id: AgentId
    skills: Mapping[str, int]
    sign_in: str
    """``on_register``: available as soon as a phone registers; ``manual``: by command."""
    idle_codes: tuple[str, ...]
    """Those an agent may choose."""
    wrap_up_seconds: Mapping[QueueName, float]
    rona_seconds: float
    """The longest of any queue's."""
    max_contact_seconds: float


Message: TypeAlias = (
    m.Reserve
    | m.AskedFor
    | m.OfferRinging
    | m.OfferAnswered
    | m.OfferWithdrawn
    | m.OfferFailed
    | m.ConversationEnded
    | m.AgentLegDown
    | m.PhoneLost
    | m.PhonesChanged
    | m.ContactKept
    | m.Restarted
    | m.Down
    | m.AgentCommandReceived
    | TimerFired
)


class Agent:
    """``now`` gives monotonic seconds; ``ticket`` a number no other call of it gives."""

    def __init__(
        self, settings: AgentSettings, now: Callable[[], float], ticket: Callable[[], int]
    ) -> None:
        self.settings = settings
        self.id = settings.id
        self._now, self._ticket = now, ticket
        self.availability: Availability = SignedOut()
        self.pending: Availability | None = None
        self.engagements: dict[ContactId, Engagement] = {}
        self.targets: tuple[m.Target, ...] = ()
        self.version = 0
        self._channel_failures = 0
        self._offered_to_dispatcher = False
        self._offered_as = (0.0, 0)
        self._shown: tuple[str, str | None, str | None] = ("signed_out", None, None)
        self._shown_since = now()

    # --- what others may see ------------------------------------------------------------------

    @property
    def state(self) -> str:
        """signed_out, idle, available, reserved, engaged or wrap_up."""
        for engagement in self.engagements.values():
            return engagement.name
        match self.availability:
            case SignedOut():
                return "signed_out"
            case Idle():
                return "idle"
            case Available():
                return "available"

    def allowed(self) -> frozenset[str]:
        """The commands that would not be refused now; refusals come from the same place."""
        commands: list[tuple[str, m.AgentCommand]] = [
            ("available", m.SetAvailable()),
            ("sign-out", m.SignOut()),
            ("end-wrap-up", m.EndWrapUp()),
            *(("idle", m.SetIdle(code)) for code in self.settings.idle_codes[:1]),
        ]
        return frozenset(name for name, command in commands if self._refusal(command) is None)

    def fits(self) -> bool:
        """Available, with room, and reachable."""
        return (
            isinstance(self.availability, Available)
            and len(self.engagements) < VOICE_CAPACITY
            and bool(self.targets)
        )

    # --- the machine --------------------------------------------------------------------------

    def handle(self, message: Message) -> list[Effect]:
        effects = self._decide(message)
        return [*effects, *self._show(), *self._tell_dispatcher()]

    def _decide(self, message: Message) -> list[Effect]:
        match message:
            case m.Reserve():
                return self._reserve(message)
            case m.AskedFor():
                return self._asked_for(message)
            case m.PhonesChanged(targets):
                return self._phones_changed(targets)
            case m.Restarted(name):
                if name == DISPATCHER:
                    self._offered_to_dispatcher = False  # it must be told again
                return []
            case m.ContactKept(contact) if contact in self.engagements:
                return []  # it has heard twice that we started again
            case m.ContactKept(contact, queue, kind):
                return self._kept(Engagement(contact, queue, eng.Engaged(), True, kind))
            case m.AgentCommandReceived():
                return self._command(message)
            case m.Down(name, _):
                return self._free(ContactId(name.rpartition("/")[2]))
            case TimerFired(name):
                return self._timer(name)
        engagement = self.engagements.get(message.contact)
        if engagement is None:
            return []  # late news of a contact that we have let go: a lease, or a crash
        match engagement.state, message:
            case eng.Reserved(), m.OfferRinging():
                engagement.state = eng.Ringing()
                return [self._lease(engagement, self.settings.rona_seconds + eng.OFFER_MARGIN)]
            case eng.Reserved() | eng.Ringing(), m.OfferAnswered():
                self._channel_failures = 0
                engagement.state, engagement.off_hook = eng.Engaged(), True
                return [self._lease(engagement, self.settings.max_contact_seconds)]
            case eng.Reserved() | eng.Ringing(), m.OfferWithdrawn():
                return self._let_go(engagement)  # his place among the available is what it was
            case eng.Reserved() | eng.Ringing(), m.OfferFailed(_, reason):
                if engagement.is_work:
                    self._failed(reason)
                return self._let_go(engagement)
            case eng.Engaged(), m.ConversationEnded(_, _, wraps_up):
                return self._wrap_up(engagement) if wraps_up else self._hang_up(engagement)
            case eng.Engaged(), m.PhoneLost():
                self._phone_lost(engagement)
                engagement.off_hook = False
                return self._let_go(engagement)
            case eng.WrapUp() | eng.HangingUp(), m.ConversationEnded():
                return []  # it ended as our lease of the talk ran out
            case eng.WrapUp() | eng.HangingUp(), m.PhoneLost():
                # The same, but the phone is silent: he must not be given the next call.
                self._phone_lost(engagement)
                engagement.off_hook = False
                return self._let_go(engagement) if self._is_done(engagement) else []
            case _, m.AgentLegDown():
                engagement.off_hook = False
                return self._let_go(engagement) if self._is_done(engagement) else []
            case _, m.OfferRinging():
                return []  # a second phone rings
            case _:
                raise ValueError(f"{type(message).__name__} while {engagement.name}")

    def _reserve(self, reserve: m.Reserve) -> list[Effect]:
        if not self.fits():
            # Reserved as we became unavailable, or as our last phone went.
            return [TellDispatcher(m.ReservationRefused(self.id, reserve.contact))]
        engagement = Engagement(reserve.contact, reserve.queue, eng.Reserved())
        return self._take(engagement, reserve.possible_at)

    def _asked_for(self, asked: m.AskedFor) -> list[Effect]:
        why = self._not_free(asked.kind)
        if why is not None:
            return [TellContact(asked.contact, m.AgentNotFree(asked.contact, self.id, why))]
        engagement = Engagement(asked.contact, asked.queue, eng.Reserved(), kind=asked.kind)
        return self._take(engagement, self._now())

    def _kept(self, kept: Engagement) -> list[Effect]:
        """We talk with this contact, and did not know.

        Reserved for another before we heard of it: that one goes back to its place.
        """
        others = [e for e in self.engagements.values() if isinstance(e.state, eng.OFFERED)]
        self.engagements[kept.contact] = kept
        effects: list[Effect] = [
            Watch(contact_actor(kept.contact)),
            self._lease(kept, self.settings.max_contact_seconds),
        ]
        for other in others:
            effects.append(TellContact(other.contact, m.AgentLost(other.contact, self.id)))
            effects.extend(self._let_go(other))
        return effects

    def _not_free(self, kind: m.EngagementKind) -> NotFree | None:
        """A supervisor may listen while he is idle; whoever is asked for work must be available."""
        if isinstance(self.availability, SignedOut):
            return NotFree.SIGNED_OUT
        if not self.targets:
            return NotFree.UNREACHABLE
        if len(self.engagements) >= VOICE_CAPACITY:
            return NotFree.BUSY
        if isinstance(self.availability, Idle) and kind != "monitor":
            return NotFree.IDLE
        return None

    def _take(self, engagement: Engagement, possible_at: float) -> list[Effect]:
        contact = engagement.contact
        self.engagements[contact] = engagement
        return [
            Watch(contact_actor(contact)),
            TellContact(contact, m.Assigned(contact, self.id, self.targets, possible_at)),
            self._lease(engagement, self.settings.rona_seconds + eng.OFFER_MARGIN),
        ]

    def _failed(self, reason: OfferFailure) -> None:
        if reason is OfferFailure.MEDIA_ERROR:
            return  # no fault of the agent's
        if reason is OfferFailure.CHANNEL_FAILURE:
            self._channel_failures += 1
            if self._channel_failures <= CHANNEL_FAILURES:
                self.availability = Available(self._now(), self._ticket())
                return
        self._channel_failures = 0
        self._set_idle(_IDLE_BY_FAILURE[reason])

    def _phone_lost(self, engagement: Engagement) -> None:
        """He must not be given the next call.  Who was idle, and only listened, keeps his code."""
        if engagement.is_work or isinstance(self.availability, Available):
            self._set_idle(IdleCode.PHONE_LOST)

    def _set_idle(self, code: IdleCode) -> None:
        """By the system; what he wished himself, idle or gone home, still comes after it."""
        self.availability = Idle(code)
        if isinstance(self.pending, Available):
            self.pending = None

    # --- wrap-up ------------------------------------------------------------------------------

    def _wrap_up(self, engagement: Engagement) -> list[Effect]:
        if engagement.queue is None or not engagement.is_work:
            return self._hang_up(engagement)
        seconds = self.settings.wrap_up_seconds.get(engagement.queue, 0.0)
        engagement.state = eng.WrapUp(self._now())
        if seconds <= 0:
            return self._end_wrap_up(engagement, by_timer=True)
        return [self._lease(engagement, seconds)]

    def _end_wrap_up(
        self, engagement: Engagement, *, by_timer: bool, code: str | None = None
    ) -> list[Effect]:
        assert isinstance(engagement.state, eng.WrapUp)
        assert engagement.queue is not None
        ended = ev.WrapUpEnded(
            self.id,
            engagement.contact,
            engagement.queue,
            self._now() - engagement.state.since,
            code,
            by_timer,
        )
        return [Record(ended), *self._hang_up(engagement)]

    def _hang_up(self, engagement: Engagement) -> list[Effect]:
        """His part is done; he is free when his phone is on the hook."""
        if engagement.is_work and isinstance(self.availability, Available):
            self.availability = Available(self._now(), self._ticket())
        engagement.state = eng.HangingUp()
        if engagement.off_hook:
            return [self._lease(engagement, eng.HOOK_LEASE)]
        return self._let_go(engagement)

    @staticmethod
    def _is_done(engagement: Engagement) -> bool:
        return isinstance(engagement.state, eng.HangingUp) and not engagement.off_hook

    # --- leases -------------------------------------------------------------------------------

    @staticmethod
    def _lease(engagement: Engagement, seconds: float) -> StartTimer:
        return StartTimer(engagement.lease, seconds)

    def _timer(self, name: str) -> list[Effect]:
        contact = ContactId(name.removeprefix("lease:"))
        engagement = self.engagements.get(contact)
        if engagement is None:
            return []
        match engagement.state:
            case eng.WrapUp():
                return self._end_wrap_up(engagement, by_timer=True)
            case eng.HangingUp():  # the phone never confirmed its BYE
                return [self._expired(engagement), *self._let_go(engagement)]
            case eng.Engaged() if not engagement.is_work:
                # A supervisor who listens for ever costs nobody else his call.
                return [
                    self._expired(engagement),
                    TellContact(contact, m.AgentLost(contact, self.id)),
                    *self._hang_up(engagement),
                ]
            case eng.Engaged():
                return [
                    self._expired(engagement),
                    TellContact(contact, m.EndContact("lease")),
                    *self._wrap_up(engagement),
                ]
            case eng.Reserved() | eng.Ringing():
                return [
                    self._expired(engagement),
                    TellContact(contact, m.AgentLost(contact, self.id)),
                    *self._let_go(engagement),
                ]

    def _expired(self, engagement: Engagement) -> Record:
        state = type(engagement.state).__name__
        return Record(ev.LeaseExpired(agent_actor(self.id), engagement.contact, state))

    def _free(self, owner: ContactId) -> list[Effect]:
        """The contact's actor has ended: a talk becomes wrap-up, anything else is over."""
        effects: list[Effect] = []
        for engagement in list(self.engagements.values()):
            if owner_of(engagement.contact) != owner:
                continue
            engagement.off_hook = False
            match engagement.state:
                case eng.Engaged() if engagement.kind == "consult":
                    effects.extend(self._hang_up(engagement))  # he helped another, for all we know
                case eng.Engaged():
                    effects.extend(self._wrap_up(engagement))
                case eng.WrapUp():
                    pass  # it ended in good order, and its leg with it
                case _:
                    effects.extend(self._let_go(engagement))
        return effects

    def _let_go(self, engagement: Engagement) -> list[Effect]:
        del self.engagements[engagement.contact]
        if not self.engagements and self.pending is not None:
            wanted, self.pending = self.pending, None
            if isinstance(wanted, Available):  # from now on, not since he wished it
                wanted = Available(self._now(), self._ticket())
            self.availability = wanted
        if not self.engagements and self._unreachable():
            self.availability = SignedOut()
        return [CancelTimer(engagement.lease)]

    # --- phones and commands ------------------------------------------------------------------

    def _phones_changed(self, targets: tuple[m.Target, ...]) -> list[Effect]:
        had, self.targets = self.targets, targets
        if self.settings.sign_in == "on_register":
            if targets and not had and isinstance(self.availability, SignedOut):
                self.availability = Available(self._now(), self._ticket())
            elif not targets and not self.engagements:
                self.availability = SignedOut()
        return []

    def _command(self, received: m.AgentCommandReceived) -> list[Effect]:
        refusal = self._refusal(received.command)
        if received.expect is not None and received.expect != self.version:
            refusal = Refusal.STALE
        if refusal is not None:
            refused = m.Refused(refusal, self.state, tuple(sorted(self.allowed())))
            return [ReplyTo(received.reply_to, refused)]
        effects: list[Effect] = []
        match received.command:
            case m.SetAvailable():
                if not isinstance(self.availability, Available) or self.pending is not None:
                    self._wish(Available(self._now(), self._ticket()))
            case m.SetIdle(code):
                self._wish(Idle(code))
            case m.SignOut():
                self._wish(SignedOut())
            case m.EndWrapUp(code):
                for engagement in list(self.engagements.values()):
                    if isinstance(engagement.state, eng.WrapUp):
                        effects.extend(self._end_wrap_up(engagement, by_timer=False, code=code))
        # The reply shows the state after the change: `_show` raises the version, then we answer.
        shown = self._show()
        done = m.Done(self.version, *self._shown, tuple(sorted(self.allowed())))
        return [*effects, *shown, ReplyTo(received.reply_to, done)]

    def _refusal(self, command: m.AgentCommand) -> Refusal | None:
        """Why a command would be refused now; None: it would not."""
        match command:
            case m.SetAvailable() if not self.targets:
                return Refusal.NOT_REGISTERED
            case m.SetIdle() if not self.targets and isinstance(self.availability, SignedOut):
                return Refusal.NOT_REGISTERED
            case m.SetIdle(code) if code not in self.settings.idle_codes:
                return Refusal.UNKNOWN_IDLE_CODE
            case m.SignOut() if self._has(eng.Reserved) or self._has(eng.Ringing):
                return Refusal.OFFER_PENDING  # V-9
            case m.EndWrapUp() if not self._has(eng.WrapUp):
                return Refusal.NOT_IN_WRAP_UP
            case _:
                return None

    def _has(self, state: type[eng.State]) -> bool:
        return any(isinstance(e.state, state) for e in self.engagements.values())

    def _wish(self, wanted: Availability) -> None:
        """At once, or after the contact in hand; the last wish counts, and it can be seen."""
        if not self.engagements:
            self.availability = wanted
        elif isinstance(wanted, Available) and isinstance(self.availability, Available):
            self.pending = None  # he takes back what he wished before
        else:
            self.pending = wanted

    def _unreachable(self) -> bool:
        """His phones are gone, and with them he is."""
        return not self.targets and self.settings.sign_in == "on_register"

    # --- what leaves --------------------------------------------------------------------------

    def _show(self) -> list[Effect]:
        """Record the state if it is another than the one shown last."""
        idle = self.availability if isinstance(self.availability, Idle) else None
        code = idle.code if idle is not None and self.state == "idle" else None
        coming = SignedOut() if self.engagements and self._unreachable() else self.pending
        shown = (self.state, code, _described(coming))
        if shown == self._shown:
            return []
        self.version += 1
        now = self._now()
        before, self._shown = self._shown, shown
        lasted = now - self._shown_since
        self._shown_since = now
        contact = next(iter(self.engagements), None)
        state, code, pending = shown
        changed = ev.AgentStateChanged(
            self.id, "voice", before[0], state, code, pending, lasted, contact, self.version
        )
        return [Record(changed)]

    def _tell_dispatcher(self) -> list[Effect]:
        fit = self.fits()
        if fit and isinstance(self.availability, Available):
            ours = self.availability
            key = (ours.since, ours.seq)
            if self._offered_to_dispatcher and key == self._offered_as:
                return []
            self._offered_to_dispatcher, self._offered_as = True, key
            return [
                TellDispatcher(
                    m.AgentAvailable(
                        self.id, self.settings.skills, ours.since, ours.seq, self._now()
                    )
                )
            ]
        if self._offered_to_dispatcher:
            self._offered_to_dispatcher = False
            return [TellDispatcher(m.AgentUnavailable(self.id))]
        return []


def _described(pending: Availability | None) -> str | None:
    match pending:
        case None:
            return None
        case SignedOut():
            return "signed_out"
        case Idle(code):
            return f"idle:{code}"
        case Available():
            return "available"
