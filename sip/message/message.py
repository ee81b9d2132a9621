"""Requests and responses: bytes in, parsed when asked for, remembered; bytes out.

Parsing is lenient in spelling and folding, strict in what identifies a message: one From, To,
Call-ID and CSeq, and at least one Via.  What is built is always in the RFC's spelling.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from msgspec import Struct

from sip.message.address import NameAddr, lenient_seconds
from sip.message.digest import Credentials
from sip.message.errors import MalformedMessage
from sip.message.grammar import BLANK, ascii_lower, is_token, parse_uint, split_list
from sip.message.headers import SINGLE, SPELLINGS, canonical_name
from sip.message.partial import PartialRequest, has_tag, unfolded
from sip.message.status import reason_phrase
from sip.message.uri import Uri
from sip.message.via import Via

MAX_HEAD = 64 * 1024
MAX_LINES = 256
MAX_ROUTES = 32
MAX_CONTACTS = 10
_CSEQ_MAXIMUM = 2**31 - 1
Fields = list[tuple[str, str]]


class CSeq(Struct, frozen=True, gc=False):
    number: int
    method: str


class Message:
    """What requests and responses share.  ``fields`` holds name and value in their order."""

    def __init__(self, fields: Fields, body: bytes) -> None:
        self._fields = fields
        self.body = body

    def fields(self) -> Fields:
        """All header fields, names in the RFC's spelling, without Content-Length."""
        return [field for field in self._fields if field[0] != "Content-Length"]

    def header(self, name: str) -> str | None:
        """The first value of a header, by its RFC name; None if it is missing."""
        for known, value in self._fields:
            if known == name:
                return value
        return None

    def header_all(self, name: str) -> list[str]:
        """Every row of a header, in order."""
        return [value for known, value in self._fields if known == name]

    def _addresses(self, name: str, limit: int) -> tuple[NameAddr, ...]:
        found: list[NameAddr] = []
        for row in self.header_all(name):
            for item in split_list(row):
                if len(found) >= limit:
                    raise MalformedMessage(400, f"expected at most {limit}", name)
                found.append(NameAddr.parse(item))
        return tuple(found)

    def _required(self, name: str) -> str:
        value = self.header(name)
        if not value:
            raise MalformedMessage(400, "expected a value", name)
        return value

    @cached_property
    def via(self) -> Via:
        """The top one."""
        row = self._required("Via")
        return Via.parse(row if "," not in row else split_list(row)[0])

    @cached_property
    def vias(self) -> tuple[Via, ...]:
        rows = [item for row in self.header_all("Via") for item in split_list(row)]
        if len(rows) > MAX_ROUTES:
            raise MalformedMessage(400, f"expected at most {MAX_ROUTES}", "Via")
        return tuple(Via.parse(row) for row in rows)

    @cached_property
    def from_(self) -> NameAddr:
        return NameAddr.parse(self._required("From"))

    @cached_property
    def to(self) -> NameAddr:
        return NameAddr.parse(self._required("To"))

    @cached_property
    def call_id(self) -> str:
        return self._required("Call-ID")

    @cached_property
    def cseq(self) -> CSeq:
        """Raises MalformedMessage unless it is a number below 2**31 and a method (§8.1.1.5)."""
        number_text, _, method = self._required("CSeq").partition(" ")
        number = parse_uint(number_text, _CSEQ_MAXIMUM)
        method = method.strip(BLANK)
        if number is None or len(method) > 64 or not is_token(method):
            raise MalformedMessage(400, "expected a number below 2**31 and a method", "CSeq")
        return CSeq(number, method)

    @cached_property
    def contacts(self) -> tuple[NameAddr, ...]:
        """Empty for ``*``, and where there is none."""
        return () if self.contact_star else self._addresses("Contact", MAX_CONTACTS)

    @cached_property
    def contact_star(self) -> bool:
        return "*" in self.header_all("Contact")

    @cached_property
    def routes(self) -> tuple[NameAddr, ...]:
        return self._addresses("Route", MAX_ROUTES)

    @cached_property
    def record_routes(self) -> tuple[NameAddr, ...]:
        return self._addresses("Record-Route", MAX_ROUTES)

    @cached_property
    def expires(self) -> int | None:
        value = self.header("Expires")
        return None if value is None else lenient_seconds(value)

    @cached_property
    def content_type(self) -> str | None:
        """Type and subtype in lower case, without parameters."""
        value = self.header("Content-Type")
        return None if value is None else ascii_lower(value.partition(";")[0].strip(BLANK))

    def _encode(self, start_line: str) -> bytes:
        lines = [start_line]
        for name, value in self._fields:
            if "\r" in value or "\n" in value or "\0" in value:
                raise ValueError(f"a value of {name} would break the message")
            if name != "Content-Length":
                lines.append(f"{name}: {value}")
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body


