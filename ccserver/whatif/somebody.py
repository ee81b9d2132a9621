"""Whoever a customer is given to by name, in what is played: he takes it, and is nobody's agent.

What he does with the customer is what was done that day.  Whether the one whom he stands for would
be free now is not asked: he has in hand what he had (``ccserver.whatif.presence``).
"""

from __future__ import annotations

from collections.abc import Callable

from actors import messages as m
from actors.effects import Effect, TellContact
from actors.ids import AgentId
from ccserver.trials.floor import PHONE

SOMEBODY = AgentId("-somebody")
"""No configured agent's id begins so."""
_HIS = m.Target(f"sip:{SOMEBODY}@invalid", f"sip:{SOMEBODY}@192.0.2.1", PHONE)


class Somebody:
    """In the place of an agent: has no state, no hours and no wrap-up, and any number of
    conversations.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def handle(self, message: object) -> list[Effect]:
        match message:
            case m.AskedFor(contact):
                assigned = m.Assigned(contact, SOMEBODY, (_HIS,), self._now())
                return [TellContact(contact, assigned)]
            case _:
                return []  # what comes of it changes nothing here
