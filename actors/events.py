"""Facts for the journal: the only thing that leaves the actors.

An event is a frozen struct with a tag ``thing.what_happened``.  The journal adds a sequence number
and the time.  Durations are in seconds.  Fields typed ``Personal`` hold what is private to a
customer; the journal's codec may seal them, logs never show them.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from actors.estimate import Estimate
from actors.event import Event as Event
from actors.event import Personal as Personal
from actors.heard import Heard as Heard
from actors.heard import HeardAgentAvailable as HeardAgentAvailable
from actors.heard import HeardAgentServed as HeardAgentServed
from actors.heard import HeardAgentServes as HeardAgentServes
from actors.heard import HeardAgentUnavailable as HeardAgentUnavailable
from actors.heard import HeardAssignContact as HeardAssignContact
from actors.heard import HeardContactConnected as HeardContactConnected
from actors.heard import HeardContactLeft as HeardContactLeft
from actors.heard import HeardContactWaits as HeardContactWaits
from actors.heard import HeardPolicyChanged as HeardPolicyChanged
from actors.heard import HeardReservationRefused as HeardReservationRefused
from actors.heard import HeardRestarted as HeardRestarted
from actors.heard import HeardRouterHeard as HeardRouterHeard
from actors.heard import HeardRouterLeft as HeardRouterLeft
from actors.heard import HeardTimerFired as HeardTimerFired
from actors.ids import AgentId, ContactId, EntryPointName, LegId, QueueName
from actors.place import Place
from actors.reasons import During, EndedBy, OfferFailure, Outcome, Refusal
from actors.server_events import ActorCrashed as ActorCrashed
from actors.server_events import CentreConfigured as CentreConfigured
from actors.server_events import ClockSet as ClockSet
from actors.server_events import CommandAnswered as CommandAnswered
from actors.server_events import CommandAsked as CommandAsked
from actors.server_events import ConfigurationChange as ConfigurationChange
from actors.server_events import LegArrived as LegArrived
from actors.server_events import LegCalled as LegCalled
from actors.server_events import LegConfirmed as LegConfirmed
from actors.server_events import LegDown as LegDown
from actors.server_events import PhoneGone as PhoneGone
from actors.server_events import PhoneRefreshed as PhoneRefreshed
from actors.server_events import PhoneRegistered as PhoneRegistered
from actors.server_events import ServerDraining as ServerDraining
from actors.server_events import ServerRecovered as ServerRecovered
from actors.server_events import ServerStarted as ServerStarted
from actors.server_events import ServerStopped as ServerStopped


class ContactRef(Struct, frozen=True, gc=False, omit_defaults=True):
    """What every event of a contact says of it."""

    id: ContactId
    channel: str = "voice"
    master: ContactId | None = None
    session: str | None = None
    parent: ContactId | None = None


# --- contact ----------------------------------------------------------------------------------


class ContactArrived(Event, frozen=True, tag="contact.arrived"):
    contact: ContactRef
    entry_point: EntryPointName
    ani: Personal
    dnis: str
    leg: LegId


class ContactPlaced(Event, frozen=True, tag="contact.placed"):
    """An agent calls ``to``, a number outside, who is shown ``shown``."""

    contact: ContactRef
    agent: AgentId
    to: Personal
    shown: str
    trunk: str


class ContactReached(Event, frozen=True, tag="contact.reached"):
    """The number that an agent called has answered.  ``leg``: the agent's."""

    contact: ContactRef
    agent: AgentId
    leg: LegId
    rang: float
    """From the INVITE to the answer."""


class ContactQueued(Event, frozen=True, tag="contact.queued"):
    contact: ContactRef
    queue: QueueName
    place: Place
    needs: str = "everybody"
    """What it asks of an agent beside what the queue does (``actors.routing.grammar``)."""
    again: bool = False
    """It came back to the place it had."""
    position: int | None = None
    """The place in line with which it begins."""
    estimate: Estimate | None = None
    """How long it was expected to wait; None: nothing was known of that."""
    regained: ContactId | None = None
    """Whose place it has: the caller hung up, and came back in time."""


