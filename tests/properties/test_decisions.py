"""Every decision of a random day follows from its record; one that was changed does not."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest
import trio
import trio.testing
from msgspec.structs import replace

from actors import events as ev
from actors.ids import owner_of
from ccserver.journal.decisions import Replay, decisions
from ccserver.journal.log import Entry
from ccserver.journal.verdicts import IN_LINE
from ccserver.journal.why import why
from tests.support.day import random_day
from tests.support.model import check_decisions


@cache
def day(seed: int) -> tuple[Entry, ...]:
    """Its journal, as it was written."""

    async def live() -> tuple[Entry, ...]:
        async with random_day(seed, routed=True) as floor:
            return tuple(floor.core.journal.read(0, 1_000_000))

    return trio.run(live, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.parametrize("seed", range(3))
def test_every_assignment_of_a_random_day_is_computed_again(seed: int):
    entries = day(seed)

    found = list(decisions(entries))

    assert all(one.agrees for one in found), [one for one in found if not one.agrees][:1]
    recorded = [e for e in entries if isinstance(e.event, ev.ContactAssigned)]
    assert [one.seq for one in found] == [e.seq for e in recorded]
    assert len({(one.recorded.queue, one.recorded.decision.on) for one in found}) >= 5
    assert len(found) > 40
    assert sum(isinstance(e.event, ev.CentreConfigured) for e in entries) >= 4
    given = [e.event.decision.by for e in recorded]
    assert 1 < given.count("router") < len(given) / 2


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_kept_of_contacts_that_have_ended(seed: int):
    replay, living = Replay(), set()
    for entry in day(seed):
        for _ in replay.apply(entry):
            pass
        match entry.event:
            case ev.ContactArrived(ref) | ev.ContactPlaced(ref):
                living.add(ref.id)
            case ev.ContactEnded(ref):
                living.discard(ref.id)
        assert {owner_of(request) for request in replay.given} <= living


@pytest.mark.parametrize("seed", range(3))
def test_every_assignment_of_a_random_day_is_the_models(seed: int):
    """And the model is not of the same mind whatever was done."""
    events = [entry.event for entry in day(seed)]

    assert check_decisions(events) > 40

    random = Random(seed)
    places = [n for n, event in enumerate(events) if isinstance(event, ev.ContactAssigned)]
    for place in random.sample(places, 5):
        assigned = events[place]
        other = replace(assigned, agent="1001" if assigned.agent != "1001" else "1002")
        for forged in ([], [other]):
            with pytest.raises(AssertionError):
                check_decisions([*events[:place], *forged, *events[place + 1 :]])


def changed(entry: Entry, random: Random) -> Entry | None:
    """The same, but not quite; None: there is nothing in it to be changed."""
    match entry.event:
        case ev.ContactAssigned(agent=agent, decision=decision) as event:
            event = random.choice(
                [
                    replace(event, agent="1001" if agent != "1001" else "1002"),
                    replace(event, decided_at=event.decided_at + 1),
                    replace(event, decision=replace(decision, passed_over={"skills": 99})),
                    replace(event, decision=replace(decision, agent_since=0.0)),
                ]
            )
            return replace(entry, event=event)
        case _:
            return None


def test_a_record_that_was_changed_is_found():
    entries = day(0)
    random = Random(7)
    tried = 0
    for place, entry in enumerate(entries):
        forged = changed(entry, random)
        if forged is not None and random.random() < 0.2:
            tried += 1
            tampered = [*entries[:place], forged, *entries[place + 1 :]]
            wrong = [one.seq for one in decisions(tampered) if not one.agrees]
            assert wrong == [entry.seq]
    assert tried > 10


def test_a_decision_that_was_cut_out_is_missed():
    entries = day(1)
    places = [n for n, e in enumerate(entries) if isinstance(e.event, ev.ContactAssigned)]
    place = places[len(places) // 2]

    wrong = [one for one in decisions(entries[:place] + entries[place + 1 :]) if not one.agrees]

    assert [one.recorded for one in wrong] == [None]
    assert wrong[0].computed == entries[place].event


def test_a_decision_for_which_there_was_no_reason_is_found():
    """What was heard before it was cut out: nothing leads to it."""
    entries = day(2)
    places = [n for n, e in enumerate(entries) if isinstance(e.event, ev.ContactAssigned)]
    place = places[0]
    assert isinstance(entries[place - 1].event, ev.Heard)

    wrong = [one for one in decisions(entries[: place - 1] + entries[place:]) if not one.agrees]

    assert wrong[0].seq == entries[place].seq
    assert wrong[0].computed is None


@pytest.mark.parametrize("seed", range(3))
def test_every_contact_of_a_random_day_is_explained(seed: int):
    """The chosen one stands first in the line, places have no gaps, and nobody is left out."""
    entries = day(seed)
    contacts = [e.event.contact.id for e in entries if isinstance(e.event, ev.ContactArrived)]
    explained = 0
    for contact in contacts[::4]:
        for moment in why(entries, contact, entries[-1].at).moments:
            explained += 1
            assert moment.agrees in (True, None)
            places = [one.place for one in moment.agents if one.place is not None]
            assert places == sorted(places)
            assert set(places) <= set(range(1, len(places) + 1))
            if moment.agent is not None:
                chosen = next(one for one in moment.agents if one.id == moment.agent)
                assert (chosen.place, chosen.verdict in IN_LINE) == (1, True)
            configured = [e.event for e in entries if isinstance(e.event, ev.CentreConfigured)]
            by_it = next(event for event in configured if event.version == moment.version)
            known = {agent["id"] for agent in by_it.content["agents"]}
            assert known <= {one.id for one in moment.agents}
            assert all(one.because or one.place for one in moment.agents), moment.agents
    assert explained > 8
