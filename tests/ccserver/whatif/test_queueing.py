"""What is played again agrees with what is known of queues without playing."""

from __future__ import annotations

import heapq

import pytest

from ccserver.whatif.courses import SECOND
from tests.support.telephone_day import BEGINS, day, erlang_c, played, settings


def test_waits_are_those_of_erlangs_formula():
    """Five agents, three erlang: a quarter of all calls wait."""
    calls, agents, between, talks = 3000, 5, 40.0, 120.0
    courses = played(day(calls, agents, between=between, talks=talks), settings(agents))

    waited = [course.waited for course in courses]
    share = sum(wait > 0.001 for wait in waited) / calls
    expected = erlang_c(agents, talks / between)
    assert share == pytest.approx(expected, rel=0.1)
    mean = expected * talks / (agents - talks / between)
    assert sum(waited) / calls == pytest.approx(mean, rel=0.15)  # days scatter so much


def test_everybody_waits_for_the_agent_who_is_free_first():
    """Five agents, more than four erlang: each wait, to the millisecond."""
    recorded = day(800, 5, between=30.0, talks=130.0)
    free = [0.0] * 5
    expected = []
    for course in recorded.courses:
        came = (course.arrived - BEGINS) / SECOND
        begins = max(came, heapq.heappop(free))
        heapq.heappush(free, begins + course.services[0].talked)
        expected.append(begins - came)

    waited = [course.waited for course in played(recorded, recorded.settings)]

    assert waited == pytest.approx(expected, abs=0.001)
    assert max(waited) > 100


def test_nobody_waits_longer_because_there_are_more_agents():
    """The same customers, served in their order by agents who are all alike."""
    recorded = day(800, 4, between=30.0, talks=115.0)
    fewer, more = (played(recorded, settings(agents)) for agents in (4, 5))

    assert len(fewer) == len(more) == 800
    assert all(b.waited <= a.waited + 0.001 for a, b in zip(fewer, more, strict=True))
    assert sum(course.waited for course in more) < 0.5 * sum(course.waited for course in fewer)
