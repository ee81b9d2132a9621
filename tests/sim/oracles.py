"""What must hold in every run, whatever goes wrong: the invariants of the product.

Every event is looked at as it is written (``told.py``); ``Oracles.look`` looks at the whole centre,
once a virtual second; ``look_at_the_end`` when all has become quiet.  What they find is a
``Violation``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

import msgspec
import trio
from msgspec import Struct

from actors import events as ev
from actors.agent import Agent
from actors.base import Actor
from actors.contact import Contact
from actors.contact_states import Talking
from actors.ids import AgentId, ContactId, QueueName, owner_of
from actors.queue import Queue
from actors.recorded_dispatcher import RecordedDispatcher
from ccserver.journal.fold import Fold
from ccserver.journal.live import Live
from ccserver.journal.log import Entry
from ccserver.journal.past import PastFold
from ccserver.journal.pieces import digest
from tests.sim.people import People
from tests.sim.reloads import Configuration
from tests.sim.routers import Routers
from tests.sim.told import Told
from tests.sim.wire import Wire
from tests.support.agreement import disagreements
from tests.support.restarting import MortalCentre

OF_THE_DISK = ("journal cannot be written", "checkpoint could be written", "were not written")
IDLE_PAIR_SECONDS = 1.0
LATE_NEWS_SECONDS = 5.0
ORPHAN_SECONDS = 60.0
ON_A_CALL = ("ringing", "answering", "talking")
LONGEST_CONTACT = 1800.0
"""Virtual seconds; people hang up long before."""


class Violation(Struct, frozen=True):
    at: float
    invariant: str
    """``I1`` to ``I15``, a row of the catalogue (``R14``), ``live``, ``report`` or ``crash``."""
    what: str

    def __str__(self) -> str:
        return f"{self.at:.3f} s: {self.invariant}: {self.what}"


class Oracles(logging.Handler):
    """``planned``: the names of actors that were made to crash, as they are."""

    def __init__(
        self,
        floor: MortalCentre,
        people: People,
        configuration: Configuration,
        routers: Routers,
        planned: list[str],
        violations: list[Violation],
    ) -> None:
        super().__init__(logging.ERROR)
        self.floor, self.people, self.planned = floor, people, planned
        self._configuration, self._fits = configuration, configuration.fits
        self._routers = routers
        self.violations = violations
        self._on_disk = Told(
            lambda invariant, what: None, lambda: configuration.shortest_rona, planned
        )
        self._since: dict[str, dict[str, float]] = {}
        """By invariant: what is so now that may not last."""
        self._wire = Wire(floor, people, self.found)
        floor.begins.append(self._begins)
        self._begins()

    def _begins(self) -> None:
        """A run of the server, from what the disk has."""
        for number in range(self._on_disk.seq, len(self.floor.entries)):
            self._on_disk.hear(self.floor.entries[number], self.floor.heard_at[number])
        self.told = self._on_disk.copy(self.found)
        self._since.clear()
        self._wire.runs.append(trio.current_time())
        life = self.floor.life
        self.floor.core.journal.listen(lambda entry: None if life.over else self._hear(entry))

    def emit(self, record: logging.LogRecord) -> None:
        """What is logged as an error is one, unless a crash was planned, or the disk fails."""
        text = record.getMessage()
        if not any(name in text for name in (*self.planned, *OF_THE_DISK)):
            error = record.exc_info[1] if record.exc_info else None
            self.found("crash", f"logged: {text} {error!r}")

    def found(self, invariant: str, what: str) -> None:
        self.violations.append(Violation(trio.current_time(), invariant, what))

    # --- every event --------------------------------------------------------------------------

    def _hear(self, entry: Entry) -> None:
        self.told.hear(entry, trio.current_time())
        self._routers.hear(entry.event)
        if isinstance(entry.event, ev.ContactAssigned):
            self._assigned(entry.event)

    def _assigned(self, assigned: ev.ContactAssigned) -> None:
        """I7, by brute force over all that the dispatcher knew: nobody of the same needs waits who
        came before, and no agent who has been available for longer was passed over.
        """
        recorded = self.floor.core.directory.dispatcher.machine
        assert isinstance(recorded, RecordedDispatcher)
        dispatcher = recorded.dispatcher
        agent, queue, place = assigned.agent, assigned.queue, assigned.decision.place
        if not self._fits(queue, agent) and not assigned.decision.forced:
            self.found("I7", f"{agent} does not fit {assigned.contact}")
        ended = self.told.ended_at.get(owner_of(assigned.contact))
        if ended is not None and trio.current_time() - ended > LATE_NEWS_SECONDS:
            self.found("I7", f"{assigned.contact} had ended at {ended:.3f}")
        if self.told.places.get(assigned.contact, place) != place:
            self.found("I7", f"{assigned.contact} lost its place")
        told = dispatcher._paired[assigned.contact].waits
        self._routers.assigned(assigned, told)
        if self._configuration.settles or assigned.decision.on == "assignment":
            return
        if assigned.decision.on == "agent":
            chosen = (agent in told.tried, place)
            for other in dispatcher.index.waiting.values():
                fit = self._fits(other.queue, agent) and agent not in other.avoid
                fit = fit and not self._routers.keeps_contact(other)
                if fit and (agent in other.tried, other.place) < chosen:
                    self.found("I7", f"{assigned.contact} overtook {other.contact}")
        else:
            since, seq = assigned.decision.agent_since, assigned.decision.agent_seq
            first = (agent in told.tried, since, seq)
            for one in dispatcher.index.available.values():
                fit = self._fits(queue, one.agent) and one.agent not in told.avoid
                if fit and (one.agent in told.tried, one.since, one.seq) < first:
                    self.found("I7", f"{agent} was taken before {one.agent}")

    # --- every second -------------------------------------------------------------------------

    def look(self) -> None:
        if not self.floor.life.serves:
            return
        self._conservation()
        self._engagements()
        self._nobody_waits_in_vain()
        self._may_not_last("R12", LATE_NEWS_SECONDS, self._swallowed())
        self._ownership()
        self._ears()
        self._routers.look()
        self._wire.look()
        self._may_not_last("silence", LATE_NEWS_SECONDS, self._wire.forlorn())
        self._may_not_last("R01", LATE_NEWS_SECONDS, self._wire.ringing_on())
        now = trio.current_time()
        for contact, since in self.told.living.items():
            if now - since > LONGEST_CONTACT:
                self.found("I1", f"{contact} lives since {since}")

    def _conservation(self) -> None:
        figures = self.floor.core.fold.figures()
        for name, one in figures.queues.items():
            accounted = (
                one.handled
                + sum(one.abandoned.values())
                + one.overflowed
                + one.failed
                + one.waiting
                + one.being_offered
                + one.in_service
            )
            if one.offered != accounted:
                self.found("I2", f"queue {name!r}: offered {one.offered}, accounted {accounted}")
        queues = self.floor.core.directory.queues
        lost = [
            f"{one.waiting + one.being_offered} wait in {name}, and it knows of {known}"
            for name, one in figures.queues.items()
            if (known := _known(queues.get(QueueName(name)))) < one.waiting + one.being_offered
        ]
        self._may_not_last("I2", ORPHAN_SECONDS, lost)  # who is told why he cannot wait, waits
        living = len(self.told.living)
        held = len(self.floor.core.directory.contacts)
        if living > held:
            self.found("I2", f"{living} contacts have not ended, and {held} live")

    def _engagements(self) -> None:
        """I3, I4."""
        by_request: dict[ContactId, tuple[AgentId, str]] = {}
        for name, machine in self._agent_machines():
            if len(machine.engagements) > 1:
                self.found("I4", f"{name} has {list(machine.engagements)}")
            for request, engagement in machine.engagements.items():
                if engagement.rings_on:
                    continue  # it may be with another already
                other, state = by_request.get(request, (None, ""))
                rings = self._configuration.has_rung_all and "reserved" in (state, engagement.name)
                if other is not None and not rings and engagement.name != "wrap_up":
                    self.found("I3", f"{request}: both {other} and {name}")
                by_request[request] = name, engagement.name
        gone = [
            f"{name} has {request}, which has ended"
            for name, machine in self._agent_machines()
            for request, engagement in machine.engagements.items()
            if owner_of(request) in self.told.ended
            and engagement.name in ("reserved", "engaged")
            and not engagement.rings_on
        ]
        self._may_not_last("I3", LATE_NEWS_SECONDS, gone)
        silent = [
            f"{name} is engaged, and his phone has no call"
            for name, machine in self._agent_machines()
            if machine.state == "engaged"
            and not any(call.state in ON_A_CALL for call in self.people.agents[name].open_calls())
        ]
        self._may_not_last("R08", ORPHAN_SECONDS, silent)

    def _nobody_waits_in_vain(self) -> None:
        """I6, from the queues' and the agents' own words; the dispatcher is not asked."""
        free = [name for name, agent in self._agent_machines() if agent.fits()]
        pairs: dict[bool, list[str]] = {True: [], False: []}
        """By whether they may be kept for a router."""
        for name, actor in self.floor.core.directory.queues.items():
            queue = actor.machine
            assert isinstance(queue, Queue)
            for contact in queue.order() if free else ():
                avoid = queue._waiting[contact].told.avoid
                pairs[self._routers.keeps(name)] += [
                    f"{contact} waits in {name} and {agent} is free"
                    for agent in free
                    if self._configuration.surely_fits(name, agent) and agent not in avoid
                ]
        self._may_not_last("I6", IDLE_PAIR_SECONDS, pairs[False])
        kept = self.people.swarm.routed_seconds + IDLE_PAIR_SECONDS
        self._may_not_last("I6 outside", kept, pairs[True])

    def _swallowed(self) -> Iterator[str]:
        """R12: who has been given to an agent is in his hands."""
        agents = dict(self._agent_machines())
        for actor in self.floor.core.directory.queues.values():
            assert isinstance(actor.machine, Queue)
            for contact, offered in actor.machine._offered.items():
                if not any(contact in agents[name].engagements for name in offered.agents):
                    yield f"{contact} is given to {offered.agents}, who do not have it"

    def _ownership(self) -> None:
        """I8: legs and media sessions have an owner, or not for long."""
        directory = self.floor.core.directory
        orphans = [
            *(f"leg {leg}" for leg in directory.legs if _contact_of(leg) not in directory.contacts),
            *(f"media {one}" for one in self.floor.media.sessions if one not in directory.legs),
        ]
        self._may_not_last("I8", ORPHAN_SECONDS, (f"{one} has no owner" for one in orphans))

    def _may_not_last(self, invariant: str, seconds: float, seen: Iterable[str]) -> None:
        """What may be so in passing, and not for longer: ``seen`` is all of it that is so now."""
        now, before = trio.current_time(), self._since.get(invariant, {})
        since = self._since[invariant] = {what: before.get(what, now) for what in seen}
        for what, at in since.items():
            if now - at > seconds:
                self.found(invariant, f"{what}, since {at:.3f}")

    def _ears(self) -> None:
        """I11: nobody hears another call, and who talks hears whom the conversation says."""
        hears = self.floor.media.hears
        for leg, sources in hears.items():
            for source in sources:
                if _contact_of(source) != _contact_of(leg):
                    self.found("I11", f"{leg} hears {source}")
        for machine in self._talking():
            assert isinstance(machine.state, Talking)
            talk = machine.state.control.talk
            if len(talk.parties) < 2:
                self.found("I8", f"{machine.id}: {[p.name for p in talk.parties]} alone")
            held = [p.leg for p in talk.parties if p.kind == "customer"] if talk.held else []
            for leg in held:
                if hears.get(leg):
                    self.found("I11", f"{leg} is on hold, and hears {hears[leg]}")

    # --- now and then, and at the end ---------------------------------------------------------

    def look_back(self) -> None:
        """I13, I14: the journal, read from the start, gives the state that was built as it grew."""
        core, floor = self.floor.core, self.floor
        if not floor.life.serves:
            return
        agents = [AgentId(name) for name in core.directory.agents]
        live, past = Live(core.queue_plans, agents), PastFold()
        fold = Fold(core.queue_plans, agents, trio.current_time)
        written = list(core.journal.read(0, 10_000_000))
        for entry in [*written, *floor.entries[len(written) :]]:
            live.apply(entry)
            past.apply(entry.seq, entry.at, entry.event)
            fold.apply(entry.event)
        if _shown(live) != _shown(core.live):
            self.found("I14", "the journal read again gives another live state")
        if digest(past.past) != digest(core.folds.past.past):
            self.found("I14", "the journal read again gives another past")
        ours, theirs = fold.figures().queues, core.fold.figures().queues
        if _counts(ours) != _counts(theirs):
            self.found("I14", "the journal folded again gives other figures")

    def look_at_the_end(self) -> None:
        self.look()
        self.look_back()
        directory = self.floor.core.directory
        for name in (*directory.contacts, *directory.legs):
            self.found("live", f"{name} is still there")
        for session in self.floor.media.sessions:
            self.found("I8", f"media session {session} is still there")
        for queue, actor in directory.queues.items():
            assert isinstance(actor.machine, Queue)
            if actor.machine.order() or actor.machine.statistics().being_offered:
                self.found("live", f"queue {queue} is not empty")
        for name, machine in self._agent_machines():
            if machine.state != "available":
                self.found("live", f"{name} is {machine.state}")
        statistics = self.floor.core.endpoint.statistics()
        if statistics.server_transactions or statistics.client_transactions:
            self.found("I8", f"transactions are left: {statistics}")
        if self.floor.core.journal.statistics().reader_errors:
            self.found("I14", "a reader of the journal failed")
        self._reports()
        self._wire.look_at_the_end()

    def _reports(self) -> None:
        """Everybody is accounted for in every interval, as on the metrics port."""
        core = self.floor.core
        entries = core.journal.read(0, 10_000_000)
        now = int(self.floor.wall() * 1_000_000)
        for text in disagreements(entries, core.fold.figures(), now):
            self.found("report", text)

    # --- the centre ---------------------------------------------------------------------------

    def _agent_machines(self) -> Iterator[tuple[AgentId, Agent]]:
        for name, actor in self.floor.core.directory.agents.items():
            assert isinstance(actor.machine, Agent)
            yield name, actor.machine

    def _talking(self) -> Iterator[Contact]:
        for actor in self.floor.core.directory.contacts.values():
            machine = actor.machine if isinstance(actor, Actor) else None
            if isinstance(machine, Contact) and isinstance(machine.state, Talking):
                yield machine


def _known(queue: Actor | None) -> int:
    """To the queue itself, with those whom an agent consults it for; none, where there is no such
    queue any more.
    """
    if queue is None:
        return 0
    assert isinstance(queue.machine, Queue)
    statistics = queue.machine.statistics()
    return statistics.waiting + statistics.being_offered


def _contact_of(leg: str) -> ContactId:
    """A leg's name, and its media session's, begins with its contact's."""
    return ContactId(leg.partition("/")[0])


def _shown(live: Live) -> object:
    return live.state(), msgspec.to_builtins(live.contacts)


def _counts(queues: object) -> object:
    """Without the time that goes on."""
    plain = msgspec.to_builtins(queues)
    return {name: {**one, "longest_wait": 0} for name, one in plain.items()}
