"""docs/sign-out.md, cell by cell: an agent signs out, goes idle or loses his phone (R12)."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from actors import messages as m
from actors.effects import TellAgent
from actors.ids import AgentId
from tests.scenarios.test_hang_up import becomes
from tests.support.centre import Answers, centre

PAGE = Path(__file__).parents[2] / "docs" / "sign-out.md"
POINTS = ("selected", "INVITE sent", "180", "200", "ACK", "talking", "wrap-up")
ACTS = {"sign-out": m.SignOut(), "idle": m.SetIdle("lunch"), "unregisters": None}


def cells() -> list[object]:
    found = []
    acts: list[str] = []
    for line in PAGE.read_text().splitlines():
        row = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| when |"):
            acts = row[1:]
        elif row[0] in POINTS:
            for act, outcome in zip(acts, row[1:], strict=True):
                found.append(pytest.param(row[0], act, outcome, id=f"{row[0]}-{act}"))
    return found


CELLS = cells()


async def reach(floor, agent, anna, point: str):
    """The call as far as ``point``; gives the agent's call, if his phone has one."""
    if point in ("selected", "INVITE sent"):
        agent.silent = True
    call = anna.dials("2001")
    await call.wait("talking")
    while floor.state("1001") != "reserved":  # noqa: ASYNC110  (virtual time)
        await trio.sleep(0.0005)
    agent.silent = False
    if point == "selected":
        return call, None
    await trio.sleep(0.002)
    if point == "INVITE sent":
        return call, None
    offered = await agent.rings()
    await trio.sleep(0.01)
    if point == "180":
        return call, offered
    agent.answers(offered)
    if point == "200":
        await trio.sleep(0.0005)
        return call, offered
    if point == "ACK":
        await trio.sleep(0.0015)
        return call, offered
    await trio.sleep(5)
    if point == "wrap-up":
        anna.hangs_up(call)
        await trio.sleep(1)
    return call, offered


async def command(floor, wish) -> str | None:
    """The reason of a refusal, or None: it was done."""
    answers = Answers()
    floor.core.directory.contacts["asked"] = answers
    received = m.AgentCommandReceived(wish, "asked")
    floor.core.effects.perform(TellAgent(AgentId("1001"), received))
    answer = await answers.first()
    del floor.core.directory.contacts["asked"]
    return answer.code.value if isinstance(answer, m.Refused) else None


async def outcome_of(point: str, act: str) -> str:
    async with centre() as floor:
        agent, anna = await floor.agent("1001"), floor.phone("anna")
        call, offered = await reach(floor, agent, anna, point)
        if ACTS[act] is None:
            assert await agent.registers("secret-1001", expires=0) == 200
            said = None
        else:
            said = await command(floor, ACTS[act])
        await trio.sleep(1)
        if point in ("selected", "INVITE sent", "180") and offered is None:
            offered = next((one for one in agent.calls if one.state == "ringing"), None)
        if offered is not None and offered.state == "ringing":
            agent.answers(offered)
            await trio.sleep(1)
        during = becomes(floor)
        anna.hangs_up(call)
        await trio.sleep(40)
        floor.check_nothing_is_left()
        refused = f"refused {said}; " if said else ""
        return f"{refused}{during}; then {floor.state('1001')}"


@pytest.mark.parametrize(("point", "act", "outcome"), CELLS)
async def test_a_cell(autojump_clock, point, act, outcome) -> None:
    assert await outcome_of(point, act) == outcome


def test_the_page_has_every_cell() -> None:
    assert {cell.values[:2] for cell in CELLS} == {(p, a) for p in POINTS for a in ACTS}
