"""One look after the other, for as long as the server runs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from threading import Event as Flag

from ccserver.journal.auditor import Auditor, Standing
from ccserver.journal.reading import JOURNAL, JournalFile
from ccserver.journal.storage import JournalError

log = logging.getLogger(__name__)

COMPARE_EVERY = 30
"""Looks between two in which the server is asked for the digest of its state: that takes its loop
some milliseconds.
"""


class Watch:
    """``tell`` hears after each look how things stand.  ``digest`` is the server's, or None."""

    def __init__(
        self,
        data: Path,
        seconds: float,
        digest: Callable[[], tuple[int, str] | None],
        tell: Callable[[Standing], None],
    ) -> None:
        self._path, self._seconds = data / JOURNAL, seconds
        self._digest, self._tell = digest, tell
        self._auditor: Auditor | None = None
        self._looks = 0
        self._blind = False

    def run(self, end: Flag) -> None:
        while not end.wait(self._seconds):
            self.look()

    def look(self) -> None:
        """A journal that cannot be read is said once, and looked at again."""
        if self._auditor is None and not self._path.exists():
            return  # the server's very first start
        try:
            if self._auditor is None:
                self._auditor = Auditor(JournalFile(self._path), self._digest)
            self._looks += 1
            self._tell(self._auditor.look(compare=self._looks % COMPARE_EVERY == 0))
        except JournalError as error:
            if not self._blind:
                log.error("the audit cannot go on: %s", error)
            self._blind = True
            return
        if self._blind:
            log.info("the audit goes on")
            self._blind = False
