"""docs/reload.md, cell by cell: the rules change at each point of a call (R20)."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from tests.scenarios.test_hang_up import becomes
from tests.scenarios.test_reload import NO_SUPPORT, requiring, with_skills, without
from tests.scenarios.test_sign_out import reach
from tests.support.centre import Centre, centre

PAGE = Path(__file__).parents[2] / "docs" / "reload.md"
POINTS = ("waiting", "selected", "INVITE sent", "180", "200", "talking", "wrap-up")
CHANGES = {
    "skill taken away": with_skills("1001", {"spanish": 1}),
    "agent removed": without("agents", "1001"),
    "queue removed": NO_SUPPORT,
    "requirement raised": requiring({"english": 9}),
}


def cells() -> list[object]:
    found = []
    changes: list[str] = []
    for line in PAGE.read_text().splitlines():
        row = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| when |"):
            changes = row[1:]
        elif row[0] in POINTS:
            for change, outcome in zip(changes, row[1:], strict=True):
                found.append(pytest.param(row[0], change, outcome, id=f"{row[0]}-{change}"))
    return found


CELLS = cells()


async def outcome_of(point: str, change: str) -> str:
    async with centre() as floor:
        anna = floor.phone("anna")
        if point == "waiting":
            call, offered = await anna.calls_to("2001"), None
            await trio.sleep(5)
            agent = floor.phone("1001")
        else:
            agent = await floor.agent("1001")
            call, offered = await reach(floor, agent, anna, point)
        await floor.reloads(**CHANGES[change])
        if point == "waiting":
            await agent.registers("secret-1001")
        await trio.sleep(1)
        if offered is None:
            offered = next((one for one in agent.calls if one.state == "ringing"), None)
        if offered is not None and offered.state == "ringing":
            agent.answers(offered)
            await trio.sleep(1)
        during = becomes(floor)
        if during != "waits in the queue":
            anna.hangs_up(call)
            await trio.sleep(40)
            floor.check_nothing_is_left()
        state = "gone" if "1001" not in floor.core.live.agents else floor.state("1001")
        return f"{during}; then {state}; the next {await next_call(floor)}"


async def next_call(floor: Centre) -> str:
    ben = floor.phone("ben").dials("2001")
    await ben.wait("talking", "failed", "ended")
    if ben.state != "talking":
        return "is refused"
    await trio.sleep(10)
    return "rings him" if floor.state("1001") == "reserved" else "waits"


@pytest.mark.parametrize(("point", "change", "outcome"), CELLS)
async def test_a_cell(autojump_clock, point, change, outcome) -> None:
    assert await outcome_of(point, change) == outcome


def test_the_page_has_every_cell() -> None:
    assert {cell.values[:2] for cell in CELLS} == {(p, c) for p in POINTS for c in CHANGES}
