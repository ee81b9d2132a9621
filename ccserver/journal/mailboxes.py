"""Mailbox figures by kind of actor; those of actors that have ended are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from actors.base import Actor

KINDS = ("contact", "leg", "queue", "agent", "dispatcher")


class MailboxFigures(Struct, frozen=True, gc=False):
    actors: int
    """Living."""
    waiting: int
    """Messages in their mailboxes now."""
    handled: int
    """Messages, since the start of the process, of ended actors too."""
    peak: int
    """The most messages that were ever in one mailbox."""


class Mailboxes:
    """Is told of each actor that ends, so that what it handled is not forgotten."""

    def __init__(self) -> None:
        self._handled = dict.fromkeys(KINDS, 0)
        self._peak = dict.fromkeys(KINDS, 0)

    def ended(self, kind: str, actor: Actor) -> None:
        self._handled[kind] = self._handled.get(kind, 0) + actor.handled
        self._peak[kind] = max(self._peak.get(kind, 0), actor.mailbox.peak)

    def figures(self, living: Mapping[str, Iterable[Actor]]) -> dict[str, MailboxFigures]:
        """At each scrape: with 100,000 agents it may cost each of them a few attributes."""
        figures = {}
        for kind in sorted({*self._handled, *living}):
            actors = waiting = 0
            handled, peak = self._handled.get(kind, 0), self._peak.get(kind, 0)
            for actor in living.get(kind, ()):
                mailbox = actor.mailbox
                actors += 1
                waiting += mailbox.waiting
                handled += actor.handled
                if mailbox.peak > peak:
                    peak = mailbox.peak
            # An actor that ends between two scrapes does not take its peak with it.
            self._peak[kind] = peak
            figures[kind] = MailboxFigures(actors, waiting, handled, peak)
        return figures
