"""Served: by whom a customer has been served, since when, and what the journal says of it."""

from __future__ import annotations

from msgspec import Struct

from actors import events as ev
from actors.flow import QueuePlan
from actors.ids import AgentId
from actors.reasons import EndedBy, Outcome


class Served(Struct, frozen=True, gc=False):
    """By whom last; ``since`` the first answered in this queue, after ``waited`` seconds there.

    ``queued``: when he began to wait in this queue.  Instants are monotonic seconds.
    """

    agent: AgentId | None
    since: float
    waited: float
    queued: float

    def by(self, agent: AgentId | None) -> Served:
        """The same service, in another's hands."""
        return Served(agent, self.since, self.waited, self.queued)

    def ended(
        self,
        ref: ev.ContactRef,
        plan: QueuePlan,
        now: float,
        ended_by: EndedBy,
        reason: str | None = None,
    ) -> ev.ContactEnded:
        return ev.ContactEnded(
            ref,
            Outcome.HANDLED,
            plan.name or None,
            self.agent,
            reason=reason,
            ended_by=ended_by,
            waited=self.waited,
            talked=now - self.since,
        )

    def left(self, ref: ev.ContactRef, plan: QueuePlan, now: float) -> ev.ContactLeftQueue:
        """He goes elsewhere."""
        return ev.ContactLeftQueue(ref, plan.name, self.agent, now - self.since)

    def returned(
        self, ref: ev.ContactRef, plan: QueuePlan, now: float, reason: str
    ) -> ev.ContactReturned:
        """His agent was lost."""
        return ev.ContactReturned(ref, plan.name, self.agent, reason, now - self.since)
