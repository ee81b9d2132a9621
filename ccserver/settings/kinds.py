"""The kinds of values that settings have beyond plain numbers and text, each with its name."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from itertools import pairwise
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from sip.transport.entry import ListenError, parse_listen

_DOMAIN = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")


class Kind:
    """Says in words what a value must look like; ``example`` is one, as TOML.

    Both stand in error messages and in docs/configuration.md.
    """

    def __init__(self, words: str, example: str) -> None:
        self.words, self.example = words, example


def valid(check: Callable[[str], object]) -> AfterValidator:
    """The value unchanged, if ``check`` does not raise ValueError or ListenError."""

    def validate(text: str) -> str:
        try:
            check(text)
        except (ListenError, ValueError):
            raise ValueError from None  # the kind says what was expected
        return text

    return AfterValidator(validate)


def _concrete_address(text: str) -> None:
    if ip_address(text).is_unspecified:
        raise ValueError


def _domain(text: str) -> None:
    if ":" in text:
        ip_address(text)
    elif not _DOMAIN.fullmatch(text):
        raise ValueError


def _one_or_several(value: object) -> object:
    return [value] if isinstance(value, str) else value


def port_range(text: str) -> tuple[int, int]:
    """First and last port of ``20000-29999``.  Raises ValueError."""
    low, _, high = text.partition("-")
    first, last = _port(low), _port(high)
    if not 1024 <= first < last or last - first < 3:
        raise ValueError
    return first, last


def port_shares(text: str, shares: int) -> list[tuple[int, int]]:
    """``shares`` ranges out of ``20000-29999``, each beginning with an even port and ending with an
    odd one, as equal as can be.  Raises ValueError where there is not a pair of ports for each.
    """
    first, last = port_range(text)
    first += first % 2
    pairs = (last + 1 - first) // 2
    if pairs < shares:
        raise ValueError
    bounds = [first + 2 * (pairs * share // shares) for share in range(shares + 1)]
    return [(low, high - 1) for low, high in pairwise(bounds)]


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise ValueError
    return int(text)


def host_port(text: str) -> tuple[str, int]:
    """``127.0.0.1:9464`` or ``[::1]:9464`` as (host without brackets, port)."""
    _, host, port = parse_listen(f"tcp:{text}")
    return host, port


def database_url(text: str) -> None:
    """Raises ValueError for one of a kind that the store cannot use."""
    parts = urlsplit(text)
    if parts.scheme == "sqlite":
        wrong = bool(parts.netloc) or len(parts.path) < 2 or bool(parts.query)
    else:
        wrong = parts.scheme != "postgresql+psycopg" or len(parts.path) < 2
    if wrong or parts.port == 0 or any(ord(character) < 33 for character in text):
        raise ValueError


def _all_or_names(value: object) -> Literal["all"] | list[str]:
    if value == "all":
        return "all"
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return list(value)
    raise ValueError


Listen: TypeAlias = Annotated[
    str,
    valid(parse_listen),
    Kind('"udp:HOST:PORT" or "tcp:HOST:PORT" (IPv6 in brackets)', '"udp:192.0.2.10:5060"'),
]
HostPort: TypeAlias = Annotated[
    str, valid(host_port), Kind('"HOST:PORT" (IPv6 in brackets)', '"127.0.0.1:9464"')
]
Origin: TypeAlias = Annotated[
    str,
    Field(
        pattern=r"^https?://[A-Za-z0-9.\-]+(:[0-9]{1,5})?$|^https?://\[[0-9a-f:]+\](:[0-9]{1,5})?$"
    ),
    Kind('"http://HOST:PORT" or "https://HOST"', '"https://desk.example.com"'),
]
Address: TypeAlias = Annotated[
    str,
    valid(_concrete_address),
    Kind("an IP address that phones can send to, no wildcard", '"192.0.2.10"'),
]
OwnAddress: TypeAlias = Annotated[
    str,
    valid(ip_address),
    Kind("an IP address of this machine, or the wildcard 0.0.0.0 or ::", '"192.0.2.10"'),
]
OneOrSeveral = BeforeValidator(_one_or_several)
"""For a list: one element may stand without brackets."""
Network: TypeAlias = Annotated[
    str, valid(ip_network), Kind("an IP address or a network", '"192.0.2.0/24"')
]
Ports: TypeAlias = Annotated[
    str,
    valid(port_range),
    Kind('"FIRST-LAST", four ports or more from 1024 to 65535', '"20000-29999"'),
]
Name: TypeAlias = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$"),
    Kind(
        "a name: up to 64 letters, digits, '.', '_' and '-', a letter or digit first", '"support"'
    ),
]
Domain: TypeAlias = Annotated[
    str,
    valid(_domain),
    Kind("a domain name or an IP address, without brackets", '"pbx.example.com"'),
]
Number: TypeAlias = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9*#+_.\-]{1,64}$"),
    Kind("what a phone can dial: up to 64 letters, digits and '*#+_.-'", '"2001"'),
]
PromptFile: TypeAlias = Annotated[
    str, Field(min_length=1), Kind("a WAV file in the directory media.prompts", '"greeting.wav"')
]
OptionalPromptFile: TypeAlias = Annotated[
    PromptFile | None, BeforeValidator(lambda value: None if value == "" else value)
]
DatabaseUrl = Kind(
    '"sqlite:///FILE" or "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"',
    '"postgresql+psycopg://ccserver:secret@127.0.0.1/ccserver"',
)
"""Of a secret, since it may hold a password: ``database_url`` says whether it is one."""
EntryPointNames: TypeAlias = Annotated[
    Literal["all"] | list[str],
    PlainValidator(_all_or_names),
    Kind('"all" or a list of names of entry points', '["support"]'),
]
