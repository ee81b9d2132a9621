"""Two-party calls relayed: what is lost, what a packet costs, how late the tick comes.

    python -m loadtest.bench_media --calls 300 --seconds 20

Starts a media process of its own on loopback.  This process plays all phones from one socket, each
with a packet every 20 ms, spread over the 20 ms as real phones are.  If it cannot keep its own
pace it says so: then the figures are about the generator.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from struct import Struct as Layout

from msgspec import Struct

from ccserver.media.protocol import (
    Command,
    CreateSession,
    Event,
    GetStatistics,
    Hear,
    Play,
    SessionCreated,
    SetRemote,
    Statistics,
    decode_events,
    encode_frames,
)

HOST = "127.0.0.1"
PROMPTS = Path(__file__).parent.parent / "config" / "prompts"
SLOTS = 20
"""Steps of a millisecond over which the phones are spread."""
_BUFFER = 16 * 2**20
_STAMP = Layout("!Q")
_HEAD = Layout("!HI")
_SO_RCVBUFFORCE = 33


class Phone:
    """A packet that is rewritten in place, and where it goes."""

    def __init__(self, number: int, port: int) -> None:
        self.to = (HOST, port)
        self.packet = bytearray(b"\x80\x00" + bytes(6) + number.to_bytes(4) + bytes(160))
        self.sequence = 0

    def next(self) -> bytearray:
        self.sequence += 1
        _HEAD.pack_into(self.packet, 2, self.sequence & 0xFFFF, self.sequence * 160 & 0xFFFFFFFF)
        _STAMP.pack_into(self.packet, 12, time.monotonic_ns())
        return self.packet


class Result(Struct):
    sent: int = 0
    received: int = 0
    behind: float = 0.0
    """Seconds the generator was late, at most."""
    delays: list[int] = []
    """Nanoseconds from the phone to the phone."""


class Media:
    """The process under test and its control socket."""

    def __init__(self, directory: Path, options: list[str]) -> None:
        path = directory / "media.sock"
        command = [sys.executable, "-m", "ccserver.media", "--socket", str(path)]
        command += ["--prompts", str(PROMPTS), "--ports", "20000-29999", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        print(self.process.stdout.readline().strip())
        self._core = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._core.connect(str(path))

    def tell(self, *commands: Command) -> None:
        for frame in encode_frames(commands):
            self._core.send(frame)

    def hear(self) -> list[Event]:
        return decode_events(self._core.recv(65_536))

    def statistics(self) -> Statistics:
        self.tell(GetStatistics())
        while True:
            for event in self.hear():
                if isinstance(event, Statistics):
                    return event

    def cpu(self) -> float:
        """Seconds this process has used, in the kernel and outside of it."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(10)


def main() -> None:
    a = _arguments()
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        media = Media(Path(name), [] if a.realtime else ["--no-realtime"])
        try:
            _bench(a, media)
        finally:
            media.end()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="loadtest.bench_media")
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--transcode", action="store_true", help="mu-law here, A-law there")
    parser.add_argument("--music", type=int, default=0, help="further sessions that hear music")
    parser.add_argument("--no-realtime", dest="realtime", action="store_false")
    return parser.parse_args()


def _bench(a: argparse.Namespace, media: Media) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        sock.bind((HOST, 0))
        sock.setblocking(False)
        phones = _set_up(media, sock.getsockname()[1], a.calls, a.transcode)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
            deaf.bind((HOST, 0))
            _play_music(media, deaf.getsockname()[1], a.music)
            _exchange(sock, phones, 2)
            before, cpu, begin = media.statistics(), media.cpu(), time.monotonic()
            own = time.process_time()
            result = _exchange(sock, phones, a.seconds)
            elapsed = time.monotonic() - begin
            own = time.process_time() - own
            cpu = media.cpu() - cpu
            after = media.statistics()
        _report(result, before, after, cpu / elapsed, own / elapsed, elapsed, _drops(sock))


def _set_up(media: Media, port: int, calls: int, transcode: bool) -> list[Phone]:
    media.tell(*(CreateSession(f"leg{number}") for number in range(2 * calls)))
    ports = _created(media, 2 * calls)
    commands: list[Command] = []
    for number in range(2 * calls):
        # What is sent is always payload type 0: a receiver of A-law has it transcoded.
        codec, payload_type = ("PCMA", 8) if transcode else ("PCMU", 0)
        commands.append(SetRemote(f"leg{number}", HOST, port, codec, payload_type, 101, "sendrecv"))
    # The other one of a pair differs in the last bit.
    commands += [Hear(f"leg{number}", [f"leg{number ^ 1}"]) for number in range(2 * calls)]
    media.tell(*commands)
    return [Phone(number, ports[f"leg{number}"]) for number in range(2 * calls)]