class QueueFigures(Struct, frozen=True, gc=False, omit_defaults=True):
    """How a queue stood for a contact; None: nobody asked, or it was not known."""

    waiting: int | None = None
    signed_in: int | None = None
    """Agents who could serve it, sooner or later."""
    working: int | None = None
    """Those of them who are neither signed out nor idle."""
    p50: float | None = None
    """The estimated wait of half of those who come now, in seconds."""


class ContactDiverted(Event, frozen=True, tag="contact.diverted"):
    """A rule of the queue, or of the entry point that leads to it, sent the customer elsewhere.

    ``when`` is the rule's condition, ``to`` as ``queue:sales``, ``message:closed.wav``,
    ``busy:486``.  ``waited`` None: at the door; else he overflowed, after so many seconds there.
    The figures are those that the rule was held against, where it needs any.
    """

    contact: ContactRef
    queue: QueueName
    when: str
    to: Personal
    onward: bool
    """To another queue, entry point or number: this queue is done with him."""
    waited: float | None = None
    figures: QueueFigures = QueueFigures()


class ContactAnnounced(Event, frozen=True, tag="contact.announced"):
    """He was told something while he waited.  ``files`` are what was played, one after another.

    ``position`` and ``estimate`` are what was known then, if it was asked for.
    """

    contact: ContactRef
    queue: QueueName
    files: tuple[str, ...]
    position: int | None = None
    estimate: Estimate | None = None


class Candidate(Struct, frozen=True, gc=False, omit_defaults=True):
    """An agent, or a contact, that was looked at, and what was found."""

    id: str
    verdict: str
    """chosen, or later."""
    rank: tuple[float, ...]
    """What was compared.  Of a contact: band (0 overdue, 1 not), minus the queue's weight,
    priority, since when, the unique number.  Of an agent: what the strategy counts, available
    since, the unique number; in round robin a 0 or 1 before them (after the last one, or before
    him); of a preferred agent, his number among those preferred."""
    tried: bool = False
    """The pair has failed before: it comes after all that have not."""


class Decision(Struct, frozen=True, omit_defaults=True):
    """What is needed to explain, and to compute again, why this pair was made.

    ``on`` says what had changed: ``agent`` (an agent became available: the contact was chosen),
    ``contact`` (a contact began to wait: the agent was chosen), ``time`` (a contact came to its
    next ring, or the outside router is silent), ``room`` (its queue may have one agent more),
    ``policy`` (the rules changed), ``router`` (the outside router has gone) or ``assignment``
    (``by`` assigned it; nobody was compared, and with ``forced`` the rules are against it).
    ``candidates`` are the heads of the lines that were compared, best first: the chosen one is the
    least by ``tried`` and ``rank``; where lots were drawn, it stands alone.  ``passed_over`` counts
    the others by reason: ``skills`` (they do not fit), ``tried`` (the pair has failed before, and
    another was in the same line), ``behind`` (they fit, and stand behind the head of their line),
    ``avoided`` (the agent sent the contact away himself), ``full`` (their queue has as many agents
    as it may), ``kept`` (they are kept for the agents they prefer, or the contact for others),
    ``routed`` (they are kept for the outside router).
    """

    on: str
    place: Place
    needs: str
    """What the contact asked for in its ring (``actors.routing.grammar``)."""
    skills: dict[str, int]
    agent_since: float
    agent_seq: int
    candidates: tuple[Candidate, ...]
    passed_over: dict[str, int] = {}
    rule: str = ""
    """The version of the configuration (``centre.configured``) whose rules were applied."""
    strategy: str = "longest_available"
    ring: int = 0
    """From 0; -1: kept for the agents it prefers; -2: for the outside router."""
    overdue: bool = False
    """Nobody may overtake it any more."""
    draw: float | None = None
    """The number from 0 to 1 that was drawn."""
    others: tuple[AgentId, ...] = ()
    """Ring-all: who rings beside the agent."""
    by: str | None = None
    """The account that assigned it; None: the rules did."""
    forced: bool = False


class ContactAssigned(Event, frozen=True, tag="contact.assigned"):
    contact: ContactId
    queue: QueueName
    agent: AgentId
    possible_at: float
    decided_at: float
    decision: Decision


class AssignmentRefused(Event, frozen=True, tag="contact.assignment_refused"):
    """Somebody outside wanted to give it to this agent; ``reason``: an ``actors.reasons.Refusal``.

    ``queue``: where the contact waits; empty: it does not.
    """

    contact: ContactId
    queue: QueueName
    agent: AgentId
    by: str
    reason: Refusal


