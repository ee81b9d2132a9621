"""A run on real sockets, with whoever watches the server and whoever shows how it goes."""

from __future__ import annotations

import secrets
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TypeAlias

import trio

from ccserver.core.collector import Collector
from ccserver.media.wav import parse
from ccserver.settings.kinds import host_port
from loadtest.arrivals import Arrival, read_recording
from loadtest.audio import AudioBank
from loadtest.audio_port import NoAudio
from loadtest.engine import CannotStart, Outcome, Run, World
from loadtest.media_load import voice
from loadtest.processes import Processes
from loadtest.rest import Rest
from loadtest.result import Audio, AudioPoint, Result, conclude
from loadtest.scenario.model import Scenario
from loadtest.stamped import StampedUdp
from loadtest.voice import frames_of
from loadtest.watch import Watch
from sip.offer_answer import Local
from sip.transport.listeners import Transport
from sip.transport.tcp import TcpTransport

Display: TypeAlias = Callable[[Run, Watch], Awaitable[None]]
"""Shows a run until it is cancelled."""


def perform(scenario: Scenario, directory: Path, display: Display | None = None) -> Result:
    """``directory``: what the scenario's file names are relative to.

    Raises CannotStart.  Ctrl-C, or SIGTERM, ends the run, and what was found until then is the
    result.
    """
    return trio.run(_perform, scenario, directory, display)


async def _perform(scenario: Scenario, directory: Path, display: Display | None) -> Result:
    host = _own_address(scenario)
    _, port = host_port(scenario.target.address)
    processes = Processes(scenario.target.processes, port)
    watch = Watch(processes, scenario.target.metrics, scenario.target.show)
    calls: list[Arrival] = []
    if scenario.arrivals.recorded is not None:
        calls = read_recording(directory / scenario.arrivals.recorded)
    complaints = [f"no process here has {words!r}" for words in processes.missing]
    began = datetime.now(UTC).isoformat(timespec="seconds")
    bank = _bank(scenario, directory, host)
    with nullcontext(bank) if bank is not None else _silence(host) as audio:
        world = World(
            transport=lambda port: _transport(scenario, host, port),
            audio=audio,
            dice=Random(scenario.arrivals.seed),
            names=secrets.token_hex(3),
            cpu=time.process_time,
            api=Rest(scenario.api) if scenario.api is not None else None,
            has_died=processes.has_died,
        )
        try:
            run = Run(scenario, world, calls)
        except OSError as error:
            raise CannotStart(f"no socket for SIP at {host}: {error.strerror}") from error
        outcome: Outcome | CannotStart
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_collector_of(run).run)
            nursery.start_soon(watch.run)
            nursery.start_soon(_obey_signals, run)
            if bank is not None:
                nursery.start_soon(bank.run)
            if display is not None:
                nursery.start_soon(display, run, watch)
            try:
                outcome = await run.run()
            except CannotStart as error:
                outcome = error  # raised below: a nursery would make a group of it
            nursery.cancel_scope.cancel()
    if isinstance(outcome, CannotStart):
        raise outcome
    heard, points = _audio_of(bank)
    return conclude(
        scenario,
        outcome,
        began,
        watch=watch,
        audio=heard,
        audio_series=points,
        complaints=complaints,
    )


def _collector_of(run: Run) -> Collector:
    """The server's own: by itself Python's would stop us for 20 ms now and then, in which calls are
    late, and after which they all come at once.
    """
    return Collector(
        lambda: len(run.customers), lambda: len(run.agents.phones), lambda: run.transactions
    )


async def _obey_signals(run: Run) -> None:
    """The first ends the run in order, the second at once."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        await anext(signals)
        run.stop()
        await anext(signals)
    raise KeyboardInterrupt


def _bank(scenario: Scenario, directory: Path, host: str) -> AudioBank | None:
    """What callers and agents say, in both laws; None: nobody says anything."""
    media = scenario.media
    if media.audio == "none":
        return None
    if media.audio == "file" and media.file is not None:
        sound = parse((directory / media.file).read_bytes())
        frames = {codec: frames_of(sound.of(codec)) for codec in ("PCMU", "PCMA")}
    else:
        frames = {codec: frames_of(voice(codec, media.tone_hz)) for codec in ("PCMU", "PCMA")}
    return AudioBank(host, media.codec, frames)


@contextmanager
def _silence(host: str) -> Iterator[NoAudio]:
    """A port that swallows what is sent to it: closed, it would answer with ICMP."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as swallows:
        swallows.bind((host, 0))
        yield NoAudio(Local(host, swallows.getsockname()[1], ("PCMU", "PCMA")))


def _audio_of(bank: AudioBank | None) -> tuple[Audio | None, list[AudioPoint]]:
    heard = bank.heard() if bank is not None else None
    if bank is None or heard is None:
        return None, []
    expected = heard.packets + heard.lost
    audio = Audio(
        streams=heard.streams,
        silent=heard.silent,
        packets=heard.packets,
        lost_share=heard.lost / expected if expected else 0.0,
        jitter_p95_seconds=heard.jitter_p95,
        mos_p5=heard.mos_p5,
        mos_min=heard.mos_min,
        mos_mean=heard.mos_mean,
        late_share=bank.late_share,
    )
    points = [
        AudioPoint(one.at, one.lost / (one.lost + one.packets), one.jitter) for one in bank.seconds
    ]
    return audio, points


def _transport(scenario: Scenario, host: str, port: int) -> Transport:
    make = StampedUdp if scenario.target.transport == "udp" else TcpTransport
    return make(0, host, port)


def _own_address(scenario: Scenario) -> str:
    """The one of this machine's addresses from which the server is reached."""
    host, port = host_port(scenario.target.address)
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(address)  # sends nothing: asks the routing table
            own: str = probe.getsockname()[0]
    except OSError as error:
        raise CannotStart(f"no way to {host}: {error.strerror or error}") from error
    return own
