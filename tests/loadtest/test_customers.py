from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio

from loadtest import caller as c
from loadtest.arrivals import Arrival
from loadtest.audio_port import NoAudio
from loadtest.customers import CustomerCall, Customers
from loadtest.tally import Tally
from sip.machine import TimerFired
from sip.offer_answer import Local
from tests.support import load

if TYPE_CHECKING:
    from loadtest.line import Line

AGENTS = {"count": 1, "answer_after": 2, "register_rate": 10}


class SilentLeg:
    """Of a server that says nothing by itself."""

    invited_at = challenge = None

    def hang_up(self) -> None:
        """It is not answered."""


class SilentLine:
    def __init__(self) -> None:
        self.keyed_timers = self
        self.calls: list[CustomerCall] = []

    def dial(self, dialled: str, number: str, call: CustomerCall, headers: object) -> SilentLeg:
        self.calls.append(call)
        return SilentLeg()

    def arm(self, *_: Any) -> None:
        """What the test wants to fire, it tells."""

    cancel = arm


@pytest.fixture
def tally(autojump_clock) -> Tally:
    return Tally(0.0, 60.0)


def callers(tally: Tally, count: int) -> tuple[Customers, list[CustomerCall]]:
    """They wait for an agent, in their order."""
    line = SilentLine()
    audio: Any = NoAudio(Local(load.HOST, 40_000))
    scenario = load.scenario(agents=AGENTS)
    customers = Customers(scenario, cast("Line", line), audio, tally, Random(0))
    for _ in range(count):
        customers.arrive(Arrival(0.0, 0), trio.current_time(), measured=True)
        line.calls[-1].hear(c.Answered())
    return customers, line.calls


async def test_who_is_rung_for_before_an_earlier_caller_has_passed_him(tally):
    customers, calls = callers(tally, 3)

    for call in (calls[1], calls[0], calls[2]):
        customers.ringing_for(call.number, trio.current_time())

    assert (tally.rung, tally.overtaken) == (3, 1)


async def test_who_hangs_up_is_passed_by_nobody(tally):
    """His BYE and the INVITE for the next one cross: they come by two sockets."""
    customers, (leaving, behind) = callers(tally, 2)
    leaving.hear(TimerFired("patience"))

    customers.ringing_for(behind.number, trio.current_time())

    assert (tally.rung, tally.overtaken) == (1, 0)
