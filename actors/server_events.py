"""Events of legs, phones and the server itself."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from actors.event import Event, Personal
from actors.ids import AgentId, ContactId, LegId
from sip.dialog import DialogSnapshot
from sip.registrar import Binding
from sip.transport.path import Path
from sip.usage_messages import ServerKey

# --- legs -------------------------------------------------------------------------------------


class LegArrived(Event, frozen=True, tag="leg.arrived"):
    """A customer's INVITE: all that is needed to answer it, or to end the call that it began."""

    leg: LegId
    contact: ContactId
    target: str
    headers: tuple[tuple[str, Personal], ...]
    """Via, From, To, Call-ID, CSeq, Contact and Record-Route, as they came."""
    key: ServerKey
    path: Path
    """The way to the phone."""


class LegCalled(Event, frozen=True, tag="leg.called"):
    """Our INVITE has gone: all that is needed to take it back, or to end what it began."""

    leg: LegId
    contact: ContactId
    target: str
    from_: Personal
    to: Personal
    call_id: str
    branch: str
    path: Path


class LegConfirmed(Event, frozen=True, tag="leg.confirmed"):
    """The dialog stands, or has changed: another target, other media.  All that is needed to build
    it again.
    """

    leg: LegId
    contact: ContactId
    dialog: DialogSnapshot | None
    path: Path | None = None
    """The way to the phone."""
    called: bool = False
    """We called it."""
    sdp_session: int = 0
    sdp_version: int = 0
    """Of our last description: the next one has a higher one."""
    trunk: str | None = None
    """Of which it has a line."""


class LegDown(Event, frozen=True, tag="leg.ended"):
    leg: LegId
    contact: ContactId
    cause: str
    status: int | None = None
    by_us: bool = False


# --- phones -----------------------------------------------------------------------------------


class PhoneRegistered(Event, frozen=True, tag="phone.registered"):
    agent: AgentId
    contact_uri: str
    transport: str
    expires: float
    """Monotonic seconds."""
    binding: Binding | None = None
    """All that the registrar knows of it."""


class PhoneRefreshed(Event, frozen=True, tag="phone.refreshed"):
    """It has registered again: until later, or from elsewhere."""

    agent: AgentId
    binding: Binding


class PhoneGone(Event, frozen=True, tag="phone.gone"):
    agent: AgentId
    contact_uri: str
    reason: str


# --- the server -------------------------------------------------------------------------------


class ActorCrashed(Event, frozen=True, tag="actor.crashed"):
    kind: str
    name: str
    error: str


class CommandAsked(Event, frozen=True, tag="command.asked"):
    """One that came with a key is put to whom it is for.  ``digest``: of what it says."""

    by: str
    key: str
    digest: str


class CommandAnswered(Event, frozen=True, tag="command.answered"):
    """That one; the same key is answered the same from now on."""

    by: str
    key: str
    answer: dict[str, Any]


class ServerStarted(Event, frozen=True, tag="server.started"):
    version: str
    epoch: str
    boot: str = ""
    """Names the clock of all monotonic instants in this run's events: the machine's since it was
    booted."""
    clock: float = 0.0
    """What that clock shows now."""
    rescued: int = 0
    """So many events in front of this one were not on the disk as the run before was killed."""


class ServerRecovered(Event, frozen=True, tag="server.recovered"):
    """What an earlier run of the server left has been taken over.  ``ended``: what could not be."""

    talking: int
    waiting: int
    ringing: int
    ended: int
    phones: int
    """Registrations."""
    away: float
    """Seconds since the last event of the earlier run."""
    took: float
    """Seconds."""


class ConfigurationChange(Struct, frozen=True):
    """``key``: ``agents.1001.skills.english``; of what came or went whole, its own key alone."""

    key: str
    what: Literal["added", "changed", "removed"]


class CentreConfigured(Event, frozen=True, tag="centre.configured"):
    """By these rules the centre works from here on: written at each start and each reload."""

    version: str
    """The same for the same content."""
    content: dict[str, Any]
    """Every key of the configuration with its value, defaults too, and no secret."""
    by: str
    """``start``, ``signal``, or the user who asked for the reload."""
    changes: tuple[ConfigurationChange, ...] = ()
    """Against what held before; at a start, none are told."""


class ClockSet(Event, frozen=True, tag="server.clock_set"):
    """The clock on the wall was set: from this event on, events are dated by it."""

    by: float
    """Seconds; below 0: it was put back."""
    clock: float
    """What the monotonic clock shows."""


class ServerDraining(Event, frozen=True, tag="server.draining"):
    talking: int


class ServerStopped(Event, frozen=True, tag="server.stopped"):
    pass
