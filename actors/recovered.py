"""A contact of an earlier run of the server, which goes on: or ends, once, and says why.

``Resume`` builds the state of its machine again from what the journal came to (``PastContact``);
from then on it is a contact like any other.

| it was                    | it is then                                                     |
|---------------------------|----------------------------------------------------------------|
| called by an agent        | over, if it had not been answered                              |
| on its way through a flow | at the flow's beginning, if its call was answered              |
| waiting, or being offered | waiting, at its place: what rang rings no more                 |
| handed over to somebody   | in front of the queue it came from                             |
| talking                   | talking: a consult that was not answered, and listening, ended |
| ended                     | hanging up the phones that are left                            |
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from msgspec import Struct

from actors import events as ev
from actors import messages as m
from actors.call_control import CallControl
from actors.commands import AnyDestination, ToAgent, ToDirectory, ToEntryPoint, ToNumber, ToQueue
from actors.contact import Contact
from actors.contact_states import Ending, Message, Seeking, Talking
from actors.conversation import Consulting, Conversation, Party
from actors.dossier import Dossier
from actors.effects import Effect, Record, TellAgent, TellLeg, TellQueue
from actors.flow import EntryPoint, QueuePlan
from actors.ids import NO_QUEUE, AgentId, ContactId, EntryPointName, LegId, QueueName
from actors.membership import release
from actors.past import PastContact, PastTalk
from actors.place import DEFAULT_PRIORITY, Place
from actors.reasons import EndedBy
from actors.routing.grammar import parse
from actors.search import InQueue, Search
from actors.served import Served
from actors.treatment import Treatment
from sip.machine import StartTimer

RESTART = "server_restart"
"""Why a contact, a consult or a transfer ended."""


class WasEngaged(Struct, frozen=True):
    """An agent who talks, for all that he had been told: it may have been over for him already.

    ``leg``: his phone's, if it has not ended.
    """

    agent: AgentId
    request: ContactId
    kind: str
    leg: LegId | None


class RecoveredContact(Contact):
    """``past`` None: it has ended, and legs are left.  ``down``: those who took part and have hung
    up.  ``on_hook``: agents who have done their part, and whose phones are on the hook.
    ``engaged``: those who have not, for all that they know.  ``playing``: the legs at which
    something plays.
    """

    def __init__(
        self,
        dossier: Dossier,
        entry_point: EntryPoint,
        past: PastContact | None,
        *,
        longest: float,
        down: Iterable[m.LegEnded],
        on_hook: Iterable[tuple[AgentId, ContactId]],
        engaged: Iterable[WasEngaged],
        playing: Container[LegId],
    ) -> None:
        super().__init__(dossier, entry_point, longest=longest)
        self._is_new = False
        self._entry_point, self._past, self._playing = entry_point, past, playing
        self._down, self._on_hook, self._engaged = list(down), tuple(on_hook), tuple(engaged)
        self._resumed = False

    @property
    def is_ending(self) -> bool:
        return isinstance(self.state, Ending)

    def handle(self, message: Message | m.Resume) -> list[Effect]:
        match message:
            case m.Resume():
                return self._resume()
            case m.LegEnded() if not self._resumed:
                self._down.append(message)  # it could not even be taken over
                return []
            case m.EndContact() if self._past is None and not self.is_ending:
                return []  # nor could one that had ended: it ends no second time
            case _:
                return super().handle(message)

    def _resume(self) -> list[Effect]:
        self._resumed = True
        past = self._past
        effects: list[Effect] = [
            TellAgent(agent, m.AgentLegDown(request)) for agent, request in self._on_hook
        ]
        if past is not None:
            left = max(0.0, past.arrived + self._longest - self._now())
            effects += [StartTimer("lease", left), *self._go_on(past)]
        else:
            self.state = Ending()
            effects.extend(self._hang_up_but(()))
            effects.append(TellLeg(self.customer, m.HangUp()))
        effects.extend(self._part_from_others(effects))
        for ended in self._down:
            effects.extend(super().handle(ended))
        return effects

    def _part_from_others(self, said: list[Effect]) -> list[Effect]:
        """Agents of whom nothing is ``said`` had their part behind them: that was written down,
        and the server died before they heard of it.
        """
        told = {effect.agent for effect in said if isinstance(effect, TellAgent)}
        effects: list[Effect] = []
        for one in self._engaged:
            if one.agent in told:
                continue
            leg = LegId("") if one.leg is None else one.leg
            party = Party("agent", one.agent, leg, self._now(), one.agent, one.request)
            serves = one.kind not in ("consult", "monitor")
            effects += release(self._dossier, party, EndedBy.SYSTEM, wraps_up=serves)
        return effects

    def _go_on(self, past: PastContact) -> list[Effect]:
        plan = self._plan(past)
        if past.stage == "flow" and self._dossier.answered:
            return [*self._hang_up_but(()), *self._enter(self._entry_point)]
        if plan is None or past.stage == "dialling":
            return [*self._let_go(past), *self._fail(RESTART)]
        self._dossier.first_place, self._dossier.needs = past.place, parse(past.needs)
        place = past.place or self._dossier.place(DEFAULT_PRIORITY)
        match past.stage, past.talk, past.service:
            case "talking", PastTalk() as talk, _:
                return self._talk_on(past, plan, place, talk)
            case "handed_over", _, service if service is not None:
                return [*self._hang_up_but(()), *self._come_back(past, plan, place)]
            case _:
                return [*self._hang_up_but(()), *self._wait_on(past, plan, place)]

    def _let_go(self, past: PastContact) -> list[Effect]:
        """It cannot go on: its agents hear so, and not only their phones."""
        parties = [] if past.talk is None else [_party(one) for one in past.talk.participants]
        if past.stage == "dialling" and past.agent is not None:
            his = (leg for leg in self._dossier.legs if leg != self.customer)
            leg = next(his, LegId(f"{self.id}/1"))
            parties = [Party("agent", past.agent, leg, self._now(), past.agent, past.request)]
        effects: list[Effect] = []
        for party in parties:
            if party.agent is not None:
                wraps_up = party.kind == "agent"
                effects += release(self._dossier, party, EndedBy.SYSTEM, wraps_up=wraps_up)
        return effects

    def _plan(self, past: PastContact) -> QueuePlan | None:
        """None: it was in no queue, or in one that is no more."""
        if past.queue == NO_QUEUE or (past.queue is None and past.stage == "talking"):
            return self._dossier.world.outbound.plan
        return None if past.queue is None else self._dossier.world.plans.get(past.queue)

    def _hang_up_but(self, kept: Iterable[LegId]) -> list[Effect]:
        """Whoever takes no part any more."""
        stay = {self.customer, *kept}
        return [TellLeg(leg, m.HangUp()) for leg in self._dossier.legs if leg not in stay]

    # --- waiting ------------------------------------------------------------------------------

    def _wait_on(self, past: PastContact, plan: QueuePlan, place: Place) -> list[Effect]:
        goal = InQueue(plan, place, needs=self._dossier.needs)
        search = Search(self._dossier, goal, again=True)
        search.began = past.queued
        cared = Treatment(self._dossier, plan, place)
        seeking = Seeking(search, plan, place, past.queued, None, cared)
        effects = cared.go_on(past.queued, plays=self.customer in self._playing)
        if past.service is not None:  # he has been served: he has not waited all this time
            effects.append(TellQueue(plan.name, m.ContactConnected(search.request)))
        return [*effects, *self._seek(seeking)]

    def _come_back(self, past: PastContact, plan: QueuePlan, place: Place) -> list[Effect]:
        served = self._served_by(past)
        returned = self._return(plan, place, served, RESTART)
        if past.transfer is None:
            return returned
        by, to = past.transfer.by, past.transfer.to
        return [Record(ev.ContactTransferFailed(self.ref, by, to, RESTART)), *returned]

    def _served_by(self, past: PastContact) -> Served:
        service = past.service
        if service is None:
            return Served(None, self._now(), 0.0, past.queued)
        return Served(service.agent, service.since, service.waited, service.queued)

    # --- talking ------------------------------------------------------------------------------

    def _talk_on(
        self, past: PastContact, plan: QueuePlan, place: Place, was: PastTalk
    ) -> list[Effect]:
        talk = _conversation(past, was)
        control = CallControl(self._dossier, talk, plan, place)
        self.state = Talking(control, self._served_by(past))
        effects: list[Effect] = self._hang_up_but(party.leg for party in talk.everyone())
        if past.consult is not None and talk.consultation is None:
            effects.append(self._consult_over(past, past.consult))
        for one in was.participants:
            if one.kind == "supervisor" and LegId(one.leg) in self._dossier.legs:
                effects.extend(release(self._dossier, _party(one), EndedBy.SYSTEM, wraps_up=False))
                target = AgentId("" if talk.primary is None else talk.primary.name)
                ended = ev.ContactMonitored(self.ref, AgentId(one.id), target, "ended")
                effects.append(Record(ended))
        return [*effects, *control.recover(was, self._playing)]

    def _consult_over(self, past: PastContact, asked: ev.ConsultRequested) -> Effect:
        lasted = self._now() - past.consult_since
        return Record(ev.ConsultEnded(self.ref, asked.by, asked.to, RESTART, lasted))


def _conversation(past: PastContact, was: PastTalk) -> Conversation:
    """Who was in it, and who talked to whom; what was only sought is sought no more."""
    parties = {id(one): _party(one) for one in was.participants}
    main = [one for one in was.participants if one.part != "consulted" and one.kind != "supervisor"]
    first, *others = (parties[id(one)] for one in main)
    talk = Conversation(first, others[0] if others else first)
    talk.parties = [first, *others]
    primary = next((one for one in main if one.role == "primary"), None)
    talk.primary = None if primary is None else parties[id(primary)]
    talk.post_call = was.state == "post_call"
    by = next((one for one in main if one.part == "consults"), None)
    far = next((one for one in was.participants if one.part == "consulted"), None)
    asked = past.consult
    if by is None or far is None or asked is None:
        talk.ear = "nobody" if was.state in ("held", "consult_requested") else "main"
        if talk.in_conference:
            talk.ear = "main"
        return talk
    to = _destination(asked.to)
    since = parties[id(far)].since
    talk.consultation = Consulting(parties[id(by)], to, parties[id(far)], since)
    match was.state:
        case "consulting":
            talk.ear = "consult"
        case "both_on_hold":
            talk.ear = "nobody"
    return talk


def _party(one: ev.Participant) -> Party:
    agent = AgentId(one.id) if one.kind in ("agent", "supervisor") else None
    request = None if one.request is None else ContactId(one.request)
    return Party(one.kind, one.id, LegId(one.leg), one.since, agent, request)  # type: ignore[arg-type]


def _destination(text: str) -> AnyDestination:
    """As ``actors.destinations.described`` wrote it."""
    kind, _, name = text.partition(":")
    match kind:
        case "agent":
            return ToAgent(AgentId(name))
        case "queue":
            return ToQueue(QueueName(name))
        case "entry_point":
            return ToEntryPoint(EntryPointName(name))
        case "directory":
            return ToDirectory(name)
        case _:
            return ToNumber(name)
