"""How many agents serve a queue at once, where its rules limit them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeAlias

from actors.ids import AgentId, ContactId, QueueName
from actors.routing.policy import Policy

Pair: TypeAlias = tuple[AgentId, ContactId]


class Limits:
    """Who has whom in hand, of each queue that limits its agents.

    ``bits``: of the lines of those queues that have as many agents as they may.
    """

    def __init__(self, policy: Policy) -> None:
        self._most = {
            name: rules.max_agents
            for name, rules in policy.queues.items()
            if rules.max_agents is not None
        }
        self._serving: dict[QueueName, set[Pair]] = {}
        self._lines: dict[QueueName, int] = dict.fromkeys(self._most, 0)
        self._full = {name for name, most in self._most.items() if most == 0}
        self.bits = 0

    @property
    def serving(self) -> Mapping[QueueName, AbstractSet[Pair]]:
        return self._serving

    def is_full(self, queue: QueueName) -> bool:
        return queue in self._full

    def open(self, queue: QueueName, bit: int) -> None:
        """The queue has a line more."""
        if queue in self._lines:
            self._lines[queue] |= bit
            self._add_up()

    def serve(self, queue: QueueName, agent: AgentId, contact: ContactId) -> None:
        if queue in self._most:
            self._serving.setdefault(queue, set()).add((agent, contact))
            self._count(queue)

    def serve_no_more(self, which: Callable[[AgentId, ContactId], bool]) -> list[QueueName]:
        """Those pairs are parted.  Returns the queues that may have an agent more now."""
        freed = []
        for queue, served in self._serving.items():
            gone = {pair for pair in served if which(*pair)}
            served -= gone
            if gone and queue in self._full:
                self._count(queue)
                if queue not in self._full:
                    freed.append(queue)
        return freed

    def _count(self, queue: QueueName) -> None:
        """Several agents who ring for one contact count as one."""
        if len({contact for _, contact in self._serving[queue]}) >= self._most[queue]:
            self._full.add(queue)
        else:
            self._full.discard(queue)
        self._add_up()

    def _add_up(self) -> None:
        self.bits = 0
        for queue in self._full:
            self.bits |= self._lines[queue]
