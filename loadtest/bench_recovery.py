"""How soon a killed core serves again: ``python -m loadtest.bench_recovery``.

A journal is written as a run with many registrations, talks and waiting callers would have left it,
a media process holds their sessions, and a phone answers what it is asked.  Then a core is started,
and an INVITE sent every 20 ms: the figure is the time from the start of the process, interpreter
and imports included, to the first answer.  ``--history`` puts a checkpoint behind so many events of
a day.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from actors import events as ev
from actors.ids import AgentId, ContactId, EntryPointName, IdSource, LegId, QueueName
from actors.place import Place
from actors.reasons import Outcome
from ccserver.core.clock import boot_name
from ccserver.journal import codec
from ccserver.journal.folds import Folds
from ccserver.journal.log import Journal
from ccserver.journal.storage import Piece, Row, SqliteStorage, read_rows
from ccserver.media import protocol as media
from sip.dialog import DialogSnapshot
from sip.registrar import Binding
from sip.transport.path import Path as Way

ROOT = Path(__file__).parents[1]
HOST, SIP, METRICS, PHONE = "127.0.0.1", 15_960, 15_964, 15_970
MEDIA_PORTS = (20_000, 29_999)
SUPPORT = QueueName("support")
INVITE_EVERY = 0.02
LONGEST = 60.0


class Day:
    """Events as a core would have written them."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.started = time.time()
        self._ids = IdSource(time.time, 12345)
        self._tickets = 0
        self.way = Way("udp", 0, (HOST, PHONE))
        self.tells(ev.ServerStarted("bench", "bench", boot_name(), time.monotonic()))

    def tells(self, *events: ev.AnyEvent) -> None:
        for event in events:
            seq, at = len(self.rows) + 1, int(time.time() * 1_000_000)
            self.rows.append((seq, at, codec.tag_of(event), codec.encode(event)))

    def ticket(self) -> int:
        self._tickets += 1
        return self._tickets

    def registers(self, agent: AgentId) -> None:
        contact = f"sip:{agent}@{HOST}:{PHONE}"
        expires = time.monotonic() + 3600
        binding = Binding(agent, contact, self.way, f"r{agent}", 1, expires)
        self.tells(ev.PhoneRegistered(agent, contact, "udp", expires, binding))
        idle = ev.AgentStateChanged(agent, "voice", "signed_out", "idle", "lunch", version=1)
        self.tells(idle)

    def _leg(self, contact: ContactId, number: int, *, called: bool) -> ev.LegConfirmed:
        name = f"{contact}-{number}"
        dialog = DialogSnapshot(
            name,
            f"a{name}",
            f"b{name}",
            f"<sip:a@ccserver>;tag=a{name}",
            f"<sip:b@ccserver>;tag=b{name}",
            f"sip:b@{HOST}:{PHONE}",
            (),
            1 if called else 0,
            None if called else 1,
        )
        leg = LegId(f"{contact}/{number}")
        return ev.LegConfirmed(leg, contact, dialog, self.way, called, self.ticket(), 1)

    def waits(self) -> ContactId:
        contact = ContactId(self._ids.make())
        ref = ev.ContactRef(contact, master=contact)
        entry, leg = EntryPointName("support"), LegId(f"{contact}/0")
        place = Place(5, time.monotonic(), self.ticket())
        self.tells(
            ev.ContactArrived(ref, entry, "caller", "2001", leg),
            self._leg(contact, 0, called=False),
            ev.ContactQueued(ref, SUPPORT, place),
        )
        return contact

    def talks(self, agent: AgentId) -> ContactId:
        contact = self.waits()
        ref, now = ev.ContactRef(contact, master=contact), time.monotonic()
        customer, phone = LegId(f"{contact}/0"), LegId(f"{contact}/1")
        both = (
            ev.Participant("customer", "customer", "", "connected", (), now, customer),
            ev.Participant(agent, "agent", "primary", "connected", (), now, phone, contact),
        )
        self.tells(
            ev.ContactPresented(ref, SUPPORT, agent, phone, 0.001),
            self._leg(contact, 1, called=True),
            ev.ContactConnected(ref, SUPPORT, agent, phone, 1.0, 1.0),
            ev.ContactStateChanged(ref, 1, "", "connected", 0.0, both),
            ev.AgentStateChanged(
                agent, "voice", "idle", "engaged", contact=contact, version=2, queue=SUPPORT
            ),
        )
        return contact

    def is_over(self, contact: ContactId) -> None:
        ref = ev.ContactRef(contact, master=contact)
        self.tells(
            ev.LegDown(LegId(f"{contact}/0"), contact, "bye"),
            ev.ContactEnded(ref, Outcome.ABANDONED, SUPPORT),
        )


def settings(directory: Path, agents: list[AgentId]) -> Path:
    text = f"""
[sip]
listen = ["udp:{HOST}:{SIP}"]
options_seconds = 0
[media]
listen = "{HOST}"
prompts = "{ROOT / "config" / "prompts"}"
[metrics]
listen = "{HOST}:{METRICS}"
[data]
dir = "{directory}"
[admission]
max_contacts = 10000
[[trunks]]
name = "local"
from = ["127.0.0.0/8"]
[[queues]]
name = "support"
[[entry_points]]
name = "support"
numbers = ["2001"]
"""
    for agent in agents:
        text += f'[[agents]]\nid = "{agent}"\nsecret = "secret-{agent}"\n'
    path = directory / "bench.toml"
    path.write_text(text)
    return path


