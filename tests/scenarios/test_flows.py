"""docs/flows: each ladder is what really goes over the wire, message by message."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from actors import commands as c
from actors import messages as m
from actors.ids import QueueName
from tests.scenarios.test_consult import CONSULT, consulted, talking
from tests.scenarios.test_monitoring import BOSS, wishes
from tests.scenarios.test_outbound import NUMBER, dials_out, outside
from tests.scenarios.test_transfer import PSTN, TO_1002
from tests.support.centre import DEFAULT, centre
from tests.support.phones import sdp

PAGES = Path(__file__).parents[2] / "docs" / "flows"
UNSHOWN = {"100", "REGISTER", "OPTIONS"}
Arrow = tuple[str, str, str]
Play = Callable[[Any, dict, dict], Awaitable[None]]


def ladders() -> dict[str, list[Arrow]]:
    """Each ladder's arrows, by the heading it stands under: (who, to whom, method or status)."""
    found: dict[str, list[Arrow]] = {}
    for page in sorted(PAGES.glob("*.md")):
        title, names = "", dict[str, str]()
        for line in page.read_text().splitlines():
            if line.startswith("# "):
                title, names = f"{page.stem}: {line[2:]}", {}
            elif participant := re.fullmatch(r" +participant (\w+) as (.*)", line):
                names[participant[1]] = who(participant[2])
                found.setdefault(title, [])
            elif arrow := re.fullmatch(r" +(\w+)->>(\w+): (?!100 )(\w+).*", line):
                found[title].append((names[arrow[1]], names[arrow[2]], arrow[3]))
    return found


def who(described: str) -> str:
    known = {"customer": "anna", "ccserver": "server", "trunk's gateway": "gateway"}
    return known.get(described, described.removesuffix("'s phone"))


LADDERS = ladders()


# --- what is played -------------------------------------------------------------------------------


async def answers(phones, calls, name: str) -> None:
    calls[name] = await phones[name].rings()
    await trio.sleep(0.01)
    phones[name].answers(calls[name])
    await trio.sleep(0.1)


async def consult_and_transfer(floor, phones, calls) -> None:
    await consulted(floor, phones, calls)
    await floor.does("1001", c.Resume())
    await floor.does("1001", c.Resume("consult"))
    await floor.does("1001", c.Transfer())


async def consult_and_end(floor, phones, calls) -> None:
    await consulted(floor, phones, calls)
    await floor.does("1001", c.EndConsult())
    await floor.does("1001", c.Resume())


async def consult_in_vain(floor, phones, calls) -> None:
    await floor.does("1001", CONSULT)
    await trio.sleep(19)


async def hold(floor, phones, calls) -> None:
    for command in (c.Hold(), c.Resume(), c.End()):
        await floor.does("1001", command)


async def phones_own_hold(floor, phones, calls) -> None:
    ada, call = phones["1001"], calls["1001"]
    for direction in ("sendonly", "sendrecv"):
        body = sdp(ada.address[0], 40000, direction)
        await ada.asks(ada.request_in(call, "INVITE", body))
        await trio.sleep(0.1)  # else the next could overtake the ACK


async def confer_and_leave(floor, phones, calls) -> None:
    await consulted(floor, phones, calls)
    await floor.does("1001", c.Conference())
    await floor.does("1001", c.ExitConference())


async def join_early(floor, phones, calls) -> None:
    await floor.does("1001", CONSULT)
    await floor.does("1001", c.Conference())
    await answers(phones, calls, "1002")


async def customer_leaves(floor, phones, calls) -> None:
    phones["anna"].hangs_up(calls["anna"])
    await trio.sleep(1)
    phones["1002"].hangs_up(calls["1002"])


async def transfer(floor, phones, calls) -> None:
    await floor.does("1001", TO_1002)
    await answers(phones, calls, "1002")


async def transfer_declined(floor, phones, calls) -> None:
    await floor.does("1001", TO_1002)
    phones["1002"].rejects(await phones["1002"].rings(), 603)
    await answers(phones, calls, "1001")


async def transfer_to_queue(floor, phones, calls) -> None:
    await floor.does("1001", c.Transfer(c.ToQueue(QueueName("spanish"))))
    await answers(phones, calls, "1003")


async def transfer_to_number(floor, phones, calls) -> None:
    await floor.does("1001", c.Transfer(c.ToNumber(NUMBER)))
    await answers(phones, calls, "gateway")
    phones["gateway"].hangs_up(calls["gateway"])


async def monitor(floor, phones, calls) -> None:
    await floor.does("1009", c.Monitor(), role="supervisor")
    await answers(phones, calls, "1009")
    for command in (
        c.ChangeMonitoring("whisper"),
        c.ChangeMonitoring("barge_in"),
        c.StopMonitoring(),
    ):
        await floor.does("1009", command, role="supervisor")


async def monitor_next(floor, phones, calls) -> None:
    await wishes(floor, c.RequestMonitoring("team", "main"))
    await queued_call(floor, phones, calls)
    await answers(phones, calls, "1009")
    phones["anna"].hangs_up(calls["anna"])


async def queued_call(floor, phones, calls) -> None:
    calls["anna"] = await phones["anna"].calls_to("2001")
    await answers(phones, calls, "1001")


