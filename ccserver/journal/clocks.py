"""The instants of what is known, when another run begins on another clock."""

from __future__ import annotations

from msgspec.structs import replace

from actors.past import Past


def continue_in(past: Past, boot: str, clock: float, at: int) -> None:
    """The next run begins at ``at``, as its clock shows ``clock``.

    Where the machine has not been booted meanwhile it is the same clock; else the one on the wall
    tells how long ago everything was.
    """
    if boot != past.boot or not boot:
        shown = past.clock + (at - past.clock_at) / 1_000_000
        _shift(past, clock - shown)
    past.boot, past.clock, past.clock_at = boot, clock, at


def _shift(past: Past, by: float) -> None:
    for contact in past.contacts.values():
        contact.arrived += by
        contact.queued += by
        contact.consult_since += by
        if contact.place is not None:
            contact.place = replace(contact.place, since=contact.place.since + by)
        if contact.service is not None:
            contact.service.since += by
            contact.service.queued += by
        if contact.talk is not None:
            contact.talk.since += by
            contact.talk.participants = tuple(
                replace(one, since=one.since + by) for one in contact.talk.participants
            )
    for leg in past.legs.values():
        leg.since += by
    for agent in past.agents.values():
        agent.since += by
        agent.shown += by
        agent.available_since += by
    past.handling.shift(by)
    for places in past.left.values():
        for one in places.values():
            one.at += by
            one.place = replace(one.place, since=one.place.since + by)
    for dialled in past.dialled.values():
        dialled[:] = [at + by for at in dialled]
    for command in past.commands.values():
        command.at += by
    for held in past.bindings.values():
        for name, binding in held.items():
            held[name] = replace(binding, expires_at=binding.expires_at + by)