def answer_everything(stop: threading.Event) -> None:
    """A phone to which every dialog leads."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind((HOST, PHONE))
        phone.settimeout(0.2)
        while not stop.is_set():
            with suppress(TimeoutError):
                data, source = phone.recvfrom(65536)
                lines = data.decode(errors="replace").split("\r\n")
                kept = [x for x in lines if x.split(":")[0] in KEPT]
                if not data.startswith((b"SIP/2.0", b"ACK")):
                    answer = ["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""]
                    phone.sendto("\r\n".join(answer).encode(), source)


KEPT = ("Via", "From", "To", "Call-ID", "CSeq")


def start_media(directory: Path, legs: list[str]) -> subprocess.Popen[bytes]:
    place = directory / "media.sock"
    first, last = MEDIA_PORTS
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "ccserver.media", "--socket", str(place)),
            *("--listen", HOST, "--ports", f"{first}-{last}"),
            *("--prompts", str(ROOT / "config" / "prompts"), "--rtp-timeout", "3600"),
        ]
    )
    while not place.exists():
        time.sleep(0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
        control.connect(str(place))
        created = 0
        for frame in media.encode_frames([media.CreateSession(leg) for leg in legs]):
            control.send(frame)
        while created < len(legs):
            found = media.decode_events(control.recv(media.MAXIMUM_FRAME))
            created += sum(isinstance(event, media.SessionCreated) for event in found)
            refused = [event for event in found if isinstance(event, media.SessionRefused)]
            assert not refused, refused[0]
    return process


def measure(directory: Path, config: Path) -> tuple[float, ev.ServerRecovered]:
    """Seconds from the start of a core to its first answer, and what it says of itself."""
    began = time.monotonic()
    core = subprocess.Popen(
        [sys.executable, "-m", "ccserver.core", "--config", str(config)],
        stdout=subprocess.DEVNULL,
    )
    try:
        took = time_to_answer(began)
        time.sleep(1)
        rows = read_rows(directory / "journal.sqlite", 0, 1_000_000)
        said = [codec.decode(row[2]) for row in rows[-2000:]]
        recovered = [e for e in said if isinstance(e, ev.ServerRecovered)][-1]
    finally:
        core.kill()
        core.wait()
    return took, recovered


def time_to_answer(began: float) -> float:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        caller.bind((HOST, 0))
        caller.settimeout(INVITE_EVERY)
        host, port = caller.getsockname()
        call = os.urandom(6).hex()
        invite = "\r\n".join(
            [
                f"INVITE sip:2001@{HOST}:{SIP} SIP/2.0",
                f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{call};rport",
                "Max-Forwards: 70",
                f"From: <sip:new@{host}>;tag={call}",
                f"To: <sip:2001@{HOST}>",
                f"Call-ID: {call}",
                "CSeq: 1 INVITE",
                f"Contact: <sip:new@{host}:{port}>",
                *("Content-Length: 0", "", ""),
            ]
        ).encode()
        while time.monotonic() - began < LONGEST:
            with suppress(ConnectionError, TimeoutError):
                caller.sendto(invite, (HOST, SIP))
                if caller.recv(65536).startswith(b"SIP/2.0 "):
                    return time.monotonic() - began
            if time.monotonic() - began < 0.2:
                time.sleep(INVITE_EVERY)
    raise SystemExit("the core never answered")


def main() -> None:
    parser = argparse.ArgumentParser(prog="loadtest.bench_recovery")
    parser.add_argument("--bindings", type=int, default=5000)
    parser.add_argument("--talking", type=int, default=500)
    parser.add_argument("--waiting", type=int, default=200)
    parser.add_argument("--history", type=int, default=0, metavar="EVENTS")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    agents = [AgentId(f"{10_000 + number}") for number in range(options.bindings)]
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as place:
            run(Path(place), agents, options)


def run(directory: Path, agents: list[AgentId], options: argparse.Namespace) -> None:
    day = Day()
    while len(day.rows) < options.history:
        day.is_over(day.waits())
    for agent in agents:
        day.registers(agent)
    contacts = [day.talks(agent) for agent in agents[: options.talking]]
    contacts += [day.waits() for _ in range(options.waiting)]
    legs = [f"{contact}/0" for contact in contacts]
    legs += [f"{contact}/1" for contact in contacts[: options.talking]]
    storage = SqliteStorage(directory / "journal.sqlite")
    storage.write(day.rows)
    if options.history:
        folds = Folds([SUPPORT], agents, time.monotonic)
        folds.read(Journal(storage, time.time))
        storage.save([Piece(folds.past.past.seq, 0, folds.encode())])
    storage.close()
    stop = threading.Event()
    phone = threading.Thread(target=answer_everything, args=(stop,))
    phone.start()
    process = start_media(directory, legs)
    try:
        took, recovered = measure(directory, settings(directory, agents))
    finally:
        stop.set()
        phone.join()
        process.terminate()
        process.wait()
    print(
        f"{len(day.rows)} events; {recovered.phones} phones, {recovered.talking} talking, "
        f"{recovered.waiting} waiting, {recovered.ended} ended: first INVITE answered after "
        f"{took:.2f} s, of which the recovery itself {recovered.took:.2f} s"
    )


if __name__ == "__main__":
    main()
