"""Calls relayed and conferences mixed: what is lost, what it costs, how late the tick comes.

    python -m loadtest.bench_media --calls 300 --seconds 20
    python -m loadtest.bench_media --conferences 100 --parties 8

Without either it measures both, one after the other.  It starts a media process of its own on
loopback, and plays all phones.  If it cannot keep its own pace it says so: then the figures are
about the generator.
"""

from __future__ import annotations

import argparse
import socket
import tempfile
import time
from pathlib import Path

from ccserver.media.protocol import Command, Hear, Play, SetRemote, Statistics
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

TICKS = 50
"""A second."""
WARM_UP = 2
"""Seconds."""


def main() -> None:
    a = _arguments()
    if a.calls or a.conferences:
        _run(a)
        return
    _run(argparse.Namespace(**{**vars(a), "calls": 300}))
    _run(argparse.Namespace(**{**vars(a), "conferences": 100}))


def _run(a: argparse.Namespace) -> None:
    options = ["--ports", a.ports, *([] if a.realtime else ["--no-realtime"])]
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        media = Media(Path(name), options)
        try:
            _bench(a, media)
        finally:
            media.end()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="loadtest.bench_media")
    parser.add_argument("--calls", type=int, default=0, help="two parties, relayed")
    parser.add_argument("--conferences", type=int, default=0, help="mixed")
    parser.add_argument("--parties", type=int, default=8, help="of each conference")
    parser.add_argument(
        "--codecs", default="PCMU", help="of the parties of a conference in turn: PCMU,PCMA,G722"
    )
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--transcode", action="store_true", help="calls: mu-law here, A-law there")
    parser.add_argument("--music", type=int, default=0, help="further sessions that hear music")
    parser.add_argument("--ports", default="20000-29999")
    parser.add_argument("--no-realtime", dest="realtime", action="store_false")
    return parser.parse_args()


def _bench(a: argparse.Namespace, media: Media) -> None:
    with open_phones() as sock, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        port = sock.getsockname()[1]
        phones = _relayed(media, port, a.calls, a.transcode)
        phones += _conferences(media, port, a.conferences, a.parties, a.codecs.split(","))
        deaf.bind((HOST, 0))
        _play_music(media, deaf.getsockname()[1], a.music)
        # A mixed source that paused in between would be late after it.
        exchange(sock, phones, WARM_UP, await_all=not a.conferences)
        before, cpu, begin = media.statistics(), media.cpu(), time.monotonic()
        own = time.process_time()
        result = exchange(sock, phones, a.seconds)
        elapsed = time.monotonic() - begin
        own = (time.process_time() - own) / elapsed
        cpu = media.cpu() - cpu
        after = media.statistics()
        _report(result, before, after, cpu, elapsed, drops(sock))
        if a.conferences and not a.calls:
            each = cpu / (elapsed * TICKS * a.conferences)
            frames = (after.packets_out - before.packets_out) / (a.conferences * a.parties)
            print(f"{each * 1e6:.1f} us of CPU a conference of {a.parties} and tick")
            print(f"{frames:.1f} frames to each party in {elapsed * TICKS:.1f} ticks")
        print(f"generator: {own:.0%} of a core, at most {result.behind * 1e3:.1f} ms behind")
        if own > 0.9 or result.behind > 0.1:
            print("the generator was the bottleneck: take these figures with care")


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


def _report(
    result: Result,
    before: Statistics,
    after: Statistics,
    cpu: float,
    elapsed: float,
    dropped_by_us: int,
) -> None:
    sent = after.packets_out - before.packets_out
    ticks = {
        bound: count - before.tick_lateness[bound] for bound, count in after.tick_lateness.items()
    }
    dropped = {
        reason: count - before.dropped.get(reason, 0)
        for reason, count in after.dropped.items()
        if count != before.dropped.get(reason, 0)
    }
    print(f"sent {result.sent}, received {result.received}, at our own socket {dropped_by_us} lost")
    if result.delays:
        print(f"lost by the media process: {result.sent - result.received - dropped_by_us}")
    print(f"dropped by reason: {dropped}")
    print(f"media CPU: {cpu / elapsed:.1%} of a core, {cpu / sent * 1e6:.2f} us a packet out")
    print(
        "tick lateness ms: "
        f"p50 {quantile(ticks, 0.5) * 1e3:.2f}, p99 {quantile(ticks, 0.99) * 1e3:.2f}, "
        f"max {after.tick_lateness_max * 1e3:.2f} of {sum(ticks.values())} ticks"
    )
    delays = sorted(result.delays)
    if delays:
        print(
            f"from phone to phone ms: p50 {delays[len(delays) // 2] / 1e6:.2f}, "
            f"p99 {delays[len(delays) * 99 // 100] / 1e6:.2f}, max {delays[-1] / 1e6:.2f}"
        )


if __name__ == "__main__":
    main()
