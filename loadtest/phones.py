"""Simulated phones: they register, call, ring, answer and hang up, on the product's own SIP layer.

As independent peers, SIPp, baresip and Linphone serve better: see tests/peers.  What these phones
are for is to be many, to cost little and to need nothing else.  All of a bank share one SIP socket
and one audio socket, which sends back whatever it hears: who talks to them hears himself.
"""

from __future__ import annotations

import itertools
import secrets
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

import trio

from sip import invite_usage as usage
from sip.endpoint import Endpoint
from sip.machine import CancelTimer, StartTimer, Stop, TimerFired
from sip.message import Request, digest
from sip.offer_answer import Local, answer, make_offer
from sip.sdp import SdpError
from sip.timer_shell import KeyedTimers, TimerShell
from sip.transport.listeners import Listeners
from sip.transport.path import Path
from sip.transport.udp import UdpTransport
from sip.usage_messages import (
    ClientKey,
    ResponseReceived,
    ServerKey,
    UsageMessage,
)

REGISTER_AGAIN = 120.0
"""Seconds; half of what is asked for."""


class RegistrationFailed(Exception):
    """The text says with which status."""


class Call:
    """One call of one phone.  ``answered`` and ``ended`` may be awaited in any order."""

    def __init__(self, bank: PhoneBank, machine: usage.InviteUsage, call_id: str, tag: str) -> None:
        self.machine = machine
        self.answered, self.ended = trio.Event(), trio.Event()
        self.cause: usage.EndCause | None = None
        self._description = b""
        self._bank, self._dialog = bank, (call_id, tag)
        self._invite: ClientKey | None = None
        self._version = itertools.count(1)
        bank.endpoint.attach(call_id, tag, self.hear)

    def hear(self, message: usage.Message | UsageMessage) -> None:
        for effect in self.machine.handle(message):
            self._perform(effect)

    def describe(self, description: bytes) -> None:
        """What ``accept`` will say of our audio."""
        self._description = description

    def accept(self) -> None:
        if not self.ended.is_set():
            self.hear(usage.Accept(self._description))

    def hang_up(self) -> None:
        if not self.ended.is_set():
            self.hear(usage.HangUp())

    def _perform(self, effect: usage.Effect) -> None:
        bank = self._bank
        match effect:
            case usage.SendRequest(token, request):
                key = bank.endpoint.request(token, request, bank.server, self.hear)
                self._invite = self._invite or key
            case usage.CancelInvite():
                if self._invite is not None:
                    bank.endpoint.cancel(self._invite)
            case usage.SendAck(request):
                bank.endpoint.send(request, bank.server)
            case usage.RespondWith(key, response):
                bank.endpoint.respond(key, response)
            case usage.Resend(key, response):
                bank.endpoint.resend(key, response)
            case StartTimer(name, seconds):
                fire = partial(self.hear, TimerFired(name))
                bank.keyed_timers.arm((self._dialog, name), seconds, fire)
            case CancelTimer(name):
                bank.keyed_timers.cancel((self._dialog, name))
            case usage.OfferReceived(key, body):
                self._reoffered(key, body)
            case usage.Answered() | usage.Confirmed():
                self.answered.set()
            case usage.Ended(cause):
                self.cause = cause
                self.ended.set()
            case Stop():
                bank.endpoint.detach(*self._dialog)
            case _:
                pass  # ringing, INFO: nothing for these phones to do

    def _reoffered(self, key: ServerKey, body: bytes) -> None:
        try:
            self.hear(usage.AnswerReinvite(key, self._bank.describe(body, next(self._version))))
        except SdpError as error:
            self.hear(usage.RefuseReinvite(key, error.status))


Rings: TypeAlias = Callable[[str, Call], Awaitable[None]]
"""Called with the user that is rung and the call; decides what the phone does."""


