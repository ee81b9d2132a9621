"""A day as it was recorded, as it is by the rules of that day, and as it is by others.

The old rules are played too: what they come to, beside the record, shows how far what is played is
from what was.  New and old are compared as they are played: with the same callers and lots.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Literal, TypeAlias

from msgspec import Struct

from actors import events as ev
from actors.ids import AgentId, ContactId
from actors.reasons import Outcome
from ccserver.core import plan
from ccserver.journal.reports import Rules
from ccserver.settings import Settings
from ccserver.whatif.courses import ONWARD, Course, Courses
from ccserver.whatif.figures import Count, Day
from ccserver.whatif.people import People
from ccserver.whatif.presence import Wish
from ccserver.whatif.recorded import Recorded
from ccserver.whatif.replayed import Replayed, Used

SAME = 1.0
"""Seconds: who waits so much longer, or less, waits as long."""
Side: TypeAlias = Literal["old", "new"]


class CannotBePlayed(ValueError):
    """The configuration has no place for those who came; the text says whom."""


class Centre(Struct, frozen=True):
    """Rules, and who is there."""

    settings: Settings
    wishes: Mapping[AgentId, Sequence[Wish]]


class Played(Struct, frozen=True):
    """``fates``: of every contact, by id; only of the first run."""

    day: Day
    used: Used
    fates: dict[ContactId, Fate]


class Run(Struct, frozen=True):
    """With one set of lots."""

    old: Played
    new: Played


class Fate(Struct, frozen=True):
    """What became of a contact.  ``outcome`` None: it was there to the end."""

    outcome: Outcome | None
    agent: AgentId | None
    waited: float
    queue: str | None
    diverted: tuple[str, ...] = ()

    def is_like(self, other: Fate) -> bool:
        """The same outcome, agent and way, and as long a wait."""
        same = (self.outcome, self.agent, self.queue, self.diverted) == (
            *(other.outcome, other.agent, other.queue, other.diverted),
        )
        return same and abs(self.waited - other.waited) <= SAME


class Difference(Struct, frozen=True):
    """Of a contact to which another thing happens by the new rules.

    ``arrived`` in microseconds since 1970; ``longer``: how much longer it waits, in seconds.
    """

    contact: ContactId
    arrived: int
    dialled: str
    longer: float
    recorded: Fate
    old: Fate
    new: Fate


class Comparison(Struct, frozen=True):
    """``before``: what became of all who came, by id.  ``astray``: those of them to which the old
    rules, played again, did another thing than that day.  ``differences``: the greatest first.
    """

    recorded: Day
    runs: tuple[Run, ...]
    before: dict[ContactId, Fate]
    astray: int
    differences: list[Difference]

    @property
    def contacts(self) -> int:
        """That came."""
        return len(self.before)


def compare(
    recorded: Recorded,
    record: Day,
    new: Centre,
    rules: Rules,
    *,
    runs: int = 1,
    seed: int = 0,
    processes: int = 1,
) -> Comparison:
    """``record``: what the recorded day came to.  Raises CannotBePlayed, EndlessStory."""
    check(recorded, new.settings)
    old = Centre(recorded.settings, recorded.wishes)
    wanted: list[tuple[Side, int]] = [
        (side, seed + run) for run in range(runs) for side in ("old", "new")
    ]
    played = list(_all_played(_Task(recorded, old, new, rules, seed), wanted, processes))
    pairs = tuple(Run(*played[place : place + 2]) for place in range(0, len(played), 2))
    first = pairs[0]
    before = {course.id: fate_of(course) for course in recorded.courses}
    astray = sum(not first.old.fates[name].is_like(fate) for name, fate in before.items())
    differences = sorted(
        _differences(recorded, before, first), key=lambda one: (-abs(one.longer), one.contact)
    )
    return Comparison(record, pairs, before, astray, differences)


def check(recorded: Recorded, settings: Settings) -> None:
    """Whether everybody who came has a place to go to.  Raises CannotBePlayed with all that is
    wrong.
    """
    doors = plan.entry_points(settings)
    queues = {f"queue:{queue.name}" for queue in settings.queues}
    places = {"queue": queues, "entry_point": {f"entry_point:{name}" for name in doors}}
    wrong: dict[str, int] = {}
    for course in recorded.courses:
        if course.dialled not in doors and course.entry_point not in doors:
            what = f"no entry point takes {course.dialled}, which {{}} dialled"
            wrong[what] = wrong.get(what, 0) + 1
        for service in course.services:
            given = service.by_name
            onward = service.onward or (given.onward if given else None) or ""
            kind, _, name = onward.partition(":")
            if kind in ONWARD and onward not in places[kind]:
                what = f"there is no {kind.replace('_', ' ')} {name}, to which {{}} were sent"
                wrong[what] = wrong.get(what, 0) + 1
    if wrong:
        raise CannotBePlayed("; ".join(what.format(count) for what, count in wrong.items()))


def fate_of(course: Course) -> Fate:
    return Fate(course.outcome, course.agent, course.waited, course.queue, tuple(course.diverted))


def _differences(
    recorded: Recorded, before: Mapping[ContactId, Fate], run: Run
) -> Iterator[Difference]:
    for course in recorded.courses:
        old, new = run.old.fates[course.id], run.new.fates[course.id]
        if not old.is_like(new):
            longer = new.waited - old.waited
            was = before[course.id]
            yield Difference(course.id, course.arrived, course.dialled, longer, was, old, new)


# --- playing ------------------------------------------------------------------------------------


class _Task(Struct, frozen=True):
    recorded: Recorded
    old: Centre
    new: Centre
    rules: Rules
    first: int
    """Seed of the first run."""


def _all_played(
    task: _Task, wanted: Sequence[tuple[Side, int]], processes: int
) -> Iterator[Played]:
    """In their order, in so many processes at once."""
    if processes <= 1:
        yield from (_play(task, side, seed) for side, seed in wanted)
        return
    # Not forked: a fork would copy whatever the caller has open.
    context = get_context("spawn")
    with ProcessPoolExecutor(
        min(processes, len(wanted)), context, initializer=_begin, initargs=(task,)
    ) as pool:
        yield from pool.map(_play_here, wanted)


def _begin(task: _Task) -> None:
    _here.append(task)


def _play_here(wanted: tuple[Side, int]) -> Played:
    return _play(_here[0], *wanted)


_here: list[_Task] = []
"""In a process that plays: what it was started for."""


def _play(task: _Task, side: Side, seed: int) -> Played:
    recorded, centre = task.recorded, task.old if side == "old" else task.new
    count, courses = Count(task.rules, recorded.begins, recorded.ends), Courses()

    def hear(at: int, event: ev.AnyEvent) -> None:
        count.hear(at, event)
        courses.apply(at, event)

    people = People(recorded.courses, seed)
    played = Replayed(recorded, people, centre.settings, centre.wishes, hear, seed, count.works)
    used = played.play()
    courses.end(played.now)
    fates = {}
    if seed == task.first:
        fates = {name: fate_of(course) for name, course in courses.by_id.items()}
    return Played(count.day(list(courses.by_id.values())), used, fates)
