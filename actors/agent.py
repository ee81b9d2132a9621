"""An agent: two machines, and what they show together.

Availability is what the agent wants (signed out, idle with a code, available); engagements are
what he has.  He may be assigned a contact when he is available and has room.  Load is counted
from the engagements, never stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import TypeAlias, cast

from msgspec import Struct

from actors import engagement as eng
from actors import events as ev
from actors import messages as m
from actors.availability import (
    Availability,
    Available,
    Freed,
    Idle,
    Patience,
    Rested,
    SignedOut,
    SignIn,
)
from actors.availability import State as AvailabilityState
from actors.effects import Effect, PlaceCall, Record, ReplyTo, TellContact, TellDispatcher
from actors.engagement import Engagement, TellAvailability, Terms
from actors.ids import DISPATCHER, AgentId, ContactId, QueueName, owner_of
from actors.past import PastAgent
from actors.reasons import NotFree, Refusal
from sip.machine import StartTimer, Stop, TimerFired

VOICE_CAPACITY = 1
PHONES = "phones"
PHONES_LEASE = 120.0
"""After a restart of the server: phones register again once a minute or two, and within that time
an agent is not taken for gone."""


class AgentSettings(Struct, frozen=True):
    id: AgentId
    skills: Mapping[str, int]
    sign_in: SignIn
    idle_codes: tuple[str, ...]
    """Those an agent may choose."""
    wrap_up_seconds: Mapping[QueueName, float]
    rona_seconds: float
    """The longest of any queue's."""
    max_contact_seconds: float
    wrap_up_codes: frozenset[str] = frozenset()
    """What an agent may say of a contact when it ends."""
    may_call: bool = False
    """Whether he may place calls at all (V-1); which numbers, the dial plan says."""
    weight: int = 1
    """Where lots are drawn."""
    position: int = 0
    """In the configuration."""
    patience: Patience = Patience()
    """What he may miss before he is idle."""
    limited_queues: frozenset[QueueName] = frozenset()
    """Those that limit how many agents ring or talk at once."""


class AgentConfigured(Struct, frozen=True):
    """The rules for what he takes from now on; what he has in hand ends by the old ones (R20)."""

    settings: AgentSettings


class AgentRemoved(Struct, frozen=True, gc=False):
    """He is in the configuration no more: signed out as soon as he has nothing in hand.

    His actor stays, and refuses whatever is on its way to him; ``AgentConfigured`` has him back.
    """


class _Shown(Struct, frozen=True):
    """What others see of an agent."""

    state: str = "signed_out"
    code: str | None = None
    pending: str | None = None
    reachable: bool = False
    may_end_wrap_up: bool = False


Message: TypeAlias = (
    m.Reserve
    | m.AskedFor
    | m.OfferAnswered
    | m.OfferWithdrawn
    | m.OfferFailed
    | m.ConversationEnded
    | m.AgentLegDown
    | m.PhoneLost
    | m.PhonesChanged
    | m.ContactKept
    | m.Restarted
    | m.Resume
    | m.Down
    | m.AgentCommandReceived
    | AgentConfigured
    | AgentRemoved
    | TimerFired
)


_ENGAGEMENTS = frozenset(
    (
        m.OfferAnswered,
        m.OfferWithdrawn,
        m.OfferFailed,
        m.ConversationEnded,
        m.AgentLegDown,
        m.PhoneLost,
    )
)
"""Messages for the engagement with their ``contact``."""
_IS_OFFERED, _WRAPS_UP = attrgetter("is_offered"), attrgetter("wraps_up")
_ALLOWED: dict[tuple[bool, ...], tuple[str, ...]] = {}
"""By what decides it: asked at every change of state, and the same few for all agents."""