class ContactPresented(Event, frozen=True, tag="contact.presented"):
    """The INVITE to the agent's phone has been handed to the socket."""

    contact: ContactRef
    queue: QueueName
    agent: AgentId
    leg: LegId
    dispatch: float
    """From the instant the pairing became possible."""


class ContactOfferFailed(Event, frozen=True, tag="contact.offer_failed"):
    contact: ContactRef
    queue: QueueName
    agent: AgentId
    reason: OfferFailure
    others_ring: bool = False
    """Others still ring for it: it is being offered as it was."""


class ContactConnected(Event, frozen=True, tag="contact.connected"):
    contact: ContactRef
    queue: QueueName
    agent: AgentId
    leg: LegId
    waited: float
    """From the first instant in a queue to the answer."""
    rang: float
    """From the INVITE to the agent's phone to its answer."""


class ContactReturned(Event, frozen=True, tag="contact.returned"):
    """The agent was lost in the middle of the conversation: the customer waits again, in front."""

    contact: ContactRef
    queue: QueueName
    agent: AgentId | None
    reason: str
    talked: float


class Participant(Struct, frozen=True, gc=False, omit_defaults=True):
    """``id``: an agent's id, an outsider's number, or ``customer``."""

    id: Personal
    kind: str
    """customer, agent, outsider or supervisor."""
    role: str
    """``primary``: in control; else empty."""
    state: str
    allowed: tuple[str, ...]
    """What this participant may do now; everything else would be refused."""
    since: float
    """Monotonic seconds."""
    leg: str = ""
    """The leg of his phone."""
    request: str | None = None
    """Under which name his agent knows the engagement."""
    part: str = ""
    """``consults``, ``consulted``, or empty: he is in the main call, or listens."""


class ContactStateChanged(Event, frozen=True, tag="contact.state_changed"):
    """The conversation is another than before; ``lasted``: how long ``before`` lasted, if it
    ended.

    States: connected, held, consult_requested, consulting, consult_on_hold, both_on_hold,
    conference, post_call; and over, when nobody is left or the customer is sought another party.
    """

    contact: ContactRef
    version: int
    before: str
    state: str
    lasted: float
    participants: tuple[Participant, ...]


class ConsultRequested(Event, frozen=True, tag="contact.consult_requested"):
    """``by``: the agent who asks, whose name and team the consulted one is shown (V-24)."""

    contact: ContactRef
    by: str
    to: Personal
    """``agent:1002``, ``queue:sales``, ``number:...``."""
    by_name: str = ""
    by_team: str = ""


class ConsultAnswered(Event, frozen=True, tag="contact.consult_answered"):
    contact: ContactRef
    by: str
    party: Personal
    waited: float


class ConsultEnded(Event, frozen=True, tag="contact.consult_ended"):
    """``outcome``: ended, left, cancelled, conference, transfer, or why nobody was reached."""

    contact: ContactRef
    by: str
    to: Personal
    outcome: str
    lasted: float


class ContactTransferred(Event, frozen=True, tag="contact.transferred"):
    """``how``: blind, or consult."""

    contact: ContactRef
    by: str
    to: Personal
    how: str


class ContactTransferFailed(Event, frozen=True, tag="contact.transfer_failed"):
    """Nobody took it; the customer stayed with ``by``, or waits again."""

    contact: ContactRef
    by: str
    to: Personal
    reason: str


class ContactLeftQueue(Event, frozen=True, tag="contact.left_queue"):
    """The queue's agent served it, and sent it elsewhere: to this queue it is handled.

    With an empty queue: it was a call that an agent placed, and is a queue's from now on.
    """

    contact: ContactRef
    queue: QueueName
    agent: AgentId | None
    talked: float


class CallRefused(Event, frozen=True, tag="call.refused"):
    """An agent was not let call this number (A09)."""

    agent: AgentId
    to: Personal
    reason: str


class ContactMonitored(Event, frozen=True, tag="contact.monitored"):
    """``mode``: listen, whisper, barge_in, or ended."""

    contact: ContactRef
    supervisor: AgentId
    target: AgentId
    mode: str


