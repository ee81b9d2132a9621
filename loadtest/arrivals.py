"""When calls are meant to come: instants, decided before and whatever the server does.

An open loop: the instants follow from the phases and the dice alone, so a server that becomes slow
is not spared the calls that then come.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from msgspec import Struct

from loadtest.scenario.model import Phase
from loadtest.scenario.values import Dice


class Arrival(Struct, frozen=True):
    at: float
    """Seconds after the start."""
    phase: int
    number: str | None = None
    """What is dialled, if a recording says so."""


class BadRecording(ValueError):
    """The text says what was expected, and where."""


class _Slope(Struct, frozen=True):
    """The rate goes evenly from one value to another."""

    begin: float
    seconds: float
    first: float
    last: float
    phase: int

    @property
    def calls(self) -> float:
        return (self.first + self.last) / 2 * self.seconds

    def instant(self, calls: float) -> float:
        """When so many calls have come since its begin: the inverse of the rate's integral."""
        gradient = (self.last - self.first) / self.seconds
        if abs(gradient) < 1e-12:
            return self.begin + calls / self.first
        root = math.sqrt(max(0.0, self.first**2 + 2 * gradient * calls))
        return self.begin + 2 * calls / (self.first + root)


def planned(phases: Sequence[Phase], process: str, dice: Dice) -> Iterator[Arrival]:
    """Rising instants.  ``poisson``: gaps are exponential in expected calls; ``constant``: one
    call each time that the rate's integral has grown by one."""
    wanted = done = 0.0
    slopes = list(_slopes(phases))
    index = 0
    while True:
        wanted += -math.log(1.0 - dice.random()) if process == "poisson" else 1.0
        while index < len(slopes) and wanted > done + slopes[index].calls + 1e-9:
            done += slopes[index].calls
            index += 1
        if index == len(slopes):
            return
        slope = slopes[index]
        yield Arrival(slope.instant(wanted - done), slope.phase)


def rate_at(phases: Sequence[Phase], seconds: float) -> float:
    """Calls a second that are meant to come, so long after the start."""
    for slope in _slopes(phases):
        into = seconds - slope.begin
        if 0 <= into < slope.seconds:
            return slope.first + (slope.last - slope.first) * into / slope.seconds
    return 0.0


def _slopes(phases: Sequence[Phase]) -> Iterator[_Slope]:
    begin = 0.0
    for number, phase in enumerate(phases):
        first = phase.rate if phase.from_rate is None else phase.from_rate
        if phase.steps == 1:
            yield _Slope(begin, phase.seconds, first, phase.rate, number)
        else:
            each = phase.seconds / phase.steps
            for step in range(phase.steps):
                rate = first + (phase.rate - first) * step / (phase.steps - 1)
                yield _Slope(begin + step * each, each, rate, rate, number)
        begin += phase.seconds


def recorded(calls: Sequence[Arrival], speed: float) -> Iterator[Arrival]:
    for call in calls:
        yield Arrival(call.at / speed, call.phase, call.number)


def read_recording(path: Path) -> list[Arrival]:
    """Lines of ``SECONDS`` or ``SECONDS,NUMBER``; empty ones and those with # are left out.

    Raises BadRecording.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BadRecording(f"expected a file that can be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BadRecording(f"expected UTF-8: byte {error.start} is not") from None
    calls: list[Arrival] = []
    for number, line in enumerate(lines, 1):
        text, _, dialled = line.partition(",")
        if not line.strip() or line.startswith("#"):
            continue
        try:
            at = float(text)
        except ValueError:
            at = -1.0
        if not 0 <= at < math.inf:
            where = f"{path.name}, line {number}"
            raise BadRecording(f"{where}: expected seconds after the start, got {text!r}")
        calls.append(Arrival(at, 0, dialled.strip() or None))
    if not calls:
        raise BadRecording(f"{path.name}: expected at least one call")
    if any(one.at > other.at for one, other in pairwise(calls)):
        calls.sort(key=lambda call: call.at)
    return calls
