"""What a queued call costs the core, without sockets and without SIPp, in ten seconds.

    python -m loadtest.bench_core                 # CPU, messages, events, calls of functions
    python -m loadtest.bench_core --profile 40    # where the time goes
    python -m loadtest.bench_core --bytecodes 40  # where the work is: the same on every machine
    python -m loadtest.bench_core --rest 20       # the same turns, with 20 ms of rest between them

The real core with its journal on the disk and a reader of its feed.  Callers and agents stand at
the other end of a wire in memory, and so does a media process that only says yes.  They have no
tasks: they move when Trio's loop asks the clock how long it may sleep, and what they cost is left
out, so that the server's own work is what is left.  Time is virtual: calls come at their rate, each
datagram in a pass of the loop of its own, and nothing waits.  Compare two trees by turns, on an
otherwise idle machine.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import heapq
import math
import pstats
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from itertools import count
from pathlib import Path as FilePath
from statistics import median
from types import CodeType, FrameType
from typing import Any

import trio

from ccserver.core.__main__ import collector_of
from ccserver.core.app import Core, World
from ccserver.inputs.recorder import Recorder
from ccserver.journal.log import Journal
from ccserver.journal.tail import make_memory, open_tail
from ccserver.media import protocol as media
from ccserver.media.client import READY, MediaClient
from ccserver.settings import Settings
from loadtest.bytecodes import counted
from sip.message import digest
from sip.transport.path import Path

SERVER, CALLERS, AGENTS = ("127.0.0.1", 15060), ("192.0.2.1", 5060), ("192.0.2.2", 5060)
DELAY = 0.0005
"""Virtual seconds that a datagram takes."""
GATHERED = 8
"""Answers for which nobody waits go together: those of a media process's tick, 20 ms."""
STAY = 1.0
"""Virtual seconds that a caller stays."""
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 31000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


class Outside(trio.abc.Clock):
    """All that is not the server: the phones, the media process, and the time that passes.

    ``spent``: seconds of CPU that went into playing it; ``moves``: whether it is at it now.
    ``rest``: seconds by the clock on the wall that nothing is done whenever time passes, as where
    calls are few: others have the processor meanwhile, and its caches are theirs.
    """

    def __init__(self, data: FilePath, rest: float = 0.0) -> None:
        self.now = self.spent = 0.0
        self.moves, self._rest = False, rest
        self.phones, self.plane = Phones(self), MediaThatAgrees(data)

    def start_clock(self) -> None:
        pass

    def current_time(self) -> float:
        return self.now

    def wall(self) -> float:
        """Seconds since 1970: some day, and the virtual time since."""
        return 1_700_000_000.0 + self.now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """No task can run: whatever comes next comes now, and the loop goes on at once."""
        with self:
            if not self.plane.serve():
                if self._rest and min(deadline, self.phones.next_at()) > self.now:
                    time.sleep(self._rest)
                self.now = max(self.now, min(deadline, self.phones.next_at()))
                if self.phones.next_at() <= self.now:
                    self.phones.ring()
        return 0

    def core_spent(self) -> float:
        """Seconds of CPU of this thread, so far, that did not go into playing it."""
        return time.thread_time() - self.spent

    def __enter__(self) -> None:
        self.moves, self._began = True, time.thread_time()

    def __exit__(self, *_: object) -> None:
        self.moves = False
        self.spent += time.thread_time() - self._began