class PhoneBank:
    """Many phones on one address.  ``server`` is ``(host, port)`` of its UDP listener."""

    def __init__(self, server: tuple[str, int], realm: str, rings: Rings | None = None) -> None:
        host = "::1" if ":" in server[0] else "127.0.0.1"
        transport = UdpTransport(0, host, 0)
        self.server = transport.path_to(*server)
        self.timers = TimerShell()
        self.keyed_timers = KeyedTimers(self.timers)
        self.realm, self._rings = realm, rings
        self._made, self._epoch = itertools.count(1), secrets.token_hex(4)
        self.endpoint = Endpoint(Listeners([transport]), self.timers, self, self._name)
        self._place = f"[{host}]" if ":" in host else host
        self._contact = f"{self._place}:{transport.local[1]}"
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        audio = socket.socket(family, socket.SOCK_DGRAM)
        audio.bind((host, 0))
        self.audio = trio.socket.from_stdlib_socket(audio)
        self._local = Local(host, audio.getsockname()[1])
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self.timers.run)
            self._nursery.start_soon(self.endpoint.run)
            self._nursery.start_soon(self._listen)
            task_status.started()

    async def register(self, user: str, password: str) -> None:
        """Now, and again for ever.  Raises RegistrationFailed."""
        call_id, tag, cseq = self._name(), self._name(), itertools.count(1)
        proof: tuple[tuple[str, str], ...] = ()
        while True:
            request = self._register(user, call_id, tag, next(cseq), proof)
            status, challenge = await self._ask(request)
            if status == 401 and challenge is not None and not _is_fresh(proof, challenge):
                proof = (("Authorization", _prove(challenge, user, password, request.target)),)
                continue
            if status != 200:
                raise RegistrationFailed(f"{user} was answered {status}")
            proof = ()
            await trio.sleep(REGISTER_AGAIN)

    def call(self, caller: str, number: str) -> Call:
        host, port = self.server.remote
        at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        call_id, tag = self._name(), self._name()
        contact = f"<sip:{caller}@{self._contact}>"
        invite = usage.outgoing_invite(
            target=f"sip:{number}@{at}",
            from_=f"<sip:{caller}@{self._place}>;tag={tag}",
            to=f"<sip:{number}@{at}>",
            call_id=call_id,
            contact=contact,
            body=make_offer(self._local, session_id=1, version=1),
        )
        call = Call(self, usage.InviteUsage.outgoing(invite, contact), call_id, tag)
        call.hear(usage.Start())
        return call

    def describe(self, offer: bytes, version: int) -> bytes:
        """Our side of the audio: the answer to ``offer``, or an offer where there is none."""
        if not offer:
            return make_offer(self._local, session_id=1, version=version)
        return answer(offer, self._local, session_id=1, version=version)[0]

    def request_arrived(self, key: ServerKey, request: Request, path: Path) -> None:
        user = request.uri.user or ""
        if request.method != "INVITE" or self._rings is None or self._nursery is None:
            status = 200 if request.method == "OPTIONS" else 405
            self.endpoint.respond(key, request.response(status, to_tag=key.tag))
            return
        machine = usage.InviteUsage.incoming(key, request, f"<sip:{user}@{self._contact}>")
        call = Call(self, machine, request.call_id, key.tag)
        self.endpoint.claim(key, call.hear)
        call.hear(usage.Ring())
        try:
            call.describe(self.describe(request.body, 1))
        except SdpError as error:
            call.hear(usage.HangUp(error.status))
        else:
            self._nursery.start_soon(self._rings, user, call)

    def refuse(self, data: bytes, path: Path) -> bytes | None:
        return None

    def _name(self) -> str:
        return f"{self._epoch}{next(self._made):x}"

    def _register(
        self, user: str, call_id: str, tag: str, number: int, proof: tuple[tuple[str, str], ...]
    ) -> Request:
        address = f"<sip:{user}@{self.realm}>"
        fields = [
            ("Max-Forwards", "70"),
            ("From", f"{address};tag={tag}"),
            ("To", address),
            ("Call-ID", call_id),
            ("CSeq", f"{number} REGISTER"),
            ("Contact", f"<sip:{user}@{self._contact}>"),
            ("Expires", f"{REGISTER_AGAIN * 2:.0f}"),
        ]
        return Request.build("REGISTER", f"sip:{self.realm}", [*fields, *proof])

    async def _ask(self, request: Request) -> tuple[int, str | None]:
        """Status and challenge of the final response; 408 and 503 as RFC 3261 §8.1.3.1 has them."""
        send, receive = trio.open_memory_channel[UsageMessage](16)
        self.endpoint.request("register", request, self.server, send.send_nowait)
        async for message in receive:
            if not isinstance(message, ResponseReceived):
                return 408, None
            if message.response.status >= 200:
                return message.response.status, message.response.header("WWW-Authenticate")
        raise AssertionError("a transaction ends with an outcome")

    async def heard(self, data: bytes, sender: tuple[str, int]) -> None:
        """A packet has come: it is sent back.  Raises OSError."""
        await self.audio.sendto(data, sender)

    async def _listen(self) -> None:
        while True:
            try:
                await self.heard(*await self.audio.recvfrom(2048))
            except OSError:
                continue  # the other side has closed its port


def _is_fresh(proof: tuple[tuple[str, str], ...], challenge: str) -> bool:
    """Whether we answered this very kind of challenge already: the password is wrong."""
    return bool(proof) and "stale=true" not in challenge


def _prove(challenge: str, user: str, password: str, uri: str) -> str:
    asked = digest.Credentials.parse(challenge).params
    algorithm, cnonce = asked.get("algorithm", "MD5"), secrets.token_hex(8)
    known = digest.ha1(algorithm, user, asked["realm"], password)
    proof = digest.response(
        algorithm, known, asked["nonce"], "REGISTER", uri, nc="00000001", cnonce=cnonce
    )
    return (
        f'Digest username="{user}", realm="{asked["realm"]}", nonce="{asked["nonce"]}", '
        f'uri="{uri}", response="{proof}", algorithm={algorithm}, '
        f'qop=auth, nc=00000001, cnonce="{cnonce}"'
    )
