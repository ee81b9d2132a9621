"""A stretch of a journal, read for what can be played again: who came and when, how long he would
wait, how long he talked, and when agents were there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import Struct
from pydantic import ValidationError

from actors import events as ev
from actors.ids import AgentId
from ccserver.journal import codec
from ccserver.journal.history import last_before
from ccserver.journal.storage import Rows
from ccserver.reporting.reading import who_was_there
from ccserver.settings import Settings
from ccserver.settings.content import settings_of
from ccserver.whatif.courses import SECOND, Course, Courses
from ccserver.whatif.presence import AT_WORK, Presence, Wish, errands

PAGE = 20_000
LONGEST_END = 4 * 3600 * SECOND
"""So long after the stretch, its contacts may end."""
_PASSED_OVER = (b'{"event":"dispatcher.', b'{"event":"phone.', b'{"event":"leg.')


class NothingRecorded(Exception):
    """The journal has nothing of that time that could be played; the text says why."""


class LeftOut(Struct):
    """What was recorded, and is not played again as it was."""

    begun_before: int = 0
    """Contacts that had come before the stretch began."""
    unended: int = 0
    """Contacts whose end is not in the journal: they are played as if it had come where the journal
    ends."""
    placed: int = 0
    """Calls that agents placed."""
    by_name: int = 0
    """Transfers to an agent, or outside."""
    elsewhere: int = 0
    """Times that an agent was not to be had, for he had one of those in hand, or was consulted."""
    worked: float = 0.0
    """Seconds of work in those times."""
    assigned: int = 0
    """Contacts that were given to agents by somebody outside, before the rules did."""
    starts: int = 0
    """Starts of the server."""
    unread: int = 0
    """Events that are of no known shape."""


class Recorded(Struct, frozen=True):
    """``begins`` and ``ends`` in microseconds since 1970.  ``settings``: those by which most of its
    contacts were received; ``versions``: how many by each.
    """

    begins: int
    ends: int
    settings: Settings
    version: str
    versions: dict[str, int]
    courses: list[Course]
    """Of those that came, in the order of their arrival."""
    wishes: dict[AgentId, list[Wish]]
    left_out: LeftOut


def read_recorded(
    journal: Rows,
    begins: int,
    ends: int,
    hear: Callable[[int, ev.AnyEvent], None] = lambda at, event: None,
) -> Recorded:
    """``hear`` is told the events of the stretch with their times; and before them the last that
    each agent did.  It waits for the disk.  Raises JournalError, NothingRecorded.
    """
    after = last_before(journal, begins)
    courses, left_out = Courses(), LeftOut()
    presence = Presence(lambda contact: contact in courses.by_id)
    configured = dict[str, dict[str, Any]]()
    received = Counter[str]()
    version = ""
    for earlier in who_was_there(journal, after, begins):
        hear(earlier.at, earlier.event)
        match earlier.event:
            case ev.CentreConfigured(version, content):
                configured[version] = content
            case event:
                presence.apply(earlier.at, event)
    known, placed = set[str](), set[str]()
    last = begins
    for at, event in _events(journal, after, left_out):
        if at >= ends and (len(known) == 0 or at >= ends + LONGEST_END):
            break
        last, within = at, at < ends
        match event:
            case ev.CentreConfigured(version, content):
                configured[version] = content
            case ev.ServerStarted() if within:
                left_out.starts += 1
            case ev.ContactPlaced(ref) if within:
                placed.add(ref.id)
            case ev.ContactAssigned(decision=decision) if within and decision.by is not None:
                left_out.assigned += 1
            case ev.ContactArrived(ref) if within:
                known.add(ref.id)
                received[version] += 1
            case ev.ContactEnded(ref) if ref.id in known:
                known.discard(ref.id)
            case ev.ContactEnded(ref) if within and ref.id not in courses.by_id:
                left_out.begun_before += ref.id not in placed
        if within:
            hear(at, event)
        if within or not isinstance(event, ev.ContactArrived):
            courses.apply(at, event)
        if within or not isinstance(event, ev.AgentStateChanged):
            presence.apply(at, event)
    presence.end(ends)
    left_out.unended, left_out.placed = len(known), len(placed)
    left_out.by_name, left_out.elsewhere = courses.handled_by_name, presence.elsewhere
    courses.end(min(last, ends + LONGEST_END))
    came = list(courses.by_id.values())
    if not came:
        raise NothingRecorded("no contact came then")
    most = max(received, key=lambda name: received[name])
    if most not in configured:
        raise NothingRecorded("the journal does not say by which configuration it worked then")
    try:
        settings = settings_of(configured[most])
    except ValidationError:
        raise NothingRecorded(
            "the configuration of that time is of another version of the server"
        ) from None
    _join_returns(came, presence)
    wishes = {name: _clipped(wanted, begins) for name, wanted in presence.wishes().items()}
    left_out.worked = sum(
        (until - since) / SECOND
        for wanted in wishes.values()
        for since, until, state in errands(wanted, ends)
        if state == AT_WORK
    )
    return Recorded(
        begins,
        ends,
        settings,
        most,
        dict(received),
        came,
        {name: wanted for name, wanted in wishes.items() if wanted},
        left_out,
    )


def _events(journal: Rows, after: int, left_out: LeftOut) -> Iterator[tuple[int, ev.AnyEvent]]:
    while rows := journal.rows(after, PAGE):
        for _, at, payload in rows:
            if payload.startswith(_PASSED_OVER):
                continue
            try:
                yield at, codec.decode(payload)
            except msgspec.DecodeError:
                left_out.unread += 1
        after = rows[-1][0]


def _join_returns(courses: list[Course], presence: Presence) -> None:
    """To each offer that was missed, after how long its agent was back."""
    of_agent: dict[AgentId, list[tuple[int, int]]] = {}
    for back in presence.returns:
        of_agent.setdefault(back.agent, []).append((back.since, back.until))
    for course in courses:
        for offer in course.offers:
            if offer.failure is None:
                continue
            returns = of_agent.get(offer.agent, [])
            failed = offer.began + int(offer.after * SECOND)
            place = bisect_left(returns, failed - SECOND, key=lambda one: one[0])
            if place < len(returns) and returns[place][0] <= failed + SECOND:
                offer.away = (returns[place][1] - returns[place][0]) / SECOND


def _clipped(wishes: list[Wish], begins: int) -> list[Wish]:
    """What holds at the beginning, as if it had been wished then, and what came after."""
    later = [wish for wish in wishes if wish.at > begins]
    before = [wish for wish in wishes if wish.at <= begins]
    if before and before[-1].state != "signed_out":
        return [Wish(begins, before[-1].state), *later]
    return later
