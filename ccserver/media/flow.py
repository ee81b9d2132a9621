"""Streams that go from one phone to one other, or into the mixer, as long as each packet is just
the next one.

Most packets of a call are: the same source, payload type and length, the next sequence number and
timestamp, or the next but those that were lost.  Nothing about such a packet has to be decided
anew, so a flow compares its header with the one that must come, and writes the one that must go.
That is done for all packets of a batch at once, with what the flows know in a few arrays: of
thousands of calls, objects here and there in memory would each have to be fetched for a packet.
Of a batch of a few packets it is done for one after the other, in the same arrays: numpy takes as
long for one packet as for twenty.
What a flow carried is told to those who count when somebody asks (`Flow.take`), not at each packet.
Anything else, a late packet, a key, a stranger's, is not the flow's: it goes the long way
(``Session.receive``), and a new flow may begin behind it.

Pure: datagrams and times come in, datagrams go out.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable
from struct import Struct as Layout
from typing import Final, Generic, TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ccserver.media.address_rules import Address
from ccserver.media.batch import Batch
from ccserver.media.g711 import TRANSLATION
from ccserver.media.reception import CLOCK_RATE
from ccserver.media.rtp import HEADER_BYTES, PLAIN, Packet

K = TypeVar("K", bound=Hashable)
"""What sources are known by."""

NOBODY: Final = -1
"""No flow has this number."""
REFUSED: Final = -1
"""The way of a datagram that is not its flow's."""
UNCONNECTED: Final = -2
"""The way of one whose listener has no line."""
MIXED: Final = -3
"""The way of one that goes into the mixer."""

_STEPS = frozenset(range(80, 481, 80))
"""Lengths of payload that flow: 10 to 60 ms of G.711."""
_MOST_LOST = 50
"""Packets at once: a second of them, and far less than what looks like another stream."""
_LAW_PAIRS = list(TRANSLATION)
_TABLES = [np.frombuffer(TRANSLATION[laws], np.uint8) for laws in _LAW_PAIRS]
_AT_FIRST = 64
"""Flows there is room for."""
_LONGEST = max(_STEPS)
_HEADER = Layout("!III")
"""The fixed header, as ``Batch.heads`` has it."""

# Columns of what is known of each flow: what comes next, how it is sent, what it carried.
(
    _STEP,
    _HEAD,
    _SEQUENCE,
    _TIMESTAMP,
    _SSRC,
    _SENT_HEAD,
    _SEQUENCE_SHIFT,
    _TIMESTAMP_SHIFT,
    _SENT_SSRC,
    _WAY,
    _TRANSLATED,
    _PACKETS,
    _LOST,
) = range(13)
_COLUMNS = 13
_TRANSIT, _JITTER, _AT = range(3)
_TIMES = 3


class Sent(Struct, frozen=True, gc=False):
    """How the packet before the first of a flow was sent on, in its listener's stream."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int


class Carried(Struct, frozen=True, gc=False):
    """What a flow carried since it was last asked, and where that left both of its streams."""

    packets: int
    lost: int
    """That should have come between them."""
    payload: bytes
    """Of the last packet, as it came."""
    at: float
    """When it came."""
    sequence: int
    """The last packet's, as it came."""
    transit: float
    jitter: float
    sent_sequence: int
    sent_timestamp: int


class Flow(Generic[K]):
    """Made by `Flows.begin`."""

    __slots__ = ("_flows", "key", "line", "number", "source")

    def __init__(self, flows: Flows[K], number: int, key: K, source: Address) -> None:
        self._flows = flows
        self.number = number
        self.key = key
        self.source = source
        """Whose packets alone it may be asked to carry."""
        self.line: int | None = None

    def take(self) -> Carried | None:
        """What it carried since the last time; None if that is nothing."""
        return self._flows.take(self.number)

    def comes_by(self, line: int | None) -> None:
        """Its packets come by this line from now on, at which nobody else's do."""
        self._flows.listen(self, line)

    def goes_by(self, way: int) -> None:
        """This is its way from now on."""
        self._flows.redirect(self.number, way)

    def end(self) -> None:
        """It carries nothing more, and its number will be another's."""
        self._flows.end(self)


