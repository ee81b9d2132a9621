"""The store's process: ``python -m ccserver.store --config FILE [--set key=value ...]``.

Exits with 2 when the configuration is wrong or the database is a newer version's, having said so
on stderr.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event as Flag
from threading import Timer

from ccserver.door import NobodyThere, ask
from ccserver.journal.reading import JOURNAL
from ccserver.logs import set_up_logging
from ccserver.priority import give_way
from ccserver.settings import ConfigurationError, load
from ccserver.store.database import StoreUnusable, database_of
from ccserver.store.worker import LAST_SECONDS, Progress, Worker

log = logging.getLogger(__name__)

WRONG = 2
"""Exit status: starting again would not help."""
NICE = 10
"""Calls come first, and desktops next."""


def main() -> int:
    arguments = _arguments()
    try:
        settings = load(arguments.config, arguments.set, os.environ).settings
    except ConfigurationError as error:
        print(f"ccserver: the configuration is wrong\n{error}", file=sys.stderr)
        return WRONG
    give_way(NICE)
    writer = set_up_logging(settings.log.level, settings.log.format)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # the worker says what was done
    end = Flag()

    def leave() -> None:
        """Nothing is lost: what the database has not acknowledged is folded again."""
        log.error("the database does not answer: the store lacks the last events until it does")
        writer.close()
        os._exit(0)

    def ended(*_: object) -> None:
        end.set()
        waits = Timer(LAST_SECONDS + 1.0, leave)
        waits.daemon = True
        waits.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ended)
    data, days = Path(settings.data.dir), settings.store.keep_days
    try:
        Worker(data / JOURNAL, database_of(settings), teller(data), keep_days=days).run(end)
    except StoreUnusable as error:
        print(f"ccserver: {error}", file=sys.stderr)
        return WRONG
    finally:
        writer.close()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ccserver.store")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


def teller(data: Path) -> Callable[[Progress], None]:
    """Tells the core how far the store is: its metrics are served there."""

    def tell(progress: Progress) -> None:
        args = {"failures": progress.failures}
        if progress.position is not None:
            args |= {"seq": progress.position.seq, "at": progress.position.at}
        try:
            ask(data, "store.progress", args)
        except NobodyThere:
            log.debug("no core to be told of the store's progress")

    return tell


if __name__ == "__main__":
    sys.exit(main())
