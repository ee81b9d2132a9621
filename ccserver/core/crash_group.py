"""A call's crash group: a contact (or feature call) with its legs, in one mailbox.

It has no task of its own, until something fails.  Whatever fails in it ends it alone, and well:
every phone that is still on the line is hung up by a farewell that nobody can cancel and that
cannot last for ever.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import trio

from actors.base import Actor, Mailbox
from actors.effects import Effect
from actors.ids import ContactId, LegId
from actors.leg import Leg
from actors.messages import Begin, EndContact, HangUp, Resume
from sip.machine import CancelTimer, StartTimer, Stop

log = logging.getLogger(__name__)

FAREWELL = 40.0
"""Longer than a BYE is retransmitted (64*T1 is 32 s)."""
INTERNAL_ERROR = 'SIP;cause=500;text="Internal error"'


class CrashGroup:
    """``make_leg(leg, mailbox, on_end)`` wraps a leg's machine in an actor that others can reach.

    The contact's actor is made with ``mailbox``, too.
    """

    def __init__(
        self,
        contact: ContactId,
        mailbox: Mailbox,
        perform: Callable[[Effect], None],
        make_leg: Callable[[Leg, Mailbox | None, Callable[[], None] | None], Actor],
        forget_leg: Callable[[Leg], None],
    ) -> None:
        self.contact, self.mailbox = contact, mailbox
        self._perform, self._make_leg, self._forget_leg = perform, make_leg, forget_leg
        self._legs: dict[LegId, Leg] = {}

    def set_contact(self, actor: Actor) -> None:
        self.actor = actor

    def add_leg(self, leg: Leg, first: Begin | Resume) -> None:
        """It lives in this group from now on."""
        self._legs[leg.id] = leg

        def ended() -> None:
            del self._legs[leg.id]
            self._forget_leg(leg)

        self._make_leg(leg, self.mailbox, ended).tell(first)

    async def part(self, crash: Exception) -> None:
        """The farewell, after which the crash passes."""
        await self._part()
        raise crash

    def close(self) -> None:
        """It has ended: nothing is left of any leg."""
        for leg in self._legs.values():
            self._forget_leg(leg)

    async def _part(self) -> None:
        """The contact says its last word, if it can; each leg is hung up, if it can be."""
        post, name = self.mailbox.post, self.mailbox.name
        actors: list[tuple[Leg, Actor]] = []
        with trio.CancelScope(deadline=trio.current_time() + FAREWELL, shield=True):
            await post.turns.wait_for("parting", name)
            post.turn("parting", lambda _: actors.extend(self._say_farewell()), name)
            async with trio.open_nursery() as nursery:
                for leg, actor in actors:
                    nursery.start_soon(self._hang_up, leg, actor)

    def _say_farewell(self) -> list[tuple[Leg, Actor]]:
        actors = [(leg, self._make_leg(leg, None, None)) for leg in self._legs.values()]
        try:
            for effect in self.actor.machine.handle(EndContact("internal")):
                if not isinstance(effect, StartTimer | CancelTimer | Stop):
                    self._perform(effect)
        except Exception:
            log.exception("contact %s could not end in good order", self.contact)
            self.last_word_failed = True
        for _, actor in actors:
            actor.tell(HangUp(500, INTERNAL_ERROR))
        return actors

    async def _hang_up(self, leg: Leg, actor: Actor) -> None:
        try:
            await actor.mailbox.run()
        except Exception:
            log.exception("leg %s could not be hung up", leg.id)

    last_word_failed = False
    """The contact's own machine could not write its terminal event."""