class Phones:
    """All callers and agents, and the wire: a transport of the core's at one end."""

    kind, local = "udp", SERVER

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.datagrams = self.ended = 0
        self.answers: Counter[bytes] = Counter()
        self._due: list[tuple[float, int, bytes, tuple[str, int]]] = []
        self._numbers = count(1)
        self._task: trio.lowlevel.Task | None = None
        self.registered = 0
        self.work: Callable[[], float] = outside.core_spent
        """What the core has done so far, by some measure."""
        self._invited = 0.0
        self.rings: list[float] = []
        """Of its work, what lay between each caller's INVITE and his agent's."""

    def path_to(self, host: str, port: int) -> Path:
        return Path("udp", 0, (host, port))

    def send(self, data: bytes, path: Path) -> None:
        """From the core: heard after a while."""
        if data.startswith(b"INVITE"):
            self.rings.append(self.work() - self._invited)
        with self._outside:
            self.datagrams += 1
            if path.remote == AGENTS:
                self._agent_hears(data)
            else:
                self._caller_hears(data)

    async def run(self, receive: Callable[[bytes, Path], None], failed: object) -> None:
        """The core's end: each datagram when it is due."""
        due = self._due
        while True:
            self._task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._abort)
            _, _, data, source = heapq.heappop(due)
            if data.startswith(b"INVITE"):
                self._invited = self.work()
            receive(data, Path("udp", 0, source))

    def _abort(self, _: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED

    def next_at(self) -> float:
        """When the core is to hear something."""
        return self._due[0][0] if self._due else math.inf

    def ring(self) -> None:
        """Let the core hear what is due."""
        if self._task is not None:
            trio.lowlevel.reschedule(self._task)
            self._task = None

    def _post(self, data: bytes, source: tuple[str, int], delay: float = DELAY) -> None:
        self.datagrams += 1
        heapq.heappush(self._due, (self._outside.now + delay, next(self._numbers), data, source))

    # --- what they say ------------------------------------------------------------------------

    def call(self, delay: float) -> None:
        """A caller, in so many seconds."""
        number = next(self._numbers)
        self._post(
            b"INVITE sip:2001@127.0.0.1:15060 SIP/2.0\r\n"
            + _head(number, b"1 INVITE", b"<sip:2001@127.0.0.1>")
            + b"Contact: <sip:customer@192.0.2.1:5060>\r\nContent-Type: application/sdp\r\n"
            + b"Content-Length: %d\r\n\r\n" % len(SDP)
            + SDP,
            CALLERS,
            delay,
        )

    def _caller_hears(self, data: bytes) -> None:
        if data.startswith(b"SIP/2.0 200"):
            fields = _fields(data)
            number = int(fields[b"Call-ID"].partition(b"@")[0])
            if fields[b"CSeq"] == b"1 INVITE":
                target = fields[b"Contact"].strip(b"<>")
                head = _head(number, b"1 ACK", fields[b"To"])
                self._post(
                    b"ACK %b SIP/2.0\r\n%bContent-Length: 0\r\n\r\n" % (target, head), CALLERS
                )
                head = _head(number, b"2 BYE", fields[b"To"])
                bye = b"BYE %b SIP/2.0\r\n%bContent-Length: 0\r\n\r\n" % (target, head)
                self._post(bye, CALLERS, STAY)
            else:
                self.ended += 1
        elif not data.startswith(b"SIP/2.0 1"):
            self.answers[data.partition(b"\r\n")[0]] += 1

    def _agent_hears(self, data: bytes) -> None:
        method = data.partition(b" ")[0]
        if method == b"ACK":
            return
        fields = _fields(data)
        if method in (b"INVITE", b"BYE"):
            tag = b"" if b";tag=" in fields[b"To"] else b";tag=1"
            head = b"".join(
                b"%b: %b%b\r\n" % (name, fields[name], tag if name == b"To" else b"")
                for name in (b"Via", b"From", b"To", b"Call-ID", b"CSeq")
            )
            contact = b"Contact: <sip:agent@192.0.2.2:5060>\r\n"
            if method == b"INVITE":
                ringing = b"SIP/2.0 180 Ringing\r\n%b%bContent-Length: 0\r\n\r\n"
                self._post(ringing % (head, contact), AGENTS)
                contact += b"Content-Type: application/sdp\r\n"
            body = SDP if method == b"INVITE" else b""
            length = b"Content-Length: %d\r\n\r\n" % len(body)
            answer = b"SIP/2.0 200 OK\r\n" + head + contact + length + body
            self._post(answer, AGENTS, 2 * DELAY)
        elif fields[b"CSeq"].endswith(b"REGISTER"):
            if data.startswith(b"SIP/2.0 401"):
                self.register(int(fields[b"Call-ID"]), fields[b"WWW-Authenticate"].decode())
            else:
                self.registered += data.startswith(b"SIP/2.0 200")
        else:
            self.answers[data.partition(b"\r\n")[0]] += 1

    def register(self, user: int, challenge: str | None = None) -> None:
        proof = "" if challenge is None else _proof(challenge, f"{user}")
        self._post(
            (
                f"REGISTER sip:ccserver SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK{next(self._numbers)};rport\r\n"
                f"From: <sip:{user}@ccserver>;tag=1\r\nTo: <sip:{user}@ccserver>\r\n"
                f"Call-ID: {user}\r\nCSeq: {2 if proof else 1} REGISTER\r\n"
                f"Contact: <sip:{user}@192.0.2.2:5060>\r\nExpires: 3600\r\n{proof}"
                f"Content-Length: 0\r\n\r\n"
            ).encode(),
            AGENTS,
        )


def _head(number: int, cseq: bytes, to: bytes) -> bytes:
    return (
        b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-%d-%b;rport\r\n"
        b"Max-Forwards: 70\r\nFrom: <sip:customer@192.0.2.1>;tag=%d\r\nTo: %b\r\n"
        b"Call-ID: %d@192.0.2.1\r\nCSeq: %b\r\n"
    ) % (number, cseq[:1] + cseq[2:3], number, to, number, cseq)


def _fields(data: bytes) -> dict[bytes, bytes]:
    """The first row of each header."""
    rows = data.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    return {name: value for name, _, value in (row.partition(b": ") for row in reversed(rows))}


def _proof(challenge: str, user: str) -> str:
    asked = digest.Credentials.parse(challenge).params
    known = digest.ha1(asked["algorithm"], user, asked["realm"], f"s{user}")
    answer = digest.response(
        *(asked["algorithm"], known, asked["nonce"], "REGISTER", "sip:ccserver"),
        nc="00000001",
        cnonce="c",
    )
    return (
        f'Authorization: Digest username="{user}", realm="{asked["realm"]}", '
        f'nonce="{asked["nonce"]}", uri="sip:ccserver", response="{answer}", '
        f'algorithm={asked["algorithm"]}, cnonce="c", qop=auth, nc=00000001\r\n'
    )


class MediaThatAgrees:
    """The media process's end of its socket."""

    def __init__(self, data: FilePath) -> None:
        self.path = data / "media.sock"
        self.frames = 0
        self._answers: list[media.Event] = []
        self._ports = count(20_000, 2)
        self._connection: socket.socket | None = None
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.setblocking(False)
        self._listener.bind(str(self.path))
        self._listener.listen(1)

    def close(self) -> None:
        self._listener.close()
        if self._connection is not None:
            self._connection.close()

    def serve(self) -> bool:
        """Whether the core has said something, and has been answered."""
        try:
            if self._connection is None:
                self._connection, _ = self._listener.accept()
                self._connection.setblocking(False)
            frame = self._connection.recv(media.MAXIMUM_FRAME)
        except BlockingIOError:
            return False
        if not frame:
            return False  # the core has gone
        self.frames += 1
        hurry = False
        for command in media.decode_commands(frame):
            match command:
                case media.CreateSession(session, _, None):
                    self._answers.append(media.SessionCreated(session, "127.0.0.1", self._port()))
                    hurry = True
                case media.CreateSession():
                    ready = media.PortsReady(False, "127.0.0.1", [self._port()])
                    self._answers.append(ready)
                case media.KeepReady(pairs):
                    ports = [self._port() for _ in range(pairs)]
                    self._answers.append(media.PortsReady(False, "127.0.0.1", ports))
                case media.Release(session):
                    self._answers.append(media.SessionReleased(session, 0, 0, 0, 0.0))
                case media.ListSessions():
                    self._answers.append(media.Sessions([]))
                    hurry = True
                case _:
                    pass
        if hurry or len(self._answers) >= GATHERED:
            for answer in media.encode_frames(self._answers):
                self._connection.send(answer)
            self._answers.clear()
        return True

    def _port(self) -> int:
        return next(self._ports) % 40_000


class Passes(trio.abc.Instrument):
    """Counts the passes of Trio's loop."""

    def __init__(self) -> None:
        self.count = 0

    def before_io_wait(self, timeout: float) -> None:
        self.count += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100, help="calls of a round")
    parser.add_argument("--rounds", type=int, default=25, help="rounds that are timed")
    parser.add_argument("--rate", type=int, default=100, help="calls a virtual second")
    parser.add_argument("--agents", type=int, default=300)
    parser.add_argument("--rest", type=float, default=0.0, help="milliseconds between two steps")
    parser.add_argument("--no-inputs", action="store_true", help="record nothing for a replay")
    parser.add_argument("--profile", type=int, default=0, metavar="ROWS", help="cProfile a round")
    parser.add_argument(
        "--bytecodes", type=int, default=0, metavar="ROWS", help="count a round's bytecodes"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        outside = Outside(FilePath(name), arguments.rest / 1e3)
        with closing(outside.plane):
            return trio.run(_bench, arguments, FilePath(name), outside, clock=outside)


def _settings(agents: int) -> Settings:
    return Settings.model_validate(
        {
            "sip": {"options_seconds": 0},
            "routing": {"wrap_up_seconds": 0},
            "queues": [{"name": "support", "requirements": {"english": 1}}],
            "trunks": [{"name": "local", "from": ["192.0.2.1"]}],
            "entry_points": [
                {
                    "name": "support",
                    "numbers": ["2001"],
                    "flow": [{"answer": True}, {"queue": "support"}],
                }
            ],
            "agents": [
                {"id": f"{5000 + n}", "secret": f"s{5000 + n}", "skills": {"english": 5}}
                for n in range(agents)
            ],
        }
    )


class Bench:
    def __init__(self, a: argparse.Namespace, data: FilePath, outside: Outside) -> None:
        self.arguments, self.outside = a, outside
        self.phones, self.plane = outside.phones, outside.plane
        self.client = MediaClient(self.plane.path, ready=READY)
        self.recorder = None if a.no_inputs else Recorder(outside.wall, outside.current_time)
        memory = make_memory()
        tail = None if memory is None else open_tail(memory)
        self.journal = Journal.open(data / "journal.sqlite", outside.wall, self.recorder, tail)
        world = World(
            transports=[self.phones],
            media=self.client,
            journal=self.journal,
            wall=outside.wall,
            epoch=1,
            secret=b"0123456789abcdef",
            seed=1,
            turns=self.recorder,
        )
        self.core = Core(_settings(a.agents), world)
        if self.recorder is not None:
            self.recorder.open(data, self.core.beginning(), days=1.0)

    def counts(self) -> Counter[str]:
        """Everything that is counted, so far."""
        figures = self.core.mailboxes.figures(self.core.directory.living())
        handled = Counter({kind: f.handled for kind, f in figures.items()})
        handled["messages"] = handled.total()
        handled["events"] = self.journal.last_seq
        handled["datagrams"] = self.phones.datagrams
        handled["media frames"] = self.plane.frames
        return handled

    async def play(self, calls: int) -> None:
        """So many calls, at their rate, to their end."""
        wanted = self.phones.ended + calls
        for number in range(calls):
            self.phones.call(number / self.arguments.rate)
        await trio.sleep(calls / self.arguments.rate + STAY + 1)
        assert self.phones.ended == wanted, (wanted - self.phones.ended, self.phones.answers)

    async def cpu(self, calls: int) -> float:
        """Seconds that the core used for each."""
        spent, started = self.outside.spent, time.process_time()
        await self.play(calls)
        used = time.process_time() - started
        return (used - (self.outside.spent - spent)) / calls

    async def count(self, calls: int) -> Counter[str]:
        """What happens in so many calls; functions of Python, and of C, that are called."""
        passes, functions = Passes(), Counter[str]()

        def seen(frame: FrameType, event: str, argument: Any) -> None:
            functions[event] += not self.outside.moves

        before = self.counts()
        trio.lowlevel.add_instrument(passes)
        await self.play(calls)
        trio.lowlevel.remove_instrument(passes)
        seen_now = self.counts()
        seen_now.subtract(before)
        sys.setprofile(seen)
        await self.play(calls)
        sys.setprofile(None)
        seen_now["passes of the loop"] = passes.count
        seen_now["functions, Python"] = functions["call"]
        seen_now["functions, C"] = functions["c_call"]
        return seen_now


@asynccontextmanager
async def running(a: argparse.Namespace, data: FilePath, outside: Outside) -> AsyncIterator[Bench]:
    """With its agents registered, and warm."""
    bench = Bench(a, data, outside)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.journal.run)
        await nursery.start(bench.core.run)
        nursery.start_soon(collector_of(bench.core).run)
        await bench.client.wait_connected()
        nursery.start_soon(bench.core.door.feed.follow, bench.journal.last_seq, _read)
        for user in range(5000, 5000 + a.agents):
            bench.phones.register(user)
        await trio.sleep(1)
        assert bench.phones.registered == a.agents, bench.phones.registered
        await bench.play(a.calls)
        yield bench
        nursery.cancel_scope.cancel()
    assert not bench.phones.answers, bench.phones.answers


