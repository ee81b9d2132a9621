"""Kill points by the thousand: ``python -m tests.support.killing KILLS LOSSES``.

KILLS deaths at random events of random stories, and LOSSES more in which the disk lacks the last
events; a fifth of either dies five times more as it comes back.  Prints each that fails.
"""

from __future__ import annotations

import sys
import time
from random import Random

import trio
import trio.testing

from ccserver.journal import folds
from tests.support.kill_points import Kills, tell
from tests.support.stories import STORIES, length_of

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
    folds.EVERY = 5
    random = Random(SEED)
    lengths = {}
    for name, (story, settings) in STORIES.items():
        clock = trio.testing.MockClock(autojump_threshold=0)
        lengths[name] = trio.run(length_of, story, settings, clock=clock)
    began, failed = time.monotonic(), 0
    for number in range(kills + losses):
        name = random.choice(sorted(lengths))
        at = [random.randint(6, lengths[name])]
        if random.random() < 0.2:
            at += [random.randint(1, 7) for _ in range(5)]
        lost = random.randint(1, 8) if number >= kills else 0
        error = play(name, Kills(at, lost))
        if error is not None:
            failed += 1
            print(f"{name}, killed at {at}, {lost} lost: {error}", flush=True)
    seconds = time.monotonic() - began
    print(f"{kills} kill points and {losses} power failures in {seconds:.0f} s: {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
