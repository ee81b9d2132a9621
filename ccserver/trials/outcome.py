"""What came of a trial: whom each caller was given, why, and whether that was expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from actors import events as ev
from actors.ids import ContactId, owner_of
from ccserver.journal.log import Entry
from ccserver.journal.why import Why, why
from ccserver.settings import Settings
from ccserver.trials.floor import BEGINNING
from ccserver.trials.model import NOBODY, Caller, Trial
from ccserver.trials.story import Story


class Given(Struct, frozen=True):
    """``agent``: who was given him first, ``after`` so many seconds of his call."""

    agent: str | None
    after: float | None


class Told(Struct, frozen=True):
    """What became of one caller; ``wrong``: what was expected, and was not so."""

    caller: str
    given: Given
    diverted: tuple[str, ...]
    wrong: tuple[str, ...]
    why: Why


def tried(settings: Settings, trial: Trial) -> list[Told]:
    """Each caller, in the order of the file."""
    story = Story(settings, trial)
    entries = story.play()
    present = int(story.wall() * 1_000_000)
    return [_told(caller, entries, present) for caller in trial.callers]


def _told(caller: Caller, entries: list[Entry], present: int) -> Told:
    name = ContactId(caller.name)
    given = _given(caller, entries)
    diverted = tuple(
        entry.event.to
        for entry in entries
        if isinstance(entry.event, ev.ContactDiverted) and entry.event.contact.id == name
    )
    wrong = tuple(_wrong(caller, given, diverted))
    return Told(caller.name, given, diverted, wrong, why(entries, name, present))


def _given(caller: Caller, entries: Iterable[Entry]) -> Given:
    for entry in entries:
        match entry.event:
            case ev.ContactAssigned(contact, _, agent, _, decided_at) if (
                owner_of(contact) == caller.name
            ):
                return Given(agent, decided_at - BEGINNING - caller.after_seconds)
    return Given(None, None)


def _wrong(caller: Caller, given: Given, diverted: tuple[str, ...]) -> Iterator[str]:
    got = NOBODY if given.agent is None else given.agent
    if caller.expect_agent is not None and got != caller.expect_agent:
        yield f"expected {caller.expect_agent}, got {got}"
    within, after = caller.expect_within_seconds, given.after
    if within is not None and after is not None and after > within:
        yield f"expected an agent within {within:g} s, got {got} after {after:.1f} s"
    wanted = caller.expect_diverted
    if wanted is not None and wanted not in diverted:
        yield f"expected to be sent to {wanted}, got {', '.join(diverted) or 'nowhere else'}"
