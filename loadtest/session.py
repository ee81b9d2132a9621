"""A run on real sockets, with whoever watches the server and whoever shows how it goes."""

from __future__ import annotations

import gc
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TypeAlias

import trio

from ccserver.settings.kinds import host_port
from loadtest.arrivals import Arrival, read_recording
from loadtest.audio_port import NoAudio
from loadtest.engine import CannotStart, Outcome, Run, World
from loadtest.processes import Processes
from loadtest.result import Result, conclude
from loadtest.scenario.model import Scenario
from loadtest.watch import Watch
from sip.offer_answer import Local
from sip.transport.listeners import Transport
from sip.transport.tcp import TcpTransport
from sip.transport.udp import UdpTransport

Display: TypeAlias = Callable[[Run, Watch], AbstractContextManager[object]]
"""Shows a run for as long as it is entered."""


def perform(scenario: Scenario, directory: Path, display: Display | None = None) -> Result:
    """``directory``: what the scenario's file names are relative to.

    Raises CannotStart.  Ctrl-C ends the run, and what was found until then is the result.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 1000)
    return trio.run(_perform, scenario, directory, display)


async def _perform(scenario: Scenario, directory: Path, display: Display | None) -> Result:
    host = _own_address(scenario)
    processes = Processes(scenario.target.processes)
    watch = Watch(processes, scenario.target.metrics, scenario.target.show)
    calls: list[Arrival] = []
    if scenario.arrivals.recorded is not None:
        calls = read_recording(directory / scenario.arrivals.recorded)
    complaints = [f"no process here has {words!r}" for words in processes.missing]
    began = datetime.now(UTC).isoformat(timespec="seconds")
    async with _audio(host) as audio:
        world = World(
            transport=lambda port: _transport(scenario, host, port),
            audio=audio,
            dice=Random(scenario.arrivals.seed),
            names=secrets.token_hex(3),
            cpu=time.process_time,
            has_died=processes.has_died,
        )
        try:
            run = Run(scenario, world, calls)
        except OSError as error:
            raise CannotStart(f"no socket for SIP at {host}: {error.strerror}") from error
        outcome: Outcome | CannotStart
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.run)
            with display(run, watch) if display is not None else nullcontext():
                try:
                    outcome = await run.run()
                except CannotStart as error:
                    outcome = error  # raised below: a nursery would make a group of it
            nursery.cancel_scope.cancel()
    if isinstance(outcome, CannotStart):
        raise outcome
    return conclude(scenario, outcome, began, watch=watch, complaints=complaints)


@asynccontextmanager
async def _audio(host: str) -> AsyncIterator[NoAudio]:
    """A port that swallows what is sent to it: closed, it would answer with ICMP."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as swallows:
        swallows.bind((host, 0))
        yield NoAudio(Local(host, swallows.getsockname()[1], ("PCMU", "PCMA")))


def _transport(scenario: Scenario, host: str, port: int) -> Transport:
    make = UdpTransport if scenario.target.transport == "udp" else TcpTransport
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
