"""What a run of the server knew, as plain data: from it the next one builds its machines again.

It is a fold over the journal (``ccserver.journal.past``).  All instants are monotonic seconds of
one clock, that of the run which wrote last.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from actors import events as ev
from actors.handling import Handling
from actors.ids import AgentId, ContactId, EntryPointName, LegId, QueueName
from actors.place import Place
from sip.registrar import Binding

Stage: TypeAlias = Literal["dialling", "flow", "waiting", "offered", "talking", "handed_over"]


class PastLeg(Struct):
    """``down``: it has ended, and its contact may not have heard of it.

    ``restarts``: how many it has lived through since it was written down, at ``since``.
    """

    contact: ContactId
    restarts: int = 0
    since: float = 0.0
    arrived: ev.LegArrived | None = None
    called: ev.LegCalled | None = None
    confirmed: ev.LegConfirmed | None = None
    down: ev.LegDown | None = None
    party: tuple[AgentId, ContactId] | None = None
    """Whose phone it is, and under which name he knows the engagement; None: no agent's who
    talked.
    """


class PastService(Struct):
    """By whom last; the first answered at ``since``, after ``waited`` seconds.

    ``queued``: when the customer began to wait in this queue.
    """

    agent: AgentId | None
    since: float
    waited: float
    queued: float


class PastPlace(Struct):
    """A place in a queue, and whose it was: he hung up at ``at``."""

    place: Place
    contact: ContactId
    at: float


class PastTalk(Struct):
    """A conversation as it was published last."""

    state: str
    version: int
    since: float
    participants: tuple[ev.Participant, ...]


class PastContact(Struct):
    """``stage``: dialling, of an agent's call; flow; waiting in ``queue``; offered to ``agent``;
    talking; or handed over by an agent to somebody who is sought by name.
    """

    ref: ev.ContactRef
    entry_point: EntryPointName
    ani: str
    dnis: str
    customer: LegId
    arrived: float
    stage: Stage = "flow"
    restarts: int = 0
    """How many it has lived through."""
    diverted: int = 0
    """How often it has been sent on by a rule."""
    queue: QueueName | None = None
    """``NO_QUEUE``: an agent has called the customer."""
    place: Place | None = None
    """The place it has, or had last."""
    needs: str = "everybody"
    """What the customer asks of an agent beside what the queue does."""
    queued: float = 0.0
    """When it began to wait in this queue."""
    agent: AgentId | None = None
    request: ContactId | None = None
    """The request for which an agent was assigned last."""
    service: PastService | None = None
    """None: by nobody of this queue yet."""
    talk: PastTalk | None = None
    consult: ev.ConsultRequested | None = None
    consult_since: float = 0.0
    transfer: ev.ContactTransferred | None = None
    """To somebody by name, who has not answered."""
    down: list[LegId] = []
    """Legs of those who take part, that have ended."""


class PastAgent(Struct):
    """``wanted``, ``code``: available, idle with its code, or signed out: what he is, or was
    before he had what he has in hand.
    """

    state: str = "signed_out"
    wanted: str = "signed_out"
    code: str | None = None
    pending: str | None = None
    since: float = 0.0
    """In this state."""
    shown: float = 0.0
    """When the journal last spoke of him: what lasted until then has been told."""
    available_since: float = 0.0
    seq: int = 0
    contact: ContactId | None = None
    """The request that he has in hand."""
    queue: QueueName | None = None
    kind: str = "contact"
    wraps_up: bool = False
    """In wrap-up that a command can end; else his phone is only to be put on the hook."""
    version: int = 0
    allowed: tuple[str, ...] = ()


MOST_COMMANDS = 10_000
"""Of those that came with a key; each is remembered for so many seconds."""
COMMAND_SECONDS = 600.0


class PastCommand(Struct):
    """One that came with a key.  ``answer``: None until it was answered."""

    by: str
    key: str
    digest: str
    at: float
    answer: dict[str, Any] | None = None


class Past(Struct):
    """``seq``, ``at``: of the last event; ``at`` in microseconds since 1970.

    ``boot`` names the clock, which showed ``clock`` at ``clock_at``.
    """

    seq: int = 0
    at: int = 0
    boot: str = ""
    clock: float = 0.0
    clock_at: int = 0
    contacts: dict[ContactId, PastContact] = {}
    legs: dict[LegId, PastLeg] = {}
    agents: dict[AgentId, PastAgent] = {}
    dialled: dict[AgentId, list[float]] = {}
    """When each agent had numbers outside called, within the last hour."""
    bindings: dict[AgentId, dict[str, Binding]] = {}
    """By user and by what the phone registered."""
    left: dict[QueueName, dict[str, PastPlace]] = {}
    """By the number that called: who hung up while he waited, in the last hour; the latest last."""
    handling: Handling = msgspec.field(default_factory=Handling)
    """How long contacts take."""
    given: dict[QueueName, AgentId] = {}
    """To whom each queue gave a contact last: its round robin goes on from him."""
    commands: dict[str, PastCommand] = {}
    """By their authors and keys; the latest last."""
    highest: int = 0
    """No number that orders contacts or agents is above this one."""