async def _bench(a: argparse.Namespace, data: FilePath, outside: Outside) -> int:
    async with running(a, data, outside) as bench:
        if a.bytecodes:
            await _bytecodes(bench, a)
        elif a.profile:
            await _profile(bench, a)
        else:
            await _measure(bench, a)
    return 0


async def _read(lines: bytes) -> None:
    """A reader of the feed who does nothing with it."""


async def _profile(bench: Bench, a: argparse.Namespace) -> None:
    profile = cProfile.Profile()
    profile.enable()
    await bench.play(a.calls)
    profile.disable()
    print(f"{a.calls} calls")
    pstats.Stats(profile).sort_stats("tottime").print_stats(a.profile)


async def bytecodes(bench: Bench, calls: int) -> tuple[Counter[CodeType], int]:
    """Of the core, Trio's loop included; what C does for them is not seen.  And the median of how
    many are executed from a caller's INVITE to his agent's.
    """
    phones = bench.phones

    def is_outside(frame: FrameType) -> bool:
        return bench.outside.moves or frame.f_code.co_filename == __file__

    with counted(is_outside) as executed:
        phones.work, phones.rings = lambda: sum(executed.values()), []
        async with trio.open_nursery() as nursery:  # a task of its own: all its frames are new
            nursery.start_soon(bench.play, calls)
    phones.work, found = bench.outside.core_spent, phones.rings
    return executed, round(median(found))


