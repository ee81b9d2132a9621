"""The composition root: what is opened inside what, and how it ends.

Everything that differs between a real server and a test comes in through ``World``.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from random import Random
from typing import Any, Protocol

import trio
from msgspec import Struct

from actors import effects as do
from actors import events as ev
from actors import messages as m
from actors.agent import Agent
from actors.base import Actor
from actors.contact import Contact, Start
from actors.dispatcher import Dispatcher
from actors.dossier import Dossier
from actors.feature import FeatureCall
from actors.feature import Start as StartFeature
from actors.flow import EntryPoint
from actors.guardian import Guardian
from actors.ids import (
    MONITOR_DESK,
    AgentId,
    ContactId,
    IdSource,
    LegId,
    QueueName,
    base32,
    contact_actor,
)
from actors.leg import Leg, MediaLost, MediaOpened, MediaRefused, MediaSilent
from actors.monitor_desk import MonitorDesk
from actors.queue import Queue
from actors.reasons import Outcome
from ccserver import __version__
from ccserver.core import plan
from ccserver.core.admission import Admission
from ccserver.core.crash_group import CrashGroup
from ccserver.core.directory import Directory
from ccserver.core.door import Door
from ccserver.core.effects import Effects, MediaPort
from ccserver.core.ingress import Ingress
from ccserver.core.registration import Registration
from ccserver.journal.fold import Fold
from ccserver.journal.live import Live
from ccserver.journal.log import Journal
from ccserver.journal.mailboxes import Mailboxes
from ccserver.journal.metrics import Metrics, Sources
from ccserver.journal.probes import GcPauses
from ccserver.media import protocol as media
from ccserver.settings import Settings
from sip.authentication import Authenticator
from sip.endpoint import Endpoint
from sip.invite_usage import InviteUsage, outgoing_invite
from sip.message import Request
from sip.reach import way_back
from sip.registrar import Registrar
from sip.timer_shell import TimerShell
from sip.transport.listeners import Listeners, Transport
from sip.transport.path import Path
from sip.usage_messages import ServerKey

log = logging.getLogger(__name__)

MAILBOX_OF_MANY = 65_536
"""For those to whom thousands may speak at once: the dispatcher and the queues."""
LAG_PAUSE = 0.1
MEDIA_FIGURES_PAUSE = 1.0
GC_THRESHOLDS = (5_000, 10_000, 1000)
"""Calls make no cycles: the collector has little to find, and must not stop the loop to look.

