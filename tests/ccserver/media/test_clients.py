from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from trio.testing import wait_all_tasks_blocked

from ccserver.media.client import GRACE, MediaClient
from ccserver.media.clients import MediaClients
from ccserver.media.protocol import (
    DOWN,
    Command,
    CreateSession,
    DigitHeard,
    Event,
    GetStatistics,
    Hear,
    ListSessions,
    PortsReady,
    Release,
    SessionCreated,
    SessionRefused,
    Sessions,
    Statistics,
)
from tests.support.media_end import MediaEnd, listed

pytestmark = pytest.mark.usefixtures("autojump_clock")


@pytest.fixture
async def ends(tmp_path: Path) -> AsyncIterator[list[MediaEnd]]:
    ends = [MediaEnd(tmp_path / name) for name in ("media.sock", "media-2.sock")]
    yield ends
    for end in ends:
        end.goes_down()


@pytest.fixture
def heard() -> list[Event]:
    return []


@pytest.fixture
async def media(ends, heard) -> MediaClients:
    media = MediaClients([MediaClient(end.path) for end in ends])

    def hear(event: Event) -> None:
        if not isinstance(event, Sessions):
            heard.append(event)

    media.listen(hear, lambda act: False)
    return media


@pytest.fixture
async def both_up(media, ends, nursery) -> MediaClients:
    nursery.start_soon(media.run)
    for end in ends:
        await end.comes_up()
        await end.frames()
    return media


async def commands(end: MediaEnd) -> list[Command]:
    return [command for frame in await end.frames() for command in frame]


async def test_a_contact_goes_where_the_fewest_sessions_are_and_all_its_legs_with_it(both_up, ends):
    both_up.send(CreateSession("a/0"))
    both_up.send(CreateSession("b/0"))
    both_up.send(CreateSession("a/1"))
    both_up.send(Hear("a/0", ["a/1"]))
    both_up.send(CreateSession("c/0"))

    assert await commands(ends[0]) == [
        CreateSession("a/0"),
        CreateSession("a/1"),
        Hear("a/0", ["a/1"]),
    ]
    assert await commands(ends[1]) == [CreateSession("b/0"), CreateSession("c/0")]


async def test_a_contact_whose_sessions_are_over_may_come_back_elsewhere(both_up, ends):
    for session in ("a/0", "b/0", "c/0"):
        both_up.send(CreateSession(session))
    both_up.send(Release("a/0"))
    both_up.send(Release("c/0"))
    both_up.send(Release("b/0"))
    both_up.send(CreateSession("d/0"))
    both_up.send(CreateSession("a/2"))
    both_up.send(GetStatistics())

    assert CreateSession("d/0") in await commands(ends[0])
    assert CreateSession("a/2") in await commands(ends[1])


async def test_what_concerns_a_session_that_is_nowhere_is_said_to_nobody(both_up, ends):
    both_up.send(Hear("a/0", ["a/1"]))

    assert await commands(ends[0]) == await commands(ends[1]) == []


async def test_a_pair_in_reserve_is_of_the_process_at_which_the_contact_is(ends, nursery):
    both = MediaClients([MediaClient(end.path, ready=2) for end in ends])
    nursery.start_soon(both.run)
    for end, port in zip(ends, (20000, 30000), strict=True):
        await end.comes_up()
        await commands(end)
        await end.says(PortsReady(False, "192.0.2.1", [port, port + 2]))

    taken = [both.take(name, ipv6=False) for name in ("a/0", "b/0", "b/1", "a/1", "a/2")]
    assert taken == [("192.0.2.1", port) for port in (20000, 30000, 30002, 20002)] + [None]
    both.send(CreateSession("b/1", port=30002))
    both.send(Hear("b/1", []))

    assert await commands(ends[1]) == [CreateSession("b/1", port=30002), Hear("b/1", [])]


