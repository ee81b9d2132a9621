"""How long contacts take their agents up: what is known of each queue's last ones."""

from __future__ import annotations

from msgspec import Struct

from actors.ids import AgentId, QueueName

RECENT = 200
"""Contacts of a queue from which it is known how long they take."""
FREE = frozenset(("signed_out", "idle", "available"))


class Hands(Struct):
    """An agent's, since he was reserved; ``queue``: whose contact he has, if it is answered."""

    since: float
    queue: QueueName | None = None


class Handling(Struct):
    """``times``: for how long the last contacts of each queue took their agent up, in seconds, from
    the reservation to the end of wrap-up.  Instants are monotonic seconds.
    """

    hands: dict[AgentId, Hands] = {}
    times: dict[QueueName, list[float]] = {}

    def connected(self, agent: AgentId, queue: QueueName) -> None:
        hands = self.hands.get(agent)
        if hands is not None:
            hands.queue = queue

    def changed(self, agent: AgentId, state: str, now: float) -> None:
        """The agent's state is another."""
        if state not in FREE:
            if agent not in self.hands:
                self.hands[agent] = Hands(now)
            return
        hands = self.hands.pop(agent, None)
        if hands is not None and hands.queue is not None:
            times = self.times.setdefault(hands.queue, [])
            times.append(now - hands.since)
            del times[:-RECENT]

    def shift(self, by: float) -> None:
        """The clock is another: so much later."""
        for hands in self.hands.values():
            hands.since += by
