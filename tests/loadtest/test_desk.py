from __future__ import annotations

from typing import Any

import pytest

from actors import commands as c
from loadtest import desk as d
from loadtest.desks import Reply, destination
from loadtest.engine import CannotStart, Run
from loadtest.result import conclude
from sip.machine import CancelTimer, StartTimer, TimerFired
from tests.support import load
from tests.support.centre import Centre, centre


def tell(machine: d.Desk, *messages: d.Message) -> list[d.Effect]:
    return [effect for message in messages for effect in machine.handle(message)]


def desk(does: str = "transfer") -> d.Desk:
    return d.Desk(d.DeskPlan(does, 2.0))


PAUSE = StartTimer("step", 2.0)
STEP = TimerFired("step")


@pytest.mark.parametrize(
    ("does", "last"),
    [("consult", "end-consult"), ("transfer", "transfer"), ("conference", "conference")],
)
def test_he_finds_the_contact_consults_and_goes_on(does: str, last: str):
    machine = desk(does)

    effects = tell(machine, d.Begin(), STEP, d.Found("c1"), d.Done(), STEP, d.Done())

    assert effects == [
        PAUSE,
        d.Find(),
        d.Command("c1", "consult"),
        PAUSE,
        d.Command("c1", last),
        d.Told(f"{does} done"),
    ]


def test_a_contact_that_is_not_known_yet_is_looked_for_again():
    machine = desk()

    effects = tell(machine, d.Begin(), *[STEP, d.Found(None)] * d.TRIES)

    assert effects.count(d.Find()) == d.TRIES
    assert effects[-1] == d.Told("transfer no contact found")


def test_a_transfer_that_comes_too_soon_is_asked_for_again():
    machine = desk()
    tell(machine, d.Begin(), STEP, d.Found("c1"), d.Done(), STEP)

    assert tell(machine, d.Refused("NOT_ANSWERED")) == [PAUSE]
    assert tell(machine, STEP, d.Done()) == [d.Command("c1", "transfer"), d.Told("transfer done")]


def test_a_consult_that_is_refused_is_let_be():
    machine = desk()

    effects = tell(machine, d.Begin(), STEP, d.Found("c1"), d.Refused("DESTINATION_NOT_FREE"))

    assert effects[-1] == d.Told("transfer refused DESTINATION_NOT_FREE")


def test_his_part_of_a_call_that_he_transfers_may_end_before_he_is_told():
    machine = desk()
    tell(machine, d.Begin(), STEP, d.Found("c1"), d.Done(), STEP)

    assert tell(machine, d.CallEnded(), d.Done()) == [d.Told("transfer done")]


def test_when_the_call_ends_it_is_told_once():
    machine = desk()
    tell(machine, d.Begin(), STEP)

    assert tell(machine, d.CallEnded()) == [CancelTimer("step"), d.Told("transfer cut short")]
    assert tell(machine, d.Found("c1"), STEP, d.CallEnded()) == []


class CoreClient:
    """Asks the core in the same process, as the web process would."""

    def __init__(self, opened: Centre) -> None:
        self._opened = opened
        self.refusals: list[str] = []

    async def sign_in(self, number: int) -> str | None:
        return None

    async def find(self, number: int, user: str) -> str | None:
        contacts = list(self._opened.core.directory.contacts)
        return str(contacts[0]) if contacts else None

    async def command(self, number: int, contact: str, op: str, body: dict[str, Any]) -> Reply:
        commands = {
            "consult": c.Consult(c.ToQueue("support")),
            "end-consult": c.EndConsult(),
            "transfer": c.Transfer(),
            "conference": c.Conference(),
        }
        answer = await self._opened.does(str(number), commands[op])
        return Reply({}, str(answer.code) if hasattr(answer, "code") else None)


@pytest.mark.parametrize("does", ["consults", "transfers", "conferences"])
async def test_agents_do_with_calls_what_the_scenario_says(autojump_clock, does: str):
    api = {"url": "http://nowhere", does: 1.0, "to": "queue:support", "after": 1}
    wanted = load.scenario(
        api=api,
        agents={"count": 2, "answer_after": 0.5, "register_rate": 10},
        arrivals={
            "process": "constant",
            "phases": [{"name": "calm", "seconds": 90, "rate": 1 / 30}],
        },
        callers={"kinds": [{"name": "support", "dial": "2001", "talk": 15}]},
        drain_seconds=60,
    )
    async with centre(routing={"rona_seconds": 5, "wrap_up_seconds": 0}) as opened:
        world = load.world(opened.network)
        world.api = CoreClient(opened)
        outcome = await Run(wanted, world).run()
        opened.check_nothing_is_left()

    done = outcome.desk.get(f"{does.removesuffix('s')} done", 0)
    assert outcome.tally.outcomes == {"handled": 3}
    assert done >= 3, outcome.desk
    assert outcome.tally.offers["answered"] >= 6  # the customer's agents, and those consulted


class Strangers:
    """Everybody is unknown, but agents below ``known``."""

    def __init__(self, known: int) -> None:
        self._known = known

    async def sign_in(self, number: int) -> str | None:
        return None if number < self._known else "NOT_SIGNED_IN"


async def test_a_test_of_desktops_that_nobody_can_use_does_not_begin(autojump_clock):
    api = {"url": "http://nowhere", "consults": 1.0, "to": "queue:support"}
    wanted = load.scenario(api=api, agents={"count": 2, "register_rate": 10})
    async with centre() as opened:
        world = load.world(opened.network)
        world.api = Strangers(0)
        said = "none of 2 agents could sign in at http://nowhere: NOT_SIGNED_IN: 2"
        with pytest.raises(CannotStart, match=said):
            await Run(wanted, world).run()


async def test_agents_without_a_desktop_are_told(autojump_clock):
    api = {"url": "http://nowhere", "to": "queue:support"}
    wanted = load.scenario(api=api, agents={"count": 2, "register_rate": 10}, drain_seconds=120)
    async with centre(routing={"wrap_up_seconds": 0}) as opened:
        world = load.world(opened.network)
        world.api = Strangers(1002)
        outcome = await Run(wanted, world).run()

    assert outcome.without_desk == {"NOT_SIGNED_IN": 1}
    told = "1 of 2 agents could not sign in to the API: NOT_SIGNED_IN: 1"
    assert told in conclude(wanted, outcome, "now").complaints


def test_a_destination_reads_as_the_api_has_it():
    assert destination("queue:support") == {"kind": "queue", "queue": "support"}
