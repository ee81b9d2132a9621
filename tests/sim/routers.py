"""Outside routers, and supervisors who give contacts away by hand: they are diligent, choose whom
the queue does not want, fall silent, go, come back, and two do the same work.

What they are told is held against the journal, and what the journal says of them against what they
have done.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import trio

from actors import events as ev
from actors.commands import Principal
from actors.ids import QueueName
from actors.messages import ContactWaits
from actors.routing.policy import entered_at
from ccserver.door import Answer, Request
from tests.sim.asking import answered
from tests.sim.reloads import Configuration
from tests.sim.swarm import Swarm, agent_names
from tests.support.restarting import Life, MortalCentre

PATIENCE = 2.0
"""Seconds that they wait for an answer."""
MOODS = ("diligent", "diligent", "lazy", "wrong", "silent", "gone")
MOOD_SECONDS = 25.0
MARGIN, BUSY_MARGIN = 0.05, 1.0
"""Seconds within which two at one instant are told apart by nobody; and where messages take long.
"""
NEWS_SECONDS = 2.0
NEAR = 400
"""Events: an assignment that has just been answered is among the last so many."""


class Routers:
    """``found``: told of each violation, by invariant."""

    def __init__(
        self,
        floor: MortalCentre,
        swarm: Swarm,
        configuration: Configuration,
        nursery: trio.Nursery,
        found: Callable[[str, str], None],
    ) -> None:
        self._floor, self._swarm, self._configuration = floor, swarm, configuration
        self._nursery, self._found = nursery, found
        self._queue = QueueName(swarm.routed)
        self._margin = BUSY_MARGIN if swarm.burst_seconds else MARGIN
        self._state = "none"
        """Of the queue's router, as the journal has it, and since when."""
        self._since = 0.0
        self._spoke = 0.0
        """When any of them has said last that it is there, answered or not."""
        self._heard: float | None = None
        """When one had begun to say so that was answered; None: or has gone since."""
        floor.begins.append(self._begins)
        self._begins()
        for entry in floor.entries:  # the first run has begun without us
            self.hear(entry.event)

    def start(self) -> None:
        for number in range(self._swarm.routers):
            random = Random(f"{self._swarm.seed} router {number}")
            self._nursery.start_soon(self._router, f"router{number}", random)
        if self._swarm.routers and self._swarm.supervisors:
            self._nursery.start_soon(self._by_hand, Random(f"{self._swarm.seed} by hand"))

    # --- what they do -------------------------------------------------------------------------

    async def _router(self, name: str, random: Random) -> None:
        while True:
            mood, until = random.choice(MOODS), trio.current_time()
            until += random.expovariate(1 / MOOD_SECONDS)
            if mood == "gone":
                self._heard = None
                await self._asks("queue.router_left", name, queue=self._queue)
            pause = random.choice((0.1, 0.5, 2.0))
            while trio.current_time() < until:
                await trio.sleep(random.expovariate(1 / pause))
                if mood not in ("silent", "gone"):
                    await self._looks(name, mood, random)

    async def _looks(self, name: str, mood: str, random: Random) -> None:
        self._spoke = began = trio.current_time()
        life, kept = await self._asks("queue.router_heard", name, queue=self._queue)
        if kept.get("ok") and life is self._floor.life:
            self._heard = began
        _, seen = await self._asks("queue.waiting", name, queue=self._queue)
        for contact in seen.get("contacts", ()):
            suiting = contact["suits"]
            if mood == "wrong":
                suiting = agent_names(self._swarm)
            if not suiting or (mood == "lazy" and random.random() < 0.8):
                continue
            version = contact["version"] - (mood == "wrong" and random.random() < 0.3)
            expect = version if random.random() < 0.7 else None
            await self._assigns(name, contact["contact"], random.choice(suiting), expect=expect)

    async def _by_hand(self, random: Random) -> None:
        """A supervisor, of any queue, now and then by force."""
        while True:
            await trio.sleep(random.expovariate(1 / 10.0))
            queue = random.choice(("support", "spanish"))
            _, seen = await self._asks("queue.waiting", "sue", queue=queue)
            if seen.get("contacts"):
                contact = random.choice(seen["contacts"])["contact"]
                agent = random.choice(agent_names(self._swarm))
                await self._assigns("sue", contact, agent, force=random.random() < 0.3)

    async def _assigns(
        self, name: str, contact: str, agent: str, *, expect: int | None = None, force: bool = False
    ) -> None:
        args = {"contact": contact, "agent": agent, "force": force}
        self._spoke = trio.current_time()
        _, answer = await self._asks("contact.assign", name, expect, **args)
        if answer.get("ok") and not self._is_told(contact, agent, name):
            self._found("outside", f"{name} gave {contact} to {agent}, and nobody has heard of it")

    async def _asks(
        self, op: str, name: str, expect: int | None = None, **args: Any
    ) -> tuple[Life, Answer]:
        by = Principal(name, "supervisor")
        return await answered(self._floor, Request(op, None, args, by, expect=expect), PATIENCE)

    def _is_told(self, contact: str, agent: str, name: str) -> bool:
        return any(
            isinstance(entry.event, ev.ContactAssigned)
            and (entry.event.contact, entry.event.agent) == (contact, agent)
            and entry.event.decision.by == name
            for entry in self._floor.entries[-NEAR:]
        )

    # --- what must hold -----------------------------------------------------------------------

    def _begins(self) -> None:
        self._state, self._since, self._heard = "none", trio.current_time(), None

    def hear(self, event: ev.AnyEvent) -> None:
        if isinstance(event, ev.RouterChanged) and event.queue == self._queue:
            self._state, self._since = event.state, trio.current_time()
        elif isinstance(event, ev.ActorCrashed) and event.name == "dispatcher":
            self._begins()  # another one, to whom none has spoken

    def keeps(self, queue: QueueName) -> bool:
        """Whether contacts of this queue may wait for a router, and not for the rules."""
        return queue == self._queue and self._state in ("awaited", "present")

    def keeps_contact(self, waits: ContactWaits) -> bool:
        """As ``keeps``; or it may have been so just now."""
        if waits.queue != self._queue:
            return False
        kept_until = entered_at(waits) + self._swarm.routed_seconds
        return trio.current_time() < kept_until + self._margin

    def assigned(self, assigned: ev.ContactAssigned, waits: ContactWaits) -> None:
        """The rules have given nothing away that is kept for a router which is there."""
        now, swarm = trio.current_time(), self._swarm
        if assigned.decision.on == "assignment" or assigned.queue != self._queue:
            return
        there = self._heard is not None and now < self._heard + swarm.router_silence - self._margin
        routed = self._state == "present" and there and not self._configuration.settles
        if routed and now < entered_at(waits) + swarm.routed_seconds - self._margin:
            self._found("outside", f"{assigned.contact} was kept for the router of {self._queue}")

    def look(self) -> None:
        """Of whom nothing was heard for long enough, he is not there."""
        last = max(self._since, self._spoke, self._configuration.changed_at)
        silent = trio.current_time() - last
        if self.keeps(self._queue) and silent > self._swarm.router_silence + NEWS_SECONDS:
            self._found("outside", f"the router of {self._queue} was not heard for {silent:.1f} s")
