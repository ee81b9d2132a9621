"""Sessions and their matrix in virtual time: each party sends its own tone, and what arrives at its
phone is kept, to be looked at by ear and by packet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from msgspec import structs

from ccserver.media import rtp
from ccserver.media.batch import Batch
from ccserver.media.matrix import Matrix
from ccserver.media.player import Player
from ccserver.media.protocol import Event, SetRemote
from ccserver.media.session import Line, Session
from ccserver.media.stream import OutStream
from ccserver.media.wav import Sound
from tests.support import ears

TICK = 0.02
PAYLOAD_TYPE = {"PCMU": 0, "PCMA": 8, "G722": 9}
MUSIC = 350.0
"""Hertz."""


class Party:
    """A phone: its session, the tone that it sends, and the packets that it is sent.

    `phase`: the seconds after the tick at which it sends.
    """

    def __init__(self, session: Session, codec: str, hertz: float, number: int) -> None:
        self.session = session
        self.codec = codec
        self.hertz = hertz
        self.address = (f"192.0.2.{number + 1}", 4000)
        self.phase = 0.001 * (number % 17)
        self.heard: list[rtp.Packet] = []
        self.heard_at: list[float] = []
        self.talks = True
        self.sent = 0
        self.voice_of: Callable[[int], bytes] | None = None
        """The payload of packet number n, in place of the tone."""
        self._voice = ears.Voice(codec, hertz)
        self._ssrc = 1000 + number
        self.lost: set[int] = set()
        """Numbers of packets that get lost on their way to us."""

    def packet(self) -> bytes:
        number, self.sent = self.sent, self.sent + 1
        payload = self._voice.frame() if self.voice_of is None else self.voice_of(number)
        return rtp.build(
            PAYLOAD_TYPE[self.codec], False, number & 0xFFFF, number * 160, self._ssrc, payload
        )

    def key(self, event: bytes, *, timestamp: int) -> bytes:
        """A packet of telephone-event, the next in its sequence."""
        number, self.sent = self.sent, self.sent + 1
        return rtp.build(101, False, number & 0xFFFF, timestamp, self._ssrc, event)

    def takes(self, codec: str) -> None:
        """From now on it sends, and awaits, this one."""
        self.codec = codec
        self._voice = ears.Voice(codec, self.hertz)

    def audio(self) -> list[bytes]:
        return [packet.payload for packet in self.heard if packet.payload_type != 101]

    def forget(self) -> None:
        self.heard.clear()
        self.heard_at.clear()


class Room:
    """Parties by name, made by `enter`; `passes` lets time go by."""

    def __init__(self, matrix: type[Matrix] = Matrix, *, lines: bool = True) -> None:
        self.now = 0.0
        self.drops: Counter[str] = Counter()
        self.events: list[Event] = []
        self.parties: dict[str, Party] = {}
        self.codecs: dict[str, str] = {}
        """Of each name, for whoever lets them in."""
        self.matrix = matrix(self._deliver, self._write, self.drops)
        self._made = 0
        self._lines = lines
        self._by_line: dict[int, Session] = {}

    def enter(self, name: str, hertz: float, codec: str = "PCMU") -> Party:
        party = self.knows(name, hertz, codec)
        self.speaks(name, codec)
        return party

    def knows(self, name: str, hertz: float, codec: str = "PCMU") -> Party:
        """There is a session, and nothing has been negotiated."""
        self._made += 1
        out = OutStream(self._made, 0, 0)
        session = Session(
            name, "192.0.2.200", 20000, out, self.events.append, self.drops, silence=20.0, now=0.0
        )
        party = self.parties[name] = Party(session, codec, hertz, self._made)
        self._by_line[self._made] = session
        if self._lines and self._made % 3:  # of the others it is not known yet where they are
            session.connect(Line(self._made, party.address))
        return party

    def gets_a_line(self, name: str) -> None:
        """Or has none any more."""
        party = self.parties[name]
        (number,) = (line for line, each in self._by_line.items() if each is party.session)
        party.session.connect(None if party.session.line else Line(number, party.address))

    def speaks(
        self, name: str, codec: str, direction: str = "sendrecv", *, keys: bool = True
    ) -> None:
        """As negotiated."""
        party = self.parties[name]
        party.takes(codec)
        event = 101 if keys else None
        remote = SetRemote(name, *party.address, codec, PAYLOAD_TYPE[codec], event, direction)
        if not keys:
            remote = structs.replace(remote, heard_telephone_event=101)
        self.matrix.set_remote(party.session, remote, self.now)

    def hear(self, **rows: Iterable[str] | str) -> None:
        """``hear(anna="bert carl")``."""
        for listener, sources in rows.items():
            names = sources.split() if isinstance(sources, str) else sources
            session = self.parties[listener].session
            self.matrix.hear(session, [self.parties[name].session for name in names])

    def confer(self, *names: str) -> None:
        """All of these hear each other."""
        for name in names:
            self.hear(**{name: [other for other in names if other != name]})

    def plays_music(self, name: str, *, loop: bool = True, barge_in: bool = False) -> None:
        samples = ears.tone("PCMU", MUSIC, samples=8000)
        sound = Sound(samples, ears.tone("PCMA", MUSIC, samples=8000))
        player = Player("music", [sound], loop=loop, barge_in=barge_in)
        self.matrix.play(self.parties[name].session, player)

    def leave(self, name: str) -> None:
        self.matrix.release(self.parties.pop(name).session)

    def passes(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK)):
            for party in sorted(self.parties.values(), key=lambda party: party.phase):
                if party.talks:
                    self.sends(party, party.packet())
            self.now += TICK
            self.matrix.tick(self.now)

    def sends(self, party: Party, data: bytes) -> None:
        if party.sent - 1 in party.lost:
            return
        self.matrix_receives(party, data, self.now + party.phase)

    def matrix_receives(self, party: Party, data: bytes, now: float) -> None:
        """As the engine does it."""
        flow = party.session.flow
        if flow is None:
            self.matrix.receive(party.session, data, party.address, now)
            return
        batch = Batch()
        batch.add(flow.number, data)
        self.matrix.carry(batch, now)

    def ears(self, seconds: float = 0.4) -> dict[str, set[float]]:
        """Which of all tones each party hears, a moment from now."""
        self.passes(0.2)
        for party in self.parties.values():
            party.forget()
        self.passes(seconds)
        tones = [MUSIC, *(party.hertz for party in self.parties.values())]
        return {
            name: ears.tones_heard(party.codec, party.audio(), tones)
            for name, party in self.parties.items()
        }

    def _write(self, addressed: Iterable[tuple[int, memoryview]]) -> None:
        for line, datagram in addressed:
            self._deliver(self._by_line[line], datagram)

    def _deliver(self, session: Session, datagram: bytes | memoryview) -> None:
        party = self.parties.get(session.name)
        if party is not None and session.send_to is not None:
            party.heard.append(rtp.parse(bytes(datagram)))
            party.heard_at.append(self.now)
