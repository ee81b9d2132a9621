"""``python -m ccserver.media --socket PATH --listen 127.0.0.1 --ports 20000-29999 ...``

Prints one line when it is ready; SIGTERM ends it.
"""

from __future__ import annotations

import argparse
import gc
import ipaddress
import os
import resource
import signal
from contextlib import suppress
from pathlib import Path
from random import SystemRandom

from msgspec.structs import replace

from ccserver.media.engine import Engine, Settings
from ccserver.media.sockets import Place

_NICENESS = -10
_PRIORITY = 10


def main(arguments: list[str] | None = None) -> None:
    settings, realtime = _parse(arguments)
    settings = replace(settings, most_open=_raise_file_limit() // 2)
    engine = Engine(settings, random=SystemRandom())
    signal.signal(signal.SIGTERM, lambda *_: engine.stop())
    signal.signal(signal.SIGINT, lambda *_: engine.stop())
    prompts = engine.library.preload()
    if realtime:
        _go_first()
    # What is here now stays; the collector need not look at it while packets wait.
    gc.collect()
    gc.freeze()
    ports = f"{settings.first_port}-{settings.last_port}"
    listens = " and ".join(place.listen for place in settings.places)
    print(f"media ready: {listens} ports {ports}, {prompts} prompts", flush=True)
    engine.run()


def _parse(arguments: list[str] | None) -> tuple[Settings, bool]:
    parser = argparse.ArgumentParser(prog="ccserver.media", description=__doc__.splitlines()[0])
    parser.add_argument("--socket", type=Path, required=True, help="control socket to listen at")
    parser.add_argument(
        "--listen", type=_address, action="append", help="address for RTP; one of each family"
    )
    parser.add_argument(
        "--advertise",
        type=_address,
        action="append",
        default=[],
        help="address to put into SDP in place of the one of its family",
    )
    parser.add_argument("--ports", type=_ports, default=(20000, 29999), metavar="FIRST-LAST")
    parser.add_argument("--port-order", choices=("random", "round-robin"), default="random")
    parser.add_argument("--prompts", type=Path, default=Path("config/prompts"))
    parser.add_argument("--rtp-timeout", type=float, default=20.0, metavar="SECONDS")
    parser.add_argument("--no-realtime", action="store_true", help="ask for no higher priority")
    found = parser.parse_args(arguments)
    first, last = found.ports
    try:
        places = _places(found.listen or ["127.0.0.1"], found.advertise)
    except ValueError as error:
        parser.error(str(error))
    settings = Settings(
        socket=found.socket,
        places=places,
        first_port=first,
        last_port=last,
        prompts=found.prompts,
        random_ports=found.port_order == "random",
        rtp_timeout=found.rtp_timeout,
    )
    return settings, not found.no_realtime


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a literal address, got {text!r}") from None


def _places(listen: list[str], advertise: list[str]) -> tuple[Place, ...]:
    """Raises ValueError when they do not fit each other."""
    heard_at = {":" in address: address for address in listen}
    told = {":" in address: address for address in advertise}
    if len(heard_at) < len(listen) or len(told) < len(advertise):
        raise ValueError("--listen, --advertise: expected at most one address of each family")
    if not told.keys() <= heard_at.keys():
        raise ValueError("--advertise: expected an address of a family that --listen has")
    places = tuple(Place(address, told.get(six, address)) for six, address in heard_at.items())
    if any(ipaddress.ip_address(place.advertise).is_unspecified for place in places):
        raise ValueError("--advertise: expected an address that phones can send to, for a wildcard")
    return places


def _ports(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal() and 1024 <= int(first) < int(last) <= 65535):
        raise argparse.ArgumentTypeError(f"expected FIRST-LAST from 1024 to 65535, got {text!r}")
    return int(first), int(last)


def _go_first() -> None:
    """Before signalling and everything else, as far as the system lets us."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    except OSError:
        with suppress(OSError):
            os.nice(_NICENESS)


def _raise_file_limit() -> int:
    """As far as the system lets us, for a session has two sockets.  The limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**20 if limit == resource.RLIM_INFINITY else limit


if __name__ == "__main__":
    main()
