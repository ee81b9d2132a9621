"""The web process: ``python -m ccserver.web --config FILE [--set key=value ...]``.

Exits with 2 when the configuration is wrong or the port is taken, having said so on stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import socket
import ssl
import sys
from pathlib import Path

import uvicorn

from ccserver.logs import set_up_logging
from ccserver.priority import give_way
from ccserver.settings import ConfigurationError, Settings, load
from ccserver.settings.kinds import host_port
from ccserver.web.app import Web
from ccserver.web.store import Store, StoreError

log = logging.getLogger(__name__)

WRONG = 2
"""Exit status: starting again would not help."""
MOST_CONNECTIONS = 4096
LONGEST_HEAD = 16 * 1024
LONGEST_MESSAGE = 4 * 1024
"""From a desktop, which has nothing to say."""
NICE = 5
"""Calls come first."""
CORE_SECONDS = 1.0
"""To hear from the core before anyone is served: desktops that come back are not turned away."""


def main() -> int:
    arguments = _arguments()
    try:
        loaded = load(arguments.config, arguments.set, os.environ)
    except ConfigurationError as error:
        print(f"ccserver: the configuration is wrong\n{error}", file=sys.stderr)
        return WRONG
    give_way(NICE)
    writer = set_up_logging(loaded.settings.log.level, loaded.settings.log.format)
    try:
        return _serve(loaded.settings)
    except StoreError as error:
        print(f"ccserver: {error}", file=sys.stderr)
        return 1
    finally:
        writer.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ccserver.web")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


def _serve(settings: Settings) -> int:
    where = settings.web.listen
    try:
        listener = listen(*host_port(where))
    except OSError as error:
        reason = error.strerror or error
        print(f"ccserver: web.listen: cannot listen on {where}: {reason}", file=sys.stderr)
        return WRONG
    with contextlib.closing(Store(Path(settings.data.dir))) as store, listener:
        asyncio.run(_run(settings, Web(settings, store), listener))
    return 0


def listen(host: str, port: int) -> socket.socket:
    """Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol must be said: asyncio sends at once only on what it knows to be TCP, and else an
    # answer's body waits 40 ms for the acknowledgement of its head.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


async def _run(settings: Settings, web: Web, listener: socket.socket) -> None:
    """Until SIGTERM or SIGINT."""
    server = uvicorn.Server(configuration(settings, web))
    working = asyncio.create_task(web.run())
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(web.link.up.wait(), CORE_SECONDS)
    serving = asyncio.create_task(server.serve([listener]))
    scheme = "http" if settings.web.tls_certificate is None else "https"
    log.info("the web process is ready: %s://%s", scheme, settings.web.listen)
    await asyncio.wait([working, serving], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    working.cancel()
    await serving
    with contextlib.suppress(asyncio.CancelledError):
        await working


def configuration(settings: Settings, web: Web) -> uvicorn.Config:
    """How it is served: limits, WebSockets, TLS."""
    config = uvicorn.Config(
        web.asgi,
        http="h11",
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        ws_per_message_deflate=False,
        ws_max_size=LONGEST_MESSAGE,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        h11_max_incomplete_event_size=LONGEST_HEAD,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
        ssl_certfile=settings.web.tls_certificate,
        ssl_keyfile=settings.web.tls_key,
    )
    config.load()
    logging.getLogger("uvicorn.error").addFilter(is_no_refusal)
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    return config


def is_no_refusal(record: logging.LogRecord) -> bool:
    """uvicorn takes every WebSocket that we refuse for an error: strangers would fill the log."""
    return "without completing handshake" not in record.getMessage()


if __name__ == "__main__":
    sys.exit(main())
