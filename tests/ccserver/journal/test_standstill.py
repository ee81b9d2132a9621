"""The past stands behind one event, and has missed nothing when it goes on."""

from __future__ import annotations

from collections.abc import Callable

import trio

from actors import events as ev
from actors.ids import AgentId
from ccserver.journal import standstill
from ccserver.journal.folds import Folds
from ccserver.journal.live import Live
from ccserver.journal.log import Journal
from ccserver.journal.past import PastFold
from ccserver.journal.standstill import Standstill

AGENTS = [AgentId(f"100{number}") for number in range(1, 6)]


def changed(agent: AgentId, state: str = "available") -> ev.AgentStateChanged:
    return ev.AgentStateChanged(agent, "voice", "", state)


class Centre:
    def __init__(self) -> None:
        self.journal = Journal.in_memory(lambda: 1.0)
        self.past, self.live = PastFold(), Live((), AGENTS)

        def mark(seq: int, at: int) -> None:
            self.past.past.seq = self.live.seq = seq
            self.past.past.at = self.live.at = at

        self.first: Callable[[], object] = lambda: None
        self.journal.listen_by_kind({ev.AgentStateChanged: lambda _: self.first()})
        self.journal.listen_by_kind(self.past.handlers, mark)
        self.journal.listen_by_kind(self.live.handlers)
        self.standstill = Standstill(self.journal, self.past, self.live, mark)

    @property
    def seen(self) -> tuple[int, list[str]]:
        return self.past.past.seq, list(self.past.past.agents)


def test_it_stands_while_others_hear_what_happens() -> None:
    c = Centre()
    c.journal.append(changed(AGENTS[0]))
    c.standstill.begin()
    c.journal.append(changed(AGENTS[1]))
    c.journal.append(ev.ServerStopped())
    assert c.seen == (1, ["1001"])
    assert (c.live.seq, c.live.agents[AGENTS[1]].state) == (3, "available")
    c.standstill.end()
    assert c.seen == (3, ["1001", "1002"])
    c.journal.append(changed(AGENTS[2]))
    assert c.seen == (4, ["1001", "1002", "1003"])


def test_what_came_meanwhile_is_caught_up_with_some_at_a_time_and_in_order(monkeypatch) -> None:
    monkeypatch.setattr(standstill, "AT_ONCE", 2)
    c = Centre()
    c.standstill.begin()
    for agent in AGENTS[:4]:
        c.journal.append(changed(agent))
    assert not c.standstill.catch_up()
    c.journal.append(changed(AGENTS[4]))
    assert c.seen == (2, ["1001", "1002"])
    assert not c.standstill.catch_up()
    assert c.standstill.catch_up()
    assert c.seen == (5, list(AGENTS))
    assert c.standstill.catch_up(), "there is nothing more"


def test_who_needs_it_while_an_event_is_told_does_not_lose_that_event() -> None:
    c = Centre()
    c.first = c.standstill.end
    c.standstill.begin()
    c.journal.append(changed(AGENTS[0]))
    assert c.seen == (1, ["1001"])


def test_an_event_that_cannot_be_applied_costs_no_other(caplog) -> None:
    c = Centre()
    c.standstill.begin()
    c.journal.append(changed(["no", "id"]))  # type: ignore[arg-type]
    c.journal.append(changed(AGENTS[0]))
    c.standstill.end()
    assert c.seen == (2, ["1001"])
    assert c.journal.statistics().reader_errors == 2, "the live state's, and the past's"
    assert "a reader of the journal raised on agent.state_changed" in caplog.text


async def test_whoever_asks_for_the_past_has_the_present_one(autojump_clock, monkeypatch) -> None:
    """And the checkpoint that was being made of it is begun again later."""
    monkeypatch.setattr("ccserver.journal.folds.EVERY", 3)
    monkeypatch.setattr("ccserver.journal.folds.AT_ONCE", 0)
    monkeypatch.setattr("ccserver.journal.folds.EVENTS_AN_ENTRY", 0)
    monkeypatch.setattr("ccserver.journal.pieces.ENTRIES", 1)
    journal = Journal.in_memory(trio.current_time)
    folds = Folds([], AGENTS, lambda: 0.0)
    folds.follow(journal)
    looked_at = ev.PhoneRegistered(AGENTS[0], "sip:1001@10.0.0.1", "udp", 60.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(folds.run)
        for agent in AGENTS[:3]:
            journal.append(changed(agent))
        journal.append(looked_at)
        await trio.sleep(0.03)
        journal.append(changed(AGENTS[3]))
        assert list(folds.past.past.agents) == AGENTS[:4]
        await trio.sleep(5)
        assert journal.checkpoint() is None
        for agent in AGENTS[:3]:
            journal.append(changed(agent, "idle"))
        journal.append(looked_at)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    found = journal.checkpoint()
    assert found is not None
    assert found[0] == 9
