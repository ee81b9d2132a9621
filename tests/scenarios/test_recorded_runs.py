"""A run is written down, and replayed to the same events, bit for bit; what differs is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actors import events as ev
from actors import messages as m
from actors.routing.strategies import Order
from ccserver.core.app import Core
from ccserver.inputs.file import InputsError, recordings
from ccserver.journal.log import Journal
from ccserver.replay import player
from ccserver.replay.player import Replayed
from tests.sim import run as simulation
from tests.sim.swarm import draw
from tests.support.centre import centre
from tests.support.day import random_day
from tests.support.kill_points import Kills, tell
from tests.support.recording import replayed
from tests.support.restarting import MortalCentre, mortal_centre
from tests.support.stories import STORIES, length_of


def in_virtual_time(story: Any, *words: Any) -> Any:
    return trio.run(story, *words, clock=MockClock(autojump_threshold=0))


async def a_day(data: Path, seed: int) -> Journal:
    async with random_day(seed, recorded=data) as floor:
        return floor.core.journal


def check(found: Replayed, journal: Journal) -> None:
    assert found.difference is None, found.difference
    assert found.cut is None
    assert found.left == 0
    assert found.last == journal.last_seq


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_random_day_with_reloads_is_replayed_to_the_same_events(tmp_path: Path, seed: int):
    journal = in_virtual_time(a_day, tmp_path, seed)
    (path,) = recordings(tmp_path)
    found = replayed(path, journal)
    check(found, journal)
    assert found.events == journal.last_seq > 1000
    assert found.contacts == 70
    assert found.seconds > 2700


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
    assert sum(run.events for run in runs) == journal.last_seq


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


def test_another_rule_is_found_and_both_sides_are_shown(tmp_path: Path, monkeypatch):
    journal = in_virtual_time(a_day, tmp_path, 1)
    (path,) = recordings(tmp_path)
    monkeypatch.setattr(Order, "key", lambda self, agent: (0, -agent.since, agent.seq, agent.agent))
    found = replayed(path, journal).difference
    assert found is not None
    assert found.recorded is not None
    assert found.replayed is not None
    assert found.recorded.seq == found.replayed.seq
    assert found.recorded.payload != found.replayed.payload
    assert [event.seq for event in found.before] == list(
        range(found.recorded.seq - 8, found.recorded.seq)
    )
    assert found.cause


def test_a_run_is_replayed_up_to_where_its_recording_was_cut(tmp_path: Path):
    journal = in_virtual_time(a_day, tmp_path, 1)
    (path,) = recordings(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    found = replayed(path, journal)
    assert found.cut is not None
    assert found.difference is None
    assert found.events + found.left == journal.last_seq


def test_a_recording_of_another_version_or_of_no_run_is_refused(tmp_path: Path, monkeypatch):
    journal = in_virtual_time(a_day, tmp_path, 1)
    (path,) = recordings(tmp_path)
    with pytest.raises(InputsError, match="expected a start of the server behind event 0"):
        replayed(path, Journal.in_memory(lambda: 0.0))
    monkeypatch.setattr(player, "__version__", "99.0")
    with pytest.raises(InputsError, match=r"and this is 99\.0: replay it with that version"):
        replayed(path, journal)


@pytest.mark.parametrize("seed", [2, 3, 7])
def test_every_run_of_a_simulated_day_with_faults_crashes_and_deaths_is_replayed(
    tmp_path: Path, monkeypatch, seed: int
):
    floors: list[MortalCentre] = []

    @asynccontextmanager
    async def recorded(**settings: Any) -> AsyncIterator[MortalCentre]:
        async with mortal_centre(recorded=tmp_path, **settings) as floor:
            floors.append(floor)
            yield floor

    monkeypatch.setattr(simulation, "mortal_centre", recorded)
    outcome = simulation.simulate(draw(seed, 4.0))
    assert not outcome.violations, outcome
    assert outcome.deaths
    journal = floors[0].core.journal
    runs = [replayed(path, journal) for path in recordings(tmp_path)]
    assert all(run.is_same for run in runs), runs
    assert sum(run.events for run in runs) == journal.last_seq > 500


async def test_every_event_is_written_within_a_turn(autojump_clock) -> None:
    outside: list[ev.AnyEvent] = []
    async with centre() as floor:
        post = floor.core.post
        floor.core.journal.listen(lambda entry: post.turning or outside.append(entry.event))
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


def test_a_core_that_falls_over_now_is_a_difference(tmp_path: Path, monkeypatch):
    journal = in_virtual_time(a_day, tmp_path, 1)
    (path,) = recordings(tmp_path)

    def fall(self: Core, *_: object) -> None:
        raise ZeroDivisionError("a planted fault")

    monkeypatch.setattr(Core, "_record_configuration", fall)
    found = replayed(path, journal)
    assert found.difference is not None
    assert "a planted fault" in found.difference.text
    assert found.difference.recorded is not None
    assert found.difference.recorded.seq == 2, "the first was the same"
