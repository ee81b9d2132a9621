from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from ccserver.media.client import GRACE, MOST_COMMANDS, ORPHANS_EVERY, MediaClient
from ccserver.media.protocol import (
    DOWN,
    CreateSession,
    DigitHeard,
    Event,
    GetStatistics,
    Hear,
    KeepReady,
    ListSessions,
    PortsReady,
    Release,
    SessionCreated,
    SessionRefused,
    SessionReleased,
    Sessions,
    SetRemote,
    StopPlay,
)
from tests.support.media_end import MediaEnd, listed


@pytest.fixture
async def media(tmp_path: Path) -> AsyncIterator[MediaEnd]:
    end = MediaEnd(tmp_path / "media.sock")
    yield end
    end.goes_down()


@pytest.fixture
def heard() -> list[Event]:
    return []


@pytest.fixture
async def client(media, heard, nursery) -> MediaClient:
    client = MediaClient(media.path, heard.append)
    nursery.start_soon(client.run)
    await wait_all_tasks_blocked()
    return client


async def test_commands_of_one_pass_travel_in_one_frame(autojump_clock, client, media):
    await media.comes_up()
    assert await media.frames() == [[ListSessions()]]

    client.send(CreateSession("a"))
    client.send(CreateSession("b"))
    client.send(Hear("a", ["b"]))

    assert await media.frames() == [[CreateSession("a"), CreateSession("b"), Hear("a", ["b"])]]


async def test_commands_of_one_turn_travel_in_one_frame_as_it_ends(
    autojump_clock, client, media, heard
):
    await media.comes_up()
    await media.frames()
    ends: list[Callable[[], None]] = []
    client.listen(heard.append, lambda act: ends.append(act) is None)

    client.send(CreateSession("a"))
    client.send(Hear("a", ["b"]))
    assert await media.frames() == []
    (end,) = ends
    end()

    assert await media.frames() == [[CreateSession("a"), Hear("a", ["b"])]]


async def test_what_a_full_socket_does_not_take_is_sent_later_in_its_order(
    autojump_clock, client, media, heard
):
    await media.comes_up()
    await media.frames()
    ends: list[Callable[[], None]] = []
    client.listen(heard.append, lambda act: ends.append(act) is None)

    sessions = [f"{number:05}" for number in range(5000)]
    for session in sessions:
        client.send(CreateSession(session))
        while ends:
            ends.pop()()
    arrived = []
    while frames := await media.frames():
        arrived += [command.session for frame in frames for command in frame]

    assert arrived == sessions


@pytest.fixture
async def client_with_reserve(media, heard, nursery) -> MediaClient:
    client = MediaClient(media.path, heard.append, ready=2)
    nursery.start_soon(client.run)
    await media.comes_up()
    assert await media.frames() == [[ListSessions(), KeepReady(2)]]
    await media.says(PortsReady(False, "192.0.2.1", [20000, 20002]))
    return client


async def test_each_pair_in_reserve_is_had_once_and_nobody_is_told_of_it(
    autojump_clock, client_with_reserve, media, heard
):
    taken = [client_with_reserve.take(name, ipv6=False) for name in ("a", "b", "c")]

    assert taken == [("192.0.2.1", 20000), ("192.0.2.1", 20002), None]
    assert client_with_reserve.take("d", ipv6=True) is None
    assert await media.frames() == []
    assert heard == []


async def test_a_session_on_a_pair_in_reserve_goes_in_one_frame_with_what_follows(
    autojump_clock, client_with_reserve, media
):
    ends: list[Callable[[], None]] = []
    client_with_reserve.listen(lambda event: None, lambda act: ends.append(act) is None)

    client_with_reserve.send(CreateSession("a", port=20000))
    client_with_reserve.send(Hear("a", ["bert"]))
    (end,) = ends
    end()

    assert await media.frames() == [[CreateSession("a", port=20000), Hear("a", ["bert"])]]


async def test_what_nobody_can_hear_yet_or_any_more_waits_for_other_commands(
    autojump_clock, client_with_reserve, media
):
    new, gone = CreateSession("a", port=20000), Release("gone")
    to_a = SetRemote("a", "192.0.2.9", 4000, "PCMU", 0, None, "sendrecv")

    client_with_reserve.send(new)
    client_with_reserve.send(to_a)
    client_with_reserve.send(gone)
    assert await media.frames() == []
    client_with_reserve.send(Hear("a", ["b"]))

    assert await media.frames() == [[new, to_a, gone, Hear("a", ["b"])]]


async def test_another_address_of_a_session_that_is_heard_does_not_wait(
    autojump_clock, client_with_reserve, media
):
    client_with_reserve.send(CreateSession("a", port=20000))
    client_with_reserve.send(Hear("a", ["b"]))
    await media.frames()
    moved = SetRemote("a", "192.0.2.9", 4002, "PCMU", 0, None, "sendrecv")

    client_with_reserve.send(moved)

    assert await media.frames() == [[moved]]


