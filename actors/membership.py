"""Coming and going: who is in the conversation, who controls it, and when it is over.

Whoever leaves, nobody is left alone: a customer goes back to the queue or his call ends, and a
conversation of one is no conversation.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from actors import commands as c
from actors import messages as m
from actors.conversation import Consulting, Conversation, Party, Requested
from actors.dossier import Dossier
from actors.effects import Effect, ReplyTo, TellAgent, TellLeg
from actors.flow import EntryPoint
from actors.reasons import EndedBy, Refusal
from actors.search import Search

LET_GO = "lease"
"""Why an agent leaves who has let go of the contact himself; his phone has not failed."""


class CallOver(Struct, frozen=True):
    """One party is left, or none: the contact ends, handled."""

    ended_by: EndedBy
    reason: str | None = None


class CustomerAlone(Struct, frozen=True):
    """Whoever served the customer is gone without ending the call: he waits again, in front."""

    last: Party
    cause: str


class HandedOver(Struct, frozen=True):
    """The customer is left to a search that is under way."""

    last: Party
    search: Search


class EnteredFlow(Struct, frozen=True):
    """The customer goes through an entry point, as if he had just called it."""

    last: Party
    entry_point: EntryPoint


Fate: TypeAlias = CallOver | CustomerAlone | HandedOver | EnteredFlow


def release(
    dossier: Dossier,
    party: Party,
    ended_by: EndedBy,
    *,
    wraps_up: bool,
    cause: str = "bye",
    because: str | None = None,
) -> list[Effect]:
    """Its part is over: its phone is hung up, its agent told.

    ``cause`` as of ``LegEnded``, or ``LET_GO``; ``because``: a Reason header for the phone.
    """
    alive = party.leg in dossier.legs
    effects: list[Effect] = []
    if alive:
        effects.append(TellLeg(party.leg, m.HangUp(reason=because)))
    if party.agent is None or party.request is None:
        return effects
    if cause not in ("bye", LET_GO):
        return [*effects, TellAgent(party.agent, m.PhoneLost(party.request))]
    ended = m.ConversationEnded(party.request, ended_by, wraps_up)
    effects.append(TellAgent(party.agent, ended))
    if alive:
        dossier.off_hook[party.leg] = (party.agent, party.request)
    else:
        effects.append(TellAgent(party.agent, m.AgentLegDown(party.request)))
    return effects


class Membership:
    """Changes the conversation; what becomes of it as a whole comes back as a ``Fate``."""

    def __init__(self, dossier: Dossier, talk: Conversation) -> None:
        self._dossier, self._talk = dossier, talk

    def join(self, party: Party) -> None:
        self._talk.parties.append(party)
        if self._talk.primary is None and party.kind == "agent":
            self._talk.primary = party

    # --- leaving ------------------------------------------------------------------------------

    def customer_left(self) -> list[Effect | Fate]:
        """V-42: the others talk on, if there are two."""
        talk = self._talk
        effects: list[Effect | Fate] = []
        talk.parties = [party for party in talk.parties if party.kind != "customer"]
        match talk.consultation:
            case Consulting(far=far):
                self.join(far)
            case Requested() as requested:
                effects.extend(drop(requested, Refusal.CUSTOMER_GONE))
        talk.consultation, talk.ear, talk.post_call = None, "main", True
        return [*effects, *self._over(EndedBy.CUSTOMER)]

    def left(self, party: Party, cause: str = "bye") -> list[Effect | Fate]:
        """An agent or an outsider of the main call is gone.

        ``cause`` as of ``LegEnded``, or ``LET_GO``.
        """
        talk = self._talk
        held, was_initiator = talk.held, party is talk.initiator
        ended_by = EndedBy.AGENT if party.kind == "agent" else EndedBy.OUTSIDER
        wraps_up = party is talk.primary
        talk.parties.remove(party)
        if party is talk.primary:
            talk.primary = next(iter(talk.agents()), None)
        effects: list[Effect | Fate] = []
        gone = release(self._dossier, party, ended_by, wraps_up=wraps_up, cause=cause)
        effects.extend(gone)
        alone = [p.kind for p in talk.parties] == ["customer"]
        match talk.consultation:
            case Consulting(far=far) if was_initiator and alone:
                # He hung up between the two: they are not left to music, but to each other.
                self._forget_consultation()
                self.join(far)
                return effects
            case Consulting(far=far) if was_initiator:
                self._forget_consultation()
                effects.extend(release(self._dossier, far, ended_by, wraps_up=False))
            case Requested(search=search, then="join" | "transfer") as requested if alone:
                effects.extend(answer(requested, None))
                self._forget_consultation()
                return [*effects, HandedOver(party, search)]
            case Requested(by=by) as requested if by is party:
                effects.extend(drop(requested, Refusal.NOT_IN_CALL))
                self._forget_consultation()
        if alone and party.kind == "agent" and (held or was_initiator or cause != "bye"):
            return [*effects, CustomerAlone(party, cause)]
        return [*effects, *self._over(ended_by)]

    def _forget_consultation(self) -> None:
        self._talk.consultation, self._talk.ear = None, "main"

    def _over(self, ended_by: EndedBy) -> list[Effect | Fate]:
        talk = self._talk
        if len(talk.parties) > 1:
            return []
        match talk.consultation:
            case Requested() as requested:
                return [*drop(requested, Refusal.CUSTOMER_GONE), CallOver(ended_by)]
            case Consulting(far=far):
                return [*release(self._dossier, far, ended_by, wraps_up=False), CallOver(ended_by)]
            case None:
                return [CallOver(ended_by)]


def drop(requested: Requested, why: Refusal) -> list[Effect]:
    """A party that is sought is wanted no more."""
    return [*requested.search.give_up(), *answer(requested, why)]


def answer(requested: Requested, refused: Refusal | None) -> list[Effect]:
    """Whoever waits to hear of a blind transfer, hears of it."""
    reply_to, requested.reply_to = requested.reply_to, None
    if reply_to is None:
        return []
    if refused is None:
        return [ReplyTo(reply_to, c.ContactDone(0, "transferred", ()))]
    return [ReplyTo(reply_to, c.ContactRefused(refused, "connected", ()))]
