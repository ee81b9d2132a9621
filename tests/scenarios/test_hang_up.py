"""docs/hang-up.md, cell by cell: who hangs up when, and what becomes of the others (D04)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from actors import commands as c
from actors.contact_states import Seeking, Talking
from actors.ids import AgentId, QueueName
from tests.scenarios.test_consult import CONSULT, consulted, talking

PAGE = Path(__file__).parents[2] / "docs" / "hang-up.md"
WHO = {"customer": "anna", "who consults": "1001", "consulted": "1002"}
Point = Callable[[Any, dict, dict], Awaitable[None]]


async def asked(floor, phones, calls) -> None:
    """The command has been given; the phone has not been called."""
    await floor.does("1001", c.Consult(c.ToQueue(QueueName("spanish"))))


async def invited(floor, phones, calls) -> None:
    """The INVITE is under way: nothing has come back."""
    phones["1002"].silent = True
    await floor.does("1001", CONSULT)
    phones["1002"].silent = False


async def rings(floor, phones, calls) -> None:
    await consulted(floor, phones, calls, answers=False)


async def answering(floor, phones, calls) -> None:
    """The 200 has come; its ACK has not arrived."""
    await rings(floor, phones, calls)
    phones["1002"].answers(calls["1002"])
    await trio.sleep(0.0015)


async def consulting(floor, phones, calls) -> None:
    await consulted(floor, phones, calls)


async def consult_on_hold(floor, phones, calls) -> None:
    await consulting(floor, phones, calls)
    await floor.does("1001", c.Resume())


async def both_on_hold(floor, phones, calls) -> None:
    await consult_on_hold(floor, phones, calls)
    await floor.does("1001", c.Hold())


async def joining(floor, phones, calls) -> None:
    """Conference before the answer."""
    await rings(floor, phones, calls)
    await floor.does("1001", c.Conference())


async def conference(floor, phones, calls) -> None:
    await consulting(floor, phones, calls)
    await floor.does("1001", c.Conference())


async def transferring(floor, phones, calls) -> None:
    """Transfer before the answer: 1001 has left."""
    await rings(floor, phones, calls)
    await floor.does("1001", c.Transfer())


async def transferred(floor, phones, calls) -> None:
    await consulting(floor, phones, calls)
    await floor.does("1001", c.Transfer())


async def ended(floor, phones, calls) -> None:
    """The consult is over, the customer on hold."""
    await consulting(floor, phones, calls)
    await floor.does("1001", c.EndConsult())


POINTS: dict[str, Point] = {
    "asked": asked,
    "invited": invited,
    "rings": rings,
    "answering": answering,
    "consulting": consulting,
    "consult on hold": consult_on_hold,
    "both on hold": both_on_hold,
    "joining": joining,
    "conference": conference,
    "transferring": transferring,
    "transferred": transferred,
    "consult ended": ended,
}


def cells() -> list[object]:
    found = []
    parties: list[str] = []
    for line in PAGE.read_text().splitlines():
        row = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| when |"):
            parties = row[1:]
        elif row[0] in POINTS:
            for who, outcome in zip(parties, row[1:], strict=True):
                found.append(pytest.param(row[0], who, outcome, id=f"{row[0]}-{who}"))
    return found


CELLS = cells()


def becomes(floor) -> str:
    """What is left of the contact, in the words of the page."""
    if not floor.core.directory.contacts:
        return "over"
    match floor.contact.state:
        case Seeking(search):
            goal = type(search.goal).__name__
            return "waits in the queue" if goal == "InQueue" else "waits for 1002"
        case Talking(control):
            others = [p.name for p in control.talk.parties if p.kind != "customer"]
            return f"{control.talk.state().replace('_', ' ')}: {', '.join(others)}"
    raise AssertionError(floor.contact.state)


async def hangs_up(phones, calls, name: str) -> None:
    """As a phone does it in the state it is in; one that is not called turns off."""
    call = calls.get(name)
    if call is None:
        ringing = [one for one in phones[name].calls if one.state == "ringing"]
        if ringing:
            phones[name].rejects(ringing[0], 603)
        else:
            phones[name].loses_power()
    elif call.state == "ringing":
        phones[name].rejects(call, 603)
    elif call.state == "answering":  # no BYE before the ACK (RFC 3261 §15)
        phones[name].hangs_up(await call.wait("talking"))
    elif call.state != "ended":
        phones[name].hangs_up(call)


@pytest.mark.parametrize(("point", "who", "outcome"), CELLS)
async def test_a_cell(autojump_clock, point, who, outcome) -> None:
    async with talking("1002") as (floor, phones, calls):
        await POINTS[point](floor, phones, calls)
        await hangs_up(phones, calls, WHO[who])
        await trio.sleep(3)
        assert becomes(floor) == outcome
        if outcome != "over" and isinstance(floor.contact.state, Talking):
            for name, heard in floor.ears().items():
                assert heard or name == "1001", f"{name} hears nothing"
        phones["anna"].hangs_up(calls["anna"])
        for name in ("1001", "1002"):
            for call in phones[name].calls:
                if call.state == "talking":
                    phones[name].hangs_up(call)
        await trio.sleep(60)
        floor.check_nothing_is_left()


def test_the_page_has_every_cell() -> None:
    assert {cell.values[0] for cell in CELLS} == set(POINTS)
    assert len(CELLS) == 36


async def test_a_lost_phone_is_no_hang_up(autojump_clock) -> None:
    """The agent's own phone falls silent in the middle of a consult: nobody stays on hold."""
    async with talking("1002") as (floor, phones, calls):
        await consulting(floor, phones, calls)
        floor.media.falls_silent(floor.talk.by_agent(AgentId("1001")).leg)
        await trio.sleep(1)
        assert floor.ears() == {"customer": {"1002"}, "1002": {"customer"}}
        assert floor.state("1001") == "idle:phone_lost"
