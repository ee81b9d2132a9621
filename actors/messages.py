"""What actors tell each other.

Facts are in the past tense, requests in the imperative.  Each block names who hears it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from actors.commands import Wish
from actors.estimate import Estimate
from actors.ids import AgentId, ContactId, LegId, QueueName
from actors.place import Place
from actors.reasons import During, EndedBy, NotFree, OfferFailure, Refusal
from actors.routing.expressions import EVERYBODY, Expression
from sip.message import NameAddr
from sip.transport.path import Path


class Target(Struct, frozen=True):
    """One phone of an agent: whom to call there, and the way to reach it."""

    aor: str
    """The address of record, for the To header: ``sip:1001@ccserver``."""
    contact_uri: str
    """The Request-URI: what the phone registered."""
    path: Path


# --- the contact hears; ``contact`` is the request that it made (actors.ids.owner_of) -----------


class Assigned(Struct, frozen=True):
    """This agent, whom the dispatcher chose or we asked for, has reserved itself for us."""

    contact: ContactId
    agent: AgentId
    targets: tuple[Target, ...]
    possible_at: float
    """When the pairing became possible, in monotonic seconds: dispatch latency counts from here."""
    shared: bool = False
    """Others ring beside him: the first to answer has us."""


class PhonesAdded(Struct, frozen=True):
    """More phones of the agent have registered while he is offered us: they may ring as well."""

    contact: ContactId
    agent: AgentId
    targets: tuple[Target, ...]


class AgentNotFree(Struct, frozen=True, gc=False):
    """The agent we asked for by name cannot take us now."""

    contact: ContactId
    agent: AgentId
    reason: NotFree


class Overflowed(Struct, frozen=True, gc=False):
    """The queue will not keep us: full, or we waited too long."""

    contact: ContactId
    queue: QueueName
    reason: str


class Regained(Struct, frozen=True):
    """The place that the same caller had when he hung up, as ``contact``."""

    place: Place
    contact: ContactId


class QueueSeen(Struct, frozen=True):
    """What is known of a queue now, as a contact at its door or in it sees it."""

    contact: ContactId
    queue: QueueName
    waiting: int
    """Contacts that wait there; we are not counted."""
    ahead: int
    """Those of them who stand before us."""
    signed_in: int
    """Agents who could serve its contacts, sooner or later; the idle too."""
    working: int
    """Those of them who are neither signed out nor idle."""
    estimate: Estimate | None = None
    """How long we shall wait from now on; None: nothing is known of that."""
    regained: Regained | None = None
    """A place that is ours again, if we wait there: what is said here is said of it."""


class AgentLost(Struct, frozen=True, gc=False):
    """The agent has let go of us: his lease ran out, or he was reserved for two."""

    contact: ContactId
    agent: AgentId


class EndContact(Struct, frozen=True, gc=False):
    """End it, whatever it does: shut-down, or a crash."""

    reason: str


# --- the contact hears from its legs ----------------------------------------------------------


class LegEnded(Struct, frozen=True, gc=False):
    """The leg is down; nothing more will come of it."""

    leg: LegId
    cause: str
    """A kind of ``sip.invite_usage.EndCause``, or ``media``, ``silent``, ``crashed``."""
    status: int | None = None
    by_us: bool = False


class LegRinging(Struct, frozen=True, gc=False):
    leg: LegId


class LegAnswered(Struct, frozen=True, gc=False):
    """The far party answered, or has our answer: media flows to it."""

    leg: LegId


class LegInvited(Struct, frozen=True, gc=False):
    """The INVITE has been handed to the socket."""

    leg: LegId
    at: float


class PlayFinished(Struct, frozen=True, gc=False):
    leg: LegId
    token: str


class DigitPressed(Struct, frozen=True, gc=False):
    leg: LegId
    digit: str


LegNews: TypeAlias = LegEnded | LegRinging | LegAnswered | LegInvited | PlayFinished | DigitPressed


# --- the contact hears from the monitor desk, and the desk from contacts ------------------------


class MonitorAsked(Struct, frozen=True, gc=False):
    """A supervisor wants to hear this agent's conversation, which has just begun."""

    wish: Wish
    target: AgentId


class MonitorMissed(Struct, frozen=True, gc=False):
    """To the monitor desk: he was not to be had, or came too late."""

    wish: Wish


class ConversationBegan(Struct, frozen=True, gc=False):
    """To the monitor desk."""

    contact: ContactId
    agent: AgentId
    queue: QueueName


# --- the leg hears from its contact -----------------------------------------------------------


class Begin(Struct, frozen=True, gc=False):
    """The first message: have media, and be reachable in the dialog."""

    port: tuple[str, int] | None = None
    """The address and port of a pair that is in reserve; None: one must be asked for."""


