"""Session descriptions (RFC 8866): read leniently, kept line by line, written back unchanged.

`parse` checks what a negotiation will rely on, once, for the whole description; what it does not
know it keeps.  Nothing here resolves a name: an address that is not literal is refused.

A phone says the same in every call, but for the numbers of its o-line and its port: what it said
before is remembered, and only these are read anew.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct

from sip.message.grammar import BLANK, ascii_lower, parse_uint

MAXIMUM_BYTES = 16_384
MAXIMUM_MEDIA = 8
_MAXIMUM_LINES = 512
_MAXIMUM_FORMATS = 64
_MAXIMUM_ADDRESS = 64
_LONGEST_PTIME = 200
REMEMBERED = 512
"""Shapes of descriptions."""
_SHORT = 2048
"""Bytes: what is longer is no phone's usual one, and not remembered."""
_USUAL = re.compile(
    rb"(v=0\r\no=\S++ )(0|[1-9][0-9]{0,17}+) (0|[1-9][0-9]{0,17}+)( IN IP[46] \S++\r\n"
    rb"(?:[^m\r\n][^\r\n]*+\r\n)*+m=audio )(0|[1-9][0-9]{0,4}+)"
    rb"( [^\r\n]*+\r\n(?:[^m\r\n][^\r\n]*+\r\n)*+)"
)
"""One audio stream, every line ended as it should be: what stands around three numbers, which have
no zeros in front."""
_DIRECTIONS = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})


class SdpError(ValueError):
    """A description we cannot use.  `status` is the SIP answer it deserves: 400 if it breaks the
    grammar, 488 if it asks for what is not served; `reason` says what was expected."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"


Shape: TypeAlias = tuple[bytes, bytes, bytes]
"""What stands around the numbers of a usual description: of the o-line, and its port."""

Line: TypeAlias = tuple[str, str]
"""A type letter and its value, as they stood."""


class RtpMap(Struct, frozen=True, gc=False):
    """``a=rtpmap:<payload type> <encoding>/<clock rate>[/<channels>]`` (RFC 8866 §6.6)."""

    payload_type: int
    encoding: str
    """In capitals; encoding names are compared without regard to case."""
    clock_rate: int
    channels: int = 1


class Media(Struct, frozen=True):
    """One m-line and what stands under it, with what it takes over from the session."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    address: str | None
    """Where media is awaited: literal, normalised, without brackets; None if not given."""
    lines: tuple[Line, ...]
    rtpmaps: dict[int, RtpMap]
    direction: str
    ptime: int | None
    """Milliseconds."""
    rtcp_port: int | None
    """Of ``a=rtcp`` (RFC 3605); None stands for the port after `port`."""

    @property
    def held(self) -> bool:
        """The address is the unspecified one: RFC 3264 §8.4, send neither RTP nor RTCP."""
        return self.address in ("0.0.0.0", "::")


class Session(Struct, frozen=True):
    """A session description.  `lines` are those before the first m-line."""

    session_id: int
    version: int
    lines: tuple[Line, ...]
    media: tuple[Media, ...]

    def encode(self) -> bytes:
        """Every line as it was read, in its order, ended by CRLF."""
        lines = [f"{kind}={value}\r\n" for kind, value in self.lines]
        for media in self.media:
            lines += [f"{kind}={value}\r\n" for kind, value in media.lines]
        return "".join(lines).encode("utf-8", "surrogateescape")

    def values(self, kind: str) -> list[str]:
        """The values of the session's own lines of type `kind`."""
        return [value for letter, value in self.lines if letter == kind]


