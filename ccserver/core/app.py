"""The composition root: what is opened inside what, and how it ends.

Everything that differs between a real server and a test comes in through ``World``.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import count
from random import Random
from typing import Any, Protocol

import trio
from msgspec import Struct

from actors import effects as do
from actors import events as ev
from actors import messages as m
from actors.base import Actor, LiveTurns, Mailbox, Post, Turns
from actors.guardian import Guardian
from actors.ids import (
    AgentId,
    IdSource,
    base32,
)
from actors.past import Past
from actors.routing.policy import Policy
from ccserver import __version__
from ccserver.core import plan
from ccserver.core.accounts import Accounts
from ccserver.core.admission import Admission
from ccserver.core.calls import Calls, Names
from ccserver.core.directory import Directory
from ccserver.core.door import AuditStanding, Commands, Door, Queries, StoreProgress, WhoWaits
from ccserver.core.effects import Effects, MediaPort
from ccserver.core.ingress import Ingress
from ccserver.core.outlook import Outlook
from ccserver.core.recovery import Recovery
from ccserver.core.registration import Registration
from ccserver.core.reloading import Reloading, no_file
from ccserver.core.residents import Residents
from ccserver.inputs.words import FORMAT, Start
from ccserver.journal.fold import Fold
from ccserver.journal.folds import Folds
from ccserver.journal.live import Live
from ccserver.journal.log import Journal
from ccserver.journal.mailboxes import Mailboxes
from ccserver.journal.metrics import Metrics, Sources
from ccserver.journal.probes import GcPauses
from ccserver.media import protocol as media
from ccserver.media.client import AtEnd
from ccserver.settings import Loaded, Settings, model
from ccserver.settings.content import content_of, settings_of, version_of
from sip.endpoint import Endpoint
from sip.registrar import Registrar
from sip.timer_shell import TimerShell
from sip.transport.listeners import Listeners, Transport, route_to
from sip.transport.path import Path

log = logging.getLogger(__name__)

MAILBOX_OF_MANY = 65_536
"""For those to whom thousands may speak at once: the dispatcher and the queues."""
MEDIA_SECONDS = 2.0
"""For the media process to say what sessions it has."""
LAG_PAUSE = 0.1
MEDIA_FIGURES_PAUSE = 1.0
_NEWS = (
    media.SessionCreated,
    media.SessionRefused,
    media.RtpSilent,
    media.PlayFinished,
    media.PlayFailed,
    media.DigitHeard,
)
"""What the media process tells that concerns a call."""


class MediaPlane(MediaPort, Protocol):
    """A media process, or its double: commands in, events to ``on_event``."""

    def listen(self, on_event: Callable[[media.Event], None], at_end: AtEnd) -> None: ...

    def take(self, session: str, ipv6: bool) -> tuple[str, int] | None:
        """Address and port of a pair in reserve, by which the session is created next; None: there
        is none.
        """

    def adopt(self, sessions: Iterable[str]) -> None:
        """Those of an earlier run that are ours; others that it left are closed."""

    async def adopted(self) -> Mapping[str, media.SessionState]:
        """Those of them that there are; waits until the media process has said so."""

    async def run(self) -> None: ...


class World(Struct):
    """What a test replaces."""

    transports: Sequence[Transport]
    media: MediaPlane
    journal: Journal
    wall: Callable[[], float]
    """The clock that events are dated by."""
    epoch: int
    """Random, 50 bits: no two runs share ids, tags or branches."""
    secret: bytes
    """Keys the nonces."""
    seed: int
    """Of all numbers that are drawn."""
    boot: str = ""
    """Names trio's clock: instants of another run with the same name mean the same.  Empty: they
    mean nothing, and the clock on the wall is asked."""
    was_set: Callable[[], float] = lambda: 0.0
    """By how many seconds ``wall`` has been set since this was asked last, and is from now on."""
    load: Callable[[], Awaitable[Loaded]] = no_file
    """Reads the configuration again.  Raises ConfigurationError."""
    turns: Turns | None = None
    """Writes down what comes from outside, or says it again; None: it is forgotten."""


class Core:
    """One running centre.  ``run`` is its life; the rest is what grows in it."""

    def __init__(self, settings: Settings, world: World) -> None:
        self.settings, self.world = settings, world
        self.directory = Directory()
        self.post, self.mailboxes = Post(world.turns or LiveTurns(world.wall)), Mailboxes()
        self.timers = TimerShell(
            self.post.now, partial(self.post.turn, "timers"), lambda: self.post.turning
        )
        self.ids = IdSource(self.post.wall, world.epoch)
        self.journal = world.journal
        self.journal.go_by(self.post)
        random = Random(world.seed)
        self.queue_plans = plan.queue_plans(settings)
        self.folds = Folds(self.queue_plans, self._agent_ids(), self.post.now)
        self.folds.read(self.journal)
        self._tickets = count(self.folds.past.past.highest + 1)
        self._tag_tail = base32(world.epoch, 10)
        self.listeners = Listeners(world.transports, self._route_to, self.post.turns.sent)
        self.centre = plan.world(settings, self.listeners.path_to)
        self.admission = Admission(
            lambda: len(self.directory.contacts),
            random,
            max_contacts=settings.admission.max_contacts,
            max_lag=settings.admission.max_loop_lag_seconds,
        )
        self._accounts = plan.accounts(settings)
        authenticator = Accounts(
            settings.sip.realm,
            lambda user: self._accounts.get(user),
            self.post.now,
            world.secret,
            self.post.turns.ask,
            algorithms=tuple(settings.sip.algorithms),
            nonce_seconds=settings.sip.nonce_seconds,
        )
        self.calls = Calls(
            centre=self.centre,
            realm=settings.sip.realm,
            wall=self.post.wall,
            longest=settings.routing.max_contact_seconds,
            max_calls=plan.max_calls(settings),
            room=lambda: self.admission.open,
            calls_per_hour=settings.outbound.calls_per_hour,
            take_port=world.media.take,
            directory=self.directory,
            listeners=self.listeners,
            names=Names(self.ids, lambda: next(self._tickets), self._tag),
            post=self.post,
            make_actor=self._actor,
            journal=self.journal,
            mailboxes=self.mailboxes,
        )
        self.ingress = ingress = Ingress(
            admission=self.admission,
            authenticator=authenticator,
            entry_points=self.centre.entry_points,
            trunks=plan.trunks(settings),
            features=plan.feature_codes(settings),
            start_contact=self.calls.start_contact,
            start_feature=self.calls.start_feature,
            dial_out=self.calls.dial_out,
            is_full=self.calls.lines.is_full,
        )
        self.endpoint = Endpoint(
            self.listeners,
            self.timers,
            ingress,
            self._tag,
            at_end=self._at_end,
            turn=partial(self.post.turn, "trying"),
        )
        domains = {settings.sip.realm, *settings.sip.domains, *self.listeners.hosts()}
        self.registrar = Registrar(
            authenticator, self.post.now, plan.limits(settings), frozenset(domains)
        )
        registration = Registration(
            self.registrar,
            self.endpoint,
            self.timers,
            settings.sip.realm,
            self.listeners.local_address,
            self._tag,
            self._phones_changed,
            self.journal.append,
            self.listeners.has,
        )
        self._registration = registration
        ingress.bind(self.endpoint, registration)
        self.listeners.watch_connections(
            lambda path: self.post.turn("closed", self.connection_closed, path)
        )
        self.listeners.watch_bursts(self.post.begin_burst, self.post.end_burst)
        self.residents = Residents(
            self.directory,
            self._actor,
            self.post.now,
            self.post.wall,
            lambda: next(self._tickets),
            registration.targets,
            random.random,
            lambda: self.folds.past.past.given,
        )
        self._closed_queues: dict[str, model.Queue] = {}
        """Those of configurations before, whose last contacts are being served."""
        self.commands = Commands(
            self.directory,
            self.post.turn,
            self.post.now,
            lambda e: self.effects.perform(e),
            lambda contact, agent: self.live.takes_part(contact, agent),
            self.journal,
            tuple(settings.wrap_up_codes),
            tuple(settings.idle_codes),
        )
        who_waits = WhoWaits(self.directory.index, self.post.now)
        self._queries = Queries(settings, self.folds, self.journal, self._figures, who_waits)
        self.reloading = Reloading(world.load, self, self.journal)
        store = StoreProgress(lambda: self.journal.last_seq, world.wall)
        audit = AuditStanding(trio.current_time)
        self.door = Door(self.commands, self._queries, self.reloading, self.journal, store, audit)
        self.gc_pauses = GcPauses()
        self.media_statistics: media.Statistics | None = None
        self.metrics = Metrics(
            self.fold,
            self.journal,
            Sources(
                self.endpoint.statistics,
                lambda: self.media_statistics,
                lambda: len(self.registrar),
                lambda: self.mailboxes.figures(self.directory.living()),
                store.figures,
                audit.figures,
            ),
            self.gc_pauses,
        )
        self.folds.follow(self.journal)

    @property
    def live(self) -> Live:
        return self.folds.live

    @property
    def fold(self) -> Fold:
        return self.folds.figures

    def beginning(self) -> Start:
        """From where a replay of this run begins: asked before it runs."""
        world, folds = self.world, self.folds
        return Start(
            FORMAT,
            __version__,
            self.journal.last_seq,
            world.boot,
            world.epoch,
            world.seed,
            tuple((each.kind, *each.local) for each in world.transports),
            content_of(self.settings),
            folds.encode() if self.journal.last_seq else None,
            self.journal.rescued,
        )

    # --- life ---------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled, or until an essential actor has crashed too often."""
        async with trio.open_nursery() as nursery:
            self.guardian = Guardian(nursery, self._crashed, self.post)
            self.effects = Effects(
                self.directory,
                self.endpoint,
                self.world.media,
                self.journal,
                self.guardian,
                self.post,
                self.calls.start_leg,
                self.calls.place_call,
                self.door.reply,
                lambda asked: self.outlook.look(asked),
            )
            self.post.last = (
                self.effects.say_rest,
                self.timers.settle,
                self.journal.tell_readers,
            )
            self.calls.bind(self.effects, self.guardian)
            self.world.media.listen(self._media_news, self.post.at_end)
            nursery.start_soon(self.post.run)
            nursery.start_soon(self.timers.run)
            nursery.start_soon(self.world.media.run)
            await self._go_on()
            nursery.start_soon(self.endpoint.run, self._hear, self._hear_unsent)
            nursery.start_soon(self.folds.run)
            nursery.start_soon(self._watch_clocks)
            nursery.start_soon(self._ask_media)
            with self.gc_pauses:
                task_status.started()
                await trio.sleep_forever()

    async def _go_on(self) -> None:
        """From where the run before this one stood.  Nothing is heard from outside until it is
        done: a request in a dialog that is not known yet would be refused, and end a call.
        """
        last = self.folds.past.past.at
        self.post.turn("start", self._start)
        sessions = await self._our_sessions(self._past)
        await self.post.turns.wait_for("recover", "")
        self.post.turn("recover", self._recover, sessions)
        for agent in self._agent_ids():
            self._say_at_once(self.directory.agents[agent].tell, m.Resume())
        self._recovery.resume()
        if self._past.contacts or self._past.bindings:
            self.post.turn("recovered", partial(self._say_recovered, last))

    def _start(self) -> None:
        self._began = self.post.now()
        known = {agent: one.state for agent, one in self.live.agents.items()}
        states = {agent: known.get(agent, "signed_out") for agent in self._agent_ids()}
        rescued = self.journal.rescued
        if rescued:
            log.warning("the last %d events of the run before were rescued", rescued)
        self.journal.append(
            ev.ServerStarted(__version__, self._tag_tail, self.world.boot, self._began, rescued)
        )
        self._past = past = self.folds.copy()
        self.commands.recover(past.commands.values())
        self.outlook = Outlook(self.settings, self.post.now, states, past)
        self.outlook.listen(self.journal)
        self._record_configuration("start")
        self._registration.restore(past.bindings, frozenset(self._agent_ids()))
        self._forget_removed()
        queues, agents = plan.queues(self.settings), plan.agents(self.settings)
        policy = self._policy(self.settings)
        self.residents.start(self.guardian, self.centre, queues, agents, policy, past)

    def _recover(self, sessions: Mapping[str, media.SessionState] | None) -> None:
        self._recovery = Recovery(
            self._past,
            sessions,
            self.calls,
            self.directory,
            self.centre,
            longest=self.settings.routing.max_contact_seconds,
            now=self.post.now,
            wall=self.post.wall,
            ticket=lambda: next(self._tickets),
            turn=self._say_at_once,
            leads_somewhere=self.listeners.has,
        )
        self._recovery.build()

    def _say_recovered(self, last: int) -> None:
        """``last``: when the run before wrote its last event, in microseconds since 1970."""
        found = self._recovery.found()
        took = self.post.now() - self._began
        away = max(0.0, self.post.wall() - took - last / 1_000_000)
        self.journal.append(
            ev.ServerRecovered(
                found.talking,
                found.waiting,
                found.ringing,
                found.ended,
                len(self.registrar),
                away,
                took,
            )
        )

    async def _our_sessions(self, past: Past) -> Mapping[str, media.SessionState] | None:
        """What the media process has of the legs that live; whatever else it has, it closes.

        None: it does not answer, and what is lost with it will be told leg by leg.
        """
        legs = [name for name, leg in past.legs.items() if leg.down is None]
        self.world.media.adopt(legs)
        if legs:
            with trio.move_on_after(MEDIA_SECONDS):
                return await self.world.media.adopted()
        return None

    def _at_end(self, act: Callable[[], None]) -> bool:
        """As ``Post.at_end``; but in a replay, a turn of its own says what was done then."""
        post = self.post
        return post.at_end(act) if post.turns.by_itself else post.turning

    def _say_at_once(self, say: Callable[[Any], object], word: Any) -> None:
        """Returns when all that follows from it has been handled."""
        self.post.turn("resume", partial(say, word))
        self.post.deliver_all()

    async def drain(self, patience: trio.CancelScope) -> None:
        """No new calls; within ``patience`` those in progress may end by themselves; then the
        rest is ended well.
        """
        self.post.turn("drain", self.begin_to_drain)
        with patience:
            await self.calls.wait_none()
        self.post.turn("end all", self.end_all)
        with trio.move_on_after(2.0):
            await self.calls.wait_none()
        self.post.turn("stop", self.say_stopped)

    def begin_to_drain(self) -> None:
        self.admission.draining = True
        self.journal.append(ev.ServerDraining(len(self.directory.contacts)))

    def end_all(self) -> None:
        for actor in list(self.directory.contacts.values()):
            actor.tell(m.EndContact("shutdown"))

    def say_clock_set(self, by: float) -> None:
        self.journal.append(ev.ClockSet(by, self.post.now()))

    def say_stopped(self) -> None:
        self.journal.append(ev.ServerStopped())

    def configure(
        self, settings: Settings, by: str, changes: tuple[ev.ConfigurationChange, ...]
    ) -> int:
        """Work by these settings from now on; the number of the event that says so.

        ``changes``: what is another than before, secrets among it.  What is under way ends by the
        rules it began with (R20).  Of what is removed, the queues serve those who wait there, and
        the agents end what they have in hand.
        """
        recorded = self.journal.last_seq + 1
        said = content_of(settings), by, changes
        self.post.turn("configure", lambda *_: self._configure(settings, by, changes), *said)
        return recorded

    def configure_again(
        self, content: dict[str, Any], by: str, changes: tuple[ev.ConfigurationChange, ...]
    ) -> None:
        """As it was in the run that is replayed."""
        self._configure(settings_of(content), by, changes)

    def _configure(
        self, settings: Settings, by: str, changes: tuple[ev.ConfigurationChange, ...]
    ) -> None:
        before, self.settings = self.settings, settings
        known = {queue.name for queue in settings.queues}
        closed = {**self._closed_queues, **{queue.name: queue for queue in before.queues}}
        self._closed_queues = {name: q for name, q in closed.items() if name not in known}
        self._accounts = plan.accounts(settings)
        with_closed = settings.model_copy(
            update={"queues": [*settings.queues, *self._closed_queues.values()]}
        )
        self.centre = plan.closing(
            plan.world(with_closed, self.listeners.path_to), self._closed_queues
        )
        self.admission.configure(
            max_contacts=settings.admission.max_contacts,
            max_lag=settings.admission.max_loop_lag_seconds,
        )
        self.commands.configure(tuple(settings.wrap_up_codes), tuple(settings.idle_codes))
        self._queries.configure(settings)
        self.outlook.configure(with_closed)
        self._record_configuration(by, changes)
        queues, agents = plan.queues(settings), plan.agents(with_closed)
        policy = self._policy(with_closed)
        for gone in self.residents.configure(self.centre, queues, agents, policy):
            self._registration.remove(gone)
        self.ingress.configure(
            self.centre.entry_points, plan.trunks(settings), plan.feature_codes(settings)
        )
        self.calls.configure(
            self.centre,
            settings.routing.max_contact_seconds,
            plan.max_calls(settings),
            settings.outbound.calls_per_hour,
        )

    def _policy(self, settings: Settings) -> Policy:
        """``settings``: those of today, with the queues that still serve whom they have."""
        return plan.policy(settings, version_of(content_of(self.settings)))

    def _forget_removed(self) -> None:
        """Who was there in the run before, and is in the configuration no more."""
        known = set(self._agent_ids())
        for agent in [name for name in self.live.agents if name not in known]:
            self.journal.append(ev.AgentLeft(agent))
        for queue in [name for name in self.live.queues if name not in self.centre.plans]:
            self.journal.append(ev.QueueDrained(queue))

    def _record_configuration(
        self, by: str, changes: tuple[ev.ConfigurationChange, ...] = ()
    ) -> int:
        content = content_of(self.settings)
        return self.journal.append(ev.CentreConfigured(version_of(content), content, by, changes))

    def _actor(
        self,
        name: str,
        machine: Any,
        mailbox: Mailbox | None = None,
        on_end: Callable[[], None] | None = None,
    ) -> Actor:
        """In its crash group's mailbox, or with one of its own, for many to speak to."""
        return Actor(
            name,
            machine,
            self.effects.handlers,
            self.timers,
            Mailbox(self.post, name, MAILBOX_OF_MANY) if mailbox is None else mailbox,
            on_end=on_end,
        )

    def _crashed(self, name: str, error: Exception) -> None:
        log.error("actor %s crashed", name, exc_info=error)
        kind = name.partition("/")[0]
        self.journal.append(ev.ActorCrashed(kind, name, type(error).__name__))

    async def _watch_clocks(self) -> None:
        while True:
            by = self.world.was_set()
            if by:
                log.warning("the clock on the wall has been set by %+.3f s", by)
                self.post.turn("clock set", self.say_clock_set, by)
            before = trio.current_time()
            await trio.sleep(LAG_PAUSE)
            lag = max(0.0, trio.current_time() - before - LAG_PAUSE)
            late = lag > self.admission.max_lag
            if late != self.admission.late:
                self.post.turn("late", self.admission.is_late, late)
            self.metrics.loop_lag.observe(lag)

    async def _ask_media(self) -> None:
        while True:
            self.world.media.send(media.GetStatistics())
            await trio.sleep(MEDIA_FIGURES_PAUSE)

    def _agent_ids(self) -> list[AgentId]:
        return [AgentId(agent.id) for agent in self.settings.agents]

    def _tag(self) -> str:
        """A name that no other process and no other moment makes: tags, branches, Call-IDs."""
        return f"a0{next(self._tickets):07x}{self._tag_tail}"

    # --- news from below ----------------------------------------------------------------------

    def _hear(self, data: bytes, path: Path) -> None:
        self.post.turn("message", self.endpoint.receive, data, path)

    def _hear_unsent(self, path: Path) -> None:
        self.post.turn("unsent", self.endpoint.connection_closed, path)

    def _phones_changed(self, agent: AgentId, changed: m.PhonesChanged) -> None:
        if agent in self.directory.agents:  # else they are asked for as he is made
            self.effects.perform(do.TellAgent(agent, changed))

    def connection_closed(self, path: Path) -> None:
        self._registration.connection_closed(path)
        self.endpoint.connection_closed(path)

    def _media_news(self, event: media.Event) -> None:
        if isinstance(event, _NEWS):
            self.post.turn("media", self.calls.media_event, event)
        elif isinstance(event, media.Statistics):
            self.media_statistics = event

    def _route_to(self, remote: str) -> str:
        return self.post.turns.ask("route", lambda: route_to(remote))

    def _figures(self) -> dict[str, Any]:
        """What the door's ``status`` says beyond the live state."""
        return {"registrations": len(self.registrar)}
