"""CPU and memory of the registrar: ``python -m loadtest.bench_registrar [--phones 100000]``.

Every figure is microseconds of CPU, minimum and median of several repeats, of the work from the
bytes of a REGISTER to the bytes of its answer: parse, digest, registrar, encode.  No sockets and
no transactions.  Memory is that of all bindings with what the registrar keeps for them.  The same
is done with a hundredth and a tenth of the phones: what grows is seen.
"""

from __future__ import annotations

import argparse
import gc
import tracemalloc
from collections.abc import Callable
from statistics import median
from time import process_time

from msgspec import Struct

from sip.authentication import Account, Authenticator, account
from sip.machine import StartTimer, TimerFired
from sip.message import Credentials, Request, parse
from sip.message.digest import ha1, response
from sip.registrar import BindingRemoved, Limits, RegisterReceived, Registrar, Reply
from sip.transport.path import Path

REALM = "ccserver"
PHONES = 10_000
ROUNDS = 1_000
REPEATS = 7


class Cost(Struct, frozen=True):
    """Microseconds of CPU."""

    least: float
    median: float


class Memory(Struct, frozen=True):
    """Bytes a binding, as tracemalloc counts: objects, without the allocator's own slack."""

    registered: float
    refreshed: float
    """After a refresh of each."""
    later: float
    """After 1.5 times as many REGISTERs more."""


class Found(Struct, frozen=True):
    phones: int
    refresh: Cost
    sha256: Cost
    challenge: Cost
    """A REGISTER without credentials, and its 401."""
    by_bindings: dict[int, Cost]
    """A refresh, by how many bindings there are."""
    longest: float
    """Seconds of CPU of the longest step: a REGISTER, or what is done when all of them expire."""
    memory: Memory

    @property
    def a_second(self) -> float:
        """Registrations, of a challenge and a proof each, that a core has time for."""
        return 1e6 / (self.refresh.median + self.challenge.median)


class Centre:
    """A registrar with a clock that stands still until it is moved, and its phones."""

    def __init__(self, algorithm: str, options_seconds: float = 0.0, phones: int = PHONES) -> None:
        self.now = 1000.0
        self.algorithm, self.phones = algorithm, phones
        self.accounts = {
            user: account(user, REALM, f"secret-{user}", ("MD5", "SHA-256"))
            for user in (f"{number}" for number in range(phones))
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

    def fill(self, cseq: int = 1) -> float:
        """All phones register; seconds of CPU that the longest took."""
        longest = 0.0
        for phone in range(self.phones):
            message = self.register(phone, cseq)
            begin = process_time()
            answered = self.answer(*message)
            longest = max(longest, process_time() - begin)
            assert answered.startswith(b"SIP/2.0 200 "), answered
            self.now += 0.001
        return longest

    def cost(self, first: int, *, proved: bool = True) -> Cost:
        """Of a REGISTER.  ``first``: a CSeq higher than all before; the next few are used too."""
        results = []
        for repeat in range(REPEATS):
            step = max(1, self.phones // ROUNDS)
            messages = [
                self.register(phone, first + repeat, proved=proved)
                for phone in range(0, self.phones, step)
            ]
            begin = process_time()
            for data, path in messages:
                self.answer(data, path)
            results.append((process_time() - begin) / len(messages) * 1e6)
            self.now += 1
        return Cost(min(results), median(results))

    def expire(self) -> float:
        """Every binding, at the same instant; seconds of CPU of the longest step."""
        self.now += 10_000
        longest, expired = 0.0, 0
        while len(self.registrar):
            begin = process_time()
            effects = self.registrar.handle(TimerFired("due"))
            longest = max(longest, process_time() - begin)
            expired += sum(isinstance(effect, BindingRemoved) for effect in effects)
        assert expired == self.phones
        return longest


def measure(phones: int) -> Found:
    gc.disable()  # as the core does but for quiet moments
    by_bindings = {}
    for number in (phones // 100, phones // 10):
        fewer = Centre("MD5", phones=number)
        fewer.fill()
        by_bindings[number] = fewer.cost(2)
    centre = Centre("MD5", phones=phones)
    longest = centre.fill()
    refresh = by_bindings[phones] = centre.cost(2)
    centre.algorithm = "SHA-256"
    sha256 = centre.cost(100)
    challenge = centre.cost(200, proved=False)
    longest = max(longest, centre.expire())
    return Found(phones, refresh, sha256, challenge, by_bindings, longest, memory(phones))


def memory(phones: int) -> Memory:
    """Of phones that are asked by OPTIONS, with the counts of their nonces."""
    centre = Centre("MD5", options_seconds=60.0, phones=phones)
    gc.collect()
    tracemalloc.start()
    found: list[float] = []
    for share in (1.0, 1.0, 1.5):
        for cseq in range(1, 1 + round(2 * share)):
            for phone in range(cseq % 2, phones, 2):
                answered = centre.answer(*centre.register(phone, 10 * len(found) + cseq))
                assert answered.startswith(b"SIP/2.0 200 "), answered
                # More at one instant than counts are kept of would be challenged anew.
                centre.now += 0.001
        centre.now += 360
        while StartTimer("due", 0.0) in centre.registrar.handle(TimerFired("due")):
            pass
        gc.collect()
        found.append(tracemalloc.get_traced_memory()[0] / phones)
    tracemalloc.stop()
    assert len(centre.registrar) == phones
    return Memory(*found)


def report(found: Found) -> None:
    print(f"{'from bytes to bytes':<52} {'min':>7} {'median':>7}")
    rows = {f"REGISTER refresh, MD5, {n} bindings": c for n, c in found.by_bindings.items()}
    rows["REGISTER refresh, SHA-256"] = found.sha256
    rows["REGISTER without credentials, 401"] = found.challenge
    for what, cost in rows.items():
        print(f"{what:<52} {cost.least:7.1f} {cost.median:7.1f} us")
    print(f"challenge and proof: {found.a_second:.0f} a second and core")
    print(
        f"the longest step, all {found.phones} expiring at once too: {found.longest * 1e3:.1f} ms"
    )
    kept = found.memory
    print(
        f"a binding, asked by OPTIONS, with the count of its nonce: {kept.registered:.0f} bytes; "
        f"{kept.refreshed:.0f} refreshed; {kept.later:.0f} after "
        f"{1.5 * found.phones:.0f} REGISTERs more"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phones", type=int, default=PHONES)
    report(measure(parser.parse_args().phones))


if __name__ == "__main__":
    main()
