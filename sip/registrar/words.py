"""All that the registrar hears, keeps and asks for."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from sip.machine import CancelTimer, StartTimer, TimerFired
from sip.message import Request, Response
from sip.transport.path import Path


class Binding(Struct, frozen=True, gc=False):
    """One phone of a user: where it says it is, and where its REGISTER came from."""

    user: str
    contact: str
    """Its URI, as it first gave it."""
    path: Path
    call_id: str
    cseq: int
    expires_at: float
    """Monotonic, in seconds."""
    q: float = 1.0
    """Its preference among the user's phones, 0 to 1."""
    instance: str | None = None
    """``+sip.instance`` and ``reg-id``: the same device, whatever its address (RFC 5626 §4.1)."""
    user_agent: str | None = None


class Limits(Struct, frozen=True, gc=False):
    min_expires: int = 60
    default_expires: int = 300
    max_expires: int = 3600
    max_bindings: int = 10
    options_seconds: float = 0.0
    """How often a phone is asked whether it is there; 0: never."""


# --- heard ------------------------------------------------------------------------------------


class RegisterReceived(Struct, frozen=True):
    request: Request
    path: Path
    tag: str
    local: str = ""
    """Our host, as this phone sees it; an IPv6 address without brackets."""


class PhoneAnswered(Struct, frozen=True, gc=False):
    """Whatever it answered, it is there."""

    user: str
    contact: str


class PhoneSilent(Struct, frozen=True, gc=False):
    """It did not answer an OPTIONS."""

    user: str
    contact: str


class ConnectionClosed(Struct, frozen=True, gc=False):
    """Nobody can be reached by this path any more."""

    path: Path


class UserRemoved(Struct, frozen=True, gc=False):
    """There is no such user any more."""

    user: str


Message: TypeAlias = (
    RegisterReceived | PhoneAnswered | PhoneSilent | ConnectionClosed | UserRemoved | TimerFired
)


# --- effects ----------------------------------------------------------------------------------


class Reply(Struct, frozen=True):
    response: Response


class BindingAdded(Struct, frozen=True):
    binding: Binding


class BindingRefreshed(Struct, frozen=True):
    """Until later, and from where it was."""

    binding: Binding


class BindingMoved(Struct, frozen=True):
    """Refreshed from another address, or over another connection."""

    binding: Binding


class BindingRemoved(Struct, frozen=True):
    binding: Binding
    reason: str
    """``unregistered``, ``expired``, ``replaced`` (by the same device), ``unreachable``,
    ``disconnected`` (the connection it registered over is closed) or ``removed`` with its user."""


class Probe(Struct, frozen=True):
    """Ask this phone whether it is there."""

    binding: Binding


Effect: TypeAlias = (
    Reply
    | BindingAdded
    | BindingRefreshed
    | BindingMoved
    | BindingRemoved
    | Probe
    | StartTimer
    | CancelTimer
)
