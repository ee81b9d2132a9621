"""Headers read when they are asked for, then remembered: what requests and responses share.

A header that turns out to be malformed raises MalformedMessage at the moment it is read, with
all that an answer needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Generic, Self, TypeAlias, TypeVar, overload

from msgspec import Struct

from sip.message.address import NameAddr, lenient_seconds
from sip.message.errors import MalformedMessage
from sip.message.grammar import (
    BLANK,
    LONGEST_REMEMBERED,
    MOST_REMEMBERED,
    first_item,
    is_token,
    parse_uint,
    split_list,
)
from sip.message.headers import canonical_name
from sip.message.partial import PartialRequest
from sip.message.via import Via, branch_of

KNOWN_METHODS = frozenset(
    """ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE
    UPDATE""".split()
)
"""Methods that need not be checked for being tokens."""

MAX_METHOD = 64
MAX_CONTACTS = 10
MAX_ROUTES = 32
MAX_VIAS = 70
"""What Max-Forwards usually allows; RFC 4475 (`longreq`) has a valid request with 34."""

_T = TypeVar("_T")

Fields: TypeAlias = dict[str, tuple[str, ...]]
"""The rows of each header, as text, in order of arrival, by its canonical name."""


class CSeq(Struct, frozen=True, gc=False):
    """Sequence number (below 2**31) and method."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Raises MalformedMessage."""
        number_text, _, method = (text.replace("\t", " ") if "\t" in text else text).partition(" ")
        number = parse_uint(number_text, 2**31 - 1)
        if number is None:
            raise MalformedMessage(400, "expected a number below 2**31")
        if method not in KNOWN_METHODS:
            method = method.lstrip(BLANK)
            if len(method) > MAX_METHOD or not is_token(method):
                raise MalformedMessage(400, "expected a method after the number")
        return cls(number, method)


_recall_cseq = lru_cache(MOST_REMEMBERED)(CSeq.parse)
"""Dialogs count from one: few are called, by many."""


class Lazy(Generic[_T]):
    """A property computed at the first access and then stored over itself.

    `header` is named in the MalformedMessage that the computation may raise.
    """

    def __init__(self, header: str, compute: Callable[[Any], _T]) -> None:
        self.header = header
        self.compute = compute
        self.name = compute.__name__
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, message: None, owner: type) -> Self: ...
    @overload
    def __get__(self, message: Message, owner: type) -> _T: ...
    def __get__(self, message: Message | None, owner: type) -> Self | _T:
        if message is None:
            return self
        try:
            value = self.compute(message)
        except MalformedMessage as error:
            error.header = self.header
            error.request = message._partial()
            raise
        setattr(message, self.name, value)
        return value


def reads(header: str) -> Callable[[Callable[[Any], _T]], Lazy[_T]]:
    return lambda compute: Lazy(header, compute)


