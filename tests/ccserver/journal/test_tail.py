"""What a killed core leaves behind of its journal, in every state that a kill can leave it in."""

from __future__ import annotations

import sqlite3
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import events as ev
from ccserver.journal.log import Journal, JournalError
from ccserver.journal.storage import SqliteStorage
from ccserver.journal.tail import Tail, make_memory, open_tail

DEEDS = st.lists(st.sampled_from(["event", "event", "commit", "written", "refused"]), max_size=60)
PAYLOADS = st.binary(min_size=1, max_size=60)


@given(DEEDS, st.data())
def test_whatever_the_disk_has_not_is_found_and_nothing_else(deeds, data):
    memory = bytearray(100_000)
    tail = Tail(memory)
    kept, durable, committing = [], 0, None
    for deed in deeds:
        if deed == "event":
            kept.append((len(kept) + 1, len(kept) + 1_000, data.draw(PAYLOADS)))
            tail.keep(*kept[-1])
        elif deed == "commit" and committing is None:
            tail.commit_begins()
            committing = len(kept)
        elif committing is not None:
            if deed == "written":
                tail.commit_succeeded()
                durable = committing
            committing = None
        assert Tail(memory).found(durable) == kept[durable:]


@given(st.lists(PAYLOADS, min_size=1, max_size=20), st.data())
def test_a_kill_in_the_middle_of_an_event_leaves_those_before_it(payloads, data):
    memory = bytearray(4_000)
    tail = Tail(memory)
    for seq, payload in enumerate(payloads[:-1], 1):
        tail.keep(seq, 7, payload)
    before = bytes(memory)
    tail.keep(len(payloads), 7, payloads[-1])
    changed = [at for at, (old, new) in enumerate(zip(before, memory, strict=True)) if old != new]
    torn = data.draw(st.sampled_from(changed))
    memory[torn] = before[torn]
    found = Tail(memory).found(0)
    assert [one[2] for one in found] == payloads[:-1]


def test_what_does_not_fit_is_not_kept_nor_what_comes_after_it():
    tail = Tail(bytearray(400))
    for seq, size in ((1, 100), (2, 500), (3, 1)):
        tail.keep(seq, 7, bytes(size))
    assert [seq for seq, _, _ in tail.found(0)] == [1]


def test_a_full_tail_keeps_again_what_comes_behind_a_commit_that_went_well():
    tail = Tail(bytearray(400))
    tail.keep(1, 7, bytes(500))
    tail.commit_begins()
    tail.keep(2, 7, b"two")
    assert tail.found(1) == [(2, 7, b"two")]


def test_what_a_journal_before_it_left_is_not_taken_for_its_own():
    memory = bytearray(1_000)
    Tail(memory).keep(12, 7, b"of another journal")
    assert Tail(memory).found(3) == []


def test_the_memory_is_shared_by_whoever_has_the_descriptor():
    descriptor = make_memory()
    assert descriptor is not None
    open_tail(descriptor).keep(1, 7, b"one")
    assert open_tail(descriptor).found(0) == [(1, 7, b"one")]


# --- the journal ------------------------------------------------------------------------------


def test_a_journal_that_was_never_written_is_whole_in_the_next_run(tmp_path):
    path, memory, clock = tmp_path / "journal.sqlite", bytearray(10_000), count(5)
    killed = Journal.open(path, lambda: next(clock), tail=Tail(memory))
    for _ in range(3):
        killed.append(ev.ServerDraining(1))
    killed._storage.close()

    journal = Journal.open(path, lambda: 9.0, tail=Tail(memory))
    assert (journal.rescued, journal.last_seq) == (3, 3)
    assert [(e.seq, e.at, e.event) for e in journal.read()] == [
        (seq, (4 + seq) * 1_000_000, ev.ServerDraining(1)) for seq in (1, 2, 3)
    ]
    rows = journal._storage._db.execute("SELECT event FROM journal").fetchall()
    assert rows == [("server.draining",)] * 3
    journal._storage.close()

    again = Journal.open(path, lambda: 9.0, tail=Tail(memory))
    assert (again.rescued, again.last_seq) == (0, 3)
    again._storage.close()


def test_a_disk_that_refuses_them_leaves_them_for_the_next_start(tmp_path):
    memory = bytearray(10_000)
    Tail(memory).keep(1, 7, b'{"event":"server.draining","calls":1}')
    storage = SqliteStorage(tmp_path / "journal.sqlite")
    write = storage.write

    def refuse(rows):
        raise sqlite3.OperationalError("database or disk is full")

    storage.write = refuse
    with pytest.raises(JournalError, match="last events cannot be written"):
        Journal(storage, lambda: 9.0, tail=Tail(memory))
    storage.write = write
    assert Journal(storage, lambda: 9.0, tail=Tail(memory)).rescued == 1
    storage.close()


async def test_what_the_disk_has_is_not_rescued(autojump_clock, nursery, tmp_path):
    path, memory = tmp_path / "journal.sqlite", bytearray(10_000)
    journal = Journal.open(path, lambda: 9.0, tail=Tail(memory))
    nursery.start_soon(journal.run)
    await journal.wait_durable(journal.append(ev.ServerDraining(1)))
    journal.append(ev.ServerDraining(2))
    assert [seq for seq, _, _ in Tail(memory).found(0)] == [1, 2]
    assert [seq for seq, _, _ in Tail(memory).found(1)] == [2]
