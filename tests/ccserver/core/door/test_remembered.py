"""What came with a key is forgotten, answered or not; in a replay as it was then."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from actors import events as ev
from actors.effects import Effect
from actors.ids import AgentId
from actors.messages import Done
from actors.past import COMMAND_SECONDS
from ccserver.core.directory import Directory
from ccserver.core.door import remembered
from ccserver.core.door.commands import Commands
from ccserver.door import Request
from ccserver.journal.log import Entry, Journal

DONE = Done(2, "available", None, None, ("idle",))


class Asking:
    """Commands to one agent, whose answers come when the test says so.

    ``again``: as a replay puts them to him, that has nobody who waits for an answer.
    """

    def __init__(self, *, again: bool) -> None:
        directory = Directory()
        directory.agents[AgentId("1001")] = None  # type: ignore[assignment]  # he is known
        journal = Journal.in_memory(trio.current_time)
        self._events: list[ev.AnyEvent] = []
        journal.listen(self._heard)
        self.told: list[Effect] = []
        self.commands = Commands(
            directory, _turn, trio.current_time, self.told.append, lambda *_: True, journal
        )
        self._again = again

    def _heard(self, entry: Entry) -> None:
        self._events.append(entry.event)

    async def asks(self, key: str) -> None:
        """Which nobody answers."""
        request = Request("agent.set_available", 1, {"agent": "1001"}, key=key, deadline=0.5)
        if self._again:
            self.commands.carry_out(request, f"door/{len(self.told) + 1}")
        else:
            assert (await self.commands.answer(request))["refused"] == "NO_ANSWER"

    def answers(self, number: int) -> list[str]:
        """So he answers the command of this number now; the keys whose answers are written down."""
        self.commands.reply(f"door/{number}", DONE)
        return [event.key for event in self._events if isinstance(event, ev.CommandAnswered)]


def _turn(what: str, say: Any, *words: Any) -> None:
    say(*words)


@pytest.mark.parametrize("again", [False, True])
async def test_a_late_answer_to_a_key_that_is_forgotten_is_nobodys(autojump_clock, again: bool):
    asking = Asking(again=again)

    await asking.asks("old")
    await trio.sleep(COMMAND_SECONDS + 1)
    await asking.asks("new")

    assert asking.answers(1) == []
    assert asking.answers(2) == ["new"]
    assert asking.commands._waiting == {}


@pytest.mark.parametrize("again", [False, True])
async def test_the_oldest_key_makes_room(autojump_clock, monkeypatch, again: bool):
    monkeypatch.setattr(remembered, "MOST_COMMANDS", 2)
    asking = Asking(again=again)

    for key in ("first", "second", "third"):
        await asking.asks(key)

    assert asking.answers(1) == []
    assert [asking.answers(2), asking.answers(3)] == [["second"], ["second", "third"]]
    assert asking.commands._waiting == {}


@pytest.mark.parametrize("again", [False, True])
async def test_a_key_is_free_for_another_command_when_it_is_forgotten(autojump_clock, again: bool):
    asking = Asking(again=again)

    await asking.asks("k")
    await trio.sleep(COMMAND_SECONDS + 1)
    await asking.asks("k")

    assert len(asking.told) == 2
    assert asking.answers(1) == []
    assert asking.answers(2) == ["k"]
