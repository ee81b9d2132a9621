"""By what a message finds its transaction, and the requests that belong to another's."""

from __future__ import annotations

from sip.message import Request
from sip.message.via import MAGIC_COOKIE


def request_branch(request: Request) -> str:
    """The branch of the top Via; for an RFC 2543 peer, a text made of what §17.2.3 compares."""
    branch = request.branch
    if len(branch) > len(MAGIC_COOKIE) and branch.startswith(MAGIC_COOKIE):
        return branch
    via, from_tag = request.via, request.from_.tag or ""
    return f"2543 {request.call_id} {from_tag} {request.cseq.number} {request.target} {via}"


def cancel_for(invite: Request, reason: str | None = None) -> Request:
    """The CANCEL of a pending INVITE.  RFC 3261 §9.1: same Via, URI, Call-ID, From, To, CSeq.

    ``reason`` is the value of a Reason header (RFC 3326).
    """
    headers = [
        ("Via", invite.header("Via") or ""),
        ("Max-Forwards", "70"),
        ("From", invite.header("From") or ""),
        ("To", invite.header("To") or ""),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{invite.cseq.number} CANCEL"),
        *(("Route", route) for route in invite.header_all("Route")),
        *([("Reason", reason)] if reason else []),
    ]
    return Request.build("CANCEL", invite.target, headers)
