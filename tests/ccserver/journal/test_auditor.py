"""The audit of a journal that goes on, while it is written, over restarts, from any checkpoint."""

from __future__ import annotations

import logging

import pytest
import trio
from msgspec.structs import replace

from actors import events as ev
from actors.ids import AgentId, ContactId, QueueName
from ccserver.journal import codec, folds
from ccserver.journal.auditor import Auditor
from ccserver.journal.pieces import digest
from ccserver.journal.storage import MemoryStorage, Row
from tests.support.restarting import MortalCentre, mortal_centre


class Written:
    """A journal's rows as the auditor of another process sees them."""

    def __init__(self, rows: list[Row], checkpoint: tuple[int, bytes] | None = None) -> None:
        self._storage = MemoryStorage()
        self._storage.rows = rows
        self._checkpoint = checkpoint
        self.rows = self._storage.read

    @property
    def last_seq(self) -> int:
        return self._storage.last_seq()

    def checkpoint(self) -> tuple[int, bytes] | None:
        return self._checkpoint


async def a_call(floor: MortalCentre, ada, name: str, missed: bool = False) -> None:
    anna = floor.phone(name)
    call = anna.dials("2001")
    offered = await ada.rings()
    if not missed:
        ada.answers(offered)
        await offered.wait("talking")
        await trio.sleep(3)
    anna.hangs_up(call)
    await trio.sleep(20)


def state_of(floor: MortalCentre) -> tuple[int, str]:
    past = floor.core.folds.past.past
    return past.seq, digest(past)


async def test_a_day_with_two_kills_has_nothing_wrong_at_any_look(
    autojump_clock, monkeypatch
) -> None:
    monkeypatch.setattr(folds, "EVERY", 40)
    async with mortal_centre() as floor:
        auditor = Auditor(Written(floor.disk.rows), lambda: state_of(floor))
        ada = await floor.agent("1001")
        for number in range(6):
            await a_call(floor, ada, f"anna{number}", missed=number == 3)
            if number in (1, 4):
                await floor.restarts()
            standing = auditor.look(compare=True)
            assert standing.found == 0
            assert standing.seq == floor.disk.last_seq()
            later = Auditor(Written(floor.disk.rows, floor.disk.checkpoint()), lambda: None)
            assert later.look() == standing
        assert floor.disk.checkpoint() is not None


async def test_a_server_that_believes_something_else_is_found(autojump_clock, caplog) -> None:
    async with mortal_centre() as floor:
        auditor = Auditor(Written(floor.disk.rows), lambda: state_of(floor))
        ada = await floor.agent("1001")
        assert auditor.look(compare=True).found == 0
        floor.core.folds.past.past.agents[AgentId("1001")].state = "idle"

        assert auditor.look(compare=True).found == 0  # nothing new to hold it against
        with caplog.at_level(logging.ERROR):
            await a_call(floor, ada, "anna")
            floor.core.folds.past.past.agents[AgentId("1001")].version += 1
            seq, said = state_of(floor)
            auditor = Auditor(Written(floor.disk.rows), lambda: (seq, said))
            assert auditor.look(compare=True).found == 1
    assert f"event {seq}: the server's state is not what the journal comes to" in caplog.text


@pytest.mark.parametrize("from_checkpoint", [False, True])
async def test_an_assignment_against_the_rules_is_found(
    autojump_clock, monkeypatch, from_checkpoint: bool
) -> None:
    monkeypatch.setattr(folds, "EVERY", 20)
    async with mortal_centre() as floor:
        ada = await floor.agent("1001")
        await a_call(floor, ada, "anna")
        checkpoint = floor.disk.checkpoint() if from_checkpoint else None
        known = len(floor.disk.rows)
        await floor.agent("1002")
        await a_call(floor, ada, "ben")
        rows = list(floor.disk.rows)
    number = next(n for n, row in enumerate(rows) if n > known and row[2] == "contact.assigned")
    event = codec.decode(rows[number][3])
    assert isinstance(event, ev.ContactAssigned)
    forged = codec.encode(replace(event, agent=AgentId("1002")))
    rows[number] = (*rows[number][:3], forged)

    auditor = Auditor(Written(rows, checkpoint), lambda: None)
    auditor.look()

    assert [f"event {each.seq}: {each.text}" for each in auditor.findings][:1] == [
        f"event {number + 1}: contact {event.contact}: that 1002 was given it does not follow"
        " from the rules"
    ]


async def test_what_is_written_between_two_looks_is_looked_at_once(autojump_clock) -> None:
    rows: list[Row] = []
    auditor = Auditor(Written(rows), lambda: None)
    ended = ev.ContactEnded(ev.ContactRef(ContactId("c1")), "handled", QueueName("support"))
    for seq, found in ((1, 1), (2, 2)):
        rows.append((seq, seq, "contact.ended", codec.encode(ended)))
        assert auditor.look().found == found
        assert auditor.look().found == found