async def _bytecodes(bench: Bench, a: argparse.Namespace) -> None:
    executed, until_it_rings = await bytecodes(bench, a.calls)
    by_file: Counter[str] = Counter()
    for code, number in executed.items():
        by_file[code.co_filename] += number
    print(
        f"{executed.total() / a.calls:.0f} bytecodes a call, {until_it_rings} until it rings; ",
        end="",
    )
    print("by file, then by function")
    for name, number in by_file.most_common(a.bytecodes):
        print(f"{number / a.calls:8.0f} {name}")
    for code, number in executed.most_common(a.bytecodes):
        print(f"{number / a.calls:8.0f} {code.co_qualname} ({FilePath(code.co_filename).name})")


async def _measure(bench: Bench, a: argparse.Namespace) -> None:
    found = await bench.count(a.calls)
    for name, number in sorted(found.items()):
        if number:
            print(f"{name:24} {number / a.calls:8.1f} a call")
    gc.collect()
    costs, rings = [], []
    for _ in range(a.rounds):
        bench.phones.rings.clear()
        costs.append(await bench.cpu(a.calls) * 1e6)
        rings.append(median(bench.phones.rings) * 1e6)
    assert threading.active_count() < 20
    for what, found_us in (("CPU of the core", costs), ("of it, until it rings", rings)):
        print(f"{what:24} {min(found_us):8.0f} us a call", end=" ")
        print(f"(of {a.rounds} rounds the least; the most {max(found_us):.0f})")


if __name__ == "__main__":
    sys.exit(main())
