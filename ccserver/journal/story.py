"""A contact's story in words, a line for each thing that happened to it."""

from __future__ import annotations

from msgspec import Struct

from actors import events as ev
from actors.ids import ContactId, owner_of
from ccserver.journal.log import Entry


class Line(Struct, frozen=True):
    """``at``: microseconds since 1970."""

    seq: int
    at: int
    text: str


def told(entry: Entry, contact: ContactId) -> Line | None:
    """None: it is not of this contact, or no step of its story."""
    event = entry.event
    of = getattr(event, "contact", None)
    name = of.id if isinstance(of, ev.ContactRef) else of
    if name is None or owner_of(name) != contact:
        return None
    text = _in_words(event)
    return None if text is None else Line(entry.seq, entry.at, text)


def _in_words(event: ev.AnyEvent) -> str | None:
    match event:
        case ev.ContactArrived(_, entry_point):
            return f"arrived at {entry_point}"
        case ev.ContactQueued():
            return _queued(event)
        case ev.ContactDiverted():
            return _diverted(event)
        case ev.ContactAnnounced(_, _, files):
            return f"is told: {' '.join(files)}"
        case ev.ContactAssigned(request, queue, agent, decision=decision):
            for_whom = "" if owner_of(request) == request else f" (request {request})"
            if decision.by is not None:
                return f"assigned to {agent} by {decision.by}, out of {queue}{for_whom}"
            return f"given to {agent} by {queue}{for_whom}"
        case ev.AssignmentRefused(_, _, agent, by, reason):
            return f"{by} could not assign it to {agent}: {reason}"
        case ev.ContactPresented(_, _, agent):
            return f"{agent}'s phone is called"
        case ev.ContactOfferFailed(_, _, agent, reason):
            return f"{agent} did not take it: {reason}"
        case ev.ContactConnected(_, _, agent, _, waited):
            return f"talks with {agent}, after {waited:.1f} s"
        case ev.ContactReturned(_, queue, agent, reason):
            return f"back in {queue}, {agent} was lost: {reason}"
        case ev.ContactLeftQueue(_, queue):
            return f"has left {queue}"
        case ev.ContactTransferred(_, by, _, how):
            return f"transferred by {by}, {how}"
        case ev.ContactTransferFailed(_, by, _, reason):
            return f"{by}'s transfer failed: {reason}"
        case ev.ContactEnded(_, outcome) as ended:
            during = f" in the {ended.during}" if ended.during is not None else ""
            reason = f", {ended.reason}" if ended.reason is not None else ""
            return f"{outcome}{during}{reason}"
        case _:
            return None


def _queued(event: ev.ContactQueued) -> str:
    said = f"waits in {event.queue} (priority {event.place.priority})"
    if event.again:
        return f"{said} again, at the place it had"
    if event.position is not None:
        said += f", number {event.position} in line"
    if event.regained is not None:
        said += f", at the place that it had as {event.regained}"
    known = event.estimate
    if known is None:
        return said
    if known.p90 == 0:
        return f"{said}, an agent is free"
    return f"{said}, expected {known.p50:.0f} to {known.p90:.0f} s"


def _diverted(event: ev.ContactDiverted) -> str:
    figures = event.figures
    counted = {
        "waiting": (figures.waiting, "wait"),
        "estimated_wait": (figures.p50, "s expected"),
        "no_agents": (figures.signed_in, "signed in"),
        "none_working": (figures.working, "at work"),
        "waited": (event.waited, "s"),
    }
    number, unit = counted.get(event.when, (None, ""))
    why = event.when if number is None else f"{event.when}, {number:.0f} {unit}"
    where = "at the door of" if event.waited is None else "from"
    return f"sent {where} {event.queue} to {event.to.replace(':', ' ', 1).strip()}: {why}"
