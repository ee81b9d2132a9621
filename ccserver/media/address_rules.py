"""Which source of RTP may be heard, and where ours goes.

SDP says where the other side listens, and phones send from there, unless a NAT stands between.
So the signalled address is believed; another one is learned only where the signalled one keeps
silent, and only once.  Everything else on the port comes from strangers (RTP bleed, ES2017-04;
the race for the first packet, CVE-2025-53399).

A pure machine: a state per class, packets and times in, a verdict out.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from ccserver.media.rtp import Packet, ahead, later

Address: TypeAlias = tuple[str, int]

SILENCE_BEFORE_LEARNING = 1.0
"""Seconds the signalled address must have kept silent before another one is looked at."""
SILENCE_BEFORE_MOVING = 2.0
"""Seconds a known source must have kept silent before it may be found at another port."""
CONSECUTIVE = 10
"""Packets in unbroken sequence that make a candidate the source."""

_FURTHEST = 3000
"""Packets a moved source may have gone on in the meantime: a minute."""
_LONGEST_STEP = 1600
"""Samples between two packets: 200 ms."""


class Candidate(Struct, frozen=True, gc=False):
    """A source that has sent `count` packets in sequence, without another one in between."""

    address: Address
    ssrc: int
    sequence: int
    timestamp: int
    count: int = 1

    def followed_by(self, address: Address, packet: Packet) -> Candidate:
        """Counts on if `packet` continues the sequence, else begins again with it."""
        continues = (
            address == self.address
            and packet.ssrc == self.ssrc
            and ahead(packet.sequence, self.sequence) == 1
            and 0 <= later(packet.timestamp, self.timestamp) <= _LONGEST_STEP
        )
        count = self.count + 1 if continues else 1
        return Candidate(address, packet.ssrc, packet.sequence, packet.timestamp, count)


class Expecting(Struct, gc=False):
    """Nothing was heard from the signalled address since it was signalled."""

    address: Address
    since: float
    candidate: Candidate | None = None


class Locked(Struct, gc=False):
    """This is the source; whatever else comes is a stranger."""

    address: Address
    ssrc: int
    sequence: int
    heard: float


class Lost(Struct, gc=False):
    """A locked source fell silent, and a candidate that continues its sequence came up."""

    address: Address
    ssrc: int
    sequence: int
    heard: float
    candidate: Candidate


State: TypeAlias = Expecting | Locked | Lost


class AddressRules:
    """`learn_from`: the only host a source may be learned at, as a rule the one that the
    signalling came from; None leaves it open."""

    def __init__(self, signalled: Address, now: float, learn_from: str | None = None) -> None:
        self.signalled = signalled
        self.learn_from = learn_from
        self.state: State = Expecting(signalled, now)
        self.send_to = signalled
        """Where ours goes."""
        self.moved = False
        """A source moves at most once; after that a re-INVITE must say where it is."""

    def hear(self, source: Address, packet: Packet, now: float) -> bool:
        """Whether `packet`, of a payload type that was negotiated, is the other side's."""
        state = self.state
        if source == state.address:
            if type(state) is Locked:
                state.ssrc = packet.ssrc
                state.sequence = packet.sequence
                state.heard = now
            else:
                # Race: the awaited source speaks while a candidate is being counted; it wins.
                self.state = Locked(source, packet.ssrc, packet.sequence, now)
            return True
        match state:
            case Expecting():
                return self._learn(state, source, packet, now)
            case Locked() | Lost():
                return self._move(state, source, packet, now)

    @property
    def source(self) -> Address | None:
        """Who is heard, and nobody else; None while that may change."""
        return self.state.address if type(self.state) is Locked else None

    def go_on(self, sequence: int, now: float) -> None:
        """The source that is locked was heard up to this packet."""
        state = self.state
        if type(state) is Locked:
            state.sequence = sequence
            state.heard = now

    def _learn(self, state: Expecting, source: Address, packet: Packet, now: float) -> bool:
        if now - state.since < SILENCE_BEFORE_LEARNING:
            return False
        if self.learn_from is not None and source[0] != self.learn_from:
            return False
        known = state.candidate
        candidate = _first(source, packet) if known is None else known.followed_by(source, packet)
        state.candidate = candidate
        return self._settle(candidate, now)

    def _move(self, state: Locked | Lost, source: Address, packet: Packet, now: float) -> bool:
        if (
            self.moved
            or now - state.heard < SILENCE_BEFORE_MOVING
            or source[0] != state.address[0]
            or packet.ssrc != state.ssrc
            or not 0 < ahead(packet.sequence, state.sequence) <= _FURTHEST
        ):
            return False
        if type(state) is Lost:
            candidate = state.candidate.followed_by(source, packet)
        else:
            candidate = _first(source, packet)
        self.state = Lost(state.address, state.ssrc, state.sequence, state.heard, candidate)
        if self._settle(candidate, now):
            self.moved = True
            return True
        return False

    def _settle(self, candidate: Candidate, now: float) -> bool:
        if candidate.count < CONSECUTIVE:
            return False
        self.state = Locked(candidate.address, candidate.ssrc, candidate.sequence, now)
        self.send_to = candidate.address
        return True


def _first(source: Address, packet: Packet) -> Candidate:
    return Candidate(source, packet.ssrc, packet.sequence, packet.timestamp)
