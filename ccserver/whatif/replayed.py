"""A recorded day played again on the floor, by any configuration and staffing.

Customers come when they came; whether they give up, for how long they talk and how long phones ring
for them is theirs (``ccserver.whatif.people``).  Agents are there when they were there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import inf

from msgspec import Struct

from actors import commands as c
from actors import events as ev
from actors import messages as m
from actors.ids import (
    AgentId,
    ContactId,
    EntryPointName,
    LegId,
    QueueName,
    agent_actor,
    contact_actor,
    owner_of,
)
from actors.reasons import EndedBy, IdleCode, OfferFailure, Refusal
from ccserver.settings import Settings
from ccserver.trials.floor import BEGINNING, Floor
from ccserver.whatif.courses import SECOND, ByName, Course, Service
from ccserver.whatif.people import People, Ring
from ccserver.whatif.presence import AT_WORK, AVAILABLE, RINGING, SIGNED_OUT, Wish
from ccserver.whatif.recorded import LONGEST_END, Recorded
from ccserver.whatif.somebody import SOMEBODY, Somebody
from sip.message import Uri

AGAIN = 1.0
"""Seconds after which one who wished to go home while his phone rang says so again."""
OUTSIDE_RANG, OUTSIDE_TALKED = 5.0, 180.0
"""Seconds: of a party outside to whom a rule sends a customer; nothing is known of it."""
END_STEP = 60.0
LONGER = 1.0
"""Seconds beyond what was seen: less is the jitter of phones and clocks."""
LONGEST_PROMPT = 100.0
"""Seconds: one that lasts longer is given up by the server."""
_STATUS = {
    OfferFailure.BUSY: 486,
    OfferFailure.DECLINED: 603,
    OfferFailure.UNAVAILABLE: 480,
    OfferFailure.INVALID_NUMBER: 404,
    OfferFailure.MEDIA_ERROR: 488,
    OfferFailure.CHANNEL_FAILURE: 500,
}
"""With what a phone refuses that is to fail so; any other just rings."""
_MISSED = frozenset(IdleCode)


class Used(Struct):
    """How many customers did what nobody had seen them do."""

    patience: int = 0
    """Waited longer than they were seen to wait: how long they would is drawn."""
    beyond_all: int = 0
    """Waited longer than anybody was seen to."""
    gave_up_beyond: int = 0
    """Of those: gave up then, as an exponential curve has it."""
    conversations: int = 0
    """Were answered, and had not been: they talk as somebody else did."""


class _Customer:
    """Where he is in his day."""

    __slots__ = (
        "by_name",
        "leg",
        "offers",
        "prompts",
        "ringing",
        "rings_since",
        "services",
        "spells",
        "waits",
    )

    def __init__(self, leg: LegId, prompts: float) -> None:
        self.leg = leg
        self.prompts = prompts
        """Seconds that the prompts of his flow have left."""
        self.spells = self.services = self.offers = 0
        """That he has had."""
        self.waits = False
        self.by_name: ByName | None = None
        """What comes now, or came last, of his having been given to somebody by name."""
        self.rings_since = -1.0
        self.ringing: list[tuple[AgentId, LegId]] = []
        """Whose phones ring for him."""


class Replayed:
    """``play`` it once.  ``wishes``: when each agent of ``settings`` is there, and as what.

    ``hear`` is told every event, with its time in microseconds since 1970; ``works``: when an agent
    is at work with what is not played, from and to.
    """

    def __init__(
        self,
        recorded: Recorded,
        people: People,
        settings: Settings,
        wishes: Mapping[AgentId, Sequence[Wish]],
        hear: Callable[[int, ev.AnyEvent], None],
        seed: int = 0,
        works: Callable[[int, int], None] = lambda since, until: None,
    ) -> None:
        self._recorded, self._people, self._settings = recorded, people, settings
        self._wishes, self._hear_too = wishes, hear
        begins = recorded.begins / SECOND
        self._floor = Floor(
            settings,
            self,
            self._hear,
            begins=begins,
            seed=seed,
            estimated=_goes_by_estimates(settings),
        )
        self._floor.has_also(SOMEBODY, Somebody(self._floor.clock), self._by_whom)
        self._customers: dict[ContactId, _Customer] = {}
        self._wish: dict[AgentId, Wish] = {}
        self._shown: dict[AgentId, ev.AgentStateChanged] = {}
        self._works = works
        self._at_work: dict[AgentId, int] = {}
        """Since when."""
        self._away: dict[AgentId, float] = {}
        """For how long he is who has missed an offer."""
        self.used = Used()

    def play(self) -> Used:
        """To the end of the last contact.  Raises EndlessStory."""
        floor, recorded = self._floor, self._recorded
        floor.open()
        for agent, wishes in self._wishes.items():
            for wish in wishes:
                floor.at(self._instant(wish.at), partial(self._wishes_for, agent, wish))
        for course in recorded.courses:
            floor.at(self._instant(course.arrived), partial(self._calls, course))
        ends = self._instant(recorded.ends)
        floor.until(ends)
        for since in self._at_work.values():
            self._works(since, recorded.ends)
        while self._customers and floor.now < ends + LONGEST_END / SECOND:
            floor.until(floor.now + END_STEP)
        return self.used

    @property
    def now(self) -> int:
        """Microseconds since 1970."""
        return int(self._floor.wall() * SECOND)

    def _instant(self, at: int) -> float:
        return BEGINNING + (at - self._recorded.begins) / SECOND

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        self._floor.at(self._floor.now + seconds, act)

    # --- what is heard ------------------------------------------------------------------------

    def _hear(self, at: int, event: ev.AnyEvent) -> None:
        self._hear_too(at, event)
        match event:
            case ev.AgentStateChanged():
                self._agent_changed(event)
            case ev.ContactQueued(ref, queue):
                self._waits(self._customers[ref.id], ref.id, queue)
            case ev.ContactConnected(ref, _, agent, leg) if agent == SOMEBODY:
                self._talks_by_name(self._customers[ref.id], ref.id, leg)
            case ev.ContactConnected(ref, queue, agent, leg):
                self._talks(self._customers[ref.id], ref.id, queue, agent, leg)
            case ev.ContactOfferFailed(ref, _, agent) if agent != SOMEBODY:
                number = self._customers[ref.id].offers - 1
                self._away[agent] = self._people.ring(ref.id, number).away
            case ev.ContactEnded(ref):
                self._customers.pop(ref.id).waits = False

    def replied(self, to: str, answer: object) -> None:
        match answer:
            case m.Refused(Refusal.OFFER_PENDING):
                agent = AgentId(to)
                self._after(AGAIN, partial(self._wishes_again, agent, self._wish[agent]))
            case c.ContactRefused():  # nobody may send him there: they part
                customer = self._customers.get(ContactId(to))
                if customer is not None:
                    self._floor.ends(customer.leg, "bye")

    # --- agents -------------------------------------------------------------------------------

    def _wishes_for(self, agent: AgentId, wish: Wish) -> None:
        if agent not in self._wish:
            self._floor.has_phone(agent)
        before = self._wish.get(agent)
        self._wish[agent] = wish
        errand = ContactId(f"errand of {agent}")
        if wish.state == RINGING and before is not None and before.state == AVAILABLE:
            asked = m.AskedFor(errand, agent, "outbound", None)
            self._floor.tell(agent_actor(agent), asked)
            return
        if before is not None and before.state == RINGING:
            self._floor.tell(agent_actor(agent), m.OfferWithdrawn(errand, "agent"))
            if wish.state == AVAILABLE:
                return
        self._floor.commands(agent, self._command(wish))
        self._look_at_work(agent)

    def _look_at_work(self, agent: AgentId) -> None:
        """He is at it while he has nothing else in hand: one that he has when he would begin, in
        what is played, comes first.
        """
        shown = self._shown.get(agent)
        free = shown is not None and shown.state == "idle" and shown.code not in _MISSED
        if free and self._wish[agent].state == AT_WORK:
            self._at_work.setdefault(agent, self.now)
        elif agent in self._at_work:
            self._works(self._at_work.pop(agent), self.now)

    def _wishes_again(self, agent: AgentId, wish: Wish) -> None:
        if self._wish[agent] is wish:
            self._floor.commands(agent, self._command(wish))

    def _command(self, wish: Wish) -> m.AgentCommand:
        state, _, code = wish.state.partition(":")
        if state in (AVAILABLE, RINGING):
            return m.SetAvailable()
        if state == SIGNED_OUT:
            return m.SignOut()
        codes = self._settings.idle_codes
        return m.SetIdle(code if code in codes else codes[0])

    def _agent_changed(self, event: ev.AgentStateChanged) -> None:
        self._shown[event.agent] = event
        if event.agent in self._wish:
            self._look_at_work(event.agent)
        if event.state == "idle" and event.code in _MISSED:
            away = self._away.pop(event.agent, None)
            if away is not None:
                self._after(away, partial(self._is_back, event))

    def _is_back(self, missed: ev.AgentStateChanged) -> None:
        agent = missed.agent
        still = self._shown[agent].state == "idle" and self._shown[agent].code == missed.code
        if still and self._wish[agent].state == AVAILABLE:
            self._floor.commands(agent, m.SetAvailable())

    def _wraps_up(self, agent: AgentId, contact: ContactId) -> None:
        """He has said all there is to say of it, if he is at it still."""
        shown = self._shown[agent]
        at_it = None if shown.contact is None else owner_of(shown.contact)
        if shown.state == "wrap_up" and at_it == contact:
            self._floor.commands(agent, m.EndWrapUp())

    # --- customers ----------------------------------------------------------------------------

    def _calls(self, course: Course) -> None:
        dialled = course.dialled
        if EntryPointName(dialled) not in self._floor.world.entry_points:
            dialled = course.entry_point
        leg = self._floor.calls(course.id, course.ani, dialled)
        flow = course.lasted if course.before_queue is None else course.before_queue
        customer = self._customers[course.id] = _Customer(leg, flow)
        if not course.spells and course.ended_by is EndedBy.CUSTOMER:
            self._after(course.lasted, partial(self._leaves_flow, customer))

    def _leaves_flow(self, customer: _Customer) -> None:
        if not customer.services:
            self._floor.ends(customer.leg, "bye")

    def hears(self, contact: ContactId, leg: LegId, token: str) -> None:
        customer = self._customers.get(contact)
        heard = partial(self._floor.has_heard, leg, token)
        if customer is None or customer.spells:
            heard()
            return
        seconds = min(customer.prompts, LONGEST_PROMPT)
        customer.prompts -= seconds
        self._after(seconds, heard)

    def _waits(self, customer: _Customer, contact: ContactId, queue: QueueName) -> None:
        if customer.waits:
            return  # again, or in another queue: he is as patient as he was
        number = customer.spells
        customer.waits, customer.spells = True, number + 1
        patience = self._people.patience(contact, number, queue)
        if patience.beyond is not None:
            longer = patience.beyond + LONGER
            self._after(longer, partial(self._waits_longer, customer, number))
        if patience.seconds > self._people.longest:
            longest = self._people.longest + LONGER
            self._after(longest, partial(self._waits_longest, customer, number))
        if patience.seconds < inf:
            beyond = patience.seconds > self._people.longest + LONGER
            self._after(patience.seconds, partial(self._gives_up, customer, number, beyond))

    def _waits_longer(self, customer: _Customer, number: int) -> None:
        self.used.patience += customer.waits and customer.spells == number + 1

    def _waits_longest(self, customer: _Customer, number: int) -> None:
        self.used.beyond_all += customer.waits and customer.spells == number + 1

    def _gives_up(self, customer: _Customer, number: int, beyond: bool) -> None:
        if customer.waits and customer.spells == number + 1:
            self.used.gave_up_beyond += beyond
            self._floor.ends(customer.leg, "bye")

    # --- phones -------------------------------------------------------------------------------

    def called(self, contact: ContactId, leg: LegId, dial: m.Dial) -> None:
        floor = self._floor
        floor.rings(leg)
        if dial.trunk is not None:
            self._after(OUTSIDE_RANG, partial(floor.answers, leg))
            self._after(OUTSIDE_RANG + OUTSIDE_TALKED, partial(floor.ends, leg, "bye"))
            return
        customer = self._customers[contact]
        agent = AgentId(Uri.parse(dial.target.aor).user or "")
        if agent == SOMEBODY:
            self._is_called_by_name(customer, leg)
            return
        if customer.rings_since == floor.now:
            customer.ringing.append((agent, leg))  # several ring at once
            return
        customer.rings_since, customer.ringing = floor.now, [(agent, leg)]
        ring = self._people.ring(contact, customer.offers)
        customer.offers += 1
        self._after(ring.after, partial(self._happens, customer, customer.ringing, ring))

    def _happens(
        self, customer: _Customer, phones: Sequence[tuple[AgentId, LegId]], ring: Ring
    ) -> None:
        """What comes of these phones' ringing, unless it is over."""
        floor = self._floor
        ringing = [(agent, leg) for agent, leg in phones if floor.is_up(leg)]
        if not customer.waits or not ringing:
            return
        chosen = next((leg for agent, leg in ringing if agent == ring.agent), ringing[0][1])
        if ring.failure is None:
            floor.answers(chosen)
        elif ring.failure in _STATUS:
            floor.ends(chosen, "rejected", _STATUS[ring.failure])

    # --- conversations ------------------------------------------------------------------------

    def _talks(
        self, customer: _Customer, contact: ContactId, queue: QueueName, agent: AgentId, leg: LegId
    ) -> None:
        conversation = self._people.conversation(contact, customer.services, queue)
        customer.services += 1
        customer.waits = False
        self.used.conversations += conversation.borrowed
        service = conversation.service
        for after, lasted in service.holds:
            self._after(after, partial(self._presses, contact, agent, c.Hold()))
            if lasted is not None:
                self._after(after + lasted, partial(self._presses, contact, agent, c.Resume()))
        self._after(service.talked, partial(self._part, customer, contact, agent, leg, service))
        if service.wrap_up is not None:
            after = service.talked + service.wrap_up
            self._after(after, partial(self._wraps_up, agent, contact))

    def _part(
        self,
        customer: _Customer,
        contact: ContactId,
        agent: AgentId,
        leg: LegId,
        service: Service,
    ) -> None:
        if service.by_name is not None:
            customer.by_name = service.by_name
            self._presses(contact, agent, c.Transfer(c.ToAgent(SOMEBODY)))
        elif service.onward is not None:
            self._sends_on(contact, agent, service.onward)
        elif service.ended_by is EndedBy.CUSTOMER:
            self._floor.ends(customer.leg, "bye")
        else:
            self._floor.ends(leg, "bye")

    def _sends_on(self, contact: ContactId, agent: AgentId, onward: str) -> None:
        kind, _, name = onward.partition(":")
        to: c.AnyDestination = c.ToQueue(QueueName(name))
        if kind == "entry_point":
            to = c.ToEntryPoint(EntryPointName(name))
        self._presses(contact, agent, c.Transfer(to))

    def _by_whom(self, contact: ContactId) -> AgentId | None:
        """By whom he was sent on to wait again: he is not given back to that one."""
        given = self._customers[contact].by_name
        return None if given is None else given.by

    def _is_called_by_name(self, customer: _Customer, leg: LegId) -> None:
        """For how long it rang makes no difference: he talks, or hears music."""
        given = customer.by_name
        assert given is not None
        if given.returned and not given.answered:
            self._after(given.lasted, partial(self._floor.ends, leg, "rejected", 480))
        else:
            self._floor.answers(leg)

    def _talks_by_name(self, customer: _Customer, contact: ContactId, leg: LegId) -> None:
        given = customer.by_name
        assert given is not None
        self._after(given.lasted, partial(self._goes_on, customer, contact, leg, given))

    def _goes_on(self, customer: _Customer, contact: ContactId, leg: LegId, given: ByName) -> None:
        if given.onward is not None:
            self._sends_on(contact, SOMEBODY, given.onward)
        elif given.returned:
            self._floor.ends(leg, "silent")
        elif given.ended_by is EndedBy.CUSTOMER:
            self._floor.ends(customer.leg, "bye")
        else:
            self._floor.ends(leg, "bye")

    def _presses(self, contact: ContactId, agent: AgentId, command: c.ContactCommand) -> None:
        by = c.Principal(agent, "agent", agent)
        # Who may not hold a call goes on talking; a transfer that is refused ends it.
        reply_to = contact if isinstance(command, c.Transfer) else ""
        received = c.ContactCommandReceived(contact, command, by, reply_to)
        self._floor.tell(contact_actor(contact), received)


def _goes_by_estimates(settings: Settings) -> bool:
    """Whether a rule does; what people are told of it changes nothing that they do."""
    rules = [
        *(rule for queue in settings.queues for rule in (*queue.diversions, *queue.overflows)),
        *(rule for entry_point in settings.entry_points for rule in entry_point.diversions),
    ]
    return any(rule.when == "estimated_wait" for rule in rules)