class Agent:
    """``now`` gives monotonic seconds; ``ticket`` a number no other call of it gives."""

    def __init__(
        self, settings: AgentSettings, now: Callable[[], float], ticket: Callable[[], int]
    ) -> None:
        self.settings = settings
        self.id = settings.id
        self._now = now
        self.engagements: dict[ContactId, Engagement] = {}
        self.availability = Availability(
            settings.sign_in, lambda: bool(self.engagements), now, ticket, settings.patience
        )
        self._rests_until: float | None = None
        """For when the timer ``rest`` is armed."""
        self._commands = _commands(settings)
        self.targets: tuple[m.Target, ...] = ()
        self.version = 0
        self.removed = self._has_left = False
        self._offered_to_dispatcher: tuple[object, ...] | None = None
        self._available_at = 0.0
        """When it was told so last."""
        self._shown = _Shown()
        self._forgotten = False
        """Whoever reads the journal has been told that he has left, and he is back."""
        self._shown_since = now()

    def recover(
        self, past: PastAgent, targets: tuple[m.Target, ...], *, awaited: bool = False
    ) -> None:
        """As an earlier run of the server left him; ``targets`` are the phones that he has now.
        ``awaited``: others have lost their connection with that run, and may come back.

        An offer went with that run: it is over, and no fault of his.  ``Resume`` must follow.
        """
        self.targets, self.version = targets, past.version
        wanted = _wanted(past)
        missed = awaited and not isinstance(wanted, SignedOut)
        self.availability.recover(wanted, past.pending, reachable=bool(targets) or missed)
        self._shown_since = past.shown
        code = past.code if past.state == "idle" else None
        self._shown = _Shown(past.state, code, past.pending, bool(targets), past.wraps_up)
        if past.contact is None or past.state == "reserved":
            return
        kind = cast("m.EngagementKind", past.kind)
        engagement = self._engage(past.contact, past.queue, kind)
        if past.state == "engaged":
            engagement.recover(eng.Engaged(), past.since)
        elif past.wraps_up:
            engagement.recover(eng.WrapUp(past.since), past.since)
        else:
            engagement.recover(eng.HangingUp(), past.since)

    def _resume(self) -> list[Effect]:
        effects: list[Effect] = []
        for engagement in self.engagements.values():
            effects.extend(engagement.go_on())
        if not self.engagements:
            self.availability.handle(Freed())
        if not self.targets:
            effects.append(StartTimer(PHONES, PHONES_LEASE))
        return effects

    # --- what others may see ------------------------------------------------------------------

    @property
    def state(self) -> str:
        """signed_out, idle, available, reserved, engaged or wrap_up."""
        for engagement in self.engagements.values():
            return engagement.name
        return self.availability.name

    def allowed(self) -> tuple[str, ...]:
        """The commands that would not be refused now; refusals come from the same place.

        After RONA, the choice between ``available`` and ``idle`` is among them (V-7).
        """
        settings = self.settings
        decides = (
            self.removed,
            type(self.availability.state) is SignedOut,
            bool(self.targets),
            self._being_offered(),
            self._wraps_up(),
            settings.may_call and self._not_free("outbound") is None,
            bool(settings.idle_codes),
        )
        known = _ALLOWED.get(decides)
        if known is None:
            known = _ALLOWED[decides] = tuple(
                name for name, command in self._commands if self._refusal(command) is None
            )
        return known

    def fits(self) -> bool:
        """Available, with room, and reachable."""
        return (
            type(wanted := self.availability.state) is Available
            and wanted.rests_until is None
            and len(self.engagements) < VOICE_CAPACITY
            and bool(self.targets)
        )

    # --- the machine --------------------------------------------------------------------------

    def handle(self, message: Message) -> list[Effect]:
        effects = self._decide(message)
        if effects is None:
            return []
        effects += self._show()
        effects += self._tell_dispatcher()
        effects += self._rest()
        if self.removed:
            effects += self._leave()
        return effects

    def _decide(self, message: Message) -> list[Effect] | None:
        """A new list, which its caller may add to; None: late news of a contact that we have let
        go, a lease of it, or its end, and nothing is another than before.
        """
        if type(message) in _ENGAGEMENTS:
            return self._in_hand(message.contact, message)  # type: ignore[union-attr,arg-type]
        match message:
            case m.Reserve():
                return self._reserve(message)
            case m.Down(name, _):
                return self._down(message, ContactId(name.rpartition("/")[2]))
            case m.AskedFor(contact, _, kind, queue):
                why = self._not_free(kind)
                if why is not None:
                    return [TellContact(contact, m.AgentNotFree(contact, self.id, why))]
                # Who places a call himself cannot be rung meanwhile (R13).
                offered = [e for e in self.engagements.values() if e.is_offered]
                effects = self._engage(contact, queue, kind).offer(self.targets, self._now())
                return [*effects, *self._give_back(offered)]
            case m.ContactKept():
                return self._kept(message)
            case AgentConfigured(settings):
                self._configure(settings)
                return []
            case AgentRemoved():
                self.removed, self.targets = True, ()
                self.availability.handle(m.PhonesChanged(()))
                self.availability.handle(m.SignOut())
                return []
            case m.PhonesChanged() if self.removed:
                return []  # race: it registered as he was removed, and the registrar forgets it
            case m.PhonesChanged(targets):
                added = tuple(target for target in targets if target not in self.targets)
                self.targets = targets
                self.availability.handle(message)
                return self._ring_too(added)
            case m.Resume():
                return self._resume()
            case m.Restarted(name):
                if name == DISPATCHER:
                    self._offered_to_dispatcher = None  # it must be told again
                    return [told for e in self.engagements.values() for told in e.serving()]
                return []
            case m.AgentCommandReceived():
                return self._command(message)
            case TimerFired("phones"):
                if not self.targets:
                    self.availability.handle(m.PhonesChanged(()))
                return []
            case TimerFired("rest"):
                self.availability.handle(Rested())
                return []
            case TimerFired(name):
                return self._in_hand(ContactId(name.removeprefix("lease:")), message)
            case _:
                raise ValueError(f"an agent does not know {type(message).__name__}")

    def _in_hand(self, contact: ContactId, message: eng.Message) -> list[Effect] | None:
        engagement = self.engagements.get(contact)
        if engagement is None:
            return None
        return self._carry_out(engagement, engagement.handle(message))

    def _configure(self, settings: AgentSettings) -> None:
        """Who is back before he had left keeps what he has in hand, and goes on."""
        self.settings = settings
        self._commands = _commands(settings)
        self.availability.configure(settings.sign_in, settings.patience)
        self._forgotten = self._has_left
        self.removed = self._has_left = False

    # --- engagements --------------------------------------------------------------------------

    def _reserve(self, reserve: m.Reserve) -> list[Effect]:
        if not self.fits():
            return self._refuse(reserve.contact, reserve.queue)
        if reserve.known_at == self._available_at:
            # Else it has heard since that we are available again, and must hear that we are not.
            self._offered_to_dispatcher = None
        engagement = self._engage(reserve.contact, reserve.queue, "contact")
        return engagement.offer(self.targets, reserve.possible_at, shared=reserve.shared)

    def _engage(
        self, contact: ContactId, queue: QueueName | None, kind: m.EngagementKind
    ) -> Engagement:
        settings = self.settings
        wrap_up = 0.0 if queue is None else settings.wrap_up_seconds.get(queue, 0.0)
        limited = queue in settings.limited_queues
        terms = Terms(
            self.id, settings.rona_seconds, settings.max_contact_seconds, wrap_up, limited
        )
        engagement = Engagement(contact, queue, kind, terms, self._now)
        self.engagements[contact] = engagement
        return engagement

    def _refuse(self, contact: ContactId, queue: QueueName) -> list[Effect]:
        """Reserved as we became unavailable, or as our last phone went.

        The contact has its place again before its queue has the room: it is the first to have it.
        """
        refused = TellDispatcher(m.ReservationRefused(self.id, contact))
        in_hand = self.engagements.get(contact)
        if in_hand is not None and in_hand.counts:
            return [refused]  # reserved twice, and we have it
        if queue not in self.settings.limited_queues:
            return [refused]
        return [refused, TellDispatcher(m.AgentServed(self.id, contact))]

    def _ring_too(self, added: tuple[m.Target, ...]) -> list[Effect]:
        """A phone that comes back elsewhere does not hear what rings where it was (R14)."""
        if not added:
            return []
        return [
            TellContact(contact, m.PhonesAdded(contact, self.id, added))
            for contact, engagement in self.engagements.items()
            if engagement.is_offered
        ]

    def _not_free(self, kind: m.EngagementKind) -> NotFree | None:
        """A supervisor may listen while he is idle; whoever is asked for work must be available."""
        if isinstance(self.availability.state, SignedOut):
            return NotFree.SIGNED_OUT
        if not self.targets:
            return NotFree.UNREACHABLE
        in_hand = list(self.engagements.values())
        if kind == "outbound":  # it comes before what he is only offered
            in_hand = [e for e in in_hand if e.kind == "outbound" or not e.is_offered]
        if len(in_hand) >= VOICE_CAPACITY:
            return NotFree.BUSY
        if isinstance(self.availability.state, Idle) and kind not in ("monitor", "outbound"):
            return NotFree.IDLE
        return None

    def _give_back(self, offered: list[Engagement]) -> list[Effect]:
        """Those contacts go back to their places, and no fault is his."""
        effects: list[Effect] = []
        for engagement in offered:
            effects.extend(self._carry_out(engagement, engagement.handle(eng.GivenBack())))
        return effects

    def _kept(self, kept: m.ContactKept) -> list[Effect]:
        """We talk with this contact, and did not know."""
        known = self.engagements.get(kept.contact)
        if known is not None:
            return known.kept()  # recovered; or it has heard twice that we started again
        others = [e for e in self.engagements.values() if e.is_offered]
        effects = self._engage(kept.contact, kept.queue, kept.kind).resume()
        return [*effects, *self._give_back(others)]  # reserved before we heard of the talk

    def _down(self, down: m.Down, owner: ContactId) -> list[Effect] | None:
        """Nearly always it has ended well, and let us go before."""
        its = [e for e in self.engagements.values() if owner_of(e.contact) == owner]
        if not its:
            return None
        return [e for each in its for e in self._carry_out(each, each.handle(down))]

    def _carry_out(
        self, engagement: Engagement, effects: Sequence[Effect | TellAvailability]
    ) -> list[Effect]:
        outward: list[Effect] = []
        for effect in effects:
            if type(effect) is TellAvailability:
                self.availability.handle(effect.message)
                continue
            if type(effect) is not Stop:
                outward.append(effect)  # type: ignore[arg-type]
                continue
            del self.engagements[engagement.contact]
            if not self.engagements:
                self.availability.handle(Freed())
        return outward

    # --- commands -----------------------------------------------------------------------------

    def _command(self, received: m.AgentCommandReceived) -> list[Effect]:
        refusal: Refusal | NotFree | None = self._refusal(received.command)
        if received.expect is not None and received.expect != self.version:
            refusal = Refusal.STALE
        if refusal is not None:
            refused = m.Refused(refusal, self.state, self.allowed())
            return [ReplyTo(received.reply_to, refused)]
        effects: list[Effect] = []
        match received.command:
            case m.PlaceCall(number):  # answered by the contact that comes of it
                return [PlaceCall(self.id, number, received.reply_to)]
            case m.EndWrapUp() as command:
                for engagement in [e for e in self.engagements.values() if e.wraps_up]:
                    effects.extend(self._carry_out(engagement, engagement.handle(command)))
            case m.SetAvailable() | m.SetIdle() | m.SignOut() as wish:
                self.availability.handle(wish)
        # The reply shows the state after the change: `_show` raises the version, then we answer.
        effects.extend(self._show())
        shown = self._shown
        done = m.Done(self.version, shown.state, shown.code, shown.pending, self.allowed())
        return [*effects, ReplyTo(received.reply_to, done)]

    def _refusal(self, command: m.AgentCommand) -> Refusal | NotFree | None:
        """Why a command would be refused now; None: it would not."""
        if self.removed:
            return Refusal.UNKNOWN_AGENT
        signed_out = isinstance(self.availability.state, SignedOut)
        match command:
            case m.SetAvailable() if not self.targets:
                return Refusal.NOT_REGISTERED
            case m.SetIdle() if not self.targets and signed_out:
                return Refusal.NOT_REGISTERED
            case m.SetIdle(code) if code not in self.settings.idle_codes:
                return Refusal.UNKNOWN_IDLE_CODE
            case m.SignOut() if self._being_offered():
                return Refusal.OFFER_PENDING  # V-9
            case m.EndWrapUp() if not self._wraps_up():
                return Refusal.NOT_IN_WRAP_UP
            case m.PlaceCall() if not self.settings.may_call:
                return Refusal.NOT_PERMITTED
            case m.PlaceCall():
                return self._not_free("outbound")
            case m.EndWrapUp(str(code)) if code not in self.settings.wrap_up_codes:
                return Refusal.UNKNOWN_WRAP_UP_CODE
            case _:
                return None

    def _being_offered(self) -> bool:
        return bool(self.engagements) and any(map(_IS_OFFERED, self.engagements.values()))

    def _wraps_up(self) -> bool:
        return bool(self.engagements) and any(map(_WRAPS_UP, self.engagements.values()))

    # --- what leaves --------------------------------------------------------------------------

    def _show(self) -> list[Effect]:
        """Record what others see, if it is another thing than what was shown last."""
        engagement = next(iter(self.engagements.values()), None)
        availability, wanted = self.availability, self.availability.state
        state = availability.name if engagement is None else engagement.name
        code = wanted.code if type(wanted) is Idle and state == "idle" else None
        pending = availability.coming
        shown = _Shown(state, code, pending, bool(self.targets), self._wraps_up())
        if shown == self._shown and not self._forgotten:
            return []
        self._forgotten = False
        self.version += 1
        now = self._now()
        before, self._shown = self._shown, shown
        lasted, self._shown_since = now - self._shown_since, now
        since, seq = (wanted.since, wanted.seq) if type(wanted) is Available else (0.0, 0)
        changed = ev.AgentStateChanged(
            self.id,
            "voice",
            before.state,
            shown.state,
            shown.code,
            shown.pending,
            lasted,
            None if engagement is None else engagement.contact,
            self.version,
            self.allowed(),
            since,
            seq,
            None if engagement is None else engagement.queue,
            "contact" if engagement is None else engagement.kind,
        )
        return [Record(changed)]

    def _tell_dispatcher(self) -> list[Effect]:
        ours = self.availability.state
        if type(ours) is Available and self.fits():
            settings = self.settings
            key = (ours.since, ours.seq, settings.skills, settings.weight, settings.position)
            if key == self._offered_to_dispatcher:
                return []
            self._offered_to_dispatcher = key
            self._available_at = now = self._now()
            free = m.AgentAvailable(
                self.id,
                settings.skills,
                ours.since,
                ours.seq,
                now,
                self.availability.contacts,
                self.availability.talked,
                settings.weight,
                settings.position,
            )
            return [TellDispatcher(free)]
        if self._offered_to_dispatcher is not None:
            self._offered_to_dispatcher = None
            return [TellDispatcher(m.AgentUnavailable(self.id))]
        return []

    def _rest(self) -> list[Effect]:
        """A timer ends the time in which he is left alone."""
        wanted = self.availability.state
        until = wanted.rests_until if type(wanted) is Available else None
        before, self._rests_until = self._rests_until, until
        if until is None or until == before:
            return []
        return [StartTimer("rest", max(0.0, until - self._now()))]

    def _leave(self) -> list[Effect]:
        """Of one who is removed, and has nothing in hand any more: said once."""
        if self._has_left or self.engagements:
            return []
        self._has_left = True
        return [Record(ev.AgentLeft(self.id))]


def _wanted(past: PastAgent) -> AvailabilityState:
    match past.wanted:
        case "available":
            return Available(past.available_since, past.seq)
        case "idle":
            return Idle(past.code or "")
        case _:
            return SignedOut()


def _commands(settings: AgentSettings) -> tuple[tuple[str, m.AgentCommand], ...]:
    """One of each kind, by the name under which it is shown as allowed."""
    return (
        ("available", m.SetAvailable()),
        ("end-wrap-up", m.EndWrapUp()),
        *(("idle", m.SetIdle(code)) for code in settings.idle_codes[:1]),
        ("sign-out", m.SignOut()),
        ("call", m.PlaceCall("")),
    )
