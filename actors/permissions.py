"""Who may do what, now: tables 2.2 and 2.3 of the features, as one pure function.

``refusal`` gives the reason why a command would be refused, or None; what a participant is shown
as allowed is exactly what would not be refused.  docs/permissions.md has the tables.
"""

from __future__ import annotations

from actors import commands as c
from actors.conversation import Consulting, Conversation, Party, Requested
from actors.dossier import World
from actors.ids import AgentId
from actors.reasons import Refusal

ACTIONS: dict[str, c.ContactCommand] = {
    "hold": c.Hold(),
    "hold_consult": c.Hold("consult"),
    "resume": c.Resume(),
    "resume_consult": c.Resume("consult"),
    "consult": c.Consult(c.ToNumber("")),
    "end_consult": c.EndConsult(),
    "conference": c.Conference(),
    "transfer": c.Transfer(),
    "blind_transfer": c.Transfer(c.ToNumber("")),
    "exit_conference": c.ExitConference(),
    "end": c.End(),
}
"""What a participant may be shown, each with a command that stands for it."""
SUPERVISORS = frozenset({"supervisor", "administrator"})


def allowed(talk: Conversation, party: Party, world: World) -> tuple[str, ...]:
    """The actions of this party that would not be refused now, in a fixed order."""
    if party.kind == "supervisor":
        return ("change_monitoring", "stop_monitoring")
    if party.agent is None:
        return ()  # customers and outsiders have no call control (V-32)
    if talk.consultation is not None or party not in talk.parties:
        return _allowed(talk, party, world)
    card = world.agents.get(party.agent)
    posture = (
        None if card is None else card.permissions,
        world.most_parties,
        len(talk.parties),
        party is talk.primary,
        talk.ear,
        talk.held,
        talk.post_call,
    )
    known = _WITHOUT_CONSULT.get(posture)
    if known is None:
        known = _WITHOUT_CONSULT[posture] = _allowed(talk, party, world)
    return known


_WITHOUT_CONSULT: dict[tuple[object, ...], tuple[str, ...]] = {}
"""By all that decides it where nobody is consulted: of a hundred calls ninety have one posture."""


def _allowed(talk: Conversation, party: Party, world: World) -> tuple[str, ...]:
    return tuple(
        name for name, command in ACTIONS.items() if refusal(talk, party, command, world) is None
    )


def refusal(
    talk: Conversation, party: Party, command: c.ContactCommand, world: World
) -> Refusal | None:
    """Whether an agent in the call may do this now; where to is not looked at."""
    if party.agent is None:
        return Refusal.NOT_PERMITTED
    if not _permitted(party.agent, command, world):
        return Refusal.NOT_PERMITTED
    if party not in talk.parties:
        return _of_consulted(command)
    match command:
        case c.Hold("customer") | c.Resume("customer"):
            return _hold(talk, party, command)
        case c.Hold() | c.Resume():
            return _hold_consult(talk, party, command)
        case c.Consult():
            return _consult(talk, world)
        case c.EndConsult():
            return None if party is talk.initiator else Refusal.NO_CONSULT
        case c.Conference() | c.Transfer(None):
            return _complete(talk, party, command, world)
        case c.Transfer():
            return _blind_transfer(talk, party)
        case c.ExitConference():
            if party is talk.initiator:
                return Refusal.CONSULT_IN_PROGRESS
            return None if talk.in_conference or talk.post_call else Refusal.NO_CONFERENCE
        case c.End():
            return _end(talk, party)
        case _:
            return Refusal.NOT_PERMITTED


def may_monitor(role: str) -> bool:
    return role in SUPERVISORS


def _permitted(agent: AgentId, command: c.ContactCommand, world: World) -> bool:
    card = world.agents.get(agent)
    if card is None or card.permissions is None:
        return True
    match command:
        case c.Hold() | c.Resume():
            return "hold" in card.permissions
        case c.Consult():
            return "consult" in card.permissions
        case c.Conference():
            return "conference" in card.permissions
        case c.Transfer():
            return "transfer" in card.permissions
        case _:
            return True  # who is in a call may always leave it


def _of_consulted(command: c.ContactCommand) -> Refusal | None:
    """A consulted agent may leave; nothing else is his yet (V-26)."""
    return None if isinstance(command, c.EndConsult) else Refusal.NOT_IN_CALL


def _hold(talk: Conversation, party: Party, command: c.Hold | c.Resume) -> Refusal | None:
    if talk.post_call:
        return Refusal.CUSTOMER_GONE
    match talk.consultation:
        case Requested(then="consult"):
            return Refusal.CONSULT_IN_PROGRESS
        case Consulting(by=by):
            if party is not by:
                return Refusal.NOT_IN_CONTROL
            if talk.in_conference and isinstance(command, c.Hold):
                return Refusal.IN_CONFERENCE
        case _:
            if talk.in_conference:
                return Refusal.IN_CONFERENCE
            if party is not talk.primary:
                return Refusal.NOT_IN_CONTROL
    if isinstance(command, c.Hold):
        return None if talk.ear == "main" else Refusal.ALREADY_HELD
    return None if talk.ear != "main" else Refusal.NOT_HELD


def _hold_consult(talk: Conversation, party: Party, command: c.Hold | c.Resume) -> Refusal | None:
    match talk.consultation:
        case Consulting(by=by) if by is party:
            if isinstance(command, c.Hold):
                return None if talk.ear == "consult" else Refusal.ALREADY_HELD
            return None if talk.ear != "consult" else Refusal.NOT_HELD
        case _:
            return Refusal.NO_CONSULT


def _consult(talk: Conversation, world: World) -> Refusal | None:
    if talk.consultation is not None:
        return Refusal.CONSULT_IN_PROGRESS
    if talk.post_call:
        return Refusal.CUSTOMER_GONE
    return None if len(talk.parties) < world.most_parties else Refusal.CONFERENCE_FULL


def _complete(
    talk: Conversation, party: Party, command: c.Conference | c.Transfer, world: World
) -> Refusal | None:
    """Conference or Transfer to the consulted party: as soon as it rings (V-30)."""
    match talk.consultation:
        case Requested(by=by, search=search, then="consult") if by is party:
            if not search.rings:
                return Refusal.CONSULT_NOT_RINGING
        case Consulting(by=by) if by is party:
            if talk.ear != "consult":
                return Refusal.CONSULT_ON_HOLD
        case _:
            return Refusal.NO_CONSULT
    if talk.post_call:
        return Refusal.CUSTOMER_GONE
    if isinstance(command, c.Transfer):
        return Refusal.IN_CONFERENCE if talk.in_conference else None
    return None if len(talk.parties) < world.most_parties else Refusal.CONFERENCE_FULL


def _blind_transfer(talk: Conversation, party: Party) -> Refusal | None:
    if talk.consultation is not None:
        return Refusal.CONSULT_IN_PROGRESS
    if talk.post_call:
        return Refusal.CUSTOMER_GONE
    if talk.in_conference:
        return Refusal.IN_CONFERENCE
    return None if party is talk.primary else Refusal.NOT_IN_CONTROL


def _end(talk: Conversation, party: Party) -> Refusal | None:
    match talk.consultation:
        case Requested(by=by, then="consult") if by is party:
            return Refusal.CONSULT_IN_PROGRESS
        case Consulting(by=by) if by is party and (talk.ear != "main" or talk.in_conference):
            return Refusal.CONSULT_IN_PROGRESS
    return Refusal.CALL_ON_HOLD if talk.held else None  # V-52
