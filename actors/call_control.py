"""What agents do with a conversation: hold, consult, confer, transfer, end.

Each command changes the conversation's data; who hears whom, what is published and who may do
what follow from the data (``Publication``).  A refused command changes nothing.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Literal, TypeAlias

from actors import commands as c
from actors import events as ev
from actors import messages as m
from actors.conversation import Consulting, Conversation, Party, Requested, party_of
from actors.destinations import described, goal_of, resolved
from actors.dossier import AgentCard, Dossier
from actors.effects import Effect, Record, ReplyTo, TellAgent
from actors.flow import EntryPoint, QueuePlan
from actors.ids import AgentId, LegId, agent_actor
from actors.membership import (
    LET_GO,
    CallOver,
    EnteredFlow,
    Fate,
    HandedOver,
    Membership,
    answer,
    drop,
    release,
)
from actors.monitoring import Monitorings
from actors.past import PastTalk
from actors.permissions import allowed, refusal
from actors.place import Place
from actors.publication import Publication
from actors.reasons import EndedBy, Refusal
from actors.search import (
    AtAgent,
    Found,
    News,
    NotFound,
    Reserved,
    Search,
    TurnedAway,
    parted,
)
from actors.search import Message as SearchMessage

Outcome: TypeAlias = list[Effect | Fate]


class CallControl:
    """One conversation's.  ``plan`` and ``place``: the queue that the customer came from.

    ``playing``: what plays to whom as it begins; None: the queue's music to the customer.
    """

    def __init__(
        self,
        dossier: Dossier,
        talk: Conversation,
        plan: QueuePlan,
        place: Place,
        playing: Mapping[LegId, str] | None = None,
    ) -> None:
        self.talk, self.plan, self.place = talk, plan, place
        self._dossier = dossier
        self._members = Membership(dossier, talk)
        self._monitorings = Monitorings(dossier, talk, plan)
        playing = {dossier.customer: plan.music} if playing is None else playing
        self._publication = Publication(dossier, talk, plan, playing)

    # --- what the contact passes on -------------------------------------------------------------

    def start(self) -> list[Effect]:
        """The two are connected: they hear each other."""
        return self._publication.settle()

    def centre_changed(self) -> list[Effect]:
        """Who takes part may be permitted another thing than before."""
        return self._publication.settle()

    def recover(self, past: PastTalk, playing: Container[LegId]) -> list[Effect]:
        """What an earlier run of the server left goes on; its agents hear that it does."""
        self._publication.recover(past, playing)
        kept = [
            TellAgent(party.agent, m.ContactKept(party.request, self.plan.name))
            for party in self.talk.everyone()
            if party.agent is not None and party.request is not None
        ]
        return [*kept, *self._publication.settle()]

    def command(self, received: c.ContactCommandReceived) -> Outcome:
        if isinstance(received.command, c.Monitor | c.ChangeMonitoring | c.StopMonitoring):
            return self._settled([*self._monitorings.command(received)])
        party = self.talk.by_agent(received.by.agent)
        if party is None:
            return [self._refused(received, Refusal.NOT_IN_CALL, None)]
        if received.expect not in (None, self._publication.version):
            return [self._refused(received, Refusal.STALE, party)]
        why = refusal(self.talk, party, received.command, self._dossier.world)
        done = why if why is not None else self._do(party, received)
        if isinstance(done, Refusal):
            return [self._refused(received, done, party)]
        settled = self._settled(done)
        match self.talk.consultation:
            case Requested(reply_to=waiting) if waiting == received.reply_to:
                return settled  # answered when the agent has said whether he takes it
        return [*settled, ReplyTo(received.reply_to, self._done(party))]

    def monitor(self, asked: m.MonitorAsked) -> Outcome:
        """A supervisor has asked for the next call of this agent, his team or his queue."""
        return self._settled([*self._monitorings.asked(asked)])

    def leg_ended(self, ended: m.LegEnded) -> Outcome:
        """Of any party but one that is only sought."""
        party = self.talk.by_leg(ended.leg)
        return [] if party is None else self._gone(party, ended.cause)

    def agent_lost(self, lost: m.AgentLost) -> Outcome:
        """He has let go of us: he alone leaves, and the others talk on."""
        everyone = self.talk.everyone()
        party = next((each for each in everyone if each.request == lost.contact), None)
        return [] if party is None else self._gone(party, LET_GO)

    def _gone(self, party: Party, cause: str) -> Outcome:
        match party, self.talk.consultation:
            case Party(kind="customer"), _:
                return self._settled(self._members.customer_left())
            case Party(kind="supervisor"), _:
                return self._settled([*self._monitorings.left(party, cause)])
            case _, Consulting(far=far) as consulting if far is party:
                return self._settled([*self._end_consulting(consulting, "left", cause)])
            case _:
                return self._settled(self._members.left(party, cause))

    def concerned(self, message: object) -> tuple[Search, SearchMessage] | None:
        """The search, if any, that a message of the mailbox is for."""
        for search in self._searches():
            if search.concerns(message):
                return search, message
        return None

    def _searches(self) -> list[Search]:
        sought = self.talk.consultation
        ours = [sought.search] if isinstance(sought, Requested) else []
        return [*ours, *self._monitorings.searches()]

    def search(self, search: Search, message: SearchMessage) -> Outcome:
        return self._hear(search, search.handle(message))

    def tell_again(self, name: str) -> Outcome:
        """A queue or an agent has been started again: what it must know of us."""
        outcome: Outcome = []
        for party in self.talk.everyone():
            if party.agent is not None and name == agent_actor(party.agent):
                assert party.request is not None
                kind: m.EngagementKind = "monitor" if party.kind == "supervisor" else "contact"
                kept = m.ContactKept(party.request, self.plan.name, kind)
                outcome.append(TellAgent(party.agent, kept))
        for search in self._searches():
            outcome.extend(self._hear(search, search.tell_again(name)))
        return outcome

    def end(self, ended_by: EndedBy) -> list[Effect]:
        """Everyone's part is over.  The customer's leg is the contact's affair."""
        talk = self.talk
        effects = [*self._publication.close(), *self._monitorings.end()]
        match talk.consultation:
            case Requested() as requested:
                effects.extend(drop(requested, Refusal.CUSTOMER_GONE))
            case Consulting(far=far):
                effects.extend(release(self._dossier, far, ended_by, wraps_up=False))
        for party in talk.parties:
            if party.kind != "customer":
                wraps_up = party is talk.primary
                effects.extend(release(self._dossier, party, ended_by, wraps_up=wraps_up))
        return effects

    def let_go(self) -> list[Effect]:
        """The customer goes on without this conversation."""
        closed = self._publication.close()
        return [*closed, *self._monitorings.end(), *self._publication.silence()]

    # --- answers ------------------------------------------------------------------------------

    def _settled(self, outcome: Outcome) -> Outcome:
        fates = [effect for effect in outcome if isinstance(effect, Fate)]
        return outcome if fates else [*outcome, *self._publication.settle()]

    def _done(self, party: Party) -> c.ContactDone:
        here = party in self.talk.everyone()
        state = self.talk.state_of(party) if here else "left"
        actions = allowed(self.talk, party, self._dossier.world) if here else ()
        return c.ContactDone(self._publication.version, state, actions)

    def _refused(
        self, received: c.ContactCommandReceived, why: Refusal, party: Party | None
    ) -> ReplyTo:
        state = "absent" if party is None else self.talk.state_of(party)
        actions = () if party is None else allowed(self.talk, party, self._dossier.world)
        return ReplyTo(received.reply_to, c.ContactRefused(why, state, actions))

    # --- commands, allowed already --------------------------------------------------------------

    def _do(self, party: Party, received: c.ContactCommandReceived) -> Outcome | Refusal:
        talk = self.talk
        match received.command:
            case c.Hold():
                talk.ear = "nobody"
                return []
            case c.Resume("customer"):
                talk.ear = "main"  # a consulted party is held by itself (V-16)
                return []
            case c.Resume():
                talk.ear = "consult"
                return []
            case c.Consult(to):
                return self._consult(party, to)
            case c.EndConsult():
                return self._end_consult(party)
            case c.Conference():
                return self._conference()
            case c.Transfer(None):
                return self._transfer(party)
            case c.Transfer(to) if to is not None:
                return self._blind_transfer(party, to, received.reply_to)
            case c.ExitConference():
                return self._members.left(party)
            case c.End() if talk.in_conference and party is not talk.primary:
                return self._members.left(party)
            case _:
                return [CallOver(EndedBy.AGENT)]

    def _consult(self, party: Party, to: c.AnyDestination) -> Outcome | Refusal:
        search = self._search(party, to, "consult")
        if isinstance(search, Refusal):
            return search
        talk, now = self.talk, self._dossier.now()
        talk.consultation = Requested(party, to, search, now)
        talk.ear = "consult"  # the customer is held by itself (V-15)
        card = self._dossier.world.agents.get(party.agent or AgentId(""), AgentCard())
        asked = ev.ConsultRequested(
            self._dossier.ref, party.agent or party.name, described(to), card.name, card.team
        )
        return [Record(asked), *self._hear(search, search.start(), settle=False)]

    def _search(
        self, party: Party, to: c.AnyDestination, kind: Literal["consult", "transfer"]
    ) -> Search | Refusal:
        place = resolved(to, self._dossier)
        if isinstance(place, Refusal):
            return place
        goal = goal_of(place, party, self.talk, self._dossier, self.plan, self.place, kind)
        if isinstance(goal, Refusal):
            return goal
        search = Search(self._dossier, goal, ringing_counts=True)
        search.rings = isinstance(place, c.ToEntryPoint)  # it takes any call at once (V-27)
        return search

    def _end_consult(self, party: Party) -> Outcome:
        match self.talk.consultation:
            case Requested() as requested:
                return [*drop(requested, Refusal.NO_CONSULT), *self._no_consult("cancelled")]
            case Consulting() as consulting:
                how = "left" if party is consulting.far else "ended"
                return [*self._end_consulting(consulting, how)]
            case None:
                return []

    def _end_consulting(
        self, consulting: Consulting, outcome: str, cause: str = "bye"
    ) -> list[Effect]:
        released = release(
            self._dossier, consulting.far, EndedBy.AGENT, wraps_up=False, cause=cause
        )
        return [*released, *self._no_consult(outcome)]

    def _no_consult(self, outcome: str) -> list[Effect]:
        """Back to Held until Resume, or to the conference (features 2.2)."""
        talk = self.talk
        consultation, talk.consultation = talk.consultation, None
        assert consultation is not None
        if talk.in_conference:
            talk.ear = "main"
        elif talk.ear == "consult":
            talk.ear = "nobody"
        return [self._consult_over(consultation, outcome)]

    def _consult_over(self, consultation: Requested | Consulting, outcome: str) -> Record:
        by = consultation.by
        return Record(
            ev.ConsultEnded(
                self._dossier.ref,
                by.agent or by.name,
                described(consultation.to),
                outcome,
                self._dossier.now() - consultation.since,
            )
        )

    def _conference(self) -> Outcome:
        """Whoever is sought joins when he answers; nobody need wait for it (V-30)."""
        talk = self.talk
        talk.ear = "main"  # and the customer is off hold (V-36)
        match talk.consultation:
            case Requested() as requested:
                requested.then = "join"
                return []
            case Consulting(far=far) as consulting:
                talk.consultation = None
                self._members.join(far)
                return [self._consult_over(consulting, "conference")]
            case None:
                return []

    def _transfer(self, party: Party) -> Outcome:
        """To the consulted party, who takes over, or who is still sought."""
        talk = self.talk
        consultation = talk.consultation
        assert consultation is not None
        effects: Outcome = [self._consult_over(consultation, "transfer")]
        if isinstance(consultation, Requested):
            consultation.then = "transfer"
            return [*effects, *self._members.left(party)]
        talk.consultation, talk.ear = None, "main"
        self._members.join(consultation.far)
        effects.append(self._transferred(party, consultation.to, "consult"))
        return [*effects, *self._members.left(party)]

    def _transferred(self, party: Party, to: c.AnyDestination, how: str) -> Record:
        by = party.agent or party.name
        return Record(ev.ContactTransferred(self._dossier.ref, by, described(to), how))

    def _blind_transfer(
        self, party: Party, to: c.AnyDestination, reply_to: str
    ) -> Outcome | Refusal:
        search = self._search(party, to, "transfer")
        if isinstance(search, Refusal):
            return search
        talk = self.talk
        requested = Requested(party, to, search, self._dossier.now(), "transfer")
        talk.consultation = requested
        if isinstance(search.goal, AtAgent):
            # He is asked first: if he is not free, the customer stays where he is (R24).
            requested.reply_to = reply_to
            return self._hear(search, search.start(), settle=False)
        outcome = [self._transferred(party, to, "blind"), *self._members.left(party)]
        place = resolved(to, self._dossier)
        if isinstance(place, c.ToEntryPoint):
            entry = self._dossier.world.entry_points[place.entry_point]
            return [_into(entry, effect) for effect in outcome]
        return outcome

    # --- what becomes of a search -----------------------------------------------------------------

    def _hear(
        self, search: Search, outcome: list[Effect | News], *, settle: bool = True
    ) -> Outcome:
        sought = self.talk.consultation
        if not isinstance(sought, Requested) or sought.search is not search:
            return self._settled([*self._monitorings.hear(search, outcome)])
        effects, news = parted(outcome)
        done: Outcome = [*effects]
        for item in news:
            done.extend(self._news(sought, item))
        return self._settled(done) if settle else done

    def _news(self, sought: Requested, item: News) -> Outcome:
        talk = self.talk
        match item, sought.then:
            case Reserved(), "transfer":
                return self._taken(sought)
            case Found() as found, "consult":
                far = party_of(sought.search, found, self._dossier.now())
                talk.consultation = Consulting(sought.by, sought.to, far, self._dossier.now())
                waited = self._dossier.now() - sought.since
                asked = sought.by.agent or sought.by.name
                return [Record(ev.ConsultAnswered(self._dossier.ref, asked, far.name, waited))]
            case Found() as found, _:
                talk.consultation = None
                self._members.join(party_of(sought.search, found, self._dossier.now()))
                return []
            case ((NotFound(reason) | TurnedAway(reason)), "transfer"):
                talk.consultation = None
                return [*answer(sought, Refusal.DESTINATION_NOT_FREE), self._failed(sought, reason)]
            case ((NotFound(reason) | TurnedAway(reason)), _):
                return [*self._no_consult(reason)]
            case _:
                return []

    def _taken(self, sought: Requested) -> Outcome:
        """The agent he is transferred to has said yes: his phone is being called."""
        effects: Outcome = [self._transferred(sought.by, sought.to, "blind")]
        return [*effects, *self._members.left(sought.by)]

    def _failed(self, sought: Requested, reason: str) -> Record:
        by = sought.by.agent or sought.by.name
        return Record(ev.ContactTransferFailed(self._dossier.ref, by, described(sought.to), reason))


def _into(entry: EntryPoint, effect: Effect | Fate) -> Effect | Fate:
    """The customer walks the entry point's flow, instead of waiting at once in its queue."""
    return EnteredFlow(effect.last, entry) if isinstance(effect, HandedOver) else effect
