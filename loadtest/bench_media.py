"""Calls relayed and conferences mixed: what is lost, what it costs, how late the tick comes.

    python -m loadtest.bench_media --calls 300 --seconds 20
    python -m loadtest.bench_media --calls 1200 --seconds 12 --begin 0
    python -m loadtest.bench_media --conferences 100 --parties 8 --processes 2

Without either it measures both, one after the other.  It starts media processes of its own on
loopback, and plays all phones, both with priority where the system allows it.  If it cannot keep
its own pace it says so: then the figures are about the generator.
"""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct

from ccserver.media.clients import summed
from ccserver.media.protocol import Command, Hear, Play, SetRemote, Statistics
from ccserver.settings.kinds import port_shares
from loadtest.media_load import (
    HOST,
    PAYLOAD_TYPE,
    Media,
    Phone,
    Result,
    drops,
    exchange,
    open_phones,
    quantile,
    voice,
)
from loadtest.realtime import ask_for_priority

TICKS = 50
"""A second."""
WARM_UP = 4
"""Seconds behind the last call's beginning: then each phone has a socket of its own."""


class Found(Struct, frozen=True):
    """Times in seconds; CPU as shares of a core."""

    sent: int
    received: int
    dropped_at_ours: int
    """Packets that the kernel dropped at the phones' socket."""
    relays: bool
    """What is mixed comes in packets of its own: then sent and received cannot be compared."""
    dropped: dict[str, int]
    """By the media process, by reason."""
    cpu: float
    packet: float
    """CPU a packet out."""
    conference: float | None
    """CPU a conference and tick."""
    frames: float | None
    """Mixed frames a second to each party: 50 when none was left out."""
    tick_p50: float
    tick_p99: float
    tick_max: float
    delay_p50: float | None
    delay_p99: float | None
    delay_max: float | None
    generator: float
    behind: float
    """How late the generator was, at most."""

    @property
    def lost(self) -> int:
        """By the media process."""
        return self.sent - self.received - self.dropped_at_ours

    @property
    def is_the_generators(self) -> bool:
        """Whether the generator was the bottleneck."""
        return self.generator > 0.9 or self.behind > 0.1


def main() -> None:
    a = arguments(*sys.argv[1:])
    if a.calls or a.conferences:
        report(measure(a))
        return
    report(measure(arguments("--calls", "300")))
    report(measure(arguments("--conferences", "100")))


def measure(a: argparse.Namespace) -> Found:
    """By the command line's arguments."""
    options = [] if a.realtime and ask_for_priority() else ["--no-realtime"]
    with ExitStack() as ended:
        medias = []
        for first, last in port_shares(a.ports, a.processes):
            name = ended.enter_context(tempfile.TemporaryDirectory(prefix="ccserver-bench-"))
            medias.append(Media(Path(name), ["--ports", f"{first}-{last}", *options]))
            ended.callback(medias[-1].end)
        return _bench(a, medias)


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="loadtest.bench_media")
    parser.add_argument("--calls", type=int, default=0, help="two parties, relayed")
    parser.add_argument("--conferences", type=int, default=0, help="mixed")
    parser.add_argument("--parties", type=int, default=8, help="of each conference")
    parser.add_argument(
        "--codecs", default="PCMU", help="of the parties of a conference in turn: PCMU,PCMA,G722"
    )
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument(
        "--begin",
        type=int,
        default=6,
        metavar="SECONDS",
        help="over which they begin, and 4 s later it is measured; 0: all at one instant, and it "
        "is measured from there on",
    )
    parser.add_argument("--transcode", action="store_true", help="calls: mu-law here, A-law there")
    parser.add_argument("--music", type=int, default=0, help="further sessions that hear music")
    parser.add_argument("--ports", default="20000-29999")
    parser.add_argument("--processes", type=int, default=1, help="over which they are spread")
    parser.add_argument("--no-realtime", dest="realtime", action="store_false")
    return parser.parse_args(words)


