"""The core process: ``python -m ccserver.core --config FILE [--set key=value ...]``.

Exits with 2 when the configuration is wrong or a port is taken, having said so on stderr.
"""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import trio

from ccserver import diagnose
from ccserver.core.app import Core, World
from ccserver.core.clock import MachineClock, SteadyWall, boot_name
from ccserver.core.collector import Collector
from ccserver.core.heap import give_back
from ccserver.inputs.recorder import Recorder
from ccserver.journal import exporter
from ccserver.journal.log import Journal
from ccserver.journal.storage import JournalError
from ccserver.journal.tail import open_tail
from ccserver.logs import set_up_logging
from ccserver.media.client import READY, MediaClient
from ccserver.media.clients import MediaClients
from ccserver.media.protocol import socket_names
from ccserver.settings import ConfigurationError, Loaded, load
from ccserver.settings.kinds import host_port
from sip.transport.entry import ListenError
from sip.transport.listeners import open_listeners

log = logging.getLogger(__name__)

WRONG = 2
"""Exit status: starting again would not help."""
CORE_SOCKET = "core.sock"
JOURNAL = "journal.sqlite"
MEDIA_PATIENCE = 10.0


def main() -> int:
    arguments = _arguments()
    try:
        loaded = load(arguments.config, arguments.set, os.environ)
    except ConfigurationError as error:
        print(f"ccserver: the configuration is wrong\n{error}", file=sys.stderr)
        return WRONG
    for warning in loaded.warnings:
        print(f"ccserver: warning: {warning}", file=sys.stderr)
    writer = set_up_logging(loaded.settings.log.level, loaded.settings.log.format)
    try:
        return trio.run(_start, loaded, arguments, clock=MachineClock())
    finally:
        writer.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ccserver.core")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--tail", type=int, metavar="DESCRIPTOR")
    return parser.parse_args()


async def _start(loaded: Loaded, arguments: argparse.Namespace) -> int:
    """Open what may be taken by others; then serve."""
    settings = loaded.settings
    data = Path(settings.data.dir)
    wall = SteadyWall(time.time, time.monotonic)
    try:
        transports = open_listeners(settings.sip.listen)
        metrics = await exporter.listen(*host_port(settings.metrics.listen))
        recorder = Recorder(wall, time.monotonic) if settings.journal.inputs else None
        tail = None if arguments.tail is None else open_tail(arguments.tail)
        journal = Journal.open(data / JOURNAL, wall, recorder, tail)
    except (ListenError, exporter.ListenError, JournalError) as error:
        print(f"ccserver: {error}", file=sys.stderr)
        return WRONG
    names = socket_names(settings.media.processes)
    clients = [MediaClient(data / name, ready=READY) for name in names]
    media = clients[0] if len(clients) == 1 else MediaClients(clients)

    async def load_again() -> Loaded:
        given = arguments.config, arguments.set, os.environ
        return await trio.to_thread.run_sync(load, *given)

    world = World(
        transports=transports,
        media=media,
        journal=journal,
        wall=wall,
        was_set=wall.look,
        epoch=secrets.randbits(50),
        secret=secrets.token_bytes(32),
        seed=secrets.randbits(64),
        boot=boot_name(),
        load=load_again,
        turns=recorder,
    )
    try:
        core = Core(settings, world)
    except JournalError as error:
        print(f"ccserver: {error}: move it away, or put a backup in its place", file=sys.stderr)
        return WRONG
    if recorder is not None:
        recorder.open(data, core.beginning(), settings.journal.inputs_days)
    async with trio.open_nursery() as writing:
        writing.start_soon(journal.run)
        async with trio.open_nursery() as serving:
            await serving.start(core.run)
            await serving.start(core.door.serve, data / CORE_SOCKET)
            serving.start_soon(collector_of(core).run)
            serving.start_soon(give_back)
            serving.start_soon(_exporter(core).serve, metrics)
            await serving.start(core.reloading.on_signal)
            await serving.start(diagnose.write_on_signal, data, core.directory.statistics)
            with trio.move_on_after(MEDIA_PATIENCE) as patience:
                await media.wait_connected()
            if patience.cancelled_caught:
                log.error("no media process at %s: calls are refused until there is one", data)
            where = ", ".join(settings.sip.listen)
            metrics_at = settings.metrics.listen
            print(f"ccserver is ready: SIP on {where}; metrics on {metrics_at}", flush=True)
            await _wait_for_the_end(core, settings.drain.seconds)
            serving.cancel_scope.cancel()
        writing.cancel_scope.cancel()
    return 0


def collector_of(core: Core) -> Collector:
    return Collector(
        lambda: len(core.directory.contacts),
        lambda: len(core.registrar),
        lambda: core.endpoint.transactions,
    )


def _exporter(core: Core) -> exporter.Exporter:
    return exporter.Exporter(core.metrics.snapshot, lambda: not core.admission.draining)


async def _wait_for_the_end(core: Core, seconds: float) -> None:
    """A first signal drains; a second one ends what is left at once."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        await signals.__anext__()
        log.info("draining: %d calls in progress", len(core.directory.contacts))
        async with trio.open_nursery() as nursery:
            patience = trio.CancelScope(deadline=trio.current_time() + seconds)
            nursery.start_soon(_hurry, signals, patience)
            await core.drain(patience)
            nursery.cancel_scope.cancel()


async def _hurry(signals: AsyncIterator[int], patience: trio.CancelScope) -> None:
    await signals.__anext__()
    patience.cancel()


if __name__ == "__main__":
    sys.exit(main())
