"""Kill points by the thousand: ``python -m tests.support.killing KILLS LOSSES``.

KILLS deaths at random events of random stories, a third of them behind random datagrams instead,
and LOSSES more in which the disk lacks the last events; a fifth of either dies five times more as
it comes back.  Prints each that fails.
"""

from __future__ import annotations

import sys
import time
from random import Random

import trio
import trio.testing

from ccserver.journal import folds, pieces
from tests.support.kill_points import Kills, tell
from tests.support.stories import STORIES, lengths_of

SEED = 1


def play(name: str, kills: Kills) -> str | None:
    """Why it failed, if it did."""
    story, settings = STORIES[name]

    async def whole() -> None:
        await tell(story, kills, **settings)

    try:
        trio.run(whole, clock=trio.testing.MockClock(autojump_threshold=0))
    except BaseException as error:
        return repr(error)
    return None


def main(kills: int, losses: int) -> int:
    folds.EVERY, folds.AT_ONCE, pieces.ENTRIES = 5, 12, 4
    random = Random(SEED)
    lengths = {}
    for name, (story, settings) in STORIES.items():
        clock = trio.testing.MockClock(autojump_threshold=0)
        lengths[name] = trio.run(lengths_of, story, settings, clock=clock)
    began, failed = time.monotonic(), 0
    for number in range(kills + losses):
        name = random.choice(sorted(lengths))
        events, datagrams = lengths[name]
        lost = random.randint(1, 8) if number >= kills else 0
        at, sent = [random.randint(6, events)], None
        if not lost and random.random() < 1 / 3:
            at, sent = [], random.randint(3, datagrams)
        if random.random() < 0.2:
            at += [random.randint(1, 7) for _ in range(5)]
        error = play(name, Kills(at, lost, sent))
        if error is not None:
            failed += 1
            print(f"{name}, killed at {at}, sent {sent}, {lost} lost: {error}", flush=True)
    seconds = time.monotonic() - began
    print(f"{kills} kill points and {losses} power failures in {seconds:.0f} s: {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
