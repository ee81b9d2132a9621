"""Where contacts are, and the seconds that pass there."""

from __future__ import annotations

from actors.ids import NO_QUEUE, AgentId, LegId, QueueName
from ccserver.journal.reports.books import Books
from ccserver.journal.reports.conversations import POST_CALL, TALK, Talk
from ccserver.journal.reports.figures import ContactFigures, QueueFigures, Rules
from ccserver.journal.reports.intervals import MICRO

FLOW, WAITING, BEING_OFFERED, IN_SERVICE = range(4)
"""A contact's stages."""


class Visit:
    """A contact's stay in one queue; in the one without a name, until it reaches another.

    ``counts``: it is no call that an agent placed.
    """

    __slots__ = (
        "answered",
        "counts",
        "decided",
        "name",
        "seconds",
        "since",
        "talked",
    )

    def __init__(self, name: QueueName, since: int, *, counts: bool = True) -> None:
        self.name, self.since, self.counts = name, since, counts
        self.decided = name == NO_QUEUE
        """Its part in the service level."""
        self.answered = self.talked = False
        self.seconds: dict[str, float] = {}
        """Of the conversation that goes on, or of those since the last that was counted."""


class Visitor:
    """A contact: where it is, and who has to do with it.  ``customer``: the leg, if he called."""

    __slots__ = (
        "answered_by_us",
        "customer",
        "holders",
        "ringing",
        "row",
        "settled",
        "stage",
        "talk",
        "transfer_failed",
        "visit",
    )

    def __init__(self, row: ContactFigures, customer: LegId | None, visit: Visit, at: int) -> None:
        self.row, self.customer, self.visit = row, customer, visit
        self.settled = at
        self.stage = FLOW
        self.talk = Talk()
        self.ringing: set[AgentId] = set()
        self.holders: set[AgentId] = set()
        """Agents who have it in hand: his wrap-up is to come."""
        self.answered_by_us = self.transfer_failed = False


class Time:
    """Enters what passes into the books, and judges waits by the service level of the rules."""

    def __init__(self, books: Books, rules: Rules) -> None:
        self._books = books
        self._threshold = int(rules.service_level_seconds * MICRO)

    def close(self, contact: Visitor, at: int) -> None:
        """An interval ends, and the contact is there."""
        self.settle(contact, at)
        self.decide(contact, at)
        if not contact.visit.counts:
            return
        figures = self._books.queue(contact.visit.name)
        if contact.stage == WAITING:
            figures.waiting += 1
            waited = (at - contact.visit.since) / MICRO
            figures.longest_waiting = max(figures.longest_waiting, waited)
        elif contact.stage == BEING_OFFERED:
            figures.being_offered += 1
        elif contact.stage == IN_SERVICE:
            figures.in_service += 1

    def settle(self, contact: Visitor, at: int) -> None:
        """Enter what has passed since this was last done."""
        seconds = (at - contact.settled) / MICRO
        if seconds <= 0:
            return
        contact.settled = at
        row, visit, talk = contact.row, contact.visit, contact.talk
        figures = self._books.queue(visit.name) if visit.counts else QueueFigures()
        if talk.is_on or visit.talked:  # also while he is handed to another
            self._settle_talk(contact, figures, seconds)
        elif contact.stage == WAITING:
            row.waiting += seconds
            figures.apportioned_waiting += seconds
        elif contact.stage == BEING_OFFERED:
            row.ringing += seconds
            figures.apportioned_ringing += seconds

    def _settle_talk(self, contact: Visitor, figures: QueueFigures, seconds: float) -> None:
        talk, visit, row = contact.talk, contact.visit, contact.row
        does = talk.customer
        if does == TALK:
            row.talk += seconds
            figures.apportioned_talk += seconds
        elif does == POST_CALL:
            row.post_call += seconds
            figures.apportioned_post_call += seconds
        else:
            row.hold += seconds
            figures.apportioned_hold += seconds
        visit.seconds[does] = visit.seconds.get(does, 0.0) + seconds
        if talk.consults:
            row.consult += seconds
            figures.apportioned_consult += seconds
            visit.seconds["consult"] = visit.seconds.get("consult", 0.0) + seconds
        for part in talk.parts.values():
            enter(self._books.agent(part.agent), f"apportioned_{part.does}", seconds)
            part.seconds[part.does] = part.seconds.get(part.does, 0.0) + seconds

    def decide(self, contact: Visitor, at: int) -> None:
        """Whoever has waited for longer than the service level allows is counted as he does."""
        visit = contact.visit
        if not visit.decided and visit.since + self._threshold < at:
            visit.decided = True
            self._books.queue(visit.name).level_missed += 1


def enter(figures: object, name: str, seconds: float) -> None:
    """Into the figure of this name."""
    setattr(figures, name, getattr(figures, name) + seconds)
