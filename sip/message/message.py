"""Requests and responses: made by `parse`, built, answered and encoded."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sip.message.base import KNOWN_METHODS, Fields, Message, reads
from sip.message.digest import Credentials
from sip.message.errors import MalformedMessage
from sip.message.grammar import is_token, split_list
from sip.message.headers import canonical_name
from sip.message.partial import PartialRequest, has_tag
from sip.message.status import reason_phrase
from sip.message.uri import DEFAULT_PORT, Uri
from sip.message.via import Via, usual_hop


class Request(Message):
    """A request.  Made by `parse` or `Request.build`."""

    def __init__(self, method: str, target: str, fields: Fields, body: bytes = b"") -> None:
        self.method = method
        self.target = target
        self.fields = fields
        self.body = body

    @classmethod
    def build(
        cls,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]],
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Request:
        """A request to be sent.  `headers` come as (name, value), in any spelling of the name."""
        return cls.of({}, method, target, headers, body, content_type)

    @classmethod
    def of(
        cls,
        fields: Fields,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Request:
        """As `build`, with `fields` in front, which are its own, under their canonical names."""
        if not (method in KNOWN_METHODS or is_token(method)) or not target or " " in target:
            raise ValueError("expected a method and a Request-URI without blanks")
        if headers or content_type is not None:
            _gather(fields, headers, content_type)
        return cls(method, target, fields, body)

    @reads("Request-URI")
    def uri(self) -> Uri:
        """The Request-URI, parsed."""
        return Uri.parse(self.target)

    @reads("Via")
    def answer_port(self) -> int | None:
        """The port that responses go to, at the host it came from; None: the one it came from.

        RFC 3261 §18.2.2 and RFC 3581 §4.
        """
        return None if "rport" in self.via.params else self.via.port or DEFAULT_PORT

    def authorization(self, name: str = "Authorization") -> list[Credentials]:
        """The credentials of an Authorization or Proxy-Authorization header.

        Raises MalformedMessage if one cannot be read.
        """
        try:
            return [Credentials.parse(row) for row in self.header_all(name)]
        except MalformedMessage as error:
            error.header, error.request = name, self._partial()
            raise

    def stamp_received(self, host: str, port: int) -> None:
        """Note in the top Via where the request came from; responses will carry it.

        RFC 3261 §18.2.1 and RFC 3581 §4.  `host` comes without brackets.
        """
        row, *others = self.fields["Via"]
        read = self.__dict__
        usual = usual_hop(row)
        if usual is not None:
            read["branch"], read["sent_by"] = usual
            read["answer_port"] = None
            stamped = [f"{row}={port};received={host}"]
        else:
            via = self.via
            noted = via.stamped(host, port)
            if noted is via:
                return
            same = _stamped_row(row, via, host, port)
            stamped = [str(noted), *split_list(row)[1:]] if same is None else [same]
        self.fields["Via"] = (*stamped, *others)
        for outdated in ("via", "vias", "_encoded"):
            read.pop(outdated, None)

    def with_via(self, via: str) -> Request:
        """The same request with a Via put on top."""
        fields: Fields = {"Via": (), **self.fields}
        fields["Via"] = (via, *fields["Via"])
        return Request(self.method, self.target, fields, self.body)

    def response(
        self,
        status: int,
        reason: str | None = None,
        *,
        to_tag: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        more: Fields | None = None,
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Response:
        """A response to this request (RFC 3261 §8.2.6).

        Via, From, To, Call-ID and CSeq are copied, and Timestamp for a 100; `to_tag` is added
        unless To has a tag.  Record-Route is copied where a dialog begins (§12.1.1).  `headers`
        come in any spelling of their names, `more` under the canonical ones.
        """
        mine = self.fields
        to = mine["To"][0]
        tagged = has_tag(to)
        fields: Fields = {
            "Via": mine["Via"],
            "From": mine["From"],
            "To": (to if to_tag is None or tagged else f"{to};tag={to_tag}",),
            "Call-ID": mine["Call-ID"],
            "CSeq": mine["CSeq"],
        }
        if status == 100:
            if "Timestamp" in mine:
                fields["Timestamp"] = mine["Timestamp"]
        elif (
            status < 300 and "Record-Route" in mine and self.method in _STARTS_DIALOG and not tagged
        ):
            fields["Record-Route"] = mine["Record-Route"]
        if more is not None:
            fields.update(more)
        if headers or content_type is not None:
            _gather(fields, headers, content_type)
        return Response(status, reason_phrase(status) if reason is None else reason, fields, body)

    def _start_line(self) -> str:
        return f"{self.method} {self.target} SIP/2.0"

    def _partial(self) -> PartialRequest | None:
        fields = self.fields
        if any(name not in fields for name in ("Via", "From", "To", "Call-ID", "CSeq")):
            return None
        return PartialRequest(
            self.method,
            list(fields["Via"]),
            fields["From"][0],
            fields["To"][0],
            fields["Call-ID"][0],
            fields["CSeq"][0],
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Request):
            return NotImplemented
        return (self.method, self.target, self.fields, self.body) == (
            other.method,
            other.target,
            other.fields,
            other.body,
        )

    __hash__ = None  # type: ignore[assignment]  # stamp_received changes it

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target!r} {self.header('Call-ID')!r}>"


class Response(Message):
    """A response.  Made by `parse` or `Request.response`."""

    def __init__(self, status: int, reason: str, fields: Fields, body: bytes = b"") -> None:
        self.status = status
        self.reason = reason
        self.fields = fields
        self.body = body

    def _start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Response):
            return NotImplemented
        return (self.status, self.reason, self.fields, self.body) == (
            other.status,
            other.reason,
            other.fields,
            other.body,
        )

    __hash__ = None  # type: ignore[assignment]  # compared by value, as Request is

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.header('CSeq')!r} {self.header('Call-ID')!r}>"


def _stamped_row(row: str, via: Via, host: str, port: int) -> str | None:
    """The usual Via as it came, with what is noted in it; None for an unusual one."""
    if "," in row or '"' in row or "received" in via.params:
        return None
    if row.endswith(";rport"):
        return f"{row}={port};received={host}"
    text, found = _RPORT.subn(f";rport={port}", row, 1)
    return f"{text};received={host}" if found else None


_RPORT = re.compile(r";rport(?=;|$)")
_STARTS_DIALOG = frozenset(("INVITE", "SUBSCRIBE", "REFER"))


def _gather(fields: Fields, headers: Iterable[tuple[str, str]], content_type: str | None) -> Fields:
    """Add `headers` to `fields`, under their canonical names."""
    for name, value in headers:
        name = canonical_name(name)
        if name == "Content-Length":
            continue
        rows = fields.get(name)
        fields[name] = (value,) if rows is None else (*rows, value)
    if content_type is not None:
        fields["Content-Type"] = (content_type,)
    return fields