class Message:
    """What requests and responses share: headers and a body.

    `fields` is read-only to all but this package.  Content-Length is not among them: it is
    checked by `parse` and written by `encode`.
    """

    fields: Fields
    body: bytes
    _encoded: bytes | None = None
    """What `encode` gave."""

    def header(self, name: str) -> str | None:
        """The first row of a header, in any spelling of its name; None if there is none."""
        rows = self.fields.get(name) or self.fields.get(canonical_name(name))
        return rows[0] if rows else None

    def header_all(self, name: str) -> list[str]:
        """All rows of a header, as they came."""
        return list(self.fields.get(name) or self.fields.get(canonical_name(name)) or ())

    def tokens(self, name: str) -> list[str]:
        """The items of a comma-separated header such as Require, Supported or Allow.

        Raises MalformedMessage if quotes or angle brackets are not balanced.
        """
        return [item for row in self.header_all(name) for item in self._split(name, row)]

    def _split(self, name: str, row: str) -> list[str]:
        try:
            return split_list(row)
        except MalformedMessage as error:
            error.header, error.request = name, self._partial()
            raise

    @reads("Via")
    def vias(self) -> tuple[Via, ...]:
        """All hops, the nearest first; none in a request that is not yet on its way."""
        return tuple([Via.parse(item) for item in _limited(self.fields.get("Via", ()), MAX_VIAS)])

    @reads("Via")
    def via(self) -> Via:
        """The nearest hop."""
        return Via.parse(first_item(self._row("Via")))

    @reads("From")
    def from_(self) -> NameAddr:
        return NameAddr.parse(self._row("From"))

    @reads("To")
    def to(self) -> NameAddr:
        return NameAddr.parse(self._row("To"))

    @reads("Call-ID")
    def call_id(self) -> str:
        text = self._row("Call-ID")
        if not text or " " in text or "\t" in text:
            raise MalformedMessage(400, "expected a Call-ID without blanks")
        return text

    @reads("CSeq")
    def cseq(self) -> CSeq:
        row = self._row("CSeq")
        return _recall_cseq(row) if len(row) <= LONGEST_REMEMBERED else CSeq.parse(row)

    @reads("Contact")
    def contacts(self) -> tuple[NameAddr, ...]:
        """Empty for ``Contact: *``."""
        rows = self.fields.get("Contact")
        if rows is None or ("*" in rows and self.contact_star):
            return ()
        return self._addresses("Contact", MAX_CONTACTS)

    @reads("Contact")
    def contact_uri(self) -> str | None:
        """The URI of the first Contact, as text; None if there is none."""
        rows = self.fields.get("Contact")
        if rows is None:
            return None
        if len(rows) == 1 and len(rows[0]) <= LONGEST_REMEMBERED:
            return _recall_contact(rows[0])
        return _uri_text(self.contacts)

    @reads("Contact")
    def contact_star(self) -> bool:
        """Whether the one Contact is ``*`` (RFC 3261 §10.2.2)."""
        rows = self.fields.get("Contact")
        if rows is None or "*" not in rows:
            return False
        if len(rows) > 1:
            raise MalformedMessage(400, "expected * alone")
        return True

    @reads("Route")
    def routes(self) -> tuple[NameAddr, ...]:
        return self._addresses("Route", MAX_ROUTES)

    @reads("Record-Route")
    def record_routes(self) -> tuple[NameAddr, ...]:
        return self._addresses("Record-Route", MAX_ROUTES)

    @reads("Max-Forwards")
    def max_forwards(self) -> int | None:
        rows = self.fields.get("Max-Forwards")
        if rows is None:
            return None
        value = parse_uint(rows[0], 255)
        if value is None:
            raise MalformedMessage(400, "expected a number from 0 to 255")
        return value

    @reads("Expires")
    def expires(self) -> int | None:
        """Seconds; a malformed value counts as 3600 and one too large as 2**32-1 (§10.2.1.1)."""
        rows = self.fields.get("Expires")
        return None if rows is None else lenient_seconds(rows[0])

    @reads("Content-Type")
    def content_type(self) -> str | None:
        """``type/subtype`` in lower case without its parameters; None if there is none."""
        rows = self.fields.get("Content-Type")
        if rows is None:
            return None
        kind, slash, subtype = rows[0].partition(";")[0].partition("/")
        kind, subtype = kind.rstrip(BLANK), subtype.strip(BLANK)
        if not (slash and is_token(kind) and is_token(subtype)):
            raise MalformedMessage(400, "expected type/subtype")
        return f"{kind}/{subtype}".lower()

    @reads("Via")
    def branch(self) -> str:
        """The top Via's branch; empty if there is none."""
        return branch_of(self._row("Via"))

    @reads("Via")
    def sent_by(self) -> str:
        """The top Via's ``host:port``; see `Via.sent_by`."""
        return self.via.sent_by

    def _row(self, name: str) -> str:
        try:
            return self.fields[name][0]
        except KeyError:
            raise MalformedMessage(400, "expected this header") from None

    def _addresses(self, name: str, limit: int) -> tuple[NameAddr, ...]:
        rows = self.fields.get(name)
        return () if rows is None else _addresses(rows, limit)

    def _partial(self) -> PartialRequest | None:
        return None

    def _start_line(self) -> str:
        raise NotImplementedError

    def encode(self) -> bytes:
        """The message as it goes out, with its Content-Length; remembered.

        Raises ValueError if a header holds a CR or LF: that is our own mistake, and sending
        it would let a stranger write headers of ours.
        """
        encoded = self._encoded
        if encoded is None:
            encoded = self._encoded = self._encode()
        return encoded

    def _encode(self) -> bytes:
        fields = self.fields
        rows = (*chain.from_iterable(fields.values()),)
        if len(rows) == len(fields):
            form = _form((*fields,))
        else:
            form = _form(tuple([name for name, several in fields.items() for _ in several]))
        start = self._start_line()
        _refuse_breaks(start + "".join(rows))
        head = form % (start, *rows, len(self.body))
        return head.encode("utf-8", "surrogateescape") + self.body


def _refuse_breaks(text: str) -> None:
    if "\n" in text or "\r" in text:
        raise ValueError("a header to be sent holds a line break")


def _limited(rows: Sequence[str], limit: int) -> Sequence[str]:
    """The items of a list, over all its rows."""
    if len(rows) == 1 and "," not in rows[0]:
        return rows
    items = [item for row in rows for item in split_list(row)]
    if len(items) > limit:
        raise MalformedMessage(400, f"expected at most {limit} items")
    return items


def _addresses(rows: Sequence[str], limit: int) -> tuple[NameAddr, ...]:
    if len(rows) == 1 and "," not in rows[0]:
        return (NameAddr.parse(rows[0]),)
    return tuple([NameAddr.parse(item) for item in _limited(rows, limit)])


def _uri_text(addresses: Sequence[NameAddr]) -> str | None:
    return str(addresses[0].uri) if addresses else None


@lru_cache(MOST_REMEMBERED)
def _recall_contact(row: str) -> str | None:
    """The first URI of a Contact's one row."""
    return None if row == "*" else _uri_text(_addresses((row,), MAX_CONTACTS))


@lru_cache(512)
def _form(names: tuple[str, ...]) -> str:
    """The head of a message with these headers, to be filled in."""
    _refuse_breaks("".join(names))
    lines = [f"{name.replace('%', '%%')}: %s\r\n" for name in names]
    return f"%s\r\n{''.join(lines)}Content-Length: %d\r\n\r\n"
