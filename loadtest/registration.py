"""A phone's registration, as a machine: asked for, proved by digest, renewed, ended.

Out -> Asking -> In -> Asking ...        RFC 3261 §10.2, §22; RFC 7616
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from sip.machine import CancelTimer, StartTimer, TimerFired
from sip.message import MalformedMessage, digest
from sip.message.grammar import quote

RETRY = 5.0
"""Seconds after a failure."""


class Register(Struct, frozen=True, gc=False):
    pass


class Unregister(Struct, frozen=True, gc=False):
    pass


class Answered(Struct, frozen=True, gc=False):
    """The final response, with the value of its challenge, if it has one."""

    status: int
    challenge: str | None = None


class Unanswered(Struct, frozen=True, gc=False):
    """It timed out, or could not be sent."""


Message: TypeAlias = Register | Unregister | Answered | Unanswered | TimerFired


class SendRegister(Struct, frozen=True, gc=False):
    expires: int
    proof: tuple[str, str] | None
    """A header, name and value."""


class Registered(Struct, frozen=True, gc=False):
    """The first time, or again."""


class Failed(Struct, frozen=True, gc=False):
    """It will be tried again.  None: no answer."""

    status: int | None


class Ended(Struct, frozen=True, gc=False):
    """There is none any more, or nobody knows of one."""


Effect: TypeAlias = SendRegister | Registered | Failed | Ended | StartTimer | CancelTimer


class Out(Struct, gc=False):
    pass


class Asking(Struct, gc=False):
    """``expires`` 0: to be gone.  ``proved``: the answer to this one is the last."""

    expires: int
    proved: bool = False
    next: int | None = None
    """What to ask for afterwards: it was wanted meanwhile."""


class In(Struct, gc=False):
    pass


State: TypeAlias = Out | Asking | In


class UnexpectedMessage(Exception):
    """Whoever drives the machine is wrong."""


class Registration:
    """``uri`` is the Request-URI; ``cnonce`` need only differ from phone to phone."""

    def __init__(self, user: str, secret: str, uri: str, expires: int, cnonce: str) -> None:
        self.state: State = Out()
        self._user, self._secret, self._uri = user, secret, uri
        self._expires, self._cnonce = expires, cnonce

    def handle(self, message: Message) -> list[Effect]:
        match self.state, message:
            case Out() | In(), Register() | TimerFired("register"):
                return [CancelTimer("register"), *self._ask(self._expires)]
            case Out() | In(), Unregister():
                return [CancelTimer("register"), *self._ask(0)]
            case Asking() as asking, Register():
                asking.next = self._expires
                return []
            case Asking() as asking, Unregister():
                asking.next = 0
                return []
            case Asking(expires, False, later), Answered(status, str() as challenge) if status in (
                401,
                407,
            ):
                proof = self._prove(challenge, status)
                if proof is None:
                    return self._failed(status)
                self.state = Asking(expires, True, later)
                return [SendRegister(expires, proof)]
            case Asking(expires, _, later), Answered(status) if 200 <= status < 300:
                return self._done(expires, later)
            case Asking(), Answered(status):
                return self._failed(status)
            case Asking(), Unanswered():
                return self._failed(None)
            case (Asking(), TimerFired()) | (Out() | In(), Answered() | Unanswered()):
                return []  # race: an answer to what was given up
            case _:
                raise UnexpectedMessage(type(self.state).__name__, type(message).__name__)

    def _ask(self, expires: int) -> list[Effect]:
        self.state = Asking(expires)
        return [SendRegister(expires, None)]

    def _done(self, expires: int, later: int | None) -> list[Effect]:
        if later is not None and later != expires:
            return self._ask(later)
        if not expires:
            self.state = Out()
            return [Ended()]
        self.state = In()
        return [Registered(), StartTimer("register", expires / 2)]

    def _failed(self, status: int | None) -> list[Effect]:
        assert isinstance(self.state, Asking)
        wanted = self.state.expires if self.state.next is None else self.state.next
        self.state = Out()
        if not wanted:
            return [Failed(status), Ended()]
        return [Failed(status), StartTimer("register", RETRY)]

    def _prove(self, challenge: str, status: int) -> tuple[str, str] | None:
        name = "Authorization" if status == 401 else "Proxy-Authorization"
        proof = prove(challenge, self._user, self._secret, "REGISTER", self._uri, self._cnonce)
        return None if proof is None else (name, proof)


def prove(challenge: str, user: str, secret: str, method: str, uri: str, cnonce: str) -> str | None:
    """The value that answers a challenge; None if it is none that we understand."""
    try:
        asked = digest.Credentials.parse(challenge)
    except MalformedMessage:
        return None
    algorithm = asked.algorithm
    if asked.scheme != "digest" or not asked.nonce or algorithm not in digest.ALGORITHMS:
        return None
    known = digest.ha1(algorithm, user, asked.realm, secret)
    qop = "auth" if "auth" in (asked.qop or "").replace(" ", "").split(",") else None
    response = digest.response(
        algorithm, known, asked.nonce, method, uri, qop=qop, nc="00000001", cnonce=cnonce
    )
    parts = [
        f"username={quote(user)}",
        f"realm={quote(asked.realm)}",
        f"nonce={quote(asked.nonce)}",
        f"uri={quote(uri)}",
        f'response="{response}"',
        f"algorithm={algorithm}",
    ]
    if qop is not None:
        parts += ["qop=auth", "nc=00000001", f'cnonce="{cnonce}"']
    if asked.opaque is not None:
        parts.append(f"opaque={quote(asked.opaque)}")
    return f"Digest {', '.join(parts)}"
