"""The paths that are gone the most, each as the number of bytecodes that it executes.

The numbers do not depend on the machine, so those of a landing can be held against those of the
landing before it: ``docs/hot-paths.csv`` has them all, and the suite refuses what costs more than
``TOLERANCE`` beyond its last row, unless a row says why (``python -m loadtest.bench_hot_paths``).
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import cache, partial
from pathlib import Path
from struct import pack

import trio
from msgspec import Struct

from actors.dispatcher import Dispatcher
from actors.routing.strategies import Strategy
from ccserver.media.batch import Batch
from ccserver.media.matrix import Matrix
from ccserver.media.protocol import SetRemote
from ccserver.media.session import Line, Session
from ccserver.media.stream import OutStream
from loadtest import bench_core, bench_message, bench_registrar
from loadtest.bench_dispatcher import Floor
from loadtest.bytecodes import counted

HISTORY = Path("docs/hot-paths.csv")
TOLERANCE = 0.10
CALLS, ROUNDS = 40, 200


class Row(Struct, frozen=True):
    """A landing: its day, bytecodes by path, and why one of them costs what it does."""

    day: str
    counts: dict[str, int]
    why: str


@cache
def _call() -> tuple[int, int]:
    """Of a queued call in the core, by ``bench_core``: all of it, and until the phone rings."""
    arguments = argparse.Namespace(calls=CALLS, rate=100, agents=60, no_inputs=False)

    async def count(outside: bench_core.Outside, data: Path) -> tuple[int, int]:
        total = until_it_rings = 0
        async with bench_core.running(arguments, data, outside) as bench:
            executed, until_it_rings = await bench_core.bytecodes(bench, CALLS)
            total = executed.total()
        return total // CALLS, until_it_rings

    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        outside = bench_core.Outside(Path(name))
        with closing(outside.plane):
            return trio.run(count, outside, Path(name), clock=outside)


def queued_call() -> int:
    """From the caller's INVITE to the end of the wrap-up."""
    return _call()[0]


def phone_rings() -> int:
    """From the caller's INVITE to that to an idle agent."""
    return _call()[1]


def register() -> int:
    """A REGISTER with its digest, of a phone that is known: from bytes to bytes."""
    centre = bench_registrar.Centre("MD5")
    for phone in range(ROUNDS):
        centre.answer(*centre.register(phone, 1))
    messages = [centre.register(phone, 2) for phone in range(ROUNDS)]
    with counted() as executed:
        for data, path in messages:
            centre.answer(data, path)
    return executed.total() // ROUNDS


def read_invite() -> int:
    """An INVITE parsed, and the headers read that every INVITE is asked for."""
    return _each(partial(bench_message.parse_and_read, bench_message.INVITE))


def decision() -> int:
    """An agent becomes available while many wait: the whole step of the dispatcher."""
    floor = Floor(1_000, 1_000, 100, 50, Strategy.LONGEST_AVAILABLE)
    dispatcher = Dispatcher(lambda: 0.0, floor.policy, floor.random.random)
    for contact in floor.contacts:
        dispatcher.handle(contact)
    for agent in floor.agents[:ROUNDS]:
        dispatcher.index.contact_for(agent)  # who fits what is worked out once, and not here
    with counted() as executed:
        for agent in floor.agents[:ROUNDS]:
            dispatcher.handle(agent)
    return executed.total() // ROUNDS


def relayed_packet() -> int:
    """20 ms of speech on their way through the media process, but for its sockets, in company."""
    drops = Counter[str]()
    written: list[int] = []
    matrix = Matrix(_nobody, lambda sent: written.extend(line for line, _ in sent), drops)
    batch = Batch()
    sessions = []
    for n in range(2 * CALLS):
        out = OutStream(n, 0, 0)
        session = Session(f"leg{n}", "192.0.2.10", 20_000, out, _nobody, drops, silence=0, now=0)
        session.set_remote(
            SetRemote(session.name, "192.0.2.1", 4000 + n, "PCMU", 0, 101, "sendrecv"), 0.0
        )
        session.connect(Line(n, ("192.0.2.1", 4000 + n)))
        sessions.append(session)
    for n, session in enumerate(sessions):
        matrix.hear(session, [sessions[n ^ 1]])

    def send(number: int) -> None:
        packet = pack("!BBHII", 0x80, 0, number, 160 * number, 7) + bytes(160)
        for n, session in enumerate(sessions):
            if session.flow is None:
                matrix.receive(session, packet, ("192.0.2.1", 4000 + n), number * 0.02)
            else:
                batch.add(session.flow.number, packet)

    send(0)
    total = 0
    for number in range(1, ROUNDS):
        send(number)
        with counted() as executed:
            matrix.carry(batch, number * 0.02)
        total += executed.total()
    assert len(written) == (ROUNDS - 1) * 2 * CALLS
    return total // len(written)


def _nobody(*said: object) -> None:
    """Nobody hears what a session has to say."""


def _each(work: Callable[[], object]) -> int:
    work()
    with counted() as executed:
        for _ in range(ROUNDS):
            work()
    return executed.total() // ROUNDS


PATHS: Mapping[str, Callable[[], int]] = {
    "queued call": queued_call,
    "phone rings": phone_rings,
    "REGISTER": register,
    "INVITE read": read_invite,
    "agent freed": decision,
    "packet relayed": relayed_packet,
}


def measured() -> dict[str, int]:
    return {name: count() for name, count in PATHS.items()}


def history(path: Path = HISTORY) -> list[Row]:
    """Oldest first.  A path that was not measured then is not there."""
    with path.open(newline="") as file:
        return [
            Row(row.pop("day"), {n: int(c) for n, c in row.items() if n != "why" and c}, row["why"])
            for row in csv.DictReader(file)
        ]


def record(row: Row, path: Path = HISTORY) -> None:
    """As the last one of the history; paths of earlier days keep their columns."""
    rows = [*(history(path) if path.exists() else ()), row]
    names = list(dict.fromkeys(name for each in rows for name in each.counts))
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["day", *names, "why"])
        for each in rows:
            writer.writerow([each.day, *(each.counts.get(name, "") for name in names), each.why])


def apart(now: Mapping[str, int], last: Mapping[str, int]) -> list[str]:
    """What differs from the last row by more than is tolerated, as sentences."""
    return [
        f"{name}: {count} bytecodes, {last[name]} at the last landing ({count / last[name]:.2f})"
        for name, count in now.items()
        if name in last and abs(count - last[name]) > TOLERANCE * last[name]
    ]