class Request(Message):
    def __init__(self, method: str, target: str, fields: Fields, body: bytes = b"") -> None:
        super().__init__(fields, body)
        self.method, self.target = method, target

    @classmethod
    def build(
        cls,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]],
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Request:
        """Header names in the RFC's spelling; Content-Length is added when it is encoded."""
        fields = list(headers)
        if content_type is not None:
            fields.append(("Content-Type", content_type))
        return cls(method, target, fields, body)

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target}>"

    def encode(self) -> bytes:
        return self._encoded

    @cached_property
    def _encoded(self) -> bytes:
        if any(blank in self.target for blank in "\r\n \t\0"):
            raise ValueError("the Request-URI would break the message")
        return self._encode(f"{self.method} {self.target} SIP/2.0")

    @cached_property
    def uri(self) -> Uri:
        return Uri.parse(self.target)

    @property
    def branch(self) -> str:
        return self.via.branch

    @cached_property
    def sent_by(self) -> str:
        return self.via.sent_by

    @cached_property
    def max_forwards(self) -> int | None:
        value = self.header("Max-Forwards")
        if value is None:
            return None
        number = parse_uint(value, 255)
        if number is None:
            raise MalformedMessage(400, "expected a number from 0 to 255", "Max-Forwards")
        return number

    def authorization(self, name: str = "Authorization") -> list[Credentials]:
        """Raises MalformedMessage for credentials that cannot be read."""
        return [Credentials.parse(row) for row in self.header_all(name)]

    def stamp_received(self, host: str, port: int) -> None:
        """Say in the top Via where it came from: RFC 3261 §18.2.1 and RFC 3581 §4."""
        via = self.via
        stamped = via.stamped(host, port)
        if stamped is via:
            return
        for index, (name, row) in enumerate(self._fields):
            if name == "Via":
                rest = split_list(row)[1:]
                self._fields[index] = (name, ", ".join([str(stamped), *rest]))
                break
        self.via = stamped
        self.__dict__.pop("_encoded", None)

    def response(
        self,
        status: int,
        reason: str | None = None,
        *,
        to_tag: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Response:
        """§8.2.6.2: Via, From, To, Call-ID and CSeq are the request's; To gets ``to_tag``."""
        fields: Fields = []
        routed = self.method == "INVITE" and 100 < status < 300
        for name, value in self._fields:
            if name in _COPIED or (routed and name == "Record-Route"):
                if name == "To" and to_tag is not None and not has_tag(value):
                    value = f"{value};tag={to_tag}"
                fields.append((name, value))
            elif name == "Timestamp" and status == 100:
                fields.append((name, value))
        fields.extend(headers)
        if content_type is not None and body:
            fields.append(("Content-Type", content_type))
        return Response(status, reason or reason_phrase(status), fields, body)


class Response(Message):
    def __init__(self, status: int, reason: str, fields: Fields, body: bytes = b"") -> None:
        super().__init__(fields, body)
        self.status, self.reason = status, reason

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.reason}>"

    def encode(self) -> bytes:
        return self._encoded

    @cached_property
    def _encoded(self) -> bytes:
        return self._encode(f"SIP/2.0 {self.status} {self.reason}")


