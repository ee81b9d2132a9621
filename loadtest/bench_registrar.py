"""CPU and memory of the registrar: ``python -m loadtest.bench_registrar``.

Every figure is microseconds of CPU, minimum and median of several repeats, of the work from the
bytes of a REGISTER to the bytes of its answer: parse, digest, registrar, encode.  No sockets and
no transactions.  Memory is that of 10,000 bindings (``PHONES=100000``) with all that the registrar
keeps for them.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from os import environ
from statistics import median
from time import process_time

from sip.authentication import Account, Authenticator, account
from sip.machine import StartTimer, TimerFired
from sip.message import Credentials, Request, parse
from sip.message.digest import ha1, response
from sip.registrar import BindingRemoved, Limits, RegisterReceived, Registrar, Reply
from sip.transport.path import Path

REALM = "ccserver"
PHONES = int(environ.get("PHONES", "10000"))
ROUNDS = 2_000
REPEATS = 7


class Centre:
    """A registrar with a clock that stands still until it is moved, and its phones."""

    def __init__(self, algorithm: str, options_seconds: float = 0.0) -> None:
        self.now = 1000.0
        self.algorithm = algorithm
        self.accounts = {
            user: account(user, REALM, f"secret-{user}", ("MD5", "SHA-256"))
            for user in (f"{number}" for number in range(PHONES))
        }
        find: Callable[[str], Account | None] = self.accounts.get
        self.authenticator = Authenticator(REALM, find, self.clock, b"key")
        limits = Limits(options_seconds=options_seconds)
        self.registrar = Registrar(self.authenticator, self.clock, limits, frozenset({REALM}))

    def clock(self) -> float:
        return self.now

    def register(self, phone: int, cseq: int, *, proved: bool = True) -> tuple[bytes, Path]:
        """The bytes of a REGISTER, and the way they come by."""
        user, host = f"{phone}", f"10.{phone // 62500}.{phone // 250 % 250}.{phone % 250}"
        proof = ""
        if proved:
            challenge = self.authenticator.challenges(host)[0]
            nonce = Credentials.parse(challenge).nonce
            secret = ha1(self.algorithm, user, REALM, f"secret-{user}")
            answer = response(
                self.algorithm, secret, nonce, "REGISTER", "sip:ccserver", nc="00000001", cnonce="c"
            )
            proof = (
                f'Authorization: Digest username="{user}", realm="{REALM}", nonce="{nonce}", '
                f'uri="sip:ccserver", response="{answer}", algorithm={self.algorithm}, '
                f'cnonce="c", qop=auth, nc=00000001\r\n'
            )
        text = (
            f"REGISTER sip:ccserver SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host}:5060;branch=z9hG4bK{phone}.{cseq};rport\r\n"
            f"Max-Forwards: 70\r\n"
            f"From: <sip:{user}@ccserver>;tag=f{phone}\r\n"
            f"To: <sip:{user}@ccserver>\r\n"
            f"Call-ID: {phone}-7b3f9c2e1d@{host}\r\n"
            f"CSeq: {cseq} REGISTER\r\n"
            f'Contact: <sip:{user}@{host}:5060;transport=udp>;+sip.instance="<urn:uuid:'
            f'00000000-0000-0000-0000-{phone:012}>"\r\n'
            f"Expires: 3600\r\n"
            f"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REFER\r\n"
            f"User-Agent: phone/1.{phone % 5}\r\n"
            f"{proof}"
            f"Content-Length: 0\r\n\r\n"
        )
        return text.encode(), Path("udp", 0, (host, 5060))

    def answer(self, data: bytes, path: Path) -> bytes:
        request = parse(data)
        assert isinstance(request, Request)
        request.stamp_received(*path.remote)
        reply = self.registrar.handle(RegisterReceived(request, path, "tag"))[0]
        assert isinstance(reply, Reply)
        return reply.response.encode()

    def fill(self) -> None:
        for phone in range(PHONES):
            answered = self.answer(*self.register(phone, 1))
            assert answered.startswith(b"SIP/2.0 200 "), answered
            self.now += 0.001


def show(what: str, centre: Centre, first: int, *, proved: bool = True) -> None:
    results = []
    for repeat in range(REPEATS):
        messages = [
            centre.register(phone, first + repeat, proved=proved) for phone in range(ROUNDS)
        ]
        begin = process_time()
        for data, path in messages:
            centre.answer(data, path)
        results.append((process_time() - begin) / ROUNDS * 1e6)
        centre.now += 1
    print(f"{what:<52} {min(results):7.1f} {median(results):7.1f} us")


def memory() -> None:
    """What tracemalloc counts: objects, without the allocator's own slack."""
    centre = Centre("MD5", options_seconds=60.0)
    gc.collect()
    tracemalloc.start()
    centre.fill()
    registered, _ = tracemalloc.get_traced_memory()
    for cseq in range(2, 5):
        centre.now += 360
        while StartTimer("due", 0.0) in centre.registrar.handle(TimerFired("due")):
            pass
        for phone in range(PHONES):
            centre.answer(*centre.register(phone, cseq))
    gc.collect()
    refreshed, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(centre.registrar) == PHONES
    print(f"{PHONES} bindings, all asked by OPTIONS, with the counts of their nonces:", end=" ")
    print(f"{registered / 1e6:.1f} MB; after three refreshes each {refreshed / 1e6:.1f} MB")


def main() -> None:
    print(f"{'from bytes to bytes':<52} {'min':>7} {'median':>7}")
    gc.disable()  # as the core does but for quiet moments
    centre = Centre("MD5")
    centre.fill()
    show(f"REGISTER refresh, MD5, {PHONES} bindings", centre, 2)
    centre.algorithm = "SHA-256"
    show("REGISTER refresh, SHA-256", centre, 100)
    show("REGISTER without credentials, 401", centre, 200, proved=False)
    centre.now += 10_000
    longest, expired = 0.0, 0
    while len(centre.registrar):
        begin = process_time()
        effects = centre.registrar.handle(TimerFired("due"))
        longest = max(longest, process_time() - begin)
        expired += sum(isinstance(effect, BindingRemoved) for effect in effects)
    print(f"all {expired} bindings expire at once: {longest * 1e3:.1f} ms at a time")
    memory()


if __name__ == "__main__":
    main()
