"""One run of a scenario: agents register, callers come as planned, all is counted, all hang up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import TypeAlias

import trio
from msgspec import Struct

from ccserver.settings.kinds import host_port
from loadtest.agents import Agents
from loadtest.arrivals import Arrival, planned, recorded
from loadtest.audio_port import AudioPort
from loadtest.customers import CustomerCall, Customers
from loadtest.desks import ApiClient, Desks
from loadtest.line import Line
from loadtest.own_load import OwnLoad, OwnWatch
from loadtest.scenario.model import Scenario
from loadtest.tally import Tally
from sip.transport.listeners import Transport

SETTLE = 0.2
"""Seconds between the last registration and the first call."""
BATCH = 64
"""Calls begun before other tasks get their turn."""
PARTING = 10.0
"""Seconds for calls that are hung up, and then for the registrations, to end."""
PARTING_OF_THE_DEAD = 0.5
"""Seconds for calls to end whose server is gone."""
LOOK = 0.25
"""Seconds between two looks at whether the server lives."""


class CannotStart(Exception):
    """The server does not do what is needed before the first call; the text says what."""


class World(Struct):
    """What a run has of the outside.  ``names`` is unlike any other run's."""

    transport: Callable[[int], Transport]
    """Opens a SIP socket at this port; 0: any."""
    audio: AudioPort
    dice: Random
    names: str
    cpu: Callable[[], float]
    """Seconds of CPU that this process has used."""
    api: ApiClient | None = None
    """For agents' desktops; None: they have none."""
    has_died: Callable[[], str | None] = lambda: None
    """What has become of the server's processes; None: they live, or nobody watches them."""


class Outcome(Struct):
    """What `report` makes its pages of."""

    tally: Tally
    own: OwnLoad
    seconds: float
    """From the first call to the end of the last."""
    calling_seconds: float
    """For how long calls came."""
    unregistered: int
    """Agents who never registered."""
    died: str | None = None
    """How the server ended, if it did."""
    desk: dict[str, int] = {}
    """What agents did from their desktops, and how it went."""
    without_desk: dict[str, int] = {}
    """Agents who could not sign in, by reason."""
    stopped: bool = False
    """By hand, before its time."""


Draw: TypeAlias = Iterator[Arrival]


