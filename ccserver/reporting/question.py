"""What is asked of a report: which, of when, in intervals of what length, by which rules."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from actors.reasons import IdleCode
from ccserver.journal.reports import Abandons, Intervals, Minutes, Rules
from ccserver.journal.reports.intervals import MICRO
from ccserver.settings.model import Reports
from ccserver.settings.schema import toml

Kind: TypeAlias = Literal["queues", "agents", "intervals", "contacts"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Interval: TypeAlias = Literal["15", "30", "60", "day", "all"]
"""Minutes; a day of the zone; or all is one."""
DEFAULT_INTERVAL: dict[Kind, Interval] = {
    "queues": "all",
    "agents": "all",
    "intervals": "30",
    "contacts": "all",
}
_MINUTES: dict[Interval, Minutes | None] = {"15": 15, "30": 30, "60": 60, "day": 1440, "all": None}
MOST_INTERVALS = 10_000
DAYS = {"today": 0, "yesterday": -1, "tomorrow": 1}


class BadQuestion(ValueError):
    """``field``: what of the question is wrong; the text says what was expected."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


class Question(Struct, frozen=True):
    """From ``begin`` up to ``end``, in microseconds since 1970, UTC."""

    kind: Kind
    begin: int
    end: int
    interval: Interval
    rules: Rules
    idle_codes: tuple[str, ...] = ()
    """Those that have a column of their own in CSV; others are summed up."""

    @property
    def minutes(self) -> Minutes | None:
        return _MINUTES[self.interval]

    @property
    def zone(self) -> ZoneInfo:
        return self.rules.zone

    def shown(self, at: int) -> str:
        """An instant as ISO 8601, by the clock of the zone and with its distance from UTC."""
        whole, rest = divmod(at, MICRO)
        stamp = datetime.fromtimestamp(whole, self.zone).replace(microsecond=rest)
        return stamp.isoformat(timespec="milliseconds" if rest else "seconds")


def question(
    settings: Reports,
    kind: Kind,
    now: int,
    *,
    since: str | None = None,
    until: str | None = None,
    interval: Interval | None = None,
    service_level: float | None = None,
    abandons: Abandons | None = None,
    idle_codes: Iterable[str] = (),
) -> Question:
    """``since`` and ``until``: a date, which stands for its midnight, a date and time, or
    ``today``, ``yesterday``, ``tomorrow``; by the clock of the configured zone, unless they say
    another.  Without them: from midnight until ``now``.  ``idle_codes``: those that agents may
    choose.  Raises BadQuestion.
    """
    rules = Rules(
        ZoneInfo(settings.time_zone),
        settings.service_level_seconds,
        settings.abandons,
        settings.short_call_seconds,
        settings.sudden_disconnect_seconds,
    )
    if service_level is not None:
        if not 0 < service_level <= 86_400:
            text = f"expected seconds, more than 0 and up to a day, got {service_level:g}"
            raise BadQuestion("service_level", text)
        rules = replace(rules, service_level_seconds=service_level)
    if abandons is not None:
        rules = replace(rules, abandons=abandons)
    begin = instant("from", since or "today", rules.zone, now)
    end = now if until is None else instant("to", until, rules.zone, now)
    if end <= begin and until is None:
        raise BadQuestion("from", f"expected a time before now, got {toml(since or 'today')}")
    if end <= begin:
        text = f"expected a time after from, which is {toml(since or 'today')}, got {toml(until)}"
        raise BadQuestion("to", text)
    wanted = interval or DEFAULT_INTERVAL[kind]
    asked = Question(kind, begin, end, wanted, rules, (*idle_codes, *IdleCode))
    length = asked.minutes
    if length is not None and (end - begin) / (length * 60 * MICRO) > MOST_INTERVALS:
        raise BadQuestion("interval", f"expected no more than {MOST_INTERVALS} intervals")
    return asked


def instant(field: str, text: str, zone: ZoneInfo, now: int) -> int:
    """Microseconds since 1970, UTC.  Raises BadQuestion."""
    days = Intervals(zone, 1440)
    if text in DAYS:
        today = datetime.fromtimestamp(now // MICRO, zone).date()
        return days.midnight(today + timedelta(days=DAYS[text]))
    try:
        if len(text) <= len("2026-03-02"):
            return days.midnight(date.fromisoformat(text))
        found = datetime.fromisoformat(text)
    except ValueError:
        expected = "expected today, yesterday, a date as 2026-03-02, or a time as 2026-03-02T09:30"
        raise BadQuestion(field, f"{expected}, got {toml(text)}") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone)
    return int(found.timestamp() * MICRO)
