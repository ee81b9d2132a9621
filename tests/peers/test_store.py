"""The store beside a server that takes calls: its process, its database, and what befalls them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import select, text

from ccserver.store.database import FILE, Database, StoreError, newest
from ccserver.store.store import Store
from ccserver.store.tables import contacts
from tests.peers.postgresql import PASSWORD, Postgresql
from tests.peers.programs import PATIENCE, Program, until
from tests.peers.server import ROOT, Server
from tests.peers.sipp import Sipp
from tests.peers.test_command_line import processes
from tests.peers.test_sipp import register
from tests.support.journals import File, everything
from tests.support.store_contract import content, expected

CONFIG = ROOT / "config" / "ccserver.toml"
Start = Callable[..., Server]
Phones = Callable[..., Sipp]


@pytest.fixture
def cluster() -> Iterator[Postgresql]:
    cluster = Postgresql()
    yield cluster
    cluster.remove()


def ended(database: Database) -> list[str]:
    """The outcomes of the contacts that are over, in their order."""
    with database.reading() as connection:
        over = contacts.c.ended_at.is_not(None)
        found = connection.execute(
            select(contacts.c.outcome).where(over).order_by(contacts.c.arrived_at)
        )
        return [row.outcome for row in found]


def seq(database: Database) -> int:
    """How far it has been folded; 0: there is nothing yet."""
    return Store(database).position().seq if database.revision() else 0


def call(server: Server, sipp: Phones) -> None:
    """Somebody calls, and hangs up in the queue or while he is served."""
    sipp(server, "customer", pause=1.2).finish()


def store_command(server: Server, *arguments: str) -> str:
    settings = ["--config", str(CONFIG), "--set", f"data.dir={server.data}"]
    command = [sys.executable, "-m", "ccserver", "store", *arguments, *settings]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_the_store_has_what_happened_and_is_killed_without_harm(
    start_server: Start, sipp: Phones
) -> None:
    server = start_server(routing__wrap_up_seconds="1")
    agent = sipp(server, "agent", port=register(sipp, server, "1001"), pause=0.1)
    call(server, sipp)
    agent.finish()
    database = Database(f"sqlite:///{server.data / FILE}")
    until(lambda: ended(database) == ["handled"], PATIENCE, "the contact to be in the store")
    server.wait_figure("ccserver_store_lag_events", 0)

    os.kill(processes(server, "store")[-1], signal.SIGKILL)
    call(server, sipp)
    until(lambda: len(ended(database)) == 2, 20, "the store to go on")
    assert f"schema {newest()}" in store_command(server, "status")
    before = ended(database)
    assert "folded up to event" in store_command(server, "rebuild")
    assert ended(database) == before
    server.stop()
    assert "nothing to do" in store_command(server, "upgrade")
    database.close()


def test_calls_go_on_without_the_database_and_the_store_catches_up(
    start_server: Start, sipp: Phones, cluster: Postgresql, cleanup: ExitStack
) -> None:
    url = cluster.new_database()
    server = start_server(store__url=url)
    call(server, sipp)
    database = Database(url)
    cleanup.callback(database.close)
    until(lambda: len(ended(database)) == 1, PATIENCE, "the first contact to be in the store")
    database.close()

    cluster.stop(signal.SIGQUIT)
    call(server, sipp)
    until(lambda: server.figure("ccserver_store_failures_total") > 0, 20, "the store to fail")
    call(server, sipp)
    assert server.figure("ccserver_store_lag_events") > 0
    assert server.figure("ccserver_store_lag_seconds") > 0
    cluster.start()

    until(lambda: len(ended(database)) == 3, PATIENCE, "the store to catch up")
    server.wait_figure("ccserver_store_lag_events", 0)
    assert server.stop() == 0
    assert PASSWORD not in server.program.output()
    assert "the store has caught up" in server.program.output()


def test_a_database_that_hangs_holds_up_nobody_but_the_store(
    start_server: Start, sipp: Phones, cluster: Postgresql, cleanup: ExitStack
) -> None:
    url = cluster.new_database()
    server = start_server(store__url=url)
    call(server, sipp)
    database = Database(url)
    cleanup.callback(database.close)
    until(lambda: len(ended(database)) == 1, PATIENCE, "the first contact to be in the store")
    cluster.freeze()
    try:
        call(server, sipp)
        until(lambda: server.figure("ccserver_store_lag_seconds") > 2, 20, "the store to be late")
    finally:
        cluster.thaw()
    until(lambda: len(ended(database)) == 2, 20, "the store to catch up")


def test_a_database_that_hangs_holds_up_no_stop(
    start_server: Start, sipp: Phones, cluster: Postgresql, cleanup: ExitStack
) -> None:
    url = cluster.new_database()
    server = start_server(store__url=url)
    database = Database(url)
    cleanup.callback(database.close)
    until(lambda: database.revision() == newest(), PATIENCE, "the schema to be there")
    call(server, sipp)
    until(lambda: len(ended(database)) == 1, 20, "the first contact to be in the store")
    cluster.freeze()
    try:
        call(server, sipp)
        until(lambda: server.figure("ccserver_store_lag_events") > 0, 20, "the store to be late")
        assert server.stop() == 0
    finally:
        cluster.thaw()
    assert "store does not end: killing it" not in server.program.output()
    assert "the store lacks the last events" in server.program.output()


def test_a_database_that_hangs_is_left_and_tried_again(
    cluster: Postgresql, tmp_path: Path, cleanup: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a transaction: the server's own limits do not hold when it stands still."""
    monkeypatch.setattr("ccserver.store.database.ANSWER_SECONDS", 0.5)
    database = Database(cluster.new_database())
    cleanup.callback(database.close)
    database.upgrade()

    def stand_still() -> None:
        with database.transaction() as connection:
            connection.execute(text("SELECT 1"))
            cluster.freeze()
            try:
                connection.execute(text("SELECT 2"))
            finally:
                cluster.thaw()

    with pytest.raises(StoreError):
        stand_still()
    with database.transaction() as connection:
        assert connection.execute(text("SELECT 3")).scalar() == 3


