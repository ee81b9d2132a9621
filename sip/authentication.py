"""Digest authentication without a table of nonces.  RFC 7616, RFC 8760, RFC 3261 §22.

A nonce is its time of birth and a keyed hash over that time and the sender's host: it proves
itself.  What is remembered is the highest count (nc) seen with a nonce that a right answer has
used, and no longer than the nonce lives.  A peer without counts (RFC 2069: no qop, MD5 only) may
use a nonce once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from hashlib import blake2s
from typing import Any

from msgspec import Struct

from sip.message import Challenge, Credentials, MalformedMessage, Request, Uri
from sip.message.digest import ha1, same_secret
from sip.message.grammar import parse_uint

MOST_NONCES = 100_000


class Account(Struct, frozen=True):
    """A user who may register and call.  Its repr shows no secret."""

    user: str
    ha1: Mapping[str, str]
    """Algorithm → H(user:realm:password)."""

    def __repr__(self) -> str:
        return f"<Account {self.user}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """What rich shows in a traceback; a Struct would show everything."""
        return [("user", self.user)]


def account(user: str, realm: str, password: str, algorithms: tuple[str, ...]) -> Account:
    """An account that keeps hashes of its password, one an algorithm."""
    return Account(user, {name: ha1(name, user, realm, password) for name in algorithms})


class Verdict(Enum):
    """``STALE``: right, but the nonce is old: ask again, and say so."""

    RIGHT = auto()
    STALE = auto()
    WRONG = auto()
    MISSING = auto()


class Authenticator:
    """``accounts`` finds an account by user name; ``now`` is any clock in seconds."""

    def __init__(
        self,
        realm: str,
        accounts: Callable[[str], Account | None],
        now: Callable[[], float],
        secret: bytes,
        *,
        algorithms: tuple[str, ...] = ("MD5", "SHA-256"),
        nonce_seconds: float = 60.0,
        most_nonces: int = MOST_NONCES,
    ) -> None:
        self.realm = realm
        self._accounts, self._now, self._secret = accounts, now, secret
        self._algorithms, self._nonce_seconds = algorithms, nonce_seconds
        self._counts = _Counts(nonce_seconds, most_nonces)
        self._forms = {stale: self._written(stale) for stale in (False, True)}
        self._made = 0
        # Who does not exist costs the same sums and gets the same answer (no enumeration).
        self._nobody = account("", realm, secret.hex(), algorithms).ha1

    def challenges(self, host: str, *, stale: bool = False) -> list[str]:
        """Header values, in the order of ``algorithms`` (RFC 8760 §2.4)."""
        nonce = self.fresh_nonce(host)
        return [f'{before}nonce="{nonce}"{behind}' for before, behind in self._forms[stale]]

    def _written(self, stale: bool) -> list[tuple[str, str]]:
        """What stands before a challenge's nonce, and what behind it."""
        parts = [
            str(Challenge(self.realm, "", name, stale=stale)).partition('nonce=""')
            for name in self._algorithms
        ]
        return [(before, behind) for before, _, behind in parts]

    def fresh_nonce(self, host: str) -> str:
        """One that nobody has been given yet."""
        self._made += 1
        return self._nonce(f"{int(self._now())}.{self._made}", host)

    def verify(self, request: Request, host: str, header: str) -> tuple[Verdict, str | None]:
        """The verdict, and the user whom RIGHT credentials name.

        Raises MalformedMessage when the credentials of our realm cannot be read.
        """
        for credentials in request.authorization(header):
            if credentials.realm == self.realm and credentials.algorithm in self._algorithms:
                return self._judge(credentials, request, host), credentials.username
        return Verdict.MISSING, None

    def _judge(self, c: Credentials, request: Request, host: str) -> Verdict:
        known = self._accounts(c.username)
        secret = None if known is None else known.ha1.get(c.algorithm)
        proved = c.proves(secret or self._nobody[c.algorithm], request.method)
        if not proved or secret is None or not _names_target(c.uri, request):
            return Verdict.WRONG
        if c.qop is None and c.algorithm != "MD5":
            return Verdict.WRONG  # whoever knows SHA-256 knows qop: taken out on the way
        birth = c.nonce.partition("-")[0]
        if not same_secret(self._nonce(birth, host), c.nonce):
            return Verdict.STALE  # of another source, or of another run of this server
        born, number = _parts(birth)
        now = self._now()
        if not 0 <= now - born <= self._nonce_seconds:
            return Verdict.STALE
        # Counted only now: a stranger must not use up the numbers of a nonce.
        count = 1 if c.qop is None or c.nc is None else c.nc
        return Verdict.RIGHT if self._counts.take(number, count, born, now) else Verdict.STALE

    def _nonce(self, birth: str, host: str) -> str:
        """``birth`` is the second and a number, so that no two phones share a count."""
        text = f"{birth} {host}".encode("utf-8", "surrogateescape")
        proof = blake2s(text, key=self._secret, digest_size=12)
        return f"{birth}-{proof.hexdigest()}"


class _Counts:
    """The highest count that each nonce was used with, by the nonce's number.

    Kept in two parts, the later and the earlier; the earlier one is forgotten as a whole, when all
    in it are too old to be right, or when there are too many.  A count that is forgotten could be
    repeated, so what was born by then must never be right again.
    """

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds, self._half = seconds, max(1, most // 2)
        self._later: dict[int, int] = {}
        self._earlier: dict[int, int] = {}
        self._parted_at = self._forgotten = -1.0

    def __len__(self) -> int:
        return len(self._later) + len(self._earlier)

    def take(self, number: int, count: int, born: int, now: float) -> bool:
        """Whether this count is higher than all before it, and none may have been forgotten."""
        if now - self._parted_at > self._seconds or len(self._later) >= self._half:
            self._forgotten = self._parted_at
            old = now - self._parted_at > 2 * self._seconds  # all of them: it parts when it is used
            self._earlier = {} if old else self._later
            self._later, self._parted_at = {}, now
        highest = self._later.get(number) or self._earlier.get(number, 0)
        if count <= highest or born <= self._forgotten:
            return False
        self._later[number] = count
        return True


def _names_target(uri: str, request: Request) -> bool:
    """A proxy may have written the Request-URI in another way (RFC 7616 §3.4.6)."""
    if uri == request.target:
        return True
    try:
        return Uri.parse(uri).equivalent(request.uri)
    except MalformedMessage:
        return False


def _parts(birth: str) -> tuple[int, int]:
    """The second in which one of our own nonces was made, and its number."""
    second, _, number = birth.partition(".")
    return parse_uint(second, 2**40) or 0, parse_uint(number, 2**62) or 0