class Answer(Struct, frozen=True, gc=False):
    """Answer the caller with the media that was negotiated."""


class Dial(Struct, frozen=True):
    """Call this phone."""

    target: Target
    caller: NameAddr
    """Shown as From: the customer's ANI and name."""
    trunk: str | None = None
    """The trunk of which it takes a line; None: a phone of our own."""
    by: AgentId | None = None
    """The agent who has a number called: it counts among his calls of the hour (A09)."""
    says_ringing: bool = False
    """Whether somebody waits to hear that it rings."""


class HangUp(Struct, frozen=True, gc=False):
    """End the leg in whatever way its state asks for: reject, CANCEL or BYE."""

    status: int | None = None
    """The status of a rejection; None: what the state suggests."""
    reason: str | None = None
    """A Reason header (RFC 3326), as ``SIP;cause=200;text="Call completed elsewhere"``."""


# --- a queue hears ----------------------------------------------------------------------------


class JoinQueue(Struct, frozen=True):
    """Wait here.  The place is the one the contact had, when it comes back."""

    contact: ContactId
    place: Place
    needs: Expression = EVERYBODY
    """What it asks of an agent beside what the queue does."""
    tried: tuple[AgentId, ...] = ()
    """Agents that failed it, last first; a hint of policy, never a bar for ever."""
    avoid: tuple[AgentId, ...] = ()
    """Agents who must not have it: one sent it here (V-51)."""
    again: bool = False
    """It was served, or offered, and comes back: the queue is never too full for it."""
    since: float | None = None
    """When it began to wait here, for the bound of waiting; None: as its place says."""
    caller: str = ""
    """The number that calls, by which he is known when he calls again; empty: unknown."""


class LeaveQueue(Struct, frozen=True, gc=False):
    """Gone: abandoned, ended or failed."""

    contact: ContactId


class ContactConnected(Struct, frozen=True, gc=False):
    """The assigned agent answered; the queue and the dispatcher may forget the contact."""

    contact: ContactId
    agent: AgentId | None = None
    """Who answered."""


class ContactPaired(Struct, frozen=True, gc=False):
    """The dispatcher has given the contact to an agent; it no longer waits."""

    contact: ContactId
    agent: AgentId
    others: tuple[AgentId, ...] = ()
    """Who rings beside him: the first to answer has it."""


class PairingUndone(Struct, frozen=True, gc=False):
    """The agent had just become unavailable; the dispatcher has the contact in its index again."""

    contact: ContactId
    agent: AgentId


# --- the dispatcher hears ---------------------------------------------------------------------


class ContactWaits(Struct, frozen=True):
    """A queue has a contact that any fitting agent may have."""

    contact: ContactId
    queue: QueueName
    place: Place
    needs: Expression
    """What it asks of an agent beside what the queue does."""
    at: float
    """When it began to wait this time, in monotonic seconds (``place.since``: the first time)."""
    tried: tuple[AgentId, ...] = ()
    avoid: tuple[AgentId, ...] = ()
    channel: str = "voice"
    entered: float | None = None
    """When it entered this queue, whose rings count from here; None: at ``at``."""
    preferred: tuple[AgentId, ...] = ()
    """It is kept for these, the first of them first, until ``preferred_until``."""
    preferred_until: float = 0.0


class ContactLeft(Struct, frozen=True, gc=False):
    contact: ContactId


class AgentAvailable(Struct, frozen=True):
    """The agent may be assigned a contact.  Told again whenever anything of it has changed."""

    agent: AgentId
    skills: Mapping[str, int]
    since: float
    """Available since this instant (monotonic seconds): longest first."""
    seq: int
    """Unique in the process: the tie-break among equal instants."""
    at: float
    """When this was decided: the pairing became possible no earlier."""
    contacts: int = 0
    """How many he has served since he signed in."""
    talked: float = 0.0
    """For how many seconds in all."""
    weight: int = 1
    """Of his lot, where lots are drawn."""
    position: int = 0
    """Where he stands in the configuration: different for each agent."""


class AgentUnavailable(Struct, frozen=True, gc=False):
    agent: AgentId


class AgentServes(Struct, frozen=True, gc=False):
    """The agent has a contact of a queue that limits its agents in hand: he has taken it, or the
    dispatcher has started again.  It counted from when he was reserved.
    """

    agent: AgentId
    contact: ContactId
    queue: QueueName


class AgentServed(Struct, frozen=True, gc=False):
    """He has it no more, or refused it.  Nothing else but his crash ends that it counts."""

    agent: AgentId
    contact: ContactId