def parse(data: bytes) -> Session:
    """Raises SdpError, and nothing else, whatever `data` is."""
    usual = usual_numbers(data)
    if usual is None:
        return _parse(data)
    shape, session_id, version, port = usual
    known = _shape(shape)
    media = known.media[0]
    words, origin = media.lines[0][1].split(" ", 2), known.lines[1][1].split(" ", 3)
    origin_line = f"{origin[0]} {session_id} {version} {origin[3]}"
    return Session(
        session_id,
        version,
        (known.lines[0], ("o", origin_line), *known.lines[2:]),
        (
            Media(
                media.kind,
                port,
                media.protocol,
                media.formats,
                media.address,
                (("m", f"{words[0]} {port} {words[2]}"), *media.lines[1:]),
                media.rtpmaps,
                media.direction,
                media.ptime,
                media.rtcp_port,
            ),
        ),
    )


def usual_numbers(data: bytes) -> tuple[Shape, int, int, int] | None:
    """The shape of a usual description, its session id and version, and its port."""
    found = _USUAL.fullmatch(data) if len(data) <= _SHORT else None
    if found is None:
        return None
    before, session_id, version, between, port, after = found.groups()
    number = int(port)
    if number > 65535:
        return None
    return (before, between, after), int(session_id), int(version), number


def described(shape: Shape, session_id: int, version: int, port: int) -> bytes:
    """The description of this shape with these numbers."""
    before, between, after = shape
    return b"%b%d %d%b%d%b" % (before, session_id, version, between, port, after)


@lru_cache(REMEMBERED)
def _shape(shape: Shape) -> Session:
    """Raises SdpError, which is not remembered."""
    return _parse(described(shape, 0, 0, 0))


def _parse(data: bytes) -> Session:
    lines = _split(data)
    sections: list[list[Line]] = [[]]
    for line in lines:
        if line[0] == "m":
            if len(sections) > MAXIMUM_MEDIA:
                raise SdpError(488, f"more than {MAXIMUM_MEDIA} m-lines")
            sections.append([])
        sections[-1].append(line)
    head = sections[0]
    if not head or head[0] != ("v", "0"):
        raise SdpError(400, "expected v=0 on the first line")
    session_id, version = _origin(head)
    address = _address(head)
    direction = _direction(head) or "sendrecv"
    _attributes(head)
    media = tuple(_media(section, address, direction) for section in sections[1:])
    return Session(session_id, version, tuple(head), media)


def _split(data: bytes) -> list[Line]:
    if len(data) > MAXIMUM_BYTES:
        raise SdpError(400, f"a description longer than {MAXIMUM_BYTES} bytes")
    if b"\0" in data:
        raise SdpError(400, "a NUL byte")
    # RFC 8866 §5: a parser should also take a line feed alone.
    rows = data.replace(b"\r\n", b"\n").split(b"\n")
    while rows and not rows[-1].strip(b" \t"):
        rows.pop()
    if len(rows) > _MAXIMUM_LINES:
        raise SdpError(400, f"more than {_MAXIMUM_LINES} lines")
    lines = []
    for row in rows:
        if row[1:2] != b"=" or not row[:1].isalpha() or b"\r" in row:
            raise SdpError(400, "expected a letter and an equals sign at the start of each line")
        lines.append((row[:1].decode(), row[2:].decode("utf-8", "surrogateescape")))
    return lines


def _words(value: str) -> list[str]:
    return [word for word in value.replace("\t", " ").split(" ") if word]


def _origin(lines: list[Line]) -> tuple[int, int]:
    for kind, value in lines:
        if kind == "o":
            words = _words(value)
            if len(words) == 6:
                session_id = parse_uint(words[1], 2**64 - 1)
                version = parse_uint(words[2], 2**64 - 1)
                if session_id is not None and version is not None:
                    return session_id, version
            raise SdpError(400, "expected o=<user> <id> <version> IN <type> <address>")
    raise SdpError(400, "expected an o-line")


def _address(lines: list[Line]) -> str | None:
    """The address of the first c-line; RFC 8866 §5.7 allows more only for multicast."""
    for kind, value in lines:
        if kind == "c":
            words = _words(value)
            if len(words) != 3 or words[0] != "IN" or words[1] not in ("IP4", "IP6"):
                raise SdpError(400, "expected c=IN IP4|IP6 <address>")
            return _literal(words[2], words[1])
    return None