_COPIED = frozenset(("Via", "From", "To", "Call-ID", "CSeq"))
_ONCE = ("From", "To", "Call-ID", "CSeq")


def parse(data: bytes) -> Request | Response:
    """One whole message: a datagram, or what a stream's framing cut out.

    Raises MalformedMessage; for a request it can say how to answer.
    """
    try:
        return _parse(data)
    except MalformedMessage as error:
        if error.request is None and not data.startswith(b"SIP/2.0"):
            error.request = PartialRequest.read(data)
        raise


def _parse(data: bytes) -> Request | Response:
    start = 0
    while data.startswith(b"\r\n", start):
        start += 2
    end = data.find(b"\r\n\r\n", start, start + MAX_HEAD)
    if end < 0:
        raise MalformedMessage(400, f"expected the end of the headers within {MAX_HEAD} bytes")
    lines = data[start:end].decode("utf-8", "surrogateescape").split("\r\n")
    if len(lines) > MAX_LINES:
        raise MalformedMessage(400, f"expected at most {MAX_LINES} header lines")
    fields = _read_fields(lines)
    body = _body(fields, data[end + 4 :])
    first = lines[0]
    if first.startswith("SIP/2.0 "):
        message: Request | Response = _response_of(first, fields, body)
    else:
        message = _request_of(first, fields, body)
    cseq = message.cseq
    if isinstance(message, Request) and cseq.method != message.method:
        raise MalformedMessage(400, "expected the method of the start line", "CSeq")
    return message


def _read_fields(lines: list[str]) -> Fields:
    rows = lines[1:]
    if any(row[:1] in (" ", "\t") for row in rows):
        rows = unfolded(rows)
    fields: Fields = []
    seen: set[str] = set()
    for row in rows:
        name, colon, value = row.partition(":")
        known = SPELLINGS.get(name) or canonical_name(name)
        if not colon or "\r" in value or "\n" in value or "\0" in value:
            raise MalformedMessage(400, "expected a name, a colon and a value on one line", known)
        if known in SINGLE:
            if known in seen:
                raise MalformedMessage(400, "expected one only", known)
            seen.add(known)
        fields.append((known, value.strip(BLANK)))
    for name in _ONCE:
        if name not in seen:
            raise MalformedMessage(400, "expected one", name)
    if not any(name == "Via" for name, _ in fields):
        raise MalformedMessage(400, "expected one", "Via")
    return fields


def _body(fields: Fields, rest: bytes) -> bytes:
    for name, value in fields:
        if name == "Content-Length":
            length = parse_uint(value, 2**31 - 1)
            if length is None:
                raise MalformedMessage(400, "expected a number", name)
            if length > len(rest):
                raise MalformedMessage(400, f"expected a body of {length} bytes", name)
            return rest[:length]
    return rest


def _request_of(first: str, fields: Fields, body: bytes) -> Request:
    method, _, rest = first.partition(" ")
    target, _, version = rest.rpartition(" ")
    if not is_token(method) or len(method) > 64:
        raise MalformedMessage(400, "expected a method, a URI and SIP/2.0")
    if version.upper() != "SIP/2.0":
        status = 505 if version[:4].upper() == "SIP/" else 400
        raise MalformedMessage(status, "expected SIP/2.0 at the end of the start line")
    if not target or " " in target or "\t" in target or target.startswith("<"):
        raise MalformedMessage(400, "expected one URI, without blanks or brackets")
    return Request(method, target, fields, body)


def _response_of(first: str, fields: Fields, body: bytes) -> Response:
    code, _, reason = first[8:].partition(" ")
    status = parse_uint(code, 699)
    if status is None or status < 100 or len(code) != 3:
        raise MalformedMessage(400, "expected a status from 100 to 699")
    return Response(status, reason, fields, body)