class ReservationRefused(Struct, frozen=True, gc=False):
    """The agent had just become unavailable: the contact keeps its place."""

    agent: AgentId
    contact: ContactId


# --- an agent hears ---------------------------------------------------------------------------


class Reserve(Struct, frozen=True, gc=False):
    """From the dispatcher: take this contact."""

    contact: ContactId
    queue: QueueName
    possible_at: float
    channel: str = "voice"
    shared: bool = False
    """Others are reserved for it as well: the first to answer has it."""
    known_at: float | None = None
    """When the agent said that he was available, of what the dispatcher went by (``at``)."""


EngagementKind: TypeAlias = Literal["contact", "consult", "transfer", "monitor", "outbound"]
"""What an agent is engaged for.  ``contact``: the dispatcher's choice; the others were asked for
by name; ``monitor``, a supervisor's listening, is no work of his; ``outbound``, a call that he
places himself.
"""


class AskedFor(Struct, frozen=True, gc=False):
    """From a contact: reserve yourself for this request of mine, without the dispatcher.

    Answered ``Assigned`` or ``AgentNotFree``.
    """

    contact: ContactId
    by: AgentId | None
    """The agent who wants him; None: nobody's wish, but a flow's."""
    kind: Literal["consult", "transfer", "monitor", "outbound"]
    queue: QueueName | None
    """Whose rules of wrap-up hold; None: there will be none."""


class OfferAnswered(Struct, frozen=True, gc=False):
    """From the contact: the agent talks with the customer."""

    contact: ContactId


class OfferWithdrawn(Struct, frozen=True, gc=False):
    """From the contact: it needs the agent no more, through no fault of the agent's.

    ``on_hook``: none of his phones has been called.  Otherwise ``AgentLegDown`` says when they have
    stopped.
    """

    contact: ContactId
    reason: During | str
    on_hook: bool = True


class OfferFailed(Struct, frozen=True, gc=False):
    """From the contact: the agent's phone did not take it."""

    contact: ContactId
    reason: OfferFailure


class ConversationEnded(Struct, frozen=True, gc=False):
    """From the contact: the agent's part is over."""

    contact: ContactId
    ended_by: EndedBy
    wraps_up: bool = True
    """Wrap-up begins; those who only helped another have none (V-54)."""


class AgentLegDown(Struct, frozen=True, gc=False):
    """From the contact: the agent's phone is on the hook again."""

    contact: ContactId


class PhoneLost(Struct, frozen=True, gc=False):
    """From the contact: the agent's phone fell silent in the middle of a conversation."""

    contact: ContactId


class PhonesChanged(Struct, frozen=True):
    """From the registrar: the phones at which the agent can be reached now; none is signed out."""

    targets: tuple[Target, ...]


class SetAvailable(Struct, frozen=True, gc=False):
    """A command: work may come."""


class SetIdle(Struct, frozen=True, gc=False):
    """A command: no work, for this reason."""

    code: str


class SignOut(Struct, frozen=True, gc=False):
    """A command: gone home."""


class EndWrapUp(Struct, frozen=True, gc=False):
    """A command: after-call work is done."""

    code: str | None = None


class PlaceCall(Struct, frozen=True, gc=False):
    """A command: his phone rings, and when he answers the number is called.

    Answered ``CallStarted`` when he has been reserved, or refused.
    """

    number: str


AgentCommand: TypeAlias = SetAvailable | SetIdle | SignOut | EndWrapUp | PlaceCall


class AgentCommandReceived(Struct, frozen=True):
    """A command from outside.  ``expect``: the version its sender saw, or None."""

    command: AgentCommand
    reply_to: str
    expect: int | None = None


class Done(Struct, frozen=True):
    version: int
    state: str
    code: str | None
    pending: str | None
    allowed: tuple[str, ...]


class Refused(Struct, frozen=True):
    """It changed nothing."""

    code: Refusal | NotFree
    state: str
    allowed: tuple[str, ...]


class CallStarted(Struct, frozen=True):
    """The agent's phone is being called, for this contact."""

    contact: ContactId


class Restarted(Struct, frozen=True, gc=False):
    """To everyone: this actor has been started again, and knows nothing.  Tell it what it needs."""

    name: str


class Resume(Struct, frozen=True, gc=False):
    """The first message to a machine that has been built again after a restart of the server: say
    what the world must know of you.
    """


class ContactKept(Struct, frozen=True, gc=False):
    """To an agent that has been started again: it is talking with this contact."""

    contact: ContactId
    queue: QueueName | None
    kind: EngagementKind = "contact"


# --- whoever watches another hears ------------------------------------------------------------


class Down(Struct, frozen=True, gc=False):
    """Told once to each watcher when an actor has ended."""

    name: str
    crashed: bool