def _literal(text: str, family: str) -> str:
    if len(text) > _MAXIMUM_ADDRESS or "%" in text or not text.isascii():
        raise SdpError(400, "expected a literal address in the c-line")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise SdpError(488, "expected a literal address in the c-line, no name") from None
    if address.version != (4 if family == "IP4" else 6):
        raise SdpError(400, f"expected an {family} address in the c-line")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_multicast:
        raise SdpError(488, "expected a unicast address in the c-line")
    return str(address)


def _direction(lines: list[Line]) -> str | None:
    for kind, value in lines:
        if kind == "a" and value in _DIRECTIONS:
            return value
    return None


def _attributes(lines: list[Line]) -> list[tuple[str, str]]:
    attributes = []
    for kind, value in lines:
        if kind == "a":
            name, _, rest = value.partition(":")
            name = name.strip(BLANK)
            if not name:
                raise SdpError(400, "expected a name after a=")
            attributes.append((name, rest.strip(BLANK)))
    return attributes


def _media(lines: list[Line], session_address: str | None, session_direction: str) -> Media:
    words = _words(lines[0][1])
    if len(words) < 4:
        raise SdpError(400, "expected m=<media> <port> <protocol> <format> ...")
    if len(words) - 3 > _MAXIMUM_FORMATS:
        raise SdpError(400, f"more than {_MAXIMUM_FORMATS} formats in an m-line")
    port_text, slash, count = words[1].partition("/")
    port = parse_uint(port_text, 65535)
    if port is None or (slash and not parse_uint(count, 255)):
        raise SdpError(400, "expected a port from 0 to 65535 in the m-line")
    formats = tuple(words[3:])
    rtpmaps: dict[int, RtpMap] = {}
    ptime: int | None = None
    rtcp_port: int | None = None
    for name, value in _attributes(lines):
        if name == "rtpmap":
            found = _rtpmap(value)
            rtpmaps[found.payload_type] = found
        elif name == "fmtp":
            # RFC 8866 §6.15: the format must be one of those of the m-line.
            if value.partition(" ")[0] not in formats:
                raise SdpError(400, "expected fmtp for a format of its m-line")
        elif name == "ptime":
            ptime = _ptime(value)
        elif name == "rtcp":
            rtcp_port = parse_uint(value.partition(" ")[0], 65535)
            if not rtcp_port:
                raise SdpError(400, "expected a port from 1 to 65535 in a=rtcp")
    address = _address(lines)
    return Media(
        kind=ascii_lower(words[0]),
        port=port,
        protocol=words[2].upper() if words[2].isascii() else words[2],
        formats=formats,
        address=session_address if address is None else address,
        lines=tuple(lines),
        rtpmaps=rtpmaps,
        direction=_direction(lines) or session_direction,
        ptime=ptime,
        rtcp_port=rtcp_port,
    )


def _rtpmap(value: str) -> RtpMap:
    words = _words(value)
    if len(words) == 2:
        payload_type = parse_uint(words[0], 127)
        encoding, *rest = words[1].split("/")
        numbers = [parse_uint(number, 2**31) for number in rest]
        if payload_type is not None and encoding and len(numbers) in (1, 2) and all(numbers):
            clock_rate, channels = (numbers[0] or 0), (numbers[-1] if len(numbers) == 2 else 1)
            return RtpMap(payload_type, ascii_lower(encoding).upper(), clock_rate, channels or 1)
    raise SdpError(400, "expected a=rtpmap:<payload type> <encoding>/<clock rate>")


def _ptime(value: str) -> int:
    """Milliseconds; a fraction is allowed by the grammar and cut off."""
    milliseconds = parse_uint(value.partition(".")[0], _LONGEST_PTIME)
    if not milliseconds:
        raise SdpError(488, f"expected a ptime from 1 to {_LONGEST_PTIME} ms")
    return milliseconds
