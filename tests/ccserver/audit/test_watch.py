"""Look after look: before there is a journal, while it grows, and where it cannot be read."""

from __future__ import annotations

import logging
from pathlib import Path

from actors import events as ev
from actors.ids import ContactId, QueueName
from actors.reasons import Outcome
from ccserver.audit.watch import COMPARE_EVERY, Watch
from ccserver.journal import codec
from ccserver.journal.auditor import Standing
from ccserver.journal.past import PastFold
from ccserver.journal.pieces import digest
from ccserver.journal.storage import SqliteStorage

STARTED = ev.ServerStarted("1", "epoch")
ENDS = ev.ContactEnded(ev.ContactRef(ContactId("c1")), Outcome.HANDLED, QueueName("support"))


class Server:
    """One that writes what it is told to, and says what it is told to."""

    def __init__(self, data: Path) -> None:
        self.data, self.seq = data, 0
        self.told: list[Standing] = []
        self.state: tuple[int, str] | None = None
        self.asked = 0
        self.watch = Watch(data, 10.0, self.digest, self.told.append)

    def writes(self, event: ev.AnyEvent) -> None:
        storage = SqliteStorage(self.data / "journal.sqlite")
        self.seq += 1
        storage.write([(self.seq, self.seq, codec.tag_of(event), codec.encode(event))])
        storage.close()

    def digest(self) -> tuple[int, str] | None:
        self.asked += 1
        return self.state


def test_before_the_first_start_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    server = Server(tmp_path)

    server.watch.look()
    server.writes(STARTED)
    server.watch.look()

    assert server.told == [Standing(1, 1, 0)]


def test_what_cannot_be_is_told_and_logged_with_its_event(tmp_path: Path, caplog) -> None:
    server = Server(tmp_path)
    server.writes(STARTED)
    server.watch.look()
    server.writes(ENDS)

    with caplog.at_level(logging.ERROR):
        server.watch.look()
        server.watch.look()

    assert [standing.found for standing in server.told] == [0, 1, 1]
    assert caplog.messages == ["audit: event 2: contact c1 ends and never began"]


def test_the_server_is_asked_for_its_state_now_and_then(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.writes(STARTED)
    past = PastFold()
    past.apply(1, 1, STARTED)
    server.state = 1, digest(past.past)
    for _ in range(COMPARE_EVERY):
        server.watch.look()
    assert (server.asked, server.told[-1].found) == (1, 0)

    server.state = 2, "of another state"
    for _ in range(COMPARE_EVERY):
        server.watch.look()
    server.writes(STARTED)
    server.watch.look()
    assert (server.asked, server.told[-1].found) == (2, 1)


def test_a_journal_that_cannot_be_read_is_said_once_and_looked_at_again(
    tmp_path: Path, caplog
) -> None:
    server = Server(tmp_path)
    server.writes(STARTED)
    server.watch.look()
    path, away = tmp_path / "journal.sqlite", tmp_path / "away"
    path.rename(away)

    with caplog.at_level(logging.INFO):
        for _ in range(3):
            server.watch.look()
        away.rename(path)
        server.watch.look()

    assert len(server.told) == 2
    first, last = caplog.messages
    assert first.startswith("the audit cannot go on: ")
    assert last == "the audit goes on"