async def queued_call_and_its_end(floor, phones, calls) -> None:
    await queued_call(floor, phones, calls)
    phones["anna"].hangs_up(calls["anna"])


async def nobody_answers(floor, phones, calls) -> None:
    await phones["anna"].calls_to("2001")
    await phones["1001"].rings()
    await answers(phones, calls, "1002")


async def call_from_desktop(floor, phones, calls) -> None:
    await floor.commands("1001", m.PlaceCall(NUMBER))
    await answers(phones, calls, "1001")
    await answers(phones, calls, "gateway")
    phones["gateway"].hangs_up(calls["gateway"])


async def call_from_phone(floor, phones, calls) -> None:
    await dials_out(phones["1001"], NUMBER)
    await answers(phones, calls, "gateway")


async def call_who_is_busy(floor, phones, calls) -> None:
    await dials_out(phones["1001"], NUMBER)
    phones["gateway"].rejects(await phones["gateway"].rings(), 486)


async def call_forbidden(floor, phones, calls) -> None:
    await dials_out(phones["1001"], "0900123")


# --- where it begins ------------------------------------------------------------------------------


@asynccontextmanager
async def they_talk():
    async with talking("1002", "1003", **{**PSTN, **BOSS}) as (floor, phones, calls):
        phones["gateway"] = floor.phone("gateway", "10.0.1.200")
        phones["1009"] = await floor.supervisor("1009")
        yield floor, phones, calls


@asynccontextmanager
async def they_confer():
    async with they_talk() as (floor, phones, calls):
        await consulted(floor, phones, calls)
        await floor.does("1001", c.Conference())
        yield floor, phones, calls


@asynccontextmanager
async def all_is_quiet():
    async with centre(**BOSS) as floor:
        phones = {"1001": await floor.agent("1001"), "anna": floor.phone("anna")}
        phones["1009"] = await floor.supervisor("1009")
        yield floor, phones, {}


@asynccontextmanager
async def two_are_free():
    async with centre(agents=DEFAULT["agents"]) as floor:
        phones = {"1001": await floor.agent("1001"), "anna": floor.phone("anna")}
        await trio.sleep(1)
        phones["1002"] = await floor.agent("1002")
        yield floor, phones, {}


@asynccontextmanager
async def he_may_call():
    async with outside() as (floor, phones):
        yield floor, phones, {}


PLAYS: dict[str, tuple[Any, Play]] = {
    "consult: Consult, and transfer to who was consulted": (they_talk, consult_and_transfer),
    "consult: A consult that ends": (they_talk, consult_and_end),
    "consult: A consult that nobody answers": (they_talk, consult_in_vain),
    "hold: Hold and resume": (they_talk, hold),
    "hold: A phone's own hold": (they_talk, phones_own_hold),
    "conference: A conference, and who controls it leaves": (they_talk, confer_and_leave),
    "conference: Joined before the answer": (they_talk, join_early),
    "conference: The customer leaves: Post Call": (they_confer, customer_leaves),
    "transfer: A blind transfer to an agent": (they_talk, transfer),
    "transfer: A transfer that is declined": (they_talk, transfer_declined),
    "transfer: A transfer to a queue": (they_talk, transfer_to_queue),
    "transfer: A transfer to a number": (they_talk, transfer_to_number),
    "monitoring: A supervisor listens, whispers, barges in": (they_talk, monitor),
    "monitoring: On the next call": (all_is_quiet, monitor_next),
    "queued_call: A queued call": (all_is_quiet, queued_call_and_its_end),
    "queued_call: Nobody answers": (two_are_free, nobody_answers),
    "outbound: An agent calls a customer from his desktop": (he_may_call, call_from_desktop),
    "outbound: From his phone": (he_may_call, call_from_phone),
    "outbound: A number that is busy": (he_may_call, call_who_is_busy),
    "outbound: A number he may not call": (he_may_call, call_forbidden),
}


@pytest.mark.parametrize("title", LADDERS)
async def test_a_ladder(autojump_clock, title: str) -> None:
    opened, play = PLAYS[title]
    async with opened() as (floor, phones, calls):
        begun = len(floor.network.trace)
        await play(floor, phones, calls)
        await trio.sleep(1)
        trace = floor.network.trace[begun:]
        names = {**floor.network.names, ("10.0.0.1", 5060): "server"}
    sent: dict[float, list[Arrow]] = {}
    for d in trace:
        arrow = (names[d.source], names[d.to], first_word(d.data))
        if arrow[2] not in UNSHOWN:
            sent.setdefault(round(d.at, 5), []).append(arrow)
    drawn = LADDERS[title]
    for together in sent.values():  # what goes at one instant has no order
        assert sorted(drawn[: len(together)]) == sorted(together)
        drawn = drawn[len(together) :]
    assert drawn == []


def test_every_ladder_is_played() -> None:
    assert set(PLAYS) == set(LADDERS)


def first_word(data: bytes) -> str:
    """The method, or the status."""
    words = data.split(b"\r\n", 1)[0].decode().split()
    return words[1] if words[0] == "SIP/2.0" else words[0]
