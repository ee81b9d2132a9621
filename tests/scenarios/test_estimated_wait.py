"""How long a customer is told he will wait, and whether that comes true (proposal 10)."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import trio

from actors import events as ev
from actors.estimate import LEAST
from tests.support.centre import DEFAULT, Centre, centre
from tests.support.restarting import mortal_centre

WAIT = {"say": "estimated_wait", "after_seconds": 10}


def queues(*steps: dict[str, Any], **rest: Any) -> list[dict[str, Any]]:
    first, second = DEFAULT["queues"]
    return [{**first, "treatment": list(steps), **rest}, second]


SIP = {"options_seconds": 0, "max_expires_seconds": 7200}


async def serves_all(c: Centre, name: str, talk: Any) -> None:
    """Every call that rings is answered, and ended after a while."""
    agent = c.phone(name)
    assert await agent.registers(f"secret-{name}", expires=7200) == 200
    while True:
        offered = await agent.rings()
        await trio.sleep(2)
        agent.answers(offered)
        await offered.wait("talking")
        await trio.sleep(talk())
        agent.hangs_up(offered)


async def test_nothing_is_said_of_a_wait_until_something_is_known(autojump_clock) -> None:
    async with centre(queues=queues(WAIT)) as c:
        await c.phone("anna").calls_to("2001")
        await trio.sleep(20)
        assert not c.of(ev.ContactAnnounced)
        assert c.of(ev.ContactQueued)[0].estimate is None


async def test_a_caller_is_told_how_long_he_will_wait_and_waits_so_long(autojump_clock) -> None:
    async with centre(sip=SIP, queues=queues(WAIT)) as c, trio.open_nursery() as nursery:
        nursery.start_soon(serves_all, c, "1001", lambda: 120.0)
        await trio.sleep(1)
        for n in range(LEAST):
            await c.phone(f"early{n}").calls_to("2001")
            await trio.sleep(140)  # with 2 s of ringing and 5 s of wrap-up each is served by then
        for n in range(3):
            await c.phone(f"caller{n}").calls_to("2001")
            await trio.sleep(1)
        await trio.sleep(14)
        last = c.of(ev.ContactQueued)[-1]
        assert last.position == 2, "one talks, and one waits before him"
        said = c.of(ev.ContactAnnounced)[-1]
        assert said.files == tuple(f"en/{piece}.wav" for piece in ("wait-about", "5", "minutes"))
        shown = c.core.live.state()["queues"]["support"]["estimated_wait"]
        assert shown["p50"] == pytest.approx(last.estimate.p50)
        await trio.sleep(400)
        answered = c.of(ev.ContactConnected)[-1]
        assert answered.waited - answered.rang == pytest.approx(last.estimate.p50, rel=0.05)
        nursery.cancel_scope.cancel()


async def test_a_long_wait_sends_callers_elsewhere_as_soon_as_it_is_known(autojump_clock) -> None:
    rule = {"when": "estimated_wait", "seconds": 200, "queue": "spanish"}
    async with (
        centre(sip=SIP, queues=queues(diversions=[rule])) as c,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(serves_all, c, "1001", lambda: 120.0)
        await trio.sleep(1)
        for n in range(LEAST):
            await c.phone(f"early{n}").calls_to("2001")
            await trio.sleep(140)
        for n in range(4):
            await c.phone(f"caller{n}").calls_to("2001")
            await trio.sleep(5)
        queued = [event.queue for event in c.of(ev.ContactQueued)[-4:]]
        assert queued == ["support", "support", "spanish", "spanish"]
        diverted = c.of(ev.ContactDiverted)[0]
        assert diverted.when == "estimated_wait"
        assert diverted.figures.p50 >= 200
        nursery.cancel_scope.cancel()


async def test_over_a_busy_day_half_of_the_waits_are_within_p50_and_nine_of_ten_within_p90(
    autojump_clock,
) -> None:
    """Two agents, callers as they come, conversations of all lengths."""
    random = Random(9)

    def talk() -> float:
        return random.expovariate(1 / 20)

    async with centre(sip=SIP, queues=queues()) as c, trio.open_nursery() as nursery:
        for name in ("1001", "1002"):
            nursery.start_soon(serves_all, c, name, talk)
        await trio.sleep(1)
        phones = [c.phone(f"caller{n}") for n in range(100)]
        for n in range(300):
            call = phones[n % 100].dials("2001")
            nursery.start_soon(call.wait, "talking")
            await trio.sleep(random.expovariate(1 / 16))
        await trio.sleep(600)
        counted = dict(c.core.fold.figures().waiting.estimates["support"])
        nursery.cancel_scope.cancel()
    unknown = counted.pop("unknown")
    known = sum(counted.values())
    assert unknown <= 4 * LEAST
    assert known >= 250
    shares = {outcome: count / known for outcome, count in counted.items()}
    assert 0.4 <= shares["within_p50"] <= 0.85, "whoever does not wait at all is within it, too"
    assert shares["beyond_p90"] <= 0.15, shares


@pytest.mark.parametrize("stage", ["between", "in the talk"])
async def test_what_is_known_of_waits_outlives_the_server(autojump_clock, stage) -> None:
    """A talk that it dies in counts from when it began."""
    async with mortal_centre(sip=SIP) as c, trio.open_nursery() as nursery:
        nursery.start_soon(serves_all, c, "1001", lambda: 120.0)
        await trio.sleep(1)
        for n in range(LEAST):
            await c.phone(f"early{n}").calls_to("2001")
            await trio.sleep(140 if n + 1 < LEAST or stage == "between" else 60)
        before = c.core.folds.past.past.handling
        known = {queue: list(times) for queue, times in before.times.items()}
        await c.restarts()
        await trio.sleep(80)
        after = c.core.folds.past.past.handling.times
        assert len(after["support"]) == LEAST
        assert after["support"][: len(known["support"])] == known["support"]
        assert after["support"] == pytest.approx([127.0] * LEAST, abs=0.1)
        for n in range(2):
            await c.phone(f"caller{n}").calls_to("2001")
            await trio.sleep(3)
        estimate = c.of(ev.ContactQueued)[-1].estimate
        assert estimate is not None
        assert estimate.p50 == pytest.approx(124, abs=5)
        nursery.cancel_scope.cancel()