def _bench(a: argparse.Namespace, medias: list[Media]) -> Found:
    with open_phones() as sock, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        port = sock.getsockname()[1]
        deaf.bind((HOST, 0))
        phones = []
        for number, media in enumerate(medias):
            calls, conferences, music = (
                (whole + number) // len(medias) for whole in (a.calls, a.conferences, a.music)
            )
            phones += _relayed(media, port, calls, a.transcode)
            phones += _conferences(media, port, conferences, a.parties, a.codecs.split(","))
            _play_music(media, deaf.getsockname()[1], music)
        for second in range(1, a.begin):
            exchange(sock, phones[: len(phones) * second // a.begin], 1, await_all=False)
        if a.begin:
            # A mixed source that paused in between would be late after it.
            exchange(sock, phones, WARM_UP, await_all=not a.conferences)
        before, cpu, begin = _statistics(medias), _cpu(medias), time.monotonic()
        own, dropped = time.process_time(), drops(sock)
        result = exchange(sock, phones, a.seconds)
        elapsed = time.monotonic() - begin
        own = (time.process_time() - own) / elapsed
        cpu = _cpu(medias) - cpu
        after = _statistics(medias)
        return _found(a, result, before, after, cpu, elapsed, own, drops(sock) - dropped)


def _statistics(medias: list[Media]) -> Statistics:
    return summed([media.statistics() for media in medias])


def _cpu(medias: list[Media]) -> float:
    return sum(media.cpu() for media in medias)


def _relayed(media: Media, port: int, calls: int, transcode: bool) -> list[Phone]:
    names = [f"leg{number}" for number in range(2 * calls)]
    ports = media.open(names)
    # What is sent is always payload type 0: a receiver of A-law has it transcoded.
    codec = "PCMA" if transcode else "PCMU"
    commands: list[Command] = [_remote(name, port, codec) for name in names]
    # The other one of a pair differs in the last bit.
    commands += [Hear(name, [f"leg{number ^ 1}"]) for number, name in enumerate(names)]
    media.tell(*commands)
    return [Phone(number, ports[name]) for number, name in enumerate(names)]


def _conferences(
    media: Media, port: int, count: int, parties: int, codecs: list[str]
) -> list[Phone]:
    """Everybody hears everybody else, and talks all the time, each with a tone of his own."""
    phones = []
    for number in range(count):
        names = [f"party{number}-{party}" for party in range(parties)]
        ports = media.open(names)
        commands: list[Command] = []
        for party, name in enumerate(names):
            codec = codecs[party % len(codecs)]
            commands.append(_remote(name, port, codec))
            commands.append(Hear(name, [other for other in names if other != name]))
            tone = voice(codec, 300 + 190 * party)
            phones.append(Phone(number * parties + party, ports[name], codec, tone))
        media.tell(*commands)
    return phones


def _play_music(media: Media, port: int, sessions: int) -> None:
    names = [f"music{number}" for number in range(sessions)]
    media.open(names)
    for name in names:
        media.tell(_remote(name, port, "PCMU"), Play(name, "music", ["music.wav"], loop=True))


def _remote(name: str, port: int, codec: str) -> SetRemote:
    return SetRemote(name, HOST, port, codec, PAYLOAD_TYPE[codec], 101, "sendrecv")


def _found(
    a: argparse.Namespace,
    result: Result,
    before: Statistics,
    after: Statistics,
    cpu: float,
    elapsed: float,
    generator: float,
    dropped_at_ours: int,
) -> Found:
    sent = after.packets_out - before.packets_out
    ticks = {
        bound: count - before.tick_lateness[bound] for bound, count in after.tick_lateness.items()
    }
    dropped = {
        reason: count - before.dropped.get(reason, 0)
        for reason, count in after.dropped.items()
        if count != before.dropped.get(reason, 0)
    }
    mixes = bool(a.conferences and not a.calls)
    delays = [delay / 1e9 for delay in sorted(result.delays)] or None
    return Found(
        sent=result.sent,
        received=result.received,
        dropped_at_ours=dropped_at_ours,
        relays=bool(result.delays),
        dropped=dropped,
        cpu=cpu / elapsed,
        packet=cpu / sent,
        conference=cpu / (elapsed * TICKS * a.conferences) if mixes else None,
        frames=sent / (a.conferences * a.parties * elapsed) if mixes else None,
        tick_p50=quantile(ticks, 0.5),
        tick_p99=quantile(ticks, 0.99),
        tick_max=after.tick_lateness_max,
        delay_p50=delays[len(delays) // 2] if delays else None,
        delay_p99=delays[len(delays) * 99 // 100] if delays else None,
        delay_max=delays[-1] if delays else None,
        generator=generator,
        behind=result.behind,
    )


def report(found: Found) -> None:
    print(
        f"sent {found.sent}, received {found.received}, "
        f"at our own socket {found.dropped_at_ours} lost"
    )
    if found.relays:
        print(f"lost by the media process: {found.lost}")
    print(f"dropped by reason: {found.dropped}")
    print(f"media CPU: {found.cpu:.1%} of a core, {found.packet * 1e6:.2f} us a packet out")
    print(
        f"tick lateness ms: p50 {found.tick_p50 * 1e3:.2f}, p99 {found.tick_p99 * 1e3:.2f}, "
        f"max {found.tick_max * 1e3:.2f}"
    )
    if found.delay_p50 is not None and found.delay_p99 is not None and found.delay_max is not None:
        print(
            f"from phone to phone ms: p50 {found.delay_p50 * 1e3:.2f}, "
            f"p99 {found.delay_p99 * 1e3:.2f}, max {found.delay_max * 1e3:.2f}"
        )
    if found.conference is not None and found.frames is not None:
        print(f"{found.conference * 1e6:.1f} us of CPU a conference and tick")
        print(f"{found.frames:.1f} frames a second to each party, of {TICKS}")
    print(f"generator: {found.generator:.0%} of a core, at most {found.behind * 1e3:.1f} ms behind")
    if found.is_the_generators:
        print("the generator was the bottleneck: take these figures with care")


if __name__ == "__main__":
    main()