class ContactEnded(Event, frozen=True, tag="contact.ended"):
    """The one terminal event of a contact."""

    contact: ContactRef
    outcome: Outcome
    queue: QueueName | None = None
    agent: AgentId | None = None
    during: During | None = None
    """Where an abandoned contact was."""
    reason: str | None = None
    ended_by: EndedBy | None = None
    waited: float = 0.0
    talked: float = 0.0


# --- agent ------------------------------------------------------------------------------------


class AgentStateChanged(Event, frozen=True, tag="agent.state_changed"):
    agent: AgentId
    channel: str
    before: str
    """signed_out, idle, available, reserved, engaged or wrap_up."""
    state: str
    code: str | None = None
    """The idle code."""
    pending: str | None = None
    """What will be applied after the present contact: available, idle:CODE, signed_out."""
    lasted: float = 0.0
    """How long the state before lasted."""
    contact: ContactId | None = None
    version: int = 0
    """What a command's ``expect`` is compared with."""
    allowed: tuple[str, ...] = ()
    """The commands that would not be refused: available, end-wrap-up, idle, sign-out."""
    since: float = 0.0
    """His place among those who wait for work, in monotonic seconds; 0: he is not available."""
    seq: int = 0
    """The tie-break among equal instants."""
    queue: QueueName | None = None
    """Whose rules hold for the contact he has."""
    kind: str = "contact"
    """What he has it for: contact, consult, transfer or monitor."""


class WrapUpEnded(Event, frozen=True, tag="agent.wrap_up_ended"):
    agent: AgentId
    contact: ContactId
    queue: QueueName
    lasted: float
    code: str | None = None
    by_timer: bool = False


class AgentLeft(Event, frozen=True, tag="agent.left"):
    """He is in the configuration no more, and had nothing in hand any more."""

    agent: AgentId


class QueueDrained(Event, frozen=True, tag="queue.drained"):
    """It is in the configuration no more, and nobody waits in it, or comes back to it, any more."""

    queue: QueueName


class QueueOpened(Event, frozen=True, tag="queue.opened"):
    """It is in the configuration again, after it had drained."""

    queue: QueueName


class RouterChanged(Event, frozen=True, tag="queue.router_changed"):
    """How the outside router of a queue stands.

    ``state``: ``awaited`` (not heard yet, and contacts are kept for it so long), ``present``,
    ``silent``, ``left``, or ``none``: the queue is routed by its rules alone.
    """

    queue: QueueName
    state: str
    by: str | None = None
    """The account under which it was heard first."""


class LeaseExpired(Event, frozen=True, tag="lease.expired"):
    """Whoever should have moved it on never did; its owner let it go.  Always a fault somewhere."""

    owner: str
    """The name of an actor: ``agent/1001``, ``queue/support``."""
    contact: ContactId
    state: str


AnyEvent: TypeAlias = (
    ContactArrived
    | ContactPlaced
    | ContactReached
    | ContactQueued
    | ContactDiverted
    | ContactAnnounced
    | ContactAssigned
    | ContactPresented
    | ContactOfferFailed
    | ContactConnected
    | ContactReturned
    | ContactStateChanged
    | ConsultRequested
    | ConsultAnswered
    | ConsultEnded
    | ContactTransferred
    | ContactTransferFailed
    | ContactLeftQueue
    | CallRefused
    | ContactMonitored
    | ContactEnded
    | HeardContactWaits
    | HeardPolicyChanged
    | HeardAgentServes
    | HeardAgentServed
    | HeardTimerFired
    | HeardContactLeft
    | HeardContactConnected
    | HeardAgentAvailable
    | HeardAgentUnavailable
    | HeardReservationRefused
    | HeardRestarted
    | HeardAssignContact
    | HeardRouterHeard
    | HeardRouterLeft
    | AssignmentRefused
    | RouterChanged
    | AgentStateChanged
    | WrapUpEnded
    | AgentLeft
    | QueueDrained
    | QueueOpened
    | LeaseExpired
    | LegArrived
    | LegCalled
    | LegConfirmed
    | LegDown
    | PhoneRegistered
    | PhoneRefreshed
    | PhoneGone
    | CommandAsked
    | CommandAnswered
    | ActorCrashed
    | ServerStarted
    | ServerRecovered
    | CentreConfigured
    | ClockSet
    | ServerDraining
    | ServerStopped
)
