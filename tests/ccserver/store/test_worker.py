"""The worker's patience, with a clock that the test is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest

from ccserver.store.database import Database, StoreError, StoreUnusable
from ccserver.store.fold import StoreFold
from ccserver.store.store import Position, Store
from ccserver.store.worker import FIRST_PAUSE, LONGEST_PAUSE, LOOK_SECONDS, Progress, Worker
from tests.support.journals import File, everything


class Hours(Flag):
    """In the place of the flag that ends it: whoever waits is told what happens meanwhile."""

    def __init__(self, *happens: Callable[[], object]) -> None:
        super().__init__()
        self.then(*happens)
        self.over = False
        self.waited: list[float | None] = []

    def then(self, *happens: Callable[[], object]) -> None:
        self._happens = iter(happens)

    def is_set(self) -> bool:
        return self.over

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout)
        after = next(self._happens, None)
        if after is None:
            self.over = True
        else:
            after()
        return self.over


@pytest.fixture
def file(tmp_path: Path) -> Iterator[File]:
    file = File(tmp_path / "journal.sqlite")
    yield file
    file.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'store.sqlite'}")
    yield database
    database.close()


def test_it_looks_again_and_again_and_once_more_at_the_end(file: File, database: Database) -> None:
    rows, told = everything(), list[Progress]()
    hours = Hours()

    def is_over() -> None:
        file.grows(rows[11:12])
        hours.over = True

    hours.then(
        lambda: file.grows(rows[:10]), lambda: None, lambda: file.grows(rows[10:11]), is_over
    )
    Worker(file.path, database, told.append).run(hours)

    assert hours.waited == [LOOK_SECONDS] * 4
    assert [one.position for one in told if one.position] == [
        Position(0, 0),
        *(Position(*rows[number][:2]) for number in (9, 10, 11)),
    ]


def test_it_waits_longer_each_time_that_fails_and_says_so(
    file: File,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows, told = everything(), list[Progress]()
    file.grows(rows[:100])
    write = Store.write

    def fails(*_: object) -> None:
        raise StoreError("PostgreSQL at db: no route to host")

    monkeypatch.setattr(Store, "write", fails)
    hours = Hours(*[lambda: None] * 6, lambda: monkeypatch.setattr(Store, "write", write))
    with caplog.at_level(logging.INFO):
        Worker(file.path, database, told.append).run(hours)

    assert hours.waited == [*(FIRST_PAUSE * 2**n for n in range(5)), *[LONGEST_PAUSE] * 2, 0.5]
    assert told[6] == Progress(None, 7), "it has never been reached"
    assert told[-1] == Progress(Position(*rows[99][:2]), 7)
    said = [record.getMessage() for record in caplog.records]
    assert "the store falls behind: PostgreSQL at db: no route to host; next try in 1 s" in said
    assert said[-1] == "the store has caught up, with event 100"


def test_it_begins_before_there_is_a_journal(tmp_path: Path, database: Database) -> None:
    path, rows, told = tmp_path / "late.sqlite", everything()[:50], list[Progress]()
    files: list[File] = []
    hours = Hours(lambda: files.append(File(path, rows)))
    Worker(path, database, told.append).run(hours)
    assert told[-1].position == Position(*rows[-1][:2])
    files[0].close()


def test_what_only_a_hand_can_help_ends_it(file: File, database: Database) -> None:
    database.upgrade()
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreUnusable):
        Worker(file.path, database, lambda progress: None).run(Hours())


def test_an_event_that_the_fold_fails_on_does_not_stand_in_the_way(
    file: File,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows, told = everything()[:100], list[Progress]()
    file.grows(rows)
    apply = StoreFold.apply

    def fails_once(fold: StoreFold, seq: int, at: int, event: Any) -> None:
        if seq == 49:
            raise KeyError("a mistake of ours")
        apply(fold, seq, at, event)

    monkeypatch.setattr(StoreFold, "apply", fails_once)
    Worker(file.path, database, told.append).step()

    assert told[-1].position == Position(*rows[-1][:2])
    assert "event 49 cannot be folded, and is passed over" in caplog.text
