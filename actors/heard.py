"""What the dispatcher heard, as it is written down before it acts on it."""

from __future__ import annotations

from actors import messages as m
from actors.event import Event
from actors.routing import outside
from actors.routing.policy import PolicyChanged
from sip.machine import TimerFired


class Heard(Event, frozen=True):
    """Before it did whatever follows in the journal: its decisions can be computed again.

    ``now``: the instant at which it heard it, and decided, in monotonic seconds.  ``lot``: the
    number from 0 to 1 of which those follow that it drew (``actors.routing.lots``).
    """

    now: float
    lot: float


class HeardContactWaits(Heard, frozen=True, tag="dispatcher.contact_waits"):
    message: m.ContactWaits


class HeardPolicyChanged(Heard, frozen=True, tag="dispatcher.policy_changed"):
    message: PolicyChanged


class HeardContactLeft(Heard, frozen=True, tag="dispatcher.contact_left"):
    message: m.ContactLeft


class HeardContactConnected(Heard, frozen=True, tag="dispatcher.contact_connected"):
    message: m.ContactConnected


class HeardAgentAvailable(Heard, frozen=True, tag="dispatcher.agent_available"):
    message: m.AgentAvailable


class HeardAgentUnavailable(Heard, frozen=True, tag="dispatcher.agent_unavailable"):
    message: m.AgentUnavailable


class HeardReservationRefused(Heard, frozen=True, tag="dispatcher.reservation_refused"):
    message: m.ReservationRefused


class HeardAgentServes(Heard, frozen=True, tag="dispatcher.agent_serves"):
    message: m.AgentServes


class HeardAgentServed(Heard, frozen=True, tag="dispatcher.agent_served"):
    message: m.AgentServed


class HeardTimerFired(Heard, frozen=True, tag="dispatcher.timer_fired"):
    message: TimerFired


class HeardRestarted(Heard, frozen=True, tag="dispatcher.restarted"):
    message: m.Restarted


class HeardAssignContact(Heard, frozen=True, tag="dispatcher.assign_contact"):
    message: outside.AssignContact


class HeardRouterHeard(Heard, frozen=True, tag="dispatcher.router_heard"):
    message: outside.RouterHeard


class HeardRouterLeft(Heard, frozen=True, tag="dispatcher.router_left"):
    message: outside.RouterLeft