def _play_music(media: Media, port: int, sessions: int) -> None:
    media.tell(*(CreateSession(f"music{number}") for number in range(sessions)))
    _created(media, sessions)
    for number in range(sessions):
        name = f"music{number}"
        media.tell(
            SetRemote(name, HOST, port, "PCMU", 0, 101, "sendonly"),
            Play(name, "music", ["music.wav"], loop=True),
        )


def _created(media: Media, count: int) -> dict[str, int]:
    ports: dict[str, int] = {}
    while len(ports) < count:
        for event in media.hear():
            if not isinstance(event, SessionCreated):
                raise SystemExit(f"expected a session, got {event}")
            ports[event.session] = event.port
    return ports


def _exchange(sock: socket.socket, phones: list[Phone], seconds: int) -> Result:
    result = Result()
    slots = [phones[slot::SLOTS] for slot in range(SLOTS)]
    begin = time.monotonic() + 0.01
    for step in range(seconds * 50 * SLOTS):
        due = begin + step * 0.02 / SLOTS
        now = time.monotonic()
        if now < due:
            time.sleep(due - now)
        else:
            result.behind = max(result.behind, now - due)
        for phone in slots[step % SLOTS]:
            sock.sendto(phone.next(), phone.to)
        result.sent += len(slots[step % SLOTS])
        _receive(sock, result)
    for _ in range(20):  # what is still under way
        time.sleep(0.005)
        _receive(sock, result)
    return result


def _receive(sock: socket.socket, result: Result) -> None:
    buffer = bytearray(2048)
    receive_into = sock.recv_into
    try:
        while True:
            size = receive_into(buffer)
            # A translated stamp says nothing; any other one is taken from every eighth packet.
            if size == 172 and buffer[1] & 0x7F == 0 and buffer[3] & 7 == 0:
                result.delays.append(time.monotonic_ns() - _STAMP.unpack_from(buffer, 12)[0])
            result.received += 1
    except BlockingIOError:
        return


def _drops(sock: socket.socket) -> int:
    """Packets the kernel dropped at our own socket."""
    port = f":{sock.getsockname()[1]:04X}"
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(port):
            return int(fields[-1])
    return 0


def _report(
    result: Result,
    before: Statistics,
    after: Statistics,
    share: float,
    own_share: float,
    elapsed: float,
    drops: int,
) -> None:
    relayed = after.packets_out - before.packets_out
    ticks = {
        bound: count - before.tick_lateness[bound] for bound, count in after.tick_lateness.items()
    }
    dropped = {
        reason: count - before.dropped.get(reason, 0)
        for reason, count in after.dropped.items()
        if count != before.dropped.get(reason, 0)
    }
    delays = sorted(result.delays) or [0]
    print(f"sent {result.sent}, received {result.received}, at our own socket dropped {drops}")
    print(f"lost by the media process: {result.sent - result.received - drops}")
    print(f"dropped by reason: {dropped}")
    print(
        f"media CPU: {share:.1%} of a core, {share * elapsed / relayed * 1e6:.2f} us a packet out"
    )
    print(
        "tick lateness ms: "
        f"p50 {_quantile(ticks, 0.5) * 1e3:.2f}, p99 {_quantile(ticks, 0.99) * 1e3:.2f}, "
        f"max {after.tick_lateness_max * 1e3:.2f} of {sum(ticks.values())} ticks"
    )
    print(
        f"from phone to phone ms: p50 {delays[len(delays) // 2] / 1e6:.2f}, "
        f"p99 {delays[len(delays) * 99 // 100] / 1e6:.2f}, max {delays[-1] / 1e6:.2f}"
    )
    print(f"generator: {own_share:.0%} of a core, at most {result.behind * 1e3:.1f} ms behind")
    if own_share > 0.9 or result.behind > 0.1:
        print("the generator was the bottleneck: take these figures with care")


def _quantile(buckets: dict[str, int], share: float) -> float:
    """Interpolated within its bucket; the last bound for what is beyond it."""
    wanted = share * sum(buckets.values())
    below = lower = 0.0
    for bound, count in buckets.items():
        if bound == "+Inf":
            break
        upper = float(bound)
        if below + count >= wanted and count:
            return lower + (upper - lower) * (wanted - below) / count
        below += count
        lower = upper
    return lower


if __name__ == "__main__":
    main()
