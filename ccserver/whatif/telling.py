"""A comparison in words and rows, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from actors.reasons import Outcome
from ccserver.whatif.comparison import SAME, Comparison, Difference, Fate, Run
from ccserver.whatif.figures import ALL, Day, Figures
from ccserver.whatif.recorded import Recorded
from ccserver.whatif.survival import Survival

COLUMNS = ("", "recorded", "old rules", "new rules", "new - old")
Unit: TypeAlias = Literal["count", "share", "seconds"]


class Row(Struct, frozen=True):
    """One figure; of several runs, the mean.  ``least`` and ``most``: of the difference of any."""

    name: str
    unit: Unit
    recorded: float | None
    old: float | None
    new: float | None
    difference: float | None
    least: float | None
    most: float | None

    def cells(self) -> tuple[str, ...]:
        """As COLUMNS names them."""
        change = _signed(self.difference, self.unit)
        if self.least is not None and self.most is not None and self.least != self.most:
            low, high = (_signed(value, self.unit) for value in (self.least, self.most))
            change += f"  ({low} to {high})"
        shown = (_shown(value, self.unit) for value in (self.recorded, self.old, self.new))
        return (self.name, *shown, change)


_FIGURES: tuple[tuple[str, Unit, Callable[[Figures], float | None]], ...] = (
    ("offered", "count", lambda one: one.offered),
    ("answered", "count", lambda one: one.answered),
    ("abandoned", "count", lambda one: one.abandoned),
    ("abandoned, share", "share", lambda one: one.abandonment),
    ("overflowed", "count", lambda one: one.overflowed),
    ("service level", "share", lambda one: one.service_level),
    ("average speed of answer", "seconds", lambda one: one.speed_of_answer),
    ("wait, P50", "seconds", lambda one: one.waits[0] if one.waits else None),
    ("wait, P90", "seconds", lambda one: one.waits[1] if one.waits else None),
    ("wait, P99", "seconds", lambda one: one.waits[2] if one.waits else None),
    ("longest wait", "seconds", lambda one: one.longest_wait),
    ("average handle time", "seconds", lambda one: one.handle_time),
    ("occupancy of agents", "share", lambda one: one.occupancy),
)


def queues_of(comparison: Comparison) -> list[str]:
    """Of either configuration, ALL first."""
    days = [comparison.recorded, comparison.runs[0].old.day, comparison.runs[0].new.day]
    names = {name for day in days for name in day.queues}
    return [ALL, *sorted(names - {ALL})]


def rows(comparison: Comparison, queue: str) -> list[Row]:
    """All figures of a queue of which there is anything to say."""
    found = []
    for name, unit, figure in _FIGURES:
        recorded = _of(comparison.recorded, queue, figure)
        olds = [_of(run.old.day, queue, figure) for run in comparison.runs]
        news = [_of(run.new.day, queue, figure) for run in comparison.runs]
        pairs = zip(olds, news, strict=True)
        changes = [new - old for old, new in pairs if old is not None and new is not None]
        row = Row(
            name,
            unit,
            recorded,
            _mean(olds),
            _mean(news),
            _mean(changes),
            min(changes, default=None),
            max(changes, default=None),
        )
        if any(value is not None for value in (row.recorded, row.old, row.new)):
            found.append(row)
    return found


def _of(day: Day, queue: str, figure: Callable[[Figures], float | None]) -> float | None:
    figures = day.queues.get(queue)
    return None if figures is None else figure(figures)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _shown(value: float | None, unit: Unit) -> str:
    if value is None:
        return "-"
    match unit:
        case "count":
            return f"{value:.0f}" if value == int(value) else f"{value:.1f}"
        case "share":
            return f"{value:.1%}"
        case "seconds":
            return f"{value:.1f} s"


def _signed(value: float | None, unit: Unit) -> str:
    if value is None:
        return "-"
    if unit == "share":
        return f"{_with_sign(value * 100)} points"
    if unit == "seconds":
        return f"{_with_sign(value)} s"
    return ("+" if value > 0 else "") + _shown(value, unit)


def _with_sign(value: float) -> str:
    """``+1.2``, ``-1.2``; what is nothing when it is rounded has no sign."""
    shown = f"{value:+.1f}"
    return shown if float(shown) else "0.0"


# --- contacts -----------------------------------------------------------------------------------


def summary(comparison: Comparison) -> str:
    """Of the differences between the two that were played, in a sentence or two."""
    found = comparison.differences
    longer = sum(one.longer > SAME for one in found)
    shorter = sum(one.longer < -SAME for one in found)
    others = sum(abs(one.longer) <= SAME for one in found)
    gained = sum(_gave_up(one.old) and not _gave_up(one.new) for one in found)
    lost = sum(_gave_up(one.new) and not _gave_up(one.old) for one in found)
    return (
        f"{len(found)} of {comparison.contacts} contacts fare otherwise by the new rules:"
        f" {longer} wait longer, {shorter} less long, and {others} only have another agent or"
        f" another way; {gained} who gave up do not, {lost} give up who did not."
    )


def _gave_up(fate: Fate) -> bool:
    return fate.outcome is Outcome.ABANDONED


DIFFERENCE_COLUMNS = ("came", "contact", "dialled", "recorded", "old rules", "new rules", "longer")


def difference_cells(one: Difference, clock: Callable[[int], str]) -> tuple[str, ...]:
    """As DIFFERENCE_COLUMNS names them; ``clock`` shows microseconds since 1970."""
    fates = (_described(fate) for fate in (one.recorded, one.old, one.new))
    return (clock(one.arrived), one.contact, one.dialled, *fates, f"{_with_sign(one.longer)} s")


def _described(fate: Fate) -> str:
    """``1001 after 12.3 s``, ``abandoned after 40.0 s``."""
    way = "".join(f"{to}, " for to in fate.diverted)
    what = fate.agent or (fate.outcome or "there to the end")
    return f"{way}{what} after {fate.waited:.1f} s"


# --- what was assumed ---------------------------------------------------------------------------


def assumed(recorded: Recorded, comparison: Comparison, notes: Sequence[str]) -> Iterator[str]:
    """What is not known of that day, and what was put in its place; a sentence each."""
    first = comparison.runs[0]
    yield (
        f"The old rules, played again, do another thing than that day to {comparison.astray} of"
        f" {comparison.contacts} contacts."
    )
    spells = [spell for course in recorded.courses for spell in course.spells]
    censored = sum(not spell.gave_up for spell in spells)
    yield (
        f"How long one would have waited is known of the {len(spells) - censored} waits that were"
        f" given up. Of the other {censored} it is known that the patience lasted so long; the rest"
        " is drawn from that day's (Kaplan and Meier's estimate). It counted for"
        f" {first.old.used.patience} contacts by the old rules, for {first.new.used.patience} by"
        " the new: they waited longer than that day."
    )
    yield _tail(Survival((spell.waited, spell.gave_up) for spell in spells), first)
    yield (
        f"{first.old.used.conversations} conversations by the old rules, and"
        f" {first.new.used.conversations} by the new, are of contacts that had none: they talk as"
        " another contact of their queue did, drawn by lot."
    )
    yield (
        "All lots belong to the contact and are the same by both rules. Times of talk, hold,"
        " wrap-up and ringing, and offers that are missed, are the contact's too, whoever the agent"
        " is; a wrap-up that the timer ended lasts as long as the timer lets it."
    )
    yield (
        "Agents come, go and are idle when they were; who misses an offer is away for as long as"
        " the one who missed it that day."
    )
    yield (
        "Prompts of the flow take as long as they took that day; behind it they take no time. Who"
        " hung up and called again comes twice, whatever becomes of his first call."
    )
    yield from _left_out(recorded)
    yield from (f"{note}." for note in notes)


def _tail(survival: Survival, run: Run) -> str:
    """What is not known of patience: how long those have it who outlast all that was seen."""
    left, longest = survival.beyond(survival.longest), survival.longest
    if not survival.times:
        return (
            f"Nobody gave up all day, and the longest wait was {longest:.0f} s: how long anybody"
            " would wait is not known, and nobody gives up in what is played."
        )
    if left == 0:
        return (
            f"The longest wait of all, {longest:.0f} s, was given up: by that estimate nobody has"
            " more patience."
        )
    old, new = run.old.used, run.new.used
    return (
        f"The longest wait that was seen is {longest:.0f} s, and {left:.0%} are estimated to have"
        " more patience than that; how much more is not known, and is drawn from the exponential"
        f" curve that leads there. By the old rules {old.beyond_all} contacts wait longer than"
        f" that, of whom {old.gave_up_beyond} give up then; by the new {new.beyond_all}, and"
        f" {new.gave_up_beyond}."
    )


def _left_out(recorded: Recorded) -> Iterator[str]:
    others = {name: n for name, n in recorded.versions.items() if name != recorded.version}
    if others:
        yield (
            f"The configuration changed that day: {recorded.versions[recorded.version]} contacts"
            f" came by {recorded.version}, by which all are played, and {sum(others.values())} by"
            f" {', '.join(others)}."
        )
    left = recorded.left_out
    if left.placed:
        yield f"{left.placed} calls that agents placed are not played."
    if left.by_name:
        yield (
            f"{left.by_name} transfers were to somebody by name: the customer is with him for as"
            " long as he was then, and goes on from there as he did, whoever it is and whether he"
            " would be free or not."
        )
    if left.elsewhere:
        hours = left.worked / 3600
        yield (
            f"{left.elsewhere} times an agent had something in hand that is not played: a call that"
            " he placed, a consultation, a contact that was sent to him by name or had come before."
            f" He is not to be had meanwhile, and {hours:.1f} h of it are work, and count as"
            " occupied. Who is added, or has another's hours, has none of it."
        )
    if left.assigned:
        yield (
            f"{left.assigned} times somebody outside gave a contact to an agent; nobody outside is"
            " asked again: the rules decide."
        )
    if left.starts:
        times = f"{left.starts} time{'s' * (left.starts > 1)}"
        yield f"The server was started {times} in that time; played, it runs all along."
    if left.begun_before:
        yield (
            f"{left.begun_before} contacts that had come before are not played: agents have them in"
            " hand as they had then."
        )
    if left.unended:
        yield f"The journal has no end of {left.unended} contacts: they end where it does."
    if left.unread:
        yield f"{left.unread} events of the journal could not be read."