class Run:
    """``calls``: of a recording, already read."""

    def __init__(
        self, scenario: Scenario, world: World, calls: list[Arrival] | None = None
    ) -> None:
        self._scenario, self._world = scenario, world
        self._calls = calls or []
        target = host_port(scenario.target.address)
        domain = scenario.target.domain or (f"[{target[0]}]" if ":" in target[0] else target[0])
        self.tally = Tally(trio.current_time(), self.planned_seconds)
        wants_audio = scenario.media.audio != "none"
        local = world.audio.local
        self._line = Line(
            world.transport(0),
            target,
            domain,
            local,
            f"{world.names}c",
            wants_audio=wants_audio,
        )
        self.customers = Customers(scenario, self._line, world.audio, self.tally, world.dice)
        self.agents = Agents(scenario, self.customers, world.audio, self.tally, world.dice)
        self._phone_line: Line | None = None
        if scenario.agents.count:
            self._phone_line = Line(
                world.transport(scenario.agents.port),
                target,
                domain,
                local,
                f"{world.names}a",
                rings=self.agents.rings,
                wants_audio=wants_audio,
            )
            self.agents.sit_down(self._phone_line)
        self._desks: Desks | None = None
        if scenario.api is not None and world.api is not None and self._phone_line is not None:
            desks, timers = (
                Desks(scenario.api, world.api, world.dice),
                self._phone_line.keyed_timers,
            )
            self._desks = desks
            self.agents.answered = lambda phone: desks.answered(phone, timers)
            self.agents.hung_up = desks.ended
        self.own = OwnWatch(world.cpu)
        self._gone = trio.Event()
        self.customers.gone = self._one_gone
        self.phase = "registering"
        self.elapsed: float | None = None
        """Seconds since calls began to come; None: they do not yet.  For whoever looks."""
        self.died: str | None = None
        self._stopped = False
        self._arriving, self._draining = trio.CancelScope(), trio.CancelScope()

    def stop(self) -> None:
        """No more calls; those there are, are hung up."""
        self._stopped = True
        self._arriving.cancel()
        self._draining.cancel()

    async def run(self) -> Outcome:
        """Raises CannotStart."""
        async with trio.open_nursery() as nursery:
            for line in self._lines:
                await nursery.start(line.run)
            refusal = await self._register() or await self._sign_in()
            if refusal is not None:
                nursery.cancel_scope.cancel()
                await trio.lowlevel.checkpoint()
            elif self._desks is not None:
                nursery.start_soon(self._desks.run)
            begin = self.tally.begin = trio.current_time()
            nursery.start_soon(self.own.run)
            nursery.start_soon(self._watch_server)
            with self._arriving:
                async with trio.open_nursery() as beside:
                    beside.start_soon(self._name_phases, begin)
                    await self._arrive(begin)
            calling = trio.current_time() - begin
            await self._drain()
            seconds = trio.current_time() - begin
            own = self.own.load(self.tally.lateness)
            unregistered = sum(not phone.known for phone in self.agents.phones.values())
            self.phase = "signing out"
            if self._phone_line is not None and self.died is None:
                with trio.move_on_after(PARTING + self._scenario.agents.count / 100):
                    await self.agents.sign_out()
            nursery.cancel_scope.cancel()
        if refusal is not None:
            raise CannotStart(refusal)
        registers = self._scenario.agents.registers
        return Outcome(
            self.tally,
            own,
            seconds,
            calling,
            unregistered if registers else 0,
            self.died,
            dict(self._desks.outcomes) if self._desks is not None else {},
            dict(self._desks.not_signed_in) if self._desks is not None else {},
            self._stopped,
        )

    @property
    def transactions(self) -> int:
        """SIP's, that are under way or linger."""
        return sum(line.endpoint.transactions for line in self._lines)

    @property
    def _lines(self) -> list[Line]:
        return [line for line in (self._line, self._phone_line) if line is not None]

    @property
    def planned_seconds(self) -> float:
        """For how long calls are to come."""
        if self._scenario.arrivals.process == "recorded":
            return self._calls[-1].at / self._scenario.arrivals.speed if self._calls else 1.0
        return self._scenario.seconds

    # --- before -------------------------------------------------------------------------------

    async def _register(self) -> str | None:
        """Why calls cannot begin; None: they can."""
        agents = self._scenario.agents
        if self._phone_line is None or not agents.registers:
            return None
        patience = agents.count / agents.register_rate + self._scenario.target.silent_seconds
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.agents.register)
            with trio.move_on_after(patience):
                await self.agents.wait_registered()
            nursery.cancel_scope.cancel()
        if not any(phone.registered for phone in self.agents.phones.values()):
            failed = self.tally.registrations_failed
            answers = ", ".join(f"{status}: {count}" for status, count in failed.most_common(3))
            said = f"answered {answers}" if answers else "no answer"
            return (
                f"none of {agents.count} agents could register at "
                f"{self._scenario.target.address}: {said}"
            )
        await trio.sleep(SETTLE)
        return None

    async def _sign_in(self) -> str | None:
        """Why no desktop can be used; None: one can, or none is wanted."""
        desks, api = self._desks, self._scenario.api
        if desks is None or api is None:
            return None
        self.phase = "signing in"
        phones = list(self.agents.phones.values())
        await desks.sign_in(phones)
        refused = desks.not_signed_in
        if refused.total() < len(phones):
            return None
        answers = ", ".join(f"{reason}: {count}" for reason, count in refused.most_common(3))
        return f"none of {len(phones)} agents could sign in at {api.url}: {answers}"

    # --- while calls come ---------------------------------------------------------------------

    async def _arrive(self, begin: float) -> None:
        """Each call at its instant, or as soon after it as we can; none is left out."""
        phases = self._scenario.arrivals.phases
        arrivals = self._scenario.arrivals
        if arrivals.process == "recorded":
            plan = recorded(self._calls, arrivals.speed)
        else:
            plan = planned(phases, arrivals.process, self._world.dice)
        begun = 0
        for arrival in plan:
            intended = begin + arrival.at
            now = trio.current_time()
            if intended > now:
                await trio.sleep_until(intended)
                begun = 0
            elif (begun := begun + 1) == BATCH:
                await trio.lowlevel.checkpoint()
                begun = 0
            measured = True
            if phases and arrivals.process != "recorded":
                measured = phases[arrival.phase].measured
            self.customers.arrive(arrival, intended, measured)
        await trio.sleep_until(begin + self.planned_seconds)

    async def _name_phases(self, begin: float) -> None:
        """By the clock: in some nobody calls."""
        arrivals = self._scenario.arrivals
        if arrivals.process == "recorded":
            self.phase = "recorded"
            return
        for phase in arrivals.phases:
            self.phase = phase.name
            begin += phase.seconds
            await trio.sleep_until(begin)

    async def _watch_server(self) -> None:
        patience = self._scenario.target.silent_seconds
        while self.died is None:
            await trio.sleep(LOOK)
            now = trio.current_time()
            self.elapsed = now - self.tally.begin
            silence = max(line.silence(now) for line in self._lines)
            self.died = self._world.has_died()
            if self.died is None and silence > patience:
                self.died = f"the server has said nothing for {silence:.0f} s"
        self._arriving.cancel()
        self._draining.cancel()

    # --- after --------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Calls end by themselves, or are ended, or are given up."""
        self.phase = "draining"
        with self._draining, trio.move_on_after(self._scenario.drain_seconds):
            await self._wait_nobody()
        self.customers.finish()
        with trio.move_on_after(PARTING if self.died is None else PARTING_OF_THE_DEAD):
            await self._wait_nobody()
        self.customers.give_up("unfinished" if self.died is None else "dropped")

    async def _wait_nobody(self) -> None:
        while len(self.customers):
            await self._gone.wait()

    def _one_gone(self, call: CustomerCall) -> None:
        self.agents.customer_gone(call)
        if not len(self.customers):
            self._gone.set()
            self._gone = trio.Event()
