"""Via (RFC 3261 §20.42) and what RFC 3581 adds to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct

from sip.message.errors import MalformedMessage
from sip.message.grammar import (
    MOST_REMEMBERED,
    first_item,
    format_parameters,
    parse_parameters,
    parse_uint,
)
from sip.message.uri import DEFAULT_PORT, HOST, bare_host, check_ipv6_reference

_VIA = re.compile(
    r"[Ss][Ii][Pp][ \t]*+/[ \t]*+2\.0[ \t]*+/[ \t]*+"
    r"([A-Za-z0-9\-.!%*_+`'~]++)[ \t]++"
    rf"({HOST})(?:[ \t]*+:[ \t]*+([0-9]++))?[ \t]*+(;.*+)?",
    re.DOTALL,
)
# What nearly all messages carry.
_USUAL = re.compile(
    r"SIP/2\.0/(UDP|TCP) ([A-Za-z0-9][A-Za-z0-9._-]*+)(?::([0-9]{1,5}+))?"
    r";branch=([A-Za-z0-9\-.!%*_+`'~]++)(;rport)?"
)
# What nearly all requests say that come straight from a phone, and nearly all responses to ours.
_USUAL_HOP = re.compile(
    r"SIP/2\.0/(?:UDP|TCP) ([A-Za-z0-9][A-Za-z0-9._-]*+(?::[0-9]{1,5}+)?)"
    r";branch=(z9hG4bK[A-Za-z0-9\-.!%*_+`'~]++);rport"
)
_BRANCH = re.compile(
    r"SIP/2\.0/(?:UDP|TCP) [A-Za-z0-9._:-]++;branch=([A-Za-z0-9\-.!%*_+`'~]++)(?:;[^,\"]*+)?"
)
_NO_PARAMETERS: Mapping[str, str | None] = {}
MAGIC_COOKIE = "z9hG4bK"


class Via(Struct, frozen=True, gc=False):
    """One hop of a message's way."""

    transport: str
    """Upper case: ``UDP``, ``TCP``, ..."""

    host: str
    """The sent-by host; IPv6 addresses stand in brackets."""

    port: int | None = None
    params: Mapping[str, str | None] = _NO_PARAMETERS

    @classmethod
    def parse(cls, text: str) -> Via:
        """Raises MalformedMessage."""
        found = _USUAL.fullmatch(text)
        if found is not None:
            transport, host, port_text, branch, rport = found.groups()
            port = None if port_text is None else _port(port_text)
            usual = {"branch": branch} if rport is None else {"branch": branch, "rport": None}
            return cls(transport, host, port, usual)
        found = _VIA.fullmatch(text)
        if found is None:
            raise MalformedMessage(400, "expected SIP/2.0/transport host:port;parameters")
        transport, host, port_text, params = found.groups()
        port = None if port_text is None else _port(port_text)
        if host[0] == "[":
            check_ipv6_reference(host)
        parameters = parse_parameters(params) if params else _NO_PARAMETERS
        return cls(transport.upper(), host, port, parameters)

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{format_parameters(self.params)}"

    @property
    def branch(self) -> str:
        """Empty if there is none; only one with the magic cookie identifies a transaction."""
        return self.params.get("branch") or ""

    @property
    def has_cookie(self) -> bool:
        """Whether the branch was made by an RFC 3261 element (§8.1.1.7).

        The bare cookie identifies nothing, hence counts as none (RFC 4475 §3.2.1).
        """
        branch = self.branch
        return len(branch) > len(MAGIC_COOKIE) and branch.startswith(MAGIC_COOKIE)

    @property
    def sent_by(self) -> str:
        """``host:port`` in lower case, with the default port filled in, for matching (§17.2.3)."""
        default = 5061 if self.transport == "TLS" else DEFAULT_PORT
        return f"{self.host.lower()}:{self.port or default}"

    @property
    def received(self) -> str | None:
        """The source address the next hop saw, without brackets."""
        value = self.params.get("received")
        return None if value is None else bare_host(value)

    @property
    def rport(self) -> int | None:
        """The source port the next hop saw; None if there is none or it is malformed."""
        value = self.params.get("rport")
        return None if value is None else parse_uint(value, 65535)

    @property
    def maddr(self) -> str | None:
        value = self.params.get("maddr")
        return None if value is None else bare_host(value)

    @property
    def host_ip(self) -> str:
        """The sent-by host without the brackets of an IPv6 reference."""
        return bare_host(self.host)

    def stamped(self, host: str, port: int) -> Via:
        """As received from (`host`, `port`): RFC 3261 §18.2.1 and RFC 3581 §4.

        `host` comes without brackets.  What the sender itself put there is replaced.
        """
        asked = "rport" in self.params
        if not asked and "received" not in self.params and self.host_ip == host:
            return self
        params = dict(self.params)
        params["received"] = host
        if asked:
            params["rport"] = f"{port}"
        return Via(self.transport, self.host, self.port, params)


def usual_hop(row: str) -> tuple[str, str] | None:
    """Branch and sent-by of a request's one hop that asks for ``rport``, as nearly all do.

    None for others.  Raises MalformedMessage.
    """
    found = _USUAL_HOP.fullmatch(row)
    return None if found is None else (found[2], _sent_by(found[1]))


def branch_of(row: str) -> str:
    """The branch of a row's first hop; empty if there is none.  Raises MalformedMessage."""
    found = _BRANCH.fullmatch(row)
    return Via.parse(first_item(row)).branch if found is None else found[1]


@lru_cache(MOST_REMEMBERED)
def _sent_by(text: str) -> str:
    """As `Via.sent_by` gives it.  Remembered: it is the peer's address."""
    host, _, port = text.partition(":")
    return f"{host.lower()}:{_port(port) if port else DEFAULT_PORT}"


def _port(text: str) -> int:
    port = parse_uint(text, 65535)
    if not port:
        raise MalformedMessage(400, "expected a port from 1 to 65535")
    return port