async def test_what_is_released_last_is_said_before_the_client_ends(autojump_clock, media):
    client = MediaClient(media.path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.run)
        await media.comes_up()
        await media.frames()
        client.send(Release("a"))
        nursery.cancel_scope.cancel()

    assert await media.frames() == [[Release("a")]]


async def test_a_session_on_no_pair_of_the_reserve_is_asked_for_at_once(
    autojump_clock, client_with_reserve, media
):
    client_with_reserve.send(CreateSession("a", ipv6=True))

    assert await media.frames() == [[CreateSession("a", ipv6=True)]]


async def test_a_reserve_goes_with_the_process_that_had_it(
    autojump_clock, client_with_reserve, media
):
    media.goes_down()
    await media.comes_up()
    await media.frames()

    assert client_with_reserve.take("a", ipv6=False) is None


async def test_that_a_session_is_over_as_it_was_told_to_be_is_no_news(
    autojump_clock, client, media, heard
):
    await media.comes_up()

    await media.says(SessionReleased("a", 0, 0, 0, 0.0), DigitHeard("b", "5", 100, 0))

    assert heard == [DigitHeard("b", "5", 100, 0)]


async def test_events_are_told(autojump_clock, client, media, heard):
    await media.comes_up()

    await media.says(DigitHeard("a", "5", 100, 0), SessionCreated("b", "::1", 20000))

    assert heard == [DigitHeard("a", "5", 100, 0), SessionCreated("b", "::1", 20000)]


async def test_without_a_media_process_a_session_is_refused_and_all_else_dropped(
    autojump_clock, client, heard
):
    client.send(CreateSession("a"))
    client.send(StopPlay("a"))

    assert heard == []  # not from within send
    await wait_all_tasks_blocked()
    assert heard == [SessionRefused("a", DOWN)]
    assert client.dropped == 2


async def test_sessions_survive_a_short_loss_of_the_connection(
    autojump_clock, client, media, heard
):
    await media.comes_up()
    client.send(CreateSession("a"))
    await media.frames()
    media.goes_down()

    await media.comes_up()
    await media.says(Sessions([listed("a")]))

    assert client.connected
    assert [event for event in heard if isinstance(event, SessionRefused)] == []


async def test_sessions_that_a_new_process_does_not_know_are_lost(
    autojump_clock, client, media, heard
):
    await media.comes_up()
    for name in ("a", "b", "c"):
        client.send(CreateSession(name))
    client.send(Release("c"))
    await media.frames()
    media.goes_down()
    await media.comes_up()
    client.send(CreateSession("new"))

    await media.says(Sessions([listed("a")], last=False))
    assert not any(isinstance(event, SessionRefused) for event in heard)
    await media.says(Sessions([]))

    assert [event for event in heard if isinstance(event, SessionRefused)] == [
        SessionRefused("b", DOWN)
    ]


async def test_sessions_are_lost_when_no_process_comes_back(autojump_clock, client, media, heard):
    await media.comes_up()
    client.send(CreateSession("a"))
    await media.frames()
    media.goes_down()

    await trio.sleep(GRACE - 1)
    assert heard == []
    await trio.sleep(3)

    assert heard == [SessionRefused("a", DOWN)]


async def test_what_an_earlier_core_left_goes_on_until_it_is_silent(autojump_clock, client, media):
    await media.comes_up()
    await media.frames()
    await media.says(Sessions([listed("talking"), listed("over", silent=True)]))
    client.send(GetStatistics())
    assert await media.frames() == [[Release("over"), GetStatistics()]]

    await trio.sleep(ORPHANS_EVERY + 1)
    assert await media.frames() == [[ListSessions()]]
    await media.says(Sessions([listed("talking", silent=True)]))
    client.send(GetStatistics())

    assert await media.frames() == [[Release("talking"), GetStatistics()]]


async def test_a_process_that_does_not_read_holds_nobody_up(autojump_clock, client, media, heard):
    await media.comes_up()
    for _ in range(5):
        for _ in range(MOST_COMMANDS):
            client.send(StopPlay("x" * 100))
        await wait_all_tasks_blocked()
    client.send(CreateSession("a"))
    await wait_all_tasks_blocked()

    assert client.dropped > MOST_COMMANDS
    assert heard == [SessionRefused("a", DOWN)]


async def test_a_process_that_talks_nonsense_is_left(autojump_clock, client, media):
    await media.comes_up()
    assert media._connection is not None

    media._connection.send(b"\xc1")
    await trio.sleep(0.01)

    assert not client.connected