def test_a_connection_that_hangs_in_the_pool_is_replaced(
    cluster: Postgresql, cleanup: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccserver.store.database.PING_SECONDS", 0.5)
    database = Database(cluster.new_database())
    cleanup.callback(database.close)
    database.upgrade()
    backends = "SELECT pid FROM pg_stat_activity WHERE application_name = 'ccserver'"
    with database.transaction() as connection:
        (pid,) = connection.execute(text(backends)).scalars()
    os.kill(pid, signal.SIGSTOP)
    cleanup.callback(os.kill, pid, signal.SIGCONT)
    with database.transaction() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar() != pid


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_anywhere_in_a_long_fold_it_comes_to_the_same_rows(
    kind: str, tmp_path: Path, cluster: Postgresql, cleanup: ExitStack
) -> None:
    rows, random = everything(8), Random(7)
    file = File(tmp_path / "journal.sqlite", rows)
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    url = url if kind == "sqlite" else cluster.new_database()
    database, reached = Database(url), list[int]()
    cleanup.callback(database.close)
    cleanup.callback(file.close)
    settings = [f"data.dir={tmp_path}", f"store.url={url}"]
    arguments = [sys.executable, "-m", "ccserver.store", "--config", str(CONFIG)]
    arguments += [part for setting in settings for part in ("--set", setting)]
    while not reached or reached[-1] < len(rows):
        folding = Program(arguments, tmp_path / "store.log")
        cleanup.callback(folding.stop)
        least = reached[-1] if reached else 0
        until(lambda least=least: seq(database) > least, PATIENCE, "the fold to go on")
        time.sleep(random.random() * 0.15)  # into the middle of a transaction, or not
        folding.process.kill()
        folding.process.wait()
        reached.append(seq(database))

    assert reached[0] < len(rows), "it was to be killed in the middle"
    assert content(database) == expected(rows)


def test_the_password_of_the_database_is_nobodys_business(
    start_server: Start, cluster: Postgresql
) -> None:
    """Not in the arguments of a process, nor in the journal, nor in any file of ours."""
    server = start_server(store__url=cluster.new_database())
    pid = processes(server, "store")[-1]
    assert PASSWORD not in Path(f"/proc/{pid}/cmdline").read_text()
    server.stop()
    for path in server.data.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path


def test_a_store_of_a_newer_version_is_refused_before_any_call(
    start_server: Start, cluster: Postgresql
) -> None:
    url = cluster.new_database()
    database = Database(url)
    database.upgrade()
    database.close()
    cluster.execute("UPDATE alembic_version SET version_num = '9999'", url.rpartition("/")[2])
    server = start_server(store__url=url)

    assert server.program.wait() == 2
    assert "found 9999: a newer ccserver has written it" in server.program.output()
