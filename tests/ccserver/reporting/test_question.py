"""What is asked of a report, and when it is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ccserver.reporting.question import BadQuestion, question
from ccserver.settings.model import Reports

SOFIA = Reports(time_zone="Europe/Sofia")
NOW = int(datetime(2026, 3, 2, 22, 30, tzinfo=UTC).timestamp() * 1e6)
"""In Sofia it is 00:30 of the third."""


@pytest.mark.parametrize(
    ("since", "until", "begin", "end"),
    [
        (None, None, "2026-03-03T00:00:00+02:00", "2026-03-03T00:30:00+02:00"),
        ("yesterday", "today", "2026-03-02T00:00:00+02:00", "2026-03-03T00:00:00+02:00"),
        ("today", "tomorrow", "2026-03-03T00:00:00+02:00", "2026-03-04T00:00:00+02:00"),
        ("2026-03-01", "2026-03-02", "2026-03-01T00:00:00+02:00", "2026-03-02T00:00:00+02:00"),
        ("2026-03-02T09:30", None, "2026-03-02T09:30:00+02:00", "2026-03-03T00:30:00+02:00"),
        ("2026-03-02T09:30Z", None, "2026-03-02T11:30:00+02:00", "2026-03-03T00:30:00+02:00"),
    ],
)
def test_a_time_is_by_the_clock_of_the_centre(since, until, begin, end):
    asked = question(SOFIA, "queues", NOW, since=since, until=until)
    assert (asked.shown(asked.begin), asked.shown(asked.end)) == (begin, end)


@pytest.mark.parametrize(
    ("more", "field", "detail"),
    [
        ({"since": "noon"}, "from", '2026-03-02T09:30, got "noon"'),
        ({"since": "tomorrow"}, "from", 'expected a time before now, got "tomorrow"'),
        ({"until": "2026-13-01"}, "to", "expected today, yesterday, a date"),
        ({"since": "today", "until": "yesterday"}, "to", 'which is "today", got "yesterday"'),
        ({"until": "yesterday"}, "to", 'after from, which is "today", got "yesterday"'),
        ({"since": "2020-01-01", "interval": "15"}, "interval", "no more than 10000 intervals"),
        ({"service_level": 0.0}, "service_level", "up to a day, got 0"),
        ({"service_level": float("nan")}, "service_level", "expected seconds"),
    ],
)
def test_what_makes_no_sense_is_named(more, field, detail):
    with pytest.raises(BadQuestion, match=detail) as wrong:
        question(SOFIA, "queues", NOW, **more)
    assert wrong.value.field == field


def test_rules_are_those_of_the_configuration_but_for_what_is_asked():
    settings = Reports(service_level_seconds=30, short_call_seconds=4, abandons="ignored")
    rules = question(settings, "queues", NOW).rules
    assert (rules.service_level_seconds, rules.short_call_seconds) == (30.0, 4.0)
    assert rules.abandons == "ignored"
    rules = question(settings, "queues", NOW, service_level=10.0, abandons="positive").rules
    assert (rules.service_level_seconds, rules.abandons) == (10.0, "positive")
