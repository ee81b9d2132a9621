"""An engagement: one contact in one agent's hands.

    Reserved -> Ringing -> Engaged -> WrapUp -> Over

Every state but the last has a lease: a deadline by which someone must have moved it on.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from actors.ids import ContactId, QueueName
from actors.messages import EngagementKind

OFFER_MARGIN = 10.0
"""Beyond the RONA time-out, which is the contact's, and runs even if no 180 ever comes."""
HOOK_LEASE = 40.0
"""A phone that has not confirmed its BYE by now never will (64*T1 is 32 s)."""


class Reserved(Struct, frozen=True, gc=False):
    """The dispatcher gave us the contact; the phone has not rung."""


class Ringing(Struct, frozen=True, gc=False):
    pass


class Engaged(Struct, frozen=True, gc=False):
    """The agent talks."""


class WrapUp(Struct, frozen=True, gc=False):
    """After-call work: ends by command or by its timer."""

    since: float


class HangingUp(Struct, frozen=True, gc=False):
    """Nothing is left to do but to put the phone on the hook (V-57)."""


State: TypeAlias = Reserved | Ringing | Engaged | WrapUp | HangingUp
OFFERED = (Reserved, Ringing)


class Engagement(Struct):
    """``contact`` is the request that asked for the agent; ``off_hook``: his phone has the call."""

    contact: ContactId
    queue: QueueName | None
    state: State
    off_hook: bool = False
    kind: EngagementKind = "contact"

    @property
    def is_work(self) -> bool:
        """A supervisor's listening is none: no wrap-up, no idle code, no new place in the line."""
        return self.kind != "monitor"

    @property
    def name(self) -> str:
        """The agent's state while this engagement lasts, in the words of the glossary."""
        match self.state:
            case Reserved() | Ringing():
                return "reserved"
            case Engaged():
                return "engaged"
            case WrapUp() | HangingUp():
                return "wrap_up"

    @property
    def lease(self) -> str:
        return f"lease:{self.contact}"