A pass over the young costs 1 to 2 ms; one over the middle generation cost 50 to 100 ms under load,
and is left to quiet moments.
"""
QUIET_PAUSE = 60.0


class MediaPlane(MediaPort, Protocol):
    """A media process, or its double: commands in, events to ``on_event``."""

    def listen(self, on_event: Callable[[media.Event], None]) -> None: ...

    async def run(self) -> None: ...


class World(Struct):
    """What a test replaces."""

    transports: Sequence[Transport]
    media: MediaPlane
    journal: Journal
    wall: Callable[[], float]
    epoch: int
    """Random, 50 bits: no two runs share ids, tags or branches."""
    secret: bytes
    """Keys the nonces."""
    random: Random


class Core:
    """One running centre.  ``run`` is its life; the rest is what grows in it."""

    def __init__(self, settings: Settings, world: World) -> None:
        self.settings, self.world = settings, world
        self.directory = Directory()
        self.timers = TimerShell()
        self.ids = IdSource(world.wall, world.epoch)
        self.journal = world.journal
        self._tickets = count(1)
        self._tag_tail = base32(world.epoch, 10)
        self.queue_plans = plan.queue_plans(settings)
        self.listeners = Listeners(world.transports)
        self.centre = plan.world(settings, self.listeners.path_to)
        self.admission = Admission(
            lambda: len(self.directory.contacts),
            world.random,
            max_contacts=settings.admission.max_contacts,
            max_lag=settings.admission.max_loop_lag_seconds,
        )
        authenticator = Authenticator(
            settings.sip.realm,
            plan.accounts(settings).get,
            trio.current_time,
            world.secret,
            algorithms=tuple(settings.sip.algorithms),
            nonce_seconds=settings.sip.nonce_seconds,
        )
        ingress = Ingress(
            admission=self.admission,
            authenticator=authenticator,
            entry_points=self.centre.entry_points,
            trunks=plan.trunks(settings),
            features=plan.feature_codes(settings),
            start_contact=self._start_contact,
            start_feature=self._start_feature,
        )
        self.endpoint = Endpoint(self.listeners, self.timers, ingress, self._tag)
        self.registrar = Registrar(authenticator, trio.current_time, plan.limits(settings))
        registration = Registration(
            self.registrar,
            self.endpoint,
            self.timers,
            settings.sip.realm,
            self._tag,
            self._phones_changed,
            self.journal.append,
        )
        self._registration = registration
        ingress.bind(self.endpoint, registration)
        self.door = Door(
            self.directory.agents.__contains__, lambda e: self.effects.perform(e), self.status
        )
        self._groups: dict[ContactId, CrashGroup] = {}
        self._a_contact_ended = trio.Event()
        self.fold = Fold(self.queue_plans, self._agent_ids(), trio.current_time)
        self.live = Live(self.queue_plans, self._agent_ids())
        self.mailboxes = Mailboxes()
        self.gc_pauses = GcPauses()
        self.media_statistics: media.Statistics | None = None
        self.metrics = Metrics(
            self.fold,
            self.journal,
            Sources(
                self.endpoint.statistics,
                lambda: self.media_statistics,
                lambda: len(self.registrar),
                lambda: self.mailboxes.figures(self.directory.statistics()),
            ),
            self.gc_pauses,
        )
        self.journal.listen(self.live.apply)

    # --- life ---------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled, or until an essential actor has crashed too often."""
        async with trio.open_nursery() as nursery:
            self.guardian = Guardian(nursery, self._crashed)
            self.effects = Effects(
                self.directory,
                self.endpoint,
                self.world.media,
                self.journal,
                self.guardian,
                trio.current_time,
                self._start_agent_leg,
                self.door.reply,
            )
            self.world.media.listen(self._media_event)
            nursery.start_soon(self.timers.run)
            self._start_residents()
            self.journal.append(ev.ServerStarted(__version__, self._tag_tail))
            nursery.start_soon(self.world.media.run)
            nursery.start_soon(self.endpoint.run)
            nursery.start_soon(self._watch_lag)
            nursery.start_soon(self._ask_media)
            nursery.start_soon(self._tidy)
            with self.gc_pauses:
                gc.collect()
                gc.freeze()
                gc.set_threshold(*GC_THRESHOLDS)
                task_status.started()
                await trio.sleep_forever()

    async def drain(self, patience: trio.CancelScope) -> None:
        """No new calls; within ``patience`` those in progress may end by themselves; then the
        rest is ended well.
        """
        self.admission.draining = True
        self.journal.append(ev.ServerDraining(len(self.directory.contacts)))
        with patience:
            await self._wait_empty()
        for actor in list(self.directory.contacts.values()):
            actor.tell(m.EndContact("shutdown"))
        with trio.move_on_after(2.0):
            await self._wait_empty()
        self.journal.append(ev.ServerStopped())

    async def _wait_empty(self) -> None:
        while self.directory.contacts:
            self._a_contact_ended = trio.Event()
            await self._a_contact_ended.wait()

    def _start_residents(self) -> None:
        """The dispatcher, the queues and the agents: essential, and started again when they crash.

        Who starts again knows nothing, and is told everything anew by those who know.
        """
        self._resident("dispatcher", lambda: Dispatcher(trio.current_time), self._set_dispatcher)
        queues = frozenset(self.centre.plans)
        make_desk = partial(MonitorDesk, self.centre.agents, queues)
        self._resident(MONITOR_DESK, make_desk, self._set_monitor_desk)
        for queue in plan.queues(self.settings):
            make = partial(Queue, queue, trio.current_time)
            self._resident(f"queue/{queue.name}", make, partial(self._set_queue, queue.name))
        for agent in plan.agents(self.settings):
            make_agent = partial(Agent, agent, trio.current_time, lambda: next(self._tickets))
            self._resident(f"agent/{agent.id}", make_agent, partial(self._set_agent, agent.id))

    def _resident(
        self, name: str, make: Callable[[], Any], remember: Callable[[Actor], None]
    ) -> None:
        actor = self._actor(name, make(), MAILBOX_OF_MANY)
        remember(actor)
        first = [actor]

        async def run() -> None:
            if first:
                await first.pop().run()
                return
            again = self._actor(name, make(), MAILBOX_OF_MANY)
            remember(again)
            self._tell_everything(name)
            await again.run()

        self.guardian.start(name, run, essential=True)

    def _actor(self, name: str, machine: Any, size: int = 256) -> Actor:
        actor: Actor

        def tell(message: Any) -> None:
            actor.tell(message)

        actor = Actor(
            name, machine, self.effects.performer(name, tell), self.timers, mailbox_size=size
        )
        return actor

    def _set_dispatcher(self, actor: Actor) -> None:
        self.directory.dispatcher = actor

    def _set_monitor_desk(self, actor: Actor) -> None:
        self.directory.monitor_desk = actor

    def _set_queue(self, name: QueueName, actor: Actor) -> None:
        self.directory.queues[name] = actor

    def _set_agent(self, agent: AgentId, actor: Actor) -> None:
        self.directory.agents[agent] = actor

    def _tell_everything(self, name: str) -> None:
        """To an actor that has been started again: what the living know of its world."""
        kind, _, which = name.partition("/")
        if kind == "agent":
            self._phones_changed(AgentId(which), m.PhonesChanged(self._registration.targets(which)))
        for actor in (
            self.directory.dispatcher,
            *self.directory.agents.values(),
            *self.directory.queues.values(),
            *self.directory.contacts.values(),
        ):
            actor.tell(m.Restarted(name))

    def _crashed(self, name: str, error: Exception) -> None:
        log.error("actor %s crashed", name, exc_info=error)
        kind = name.partition("/")[0]
        self.journal.append(ev.ActorCrashed(kind, name, type(error).__name__))

    async def _watch_lag(self) -> None:
        while True:
            before = trio.current_time()
            await trio.sleep(LAG_PAUSE)
            lag = max(0.0, trio.current_time() - before - LAG_PAUSE)
            self.admission.lag = lag
            self.metrics.loop_lag.observe(lag)

    async def _tidy(self) -> None:
        """The full collection, when nobody would notice."""
        while True:
            await trio.sleep(QUIET_PAUSE)
            if not self.directory.contacts:
                gc.collect()

    async def _ask_media(self) -> None:
        while True:
            self.world.media.send(media.GetStatistics())
            await trio.sleep(MEDIA_FIGURES_PAUSE)

    def _agent_ids(self) -> list[AgentId]:
        return [AgentId(agent.id) for agent in self.settings.agents]

    # --- calls --------------------------------------------------------------------------------

    def _start_contact(
        self, key: ServerKey, request: Request, path: Path, entry_point: EntryPoint
    ) -> None:
        contact = ContactId(self.ids.make())
        leg = LegId(f"{contact}/0")
        caller = request.from_
        ref = ev.ContactRef(contact, master=contact)
        machine = Contact(
            Dossier(ref, leg, caller, self.centre, trio.current_time),
            entry_point,
            ani=caller.uri.user or "anonymous",
            dnis=request.uri.user or "",
            arrival=next(self._tickets),
            longest=self.settings.routing.max_contact_seconds,
        )
        group = self._call(contact, machine, self._customer_leg(leg, contact, key, request, path))
        group.actor.tell(Start())

    def _start_feature(
        self,
        key: ServerKey,
        request: Request,
        path: Path,
        agent: AgentId,
        command: m.AgentCommand,
    ) -> None:
        call = ContactId(self.ids.make())
        leg = LegId(f"{call}/0")
        machine = FeatureCall(call, leg, agent, command, confirm="confirm.wav", refuse="error.wav")
        group = self._call(call, machine, self._customer_leg(leg, call, key, request, path))
        group.actor.tell(StartFeature())

    def _call(self, contact: ContactId, machine: Any, customer: Leg) -> CrashGroup:
        name = contact_actor(contact)
        actor = self._actor(name, machine)
        group = CrashGroup(contact, actor, self.effects.perform, self._leg_actor, self._forget_leg)
        self.directory.contacts[contact] = actor
        self._groups[contact] = group
        group.add_leg(customer)

        async def run() -> None:
            try:
                await group.run()
            finally:
                del self.directory.contacts[contact], self._groups[contact]
                self.mailboxes.ended("contact", actor.statistics())
                self._a_contact_ended.set()
                if group.last_word_failed and isinstance(machine, Contact):
                    self._last_word(machine)

        self.guardian.start(name, run)
        return group

    def _last_word(self, contact: Contact) -> None:
        """The one terminal event of a contact whose own machine could not write it."""
        queue = contact.queue
        failed = ev.ContactEnded(contact.ref, Outcome.FAILED, queue, reason="internal")
        self.journal.append(failed)
        if queue is not None:
            leave = m.LeaveQueue(contact.id)
            self.effects.perform(do.TellQueue(queue, leave))

    def _customer_leg(
        self, leg: LegId, contact: ContactId, key: ServerKey, request: Request, path: Path
    ) -> Leg:
        our_contact = self._contact_header(path)
        return Leg(
            leg,
            contact,
            way_back(request, path),
            dialog_key=(request.call_id, key.tag),
            sdp_session=next(self._tickets),
            usage_of=lambda _: InviteUsage.incoming(key, request, our_contact),
            invite=request,
            key=key,
        )

    def _start_agent_leg(self, effect: do.StartLeg) -> None:
        contact = ContactId(effect.leg.partition("/")[0])
        group = self._groups.get(contact)
        if group is not None:
            group.add_leg(self._agent_leg(effect.leg, contact, effect.dial))

    def _agent_leg(self, leg: LegId, contact: ContactId, dial: m.Dial) -> Leg:
        target = dial.target
        tag, call_id = self._tag(), self._tag()
        our_contact = self._contact_header(target.path)
        shown = dial.caller.display or dial.caller.uri.user or ""
        who = dial.caller.uri.user or "anonymous"
        realm = self.settings.sip.realm
        from_ = f"{plan.quoted(shown)} <sip:{who}@{realm}>;tag={tag}"

        def usage_of(offer: bytes) -> InviteUsage:
            invite = outgoing_invite(
                target=target.contact_uri,
                from_=from_,
                to=f"<{target.aor}>",
                call_id=call_id,
                contact=our_contact,
                body=offer,
            )
            return InviteUsage.outgoing(invite, our_contact)

        return Leg(
            leg,
            contact,
            target.path,
            dialog_key=(call_id, tag),
            sdp_session=next(self._tickets),
            usage_of=usage_of,
        )

    def _leg_actor(self, leg: Leg) -> Actor:
        actor = self._actor(f"leg/{leg.id}", leg)
        self.directory.legs[leg.id] = actor
        return actor

    def _forget_leg(self, leg: Leg) -> None:
        actor = self.directory.legs.pop(leg.id, None)
        if actor is not None:
            self.mailboxes.ended("leg", actor.statistics())
        self.effects.forget_leg(leg.id)
        for effect in leg.remains():
            self.effects.perform(effect)

    def _contact_header(self, path: Path) -> str:
        host, port = self.listeners.local_address(path)
        host = f"[{host}]" if ":" in host else host
        transport = ";transport=tcp" if path.transport == "tcp" else ""
        return f"<sip:ccserver@{host}:{port}{transport}>"

    def _tag(self) -> str:
        """A name that no other process and no other moment makes: tags, branches, Call-IDs."""
        return f"a0{base32(next(self._tickets), 7)}{self._tag_tail}"

    # --- news from below ----------------------------------------------------------------------

    def _phones_changed(self, agent: AgentId, changed: m.PhonesChanged) -> None:
        self.effects.perform(do.TellAgent(agent, changed))

    def _media_event(self, event: media.Event) -> None:
        match event:
            case media.SessionCreated(leg, address, port):
                message: Any = MediaOpened(address, port)
            case media.SessionRefused(leg, reason) if reason == media.DOWN:
                message = MediaLost()
            case media.SessionRefused(leg, reason):
                message = MediaRefused(reason)
            case media.RtpSilent(leg, seconds):
                message = MediaSilent(seconds)
            case media.PlayFinished(leg, token):
                message = m.PlayFinished(LegId(leg), token)
            case media.PlayFailed(leg, token, reason):
                log.warning("a prompt could not be played: %s", reason)
                message = m.PlayFinished(LegId(leg), token)
            case media.DigitHeard(leg, digit, _, _):
                message = m.DigitPressed(LegId(leg), digit)
            case media.Statistics():
                self.media_statistics = event
                return
            case _:
                return
        actor = self.directory.legs.get(LegId(leg))
        if actor is not None:
            actor.tell(message)

    def status(self) -> dict[str, Any]:
        """What the door answers to ``status``."""
        return {
            "contacts": len(self.directory.contacts),
            "registrations": len(self.registrar),
            **self.live.state(),
        }
