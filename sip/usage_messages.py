"""What the endpoint tells the owner of a dialog, and the names by which they speak."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from sip.message import Request, Response
from sip.transport.path import Path


class ServerKey(Struct, frozen=True, gc=False):
    """A server transaction, and the tag we put into the To of its responses."""

    branch: str
    sent_by: str
    method: str
    tag: str


class ClientKey(Struct, frozen=True, gc=False):
    """A client transaction."""

    branch: str
    method: str


class RequestReceived(Struct, frozen=True):
    """A request in the dialog, other than ACK."""

    key: ServerKey
    request: Request
    path: Path


class AckReceived(Struct, frozen=True):
    """An ACK for a 2xx."""

    request: Request


class Cancelled(Struct, frozen=True, gc=False):
    """The peer took its INVITE back; the CANCEL itself has been answered."""

    key: ServerKey


class NoAck(Struct, frozen=True, gc=False):
    """Nobody acknowledged our non-2xx final response (timer H)."""

    key: ServerKey


class ResponseReceived(Struct, frozen=True):
    """To the request that was sent under this token."""

    token: str
    response: Response


class RequestTimedOut(Struct, frozen=True, gc=False):
    """No final response came: as a 408 (RFC 3261 §8.1.3.1)."""

    token: str


class TransportLost(Struct, frozen=True, gc=False):
    """It could not be sent: as a 503 (RFC 3261 §8.1.3.1)."""

    token: str


UsageMessage: TypeAlias = (
    RequestReceived
    | AckReceived
    | Cancelled
    | NoAck
    | ResponseReceived
    | RequestTimedOut
    | TransportLost
)
