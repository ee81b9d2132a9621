"""The calls that agents place, folded into numbers.

    placed = handled + unreached + failed + dialling + talking

A call that is sent on to a queue is handled here, and is the queue's from then on.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from actors import events as ev
from actors.ids import ContactId
from actors.placement import CANCELLED
from actors.reasons import OfferFailure, Outcome, Refusal
from ccserver.journal.histogram import Histogram, HistogramFigures

REFUSALS = (
    Refusal.NOT_PERMITTED,
    Refusal.NOT_IN_DIAL_PLAN,
    Refusal.UNKNOWN_DESTINATION,
    Refusal.UNSUPPORTED_DESTINATION,
    OfferFailure.AGENT_LIMIT,
    OfferFailure.TENANT_LIMIT,
    OfferFailure.TRUNK_LIMIT,
)
OUTCOMES = (Outcome.HANDLED, Outcome.UNREACHED, Outcome.FAILED)


class OutboundFigures(Struct, frozen=True):
    placed: int
    ended: dict[str, int]
    """By outcome: handled, unreached or failed."""
    unreached: dict[str, int]
    """By reason."""
    refused: dict[str, int]
    """Not placed, by reason; no part of the identity."""
    dialling: int
    talking: int
    talk: HistogramFigures


class SavedOutbound(Struct, frozen=True):
    """All that the fold holds: with it, it goes on as if it had never stopped."""

    figures: OutboundFigures
    living: dict[ContactId, bool]


class OutboundFold:
    """``bounds`` are those of the time that agent and customer talked, in seconds."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._placed = 0
        self._living: dict[ContactId, bool] = {}
        """Whether it talks."""
        self._ended = dict.fromkeys(OUTCOMES, 0)
        self._unreached: dict[str, int] = dict.fromkeys((*OfferFailure, CANCELLED), 0)
        self._refused: dict[str, int] = dict.fromkeys(REFUSALS, 0)
        self._talk = Histogram(bounds)

    def placed(self, event: ev.ContactPlaced) -> None:
        self._placed += 1
        self._living[event.contact.id] = False

    def reached(self, event: ev.ContactReached) -> None:
        if event.contact.id in self._living:
            self._living[event.contact.id] = True

    def refused(self, event: ev.CallRefused) -> None:
        self._refused[event.reason] = self._refused.get(event.reason, 0) + 1

    def sent_on(self, event: ev.ContactLeftQueue) -> bool:
        """To a queue, or to an entry point: whether it was one of ours."""
        if self._living.pop(event.contact.id, None) is None:
            return False
        self._ended[Outcome.HANDLED] += 1
        self._talk.observe(event.talked)
        return True

    def ended(self, event: ev.ContactEnded) -> None:
        if self._living.pop(event.contact.id, None) is None:
            return
        self._ended[event.outcome] += 1
        if event.outcome is Outcome.HANDLED:
            self._talk.observe(event.talked)
        elif event.outcome is Outcome.UNREACHED:
            reason = event.reason or ""
            self._unreached[reason] = self._unreached.get(reason, 0) + 1

    def saved(self) -> SavedOutbound:
        return SavedOutbound(self.figures(), dict(self._living))

    def go_on(self, saved: SavedOutbound) -> None:
        """From where an earlier run's fold stood."""
        figures = saved.figures
        self._placed = figures.placed
        self._living = dict(saved.living)
        self._ended.update({outcome: figures.ended[outcome] for outcome in OUTCOMES})
        self._unreached.update(figures.unreached)
        self._refused.update(figures.refused)
        self._talk.go_on(figures.talk)

    def figures(self) -> OutboundFigures:
        talking = sum(self._living.values())
        return OutboundFigures(
            self._placed,
            {outcome.value: count for outcome, count in self._ended.items()},
            dict(self._unreached),
            dict(self._refused),
            len(self._living) - talking,
            talking,
            self._talk.figures(),
        )
