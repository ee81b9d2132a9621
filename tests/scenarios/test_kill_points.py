"""The server dies at every event of a story and behind every datagram that it sends (S02), without
its last events on the disk (S03), and again and again as it comes back (S04): nobody is lost,
nobody is left in a silent call, nothing ends twice, all counts agree."""

from __future__ import annotations

from random import Random

import pytest

from ccserver.journal import folds, pieces
from tests.support.kill_points import Kills, tell
from tests.support.stories import STORIES, length_of, lengths_of

STEP = 3
"""Of so many kill points one is tried here; ``python -m tests.support.killing`` tries them all."""


@pytest.fixture(autouse=True)
def _checkpoints(monkeypatch) -> None:
    """Every few events, so that most runs begin at one; in pieces, so that many are cut short."""
    monkeypatch.setattr(folds, "EVERY", 5)
    monkeypatch.setattr(folds, "AT_ONCE", 12)
    monkeypatch.setattr(pieces, "ENTRIES", 4)


@pytest.mark.parametrize("name", STORIES)
async def test_the_server_dies_at_every_event(autojump_clock, name: str) -> None:
    story, settings = STORIES[name]
    for point in range(3, await length_of(story, settings) + 1, STEP):
        try:
            await tell(story, Kills([point]), **settings)
        except BaseException:
            print(f"{name}, killed at event {point}")
            raise


@pytest.mark.parametrize("name", STORIES)
async def test_the_server_dies_behind_every_datagram(autojump_clock, name: str) -> None:
    """What has left the server follows from what its next run knows."""
    story, settings = STORIES[name]
    _, datagrams = await lengths_of(story, settings)
    for point in range(3, datagrams + 1, STEP):
        try:
            await tell(story, Kills([], sent=point), **settings)
        except BaseException:
            print(f"{name}, killed behind datagram {point}")
            raise


@pytest.mark.parametrize("name", STORIES)
async def test_power_fails_and_the_last_events_are_lost(autojump_clock, name: str) -> None:
    story, settings = STORIES[name]
    random = Random(name)
    length = await length_of(story, settings)
    for _ in range(8):
        point, lost = random.randint(6, length), random.randint(1, 8)
        try:
            await tell(story, Kills([point], lost), **settings)
        except BaseException:
            print(f"{name}, power fails at event {point}, {lost} are lost")
            raise


@pytest.mark.parametrize("name", STORIES)
async def test_it_dies_five_times_more_as_it_comes_back(autojump_clock, name: str) -> None:
    story, settings = STORIES[name]
    random = Random(name)
    length = await length_of(story, settings)
    for _ in range(3):
        point = random.randint(6, length)
        again = [random.randint(1, 7) for _ in range(5)]
        try:
            await tell(story, Kills([point, *again]), **settings)
        except BaseException:
            print(f"{name}, killed at event {point}, and then {again} events later")
            raise


FOUND = [
    ("nobody answers", [39, 7, 7, 6, 3, 3], 5),
    ("a conversation", [41, 6, 7, 3, 4, 1], 6),
    ("a conversation", [25, 6, 6, 1, 2, 2], 3),
    ("calls outside", [40, 4, 6, 3, 3, 6], 5),
    ("another queue", [34, 6, 5, 3, 6, 5], 6),
]
"""Deaths that found something once: a CSeq that an earlier run, lost from the disk, had used."""


@pytest.mark.parametrize(("name", "at", "lost"), FOUND)
async def test_what_was_found_stays_mended(autojump_clock, name: str, at: list[int], lost) -> None:
    story, settings = STORIES[name]
    await tell(story, Kills(at, lost), **settings)
