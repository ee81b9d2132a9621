"""A run is written down, and replayed to the same events, bit for bit; what differs is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec import Struct
from msgspec.structs import replace
from trio.testing import MockClock

from actors import events as ev
from actors import messages as m
from actors.base import Post
from actors.effects import ReplyTo
from actors.routing.strategies import Order
from ccserver.cli.replaying import shown
from ccserver.core.app import Core
from ccserver.core.effects import Effects
from ccserver.inputs.file import InputsError, recordings
from ccserver.journal.log import Journal
from ccserver.media import protocol as media
from ccserver.replay import player
from ccserver.replay.player import Replayed
from ccserver.replay.said import Message
from sip.message import Response
from sip.transport.listeners import Listeners
from sip.transport.path import Path as Way
from tests.support.centre import centre
from tests.support.day import random_day
from tests.support.kill_points import Kills, tell
from tests.support.network import MemoryTransport
from tests.support.recording import replayed
from tests.support.restarting import mortal_centre
from tests.support.stories import STORIES, length_of


def in_virtual_time(story: Any, *words: Any) -> Any:
    return trio.run(story, *words, clock=MockClock(autojump_threshold=0))


async def a_day(data: Path, seed: int) -> Journal:
    async with random_day(seed, recorded=data) as floor:
        return floor.core.journal


class Day(Struct, frozen=True):
    journal: Journal
    path: Path
    """Of its inputs."""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """One for many tests: none of them changes it."""
    data = tmp_path_factory.mktemp("day")
    journal = in_virtual_time(a_day, data, 1)
    (path,) = recordings(data)
    return Day(journal, path)


def check(found: Replayed, journal: Journal) -> None:
    assert found.difference is None, found.difference
    assert found.cut is None
    assert found.left == 0
    assert found.last == journal.last_seq


@pytest.mark.parametrize("seed", [2, 3])
def test_a_random_day_with_reloads_is_replayed_to_the_same_events(tmp_path: Path, seed: int):
    journal = in_virtual_time(a_day, tmp_path, seed)
    (path,) = recordings(tmp_path)
    found = replayed(path, journal)
    check(found, journal)
    assert found.part.events == journal.last_seq > 1000
    assert found.part.contacts == 70
    assert found.part.seconds > 2700


@pytest.mark.parametrize("name", STORIES)
def test_every_run_of_a_server_that_is_killed_twice_is_replayed(tmp_path: Path, name: str):
    story, settings = STORIES[name]
    length = in_virtual_time(length_of, story, settings)

    async def tells() -> Any:
        return await tell(story, Kills([length // 3, length // 3]), recorded=tmp_path, **settings)

    journal = in_virtual_time(tells).core.journal
    runs = [replayed(path, journal) for path in recordings(tmp_path)]
    assert len(runs) == 3
    assert all(run.difference is None and run.left == 0 for run in runs), runs
    assert sum(run.part.events for run in runs) == journal.last_seq


def test_a_clock_that_was_set_is_set_again(tmp_path: Path):
    async def day() -> Journal:
        async with mortal_centre(recorded=tmp_path) as floor:
            await floor.agent("1001")
            floor.wall.wrong_by -= 3600.0
            await trio.sleep(10)
            assert floor.of(ev.ClockSet)
            await floor.commands("1001", m.SetIdle("lunch"))
            await trio.sleep(10)
            return floor.core.journal

    journal = in_virtual_time(day)
    (path,) = recordings(tmp_path)
    check(replayed(path, journal), journal)


def test_another_rule_is_found_and_both_sides_are_shown(day: Day, monkeypatch):
    monkeypatch.setattr(Order, "key", lambda self, agent: (0, -agent.since, agent.seq, agent.agent))
    found = replayed(day.path, day.journal).difference
    assert found is not None
    assert found.recorded is not None
    assert found.replayed is not None
    assert found.recorded.seq == found.replayed.seq
    assert found.recorded.payload != found.replayed.payload
    assert [event.seq for event in found.before] == list(
        range(found.recorded.seq - 8, found.recorded.seq)
    )
    assert found.cause


def test_another_message_is_found_and_shown_where_no_event_is_another(day: Day, monkeypatch):
    encode = Response.encode
    monkeypatch.setattr(
        Response, "encode", lambda self: encode(self).replace(b"200 OK", b"200 Working")
    )
    found = replayed(day.path, day.journal).difference
    assert found is not None
    assert found.recorded is None
    assert found.said is not None
    assert isinstance(found.said.replayed, Message)
    assert found.said.replayed.data.startswith(b"SIP/2.0 200 Working\r\n")
    assert found.text == "a message is another than then"
    said = shown(found)
    assert "    SIP/2.0 200 Working\n" in said
    assert f"of {found.said.recorded} of this turn" in said


@pytest.mark.parametrize(
    ("count", "text"), [(2, "a message is sent that was not sent then"), (0, "is not sent")]
)
def test_a_message_too_many_and_one_too_few_are_found(day: Day, monkeypatch, count: int, text: str):
    send, sent = Listeners.send, list[bytes]()

    def another(self: Listeners, data: bytes, way: Way) -> None:
        first = data.startswith(b"ACK ") and b"ACK" not in sent  # nothing else is sent in its turn
        sent.append(data[:3])
        for _ in range(count if first else 1):
            send(self, data, way)

    monkeypatch.setattr(Listeners, "send", another)
    run = replayed(day.path, day.journal)
    assert run.difference is not None
    assert text in run.difference.text
    assert run.part.messages == sent.index(b"ACK") + (count > 0)


def test_another_command_to_the_media_process_is_found(day: Day, monkeypatch):
    to_media = Effects._to_media

    def louder(self: Effects, command: media.Command) -> None:
        loops = isinstance(command, media.Play) and command.loop
        to_media(self, replace(command, loop=False) if loops else command)

    monkeypatch.setattr(Effects, "_to_media", louder)
    found = replayed(day.path, day.journal).difference
    assert found is not None
    assert found.text == "a command to the media process is another than then"
    assert "\n  replayed: Play(session=" in shown(found)
    assert "\n  recorded: command or answer 3 of " in shown(found)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (2, "an answer to a command is sent that was not sent then"),
        (0, "or an answer to a command, that was sent then is not sent"),
    ],
)
def test_an_answer_too_many_and_one_too_few_are_found(day: Day, monkeypatch, count: int, text: str):
    reply, times = Effects._reply_to, iter([1, 1, count, *[1] * 10_000])

    def another(self: Effects, actor: object, effect: ReplyTo) -> None:
        for _ in range(next(times)):
            reply(self, actor, effect)

    monkeypatch.setattr(Effects, "_reply_to", another)
    found = replayed(day.path, day.journal).difference
    assert found is not None
    assert text in found.text


def test_a_part_is_replayed_behind_what_led_to_it_and_counted_apart(day: Day):
    times = [entry.at / 1e6 for entry in day.journal.read(0, 100_000)]
    begin, end = times[len(times) // 3] + 0.01, times[len(times) // 2] + 0.01
    heard: list[float] = []
    found = replayed(day.path, day.journal, since=begin, until=end, tick=heard.append)
    assert found.is_same
    assert found.part.events == sum(begin <= at < end for at in times) > 100
    assert found.before.events == sum(at < begin for at in times)
    assert found.part.seconds == pytest.approx(end - begin, abs=60)
    assert heard == sorted(heard)
    assert times[0] < heard[0] <= heard[-1] < end


def test_a_run_is_replayed_up_to_where_its_recording_was_cut(day: Day, tmp_path: Path):
    whole = day.path.read_bytes()
    part = tmp_path / day.path.name
    part.write_bytes(whole[: len(whole) // 2])
    found = replayed(part, day.journal)
    assert found.cut is not None
    assert found.difference is None
    assert found.part.events + found.left == day.journal.last_seq


def test_a_recording_of_another_version_or_of_no_run_is_refused(day: Day, monkeypatch):
    with pytest.raises(InputsError, match="expected a start of the server behind event 0"):
        replayed(day.path, Journal.in_memory(lambda: 0.0))
    monkeypatch.setattr(player, "__version__", "99.0")
    with pytest.raises(InputsError, match=r"and this is 99\.0: replay it with that version"):
        replayed(day.path, day.journal)


async def test_every_event_is_written_and_everything_is_said_within_a_turn(
    autojump_clock, monkeypatch
) -> None:
    outside: list[ev.AnyEvent | bytes | media.Command] = []
    posts: list[Post] = []
    send, to_media = MemoryTransport.send, Effects._to_media

    def note(said: ev.AnyEvent | bytes | media.Command) -> None:
        if not posts[0].turning:
            outside.append(said)

    def sent(self: MemoryTransport, data: bytes, path: Way) -> None:
        note(data)
        send(self, data, path)

    def commanded(self: Effects, command: media.Command) -> None:
        note(command)
        to_media(self, command)

    monkeypatch.setattr(Effects, "_to_media", commanded)
    async with centre() as floor:
        posts.append(floor.core.post)
        floor.core.journal.listen(lambda entry: note(entry.event))
        monkeypatch.setattr(MemoryTransport, "send", sent)
        agent = await floor.agent("1001")
        customer = floor.phone("anna").dials("2001")
        call = await agent.rings()
        agent.answers(call)
        await trio.sleep(5)
        await floor.reloads(idle_codes=["tea"])
        customer.phone.hangs_up(customer)
        await trio.sleep(60)
        await floor.core.drain(trio.CancelScope())
        assert len(floor.events) > 15
    assert outside == []


def test_a_core_that_falls_over_now_is_a_difference(day: Day, monkeypatch):

    def fall(self: Core, *_: object) -> None:
        raise ZeroDivisionError("a planted fault")

    monkeypatch.setattr(Core, "_record_configuration", fall)
    found = replayed(day.path, day.journal)
    assert found.difference is not None
    assert "a planted fault" in found.difference.text
    assert found.difference.recorded is not None
    assert found.difference.recorded.seq == 2, "the first was the same"


def test_a_difference_names_the_input_behind_which_it_came_and_not_a_later_one(
    day: Day, monkeypatch
):
    configure = Core._record_configuration

    def differently(self: Core, by: str, changes: tuple[ev.ConfigurationChange, ...] = ()) -> int:
        return configure(self, "reload" if by == "start" else by, changes)

    monkeypatch.setattr(Core, "_record_configuration", differently)
    found = replayed(day.path, day.journal).difference
    assert found is not None
    assert found.cause == "start"
