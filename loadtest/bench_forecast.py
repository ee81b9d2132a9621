"""What it costs to look at a queue: ``python -m loadtest.bench_forecast``.

Microseconds of CPU.  ``look``: a contact asks where it stands and how long it will wait, while the
line has been played through within the last two seconds; ``line``: playing it through; ``event``:
an event of a contact or an agent is heard; ``open``: whether a calendar is open.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from random import Random
from time import thread_time_ns

from actors import events as ev
from actors.estimate import Busy, line_of
from actors.forecast import Forecast
from actors.hours import Calendar, Span, open_at
from actors.ids import AgentId, ContactId, LegId, QueueName
from actors.place import Place

SIZES = ((10, 100), (100, 1_000), (1_000, 10_000))
"""Agents and contacts that wait."""
QUEUES = 50
"""Which all agents serve."""
ROUNDS, LINES = 5_000, 50
TALK = 180.0
OFFICE = Calendar("office", "Europe/Sofia", (*(((Span(540, 1080),),) * 5), (), ()))


def main() -> None:
    print("agents  waiting      look p50 / p99      line p50 / p99     event p50 / p99")
    for agents, waiting in SIZES:
        floor = Floor(agents, waiting)
        shown = (measured(floor.look, ROUNDS), measured(floor.line, LINES))
        heard = measured(floor.event, ROUNDS)
        print(f"{agents:6} {waiting:8}", *(f"{a:12.1f} /{b:7.1f}" for a, b in (*shown, heard)))
    at = count(1_800_000_000, 600)
    half, most = measured(lambda: open_at(OFFICE, next(at)), ROUNDS)
    print(f"open {half:22.1f} /{most:7.1f}")


def measured(what: Callable[[], object], rounds: int) -> tuple[float, float]:
    """The middle, and what one in a hundred exceeds."""
    took = []
    for _ in range(rounds):
        before = thread_time_ns()
        what()
        took.append((thread_time_ns() - before) / 1000)
    took.sort()
    return took[rounds // 2], took[rounds * 99 // 100]


class Floor:
    """All agents are busy, and every queue knows how long its contacts take."""

    def __init__(self, agents: int, waiting: int) -> None:
        self.random, self.now, self._numbers = Random(1), 0.0, count(1)
        self.agents = [AgentId(str(1001 + n)) for n in range(agents)]
        self.queues = [QueueName(f"q{n}") for n in range(QUEUES)]
        able = dict.fromkeys(self.queues, self.agents)
        self.forecast = Forecast(able, lambda: self.now, dict.fromkeys(self.agents, "available"))
        self.times = sorted(self.random.expovariate(1 / TALK) for _ in range(200))
        for n in range(200 * QUEUES):
            self._serve(self.agents[n % agents], self.queues[n % QUEUES])
        for agent in self.agents:
            self.forecast.apply(ev.AgentStateChanged(agent, "voice", "available", "engaged"))
        for _ in range(waiting):
            self.forecast.apply(self._queued(self.random.choice(self.queues)))

    def look(self) -> None:
        place = Place(self.random.randint(1, 10), self.now, next(self._numbers))
        self.forecast.look(ContactId("new"), self.queues[0], place)

    def line(self) -> None:
        busy = [Busy(self.random.random() * TALK, self.times) for _ in self.agents]
        line_of(0, busy, self.times)

    def event(self) -> None:
        self.forecast.apply(self._queued(self.random.choice(self.queues)))

    def _queued(self, queue: QueueName) -> ev.ContactQueued:
        number = next(self._numbers)
        place = Place(5, self.now, number)
        return ev.ContactQueued(ev.ContactRef(ContactId(f"c{number}")), queue, place)

    def _serve(self, agent: AgentId, queue: QueueName) -> None:
        ref = ev.ContactRef(ContactId("served"))
        self.forecast.apply(ev.AgentStateChanged(agent, "voice", "available", "reserved"))
        self.forecast.apply(ev.ContactConnected(ref, queue, agent, LegId("l"), 0.0, 0.0))
        self.now += self.random.expovariate(1 / TALK)
        self.forecast.apply(ev.AgentStateChanged(agent, "voice", "wrap_up", "available"))


if __name__ == "__main__":
    main()
