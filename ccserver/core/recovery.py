"""What an earlier run of the server left is taken over; what cannot be is ended, once."""

from __future__ import annotations

from collections.abc import Callable

from actors import events as ev
from actors.past import Past, PastContact
from actors.reasons import EndedBy, Outcome

REASON = "server_restart"


def end_contacts(past: Past, now: float, record: Callable[[ev.AnyEvent], object]) -> None:
    """Nobody is left who could go on with them: each ends, and its legs before it."""
    for name, leg in past.legs.items():
        if leg.down is None:
            record(ev.LegDown(name, leg.contact, REASON, by_us=True))
    for contact in past.contacts.values():
        record(_ended(contact, now))


def _ended(contact: PastContact, now: float) -> ev.ContactEnded:
    service = contact.service
    return ev.ContactEnded(
        contact.ref,
        Outcome.FAILED if service is None else Outcome.HANDLED,
        contact.queue,
        None if service is None else service.agent,
        reason=REASON,
        ended_by=EndedBy.SYSTEM,
        waited=_waited(contact, now) if service is None else service.waited,
        talked=0.0 if service is None else now - service.since,
    )


def _waited(contact: PastContact, now: float) -> float:
    return 0.0 if contact.queue is None else now - contact.queued