class Flows(Generic[K]):
    """All flows, by numbers."""

    few = 20
    """Packets of a batch that cost less one by one than together."""

    def __init__(self) -> None:
        self.on_line = array("i")
        """By descriptor, the number of the flow whose packets come there; or `NOBODY`."""
        self._all: list[Flow[K] | None] = [None] * _AT_FIRST
        self._free = list(range(_AT_FIRST))
        self._lay_out(
            np.zeros((_AT_FIRST, _COLUMNS), np.int64),
            np.zeros((_AT_FIRST, _TIMES)),
            np.zeros((_AT_FIRST, _LONGEST), np.uint8),
        )

    def __getitem__(self, number: int) -> Flow[K]:
        flow = self._all[number]
        assert flow is not None
        return flow

    def begin(
        self,
        key: K,
        packet: Packet,
        source: Address,
        laws: tuple[str, str],
        *,
        sent: Sent,
        way: int,
        transit: float,
        jitter: float,
        line: int | None = None,
    ) -> Flow[K] | None:
        """A flow whose first packet is the one after `packet`, which came from `source` by the long
        way; None if packets of this length do not flow.

        `laws`: how it comes, and how it goes.  `way` is what `carry` says of its packets: a line of
        the listener's, or one of the names above.  `transit` and `jitter` are the source's, in
        samples (RFC 3550 §A.8).  `line` is a descriptor at which nobody else's packets come.
        """
        step = len(packet.payload)  # in G.711 a byte lasts for a step of the clock
        if step not in _STEPS:
            return None
        if not self._free:
            self._grow()
        number = self._free.pop()
        known = (
            step,
            PLAIN << 8 | packet.payload_type,
            packet.sequence + 1 & 0xFFFF,
            packet.timestamp + step & 0xFFFFFFFF,
            packet.ssrc,
            (PLAIN << 8 | sent.payload_type) << 16,
            sent.sequence - packet.sequence,
            sent.timestamp - packet.timestamp,
            sent.ssrc,
            way,
            _LAW_PAIRS.index(laws) + 1 if laws in TRANSLATION else 0,
            0,
            0,
        )
        start, when = number * _COLUMNS, number * _TIMES
        self._known_plain[start : start + _COLUMNS] = array("q", known)
        self._times_plain[when : when + _TIMES] = array("d", (transit, jitter, 0.0))
        flow = self._all[number] = Flow(self, number, key, source)
        self.listen(flow, line)
        return flow

    def listen(self, flow: Flow[K], line: int | None) -> None:
        """As `Flow.comes_by`."""
        if flow.line is not None:
            self.on_line[flow.line] = NOBODY
        flow.line = line
        if line is not None:
            if line >= len(self.on_line):
                self.make_room(line)
            self.on_line[line] = flow.number

    def redirect(self, number: int, way: int) -> None:
        """As `Flow.goes_by`."""
        self._known_plain[number * _COLUMNS + _WAY] = way

    def make_room(self, descriptor: int) -> None:
        """So that it can be asked whether there is a flow on this line."""
        self.on_line.extend([NOBODY] * (descriptor + 1 - len(self.on_line)))

    def end(self, flow: Flow[K]) -> None:
        self._all[flow.number] = None
        self._free.append(flow.number)
        self.listen(flow, None)

    def carry(self, batch: Batch, now: float) -> list[int]:
        """The way of each datagram of `batch`: those that are not `REFUSED` have been written anew,
        as they must go."""
        if len(batch) <= self.few:
            each = zip(batch.flows, batch.into, batch.sizes, strict=False)
            return [self._carry_one(number, data, size, now) for number, data, size in each]
        return self._carry_many(batch, now)

    def _carry_one(self, number: int, datagram: memoryview, size: int, now: float) -> int:
        known, start = self._known_plain, number * _COLUMNS
        (
            step,
            head,
            expected,
            awaited,
            ssrc,
            sent_head,
            sequence_shift,
            timestamp_shift,
            sent_ssrc,
            way,
            translated,
            packets,
            already_lost,
        ) = known[start : start + _COLUMNS].tolist()
        if size != step + HEADER_BYTES:
            return REFUSED
        first, timestamp, its_ssrc = _HEADER.unpack_from(datagram)
        lost = first - expected & 0xFFFF
        times, when = self._times_plain, number * _TIMES
        transit = now * CLOCK_RATE - timestamp
        change = abs(transit - times[when + _TRANSIT])
        if (
            first >> 16 != head
            or its_ssrc != ssrc
            or lost > _MOST_LOST
            or timestamp != awaited + lost * step
            or change >= CLOCK_RATE  # a pause, or a timestamp that wrapped
        ):
            return REFUSED
        known[start + _SEQUENCE] = first + 1 & 0xFFFF
        known[start + _TIMESTAMP] = timestamp + step & 0xFFFFFFFF
        known[start + _PACKETS] = packets + 1
        known[start + _LOST] = already_lost + lost
        times[when + _TRANSIT] = transit
        times[when + _JITTER] += (change - times[when + _JITTER]) / 16
        times[when + _AT] = now
        payload = datagram[HEADER_BYTES:size]
        self._latest_plain[number * _LONGEST : number * _LONGEST + step] = payload
        if translated:
            payload[:] = bytes(payload).translate(TRANSLATION[_LAW_PAIRS[translated - 1]])
        _HEADER.pack_into(
            datagram,
            0,
            sent_head | (first + sequence_shift & 0xFFFF),
            timestamp + timestamp_shift & 0xFFFFFFFF,
            sent_ssrc,
        )
        return int(way)

    def _carry_many(self, batch: Batch, now: float) -> list[int]:
        numbers = np.array(batch.flows, np.intp)
        known, times = self._known.take(numbers, axis=0), self._times.take(numbers, axis=0)
        heads = batch.heads()
        sequence, timestamp, step = heads[:, 0] & 0xFFFF, heads[:, 1], known[:, _STEP]
        lost = sequence - known[:, _SEQUENCE] & 0xFFFF
        transit = now * CLOCK_RATE - timestamp
        change = np.abs(transit - times[:, _TRANSIT])
        fits = np.array(batch.sizes, np.int64) == step + HEADER_BYTES
        fits &= heads[:, 0] >> 16 == known[:, _HEAD]
        fits &= heads[:, 2] == known[:, _SSRC]
        fits &= lost <= _MOST_LOST
        fits &= timestamp == known[:, _TIMESTAMP] + lost * step
        fits &= change < CLOCK_RATE  # no pause, and no timestamp that wrapped
        rows = np.flatnonzero(fits)
        if len(rows) < len(batch):
            numbers, known, times, lost = numbers[rows], known[rows], times[rows], lost[rows]
            sequence, timestamp, step = sequence[rows], timestamp[rows], step[rows]
            transit, change = transit[rows], change[rows]
        known[:, _SEQUENCE] = sequence + 1 & 0xFFFF
        known[:, _TIMESTAMP] = timestamp + step & 0xFFFFFFFF
        known[:, _PACKETS] += 1
        known[:, _LOST] += lost
        self._known[numbers] = known
        times[:, _TRANSIT] = transit
        times[:, _JITTER] += (change - times[:, _JITTER]) / 16
        times[:, _AT] = now
        self._times[numbers] = times
        self._keep_and_translate(batch, rows, numbers, known)
        written = np.empty((len(rows), 3), ">u4")
        written[:, 0] = known[:, _SENT_HEAD] | (sequence + known[:, _SEQUENCE_SHIFT] & 0xFFFF)
        written[:, 1] = timestamp + known[:, _TIMESTAMP_SHIFT] & 0xFFFFFFFF
        written[:, 2] = known[:, _SENT_SSRC]
        batch.bytes[rows, :HEADER_BYTES] = written.view(np.uint8)
        ways = np.full(len(batch), REFUSED)
        ways[rows] = known[:, _WAY]
        result: list[int] = ways.tolist()
        return result

    def _keep_and_translate(
        self,
        batch: Batch,
        rows: NDArray[np.intp],
        numbers: NDArray[np.intp],
        known: NDArray[np.int64],
    ) -> None:
        """Payloads: the last of each flow is kept, and some go in the other law."""
        steps, laws = known[:, _STEP], known[:, _TRANSLATED]
        translated = laws.any()
        for step in set(steps.tolist()):
            these = steps == step
            of, at = numbers[these], rows[these]
            payloads = batch.bytes[at, HEADER_BYTES : HEADER_BYTES + step]
            self._latest[of, :step] = payloads
            if translated:
                law = laws[these]
                for index, table in enumerate(_TABLES, 1):
                    some = law == index
                    batch.bytes[at[some], HEADER_BYTES : HEADER_BYTES + step] = table[
                        payloads[some]
                    ]

    def take(self, number: int) -> Carried | None:
        """As `Flow.take`."""
        known, start = self._known_plain, number * _COLUMNS
        packets = known[start + _PACKETS]
        if packets == 0:
            return None
        lost, step = known[start + _LOST], known[start + _STEP]
        known[start + _PACKETS] = known[start + _LOST] = 0
        sequence = known[start + _SEQUENCE] - 1 & 0xFFFF
        timestamp = known[start + _TIMESTAMP] - step & 0xFFFFFFFF
        when, latest = number * _TIMES, number * _LONGEST
        transit, jitter, at = self._times_plain[when : when + _TIMES].tolist()
        return Carried(
            packets,
            lost,
            self._latest_plain[latest : latest + step].tobytes(),
            at,
            sequence,
            transit,
            jitter,
            sequence + known[start + _SEQUENCE_SHIFT] & 0xFFFF,
            timestamp + known[start + _TIMESTAMP_SHIFT] & 0xFFFFFFFF,
        )

    def _grow(self) -> None:
        more = len(self._all)
        self._free.extend(range(more, 2 * more))
        self._all += [None] * more
        self._lay_out(
            np.vstack((self._known, np.zeros_like(self._known))),
            np.vstack((self._times, np.zeros_like(self._times))),
            np.vstack((self._latest, np.zeros_like(self._latest))),
        )

    def _lay_out(
        self, known: NDArray[np.int64], times: NDArray[np.float64], latest: NDArray[np.uint8]
    ) -> None:
        """A row a flow; and the same memory as one row after the other, for one packet at a
        time."""
        self._known, self._known_plain = known, known.reshape(-1).data.cast("B").cast("q")
        self._times, self._times_plain = times, times.reshape(-1).data.cast("B").cast("d")
        self._latest, self._latest_plain = latest, latest.reshape(-1).data
