"""The dialog: what two user agents remember of each other.  RFC 3261 §12."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from sip.message import Fields, Request, Response

CSEQ_JUMP = 1_000
"""What a dialog that is built again counts on by: nothing says how far it came since it was
written down, and a number that the peer has seen is refused (§12.2.2)."""


class DialogSnapshot(Struct, frozen=True):
    """All of a dialog's state, as the journal keeps it."""

    call_id: str
    local_tag: str
    remote_tag: str
    local: str
    remote: str
    remote_target: str
    route_set: tuple[str, ...]
    local_cseq: int
    remote_cseq: int | None


class Dialog:
    """``local`` and ``remote`` are From and To values with their tags; URIs are text."""

    __slots__ = (
        "call_id",
        "contact",
        "local",
        "local_cseq",
        "local_tag",
        "remote",
        "remote_cseq",
        "remote_tag",
        "remote_target",
        "route_set",
    )

    def __init__(
        self,
        *,
        call_id: str,
        local_tag: str,
        remote_tag: str,
        local: str,
        remote: str,
        remote_target: str,
        route_set: Sequence[str],
        local_cseq: int,
        remote_cseq: int | None,
        contact: str,
    ) -> None:
        self.call_id, self.contact = call_id, contact
        self.local_tag, self.remote_tag = local_tag, remote_tag
        self.local, self.remote = local, remote
        self.remote_target, self.route_set = remote_target, tuple(route_set)
        self.local_cseq, self.remote_cseq = local_cseq, remote_cseq

    @classmethod
    def of_uas(cls, request: Request, local_tag: str, contact: str) -> Dialog:
        """§12.1.1.  Raises MalformedMessage when the INVITE has no usable Contact."""
        return cls(
            call_id=request.call_id,
            local_tag=local_tag,
            remote_tag=request.from_.tag or "",
            local=f"{request.header('To')};tag={local_tag}",
            remote=request.header("From") or "",
            remote_target=request.contact_uri or str(request.from_.uri),
            route_set=[str(route) for route in request.record_routes],
            local_cseq=0,
            remote_cseq=request.cseq.number,
            contact=contact,
        )

    @classmethod
    def of_uac(cls, request: Request, response: Response, contact: str) -> Dialog:
        """§12.1.2.  The route set is the response's Record-Route, reversed."""
        return cls(
            call_id=request.call_id,
            local_tag=request.from_.tag or "",
            remote_tag=response.to.tag or "",
            local=request.header("From") or "",
            remote=response.header("To") or "",
            remote_target=response.contact_uri or request.target,
            route_set=[str(route) for route in reversed(response.record_routes)],
            local_cseq=request.cseq.number,
            remote_cseq=None,
            contact=contact,
        )

    @classmethod
    def recovered(cls, kept: DialogSnapshot, contact: str, jump: int = CSEQ_JUMP) -> Dialog:
        """Built again by another run of the server, which may be reached at another ``contact``.

        Its CSeq goes on behind ``jump`` others.
        """
        return cls(
            call_id=kept.call_id,
            local_tag=kept.local_tag,
            remote_tag=kept.remote_tag,
            local=kept.local,
            remote=kept.remote,
            remote_target=kept.remote_target,
            route_set=kept.route_set,
            local_cseq=kept.local_cseq + jump,
            remote_cseq=kept.remote_cseq,
            contact=contact,
        )

    def request(
        self,
        method: str,
        *,
        body: bytes = b"",
        content_type: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> Request:
        """A new request in the dialog, without Via; the CSeq rises.  §12.2.1.1"""
        self.local_cseq += 1
        return self._build(method, self.local_cseq, body, content_type, headers)

    def ack(self, cseq: int, *, body: bytes = b"", content_type: str | None = None) -> Request:
        """The ACK of the 2xx to the INVITE with this CSeq.  §13.2.2.4"""
        return self._build("ACK", cseq, body, content_type, ())

    def _build(
        self,
        method: str,
        cseq: int,
        body: bytes,
        content_type: str | None,
        headers: Iterable[tuple[str, str]],
    ) -> Request:
        fields: Fields = {
            "Max-Forwards": ("70",),
            "From": (self.local,),
            "To": (self.remote,),
            "Call-ID": (self.call_id,),
            "CSeq": (f"{cseq} {method}",),
        }
        if self.route_set:
            fields["Route"] = self.route_set
        if method in ("INVITE", "UPDATE"):
            fields["Contact"] = (self.contact,)
        return Request.of(fields, method, self.remote_target, headers, body, content_type)

    def check(self, request: Request) -> int | None:
        """None: in order, and remembered.  500: its CSeq is lower than one seen (§12.2.2)."""
        number = request.cseq.number
        if self.remote_cseq is not None and number <= self.remote_cseq:
            return 500
        self.remote_cseq = number
        return None

    def refresh_target(self, message: Request | Response) -> None:
        """A re-INVITE or UPDATE, or its 2xx, may say where the peer is now.  §12.2"""
        if message.contact_uri is not None:
            self.remote_target = message.contact_uri

    def snapshot(self) -> DialogSnapshot:
        return DialogSnapshot(
            self.call_id,
            self.local_tag,
            self.remote_tag,
            self.local,
            self.remote,
            self.remote_target,
            self.route_set,
            self.local_cseq,
            self.remote_cseq,
        )
