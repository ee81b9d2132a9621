"""The configuration that is changed while the centre works: queues and agents that go and come
back, skills, strategies and bounds (R20)."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import trio
from msgspec import Struct

from actors.ids import AgentId, QueueName
from ccserver.door import Answer, Request
from ccserver.journal import codec
from ccserver.settings import Settings
from tests.sim.asking import answered
from tests.sim.swarm import STRATEGIES, Swarm, agent_names, supervisor_names
from tests.support.centre import DEFAULT
from tests.support.restarting import Life, MortalCentre

LANGUAGES = ("english", "spanish")
NEEDS: dict[QueueName, str | None] = {
    QueueName("support"): "english",
    QueueName("spanish"): "spanish",
}
LEVELS = {"english": 1, "spanish": 5}
SETTLES_IN = 1.0
"""Seconds after a reload in which some work by the old rules, and some by the new."""
DEADLINE = 10.0
TRIES_AGAIN_IN = 1.0
KINDS = ("queue", "skill", "skill", "agent", "strategy", "bounds")
GATEWAY = "10.0.1.200"
"""Behind it are all numbers that begin with 0."""
CODES = ("resolved", "callback", "wrong-number")
"""Of dispositions."""


class _Rules(Struct, frozen=True):
    """By agent and by queue."""

    skills: dict[str, tuple[str, ...]]
    needs: dict[QueueName, str | None]

    def fits(self, queue: QueueName, agent: AgentId) -> bool:
        need = self.needs[queue]
        return need is None or need in self.skills.get(agent, ())


class Configuration:
    """What the file says, and what of it may hold now.  ``found``: told of each violation."""

    def __init__(self, swarm: Swarm) -> None:
        self._swarm = swarm
        self.skills: dict[str, tuple[str, ...]] = dict(
            zip(agent_names(swarm), swarm.skills, strict=True)
        )
        self.needs = dict(NEEDS)
        """None: the queue takes everybody."""
        self._held = dict(NEEDS)
        """The same; but a queue that is deleted serves who waits by the rules it had."""
        self._before: list[_Rules] = []
        """By which some may work until it ``settles``."""
        self.asked = self.refused = 0
        """Reloads that are under way, one after the other; and those that the server could not
        take, and that are tried again: the file is ahead of it.
        """
        self.strategy, self.rona = swarm.strategy, swarm.rona_seconds
        self.max_wait, self.wrap_up = swarm.max_wait_seconds, swarm.wrap_up_seconds
        self.spanish = True
        """Whether there is that queue."""
        self.gone: set[str] = set()
        """Agents who are in the file no more."""
        self.changed_at = -SETTLES_IN
        self.shortest_rona, self.has_rung_all = self.rona, self.strategy == "ring_all"

    def fits(self, queue: QueueName, agent: AgentId) -> bool:
        """By the file as it is, or for a moment by the one before."""
        return any(rules.fits(queue, agent) for rules in self._may_hold())

    def surely_fits(self, queue: QueueName, agent: AgentId) -> bool:
        """By whichever of them holds."""
        return all(rules.fits(queue, agent) for rules in self._may_hold())

    def _may_hold(self) -> list[_Rules]:
        return [self._rules(), *(self._before if self.settles else ())]

    def _rules(self) -> _Rules:
        return _Rules(dict(self.skills), dict(self._held))

    @property
    def settles(self) -> bool:
        """Whether some may work by another file than this one."""
        lately = trio.current_time() - self.changed_at < SETTLES_IN
        return lately or self.asked > 1 or self.refused > 0

    def change(self, random: Random) -> None:
        """One thing, or one thing back; or several."""
        self._changes()
        if self._swarm.changes == 1:
            self._change(random, KINDS)
        else:
            for _ in range(random.randint(1, self._swarm.changes)):
                self._change(random, (*KINDS, "needs"))
        self._hold()

    def _hold(self) -> None:
        there = [queue for queue in NEEDS if queue == "support" or self.spanish]
        self._held.update((queue, self.needs[queue]) for queue in there)

    def _changes(self) -> None:
        self._before = [*(self._before if self.settles else ()), self._rules()]

    def _change(self, random: Random, kinds: tuple[str, ...]) -> None:
        match random.choice(kinds):
            case "queue":
                self.spanish = not self.spanish
            case "skill":
                agent = random.choice(sorted(self.skills))
                self.skills[agent] = random.choice((LANGUAGES, LANGUAGES[:1], LANGUAGES[1:]))
            case "agent":
                agent = random.choice(sorted(self.skills))
                self.gone ^= {agent}
            case "strategy":
                self.strategy = random.choice(STRATEGIES)
                self.has_rung_all |= self.strategy == "ring_all"
            case "bounds":
                self.rona = random.choice((5.0, 10.0, 18.0))
                self.max_wait = random.choice((None, 20.0, 60.0))
                self.wrap_up = random.choice((0.0, 1.0, 10.0))
                self.shortest_rona = min(self.shortest_rona, self.rona)
            case "needs":
                queue = random.choice(sorted(NEEDS))
                self.needs[queue] = None if self.needs[queue] else NEEDS[queue]

    def restore(self) -> None:
        """As it was at the beginning."""
        began = Configuration(self._swarm)
        self._changes()
        self.skills, self.needs, self.strategy = began.skills, began.needs, began.strategy
        self.rona, self.max_wait, self.wrap_up = began.rona, began.max_wait, began.wrap_up
        self.spanish, self.gone = True, set()
        self._hold()

    def sections(self) -> dict[str, Any]:
        bounds = {"max_wait_seconds": self.max_wait, "max_waiting": self._swarm.max_waiting}
        support = {
            "name": "support",
            "requirements": self._required("support"),
            "strategy": self.strategy,
            **bounds,
        }
        spanish = {"name": "spanish", "requirements": self._required("spanish"), **bounds}
        for queue in (support, spanish):
            if queue["name"] == self._swarm.routed:
                queue |= {
                    "routing": "external",
                    "external_seconds": self._swarm.routed_seconds,
                    "external_silence_seconds": self._swarm.router_silence,
                }
        return {
            "agents": [
                *(
                    {"id": name, "secret": f"secret-{name}", "skills": dict.fromkeys(skills, 5)}
                    for name, skills in self.skills.items()
                    if name not in self.gone
                ),
                *(
                    {"id": name, "secret": f"secret-{name}", "role": "supervisor"}
                    for name in supervisor_names(self._swarm)
                ),
            ],
            "queues": [support, spanish] if self.spanish else [support],
            "entry_points": [
                {"name": "support", "numbers": ["2001"] if self.spanish else ["2001", "2003"]},
                *([{"name": "spanish", "numbers": ["2003"]}] if self.spanish else []),
            ],
            "trunks": [
                {"name": "lan", "from": ["10.1.0.0/16"]},
                {"name": "pstn", "from": [f"{GATEWAY}/32"], "gateway": f"{GATEWAY}:5060"},
            ],
            "dial_plan": [{"prefix": "0", "trunk": "pstn"}],
            "wrap_up_codes": list(CODES),
            "routing": {"rona_seconds": self.rona, "wrap_up_seconds": self.wrap_up},
        }

    def _required(self, queue: str) -> dict[str, int]:
        need = self.needs[QueueName(queue)]
        return {} if need is None else {need: LEVELS[need]}


class Reloads:
    def __init__(
        self,
        floor: MortalCentre,
        configuration: Configuration,
        found: Callable[[str, str], None],
    ) -> None:
        self._floor, self.configuration, self._found = floor, configuration, found

    async def happens(self, seed: int) -> None:
        """The file is another, and a server that is there is told so."""
        self.configuration.change(Random(seed))
        await self.applies()

    async def applies(self) -> None:
        """Tried again while the disk takes nothing, and where others were asked for before it for
        so long that whoever waits has given up: until then the file is ahead of the server.
        """
        floor, configuration = self._floor, self.configuration
        floor.file = Settings.model_validate({**DEFAULT, **configuration.sections()})
        configuration.changed_at = trio.current_time()
        configuration.asked += 1
        life, answer = await answered(floor, Request("centre.reload"), DEADLINE)
        if _is_to_be_tried_again(life, answer):
            configuration.refused += 1
            while _is_to_be_tried_again(life, answer):
                await trio.sleep(TRIES_AGAIN_IN)
                life, answer = await answered(floor, Request("centre.reload"), DEADLINE)
            configuration.refused -= 1
        configuration.asked -= 1
        configuration.changed_at = trio.current_time()
        if answer.get("ok") and answer["changes"] and life is floor.life:
            self._is_kept(answer["version"])

    def _is_kept(self, version: str) -> None:
        """I5: what is acknowledged is on the disk."""
        rows = (row for row in reversed(self._floor.disk.rows) if row[2] == "centre.configured")
        kept = next((codec.decode(row[3]) for row in rows), None)
        if getattr(kept, "version", None) != version:
            self._found("I5", f"configuration {version} was acknowledged, the disk has {kept}")


def _is_to_be_tried_again(life: Life, answer: Answer) -> bool:
    unheard = not answer or answer.get("refused") == "STORAGE_UNAVAILABLE"
    return life.serves and unheard