async def test_a_process_that_dies_costs_the_sessions_it_had_and_no_other(both_up, ends, heard):
    both_up.send(CreateSession("a/0"))
    both_up.send(CreateSession("b/0"))
    await ends[0].says(SessionCreated("a/0", "192.0.2.1", 20000))
    await ends[1].says(SessionCreated("b/0", "192.0.2.1", 30000))
    heard.clear()

    ends[0].goes_down()
    await ends[1].says(DigitHeard("b/0", "5", 100, 0))
    both_up.send(CreateSession("c/0"))
    assert CreateSession("c/0") in await commands(ends[1])
    await ends[0].comes_up()
    await ends[0].says(Sessions([]))

    assert heard == [DigitHeard("b/0", "5", 100, 0), SessionRefused("a/0", DOWN)]
    both_up.send(CreateSession("d/0"))
    assert CreateSession("d/0") in await commands(ends[0])


async def test_each_takes_back_what_an_earlier_core_left_with_it(media, ends, nursery, heard):
    media.adopt(["a/0", "a/1", "b/0"])
    nursery.start_soon(media.run)
    for end in ends:
        await end.comes_up()
    await ends[0].says(Sessions([listed("a/0"), listed("a/1"), listed("old/0")]))
    await ends[1].says(Sessions([listed("b/0")]))

    assert (await media.adopted()).keys() == {"a/0", "a/1", "b/0"}
    media.send(Hear("a/0", ["a/1"]))
    media.send(Hear("b/0", []))
    media.send(CreateSession("a/2"))

    assert heard == []
    assert (await commands(ends[0]))[-3:] == [
        Release("old/0"),
        Hear("a/0", ["a/1"]),
        CreateSession("a/2"),
    ]
    assert (await commands(ends[1]))[-1:] == [Hear("b/0", [])]


async def test_what_none_of_them_has_any_more_is_lost_once_the_last_has_said_so(
    media, ends, nursery, heard
):
    media.adopt(["a/0", "b/0"])
    nursery.start_soon(media.run)
    await ends[0].comes_up()
    await ends[0].says(Sessions([]))
    assert heard == []

    await ends[1].comes_up()
    await ends[1].says(Sessions([listed("b/0")]))

    assert heard == [SessionRefused("a/0", DOWN)]


async def test_a_process_that_never_comes_has_none_of_them(
    media, ends, nursery, heard, autojump_clock
):
    media.adopt(["a/0"])
    nursery.start_soon(media.run)
    await ends[0].comes_up()
    await ends[0].says(Sessions([]))
    autojump_clock.jump(GRACE + 1)
    await wait_all_tasks_blocked()

    assert heard == [SessionRefused("a/0", DOWN)]


async def test_what_is_over_before_it_is_known_where_it_is_is_closed_there(media, ends, nursery):
    media.adopt(["a/0"])
    nursery.start_soon(media.run)
    await ends[0].comes_up()
    await ends[0].says(Sessions([]))
    media.send(Release("a/0"))

    await ends[1].comes_up()
    await ends[1].says(Sessions([listed("a/0")]))
    media.send(GetStatistics())

    assert await commands(ends[1]) == [ListSessions(), Release("a/0"), GetStatistics()]


async def test_figures_of_all_are_told_as_one(both_up, ends, heard):
    def figures(packets: int, lateness: float) -> Statistics:
        ticks = {"0.001": packets, "+Inf": 1}
        return Statistics(
            packets, packets, {"late": 1}, ticks, 0.5, 2, 3, 4, 5, 6, tick_lateness_max=lateness
        )

    await ends[0].says(figures(10, 0.2))
    await ends[1].says(figures(20, 0.1))

    assert heard[0] == figures(10, 0.2)
    assert heard[1] == Statistics(
        *(30, 30, {"late": 2}, {"0.001": 30, "+Inf": 2}, 1.0),
        *(4, 6, 8, 10, 12),
        tick_lateness_max=0.2,
    )
