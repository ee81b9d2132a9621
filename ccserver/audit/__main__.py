"""The auditor's process: ``python -m ccserver.audit --config FILE [--set key=value ...]``.

Exits with 2 when the configuration is wrong, having said so on stderr.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from threading import Event as Flag

from ccserver.audit.watch import Watch
from ccserver.door import PATIENCE_WITH_A_DIGEST, NobodyThere, ask
from ccserver.journal.auditor import Standing
from ccserver.logs import set_up_logging
from ccserver.priority import give_way
from ccserver.settings import ConfigurationError, load

WRONG = 2
NICE = 15
"""Whatever serves somebody comes first."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="ccserver.audit")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    try:
        settings = load(arguments.config, arguments.set, os.environ).settings
    except ConfigurationError as error:
        print(f"ccserver: the configuration is wrong\n{error}", file=sys.stderr)
        return WRONG
    give_way(NICE)
    writer = set_up_logging(settings.log.level, settings.log.format)
    end = Flag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    core = Core(Path(settings.data.dir))
    try:
        Watch(core.data, settings.audit.seconds, core.digest, core.tell).run(end)
    finally:
        writer.close()
    return 0


class Core:
    """The running core, if there is one."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def digest(self) -> tuple[int, str] | None:
        """Behind which event its state has which digest."""
        try:
            answer = ask(self.data, "digest", patience=PATIENCE_WITH_A_DIGEST)
        except NobodyThere:
            return None
        return answer["seq"], answer["digest"]

    def tell(self, standing: Standing) -> None:
        """Its metrics show it."""
        try:
            ask(self.data, "audit.standing", {"seq": standing.seq, "found": standing.found})
        except NobodyThere:
            return  # it is being started again; the next look tells the next one


if __name__ == "__main__":
    sys.exit(main())
