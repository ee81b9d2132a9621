"""What may be asked of a contact from outside: the desktop's buttons, as data.

A command has a tag ``contact.what``; the door turns ``{"op": tag, "args": {...}}`` into one of
these.  Its author is an agent or a supervisor (``Principal``); what the author may do now is in
the contact's published state, and a command that is not allowed is refused with a reason code.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from actors.ids import AgentId, ContactId, EntryPointName, QueueName


class Destination(Struct, frozen=True, tag_field="kind"):
    """Whom to consult, or to transfer to (V-19, V-50)."""


class ToAgent(Destination, frozen=True, tag="agent"):
    agent: AgentId


class ToQueue(Destination, frozen=True, tag="queue"):
    queue: QueueName


class ToEntryPoint(Destination, frozen=True, tag="entry_point"):
    entry_point: EntryPointName


class ToNumber(Destination, frozen=True, tag="number"):
    number: str


class ToDirectory(Destination, frozen=True, tag="directory"):
    """An entry of the directory, by its name; it stands for a number or an agent."""

    name: str


AnyDestination: TypeAlias = ToAgent | ToQueue | ToEntryPoint | ToNumber | ToDirectory
Side: TypeAlias = Literal["customer", "consult"]
MonitorMode: TypeAlias = Literal["listen", "whisper", "barge_in"]


class Command(Struct, frozen=True, tag_field="op"):
    """Base of all commands to a contact."""


class Hold(Command, frozen=True, tag="contact.hold"):
    """Music for that side; both sides may be held at once (V-17)."""

    side: Side = "customer"


class Resume(Command, frozen=True, tag="contact.resume"):
    """Talk to that side; the other is held by itself (V-16)."""

    side: Side = "customer"


class Consult(Command, frozen=True, tag="contact.consult"):
    to: AnyDestination


class EndConsult(Command, frozen=True, tag="contact.end_consult"):
    """End Consult by who asked for it, Exit Consult by who was asked."""


class Conference(Command, frozen=True, tag="contact.conference"):
    """Join the consulted party to the conversation."""


class Transfer(Command, frozen=True, tag="contact.transfer"):
    """Blind to a destination, or (without one) to the consulted party."""

    to: AnyDestination | None = None


class ExitConference(Command, frozen=True, tag="contact.exit_conference"):
    """Leave; the longest-present agent takes control (V-37, V-39)."""


class End(Command, frozen=True, tag="contact.end"):
    """End the call; in a conference, a conferenced agent ends only his own part."""


class Monitor(Command, frozen=True, tag="contact.monitor"):
    """A supervisor's phone is called and joined in this mode."""

    mode: MonitorMode = "listen"


class ChangeMonitoring(Command, frozen=True, tag="contact.change_monitoring"):
    mode: MonitorMode


class StopMonitoring(Command, frozen=True, tag="contact.stop_monitoring"):
    pass


ContactCommand: TypeAlias = (
    Hold
    | Resume
    | Consult
    | EndConsult
    | Conference
    | Transfer
    | ExitConference
    | End
    | Monitor
    | ChangeMonitoring
    | StopMonitoring
)


class Assign(Command, frozen=True, tag="contact.assign"):
    """Give a waiting contact to this agent; ``force``: whatever its queue asks of him."""

    contact: ContactId
    agent: AgentId
    force: bool = False


class RouterHeard(Command, frozen=True, tag="queue.router_heard"):
    """The queue's outside router is there: its contacts are kept for it."""

    queue: QueueName


class RouterLeft(Command, frozen=True, tag="queue.router_left"):
    """And comes no more."""

    queue: QueueName


OutsideCommand: TypeAlias = Assign | RouterHeard | RouterLeft
"""Who gives contacts away from outside: to the dispatcher."""


class Principal(Struct, frozen=True):
    """On whose behalf a command comes."""

    user: str
    role: Literal["agent", "supervisor", "administrator", "read_only"]
    agent: AgentId | None = None
    """The agent that this user is; None for one who takes no calls."""


class ContactCommandReceived(Struct, frozen=True):
    """To a contact.  ``expect``: the version of its state that the author saw, or None.

    Answered with ``ContactDone`` or ``ContactRefused``, through ``ReplyTo(reply_to, answer)``.
    """

    contact: ContactId
    command: ContactCommand
    by: Principal
    reply_to: str
    expect: int | None = None


TargetKind: TypeAlias = Literal["agent", "team", "queue"]


class RequestMonitoring(Command, frozen=True, tag="monitor.request"):
    """Call me when a conversation of this target begins: the next one, every one, or every one
    from ``begins`` until ``ends`` (microseconds since 1970, UTC; both, or neither).
    """

    kind: TargetKind
    target: str
    mode: MonitorMode = "listen"
    continuous: bool = False
    begins: int | None = None
    ends: int | None = None


class CancelMonitoring(Command, frozen=True, tag="monitor.cancel"):
    """Whatever is wanted of this target, is wanted no more."""

    kind: TargetKind
    target: str


MonitorCommand: TypeAlias = RequestMonitoring | CancelMonitoring


class MonitorCommandReceived(Struct, frozen=True):
    """To the monitor desk.  Answered with ``MonitorAnswer`` through ``ReplyTo``."""

    command: MonitorCommand
    by: Principal
    reply_to: str


class Wish(Struct, frozen=True):
    """What a supervisor waits for."""

    supervisor: AgentId
    kind: TargetKind
    target: str
    mode: MonitorMode
    continuous: bool
    begins: int | None = None
    ends: int | None = None
    """Of a scheduled one; None: it is the next call's, or continuous."""


class MonitorAnswer(Struct, frozen=True):
    """``refused``: a code of ``actors.reasons.Refusal``, or None.  ``wishes``: all of his."""

    refused: str | None
    wishes: tuple[Wish, ...]


class ContactDone(Struct, frozen=True):
    """``state`` and ``allowed`` are the author's, after the command."""

    version: int
    state: str
    allowed: tuple[str, ...]


class ContactRefused(Struct, frozen=True):
    """It changed nothing.  ``code`` is an ``actors.reasons.Refusal``."""

    code: str
    state: str
    allowed: tuple[str, ...]
