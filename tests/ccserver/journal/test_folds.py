"""A start reads the last checkpoint and what lies behind it, and comes to the same as without."""

from __future__ import annotations

import msgspec
import pytest

from actors import events as ev
from actors.ids import AgentId, ContactId, EntryPointName, LegId, QueueName
from actors.place import Place
from actors.reasons import Outcome
from ccserver.journal import codec, folds
from ccserver.journal.folds import FORMAT, Checkpoint, Folds
from ccserver.journal.log import Journal
from ccserver.journal.pieces import digest
from ccserver.journal.storage import MemoryStorage, Piece

ADA, SUPPORT = AgentId("1001"), QueueName("support")


def a_call(number: int) -> list[ev.AnyEvent]:
    ref = ev.ContactRef(ContactId(f"c{number}"))
    return [
        ev.ContactArrived(ref, EntryPointName("2001"), "anna", "2001", LegId(f"c{number}/0")),
        ev.ContactQueued(ref, SUPPORT, Place(5, float(number), number)),
        ev.AgentStateChanged(ADA, "voice", "idle", "available", since=1.0, seq=number),
        *([ev.ContactEnded(ref, Outcome.ABANDONED, SUPPORT)] if number % 3 else []),
    ]


def run(storage: MemoryStorage, calls: range) -> Folds:
    """One run of a server, that ends without a word."""
    journal = Journal(storage, lambda: 1_700_000_000.0)
    here = Folds([SUPPORT], [ADA], lambda: 50.0)
    here.read(journal)
    journal.listen(here.live.apply)
    journal.listen(lambda entry: here.figures.apply(entry.event))
    here.follow(journal)
    journal.append(ev.ServerStarted("1", f"e{calls.start}", "boot", 10.0))
    for number in calls:
        for event in a_call(number):
            journal.append(event)
    return here


def same(one: Folds, other: Folds) -> bool:
    return (
        digest(one.past.past) == digest(other.past.past)
        and one.figures.figures() == other.figures.figures()
        and one.live.state() == other.live.state()
    )


@pytest.fixture
def storage(monkeypatch) -> MemoryStorage:
    monkeypatch.setattr(folds, "EVERY", 7)
    storage = MemoryStorage()
    run(storage, range(1, 9))
    return storage


def test_a_start_from_a_checkpoint_comes_to_the_same_as_one_from_the_beginning(storage) -> None:
    saved = storage.checkpoint()
    assert saved is not None
    assert 0 < saved[0] < storage.last_seq()
    from_checkpoint = run(storage, range(9, 9))
    whole = MemoryStorage()
    whole.rows = storage.rows[:-1]
    assert same(from_checkpoint, run(whole, range(9, 9)))


@pytest.mark.parametrize("how", ["damaged", "of another format", "of another shape"])
def test_a_checkpoint_that_cannot_be_used_is_passed_over(storage, how: str) -> None:
    saved = storage.checkpoint()
    assert saved is not None
    seq, payload = saved
    match how:
        case "damaged":
            payload = payload[: len(payload) // 2]
        case "of another format":
            checkpoint = msgspec.msgpack.decode(payload, type=Checkpoint)
            other = msgspec.structs.replace(checkpoint, format=FORMAT + 1)
            payload = msgspec.msgpack.encode(other)
        case _:
            payload = msgspec.msgpack.encode({"format": FORMAT})
    storage.save([Piece(seq, 0, payload)])
    whole = MemoryStorage()
    whole.rows = list(storage.rows)
    assert same(run(storage, range(9, 9)), run(whole, range(9, 9)))


def test_an_event_that_cannot_be_read_is_passed_over_and_said(storage, caplog) -> None:
    seq = storage.last_seq() + 1
    storage.write([(seq, 1, "server.flew", b'{"event":"server.flew"}')])
    here = run(storage, range(9, 10))
    assert "1 events of the journal cannot be read" in caplog.text
    assert here.past.past.seq == storage.last_seq()
    assert ContactId("c9") in here.past.past.contacts
    assert codec.tag_of(codec.decode(storage.rows[-1][3])) == "agent.state_changed"
