"""A trial: who is there, who calls, and what is expected, as a manager writes it beside the
configuration.  Field docstrings are for users: docs/why.md shows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Struct
from pydantic import Field

from ccserver.settings import Settings
from ccserver.settings.finding import Finding
from ccserver.settings.kinds import Kind, Name, Number
from ccserver.settings.positions import Key, key_lines
from ccserver.settings.reading import ConfigurationError, Places, read, validated
from ccserver.settings.section import Seconds, Section, SomeSeconds

NOBODY = "nobody"

Instant = Annotated[datetime, Kind("a date and a time with an offset", "2026-03-02T14:00:00+01:00")]
CallerName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_\-]{0,63}$"),
    Kind("up to 64 letters, digits, '_' and '-', a letter or digit first", '"anna"'),
]


class AgentThere(Section):
    id: Name
    """An agent of the configuration; who is not named is signed out."""
    state: Literal["available", "idle"] = "available"
    """What he is when the story begins."""
    available_seconds: Seconds = 60.0
    """For how long he has been available by then."""
    engaged_seconds: Seconds = 0.0
    """He talks with somebody else for so long yet."""
    answers_after_seconds: Seconds = 3.0
    """How long his phone rings."""
    answers: bool = True
    """False: he lets it ring."""
    talks_seconds: SomeSeconds = 180.0
    """How long he talks with whomever he is given."""


class Caller(Section):
    name: CallerName
    """Unique among the callers."""
    dials: Number
    """An entry point, or one of its numbers."""
    after_seconds: Annotated[float, Field(ge=-86_400, le=86_400)] = 0.0
    """When he calls; below 0: before the story begins."""
    ani: Number = "anonymous"
    """The number from which he calls."""
    patience_seconds: SomeSeconds | None = None
    """He hangs up when no agent has answered by then."""
    expect_agent: Name | None = None
    """Who must be given him first; "nobody": no agent, as long as the story lasts."""
    expect_within_seconds: SomeSeconds | None = None
    """With expect_agent: so soon after he called."""
    expect_diverted: str | None = None
    """Where he must be sent, as "queue:night", "message:closed.wav" or "busy:486"."""


class Change(Section):
    after_seconds: Seconds
    """When."""
    agent: Name
    """Who changes his state."""
    state: Literal["available", "idle", "signed_out"]
    """To what."""
    code: Name | None = None
    """Of idle; without it, the first of idle_codes."""


class Trial(Section):
    about: str = ""
    """What it shows."""
    at: Instant
    """When the story begins: opening hours go by it."""
    seconds: SomeSeconds = 600.0
    """How long it lasts."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Where lots are drawn: the same number, the same lots."""
    agents: list[AgentThere] = []
    """Who is there."""
    callers: Annotated[list[Caller], Field(min_length=1)]
    """Who calls."""
    changes: list[Change] = []
    """What agents do meanwhile."""


class Read(Struct, frozen=True):
    path: Path
    trial: Trial


def read_trial(path: Path, settings: Settings) -> Read:
    """Raises ConfigurationError with everything that is wrong, or does not fit these settings."""
    text, tree = read(path)
    places = Places(path, key_lines(text))
    trial, findings, unsure = validated(tree, Trial)
    if trial is not None:
        findings += _check(trial, settings, unsure)
    if findings or trial is None:
        raise ConfigurationError([places.problem(one) for one in places.in_order(findings)])
    return Read(path, trial)


def _check(trial: Trial, settings: Settings, unsure: frozenset[str]) -> Iterator[Finding]:
    agents = {agent.id for agent in settings.agents}
    numbers = {number for entry in settings.entry_points for number in (entry.name, *entry.numbers)}
    if trial.at.utcoffset() is None:
        yield Finding(("at",), "expected an offset behind the time, as +01:00 or Z")
    for index, there in enumerate(trial.agents):
        yield from _one_of(("agents", index, "id"), there.id, agents, "the id of an agent")
    yield from _once(("agents", "id"), [there.id for there in trial.agents])
    yield from _once(("callers", "name"), [caller.name for caller in trial.callers])
    for index, caller in enumerate(trial.callers):
        key: Key = ("callers", index)
        what = "an entry point or one of its numbers"
        yield from _one_of((*key, "dials"), caller.dials, numbers, what)
        if caller.expect_agent not in (None, NOBODY):
            expected = str(caller.expect_agent)
            yield from _one_of((*key, "expect_agent"), expected, agents, "the id of an agent")
        if caller.expect_within_seconds is not None and caller.expect_agent in (None, NOBODY):
            yield Finding((*key, "expect_within_seconds"), "expected together with expect_agent")
    there_are = {there.id for there in trial.agents}
    for index, change in enumerate(trial.changes):
        known = there_are if "agents" not in unsure else agents
        key = ("changes", index)
        yield from _one_of((*key, "agent"), change.agent, known, "an agent of the trial")
        if change.code is not None and change.code not in settings.idle_codes:
            yield from _one_of((*key, "code"), change.code, set(settings.idle_codes), "a code")


def _one_of(key: Key, name: str, known: set[str], what: str) -> Iterator[Finding]:
    if name not in known:
        listed = ", ".join(sorted(known)) or "there is none"
        yield Finding(key, f'expected {what} ({listed}), got "{name}"')


def _once(key: tuple[str, str], names: list[str]) -> Iterator[Finding]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Finding((key[0], index, key[1]), f'expected each one once, got "{name}" again')
