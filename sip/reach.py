"""The way to a peer: where it says it is, or where it was heard from."""

from __future__ import annotations

from sip.message import Request, Uri
from sip.message.uri import DEFAULT_PORT
from sip.transport.path import Path


def way_to(contact: Uri, came_by: Path) -> Path:
    """The path to a phone that gave this Contact in a message that came by ``came_by``.

    A connection is used as long as it lives.  Over UDP, a Contact on the host that the message
    came from is believed, port and all.  Any other Contact is an address behind a NAT, or a name:
    then the phone is where it was heard from (RFC 3581, RFC 5626 §5.3).
    """
    if came_by.reliable or contact.host_ip != came_by.remote[0]:
        return came_by
    return Path("udp", came_by.listener, (contact.host_ip, contact.port or DEFAULT_PORT))


def way_back(request: Request, came_by: Path) -> Path:
    """The path for our requests in the dialog that this request makes.

    A proxy that wants to stay in the way (Record-Route) is the one it came from.
    """
    if request.record_routes or not request.contacts:
        return came_by
    return way_to(request.contacts[0].uri, came_by)
