"""Somebody sets the clock on the wall while the centre works (S08): nothing is early, late or
negative, and nobody is signed out."""

from __future__ import annotations

import pytest
import trio

from actors import events as ev
from tests.support.network import Datagram, Weather
from tests.support.restarting import mortal_centre

HOUR, YEAR = 3600.0, 365 * 86_400.0
STEPS = [
    pytest.param(1.0, id="a leap second"),
    pytest.param(HOUR, id="an hour on"),
    pytest.param(-HOUR, id="an hour back"),
    pytest.param(2 * YEAR, id="two years on"),
    pytest.param(-2 * YEAR, id="two years back"),
]


@pytest.mark.parametrize("step", STEPS)
async def test_a_clock_that_is_set_makes_nothing_early_late_or_negative_s08(
    autojump_clock, step: float
) -> None:
    """It is set in every state of a call, and back again by the end."""
    async with mortal_centre() as floor:

        async def passes(seconds: float) -> None:
            await trio.sleep(seconds / 2)
            floor.wall.wrong_by = step - floor.wall.wrong_by
            await trio.sleep(seconds / 2)

        agent, anna = floor.phone("1001"), floor.phone("anna")
        assert await agent.registers("secret-1001", expires=100) == 200
        await passes(1.0)
        call = await anna.calls_to("2001")
        offered = await agent.rings()
        await passes(6.0)
        assert offered.state == "ringing"
        agent.answers(offered)
        await passes(20.0)
        anna.hangs_up(call)
        await passes(2.0)
        assert floor.state("1001") == "wrap_up"
        await passes(10.0)
        assert floor.state("1001") == "available"
        assert await agent.registers("secret-1001", expires=100) == 200
        await passes(90.0)
        assert floor.state("1001") == "available"
        await passes(20.0)
        assert floor.state("1001") == "signed_out"

        (connected,) = floor.of(ev.ContactConnected)
        (ended,) = floor.of(ev.ContactEnded)
        assert connected.rang == pytest.approx(6.0, abs=1.1)
        assert ended.talked == pytest.approx(20.0, abs=0.1)
        lasted = [event.lasted for event in floor.of(ev.AgentStateChanged)]
        assert all(0.0 <= one < 110.0 for one in lasted)
        assert len(floor.of(ev.ClockSet)) >= 6
        floor.check_nothing_is_left()


@pytest.mark.parametrize("step", STEPS)
async def test_a_phone_that_was_challenged_before_the_clock_was_set_is_known_after_it_s08(
    autojump_clock, step: float
) -> None:
    async with mortal_centre(weather=Weather(delay=(0.2, 0.2))) as floor:
        challenges = 0

        def sets_the_clock(datagram: Datagram) -> bool:
            nonlocal challenges
            if datagram.data.startswith(b"SIP/2.0 401"):
                challenges += 1
                floor.wall.wrong_by += step
            return False

        floor.network.drop = sets_the_clock
        assert await floor.phone("1001").registers("secret-1001") == 200
        assert challenges == 1
        assert [event.by for event in floor.of(ev.ClockSet)] == [pytest.approx(step)]
