"""Bugs that others have had, planted into ours: a simulator that does not find them proves nothing.

Each is a patch that lasts as long as its context; nothing of it is in the product.  ``row`` names
the catalogue's row where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import trio
from msgspec import Struct
from msgspec.structs import replace

from actors import engagement as eng
from actors import events as ev
from actors import messages as m
from actors.agent import Agent, AgentConfigured
from actors.availability import Available, Idle
from actors.conversation import Conversation
from actors.dispatcher import Dispatcher
from actors.dossier import Dossier
from actors.effects import CloseMedia, TellDispatcher, TellLeg, TellQueue
from actors.engagement import Engagement
from actors.leg import Leg, MediaSilent
from actors.queue import Queue
from actors.reasons import IdleCode, OfferFailure, Refusal
from actors.recovered import RecoveredContact
from actors.search import Search
from ccserver.core.app import Core
from ccserver.core.door import Commands
from ccserver.journal.fold import Fold
from ccserver.journal.log import Journal
from sip.transaction import ClientInvite
from sip.transaction.effects import CancelSent

MINUTES_OF_PLANTS = 5.0
"""Of the runs that must find them."""
Wrapper = Callable[..., Any]


class Plant(Struct, frozen=True):
    name: str
    row: str
    bug: str
    owner: type
    method: str
    instead: Callable[[Wrapper], Wrapper]
    """Of the method as it is, the one that stands in for it."""

    @contextmanager
    def planted(self) -> Iterator[None]:
        with ExitStack() as stack:
            instead = self.instead(getattr(self.owner, self.method))
            stack.enter_context(patch.object(self.owner, self.method, instead))
            yield


PLANTS: list[Plant] = []


def plant(row: str, bug: str, owner: type, method: str) -> Callable[[Any], Any]:
    """The decorated function is given the method, and returns what stands in for it."""

    def add(instead: Callable[[Wrapper], Wrapper]) -> Callable[[Wrapper], Wrapper]:
        PLANTS.append(Plant(instead.__name__, row, bug, owner, method, instead))
        return instead

    return add


# --- queue and dispatcher -------------------------------------------------------------------------


@plant("R03", "a queue keeps whom it is told has hung up", Queue, "_leave")
def keeps_who_has_left(method: Wrapper) -> Wrapper:
    return lambda self, contact: []


@plant("R05", "who is refused by one agent is not offered to another", Dispatcher, "_refused")
def stops_at_a_refusal(method: Wrapper) -> Wrapper:
    def refused(self: Any, agent: Any, contact: Any) -> Any:
        effects = method(self, agent, contact)
        self.index.remove_contact(contact)
        return [effect for effect in effects if isinstance(effect, TellQueue)][:1]

    return refused


@plant("R06", "nobody tells a dispatcher that starts again who waits", Queue, "_tell_again")
def starts_again_empty(method: Wrapper) -> Wrapper:
    return lambda self: []


@plant("R16", "a dispatcher is not told who has waited too long", Queue, "_time_is_up")
def overflows_in_secret(method: Wrapper) -> Wrapper:
    def time_is_up(self: Any) -> Any:
        return [effect for effect in method(self) if not isinstance(effect, TellDispatcher)]

    return time_is_up


@plant("R17", "who comes back from a missed call stands at the end", Queue, "_join")
def loses_the_place(method: Wrapper) -> Wrapper:
    def join(self: Any, message: Any) -> Any:
        if message.tried:
            message = replace(message, place=replace(message.place, since=self._now()))
        return method(self, message)

    return join


@plant("R21", "an agent whose caller has gone is not looked for again", Dispatcher, "_pair")
def forgets_an_agent(method: Wrapper) -> Wrapper:
    def pair(self: Any, on: str, choice: Any) -> Any:
        if on == "agent" and choice is not None and choice.contact.tried:
            return []
        return method(self, on, choice)

    return pair


@plant("", "a router that was heard once is there for ever", Dispatcher, "_keep_for_router")
def believes_a_router(method: Wrapper) -> Wrapper:
    def keep(self: Any, queue: Any) -> Any:
        seconds = method(self, queue)
        self.index.hear_router(queue, self._now() + 1e6, self._now())
        return seconds

    return keep


# --- agents ---------------------------------------------------------------------------------------


@plant("R02", "who rang beside the one who answered stays reserved", Engagement, "handle")
def stays_reserved(method: Wrapper) -> Wrapper:
    def handle(self: Any, message: Any) -> Any:
        return [] if isinstance(message, m.OfferWithdrawn) else method(self, message)

    return handle


@plant("R04", "an agent whose caller has gone stays engaged", Engagement, "handle")
def stays_engaged(method: Wrapper) -> Wrapper:
    def handle(self: Any, message: Any) -> Any:
        talks = isinstance(self.state, eng.Engaged)
        deaf = talks and isinstance(message, m.ConversationEnded | m.AgentLegDown | m.Down)
        return [] if deaf else method(self, message)

    return handle


@plant(
    "R07", "an agent who has wrapped up is not told to the dispatcher", Agent, "_tell_dispatcher"
)
def idles_after_wrap_up(method: Wrapper) -> Wrapper:
    def tell(self: Any) -> Any:
        state = self.availability.state
        worked = isinstance(state, Available) and self.availability.contacts > 0
        return [] if worked and self.fits() else method(self)

    return tell


@plant("R09", "a contact that comes as the agent cannot have it is a crash", Agent, "_decide")
def crashes_on_a_late_call(method: Wrapper) -> Wrapper:
    def decide(self: Any, message: Any) -> Any:
        if isinstance(message, m.Reserve) and not self.fits():
            raise KeyError(message.contact)
        return method(self, message)

    return decide


@plant("R11", "an agent takes a second contact while he has one", Agent, "fits")
def takes_two(method: Wrapper) -> Wrapper:
    return lambda self: isinstance(self.availability.state, Available) and bool(self.targets)


@plant("R12", "an agent who cannot have a contact does not say so", Agent, "_decide")
def swallows_a_contact(method: Wrapper) -> Wrapper:
    def decide(self: Any, message: Any) -> Any:
        if isinstance(message, m.Reserve) and not self.fits():
            return []
        return method(self, message)

    return decide


@plant("R13", "who calls while he is rung keeps what rings", Agent, "_give_back")
def keeps_what_rings(method: Wrapper) -> Wrapper:
    return lambda self, offered: []


@plant("R20", "an agent does not learn that his skills are others", Agent, "_decide")
def keeps_his_skills(method: Wrapper) -> Wrapper:
    def decide(self: Any, message: Any) -> Any:
        return [] if isinstance(message, AgentConfigured) else method(self, message)

    return decide


@plant(
    "R20", "who waits in a queue that is deleted is served by no rules any more", Core, "_policy"
)
def serves_no_deleted_queue(method: Wrapper) -> Wrapper:
    return lambda self, settings: method(self, self.settings)


@plant("R14", "a phone that registers again while it rings has missed the call", Agent, "_decide")
def blames_who_registers(method: Wrapper) -> Wrapper:
    def decide(self: Any, message: Any) -> Any:
        effects = method(self, message)
        if isinstance(message, m.PhonesChanged):
            for contact, engagement in list(self.engagements.items()):
                if engagement.is_offered:
                    effects += method(self, m.OfferFailed(contact, OfferFailure.RONA))
        return effects

    return decide


@plant("R15", "who has missed a call can never be available again", Agent, "_refusal")
def out_for_ever(method: Wrapper) -> Wrapper:
    def refusal(self: Any, command: Any) -> Any:
        state = self.availability.state
        missed = isinstance(state, Idle) and state.code == IdleCode.RONA
        if missed and isinstance(command, m.SetAvailable):
            return Refusal.NOT_REGISTERED
        return method(self, command)

    return refusal


@plant("", "an agent's time in a state is counted from the state before", Agent, "_show")
def counts_twice(method: Wrapper) -> Wrapper:
    def show(self: Any) -> Any:
        since = self._shown_since
        effects = method(self)
        if self.state == "wrap_up":
            self._shown_since = since
        return effects

    return show


# --- calls ----------------------------------------------------------------------------------------


@plant("R01", "who rang beside the one who answered rings on", Search, "_found")
def rings_on(method: Wrapper) -> Wrapper:
    def found(self: Any, ringing: Any, leg: Any) -> Any:
        return [effect for effect in method(self, ringing, leg) if not isinstance(effect, TellLeg)]

    return found


@plant("R08", "a phone that is silent for ever keeps its call", Leg, "handle")
def keeps_the_silent(method: Wrapper) -> Wrapper:
    def handle(self: Any, message: Any) -> Any:
        return [] if isinstance(message, MediaSilent) else method(self, message)

    return handle


@plant("R10", "the end of a conversation is counted twice", Journal, "append")
def ends_twice(method: Wrapper) -> Wrapper:
    def append(self: Any, event: Any) -> Any:
        if isinstance(event, ev.ContactEnded) and event.talked > 60.0:
            method(self, event)
        return method(self, event)

    return append


@plant("M12", "a customer on hold hears what the agents say", Conversation, "hearing")
def hears_on_hold(method: Wrapper) -> Wrapper:
    def hearing(self: Any) -> Any:
        hears = method(self)
        if self.held:
            legs = [party.leg for party in self.parties]
            hears |= {leg: tuple(other for other in legs if other != leg) for leg in legs}
        return hears

    return hearing


@plant("", "a leg's audio session is not given back", Leg, "handle")
def leaks_media(method: Wrapper) -> Wrapper:
    def handle(self: Any, message: Any) -> Any:
        effects = method(self, message)
        silent = any(isinstance(effect, CloseMedia) for effect in effects)
        if silent and isinstance(message, m.HangUp):
            return [effect for effect in effects if not isinstance(effect, CloseMedia)]
        return effects

    return handle


@plant("T07", "an INVITE that is cancelled and never answered is kept", ClientInvite, "handle")
def keeps_the_cancelled(method: Wrapper) -> Wrapper:
    def handle(self: Any, event: Any) -> Any:
        return [] if isinstance(event, CancelSent) else method(self, event)

    return handle


# --- the door, the disk and the next run ---------------------------------------------------------


@plant("W04", "a command that is repeated is carried out again", Commands, "_known")
def forgets_the_key(method: Wrapper) -> Wrapper:
    return lambda self, request: None


@plant("S03", "what must be kept is acknowledged before the disk has it", Journal, "wait_durable")
def acknowledges_early(method: Wrapper) -> Wrapper:
    async def wait_durable(self: Any, seq: int) -> None:
        await trio.lowlevel.checkpoint()

    return wait_durable


@plant("S17", "who waited as the server died stands at the end", RecoveredContact, "_wait_on")
def begins_to_wait_anew(method: Wrapper) -> Wrapper:
    def wait_on(self: Any, past: Any, plan: Any, place: Any) -> Any:
        return method(self, past, plan, replace(place, since=self._now()))

    return wait_on


@plant(
    "S18", "a run that takes over names legs and requests as the one before it", Dossier, "recover"
)
def names_legs_again(method: Wrapper) -> Wrapper:
    def recover(self: Any, restarts: int, legs: Any, **more: Any) -> None:
        method(self, 0, legs, **more)

    return recover


# --- what is told of it ---------------------------------------------------------------------------


@plant("", "a contact that lost its agent is still in service", Fold, "_returned")
def forgets_who_returned(method: Wrapper) -> Wrapper:
    return lambda self, event: None


@plant("", "a dispatcher is not told that a contact has left", Queue, "handle")
def tells_nobody(method: Wrapper) -> Wrapper:
    def handle(self: Any, message: Any) -> Any:
        effects = method(self, message)
        if isinstance(message, m.LeaveQueue):
            return [effect for effect in effects if not isinstance(effect, TellDispatcher)]
        return effects

    return handle
