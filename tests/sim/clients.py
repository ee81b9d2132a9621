"""Programs at the server's door, and supervisors: they repeat what was not answered, twice at once
or after the server has been away, and come with what they saw a while ago.

What they are told is held against the journal: what is acknowledged is on the disk, and the same
key has one effect and one answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

import msgspec
import trio
from msgspec import Struct

from actors import commands as c
from actors import events as ev
from actors.agent import Agent
from actors.contact import Contact
from actors.ids import AgentId
from actors.permissions import ACTIONS
from ccserver.door import Answer, Request
from ccserver.journal import codec
from tests.sim.asking import answered
from tests.sim.reloads import CODES
from tests.sim.swarm import Swarm, agent_names, supervisor_names
from tests.support.restarting import Life, MortalCentre

KINDS = ("agent", "call", "wrap_up", "wrap_up", "contact", "monitor", "request")
IDLE_CODES = ("break", "lunch")
FIRST_TRY, LONGEST_TRY = 0.2, 6.0
"""Seconds that a client waits for an answer."""
MOST_TRIES = 4
UNDECIDED = frozenset({"NO_ANSWER", "STORAGE_UNAVAILABLE", "TOO_MANY_COMMANDS", "UNKNOWN_CONTACT"})
"""Refusals after which the same key may well have another answer."""
MODES = ("listen", "whisper", "barge_in")


class _Asked(Struct):
    """``answers``: by the run of the server that gave them."""

    request: Request
    stale: bool
    answers: list[tuple[Life, Answer]] = []
    runs: list[Life] = []
    """Those that heard of it."""


class Clients:
    """``found``: told of each violation, by invariant."""

    def __init__(
        self,
        floor: MortalCentre,
        swarm: Swarm,
        nursery: trio.Nursery,
        found: Callable[[str, str], None],
    ) -> None:
        self._floor, self._swarm, self._nursery, self._found = floor, swarm, nursery, found
        self._keys = count(1)
        self._dispositions: dict[tuple[str, str], list[_Asked]] = {}
        """By agent and code, every command that gives it."""
        self._ended: Counter[tuple[str, str]] = Counter()
        self._read = 0
        """Rows of the disk that have been read: what is there stays."""
        self.asking = True

    def start(self) -> None:
        for number in range(self._swarm.clients):
            self._nursery.start_soon(self._client, Random(f"{self._swarm.seed} client {number}"))

    async def _client(self, random: Random) -> None:
        while self.asking:
            await trio.sleep(random.expovariate(1 / 4.0))
            request, stale = self._wants(random) if self._floor.life.serves else (None, False)
            if request is not None:
                await self._insists(_Asked(request, stale), random)

    # --- what they want -----------------------------------------------------------------------

    def _wants(self, random: Random) -> tuple[Request | None, bool]:
        """And whether it comes with a version that has passed."""
        kind = random.choice(KINDS)
        match kind:
            case "agent":
                return self._of_agent(random)
            case "wrap_up":
                return self._wrap_up(random), False
            case "contact":
                return self._of_contact(random)
            case "call":
                agent = random.choice(agent_names(self._swarm))
                return self._request("agent.call", None, agent=agent, number="0123"), False
            case "monitor":
                return self._supervises(random), False
            case _:
                return self._waits_for_a_call(random), False

    def _request(self, op: str, by: c.Principal | None, **args: Any) -> Request:
        return Request(op, None, args, by, key=f"k{next(self._keys)}")

    def _of_agent(self, random: Random) -> tuple[Request | None, bool]:
        name = random.choice(agent_names(self._swarm))
        actor = self._floor.core.directory.agents.get(AgentId(name))
        if actor is None or not isinstance(actor.machine, Agent):
            return None, False
        if random.random() < 0.7:
            request = self._request("agent.set_available", None, agent=name)
        else:
            request = self._request(
                "agent.set_idle", None, agent=name, code=random.choice(IDLE_CODES)
            )
        stale = random.random() < 0.3 and actor.machine.version > 1
        if stale:
            request.expect = random.randrange(1, actor.machine.version)
        return request, stale

    def _wrap_up(self, random: Random) -> Request | None:
        agents = [
            name
            for name, actor in sorted(self._floor.core.directory.agents.items())
            if isinstance(actor.machine, Agent) and actor.machine.state == "wrap_up"
        ]
        if not agents:
            return None
        code = random.choice(CODES)
        return self._request("agent.end_wrap_up", None, agent=str(random.choice(agents)), code=code)

    def _contact(self, random: Random) -> tuple[str, Contact] | None:
        contacts = [
            (str(name), actor.machine)
            for name, actor in sorted(self._floor.core.directory.contacts.items())
            if isinstance(getattr(actor, "machine", None), Contact)
        ]
        return random.choice(contacts) if contacts else None

    def _of_contact(self, random: Random) -> tuple[Request | None, bool]:
        found = self._contact(random)
        if found is None:
            return None, False
        name = random.choice(agent_names(self._swarm))
        by = c.Principal(name, "agent", AgentId(name))
        command = ACTIONS[random.choice(sorted(ACTIONS))]
        op = str(command.__struct_config__.tag)
        args = {key: value for key, value in msgspec.to_builtins(command).items() if key != "op"}
        return self._request(op, by, contact=found[0], **args), False

    # --- supervisors --------------------------------------------------------------------------

    def _supervisor(self, random: Random) -> c.Principal | None:
        names = supervisor_names(self._swarm)
        if not names:
            return None
        name = random.choice(names)
        return c.Principal(name, "supervisor", AgentId(name))

    def _supervises(self, random: Random) -> Request | None:
        by, found = self._supervisor(random), self._contact(random)
        if by is None or found is None:
            return None
        op = random.choice(("contact.monitor", "contact.change_monitoring"))
        if random.random() < 0.2:
            return self._request("contact.stop_monitoring", by, contact=found[0])
        return self._request(op, by, contact=found[0], mode=random.choice(MODES))

    def _waits_for_a_call(self, random: Random) -> Request | None:
        """To be called when a conversation begins; or he forces an agent's state."""
        by = self._supervisor(random)
        if by is None:
            return None
        target = random.choice(agent_names(self._swarm))
        if random.random() < 0.3:
            return self._request("agent.set_idle", by, agent=target, code="break")
        wanted = {"kind": "agent", "target": target}
        if random.random() < 0.3:
            return self._request("monitor.cancel", by, **wanted)
        return self._request(
            "monitor.request",
            by,
            **wanted,
            mode=random.choice(MODES),
            continuous=random.random() < 0.2,
        )

    # --- how they ask -------------------------------------------------------------------------

    async def _insists(self, asked: _Asked, random: Random) -> None:
        """Until it is answered, or it is no use; now and then twice at once."""
        request = asked.request
        if request.op == "agent.end_wrap_up":
            name = request.args["agent"], request.args["code"]
            self._dispositions.setdefault(name, []).append(asked)
        patience = FIRST_TRY
        for _ in range(MOST_TRIES):
            async with trio.open_nursery() as nursery:
                for _ in range(random.choice((1, 1, 1, 2))):
                    nursery.start_soon(self._asks, asked, patience)
            decided = any(answer.get("refused") not in UNDECIDED for _, answer in asked.answers)
            if decided and random.random() < 0.7:
                break
            await trio.sleep(random.expovariate(1.0))
            patience = min(3 * patience, LONGEST_TRY)
        if random.random() < 0.2:
            await self._asks_for_something_else(asked)

    async def _asks(self, asked: _Asked, patience: float) -> None:
        life = self._floor.life
        if life.serves and life not in asked.runs:
            asked.runs.append(life)
        life, answer = await answered(self._floor, asked.request, patience)
        if answer:
            self._hears(asked, life, answer)

    async def _asks_for_something_else(self, asked: _Asked) -> None:
        """With a key that has been used."""
        life, request = self._floor.life, asked.request
        if not asked.answers or asked.answers[-1][0] is not life or not life.serves:
            return
        if not asked.answers[-1][1].get("ok"):
            return  # one that nobody has carried out may be forgotten
        other = msgspec.structs.replace(request, op="agent.set_available", expect=None)
        other.args = {"agent": agent_names(self._swarm)[0]}
        if (other.op, other.args, request.expect) == (request.op, request.args, None):
            return
        _, answer = await answered(self._floor, other, FIRST_TRY)
        known = answer.get("refused") in ("KEY_REUSED", "UNKNOWN_AGENT", "NOT_PERMITTED")
        if answer and not known:
            self._found("W04", f"{request.key} came with another command: {answer}")

    # --- what they hear -----------------------------------------------------------------------

    def _hears(self, asked: _Asked, life: Life, answer: Answer) -> None:
        request = asked.request
        if asked.stale and answer.get("ok"):
            self._found("W20", f"{request.op} came with version {request.expect}: {answer}")
        if answer.get("refused") not in UNDECIDED:
            for before, other in asked.answers:
                if before is life and _is_decided(other) and other != answer:
                    self._found("W04", f"{request.key} was answered {other} and {answer}")
        asked.answers.append((life, answer))
        if request.op == "agent.end_wrap_up" and answer.get("ok"):
            self._is_kept(request.args["agent"], request.args["code"])

    def _is_kept(self, agent: str, code: str) -> None:
        """I5: every disposition that was acknowledged is on the disk, now and ever after."""
        asked = self._dispositions[agent, code]
        acknowledged = sum(any(answer.get("ok") for _, answer in one.answers) for one in asked)
        kept = self._on_disk()[agent, code]
        if kept < acknowledged:
            self._found("I5", f"{acknowledged} times {code} by {agent}, and {kept} on the disk")

    def look_at_the_end(self) -> None:
        kept = self._on_disk()
        for (agent, code), asked in self._dispositions.items():
            self._is_kept(agent, code)
            effects = sum(len(one.runs) for one in asked)
            if kept[agent, code] > effects:
                self._found("W04", f"{code} by {agent}: asked {effects}, done {kept[agent, code]}")

    def _on_disk(self) -> Counter[tuple[str, str]]:
        """How often each code has been given by each agent."""
        rows = self._floor.disk.rows
        for row in rows[self._read :]:
            if row[2] == "agent.wrap_up_ended":
                event = codec.decode(row[3])
                if isinstance(event, ev.WrapUpEnded) and event.code is not None:
                    self._ended[event.agent, event.code] += 1
        self._read = len(rows)
        return self._ended


def _is_decided(answer: Answer) -> bool:
    """By an actor, who says how he stands; what the door refuses by itself, nobody has been asked
    yet, and its key is free (an agent may be configured by the next time).
    """
    by_actor = any(word in answer for word in ("ok", "state", "wishes", "details"))
    return by_actor and answer.get("refused") not in UNDECIDED
